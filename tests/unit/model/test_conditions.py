"""What is constant over the steps is computed once a request, and nothing else changes."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from backbones import tiny_inputs, tiny_tags, tiny_wan, with_open_paths
from diffusers.models.transformers.transformer_wan import WanAttnProcessor

from animatrix.model.conditions import prefetches_leaves
from animatrix.model.presets import PRESETS
from animatrix.model.stand import LAYOUT
from animatrix.model.transformer import TAG_PATHS

STEPS = 3


def split(name, dtype=torch.float32):
    inputs = tiny_inputs(name, dtype)
    given = [inputs.pop("encoder_hidden_states"), inputs.pop("encoder_hidden_states_image", None)]
    return inputs, given


def steps(inputs):
    """The arguments of each step of a request: latents and time change."""
    g = torch.Generator().manual_seed(5)
    for i in range(STEPS):
        x = torch.randn(inputs["hidden_states"].shape, generator=g).to(inputs["hidden_states"])
        yield {"hidden_states": x, "timestep": inputs["timestep"] * (1 - 0.2 * i)}


def counted(model):
    """Calls of each layer, by the end of its name, block numbers aside."""
    calls = Counter()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            short = ".".join(p for p in name.split(".") if not p.isdigit())
            module.register_forward_hook(lambda *_, short=short: calls.update([short]))
    return calls


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", PRESETS)
def test_prepared_conditions_give_the_same_bits_at_every_step(name, dtype):
    model, tags = with_open_paths(tiny_wan(name).to(dtype)), tiny_tags()
    inputs, given = split(name, dtype)
    with torch.no_grad():
        conditions = model.prepare(*given, tags)
        for step in steps(inputs):
            plain = model(
                **step, encoder_hidden_states=given[0], encoder_hidden_states_image=given[1], tags=tags
            )
            assert torch.equal(model(**step, encoder_hidden_states=conditions).sample, plain.sample)


@pytest.mark.parametrize("name", ["wan2.1-t2v-1.3b", "wan2.1-i2v-14b"])
def test_each_constant_layer_runs_once_a_request_and_the_others_every_step(name):
    model = with_open_paths(tiny_wan(name))
    inputs, given = split(name)
    calls = counted(model)
    with torch.no_grad():
        conditions = model.prepare(*given, tiny_tags())
        for step in steps(inputs):
            model(**step, encoder_hidden_states=conditions)
    blocks = len(model.blocks)
    once = {"condition_embedder.text_embedder.linear_1", *TAG_PATHS}
    per_block = {"blocks.attn2.to_k", "blocks.attn2.to_v"}
    if name == "wan2.1-i2v-14b":
        once |= {"condition_embedder.image_embedder.ff.net.proj"}
        per_block |= {"blocks.attn2.add_k_proj", "blocks.attn2.add_v_proj"}
    assert {k: calls[k] for k in once} == dict.fromkeys(once, 1)
    assert {k: calls[k] for k in per_block} == dict.fromkeys(per_block, blocks)
    assert calls["blocks.attn2.to_q"] == calls["blocks.attn1.to_k"] == blocks * STEPS
    assert calls["condition_embedder.time_proj"] == STEPS


def test_places_are_found_once_a_request_and_again_for_another_size():
    model = with_open_paths(tiny_wan("wan2.1-t2v-1.3b"), on_stand=True, cleanup_width=8)
    inputs, given = split("wan2.1-t2v-1.3b")
    torch.nn.init.normal_(model.stand.out.weight)
    torch.nn.init.normal_(model.cleanup.out.weight)
    calls = counted(model)
    with torch.no_grad():
        for tags in (tiny_tags(), None):
            layout = torch.rand(len(given[0]), 4 * (inputs["hidden_states"].shape[2] - 1) + 1, LAYOUT)
            conditions = model.prepare(*given, tags, layout=layout)
            before = calls["stand.hidden"]
            for step in steps(inputs):
                model(**step, encoder_hidden_states=conditions)
            assert calls["stand.hidden"] - before == 1
            assert calls["cleanup.turn"] == calls["stand.hidden"]
            step["hidden_states"] = step["hidden_states"][..., :-2]
            plain = model(**step, encoder_hidden_states=given[0], tags=tags, layout=layout)
            assert torch.equal(model(**step, encoder_hidden_states=conditions).sample, plain.sample)


def test_keys_can_be_left_out_to_save_memory():
    model = with_open_paths(tiny_wan("wan2.1-t2v-1.3b"))
    inputs, given = split("wan2.1-t2v-1.3b")
    calls = counted(model)
    with torch.no_grad():
        conditions = model.prepare(*given, tiny_tags(), keep_keys=False)
        for step in steps(inputs):
            model(**step, encoder_hidden_states=conditions)
    assert calls["blocks.attn2.to_k"] == len(model.blocks) * STEPS
    assert calls["condition_embedder.text_embedder.linear_1"] == 1


@pytest.mark.parametrize("change", ["stock_processor", "fused_projections", "another_length"])
def test_kept_conditions_hold_when_something_else_changes(change):
    name = "wan2.1-i2v-14b"
    model, tags = with_open_paths(tiny_wan(name)), tiny_tags()
    inputs, given = split(name)
    if change == "stock_processor":
        model.set_attn_processor(WanAttnProcessor())
    if change == "fused_projections":
        model.fuse_qkv_projections()
    with torch.no_grad():
        conditions = model.prepare(*given, tags)
        for i, step in enumerate(steps(inputs)):
            if change == "another_length" and i:
                step["hidden_states"] = step["hidden_states"][:, :, :3]
            plain = model(
                **step, encoder_hidden_states=given[0], encoder_hidden_states_image=given[1], tags=tags
            )
            assert torch.equal(model(**step, encoder_hidden_states=conditions).sample, plain.sample)


def test_nothing_is_kept_while_gradients_are_recorded():
    model = with_open_paths(tiny_wan("wan2.1-t2v-1.3b"))
    inputs, given = split("wan2.1-t2v-1.3b")
    conditions = model.prepare(*given, tiny_tags())
    for step in steps(inputs):  # a kept graph would fail at the second backward
        model(**step, encoder_hidden_states=conditions).sample.sum().backward()
    assert conditions.text is None and conditions.shift is None and conditions.blocks is None


def test_gradients_flow_past_what_an_earlier_forward_kept():
    model, tags = with_open_paths(tiny_wan("wan2.1-t2v-1.3b")), tiny_tags()
    inputs, given = split("wan2.1-t2v-1.3b")
    conditions = model.prepare(*given, tags)
    with torch.no_grad():
        model(**inputs, encoder_hidden_states=conditions)
    assert conditions.blocks is not None and conditions.blocks[0].key is not None
    model(**inputs, encoder_hidden_states=conditions).sample.square().sum().backward()
    got = {n: p.grad.clone() for n, p in model.named_parameters()}
    model.zero_grad()
    model(**inputs, encoder_hidden_states=given[0], tags=tags).sample.square().sum().backward()
    assert all(torch.equal(got[n], p.grad) for n, p in model.named_parameters())


def test_nothing_is_kept_while_layers_load_the_next_one(monkeypatch):
    """Leaf offload with streams needs a GPU; its condition is played here: every layer runs at every step."""
    import animatrix.model.transformer as home

    model = with_open_paths(tiny_wan("wan2.1-t2v-1.3b"))
    inputs, given = split("wan2.1-t2v-1.3b")
    assert not prefetches_leaves(model)
    with torch.no_grad():
        expected = [model(**s, encoder_hidden_states=given[0]).sample for s in steps(inputs)]
        monkeypatch.setattr(home, "prefetches_leaves", lambda model: True)
        calls = counted(model)
        conditions = model.prepare(*given)  # without tags the tag layers run as well
        got = [model(**s, encoder_hidden_states=conditions).sample for s in steps(inputs)]
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert {calls[name] for name in TAG_PATHS} == {STEPS}
    assert calls["condition_embedder.text_embedder.linear_1"] == STEPS
    assert calls["blocks.attn2.to_k"] == STEPS * len(model.blocks)


def test_a_streamed_leaf_is_recognised():
    from diffusers.hooks import HookRegistry, ModelHook

    model = with_open_paths(tiny_wan("wan2.1-t2v-1.3b"))
    hook = ModelHook()
    hook.group = type("Group", (), {"stream": object()})()
    leaf = model.condition_embedder.text_embedder.linear_1
    HookRegistry.check_if_exists_or_initialize(leaf).register_hook(hook, "group_offloading")
    assert prefetches_leaves(model)
    hook.group.stream = None
    assert not prefetches_leaves(model)


def test_conditions_of_another_expert_and_tags_given_twice_are_refused():
    model, other = (with_open_paths(tiny_wan("wan2.2-t2v-a14b", seed=s)) for s in (0, 1))
    inputs, given = split("wan2.2-t2v-a14b")
    conditions = model.prepare(*given)
    with pytest.raises(ValueError, match="another transformer"):
        other(**inputs, encoder_hidden_states=conditions)
    with pytest.raises(ValueError, match="part of the prepared"):
        model(**inputs, encoder_hidden_states=conditions, tags=tiny_tags())
