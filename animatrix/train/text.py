"""Nano's text encoder: a SentencePiece vocabulary and a small T5 encoder, learned from narratives.

The encoder is trained as a masked language model (15-50 % of the tokens replaced by a sentinel, predicted
from the rest; Devlin et al. 1810.04805), the prediction head is thrown away, and from then on it is frozen.
It knows the words of the synthetic world and no others: see the model card.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from animatrix.train import draws
from animatrix.train.plan import Bucket, Draw, StepPlan
from animatrix.train.recipe import Recipe, Section, TaskKind
from animatrix.train.task import Losses, to_device

FIRST_WORD = 3  # ids below are padding, end and unknown
HELD_OUT = 512


class TextModel(Section):
    """Vocabulary size, width (a multiple of 32), layers, and tokens of a narrative; longer ones are cut."""

    vocabulary: PositiveInt = 2048
    width: PositiveInt = 128
    layers: PositiveInt = 3
    slots: PositiveInt = 64


class TextData(Section):
    """How many narratives of the train split are learned from."""

    narratives: PositiveInt = 60_000


@dataclass
class TextBatch:
    """Token ids [B,S] int64 and which of them are hidden, bool [B,S]."""

    names: list[str]
    ids: Tensor
    hidden: Tensor


def make_tokenizer(texts: Sequence[str], vocabulary: int) -> T5Tokenizer:
    """Train a unigram SentencePiece model and wrap it as a T5 tokenizer (ids 0 pad, 1 eos, 2 unk)."""
    import sentencepiece as spm

    buffer = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=buffer,
        vocab_size=vocabulary - 1,
        model_type="unigram",
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,  # the order of threads would show in the scores
        # Letters of narratives nobody rendered must still be spelled, not lost.
        required_chars="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:'\"!?()-",
        minloglevel=2,
    )
    model = spm.SentencePieceProcessor(model_proto=buffer.getvalue())
    vocab = [(model.id_to_piece(i), model.get_score(i)) for i in range(model.get_piece_size())]
    vocab.append(("<extra_id_0>", 0.0))
    return T5Tokenizer(vocab=vocab, extra_ids=1)


class MaskedT5(nn.Module):
    """Encoder and training head: ids [B,S] and hidden [B,S] to logits [H,V] of the hidden."""

    def __init__(self, model: TextModel, words: int, sentinel: int) -> None:
        super().__init__()
        self.sentinel = sentinel
        self.encoder = T5EncoderModel(
            T5Config(
                vocab_size=words,
                d_model=model.width,
                d_kv=32,
                d_ff=3 * model.width,
                num_layers=model.layers,
                num_heads=model.width // 32,
                feed_forward_proj="gated-gelu",
                dropout_rate=0.0,
                is_encoder_decoder=False,
            )
        )
        self.head = nn.Linear(model.width, words)

    def forward(self, ids: Tensor, hidden: Tensor) -> Tensor:
        masked = ids.masked_fill(hidden, self.sentinel)
        states = self.encoder(masked, attention_mask=(ids != 0).long()).last_hidden_state
        return self.head(states[hidden])


class TextTask:
    """See the module's text."""

    name = "text"

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        count, model = recipe.data.narratives, recipe.model
        texts = self.texts(count, recipe.seed)
        self.tokenizer = make_tokenizer(texts, model.vocabulary)
        self.ids = self._ids(texts)
        # Other seeds than the training's: the grammar has more forms than anybody draws.
        self.held = self._ids(self.texts(HELD_OUT, recipe.seed + 1))
        torch.manual_seed(recipe.seed)
        sentinel = self.tokenizer.convert_tokens_to_ids("<extra_id_0>")
        self.net = MaskedT5(model, len(self.tokenizer), sentinel)

    def texts(self, count: int, seed: int) -> list[str]:
        """What is learned from."""
        from animatrix.synthetic.narrative import narratives

        return list(narratives(count, seed))

    def _ids(self, texts: list[str]) -> Tensor:
        slots = self.recipe.model.slots
        tokens = self.tokenizer(
            texts, padding="max_length", max_length=slots, truncation=True, return_tensors="pt"
        )
        return tokens.input_ids

    def modules(self) -> dict[str, nn.Module]:
        return {"text": self.net}

    @functools.cached_property
    def _bucket(self) -> Bucket:
        return Bucket(1, self.recipe.model.slots, 1)

    def plan(self, step: int) -> StepPlan:
        picks = draws.rng(self.recipe.seed, "narrative", step).integers(len(self.ids), size=self.recipe.batch)
        return StepPlan(
            step, "", self._bucket, tuple(Draw(step, p, "narratives", int(i)) for p, i in enumerate(picks))
        )

    def load(self, plan: StepPlan, draws_: Sequence[Draw]) -> TextBatch:
        ids = self.ids[[d.index for d in draws_]]
        hidden = torch.stack(
            [self._hide(row, plan.step, d.place) for row, d in zip(ids, draws_, strict=True)]
        )
        return TextBatch([d.name for d in draws_], ids, hidden)

    def _hide(self, ids: Tensor, step: int, place: int) -> Tensor:
        """Which tokens [S] are hidden: at least one, so that no sample is without a loss."""
        rng = draws.rng(self.recipe.seed, "hidden", step, place)
        rate = 0.15 + 0.35 * rng.random()
        words = ids >= FIRST_WORD
        hidden = words & torch.from_numpy(rng.random(len(ids)) < rate)
        hidden[int(words.nonzero()[int(rng.integers(int(words.sum())))])] = True
        return hidden

    def loss(self, modules: Mapping[str, nn.Module], batch: TextBatch) -> Losses:
        logits = modules["text"](batch.ids, batch.hidden)
        each = F.cross_entropy(logits.float(), batch.ids[batch.hidden], reduction="none")
        row = batch.hidden.nonzero()[:, 0]
        count = batch.hidden.sum(1)
        total = each.new_zeros(len(count)).index_add(0, row, each)
        right = (logits.argmax(-1) == batch.ids[batch.hidden]).float().mean()
        return Losses(total / count, {"right": right.detach()})

    @torch.no_grad()
    def probe(self, modules: Mapping[str, nn.Module]) -> dict[str, float]:
        """Loss and share of hidden tokens named right, on narratives of another seed."""
        hidden = torch.stack([self._hide(row, -1, i) for i, row in enumerate(self.held)])
        batch = to_device(TextBatch([""] * len(self.held), self.held, hidden), self.device)
        losses = self.loss(modules, batch)
        return {"held_out/loss": losses.each.mean().item(), "held_out/right": losses.parts["right"].item()}

    def show(self, modules: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """There is nothing to see."""

    def export(self, modules: Mapping[str, nn.Module], folder: Path) -> None:
        net = modules["text"]
        assert isinstance(net, MaskedT5)
        net.encoder.eval().save_pretrained(folder / "text_encoder")
        self.tokenizer.save_pretrained(folder / "tokenizer")

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


TASK = TaskKind(TextTask, TextModel, TextData)
