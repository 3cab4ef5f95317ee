"""What is followed while a policy is tuned: clips of held-out directives, judged beside the reference's.

Always the same directives and noise, few steps. Every deformation is made twice, asked for and not, from the
same noise: what differs is its amplitude.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from animatrix.knowledge import Directive
from animatrix.media import Clip
from animatrix.prefer.aligned import asked_of, held_out
from animatrix.prefer.floor import change, passes, retention
from animatrix.prefer.policy_recipe import PolicyData, ProbeRecipe
from animatrix.prefer.samples import reward_of
from animatrix.prefer.shown import at_most
from animatrix.train import draws

if TYPE_CHECKING:
    from animatrix.prefer.judging import JudgeOfClips

FIRST = 2_000_000  # number of the first held-out directive, which no set has
Sample = Callable[[list[Directive], list[int]], list[Clip]]


@dataclass(frozen=True)
class Watched:
    """A held-out directive's clip: how much it deforms, and, where there is a judge, calibrated reward and
    probability of failure.
    """

    amplitude: float
    reward: float | None = None
    failure: float | None = None


class Monitor:
    """See the module's text.

    Args:
        tags: the most that the model takes; judge: None: amplitudes only.
    """

    def __init__(
        self, data: PolicyData, probe: ProbeRecipe, seed: int, tags: int, judge: JudgeOfClips | None
    ) -> None:
        self.judge = judge
        numbers = range(FIRST, FIRST + probe.clips)
        both = [held_out(data.seed, "tune", n, data.frames, data.size, data.scenes) for n in numbers]
        self.tags = [asked_of(n) for n in numbers]
        self.asked, self.plain = ([at_most(pair[i], tags) for pair in both] for i in (0, 1))
        self.seeds = [draws.number(seed, "monitor", n) >> 1 for n in numbers]
        self.reference: list[Watched] = []

    def watch(self, sample: Sample) -> list[Watched]:
        """The clips of a model."""
        clips, twins = sample(self.asked, self.seeds), sample(self.plain, self.seeds)
        return [self._watched(*row) for row in zip(clips, twins, self.asked, strict=True)]

    def _watched(self, clip: Clip, twin: Clip, directive: Directive) -> Watched:
        amplitude = change(clip.frames, twin.frames)
        if self.judge is None:
            return Watched(amplitude)
        verdict = self.judge.score(clip, directive)
        return Watched(amplitude, reward_of(verdict), verdict.failure)

    def retained(self, seen: Sequence[Watched]) -> dict[str, float]:
        """Retention by deformation, over clips that are sound; NaN for one that has none."""
        found: dict[str, list[tuple[float, float]]] = {tag: [] for tag in self.tags}
        for tag, mine, its in zip(self.tags, seen, self.reference, strict=True):
            if passes(mine.failure, its.failure):
                found[tag].append((mine.amplitude, its.amplitude))
        return {tag: retention(rows) for tag, rows in found.items()}

    def figures(self, seen: Sequence[Watched]) -> dict[str, float]:
        """Win rate against the reference (ties count half), collapse rates, expressiveness kept: over all
        deformations, of the one that kept least, and of each.
        """
        found: dict[str, float] = {}
        if self.judge is not None and seen:
            gaps = np.array(
                [_known(a.reward) - _known(b.reward) for a, b in zip(seen, self.reference, strict=True)]
            )
            found["win_rate"] = float((gaps > 0).mean() + 0.5 * (gaps == 0).mean())
            found["collapse"] = float(np.mean([_known(s.failure) >= 0.5 for s in seen]))
            found["collapse_reference"] = float(np.mean([_known(s.failure) >= 0.5 for s in self.reference]))
        kept = {tag: value for tag, value in self.retained(seen).items() if np.isfinite(value)}
        if kept:
            found["kept"] = float(np.median(list(kept.values())))
            found["kept_least"] = min(kept.values())
        return found | {f"kept/{tag}": value for tag, value in kept.items()}

    def state_dict(self) -> list[dict[str, Any]]:
        return [asdict(one) for one in self.reference]

    def load_state_dict(self, state: Sequence[Mapping[str, Any]]) -> None:
        self.reference = [Watched(**one) for one in state]


def _known(value: float | None) -> float:
    assert value is not None
    return value
