"""What the pipeline costs over diffusers' own, with the same random weights and the same work, in one run.

    python benchmarks/pipeline_speed.py [--rounds 5] [--steps 6] [--threads 1]

A Wan of 40M parameters (8 blocks, width 512, 512 text slots) and a small Wan VAE make 17 frames of 160x96 on
the CPU. Each round runs every way once, in an order that turns from round to round. One JSON line:

* ``a_over_wan``: our pipeline without tags over ``WanPipeline``, two passes a step, with decoding. Aim 1.0.
  Their latents are compared first and must be equal to the bit.
* ``b_three_passes``: text and tag guidance (three passes) over two passes of the same pipeline without tags
  (``over_two``) and over ``WanPipeline`` (``over_wan``), without decoding; ``batched``: the three passes as
  one batch. Aim 1.55.
* ``c_tags_per_forward``: one forward with tags over one without: ``prepared`` as the pipeline runs it, with
  conditions that are kept over steps; ``bare`` with nothing kept, over diffusers' transformer. Aim 1.02.
* ``d_over_bare``: the pipeline over its transformer forwards (prepared conditions) and the decode alone. Aim
  1.05.

Each has ``wall`` and ``cpu``: the median over rounds of the ratio of clock seconds, and of processor seconds
of this process. Where other programs compete for the cores, only ``cpu`` means something. ``seconds`` are the
medians behind them.

Read with care: the pipeline keeps cross-attention keys and values over steps. Over 300 tokens of video their
share of a forward is about a seventh, so (a) flatters; over the 32,760 tokens of 81 frames at 832x480 it is
about a thousandth. ``kept_share`` is that share by multiplications, for this run and for Wan 2.1 1.3B and
14B.
"""

from __future__ import annotations

import argparse
import json
import statistics
import string
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, WanPipeline, WanTransformer3DModel
from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

from animatrix import AniMatrixPipeline, Directive, TagEncoder
from animatrix.model.presets import PRESETS

NARRATIVE = "A girl in a red scarf runs over a rooftop and leaps."
TAGS = {"camera_move": "pan_left", "drawing_cadence": "twos", "impact_frame": "white_frame@8-9"}
FRAMES, WIDTH, HEIGHT = 17, 160, 96
SIZE = {"height": HEIGHT, "width": WIDTH}
MODEL = {
    "num_attention_heads": 8, "attention_head_dim": 64, "in_channels": 16, "out_channels": 16,
    "text_dim": 256, "freq_dim": 256, "ffn_dim": 2304, "num_layers": 8,
}  # fmt: skip


def directive(**tags: str) -> Directive:
    return Directive.model_validate({"narrative": NARRATIVE, "tags": tags, "frames": FRAMES, "fps": 24})


def stock() -> WanPipeline:
    """diffusers' pipeline with random weights in Wan's structure."""
    torch.manual_seed(0)
    letters = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters += [(c, -3.0) for c in string.ascii_letters + string.punctuation]
    tokenizer = T5Tokenizer(vocab=[*letters, ("<extra_id_0>", 0.0)], extra_ids=1)
    text = UMT5Config(vocab_size=len(tokenizer), d_model=256, d_kv=32, d_ff=512, num_layers=4, num_heads=8)
    vae = AutoencoderKLWan(base_dim=16, z_dim=16, num_res_blocks=1)
    pipe = WanPipeline(
        tokenizer=tokenizer,
        text_encoder=UMT5EncoderModel(text).eval(),
        vae=vae.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=WanTransformer3DModel(**MODEL).eval(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def with_tags(wan: WanPipeline) -> AniMatrixPipeline:
    """The same weights with a tag channel that has an effect."""
    pipe = AniMatrixPipeline.from_wan(wan, tag_encoder=TagEncoder().eval())
    for path in pipe.transformer._tag_paths():
        torch.nn.init.normal_(path.weight, std=0.02)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def timed(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """(wall, cpu) seconds of each way, by rounds; each round starts with another one."""
    names, taken = list(ways), {name: [] for name in ways}
    for name in names:
        ways[name]()
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            wall, cpu = time.perf_counter(), time.process_time()
            ways[name]()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return taken


def ratio(taken: Mapping[str, list[tuple[float, float]]], one: str, base: str) -> dict[str, float]:
    return {
        clock: round(statistics.median(a[i] / b[i] for a, b in zip(taken[one], taken[base], strict=True)), 3)
        for i, clock in enumerate(("wall", "cpu"))
    }


def kept_share(config: Mapping[str, Any], tokens: int, slots: int = 512) -> float:
    """Share of a forward's multiplications that is the keys and values of the text."""
    width = config["num_attention_heads"] * config["attention_head_dim"]
    keys = 2 * slots * width * width
    linears = tokens * (6 * width * width + 2 * width * config["ffn_dim"])  # q k v o, q o, feed-forward
    attention = 2 * tokens * (tokens + slots) * width
    return round(keys / (keys + linears + attention), 4)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    wan = stock()
    plain, tagged = AniMatrixPipeline.from_wan(wan), with_tags(wan)
    plain.set_progress_bar_config(disable=True)
    settings = {**SIZE, "num_inference_steps": options.steps, "guidance_scale": 3.0}
    asked, asked_tags = directive(), directive(**TAGS)

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(7)

    def by_wan(kind: str) -> Any:
        return wan(
            prompt=NARRATIVE, num_frames=FRAMES, generator=seeded(), output_type=kind, **settings
        ).frames  # fmt: skip

    def by_us(pipe: AniMatrixPipeline, request: Directive, kind: str, **more: Any) -> Any:
        return pipe(request, generator=seeded(), output_type=kind, **settings, **more).frames

    assert torch.equal(by_us(plain, asked, "latent"), by_wan("latent")), "not the same work"

    latents = torch.randn(1, 16, (FRAMES - 1) // 4 + 1, HEIGHT // 8, WIDTH // 8)
    text, null_text, tags = tagged._encode([asked_tags], "")
    when = torch.tensor([500])

    def bare_forwards() -> None:
        kept = [plain.transformer.prepare(states) for states in (null_text, text)]
        for _ in range(options.steps):
            for conditions in kept:
                plain.transformer(latents, when, conditions)
        plain._decoded(latents, "np")

    guidance = {"tag_guidance_scale": 5.0}
    requests = {
        "wan": lambda: by_wan("np"),
        "ours": lambda: by_us(plain, asked, "np"),
        "bare": bare_forwards,
        "wan_latent": lambda: by_wan("latent"),
        "two": lambda: by_us(tagged, asked, "latent"),
        "three": lambda: by_us(tagged, asked_tags, "latent", **guidance),
        "three_batched": lambda: by_us(tagged, asked_tags, "latent", batch_guidance=True, **guidance),
    }
    taken = timed(requests, options.rounds)

    model = tagged.transformer
    without, full = model.prepare(text), model.prepare(text, tags=tags)
    forwards = timed(
        {
            "kept": lambda: model(latents, when, without),
            "kept_tags": lambda: model(latents, when, full),
            "wan": lambda: wan.transformer(latents, when, text),
            "tags": lambda: model(latents, when, text, tags=tags),
        },
        4 * options.rounds,
    )
    tokens = latents.shape[2:].numel() // 4
    true_tokens = 21 * (480 // 16) * (832 // 16)
    shares = {
        name: kept_share(PRESETS[name].transformer, true_tokens)
        for name in ("wan2.1-t2v-1.3b", "wan2.1-t2v-14b")
    }
    document = {
        "parameters": sum(p.numel() for p in wan.transformer.parameters()),
        "steps": options.steps,
        "rounds": options.rounds,
        "threads": options.threads,
        "a_over_wan": ratio(taken, "ours", "wan"),
        "b_three_passes": {
            "over_two": ratio(taken, "three", "two"),
            "batched_over_two": ratio(taken, "three_batched", "two"),
            "over_wan": ratio(taken, "three", "wan_latent"),
            "batched_over_wan": ratio(taken, "three_batched", "wan_latent"),
        },
        "c_tags_per_forward": {
            "prepared": ratio(forwards, "kept_tags", "kept"),
            "bare": ratio(forwards, "tags", "wan"),
        },
        "d_over_bare": ratio(taken, "ours", "bare"),
        "kept_share": {"this run": kept_share(MODEL, tokens), **shares},
        "seconds": {
            name: [round(statistics.median(t[i] for t in times), 3) for i in (0, 1)]
            for name, times in (*taken.items(), *((f"forward_{n}", t) for n, t in forwards.items()))
        },
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
