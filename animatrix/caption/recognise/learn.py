"""Trains the recogniser on its shards while they are rendered; then `calibrate` makes it say how sure it is.

    python -m animatrix.caption.recognise.learn --shards runs/recogniser/train \\
        --out runs/recogniser/model --minutes 60

To continue after a stop, run the same command: the last checkpoint (every few minutes) is taken up, and
``--minutes`` counts the processor time of all runs together, so that a
busy machine does not shorten the training. Progress is in ``stats.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from animatrix.caption.recognise.answers import Sheet
from animatrix.caption.recognise.batches import Batch, Shots, batch_of
from animatrix.caption.recognise.muon import Muon
from animatrix.caption.recognise.tagger import Row, Tagger
from animatrix.knowledge import Taxonomy
from animatrix.media.door import written_whole
from animatrix.synthetic import RENDERABLE

EVERY_S = 180.0  # between checkpoints
# Frames (even, lively) of a shot: few, because more shots teach more than more frames of the same ones;
# near the end more, as when the recogniser reads.
FEW: tuple[tuple[int, int], ...] = ((2, 1), (2, 2), (3, 2))
MANY, MANY_FROM = (5, 3), 0.85


@dataclass(frozen=True)
class Config:
    """How to train.

    batch: shots in one, with frames as in ``FEW``; ``rate`` and ``decay`` of AdamW (heads, first convolution,
    norms), ``muon`` the rate of all other matrices; ``warmup``: share of the time; ``average``: decay of the
    averaged weights; ``when``: weight of the spans' loss; ``rarity``, ``heaviest``: see `rarity_weights`.
    """

    batch: int = 24
    rate: float = 1.5e-3
    muon: float = 0.012
    decay: float = 0.05
    warmup: float = 0.03
    average: float = 0.9985
    when: float = 0.4
    rarity: float = 0.4
    heaviest: float = 5.0
    seed: int = 0


def rarity_weights(sheet: Sheet, shots: Shots, c: Config) -> Tensor:
    """Loss weight of each place: frequency to the power ``-rarity``, at most ``heaviest``; 1 on average for
    the values of a field of one. `calibrate` takes it out of the answers again by ``log``."""
    total = np.full(sheet.width, 1.0)
    for same in shots.by_shape.values():
        for shot in same:
            total += shot.answer.target * (shot.answer.weight > 0)
    weights = np.ones(sheet.width, np.float32)
    for q in sheet.questions:
        share = total[q.places] / (len(shots) if q.many else total[q.places].sum())
        if q.many:
            weights[q.places] = np.clip((share / 0.5) ** -c.rarity, 1.0, c.heaviest)
        else:
            raw = np.clip(share**-c.rarity, 1.0, None)
            raw = np.minimum(raw / (raw * share).sum(), c.heaviest)
            weights[q.places] = raw
    return torch.from_numpy(weights)


def optimisers_of(model: Tagger, c: Config) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """AdamW for heads, stem, biases and norms; Muon for every other matrix."""
    heads = {"answers", "when", "stem", "fast_in"}
    named = [(n, p) for n, p in model.named_parameters()]
    hidden = [p for n, p in named if p.ndim > 1 and n.split(".")[0] not in heads]
    matrices = [p for n, p in named if p.ndim > 1 and n.split(".")[0] in heads]
    vectors = [p for _, p in named if p.ndim <= 1]
    adam = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": c.decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=c.rate,
        betas=(0.9, 0.98),
    )
    return adam, Muon(hidden, c.muon, 0.9, c.decay)


def loss_of(row: Row, batch: Batch, sheet: Sheet, weights: Tensor, when: float) -> tuple[Tensor, Tensor]:
    """(answers, when): cross-entropy over one-value fields, binary over the others, both weighted."""
    logits = row.answers.float()
    total = logits.new_zeros(())
    both = F.binary_cross_entropy_with_logits(
        logits, batch.target, batch.weight, reduction="none", pos_weight=weights
    )
    for q in sheet.questions:
        if q.many:
            total = total + both[:, q.places].sum() * 0.5
        else:
            given = batch.target[:, q.places] * weights[q.places] * batch.weight[:, q.places]
            total = total - (given * F.log_softmax(logits[:, q.places], 1)).sum()
    timed = logits.new_zeros(())
    if batch.spans:
        shot, place, first, last = torch.tensor(batch.spans).T
        seen = batch.sight.seen[shot]
        frame = torch.arange(seen.shape[1])[None]
        truth = ((frame >= first[:, None]) & (frame <= last[:, None])).float()
        said = row.when.float()[shot, :, place]
        each = F.binary_cross_entropy_with_logits(said, truth, reduction="none") * seen
        timed = (each.sum(1) / seen.sum(1)).mean()
    return total / len(logits) / len(sheet.questions) + when * timed, timed.detach()


def learn(shards: Path, out: Path, minutes: float, c: Config, threads: int, first: int) -> Path:
    """Train for ``minutes`` in all and return the checkpoint's path."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    sheet = Sheet.of(RENDERABLE, Taxonomy.default())
    torch.manual_seed(c.seed)
    model = Tagger(sheet.width).channels_last()
    optimisers = optimisers_of(model, c)
    average = {k: v.clone() for k, v in model.state_dict().items()}
    step, spent = 0, 0.0
    path = out / "checkpoint.pt"
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimiser, state in zip(optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        average, step, spent = saved["average"], saved["step"], saved["spent"]
    shots = Shots(shards, sheet)
    shots.refresh()
    while len(shots) < first:
        time.sleep(5)
        shots.refresh()
    weights = rarity_weights(sheet, shots, c)
    stats = (out / "stats.jsonl").open("a")
    started, saved_at, recent = time.process_time() - spent, spent, []

    def save() -> None:
        state = {
            "model": model.state_dict(),
            "optimisers": [o.state_dict() for o in optimisers],
            "average": average,
            "step": step,
            "spent": spent,
            "weights": weights,
        }
        with written_whole(path) as temporary:
            torch.save(state, temporary)

    model.train()
    while spent < minutes * 60:
        rng = np.random.default_rng([c.seed, step])
        done = spent / (minutes * 60)
        even, lively = MANY if done >= MANY_FROM else FEW[int(rng.integers(len(FEW)))]
        size = round(c.batch / 2) if done >= MANY_FROM else c.batch
        batch = batch_of(shots.draw(size, rng), sheet, rng, even, lively)
        share = min(1.0, done / c.warmup + 1e-3) * 0.5 * (1 + math.cos(math.pi * done))
        for optimiser, rate in zip(optimisers, (c.rate, c.muon), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * share
        with torch.autocast("cpu", torch.bfloat16):
            row = model(batch.sight)
        loss, timed = loss_of(row, batch, sheet, weights, c.when)
        model.zero_grad(set_to_none=True)
        loss.backward()
        slope = torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        if torch.isfinite(slope):
            for optimiser in optimisers:
                optimiser.step()
        step += 1
        keep = min(c.average, (1 + step) / (10 + step))
        for k, v in model.state_dict().items():
            if v.is_floating_point():
                average[k].lerp_(v, 1 - keep)
            else:
                average[k].copy_(v)
        spent = time.process_time() - started
        recent.append((loss.item(), timed.item()))
        if step % 10 == 0:
            mean = np.mean(recent, 0)
            line = {"step": step, "s": round(spent), "loss": round(mean[0], 4), "when": round(mean[1], 4)}
            stats.write(json.dumps({**line, "shots": len(shots), "rate": round(share, 4)}) + "\n")
            stats.flush()
            recent = []
        if spent - saved_at > EVERY_S:
            shots.refresh()
            weights = rarity_weights(sheet, shots, c)
            save()
            saved_at = spent
    save()
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--batch", type=int, default=Config.batch)
    parser.add_argument("--rate", type=float, default=Config.rate)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--first", type=int, default=1024, help="shots to wait for before training starts")
    args = parser.parse_args()
    c = Config(batch=args.batch, rate=args.rate)
    print(learn(args.shards, args.out, args.minutes, c, args.threads, args.first))


if __name__ == "__main__":
    main()
