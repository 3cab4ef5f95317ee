"""impact_frame: frames whose drawing or colour is replaced at a hit, told by their tones."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from animatrix.caption.measure.interruption import Interruption, interruptions
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import REFERENCE_FPS, Shot
from animatrix.caption.measure.thresholds import IMPACT, ImpactThresholds


@dataclass(frozen=True)
class Tones:
    """A frame beside the one before the interruption.

    ``likeness`` correlation of their grays; ``negative`` mean difference from the other's negative, in
    shares of that from the other itself; ``light``, ``dark`` shares of the frame over 225 and under 45;
    ``solid`` share of its dark parts that are more than lines; ``chroma`` mean, ``strong`` 90th percentile
    of max - min of RGB; ``bright`` 90th percentile of the gray; ``one_line`` share of the colour variance
    along one line, and ``was`` that of the other frame; ``detail`` fine contrast in shares of the other's;
    ``radial`` share of the gray's variance that rings about one centre explain; ``mean`` gray.
    """

    likeness: float
    negative: float
    light: float
    dark: float
    solid: float
    chroma: float
    strong: float
    bright: float
    one_line: float
    was: float
    detail: float
    radial: float
    mean: float


@measures("impact_frame")
def impact_frame(shot: Shot, limits: ImpactThresholds = IMPACT) -> list[Finding] | Abstention:
    """Every impact frame with its span, or none.

    An interruption of up to four frames is one if its tones are those of a value; a flash cut, a shake or a
    lightning stroke, through which the picture is still seen, is not.
    """
    if len(shot.gray) < limits.min_frames:
        return Abstention(f"fewer than {limits.min_frames} frames")
    rate = max(shot.fps / REFERENCE_FPS, 0.5)
    found: list[Finding] = []
    unclear = 0.0
    for event in interruptions(shot):
        if event.last - event.first + 1 > max(1, round(limits.longest * rate)):
            continue
        tones = tones_of(shot, event.fullest, event.first - 1)
        value, sure = named(tones, limits)
        if not value:
            unclear = max(unclear, sure)
            continue
        sure *= float(np.clip(1.15 - 0.6 * event.returned, 0.5, 1.0))
        found.append(
            Finding(value, min(sure, 0.98), shot.span(event.first, event.last), _evidence(tones, event))
        )
    return found or [Finding("none", 0.97 - 0.4 * unclear)]


def named(t: Tones, limits: ImpactThresholds = IMPACT) -> tuple[str, float]:
    """The value whose tones these are and how clearly, in [0,1]; or '' and how near they come to one."""
    ok = _Clear(limits.softness)
    scores = {
        "inverted_frame": ok.below(t.negative, limits.negative) * ok.below(t.likeness, limits.opposite),
        "black_frame": ok.above(t.dark, limits.all_dark)
        * ok.below(t.mean / 255, limits.black_mean)
        * ok.below(t.chroma / 255, limits.no_chroma),
        "white_frame": ok.above(t.light, limits.all_light)
        * ok.below(t.dark, limits.white_dark)
        * ok.below(t.chroma / 255, limits.white_chroma)
        * ok.above(t.mean / 255, limits.white_mean),
        "ink_sketch_frame": ok.below(t.chroma / 255, limits.no_chroma)
        * ok.above(t.detail, limits.ink_detail)
        * ok.above(t.dark, limits.ink_dark)
        * ok.above(t.light, limits.ink_light),
        "silhouette_frame": ok.below(1 - t.one_line, limits.off_line)
        * ok.above(t.bright / 255, limits.bright_ground)
        * ok.above(t.dark, limits.figure_dark)
        * ok.above(t.solid, limits.figure_solid)
        * ok.below(t.detail, limits.most_detail)
        * ok.below(abs(t.likeness), limits.kept),
        "tint_frame": ok.below(1 - t.one_line, limits.off_line)
        * ok.above(t.strong / 255, limits.strong_chroma)
        * ok.below(t.bright / 255, limits.bright_ground)
        * ok.above(1 - t.was, limits.before),
        "burst_frame": ok.above(t.radial, limits.radial)
        * ok.below(abs(t.likeness), limits.unlike)
        * ok.above(1 - t.one_line, limits.off_line)
        * ok.above(t.strong / 255, limits.burst_chroma),
    }
    value = max(scores, key=lambda name: scores[name])
    best = scores[value]
    if best < limits.least:
        return "", best
    rest = max(score for name, score in scores.items() if name != value)
    return value, best * (1 - 0.5 * rest)


class _Clear:
    """Soft comparisons: a half at the limit, 1 well past it, in units of ``softness`` of the limit."""

    def __init__(self, softness: float):
        self.softness = softness

    def above(self, value: float, limit: float) -> float:
        width = self.softness * max(abs(limit), 0.05)
        return float(1 / (1 + np.exp(-np.clip((value - limit) / width, -30, 30))))

    def below(self, value: float, limit: float) -> float:
        return 1 - self.above(value, limit)


def tones_of(shot: Shot, frame: int, before: int) -> Tones:
    """The tones of one frame of a shot beside another."""
    gray, colour = shot.gray[frame], shot.colour[frame].astype(np.float32)
    other = shot.colour[before].astype(np.float32)
    reduced, was = (
        cv2.resize(shot.gray[i], (160, 90), interpolation=cv2.INTER_AREA) for i in (frame, before)
    )
    a, b = (shot.looks[i].gray.astype(np.float32).ravel() for i in (before, frame))
    a, b = a - a.mean(), b - b.mean()
    chroma = colour.max(2) - colour.min(2)
    black = (reduced < 60).astype(np.uint8)
    opened = cv2.morphologyEx(black, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return Tones(
        likeness=float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-3)),
        negative=float(np.abs(255 - other - colour).mean() / (np.abs(other - colour).mean() + 1.0)),
        light=float((gray > 225).mean()),
        dark=float((gray < 45).mean()),
        solid=float(opened.sum() / max(int(black.sum()), 1)),
        chroma=float(chroma.mean()),
        strong=float(np.percentile(chroma, 90)),
        bright=float(np.percentile(gray, 90)),
        one_line=_one_line(colour),
        was=_one_line(other),
        detail=_detail(reduced) / (_detail(was) + 1.0),
        radial=_radial(shot.looks[frame].gray.astype(np.float32)),
        mean=float(gray.mean()),
    )


def _one_line(rgb: np.ndarray) -> float:
    spread = np.linalg.eigvalsh(np.cov(rgb.reshape(-1, 3).T))
    return float((spread[-1] + 1.0) / (spread.sum() + 1.0))


def _detail(gray: np.ndarray) -> float:
    return float(np.abs(cv2.Laplacian(gray, cv2.CV_32F)).mean())


def _radial(gray: np.ndarray) -> float:
    """Share of the variance explained by rings about the centre of the light."""
    y, x = np.mgrid[: gray.shape[0], : gray.shape[1]]
    weight = np.clip(gray - np.percentile(gray, 60), 0, None) + 1e-3
    far = np.hypot(x - (x * weight).sum() / weight.sum(), y - (y * weight).sum() / weight.sum())
    ring = (far / far.max() * 12).astype(int).ravel()
    mean = np.bincount(ring, gray.ravel()) / np.maximum(np.bincount(ring), 1)
    return float(1 - ((gray.ravel() - mean[ring]) ** 2).mean() / (gray.var() + 1.0))


def _evidence(tones: Tones, event: Interruption) -> dict[str, float]:
    numbers = {name: round(float(value), 3) for name, value in asdict(tones).items()}
    return {**numbers, "returned": round(event.returned, 3)}
