"""Trains the nano video autoencoder on rendered shards.

    python -m animatrix.train.vae_train --shards runs/pixels/* --out runs/vae --minutes 40
    python -m animatrix.train.vae_train --shards ... --out runs/vae --minutes 10 --freeze

It starts at the principal components of the first shards and learns the residuals of both ways. ``--freeze``
turns the latents to their own principal axes, records their statistics, writes OUT/vae and from then on
trains the decoder only: latents made from OUT/vae stay valid. To continue, run the same command again.

Loss: per sample, the logarithms of the squared error (frames unlike their neighbours count up to twice) and
of the absolute errors of pixels and of their differences along width and height, and of every step from one
frame to the next: lines are thin, drawings are held and change abruptly, and plain squares are content to
soften them all. Logarithms, because a flat sky should not be ignored beside a crowd of petals, nor a held
drawing beside a pan. Latents carry a little noise, so that the decoder forgives
the small errors a diffusion model leaves in them.

It does not train adversarially or perceptually: there are no photographs here to be perceptual about.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from animatrix.caption.recognise.muon import Muon
from animatrix.media.door import written_whole
from animatrix.model.vae import TEMPORAL, AutoencoderNano, half_whitened
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
    """The loss of the module's docstring; y, x [B,3,T,H,W] in [-1,1]."""
    d = y - x
    step = F.pad(x.diff(dim=2).abs().mean((1, 3, 4)), (1, 1), value=2.0)  # [B,T+1]
    alone = torch.minimum(step[:, :-1], step[:, 1:])  # how unlike the nearer neighbour a frame is
    weight = 1 + (4 * alone).clamp(max=1)
    weight = weight / weight.mean(1, keepdim=True)
    squares = (d.square().mean((1, 3, 4)) * weight).mean(1)
    each = torch.log(squares + 1e-3) + 0.25 * torch.log(d.abs().flatten(1).mean(1) + 0.01)
    for dim in (-1, -2):
        each = each + 0.15 * torch.log(d.diff(dim=dim).abs().flatten(1).mean(1) + 0.01)
    # Pair by pair, so that a pair of equal pictures asks for equal pictures, whatever moves elsewhere.
    pairs = torch.log(d.diff(dim=2).abs().mean((1, 3, 4)) + 0.002)
    return (each + 0.25 * pairs.mean(1)).mean()


class ShardSampler:
    """Random 4n+1-frame windows and crops of random clips of the shards present, memory-mapped.

    Folders are drawn from equally, however full they are.
    """

    def __init__(self, folders: Sequence[Path], frames: int, crop: tuple[int, int], seed: int) -> None:
        self.folders, self.frames, self.crop = folders, frames, crop
        self.rng = np.random.default_rng(seed)
        self.maps: list[dict[int, np.ndarray]] = [{} for _ in folders]
        self.refresh()

    def refresh(self) -> None:
        for folder, maps in zip(self.folders, self.maps, strict=True):
            for index in present(folder):
                if index not in maps:
                    maps[index] = np.load(shard_paths(folder, index)[0], mmap_mode="r")

    def first(self, count: int) -> np.ndarray:
        """The first clips of every folder's first shard, ``count`` in all."""
        return np.concatenate([m[min(m)][: count // len(self.maps)] for m in self.maps])

    def batch(self, size: int) -> np.ndarray:
        w, h = self.crop
        out = []
        for _ in range(size):
            shards = list(self.maps[self.rng.integers(len(self.maps))].values())
            clip = shards[self.rng.integers(len(shards))]
            clip = clip[self.rng.integers(len(clip))]
            t = self.rng.integers(len(clip) - self.frames + 1)
            if self.rng.random() < 0.75:
                t -= t % TEMPORAL  # where the four frames of a latent begin in a whole clip
            y = self.rng.integers(0, clip.shape[1] - h + 1)
            x = self.rng.integers(0, clip.shape[2] - w + 1)
            out.append(clip[t : t + self.frames, y : y + h, x : x + w])
        return np.stack(out)


def held_out(count: int, size: tuple[int, int], frames: int) -> dict[str, np.ndarray]:
    """``count`` clips of each world by designs that training never shows; ``{world: uint8 [N,T,H,W,3]}``."""
    from animatrix.synthetic import Corpus

    corpora = {
        w: Corpus(seed=0, split="tune", size=size, frames=frames, world=w) for w in ("everyday", "wide")
    }
    return {w: np.stack([c[i].clip.frames for i in range(count)]) for w, c in corpora.items()}


@torch.no_grad()
def measure(vae: AutoencoderNano, clips: dict[str, np.ndarray], device: torch.device) -> dict[str, float]:
    """Mean PSNR over whole clips of each world and of all, and of the worst frame of each clip; ``stirs``: by
    how many of 255 levels a picture changes on average from a frame to an equal one.
    """
    row: dict[str, float] = {}
    every, worst, stirs = [], [], []
    for world, some in clips.items():
        values = []
        for clip in some:
            x = to_pixels(clip[None], device)
            y = vae(x)
            values.append(psnr(y, x).item())
            held = x.diff(dim=2).abs().amax((0, 1, 3, 4)) == 0
            stirs += (127.5 * y.diff(dim=2).abs().mean((0, 1, 3, 4)))[held].tolist()
            worst.append(psnr(y[0].transpose(0, 1), x[0].transpose(0, 1)).min().item())
        row[world] = round(float(np.mean(values)), 3)
        every += values
    figures = {"psnr": every, "worst_frame": worst, "stirs": stirs}
    return row | {name: round(float(np.mean(values)), 3) for name, values in figures.items()}


def noise_scale(z: Tensor) -> Tensor:
    """Scale of the normalised latents if their statistics were taken now; z [B,C,F,h,w] to [1,C,1,1,1]."""
    return half_whitened(z.detach().float().std((0, 2, 3, 4)).clamp(min=1e-4)).view(1, -1, 1, 1, 1)


def optimisers(vae: AutoencoderNano, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the hidden convolutions; AdamW for the components (slowly), biases, gains and outputs."""
    groups: dict[str, list[Tensor]] = {"hidden": [], "components": [], "rest": []}
    for name, p in vae.named_parameters():
        if p.requires_grad:
            linear = name.startswith(("analysis", "synthesis"))
            hidden = p.ndim > 2 and not name.startswith(("dec_to_pixels", "dec_hold"))
            groups["components" if linear else "hidden" if hidden else "rest"].append(p)
    adam = [
        {"params": groups["rest"], "lr": 0.1 * lr, "base": 0.1 * lr},
        {"params": groups["components"], "lr": 0.005 * lr, "base": 0.005 * lr},
    ]
    muon = Muon(groups["hidden"], lr=lr, momentum=0.95, weight_decay=0.01)
    muon.param_groups[0]["base"] = lr
    return [muon, torch.optim.AdamW([g for g in adam if g["params"]], betas=(0.9, 0.95), weight_decay=0.0)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40, help="of this leg's schedule, in all")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--crop", type=int, nargs=2, default=(96, 64), metavar=("W", "H"))
    parser.add_argument("--lr", type=float, default=0.02, help="of Muon; AdamW's follow it")
    parser.add_argument("--decay-from", type=float, default=0.5, help="share of the minutes at full rate")
    parser.add_argument("--ema", type=float, default=0.99)
    parser.add_argument(
        "--noise", type=float, default=0.1, help="largest latent noise, in units of the normalised latents"
    )
    parser.add_argument("--z-dim", type=int, default=48)
    parser.add_argument("--widths", type=int, nargs=3, default=(192, 96, 64))
    parser.add_argument("--encoder-widths", type=int, nargs=3, default=(48, 96, 192))
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--norm", action="store_true")
    parser.add_argument("--held", type=int, default=12, help="held-out clips of each world to measure on")
    parser.add_argument("--freeze", action="store_true", help="settle the encoder; train the decoder only")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    sampler = ShardSampler(args.shards, args.frames, tuple(args.crop), args.seed)
    held = held_out(args.held, (160, 96), 33)
    state_path = args.out / ("frozen.pt" if args.freeze else "state.pt")
    if state_path.exists():
        state = torch.load(state_path, map_location="cpu", weights_only=True)  # our own file
        vae = AutoencoderNano.from_config(state["config"])
        vae.load_state_dict(state["vae"])
    elif args.freeze:
        state = None
        vae = AutoencoderNano.from_pretrained(args.out / "vae")
        vae.settle(to_pixels(sampler.first(48), torch.device("cpu")))
        vae.save_pretrained(args.out / "vae", safe_serialization=True)
        print("settled:", json.dumps(measure(vae.eval(), held, torch.device("cpu"))), flush=True)
    else:
        state = None
        vae = AutoencoderNano(
            z_dim=args.z_dim,
            widths=tuple(args.widths),
            pixel_width=0,
            encoder_widths=tuple(args.encoder_widths),
            blocks=args.blocks,
            norm=args.norm,
            holds=True,
        )
        sample = to_pixels(sampler.first(48), torch.device("cpu"))
        vae.init_components(sample)
        vae.record_statistics(sample)
        print("components:", json.dumps(measure(vae, held, torch.device("cpu"))), flush=True)
    vae = vae.to(device).train()
    for layer in vae.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    if args.freeze:
        for name, p in vae.named_parameters():
            p.requires_grad_(not name.startswith(("analysis", "enc_")))
    average = copy.deepcopy(vae).eval().requires_grad_(False)
    trained = optimisers(vae, args.lr)
    step, spent = 0, 0.0
    if state:
        average.load_state_dict(state["average"])
        for optimiser, saved in zip(trained, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        step, spent = state["step"], state["spent"]
        print(f"continuing at step {step}, {spent / 60:.1f} min spent", flush=True)
    print(json.dumps({"parameters": sum(p.numel() for p in vae.parameters())}), flush=True)

    sampler.rng = np.random.default_rng([args.seed, step])
    began, saved_at = time.monotonic() - spent, time.monotonic()
    amp = torch.autocast(device.type, dtype=torch.bfloat16)

    def save(elapsed: float) -> None:
        whole = {
            "config": dict(vae.config),
            "vae": vae.state_dict(),
            "average": average.state_dict(),
            "optimisers": [o.state_dict() for o in trained],
            "step": step,
            "spent": elapsed,
        }
        with written_whole(state_path) as temporary:
            torch.save(whole, temporary)
        average.save_pretrained(args.out / "vae", safe_serialization=True)

    log = open(args.out / "log.jsonl", "a")  # noqa: SIM115
    while (elapsed := time.monotonic() - began) < args.minutes * 60:
        progress = elapsed / (args.minutes * 60)
        rate = min(1, (step + 1) / 50) * min(1.0, (1 - progress) / (1 - args.decay_from))
        for optimiser in trained:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["base"]
        x = to_pixels(sampler.batch(args.batch), device)
        with amp:
            z = vae.encode(x).latents
            level = args.noise * torch.rand(len(z), 1, 1, 1, 1, device=device)
            y = vae.decode(z + level * noise_scale(z) * torch.randn_like(z)).sample
        loss = reconstruction_loss(y.float(), x)
        if not torch.isfinite(loss):
            raise SystemExit(f"loss is {loss.item()} at step {step}: stopped before the step")
        for optimiser in trained:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in vae.parameters() if p.requires_grad], 1.0)
        for optimiser in trained:
            optimiser.step()
        step += 1
        with torch.no_grad():
            fade = min(args.ema, step / (step + 10))
            for slow, fast in zip(average.parameters(), vae.parameters(), strict=True):
                slow.lerp_(fast, 1 - fade)
        if step % 500 == 0:
            sampler.refresh()
            row = {
                "step": step,
                "minutes": round(elapsed / 60, 2),
                "loss": round(loss.item(), 4),
                "rate": rate,
            }
            row |= measure(average, held, device)
            print(json.dumps(row), flush=True)
            log.write(json.dumps(row) + "\n")
            log.flush()
        if time.monotonic() - saved_at > 120:
            save(elapsed)
            saved_at = time.monotonic()
    save(args.minutes * 60)
    print("final", json.dumps({"step": step} | measure(average, held, device)), flush=True)


if __name__ == "__main__":
    main()
