"""Batches for the trainer: shots from the shards as they appear, varied as footage varies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from animatrix.caption.recognise.answers import Answer, Sheet, answer
from animatrix.caption.recognise.shards import Take, present, read_shard
from animatrix.caption.recognise.sight import change, chosen_frames, gathered, look_at, split_planes
from animatrix.caption.recognise.tagger import Sight
from animatrix.knowledge import Directive

EVEN, LIVELY = 4, 3  # frames chosen of a shot while training


@dataclass(frozen=True)
class Shot:
    """One item on disk: its planes (mapped), how it was made, and the answers to all questions."""

    planes: np.ndarray
    take: Take
    answer: Answer


class Shots:
    """All items in a folder of shards; :meth:`refresh` finds the shards that appeared since."""

    def __init__(self, folder: Path, sheet: Sheet) -> None:
        self.folder, self.sheet = folder, sheet
        self.by_shape: dict[tuple[int, ...], list[Shot]] = {}
        self._read: set[int] = set()

    def __len__(self) -> int:
        return sum(len(v) for v in self.by_shape.values())

    def refresh(self) -> None:
        for number in present(self.folder):
            if number in self._read:
                continue
            planes, takes = read_shard(self.folder, number)
            same = self.by_shape.setdefault(planes.shape[1:], [])
            for take in takes:
                directive = Directive.model_validate(take.directive)
                given = answer(self.sheet, directive, take.events)
                same.append(Shot(planes[take.first : take.first + take.frames], take, given))
            self._read.add(number)

    def draw(self, size: int, rng: np.random.Generator) -> list[Shot]:
        """``size`` shots of one frame shape."""
        shapes = sorted(self.by_shape)
        counts = np.array([len(self.by_shape[s]) for s in shapes], float)
        same = self.by_shape[shapes[int(rng.choice(len(shapes), p=counts / counts.sum()))]]
        return [same[int(i)] for i in rng.choice(len(same), min(size, len(same)), replace=False)]


@dataclass(frozen=True)
class Batch:
    """What the network sees and what it should say; ``spans``: (shot, place, first, last) in its frames."""

    sight: Sight
    target: Tensor
    weight: Tensor
    spans: list[tuple[int, int, int, int]]


def varied(planes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The planes with another tone, colour, crop, softness or noise, each within what labels survive."""
    planes = np.array(planes)
    t, rows, w = planes.shape
    h = rows * 2 // 3
    y, uv = split_planes(planes)
    if rng.random() < 0.5:
        levels = np.arange(256) / 255
        curve = np.clip(
            levels ** rng.uniform(0.82, 1.22) * rng.uniform(0.9, 1.1) + rng.uniform(-0.03, 0.03), 0, 1
        )
        y = np.rint(curve * 255).astype(np.uint8)[y]
        angle, strength = np.deg2rad(rng.uniform(-7, 7)), rng.uniform(0.8, 1.2)
        turn = strength * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = np.einsum("ij,tjhw->tihw", turn.astype(np.float32), uv.astype(np.float32) - 128)
        uv = np.clip(turned + 128, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        keep = rng.uniform(0.93, 0.99)
        x0, y0 = rng.uniform(0, 1 - keep, 2)
        y = np.stack([_window(f, x0, y0, keep) for f in y])
        uv = np.stack([[_window(c, x0, y0, keep) for c in f] for f in uv])
    if rng.random() < 0.2:  # as a small video network returns it: soft, with blocks that shimmer
        softness, shimmer = rng.uniform(0.3, 1.0), rng.uniform(0, 1.6)
        y = np.stack([cv2.GaussianBlur(f, (0, 0), softness) for f in y])
        blocks = rng.normal(0, shimmer, (t, -(-h // 8), -(-w // 8)))
        noise = np.kron(blocks, np.ones((1, 8, 8)))[:, :h, :w]
        y = np.clip(y + noise, 0, 255).astype(np.uint8)
    elif rng.random() < 0.2:
        grain = rng.integers(0, 256, h * w)  # one noise picture, shifted: drawing it anew is the slow part
        picture = np.random.default_rng(int(grain[0])).normal(0, rng.uniform(0.5, 2.0), (h, w))
        y = np.stack(
            [
                np.clip(f + np.roll(picture, int(s)), 0, 255).astype(np.uint8)
                for f, s in zip(y, grain, strict=False)
            ]
        )
    return np.concatenate([y, uv.reshape(t, h // 2, w)], 1)


def _window(plane: np.ndarray, x0: float, y0: float, keep: float) -> np.ndarray:
    h, w = plane.shape
    move = np.array([[1 / keep, 0, -x0 * w / keep], [0, 1 / keep, -y0 * h / keep]])
    return cv2.warpAffine(plane, move, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def mirrored(planes: np.ndarray) -> np.ndarray:
    """The planes left to right."""
    t, rows, w = planes.shape
    y, uv = split_planes(planes)
    return np.concatenate([y[:, :, ::-1], uv[..., ::-1].reshape(t, rows - y.shape[1], w)], 1)


def batch_of(
    shots: list[Shot],
    sheet: Sheet,
    rng: np.random.Generator | None,
    even: int = EVEN,
    lively: int = LIVELY,
    vary: bool = True,
) -> Batch:
    """A batch of shots of one shape; with ``rng`` and ``vary`` as training sees them, else as they are."""
    looks, chosen, rates, targets, weights, spans = [], [], [], [], [], []
    for k, shot in enumerate(shots):
        planes, target, weight = np.asarray(shot.planes), shot.answer.target, shot.answer.weight
        places = np.arange(sheet.width)
        if rng is not None and vary:
            planes = varied(planes, rng)
            if rng.random() < 0.5:
                planes, places = mirrored(planes), sheet.mirror
                target, weight = target[places], weight[places]
        picks = chosen_frames(change(split_planes(planes)[0]), even, lively, rng if vary else None)
        looks.append(look_at(planes, picks))
        chosen.append(picks)
        rates.append(shot.take.fps)
        targets.append(target)
        weights.append(weight)
        spans += [(k, int(places[p]), a, b) for p, (a, b) in shot.answer.spans.items()]
    return Batch(
        gathered(looks, chosen, rates),
        torch.from_numpy(np.stack(targets)),
        torch.from_numpy(np.stack(weights)),
        spans,
    )
