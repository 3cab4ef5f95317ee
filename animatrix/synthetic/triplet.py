"""Aligned triplets: the same shot as intended, flat, and collapsed; everything but the deformation is equal.

The collapse is as large as the deformation it stands beside (:func:`matched`), so that how much a picture
changes says nothing about whether it was meant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Directive
from animatrix.media.clip import Clip
from animatrix.synthetic.corpus import SPLITS, told
from animatrix.synthetic.everyday import draw_exaggeration, draw_tags
from animatrix.synthetic.failure import FAILURES, WHOLE, Failure
from animatrix.synthetic.scene import complete, stream
from animatrix.synthetic.studio import Shot, Take
from animatrix.synthetic.truth import Event, Truth

LOOK = 96  # width at which strengths are matched: amplitudes do not depend on the size of the picture
STRENGTHS = (0.65, 2.4)  # what can still be seen, and what still is the same shot
BODY, SMALLEST = 2.4, 0.8  # heads a failure reaches when it takes the whole figure, and at least
FEWEST = 0.3  # seconds a failure must show to be seen
LEAST = 0.35  # change of a clip (levels a pixel and frame) below which nothing would be seen
LASTING = frozenset({"melt", "identity_drift", "limb_loss", "limb_duplication"})  # never heal


@dataclass(frozen=True)
class Take3:
    """One member of a triplet: clip and truth."""

    clip: Clip
    truth: Truth


@dataclass(frozen=True)
class Triplet:
    """``intended``, ``flat`` and ``collapsed`` takes of one shot, the complete directive of the intended one,
    and what went wrong: kind, severity asked (0..1) and strength used."""

    directive: Directive
    intended: Take3
    flat: Take3
    collapsed: Take3
    failure: str
    severity: float
    strength: float
    reach: float

    def __iter__(self):
        """(intended, flat, collapsed) as (Clip, Truth) pairs."""
        return iter((x.clip, x.truth) for x in (self.intended, self.flat, self.collapsed))


def _check(kind: str, severity: float) -> None:
    if kind not in FAILURES:
        raise AniMatrixError(
            Code.BAD_OPTION, f"unknown failure '{kind}'", did_you_mean(kind, FAILURES) or ", ".join(FAILURES)
        )
    if not 0 <= severity <= 1:
        raise AniMatrixError(
            Code.BAD_OPTION, f"severity {severity} is out of range", "0 to 1; 0.5 matches the deformation"
        )


def plan(shot: Shot, kind: str, strength: float, frames: int | None = None) -> Failure:
    """The failure of a shot: it begins where the deformation does and heals, or begins late and never does.

    ``frames`` is how long it shows; a second where nothing is said.
    """
    s = shot.scene
    begin, stay = stream(shot.seed, 40 + FAILURES.index(kind)).random(2)
    devices = shot.retouch.devices
    onset = min((d.first for d in devices), default=round((0.25 + 0.25 * begin) * (s.frames - 1)))
    onset = min(max(1, onset), max(1, s.frames - 3))
    frames = max(1, min(frames or round(s.fps), s.frames - onset))
    heals = kind not in LASTING and stay < 0.6
    last = onset + frames - 1 if heals else s.frames - 1
    accidents = int(stream(shot.seed, 60).integers(1 << 30))
    return Failure(kind, strength, last - frames + 1, last, accidents, s.fps)


def _change(a: np.ndarray, b: np.ndarray) -> float:
    return float(cv2.absdiff(a.reshape(len(a), -1), b.reshape(len(b), -1)).mean())


def matched(
    directive: Directive, seed: int, kind: str, severity: float, size: tuple[int, int], cast: str
) -> Failure:
    """The failure that changes the flat shot ``2 * severity`` times as much as its deformation does.

    Where plain to see is still too much, it shows for fewer frames instead. A directive without a deformation
    gets strength ``2 * severity`` for a second.
    """
    small = (LOOK, max(16, round(LOOK * size[1] / size[0])))
    shot = Shot(directive, seed, small, cast)
    if severity == 0 or (not shot.retouch.devices and not shot.scene.squash_stretch):
        return plan(shot, kind, 2 * severity)
    meant = shot.film()[0].frames
    clean = shot.again(Take(flat=True))
    flat = clean.film()[0].frames
    want = 2 * severity * max(_change(meant, flat), LEAST)
    fewest, frames = max(2, round(FEWEST * shot.scene.fps)), round(0.8 * shot.scene.fps)
    strength, reach, best = 1.0, WHOLE, (np.inf, plan(shot, kind, 1.0, frames))
    for _ in range(5):
        tried = replace(plan(shot, kind, strength, frames), reach=reach)
        got = _change(clean.again(Take(True, tried)).film()[0].frames, flat)
        best = min(best, (abs(float(np.log((got + 1e-6) / want))), tried), key=lambda b: b[0])
        if best[0] < 0.12:
            break
        # too much: weaker, then in a smaller place, then for fewer frames; too little: the other way round
        left = float(np.clip(want / max(got, 1e-6), 0.05, 6.0))
        if left > 1 and (reach < WHOLE or frames < round(0.8 * shot.scene.fps)):
            wider = min(WHOLE, (min(reach, BODY) * left**0.5) if reach < WHOLE else WHOLE)
            left /= (min(wider, BODY) / min(reach, BODY)) ** 2
            reach = WHOLE if wider >= BODY else wider
            longer = int(np.clip(round(frames * left), fewest, round(shot.scene.fps)))
            left, frames = left * frames / longer, longer
        asked = strength * left**0.9
        strength = float(np.clip(asked, *STRENGTHS))
        left = min(1.0, asked / strength)
        if left < 0.95:
            narrow = max(SMALLEST, min(reach, BODY) * left**0.5)
            left *= (min(reach, BODY) / narrow) ** 2
            reach = narrow
            if left < 0.9:
                frames = int(np.clip(round(frames * left), fewest, frames))
    return best[1]


def _failure_map(col: np.ndarray, flat: np.ndarray, near: np.ndarray, failure: Failure) -> np.ndarray:
    """``float32 [T,H,W]`` 0..1: how much the failure changed, where it is at work."""
    out = np.zeros(col.shape[:3], np.float32)
    h = col.shape[1]
    reach = np.ones((2 * max(1, h // 24) + 1,) * 2, np.uint8)
    for t in range(failure.onset, failure.last + 1):
        gap = cv2.absdiff(col[t], flat[t]).max(2).astype(np.float32)
        if failure.kind != "texture_swim":
            gap *= cv2.dilate(near[t].astype(np.uint8), reach)
        out[t] = np.clip(cv2.GaussianBlur(gap, (0, 0), max(0.8, h / 96)) / 72, 0, 1)
    return np.where(out < 0.04, 0, out)


def render_triplet(
    directive: Directive,
    seed: int,
    failure: str,
    severity: float = 0.5,
    size: tuple[int, int] = (160, 96),
    cast: str = "any",
) -> Triplet:
    """Draw the three takes of a directive.

    Args:
        directive: what is asked; its deformations and smears are what ``flat`` leaves out.
        seed: as of ``render``; the same arguments give the same bytes.
        failure: one of :data:`FAILURES`.
        severity: 0..1; 0.5 makes the collapse as large as the intended deformation, 0 leaves it out.
        size, cast: as of ``render``.

    Raises:
        AniMatrixError: BAD_OPTION for an unknown failure or a severity out of range; what ``render`` raises.
    """
    _check(failure, severity)
    intended = Shot(directive, seed, size, cast)
    plan_ = matched(directive, seed, failure, severity, size, cast)
    a = intended.film()
    flat = intended.again(Take(flat=True))
    b = flat.film()
    c = flat.again(Take(True, plan_)).film()
    plain = _without_deformation(b[1].directive)
    b[1].directive = plain
    near = a[1].mask | b[1].mask | c[1].mask
    if plan_.strength > 0:
        c[1].failure_label = failure
        c[1].failure_map = _failure_map(c[0].frames, b[0].frames, near, plan_)
        c[1].events = sorted(
            [*c[1].events, Event("failure", plan_.onset, plan_.last, failure)],
            key=lambda e: (e.first, e.kind),
        )
    c[1].directive = plain
    return Triplet(
        a[1].directive, Take3(*a), Take3(*b), Take3(*c), failure, severity, plan_.strength, plan_.reach
    )


def _without_deformation(d: Directive) -> Directive:
    doc = d.model_dump(mode="json")
    for name in ("body_deformation", "smear_technique"):
        doc["tags"][name] = [{"value": "none", "span": None}]
    doc["tags"]["deformation_intensity"] = [{"value": "on_model", "span": None}]
    return Directive.model_validate(doc)


class TripletCorpus:
    """Infinite corpus of triplets: item i of a seed and split is the same bytes anywhere.

    Arguments as of ``Corpus``; designs of ``tune`` and ``report`` are held out.
    """

    def __init__(
        self,
        seed: int,
        split: str = "train",
        size: tuple[int, int] = (160, 96),
        frames: int = 33,
        fps: float = 24.0,
    ):
        if split not in SPLITS:
            raise AniMatrixError(
                Code.BAD_OPTION, f"unknown split '{split}'", did_you_mean(split, SPLITS) or ", ".join(SPLITS)
            )
        self.seed, self.split, self.size, self.frames, self.fps = seed, split, size, frames, fps

    def _plan(self, i: int) -> tuple[Directive, int, str, float, str, np.random.Generator]:
        key, cast = SPLITS[self.split]
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, key, i, 3])))
        shot_seed = int(rng.integers(1 << 48))
        tags = draw_exaggeration(rng, draw_tags(rng, self.frames, self.fps))
        kind = FAILURES[int(rng.integers(len(FAILURES)))]
        severity = float(rng.uniform(0.35, 0.65))
        doc = {"narrative": "", "tags": tags, "frames": self.frames, "fps": self.fps}
        return Directive.model_validate(doc), shot_seed, kind, severity, cast, rng

    def request(self, i: int) -> Directive:
        """The complete, told directive of item i, without drawing anything."""
        directive, seed, _, _, cast, rng = self._plan(int(i))
        scene = Shot(directive, seed, self.size, cast).scene
        return told(scene, complete(directive, scene), rng)

    def __getitem__(self, i: int) -> Triplet:
        directive, seed, kind, severity, cast, rng = self._plan(int(i))
        out = render_triplet(directive, seed, kind, severity, self.size, cast)
        scene = Shot(directive, seed, self.size, cast).scene
        said = told(scene, out.directive, rng)
        for take in (out.intended, out.flat, out.collapsed):
            take.truth.directive = take.truth.directive.model_copy(update={"narrative": said.narrative})
        return replace(out, directive=said)


__all__ = ["Take3", "Triplet", "TripletCorpus", "matched", "render_triplet"]
