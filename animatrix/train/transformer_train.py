"""Trains nano's transformer and tag encoder by flow matching on encoded shards.

    python -m animatrix.train.transformer_train --shards runs/nano/shards --vae runs/nano/vae/vae \\
        --text runs/nano/text --out runs/nano/transformer --minutes 60

    x_t = (1-t) x_0 + t eps,  v = eps - x_0,  loss = mean |v_hat - v|^2,  t = s u / (1 + (s-1) u), u uniform

(flow matching, Lipman et al. 2210.02747; the shift s as in SD3, 2403.03206). First single pictures, which
teach drawing at an eighth of the cost, then clips of 25 and 33 frames. Conditions are dropped at random so
that every combination the guidance formula needs is learned: single tags, the whole tag channel, the text,
both. A third of the clips carries keyframes. Muon for the matrices of the blocks, AdamW for the rest. Shards
that appear while training are picked up. To continue, run the same command again.

This is the first, plain trainer: one process, no curriculum over deformation.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn
from transformers import T5EncoderModel, T5Tokenizer

from animatrix.media.door import written_whole
from animatrix.model.keyframes import empty_condition, place_keyframes
from animatrix.model.tags import TagBatch, TagEncoder
from animatrix.model.text import encode_text
from animatrix.model.transformer import AniMatrixTransformer3DModel, parameter_count
from animatrix.model.vae import TEMPORAL, AutoencoderNano
from animatrix.train.latents import LatentPool

TAG_SLOTS = 32
NARRATIVE_SLOTS = 48
SHIFT = 3.0
STILL_SHIFT = 1.5  # one picture has far fewer tokens than a clip: less noise hides it


class Kind(NamedTuple):
    """One kind of batch: latent frames, samples, timestep shift."""

    latent_frames: int
    batch: int
    shift: float


def nano_transformer(z_dim: int, text_dim: int, tag_dim: int) -> AniMatrixTransformer3DModel:
    """The embedded model's shape: 7 blocks, 256 wide, image-to-video input layout."""
    return AniMatrixTransformer3DModel(
        num_attention_heads=4,
        attention_head_dim=64,
        in_channels=2 * z_dim + TEMPORAL,
        out_channels=z_dim,
        text_dim=text_dim,
        freq_dim=256,
        ffn_dim=768,
        num_layers=7,
        rope_max_seq_len=64,
        tag_dim=tag_dim,
        text_len=NARRATIVE_SLOTS + TAG_SLOTS,
        tag_slots=TAG_SLOTS,
    )


def init_weights(model: AniMatrixTransformer3DModel) -> None:
    """Small output heads and closed-to-open gates: diffusers leaves torch's defaults, made for loading, not
    for training.
    """
    for block in model.blocks:
        nn.init.zeros_(block.attn1.to_out[0].bias)
        nn.init.zeros_(block.attn2.to_out[0].weight)
        nn.init.zeros_(block.attn2.to_out[0].bias)
    nn.init.zeros_(model.proj_out.weight)
    nn.init.zeros_(model.proj_out.bias)


def drop_conditions(text: Tensor, null_text: Tensor, tags: TagBatch) -> tuple[Tensor, TagBatch]:
    """10 % neither, 10 % text only, 15 % tags only, else both; most tag sets are thinned at a random rate."""
    b, device = len(text), text.device
    u = torch.rand(b, device=device)
    no_tags, no_text = u < 0.2, (u < 0.1) | ((u >= 0.2) & (u < 0.35))
    keep = 1 - torch.rand(b, 1, device=device) * (torch.rand(b, 1, device=device) < 0.7)
    mask = tags.mask & (torch.rand(tags.mask.shape, device=device) < keep) & ~no_tags[:, None]
    return torch.where(no_text[:, None, None], null_text, text), tags._replace(mask=mask)


def shorten(
    latents: Tensor, key_index: Tensor, tags: TagBatch, latent_frames: int
) -> tuple[Tensor, Tensor, TagBatch]:
    """The first ``latent_frames`` of the clips; spans are rescaled, and what lies past the end is not asked
    for.
    """
    full, short = (TEMPORAL * (n - 1) + 1 for n in (latents.shape[2], latent_frames))
    span = tags.span * (full / short)
    mask = tags.mask & (tags.whole | (span[..., 0] < 1))
    key_index = torch.where(key_index < short, key_index, -1)
    return latents[:, :, :latent_frames], key_index, tags._replace(span=span.clamp(max=1), mask=mask)


def keyframe_condition(latents: Tensor, key_latents: Tensor, key_index: Tensor) -> Tensor:
    """Condition [B,4+C,F,h,w]: a third of the samples carries one to three of their frames, the first one
    often.
    """
    condition = empty_condition(latents)
    b, k = key_index.shape
    device = latents.device
    chosen = (torch.rand(b, 1, device=device) < 0.33) & (torch.rand(b, k, device=device) < 0.4)
    chosen &= key_index >= 0
    sample, key = chosen.nonzero(as_tuple=True)
    place_keyframes(condition, sample, key_index[sample, key], key_latents[sample, key])
    first = (torch.rand(b, device=device) < 0.2).nonzero()[:, 0]
    place_keyframes(condition, first, torch.zeros_like(first), latents[first, :, 0])
    return condition


def optimizers(
    model: AniMatrixTransformer3DModel, tags: TagEncoder, lr: float
) -> list[torch.optim.Optimizer]:
    """Muon (K. Jordan 2024) on the blocks' matrices, at AdamW's step size; AdamW on the rest."""
    matrices = [p for p in model.blocks.parameters() if p.ndim == 2]
    ids = {id(p) for p in matrices}
    rest = [p for p in [*model.parameters(), *tags.parameters()] if id(p) not in ids]
    return [
        torch.optim.Muon(matrices, lr=2 * lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.95), weight_decay=0.01),
    ]


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


class Trainer:
    """One process, one device; the loop of :func:`main` reads from top to bottom."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(args.seed)
        torch.set_float32_matmul_precision("high")
        self.vae = AutoencoderNano.from_pretrained(args.vae).to(self.device).eval()
        self.tokenizer = T5Tokenizer.from_pretrained(args.text / "tokenizer")
        self.text = T5EncoderModel.from_pretrained(args.text / "text_encoder").to(self.device).eval()
        self.tags = TagEncoder().to(self.device)
        z_dim = self.vae.config.z_dim
        self.model = nano_transformer(z_dim, self.text.config.d_model, self.tags.config.dim).to(self.device)
        init_weights(self.model)
        self.average, self.tag_average = copy.deepcopy(self.model), copy.deepcopy(self.tags)
        self.optimizers = optimizers(self.model, self.tags, args.lr)
        self.peaks = [group["lr"] for optimizer in self.optimizers for group in optimizer.param_groups]
        self.step, self.spent, self.clips = 0, 0.0, 0
        self.path = args.out / "state.pt"
        args.out.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self.load()
        self.pool = LatentPool(
            args.shards, args.out / "latents", self.vae, self.tags, TAG_SLOTS, NARRATIVE_SLOTS
        )
        null = encode_text([""], self.tokenizer, self.text, NARRATIVE_SLOTS)
        self.null_text = nn.functional.pad(null, (0, 0, 0, TAG_SLOTS))
        self.log = open(args.out / "log.jsonl", "a")  # noqa: SIM115

    def parts(self) -> dict[str, nn.Module]:
        return {
            "model": self.model,
            "tags": self.tags,
            "average": self.average,
            "tag_average": self.tag_average,
        }

    def load(self) -> None:
        state = torch.load(self.path, map_location=self.device, weights_only=True)  # our own file
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.spent, self.clips = state["step"], state["spent"], state["clips"]
        torch.manual_seed(self.args.seed + self.step)
        print(f"continuing at step {self.step}, {self.spent / 60:.1f} min spent", flush=True)

    def save(self) -> None:
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts().items()}
        state["optimizers"] = [o.state_dict() for o in self.optimizers]
        state |= {"step": self.step, "spent": self.spent, "clips": self.clips}
        with written_whole(self.path) as temporary:
            torch.save(state, temporary)

    def loss(self, kind: Kind) -> Tensor:
        rows = torch.randint(self.pool.filled, (kind.batch,), device=self.device)
        latents, key_latents, key_index, text, tags = self.pool.batch(rows)
        latents, text = latents.float(), nn.functional.pad(text.float(), (0, 0, 0, TAG_SLOTS))
        if kind.latent_frames == 1:
            # A picture shows no timing: tags that hold for some frames only are not claimed of it.
            latents = key_latents[:, 0, :, None].float()
            tags = tags._replace(mask=tags.mask & tags.whole)
            condition = empty_condition(latents)
        else:
            latents, key_index, tags = shorten(latents, key_index, tags, kind.latent_frames)
            condition = keyframe_condition(latents, key_latents.float(), key_index)
        text, tags = drop_conditions(text, self.null_text, tags)
        u = torch.rand(kind.batch, device=self.device)
        t = kind.shift * u / (1 + (kind.shift - 1) * u)
        noise = torch.randn_like(latents)
        t_ = t.view(-1, 1, 1, 1, 1)
        x_t = (1 - t_) * latents + t_ * noise
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            v = self.model(
                torch.cat([x_t, condition], 1), t * 1000, text, tags=self.tags(tags), return_dict=False
            )[0]
        return (v.float() - (noise - latents)).square().mean()

    def kind(self, progress: float) -> Kind:
        """Pictures for the first part of the budget, then clips, every fifth batch at full length."""
        if progress < self.args.stills:
            return Kind(1, self.args.batch * 4, STILL_SHIFT)
        return (
            Kind(9, self.args.batch * 3 // 4, SHIFT)
            if self.step % 5 == 0
            else Kind(7, self.args.batch, SHIFT)
        )

    def run(self) -> None:
        args, budget = self.args, self.args.minutes * 60
        while self.pool.filled < args.min_clips:
            if not self.pool.grow(self.tokenizer, self.text, 1):
                time.sleep(2)
        print(
            f"{self.pool.filled} clips; transformer {parameter_count(self.model) / 1e6:.2f}M, "
            f"tags {parameter_count(self.tags) / 1e6:.2f}M, vae {parameter_count(self.vae) / 1e6:.2f}M, "
            f"text {parameter_count(self.text) / 1e6:.2f}M parameters",
            flush=True,
        )
        if self.device.type == "cuda":
            self.model.compile_repeated_blocks()
        began, last_grow, running, parameters = time.monotonic() - self.spent, 0.0, 0.0, self._parameters()
        leg = time.monotonic()
        while (
            elapsed := time.monotonic() - began
        ) < budget and time.monotonic() - leg < args.leg_minutes * 60:
            scale = min(1, (self.step + 1) / 100) * min(1.0, max(0.02, (1 - elapsed / budget) / 0.35))
            groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
            for group, peak in zip(groups, self.peaks, strict=True):
                group["lr"] = peak * scale
            if elapsed - last_grow > args.grow_seconds or last_grow == 0:
                self.pool.grow(self.tokenizer, self.text, args.grow_shards)
                last_grow = elapsed
            kind = self.kind(elapsed / budget)
            loss = self.loss(kind)
            if not math.isfinite(loss.item()):
                raise SystemExit(f"loss is {loss.item()} at step {self.step}: stopped before the step")
            for optimizer in self.optimizers:
                optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            for optimizer in self.optimizers:
                optimizer.step()
            decay = min(args.ema, (1 + self.step) / (10 + self.step))
            update_average(self.average, self.model, decay)
            update_average(self.tag_average, self.tags, decay)
            self.step, self.clips, self.spent = self.step + 1, self.clips + kind.batch, elapsed
            if self.step % args.log_every == 0:
                value = loss.item()
                running = value if running == 0 else 0.8 * running + 0.2 * value
                row = {
                    "step": self.step, "minutes": round(elapsed / 60, 2), "frames": kind.latent_frames,
                    "loss": round(value, 4), "loss_smooth": round(running, 4), "samples": self.clips,
                    "pool": self.pool.filled,
                }  # fmt: skip
                print(json.dumps(row), flush=True)
                self.log.write(json.dumps(row) + "\n")
                self.log.flush()
            if self.step % args.save_every == 0:
                self.save()
        self.save()
        self.export()

    def _parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.tags.parameters()]

    def export(self) -> None:
        """Write the averaged weights in the diffusers layout, bf16."""
        from animatrix.generate.pipeline import AniMatrixPipeline

        model = nano_transformer(self.vae.config.z_dim, self.text.config.d_model, self.tags.config.dim)
        model.load_state_dict(self.average.state_dict())
        parts = {
            "text_encoder": copy.deepcopy(self.text),
            "vae": copy.deepcopy(self.vae),
            "transformer": model,
            "tag_encoder": copy.deepcopy(self.tag_average),
        }
        for part in parts.values():
            part.cpu().eval().requires_grad_(False)
            for parameter in part.parameters():
                parameter.data = parameter.data.to(torch.bfloat16)
        scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
        pipe = AniMatrixPipeline(tokenizer=self.tokenizer, scheduler=scheduler, **parts)
        pipe.save_pretrained(self.args.out / "pipeline", safe_serialization=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--minutes", type=float, default=30, help="of training in all; the learning rate falls to its end"
    )
    parser.add_argument(
        "--leg-minutes", type=float, default=1e9, help="stop this run earlier, to be continued"
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument(
        "--stills", type=float, default=0.25, help="share of the budget spent on single pictures"
    )
    parser.add_argument("--min-clips", type=int, default=512)
    parser.add_argument("--grow-seconds", type=float, default=20)
    parser.add_argument("--grow-shards", type=int, default=2)
    parser.add_argument(
        "--consume", action="store_true", help="delete the frames of a shard once it is encoded"
    )
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--save-every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    Trainer(parser.parse_args()).run()


if __name__ == "__main__":
    main()
