"""What diffusers offers for Wan works for AniMatrix: run for real, with tags and prepared conditions.

Exact features must not change a bit of the plain run. Approximating ones must do to a fresh AniMatrix model,
tags and all, exactly what they do to Wan, and must really skip work.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
import torch
from backbones import tiny_config, tiny_inputs, tiny_tags, tiny_wan, with_open_paths
from diffusers import FirstBlockCacheConfig, MagCacheConfig, WanTransformer3DModel
from diffusers.hooks import (
    FasterCacheConfig,
    PyramidAttentionBroadcastConfig,
    TaylorSeerCacheConfig,
    TextKVCacheConfig,
)
from diffusers.models import attention_dispatch
from peft import LoraConfig

from animatrix import AniMatrixError, AniMatrixTransformer3DModel

NAME = "wan2.1-t2v-1.3b"
STEPS = 6


def small_moves(wan):
    """Blocks that change little from step to step, as trained ones do: what caches count on."""
    with torch.no_grad():
        for parameter in wan.blocks.parameters():
            parameter.mul_(0.5)
    return wan


def denoise(model, tags=None, prepared=True, name=NAME):
    """Two passes a step (no prompt, prompt and tags) and Euler steps: latents after STEPS steps."""
    inputs = tiny_inputs(name)
    x, text = inputs["hidden_states"], inputs["encoder_hidden_states"]
    passes = {"none": (torch.zeros_like(text), None), "full": (text, tags)}
    ours = isinstance(model, AniMatrixTransformer3DModel)
    kept = {n: model.prepare(s, tags=t) for n, (s, t) in passes.items()} if ours and prepared else {}
    with torch.no_grad():
        for i in range(STEPS):
            t = torch.full_like(inputs["timestep"], 1000.0 * (1 - i / STEPS))
            if t.ndim == 2:
                t[:, :6] = 0.0  # a given first frame, as image-to-video of TI2V-5B has it
            v = {}
            for one, (states, tag_embeds) in passes.items():
                more = {"tags": tag_embeds} if ours and not kept else {}
                with model.cache_context(one):
                    v[one] = model(x, t, kept.get(one, states), return_dict=False, **more)[0]
            x = x - (v["none"] + 3.0 * (v["full"] - v["none"])) / STEPS
    return x


def block_calls(model):
    calls = Counter()
    for i, block in enumerate(model.blocks):
        block.ffn.register_forward_hook(lambda *_, i=i: calls.update([i]))
    return calls


CACHES = {
    "FirstBlockCache": FirstBlockCacheConfig(threshold=0.9),
    "MagCache": MagCacheConfig(
        threshold=0.5, max_skip_steps=2, retention_ratio=0.2, num_inference_steps=STEPS,
        mag_ratios=[1.0] * STEPS,
    ),
    "TaylorSeer": TaylorSeerCacheConfig(
        cache_interval=2, disable_cache_before_step=2, taylor_factors_dtype=torch.float32
    ),
}  # fmt: skip


@pytest.mark.parametrize("cache", CACHES)
def test_cache_does_to_a_fresh_model_with_tags_what_it_does_to_wan_and_skips_work(cache):
    wan, plain = small_moves(tiny_wan(NAME)), small_moves(tiny_wan(NAME))
    model = AniMatrixTransformer3DModel.from_wan(small_moves(tiny_wan(NAME)), tag_dim=16)
    exact = denoise(plain)
    layer = Counter()
    for block in model.blocks:  # TaylorSeer stands in for attention, the others for blocks
        block.attn1.to_q.register_forward_hook(lambda *_: layer.update(["run"]))
    config = CACHES[cache]
    model.enable_cache(config)
    if cache == "TaylorSeer":  # on Wan the layers must be named, or nothing is cached
        config = dataclasses.replace(config, cache_identifiers=[r"blocks\.\d+\.attn[12]"])
    wan.enable_cache(config)
    cached = denoise(model, tiny_tags())
    assert torch.equal(cached, denoise(wan))
    assert layer["run"] < 2 * STEPS * len(model.blocks)
    assert not torch.equal(cached, exact)
    assert (cached - exact).norm() / exact.norm() < 0.2
    model.disable_cache()
    assert torch.equal(denoise(model, tiny_tags()), exact)


@pytest.mark.parametrize("cache", CACHES)
def test_cached_run_with_trained_tags_stays_close_and_passes_are_not_mixed(cache):
    model, tags = with_open_paths(small_moves(tiny_wan(NAME))), tiny_tags()
    exact, without = denoise(model, tags), denoise(model)
    model.enable_cache(CACHES[cache])
    cached = denoise(model, tags)
    assert (cached - exact).norm() < 0.5 * (without - exact).norm()


@pytest.mark.parametrize(
    "config", [PyramidAttentionBroadcastConfig(), FasterCacheConfig(), TextKVCacheConfig()]
)
def test_caches_that_give_wrong_results_are_refused(config):
    model = with_open_paths(tiny_wan(NAME))
    with pytest.raises(AniMatrixError, match=type(config).__name__.removesuffix("Config")):
        model.enable_cache(config)
    assert not model.is_cache_enabled


@pytest.mark.parametrize("cache", ["pab", "faster"])
def test_those_caches_mix_the_passes_of_stock_wan(cache):
    """Why they are refused; when diffusers mends them, this fails and they can be allowed."""
    now, seen = [0.0], {}
    if cache == "pab":
        config = PyramidAttentionBroadcastConfig(
            spatial_attention_block_skip_range=2, cross_attention_block_skip_range=2,
            current_timestep_callback=lambda: now[0],
        )  # fmt: skip
    else:
        config = FasterCacheConfig(current_timestep_callback=lambda: now[0], is_guidance_distilled=True)
    inputs = tiny_inputs(NAME)
    text = inputs["encoder_hidden_states"]
    for cached in (False, True):
        wan = tiny_wan(NAME)
        if cached:
            wan.enable_cache(config)
        for now[0] in (700.0, 600.0, 500.0, 400.0):
            x = {}
            for one, states in (("cond", text), ("uncond", torch.zeros_like(text))):
                with wan.cache_context(one), torch.no_grad():
                    t = torch.tensor([now[0]])
                    x[one] = wan(inputs["hidden_states"], t, states, return_dict=False)[0]
            seen[cached] = (x["cond"] - x["uncond"]).norm()  # what guidance multiplies
    wrong = seen[True] / seen[False]
    assert wrong == 0 if cache == "pab" else wrong > 2


@pytest.mark.parametrize("level", ["block_level", "leaf_level"])
def test_group_offload(level, tmp_path, monkeypatch):
    """To disk, and what is left in memory poisoned: a hook that does not fire shows."""
    model, tags = with_open_paths(tiny_wan(NAME)), tiny_tags()
    exact = denoise(model, tags)
    monkeypatch.setattr(torch, "empty_like", lambda t, **kw: torch.full_like(t, torch.nan, **kw))
    groups = {"num_blocks_per_group": 1} if level == "block_level" else {}
    model.enable_group_offload(
        torch.device("cpu"), offload_type=level, offload_to_disk_path=str(tmp_path / "off"), **groups
    )
    assert list((tmp_path / "off").rglob("*.safetensors"))
    assert model.blocks[0].attn1.to_q.weight.isnan().all()
    for prepared in (True, False):  # weights mapped from a file lie otherwise in memory: equal up to rounding
        assert torch.allclose(denoise(model, tags, prepared=prepared), exact, atol=1e-5)


def test_layerwise_fp8_casting():
    wan, model = tiny_wan(NAME), AniMatrixTransformer3DModel.from_wan(tiny_wan(NAME), tag_dim=16)
    trained, tags = with_open_paths(tiny_wan(NAME)), tiny_tags()
    exact = denoise(trained, tags)
    for m in (wan, model, trained):
        m.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32)
    assert trained.blocks[0].attn2.to_k.weight.dtype == torch.float8_e4m3fn
    assert {p.weight.dtype for p in trained._tag_paths()} == {torch.float32}
    assert torch.equal(denoise(model, tags), denoise(wan))
    assert (denoise(trained, tags) - exact).norm() / exact.norm() < 0.1


def test_gradient_checkpointing():
    gradients = []
    for checkpointing in (False, True):
        model = with_open_paths(tiny_wan(NAME)).train()
        if checkpointing:
            model.enable_gradient_checkpointing()
        calls = block_calls(model)
        model(**tiny_inputs(NAME), tags=tiny_tags()).sample.square().sum().backward()
        assert calls[0] == 1 + checkpointing
        gradients.append({n: p.grad for n, p in model.named_parameters()})
    assert all(torch.equal(g, gradients[1][n]) for n, g in gradients[0].items())
    assert gradients[0]["tag_to_text.weight"].abs().sum() > 0


@pytest.mark.parametrize("prepared", [True, False])
def test_compile_repeated_blocks(prepared):
    model, tags = with_open_paths(tiny_wan(NAME)), tiny_tags()
    exact = denoise(model, tags)
    torch.compiler.reset()
    model.compile_repeated_blocks(backend="eager", fullgraph=True)
    with torch._dynamo.config.patch(error_on_recompile=False):
        assert torch.allclose(denoise(model, tags, prepared=prepared), exact, atol=1e-6)
    calls = Counter()
    if prepared:  # kept keys are kept by compiled blocks too
        kept = model.prepare(tiny_inputs(NAME)["encoder_hidden_states"], tags=tags)
        with torch.no_grad():
            for t in (900.0, 800.0):
                model(tiny_inputs(NAME)["hidden_states"], torch.tensor([t]), kept)
                calls.update([id(kept.blocks[0].key)])
        assert kept.blocks[0].key is not None and list(calls.values()) == [2]


def test_lora_by_peft():
    model, tags = with_open_paths(tiny_wan(NAME)), tiny_tags()
    exact = denoise(model, tags)
    model.add_adapter(LoraConfig(r=4, target_modules=["to_q", "to_k", "to_v", "tag_to_text", "tag_to_time"]))
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    model.eval()
    adapted = denoise(model, tags)
    assert (adapted - exact).abs().max() > 1e-2
    assert torch.equal(denoise(model, tags, prepared=False), adapted)
    with torch.no_grad():  # a scale given at run time reaches the kept keys
        inputs = tiny_inputs(NAME)
        kept = model.prepare(inputs["encoder_hidden_states"], tags=tags)
        half = [
            model(
                inputs["hidden_states"], inputs["timestep"], c, attention_kwargs={"scale": 0.5}, **more
            ).sample
            for c, more in ((kept, {}), (kept, {}), (inputs["encoder_hidden_states"], {"tags": tags}))
        ]
    assert torch.equal(half[0], half[2]) and torch.equal(half[1], half[2])
    model.disable_adapters()
    assert torch.equal(denoise(model, tags), exact)


def test_another_attention_backend(monkeypatch):
    registry = attention_dispatch._AttentionBackendRegistry
    monkeypatch.setattr(registry, "_active_backend", registry._active_backend)  # choosing one sets it for all
    model, tags = with_open_paths(tiny_wan(NAME)), tiny_tags()
    exact = denoise(model, tags)
    model.set_attention_backend("_native_math")
    assert torch.allclose(denoise(model, tags), exact, atol=1e-5)


def _rank(rank: int, port: int, folder: str) -> None:
    """One of two processes; each holds half of the video tokens."""
    import torch.distributed as dist
    from diffusers import ContextParallelConfig

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.accelerator.device_count = lambda: 1  # diffusers counts accelerators; here they are processes
    tags, results = tiny_tags(), []
    for name in (NAME, "wan2.2-ti2v-5b"):  # one timestep, and one per token, which is split as well
        model = with_open_paths(tiny_wan(name))
        exact = denoise(model, tags, name=name)
        tokens: list[int] = []
        model.blocks[1].register_forward_hook(lambda _, args, out, seen=tokens: seen.append(out.shape[1]))
        model.enable_parallelism(config=ContextParallelConfig(ulysses_degree=2))
        got = denoise(model, tags, name=name)
        results.append({"error": (got - exact).abs().max(), "tokens": tokens[-1]})
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_context_parallel_on_two_processes(tmp_path):
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    torch.multiprocessing.spawn(_rank, args=(port, str(tmp_path)), nprocs=2)
    for rank in range(2):
        for result in torch.load(tmp_path / f"{rank}.pt", weights_only=True):
            assert result["error"] < 1e-5
            assert result["tokens"] == 15  # of 30


def test_stock_wan_of_the_same_config_runs_here_at_all():
    """Guards the comparisons above: the plain runs are not all zeros or NaN."""
    x = denoise(WanTransformer3DModel(**tiny_config(NAME)).eval())
    assert x.isfinite().all() and x.std() > 0.1
