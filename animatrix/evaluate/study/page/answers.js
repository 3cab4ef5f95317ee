// The questions of a trial: which are asked, what was answered, which one the number keys answer now.

import { say, told } from "./words.js";

const PRESENCE = ["present", "absent", "wrong"];
const READING = ["art", "failure", "unsure"];
const CHOICE = ["left", "tie", "right", "both_bad"];
const SCORES = [1, 2, 3, 4, 5];

const make = (tag, className, parent, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
};

export class Answers {
  /**
   * @param {{tags: HTMLElement, dimensions: HTMLElement, guide: HTMLElement}} places
   * @param {{onAnswer: () => void, onSpan: (span: [number, number]) => void}} calls
   */
  constructor(places, calls) {
    this.places = places;
    this.calls = calls;
    this.cells = [];
    this.current = 0;
    this.locked = true;
  }

  /** Ask the questions of a trial; `given` are answers from before. */
  show(trial, rubric, given) {
    this.trial = trial;
    this.rubric = rubric;
    this.sides = trial.clips.map((clip) => clip.side);
    const kind = trial.mode === "pair" ? "choice" : "score";
    this.given = { [kind]: {}, tags: {}, art: {}, ...given };
    for (const side of this.sides) {
      this.given.tags[side] ??= {};
      this.given.art[side] ??= {};
    }
    this.cells = [];
    for (const tag of trial.directive.tags) {
      for (const side of this.sides) this.cells.push({ kind: "tags", tag, side, options: PRESENCE });
      if (tag.art_or_failure)
        for (const side of this.sides) this.cells.push({ kind: "art", tag, side, options: READING });
    }
    for (const dimension of rubric.dimensions)
      this.cells.push({ kind, dimension, options: kind === "choice" ? CHOICE : SCORES });
    this.render();
    this.goTo(Math.max(0, this.cells.findIndex((cell) => !this._done(cell))), false);
  }

  get missing() {
    return this.cells.filter((cell) => !this._done(cell)).length;
  }

  /** Answers in the form the server takes, without those that do not apply. */
  collect(notes) {
    const answers = structuredClone(this.given);
    for (const cell of this.cells) if (this._idle(cell)) delete answers.art[cell.side][cell.tag.id];
    return { ...answers, notes };
  }

  answer(position) {
    const cell = this.cells[this.current];
    if (!cell || this.locked || position > cell.options.length) return;
    this._set(this.current, cell.options[position - 1]);
  }

  _set(index, value) {
    if (this.locked) return;
    const cell = this.cells[index];
    if (cell.dimension) this.given[cell.kind][cell.dimension.id] = value;
    else this.given[cell.kind][cell.side][cell.tag.id] = value;
    this._paint();
    this.calls.onAnswer();
    const open = (i) => !this._done(this.cells[i]);
    const order = [...this.cells.keys()];
    const next = [...order.slice(index + 1), ...order.slice(0, index)].find(open);
    this.goTo(next ?? index);
  }

  move(by) {
    let next = this.current;
    do next += by;
    while (this.cells[next] && this._idle(this.cells[next]));
    if (this.cells[next]) this.goTo(next);
  }

  /** First question without an answer; true when there was one. */
  goToMissing() {
    const next = this.cells.findIndex((cell) => !this._done(cell));
    if (next >= 0) this.goTo(next);
    return next >= 0;
  }

  goTo(index, focus = true) {
    this.current = index;
    this._paint();
    const cell = this.cells[index];
    if (focus && cell?.box) {
      cell.box.focus({ preventScroll: true });
      cell.box.scrollIntoView({ block: "nearest" });
    }
    this._guide();
  }

  lock(locked) {
    this.locked = locked;
    for (const cell of this.cells) for (const button of cell.buttons ?? []) button.disabled = locked;
  }

  _value(cell) {
    if (cell.dimension) return this.given[cell.kind][cell.dimension.id];
    return this.given[cell.kind][cell.side][cell.tag.id];
  }

  // Whether a deformation is art cannot be asked where there is none.
  _idle(cell) {
    return cell.kind === "art" && this.given.tags[cell.side][cell.tag.id] === "absent";
  }

  _done(cell) {
    return this._idle(cell) || this._value(cell) !== undefined;
  }

  render() {
    if (!this.trial) return;
    const { tags, dimensions } = this.places;
    tags.replaceChildren();
    dimensions.replaceChildren();
    tags.dataset.sides = this.sides.length;
    if (!this.trial.directive.tags.length) make("p", "faint", tags, say("no_tags"));
    let row = null;
    let last = null;
    for (const [index, cell] of this.cells.entries()) {
      if (cell.dimension) {
        const line = make("div", "dimension", dimensions);
        const label = make("span", "dimension-name", line, told(cell.dimension.label));
        label.id = `name-${index}`;
        this._group(index, cell, line, (value) => (cell.kind === "score" ? value : say(`choice_${value}`)));
        cell.box.setAttribute("aria-labelledby", label.id);
        continue;
      }
      const mark = cell.kind + cell.tag.id;
      if (mark !== last) row = this._tagRow(cell, tags);
      last = mark;
      this._group(index, cell, row, say);
      const question = cell.kind === "art" ? `, ${say("art_question")}` : "";
      cell.box.setAttribute("aria-label", `${told(cell.tag.label)}, ${say(cell.side)}${question}`);
    }
    this.lock(this.locked);
    this._paint();
    this._guide();
  }

  _tagRow(cell, parent) {
    const row = make("div", `tag-row ${cell.kind}`, parent);
    const name = make("div", "tag-name", row);
    if (cell.kind === "art") {
      make("span", "question", name, say("art_question"));
      return row;
    }
    make("span", "faint", name, told(cell.tag.field_label));
    make("span", "value", name, told(cell.tag.label));
    if (cell.tag.span) {
      const [a, b] = cell.tag.span;
      const span = say(a === b ? "span_one" : "span", { first: a + 1, last: b + 1 });
      const button = make("button", "span", name, span);
      button.type = "button";
      button.title = say("span_loop", { span });
      button.addEventListener("click", () => this.calls.onSpan(cell.tag.span));
    }
    return row;
  }

  _group(index, cell, parent, word) {
    const box = make("div", "options", parent);
    box.tabIndex = -1;
    box.setAttribute("role", "group");
    if (cell.side) Object.assign(box.dataset, { side: cell.side, name: say(cell.side) });
    cell.box = box;
    cell.buttons = cell.options.map((value, i) => {
      const button = make("button", "option", box);
      button.type = "button";
      button.dataset.value = value;
      const text = word(value);
      if (String(text) !== String(i + 1)) make("kbd", "", button, i + 1).setAttribute("aria-hidden", "true");
      make("span", "", button, text);
      button.addEventListener("click", () => this._set(index, value));
      button.addEventListener("focus", () => {
        if (this.current !== index) {
          this.current = index;
          this._paint();
          this._guide();
        }
      });
      return button;
    });
    box.addEventListener("focus", () => {
      if (this.current !== index) this.goTo(index, false);
    });
  }

  _paint() {
    for (const [index, cell] of this.cells.entries()) {
      if (!cell.box) continue;
      const value = this._value(cell);
      cell.box.classList.toggle("current", index === this.current && !this.locked);
      cell.box.classList.toggle("idle", this._idle(cell));
      cell.box.classList.toggle("answered", value !== undefined);
      for (const [i, option] of cell.options.entries())
        cell.buttons[i].setAttribute("aria-pressed", String(option === value));
    }
  }

  /** What the current question means, in the words of the rubric. */
  _guide() {
    const { guide } = this.places;
    const cell = this.cells[this.current];
    guide.replaceChildren();
    if (!cell) return;
    if (cell.dimension) {
      make("h3", "", guide, told(cell.dimension.label));
      const list = make("dl", "", guide);
      for (const score of Object.keys(cell.dimension.anchors).sort().reverse()) {
        make("dt", "", list, score);
        make("dd", "", list, told(cell.dimension.anchors[score]));
      }
    } else if (cell.kind === "art") {
      make("h3", "", guide, `${told(cell.tag.label)}: ${say("art_question")}`);
      make("p", "", guide, told(cell.tag.art_or_failure));
    } else {
      make("h3", "", guide, told(cell.tag.label));
      make("p", "", guide, say("tags_guide"));
    }
  }
}
