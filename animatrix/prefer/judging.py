"""The trained judge: kept in a folder, read back, and asked about any clip.

    judge = load_judge()
    verdict = judge.score(clip, directive)        # dimensions, failure, regions

A folder holds the network (``config.json``, safetensors in bf16) and ``reward.json``: what its scores are
worth (:mod:`animatrix.prefer.calibration`), and the size and rate of what it was trained on.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.media import Clip
from animatrix.media.door import written_whole
from animatrix.prefer.calibration import Calibration, calibrate
from animatrix.prefer.measures import figures, judged
from animatrix.prefer.merits import DIMENSIONS
from animatrix.prefer.overlay import frames_of
from animatrix.prefer.reward import Judgement, RewardModel
from animatrix.prefer.sets import CELL
from animatrix.prefer.ties import log_k, parity_tie_rate
from animatrix.prefer.voted import RATE, at_rate
from animatrix.train.data.cards import windowed
from animatrix.train.data.framing import centre, fitted

if TYPE_CHECKING:
    from animatrix.prefer.reward_task import RewardTask

STORY = "reward.json"
LEAST, LONGEST = 2, 49  # frames at RATE that are judged at once; longer clips window by window
SURE = 0.5  # probability of a cell from which it is part of a region
MOST_REGIONS = 12


@dataclass(frozen=True)
class Region:
    """A place that fails: first and last frame, box (x0, y0, x1, y1) in pixels of the clip (ends exclusive),
    and the probability of its worst cell.
    """

    frames: tuple[int, int]
    box: tuple[int, int, int, int]
    probability: float

    def to_json(self) -> dict[str, Any]:
        return {
            "frames": list(self.frames),
            "box": list(self.box),
            "probability": round(self.probability, 4),
        }


@dataclass(frozen=True)
class Verdict:
    """What is thought of a clip.

    dimensions: probability of winning against an ordinary take as intended; failure: of being a failure;
    regions: the likeliest first.
    """

    dimensions: dict[str, float]
    failure: float
    regions: list[Region]

    def to_json(self) -> dict[str, Any]:
        return {
            "dimensions": {name: round(value, 4) for name, value in self.dimensions.items()},
            "failure": round(self.failure, 4),
            "regions": [region.to_json() for region in self.regions],
        }


class JudgeOfClips:
    """A network with what its scores are worth.

    Args:
        size: width and height that it was trained at; clips are brought near it, in their own aspect.
        window: frames of a window of a longer clip.
    """

    def __init__(
        self, net: nn.Module, calibration: Calibration, size: tuple[int, int] = (128, 80), window: int = 33
    ) -> None:
        self.net, self.calibration, self.size, self.window = net.eval(), calibration, size, window

    @torch.inference_mode()
    def score(self, clip: Clip, directive: Directive) -> Verdict:
        """Judge a clip of any size, rate and length against a directive; its spans are of this clip.

        Raises:
            AniMatrixError: BAD_OPTION for a clip of one frame; TAXONOMY_VERSION for tags unknown to the
                weights.
        """
        frames = at_rate(clip.frames, clip.fps)
        if len(frames) < LEAST:
            raise AniMatrixError(Code.BAD_OPTION, f"a clip of {len(frames)} frames has no motion to judge")
        width, height = shape_near(clip.size, self.size)
        seen = np.stack([fitted(f, width, height) for f in frames])
        whole = directive.model_copy(update={"frames": max(len(seen), directive.frames), "fps": RATE})
        asked = windowed(whole, 0, len(seen))
        scores, failures, regions = [], [], []
        for first, count in windows(len(seen), self.window):
            part = asked if count == len(seen) else windowed(asked, first, count)
            said: Judgement = self.net(self.net.prepare([part], [seen[first : first + count]]))  # type: ignore[operator]
            scores.append(said.scores[0].float().numpy())
            failures.append(float(said.failure[0]))
            chance = self.calibration.failing(said.where[0].float().numpy(), "where")
            regions += [(first, count, *found) for found in connected(chance)]
        mean = np.mean(scores, 0)
        dimensions: dict[str, float] = {
            name: float(self.calibration.chance(name, float(mean[i]))) for i, name in enumerate(DIMENSIONS)
        }
        # A shot fails where its worst part does.
        failure = float(self.calibration.failing(max(failures)))
        placed = [self._placed(clip, len(frames), (width, height), *found) for found in regions]
        placed.sort(key=lambda region: -region.probability)
        return Verdict(dimensions, failure, placed[:MOST_REGIONS])

    def _placed(
        self, clip: Clip, length: int, size: tuple[int, int], first: int, count: int, cells: Any, worst: float
    ) -> Region:
        """A region in the clip's own frames and pixels."""
        w, h = clip.size
        x, y, kept_w, kept_h = centre(w, h, size[0] / size[1])
        start = first + frames_of(cells[0].start, count)[0]
        end = first + frames_of(cells[0].stop - 1, count)[1]
        scale_t = len(clip) / length
        sx, sy = kept_w * CELL / size[0], kept_h * CELL / size[1]
        box = (
            x + int(cells[2].start * sx),
            y + int(cells[1].start * sy),
            min(w, x + int(np.ceil(cells[2].stop * sx))),
            min(h, y + int(np.ceil(cells[1].stop * sy))),
        )
        last = max(int(start * scale_t), min(len(clip) - 1, int(np.ceil((end + 1) * scale_t)) - 1))
        return Region((int(start * scale_t), last), box, worst)


def shape_near(size: tuple[int, int], trained: tuple[int, int]) -> tuple[int, int]:
    """Width and height in multiples of 16, of about the trained area, nearest to the aspect of ``size``."""
    area, aspect = trained[0] * trained[1], size[0] / size[1]
    fits = [(w, h) for w in range(32, 257, 16) for h in range(32, 257, 16) if 0.75 <= w * h / area <= 1.25]
    return min(fits, key=lambda s: abs(np.log(s[0] / s[1] / aspect)) + 0.2 * abs(np.log(s[0] * s[1] / area)))


def windows(length: int, window: int) -> list[tuple[int, int]]:
    """(first, count) of what is judged at once: all of a short clip, else windows that cover it evenly."""
    if length <= LONGEST:
        return [(0, length)]
    count = -(-length // window)
    starts = np.linspace(0, length - window, count).round().astype(int)
    return [(int(first), window) for first in starts]


def connected(chance: np.ndarray, sure: float = SURE) -> list[tuple[tuple[slice, slice, slice], float]]:
    """Boxes of cells [T',h,w] of probability ``sure`` and more that touch (by faces), and their largest."""
    left = chance >= sure
    found = []
    for seed in zip(*np.nonzero(left), strict=True):
        if not left[seed]:
            continue
        left[seed] = False
        cells, todo = [seed], [seed]
        while todo:
            cell = todo.pop()
            for axis in range(3):
                for step in (-1, 1):
                    near = tuple(int(c) + step * (axis == i) for i, c in enumerate(cell))
                    inside = all(0 <= n < size for n, size in zip(near, chance.shape, strict=True))
                    if inside and left[near]:
                        left[near] = False
                        cells.append(near)
                        todo.append(near)
        at = np.array(cells, int)
        low, high = at.min(0), at.max(0) + 1
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        found.append((box, float(chance[tuple(at.T)].max())))
    return found  # type: ignore[return-value]


def weights_folder() -> Path:
    """Where the shipped weights are: ``$ANIMATRIX_WEIGHTS``, the checkout, or the installation's share."""
    named = os.environ.get("ANIMATRIX_WEIGHTS")
    places = [Path(named)] if named else []
    places += [Path(__file__).resolve().parents[2] / "weights"]
    places += [Path(sys.prefix) / "share" / "animatrix" / "weights"]
    return next((p / "reward" for p in places if (p / "reward" / STORY).is_file()), places[0] / "reward")


def load_judge(folder: Path | None = None) -> JudgeOfClips:
    """The judge of a folder; the shipped one where none is named. Of a vision-language model the folder has
    the adapter and the heads; the backbone is where it was when they were trained.

    Raises:
        AniMatrixError: MODEL_MISSING, MODEL_MISMATCH, TAXONOMY_VERSION.
    """
    folder = weights_folder() if folder is None else Path(folder)
    if not (folder / STORY).is_file():
        raise AniMatrixError(
            Code.MODEL_MISSING,
            f"no trained reward model in {folder}",
            "train one with: animatrix prefer reward recipes/reward.yaml",
        )
    try:
        story = json.loads((folder / STORY).read_text("utf-8"))
        calibration = Calibration(**story["calibration"])
        size, window = (int(story["size"][0]), int(story["size"][1])), int(story["frames"])
        backbone = story.get("backbone")
        if backbone is not None:
            from animatrix.prefer.vlm import VlmReward

            return JudgeOfClips(VlmReward.load_export(folder, str(backbone)), calibration, size, window)
        net = RewardModel.from_pretrained(folder, torch_dtype=torch.float32)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise AniMatrixError(
            Code.MODEL_MISMATCH, f"{folder} is not a reward model: {str(error).splitlines()[0][:120]}"
        ) from None
    net.tags.check_rows()
    return JudgeOfClips(net, calibration, size, window)


def export(net: Any, task: RewardTask, folder: Path) -> None:
    """Write the judge, calibrated on the tune split.

    The calibration is that of the weights as they are kept, in bf16.
    """
    net = net.eval()
    if not isinstance(net, RewardModel):
        _export_vlm(net, folder)
    else:
        for parameter in net.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
        net.save_pretrained(folder, safe_serialization=True)
        for parameter in net.parameters():
            parameter.data = parameter.data.float()
    with torch.inference_mode():
        rows = judged(task.tune, lambda shown: task.judge(net, shown))
    ties = net.ties.detach().float().cpu()
    story: dict[str, Any] = {} if isinstance(net, RewardModel) else {"backbone": task.model.vlm_name}
    story |= {
        "size": list(task.data.size),
        "frames": task.data.frames,
        "calibration": calibrate(rows, log_k(ties)).as_dict(),
        "tie_rates": [round(float(r), 4) for r in parity_tie_rate(ties)],
        "tune": {name: round(value, 4) for name, value in figures(rows).items()},
    }
    with written_whole(folder / STORY) as temporary:
        temporary.write_text(json.dumps(story, indent=1) + "\n", "utf-8")


def _export_vlm(net: Any, folder: Path) -> None:
    """The adapter by peft, the heads beside it: a backbone of gigabytes is not written again."""
    from safetensors.torch import save_file

    from animatrix.prefer.vlm import ADAPTER, HEADS_FILE

    if hasattr(net.backbone, "peft_config"):
        net.backbone.save_pretrained(folder / ADAPTER)
    heads = {
        name: value.detach().float().cpu().contiguous()
        for name, value in net.state_dict().items()
        if not name.startswith("backbone.")
    }
    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(folder / HEADS_FILE) as temporary:
        save_file(heads, temporary)
