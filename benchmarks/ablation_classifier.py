"""Adherence without sampling: which value of a field does a model believe a clip was asked for with?

A diffusion classifier (Li et al. 2303.16203): the loss of a held-out clip is computed with each candidate
value in place of the true one, at the same timesteps with the same noise. A model that heeds the field has
the least loss with the true value. Where several candidates share the least loss, each is credited alike, so
that a model that is told nothing gets exactly 1 / candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from animatrix.knowledge import Directive, Tag
from animatrix.media.door import written_whole
from animatrix.synthetic import Corpus
from animatrix.synthetic.narrative import TAG_WORDS, narrate
from animatrix.train import draws
from animatrix.train.conditions import Place
from animatrix.train.data.cards import read_directive, windowed
from animatrix.train.data.encoders import NanoEncoder
from animatrix.train.data.framing import fitted
from animatrix.train.data.samples import Item
from animatrix.train.data.shards import read_tables, write_tables

TIMESTEPS = (0.35, 0.55, 0.75, 0.9)
CLASSIFY_STEP = -2  # the "step" of these samples: noise that no training and no probe has
SEED = 9_100_000  # of the corpus the clips are drawn from
FRAMES = 25
SIZE = (80, 48)
STARTS = 5  # places in the shot an impact frame may be believed at
APART = 4  # frames between them

TIE = 1e-6  # relative; the same candidate at another place of a batch may differ in the last bits

LossOf = Callable[[Sequence[Item], Sequence[Place], Sequence[float]], Tensor]


@dataclass(frozen=True)
class Question:
    """A field whose value is guessed.

    Args:
        field: of the taxonomy.
        values: candidates. For ``when``, the true value at other frames instead.
        per_value: clips of each.
        first_frame: whether the model is shown it: then only what moves tells.
        without: fields that would give the value away, or contradict a candidate; nobody is told them.
    """

    field: str
    values: tuple[str, ...]
    per_value: int
    first_frame: bool = True
    without: tuple[str, ...] = ()
    when: bool = False


IMPACTS = ("white_frame", "black_frame", "inverted_frame", "tint_frame", "silhouette_frame",
           "ink_sketch_frame", "burst_frame")  # fmt: skip
QUESTIONS: dict[str, Question] = {
    "camera_move": Question(
        "camera_move",
        ("fix", "pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back", "follow"),
        12,
        without=("move_speed", "layer_parallax"),
    ),
    "drawing_cadence": Question(
        "drawing_cadence",
        ("ones", "twos", "threes", "fours_or_slower", "still"),
        16,
        without=("limited_technique", "motion_energy"),
    ),
    "palette": Question(
        "palette",
        ("natural", "vivid", "pastel", "muted", "monochrome"),
        16,
        first_frame=False,
        without=("lighting",),
    ),
    "impact_frame": Question("impact_frame", IMPACTS, 12, without=("camera_shake",)),
    "impact_time": Question("impact_frame", IMPACTS, 12, without=("camera_shake",), when=True),
    "body_deformation": Question(
        "body_deformation",
        ("none", "squash_stretch"),
        32,
        without=("deformation_intensity", "motion_principle"),
    ),
    "graphic_device": Question("graphic_device", ("none", "focus_lines"), 32, first_frame=False),
}


@dataclass(frozen=True)
class Clip:
    """An item of the evaluation: its directive (of the frames shown, narrative without tags), latents."""

    directive: Directive
    latents: Tensor


def value_of(directive: Directive, field: str) -> str:
    """The only value of a field, or nothing."""
    found = directive.tags.get(field, ())
    return found[0].value if len(found) == 1 else ""


def askable(question: Question, directive: Directive) -> str:
    """The value that a clip may be asked for, or nothing."""
    value = value_of(directive, question.field)
    if value not in question.values:
        return ""
    span = directive.tags[question.field][0].span
    return value if (span is not None) == (question.field == "impact_frame") else ""


def candidates(question: Question, directive: Directive) -> list[tuple[str, Directive]]:
    """(name, directive) of every candidate, the true one first."""
    tags = {name: found for name, found in directive.tags.items() if name not in question.without}
    true = tags[question.field][0]
    if question.when:
        assert true.span is not None
        start, length = true.span[0], true.span[1] - true.span[0]
        first = 2 + (start - 2) % APART
        starts = [start, *(s for s in range(first, first + STARTS * APART, APART) if s != start)]
        options = [Tag(true.value, (s, s + length)) for s in starts]
        names = [f"@{s}" for s in starts]
    else:
        names = [true.value, *(value for value in question.values if value != true.value)]
        options = [Tag(name, true.span) for name in names]
    return [
        (name, directive.model_copy(update={"tags": {**tags, question.field: (tag,)}}))
        for name, tag in zip(names, options, strict=True)
    ]


def in_narrative(question: Question, name: str, directive: Directive) -> str:
    """The narrative with a sentence for the candidate, for a model of text alone; nothing is added for what
    the studio's narratives have no words for.
    """
    words = TAG_WORDS.get(question.field, {}).get(name, ())
    return f"{directive.narrative} {words[0]}" if words else directive.narrative


def credit(losses: np.ndarray) -> np.ndarray:
    """[N,K] losses, the true candidate first, to credit [N] in [0, 1]."""
    tied = losses <= losses.min(1, keepdims=True) * (1 + TIE)
    return np.where(tied[:, 0], 1 / tied.sum(1), 0.0)


def ask(
    question: Question,
    clips: Sequence[Clip],
    loss_of: LossOf,
    text_of: Callable[[str], Tensor],
    written: bool = False,
    batch: int = 32,
) -> np.ndarray:
    """Losses [N,K] of clips with the candidates of a question, the true one first.

    Args:
        clips: to each of which the question applies.
        loss_of: losses [B] of items with the noise of their places at timesteps.
        text_of: states [S,D] of a narrative.
        written: put candidates into the narrative, too.
    """
    rows: list[tuple[Item, Place, float]] = []
    for number, clip in enumerate(clips):
        for name, directive in candidates(question, clip.directive):
            text = text_of(in_narrative(question, name, directive) if written else directive.narrative)
            none = torch.zeros(0, *clip.latents[:, 0].shape), torch.zeros(0, dtype=torch.long)
            item = Item(name, directive, clip.latents, *none, text)
            rows += [(item, (CLASSIFY_STEP, 100 * number + i), t) for i, t in enumerate(TIMESTEPS)]
    found = []
    for start in range(0, len(rows), batch):
        items, at, t = zip(*rows[start : start + batch], strict=True)
        found.append(loss_of(items, at, t))
    return torch.cat(found).double().reshape(len(clips), -1, len(TIMESTEPS)).mean(2).numpy()


# Clips


def chosen(split: str, limit: int = 4000) -> dict[str, list[int]]:
    """Numbers of the corpus items of each question: of every value the first ``per_value``, clips that
    another question has already taken first.
    """
    corpus = Corpus(SEED, split, frames=33)
    wanted = {(name, value): q.per_value for name, q in QUESTIONS.items() for value in q.values}
    found: dict[str, list[int]] = {name: [] for name in QUESTIONS}
    for i in range(limit):
        if not any(wanted.values()):
            break
        directive = windowed(corpus.request(i), 0, FRAMES)
        asks = [(n, v) for n, q in QUESTIONS.items() if (v := askable(q, directive)) and timely(q, directive)]
        if any(wanted[ask] for ask in asks):
            for name, value in asks:
                if wanted[name, value]:
                    wanted[name, value] -= 1
                    found[name].append(i)
    return found


def timely(question: Question, directive: Directive) -> bool:
    """Whether an impact frame lies whole among the frames shown, and where candidates are."""
    if question.field != "impact_frame":
        return True
    first, last = directive.tags["impact_frame"][0].span or (0, 0)
    return 2 <= first < 2 + STARTS * APART and last < FRAMES - 1


def make_clips(folder: Path, split: str, encoder: NanoEncoder, fingerprint: str) -> dict[str, list[Clip]]:
    """The clips of every question, drawn and encoded once."""
    lines, table = folder / f"{split}.jsonl", folder / f"{split}.{fingerprint}.safetensors"
    numbers = chosen(split)
    union = sorted({i for found in numbers.values() for i in found})
    if not (lines.exists() and table.exists()):
        corpus, directives, latents = Corpus(SEED, split, frames=33), [], []
        for i in union:
            sample = corpus[i]
            rng = draws.rng(SEED, "narrative", i)
            plain = narrate(sample.scene, sample.directive, rng, "complement")
            directives.append(sample.directive.model_copy(update={"narrative": plain}).canonical_json())
            frames = np.stack([fitted(frame, *SIZE) for frame in sample.clip.frames])
            latents.append(encoder.latents(frames[None])[0])
        folder.mkdir(parents=True, exist_ok=True)
        write_tables(table, {"latents": torch.stack(latents)})
        with written_whole(lines) as temporary:
            temporary.write_text("\n".join(directives), "utf-8")
    stored = read_tables(table)["latents"][:, :, : (FRAMES - 1) // 4 + 1]
    asked = [windowed(read_directive(line), 0, FRAMES) for line in lines.read_text("utf-8").splitlines()]
    row = {i: n for n, i in enumerate(union)}
    return {
        name: [Clip(asked[row[i]], stored[row[i]]) for i in found if askable(QUESTIONS[name], asked[row[i]])]
        for name, found in numbers.items()
    }
