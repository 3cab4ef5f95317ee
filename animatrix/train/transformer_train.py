"""Trains nano's transformer and tag encoder by flow matching on encoded shards.

    python -m animatrix.train.transformer_train --shards runs/shards --vae runs/vae/vae --text runs/text --out runs/nano --minutes 30

    x_t = (1-t) x_0 + t eps,   v = eps - x_0,   loss = mean |v_hat - v|^2,   t = s u / (1 + (s-1) u), u uniform   (flow matching,
    Lipman et al. 2210.02747; the shift s as in SD3, 2403.03206)

Conditions are dropped at random so that every combination the guidance formula needs is learned: single tags, the whole tag
channel, the text, both. A third of the samples carries keyframes. Muon for the matrices of the blocks, AdamW for the rest. To continue,
run the same command with a larger ``--minutes``. New shards are picked up while training. This is the first, plain trainer: one
process, no curriculum.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn
from transformers import T5EncoderModel, T5Tokenizer

from animatrix.model.keyframes import empty_condition, place_keyframes
from animatrix.model.tags import TagBatch, TagEncoder
from animatrix.model.text import encode_text
from animatrix.model.transformer import AniMatrixTransformer3DModel, parameter_count
from animatrix.model.vae import TEMPORAL, AutoencoderNano
from animatrix.train.latents import LatentPool

TAG_SLOTS = 24
NARRATIVE_SLOTS = 48
SHIFT = 3.0


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


def init_weights(model: nn.Module) -> None:
    """Small output heads and closed-to-open gates: diffusers leaves torch's defaults, made for loading, not for training."""
    for block in model.blocks:
        nn.init.zeros_(block.attn1.to_out[0].bias)
        nn.init.zeros_(block.attn2.to_out[0].weight)
        nn.init.zeros_(block.attn2.to_out[0].bias)
    nn.init.zeros_(model.proj_out.weight)
    nn.init.zeros_(model.proj_out.bias)


def drop_conditions(text: Tensor, null_text: Tensor, tags: TagBatch) -> tuple[Tensor, TagBatch]:
    """10 % neither, 10 % text only, 15 % tags only, else both; half of the tag sets are thinned at a random rate."""
    b, device = len(text), text.device
    u = torch.rand(b, device=device)
    no_tags, no_text = u < 0.2, (u < 0.1) | ((u >= 0.2) & (u < 0.35))
    keep = 1 - torch.rand(b, 1, device=device) * (torch.rand(b, 1, device=device) < 0.5)
    mask = tags.mask & (torch.rand(tags.mask.shape, device=device) < keep) & ~no_tags[:, None]
    return torch.where(no_text[:, None, None], null_text, text), tags._replace(mask=mask)


def keyframe_condition(latents: Tensor, key_latents: Tensor, key_index: Tensor) -> Tensor:
    """Condition [B,4+C,F,h,w]: a third of the samples carries one to three of their frames, the first one often."""
    condition = empty_condition(latents)
    b, k = key_index.shape
    device = latents.device
    chosen = (torch.rand(b, 1, device=device) < 0.33) & (torch.rand(b, k, device=device) < 0.4)
    sample, key = chosen.nonzero(as_tuple=True)
    place_keyframes(condition, sample, key_index[sample, key], key_latents[sample, key])
    first = (torch.rand(b, device=device) < 0.2).nonzero()[:, 0]
    place_keyframes(condition, first, torch.zeros_like(first), latents[first, :, 0])
    return condition


def optimizers(model: nn.Module, tags: nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    """Muon (K. Jordan 2024) on the blocks' matrices, scaled to AdamW's step size; AdamW on everything else."""
    matrices = [p for p in model.blocks.parameters() if p.ndim == 2]
    ids = {id(p) for p in matrices}
    rest = [p for p in [*model.parameters(), *tags.parameters()] if id(p) not in ids]
    return [
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
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
        self.step, self.spent, self.clips = 0, 0.0, 0
        self.path = args.out / "state.pt"
        args.out.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self.load()
        self.pool = LatentPool(args.shards, self.vae, self.tags, TAG_SLOTS, NARRATIVE_SLOTS)
        null = encode_text([""], self.tokenizer, self.text, NARRATIVE_SLOTS)
        self.null_text = nn.functional.pad(null, (0, 0, 0, TAG_SLOTS))
        self.log = open(args.out / "log.jsonl", "a")  # noqa: SIM115

    def parts(self) -> dict[str, nn.Module]:
        return {"model": self.model, "tags": self.tags, "average": self.average, "tag_average": self.tag_average}

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
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state["optimizers"] = [o.state_dict() for o in self.optimizers]
        state |= {"step": self.step, "spent": self.spent, "clips": self.clips}
        torch.save(state, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").replace(self.path)

    def loss(self, rows: Tensor) -> Tensor:
        latents, key_latents, key_index, text, tags = self.pool.batch(rows)
        latents, text = latents.float(), nn.functional.pad(text.float(), (0, 0, 0, TAG_SLOTS))
        text, tags = drop_conditions(text, self.null_text, tags)
        condition = keyframe_condition(latents, key_latents.float(), key_index)
        u = torch.rand(len(rows), device=self.device)
        t = SHIFT * u / (1 + (SHIFT - 1) * u)
        noise = torch.randn_like(latents)
        t_ = t.view(-1, 1, 1, 1, 1)
        x_t = (1 - t_) * latents + t_ * noise
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            v = self.model(
                torch.cat([x_t, condition], 1), t * 1000, text, tags=self.tags(tags), return_dict=False
            )[0]
        return (v.float() - (noise - latents)).square().mean()

    def run(self) -> None:
        args, budget = self.args, self.args.minutes * 60
        while self.pool.filled < args.min_clips:
            if not self.pool.grow(self.tokenizer, self.text, 64, args.consume):
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
        while (elapsed := time.monotonic() - began) < budget and time.monotonic() - leg < args.leg_minutes * 60:
            scale = min(1, (self.step + 1) / 200) * min(1.0, max(0.02, (1 - elapsed / budget) / 0.35))
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = args.lr * scale
            if elapsed - last_grow > args.grow_seconds or last_grow == 0:
                self.pool.grow(self.tokenizer, self.text, args.grow_shards, args.consume)
                last_grow = elapsed
            rows = torch.randint(self.pool.filled, (args.batch,), device=self.device)
            loss = self.loss(rows)
            if self.step % 20 == 0 and not math.isfinite(loss.item()):
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
            self.step, self.clips, self.spent = self.step + 1, self.clips + args.batch, elapsed
            if self.step % args.log_every == 0:
                value = loss.item()
                running = value if running == 0 else 0.8 * running + 0.2 * value
                row = {
                    "step": self.step, "minutes": round(elapsed / 60, 2), "loss": round(value, 4),
                    "loss_smooth": round(running, 4), "clips_seen": self.clips, "pool": self.pool.filled,
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30, help="of training in all; the learning rate falls to its end")
    parser.add_argument("--leg-minutes", type=float, default=1e9, help="stop this run earlier, to be continued")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--min-clips", type=int, default=512)
    parser.add_argument("--grow-seconds", type=float, default=20)
    parser.add_argument("--grow-shards", type=int, default=8)
    parser.add_argument("--consume", action="store_true", help="delete the frames of a shard once it is encoded")
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--save-every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    Trainer(parser.parse_args()).run()


if __name__ == "__main__":
    main()
