// The timing strip: one cell a drawing, as long as it is held, and how many frames that is; one row a clip.

const make = (tag, className, parent) => {
  const element = document.createElement(tag);
  element.className = className;
  parent?.append(element);
  return element;
};

export class Strip {
  /** @param {HTMLElement} root; `onSeek(frame)` is called while the rater drags over it */
  constructor(root, onSeek) {
    this.root = root;
    this.count = 1;
    root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.target.closest(".track")) return;
      root.setPointerCapture(event.pointerId);
      onSeek(this._frameAt(event));
    });
    root.addEventListener("pointermove", (event) => {
      if (root.hasPointerCapture(event.pointerId)) onSeek(this._frameAt(event));
    });
  }

  /** @param {{name: string, film: Film}[]} rows */
  show(rows) {
    this.count = rows[0].film.count;
    this.root.replaceChildren();
    this.heads = [];
    this.cells = [];
    for (const { name, film } of rows) {
      const row = make("div", "row", this.root);
      make("span", "row-name", row).textContent = name;
      const track = make("div", "track", row);
      const cells = film.holds.map(([first, last], i) => {
        const cell = make("i", i % 2 ? "drawing odd" : "drawing", track);
        cell.style.left = `${(100 * first) / this.count}%`;
        cell.style.width = `${(100 * (last - first + 1)) / this.count}%`;
        if (last > first) cell.textContent = last - first + 1;
        return cell;
      });
      this.cells.push({ film, cells, now: -1 });
      const range = make("div", "range", track);
      const head = make("div", "head", track);
      head.style.width = `${100 / this.count}%`;
      make("div", "pins", track);
      this.heads.push({ head, range });
    }
    this.root.setAttribute("aria-valuemax", this.count);
  }

  at(frame) {
    for (const row of this.cells ?? []) {
      const now = row.film.drawingAt(frame);
      if (now === row.now) continue;
      row.cells[row.now]?.classList.remove("now");
      row.cells[now]?.classList.add("now");
      row.now = now;
    }
    for (const { head } of this.heads ?? []) head.style.transform = `translateX(${100 * frame}%)`;
    this.root.setAttribute("aria-valuenow", frame + 1);
  }

  range(first, last) {
    const whole = first === 0 && last === this.count - 1;
    for (const { range } of this.heads ?? []) {
      range.hidden = whole;
      range.style.left = `${(100 * first) / this.count}%`;
      range.style.width = `${(100 * (last - first + 1)) / this.count}%`;
    }
  }

  /** Marks of notes: `{row, frame}` each. */
  pins(marks) {
    this.root.querySelectorAll(".pins").forEach((pins, row) => {
      pins.replaceChildren();
      for (const mark of marks.filter((m) => m.row === row)) {
        const pin = make("b", "pin", pins);
        pin.style.left = `${(100 * (mark.frame + 0.5)) / this.count}%`;
      }
    });
  }

  _frameAt(event) {
    const box = this.root.querySelector(".track").getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.max(0, Math.min(this.count - 1, Math.floor(share * this.count)));
  }
}
