// The rating page: from the invitation to the last trial. Parts: page (what there is), acts (what the rater does),
// show (what is seen of it), api and outbox (the server, and what it does not know yet), clock and stage
// (pictures), strip, answers, notes, watch, keys, words.

import { help, save } from "./acts.js";
import * as api from "./api.js";
import { Clock } from "./clock.js";
import { loadPack } from "./pack.js";
import { $, answers, notes, outbox, page, stage } from "./page.js";
import {
  render, renderFrame, renderPlaying, renderState, renderSubmit, renderTools, renderWatched, setLanguage, setPhase,
  tellMessage,
} from "./show.js";
import { Film } from "./stage.js";
import { Watch } from "./watch.js";

const RETRY_MS = 2500;

async function boot() {
  setLanguage(localStorage.getItem("study.language") ?? document.documentElement.lang);
  page.study = await keepAsking(api.session);
  if (!page.study) return;
  setLanguage(localStorage.getItem("study.language") ?? page.study.language);
  outbox.unpark();
  await outbox.flush();
  await nextTrial();
  if (page.trial && !localStorage.getItem("study.greeted")) {
    localStorage.setItem("study.greeted", "1");
    help();
  }
}

/** Ask until there is an answer; null when the link is not open any more. */
async function keepAsking(question) {
  for (;;) {
    try {
      const answer = await question();
      if (page.phase === "waiting") setPhase("loading");
      return answer ?? {};
    } catch (error) {
      if (!error.unreachable) {
        setPhase("signedout");
        return null;
      }
      if (page.phase !== "sending") setPhase("waiting");
      await new Promise((wake) => {
        setTimeout(wake, RETRY_MS);
        addEventListener("online", wake, { once: true });
      });
    }
  }
}

let asking = 0;
export async function nextTrial() {
  const turn = ++asking;
  const answer = await keepAsking(api.trial);
  if (turn !== asking || !answer) return;
  page.loading?.abort();
  for (const film of new Set([...Object.values(stage.films), ...page.anchors])) film.close();
  page.anchors = [];
  if (!answer.trial) {
    page.trial = null;
    setPhase("finished");
    return;
  }
  page.trial = answer;
  const draft = outbox.draftOf(page.trial.trial, page.trial.draft);
  const sides = page.trial.clips.map((clip) => clip.side);
  const films = Object.fromEntries(page.trial.clips.map((clip) => [clip.side, new Film(clip)]));
  page.anchors = (page.trial.anchors ?? []).map((clip) => Object.assign(new Film(clip), { score: clip.score }));
  page.clock = new Clock(films.left.count, films.left.fps);
  page.watch = new Watch(sides, page.trial.min_watch_s * 1000, draft?.playback);
  if (page.anchors.length) films.right = page.anchors[Math.floor(page.anchors.length / 2)];
  $(".views").classList.toggle("single", !films.right);
  document.body.classList.toggle("one-side", sides.length < 2);
  stage.mirrored = stage.onion = false;
  stage.setMode("side");
  stage.show(films);
  page.loaded = 0;
  document.body.classList.add("loading-clips");
  setPhase(outbox.hasVote(page.trial.trial) ? "sending" : "rating");
  const anchored = (page.trial.anchors ?? []).map((clip, i) => [clip, page.anchors[i]]);
  loadClips(page.trial, [...page.trial.clips.map((clip) => [clip, films[clip.side]]), ...anchored]);
  answers.show(page.trial, page.study.rubric, draft?.answers && without(draft.answers, "notes"));
  notes.show(sides, draft?.answers?.notes);
  render();
  answers.goTo(answers.current);
}

const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

async function loadClips(of, clips) {
  const total = clips.reduce((sum, [, film]) => sum + film.count, 0);
  while (page.trial === of && page.loaded < 1) {
    const attempt = (page.loading = new AbortController());
    const { signal } = attempt;
    let here = 0;
    const onFrame = (film) => (index, frame) => {
      if (signal.aborted) return frame.close();
      film.pictures[index]?.close();
      film.pictures[index] = frame;
      page.loaded = ++here / total;
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
  if (page.trial !== of) return;
  document.body.classList.remove("loading-clips");
  if (page.message?.[0] === "clip_failed") tellMessage(null);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches && page.phase === "rating" && !$("#help").open)
    page.clock.play(1, performance.now());
  renderTools();
}

outbox.addEventListener("voted", ({ detail }) => {
  if (detail.done !== undefined) page.study.done = detail.done;
  if (!page.trial || detail.trial === page.trial.trial) nextTrial();
});
outbox.addEventListener("conflict", ({ detail }) => {
  if (page.trial && detail.trial !== page.trial.trial) return;
  nextTrial().then(() => tellMessage("elsewhere"));
});
outbox.addEventListener("elsewhere", ({ detail }) => {
  if (page.phase !== "rating" || detail !== page.trial?.trial) return;
  nextTrial().then(() => tellMessage("elsewhere"));
});
outbox.addEventListener("refused", ({ detail: { trial: id, error } }) => {
  if (id !== page.trial?.trial) return;
  setPhase("rating");
  const early = /early|watch/i.test(error.message);
  tellMessage(early ? "refused_early" : "refused", { reason: [error.message, error.where].filter(Boolean).join(", ") });
});
outbox.addEventListener("signedout", () => setPhase("signedout"));
outbox.addEventListener("state", () => {
  renderState();
  if (page.phase === "sending") tellMessage(outbox.state === "offline" ? "kept" : null);
});

$("#help").addEventListener("close", () => {
  if (page.trial && page.loaded === 1 && !page.watch.complete) page.clock.play(1, performance.now());
  answers.goTo(answers.current);
});

function tick(now) {
  requestAnimationFrame(tick);
  if (!page.trial || !page.watch) return;
  const loops = page.clock.loops;
  const frame = page.clock.tick(now);
  page.watch.loops += page.clock.loops - loops;
  const seen = stage.mode === "flicker" ? [stage.shownSide] : page.watch.sides;
  const complete = page.watch.complete;
  page.watch.tick(now, page.clock.playing && page.loaded === 1 && page.phase === "rating" && !$("#help").open, seen.filter((side) => page.watch.sides.includes(side)));
  if (page.watch.complete !== complete) {
    if (page.message?.[0].startsWith("watch_first")) tellMessage(null);
    renderSubmit();
    save();
  }
  stage.draw(frame, now);
  renderPlaying();
  renderFrame(frame);
  renderWatched();
}

requestAnimationFrame(tick);
boot();
