// What the rater does, by key or button: play, step, compare, answer, send, undo.

import * as api from "./api.js";
import { SPEEDS } from "./clock.js";
import { showHelp } from "./help.js";
import { listen } from "./keys.js";
import { newKey } from "./outbox.js";
import { $, answers, notes, outbox, page, stage, strip } from "./page.js";
import { nextTrial } from "./rate.js";
import { render, renderSubmit, renderTools, setPhase, stripRows, tellMessage } from "./show.js";
import { MODES } from "./stage.js";

export function changed() {
  save();
  tellMessage(null);
  strip.pins(notes.marks);
  renderSubmit();
}

export function save() {
  if (!page.trial || page.phase !== "rating") return;
  const draft = { v: 1, saved_at: Date.now(), playback: page.watch.report() };
  draft.answers = { ...answers.given, notes: notes.list };
  outbox.saveDraft(page.trial.trial, draft);
}

export function used(tool) {
  page.watch?.tools.add(tool);
}

export function seek(frame) {
  page.clock.stop(performance.now());
  page.clock.seek(frame);
  page.watch.steps++;
  renderTools();
}

export function loopSpan([first, last]) {
  used("range");
  page.clock.setRange(first, last);
  page.clock.seek(first);
  renderTools();
}

function setSpeed(speed) {
  if (speed === page.clock.speed) return;
  page.clock.setSpeed(speed, performance.now());
  page.watch.speedChanges++;
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

export function showAnchor(film) {
  used("anchor");
  stage.films.right = film;
  stage.setMode(stage.mode);
  strip.show(stripRows());
  render();
}

function submit() {
  if (page.phase !== "rating") return;
  if (answers.goToMissing()) return;
  if (!page.watch.complete) return tellMessage(page.trial.clips.length > 1 ? "watch_first" : "watch_first_one");
  setPhase("sending");
  tellMessage(null);
  save();
  outbox.putVote(page.trial.trial, {
    key: newKey(),
    answers: answers.collect(notes.list),
    playback: page.watch.report(),
  });
}

async function undo() {
  if (page.phase !== "rating" && page.phase !== "finished") return;
  if (page.trial && !page.trial.can_undo) return tellMessage("nothing_to_undo");
  save();
  try {
    await outbox.flush();
    await api.undo();
  } catch (error) {
    return tellMessage(error.unreachable ? "waiting_title" : "nothing_to_undo");
  }
  page.study.done = Math.max(0, page.study.done - 1);
  await nextTrial();
  tellMessage("undone");
}

/** The help page; nothing plays behind it. */
export function help() {
  if (showHelp(page.study?.mode)) page.clock.stop(performance.now());
}

const faster = (by) => setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(page.clock.speed) + by))]);
const step = (by) => {
  page.clock.step(by);
  page.watch.steps++;
};
const play = (direction) => page.clock.play(direction, performance.now());
const range = (first, last) => {
  used("range");
  page.clock.setRange(first, last);
};

const ACTIONS = {
  toggle: () => (page.clock.playing ? page.clock.stop(performance.now()) : play(1)),
  back: () => play(-1),
  stop: () => page.clock.stop(performance.now()),
  forward: () => (page.clock.direction === 1 ? faster(1) : play(1)),
  step_back: () => step(-1),
  step_on: () => step(1),
  first: () => seek(0),
  last: () => seek(page.clock.frames - 1),
  slower: () => faster(-1),
  faster: () => faster(1),
  range_in: () => range(page.clock.frame, Math.max(page.clock.frame, page.clock.last)),
  range_out: () => range(Math.min(page.clock.frame, page.clock.first), page.clock.frame),
  range_clear: () => range(0, page.clock.frames - 1),
  ...Object.fromEntries(MODES.map((mode) => [mode, () => setMode(mode)])),
  onion: () => ((stage.onion = !stage.onion), used("onion")),
  mirror: () => ((stage.mirrored = !stage.mirrored), used("mirror")),
  zoom_in: () => setZoom(1),
  zoom_out: () => setZoom(-1),
  zoom_fit: () => setZoom(0),
  anchor: () => page.anchors.length && showAnchor(page.anchors[(page.anchors.indexOf(stage.films.right) + 1) % page.anchors.length]),
  previous: () => answers.move(-1),
  next: () => answers.move(1),
  submit,
  note: () => (page.clock.stop(performance.now()), notes.open()),
};

function act(action) {
  if (action === "help") return help();
  if (action === "undo") return undo();
  if (!page.trial || !["rating", "sending"].includes(page.phase)) return;
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
  if (document.hidden) page.clock.stop(performance.now()), save();
});

