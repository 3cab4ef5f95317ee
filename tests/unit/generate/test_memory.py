"""The estimate that is made before a load: exact for weights, growing with the request for the work."""

from __future__ import annotations

import json

import pytest
import torch

from animatrix import AniMatrixError, AniMatrixPipeline
from animatrix.generate.memory import Need, available_on, check_fit, need_of
from animatrix.model.presets import PRESETS

GIB = 1 << 30


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_weights_are_counted_to_the_byte_as_they_are_loaded(tiny_model, dtype):
    pipe = AniMatrixPipeline.from_pretrained(tiny_model, dtype=getattr(torch, dtype))
    loaded = {
        name: sum(p.numel() * p.element_size() for p in part.parameters())
        for name, part in pipe.components.items()
        if isinstance(part, torch.nn.Module)
    }
    assert need_of(tiny_model, 9, (32, 32), dtype).weights == loaded


def test_need_grows_with_length_size_and_batched_passes(tiny_model, tmp_path):
    def work(frames=33, size=(160, 96), passes=1, folder=tiny_model):
        return need_of(folder, frames, size, "float32", passes=passes).work

    assert work() < work(frames=81) and work() < work(size=(320, 96)) < work(size=(320, 192))
    (tmp_path / "transformer").mkdir()
    config = PRESETS["wan2.1-t2v-14b"].transformer
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(config))
    wide = {"size": (832, 480), "folder": tmp_path}
    assert work(81, **wide) > 2 * work(33, **wide)
    assert work(81, passes=3, **wide) == 3 * work(81, **wide)


def test_offload_holds_a_component_or_a_layer_at_a_time(tiny_model):
    needs = {mode: need_of(tiny_model, 9, (32, 32), "float32", mode) for mode in ("none", "model", "group")}
    held = {mode: need.peak - need.work for mode, need in needs.items()}
    weights = needs["none"].weights
    assert held["none"] == sum(weights.values()) > held["model"] == max(weights.values()) > held["group"] > 0


def test_work_of_a_denoising_step_covers_what_it_allocates(tiny_pipeline, tiny_model):
    """The largest tensors of a forward, by what each operation returns."""
    seen = []
    hooks = [
        module.register_forward_hook(lambda _m, _i, out: seen.append(out.nbytes))
        for block in tiny_pipeline.transformer.blocks
        for module in block.modules()
        if isinstance(module, torch.nn.Linear)
    ]
    x = torch.zeros(1, 12, 3, 4, 4)
    with torch.no_grad():
        tiny_pipeline.transformer(x, torch.tensor([500]), torch.zeros(1, 56, 16))
    for hook in hooks:
        hook.remove()
    assert need_of(tiny_model, 9, (32, 32), "float32").work > max(seen)


@pytest.mark.parametrize(
    ("device", "offload", "dtype", "hint"),
    [
        ("cuda", "none", "bfloat16", "try --offload model, or a smaller model, size or length"),
        ("cuda", "model", "bfloat16", "try --offload group, or a smaller model, size or length"),
        ("cuda", "group", "bfloat16", "try a smaller model, size or length"),
        ("cpu", "none", "float32", "try --dtype bfloat16, or a smaller model, size or length"),
        ("cpu", "none", "bfloat16", "try a smaller model, size or length"),
    ],
)
def test_a_refusal_has_the_figures_and_what_is_left_to_try(device, offload, dtype, hint):
    need = Need({"vae": GIB, "transformer": 28 * GIB}, 4 * GIB, 33 * GIB)
    with pytest.raises(AniMatrixError) as caught:
        check_fit(need, 16 * GIB, device, offload, dtype)
    figures = f"this needs about 33.0 GiB (transformer 28.0), {device} has 16.0 free"
    assert str(caught.value) == f"{figures}; {hint}"
    check_fit(need, 33 * GIB, device, offload, dtype)


def test_free_memory_of_this_machine_is_read():
    assert available_on("cpu") > 1 << 20
