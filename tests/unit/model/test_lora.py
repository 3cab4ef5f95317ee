"""Adapters travel with the tag weights, for both experts, in the key styles of the field."""

from __future__ import annotations

import logging

import pytest
import torch
from backbones import directive, tiny_encoder, tiny_inputs, tiny_wan, with_open_paths
from diffusers.loaders.lora_pipeline import WanLoraLoaderMixin
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from animatrix import AniMatrixError
from animatrix.model import AniMatrixTransformer3DModel
from animatrix.model.lora import FILES, TAG_FILE, export_original_lora, load_lora, save_lora

T2V, I2V = "wan2.2-t2v-a14b", "wan2.1-i2v-14b"
TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]


def adapted(model, seed=0, targets=TARGETS, alpha=16):
    model.add_adapter(LoraConfig(r=4, lora_alpha=alpha, target_modules=targets))
    torch.manual_seed(seed)
    for name, p in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(p, std=0.2)
    return model.eval()


def output(model, encoder=None, name=T2V):
    with torch.no_grad():
        tags = None if encoder is None else encoder(encoder.tokenize([directive(camera_move="pan_left")]))
        return model(**tiny_inputs(name), tags=tags).sample


def test_both_experts_and_the_tag_weights_come_back(tmp_path):
    targets = [*TARGETS, "tag_to_text"]
    high, low = (adapted(with_open_paths(tiny_wan(T2V, s), s), s, targets) for s in (0, 1))
    encoder = tiny_encoder(5)
    save_lora(tmp_path / "lora", high, low, encoder)
    expected = [output(m, encoder) for m in (high, low)]

    experts = [AniMatrixTransformer3DModel.from_wan(tiny_wan(T2V, s), tag_dim=16) for s in (0, 1)]
    given = tiny_encoder(6)
    loaded = load_lora(tmp_path / "lora", *experts, given)
    for got, want in zip((output(m, loaded) for m in experts), expected, strict=True):
        assert torch.allclose(got, want, atol=1e-6)
    assert not torch.allclose(output(experts[0], given), expected[0], atol=1e-3)
    assert {f.name for f in (tmp_path / "lora").iterdir()} == {*FILES.values(), TAG_FILE}


def test_diffusers_own_pipeline_reads_the_file_alpha_included(tmp_path):
    model = adapted(AniMatrixTransformer3DModel.from_wan(tiny_wan(T2V), tag_dim=16), alpha=2)
    save_lora(tmp_path, model)
    wan = tiny_wan(T2V)
    state, notes = WanLoraLoaderMixin.lora_state_dict(
        tmp_path, weight_name=FILES["transformer"], return_lora_metadata=True
    )
    WanLoraLoaderMixin.load_lora_into_transformer(state, wan, adapter_name="a", metadata=notes)
    assert torch.allclose(wan(**tiny_inputs(T2V)).sample, output(model), atol=1e-5)


@pytest.mark.parametrize("name", [T2V, I2V])
def test_original_keys_go_out_without_tags_and_come_back(name, tmp_path):
    targets = [*TARGETS, "tag_to_text", "tag_to_time", "time_proj"]
    if name == I2V:
        targets += ["add_k_proj", "add_v_proj"]
    model = adapted(AniMatrixTransformer3DModel.from_wan(tiny_wan(name), tag_dim=16), targets=targets)
    export_original_lora(tmp_path / "a.safetensors", model)
    keys = load_file(tmp_path / "a.safetensors").keys()
    assert all(k.startswith("diffusion_model.") for k in keys)
    assert not any("tag" in k for k in keys)
    assert "diffusion_model.blocks.0.cross_attn.k.lora_A.weight" in keys

    fresh = AniMatrixTransformer3DModel.from_wan(tiny_wan(name), tag_dim=16)
    load_lora(tmp_path / "a.safetensors", fresh)
    assert torch.allclose(output(fresh, name=name), output(model, name=name), atol=1e-5)


def original_file(path, change=lambda s: s, style="lora_A"):
    """A file as other tools write it, with alphas or bias differences."""
    g = torch.Generator().manual_seed(0)
    state = {}
    for block in range(2):
        for part in ("self_attn.q", "cross_attn.k"):
            stem = f"diffusion_model.blocks.{block}.{part}"
            a, b = torch.randn(4, 24, generator=g) * 0.2, torch.randn(24, 4, generator=g) * 0.2
            if style == "lora_down":
                state |= {
                    f"{stem}.lora_down.weight": a,
                    f"{stem}.lora_up.weight": b,
                    f"{stem}.alpha": torch.tensor(2.0),
                }
            else:
                state |= {f"{stem}.lora_A.weight": a, f"{stem}.lora_B.weight": b}
            if style == "diff_b":
                state[f"{stem}.diff_b"] = torch.randn(24, generator=g)
    save_file(change(state), path)
    return state


@pytest.mark.parametrize("style", ["lora_A", "lora_down", "diff_b"])
def test_original_keys_have_the_effect_written_in_them(style, tmp_path):
    state = original_file(tmp_path / "a.safetensors", style=style)
    model = AniMatrixTransformer3DModel.from_wan(tiny_wan(T2V), tag_dim=16)
    load_lora(tmp_path / "a.safetensors", model)
    by_hand = tiny_wan(T2V)
    with torch.no_grad():
        for block in range(2):
            for part, layer in (("self_attn.q", "attn1.to_q"), ("cross_attn.k", "attn2.to_k")):
                stem, linear = (
                    f"diffusion_model.blocks.{block}.{part}",
                    by_hand.get_submodule(f"blocks.{block}.{layer}"),
                )
                down, up = ("lora_down", "lora_up") if style == "lora_down" else ("lora_A", "lora_B")
                scale = 0.5 if style == "lora_down" else 1.0
                linear.weight += scale * state[f"{stem}.{up}.weight"] @ state[f"{stem}.{down}.weight"]
                if style == "diff_b":
                    linear.bias += state[f"{stem}.diff_b"]
        assert torch.allclose(output(model), by_hand(**tiny_inputs(T2V)).sample, atol=1e-4)


def test_musubi_keys_load(tmp_path):
    g, state = torch.Generator().manual_seed(0), {}
    sizes = {f"{kind}_attn_{o}": (24, 24) for kind in ("self", "cross") for o in "qkvo"}
    for block in range(2):
        for part, (n_in, n_out) in {**sizes, "ffn_0": (24, 32), "ffn_2": (32, 24)}.items():
            stem = f"lora_unet_blocks_{block}_{part}"
            state[f"{stem}.lora_down.weight"] = torch.randn(4, n_in, generator=g) * 0.2
            state[f"{stem}.lora_up.weight"] = torch.randn(n_out, 4, generator=g) * 0.2
            state[f"{stem}.alpha"] = torch.tensor(2.0)
    save_file(state, tmp_path / "a.safetensors")
    model = AniMatrixTransformer3DModel.from_wan(tiny_wan(T2V), tag_dim=16)
    plain = output(model)
    load_lora(tmp_path / "a.safetensors", model)
    assert not torch.allclose(output(model), plain, atol=1e-2)
    layer = model.blocks[1].ffn.net[2]
    down, up = (state[f"lora_unet_blocks_1_ffn_2.lora_{s}.weight"] for s in ("down", "up"))
    assert torch.allclose(layer.get_delta_weight("default"), 0.5 * up @ down, atol=1e-5)


def test_a_text_to_video_adapter_fits_image_to_video(tmp_path):
    original_file(tmp_path / "a.safetensors")
    model = AniMatrixTransformer3DModel.from_wan(tiny_wan(I2V), tag_dim=16)
    plain = output(model, name=I2V)
    load_lora(tmp_path / "a.safetensors", model)
    assert not torch.allclose(output(model, name=I2V), plain, atol=1e-2)


A = "diffusion_model.blocks.0.self_attn.q.lora_A.weight"
WRONG = {
    "another width": (lambda s: s | {A: torch.ones(4, 32)}, r"0\.attn1\.to_q\.lora_A\.weight is \[4, 32\]"),
    "half a pair": (lambda s: {k: s[k] for k in s if k != A}, r"attn1\.to_q\.lora_A\.weight is missing"),
    "more blocks": (
        lambda s: s | {k.replace(".1.", ".5.", 1): v.clone() for k, v in s.items() if "blocks.1." in k},
        r"transformer\.blocks\.5\..* has no place",
    ),
    "tag keys under diffusion_model": (
        lambda s: s | {"diffusion_model.tag_to_text.lora_A.weight": torch.ones(4, 16)},
        "is no LoRA of a Wan transformer",
    ),
    "whole weights": (lambda s: {"blocks.0.norm2.weight": torch.ones(24)}, r"norm2\.weight has no place"),
    "nothing": (lambda s: {}, "holds no adapter"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_does_not_fit_is_refused_and_nothing_changes(case, tmp_path):
    change, message = WRONG[case]
    original_file(tmp_path / "a.safetensors", change)
    model = AniMatrixTransformer3DModel.from_wan(tiny_wan(T2V), tag_dim=16)
    before = set(model.state_dict())
    with pytest.raises(AniMatrixError, match=message):
        load_lora(tmp_path / "a.safetensors", model)
    assert set(model.state_dict()) == before and not getattr(model, "peft_config", {})


def test_what_cannot_be_applied_is_said(tmp_path, caplog):
    extra = {"diffusion_model.blocks.0.norm3.diff": torch.ones(24)}
    original_file(tmp_path / "a.safetensors", lambda s: s | extra)
    model = AniMatrixTransformer3DModel.from_wan(tiny_wan(T2V), tag_dim=16)
    with caplog.at_level(logging.WARNING, logger="animatrix"):
        load_lora(tmp_path / "a.safetensors", model)
    assert "1 whole-weight changes left out, the first diffusion_model.blocks.0.norm3.diff" in caplog.text


def test_a_broken_second_file_leaves_the_first_expert_alone(tmp_path):
    high, low = (adapted(with_open_paths(tiny_wan(T2V, s))) for s in (0, 1))
    save_lora(tmp_path, high, low, tiny_encoder())
    state = load_file(tmp_path / TAG_FILE)
    save_file(
        {k: v for k, v in state.items() if k != "transformer_2.tag_to_time.weight"}, tmp_path / TAG_FILE
    )
    experts = [AniMatrixTransformer3DModel.from_wan(tiny_wan(T2V, s), tag_dim=16) for s in (0, 1)]
    with pytest.raises(AniMatrixError, match="does not say its taxonomy rows"):
        load_lora(tmp_path, *experts, tiny_encoder())
    (tmp_path / FILES["transformer_2"]).write_bytes(b"broken")
    for encoder in (None, tiny_encoder()):
        with pytest.raises(AniMatrixError, match="is damaged"):
            load_lora(tmp_path, *experts, encoder)
    assert not any(getattr(m, "peft_config", {}) for m in experts)


def test_two_experts_need_a_model_with_two_and_names_must_be_free(tmp_path):
    high, low = (adapted(with_open_paths(tiny_wan(T2V, s))) for s in (0, 1))
    save_lora(tmp_path, high, low)
    one = AniMatrixTransformer3DModel.from_wan(tiny_wan(T2V), tag_dim=16)
    with pytest.raises(AniMatrixError, match="is for two experts"):
        load_lora(tmp_path, one)
    load_lora(tmp_path / FILES["transformer_2"], one)
    with pytest.raises(AniMatrixError, match="adapter 'default' is loaded already"):
        load_lora(tmp_path / FILES["transformer_2"], one)
    with pytest.raises(AniMatrixError, match="no adapter 'other'"):
        save_lora(tmp_path, one, adapter="other")
