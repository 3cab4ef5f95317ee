"""Reading a shot: frames in, guesses with calibrated confidence out, or a reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch

from animatrix.caption.recognise.answers import TIMED, Question, Sheet
from animatrix.caption.recognise.lens import fitted, shape_for, to_planes
from animatrix.caption.recognise.picture import picture_statistics
from animatrix.caption.recognise.sight import change, chosen_frames, gathered, look_at, split_planes
from animatrix.caption.recognise.tagger import Tagger
from animatrix.caption.recognise.weights import NEVER, STORY, Recogniser, Surety, known, load, weights_folder
from animatrix.knowledge import Taxonomy
from animatrix.knowledge.timing import reference_frames, to_reference

EVEN, LIVELY = 6, 4  # frames looked at sharply in a window
WINDOW_S = 2.0  # a longer shot is read in windows of about this length
FASTEST = 36.0  # fps; above it every second (third ...) frame is read
RATE_RANGE = (-2.0, 0.6)  # log2(fps / 24) the network knows
AT_ONCE = 4  # windows in one batch
WHOLE = 0.9  # a value seen for more than this share of a shot has no span


@dataclass(frozen=True)
class Guess:
    """A value, how sure it is (calibrated, 0..1), and its frames at 24 fps, inclusive, where it can tell."""

    value: str
    confidence: float
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Reading:
    """What the recogniser says of a shot.

    Attributes:
        guesses: field -> guesses, best first; a field it abstains on is absent.
        familiar: 0..1, the share of training-like shots that look at least as unusual as this one.
        reasons: field -> why it abstains.
    """

    guesses: dict[str, list[Guess]] = field(default_factory=dict)
    familiar: float = 0.0
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """Per window, before any decision.

    Logits [N,width], when N of [T,width], looks [N,K] and picture statistics [N,K'] for familiarity, and the
    frame numbers.
    """

    answers: np.ndarray
    when: list[np.ndarray]
    looks: np.ndarray
    pictures: np.ndarray
    frames: list[np.ndarray]


def recognise(colour: np.ndarray, fps: float, weights: Path | None = None) -> Reading:
    """What a small network trained on drawn animation sees in a shot.

    Args:
        colour: ``uint8 [T,h,w,3]`` RGB, all frames of one shot; reduced to about 160x96 before it is read.
        fps: frames a second, > 0.
        weights: folder of a recogniser; the shipped one if None.

    Returns:
        A reading. Unfamiliar footage, fields it was never reliable on and unsure answers give reasons in
        place of guesses; so does an installation without the shipped weights, for every field.

    Raises:
        AniMatrixError: FILE_MISSING or FILE_UNREADABLE for weights that were named and are not there.
        ValueError: for anything but such frames and a positive rate.
    """
    if colour.dtype != np.uint8 or colour.ndim != 4 or colour.shape[-1] != 3 or not colour.size:
        raise ValueError(f"frames must be non-empty uint8 [T,h,w,3], not {colour.dtype} {colour.shape}")
    if not fps > 0:
        raise ValueError(f"fps must be positive, not {fps}")
    folder = weights or weights_folder()
    if weights is None and not (folder / STORY).is_file():
        reason = "no recogniser weights installed"
        return Reading(reasons={name: reason for name in Taxonomy.default().fields})
    recogniser = _loaded(folder)
    with torch.autocast("cpu", torch.bfloat16, enabled=_multiplies_bfloat16()):
        raw = read(recogniser.model, colour, fps)
    return decide(recogniser, raw, fps, len(colour))


@lru_cache(maxsize=2)
def _loaded(folder: Path) -> Recogniser:
    return load(folder)


def windows(frames: int, fps: float) -> list[np.ndarray]:
    """Frame numbers of each window: the whole shot, or parts of equal length of about ``WINDOW_S``."""
    step = max(1, round(fps / 24)) if fps > FASTEST else 1
    kept = np.arange(0, frames, step)
    parts = max(1, round(len(kept) * step / fps / WINDOW_S))
    return [part for part in np.array_split(kept, parts) if len(part)]


@torch.inference_mode()
def read(model: Tagger, colour: np.ndarray, fps: float) -> Raw:
    """The network's raw answers for a shot, window by window."""
    height, width = colour.shape[1:3]
    planes = to_planes(fitted(colour, shape_for(width, height)))
    parts = windows(len(planes), fps)
    step = int(parts[0][1] - parts[0][0]) if len(parts[0]) > 1 else 1
    rate = 24 * 2 ** float(np.clip(np.log2(fps / step / 24), *RATE_RANGE))
    answers, when, looks = [], [], []
    pictures = np.stack([picture_statistics(planes[part]) for part in parts])
    for first in range(0, len(parts), AT_ONCE):
        seen, chosen = [], []
        for part in parts[first : first + AT_ONCE]:
            window = planes[part]
            picks = chosen_frames(change(split_planes(window)[0]), EVEN, LIVELY)
            seen.append(look_at(window, picks))
            chosen.append(picks)
        row = model(gathered(seen, chosen, [rate] * len(seen)))
        answers.append(row.answers.float().numpy())
        looks.append(row.look.float().numpy())
        when += [w[: len(s[2])] for w, s in zip(row.when.float().numpy(), seen, strict=True)]
    return Raw(np.concatenate(answers), when, np.concatenate(looks), pictures, parts)


@cache
def _multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for it: convolutions then take half the time, and confidences
    move by less than 0.01. Elsewhere it would be slower than float32."""
    asked = (getattr(torch.cpu, f"_is_{kind}_supported", None) for kind in ("avx512_bf16", "amx_tile"))
    return any(supported is not None and supported() for supported in asked)


def confidences(q: Question, logits: np.ndarray, s: Surety) -> np.ndarray:
    """Calibrated confidences ``[N,places]`` of one field from logits ``[N,width]`` (offset taken out)."""
    own = logits[:, q.places].astype(np.float64)
    if not q.many:
        own = np.exp(s.scale * (own - own.max(1, keepdims=True)))
        return own / own.sum(1, keepdims=True)
    none = np.array([v == "none" for v in q.values])
    scale, shift = np.where(none, s.none_scale, s.scale), np.where(none, s.none_shift, s.shift)
    return 1 / (1 + np.exp(-np.clip(scale * own + shift, -30, 30)))


def chosen_values(q: Question, sure: np.ndarray, s: Surety) -> list[tuple[str, float]]:
    """(value, confidence) that one shot's confidences ``[places]`` amount to; empty to abstain."""

    def enough(value: str, confidence: float) -> bool:
        return confidence >= (s.least_usual if value == s.usual else s.least)

    order = np.argsort(-sure)
    if not q.many:
        best = int(order[0])
        if best < len(q.values) and enough(q.values[best], sure[best]):
            return [(q.values[best], float(sure[best]))]
        return []
    said = [(q.values[i], float(sure[i])) for i in order if enough(q.values[i], sure[i])]
    values = [x for x in said if x[0] != "none"]
    nothing = [x for x in said if x[0] == "none"]
    if values and nothing:  # it cannot be both
        return values if values[0][1] >= nothing[0][1] else nothing
    return values or nothing


def decide(r: Recogniser, raw: Raw, fps: float, frames: int) -> Reading:
    """Guesses and reasons from raw answers: familiar enough, sure enough, still in the taxonomy."""
    familiar = float(np.median(r.familiarity.familiar(raw.looks, raw.pictures)))
    if familiar < r.gate:
        reason = f"unlike the footage it was trained on (familiar {familiar:.3f}, needs {r.gate:g})"
        return Reading({}, familiar, {q.id: reason for q in r.sheet.questions})
    guesses: dict[str, list[Guess]] = {}
    reasons: dict[str, str] = {}
    logits = raw.answers - r.offset.numpy()
    for q in r.sheet.questions:
        surety = r.surety.get(q.id, Surety())
        valid = known(r.sheet, Taxonomy.default())[q.id]
        if min(surety.least, surety.least_usual) >= NEVER:
            reasons[q.id] = "not reliable on held-out designs"
            continue
        each = confidences(q, logits, surety)
        sure = _over_windows(q, each)
        said = [x for x in chosen_values(q, sure, surety) if x[0] in valid]
        if said:
            guesses[q.id] = [Guess(v, c, _span(r.sheet, q, v, each, raw, fps, frames)) for v, c in said]
        else:
            best = int(sure[: len(q.values)].argmax())
            reasons[q.id] = f"not sure enough (best: {q.values[best]} {sure[best]:.2f})"
    return Reading(guesses, familiar, reasons)


def _over_windows(q: Question, each: np.ndarray) -> np.ndarray:
    """One shot's confidences from those of its windows ``[N,places]``."""
    if not q.many:
        return each.mean(0)
    none = np.array([v == "none" for v in q.values])
    return np.where(none, each.min(0), each.max(0))


def _span(
    sheet: Sheet, q: Question, value: str, each: np.ndarray, raw: Raw, fps: float, frames: int
) -> tuple[int, int] | None:
    """Frames at 24 fps in which a value is seen; None for the whole shot or where it cannot tell."""
    if not q.timed or q.id not in TIMED or value == "none":
        return None
    k = q.values.index(value)
    seen = np.zeros(frames, bool)
    for n, part in enumerate(raw.frames):
        if each[n, k] < 0.5 * each[:, k].max():  # not in this window
            continue
        step = int(part[1] - part[0]) if len(part) > 1 else 1
        active = np.repeat(raw.when[n][:, q.first + k] > 0, step)
        seen[part[0] : part[0] + len(active)] = active[: frames - part[0]]
    found = np.flatnonzero(seen)
    if not len(found) or len(found) >= WHOLE * frames:
        return None
    edges = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(int), [0]])))
    first, stop = max(edges.reshape(-1, 2), key=lambda run: run[1] - run[0])
    start, end = to_reference(int(first), int(stop) - 1, fps)
    last = reference_frames(frames, fps) - 1
    return min(start, last), min(end, last)
