"""Background plates for a nano on a stand, painted from training clips by their layouts.

    python recipes/nano_plates.py weights/nano runs/nano4/start     # then train recipes/nano_plates.yaml

Of each of the scenes, clips in everyday colours without impact frames are laid on a sheet; a pixel of the
plate is the mean of what was seen there where no figure stood, and what nobody saw is filled in from around
it. Which narrative means which plate is learned beside it, in seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from transformers import AutoTokenizer, T5EncoderModel

from animatrix.model.loading import load_transformer
from animatrix.model.text import encode_text
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.synthetic import Corpus
from animatrix.train.recipe import load_recipe

RECIPE = Path(__file__).with_name("nano_plates.yaml")
CLIPS = 48  # painted from, of each scene
EVERY = 4  # frames
NARRATIVES = 1024  # that plates are told apart by


def paint(corpus: Corpus, scene: int, size: tuple[int, int], frame: tuple[int, int]) -> np.ndarray:
    """The plate ``uint8 [3,h,w]`` of a scene."""
    (sh, sw), (h, w) = size, frame
    total, count = np.zeros((sh, sw, 3)), np.zeros((sh, sw))
    left, number = CLIPS, scene
    down, across = (np.arange(n) + 0.5 for n in frame)
    while left:
        asked, layout = corpus.laid_out(number)
        index, number = number, number + corpus.scenes
        plain = asked.values("palette") == ("natural",) and asked.values("impact_frame") == ("none",)
        if layout is None or not plain:
            continue
        left -= 1
        sample = corpus[index]
        for t in range(0, len(layout), EVERY):
            right, below, zoom = layout[t, :3]
            x = sw / 2 + w * right + (across - w / 2) * np.exp(zoom)
            y = sh / 2 + h * below + (down - h / 2) * np.exp(zoom)
            xs, ys = np.meshgrid(np.floor(x).astype(int), np.floor(y).astype(int))
            seen = ~sample.truth.mask[t] & (xs >= 0) & (xs < sw) & (ys >= 0) & (ys < sh)
            np.add.at(total, (ys[seen], xs[seen]), sample.clip.frames[t][seen])
            np.add.at(count, (ys[seen], xs[seen]), 1)
    plate = np.rint(total / np.maximum(count, 1)[..., None]).astype(np.uint8)
    plate = cv2.inpaint(plate, (count == 0).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return plate.transpose(2, 0, 1)


def choose(choice: nn.Module, corpus: Corpus, folder: Path) -> float:
    """Learn which plate narratives mean; returns the share told right at the end."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    encoder = T5EncoderModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval()
    said = [corpus.request(i).narrative for i in range(NARRATIVES)]
    scenes = torch.arange(NARRATIVES) % corpus.scenes
    slots = load_recipe(RECIPE).model.tag_slots
    with torch.no_grad():
        states = torch.cat(
            [encode_text(said[i : i + 64], tokenizer, encoder, 64) for i in range(0, NARRATIVES, 64)]
        )
        # As the transformer has them: with room for the tags behind.
        states = nn.functional.pad(states.float(), (0, 0, 0, slots)).mean(1)
    choice.requires_grad_(True)
    optimiser = torch.optim.Adam(choice.parameters(), lr=3e-3)
    for _ in range(300):
        logits = choice(states)
        loss = nn.functional.cross_entropy(logits, scenes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    choice.requires_grad_(False)
    return (choice(states).argmax(1) == scenes).float().mean().item()


def main(old: Path, new: Path) -> None:
    before = load_transformer(old / "transformer", dtype=torch.float32)
    config = {name: value for name, value in before.config.items() if not name.startswith("_")}
    torch.manual_seed(0)
    model = AniMatrixTransformer3DModel(**config | load_recipe(RECIPE).model.config)
    missing, unexpected = model.load_state_dict(before.state_dict(), strict=False)
    assert not unexpected and all(name.startswith("cleanup.plates.") for name in missing)
    corpus = Corpus(51, "train", (160, 96), 33, 24.0, "little", scenes=4)
    plates = model.cleanup.plates
    for scene in range(corpus.scenes):
        plates.painted[scene] = torch.from_numpy(paint(corpus, scene, plates.size, plates.frame))
    print(f"narratives told apart: {choose(plates.choice, corpus, old):.3f}")
    new.mkdir(parents=True, exist_ok=True)
    sheet = plates.painted.permute(0, 2, 3, 1).reshape(-1, plates.size[1], 3).numpy()
    cv2.imwrite(str(new / "plates.png"), sheet[..., ::-1])
    model.save_pretrained(new / "transformer", safe_serialization=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
