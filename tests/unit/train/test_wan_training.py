"""Fine-tuning of Wan: the shipped recipes themselves, on tiny weights in the true layouts."""

from __future__ import annotations

import hashlib
import json
import pickle
import string
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_task
import torch
from backbones import directive, tiny_config, tiny_inputs, tiny_wan
from safetensors.torch import load_file

from animatrix.errors import AniMatrixError, Code
from animatrix.generate.conditioning import Given, given_pictures
from animatrix.model.lora import FILES, TAG_FILE, lora_tag_encoder
from animatrix.train.conditions import film_condition, first_frame_given, first_frame_held
from animatrix.train.engine import Trainer
from animatrix.train.recipe import load_recipe, task_kind

ROOT = Path(__file__).parents[3]
RECIPES = ROOT / "recipes"
WIDTH, SIDE, FRAMES = 64, 32, 9
FAST = ("wan_1.3b_lora", "wan_1.3b_full", "wan_5b_lora", "wan_a14b_high_lora", "wan_a14b_low_lora")
SLOW = ("wan_5b_full", "wan_a14b_high_full", "wan_a14b_low_full")
ALL = [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
BASE = {"wan_a14b_low_lora": "wan_a14b_high_lora", "wan_a14b_low_full": "wan_a14b_high_full"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders as published: transformers, both autoencoders with their true latent channels, UMT5."""
    from diffusers import AutoencoderKLWan
    from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    shared = {
        "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1, "temperal_downsample": [False, True, True],
    }  # fmt: skip
    old = {"base_dim": 4, "z_dim": 16, "latents_mean": [0.1] * 16, "latents_std": [2.0] * 16}
    AutoencoderKLWan(**shared, **old).save_pretrained(root / "wan2.1" / "vae")
    new = {"base_dim": 4, "decoder_base_dim": 4, "z_dim": 48, "is_residual": True, "patch_size": 2}
    new |= {"in_channels": 12, "out_channels": 12, "scale_factor_spatial": 16, "scale_factor_temporal": 4}
    new |= {"latents_mean": [0.1] * 48, "latents_std": [0.8] * 48}
    AutoencoderKLWan(**shared, **new).save_pretrained(root / "wan2.2" / "vae")
    letters = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters += [(c, -3.0) for c in string.ascii_letters + string.punctuation]
    words = T5Tokenizer(vocab=[*letters, ("<extra_id_0>", 0.0)], extra_ids=1)
    text = UMT5EncoderModel(
        UMT5Config(vocab_size=len(words), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    )
    words.save_pretrained(root / "text" / "tokenizer")
    text.save_pretrained(root / "text" / "text_encoder")
    for i, name in enumerate(("wan2.1-t2v-1.3b", "wan2.2-ti2v-5b", "wan2.2-t2v-a14b", "wan2.2-i2v-a14b")):
        tiny_wan(name, i).save_pretrained(root / name / "transformer")
        tiny_wan(name, i + 10).save_pretrained(root / name / "transformer_2")
    return root


@dataclass
class Runs:
    """Runs a recipe with changed paths and sizes; each once."""

    models: Path
    root: Path
    done: dict[str, tuple[Trainer, Path]] = field(default_factory=dict)

    def overrides(self, name: str, out: Path, *more: str) -> list[str]:
        written = load_recipe(RECIPES / f"{name}.yaml")
        backbone = next(
            (m.split("=")[1] for m in more if m.startswith("model.backbone=")), written.model.backbone
        )
        new = backbone == "wan2.2-ti2v-5b"
        true = tiny_config("wan2.1-t2v-1.3b")
        small = {k: true[k] for k in ("num_attention_heads", "attention_head_dim", "ffn_dim", "num_layers")}
        small |= {k: true[k] for k in ("text_dim", "freq_dim", "rope_max_seq_len")}
        tags = ROOT / "weights" / "nano" / "tag_encoder"
        if written.model.tags_frozen:
            tags = self.run(BASE[name])[1] / "export"
        still, film = f"{WIDTH}x{SIDE}x1", f"{WIDTH}x{SIDE}x{FRAMES}"
        source = {"name": "everyday", "count": 6, "first": 6, "size": [WIDTH, SIDE], "frames": FRAMES}
        return [
            "steps=3", "batch=4", "prefetch=0", f"out={out}",
            "log={every: 1, tensorboard: false}",
            f"model.config={json.dumps(small)}",
            f"model.weights={self.models / backbone / written.model.weights.name}",
            f"model.vae={self.models / ('wan2.2' if new else 'wan2.1') / 'vae'}",
            f"model.text={self.models / 'text'}", f"model.tags={tags}",
            f"data.sources={json.dumps([source])}", f"data.buckets={json.dumps([still, film])}",
            f"data.cache={self.root / 'cache'}", "data.workers=0", "data.held_out=0",
            f"curriculum.stages.0.buckets={json.dumps({still: 1})}",
            f"curriculum.stages.1.buckets={json.dumps({film: 1})}",
            f"curriculum.stages.2.buckets={json.dumps({film: 1})}", *more,
        ]  # fmt: skip

    def recipe(self, name: str, out: Path, *more: str):
        return load_recipe(RECIPES / f"{name}.yaml", self.overrides(name, out, *more))

    def task(self, name: str, out: Path, *more: str):
        recipe = self.recipe(name, out, *more)
        return recipe, task_kind("flow").build(recipe, torch.device("cpu"))

    def trainer(self, name: str, out: Path, *more: str) -> Trainer:
        return Trainer(*self.task(name, out, *more))

    def run(self, name: str) -> tuple[Trainer, Path]:
        if name not in self.done:
            out = self.root / name
            trainer = self.trainer(name, out)
            trainer.run()
            self.done[name] = trainer, out
        return self.done[name]


@pytest.fixture(scope="module")
def runs(models, tmp_path_factory):
    return Runs(models, tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("name", ALL)
def test_the_recipe_runs_and_gradients_reach_all_that_is_trained(runs, name):
    trainer, out = runs.run(name)
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3]
    moments = {
        key: bool(value.any()) for key, value in trainer.optimiser.tensors().items() if "exp_avg_sq" in key
    }
    model = trainer.recipe.model
    # A single head's last layer biases nothing, rows of tags that were not shown have no gradient: by part.
    for part in ("tag_to_text", "tag_to_time", "tag_to_frames", "tag_to_clock"):
        assert moments[f"transformer.{part}.weight:exp_avg_sq"]
    trained = {key.split(":")[0] for key in moments}
    if model.lora:
        adapters = [key for key in moments if ".lora_" in key]
        assert len(adapters) == 2 * 2 * 10 and all(moments[key] for key in adapters)
        assert all(".lora_" in key or "tag_" in key for key in trained)
    else:
        assert all(moments[f"transformer.{key}.weight:exp_avg_sq"] for key in ("patch_embedding", "proj_out"))
    assert ("tag_encoder.field_embed.weight" in trained) == (not model.tags_frozen)
    if not model.tags_frozen:
        assert moments["tag_encoder.register:exp_avg_sq"]
    weights = dict(trainer.modules["transformer"].named_parameters())
    assert all(w.dtype == torch.float32 for w in weights.values() if w.requires_grad)
    frozen = {n: w.dtype for n, w in weights.items() if not w.requires_grad}
    if model.lora:
        assert frozen["blocks.0.attn1.to_q.base_layer.weight"] == torch.bfloat16
        assert frozen["blocks.0.scale_shift_table"] == torch.float32
    else:
        assert not frozen


def test_two_legs_of_a_recipe_are_one_bit_for_bit(runs, tmp_path):
    more = ("steps=4", "optimiser.warmup=0", "optimiser.lr=1e-2")
    whole = runs.trainer("wan_1.3b_lora", tmp_path / "whole", *more)
    whole.run()
    runs.trainer("wan_1.3b_lora", tmp_path / "legs", *more).run(until=2)
    legs = runs.trainer("wan_1.3b_lora", tmp_path / "legs", *more)
    legs.run()
    assert tiny_task.equal(tiny_task.state(whole), tiny_task.state(legs))
    assert tiny_task.rows(tmp_path / "whole") == tiny_task.rows(tmp_path / "legs")
    # And what it exports is what it has, in a plain Wan that knew nothing of tags.
    pipe = stock(runs.models, "wan2.1-t2v-1.3b")
    before = output(pipe.transformer, "wan2.1-t2v-1.3b")
    adapt(pipe, tmp_path / "whole" / "export")
    with whole.average.in_place():
        own, encoder = whole.modules["transformer"].eval().float(), whole.modules["tag_encoder"].eval()
        want = output(own, "wan2.1-t2v-1.3b", encoder)
    got = output(pipe.transformer, "wan2.1-t2v-1.3b", pipe.tag_encoder)
    torch.testing.assert_close(got, want, rtol=2e-2, atol=2e-2)  # the backbone was rounded to bf16
    assert (got - before).abs().max() > 0.05
    assert not torch.allclose(got, output(pipe.transformer, "wan2.1-t2v-1.3b"), atol=1e-3)  # tags speak


def stock(models, name):
    """A pipeline of a plain Wan, as ``animatrix generate`` has it before adapters come."""
    from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, WanPipeline
    from diffusers import WanTransformer3DModel as Wan
    from transformers import T5Tokenizer, UMT5EncoderModel

    from animatrix import AniMatrixPipeline
    from animatrix.model.presets import PRESETS

    preset = PRESETS[name]
    pair = preset.experts == 2
    low = Wan.from_pretrained(models / name / "transformer_2").eval() if pair else None
    return AniMatrixPipeline.from_wan(
        WanPipeline(
            tokenizer=T5Tokenizer.from_pretrained(models / "text" / "tokenizer"),
            text_encoder=UMT5EncoderModel.from_pretrained(models / "text" / "text_encoder").eval(),
            vae=AutoencoderKLWan.from_pretrained(models / preset.vae / "vae").eval(),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            transformer=Wan.from_pretrained(models / name / "transformer").eval(),
            transformer_2=low,
            boundary_ratio=preset.boundary,
            expand_timesteps=preset.expand_timesteps,
        )
    )


def adapt(pipe, *folders):
    from animatrix.generate.run import Engine, _adapt

    _adapt(pipe, Engine(lora=tuple(str(folder) for folder in folders)))


def output(model, name, encoder=None):
    tags = None
    with torch.no_grad():
        if encoder is not None:
            tags = encoder(encoder.tokenize([directive(camera_move="pan_left")]))
        return model(**tiny_inputs(name), tags=tags).sample


def test_two_experts_share_a_tag_encoder_and_are_exported_as_a_pair(runs):
    (high, a), (low, b) = runs.run("wan_a14b_high_lora"), runs.run("wan_a14b_low_lora")
    a, b = a / "export", b / "export"
    assert {f.name for f in b.iterdir()} == {*FILES.values(), TAG_FILE}
    assert (a / FILES["transformer"]).read_bytes() == (b / FILES["transformer"]).read_bytes()
    alone, pair = load_file(a / TAG_FILE), load_file(b / TAG_FILE)
    assert alone.keys() == pair.keys()
    differing = {k for k in pair if not torch.equal(pair[k], alone[k])}
    assert differing == {f"transformer_2.tag_to_{p}.weight" for p in ("text", "time", "frames", "clock")}
    assert not any(alone[k].any() for k in differing)  # without effect until it is trained
    key = "transformer.blocks.1.attn2.to_k.lora_B.default.weight"
    file = load_file(b / FILES["transformer_2"])
    assert torch.equal(file[key.replace("default.", "")], low.average.values[key])
    assert high.task.quantiles[0] > 0.875 > low.task.quantiles[-1]
    for folder in (a, b):  # each is loaded by a pipeline of two experts
        pipe = stock(runs.models, "wan2.2-t2v-a14b")
        adapt(pipe, folder)
        assert pipe.tag_encoder.config.dim == 128 and "lora0" in pipe.transformer.peft_config
    assert "lora0" in pipe.transformer_2.peft_config


def test_diffusers_loads_what_the_recipes_export(runs):
    from diffusers.loaders.lora_pipeline import WanLoraLoaderMixin

    folder = runs.run("wan_a14b_low_lora")[1] / "export"
    for name in FILES.values():
        wan = tiny_wan("wan2.2-t2v-a14b")
        state, notes = WanLoraLoaderMixin.lora_state_dict(folder, weight_name=name, return_lora_metadata=True)
        WanLoraLoaderMixin.load_lora_into_transformer(state, wan, adapter_name="a", metadata=notes)
        assert wan.peft_config["a"].r == 32


def test_a_whole_model_is_exported_as_a_pipeline_and_its_source_is_left_alone(runs):
    from animatrix import AniMatrixPipeline

    file = runs.models / "wan2.1-t2v-1.3b" / "transformer" / "diffusion_pytorch_model.safetensors"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    trainer, out = runs.run("wan_1.3b_full")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    pipe = AniMatrixPipeline.from_pretrained(out / "export", torch_dtype=torch.bfloat16)
    pipe.set_progress_bar_config(disable=True)
    assert pipe.scheduler.config.shift == 3.0 and pipe.transformer.config.tag_slots == 64
    for name, weight in pipe.transformer.named_parameters():
        mine = trainer.average.values[f"transformer.{name}"]
        assert torch.equal(weight, mine.to(weight.dtype)), name
    asked = directive(FRAMES, camera_move="pan_left")
    frames = pipe(asked, height=SIDE, width=WIDTH, num_inference_steps=2).frames
    assert frames[0].shape == (FRAMES, SIDE, WIDTH, 3)


@pytest.mark.slow
def test_a_whole_expert_is_exported_for_load_transformer(runs):
    from animatrix.model.loading import load_tag_encoder, load_transformer

    for name, part in (("wan_a14b_high_full", "transformer"), ("wan_a14b_low_full", "transformer_2")):
        trainer, out = runs.run(name)
        loaded = load_transformer(out / "export" / part)
        key = "blocks.0.attn1.to_q.weight"
        assert torch.equal(loaded.state_dict()[key], trainer.average.values[f"transformer.{key}"].bfloat16())
        assert load_tag_encoder(out / "export" / "tag_encoder").config.dim == 128


def test_the_first_frame_is_held_as_the_pipeline_holds_it(runs, tmp_path):
    g = torch.Generator().manual_seed(0)
    noisy, clean = (torch.randn(2, 48, 3, 4, 6, generator=g) for _ in range(2))
    t = torch.tensor([0.7, 0.7])
    x, when = first_frame_held(noisy, clean, t, torch.tensor([True, False]), (1, 2, 2))
    for row, given in ((0, Given(replaced=clean[:1, :, :1])), (1, Given())):
        one = noisy[row : row + 1]
        assert torch.equal(x[row], given.model_input(one)[0])
        same = given.timestep(torch.tensor(700.0), one, (1, 2, 2), expand=True)
        torch.testing.assert_close(when[row], same[0])


def test_what_is_given_is_not_paid_for(runs, tmp_path):
    recipe, task = runs.task("wan_5b_lora", tmp_path, "model.told.first_frame=1", "precision=fp32")
    plan = task.plan(2)
    batch = task.load(plan, plan.draws)
    assert batch.held.all() and batch.condition is None
    error = task._error(task.modules(), batch)
    assert not error[:, :, 0].any()
    free = error[:, :, 1:] * (error.shape[2] - 1) / error.shape[2]
    torch.testing.assert_close(error.flatten(1).mean(1), free.flatten(1).mean(1))
    # Half of the samples: each decides for itself, alike at any place in a batch.
    told = recipe.model.told.model_copy(update={"first_frame": 0.5})
    given = first_frame_given(torch.zeros(40, 1, 3, 1, 1), told, 0, [(3, i) for i in range(40)])
    assert 10 < sum(given) < 30
    assert not any(first_frame_given(torch.zeros(40, 1, 1, 1, 1), told, 0, [(3, i) for i in range(40)]))


def test_image_to_video_is_told_of_its_first_frame_as_the_pipeline_tells_it(runs, tmp_path):
    """Wan 2.2 I2V: mask and the latents of a film that is grey after its first frame."""
    more = ("model.backbone=wan2.2-i2v-a14b", "model.part_of_noise=[0.9, 1.0]")
    _, task = runs.task("wan_a14b_high_lora", tmp_path, *more, "model.told.first_frame=0.5")
    plan = task.plan(2)
    batch = task.load(plan, plan.draws)
    assert batch.condition.shape[1] == 20
    vae, clips = task.parts.encoder.vae, torch.from_numpy(task.samples.frames(plan, plan.draws))
    pixels = clips.permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    for shown in (True, False):
        pictures = {0: pixels[0, :, 0]} if shown else {}
        want = given_pictures("concat", vae, pictures, batch.latents[:1], FRAMES).extra
        items = task.samples.load(plan, plan.draws[:1])
        got = task._film(items, [shown])
        torch.testing.assert_close(got, want.bfloat16().float())
    cached = task.samples.load(plan, plan.draws[:1])[0].film
    _, fresh = runs.task(
        "wan_a14b_high_lora", tmp_path / "fresh", *more, "model.told.first_frame=1", "data.cache=false"
    )
    assert torch.equal(fresh.samples.load(plan, plan.draws[:1])[0].film, cached)
    other = pickle.loads(pickle.dumps(task.parts.encoder))
    assert other.films and other.fingerprint == task.parts.encoder.fingerprint
    assert other.fingerprint != runs.task("wan_a14b_high_lora", tmp_path)[1].parts.encoder.fingerprint
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.isfinite(task.loss(task.modules(), batch).each).all()
    assert film_condition(torch.ones(2, 3, 2, 1, 1), [True, False])[:, :4].sum((1, 3, 4)).tolist() == [
        [4.0, 0.0],
        [0.0, 0.0],
    ]


def test_narratives_leave_the_tags_their_slots(runs, tmp_path):
    _, task = runs.task("wan_1.3b_lora", tmp_path)
    plan = task.plan(2)
    batch = task.load(plan, plan.draws)
    assert task.parts.encoder.slots == 448 and batch.text.shape[1] == 512 and batch.tags.mask.shape[1] == 64


@pytest.mark.parametrize("name", ["wan_1.3b_lora", "wan_1.3b_full", "wan_5b_lora"])
def test_clips_are_shown_between_steps_and_change_no_weight(runs, name, tmp_path):
    """Two held-out clips of the smallest bucket that moves; the frozen parts go back where they were."""
    plain, _ = runs.run(name)
    shown = runs.trainer(
        name, tmp_path, "log={every: 1, tensorboard: false, show_every: 2}", "data.held_out=2"
    )
    shown.run()
    sheet = cv2.imread(str(tmp_path / "samples" / "step-0000002.png"))
    assert sheet.shape[1] > 2 * WIDTH and sheet.std() > 1
    assert next(shown.task.parts.encoder.vae.parameters()).device.type == "cpu"
    for key, weight in plain.weights.items():
        assert torch.equal(weight, shown.weights[key]), key


@pytest.mark.slow
def test_clips_are_shown_from_divided_weights(runs, tmp_path):
    """As one process shows them, but for the last bits: the pipeline reaches weights that two ranks share."""
    more = (
        "log={every: 1, tensorboard: false, show_every: 3}",
        "data.held_out=2",
        "precision=fp32",
        "parallel.gather=fp32",
    )
    runs.trainer("wan_1.3b_full", tmp_path / "one", *more).run()
    args = runs.overrides("wan_1.3b_full", tmp_path / "two", *more, "parallel.shard=fsdp")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "animatrix.cli", "train", str(RECIPES / "wan_1.3b_full.yaml"), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    one, two = (cv2.imread(str(tmp_path / n / "samples" / "step-0000003.png")) for n in ("one", "two"))
    assert np.abs(one.astype(int) - two).max() <= 3


REFUSED = [
    (("model.part_of_noise=[0.0, 0.5]",), "is of neither expert of wan2.2-t2v-a14b"),
    (("model.backbone=wan2.1-i2v-14b",), "sees its picture through CLIP"),
    (("model.lora={targets: [to_z]}",), "no linear layer is called to_z"),
    (("data.buckets=[64x32x1, 64x32x9, 72x32x9]",), "squares of 16 pixels"),
    (("log.show_every=2",), "one expert of wan2.2-t2v-a14b makes no clip without the other"),
    (("model.weights=null",), "adapters need weights"),
]


@pytest.mark.parametrize(("more", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_a_backbone_cannot_do_is_refused(runs, tmp_path, more, said):
    with pytest.raises(AniMatrixError, match=said) as caught:
        if "wan2.1-i2v" in more[0]:
            load = ["model.weights=/w", "model.vae=/v", *more]
            task_kind("flow").build(
                load_recipe(RECIPES / "wan_a14b_high_lora.yaml", load), torch.device("cpu")
            )
        runs.task("wan_a14b_high_lora", tmp_path, *more)
    assert caught.value.code is Code.BAD_RECIPE


def test_an_autoencoder_of_another_family_is_refused(runs, models, tmp_path):
    with pytest.raises(AniMatrixError, match="48 latent channels, wan2") as caught:
        runs.task("wan_1.3b_lora", tmp_path, f"model.vae={models / 'wan2.2' / 'vae'}")
    assert caught.value.code is Code.MODEL_MISMATCH


def test_a_lora_without_tags_brings_no_channel(tmp_path):
    assert lora_tag_encoder(tmp_path) is None


def test_a_run_begun_before_these_settings_goes_on():
    """New settings are nothing where they are not given: an older manifest lacks them."""
    from animatrix.train.recipe import changes

    model = load_recipe(RECIPES / "nano_flow.yaml").model_dump(mode="json")
    old = json.loads(json.dumps(model))
    for key in ("encode_on", "tags_frozen"):
        del old["model"][key]
    assert changes(old, model) == []


# On two processes


def _sharded(rank, size, port, overrides, name, out):
    import os

    from animatrix.train.distributed import joined

    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    torch.set_num_threads(1)
    recipe = load_recipe(RECIPES / f"{name}.yaml", overrides)
    with joined(recipe.parallel) as world:
        trainer = Trainer(recipe, task_kind("flow").build(recipe, world.device), world)
        trainer.run()
        whole = tiny_task.state(trainer)
        if world.first:
            torch.save(whole, out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("wan_a14b_high_lora", ()),
        ("wan_1.3b_full", ()),
        ("wan_5b_lora", ("parallel={shard: hsdp, replicas: 2}",)),
    ],
)
def test_two_processes_shard_frozen_and_trained_weights_and_agree_with_one(runs, tmp_path, name, more):
    import multiprocessing
    import socket

    alone = tiny_task.state(runs.run(name)[0])
    overrides = runs.overrides(name, tmp_path / "two", *more)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    args = (2, port, overrides, name, tmp_path / "two.pt")
    ranks = [context.Process(target=_sharded, args=(r, *args)) for r in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(280)
        assert rank.exitcode == 0
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    assert two.keys() == alone.keys()
    for key, value in two.items():
        if key.startswith("weights"):
            torch.testing.assert_close(value, alone[key], rtol=1e-2, atol=1e-4, msg=key)
    assert (tmp_path / "two" / "export").is_dir()
