"""Flow matching: what a step computes, and that it depends on the step alone."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from animatrix import AniMatrixPipeline
from animatrix.knowledge import Directive
from animatrix.model.stand import LAYOUT
from animatrix.model.tags import TagBatch
from animatrix.model.vae import TEMPORAL
from animatrix.train.conditions import Told, in_words, shown_keyframes, told_tags
from animatrix.train.engine import Trainer
from animatrix.train.flow import MOST_MOVING, FlowTask, moving_weight, windowed
from animatrix.train.flow_model import FlowModel
from animatrix.train.recipe import check_recipe, task_kind
from animatrix.train.timesteps import shifted, timestep, unshifted


def tags_of(batch: int, width: int) -> TagBatch:
    ones = torch.ones(batch, width, dtype=torch.long)
    return TagBatch(ones, ones, torch.zeros(batch, width, 2), ones.bool(), ones.bool())


def places(count: int) -> list[tuple[int, int]]:
    return [(7, place) for place in range(count)]


def test_shift_and_back():
    assert shifted(0.5, 3.0) == pytest.approx(0.75)
    assert unshifted(shifted(0.3, 5.0), 5.0) == pytest.approx(0.3)
    found = [timestep(0, step, 0, 5.0, within=(0.875, 1.0)) for step in range(200)]
    assert min(found) >= 0.875 and max(found) <= 1 and max(found) - min(found) > 0.1


def test_uniform_share_visits_low_timesteps_that_a_shift_hardly_does():
    low = [sum(timestep(0, s, 0, 12.0, share) < 0.3 for s in range(2000)) for share in (0.0, 0.5)]
    assert low[0] < 0.06 * 2000 < low[1]


def test_channels_are_left_out_in_their_shares():
    told = Told(neither=0.2, text_only=0.1, tags_only=0.3, thin=0.0)
    tags, texts = told_tags(tags_of(4000, 6), told, 0, places(4000))
    some = tags.mask.any(1)
    text = torch.tensor(texts)
    shares = [(~some & ~text), (~some & text), (some & ~text), (some & text)]
    assert [round(float(s.float().mean()), 1) for s in shares] == [0.2, 0.1, 0.3, 0.4]
    assert tags.mask[some].all()  # nothing thinned


def test_thinning_leaves_every_number_of_tags():
    told = Told(neither=0, text_only=0, tags_only=0, thin=1.0)
    tags, _ = told_tags(tags_of(2000, 8), told, 0, places(2000))
    assert set(tags.mask.sum(1).tolist()) == set(range(9))


def test_keyframes_go_where_they_belong_and_nowhere_else():
    latents, keys = torch.randn(400, 3, 4, 2, 2), torch.randn(400, 3, 3, 2, 2)
    index = torch.tensor([[2, 9, -1]]).expand(400, -1)
    told = Told(first_frame=0.5, keyframes=0.5)
    condition = shown_keyframes(latents, keys, index, told, 0, places(400))
    mask, given = condition[:, :4], condition[:, 4:]
    first = mask[:, 0, 0, 0, 0].bool()
    assert 0.4 < first.float().mean() < 0.6
    assert torch.equal(given[first, :, 0], latents[first, :, 0])
    second = mask[:, 1, 1, 0, 0].bool()  # frame 2 is subframe 1 of latent frame 1
    assert torch.equal(given[second, :, 1], keys[second, 0])
    third = mask[:, 0, 3, 0, 0].bool()  # frame 9: subframe 0 of latent frame 3
    assert torch.equal(given[third, :, 3], keys[third, 1])
    assert not mask[:, :, 2].any() and not mask[~second][:, :, 1].any()
    assert second.any() and third.any() and (~second & ~third).any()


def test_a_picture_is_never_shown_to_itself():
    latents = torch.randn(8, 3, 1, 2, 2)
    none = torch.zeros(8, 0, 3, 2, 2), torch.zeros(8, 0, dtype=torch.long)
    condition = shown_keyframes(latents, *none, Told(first_frame=1.0, keyframes=1.0), 0, places(8))
    assert not condition.any()


@pytest.fixture(scope="module")
def recipe_of(tiny_model, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")

    def recipe(out, **changes):
        source = {"name": "everyday", "count": 64, "first": 64, "size": [32, 32], "frames": 9}
        return check_recipe(
            {
                "task": "flow", "out": str(out), "steps": 4, "batch": 4, "precision": "fp32",
                "prefetch": 0, "ema": 0.5, "optimiser": {"lr": 1e-3},
                "log": {"every": 1, "tensorboard": False},
                "model": {
                    "vae": str(tiny_model / "vae"), "text": str(tiny_model), "tag_dim": 16, "tag_layers": 1,
                    "config": {
                        "num_attention_heads": 2, "attention_head_dim": 12, "ffn_dim": 32, "num_layers": 2,
                        "freq_dim": 16, "rope_max_seq_len": 32,
                    },
                },
                "data": {
                    "sources": [source], "buckets": ["32x32x1", "32x32x9"], "cache": str(cache), "workers": 0,
                    "held_out": 1,
                },
                **changes,
            }
        )  # fmt: skip

    return recipe


def trained(recipe, until=None):
    task = task_kind("flow").build(recipe, torch.device("cpu"))
    trainer = Trainer(recipe, task)
    trainer.run(until=until)
    return trainer, task


def test_two_legs_of_flow_training_are_one(recipe_of, tmp_path):
    whole, _ = trained(recipe_of(tmp_path / "whole"))
    trained(recipe_of(tmp_path / "legs"), until=2)
    legs, _ = trained(recipe_of(tmp_path / "legs"))
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, legs.tensors()[name]), name


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling for a CPU needs a C++ compiler")
def test_compiled_blocks_learn_the_same_and_resume_exactly(recipe_of, tmp_path):
    def compiled(out):
        recipe = recipe_of(tmp_path / out)
        return recipe.model_copy(update={"model": recipe.model.model_copy(update={"compile": True})})

    plain, _ = trained(recipe_of(tmp_path / "plain"))
    whole, _ = trained(compiled("whole"))
    trained(compiled("legs"), until=2)
    legs, _ = trained(compiled("legs"))
    assert set(whole.tensors()) == set(plain.tensors())
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, legs.tensors()[name]), name
        torch.testing.assert_close(tensor, plain.tensors()[name], rtol=1e-3, atol=1e-4)


def test_training_lowers_the_held_out_loss_and_exports_a_pipeline(recipe_of, tmp_path):
    from animatrix import AniMatrixPipeline

    recipe = recipe_of(tmp_path, steps=60, optimiser={"lr": 1e-2}, log={"every": 60, "tensorboard": False})
    task = task_kind("flow").build(recipe, torch.device("cpu"))
    before = task.probe(task.modules())
    trainer = Trainer(recipe, task)
    trainer.run()
    after = task.probe(trainer.modules)
    assert {"motion", "q0", "q8"} <= before.keys()
    assert after["q4"] < 0.95 * before["q4"]
    pipe = AniMatrixPipeline.from_pretrained(tmp_path / "export")
    pipe.set_progress_bar_config(disable=True)
    asked = Directive.model_validate({"narrative": "A girl.", "tags": {}, "frames": 9, "fps": 24})
    frames = pipe(asked, height=32, width=32, num_inference_steps=2).frames
    assert frames[0].shape == (9, 32, 32, 3)
    config = json.loads((tmp_path / "export" / "transformer" / "config.json").read_text())
    assert config["predicts"] == "preconditioned"


def test_a_training_goes_on_from_the_export_of_another(recipe_of, tmp_path):
    trained(recipe_of(tmp_path / "first", optimiser={"lr": 1e-2}))
    export = tmp_path / "first" / "export"
    recipe = recipe_of(tmp_path / "second")
    model = recipe.model.model_copy(update={"weights": export / "transformer", "tags": export})
    task = task_kind("flow").build(recipe.model_copy(update={"model": model}), torch.device("cpu"))
    for part, module in task.modules().items():
        file = export / part / "diffusion_pytorch_model.safetensors"
        stored = load_file(file)
        begun = module.state_dict()
        assert {name: t.shape for name, t in begun.items()} == {name: t.shape for name, t in stored.items()}
        for name, tensor in begun.items():
            assert tensor.dtype == torch.float32 and torch.equal(tensor, stored[name].float()), name
        assert all(weight.requires_grad for weight in module.parameters())


def test_a_recipe_says_how_clips_of_its_export_are_usually_made(recipe_of, tmp_path):
    recipe = recipe_of(tmp_path)
    usual = {"steps": 5, "guidance": 1.5, "terminal": 0.9}
    model = recipe.model.model_copy(update=usual)
    task = task_kind("flow").build(recipe.model_copy(update={"model": model}), torch.device("cpu"))
    task.export(task.modules(), tmp_path / "export")
    index = json.loads((tmp_path / "export" / "model_index.json").read_text())
    assert (index["usual_steps"], index["usual_guidance"]) == (5, 1.5)
    scheduler = json.loads((tmp_path / "export" / "scheduler" / "scheduler_config.json").read_text())
    assert scheduler["shift_terminal"] == 0.9


def test_a_text_only_model_has_no_tag_encoder(recipe_of, tmp_path):
    recipe = recipe_of(tmp_path)
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"tag_paths": ()})})
    task = task_kind("flow").build(recipe, torch.device("cpu"))
    assert set(task.modules()) == {"transformer"}
    plan = task.plan(0)
    losses = task.loss(task.modules(), task.load(plan, plan.draws))
    assert losses.each.shape == (4,) and torch.isfinite(losses.each).all()


def test_tags_in_words_say_value_frames_and_absence():
    tags = {"camera_move": "pan_left", "impact_frame": "white_frame@14-15", "finish": "none"}
    asked = Directive.model_validate({"narrative": "A girl.", "tags": tags, "frames": 33, "fps": 24})
    order = [field for field, found in asked.tags.items() for _ in found]
    words = {"camera_move": "pan left", "impact_frame": "white frame 14-15", "finish": "no finish"}
    listed = ", ".join(words[field] for field in order) + "."
    assert in_words(asked, [True] * 3 + [False]) == f"A girl. {listed}"
    assert in_words(asked, [field == "camera_move" for field in order], narrative=False) == "pan left."
    assert in_words(asked, [False] * 3) == "A girl."


def test_tags_as_text_are_read_by_the_text_encoder_and_thinned_with_the_others(recipe_of, tmp_path):
    recipe = recipe_of(tmp_path)
    config = recipe.model.config | {"text_len": 900}  # the tiny tokenizer spells
    model = recipe.model.model_copy(update={"tag_paths": (), "tags_as": "text", "config": config})
    task = task_kind("flow").build(recipe.model_copy(update={"model": model}), torch.device("cpu"))
    plan = task.plan(0)
    items = task.samples.load(plan, plan.draws)
    at = [(d.step, d.place) for d in plan.draws]

    def states():
        task.model = model.model_copy(update={"told": Told(neither=0, text_only=0, tags_only=0, thin=0)})
        return task.batch(items, at, [0.5] * len(items)).text

    written = states()
    slots = task.parts.transformer.config.text_len
    tags = [tag for found in items[0].directive.tags.values() for tag in found]
    still = plan.bucket.frames == 1
    text = in_words(items[0].directive, [tag.span is None or not still for tag in tags])
    assert torch.equal(written[0], task.parts.encoder.text([text], slots)[0].float())
    task.model = model.model_copy(update={"told": Told(neither=0, text_only=1, tags_only=0)})
    plain = task.batch(items, at, [0.5] * len(items)).text
    alone = task.parts.encoder.text([item.directive.narrative for item in items], slots)
    assert torch.equal(plain, alone.float()) and not torch.equal(plain, written)
    task.model = model.model_copy(update={"told": Told(neither=1, text_only=0, tags_only=0)})
    assert torch.equal(
        task.batch(items, at, [0.5] * len(items)).text[0], task._padded(task.null_text[None])[0]
    )


def test_plain_attention_is_attention():
    from torch.nn.functional import scaled_dot_product_attention as attention

    from animatrix.train.attention import PlainAttention

    q, k, v = (torch.randn(2, 3, n, 8, dtype=torch.bfloat16).requires_grad_() for n in (5, 7, 7))
    with PlainAttention():
        plain = attention(q, k, v)
    assert plain.grad_fn.name() != attention(q, k, v).grad_fn.name()
    torch.testing.assert_close(
        plain.float(), attention(q.float(), k.float(), v.float()), rtol=0.02, atol=0.02
    )
    mask = torch.ones(5, 7, dtype=torch.bool).tril()
    with PlainAttention():
        masked = attention(q, k, v, attn_mask=mask)
    assert torch.equal(masked, attention(q, k, v, attn_mask=mask))


def test_what_moves_weighs_more_and_a_sample_as_much_as_before():
    g = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 1, 6, 8, generator=g).repeat(1, 1, 5, 1, 1)
    latents[0, :, 3:, 2, 5] += 2.0  # one place changes between the third and the fourth latent frame
    weight = moving_weight(latents, 2.0)
    assert weight.shape == (2, 1, 5, 6, 8)
    assert torch.allclose(weight.flatten(1).mean(1), torch.ones(2))
    moved = weight[0, 0, 2:4, 2, 5]
    assert (moved == weight[0].max()).all() and (weight[0, 0, [0, 1, 4], 2, 5] < moved.min()).all()
    assert torch.allclose(moved / weight[0].min(), torch.tensor(1 + 2 * MOST_MOVING))
    assert torch.equal(weight[1], torch.ones(1, 5, 6, 8))  # nothing moves
    assert torch.equal(moving_weight(latents[:, :, :1], 2.0), torch.ones(2, 1, 1, 6, 8))


def test_held_out_figures_count_what_moves_like_the_rest(recipe_of, tmp_path):
    found = []
    for name, moving in (("plain", None), ("moving", 3.0)):
        recipe = recipe_of(tmp_path / name)
        recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"moving": moving})})
        task = FlowTask(recipe, torch.device("cpu"))
        plan = next(p for p in map(task.plan, range(1, 9)) if p.bucket.frames > 1)
        batch = task.load(plan, plan.draws)
        found.append((task.probe(task.modules()), task.loss(task.modules(), batch).each))
    assert found[0][0] == found[1][0]
    assert not torch.equal(found[0][1], found[1][1])


def test_a_step_may_show_parts_of_pictures(recipe_of, tmp_path):
    recipe = recipe_of(tmp_path)
    model = recipe.model.model_copy(update={"moving": 1.0})
    whole = FlowTask(recipe.model_copy(update={"model": model}), torch.device("cpu"))
    model = model.model_copy(update={"window": (16, 64)})  # higher than the pictures are
    parts = FlowTask(recipe.model_copy(update={"model": model}), torch.device("cpu"))
    plan = next(p for p in map(whole.plan, range(1, 9)) if p.bucket.frames > 1)
    all_of_it, cut = whole.load(plan, plan.draws), parts.load(plan, plan.draws)
    assert cut.latents.shape[-2:] == (4, 2) and all_of_it.latents.shape[-2:] == (4, 4)
    assert (cut.window.height, cut.window.width) == (2, 2) and not cut.window.top.any()
    assert set(cut.window.left.tolist()) == {0, 1}
    for i, column in enumerate(cut.window.left.tolist()):
        for name in ("latents", "noise", "condition", "weight"):
            here = getattr(all_of_it, name)[i][..., 2 * column : 2 * column + 2]
            assert torch.equal(getattr(cut, name)[i], here), name
    assert torch.isfinite(parts.loss(parts.modules(), cut).each).all()


def test_only_nano_is_shown_parts():
    with pytest.raises(ValueError, match="multiples of 16"):
        FlowModel(vae="v", text="t", window=(40, 48))
    with pytest.raises(ValueError, match="nano"):
        FlowModel(vae="v", text="t", backbone="wan2.1-t2v-1.3b", window=(48, 48))


def test_layouts_are_told_where_they_are_known_and_half_as_often_with_pictures(recipe_of, tmp_path):
    recipe = recipe_of(tmp_path)
    told = Told(neither=0, text_only=0, tags_only=0, thin=0, first_frame=0.5)
    model = recipe.model.model_copy(update={"layout": 1.0, "told": told})
    task = FlowTask(recipe.model_copy(update={"model": model}), torch.device("cpu"))
    plans = [p for p in map(task.plan, range(1, 40)) if p.bucket.frames > 1][:10]
    shares = {True: [], False: []}
    for n, plan in enumerate(plans):
        batch = task.load(plan, plan.draws)
        assert batch.layout.shape == (4, 9, LAYOUT)
        for item, row, condition in zip(
            task.samples.load(plan, plan.draws), batch.layout, batch.condition, strict=True
        ):
            if item.layout is None:
                assert not row.isfinite().any()
                continue
            assert torch.equal(row, item.layout) or not row.isfinite().any()
            shares[bool(condition[:TEMPORAL].any())].append(bool(row.isfinite().any()))
        if n == 0:
            torch.nn.init.normal_(task.parts.transformer.proj_out.weight)  # zero in a new one
            losses = task.loss(task.modules(), batch)
            losses.each.sum().backward()
            assert torch.isfinite(losses.each).all()
    assert all(shares[False]) and shares[False]
    assert 0 < sum(shares[True]) < len(shares[True])
    assert task.parts.transformer.stand.pose_out.weight.grad.abs().sum() > 0


def test_drafts_are_shown_to_those_that_are_told_their_layout_and_learned_from(recipe_of, tmp_path):
    from animatrix.model.draft import DraftArtist

    torch.manual_seed(0)
    artist = DraftArtist(16, 2, frame=(32, 32), plate_size=(48, 64), width=8, hidden=8)
    artist.painted.random_(0, 256)
    artist.save_pretrained(tmp_path / "artist")
    recipe = recipe_of(tmp_path / "run")
    told = Told(neither=0, text_only=0, tags_only=0, thin=0, first_frame=0.5)
    config = recipe.model.config | {"on_stand": True, "cleanup_width": 8}
    model = recipe.model.model_copy(
        update={"layout": 0.5, "told": told, "draft_artist": tmp_path / "artist", "config": config}
    )
    recipe = recipe.model_copy(update={"model": model})
    task = FlowTask(recipe, torch.device("cpu"))
    plan = next(p for p in map(task.plan, range(1, 40)) if p.bucket.frames > 1)
    batch = task.load(plan, plan.draws)
    assert batch.draft.shape == batch.latents.shape
    known = batch.layout.isfinite().all(2).all(1)
    assert torch.equal(batch.draft.isfinite().flatten(1).all(1), known) and known.any()
    assert torch.equal(task.load(plan, plan.draws).draft.nan_to_num(), batch.draft.nan_to_num())
    cut = windowed(batch, (2, 2), 0, [(1, place) for place in range(4)])
    assert cut.draft.shape == cut.latents.shape
    torch.nn.init.normal_(task.parts.transformer.cleanup.out.weight)
    task.loss(task.modules(), batch).each.sum().backward()
    cleanup = task.parts.transformer.cleanup
    for part in (cleanup.drafted, cleanup.matte, task.parts.transformer.draft_embedding):
        assert part.weight.grad.isfinite().all()
    assert cleanup.matte.weight.grad.abs().sum() > 0
    trainer = Trainer(recipe, task)
    trainer.run()
    again = AniMatrixPipeline.from_pretrained(tmp_path / "run/export")
    assert torch.equal(again.draft_artist.painted, artist.painted) and again.transformer.config.takes_draft
