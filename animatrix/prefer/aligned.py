"""Sets of aligned takes to tune a policy on: one shot as intended, flat and collapsed, in its latents.

Set ``i`` of a seed and split is the same anywhere, and asks for deformation ``i`` of :data:`ASKED` by turns,
so that every deformation is met equally often. All three takes go through the policy's own autoencoder: none
has a fingerprint. Only failure kinds and casts of the split are drawn (:mod:`animatrix.prefer.splits`).

    <cache>/<fingerprint>/<key>/set-000012.safetensors    latents, text states, maps
    <cache>/<fingerprint>/<key>/set-000012.json           its directives; written last
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.media.door import written_whole
from animatrix.model.stand import LAYOUT
from animatrix.prefer.merits import TAKES
from animatrix.prefer.policy_recipe import PolicyData, SharedScenes
from animatrix.prefer.sets import DEFORMATIONS, LEAST_SEEN, SLOT, pooled_map
from animatrix.prefer.splits import family_of, kinds_of
from animatrix.synthetic.corpus import SPLITS, scene_seed, told
from animatrix.synthetic.everyday import draw_exaggeration, draw_tags, moment, reduced
from animatrix.synthetic.exaggerate import ENVELOPES, SMEARS
from animatrix.synthetic.scene import complete
from animatrix.synthetic.studio import Shot
from animatrix.synthetic.triplet import render_triplet
from animatrix.synthetic.truth import Truth
from animatrix.train.data.cards import read_directive
from animatrix.train.data.shards import Damage, read_tables, write_tables

if TYPE_CHECKING:
    from animatrix.train.data.encoders import Encoder

logger = logging.getLogger("animatrix.prefer")
ASKED: tuple[str, ...] = tuple(
    f"{field}={value}"
    for field, values in zip(DEFORMATIONS, (tuple(ENVELOPES), tuple(SMEARS)), strict=True)
    for value in values
)
WANTS = ("deformation", "near_physical")
COUPLES = (("intended", "flat"), ("intended", "collapsed"), ("flat", "collapsed"))
FORMAT = 2  # raised when the same number no longer gives the same set
APART = 0.25  # levels by which a slot of two takes must differ for one to be better there
_TRIES = 12
_DRAWS = 2000  # of tags, until the deformation asked for is among them


@dataclass(frozen=True)
class Aligned:
    """A set, encoded.

    latents: bf16 [3,C,F,h,w] by :data:`TAKES`; text: bf16 [2,S,D], of the narratives by :data:`WANTS`; maps:
    uint8 [3,F,h,w] in 255ths, where a take deforms or fails; apart: float32 [3,F], levels between intended
    and flat, intended and collapsed, flat and collapsed in each slot's most different frame; layout: float32
    [T,LAYOUT], the takes' in common, NaN where not known; asked: ``field=value``.
    """

    number: int
    asked: str
    failure: str
    wants: dict[str, Directive]
    latents: Tensor
    text: Tensor
    maps: Tensor
    apart: Tensor
    layout: Tensor


def _layout(truth: Truth) -> Tensor:
    """float32 [T,LAYOUT]: a take's layout."""
    found = truth.layout
    unknown = torch.full((len(truth.mask), LAYOUT), float("nan"))
    return unknown if found is None else torch.from_numpy(found).float()


def asked_of(number: int) -> str:
    """The deformation that a set asks for."""
    return ASKED[number % len(ASKED)]


def slots_apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Levels between two clips ``uint8 [T,H,W,3]``, in the most different frame of each slot: float32 [F]."""
    each = cv2.absdiff(a.reshape(len(a), -1), b.reshape(len(b), -1)).mean(1)
    return np.array([each[0], *each[1:].reshape(-1, SLOT).max(1)], np.float32)


def on_grid(maps: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Maps ``float [T',h,w]`` on nano's grid, on latents of another size (F,h,w): the largest inside."""
    if maps.shape == shape:
        return maps
    found = torch.nn.functional.adaptive_max_pool3d(torch.from_numpy(maps)[None], shape)
    return found[0].numpy()


def drawn_request(
    seed: int, split: str, number: int, attempt: int, frames: int, scenes: SharedScenes | None = None
) -> tuple[Directive, int, str, float]:
    """Directive (without narrative), shot seed, failure kind and severity of a set; draws no picture.

    Half of the sets say when the deformation happens.

    Raises:
        AniMatrixError: BAD_OPTION for an unknown split; UNSUPPORTED_VALUE for values that do not go together.
    """
    kinds = kinds_of(split, number)
    rng = np.random.default_rng([seed, SPLITS[split][0], number, 0x90C1, attempt])
    field, _, value = asked_of(number).partition("=")
    for _ in range(_DRAWS):
        tags = draw_exaggeration(rng, draw_tags(rng, frames, 24.0))
        if tags.get(field) == value:
            break
    else:
        raise AniMatrixError(Code.UNSUPPORTED_VALUE, f"{field}={value} was not drawn in {_DRAWS} tries")
    shot_seed, kind = int(rng.integers(1 << 48)), kinds[int(rng.integers(len(kinds)))]
    severity, first, length = float(rng.uniform(0.35, 0.65)), rng.random(), rng.uniform(0.4, 0.6)
    if rng.random() < 0.5:
        start, end = moment(first, length, frames)
        tags[field] = f"{value}@{start}-{end}"
    if scenes is not None:
        tags, shot_seed = reduced(tags), scene_seed(scenes.seed, number // len(ASKED) % scenes.count)
    document = {"narrative": "", "tags": tags, "frames": frames, "fps": 24.0}
    return Directive.model_validate(document), shot_seed, kind, severity


def cast_of(split: str, scenes: SharedScenes | None) -> str:
    """Whose designs are drawn: those of the split, or of scenes that all splits share."""
    return family_of("train" if scenes is not None else split)


def both_wants(
    directive: Directive, shot_seed: int, size: tuple[int, int], cast: str, number: int, whole: bool = False
) -> tuple[Directive, Directive]:
    """The complete directive with the studio's sentence about the shot, or about the ``whole`` of it, and the
    same shot near-physical; draws no picture.
    """
    scene = Shot(directive, shot_seed, size, cast).scene
    asked = complete(directive, scene)
    # Each with its own sentence: one that repeats the deformation in words would not fit the other.
    found = [
        told(scene, d, np.random.default_rng([shot_seed, number]), whole)
        for d in (asked, near_physical(asked))
    ]
    return found[0], found[1]


def held_out(
    seed: int,
    split: str,
    number: int,
    frames: int,
    size: tuple[int, int],
    scenes: SharedScenes | None = None,
) -> tuple[Directive, Directive]:
    """What set ``number`` asks for, and its near-physical twin, drawing nothing."""
    for attempt in range(_TRIES):
        try:
            directive, shot_seed, _, _ = drawn_request(seed, split, number, attempt, frames, scenes)
            return both_wants(directive, shot_seed, size, cast_of(split, scenes), number, scenes is not None)
        except AniMatrixError:
            continue
    raise AniMatrixError(Code.UNSUPPORTED_VALUE, f"directive {number} could not be drawn in {_TRIES} tries")


def near_physical(directive: Directive) -> Directive:
    """The same directive with nothing deformed."""
    document = directive.model_dump(mode="json")
    for name in DEFORMATIONS:
        document["tags"][name] = [{"value": "none", "span": None}]
    document["tags"]["deformation_intensity"] = [{"value": "on_model", "span": None}]
    return Directive.model_validate(document)


class AlignedSets:
    """The sets of one split, drawn and encoded when they are missing. Safe for threads and processes: a file
    appears whole, and two that make the same write the same bytes.
    """

    def __init__(self, data: PolicyData, split: str, encoder: Encoder) -> None:
        self.data, self.split, self.encoder = data, split, encoder
        self.count = int(getattr(data.sets, split))
        (w, h), t = data.size, data.frames
        world = "" if data.scenes is None else f"-w{data.scenes.seed}x{data.scenes.count}"
        key = f"{split}-s{data.seed}{world}-{w}x{h}x{t}-f{FORMAT}"
        self.folder = Path(data.cache) / encoder.fingerprint / key

    def __len__(self) -> int:
        return self.count

    def _tables(self, number: int) -> Path:
        return self.folder / f"set-{number:06d}.safetensors"

    def _story(self, number: int) -> Path:
        return self.folder / f"set-{number:06d}.json"

    def is_made(self, number: int) -> bool:
        return self._story(number).exists()

    def make(self, number: int) -> None:
        """Draw, encode and write a set that is not there.

        Raises:
            AniMatrixError: UNSUPPORTED_VALUE where nothing to be seen could be drawn; NOT_WRITABLE.
        """
        if self.is_made(number):
            return
        for attempt in range(_TRIES):
            try:
                story, tables = self._drawn(number, attempt)
                break
            except AniMatrixError as error:  # values that do not go together after all, or nothing to see
                if error.code == Code.NOT_WRITABLE:
                    raise
        else:
            raise AniMatrixError(Code.UNSUPPORTED_VALUE, f"set {number} could not be drawn in {_TRIES} tries")
        self.folder.mkdir(parents=True, exist_ok=True)
        write_tables(self._tables(number), tables)
        with written_whole(self._story(number)) as temporary:
            temporary.write_text(json.dumps(story, ensure_ascii=False), "utf-8")

    def _drawn(self, number: int, attempt: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
        size, scenes = self.data.size, self.data.scenes
        cast = cast_of(self.split, scenes)
        request = drawn_request(self.data.seed, self.split, number, attempt, self.data.frames, scenes)
        directive, shot_seed, kind, severity = request
        triplet = render_triplet(directive, shot_seed, kind, severity, size, cast)
        films = {name: getattr(triplet, name).clip.frames for name in TAKES}
        apart = np.stack([slots_apart(films[a], films[b]) for a, b in COUPLES])
        if apart[0].max() < LEAST_SEEN or not (apart[0] > APART).any():
            raise AniMatrixError(Code.UNSUPPORTED_VALUE, f"{asked_of(number)} of set {number} cannot be seen")
        asked, plain = both_wants(directive, shot_seed, size, cast, number, scenes is not None)
        latents = self.encoder.latents(np.stack([films[name] for name in TAKES]))
        shape = (latents.shape[2], latents.shape[3], latents.shape[4])
        failing = triplet.collapsed.truth.failure_map
        drawn = [triplet.intended.truth.deformation, None, failing]
        maps = [np.zeros(shape, np.float32) if m is None else on_grid(pooled_map(m), shape) for m in drawn]
        tables = {
            "latents": latents,
            "text": self.encoder.text([asked.narrative, plain.narrative]),
            "maps": torch.from_numpy(np.rint(255 * np.stack(maps)).astype(np.uint8)),
            "apart": torch.from_numpy(apart),
            "layout": _layout(triplet.intended.truth),
        }
        story = {
            "number": number, "asked": asked_of(number), "failure": kind, "seed": self.data.seed,
            "split": self.split, "family": cast, "shot": shot_seed, "severity": severity,
            "encoder": self.encoder.fingerprint,
            "wants": {name: d.canonical() for name, d in zip(WANTS, (asked, plain), strict=True)},
        }  # fmt: skip
        return story, tables

    def __getitem__(self, number: int) -> Aligned:
        """A set, made now if it is not there.

        Raises:
            AniMatrixError: FILE_UNREADABLE, naming the file.
        """
        self.make(number)
        try:
            tables = read_tables(self._tables(number))
            story = json.loads(self._story(number).read_text("utf-8"))
            wants = {name: read_directive(json.dumps(d)) for name, d in story["wants"].items()}
            return Aligned(number, story["asked"], story["failure"], wants, **tables)
        except (Damage, OSError, ValueError, KeyError, TypeError) as error:
            raise AniMatrixError(
                Code.FILE_UNREADABLE,
                f"set {number} of {self.folder.name} is damaged: {str(error).splitlines()[0][:300]}",
                f"remove {self._story(number)} and run the same command again",
            ) from None


def prepare(data: PolicyData, encoder: Encoder, tell=lambda line: None) -> int:
    """Make every set of the recipe that is missing; returns how many were."""
    missing = [
        (split, number)
        for split in ("tune", "train")
        for sets in [AlignedSets(data, split, encoder)]
        for number in range(sets.count)
        if not sets.is_made(number)
    ]
    tell(f"{len(missing)} sets to make in {data.cache}")
    if data.workers < 2:
        for done, (split, number) in enumerate(missing, 1):
            AlignedSets(data, split, encoder).make(number)
            tell(f"{split} set {number} ({done} of {len(missing)})")
        return len(missing)
    context = get_context("spawn")
    with ProcessPoolExecutor(data.workers, context, _begin, (data, encoder)) as pool:
        for done, (split, number) in enumerate(pool.map(_make, missing), 1):
            tell(f"{split} set {number} ({done} of {len(missing)})")
    return len(missing)


_HERE: dict[str, Any] = {}  # of a worker process


def _begin(data: PolicyData, encoder: Encoder) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _HERE.update(data=data, encoder=encoder)


def _make(job: tuple[str, int]) -> tuple[str, int]:
    AlignedSets(_HERE["data"], job[0], _HERE["encoder"]).make(job[1])
    return job
