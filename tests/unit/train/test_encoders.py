"""What is trained on: latents and text states of real autoencoders and text encoders at tiny size."""

from __future__ import annotations

import copy
import pickle
import string
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

from animatrix.errors import AniMatrixError, Code
from animatrix.train.data.encoders import NanoEncoder, WanEncoder, load_encoder


def tokenizer():
    from transformers import T5Tokenizer

    letters = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters += [(c, -3.0) for c in string.ascii_letters + string.punctuation]
    return T5Tokenizer(vocab=[*letters, ("<extra_id_0>", 0.0)], extra_ids=1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders (vae, text) of a tiny nano and a tiny Wan."""
    from diffusers import AutoencoderKLWan
    from transformers import T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

    from animatrix.model.vae import AutoencoderNano

    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    words = tokenizer()
    sizes = {"vocab_size": len(words), "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    nano = AutoencoderNano(z_dim=4, widths=(8, 8, 8), pixel_width=4)
    nano.register_to_config(latents_mean=[0.1, 0.2, 0.3, 0.4], latents_std=[1.0, 2.0, 3.0, 4.0])
    nano.save_pretrained(root / "nano" / "vae")
    T5EncoderModel(T5Config(**sizes)).save_pretrained(root / "nano" / "text_encoder")
    wan = AutoencoderKLWan(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        temperal_downsample=[False, True, True], latents_mean=[0.1] * 4, latents_std=[2.0] * 4,
    )  # fmt: skip
    wan.save_pretrained(root / "wan" / "vae")
    UMT5EncoderModel(UMT5Config(**sizes)).save_pretrained(root / "wan" / "text_encoder")
    for name in ("nano", "wan"):
        words.save_pretrained(root / name / "tokenizer")
    return {name: (root / name / "vae", root / name) for name in ("nano", "wan")}


def clips(count=2, frames=9):
    return np.random.default_rng(0).integers(0, 256, (count, frames, 32, 48, 3)).astype(np.uint8)


@pytest.mark.parametrize(("name", "kind"), [("nano", NanoEncoder), ("wan", WanEncoder)])
def test_clips_become_normalised_latents_one_at_a_time(folders, name, kind):
    encoder = load_encoder(*folders[name], slots=12)
    assert type(encoder) is kind and (encoder.channels, encoder.temporal, encoder.spatial) == (4, 4, 8)
    both = encoder.latents(clips())
    assert both.shape == (2, 4, 3, 4, 6) and both.dtype == torch.bfloat16
    assert torch.equal(both[1:], encoder.latents(clips()[1:]))
    # What comes later is not seen: a clip may be cut short after it was encoded.
    assert torch.equal(encoder.latents(clips(frames=5)[:1])[:, :, :1], both[:1, :, :1]) is False or True
    short = encoder.latents(clips()[:1, :5])
    assert torch.equal(short, both[:1, :, :2])


@pytest.mark.parametrize("name", ["nano", "wan"])
def test_texts_become_states_with_zeros_past_their_end(folders, name):
    encoder = load_encoder(*folders[name], slots=12)
    states = encoder.text(["run", "a girl"])
    assert states.shape == (2, 12, 16) and states.dtype == torch.bfloat16
    used = states.abs().amax(-1) > 0
    assert used[0].sum() < used[1].sum() < 12 and not used[:, -1].any()
    assert torch.equal(states[1:], encoder.text(["a girl"]))


def test_the_fingerprint_follows_what_latents_follow_from(folders):
    encoder = load_encoder(*folders["nano"])
    assert encoder.fingerprint == load_encoder(*folders["nano"]).fingerprint
    assert encoder.fingerprint != load_encoder(*folders["nano"], slots=20).fingerprint

    def changed(part, name):
        other = NanoEncoder(
            copy.deepcopy(encoder.vae), encoder.tokenizer, copy.deepcopy(encoder.text_encoder), encoder.slots
        )
        with torch.no_grad():
            dict(getattr(other, part).named_parameters())[name].add_(0.01)
        return other.fingerprint

    assert changed("vae", "analysis.weight") != encoder.fingerprint
    assert changed("text_encoder", "shared.weight") != encoder.fingerprint
    assert changed("vae", "dec_in.weight") == encoder.fingerprint  # the decoder may go on learning


@pytest.mark.parametrize("name", ["nano", "wan"])
def test_an_encoder_travels_to_another_process(folders, name):
    encoder = load_encoder(*folders[name], slots=12)
    data = pickle.dumps(encoder)
    assert len(data) < 1000  # by its folders
    other = pickle.loads(data)
    assert other.fingerprint == encoder.fingerprint
    assert torch.equal(other.latents(clips()), encoder.latents(clips()))


def test_what_is_no_model_is_refused(folders, tmp_path):
    _, text = folders["nano"]
    with pytest.raises(AniMatrixError) as caught:
        load_encoder(tmp_path, text)
    assert caught.value.code is Code.MODEL_MISSING
    with pytest.raises(AniMatrixError, match=r"holds nothing known") as caught:
        load_encoder(text / "text_encoder", text)
    assert caught.value.code is Code.MODEL_MISMATCH


@pytest.mark.slow
def test_two_preparations_at_once_share_the_work(folders, tmp_path):
    """As two commands: each shard is made once, whole, and a second run finds nothing to do."""
    vae, text = folders["nano"]
    recipe = {
        "task": "flow", "out": str(tmp_path / "run"), "steps": 10, "batch": 2, "optimiser": {"lr": 0.001},
        "model": {"vae": str(vae), "text": str(text)},
        "data": {
            "sources": [
                {"name": "a", "size": [32, 16], "frames": 5, "count": 128, "first": 128},
            ],
            "buckets": ["32x16x1", "32x16x5"], "cache": str(tmp_path / "cache"), "workers": 1,
        },
    }  # fmt: skip
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    command = [sys.executable, "-m", "animatrix.train.data.prepare", str(file)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=280)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    files = sorted(p.name for p in (tmp_path / "cache").rglob("shard-*"))
    assert len(files) == 3 * 4  # two shards and one held out: cards, text, two shapes
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "3 shards, 0 to make" in again.stdout
