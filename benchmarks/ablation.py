"""What do the tag channel and the curriculum bring? Small models, equal data, steps, noise; three seeds each.

    make ablation
    python benchmarks/ablation.py --seeds 0 1 2 --split report

Conditioning: a) ``text`` the narrative alone; b) ``written`` the tags in words behind the narrative, for a
text encoder that has learned to read them; c) ``cross`` tags by cross-attention only; d) ``adaln`` by AdaLN
only; e) ``track`` both, with the span track, without the clock; f) ``all`` every path. Curriculum: g) ``all``
again; h) ``shuffled`` the very same samples, noise and timesteps, the steps in another order; i) ``reversed``
the same from the last step to the first; j) ``no_replay`` stages that show only what they teach.

Judged by the held-out loss of each kind (``tune`` split, as trained, nine fixed timesteps) and by a diffusion
classifier (see ``ablation_classifier.py``) on held-out designs of ``--split``. Intervals: 95 %, by bootstrap
over clips of the mean over seeds, and Student's t over seeds. A difference is claimed only where both exclude
zero.

Endpoints of the curriculum's test, fixed before any run: (1) accuracy of the classifier on events and
deformation (mean of impact_frame, impact_time, body_deformation, graphic_device); (2) held-out loss of the
deformation kind; (3) retention of style: held-out loss of the style kind. The curriculum is said to help if
(1) or (2) is better than ``shuffled`` beyond the intervals, and (3) not worse.

Endpoint of the conditioning: the mean accuracy over all questions.

A run that diverges (a gradient that is not finite) is recorded and named under the tables; the others go on.

Stops at SIGTERM with a checkpoint; the same command goes on. Finished runs are not run again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ablation_classifier import QUESTIONS, Clip, ask, make_clips
from ablation_parts import make_shared
from ablation_table import markdown, summary
from torch import Tensor

from animatrix.errors import EXIT_STATUS, AniMatrixError, Code
from animatrix.media.door import written_whole
from animatrix.train.data.encoders import NanoEncoder
from animatrix.train.data.shards import read_tables, write_tables
from animatrix.train.engine import Trainer
from animatrix.train.flow import PROBE_STEP, FlowTask
from animatrix.train.recipe import load_recipe
from animatrix.train.task import to_device

RECIPE = Path("recipes/ablation.yaml")
TEXT_RECIPE = Path("recipes/ablation_text.yaml")
DIVERGED = "diverged.txt"


@dataclass(frozen=True)
class Variant:
    """A row of the table: what it changes in the recipe; ``{all}`` stands for the run of ``all``."""

    label: str
    changes: tuple[str, ...] = ()


VARIANTS: dict[str, Variant] = {
    "all": Variant("f, g: all paths, curriculum"),
    "text": Variant("a: text only", ("model.tag_paths=[]",)),
    "written": Variant(
        "b: tags in text",
        ("model.tag_paths=[]", "model.tags_as=text", "model.config.text_len=176"),
    ),
    "cross": Variant("c: cross-attention only", ("model.tag_paths=[tag_cross_attention]",)),
    "adaln": Variant("d: AdaLN only", ("model.tag_paths=[tag_adaln]",)),
    "track": Variant(
        "e: both and span track, no clock",
        ("model.tag_paths=[tag_cross_attention, tag_adaln, tag_track]",),
    ),
    "shuffled": Variant("h: shuffled", ("curriculum.control={log: '{all}/shown.jsonl', order: shuffled}",)),
    "reversed": Variant("i: reversed", ("curriculum.control={log: '{all}/shown.jsonl', order: reversed}",)),
    # The buckets stay, so that the cost does: pictures then show deformed drawings.
    "no_replay": Variant(
        "j: no replay",
        (
            "curriculum.replay=0",
            "curriculum.stages.1.mix={motion: .9, deformation: .1}",
            "curriculum.stages.2.mix={deformation: 1}",
        ),
    ),
}


def place(out: Path, variant: str, seed: int) -> Path:
    return out / f"{variant}-s{seed}"


def train(args: argparse.Namespace, variant: str, seed: int) -> Trainer | None:
    """The trained run, or None when it was asked to stop."""
    folder = place(args.out, variant, seed)
    changes = [c.replace("{all}", str(place(args.out, "all", seed))) for c in VARIANTS[variant].changes]
    own = [f"out={folder}", f"seed={seed}", f"steps={args.steps}"]
    own += [f"optimiser.decay_from={args.steps * 5 // 7}"]
    recipe = load_recipe(args.recipe, [*args.change, *own, *changes])
    trainer = Trainer(recipe, FlowTask(recipe, torch.device("cpu")))
    return trainer if trainer.run() else None


def score(trainer: Trainer, variant: str, clips: dict[str, list[Clip]]) -> dict[str, np.ndarray]:
    """Losses [N,K] of every question, by the averaged weights; the true candidate first."""
    task = trainer.task
    assert isinstance(task, FlowTask)
    model, tables = task.model, {}

    def loss_of(items, at, t) -> Tensor:
        return task.loss(trainer.modules, to_device(task.batch(items, at, t), task.device)).each.float()

    def text_of(narrative: str) -> Tensor:
        return task.parts.encoder.text([narrative])[0]

    try:
        for name, question in QUESTIONS.items():
            shown = float(question.first_frame)
            told = dict.fromkeys(("neither", "text_only", "tags_only", "thin", "keyframes"), 0.0)
            told = model.told.model_copy(update=told | {"first_frame": shown})
            task.model = model.model_copy(update={"told": told})
            with averaged(trainer):
                tables[name] = ask(question, clips[name], loss_of, text_of, written=variant == "text")
    finally:
        task.model = model
    return tables


@contextmanager
def averaged(trainer: Trainer) -> Iterator[None]:
    bf16 = trainer.recipe.precision == "bf16"
    with torch.no_grad(), trainer.average.in_place(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        yield


def held_out_losses(trainer: Trainer) -> dict[str, float]:
    """The loss that is trained, of each kind of held-out items. (The task's own probe counts all timesteps
    alike; where clean latents are predicted, nine tenths of that is the least noisy one.)
    """
    task, found = trainer.task, {}
    assert isinstance(task, FlowTask)
    for group in task.samples.held_out():
        items = task.samples.load(group, group.draws)
        for i, t in enumerate(task.quantiles):
            at = [(PROBE_STEP, 1000 * i + draw.place) for draw in group.draws]
            with averaged(trainer):
                each = task.loss(trainer.modules, task.batch(items, at, [t] * len(items))).each
            for draw, value in zip(group.draws, each.tolist(), strict=True):
                found.setdefault(draw.kind, []).append(value)
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def finished(args: argparse.Namespace, variant: str, seed: int) -> bool:
    return (place(args.out, variant, seed) / f"{args.split}.json").exists()


def diverged(args: argparse.Namespace, variant: str, seed: int) -> str:
    """Where a run ended for want of finite numbers; empty where it did not."""
    note = place(args.out, variant, seed) / DIVERGED
    return note.read_text("utf-8") if note.exists() else ""


def one(args: argparse.Namespace, variant: str, seed: int, clips: dict[str, list[Clip]]) -> bool:
    """Train and score one run; false when it was asked to stop."""
    folder = place(args.out, variant, seed)
    try:
        trainer = train(args, variant, seed)
    except AniMatrixError as error:
        if error.code != Code.NOT_FINITE:
            raise
        with written_whole(folder / DIVERGED) as temporary:
            temporary.write_text(str(error).partition(";")[0], "utf-8")
        print(f"{variant}, seed {seed} diverged", flush=True)
        return True
    if trainer is None:
        return False
    tables = score(trainer, variant, clips)
    write_tables(folder / f"{args.split}.safetensors", {k: torch.from_numpy(v) for k, v in tables.items()})
    facts = {
        "held_out": held_out_losses(trainer),
        "parameters": sum(p.numel() for m in trainer.modules.values() for p in m.parameters()),
        "seconds": round(trainer.seconds),
    }
    with written_whole(folder / f"{args.split}.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1), "utf-8")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # what is needed of it is in export/
    return True


def results(args: argparse.Namespace) -> dict:
    """Everything finished so far, compared."""
    runs: dict[str, dict[int, dict]] = {}
    for variant in args.variants:
        for seed in args.seeds:
            folder = place(args.out, variant, seed)
            if finished(args, variant, seed):
                facts = json.loads((folder / f"{args.split}.json").read_text("utf-8"))
                losses = read_tables(folder / f"{args.split}.safetensors")
                facts["losses"] = {name: table.numpy() for name, table in losses.items()}
                runs.setdefault(variant, {})[seed] = facts
    return summary(runs, {name: v.label for name, v in VARIANTS.items()})


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--split", default="report", choices=("tune", "report"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--only-table", action="store_true", help="of the runs finished so far")
    parser.add_argument("change", nargs="*", metavar="key=value", help="of the recipe, in every run")
    args = parser.parse_args()
    torch.set_num_threads(1)
    try:
        if not args.only_table and not run_all(args):
            print("stopped, saved; to go on, run the same command", file=sys.stderr)
            return 0
    except AniMatrixError as error:
        print(f"error[{error.code}]: {error}", file=sys.stderr)
        return EXIT_STATUS
    found = results(args)
    with written_whole(args.out / "results.json") as temporary:
        temporary.write_text(json.dumps(found, indent=1), "utf-8")
    print(markdown(found))
    for variant, seed in ((v, s) for v in args.variants for s in args.seeds):
        if note := diverged(args, variant, seed):
            print(f"\n{VARIANTS[variant].label}, seed {seed}, diverged: {note}")
    return 0


def run_all(args: argparse.Namespace) -> bool:
    """Every run that is not finished, seed by seed; false when it was asked to stop."""
    recipe = load_recipe(args.recipe, args.change)
    if not make_shared(recipe, TEXT_RECIPE):
        return False
    encoder = NanoEncoder.load(recipe.model.vae, recipe.model.text)
    clips = make_clips(args.out / "clips", args.split, encoder, encoder.fingerprint)
    print({name: len(found) for name, found in clips.items()}, flush=True)
    runs = [(v, s) for s in args.seeds for v in args.variants]
    todo = [(v, s) for v, s in runs if not finished(args, v, s) and not diverged(args, v, s)]
    for number, (variant, seed) in enumerate(todo, 1):
        print(f"{variant}, seed {seed} ({number} of {len(todo)})", flush=True)
        if not one(args, variant, seed, clips):
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
