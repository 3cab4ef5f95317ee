// Notes pinned to a frame of a clip. What a rater writes is text, and nothing but text, wherever it is shown.

import { say } from "./words.js";

const LONGEST = 500;
const MOST = 40;

export class Notes {
  /** @param {HTMLElement} root; calls: onChange(), onSeek(frame), frame() -> frame now */
  constructor(root, calls) {
    this.root = root;
    this.calls = calls;
    this.list = [];
    this.sides = ["left"];
    this.locked = false;
    this.form = root.querySelector("form");
    this.input = this.form.querySelector("input");
    this.input.maxLength = LONGEST;
    this.side = this.form.querySelector("select");
    this.items = root.querySelector("ul");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this._pin();
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.close();
    });
    root.querySelector(".add").addEventListener("click", () => this.open());
  }

  show(sides, list) {
    this.sides = sides;
    this.list = list ?? [];
    this.close(false);
    this.render();
  }

  open() {
    if (this.locked || this.list.length >= MOST) return;
    this.frame = this.calls.frame();
    this.form.hidden = false;
    this._label();
    this.input.focus();
  }

  close(refocus = true) {
    this.form.hidden = true;
    this.input.value = "";
    if (refocus) this.calls.onClose();
  }

  _pin() {
    const text = this.input.value.trim();
    if (text) {
      this.list.push({ side: this.side.value, frame: this.frame, text });
      this.list.sort((a, b) => a.frame - b.frame);
      this.render();
      this.calls.onChange();
    }
    this.close();
  }

  _label() {
    const text = say("note_text", { frame: (this.frame ?? 0) + 1 });
    this.input.placeholder = text;
    this.input.setAttribute("aria-label", text);
    this.side.setAttribute("aria-label", say("note_side"));
    this.side.hidden = this.sides.length < 2;
    for (const option of this.side.options) option.textContent = say(option.value);
  }

  render() {
    this._label();
    this.items.replaceChildren();
    if (!this.list.length) {
      const empty = document.createElement("li");
      empty.className = "faint";
      empty.textContent = say("note_none");
      this.items.append(empty);
    }
    for (const note of this.list) {
      const item = document.createElement("li");
      const go = document.createElement("button");
      go.type = "button";
      go.className = "go";
      go.textContent = this.sides.length > 1 ? `${say(note.side)} ${note.frame + 1}` : note.frame + 1;
      go.title = say("note_at", { frame: note.frame + 1 });
      go.addEventListener("click", () => this.calls.onSeek(note.frame));
      const text = document.createElement("span");
      text.className = "text";
      text.textContent = note.text;
      const drop = document.createElement("button");
      drop.type = "button";
      drop.className = "drop";
      drop.textContent = "×";
      drop.setAttribute("aria-label", say("note_delete"));
      drop.addEventListener("click", () => {
        if (this.locked) return;
        this.list.splice(this.list.indexOf(note), 1);
        this.render();
        this.calls.onChange();
      });
      item.append(go, text, drop);
      this.items.append(item);
    }
  }

  get marks() {
    return this.list.map((note) => ({ row: this.sides.indexOf(note.side), frame: note.frame }));
  }
}
