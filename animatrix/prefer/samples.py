"""Pairs of the model's own samples: some clips of each directive, judged, the best against the worst.

    <folder>/000012.json            the record: directive, candidates with seeds and verdicts, who made them
    <folder>/000012-best.mkv, 000012-worst.mkv      lossless
    <folder>/000012-layout.safetensors              what stands where in all of them, for a model on a stand
    <folder>/manifest.jsonl         all records, when all are made

All candidates of a directive share its layout: what they differ in is then what the model that is tuned did.
A record is written last, so that the same command goes on where it was cut off.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from animatrix.errors import AniMatrixError, Code, first_mistake
from animatrix.knowledge import Directive
from animatrix.media import Clip, write_video
from animatrix.media.door import regular_file, written_whole
from animatrix.prefer.aligned import asked_of, held_out
from animatrix.prefer.pairs import MATCHED, read_rows
from animatrix.prefer.sets import energy
from animatrix.prefer.shown import at_most
from animatrix.prefer.votes import to_directive
from animatrix.train.data.shards import write_tables

if TYPE_CHECKING:
    from animatrix.prefer.judging import JudgeOfClips, Verdict
    from animatrix.prefer.policy_recipe import PolicyData

UNSURE = 0.2  # gap of integrity, in logits, below which it tells nothing
MANIFEST = "manifest.jsonl"
PLAIN = 5  # one in so many directives asks for nothing deformed
FIRST = 1_000_000  # number of the first directive: no set of the renderer has it


class Sampler(Protocol):
    """Makes clips of directives with seeds, one each; ``layout`` [T,LAYOUT] is what stands where in all."""

    def __call__(
        self, directives: list[Directive], seeds: list[int], layout: torch.Tensor | None = None
    ) -> list[Clip]: ...

    def layout(self, directive: Directive, seed: int) -> torch.Tensor | None:
        """A layout [T,LAYOUT], drawn with a seed; nothing of a model without a layout artist."""
        ...


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Candidate(_Row):
    """One clip: its seed, its calibrated reward, its dimensions and probability of failure in [0,1], and how
    much moves from frame to frame, in levels.
    """

    seed: int
    reward: float
    dimensions: dict[str, float]
    failure: Annotated[float, Field(ge=0, le=1)]
    energy: Annotated[float, Field(ge=0)]


class Sampled(_Row):
    """A pair of samples. ``best``, ``worst``: places among the candidates; ``gap``: of their rewards;
    ``conflict``: they part over integrity and movement in opposite senses.
    """

    number: int
    asked: str
    directive: Annotated[Directive, BeforeValidator(to_directive)]
    candidates: list[Candidate]
    best: int
    worst: int
    gap: Annotated[float, Field(ge=0)]
    conflict: bool
    model: str
    judge: str
    steps: int | None
    guidance: float | None


def logit(p: float) -> float:
    """Log odds of a probability."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def chance(odds: float) -> float:
    """The probability of log odds."""
    return 1 / (1 + math.exp(-min(max(odds, -60.0), 60.0)))


def reward_of(verdict: Verdict) -> float:
    """A verdict as one number on the calibrated scale: the mean log odds of its dimensions."""
    return sum(map(logit, verdict.dimensions.values())) / len(verdict.dimensions)


def conflicts(integrity: float, movement: float) -> bool:
    """Whether a winner is sounder and moves less than its loser, or the other way round: nobody can say what
    such a pair teaches. Both are winner less loser: log odds of being sound, ln of the energy.
    """
    return integrity * movement < 0 and abs(integrity) > UNSURE and abs(movement) > MATCHED


def record(
    number: int,
    asked: str,
    directive: Directive,
    clips: Sequence[Clip],
    seeds: Sequence[int],
    jury: JudgeOfClips,
    **made: Any,
) -> Sampled:
    """Judge the candidates of a directive that asks for the deformation ``asked``, or for none; ties keep
    their order.
    """
    found = []
    for clip, seed in zip(clips, seeds, strict=True):
        verdict = jury.score(clip, directive)
        dimensions = {name: round(value, 4) for name, value in verdict.dimensions.items()}
        found.append(
            Candidate(
                seed=seed,
                reward=round(reward_of(verdict), 4),
                dimensions=dimensions,
                failure=round(verdict.failure, 4),
                energy=round(energy(clip.frames), 4),
            )
        )
    order = sorted(range(len(found)), key=lambda i: -found[i].reward)
    best, worst = found[order[0]], found[order[-1]]
    sound = logit(worst.failure) - logit(best.failure)
    movement = math.log((best.energy + 1e-3) / (worst.energy + 1e-3))
    return Sampled(
        number=number,
        asked=asked,
        directive=directive,
        candidates=found,
        best=order[0],
        worst=order[-1],
        gap=round(best.reward - worst.reward, 4),
        conflict=bool(asked) and conflicts(sound, movement),  # where none is asked for, less of it is no loss
        **made,
    )


def as_line(row: Sampled) -> str:
    document = row.model_dump(mode="json", exclude={"directive"})
    return json.dumps(document | {"directive": row.directive.canonical()}, ensure_ascii=False)


def read_record(path: Path) -> Sampled:
    """Raises AniMatrixError FILE_MISSING, FILE_UNREADABLE naming file and field."""
    try:
        return Sampled.model_validate_json(regular_file(path).read_bytes())
    except ValidationError as error:
        raise AniMatrixError(
            Code.FILE_UNREADABLE,
            f"{path} is no record of samples: {first_mistake(error)}",
            "remove it and run the same command again",
        ) from None


def record_of(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.json"


def clip_of_pair(folder: Path, number: int, which: str) -> Path:
    return folder / f"{number:06d}-{which}.mkv"


def layout_of_pair(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}-layout.safetensors"


def make_samples(
    data: PolicyData,
    sample: Sampler,
    judge: JudgeOfClips,
    model: str,
    judged_by: str,
    tags: int,
    tell: Callable[[str], None] = lambda line: None,
) -> int:
    """Make and judge what is missing; returns how many directives were.

    Args:
        model, judged_by: revisions of both, for the records; tags: the most that the model takes.
    """
    settings = data.samples
    assert settings is not None
    settings.folder.mkdir(parents=True, exist_ok=True)
    made = 0
    for number in range(settings.directives):
        path = record_of(settings.folder, number)
        if path.exists():
            found = read_record(path)
            if (found.model, found.judge) != (model, judged_by):
                raise AniMatrixError(
                    Code.BAD_OPTION,
                    f"{path} was made by {found.model} and judged by {found.judge}, "
                    f"not {model} and {judged_by}",
                    "give another data.samples.folder",
                )
            continue
        asked, plain = held_out(data.seed, "train", FIRST + number, data.frames, data.size, data.scenes)
        none = number % PLAIN == PLAIN - 1
        directive = at_most(plain if none else asked, tags)
        first = settings.seed + 1000 * number
        seeds = [first + i for i in range(settings.candidates)]
        layout = sample.layout(directive, first)
        clips = sample([directive] * len(seeds), seeds, layout)
        row = record(
            number, "" if none else asked_of(FIRST + number), directive, clips, seeds, judge,
            model=model, judge=judged_by, steps=settings.steps, guidance=settings.guidance,
        )  # fmt: skip
        for which, place in (("best", row.best), ("worst", row.worst)):
            write_video(clips[place], clip_of_pair(settings.folder, number, which), lossless=True)
        if layout is not None:
            write_tables(layout_of_pair(settings.folder, number), {"layout": layout})
        with written_whole(path) as temporary:
            temporary.write_text(as_line(row) + "\n", "utf-8")
        made += 1
        tell(f"directive {number + 1} of {settings.directives}: gap {row.gap:.2f}")
    lines = [as_line(read_record(record_of(settings.folder, n))) for n in range(settings.directives)]
    with written_whole(settings.folder / MANIFEST) as temporary:
        temporary.write_text("".join(line + "\n" for line in lines), "utf-8")
    return made


def read_manifest(folder: Path) -> list[Sampled]:
    """All records of a folder.

    Raises:
        AniMatrixError: FILE_MISSING before all are made; FILE_UNREADABLE, naming the line.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise AniMatrixError(
            Code.FILE_MISSING, f"{path} does not exist", "make it with: animatrix prefer samples RECIPE"
        )
    return read_rows(path, Sampled)


class PipelineSampler:
    """What :func:`make_samples` takes, of a pipeline: each clip is what it would be alone. Without ``steps``
    and ``guidance``, as the model's clips are usually made.
    """

    def __init__(
        self,
        pipe: Any,
        size: tuple[int, int],
        steps: int | None = None,
        guidance: float | None = None,
        batch: int = 8,
    ) -> None:
        self.pipe, self.size, self.steps, self.guidance, self.batch = pipe, size, steps, guidance, batch
        pipe.set_progress_bar_config(disable=True)

    def __call__(
        self, directives: list[Directive], seeds: list[int], layout: torch.Tensor | None = None
    ) -> list[Clip]:
        from animatrix.generate.run import clip_of

        clips = []
        for start in range(0, len(seeds), self.batch):
            some = slice(start, start + self.batch)
            made = self.pipe(
                directives[some],
                width=self.size[0],
                height=self.size[1],
                num_inference_steps=self.steps,
                guidance_scale=self.guidance,
                layout=None if layout is None else layout.expand(len(seeds[some]), -1, -1),
                generator=[torch.Generator().manual_seed(s) for s in seeds[some]],
            ).frames
            clips += [clip_of(frames) for frames in made]
        return clips

    def layout(self, directive: Directive, seed: int) -> torch.Tensor | None:
        from animatrix.generate.ground import drawn

        with torch.no_grad():
            found = drawn(self.pipe, [directive], torch.Generator().manual_seed(seed))
        return None if found is None else found[0]
