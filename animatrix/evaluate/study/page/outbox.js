// What the rater has done and the server may not know yet. It is written to localStorage before anything is
// sent, so that a lost network, a closed tab or a crash loses nothing; keys make a vote count once.

import * as api from "./api.js";

const DRAFT = "study.draft.";
const VOTE = "study.vote.";
const KEPT_DRAFTS = 6; // of trials already voted: what an undo brings back
const RETRY_MS = [1000, 2000, 4000, 8000, 15000];

// randomUUID is there only on https and localhost; a study on a studio's own network has neither.
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const read = (name) => {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
};

const write = (name, value) => {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false; // full or forbidden: the server's copy has to do
  }
};

const names = (prefix) => Object.keys(localStorage).filter((name) => name.startsWith(prefix));

export class Outbox extends EventTarget {
  constructor() {
    super();
    this.state = "saved"; // saved | saving | offline
    this._timer = 0;
    this._tries = 0;
    this._late = null; // draft not sent yet
    this._memory = new Map(); // votes where localStorage is not to be had
    addEventListener("online", () => this.flush());
    addEventListener("storage", (event) => {
      if (event.key === "study.voted" && event.newValue)
        this._tell("elsewhere", JSON.parse(event.newValue).trial);
    });
  }

  /** Keep a draft here at once, and on the server soon. */
  saveDraft(trial, draft) {
    write(DRAFT + trial, draft);
    this._late = { trial, draft };
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this.flush(), 600);
    if (this.state === "saved") this._set("saving");
  }

  /** The newer of this browser's draft and the server's. */
  draftOf(trial, fromServer) {
    const here = read(DRAFT + trial);
    if (here && fromServer) return (here.saved_at ?? 0) >= (fromServer.saved_at ?? 0) ? here : fromServer;
    return here ?? fromServer ?? null;
  }

  /** Take a vote in; it is sent now or when the server is back. */
  putVote(trial, body) {
    if (this._late?.trial === trial) this._late = null;
    if (!write(VOTE + trial, { trial, body, at: Date.now() })) this._memory.set(trial, { trial, body, at: Date.now() });
    return this.flush();
  }

  get waiting() {
    return [...names(VOTE).map(read), ...this._memory.values()]
      .filter((vote) => vote && !vote.parked)
      .sort((a, b) => a.at - b.at);
  }

  /** Try again with votes that this sitting's rater may have left here. */
  unpark() {
    for (const name of names(VOTE)) {
      const vote = read(name);
      if (vote?.parked) write(name, { ...vote, parked: undefined });
    }
  }

  hasVote(trial) {
    return this.waiting.some((vote) => vote.trial === trial);
  }

  /** Send what waits, oldest first. Never two at once; called again while under way, it goes round once more. */
  async flush() {
    if (this._busy) {
      this._again = true;
      return this._busy;
    }
    this._busy = this._flush().finally(() => (this._busy = null));
    const sent = await this._busy;
    if (this._again) {
      this._again = false;
      return this.flush();
    }
    return sent;
  }

  async _flush() {
    clearTimeout(this._timer);
    try {
      for (const { trial, body } of this.waiting) {
        this._set("saving");
        await this._sendVote(trial, body);
      }
      if (this._late) {
        const { trial, draft } = this._late;
        this._set("saving");
        await api.draft(trial, draft).catch((error) => {
          if (error.unreachable || error.status === 401) throw error; // any other refusal: the vote will tell
        });
        if (this._late?.draft === draft) this._late = null;
      }
      this._tries = 0;
      this._set("saved");
      return true;
    } catch (error) {
      if (error.status === 401) {
        this._tell("signedout");
        return false;
      }
      this._set("offline");
      const pause = RETRY_MS[Math.min(this._tries++, RETRY_MS.length - 1)];
      this._timer = setTimeout(() => this.flush(), pause);
      return false;
    }
  }

  async _sendVote(trial, body) {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await api.vote(trial, body);
        this._forget(trial, answer);
        return;
      } catch (error) {
        if (error.unreachable || error.status === 401) throw error;
        if (error.status === 403 && attempt === 0) {
          await api.session(); // the form key may be of an earlier sitting
          continue;
        }
        if (error.status === 409) this._forget(trial, null);
        else if (error.status === 422 || error.status === 413) this._drop(trial, error);
        else this._park(trial); // another rater's, on this same browser: theirs to send
        return;
      }
    }
  }

  _forget(trial, answer) {
    localStorage.removeItem(VOTE + trial);
    this._memory.delete(trial);
    write("study.voted", { trial, at: Date.now() });
    const kept = names(DRAFT).sort((a, b) => (read(a)?.saved_at ?? 0) - (read(b)?.saved_at ?? 0));
    for (const name of kept.slice(0, -KEPT_DRAFTS)) localStorage.removeItem(name);
    this._tell(answer ? "voted" : "conflict", { trial, done: answer?.done });
  }

  _drop(trial, error) {
    localStorage.removeItem(VOTE + trial);
    this._memory.delete(trial);
    this._tell("refused", { trial, error });
  }

  _park(trial) {
    const vote = read(VOTE + trial);
    if (vote) write(VOTE + trial, { ...vote, parked: true });
    this._tell("conflict", { trial });
  }

  _set(state) {
    if (state === this.state) return;
    this.state = state;
    this._tell("state", state);
  }

  _tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
