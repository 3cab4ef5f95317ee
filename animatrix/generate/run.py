"""One request from directive to files: load the model, generate, write the clip, read it back, write the
report.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.media import Clip, write_video
from animatrix.media.door import written_whole

NANO = Path(__file__).resolve().parents[2] / "weights" / "nano"
FPS = 24.0  # nano knows one frame rate; a directive at another is converted


@dataclass(frozen=True)
class Request:
    """Everything that decides the bytes of a clip."""

    directive: Directive
    model: str = "nano"
    seed: int = 0
    steps: int = 24
    guidance: float = 3.0
    tag_guidance: float | None = None
    size: tuple[int, int] = (160, 96)
    keyframes: dict[int, Path] = field(default_factory=dict)


def model_path(name: str) -> Path:
    """Folder of a model in the diffusers layout: ``nano`` is the one shipped, anything else is a path."""
    path = NANO if name == "nano" else Path(name)
    if not (path / "model_index.json").is_file():
        raise AniMatrixError(
            Code.MODEL_MISSING,
            f"model {name!r} is not a folder with a model_index.json",
            "use 'nano', or the path of a pipeline saved in the diffusers layout",
        )
    return path


def revision(path: Path) -> str:
    """Content hash of the weights: names the exact model, wherever it lies."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*.safetensors")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def load(name: str):
    """An :class:`~animatrix.generate.pipeline.AniMatrixPipeline` in float32 on the CPU, ready to call."""
    import diffusers
    import torch
    import transformers

    from animatrix.generate.pipeline import AniMatrixPipeline

    # Their loading bars would stand in front of the one line an error is.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    try:
        pipe = AniMatrixPipeline.from_pretrained(model_path(name), dtype=torch.float32, local_files_only=True)
    except (OSError, ValueError, KeyError) as e:
        line = str(e).splitlines()[0]
        raise AniMatrixError(Code.MODEL_MISMATCH, f"model {name!r} cannot be loaded: {line}") from e
    for component in pipe.components.values():
        if isinstance(component, torch.nn.Module):
            component.eval()
    return pipe


def _read_image(path: Path) -> np.ndarray:
    import cv2

    if not path.is_file():
        raise AniMatrixError(Code.FILE_MISSING, f"keyframe picture {path} does not exist")
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise AniMatrixError(
            Code.FILE_UNREADABLE, f"keyframe picture {path} is not an image", "use PNG or JPEG"
        )
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def generate(
    request: Request, out: Path, on_step: Callable[[int, int], None] | None = None, pipe: Any = None
) -> dict[str, Any]:
    """Make ``out`` (a video) and the JSON beside it; returns the JSON's content.

    Args:
        on_step: called with (steps done, steps in all).
        pipe: a loaded pipeline to reuse; loaded from ``request.model`` otherwise.
    """
    import torch

    from animatrix.generate.report import read_back

    directive = request.directive if request.directive.fps == FPS else request.directive.to_fps(FPS)
    images = {i: _read_image(p) for i, p in request.keyframes.items()}
    seconds: dict[str, float] = {}
    mark = time.perf_counter()

    def lap(phase: str) -> None:
        nonlocal mark
        now = time.perf_counter()
        seconds[phase] = round(now - mark, 3)
        mark = now

    pipe = load(request.model) if pipe is None else pipe
    lap("load")
    pipe.set_progress_bar_config(disable=True)

    def step_end(_pipe: Any, step: int, _t: int, tensors: dict) -> dict:
        if on_step:
            on_step(step + 1, request.steps)
        return tensors

    frames = pipe(
        directive,
        width=request.size[0],
        height=request.size[1],
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        tag_guidance_scale=request.tag_guidance,
        keyframes=images,
        generator=torch.Generator().manual_seed(request.seed),
        callback_on_step_end=step_end,
    ).frames[0]
    clip = Clip(np.round(np.asarray(frames) * 255).astype(np.uint8), FPS)
    lap("generate")
    report = read_back(directive, clip)
    lap("caption")
    write_video(clip, out)
    lap("write")
    result = {
        "clip": str(out),
        "directive": json.loads(directive.canonical_json()),
        "model": {"id": request.model, "revision": revision(model_path(request.model))},
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "tag_guidance": request.guidance if request.tag_guidance is None else request.tag_guidance,
        "size": list(request.size),
        "taxonomy_version": directive.taxonomy_version,
        "seconds": seconds,
        "report": report,
    }
    with written_whole(out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    return result
