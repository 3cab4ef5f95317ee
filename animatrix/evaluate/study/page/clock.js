// One clock for every picture on the page: which frame is shown now. Time decides, never the count of ticks,
// so a slow machine drops frames of all clips alike and never drifts one against the other.

export const SPEEDS = [0.25, 0.5, 1];

export class Clock {
  /** @param {number} frames length of the clip; @param {number} fps frames a second */
  constructor(frames, fps) {
    this.frames = frames;
    this.fps = fps;
    this.frame = 0;
    this.speed = 1;
    this.direction = 0; // 1 plays, -1 plays backwards, 0 stands
    this.first = 0; // loop range, both ends included
    this.last = frames - 1;
    this.loops = 0;
    this._since = null; // time at which _from was shown
    this._from = 0;
  }

  get playing() {
    return this.direction !== 0;
  }

  get length() {
    return this.last - this.first + 1;
  }

  play(direction, now) {
    if (direction === this.direction) return;
    this._hold(now);
    this.direction = direction;
    if (this.frame < this.first || this.frame > this.last) this.frame = direction < 0 ? this.last : this.first;
    this._from = this.frame;
    this._since = now;
  }

  stop(now) {
    this._hold(now);
    this.direction = 0;
  }

  setSpeed(speed, now) {
    this._hold(now);
    this.speed = speed;
  }

  seek(frame) {
    this.frame = Math.max(0, Math.min(this.frames - 1, Math.round(frame)));
    this._from = this.frame;
    this._since = null; // begins to count at the next tick
  }

  /** One frame on or back; over the ends of the loop range it goes round. */
  step(by) {
    this.direction = 0;
    const inside = this.frame >= this.first && this.frame <= this.last;
    const [a, n] = inside ? [this.first, this.length] : [0, this.frames];
    this.seek(a + ((((this.frame - a + by) % n) + n) % n));
  }

  setRange(first, last) {
    this.first = Math.max(0, Math.min(first, last));
    this.last = Math.min(this.frames - 1, Math.max(first, last));
    this._from = this.frame;
    this._since = null;
  }

  /** The frame at time `now` (milliseconds). */
  tick(now) {
    if (!this.playing) return this.frame;
    if (this._since === null) this._since = now;
    // An animation frame's time can lie before the key press that started the clock.
    const passed = Math.max(0, Math.floor(((now - this._since) / 1000) * this.fps * this.speed + 1e-6));
    const n = this.length;
    const start = Math.max(this.first, Math.min(this.last, this._from)) - this.first;
    const at = start + this.direction * passed;
    const rounds = Math.abs(Math.floor(at / n));
    if (rounds > 0) {
      this.loops += rounds;
      // Keep the remainder of time: the loop must not slip by a part of a frame every round.
      const used = this.direction > 0 ? rounds * n - start : start + (rounds - 1) * n + 1;
      this._since += (used * 1000) / (this.fps * this.speed);
      this._from = this.direction > 0 ? this.first : this.last;
    }
    this.frame = this.first + (((at % n) + n) % n);
    return this.frame;
  }

  _hold(now) {
    if (this.playing && now !== undefined) this.tick(now);
    this._from = this.frame;
    this._since = now ?? null;
  }
}
