"""Pairs of clips in the policy's latents: of the renderer's sets, of its own samples, of people's votes.

A pair is a winner and a loser under one directive, with what is known of it: in which latent frames they
differ, where they deform or fail, the gap of their rewards. Which pairs a step shows is a pure function of
the recipe, the step, and the multipliers of the floor: those raise the share of a deformation's
intended-over-flat pairs.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.media import read_clip
from animatrix.prefer.aligned import APART, ASKED, COUPLES, WANTS, AlignedSets, asked_of, on_grid
from animatrix.prefer.amplitude import deformation_map
from animatrix.prefer.merits import OVERALL, TAKES
from animatrix.prefer.policy_recipe import PolicyData, PolicyVotes, SamplesRecipe, SetShares
from animatrix.prefer.samples import Sampled, chance, clip_of_pair, layout_of_pair, read_manifest
from animatrix.prefer.voted import RATE, at_rate
from animatrix.prefer.votes import Vote, clips_in, read_votes, set_aside
from animatrix.train import draws
from animatrix.train.data.cards import windowed
from animatrix.train.data.framing import fitted
from animatrix.train.data.shards import Damage, read_tables, write_tables
from animatrix.train.plan import Draw

if TYPE_CHECKING:
    from animatrix.train.data.drafted import Drafts
    from animatrix.train.data.encoders import Encoder

logger = logging.getLogger("animatrix.prefer")
SETS, SAMPLES, VOTES = "sets", "samples", "votes"
EXPRESSION = "expression"
# kind of pair -> winner, loser, and what the directive wants
KINDS: dict[str, tuple[str, str, str]] = {
    "collapse": ("intended", "collapsed", "deformation"),
    EXPRESSION: ("intended", "flat", "deformation"),
    "flip": ("flat", "intended", "near_physical"),
    "flat": ("flat", "collapsed", "near_physical"),
}
KNOWN_GAP = 3.0  # reward gap of pairs whose winner follows from how they were made: a weight of 0.905
LEAST_VOTED = 0.3  # log odds of votes below which nobody won
# Dimensions of votes that speak of soundness, and of movement.
SOUND, MOVING = ("design_consistency", "finish_stability"), ("artistic_motion",)


@dataclass
class PairItem:
    """One pair. win, lose: bf16 [C,F,h,w]; text: bf16 [S,D]; labels: [F]; maps: [F,h,w] in [0,1]; gap;
    scores: of winner and loser in [0,100]; conflict: ``ours`` leaves it out; layout: [T,LAYOUT] of both
    clips, NaN or None where not known; draft: bf16 [C,F,h,w] of that layout, where the policy takes drafts.
    """

    name: str
    directive: Directive
    win: Tensor
    lose: Tensor
    text: Tensor
    labels: Tensor
    maps: Tensor
    gap: float
    scores: tuple[float, float]
    conflict: bool = False
    layout: Tensor | None = None
    draft: Tensor | None = None


def scores_of(gap: float) -> tuple[float, float]:
    """Winner's and loser's score in [0,100] of a gap of rewards alone, even about 50."""
    return 100 * chance(gap / 2), 100 * chance(-gap / 2)


class SetPairs:
    """Pairs of :class:`AlignedSets`; an index is a set, the draw's ``kind`` says which of its pairs."""

    def __init__(self, data: PolicyData, split: str, encoder: Encoder, drafts: Drafts | None = None) -> None:
        self.sets, self.drafts = AlignedSets(data, split, encoder), drafts

    def pair(self, number: int, kind: str) -> PairItem:
        found = self.sets[number]
        winner, loser, wanted = KINDS[kind]
        w, x = TAKES.index(winner), TAKES.index(loser)
        couple = next(i for i, c in enumerate(COUPLES) if set(c) == {winner, loser})
        maps = found.maps[[w, x]].amax(0).float() / 255
        asked, text, draft = found.wants[wanted], found.text[WANTS.index(wanted)], None
        if self.drafts is not None and found.layout.isfinite().all():
            key, size = f"{self.sets.folder.name}/{number:06d}", tuple(found.latents.shape[-2:])
            draft = self.drafts.latents(key, asked, text, found.layout, (size[0], size[1]))
        return PairItem(
            f"set {number} ({kind})",
            asked,
            found.latents[w],
            found.latents[x],
            text,
            (found.apart[couple] > APART).float(),
            maps,
            KNOWN_GAP,
            scores_of(KNOWN_GAP),
            layout=found.layout,
            draft=draft,
        )


class ClipPairs:
    """Pairs of clips in files, encoded once: what samples and votes share.

    Args:
        data: size and length that clips are brought to; a short one holds its last frame.
    """

    def __init__(self, data: PolicyData, encoder: Encoder, what: str) -> None:
        self.data, self.encoder = data, encoder
        (w, h), t = data.size, data.frames
        self.folder = Path(data.cache) / encoder.fingerprint / f"{what}-{w}x{h}x{t}-f1"

    def read(self, path: Path) -> np.ndarray:
        """The first frames of a clip ``uint8 [T,H,W,3]``."""
        clip = read_clip(path, max_frames=8 * self.data.frames)
        frames = at_rate(clip.frames, clip.fps)
        frames = frames[np.minimum(np.arange(self.data.frames), len(frames) - 1)]
        return np.stack([fitted(f, *self.data.size) for f in frames])

    def asked(self, directive: Directive) -> Directive:
        """The directive of those frames."""
        length = round(self.data.frames * directive.fps / RATE)
        return directive if directive.frames <= length else windowed(directive, 0, length)

    def tables(self, paths: tuple[Path, Path], narrative: str) -> dict[str, Tensor]:
        """latents [2,C,F,h,w], text [S,D] and map [F,h,w] in 255ths of a pair.

        Raises:
            AniMatrixError: FILE_UNREADABLE; what reading a clip raises.
        """
        digest = hashlib.blake2b(narrative.encode(), digest_size=12)
        for path in paths:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        kept = self.folder / f"{digest.hexdigest()}.safetensors"
        if not kept.exists():
            frames = np.stack([self.read(path) for path in paths])
            latents = self.encoder.latents(frames)
            shape = (latents.shape[2], latents.shape[3], latents.shape[4])
            maps = np.maximum(*(on_grid(deformation_map(f), shape) for f in frames))
            self.folder.mkdir(parents=True, exist_ok=True)
            text = self.encoder.text([narrative])[0]
            found = {
                "latents": latents,
                "text": text,
                "maps": torch.from_numpy(np.rint(255 * maps).astype(np.uint8)),
            }
            write_tables(kept, found)
        try:
            return read_tables(kept)
        except Damage as error:
            raise _unreadable(error) from None

    def item(
        self,
        name: str,
        directive: Directive,
        paths: tuple[Path, Path],
        gap: float,
        scores: tuple[float, float],
        conflict: bool,
    ) -> PairItem:
        asked = self.asked(directive)
        tables = self.tables(paths, asked.narrative)
        win, lose = tables["latents"]
        maps = tables["maps"].float() / 255
        return PairItem(
            name, asked, win, lose, tables["text"], torch.ones(len(maps)), maps, gap, scores, conflict
        )


def _unreadable(error: Damage) -> AniMatrixError:
    return AniMatrixError(Code.FILE_UNREADABLE, str(error), "remove it and run the same command again")


class SamplePairs:
    """Pairs of the model's own samples whose rewards differ by enough, told what they were painted on.

    Raises:
        AniMatrixError: FILE_MISSING, FILE_UNREADABLE, as :func:`read_manifest`.
    """

    def __init__(
        self, samples: SamplesRecipe, clips: ClipPairs, conflicting: bool, drafts: Drafts | None = None
    ) -> None:
        self.folder, self.clips, self.drafts = samples.folder, clips, drafts
        self.rows: list[Sampled] = [
            row
            for row in read_manifest(samples.folder)
            if row.best != row.worst and row.gap >= samples.least and (conflicting or not row.conflict)
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> PairItem:
        row = self.rows[index]
        win, lose = (row.candidates[i] for i in (row.best, row.worst))
        best, worst = (clip_of_pair(self.folder, row.number, which) for which in ("best", "worst"))
        scores = 100 * chance(win.reward), 100 * chance(lose.reward)
        name = f"samples {row.number}"
        item = self.clips.item(name, row.directive, (best, worst), row.gap, scores, row.conflict)
        path = layout_of_pair(self.folder, row.number)
        if not path.exists():
            return item
        try:
            item.layout = read_tables(path)["layout"]
        except Damage as error:
            raise _unreadable(error) from None
        if self.drafts is not None:
            told = f"{item.directive.canonical_json()} {item.layout.tolist()}".encode()
            key = f"{SAMPLES}/{hashlib.blake2b(told, digest_size=12).hexdigest()}"
            h, w = item.win.shape[-2:]
            item.draft = self.drafts.latents(key, item.directive, item.text, item.layout, (h, w))
        return item


@dataclass(frozen=True)
class Won:
    """What people said of two clips: ids of winner and loser, log odds, whether it is a conflict."""

    directive: Directive
    winner: str
    loser: str
    odds: float
    conflict: bool


def won(votes: Sequence[Vote]) -> list[Won]:
    """The pairs of clips that votes decide: by overall votes where there are some, else by all dimensions. A
    tie is half a vote for each, and everybody begins with half a vote.
    """
    groups: dict[tuple[str, str, str], list[Vote]] = {}
    for vote in votes:
        a, b = sorted((vote.a, vote.b))
        groups.setdefault((vote.directive.canonical_json(), a, b), []).append(vote)
    found = []
    for (_, a, b), group in groups.items():
        overall = [v for v in group if v.dimension == OVERALL]
        odds = log_odds(overall or group, a)
        if abs(odds) < LEAST_VOTED:
            continue
        sound, moving = (log_odds([v for v in group if v.dimension in some], a) for some in (SOUND, MOVING))
        winner, loser = (a, b) if odds > 0 else (b, a)
        found.append(Won(group[0].directive, winner, loser, abs(odds), sound * moving < 0))
    return found


def log_odds(votes: Sequence[Vote], clip: str) -> float:
    """ln of the votes for a clip over those for the other one."""
    mine = theirs = 0.5
    for vote in votes:
        if vote.choice in ("tie", "both_bad"):
            mine, theirs = mine + 0.5, theirs + 0.5
        elif (vote.a if vote.choice == "a" else vote.b) == clip:
            mine += 1
        else:
            theirs += 1
    return math.log(mine / theirs)


class VotePairs:
    """Pairs that people decided. Lines that are no votes are named; votes on unknown clips are kept aside."""

    def __init__(self, votes: PolicyVotes, clips: ClipPairs, conflicting: bool) -> None:
        self.clips, self.files = clips, clips_in(votes.clips)
        read = read_votes(votes.file)
        for line in read.refused:
            logger.warning("%s line %d refused: %s", votes.file, line.line, line.reason)
        known = set_aside(read, self.files, votes.file.with_suffix(".unknown.jsonl"))
        self.rows = [row for row in won(known) if conflicting or not row.conflict]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> PairItem:
        row = self.rows[index]
        paths = self.files[row.winner], self.files[row.loser]
        return self.clips.item(
            f"votes {index}", row.directive, paths, row.odds, scores_of(row.odds), row.conflict
        )


class Pairs:
    """All pairs of a recipe, and which of them a step shows.

    Args:
        conflicting: keep pairs over which soundness and movement oppose (the baselines do).
        drafts: of what is in the sets, for a policy that takes drafts.

    Raises:
        AniMatrixError: FILE_MISSING and the like for samples and votes; BAD_RECIPE where a source has none.
    """

    def __init__(
        self,
        data: PolicyData,
        encoder: Encoder,
        seed: int,
        conflicting: bool,
        drafts: Drafts | None = None,
    ) -> None:
        self.data, self.seed = data, seed
        self.sets = SetPairs(data, "train", encoder, drafts)
        self.others: dict[str, SamplePairs | VotePairs] = {}
        if data.samples is not None:
            clips = ClipPairs(data, encoder, SAMPLES)
            self.others[SAMPLES] = SamplePairs(data.samples, clips, conflicting, drafts)
        if data.votes is not None:
            self.others[VOTES] = VotePairs(data.votes, ClipPairs(data, encoder, VOTES), conflicting)
        for name, source in self.others.items():
            if not len(source):
                raise AniMatrixError(Code.BAD_RECIPE, f"data.{name}: there is no pair to learn from")

    def draws(self, step: int, count: int, multipliers: Mapping[str, float]) -> tuple[Draw, ...]:
        """The pairs of a step."""
        shares = [
            (name, part.share)
            for name, part in ((SAMPLES, self.data.samples), (VOTES, self.data.votes))
            if part is not None
        ]
        cells = cells_of(self.data.shares, self.data.sets.train, multipliers)
        names, weights = list(cells), np.cumsum(list(cells.values()))
        found = []
        for place in range(count):
            rng = draws.rng(self.seed, "pairs", step, place)
            u, cell, item = rng.random(3)
            source, kind, index = SETS, "", 0
            for name, share in shares:
                if u < share:
                    source = name
                    break
                u -= share
            if source == SETS:
                at = min(int(np.searchsorted(weights, cell * weights[-1], "right")), len(names) - 1)
                kind, asked = names[at]
                its = range(ASKED.index(asked), self.data.sets.train, len(ASKED))
                index = its[int(item * len(its))]
            else:
                index = int(item * len(self.others[source]))
            found.append(Draw(step, place, source, index, kind))
        return tuple(found)

    def load(self, draw: Draw) -> PairItem:
        if draw.source == SETS:
            return self.sets.pair(draw.index, draw.kind)
        return self.others[draw.source][draw.index]


def cells_of(shares: SetShares, count: int, multipliers: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """Weight of each kind of pair of each deformation that ``count`` sets hold. The multiplier of a
    deformation raises its intended-over-flat pairs.
    """
    asked = [asked_of(number) for number in range(min(count, len(ASKED)))]
    return {
        (kind, tag): getattr(shares, kind)
        * (1 + (multipliers.get(tag, 0.0) if kind == EXPRESSION else 0.0))
        / len(asked)
        for kind in KINDS
        for tag in asked
        if getattr(shares, kind) > 0
    }
