"""The pipeline on every Wan backbone: latents equal to diffusers' own pipelines, pictures at exact frames.

Components are random and tiny, in the true structure of each checkpoint.
"""

from __future__ import annotations

import string

import numpy as np
import PIL.Image
import pytest
import torch
from diffusers import (
    AutoencoderKLWan,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    T5Tokenizer,
    UMT5Config,
    UMT5EncoderModel,
)

from animatrix import AniMatrixError, AniMatrixPipeline, Directive, TagEncoder
from animatrix.generate.conditioning import given_pictures, layout_of
from animatrix.generate.requests import checked_schedule
from animatrix.model.presets import usual_size

NARRATIVE = "A girl runs over a rooftop."
FRAMES, SIDE = 9, 32
TAGS = {"camera_move": "pan_left", "impact_frame": "white_frame@5-6"}


def directive(narrative: str = NARRATIVE, frames: int = FRAMES, **tags) -> Directive:
    return Directive.model_validate({"narrative": narrative, "tags": tags, "frames": frames, "fps": 24})


def vae(kind: str) -> AutoencoderKLWan:
    torch.manual_seed(1)
    if kind == "ti2v-5b":  # z 48 in the true checkpoint; residual, patched, 16x16
        return AutoencoderKLWan(
            base_dim=8, decoder_base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
            temperal_downsample=[False, True, True], is_residual=True, in_channels=12, out_channels=12,
            patch_size=2, scale_factor_spatial=16, scale_factor_temporal=4,
            latents_mean=[0.1] * 4, latents_std=[0.8] * 4,
        ).eval()  # fmt: skip
    return AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.1, 0.0, -0.1, 0.2], latents_std=[0.9, 1.1, 1.0, 1.2],
    ).eval()  # fmt: skip


def transformer(kind: str, seed: int = 2) -> WanTransformer3DModel:
    torch.manual_seed(seed)
    picture = kind.endswith("i2v")
    return WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=12 if picture else 4,
        out_channels=4, text_dim=16, freq_dim=16, ffn_dim=32, num_layers=2, rope_max_seq_len=32,
        image_dim=8 if kind == "2.1-i2v" else None, added_kv_proj_dim=24 if kind == "2.1-i2v" else None,
    ).eval()  # fmt: skip


def parts(kind: str) -> dict:
    torch.manual_seed(0)
    letters = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters += [(c, -3.0) for c in string.ascii_letters + string.punctuation]
    tokenizer = T5Tokenizer(vocab=[*letters, ("<extra_id_0>", 0.0)], extra_ids=1)
    text = UMT5EncoderModel(
        UMT5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    )
    experts = kind.startswith("2.2")
    content = {
        "tokenizer": tokenizer,
        "text_encoder": text.eval(),
        "vae": vae(kind),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        )
        if kind == "2.1-t2v"
        else FlowMatchEulerDiscreteScheduler(shift=5.0),
        "transformer": transformer(kind),
        "transformer_2": transformer(kind, 3) if experts else None,
        "boundary_ratio": 0.9 if experts else None,
        "expand_timesteps": kind == "ti2v-5b",
    }
    if kind == "2.1-i2v":
        config = CLIPVisionConfig(
            hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32,
            patch_size=2,
        )  # fmt: skip
        content["image_encoder"] = CLIPVisionModel(config).eval()
        content["image_processor"] = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32)
    return content


def picture(seed: int = 0) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def run(pipe: AniMatrixPipeline, asked: Directive, **options):
    pipe.set_progress_bar_config(disable=True)
    settings = {"height": SIDE, "width": SIDE, "num_inference_steps": 3, "output_type": "latent"} | options
    return pipe(asked, generator=torch.Generator().manual_seed(5), **settings).frames


def stock_run(pipe, **options):
    pipe.set_progress_bar_config(disable=True)
    settings = {"height": SIDE, "width": SIDE, "num_frames": FRAMES, "num_inference_steps": 3}
    return pipe(
        prompt=NARRATIVE,
        generator=torch.Generator().manual_seed(5),
        output_type="latent",
        **settings,
        **options,
    ).frames


CASES = ["2.1-t2v", "2.2-t2v", "ti2v-5b"]
PICTURE_CASES = ["2.1-i2v", "2.2-i2v", "ti2v-5b"]


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_latents_from_text_equal_those_of_wan_pipeline(kind, scale):
    stock = WanPipeline(**parts(kind))
    low = {"guidance_scale_2": 3.0} if kind.startswith("2.2") and scale > 1 else {}
    ours = AniMatrixPipeline.from_wan(WanPipeline(**parts(kind)))
    wanted = stock_run(stock, guidance_scale=scale, **low)
    assert torch.equal(run(ours, directive(), guidance_scale=scale, **low), wanted)


# Of the stock pipelines' backbones only 2.2 I2V takes a last picture without a model made for it.
@pytest.mark.parametrize(("kind", "last"), [*((kind, False) for kind in PICTURE_CASES), ("2.2-i2v", True)])
def test_latents_from_pictures_equal_those_of_wan_image_pipeline(kind, last):
    stock = WanImageToVideoPipeline(**parts(kind))
    ours = AniMatrixPipeline.from_wan(WanImageToVideoPipeline(**parts(kind)))
    options = {"last_image": picture(1)} if last else {}
    wanted = stock_run(stock, image=picture(), guidance_scale=4.0, **options)
    keys = {0: picture()} | ({FRAMES - 1: picture(1)} if last else {})
    assert torch.equal(run(ours, directive(), guidance_scale=4.0, keyframes=keys), wanted)


def test_fresh_tag_paths_change_nothing_end_to_end():
    """With a tag channel the narrative has 64 slots less; what is left must be the same to the bit."""
    tags = TagEncoder(dim=16, num_layers=1, num_heads=2).eval()
    ours = AniMatrixPipeline.from_wan(WanPipeline(**parts("2.1-t2v")), tag_encoder=tags)
    assert torch.equal(run(ours, directive(**TAGS)), run(ours, directive()))


def test_frames_equal_those_of_wan_pipeline_after_decoding():
    stock = WanPipeline(**parts("2.1-t2v"))
    ours = AniMatrixPipeline.from_wan(WanPipeline(**parts("2.1-t2v")))
    stock.set_progress_bar_config(disable=True)
    wanted = stock(
        prompt=NARRATIVE, height=SIDE, width=SIDE, num_frames=FRAMES, num_inference_steps=2,
        generator=torch.Generator().manual_seed(5),
    ).frames  # fmt: skip
    assert np.array_equal(run(ours, directive(), num_inference_steps=2, output_type="np"), wanted)


@pytest.mark.parametrize("index", range(FRAMES))
def test_the_frame_asked_is_the_frame_conditioned(index):
    """A mask channel is one frame of a latent frame: exactly the asked one is marked, and the film that is
    encoded shows the picture there and grey elsewhere."""
    coder = vae("2.2-i2v")
    latents = torch.zeros(1, 4, 3, SIDE // 8, SIDE // 8)
    shown = torch.full((3, SIDE, SIDE), 0.7)
    given = given_pictures("concat", coder, {index: shown}, latents, FRAMES)
    mask = given.extra[0, :4, :, 0, 0]
    marked = {(f, s) for f in range(3) for s in range(4) if mask[s, f] == 1}
    frame = 0 if index == 0 else (index - 1) // 4 + 1
    assert marked == ({(0, s) for s in range(4)} if index == 0 else {(frame, (index - 1) % 4)})
    film = torch.zeros(1, 3, FRAMES, SIDE, SIDE)
    film[:, :, index] = shown
    with torch.no_grad():
        code = coder.encode(film).latent_dist.mode()
    mean, std = (
        torch.tensor(v).view(1, -1, 1, 1, 1) for v in (coder.config.latents_mean, coder.config.latents_std)
    )
    assert torch.allclose(given.extra[:, 4:], (code - mean) / std, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        ("2.1-t2v", {0: picture()}, "takes no keyframes"),
        ("ti2v-5b", {4: picture()}, "cannot be given frame 4: only frame 0"),
        ("2.1-i2v", {}, "starts from a picture"),
    ],
)
def test_pictures_a_model_cannot_take_are_refused(kind, keys, message):
    source = WanImageToVideoPipeline if kind == "2.1-i2v" else WanPipeline
    with pytest.raises(AniMatrixError, match=message):
        run(AniMatrixPipeline.from_wan(source(**parts(kind))), directive(), keyframes=keys)


def test_batched_passes_equal_separate_ones(tiny_pipeline):
    options = {"guidance_scale": 2.5, "tag_guidance_scale": 4.0}
    apart = run(tiny_pipeline, directive(**TAGS), **options)
    assert torch.allclose(
        run(tiny_pipeline, directive(**TAGS), batch_guidance=True, **options), apart, atol=1e-4
    )


def test_sigmas_are_used_as_given(tiny_pipeline):
    seen = []

    def note(_pipe, _step, t, _tensors):
        seen.append(t)
        return {}

    scheduler, tiny_pipeline.scheduler = tiny_pipeline.scheduler, FlowMatchEulerDiscreteScheduler(shift=1.0)
    try:
        run(tiny_pipeline, directive(), sigmas=[1.0, 0.75, 0.5, 0.25], callback_on_step_end=note)
        assert seen == [1000, 750, 500, 250]
        with pytest.raises(AniMatrixError, match="do not fall"):
            run(tiny_pipeline, directive(), sigmas=[0.5, 0.75])
    finally:
        tiny_pipeline.scheduler = scheduler


def test_a_schedule_ends_where_the_model_says_and_one_step_is_a_schedule_too():
    scheduler = FlowMatchEulerDiscreteScheduler(shift=16.0, shift_terminal=0.9)
    cpu = torch.device("cpu")
    assert checked_schedule(scheduler, 4, None, cpu)[[0, -1]].tolist() == pytest.approx([1000, 900])
    assert checked_schedule(scheduler, 1, None, cpu).tolist() == [1000]
    assert scheduler.sigmas.tolist() == [1, 0]
    assert checked_schedule(scheduler, 4, [1.0, 0.5], cpu).tolist() == pytest.approx([1000, 1000 * 16 / 17])
    assert checked_schedule(scheduler, 2, None, cpu).tolist() == pytest.approx([1000, 900])


def test_a_callback_can_end_a_request(tiny_pipeline):
    steps = []

    def stop(pipe, step, _t, _tensors):
        steps.append(step)
        pipe._interrupt = step == 1
        return {}

    run(tiny_pipeline, directive(), num_inference_steps=5, callback_on_step_end=stop)
    assert steps == [0, 1]


def test_a_plain_wan_folder_opens_and_says_tags_in_the_prompt_once(tmp_path, caplog):
    WanPipeline(**parts("2.1-t2v")).save_pretrained(tmp_path / "wan", safe_serialization=True)
    pipe = AniMatrixPipeline.from_pretrained(tmp_path / "wan")
    assert pipe.tag_encoder is None
    asked = directive(**TAGS)
    first = run(pipe, asked)
    assert torch.equal(first, run(pipe, directive(asked.describe())))
    run(pipe, asked)
    assert sum("tags are said in the prompt" in record.message for record in caplog.records) == 1


def test_wan_is_sampled_as_its_own_pipelines_do():
    import inspect

    usual = inspect.signature(WanPipeline.__call__).parameters
    ours = AniMatrixPipeline.from_wan(WanPipeline(**parts("2.1-t2v"))).config
    assert ours.usual_steps == usual["num_inference_steps"].default
    assert ours.usual_guidance == usual["guidance_scale"].default
    assert usual_size("AutoencoderKLWan") == (usual["width"].default, usual["height"].default)


def test_diffusers_opens_a_saved_pipeline_as_ours(tiny_model):
    pipe = DiffusionPipeline.from_pretrained(tiny_model)
    assert isinstance(pipe, AniMatrixPipeline)


def test_components_of_different_families_are_refused():
    content = parts("2.1-t2v")
    content["vae"] = vae("ti2v-5b").__class__(
        base_dim=4, z_dim=6, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 6, latents_std=[1.0] * 6,
    )  # fmt: skip
    pipe = AniMatrixPipeline.from_wan(WanPipeline(**content))
    with pytest.raises(AniMatrixError, match="gives 4 latent channels, its VAE decodes 6"):
        run(pipe, directive())
    assert layout_of(transformer("2.1-i2v"), vae("2.1-i2v"), False) == "concat"


def test_overflow_and_missing_parts_are_named():
    pipe = AniMatrixPipeline.from_wan(WanPipeline(**parts("2.1-t2v")))
    pipe.transformer.proj_out.weight.data.fill_(float("inf"))
    with pytest.raises(AniMatrixError, match="overflowed in float32"):
        run(pipe, directive())
    pipe.vae = None
    with pytest.raises(AniMatrixError, match="has no vae"):
        run(pipe, directive())
