"""Trains the nano video autoencoder on rendered shards.

    python -m animatrix.train.vae_train --shards runs/nano/shards --out runs/nano/vae --minutes 20

The encoder is the principal components of the first shards and is never trained; `--minutes 0` writes it and
stops, so that the transformer can start on its latents while the decoder learns.

Loss: Charbonnier on pixels + L1 on their spatial and temporal differences (ink lines are thin and drawings
    change abruptly;
plain L1 is content to soften both). Latents are trained under additive noise, so that the decoder forgives
the small errors a diffusion model leaves in them. To continue, run the same command again.

It does not train adversarially or perceptually: there are no photographs here to be perceptual about.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from animatrix.media.door import written_whole
from animatrix.model.vae import AutoencoderNano
from animatrix.train.shards import present, shard_paths


def to_pixels(clips: np.ndarray, device: torch.device) -> Tensor:
    """uint8 [B,T,H,W,3] to float [B,3,T,H,W] in [-1,1]."""
    x = torch.from_numpy(np.ascontiguousarray(clips)).to(device, non_blocking=True)
    return x.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of pixels in [-1,1], per batch item."""
    mse = (a.clamp(-1, 1) - b).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / mse.clamp(min=1e-10))


def reconstruction_loss(y: Tensor, x: Tensor) -> Tensor:
    """Charbonnier + L1 of differences along width, height and time; y, x [B,3,T,H,W]."""
    d = y - x
    loss = (d.square() + 1e-5).sqrt().mean()
    for dim in (-1, -2, -3):
        loss = loss + 0.5 * d.diff(dim=dim).abs().mean()
    return loss


class ShardSampler:
    """Random 4n+1-frame windows and crops of random clips of the shards present, memory-mapped."""

    def __init__(self, folder: Path, frames: int, crop: tuple[int, int], seed: int) -> None:
        self.folder, self.frames, self.crop = folder, frames, crop
        self.rng = np.random.default_rng(seed)
        self.maps: dict[int, np.ndarray] = {}
        self.refresh()

    def refresh(self) -> None:
        for index in present(self.folder):
            if index not in self.maps:
                self.maps[index] = np.load(shard_paths(self.folder, index)[0], mmap_mode="r")

    def batch(self, size: int) -> np.ndarray:
        shards = list(self.maps.values())
        w, h = self.crop
        out = []
        for _ in range(size):
            clip = shards[self.rng.integers(len(shards))]
            clip = clip[self.rng.integers(len(clip))]
            t = self.rng.integers(len(clip) - self.frames + 1)
            y = self.rng.integers(0, clip.shape[1] - h + 1)
            x = self.rng.integers(0, clip.shape[2] - w + 1)
            out.append(clip[t : t + self.frames, y : y + h, x : x + w])
        return np.stack(out)


@torch.no_grad()
def measure(vae: AutoencoderNano, clips: np.ndarray, device: torch.device) -> dict[str, float]:
    """Mean PSNR over whole clips, and of the worst frame of each."""
    values, worst = [], []
    for clip in clips:
        x = to_pixels(clip[None], device)
        y = vae(x)
        values.append(psnr(y, x).item())
        worst.append(psnr(y[0].transpose(0, 1), x[0].transpose(0, 1)).min().item())
    return {"psnr": float(np.mean(values)), "psnr_worst_frame": float(np.mean(worst))}


@torch.no_grad()
def set_statistics(vae: AutoencoderNano, x: Tensor) -> None:
    """Record the shift and scale of the normalised latents from pixels ``x`` [B,3,T,H,W].

    Channels are divided by the *square root* of their standard deviation: fully whitened components make most
    of a diffusion loss out of detail nobody can predict; raw ones leave all but the first few under the
    noise. The common factor brings the mean variance to 1.
    """
    z = vae.encode(x).latents.float()
    std = z.std((0, 2, 3, 4))
    scale = std.sqrt()
    scale = scale * (std / scale).square().mean().sqrt()
    vae.register_to_config(
        latents_mean=[round(v, 5) for v in z.mean((0, 2, 3, 4)).tolist()],
        latents_std=[round(v, 5) for v in scale.tolist()],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--crop", type=int, nargs=2, default=(96, 64), metavar=("W", "H"))
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument(
        "--noise", type=float, default=0.4, help="largest latent noise, in units of the normalised latents"
    )
    parser.add_argument("--z-dim", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    sampler = ShardSampler(args.shards, args.frames, tuple(args.crop), args.seed)
    held = np.concatenate([m[:4] for m in list(sampler.maps.values())[:8]])
    if not (args.out / "vae").exists():
        start = AutoencoderNano(z_dim=args.z_dim)
        sample = to_pixels(
            np.concatenate([m[4:20] for m in list(sampler.maps.values())[:16]]), torch.device("cpu")
        )
        start.init_components(sample)
        set_statistics(start, sample)
        start.save_pretrained(args.out / "vae", safe_serialization=True)
        print("components:", json.dumps(measure(start, held[:8], torch.device("cpu"))), flush=True)
    vae = AutoencoderNano.from_pretrained(args.out / "vae").to(device).train()
    # The encoder stays what it is: latents made at any time remain valid while the decoder learns.
    vae.analysis.requires_grad_(False)
    parameters = [p for p in vae.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=args.lr, betas=(0.9, 0.95), weight_decay=1e-4)
    step, spent, state_path = 0, 0.0, args.out / "state.pt"
    if state_path.exists():
        state = torch.load(state_path, map_location=device, weights_only=True)  # our own file
        vae.load_state_dict(state["vae"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
        print(f"continuing at step {step}, {spent / 60:.1f} min spent", flush=True)

    sampler.rng = np.random.default_rng([args.seed, step])
    budget, began = args.minutes * 60, time.monotonic() - spent
    log = open(args.out / "log.jsonl", "a")  # noqa: SIM115
    amp = torch.autocast(device.type, dtype=torch.bfloat16)
    z_scale = torch.tensor(vae.config.latents_std, device=device).view(1, -1, 1, 1, 1)
    while (elapsed := time.monotonic() - began) < budget:
        progress = elapsed / budget
        lr = args.lr * min(1, (step + 1) / 100) * min(1.0, (1 - progress) / 0.5)
        for group in optimizer.param_groups:
            group["lr"] = lr
        x = to_pixels(sampler.batch(args.batch), device)
        with torch.no_grad():
            z = vae.encode(x).latents
        with amp:
            level = args.noise * torch.rand(len(z), 1, 1, 1, 1, device=device)
            y = vae.decode(z + level * z_scale * torch.randn_like(z)).sample
        loss = reconstruction_loss(y.float(), x)
        if not torch.isfinite(loss):
            raise SystemExit(f"loss is {loss.item()} at step {step}: stopped before the step")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 200 == 0 or step == 50:
            sampler.refresh()
            row = {"step": step, "minutes": round(elapsed / 60, 2), "loss": loss.item(), "lr": lr}
            row |= measure(vae, held[:8], device)
            print(json.dumps(row), flush=True)
            log.write(json.dumps(row) + "\n")
            log.flush()

    state = {"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": budget}
    with written_whole(state_path) as temporary:
        torch.save(state, temporary)
    vae.eval()
    print("final", json.dumps({"step": step} | measure(vae, held, device)), flush=True)
    vae.save_pretrained(args.out / "vae", safe_serialization=True)


if __name__ == "__main__":
    main()
