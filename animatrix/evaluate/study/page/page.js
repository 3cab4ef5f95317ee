// What the page is made of, and where it stands; everything else works on this.

import { changed, loopSpan, seek, used } from "./acts.js";
import { Answers } from "./answers.js";
import { Clock } from "./clock.js";
import { Notes } from "./notes.js";
import { Outbox } from "./outbox.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";

export const $ = (selector) => document.querySelector(selector);

export const page = {
  study: null, // the session: title, rubric, how many trials
  trial: null,
  clock: new Clock(1, 24),
  watch: null,
  phase: "loading", // loading | rating | sending | waiting | finished | signedout
  message: null, // [word, values] under the questions
  loading: null, // AbortController of the clips on their way
  loaded: 0, // share of the pictures that are here
  anchors: [],
};

export const outbox = new Outbox();
export const stage = new Stage($(".views"));
export const strip = new Strip($("#strip"), (frame) => seek(frame));
export const answers = new Answers(
  { tags: $("#tags"), dimensions: $("#dimensions"), guide: $("#guide") },
  { onAnswer: () => changed(), onSpan: (span) => loopSpan(span) },
);
export const notes = new Notes($("#notes"), {
  onChange: () => (used("note"), changed()),
  onSeek: (frame) => seek(frame),
  onClose: () => answers.goTo(answers.current),
  frame: () => page.clock.frame,
});
