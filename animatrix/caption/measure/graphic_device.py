"""graphic_device: line effects and symbolic grounds, from the lines, tones and colours round the figure."""

from __future__ import annotations

import numpy as np

from animatrix.caption.measure.ground import ground_features
from animatrix.caption.measure.linear_table import LinearTable, table
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import GRAPHIC_DEVICE, GraphicDeviceThresholds


@measures("graphic_device")
def graphic_device(
    shot: Shot, limits: GraphicDeviceThresholds = GRAPHIC_DEVICE
) -> list[Finding] | Abstention:
    """The devices seen on frames sampled over the shot, each with the frames it is open, or none."""
    count = len(shot.colour)
    if count < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    if min(shot.colour.shape[1:3]) < limits.min_side:
        return Abstention("the picture is too small to tell a ground from a place")
    reader = _Reader(shot, table("graphic_device"), limits)
    samples = int(np.clip(round(count / limits.every), 3, limits.most_samples))
    at = np.unique(np.linspace(1, count - 1 - reader.ahead, samples).clip(0).astype(int))
    found = [reader(int(k)) for k in at]
    tops = [_top(chances, limits) for chances in found]
    if reader.strangeness > limits.most_strange:
        return Abstention(
            "the picture is unlike any ground that was measured", {"strange": round(reader.strangeness, 3)}
        )
    sure, where = {}, {}
    for value in dict.fromkeys(top for top in tops if top != "none"):
        on = where[value] = np.array([top == value for top in tops])
        sure[value] = float(
            np.mean([chances[value] for chances, here in zip(found, on, strict=True) if here])
        )
        sure[value] *= limits.alone if on.sum() == 1 and len(tops) > 3 else 1.0
    findings: list[Finding] = []
    for value in sorted(sure, key=lambda v: sure[v] < limits.least):  # the doubtful last: ends cost looks
        if findings and sure[value] < limits.least:
            break
        on = where[value]
        if sure[value] < limits.least and reader.is_held(at, on):
            span = None  # it will not be named
        else:
            span = reader.span(value, at, on)
            if span and span[1] - span[0] + 1 < limits.least_span:
                continue  # a ground is held for a beat; what flashes up is an impact frame or an effect
        findings.append(Finding(value, sure[value], span, reader.evidence(value, at, on)))
    if not findings:
        none = float(np.mean([chances["none"] for chances in found]))
        findings.append(Finding("none", none, None, reader.evidence("none", at, np.array(tops) == "none")))
    named = [f for f in findings if f.confidence >= limits.least]
    if not named:
        return Abstention("no device is plain, nor its absence", findings[0].evidence)
    return named


def _top(chances: dict[str, float], limits: GraphicDeviceThresholds) -> str:
    """The likeliest value; strokes behind a runner are so faint that less than ``least_strokes`` is none."""
    top = max(chances, key=lambda v: chances[v])
    return "none" if top == "motion_lines" and chances[top] < limits.least_strokes else top


class _Reader:
    """Chances of every device on a frame, each frame looked at once."""

    def __init__(self, shot: Shot, fitted: LinearTable, limits: GraphicDeviceThresholds):
        self.shot, self.fitted, self.limits = shot, fitted, limits
        self.ahead = max(1, round(shot.fps / 8))
        self.features: dict[int, dict[str, float]] = {}
        self.strangeness = 0.0

    def __call__(self, k: int) -> dict[str, float]:
        if k not in self.features:
            later = min(k + self.ahead, len(self.shot.colour) - 1)
            self.features[k] = ground_features(self.shot.colour[k], self.shot.colour[later])
        seen = self.features[k]
        self.strangeness = max(self.strangeness, self.fitted.strangeness(seen))
        chances = self.fitted.chances(seen)
        for value, feature, least in self.limits.signs:
            if seen[feature] < least:  # without its sign a device is not claimed, whatever the sum says
                chances["none"] += chances[value] / 2
                chances[value] = 0.0
        return chances

    def evidence(self, value: str, at: np.ndarray, on: np.ndarray) -> dict[str, float]:
        """On how many samples it is seen, and its signs on the middle one; those of every device for none."""
        seen = at[on] if on.any() else at
        wanted = {f for v, f, _ in self.limits.signs if value in (v, "none")}
        signs = self.features[int(seen[len(seen) // 2])]
        return {"samples": len(at), "samples_seen": int(on.sum())} | {
            name: round(signs[name], 3) for name in sorted(wanted)
        }

    def is_held(self, at: np.ndarray, on: np.ndarray) -> bool:
        """Whether the samples that show it are far enough apart already, wherever its ends are."""
        first, last = self.shot.span(int(at[on][0]), int(at[on][-1]))
        return last - first + 1 >= self.limits.least_span

    def span(self, value: str, at: np.ndarray, on: np.ndarray) -> tuple[int, int] | None:
        """Frames the value is open, each end found by halving between a sample with it and one without."""
        if on.all():
            return None
        where = np.flatnonzero(on)
        first, last = int(at[where[0]]), int(at[where[-1]])
        first = self._edge(value, int(at[where[0] - 1]), first) if where[0] else 0
        last = (
            self._edge(value, int(at[where[-1] + 1]), last)
            if where[-1] + 1 < len(at)
            else len(self.shot.colour) - 1
        )
        return self.shot.span(first, last)

    def _edge(self, value: str, without: int, with_: int) -> int:
        while abs(with_ - without) > 1:
            middle = (with_ + without) // 2
            chances = self(middle)
            if chances[value] >= 0.5:
                with_ = middle
            else:
                without = middle
        return with_
