"""Guidance, passes, keyframes and loading of the pipeline."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from animatrix import (
    AniMatrixError,
    AniMatrixPipeline,
    AniMatrixTransformer3DModel,
    Directive,
    DraftArtist,
    LayoutArtist,
    TagEncoder,
)
from animatrix.generate.finish import finished
from animatrix.generate.fitting import CANDIDATES, fitting_layout
from animatrix.generate.guidance import guidance_weights
from animatrix.model.draft import encoded
from animatrix.model.stand import LAYOUT
from animatrix.model.vae import to_pixels

TAGS = {"camera_move": "pan_left", "impact_frame": "white_frame@5-6"}


def directive(narrative="A girl runs.", frames=9, **tags):
    return Directive.model_validate({"narrative": narrative, "tags": tags, "frames": frames, "fps": 24})


def run(pipe, d, seed=1, **kw):
    options = {"height": 32, "width": 32, "num_inference_steps": 2} | kw
    return pipe(d, generator=torch.Generator().manual_seed(seed), **options).frames


@pytest.mark.parametrize(
    ("text", "tag", "has_text", "has_tags", "passes"),
    [
        (3, 3, True, True, {"none": -2, "full": 3}),
        (3, 5, True, True, {"none": -2, "text": -2, "full": 5}),
        (1, 4, True, True, {"text": -3, "full": 4}),
        (1, 1, True, True, {"full": 1}),
        (3, 5, True, False, {"none": -2, "text": 3}),
        (3, 5, False, True, {"none": -4, "full": 5}),
        (1, 1, True, False, {"text": 1}),
        (1, 1, False, False, {"none": 1}),
    ],
)
def test_guidance_runs_only_the_passes_that_count(text, tag, has_text, has_tags, passes):
    weights = guidance_weights(text, tag, has_text=has_text, has_tags=has_tags)
    assert weights == pytest.approx(passes)
    assert sum(weights.values()) == pytest.approx(1)


@pytest.mark.parametrize(("scales", "count"), [((1, 1), 1), ((3, 3), 2), ((3, 5), 3)])
def test_forward_count_per_step(tiny_pipeline, monkeypatch, scales, count):
    calls = []
    forward = tiny_pipeline.transformer.forward
    monkeypatch.setattr(
        tiny_pipeline.transformer, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k)
    )
    run(tiny_pipeline, directive(**TAGS), guidance_scale=scales[0], tag_guidance_scale=scales[1])
    assert len(calls) == 2 * count


def test_three_pass_guidance_equals_the_formula(tiny_pipeline):
    """v = v_none + s_text (v_text - v_none) + s_tag (v_full - v_text), by a plain Euler step."""
    d, pipe = directive(**TAGS), tiny_pipeline
    latents = torch.randn(1, 4, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    got = run(
        pipe, d, num_inference_steps=1, guidance_scale=2.5, tag_guidance_scale=4.0, latents=latents,
        output_type="latent",
    )  # fmt: skip
    text, null, tags = pipe._encode([d], "")
    x = torch.cat([latents, torch.zeros(1, 8, 3, 4, 4)], 1)

    def velocity(states, tag):
        with torch.no_grad():
            return pipe.transformer(x, torch.tensor([1000.0]), states, tags=tag).sample

    none, only_text, full = velocity(null, None), velocity(text, None), velocity(text, tags)
    v = none + 2.5 * (only_text - none) + 4.0 * (full - only_text)
    assert torch.allclose(got, latents - v, atol=1e-4)


def test_same_seed_same_bytes_and_one_tag_changes_them(tiny_pipeline):
    a, b = run(tiny_pipeline, directive(**TAGS)), run(tiny_pipeline, directive(**TAGS))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, run(tiny_pipeline, directive(**(TAGS | {"camera_move": "pan_right"}))))
    assert not np.array_equal(a, run(tiny_pipeline, directive(**TAGS), seed=2))


def test_a_clip_of_a_batch_is_what_it_would_be_alone(tiny_pipeline):
    pair = [directive(**TAGS), directive("A boy waves.")]
    generators = [torch.Generator().manual_seed(s) for s in (1, 2)]
    both = tiny_pipeline(pair, height=32, width=32, num_inference_steps=2, generator=generators).frames
    assert np.allclose(both[0], run(tiny_pipeline, pair[0])[0], atol=1e-4)
    assert np.allclose(both[1], run(tiny_pipeline, pair[1], seed=2)[0], atol=1e-4)


def test_a_keyframe_changes_the_clip(tiny_pipeline):
    picture = np.full((32, 32, 3), 255, np.uint8)
    plain, given = run(tiny_pipeline, directive()), run(tiny_pipeline, directive(), keyframes={3: picture})
    assert not np.allclose(plain, given, atol=1e-4)


def test_a_given_first_frame_is_kept_and_the_others_are_drawn(tiny_pipeline):
    picture = np.random.default_rng(1).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    plain = run(tiny_pipeline, directive(), output_type="latent")
    given = run(tiny_pipeline, directive(), output_type="latent", keyframes={0: picture})
    vae = tiny_pipeline.vae
    film = to_pixels(picture[None, None]).to(vae.dtype)
    with torch.no_grad():
        asked = vae.normalise(vae.encode(film).latents)
    assert torch.allclose(given[:, :, :1], asked.to(given), atol=1e-2)
    assert not torch.allclose(plain[:, :, :1], asked.to(plain), atol=1e-1)
    assert not torch.equal(given[:, :, 1:], plain[:, :, 1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 10}, "frames=10 is not 4n\\+1, the lengths this model makes; use 9 or 13"),
        ({"width": 40}, "width=40 is not a multiple of 16; use 32"),
        ({"height": 0}, "height=0 is not a multiple of 16; use 16"),
        ({"keyframes": {9: None}}, "keyframe 9 is outside the shot of 9 frames; use 0 to 8"),
    ],
)
def test_requests_the_model_cannot_make_are_refused(tiny_pipeline, options, message):
    d = directive(frames=options.pop("frames", 9))
    with pytest.raises(AniMatrixError, match=message):
        run(tiny_pipeline, d, **options)


def test_saved_pipeline_loads_in_the_diffusers_layout_and_gives_the_same_clip(tiny_pipeline, tiny_model):
    again = AniMatrixPipeline.from_pretrained(tiny_model)
    again.set_progress_bar_config(disable=True)
    assert np.array_equal(run(again, directive(**TAGS)), run(tiny_pipeline, directive(**TAGS)))
    assert not list(tiny_model.rglob("*.bin")) and not list(tiny_model.rglob("*.pt"))


def test_other_parts_keep_the_settings(tiny_pipeline):
    settings = {"boundary_ratio": 0.9, "expand_timesteps": True, "usual_steps": 7, "usual_guidance": 1.5}
    pipe = AniMatrixPipeline(**tiny_pipeline.components, **settings)
    tags = TagEncoder(dim=16, num_layers=1, num_heads=2)
    other = pipe.with_parts(tag_encoder=tags)
    assert {name: other.config[name] for name in settings} == settings
    assert other.tag_encoder is tags and other.transformer is pipe.transformer
    assert pipe.tag_encoder is tiny_pipeline.tag_encoder


@pytest.fixture
def on_stand(tiny_pipeline):
    """The tiny pipeline with a transformer on a stand, and a layout artist."""
    torch.manual_seed(0)
    config = {k: v for k, v in tiny_pipeline.transformer.config.items() if not k.startswith("_")}
    model = AniMatrixTransformer3DModel(**config | {"on_stand": True, "cleanup_width": 8}).eval()
    for part in (model.cleanup.out, model.stand.pose_out, *(plane.out for plane in model.stand.planes)):
        torch.nn.init.normal_(part.weight, std=0.3)
    artist = LayoutArtist(width=16, depth=1, heads=2, text_dim=16).eval()
    return tiny_pipeline.with_parts(transformer=model, layout_artist=artist)


def test_a_layout_is_drawn_once_for_all_passes_unless_it_is_given_or_pictures_are(on_stand, monkeypatch):
    pipe, drawn, told = on_stand, [], []
    draw, prepare = pipe.layout_artist.draw, pipe.transformer.prepare

    def drawing(*args):
        drawn.append(draw(*args))
        return drawn[-1]

    def preparing(*args, layout=None, **rest):
        told.append(layout)
        return prepare(*args, layout=layout, **rest)

    monkeypatch.setattr(pipe.layout_artist, "draw", drawing)
    monkeypatch.setattr(pipe.transformer, "prepare", preparing)
    d, options = directive(**TAGS), {"guidance_scale": 3, "tag_guidance_scale": 5}
    own = run(pipe, d, **options)
    assert len(drawn) == 1 and drawn[0].shape == (1, 9, LAYOUT)
    assert len(told) == 3 and all(torch.equal(t, drawn[0]) for t in told)
    batched = run(pipe, d, batch_guidance=True, **options)
    assert torch.equal(told[-1], drawn[1].repeat(3, 1, 1))
    np.testing.assert_allclose(batched, own, atol=2e-3)
    given = run(pipe, d, layout=drawn[0] + 0.3, **options)
    assert len(drawn) == 2 and np.abs(given - own).mean() > 1e-4
    picture = np.zeros((32, 32, 3), np.uint8)
    run(pipe, d, keyframes={0: picture}, **options)
    assert len(drawn) == 2 + CANDIDATES  # one of them, or none
    assert any(torch.equal(told[-1], layout) for layout in drawn[2:]) or told[-1].isnan().all()


def test_the_layout_is_taken_that_comes_nearest_to_what_is_given_or_none():
    wanted, there = torch.zeros(2, 1, 3, 1, 1), torch.zeros(1, 1, 3, 1, 1, dtype=torch.bool)
    there[:, :, 1] = True
    drawn = iter(torch.tensor([[5.0, 2.0], [-1.0, 3.0], [4.0, 1.5], [2.0, 9.0], [7.0, 7.0], [3.0, 8.0]]))

    def guess(layout):
        none = torch.tensor([6.0, 1.0])
        seen = torch.where(layout.isnan().all(2).all(1), none, layout[:, 0, 0]).view(2, 1, 1, 1, 1)
        return seen.expand(2, 1, 3, 1, 1) + torch.tensor([9.0, 0.0, 9.0]).view(3, 1, 1)

    found = fitting_layout(lambda: next(drawn).view(2, 1, 1).expand(2, 4, LAYOUT), guess, wanted, there)
    assert (found[0] == -1).all() and found[1].isnan().all()


def test_a_layout_artist_that_does_not_fit_is_refused(on_stand, tiny_pipeline):
    flat = on_stand.with_parts(transformer=tiny_pipeline.transformer)
    with pytest.raises(AniMatrixError, match="takes no layout"):
        run(flat, directive())
    other = on_stand.with_parts(layout_artist=LayoutArtist(width=16, depth=1, heads=2, text_dim=8))
    with pytest.raises(AniMatrixError, match="8 numbers a token"):
        run(other, directive())
    for layout, words in ((torch.zeros(1, 5, LAYOUT), "9 frames"), (torch.zeros(1, 9, 3), str(LAYOUT))):
        with pytest.raises(AniMatrixError, match=words):
            run(on_stand, directive(), layout=layout)
    with pytest.raises(AniMatrixError, match="stand"):
        run(tiny_pipeline, directive(), layout=torch.zeros(1, 9, LAYOUT))


def test_a_pipeline_with_a_layout_artist_survives_a_folder(on_stand, tmp_path):
    on_stand.save_pretrained(tmp_path, safe_serialization=True)
    back = AniMatrixPipeline.from_pretrained(tmp_path)
    d = directive(**TAGS)
    np.testing.assert_allclose(run(back, d), run(on_stand, d), atol=1e-5)


def test_a_draft_is_made_of_the_layout_once_for_all_passes(on_stand, monkeypatch, tmp_path):
    torch.manual_seed(0)
    config = {k: v for k, v in on_stand.transformer.config.items() if not k.startswith("_")}
    model = AniMatrixTransformer3DModel(**config | {"takes_draft": True}).eval()
    torch.nn.init.constant_(model.cleanup.matte.bias, 0.0)
    artist = DraftArtist(16, 2, frame=(32, 32), plate_size=(48, 64), width=8, hidden=8).eval()
    artist.painted.random_(0, 256)
    pipe = on_stand.with_parts(transformer=model, draft_artist=artist)
    told, prepare = [], pipe.transformer.prepare

    def preparing(*args, layout=None, draft=None, **rest):
        told.append((layout, draft))
        return prepare(*args, layout=layout, draft=draft, **rest)

    monkeypatch.setattr(pipe.transformer, "prepare", preparing)
    d, options = directive(**TAGS), {"guidance_scale": 3, "tag_guidance_scale": 5}
    own = run(pipe, d, **options)
    assert len(told) == 3 and all(torch.equal(draft, told[0][1]) for _, draft in told)
    text = pipe._encode([d], "")[0]
    again = encoded(pipe.vae, artist.draft(text, [d], told[0][0], own.shape[-3:-1]).pixels)
    torch.testing.assert_close(told[0][1], again)
    batched = run(pipe, d, batch_guidance=True, **options)
    np.testing.assert_allclose(batched, own, atol=2e-3)
    without = run(pipe, d, layout=torch.full_like(told[0][0], float("nan")), **options)
    assert told[-1][1].isnan().all() and np.abs(without - own).mean() > 1e-4
    pipe.save_pretrained(tmp_path, safe_serialization=True)
    np.testing.assert_allclose(run(AniMatrixPipeline.from_pretrained(tmp_path), d, **options), own, atol=1e-5)
    with pytest.raises(AniMatrixError, match="takes no draft"):
        run(on_stand.with_parts(draft_artist=artist), d)


def test_the_draft_is_shown_where_its_matte_left_it_and_nothing_of_it_in_an_impact_frame():
    torch.manual_seed(0)
    draft = 0.5 * torch.randn(2, 3, 9, 16, 48)
    returned = torch.nn.functional.avg_pool3d(draft, (1, 3, 3), 1, (0, 1, 1))
    pixels = returned + 0.02
    pixels[0, :, 6] += 1.0  # a flash, and the frames beside it in its latent frame
    pixels[0, :, 3, :, :16] += 0.3  # a smear
    draft[1] = float("nan")
    matte = torch.full((2, 4, 3, 2, 6), 0.95)
    matte[0, :, 1, :, :1] = 0.1  # of frames 1 to 4, the left is the model's own
    matte[0, :, 2] = 0.2  # and of 5 to 8, all
    found = finished(pixels, draft, returned, matte)
    torch.testing.assert_close(found[0, :, 0], draft[0, :, 0])
    torch.testing.assert_close(found[0, :, 1:5, :, 16:], draft[0, :, 1:5, :, 16:])
    torch.testing.assert_close(found[0, :, 1:5, :, :4], pixels[0, :, 1:5, :, :4])
    torch.testing.assert_close(found[0, :, 6], pixels[0, :, 6])
    torch.testing.assert_close(found[0, :, [5, 7, 8]], draft[0, :, [5, 7, 8]], rtol=0, atol=0.2)
    assert (found[0, :, [5, 7, 8]] - draft[0, :, [5, 7, 8]]).abs().mean() < 0.02
    assert torch.equal(found[1], pixels[1])
