// What the page shows of where it stands.

import { $, answers, notes, outbox, page, stage, strip } from "./page.js";
import { showAnchor } from "./acts.js";
import { MODES } from "./stage.js";
import { LANGUAGES, say, speak, spoken, told, translate } from "./words.js";

export function setLanguage(id) {
  speak(id);
  render();
}

export function setPhase(next) {
  page.phase = next;
  document.body.dataset.phase = page.phase;
  answers.lock(page.phase !== "rating");
  notes.locked = page.phase !== "rating";
  const covering = ["finished", "signedout", "waiting"].includes(page.phase);
  $("#notice").hidden = !covering;
  if (covering) {
    $("#notice h2").textContent = say(`${page.phase}_title`);
    $("#notice p").textContent = say(`${page.phase}_text`, { total: page.study?.total });
    $("#notice button").hidden = page.phase !== "finished";
  }
  renderSubmit();
  renderProgress();
}

export function tellMessage(word, values) {
  page.message = word && [word, values];
  $("#message").textContent = page.message ? say(...page.message) : "";
}

export const stripRows = () =>
  Object.entries(stage.films).map(([side, film]) => ({ name: film.score ?? say(page.watch.sides.length > 1 ? side : "clip"), film }));

/** Everything that has words in it. */
export function render() {
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
  if (!page.study) return;
  $("#title").textContent = document.title = told(page.study.title);
  setPhase(page.phase);
  renderState();
  tellMessage(...(page.message ?? [null]));
  if (!page.trial) return;
  $("#judge-title").textContent = say(`judge_title_${page.trial.mode}`);
  $("#narrative").textContent = told(page.trial.directive.narrative);
  const names = { left: say("left"), right: say("right"), both: "" };
  if (page.trial.mode === "score") names.left = say("clip");
  if (page.anchors.length) names.right = say("anchor", { score: stage.films.right.score });
  for (const [id, view] of Object.entries(stage.views)) {
    view.box.querySelector("b").textContent = names[id];
    view.canvas.setAttribute("aria-label", names[id]);
  }
  $("#anchors").hidden = !page.anchors.length;
  $("#anchors").replaceChildren(
    ...page.anchors.map((film) => {
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
  renderFrame(page.clock.frame);
  renderWatched();
  renderSubmit();
}

function renderProgress() {
  if (!page.study) return;
  const done = page.phase === "finished" ? page.study.total : page.study.done;
  const bar = $("#progress");
  bar.querySelector("i").style.transform = `scaleX(${page.study.total ? done / page.study.total : 0})`;
  bar.setAttribute("aria-valuemax", page.study.total);
  bar.setAttribute("aria-valuenow", done);
  $("#count").textContent = page.trial && page.phase !== "finished" ? say("progress", { number: page.trial.number, total: page.trial.total }) : "";
}

export function renderState() {
  $("#saved").dataset.state = outbox.state;
  $("#saved").textContent = say(`state_${outbox.state}`);
}

export function renderTools() {
  const press = (selector, on) => $(selector)?.setAttribute("aria-pressed", String(on));
  for (const mode of MODES) {
    press(`#modes [data-do=${mode}]`, stage.mode === mode);
    $(`#modes [data-do=${mode}]`).disabled = !stage.films.right;
  }
  press("[data-do=onion]", stage.onion);
  press("[data-do=mirror]", stage.mirrored);
  for (const button of document.querySelectorAll("[data-speed]"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === page.clock.speed));
  const ratio = stage.scale ?? 1;
  $("#zoom").textContent = Number.isInteger(ratio) ? `${ratio}×` : `${Math.round(ratio * 100)}%`;
  $(".views").classList.toggle("zoomed", stage.zoom > 0);
  strip.range(page.clock.first, page.clock.last);
  renderPlaying();
}

export function renderSubmit() {
  if (!page.trial || !page.watch) return;
  const missing = answers.missing;
  const ready = page.phase === "rating" && !missing && page.watch.complete;
  const button = $("#submit");
  button.classList.toggle("ready", ready);
  button.disabled = page.phase !== "rating";
  let lacks = say("ready");
  if (page.phase === "sending") lacks = say("sending");
  else if (missing) lacks = missing === 1 ? say("missing_one") : say("missing", { count: missing });
  else if (!page.watch.complete) lacks = say(page.trial.clips.length > 1 ? "watch_first" : "watch_first_one");
  $("#lacks").textContent = lacks;
  $(".go-on [data-do=undo]").disabled = !page.trial.can_undo || page.phase !== "rating";
}

const shown = { frame: "", playing: "", watched: "" }; // what the page says already

export function renderPlaying() {
  const key = [page.clock.playing, spoken()].join();
  if (shown.playing === key) return;
  shown.playing = key;
  document.body.classList.toggle("playing", page.clock.playing);
  const button = $("[data-do=toggle]");
  button.dataset.label = page.clock.playing ? "pause" : "play";
  button.setAttribute("aria-label", say(button.dataset.label));
  button.title = say(button.dataset.label);
}

export function renderFrame(frame) {
  const both = stage.mode === "flicker" ? stage.shownSide : stage.mode;
  const key = [frame, page.clock.frames, both, spoken(), page.trial.trial, page.loaded < 1 && page.loaded, stage.films.right?.score].join();
  if (shown.frame === key) return;
  shown.frame = key;
  strip.at(frame);
  const seconds = Math.floor(frame / Math.round(page.clock.fps));
  const rest = String((frame % Math.round(page.clock.fps)) + 1).padStart(2, "0");
  $("#strip").setAttribute("aria-valuetext", say("frame_of", { frame: frame + 1, count: page.clock.frames }));
  const place = document.createElement("small");
  place.textContent = page.loaded < 1 ? say("loading", { percent: Math.round(100 * page.loaded) }) : `${seconds}+${rest}`;
  $("#frame").replaceChildren(`${frame + 1} / ${page.clock.frames}`, place);
  const { left, right } = stage.views;
  const shownName = { left, right }[both]?.box.querySelector("b").textContent;
  stage.views.both.box.querySelector("b").textContent = shownName ?? say(`mode_${stage.mode}`);
}

/** How much of the least each side was watched, under its name; under both, where they share a picture. */
export function renderWatched() {
  const share = (side) => (page.watch.needed ? Math.min(1, page.watch.watched[side] / page.watch.needed) : 1);
  const least = Math.min(...page.watch.sides.map(share));
  const shares = Object.fromEntries(page.watch.sides.map((side) => [side, share(side)]));
  const key = JSON.stringify([shares, spoken(), page.trial.trial]);
  if (key === shown.watched) return;
  shown.watched = key;
  for (const [id, { box }] of Object.entries(stage.views)) {
    const place = box.querySelector(".watched");
    const of = id === "both" ? least : shares[id];
    place.hidden = of === undefined;
    if (place.hidden) continue;
    const needed = (page.watch.needed / 1000).toFixed(1);
    const done = ((of * page.watch.needed) / 1000).toFixed(1);
    const bar = document.createElement("i");
    bar.style.transform = `scaleX(${of})`;
    place.replaceChildren(bar, of >= 1 ? say("watched_enough") : say("watched", { done, needed }));
  }
}
