"""One request from directive to files: load the model, generate, write the clip, read it back, write the
report.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Directive
from animatrix.media import Clip, write_png_sequence, write_video
from animatrix.media.door import written_whole

NANO = Path(__file__).resolve().parents[2] / "weights" / "nano"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
FPS = 24.0  # nano knows one frame rate; a directive at another is converted
OFFLOADS = ("none", "model", "group")
DTYPES = ("float32", "bfloat16", "float16")
SCHEDULERS = ("own", "euler", "unipc")
KINDS = ("AniMatrixPipeline", "WanPipeline", "WanImageToVideoPipeline")  # folders that can be opened


@dataclass(frozen=True)
class Engine:
    """How a model is loaded: what does not change a request, only where and how precisely it is computed.

    ``dtype``: one of ``DTYPES``, or ``auto`` (float32 on a CPU, bfloat16 on a GPU); ``offload``: ``none``,
    ``model`` (one component at a time on the GPU) or ``group`` (one layer at a time); ``lora``: adapters to
    load; ``scheduler``: ``own`` is the one saved with the model.
    """

    dtype: str = "auto"
    offload: str = "none"
    lora: tuple[str, ...] = ()
    scheduler: str = "own"
    flow_shift: float | None = None


@dataclass(frozen=True)
class Request:
    """Everything that decides the bytes of a clip. No steps, guidance or size: the model's usual ones."""

    directive: Directive
    model: str = "nano"
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    tag_guidance: float | None = None
    size: tuple[int, int] | None = None
    keyframes: dict[int, Path] = field(default_factory=dict)
    negative_prompt: str = ""
    sigmas: tuple[float, ...] | None = None
    batch_guidance: bool = False


def clip_of(frames: Any) -> Clip:
    """A clip of the pipeline's frames, [T,H,W,3] in [0,1]."""
    return Clip(np.round(np.asarray(frames) * 255).astype(np.uint8), FPS)


def model_path(name: str) -> Path:
    """Folder of a model in the diffusers layout: ``nano`` is the one shipped, a path, or a hub id.

    A hub id (``owner/name``) is taken from the local cache, or fetched where there is a network.
    """
    path = NANO if name == "nano" else Path(name)
    if (path / "model_index.json").is_file():
        return path
    if not path.exists() and HUB_ID.fullmatch(name):
        from diffusers import DiffusionPipeline

        try:
            return Path(DiffusionPipeline.download(name, use_safetensors=True))
        except Exception as error:  # offline, no such model, or one without safetensors
            reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
            raise AniMatrixError(
                Code.MODEL_MISSING,
                f"model {name!r} cannot be fetched: {reason}",
                "give the path of a local copy",
            ) from None
    raise AniMatrixError(
        Code.MODEL_MISSING,
        f"model {name!r} is not a folder with a model_index.json",
        "use 'nano', or the path of a pipeline saved in the diffusers layout",
    )


def check_kind(path: Path) -> None:
    """Refuse a pipeline folder that is not ours or Wan's.

    Raises:
        AniMatrixError: MODEL_MISMATCH naming its class; FILE_UNREADABLE.
    """
    file = path / "model_index.json"
    try:
        kind = json.loads(file.read_text("utf-8")).get("_class_name")
    except (OSError, ValueError, AttributeError) as error:
        raise AniMatrixError(Code.FILE_UNREADABLE, f"{file} is not a pipeline's index ({error})") from None
    if kind not in KINDS:
        what = f"is a {kind}" if kind else "does not say its class"
        raise AniMatrixError(
            Code.MODEL_MISMATCH, f"model {str(path)!r} {what}", f"this takes {', '.join(KINDS)}"
        )


def revision(path: Path) -> str:
    """Content hash of the weights: names the exact model, wherever it lies."""
    files = sorted(path.rglob("*.safetensors"))
    return _hashed(tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@functools.lru_cache(maxsize=8)  # a list of directives asks for each clip, and Wan's files are long
def _hashed(files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for file, _, _ in files:
        with file.open("rb") as content:
            while block := content.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:16]


def load(name: str, engine: Engine | None = None, request: Request | None = None):
    """An :class:`~animatrix.generate.pipeline.AniMatrixPipeline`, ready to call.

    Args:
        request: what it will be asked; refuses models that cannot fit for it before they are loaded.

    Raises:
        AniMatrixError: MODEL_MISSING, MODEL_MISMATCH, OUT_OF_MEMORY, BAD_OPTION; FILE_UNREADABLE for damaged
            weights.
    """
    import diffusers
    import torch
    import transformers

    # Its advice on import, and the loading bars, would stand in front of the one line an error is.
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()
    from animatrix.generate.memory import Need, available_on, check_fit, config_of, need_of
    from animatrix.generate.pipeline import AniMatrixPipeline
    from animatrix.model.presets import usual_size

    engine = engine or Engine()
    for option, value, known in (
        ("--dtype", engine.dtype, ("auto", *DTYPES)),
        ("--offload", engine.offload, OFFLOADS),
        ("--scheduler", engine.scheduler, SCHEDULERS),
    ):
        if value not in known:
            hint = did_you_mean(value, known) or f"use {', '.join(known)}"
            raise AniMatrixError(Code.BAD_OPTION, f"{option} {value!r} is not known", hint)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if engine.offload != "none" and device == "cpu":
        raise AniMatrixError(Code.BAD_OPTION, f"--offload {engine.offload} needs a GPU", "leave it out")
    dtype = engine.dtype if engine.dtype != "auto" else "float32" if device == "cpu" else "bfloat16"
    path = model_path(name)
    check_kind(path)
    if request is not None:
        asked = request.directive
        frames = asked.frames if asked.fps == FPS else asked.to_fps(FPS).frames
        passes = 3 if request.batch_guidance else 1
        size = request.size or usual_size(config_of(path, "vae").get("_class_name", ""))
        need = need_of(path, frames, size, dtype, engine.offload, passes)
        check_fit(need, available_on(device), device, engine.offload, dtype)
        if engine.offload != "none":  # what the GPU does not hold lies in the machine's memory
            stored = Need(need.weights, 0, sum(need.weights.values()))
            check_fit(stored, available_on("cpu"), "cpu", "none", dtype)
    try:
        pipe = AniMatrixPipeline.from_pretrained(path, dtype=getattr(torch, dtype), local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as e:
        line = (str(e).splitlines() or [type(e).__name__])[0]
        raise AniMatrixError(Code.MODEL_MISMATCH, f"model {name!r} cannot be loaded: {line}") from e
    for component in pipe.components.values():
        if isinstance(component, torch.nn.Module):
            component.eval()
    _adapt(pipe, engine)
    if engine.offload == "model":
        pipe.enable_model_cpu_offload()
    elif engine.offload == "group":
        pipe.enable_group_offload(torch.device(device), offload_type="leaf_level", use_stream=True)
    elif device != "cpu":
        pipe.to(device)
    return pipe


def _adapt(pipe: Any, engine: Engine) -> None:
    """Adapters and scheduler of an engine."""
    import diffusers

    from animatrix.model.lora import load_lora, lora_tag_encoder

    if pipe.tag_encoder is None:  # a plain Wan: the first adapter with tags brings it the channel for them
        brought = (lora_tag_encoder(source) for source in engine.lora)
        encoder = next((found for found in brought if found is not None), None)
        if encoder is not None:
            pipe.open_tag_channel(encoder.to(pipe.any_expert.device, pipe.any_expert.dtype))
    for number, source in enumerate(engine.lora):
        encoder = load_lora(
            source, pipe.transformer, pipe.transformer_2, pipe.tag_encoder, adapter=f"lora{number}"
        )
        if encoder is not pipe.tag_encoder:
            pipe.register_modules(tag_encoder=encoder)
    if engine.scheduler == "own" and engine.flow_shift is None:
        return
    shift = engine.flow_shift
    if shift is None:
        shift = pipe.scheduler.config.get("shift") or pipe.scheduler.config.get("flow_shift") or 3.0
    multistep = (
        engine.scheduler == "unipc" if engine.scheduler != "own" else "flow_shift" in pipe.scheduler.config
    )
    if multistep:
        pipe.scheduler = diffusers.UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
        )
    else:
        pipe.scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)


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
    request: Request,
    out: Path,
    on_step: Callable[[int, int], None] | None = None,
    pipe: Any = None,
    engine: Engine | None = None,
    lossless: bool = False,
    candidates: int = 1,
    judge: Callable[[Clip, Directive], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Make ``out`` and the JSON beside it; returns the JSON's content.

    Args:
        out: a video file, or a folder name without suffix for a PNG sequence.
        on_step: called with (steps done, steps in all).
        pipe: a loaded pipeline to reuse; loaded from ``request.model`` as ``engine`` says otherwise.
        lossless: FFV1, for ``.mkv``.
        candidates: clips that are made, of the seeds from ``request.seed`` on; the best of them is kept.
        judge: what each is worth, its ``score`` the larger the better; needed for more than one.
    """
    from animatrix.generate.report import read_back
    from animatrix.model.presets import usual_size

    directive = request.directive if request.directive.fps == FPS else request.directive.to_fps(FPS)
    images = {i: _read_image(p) for i, p in request.keyframes.items()}
    seconds: dict[str, float] = {}
    mark = time.perf_counter()

    def lap(phase: str) -> None:
        nonlocal mark
        now = time.perf_counter()
        seconds[phase] = round(seconds.get(phase, 0.0) + now - mark, 3)
        mark = now

    pipe = load(request.model, engine, request) if pipe is None else pipe
    lap("load")
    pipe.set_progress_bar_config(disable=True)
    steps = pipe.config.usual_steps if request.steps is None else request.steps
    guidance = pipe.config.usual_guidance if request.guidance is None else request.guidance
    size = request.size or usual_size(type(pipe.vae).__name__)
    request = replace(request, directive=directive, steps=steps, guidance=guidance, size=size)
    total = len(request.sigmas) if request.sigmas else steps

    def step_end(_pipe: Any, step: int, _t: int, tensors: dict) -> dict:
        if on_step:
            on_step(step + 1, total)
        return tensors

    clip, seed, judged = None, request.seed, []
    for number in range(candidates):
        made = _made(replace(request, seed=request.seed + number), pipe, images, step_end)
        lap("generate")
        if judge is not None:
            judged.append({"seed": request.seed + number, **judge(made, directive)})
            lap("judge")
        if clip is None or judged[-1]["score"] > max(one["score"] for one in judged[:-1]):
            clip, seed = made, request.seed + number
    assert clip is not None
    report = read_back(directive, clip)
    lap("caption")
    if out.suffix:
        write_video(clip, out, lossless=lossless)
    else:
        write_png_sequence(clip, out)
    lap("write")
    result = {
        "clip": str(out),
        "directive": json.loads(directive.canonical_json()),
        "model": {"id": request.model, "revision": revision(model_path(request.model))},
        "seed": seed,
        "steps": total,
        "guidance": guidance,
        "tag_guidance": guidance if request.tag_guidance is None else request.tag_guidance,
        "size": list(size),
        "taxonomy_version": directive.taxonomy_version,
        "negative": request.negative_prompt,
        "sigmas": request.sigmas and list(request.sigmas),
        "scheduler": type(pipe.scheduler).__name__,
        "lora": list(engine.lora) if engine else [],
        "dtype": str((pipe.transformer or pipe.transformer_2).dtype).removeprefix("torch."),
        "keyframes": {str(index): str(path) for index, path in request.keyframes.items()},
        "tags_as_prose": pipe.tag_encoder is None and bool(directive.tags),
        "seconds": seconds,
        "report": report,
    }
    if judged:
        result["candidates"] = judged
    with written_whole(out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    return result


def _made(
    request: Request,
    pipe: Any,
    images: dict[int, np.ndarray],
    step_end: Callable[[Any, int, int, dict], dict],
) -> Clip:
    """The clip of a request that leaves nothing open. Raises AniMatrixError OUT_OF_MEMORY, and what the
    pipeline raises.
    """
    import torch

    assert request.size is not None
    directive, (width, height) = request.directive, request.size
    try:
        frames = pipe(
            directive,
            width=width,
            height=height,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            tag_guidance_scale=request.tag_guidance,
            negative_prompt=request.negative_prompt,
            sigmas=request.sigmas,
            batch_guidance=request.batch_guidance,
            keyframes=images,
            generator=torch.Generator().manual_seed(request.seed),
            callback_on_step_end=step_end,
        ).frames[0]
    except torch.OutOfMemoryError:
        raise AniMatrixError(
            Code.OUT_OF_MEMORY,
            f"memory ran out while {directive.frames} frames of {width}x{height} were made",
            "try --offload model or group, or a smaller size or length",
        ) from None
    return clip_of(frames)
