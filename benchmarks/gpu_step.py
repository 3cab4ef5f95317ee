"""Seconds and memory of one denoising step at a size people use, on a GPU.

    python benchmarks/gpu_step.py [--preset wan2.1-t2v-1.3b] [--size 832x480] [--frames 81] [--rounds 5]

Random weights in bfloat16 in the structure of a published backbone. Without a CUDA device it prints
``{"status": "not run: no CUDA device"}`` and exits 0. One JSON line otherwise:

* ``step``: median milliseconds of a guided step (two forwards) of diffusers' transformer (``wan``), of ours
  without tags (``ours``), with tags (``tags``) and with text and tags guided apart (``three_passes``), as the
  pipeline runs them: conditions kept over steps. Timed by CUDA events, in turn, after a warm-up.
* ``compiled``: the same with ``compile_repeated_blocks``, and ``compile_seconds``, the first step's time.
  ``--no-compile`` leaves it out.
* ``over_wan``: ``ours`` over ``wan``; ``tags_over_ours``.
* ``peak_gib``: most memory held during a step, weights included, by way; ``estimate_gib`` what
  ``generate/memory.py`` says of it beforehand.
* ``large``: what the headers of a 14B transformer say it needs, against the bytes one real allocation of it
  takes (``allocated_gib``; nothing else on the device then). ``--no-large`` leaves it out.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

GIB = 1 << 30


def estimated(config: Mapping[str, Any], frames: int, size: tuple[int, int]) -> tuple[float, float]:
    """GiB of weights and of work that the estimate of ``animatrix generate`` gives for a transformer.

    It reads a folder as one that is published: a config, and headers of files whose tensors were never
    written.
    """
    import os
    import struct

    from animatrix.generate.memory import need_of
    from animatrix.model import AniMatrixTransformer3DModel

    with torch.device("meta"):
        model = AniMatrixTransformer3DModel(**config)
    header, at = {}, 0
    for key, value in model.state_dict().items():
        bytes_ = 2 * value.numel()
        header[key] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [at, at + bytes_]}
        at += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "transformer"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(dict(model.config), default=str))
        file = folder / "diffusion_pytorch_model.safetensors"
        file.write_bytes(struct.pack("<Q", len(text)) + text)
        os.truncate(file, 8 + len(text) + at)
        need = need_of(Path(place), frames, size, "bfloat16")
    return sum(need.weights.values()) / GIB, need.work / GIB


def on_gpu(kind: Any, config: Mapping[str, Any]) -> Any:
    """A model with random weights in bfloat16, made on the device; Wan's precise modules stay in float32."""
    with torch.device("meta"):
        model = kind(**config)
    precise = set(kind._keep_in_fp32_modules)
    rope = model.rope  # its tables are computed, not loaded
    for name, parameter in list(model.named_parameters()):
        module = model.get_submodule(name.rpartition(".")[0])
        dtype = torch.float32 if precise & set(name.split(".")) else torch.bfloat16
        filled = torch.empty(parameter.shape, dtype=dtype, device="cuda")
        torch.nn.init.normal_(filled, std=0.02)
        setattr(module, name.rpartition(".")[2], torch.nn.Parameter(filled, requires_grad=False))
    model.rope = type(rope)(rope.attention_head_dim, rope.patch_size, rope.max_seq_len).to("cuda")
    return model.eval()


def milliseconds(step: Callable[[], Any]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    step()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end)


def measured(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for step in ways.values():
        step()
    for _ in range(rounds):
        for name, step in ways.items():
            taken[name].append(milliseconds(step))
    return {name: round(statistics.median(times), 2) for name, times in taken.items()}


def peaks(ways: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    found = {}
    for name, step in ways.items():
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        found[name] = round(torch.cuda.max_memory_allocated() / GIB, 2)
    return found


def steps(wan: Any, ours: Any, frames: int, size: tuple[int, int]) -> dict[str, Callable[[], Any]]:
    """A guided step by each way; the passes of ours share their conditions over steps."""
    from animatrix import Directive, TagEncoder
    from animatrix.generate.guidance import guided

    middle = f"{frames // 2}-{frames // 2 + 1}"
    tags = {"camera_move": "pan_left", "drawing_cadence": "twos", "impact_frame": f"white_frame@{middle}"}
    directive = Directive.model_validate({"narrative": "x", "tags": tags, "frames": frames, "fps": 24})
    encoder = TagEncoder().to("cuda", torch.bfloat16).eval()
    embeds = encoder(encoder.tokenize([directive]).to("cuda"))
    shape = (1, wan.config.in_channels, (frames - 1) // 4 + 1, size[1] // 8, size[0] // 8)
    x = torch.randn(shape, device="cuda", dtype=torch.bfloat16)
    t = torch.tensor([500], device="cuda")
    text, null = (torch.randn(1, 512, 4096, device="cuda", dtype=torch.bfloat16) for _ in range(2))

    def by_ours(conditions: Mapping[str, Any]) -> Callable[[], Any]:
        return lambda: guided({n: ours(x, t, c, return_dict=False)[0] for n, c in conditions.items()}, 3, 5)

    def by_wan() -> Any:
        cond = wan(x, t, text, return_dict=False)[0]
        base = wan(x, t, null, return_dict=False)[0]
        return base + 3 * (cond - base)

    none, said = ours.prepare(null), ours.prepare(text)
    full = ours.prepare(text, tags=embeds)
    return {
        "wan": by_wan,
        "ours": by_ours({"none": none, "text": said}),
        "tags": by_ours({"none": none, "full": full}),
        "three_passes": by_ours({"none": none, "text": said, "full": full}),
    }


def freed() -> None:
    gc.collect()
    torch.cuda.empty_cache()


def large(name: str, frames: int, size: tuple[int, int]) -> dict[str, float]:
    """Estimate and one real allocation of a large transformer."""
    from animatrix.model import AniMatrixTransformer3DModel
    from animatrix.model.presets import backbone

    freed()
    config = backbone(name).transformer
    weights, _ = estimated(config, frames, size)
    before = torch.cuda.memory_allocated()
    model = on_gpu(AniMatrixTransformer3DModel, config)
    allocated = (torch.cuda.memory_allocated() - before) / GIB
    del model
    freed()
    return {"preset": name, "estimate_gib": round(weights, 3), "allocated_gib": round(allocated, 3)}


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="wan2.1-t2v-1.3b")
    parser.add_argument("--large", default="wan2.1-t2v-14b")
    parser.add_argument("--size", default="832x480")
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--no-large", action="store_true")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(json.dumps({"status": "not run: no CUDA device"}))
        return
    from diffusers import WanTransformer3DModel

    from animatrix.model import AniMatrixTransformer3DModel
    from animatrix.model.presets import backbone

    width, height = map(int, options.size.split("x"))
    size, config = (width, height), backbone(options.preset).transformer
    wan = on_gpu(WanTransformer3DModel, config)
    ours = AniMatrixTransformer3DModel.from_wan(wan)  # the same tensors
    for path in ours._tag_paths():
        torch.nn.init.normal_(path.weight, std=0.02)
    ways = steps(wan, ours, options.frames, size)
    weights, work = estimated(config, options.frames, size)
    document: dict[str, Any] = {
        "status": "run",
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "preset": options.preset,
        "size": options.size,
        "frames": options.frames,
        "equal_to_wan": bool(torch.equal(ways["wan"](), ways["ours"]())),
        "step": measured(ways, options.rounds),
        "peak_gib": peaks(ways),
        "estimate_gib": {"weights": round(weights, 2), "work": round(work, 2)},
    }
    document["over_wan"] = round(document["step"]["ours"] / document["step"]["wan"], 3)
    document["tags_over_ours"] = round(document["step"]["tags"] / document["step"]["ours"], 3)
    if not options.no_compile:
        document["compile_seconds"], document["compiled"] = {}, {}
        for model in (wan, ours):
            model.compile_repeated_blocks(fullgraph=True)
        # Fresh conditions: the kept keys of a model that was not compiled are its own.
        ways = steps(wan, ours, options.frames, size)
        for name, step in ways.items():
            began = time.perf_counter()
            step()
            torch.cuda.synchronize()
            document["compile_seconds"][name] = round(time.perf_counter() - began, 1)
        document["compiled"] = measured(ways, options.rounds)
        document["compiled_peak_gib"] = peaks(ways)
    del wan, ours, ways
    if not options.no_large:
        document["large"] = large(options.large, options.frames, size)
    print(json.dumps(document))


if __name__ == "__main__":
    main()
