"""Cases with known answers: synthetic shots encoded as real footage is, and what a caption of them scores.

    for case in cases("train", "palette", 60, Path("runs/cases")):
        outcome = score(case, caption(case.path)[0], "palette")

The ruler of every measure: thresholds are fitted on ``train``, confidences calibrated on ``tune``, and
figures reported on ``report``, whose seeds and designs neither of the others has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from animatrix.caption.agreement import agrees
from animatrix.caption.shots import ShotCaption
from animatrix.media import write_video
from animatrix.media.write import Encoding
from animatrix.synthetic import Corpus

SEED = 4_000_000


@dataclass(frozen=True)
class Profile:
    """How a case is shot and encoded: picture size, frame rate, length in frames, codec and its quality."""

    size: tuple[int, int]
    fps: float
    frames: int
    codec: str
    crf: int

    @property
    def suffix(self) -> str:
        return ".mkv" if self.codec == "ffv1" else ".mp4"

    @property
    def name(self) -> str:
        return f"{self.size[1]}p-{self.fps:g}fps-{self.codec}-{self.crf}"

    def encoding(self) -> Encoding | None:
        if self.codec == "ffv1":
            return None
        options = {"crf": str(self.crf), "preset": "veryfast"}
        if self.codec == "libx265":
            options["x265-params"] = "log-level=none:pools=none"
        return Encoding("mp4", self.codec, "yuv420p", options, {})


NANO = Profile((160, 96), 24, 33, "ffv1", 0)
PROFILES: tuple[Profile, ...] = (
    NANO,
    Profile((640, 360), 24, 36, "libx264", 18),
    Profile((640, 360), 24, 48, "libx264", 28),
    Profile((160, 96), 24, 25, "ffv1", 0),
    Profile((854, 480), 24, 36, "libx265", 24),
    Profile((640, 360), 30, 45, "libx264", 23),
    NANO,
    Profile((640, 360), 24, 60, "libx264", 32),
    Profile((1280, 720), 24, 36, "libx264", 23),
    Profile((640, 360), 12, 24, "libx264", 20),
    Profile((640, 360), 24, 36, "libx265", 30),
    Profile((1920, 1080), 24, 33, "libx264", 20),
)
# Fields in which the studio draws nothing unless it is asked to; elsewhere silence is not a claim.
DRAWN_ONLY_WHEN_ASKED: dict[str, str] = {
    "transition": "none",
    "light_effect": "none",
    "manga_symbol": "none",
    "power_effect": "none",
    "shading_treatment": "none",
    "time_treatment": "real_time",
}
# Joins at which a file of one directive holds two shots; the hit of a repeated action is three.
PARTING = frozenset({"dissolve", "wipe", "swish_transition", "punch_cut"})
Outcome = Literal["right", "wrong", "abstained", "unknown"]


@dataclass(frozen=True)
class Case:
    """A file and what is in it: ``truth`` field -> [(value, span or None)], spans counted at 24 fps."""

    path: Path
    profile: Profile
    truth: dict[str, list[tuple[str, tuple[int, int] | None]]]

    def values(self, field: str) -> list[str] | None:
        """The field's true values, or None when the truth makes no claim."""
        if field in self.truth:
            return [value for value, _ in self.truth[field]]
        return [DRAWN_ONLY_WHEN_ASKED[field]] if field in DRAWN_ONLY_WHEN_ASKED else None

    @property
    def most_shots(self) -> int:
        """Shots the file may be parted into: one more than it has joins of two pictures."""
        repeats = "repeated_action" in (self.values("time_treatment") or [])
        return 1 + len(PARTING & set(self.values("transition") or [])) + 2 * repeats

    def caption(self, shots: Sequence[ShotCaption], field: str) -> ShotCaption | None:
        """What the captions of the file's shots say of it: of its joins all together, of all else the
        longest. None when there are more shots than joins."""
        if len(shots) > self.most_shots:
            return None
        longest = max(shots, key=lambda shot: shot.frames)
        if field != "transition" or len(shots) == 1:
            return longest
        tags = [tag for shot in shots for tag in shot.tags.get(field, [])]
        named = [tag for tag in tags if tag.value != "none"] or tags
        return replace(longest, tags={**longest.tags, field: named} if named else longest.tags)


def cases(
    split: str, field: str, count: int, folder: Path, profiles: tuple[Profile, ...] = PROFILES
) -> Iterator[Case]:
    """``count`` cases of a split, drawn once into ``folder`` and read from there afterwards.

    Two in three stage a value of ``field``; the others are shots of the everyday world, where most fields
    have their usual value. Case i is the same whatever else is asked for.
    """
    for i in range(count):
        # One on with every round, so that no profile meets only staged or only everyday shots.
        profile = profiles[(i + i // len(profiles)) % len(profiles)]
        home = folder / split / (field if i % 3 < 2 else "everyday")
        home.mkdir(parents=True, exist_ok=True)
        path = home / f"{i:04d}-{profile.name}-{profile.frames}{profile.suffix}"
        label = path.with_suffix(".json")
        if not label.exists():
            _draw(split, field, i, profile, path, label)
        tags: dict[str, Any] = json.loads(label.read_text())
        truth = {
            name: [(tag["value"], tuple(tag["span"]) if tag["span"] else None) for tag in found]
            for name, found in tags.items()
        }
        yield Case(path, profile, truth)


def _draw(split: str, field: str, i: int, profile: Profile, path: Path, label: Path) -> None:
    wide = i % 3 < 2
    corpus = Corpus(
        SEED,
        split,
        profile.size,
        profile.frames,
        profile.fps,
        world="wide" if wide else "everyday",
        field=field if wide else None,
    )
    sample = corpus[i]
    write_video(sample.clip, path, lossless=profile.codec == "ffv1", encoding=profile.encoding())
    label.write_text(json.dumps(json.loads(sample.directive.canonical_json())["tags"]))


def score(case: Case, found: ShotCaption, field: str, frames_off: int = 1) -> Outcome:
    """What a caption's answer in one field is worth.

    Values are compared as sets; in a field of frame scope (impact frames) each span must also lie within
    ``frames_off`` of the true one at both ends. ``unknown``: the truth makes no claim.
    """
    true = case.values(field)
    if true is None:
        return "unknown"
    if field not in found.tags:
        return "abstained"
    tags = found.tags[field]
    layers = [value for value, _ in case.truth.get("layer_parallax", [])]
    if not agrees(field, true, [tag.value for tag in tags], layers):
        return "wrong"
    if field == "impact_frame":
        wanted = sorted(span for _, span in case.truth.get(field, []) if span)
        read = sorted(tag.span for tag in tags if tag.value != "none")
        if len(wanted) != len(read):
            return "wrong"
        for (a, b), (c, d) in zip(wanted, read, strict=True):
            if abs(a - c) > frames_off or abs(b - d) > frames_off:
                return "wrong"
    return "right"
