// The rating page: from the invitation to the last trial. Parts: api and outbox (the server, and what it does
// not know yet), clock and stage (pictures), strip, answers, notes, watch, keys, words.

import { Answers } from "./answers.js";
import * as api from "./api.js";
import { Clock, SPEEDS } from "./clock.js";
import { showHelp } from "./help.js";
import { listen } from "./keys.js";
import { Notes } from "./notes.js";
import { newKey, Outbox } from "./outbox.js";
import { loadPack } from "./pack.js";
import { Film, MODES, Stage } from "./stage.js";
import { Strip } from "./strip.js";
import { Watch } from "./watch.js";
import { LANGUAGES, say, speak, spoken, told, translate } from "./words.js";

const $ = (selector) => document.querySelector(selector);
const RETRY_MS = 2500;

const outbox = new Outbox();
const stage = new Stage($(".views"));
const strip = new Strip($("#strip"), (frame) => seek(frame));
const answers = new Answers(
  { tags: $("#tags"), dimensions: $("#dimensions"), guide: $("#guide") },
  { onAnswer: changed, onSpan: loopSpan },
);
const notes = new Notes($("#notes"), {
  onChange: () => (used("note"), changed()),
  onSeek: (frame) => seek(frame),
  onClose: () => answers.goTo(answers.current),
  frame: () => clock.frame,
});

let study = null; // the session: title, rubric, how many trials
let trial = null;
let clock = new Clock(1, 24);
let watch = null;
let phase = "loading"; // loading | rating | sending | waiting | finished | signedout
let message = null; // [word, values] under the questions
let loading = null; // AbortController of the clips on their way
let loaded = 0; // share of the pictures that are here
let anchors = [];

// ---- from trial to trial

async function boot() {
  setLanguage(localStorage.getItem("study.language") ?? document.documentElement.lang);
  study = await keepAsking(api.session);
  if (!study) return;
  setLanguage(localStorage.getItem("study.language") ?? study.language);
  outbox.unpark();
  await outbox.flush();
  await nextTrial();
  if (trial && !localStorage.getItem("study.greeted")) {
    localStorage.setItem("study.greeted", "1");
    help();
  }
}

/** The help page; nothing plays behind it. */
function help() {
  if (showHelp(study?.mode)) clock.stop(performance.now());
}

$("#help").addEventListener("close", () => {
  if (trial && loaded === 1 && !watch.complete) clock.play(1, performance.now());
  answers.goTo(answers.current);
});

/** Ask until there is an answer; null when the link is not open any more. */
async function keepAsking(question) {
  for (;;) {
    try {
      const answer = await question();
      if (phase === "waiting") setPhase("loading");
      return answer ?? {};
    } catch (error) {
      if (!error.unreachable) {
        setPhase("signedout");
        return null;
      }
      if (phase !== "sending") setPhase("waiting");
      await new Promise((wake) => {
        setTimeout(wake, RETRY_MS);
        addEventListener("online", wake, { once: true });
      });
    }
  }
}

let asking = 0;
async function nextTrial() {
  const turn = ++asking;
  const answer = await keepAsking(api.trial);
  if (turn !== asking || !answer) return;
  loading?.abort();
  for (const film of new Set([...Object.values(stage.films), ...anchors])) film.close();
  anchors = [];
  if (!answer.trial) {
    trial = null;
    setPhase("finished");
    return;
  }
  trial = answer;
  const draft = outbox.draftOf(trial.trial, trial.draft);
  const sides = trial.clips.map((clip) => clip.side);
  const films = Object.fromEntries(trial.clips.map((clip) => [clip.side, new Film(clip)]));
  anchors = (trial.anchors ?? []).map((clip) => Object.assign(new Film(clip), { score: clip.score }));
  clock = new Clock(films.left.count, films.left.fps);
  watch = new Watch(sides, trial.min_watch_s * 1000, draft?.playback);
  if (anchors.length) films.right = anchors[Math.floor(anchors.length / 2)];
  $(".views").classList.toggle("single", !films.right);
  document.body.classList.toggle("one-side", sides.length < 2);
  stage.mirrored = stage.onion = false;
  stage.setMode("side");
  stage.show(films);
  loaded = 0;
  document.body.classList.add("loading-clips");
  setPhase(outbox.hasVote(trial.trial) ? "sending" : "rating");
  const anchored = (trial.anchors ?? []).map((clip, i) => [clip, anchors[i]]);
  loadClips(trial, [...trial.clips.map((clip) => [clip, films[clip.side]]), ...anchored]);
  answers.show(trial, study.rubric, draft?.answers && without(draft.answers, "notes"));
  notes.show(sides, draft?.answers?.notes);
  render();
  answers.goTo(answers.current);
}

const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

async function loadClips(of, clips) {
  const total = clips.reduce((sum, [, film]) => sum + film.count, 0);
  while (trial === of && loaded < 1) {
    const attempt = (loading = new AbortController());
    const { signal } = attempt;
    let here = 0;
    const onFrame = (film) => (index, frame) => {
      if (signal.aborted) return frame.close();
      film.pictures[index]?.close();
      film.pictures[index] = frame;
      loaded = ++here / total;
    };
    try {
      await Promise.all(clips.map(([clip, film]) => loadPack(clip.frames_url, { signal, onFrame: onFrame(film) })));
    } catch {
      if (signal.aborted) return;
      attempt.abort(); // what still comes of the other clips counts no more
      tellMessage("clip_failed");
      await new Promise((wake) => setTimeout(wake, RETRY_MS));
    }
  }
  if (trial !== of) return;
  document.body.classList.remove("loading-clips");
  if (message?.[0] === "clip_failed") tellMessage(null);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches && phase === "rating" && !$("#help").open)
    clock.play(1, performance.now());
  renderTools();
}

function submit() {
  if (phase !== "rating") return;
  if (answers.goToMissing()) return;
  if (!watch.complete) return tellMessage(trial.clips.length > 1 ? "watch_first" : "watch_first_one");
  setPhase("sending");
  tellMessage(null);
  save();
  outbox.putVote(trial.trial, {
    key: newKey(),
    answers: answers.collect(notes.list),
    playback: watch.report(),
  });
}

async function undo() {
  if (phase !== "rating" && phase !== "finished") return;
  if (trial && !trial.can_undo) return tellMessage("nothing_to_undo");
  save();
  try {
    await outbox.flush();
    await api.undo();
  } catch (error) {
    return tellMessage(error.unreachable ? "waiting_title" : "nothing_to_undo");
  }
  study.done = Math.max(0, study.done - 1);
  await nextTrial();
  tellMessage("undone");
}

outbox.addEventListener("voted", ({ detail }) => {
  if (detail.done !== undefined) study.done = detail.done;
  if (!trial || detail.trial === trial.trial) nextTrial();
});
outbox.addEventListener("conflict", ({ detail }) => {
  if (trial && detail.trial !== trial.trial) return;
  nextTrial().then(() => tellMessage("elsewhere"));
});
outbox.addEventListener("elsewhere", ({ detail }) => {
  if (phase !== "rating" || detail !== trial?.trial) return;
  nextTrial().then(() => tellMessage("elsewhere"));
});
outbox.addEventListener("refused", ({ detail: { trial: id, error } }) => {
  if (id !== trial?.trial) return;
  setPhase("rating");
  const early = /early|watch/i.test(error.message);
  tellMessage(early ? "refused_early" : "refused", { reason: [error.message, error.where].filter(Boolean).join(", ") });
});
outbox.addEventListener("signedout", () => setPhase("signedout"));
outbox.addEventListener("state", () => {
  renderState();
  if (phase === "sending") tellMessage(outbox.state === "offline" ? "kept" : null);
});

// ---- what the rater does

function changed() {
  save();
  tellMessage(null);
  strip.pins(notes.marks);
  renderSubmit();
}

function save() {
  if (!trial || phase !== "rating") return;
  const draft = { v: 1, saved_at: Date.now(), playback: watch.report() };
  draft.answers = { ...answers.given, notes: notes.list };
  outbox.saveDraft(trial.trial, draft);
}

function used(tool) {
  watch?.tools.add(tool);
}

function seek(frame) {
  clock.stop(performance.now());
  clock.seek(frame);
  watch.steps++;
  renderTools();
}

function loopSpan([first, last]) {
  used("range");
  clock.setRange(first, last);
  clock.seek(first);
  renderTools();
}

function setSpeed(speed) {
  if (speed === clock.speed) return;
  clock.setSpeed(speed, performance.now());
  watch.speedChanges++;
  renderTools();
}

function setMode(mode) {
  if (!stage.films.right) return;
  stage.setMode(stage.mode === mode ? "side" : mode);
  if (stage.mode !== "side") used(stage.mode);
  renderTools();
}

function setZoom(by) {
  if (by === 0) stage.setZoom(0);
  else stage.setZoom(stage.zoom + by);
}

function showAnchor(film) {
  used("anchor");
  stage.films.right = film;
  stage.setMode(stage.mode);
  strip.show(stripRows());
  render();
}

const faster = (by) => setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(clock.speed) + by))]);
const step = (by) => {
  clock.step(by);
  watch.steps++;
};
const play = (direction) => clock.play(direction, performance.now());
const range = (first, last) => {
  used("range");
  clock.setRange(first, last);
};

const ACTIONS = {
  toggle: () => (clock.playing ? clock.stop(performance.now()) : play(1)),
  back: () => play(-1),
  stop: () => clock.stop(performance.now()),
  forward: () => (clock.direction === 1 ? faster(1) : play(1)),
  step_back: () => step(-1),
  step_on: () => step(1),
  first: () => seek(0),
  last: () => seek(clock.frames - 1),
  slower: () => faster(-1),
  faster: () => faster(1),
  range_in: () => range(clock.frame, Math.max(clock.frame, clock.last)),
  range_out: () => range(Math.min(clock.frame, clock.first), clock.frame),
  range_clear: () => range(0, clock.frames - 1),
  ...Object.fromEntries(MODES.map((mode) => [mode, () => setMode(mode)])),
  onion: () => ((stage.onion = !stage.onion), used("onion")),
  mirror: () => ((stage.mirrored = !stage.mirrored), used("mirror")),
  zoom_in: () => setZoom(1),
  zoom_out: () => setZoom(-1),
  zoom_fit: () => setZoom(0),
  anchor: () => anchors.length && showAnchor(anchors[(anchors.indexOf(stage.films.right) + 1) % anchors.length]),
  previous: () => answers.move(-1),
  next: () => answers.move(1),
  submit,
  note: () => (clock.stop(performance.now()), notes.open()),
};

function act(action) {
  if (action === "help") return help();
  if (action === "undo") return undo();
  if (!trial || !["rating", "sending"].includes(phase)) return;
  if (action.startsWith("answer_")) answers.answer(Number(action.at(-1)));
  else ACTIONS[action]();
  renderTools();
}

listen(act);
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.do) act(button.dataset.do);
  if (button.dataset.speed) setSpeed(Number(button.dataset.speed));
  // After a click with the mouse the keys go to the questions again; after a key the focus stays.
  if (event.detail > 0 && button.dataset.do !== "note") button.blur();
});
$("#divider").addEventListener("input", (event) => stage.setDivider(event.target.value / 100));
stage.onChange = (what) => {
  if (what === "zoom") used("zoom"), renderTools();
  else $("#divider").value = Math.round(stage.divider * 100);
};
addEventListener("resize", () => {
  stage.fit();
  renderTools();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clock.stop(performance.now()), save();
});

// ---- what the page shows

function setLanguage(id) {
  speak(id);
  render();
}

function setPhase(next) {
  phase = next;
  document.body.dataset.phase = phase;
  answers.lock(phase !== "rating");
  notes.locked = phase !== "rating";
  const covering = ["finished", "signedout", "waiting"].includes(phase);
  $("#notice").hidden = !covering;
  if (covering) {
    $("#notice h2").textContent = say(`${phase}_title`);
    $("#notice p").textContent = say(`${phase}_text`, { total: study?.total });
    $("#notice button").hidden = phase !== "finished";
  }
  renderSubmit();
  renderProgress();
}

function tellMessage(word, values) {
  message = word && [word, values];
  $("#message").textContent = message ? say(...message) : "";
}

const stripRows = () =>
  Object.entries(stage.films).map(([side, film]) => ({ name: film.score ?? say(watch.sides.length > 1 ? side : "clip"), film }));

/** Everything that has words in it. */
function render() {
  translate(document);
  $("#languages").replaceChildren(
    ...Object.entries(LANGUAGES).map(([id, name]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.lang = id;
      button.textContent = name;
      button.setAttribute("aria-pressed", String(id === spoken()));
      button.addEventListener("click", () => {
        localStorage.setItem("study.language", id);
        setLanguage(id);
        answers.goTo(answers.current);
      });
      return button;
    }),
  );
  if (!study) return;
  $("#title").textContent = document.title = told(study.title);
  setPhase(phase);
  renderState();
  tellMessage(...(message ?? [null]));
  if (!trial) return;
  $("#judge-title").textContent = say(`judge_title_${trial.mode}`);
  $("#narrative").textContent = told(trial.directive.narrative);
  const names = { left: say("left"), right: say("right"), both: "" };
  if (trial.mode === "score") names.left = say("clip");
  if (anchors.length) names.right = say("anchor", { score: stage.films.right.score });
  for (const [id, view] of Object.entries(stage.views)) {
    view.box.querySelector("b").textContent = names[id];
    view.canvas.setAttribute("aria-label", names[id]);
  }
  $("#anchors").hidden = !anchors.length;
  $("#anchors").replaceChildren(
    ...anchors.map((film) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = film.score;
      button.setAttribute("aria-label", say("anchor", { score: film.score }));
      button.setAttribute("aria-pressed", String(film === stage.films.right));
      button.addEventListener("click", () => showAnchor(film));
      return button;
    }),
  );
  answers.render();
  notes.render();
  strip.show(stripRows());
  strip.pins(notes.marks);
  renderTools();
  renderFrame(clock.frame);
  renderWatched();
  renderSubmit();
}

function renderProgress() {
  if (!study) return;
  const done = phase === "finished" ? study.total : study.done;
  const bar = $("#progress");
  bar.querySelector("i").style.transform = `scaleX(${study.total ? done / study.total : 0})`;
  bar.setAttribute("aria-valuemax", study.total);
  bar.setAttribute("aria-valuenow", done);
  $("#count").textContent = trial && phase !== "finished" ? say("progress", { number: trial.number, total: trial.total }) : "";
}

function renderState() {
  $("#saved").dataset.state = outbox.state;
  $("#saved").textContent = say(`state_${outbox.state}`);
}

function renderTools() {
  const press = (selector, on) => $(selector)?.setAttribute("aria-pressed", String(on));
  for (const mode of MODES) {
    press(`#modes [data-do=${mode}]`, stage.mode === mode);
    $(`#modes [data-do=${mode}]`).disabled = !stage.films.right;
  }
  press("[data-do=onion]", stage.onion);
  press("[data-do=mirror]", stage.mirrored);
  for (const button of document.querySelectorAll("[data-speed]"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === clock.speed));
  const ratio = stage.scale ?? 1;
  $("#zoom").textContent = Number.isInteger(ratio) ? `${ratio}×` : `${Math.round(ratio * 100)}%`;
  $(".views").classList.toggle("zoomed", stage.zoom > 0);
  strip.range(clock.first, clock.last);
  renderPlaying();
}

function renderSubmit() {
  if (!trial || !watch) return;
  const missing = answers.missing;
  const ready = phase === "rating" && !missing && watch.complete;
  const button = $("#submit");
  button.classList.toggle("ready", ready);
  button.disabled = phase !== "rating";
  let lacks = say("ready");
  if (phase === "sending") lacks = say("sending");
  else if (missing) lacks = missing === 1 ? say("missing_one") : say("missing", { count: missing });
  else if (!watch.complete) lacks = say(trial.clips.length > 1 ? "watch_first" : "watch_first_one");
  $("#lacks").textContent = lacks;
  $(".go-on [data-do=undo]").disabled = !trial.can_undo || phase !== "rating";
}

const shown = { frame: "", playing: "", watched: "" }; // what the page says already

function tick(now) {
  requestAnimationFrame(tick);
  if (!trial || !watch) return;
  const loops = clock.loops;
  const frame = clock.tick(now);
  watch.loops += clock.loops - loops;
  const seen = stage.mode === "flicker" ? [stage.shownSide] : watch.sides;
  const complete = watch.complete;
  watch.tick(now, clock.playing && loaded === 1 && phase === "rating" && !$("#help").open, seen.filter((side) => watch.sides.includes(side)));
  if (watch.complete !== complete) {
    if (message?.[0].startsWith("watch_first")) tellMessage(null);
    renderSubmit();
    save();
  }
  stage.draw(frame, now);
  renderPlaying();
  renderFrame(frame);
  renderWatched();
}

function renderPlaying() {
  const key = [clock.playing, spoken()].join();
  if (shown.playing === key) return;
  shown.playing = key;
  document.body.classList.toggle("playing", clock.playing);
  const button = $("[data-do=toggle]");
  button.dataset.label = clock.playing ? "pause" : "play";
  button.setAttribute("aria-label", say(button.dataset.label));
  button.title = say(button.dataset.label);
}

function renderFrame(frame) {
  const both = stage.mode === "flicker" ? stage.shownSide : stage.mode;
  const key = [frame, clock.frames, both, spoken(), trial.trial, loaded < 1 && loaded, stage.films.right?.score].join();
  if (shown.frame === key) return;
  shown.frame = key;
  strip.at(frame);
  const seconds = Math.floor(frame / Math.round(clock.fps));
  const rest = String((frame % Math.round(clock.fps)) + 1).padStart(2, "0");
  $("#strip").setAttribute("aria-valuetext", say("frame_of", { frame: frame + 1, count: clock.frames }));
  const place = document.createElement("small");
  place.textContent = loaded < 1 ? say("loading", { percent: Math.round(100 * loaded) }) : `${seconds}+${rest}`;
  $("#frame").replaceChildren(`${frame + 1} / ${clock.frames}`, place);
  const { left, right } = stage.views;
  const shownName = { left, right }[both]?.box.querySelector("b").textContent;
  stage.views.both.box.querySelector("b").textContent = shownName ?? say(`mode_${stage.mode}`);
}

/** How much of the least each side was watched, under its name; under both, where they share a picture. */
function renderWatched() {
  const share = (side) => (watch.needed ? Math.min(1, watch.watched[side] / watch.needed) : 1);
  const least = Math.min(...watch.sides.map(share));
  const shares = Object.fromEntries(watch.sides.map((side) => [side, share(side)]));
  const key = JSON.stringify([shares, spoken(), trial.trial]);
  if (key === shown.watched) return;
  shown.watched = key;
  for (const [id, { box }] of Object.entries(stage.views)) {
    const place = box.querySelector(".watched");
    const of = id === "both" ? least : shares[id];
    place.hidden = of === undefined;
    if (place.hidden) continue;
    const needed = (watch.needed / 1000).toFixed(1);
    const done = ((of * watch.needed) / 1000).toFixed(1);
    const bar = document.createElement("i");
    bar.style.transform = `scaleX(${of})`;
    place.replaceChildren(bar, of >= 1 ? say("watched_enough") : say("watched", { done, needed }));
  }
}

requestAnimationFrame(tick);
boot();
