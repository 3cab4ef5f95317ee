"""The tag channel: a set, in time, and learnable."""

from __future__ import annotations

import pytest
import torch
from diffusers import WanTransformer3DModel

from animatrix import Directive
from animatrix.model import AniMatrixTransformer3DModel, TagEncoder, tracks
from animatrix.model.cleanup import CleanUp
from animatrix.model.stand import (
    FAR,
    LAYOUT,
    POSE,
    Stand,
    Window,
    by_latent,
    laid,
)

TINY = {
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "in_channels": 4,
    "out_channels": 4,
    "text_dim": 16,
    "freq_dim": 16,
    "ffn_dim": 32,
    "num_layers": 2,
    "rope_max_seq_len": 32,
}


def directive(**tags):
    return Directive.model_validate({"narrative": "A girl runs.", "tags": tags, "frames": 17, "fps": 24})


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return TagEncoder(dim=16, num_layers=1, num_heads=2).eval()


@pytest.fixture
def inputs():
    g = torch.Generator().manual_seed(1)
    return {
        "hidden_states": torch.randn(1, 4, 5, 4, 6, generator=g),
        "timestep": torch.tensor([700.0]),
        # 12 tokens of text, then the zero padding tags move into
        "encoder_hidden_states": torch.nn.functional.pad(torch.randn(1, 12, 16, generator=g), (0, 0, 0, 20)),
    }


def opened(wan) -> AniMatrixTransformer3DModel:
    """A model whose tag paths are open."""
    model = AniMatrixTransformer3DModel.from_wan(wan, tag_dim=16)
    torch.manual_seed(2)
    for path in model._tag_paths():
        torch.nn.init.normal_(path.weight, std=0.3)
    return model


@pytest.fixture
def wan():
    torch.manual_seed(0)
    return WanTransformer3DModel(**TINY).eval()


@pytest.mark.parametrize("seed", range(4))
def test_open_paths_let_tags_through_and_order_does_not_matter(wan, encoder, inputs, seed):
    model = opened(wan)
    spanned = {"impact_frame": "white_frame@5-6", "smear_technique": "multiples@2-9"}
    asked = directive(camera_move="pan_left", drawing_cadence="twos", palette="vivid", **spanned)
    batch = encoder.tokenize([asked])
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    shuffled = type(batch)(*(x[:, order] for x in batch))
    with torch.no_grad():
        plain = model(**inputs).sample
        one = model(**inputs, tags=encoder(batch)).sample
        other = model(**inputs, tags=encoder(shuffled)).sample
    assert (one - plain).abs().max() > 1e-2
    assert torch.allclose(one, other, atol=1e-5)


def test_a_sample_without_tags_in_a_batch_is_the_request_without_a_tag_channel(wan, encoder, inputs):
    model = opened(wan)
    two = {k: v.expand(2, *v.shape[1:]) for k, v in inputs.items()}
    tags = encoder(encoder.tokenize([directive(camera_move="pan_left"), directive()]))
    with torch.no_grad():
        both = model(**two, tags=tags).sample
        assert torch.allclose(both[1], model(**inputs).sample[0], atol=1e-6)
        assert not torch.allclose(both[0], both[1], atol=1e-3)


@pytest.mark.parametrize(("span", "latent"), [("0-0", 0), ("1-4", 1), ("5-5", 2), ("16-16", 4)])
def test_span_track_reaches_the_latent_frame_of_the_span_and_no_other(wan, encoder, span, latent):
    model = opened(wan)
    tags = encoder(encoder.tokenize([directive(impact_frame=f"white_frame@{span}")]))
    energy = model.tag_to_frames(tracks.tags_shown(tags, 5, 4, torch.float32))[0].detach().square().sum(-1)
    assert energy[latent] > 1e-6
    assert energy.sum() == pytest.approx(energy[latent].item(), rel=1e-4)


def test_clock_tells_frames_of_one_cycle_apart_and_repeats_with_it(wan, encoder):
    model = opened(wan)
    tags = encoder(encoder.tokenize([directive(drawing_cadence="threes"), directive()]))
    clock = model._track(tags, 9, torch.float32)  # no tag has a span here
    features = tracks.clock(9, 4, torch.device("cpu"))
    hands = features.unflatten(1, (4, -1)).flatten(0, 1)[3:]  # one row per frame, frame 0 once
    threes = hands[:, [1, 5]]  # sine and cosine of the cycle of three
    assert torch.allclose(threes[3], threes[6], atol=1e-5) and not torch.allclose(
        threes[3], threes[4], atol=0.1
    )
    assert hands[0, -2] == 0 and hands[-1, -2] == 1  # place in the shot
    assert clock[0].abs().min() > 0 and not clock[1].any()


def test_a_stand_says_nothing_at_first_and_then_tells_every_token_of_one_noise_apart(inputs):
    torch.manual_seed(0)
    plain = AniMatrixTransformer3DModel(**TINY, tag_dim=16).eval()
    placed = AniMatrixTransformer3DModel(**TINY, tag_dim=16, on_stand=True).eval()
    missing, _ = placed.load_state_dict(plain.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"stand"}
    assert torch.equal(placed(**inputs).sample, plain(**inputs).sample)
    with torch.no_grad():
        placed.stand.out.weight.normal_()
        term = placed.stand(None, torch.zeros(1, 24, 3, 4, 6), 4, 6)
    rows = term[0, :, 0].flatten(1).T
    assert torch.cdist(rows, rows).add(torch.eye(len(rows)) * 9).min() > 0.05


def layout_of(path: torch.Tensor, poses: float = 0.0) -> torch.Tensor:
    """Layouts [B,T,LAYOUT] whose planes both go along a path [B,T,3]."""
    return torch.cat([path, path, torch.full((*path.shape[:2], POSE), poses)], 2)


def test_a_layout_is_read_frame_by_frame_and_nothing_of_what_is_not_known():
    layout = torch.arange(2 * 5 * LAYOUT, dtype=torch.float32).view(2, 5, LAYOUT) / 1000
    found = laid(layout)
    assert torch.equal(found.paths[1], layout[..., 3:6]) and torch.equal(found.poses, layout[..., 6:])
    torn = layout.clone()
    torn[1, 3, 20] = float("nan")
    half = laid(torn)
    assert half.known.tolist() == [1, 0] and torch.isfinite(half.poses).all() and not half.poses[1].any()
    assert laid(layout * 1e6).paths[0].abs().max() == FAR
    frames = by_latent(found.paths[0], 4)
    assert torch.equal(frames[:, 0], layout[:, :1, :3].expand(-1, 4, -1))
    assert torch.equal(frames[:, 1:].flatten(1, 2), layout[:, 1:, :3])


def test_a_stand_carries_what_stands_on_its_planes_across_the_picture():
    stand = Stand(8)
    path = torch.zeros(2, 13, 3)
    path[..., 0] = 0.25 * torch.arange(13).clamp(min=1).sub(1).div(4)  # a quarter a latent frame
    found = laid(layout_of(path))
    with torch.no_grad():
        stand.silence()
        like = torch.zeros(2, 8, 4, 2, 4)
        assert not stand(found, like, 2, 4).any()
        for plane in stand.planes:
            plane.out.weight.normal_()
            term = stand(found, like, 2, 4)
            # What a token looks at, its neighbour to the left looks at a latent frame later.
            now, later = term[..., 1:-1, :, 1:], term[..., 2:, :, :-1]
            torch.testing.assert_close(later, now, rtol=1e-3, atol=1e-4)
            assert term.std(dim=(1, 3, 4)).min() > 1e-2
            unknown = laid(torch.full((2, 13, LAYOUT), float("nan")))
            assert not stand(unknown, like, 2, 4).any() and not stand(None, like, 2, 4).any()
            plane.out.weight.zero_()


def test_poses_tell_each_latent_frame_and_no_place():
    torch.manual_seed(0)
    stand = Stand(8)
    layout = layout_of(torch.zeros(2, 13, 3))
    layout[0, 9:, 6:] += 1  # another drawing from the last latent frame on
    layout[1] = float("nan")
    with torch.no_grad():
        stand.pose_out.weight.normal_()
        term = stand.acting(laid(layout))
    assert term.shape == (2, 4, 8) and not term[1].any()
    torch.testing.assert_close(term[0, 1], term[0, 2])
    assert (term[0, 3] - term[0, 2]).abs().mean() > 0.01


def test_a_part_of_a_picture_is_told_where_in_the_whole_it_stands():
    torch.manual_seed(0)
    stand, sheet = Stand(8), CleanUp(8, 8, 4, 4, (2, 2), 2)
    drive = torch.randn(2, 4, 8)
    top, left = [1, 3], [2, 0]
    window = Window(torch.tensor(top), torch.tensor(left), 6, 5)
    with torch.no_grad():
        for part in (stand, *stand.planes):
            part.out.weight.normal_()
        found = laid(layout_of(0.2 * torch.randn(2, 13, 3)))
        whole, part = stand(found, drive, 6, 5), stand(found, drive, 2, 3, window)
        looks, cut = (
            sheet.sheet(drive, found, None, 12, 10).looks,
            sheet.sheet(drive, found, None, 4, 6, window).looks,
        )
    for i, (y, x) in enumerate(zip(top, left, strict=True)):
        torch.testing.assert_close(part[i], whole[i, ..., y : y + 2, x : x + 3], rtol=1e-3, atol=1e-4)
        fine = looks[i, ..., 2 * y : 2 * y + 4, 2 * x : 2 * x + 6]
        torch.testing.assert_close(cut[i], fine, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(part[0], whole[0, ..., :2, :3], atol=0.1)


@pytest.mark.parametrize("stand", [False, True])
def test_a_clean_up_is_silent_at_first_and_then_sees_places_that_tokens_cannot_tell_apart(
    encoder, inputs, stand
):
    torch.manual_seed(0)
    plain = AniMatrixTransformer3DModel(**TINY, tag_dim=16, on_stand=stand).eval()
    fine = AniMatrixTransformer3DModel(**TINY, tag_dim=16, on_stand=stand, cleanup_width=8).eval()
    missing, _ = fine.load_state_dict(plain.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"cleanup"}
    assert torch.equal(fine(**inputs).sample, plain(**inputs).sample)
    torch.nn.init.normal_(fine.cleanup.out.weight)
    with torch.no_grad():
        torch.nn.init.normal_(fine.tag_to_clock.weight)
        tags = [encoder(encoder.tokenize([directive(drawing_cadence=v)])) for v in ("twos", "threes")]
        torch.nn.init.normal_(fine.tag_to_time.weight)
        said = [fine(**inputs, tags=t).sample for t in tags]
        fine.cleanup.silence()
        terms = [a - fine(**inputs, tags=t).sample for a, t in zip(said, tags, strict=True)]
    # The four places of a token get terms of their own, and other tags other ones.
    assert terms[0][..., ::2, ::2].sub(terms[0][..., 1::2, 1::2]).abs().mean() > 1e-2
    assert terms[0].sub(terms[1]).abs().mean() > 1e-2


def test_a_layout_changes_what_is_drawn_of_those_that_have_one_and_is_of_a_stand_only(inputs):
    torch.manual_seed(0)
    model = AniMatrixTransformer3DModel(**TINY, tag_dim=16, on_stand=True, cleanup_width=8).eval()
    for part in (model.cleanup.out, model.stand.pose_out, *(plane.out for plane in model.stand.planes)):
        torch.nn.init.normal_(part.weight)
    b, _, f, _, _ = inputs["hidden_states"].shape
    layout = torch.full((b, 4 * (f - 1) + 1, LAYOUT), float("nan"))
    with torch.no_grad():
        plain = model(**inputs).sample
        torch.testing.assert_close(model(**inputs, layout=layout).sample, plain)
        layout[0] = 0.1
        seen = model(**inputs, layout=layout).sample
        assert (seen[0] - plain[0]).abs().mean() > 1e-3
        torch.testing.assert_close(seen[1:], plain[1:])
        given = model.prepare(inputs["encoder_hidden_states"], layout=layout)
        rest = {k: v for k, v in inputs.items() if k != "encoder_hidden_states"}
        assert torch.equal(model(**rest, encoder_hidden_states=given).sample, seen)
        with pytest.raises(ValueError, match="prepared"):
            model(**rest, encoder_hidden_states=given, layout=layout)
    with pytest.raises(ValueError, match="stand"):
        AniMatrixTransformer3DModel(**TINY, tag_dim=16)(**inputs, layout=layout)


def test_gradients_reach_every_tag_parameter_after_one_step(wan, encoder, inputs):
    model = AniMatrixTransformer3DModel.from_wan(wan, tag_dim=16).train()
    encoder.train()
    parameters = [*model.parameters(), *encoder.parameters()]
    batch = encoder.tokenize([directive(camera_move="pan_left", impact_frame="white_frame@5-6")])
    for _ in range(2):  # the first step opens the zeroed projections, the second reaches behind them
        for p in parameters:
            p.grad = None
        model(**inputs, tags=encoder(batch)).sample.square().sum().backward()
        with torch.no_grad():
            for p in parameters:
                p -= 1e-3 * (0 if p.grad is None else p.grad)
    dead = [
        n
        for module in (model, encoder)
        for n, p in module.named_parameters()
        if ("tag_" in n or module is encoder) and (p.grad is None or not p.grad.abs().sum() > 0)
    ]
    assert dead == []


def test_from_wan_shares_weights_and_refuses_a_foreign_config(wan):
    model = AniMatrixTransformer3DModel.from_wan(wan, tag_dim=16)
    assert model.blocks[0].attn1.to_q.weight.data_ptr() == wan.blocks[0].attn1.to_q.weight.data_ptr()
    wan.blocks[0].extra = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="extra"):
        AniMatrixTransformer3DModel.from_wan(wan, tag_dim=16)


@pytest.fixture
def drafted():
    torch.manual_seed(0)
    return AniMatrixTransformer3DModel(
        **TINY, tag_dim=16, on_stand=True, cleanup_width=8, takes_draft=True
    ).eval()


def test_a_draft_is_shown_to_those_that_have_one_and_stays_as_far_as_its_matte_lets_it(drafted, inputs):
    x, t = inputs["hidden_states"].repeat(2, 1, 1, 1, 1), 0.7
    many = inputs | {
        "hidden_states": x,
        "timestep": torch.tensor([1000 * t] * 2),
        "encoder_hidden_states": inputs["encoder_hidden_states"].repeat(2, 1, 1),
    }
    draft = torch.randn(x.shape)
    draft[1] = float("nan")
    matte = drafted.cleanup.matte.bias
    with torch.no_grad():
        matte.fill_(-50)
        plain = drafted(**many).sample
        torch.testing.assert_close(drafted(**many, draft=draft).sample, plain)  # shown, and not heard yet
        matte.fill_(50)
        over = drafted(**many, draft=draft).sample
        torch.testing.assert_close(over[1], plain[1])
        # Of noisy latents that the draft explains, the guess is the draft: so is the whole of a clip.
        noise = torch.randn(x.shape[1:])
        many["hidden_states"] = torch.stack([(1 - t) * draft[0] + t * noise, x[1]])
        told = drafted(**many, draft=draft).sample
        torch.testing.assert_close(many["hidden_states"][0] - t * told[0], draft[0], rtol=1e-3, atol=0.15)
        given = drafted.prepare(many["encoder_hidden_states"], draft=draft)
        rest = {k: v for k, v in many.items() if k != "encoder_hidden_states"}
        assert torch.equal(drafted(**rest, encoder_hidden_states=given).sample, told)
        matte.fill_(-50)
        for way in (drafted.draft_embedding, drafted.cleanup.drafted):
            torch.nn.init.normal_(way.weight)
            if way is drafted.cleanup.drafted:
                torch.nn.init.normal_(drafted.cleanup.out.weight)
            seen = drafted(**many, draft=draft).sample
            assert (seen[0] - drafted(**many).sample[0]).abs().mean() > 1e-3
            torch.nn.init.zeros_(way.weight)
    with pytest.raises(ValueError, match="no drafts"):
        AniMatrixTransformer3DModel(**TINY, tag_dim=16)(**many, draft=draft)
    with pytest.raises(ValueError, match="clean-up"):
        AniMatrixTransformer3DModel(**TINY, tag_dim=16, takes_draft=True)


@pytest.mark.parametrize("width", [0, 8])
def test_a_checkpoint_without_drafts_opens_into_a_model_that_takes_them_and_says_the_same(
    inputs, width, tmp_path
):
    from animatrix.model.loading import load_transformer

    plain = AniMatrixTransformer3DModel(**TINY, tag_dim=16, on_stand=True, cleanup_width=width)
    torch.manual_seed(1)
    for part in (plain.cleanup,) if width else ():
        torch.nn.init.normal_(part.out.weight)
    plain.save_pretrained(tmp_path)
    again = (
        load_transformer(
            tmp_path, TINY | {"tag_dim": 16, "on_stand": True, "takes_draft": True, "cleanup_width": 8}
        )
        .float()
        .eval()
    )
    draft = torch.randn(inputs["hidden_states"].shape)
    with torch.no_grad():
        again.cleanup.matte.bias.fill_(-50)
        said = again(**inputs, draft=draft).sample
        torch.testing.assert_close(said, plain.eval()(**inputs).sample, rtol=1e-3, atol=1e-3)
