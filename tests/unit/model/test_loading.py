"""Backbones load from both layouts or not at all."""

from __future__ import annotations

import json
import logging

import pytest
import torch
from backbones import original_state, tiny_config, tiny_inputs, tiny_tags, tiny_wan, with_open_paths
from safetensors.torch import load_file, save_file

from animatrix import AniMatrixError, AniMatrixTransformer3DModel, TagEncoder, Taxonomy
from animatrix.model import loading
from animatrix.model.loading import load_tag_encoder, load_transformer
from animatrix.model.presets import PRESETS, Preset
from animatrix.model.tags import tag_rows
from animatrix.model.transformer import TAG_PATHS

T2V, I2V = "wan2.1-t2v-1.3b", "wan2.1-i2v-14b"


@pytest.fixture(autouse=True)
def quiet():
    from diffusers.utils import logging as theirs

    theirs.disable_progress_bar()


def same_weights(model, wan):
    ours = model.state_dict()
    assert not any(p.is_meta for p in [*model.parameters(), *model.buffers()])
    assert all(torch.equal(ours[k], v) for k, v in wan.state_dict().items())
    return {k for k in ours if k not in wan.state_dict()}


def write_sharded(state, folder, parts=2):
    """A folder as of Wan's own repositories: shards, index, and a config with few facts."""
    folder.mkdir(exist_ok=True)
    keys, where = list(state), {}
    for i in range(parts):
        name = f"diffusion_pytorch_model-{i + 1:05d}-of-{parts:05d}.safetensors"
        where |= dict.fromkeys(keys[i::parts], name)
        save_file({k: state[k] for k in keys[i::parts]}, folder / name)
    index = folder / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    (folder / "config.json").write_text(json.dumps({"_class_name": "WanModel", "model_type": "t2v"}))
    return folder


@pytest.mark.parametrize("name", PRESETS)
def test_wans_own_file_loads_with_every_weight_in_place(name, tmp_path):
    wan = tiny_wan(name)
    save_file(original_state(wan), tmp_path / "wan.safetensors")
    model = load_transformer(tmp_path / "wan.safetensors", tiny_config(name), tag_dim=16)
    assert {k.split(".")[0] for k in same_weights(model, wan)} == set(TAG_PATHS)
    inputs = tiny_inputs(name)
    with torch.no_grad():
        assert torch.equal(model(**inputs, tags=tiny_tags()).sample, wan(**inputs).sample)


@pytest.mark.parametrize("layout", ["shards", "prefixed", "from_single_file"])
def test_shards_and_prefixed_files_load_too(layout, tmp_path, monkeypatch):
    wan = tiny_wan(I2V)
    state = original_state(wan)
    path = tmp_path / "a.safetensors"
    if layout == "shards":
        path = write_sharded(state, tmp_path / "high_noise_model")
    elif layout == "prefixed":
        save_file({f"model.diffusion_model.{k}": v for k, v in state.items()}, path)
    else:
        save_file(state, path)
    # The sizes alone name the preset.
    monkeypatch.setitem(loading.PRESETS, "tiny-other", Preset(tiny_config(T2V)))
    monkeypatch.setitem(loading.PRESETS, "tiny", Preset(tiny_config(I2V)))
    assert loading.detect_preset(loading.read_headers(path)) == "tiny"
    load = AniMatrixTransformer3DModel.from_single_file if layout == "from_single_file" else load_transformer
    same_weights(load(path), wan)


def test_dtype_is_that_of_the_file_or_the_one_asked_with_wans_float32_parts(tmp_path):
    wan = tiny_wan(T2V).to(torch.bfloat16)
    save_file(original_state(wan), tmp_path / "wan.safetensors")
    stored = load_transformer(tmp_path / "wan.safetensors", tiny_config(T2V))
    assert {p.dtype for p in stored.parameters()} == {torch.bfloat16}
    tiny_wan(T2V).save_pretrained(tmp_path / "wan")
    ours = load_transformer(tmp_path / "wan", dtype=torch.bfloat16)
    from diffusers import WanTransformer3DModel

    theirs = WanTransformer3DModel.from_pretrained(tmp_path / "wan", torch_dtype=torch.bfloat16)
    for key, parameter in theirs.named_parameters():
        mine = ours.get_parameter(key)
        assert mine.dtype == parameter.dtype and torch.equal(mine, parameter), key
    assert ours.tag_to_text.weight.dtype == torch.bfloat16


def test_plain_8_bit_floats_are_widened(tmp_path):
    wan = tiny_wan(T2V)
    small = {k: v.to(torch.float8_e4m3fn) if v.ndim > 1 else v for k, v in original_state(wan).items()}
    save_file(small, tmp_path / "wan.safetensors")
    model = load_transformer(tmp_path / "wan.safetensors", tiny_config(T2V))
    assert model.blocks[0].attn1.to_q.weight.dtype == torch.bfloat16
    assert model.blocks[0].attn1.norm_q.weight.dtype == torch.float32
    stored = small["blocks.0.self_attn.q.weight"].to(torch.bfloat16)
    assert torch.equal(model.blocks[0].attn1.to_q.weight, stored)


def test_a_diffusers_file_without_tags_is_not_renamed(tmp_path):
    """diffusers' own single-file loading renames it once more: norm2 becomes norm3, and is lost."""
    wan = tiny_wan(T2V)
    save_file(wan.state_dict(), tmp_path / "wan.safetensors")
    model = load_transformer(tmp_path / "wan.safetensors", tiny_config(T2V))
    same_weights(model, wan)
    same_weights(
        AniMatrixTransformer3DModel.from_single_file(tmp_path / "wan.safetensors", tiny_config(T2V)), wan
    )


@pytest.mark.parametrize("load", [load_transformer, AniMatrixTransformer3DModel.from_pretrained])
def test_diffusers_folders_load_plain_or_ours_without_leftovers(load, tmp_path):
    wan = tiny_wan(T2V)
    wan.save_pretrained(tmp_path / "wan", max_shard_size="20KB")
    config = tmp_path / "wan" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"of_an_older_release": 1}))
    assert len(list((tmp_path / "wan").glob("*.safetensors"))) > 1
    fresh = load(tmp_path / "wan")
    added = same_weights(fresh, wan)
    assert added and all(not fresh.state_dict()[k].any() for k in added)
    fresh.to("cpu").save_pretrained(tmp_path / "again")

    ours = with_open_paths(wan)
    ours.save_pretrained(tmp_path / "ours")
    back, inputs, tags = load(tmp_path / "ours"), tiny_inputs(T2V), tiny_tags()
    assert back.config.tag_dim == 16
    with torch.no_grad():
        got, expected = back(**inputs, tags=tags).sample, ours(**inputs, tags=tags).sample
    same_weights(back, ours)
    # Weights mapped from a file lie at other addresses, and small products then round their last bit apart.
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_our_single_file_brings_its_tag_paths(tmp_path):
    ours = with_open_paths(tiny_wan(T2V))
    save_file(ours.state_dict(), tmp_path / "ours.safetensors")
    back = load_transformer(tmp_path / "ours.safetensors", tiny_config(T2V), tag_dim=16)
    assert torch.equal(back.tag_to_frames.weight, ours.tag_to_frames.weight)


def test_stand_and_clean_up_are_fresh_where_a_checkpoint_has_none_and_kept_where_it_has(tmp_path):
    plain = with_open_paths(tiny_wan(T2V))
    plain.save_pretrained(tmp_path / "plain")
    inputs, tags = tiny_inputs(T2V), tiny_tags()
    config = tiny_config(T2V) | {"tag_dim": 16, "on_stand": True, "cleanup_width": 8}
    placed = load_transformer(tmp_path / "plain", config)
    with torch.no_grad():
        got, expected = placed(**inputs, tags=tags).sample, plain(**inputs, tags=tags).sample
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)  # as above
        placed.stand.out.bias.fill_(0.5)
        placed.cleanup.out.bias.fill_(0.5)
    placed.save_pretrained(tmp_path / "placed")
    for load in (load_transformer, AniMatrixTransformer3DModel.from_pretrained):
        same_weights(load(tmp_path / "placed"), placed)


def without(state, key):
    return {k: v for k, v in state.items() if k != key}


KEY = "blocks.1.cross_attn.norm_k.weight"
WRONG = {
    "a missing weight": (lambda s: without(s, KEY), f"{KEY} is missing"),
    "a weight too many": (lambda s: s | {"blocks.0.x": torch.ones(2)}, "blocks.0.x has no place"),
    "a wrong shape": (lambda s: s | {KEY: torch.ones(25)}, rf"{KEY} is \[25\], not \[24\]"),
    "a block too many": (
        lambda s: s | {k.replace(".1.", ".2.", 1): v.clone() for k, v in s.items() if "blocks.1." in k},
        "blocks.2.* has no place",
    ),
    "fp8 scales": (lambda s: s | {"scaled_fp8": torch.ones(1)}, "scaled_fp8 has no place"),
    "half of the tag paths": (
        lambda s: s | {"tag_to_text.weight": torch.ones(24, 128)}, "tag_to_time.weight is missing"
    ),
    "mixed layouts": (
        lambda s: without(s, KEY) | {"blocks.1.attn2.norm_k.weight": torch.ones(24)}, f"{KEY} is missing"
    ),
    "something else": (lambda s: {"decoder.weight": torch.ones(2)}, "is no Wan transformer.*decoder.weight"),
    "nothing": (lambda s: {}, "is no Wan transformer"),
}  # fmt: skip


@pytest.fixture(scope="module")
def state():
    return original_state(tiny_wan(T2V))


@pytest.fixture
def never_converted(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("converted before it was checked")

    monkeypatch.setattr(loading, "convert_wan_transformer_to_diffusers", fail)
    monkeypatch.setattr(loading.Weights, "read", fail)


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_its_first_wrong_key_before_it_is_read(
    case, state, tmp_path, never_converted
):
    change, message = WRONG[case]
    save_file(change(dict(state)), tmp_path / "a.safetensors")
    with pytest.raises(AniMatrixError, match=message):
        load_transformer(tmp_path / "a.safetensors", tiny_config(T2V))


def test_a_file_of_another_backbone_is_refused(state, tmp_path, never_converted):
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(
        AniMatrixError, match=r"img_emb\.proj\.0\.weight is missing|patch_embedding\.weight is"
    ):
        load_transformer(tmp_path / "a.safetensors", tiny_config(I2V))
    with pytest.raises(
        AniMatrixError, match=r"has the sizes of no known backbone .width 24, input channels 16"
    ):
        load_transformer(tmp_path / "a.safetensors")
    with pytest.raises(AniMatrixError, match="unknown backbone"):
        load_transformer(tmp_path / "a.safetensors", "wan9")


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(keep, state, tmp_path):
    save_file(state, tmp_path / "a.safetensors")
    data = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(data[:keep])
    with pytest.raises(AniMatrixError, match=r"a\.safetensors is damaged or cut short"):
        load_transformer(tmp_path / "a.safetensors", tiny_config(T2V))


@pytest.mark.parametrize("name", ["a.pt", "a.bin", "a.pth", "a.ckpt"])
def test_pickles_are_refused_unopened(name, tmp_path):
    (tmp_path / name).write_bytes(b"\x80\x04")
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(AniMatrixError, match=f"{name} is a pickle"):
            load_transformer(path)


def test_damaged_shards_are_refused(state, tmp_path, never_converted):
    folder = write_sharded(state, tmp_path / "a")
    index = folder / "diffusion_pytorch_model.safetensors.index.json"
    _, second = sorted(folder.glob("*.safetensors"))
    config = tiny_config(T2V)

    lying = json.loads(index.read_text())
    lying["weight_map"]["blocks.7.modulation"] = second.name
    good = index.read_text()
    index.write_text(json.dumps(lying))
    with pytest.raises(AniMatrixError, match=r"blocks\.7\.modulation is missing"):
        load_transformer(folder, config)
    lying["weight_map"]["blocks.7.modulation"] = "../outside.safetensors"
    index.write_text(json.dumps(lying))
    with pytest.raises(AniMatrixError, match="points outside its folder"):
        load_transformer(folder, config)
    index.write_text("{")
    with pytest.raises(AniMatrixError, match="not readable as JSON"):
        load_transformer(folder, config)
    index.write_text(good)
    both = load_file(second) | {"head.modulation": state["head.modulation"]}
    both |= {"patch_embedding.bias": state["patch_embedding.bias"]}
    save_file(both, second)
    with pytest.raises(AniMatrixError, match="is both in"):
        load_transformer(folder, config)
    second.unlink()
    with pytest.raises(AniMatrixError, match=f"{second.name} do not exist"):
        load_transformer(folder, config)


def test_folders_that_are_no_transformer_say_what_they_are(tmp_path):
    with pytest.raises(AniMatrixError, match="do not exist"):
        load_transformer(tmp_path / "none")
    with pytest.raises(AniMatrixError, match="holds no safetensors weights"):
        load_transformer(tmp_path)
    tiny_wan(T2V).save_pretrained(tmp_path / "transformer")
    with pytest.raises(AniMatrixError, match=r"did you mean .*transformer\?"):
        load_transformer(tmp_path)
    config = tmp_path / "transformer" / "config.json"
    config.write_text(json.dumps({"_class_name": "FluxTransformer2DModel"}))
    with pytest.raises(AniMatrixError, match="holds a FluxTransformer2DModel"):
        load_transformer(tmp_path / "transformer")


def test_from_pretrained_refuses_a_folder_that_lacks_a_weight(tmp_path):
    tiny_wan(T2V).save_pretrained(tmp_path)
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    save_file(without(load_file(file), "blocks.1.ffn.net.2.bias"), file, {"format": "pt"})
    with pytest.raises(AniMatrixError, match=r"blocks\.1\.ffn\.net\.2\.bias is missing"):
        AniMatrixTransformer3DModel.from_pretrained(tmp_path)


def test_a_newer_taxonomy_adds_fresh_rows_and_says_so_once(tmp_path, caplog):
    fields, values = tag_rows(Taxonomy.default())
    gone = {"camera_move=pan_left", "palette=vivid"}
    old = TagEncoder(
        dim=16, num_layers=1, num_heads=2, field_rows=fields,
        value_rows=[v for v in values if v not in gone], taxonomy_version="0.9.0",
    )  # fmt: skip
    old.save_pretrained(tmp_path)
    with caplog.at_level(logging.WARNING, logger="animatrix"):
        encoder = load_tag_encoder(tmp_path)
    said = [r.getMessage() for r in caplog.records if r.name.startswith("animatrix")]
    assert len(said) == 1 and "taxonomy 0.9.0: 2 new rows" in said[0]
    rows = encoder.config.value_rows
    assert gone <= set(rows)
    before = dict(zip(old.config.value_rows, old.value_embed.weight, strict=True))
    assert all(torch.equal(encoder.value_embed.weight[rows.index(k)], v) for k, v in before.items())


@pytest.mark.parametrize("load", [load_tag_encoder, TagEncoder.from_pretrained])
def test_weights_newer_than_the_taxonomy_name_the_first_unknown_row(load, tmp_path):
    fields, values = tag_rows(Taxonomy.default())
    TagEncoder(
        dim=16, num_layers=1, num_heads=2, field_rows=fields,
        value_rows=[*values, "camera_move=teleport", "camera_move=fold"], taxonomy_version="9.1.0",
    ).save_pretrained(tmp_path)  # fmt: skip
    with pytest.raises(
        AniMatrixError, match=r"the weights know camera_move=teleport, which taxonomy .* 9\.1\.0"
    ):
        load(tmp_path)
