"""Parameters of the published Wan backbones, what the tag channel adds, what keeping keys costs and spares.

Run: ``python benchmarks/model_parameters.py [--speed] [--json]``. Models are instantiated on the meta device
from their true configs: exact counts, no memory. ``kept`` is what one guidance pass keeps of the text at
every block (bf16); ``spared`` the share of a forward's multiplications that it saves, for 81 frames at
832x480 (TI2V-5B: 1280x704), attention included. ``--speed`` times nano's forward, raw and prepared, in
interleaved rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel

from animatrix import AniMatrixTransformer3DModel, Directive, TagEncoder
from animatrix.model.presets import PRESETS, Preset
from animatrix.model.transformer import parameter_count

TEXT = 512
IMAGE = 257
NANO = Path(__file__).resolve().parents[1] / "weights" / "nano"


def spared_share(preset: Preset) -> tuple[int, float]:
    """Numbers kept by one pass, and the share of a forward's multiply-adds it spares."""
    c = preset.transformer
    width = c["num_attention_heads"] * c["attention_head_dim"]
    tokens = 21 * (22 * 40 if preset.vae == "wan2.2" else 30 * 52)
    slots = TEXT + (IMAGE if c.get("image_dim") else 0)
    keys = 2 * slots * width * width
    linear = tokens * (6 * width * width + 2 * width * c["ffn_dim"])  # q, k, v, o; q, o; feed-forward
    attention = 2 * tokens * (tokens + slots) * width
    return 2 * slots * width * c["num_layers"], keys / (keys + linear + attention)


def backbones() -> list[dict]:
    rows = []
    tags = parameter_count(TagEncoder())
    for name, preset in PRESETS.items():
        with torch.device("meta"):
            wan = parameter_count(WanTransformer3DModel(**preset.transformer))
            ours = parameter_count(AniMatrixTransformer3DModel(**preset.transformer))
        kept, spared = spared_share(preset)
        rows.append(
            {
                "backbone": name,
                "experts": preset.experts,
                "wan": wan,
                "tag_paths": ours - wan,
                "tag_encoder": tags,
                "added_percent": round(
                    100 * (preset.experts * (ours - wan) + tags) / (preset.experts * wan), 4
                ),
                "kept_mb_per_pass": round(2 * kept / 1e6, 1),
                "spared_percent": round(100 * spared, 2),
            }
        )
    return rows


@torch.no_grad()
def nano_speed(rounds: int = 31) -> dict[str, float]:
    """Time of nano's forward for 33 frames, relative to raw text and tags at every step."""
    torch.set_num_threads(1)
    model = AniMatrixTransformer3DModel.from_pretrained(NANO / "transformer").float().eval()
    encoder = TagEncoder.from_pretrained(NANO / "tag_encoder").float().eval()
    asked = {"camera_move": "pan_left", "impact_frame": "white_frame@8-9", "drawing_cadence": "twos"}
    directive = Directive.model_validate({"narrative": "x", "tags": asked, "frames": 33, "fps": 24})
    tags = encoder(encoder.tokenize([directive]))
    x, t = torch.randn(1, model.config.in_channels, 9, 12, 20), torch.tensor([700.0])
    text = torch.randn(1, model.config.text_len, model.config.text_dim)
    given = {
        "without_tags": (text, {}),
        "raw": (text, {"tags": tags}),
        "kept_embeddings": (model.prepare(text, tags=tags, keep_keys=False), {}),
        "kept_keys": (model.prepare(text, tags=tags), {}),
    }
    seconds: dict[str, list[float]] = {name: [] for name in given}
    for _ in range(rounds):
        for name, (states, more) in given.items():
            begun = time.thread_time()
            model(x, t, states, return_dict=False, **more)
            seconds[name].append(time.thread_time() - begun)
    median = {name: statistics.median(s) for name, s in seconds.items()}
    return {name: round(s / median["raw"], 3) for name, s in median.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result: dict = {"backbones": backbones()}
    if args.speed:
        result["nano_forward"] = nano_speed()
    if args.json:
        print(json.dumps(result))
        return
    print("backbone          experts         wan  tag paths  tag encoder   added     kept  spared")
    for r in result["backbones"]:
        print(
            f"{r['backbone']:17} {r['experts']:7} {r['wan']:11,} {r['tag_paths']:10,} {r['tag_encoder']:12,} "
            f"{r['added_percent']:6.3f}% {r['kept_mb_per_pass']:5.0f} MB {r['spared_percent']:6.2f}%"
        )
    if args.speed:
        print("nano, 33 frames, time over raw:", result["nano_forward"])


if __name__ == "__main__":
    main()
