"""New drawings: when the figure is redrawn, and how long each drawing is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from animatrix.caption.measure.alignment import apply, compose
from animatrix.caption.measure.camera import measure_path, odd_frames, rescale, same_frames, to_gray
from animatrix.caption.measure.thresholds import CADENCE, CadenceThresholds

LEAST_TURN = 0.05  # pixels at the rim by which a move must turn or grow the picture to be more than a shift


@dataclass(frozen=True)
class Drawings:
    """When drawings change, in frames of the container.

    ``change`` float [T-1]: unexplained difference between frames t and t+1, in units of the picture's own
    tolerance (about 0.1 on a held drawing, above 1 on a new one); ``new`` bool [T-1]; ``flash`` bool
    [T-1]: the whole picture changed (a flash, an inverted frame, a cut), which says nothing of the
    drawing; ``threshold`` the level ``new`` was decided at; ``noise`` the change of the median block;
    ``contrast`` the ratio of the change on new drawings to that on held ones; ``bimodal`` whether the two
    are separate kinds; ``beat`` how certain a beat of new drawings is (Welch's t) where one was
    looked for, and ``by_beat`` whether it is what told them apart.
    """

    change: np.ndarray
    new: np.ndarray
    flash: np.ndarray
    threshold: float
    noise: float
    contrast: float
    bimodal: bool
    beat: float = 0.0
    by_beat: bool = False

    @property
    def plain(self) -> bool:
        """Whether new drawings stand out so far that nothing else need be explained."""
        return self.bimodal and not self.by_beat and self.contrast >= CADENCE.plain

    @property
    def flash_frames(self) -> np.ndarray:
        """Int [T]: 1 where a frame is part of a flash."""
        return np.concatenate([[0], self.flash]).astype(int)

    @property
    def runs(self) -> list[int]:
        """Frames each drawing is held, in order; they sum to the length of the shot."""
        edges = np.concatenate([[0], np.flatnonzero(self.new) + 1, [len(self.change) + 1]])
        return np.diff(edges).tolist()


def drawing_runs(frames: np.ndarray, path: np.ndarray | None = None) -> list[int]:
    """Frames each drawing of the figure is held, in order; they sum to T.

    Args:
        frames: uint8 ``[T,H,W,3]`` RGB or ``[T,H,W]`` gray.
        path: camera ``[T,2,3]`` in pixels of ``frames`` (as ``estimate_path`` gives); measured when None.
    """
    gray = to_gray(frames)
    if path is None:
        matrices = measure_path(gray).matrices
    else:
        matrices = rescale(np.asarray(path, np.float64), frames.shape[2] / gray.shape[2])
    return read_drawings(gray, matrices).runs


def read_drawings(
    gray: Sequence[np.ndarray] | np.ndarray,
    matrices: np.ndarray,
    limits: CadenceThresholds = CADENCE,
    same: np.ndarray | None = None,
    layers: Sequence[float] = (),
    fps: float = 24.0,
) -> Drawings:
    """Decide frame by frame whether the figure is a new drawing, from gray frames and the camera's path.

    ``same`` as ``same_frames`` gives, where the camera has it already; ``layers`` the speeds of the set's
    other layers in plates, as ``other_layers`` gives; ``fps`` that of the container, for beats are of film.

    A pixel is explained when the previous frame shows it after the camera's step (the plate, and a cel
    pegged to it), or at the same place (a cel that stays put on the screen), or when the plate itself does
    (uncovered background), or another layer of the set. Only a new drawing leaves something unexplained.
    """
    odd = odd_frames(gray)
    same = same_frames(gray) if same is None else same
    blocks = _unexplained(gray, matrices, odd, same, layers, limits)
    change = _liveliest(blocks)
    flash = ((blocks > limits.flash_level).mean(1) > limits.flash_area) | odd[1:]
    noise = float(np.median(blocks)) if len(blocks) else 0.0
    usable = change[~flash]
    if not len(usable):
        nothing = np.zeros(len(change), bool)
        return Drawings(change, nothing, flash, np.inf, noise, 1.0, False)
    held_most = limits.held_offset + limits.held_gain * noise
    threshold, bimodal = _threshold(change, flash, held_most, limits)
    new = (change > threshold) & ~flash
    contrast, beat, by_beat = _contrast(change, new, flash, held_most), 0.0, False
    if (not bimodal or contrast < limits.plain) and held_most > np.percentile(usable, 30):
        found = beat_of(blocks, flash, fps, limits)
        if found is not None:
            on, beat = found
            by_beat = beat > limits.beat_certainty
        if found is not None and by_beat:
            new, bimodal = on, True
            level = np.median(change[new]) * np.median(change[~new & ~flash])
            threshold, contrast = float(np.sqrt(level)), _contrast(change, new, flash, held_most)
    return Drawings(change, new, flash, threshold, noise, contrast, bimodal, beat, by_beat)


def _contrast(change: np.ndarray, new: np.ndarray, flash: np.ndarray, held_most: float) -> float:
    """Change on new drawings over that on held ones, medians."""
    held = ~new & ~flash
    if not new.any():
        return 1.0
    base = np.median(change[held]) if held.any() else held_most / 2
    return float(np.median(change[new]) / (base + 0.05))


def _threshold(
    change: np.ndarray, flash: np.ndarray, held_most: float, limits: CadenceThresholds
) -> tuple[float, bool]:
    """Level of change that tells a new drawing from a held one, and whether the shot itself shows two kinds.

    Otsu's split of log change where it separates well; else ``held_most``, which calls the whole shot held or
    redrawn on every frame.
    """
    values = np.sort(np.log(change[~flash] + 0.05))
    if len(values) < 4 or values[-1] - values[0] < 1e-3:
        return held_most, False
    count = np.arange(1, len(values))
    total = np.cumsum(values)
    below = total[:-1] / count
    above = (total[-1] - total[:-1]) / (len(values) - count)
    between = count * (len(values) - count) / len(values) ** 2 * (above - below) ** 2
    cut = int(between.argmax())
    ratio = float(np.exp(above[cut] - below[cut]))
    if between[cut] < limits.split_share * values.var() or ratio < limits.least_contrast:
        return held_most, False
    if np.exp(below[cut]) - 0.05 > held_most:  # even the calmer kind is more than a held drawing shows
        return held_most, False
    return float(np.exp((values[cut] + values[cut + 1]) / 2) - 0.05), True


def beat_of(
    blocks: np.ndarray, flash: np.ndarray, fps: float, limits: CadenceThresholds = CADENCE
) -> tuple[np.ndarray, float] | None:
    """New drawings bool [T-1] of a figure so calm that only their beat shows it, and how certain that is.

    ``blocks`` ``[T-1, blocks]`` unexplained change, ``flash`` bool [T-1]; None where no beat is suspected.
    What a block always shows is taken off it: the edges of layers that slide over each other. The steps on a
    beat of 2 to 6 film frames must then show more than those off it, and by more than the whole picture does:
    a codec's quality and the interpolation of a slow move pulse, too, but everywhere.
    """
    wide = np.pad(blocks, ((3, 3), (0, 0)), mode="reflect") if len(blocks) > 3 else blocks
    if len(blocks) < 8:
        return None
    usual = np.partition(np.lib.stride_tricks.sliding_window_view(wide, 7, axis=0), 2, axis=-1)[..., 2]
    local = np.log(_liveliest(np.maximum(blocks - usual, 0)) + 0.05)
    everywhere = np.log(np.median(blocks, axis=1) + 0.02)
    best, found = limits.suspected, None
    for on in _beats(len(blocks), fps):
        off = ~on & ~flash
        on = on & ~flash
        if min(on.sum(), off.sum()) < 4:
            continue
        gap = local[on].mean() - local[off].mean()
        spread = np.sqrt(local[on].var(ddof=1) / on.sum() + local[off].var(ddof=1) / off.sum()) + 1e-6
        pulse = everywhere[on].mean() - everywhere[off].mean()
        if gap / spread > best and gap > max(limits.beat_gap, limits.beat_pulse * pulse):
            best = float(gap / spread)
            # A step on the beat is new unless as calm as those off it; off the beat it must be livelier.
            new = (on & (local > local[off].mean())) | (off & (local > local[on].mean() + gap))
            found = new, best
    return found


def _beats(steps: int, fps: float) -> Iterator[np.ndarray]:
    """Steps [T-1] at which a film on twos, threes, ... sixes brings new drawings, for every phase."""
    rate = 1.0 if 23.0 <= fps <= 25.5 else fps / 24.0
    films = int(steps / rate) + 2
    for hold in range(2, 7):
        for phase in range(hold):
            shown = np.ceil(np.arange(phase, films, hold) * rate - 1e-6).astype(int) - 1
            on = np.zeros(steps, bool)
            on[shown[(shown >= 0) & (shown < steps)]] = True
            yield on


def _liveliest(blocks: np.ndarray) -> np.ndarray:
    """Mean of the fiftieth of the blocks ``[T-1, blocks]`` that change most."""
    count = max(4, blocks.shape[1] // 50)
    return np.sort(blocks, axis=1)[:, -count:].mean(1)


def _unexplained(
    gray: Sequence[np.ndarray] | np.ndarray,
    matrices: np.ndarray,
    odd: np.ndarray,
    same: np.ndarray,
    layers: Sequence[float],
    limits: CadenceThresholds,
) -> np.ndarray:
    """Mean unexplained difference per block and step, ``[T-1, blocks]``; odd frames are stepped over."""
    height, width = gray[0].shape
    kept = np.flatnonzero(~odd)
    some = kept[np.unique(np.linspace(0, len(kept) - 1, limits.plate_frames).round().astype(int))]
    samples = [_smooth(gray[t], limits) for t in some]
    paths = [matrices, *(slowed(matrices, speed) for speed in layers)]
    plates = [background(samples, path[some]) for path in paths]
    block = max(6, round(height / 12))
    rows, columns = height // block, width // block
    size = (width, height)
    result = np.zeros((max(len(gray) - 1, 0), rows * columns))
    last, before = 0, _smooth(gray[0], limits)
    seen_by, seen = None, [before]
    for t in range(1, len(gray)):
        if odd[t]:
            continue
        if same[t - 1] and last == t - 1:
            last = t
            continue
        picture = _smooth(gray[t], limits)
        error = cv2.absdiff(picture, before)
        for path in paths:
            step = compose(path[t], cv2.invertAffineTransform(path[last]))
            if np.abs(apply(step, _rim(size)) - _rim(size)).max() > 0.02:
                _explain(error, picture, before, step)
        if seen_by is None or not np.array_equal(seen_by, matrices[t]):
            seen_by = matrices[t]
            seen = [
                _moved(plate, compose(path[t], cv2.invertAffineTransform(placed)), size)
                for path, (plate, placed) in zip(paths, plates, strict=True)
            ]
        for view in seen:
            cv2.min(error, cv2.absdiff(picture, view), dst=error)
        across = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=0.125)
        down = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=0.125)
        error = cv2.divide(error, cv2.add(cv2.magnitude(across, down), (limits.tolerance, 0, 0, 0)))
        rim = 3
        error[:rim], error[-rim:], error[:, :rim], error[:, -rim:] = 0, 0, 0, 0
        cells = error[: rows * block, : columns * block]
        result[t - 1] = cv2.resize(cells, (columns, rows), interpolation=cv2.INTER_AREA).ravel()
        last, before = t, picture
    return result


def slowed(matrices: np.ndarray, speed: float) -> np.ndarray:
    """The path ``[T,2,3]`` of a layer on which every point moves ``speed`` times as far as on the plate."""
    still = np.eye(2, 3)
    return still + speed * (matrices - still)


def _smooth(gray: np.ndarray, limits: CadenceThresholds) -> np.ndarray:
    return cv2.GaussianBlur(gray.astype(np.float32), (5, 5), limits.blur)


def _rim(size: tuple[int, int]) -> np.ndarray:
    return np.array([[0, 0], [size[0] - 1.0, 0], [0, size[1] - 1.0], [size[0] - 1.0, size[1] - 1.0]])


def _moved(other: np.ndarray, motion: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture moved by ``motion``, -1000 where it does not reach."""
    return cv2.warpAffine(other, motion, size, flags=cv2.INTER_LINEAR, borderValue=-1e3)


def _explain(error: np.ndarray, picture: np.ndarray, other: np.ndarray, motion: np.ndarray) -> None:
    """Lower ``error`` to the difference of ``picture`` from ``other`` moved by ``motion``, in place.

    Most moves of a camera are shifts: to blend neighbours takes a third of the time of ``warpAffine``.
    """
    height, width = other.shape
    size = (width, height)
    if np.abs(motion[:, :2] - np.eye(2)).sum(1).max() * max(size) > LEAST_TURN:
        cv2.min(error, cv2.absdiff(picture, _moved(other, motion, size)), dst=error)
        return
    # pixel (row, column) shows other[row + up + y, column + left + x]
    right, down = motion[:, :2] @ [(width - 1) / 2, (height - 1) / 2] + motion[:, 2]
    left, up = (int(np.floor(v)) for v in ((width - 1) / 2 - right, (height - 1) / 2 - down))
    x, y = (width - 1) / 2 - right - left, (height - 1) / 2 - down - up
    top, bottom = max(0, -up), min(height, height - up - 1)
    first, last = max(0, -left), min(width, width - left - 1)
    if top >= bottom or first >= last:
        return
    rows, start, stop = slice(top + up, bottom + up + 1), first + left, last + left
    part = cv2.addWeighted(other[rows, start:stop], 1 - x, other[rows, start + 1 : stop + 1], x, 0)
    part = cv2.addWeighted(part[:-1], 1 - y, part[1:], y, 0)
    near = error[top:bottom, first:last]
    cv2.min(near, cv2.absdiff(picture[top:bottom, first:last], part), dst=near)


def background(
    frames: list[np.ndarray], matrices: np.ndarray, samples: int = CADENCE.plate_frames
) -> tuple[np.ndarray, np.ndarray]:
    """The background alone: the median of frames laid over each other by the camera's path.

    Returns the canvas float32 and the ``[2,3]`` matrix from frame-0 pixels to the canvas; -1000 marks what no
    frame shows.
    """
    height, width = frames[0].shape
    inverse = [cv2.invertAffineTransform(m) for m in matrices]
    reached = np.concatenate([apply(i, _rim((width, height))) for i in inverse])
    low = np.clip(np.floor(reached.min(0)), [-2 * width, -2 * height], 0)
    high = np.clip(np.ceil(reached.max(0)), 0, [3 * width, 3 * height])
    placed = np.array([[1.0, 0, -low[0]], [0, 1.0, -low[1]]])
    canvas = tuple(int(v) + 1 for v in high - low)
    layers = np.stack(
        [
            cv2.warpAffine(frames[i], compose(placed, inverse[i]), canvas, borderValue=np.nan)
            for i in np.unique(np.linspace(0, len(frames) - 1, samples).round().astype(int))
        ]
    )
    # nanmedian is slow; sorting puts NaN last, so the middle of the valid ones is at half their count.
    layers.sort(axis=0)
    valid = (~np.isnan(layers)).sum(0)
    middle = np.take_along_axis(layers, np.maximum(valid - 1, 0)[None] // 2, 0)[0]
    return np.where(valid > 0, middle, -1e3).astype(np.float32), placed


def drawing_starts(new: np.ndarray, pts: np.ndarray, fps: float, vfr: bool) -> tuple[np.ndarray, bool]:
    """Starts of drawings counted at 24 fps, and whether the container can carry such a count.

    A film frame n lies in a faster container at frame ceil(n * fps / 24), so the inverse is exact for
    pulldown to 30, 48 and 60 fps; containers near 25 fps hold film frames one to one. The count cannot be
    carried (False) when more drawings are shown than 24 a second hold, or when a rate below 24 is no
    divisor of it.
    """
    index = np.concatenate([[0], np.flatnonzero(new) + 1])
    if vfr:
        return np.round(pts[index] * 24.0).astype(int), True
    if 23.0 <= fps <= 25.5:
        return index, True
    starts = np.floor(index * 24.0 / fps + 1e-6).astype(int)
    if fps > 24:
        clashes = float((np.diff(starts) == 0).mean()) if len(starts) > 1 else 0.0
        return starts, clashes <= 0.1
    return starts, abs(24 / fps - round(24 / fps)) < 0.02
