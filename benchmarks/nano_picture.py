"""The picture of the README: one shot in each scene nano knows, noise seeds 0 to 3, nothing picked.

python benchmarks/nano_picture.py [--model nano] [--out docs/nano.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from animatrix.generate.run import clip_of, load
from animatrix.knowledge import Directive
from animatrix.media import contact_sheet

SHOTS = (
    (
        "A young woman with long brown hair in a pink dress waves a hand in a snowfield by day.",
        {"camera_move": "pan_left", "drawing_cadence": "twos", "impact_frame": "white_frame@14-15"},
    ),
    (
        "A boy with spiky green hair in a light blue raincoat stands by the sea at sunset.",
        {"camera_move": "track_up", "drawing_cadence": "threes"},
    ),
    (
        "A young woman with long silver hair in a navy jacket waves a hand in the forest at sunset.",
        {"camera_move": "tilt_up", "drawing_cadence": "twos"},
    ),
    (
        "A girl with a red ponytail in a yellow raincoat stands in an empty classroom at night.",
        {"camera_move": "pan_right", "move_speed": "slow_move", "drawing_cadence": "threes"},
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", type=Path, default=Path("docs/nano.png"))
    options = parser.parse_args()
    pipe = load(options.model)
    pipe.set_progress_bar_config(disable=True)
    clips, captions = [], []
    for seed, (narrative, tags) in enumerate(SHOTS):
        asked = Directive.model_validate({"narrative": narrative, "tags": tags, "frames": 25, "fps": 24})
        clips.append(clip_of(pipe(asked, generator=torch.Generator().manual_seed(seed)).frames[0]))
        said = ", ".join(f"{field} {value}" for field, value in tags.items())
        captions.append(f"{narrative}  {said.replace('_', ' ')}")
    contact_sheet(clips, options.out, captions=captions)


if __name__ == "__main__":
    main()
