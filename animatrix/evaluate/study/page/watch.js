// What is logged of how a rater looked: time played a side, loops, steps, tools; and the least there must be.

const LONGEST_TICK = 250; // milliseconds; a longer gap was a sleeping machine, not somebody watching

const round = Math.round;

export class Watch {
  /** @param {string[]} sides @param {number} neededMs @param {object} [before] playback of a draft */
  constructor(sides, neededMs, before = {}) {
    this.sides = sides;
    this.needed = neededMs;
    this.watched = Object.fromEntries(sides.map((side) => [side, before.watched_ms?.[side] ?? 0]));
    this.opened = before.opened_ms ?? 0;
    this.hidden = before.hidden_ms ?? 0;
    this.loops = before.loops ?? 0;
    this.steps = before.steps ?? 0;
    this.speedChanges = before.speed_changes ?? 0;
    this.tools = new Set(before.tools ?? []);
    this._last = null;
  }

  /** Count the time since the tick before; `seen` are the sides in the picture while it plays. */
  tick(now, playing, seen) {
    const passed = this._last === null ? 0 : now - this._last;
    this._last = now;
    this.opened += passed;
    if (document.hidden || passed > 4 * LONGEST_TICK) this.hidden += passed;
    else if (playing) for (const side of seen) this.watched[side] += Math.min(passed, LONGEST_TICK);
  }

  enough(side) {
    return this.watched[side] >= this.needed;
  }

  get complete() {
    return this.sides.every((side) => this.enough(side));
  }

  report() {
    return {
      opened_ms: round(this.opened),
      watched_ms: Object.fromEntries(this.sides.map((side) => [side, round(this.watched[side])])),
      loops: this.loops,
      steps: this.steps,
      speed_changes: this.speedChanges,
      tools: [...this.tools],
      hidden_ms: round(this.hidden),
    };
  }
}
