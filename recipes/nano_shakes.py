"""Gives a layout artist the shakes of drawn shots, without training it anew.

python recipes/nano_shakes.py weights/nano/layout_artist runs/nano6/layout_artist
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from animatrix.model.layout import LayoutArtist
from animatrix.train.layouts import LayoutData, shots_of, tracks_of, with_tracks
from animatrix.train.recipe import load_recipe

RECIPE = Path(__file__).with_name("nano_layout.yaml")
ITEMS = 2048  # of the first world, looked through


def main(old: Path, new: Path) -> None:
    data = load_recipe(RECIPE).data
    assert isinstance(data, LayoutData)
    _, directives, _, shakes = zip(*shots_of(data.worlds[0], "train", data, ITEMS), strict=True)
    tracks = tracks_of(directives, torch.stack(shakes))
    artist = with_tracks(LayoutArtist.from_pretrained(old, torch_dtype=torch.float32), tracks)
    artist.eval().save_pretrained(new, safe_serialization=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
