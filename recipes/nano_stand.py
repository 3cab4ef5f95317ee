"""The transformer that training on a stand starts from: what it shares with an earlier nano, the rest new.

    python recipes/nano_stand.py runs/nano1/deformed/export runs/nano3/start

Nano v2 came from nano v1 (commit f3ec4f5, `weights/nano`): its term of the place in the picture goes on, its
planes, which told nothing (decision 009), stay behind, and so does one of its seven blocks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.train.recipe import load_recipe

RECIPE = Path(__file__).with_name("nano_stand.yaml")
LEFT_OUT = 1  # the block whose loss costs least: held out, at t = 0.94, 0.30 for 0.23; the others 0.47 to 1.4


def main(old: Path, new: Path) -> None:
    config = json.loads((old / "transformer/config.json").read_text("utf-8"))
    config = {name: value for name, value in config.items() if name != "places" and not name.startswith("_")}
    torch.manual_seed(0)
    model = AniMatrixTransformer3DModel(**config | load_recipe(RECIPE).model.config)
    weights = load_file(old / "transformer/diffusion_pytorch_model.safetensors")
    shared = {}
    for name, weight in weights.items():
        name = name.replace("place_embedding.", "stand.")
        if name.startswith(f"blocks.{LEFT_OUT}.") or name.startswith(("stand.planes.", "cleanup.")):
            continue
        if name.startswith("blocks."):
            number, _, rest = name.removeprefix("blocks.").partition(".")
            name = f"blocks.{int(number) - (int(number) > LEFT_OUT)}.{rest}"
        shared[name] = weight.float()
    missing, unexpected = model.load_state_dict(shared, strict=False)
    assert not unexpected and all(name.startswith(("stand.", "cleanup.")) for name in missing)
    model.save_pretrained(new / "transformer", safe_serialization=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
