"""The transformer that training with drafts starts from: what it shares with a nano on a stand, the rest new.

    python recipes/nano_drafted.py weights/nano runs/nano5/start       # weights/nano of commit 8fcada0

Its sheets of art stay behind, which a draft replaces (decision 011), and so does one of its six blocks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from animatrix.model.stand import PLANES
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.train.recipe import load_recipe

RECIPE = Path(__file__).with_name("nano_drafted.yaml")
LOOKS = "cleanup.look_out.weight"


def main(old: Path, new: Path, left_out: int) -> None:
    config = json.loads((old / "transformer/config.json").read_text("utf-8"))
    known = AniMatrixTransformer3DModel._get_init_keys(AniMatrixTransformer3DModel)
    config = {name: value for name, value in config.items() if name in known}
    torch.manual_seed(0)
    model = AniMatrixTransformer3DModel(**config | load_recipe(RECIPE).model.config | {"takes_draft": True})
    shared = {}
    for name, weight in load_file(old / "transformer/diffusion_pytorch_model.safetensors").items():
        if name.startswith((f"blocks.{left_out}.", "cleanup.art.")):
            continue
        if name.startswith("blocks."):
            number, _, rest = name.removeprefix("blocks.").partition(".")
            name = f"blocks.{int(number) - (int(number) > left_out)}.{rest}"
        if name == LOOKS:  # of each plane, what it says of places, and then of art
            width = weight.shape[0]
            weight = weight.unflatten(1, (PLANES, -1))[:, :, :width].flatten(1)
        shared[name] = weight.float()
    missing, unexpected = model.load_state_dict(shared, strict=False)
    assert not unexpected and all("draft" in name or "matte" in name for name in missing), missing
    model.save_pretrained(new / "transformer", safe_serialization=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
