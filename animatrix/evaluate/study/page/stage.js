// Pictures on canvas: two views side by side, or both clips in one (flicker, wipe, difference).
// Pictures are enlarged by whole numbers of screen pixels, so that a drawn line stays the line that was drawn.

export const MODES = ["side", "flicker", "wipe", "difference"];

const FLICKER_MS = 400; // a side; two and a half pictures a second stay under the three flashes WCAG 2.3.1 allows
const GAIN_DOUBLINGS = 2; // difference is shown four times as strong
const SURROUND = "#2a2a2a"; // the page's grey, see rate.css
const BEFORE = { tint: "#b8604c", alpha: 0.38 };
const AFTER = { tint: "#3f8f86", alpha: 0.32 };
const MOST_ZOOM = 6;
const GAP = 12; // pixels between the views, see rate.css

/** One clip as the page has it: `frames` fills up while it loads; `holds` are [first, last] of each drawing. */
export class Film {
  constructor({ frames, width, height, fps, holds }) {
    this.count = frames;
    this.width = width;
    this.height = height;
    this.fps = fps;
    this.holds = holds?.length ? holds : Array.from({ length: frames }, (_, i) => [i, i]);
    this.pictures = [];
  }

  drawingAt(frame) {
    return this.holds.findIndex(([first, last]) => frame >= first && frame <= last);
  }

  close() {
    for (const picture of this.pictures) picture?.close();
    this.pictures = [];
  }
}

export class Stage {
  /** @param {HTMLElement} root holds .view[data-view=left|right|both], each with one canvas */
  constructor(root) {
    this.root = root;
    this.films = {};
    this.mode = "side";
    this.onion = false;
    this.mirrored = false;
    this.zoom = 0;
    this.centre = [0.5, 0.5]; // of the picture, in the middle of the view
    this.divider = 0.5;
    this.shownSide = "left";
    this.onChange = () => {};
    this._drawn = "";
    this._paper = {};
    this.views = {};
    for (const box of root.querySelectorAll(".view")) {
      const canvas = box.querySelector("canvas");
      this.views[box.dataset.view] = { box, canvas, pen: canvas.getContext("2d", { alpha: false }) };
      this._listen(canvas);
    }
  }

  /** Show other films; the views take their size from the left one before a single picture is there. */
  show(films) {
    this.films = films;
    this._drawn = "";
    this.zoom = 0;
    this.centre = [0.5, 0.5];
    this.divider = 0.5;
    this.fit();
  }

  /** Largest whole enlargement that leaves the page its place. */
  fit() {
    const film = this.films.left;
    if (!film) return;
    const ratio = devicePixelRatio || 1;
    const stacked = matchMedia("(max-width: 760px)").matches;
    const single = !this.films.right;
    const wide = this.root.clientWidth;
    const room = stacked || single ? wide : (wide - GAP) / 2;
    const tall = stacked ? innerHeight * 0.42 : Math.max(180, innerHeight - 500);
    const most = Math.min((room * ratio) / film.width, (tall * ratio) / film.height);
    this.base = most >= 1 ? Math.floor(most) : most;
    const width = Math.floor(film.width * this.base);
    const height = Math.floor(film.height * this.base);
    for (const { box, canvas } of Object.values(this.views)) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${width / ratio}px`;
      canvas.style.height = `${height / ratio}px`;
      box.style.width = `${width / ratio}px`;
    }
    this._drawn = "";
  }

  get scale() {
    if (!this.zoom) return this.base;
    return this.base >= 1 ? this.base * (this.zoom + 1) : this.zoom;
  }

  setMode(mode) {
    this.mode = mode;
    this.root.dataset.mode = mode;
    this._drawn = "";
  }

  setZoom(zoom, at = [0.5, 0.5]) {
    const next = Math.max(0, Math.min(MOST_ZOOM, zoom));
    if (next === this.zoom) return;
    const film = this.films.left;
    const view = this.views.left.canvas;
    // The point of the picture under the pointer stays there.
    const point = at.map((a, i) => {
      const size = i ? [view.height, film.height] : [view.width, film.width];
      return this.centre[i] + ((a - 0.5) * size[0]) / (size[1] * this.scale);
    });
    this.zoom = next;
    this.centre = at.map((a, i) => {
      const size = i ? [view.height, film.height] : [view.width, film.width];
      return point[i] - ((a - 0.5) * size[0]) / (size[1] * this.scale);
    });
    this._clampCentre();
    this.onChange("zoom");
  }

  pan(dx, dy) {
    const film = this.films.left;
    const ratio = devicePixelRatio || 1;
    this.centre[0] -= ((this.mirrored ? -dx : dx) * ratio) / (film.width * this.scale);
    this.centre[1] -= (dy * ratio) / (film.height * this.scale);
    this._clampCentre();
  }

  _clampCentre() {
    const film = this.films.left;
    const view = this.views.left.canvas;
    this.centre = this.centre.map((c, i) => {
      const shown = i ? view.height / (film.height * this.scale) : view.width / (film.width * this.scale);
      return shown >= 1 ? 0.5 : Math.max(shown / 2, Math.min(1 - shown / 2, c));
    });
    this._drawn = "";
  }

  /** Draw frame `frame` where anything changed; `now` in milliseconds drives the flicker. */
  draw(frame, now) {
    const film = this.films.left;
    if (!film) return false;
    const pair = Boolean(this.films.right);
    const both = pair && this.mode !== "side";
    if (this.mode === "flicker" && pair) this.shownSide = Math.floor(now / FLICKER_MS) % 2 ? "right" : "left";
    const key = [frame, this.mode, this.onion, this.mirrored, this.zoom, ...this.centre, this.divider, this.shownSide];
    const state = key.concat(Object.values(this.films).map((f) => Boolean(f.pictures[frame]))).join();
    if (state === this._drawn) return false;
    this._drawn = state;
    if (!both) {
      this._place(this.views.left, frame, (pen, put) => put(this._picture("left", frame)));
      if (pair) this._place(this.views.right, frame, (pen, put) => put(this._picture("right", frame)));
      return true;
    }
    const [left, right] = [this._picture("left", frame), this._picture("right", frame)];
    this._place(this.views.both, frame, (pen, put) => {
      if (this.mode === "flicker") put(this.shownSide === "left" ? left : right);
      else if (this.mode === "difference") put(this._difference(left, right));
      else this._wipe(pen, put, left, right);
    });
    return true;
  }

  _place({ canvas, pen }, frame, paint) {
    const film = this.films.left;
    const scale = this.scale;
    const x = Math.round(canvas.width / 2 - this.centre[0] * film.width * scale);
    const y = Math.round(canvas.height / 2 - this.centre[1] * film.height * scale);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = SURROUND;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if (this.mirrored) pen.setTransform(-1, 0, 0, 1, canvas.width, 0);
    pen.imageSmoothingEnabled = scale < 1;
    pen.imageSmoothingQuality = "high";
    const put = (picture) => picture && pen.drawImage(picture, x, y, film.width * scale, film.height * scale);
    paint(pen, put);
    Object.assign(canvas.dataset, { frame, scale, x, y });
  }

  _wipe(pen, put, left, right) {
    const { width, height } = pen.canvas;
    put(left);
    const at = Math.round(this.divider * width);
    pen.save();
    const mirror = pen.getTransform();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.beginPath();
    pen.rect(at, 0, width - at, height);
    pen.clip();
    pen.setTransform(mirror);
    put(right);
    pen.restore();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = "#000";
    pen.fillRect(at - 2, 0, 3, height);
    pen.fillStyle = "#fff";
    pen.fillRect(at - 1, 0, 1, height);
  }

  _difference(left, right) {
    if (!left || !right) return null;
    const paper = this._sheet("difference", this.films.left);
    paper.globalCompositeOperation = "copy";
    paper.drawImage(left, 0, 0);
    paper.globalCompositeOperation = "difference";
    paper.drawImage(right, 0, 0);
    paper.globalCompositeOperation = "lighter";
    for (let i = 0; i < GAIN_DOUBLINGS; i++) paper.drawImage(paper.canvas, 0, 0);
    return paper.canvas;
  }

  /** The frame of a side; with onion skin, the drawings before and after shine through it. */
  _picture(side, frame) {
    const film = this.films[side];
    const picture = film.pictures[frame];
    if (!picture || !this.onion) return picture;
    const at = film.drawingAt(frame);
    const before = film.pictures[film.holds[at - 1]?.[1]];
    const after = film.pictures[film.holds[at + 1]?.[0]];
    const paper = this._sheet(side, film);
    paper.globalAlpha = 1;
    paper.globalCompositeOperation = "copy";
    paper.drawImage(picture, 0, 0);
    paper.globalCompositeOperation = "source-over";
    for (const [neighbour, { tint, alpha }] of [[before, BEFORE], [after, AFTER]]) {
      if (!neighbour) continue;
      const cel = this._sheet("cel", film);
      cel.globalCompositeOperation = "copy";
      cel.drawImage(neighbour, 0, 0);
      cel.globalCompositeOperation = "color"; // its hue, the light and dark of the drawing
      cel.fillStyle = tint;
      cel.fillRect(0, 0, film.width, film.height);
      paper.globalAlpha = alpha;
      paper.drawImage(cel.canvas, 0, 0);
    }
    paper.globalAlpha = 1;
    return paper.canvas;
  }

  _sheet(name, film) {
    const sheet = (this._paper[name] ??= document.createElement("canvas").getContext("2d", { alpha: false }));
    if (sheet.canvas.width !== film.width || sheet.canvas.height !== film.height) {
      sheet.canvas.width = film.width;
      sheet.canvas.height = film.height;
    }
    return sheet;
  }

  _listen(canvas) {
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width;
      return [x, (event.clientY - box.top) / box.height];
    };
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (!this.films.left) return;
        event.preventDefault();
        const [x, y] = place(event);
        this.setZoom(this.zoom + (event.deltaY < 0 ? 1 : -1), [this.mirrored ? 1 - x : x, y]);
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.films.left) return;
      canvas.setPointerCapture(event.pointerId);
      if (this._wiping(canvas, event)) this.setDivider(place(event)[0]);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      if (this._wiping(canvas, event)) this.setDivider(place(event)[0]);
      else if (this.zoom) this.pan(event.movementX, event.movementY);
    });
  }

  _wiping(canvas, event) {
    return this.mode === "wipe" && canvas === this.views.both.canvas && !event.shiftKey;
  }

  setDivider(at) {
    this.divider = Math.max(0, Math.min(1, at));
    this._drawn = "";
    this.onChange("divider");
  }
}
