"""Nano v1's weights as the start of a nano on a stand: what they share, and the rest as new.

    python recipes/nano_stand.py weights/nano runs/nano2/start        # then train recipes/nano_stand.yaml

The term of the place in the picture goes on; v1's own planes, which tell nothing (decision 009), stay behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from animatrix.model.loading import load_transformer
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.train.recipe import load_recipe

LEFT_OUT = 1  # the block whose loss costs least: held out, at t = 0.94, 0.30 for 0.23; the others 0.47 to 1.4
RECIPE = Path(__file__).with_name("nano_stand.yaml")


def main(old: Path, new: Path) -> None:
    before = load_transformer(old / "transformer", dtype=torch.float32)
    config = {name: value for name, value in before.config.items() if not name.startswith("_")}
    torch.manual_seed(0)
    after = AniMatrixTransformer3DModel(**config | {"places": False} | load_recipe(RECIPE).model.config)
    del before.blocks[LEFT_OUT]
    shared = {
        name.replace("place_embedding.", "stand."): weight
        for name, weight in before.state_dict().items()
        if not name.startswith("place_embedding.planes.")
    }
    missing, unexpected = after.load_state_dict(shared, strict=False)
    assert not unexpected and all(name.startswith(("stand.", "cleanup.")) for name in missing)
    after.save_pretrained(new / "transformer", safe_serialization=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
