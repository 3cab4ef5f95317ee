"""Models run here with transformers: a local folder or a hub id, safetensors only, no code from the model.

Every answer is constrained: of the tokens the model prefers, the first that keeps the answer inside the
schema's grammar is taken, so what comes out is valid or cut for length. Decoding is greedy: the same shot
gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, LogitsProcessor
from transformers.utils import is_torchvision_available

from animatrix.caption.narrate.grammar import Grammar
from animatrix.caption.narrate.narrator import NarratorFault, Reply
from animatrix.caption.narrate.question import Part, Question, Turn
from animatrix.errors import AniMatrixError, Code

MOST_TOKENS = 3000


class LocalModel:
    """One vision-language model in memory, on the accelerator where there is one.

    Raises:
        AniMatrixError: MODEL_MISSING; MODEL_MISMATCH for a model that is no
            vision-language model, or has no safetensors weights.
    """

    def __init__(self, name: str, timeout: float = 120.0) -> None:
        self.name = name
        self._timeout = timeout
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        safe = {"trust_remote_code": False}
        try:
            config = AutoConfig.from_pretrained(name, **safe)
            self._processor = processor_of(name, config, safe)
            model = AutoModelForImageTextToText.from_pretrained(
                name, dtype="auto", use_safetensors=True, **safe
            )
        except OSError as error:
            raise AniMatrixError(Code.MODEL_MISSING, f"cannot load {name}: {first_line(error)}") from None
        except (ValueError, ImportError, KeyError, TypeError) as error:
            raise AniMatrixError(
                Code.MODEL_MISMATCH,
                f"{name} cannot narrate: {first_line(error)}",
                "it takes a vision-language model that transformers knows, with safetensors weights",
            ) from None
        self._model = model.to(self._device).eval()
        self._pieces = _Pieces(self._processor.tokenizer)

    def ask(self, asked: Question) -> Reply:
        """The model's reply; raises :class:`NarratorFault`."""
        try:
            inputs = self._inputs(asked.turns)
            writer = GrammarLogits(Grammar(asked.schema), self._pieces, self._ends())
            with torch.inference_mode():
                self._model.generate(
                    **inputs,
                    max_new_tokens=MOST_TOKENS,
                    max_time=self._timeout,
                    do_sample=False,
                    logits_processor=[writer],
                )
        except Exception as error:
            # Model families fail in their own ways on pictures and templates; a caption must not.
            raise NarratorFault(f"{type(error).__name__}: {first_line(error)}") from None
        return Reply(writer.text, not writer.finished, "grammar")

    def _inputs(self, turns: Sequence[Turn]) -> dict[str, Any]:
        messages = [{"role": turn.role, "content": [_content(part) for part in turn.parts]} for turn in turns]
        inputs = self._processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        ).to(self._device)
        real = self._model.dtype
        return {k: v.to(real) if v.is_floating_point() else v for k, v in inputs.items()}

    def _ends(self) -> frozenset[int]:
        """Tokens that end an answer."""
        ends = self._model.generation_config.eos_token_id
        if ends is None:
            ends = self._processor.tokenizer.eos_token_id
        return frozenset(ends if isinstance(ends, list) else [ends])


class _Pieces:
    """What each token adds to a text; empty for tokens that add nothing, such as control tokens."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        # Some tokenizers drop a token's leading space at the start of a text, so each is read behind another.
        self._anchor = tokenizer.encode('"', add_special_tokens=False)[-1:]
        self._before = self._decoded(self._anchor)
        self._silent = frozenset(tokenizer.all_special_ids)
        self._known: dict[int, str] = {}

    def __getitem__(self, token: int) -> str:
        if token not in self._known:
            text = "" if token in self._silent else self._decoded([*self._anchor, token])
            self._known[token] = text[len(self._before) :]
        return self._known[token]

    def _decoded(self, tokens: list[int]) -> str:
        return self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)


class GrammarLogits(LogitsProcessor):
    """Leaves one token at each step, the likeliest the grammar allows; for one answer, decoded greedily.

    ``text`` is what has been written so far, ``finished`` whether it is whole.
    """

    def __init__(self, grammar: Grammar, pieces: _Pieces, ends: Iterable[int]) -> None:
        self.text = ""
        self.finished = False
        self._grammar = grammar
        self._pieces = pieces
        self._ends = sorted(ends)
        self._states = grammar.start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """``scores`` float [1, vocabulary] with all but the chosen token at minus infinity."""
        only = torch.full_like(scores, -torch.inf)
        only[0, self._chosen(scores[0])] = 0.0
        return only

    def _chosen(self, scores: torch.Tensor) -> int:
        if self._grammar.complete(self._states):
            self.finished = True
            return self._ends[0]
        for token in _ranked(scores):
            if token in self._ends or not (piece := self._pieces[token]):
                continue
            states = self._grammar.advance(self._states, piece)
            if states:
                self._states = states
                self.text += piece
                return token
        return self._ends[0]  # no token of this vocabulary can go on: an answer cut short


def _ranked(scores: torch.Tensor) -> Iterable[int]:
    """Tokens from the likeliest on; the whole vocabulary is sorted only when the first few are refused."""
    few = min(64, len(scores))
    first = scores.topk(few).indices.tolist()
    yield from first
    if few < len(scores):
        yield from scores.argsort(descending=True).tolist()


def _content(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image", "image": _large_enough(part)}


def _large_enough(rgb: np.ndarray) -> Any:
    """The picture as PIL holds it, which every processor takes; at least 56 pixels each way, for patches."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(rgb))
    width, height = picture.size
    scale = max(1.0, 56 / min(width, height))
    return picture if scale == 1.0 else picture.resize((round(width * scale), round(height * scale)))


def processor_of(name: str, config: Any, safe: dict[str, Any]) -> Any:
    """The model's processor; without torchvision one that takes pictures only.

    Families that also read videos ask for torchvision, whose build must match torch's and which nothing else
    here needs: their picture part is assembled without it.
    """
    if is_torchvision_available():
        return AutoProcessor.from_pretrained(name, **safe)
    from transformers import AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    kind = PROCESSOR_MAPPING.get(type(config), None)
    if kind is None or "video_processor" not in kind.get_attributes():
        return AutoProcessor.from_pretrained(name, **safe)

    class PicturesOnly(kind):  # type: ignore[misc, valid-type]
        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            if argument_name == "video_processor":
                return None
            return super().check_argument_for_proper_class(argument_name, argument)

    tokenizer = AutoTokenizer.from_pretrained(name, **safe)
    pictures = AutoImageProcessor.from_pretrained(name, **safe)
    template = _template(name) or tokenizer.chat_template
    return PicturesOnly(pictures, tokenizer, None, chat_template=template)


def _template(name: str) -> str | None:
    """The processor's own chat template, where it is kept beside the weights."""
    from transformers.processing_utils import ProcessorMixin

    found, _ = ProcessorMixin.get_processor_dict(name)
    return found.get("chat_template")


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
