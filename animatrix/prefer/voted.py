"""Pairs that people voted on, with the frames of their clips at the size that is trained on."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animatrix.knowledge import Directive
from animatrix.media import read_clip
from animatrix.prefer.pairs import Member, Pair
from animatrix.prefer.recipe import PairData, VotesRecipe
from animatrix.prefer.sets import CELL, SLOT, to_planes
from animatrix.prefer.votes import clips_in, pairs_of_votes, read_votes, set_aside
from animatrix.train.data.cards import windowed
from animatrix.train.data.framing import fitted

if TYPE_CHECKING:
    from animatrix.prefer.shown import Shown

logger = logging.getLogger("animatrix.prefer")
RATE = 24.0


def at_rate(frames: np.ndarray, fps: float, rate: float = RATE) -> np.ndarray:
    """Frames at another rate: each shown when it was, none blended."""
    if abs(fps - rate) < 0.01:
        return frames
    count = max(1, round(len(frames) * rate / fps))
    return frames[np.minimum((np.arange(count) * fps / rate).astype(int), len(frames) - 1)]


class VotedPairs:
    """Samples of votes: two clips under a directive, and every vote on them.

    Lines that are no votes are named in the log; votes on clips that are not there go to
    ``<votes>.unknown.jsonl`` beside the votes.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_UNREADABLE.
    """

    def __init__(self, votes: VotesRecipe, data: PairData) -> None:
        self.data = data
        self.clips = clips_in(votes.clips)
        read = read_votes(votes.file)
        for line in read.refused:
            logger.warning("%s line %d refused: %s", votes.file, line.line, line.reason)
        aside = votes.file.with_suffix(".unknown.jsonl")
        known = set_aside(read, self.clips, aside)
        if len(known) < len(read.votes):
            logger.warning("%d votes on unknown clips kept in %s", len(read.votes) - len(known), aside)
        self.directives: dict[str, Directive] = {}
        self.groups: list[list[Pair]] = []
        for vote, pair in zip(known, pairs_of_votes(known), strict=True):
            self.directives[pair.directive] = vote.directive
            if pair.provenance.number == len(self.groups):
                self.groups.append([])
            self.groups[pair.provenance.number].append(pair)
        self._planes = functools.lru_cache(maxsize=256)(self._read)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, index: int) -> Shown:
        from animatrix.prefer.shown import Shown

        pairs = self.groups[index]
        first = pairs[0]
        members = [Member(clip=m.clip) for m in (first.first, first.second)]
        planes = np.stack([self._planes(m.clip) for m in members])
        w, h = self.data.size
        cells = (len(members), -(-(self.data.frames - 1) // SLOT) + 1, h // CELL, w // CELL)
        asked = self.directives[first.directive]
        length = round(self.data.frames * asked.fps / RATE)
        if asked.frames > length:
            asked = windowed(asked, 0, length)
        return Shown(f"votes/{index}", asked, members, planes, np.zeros(cells, np.uint8), pairs)

    def _read(self, clip: str) -> np.ndarray:
        """The first frames of a clip as planes; a short one holds its last frame."""
        read = read_clip(Path(self.clips[clip]), max_frames=8 * self.data.frames)
        frames = at_rate(read.frames, read.fps)
        frames = frames[np.minimum(np.arange(self.data.frames), len(frames) - 1)]
        return to_planes(np.stack([fitted(f, *self.data.size) for f in frames]))


__all__ = ["VotedPairs", "at_rate"]
