"""The reward model over a vision-language model, for real footage: the same interface, adapted by LoRA.

The directive is read first, then the frames: a causal model is blind to what comes after, and one that sees
the clip before the question cannot look at it with the question in mind. Scores and the art/failure answer
are read off the last token; the failure map off the tokens of the pictures, one slot of four frames each.

    judge = VlmReward.load("Qwen/Qwen3-VL-2B-Instruct", lora=16)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive
from animatrix.knowledge.tags import tag_text
from animatrix.prefer.merits import DIMENSIONS, HEADS
from animatrix.prefer.reward import Judgement
from animatrix.prefer.sets import CELL, SLOT

ADAPTER, HEADS_FILE = "adapter", "heads.safetensors"  # of an export
ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj")
TASK = (
    "You judge a shot of 2D animation against a directive. A deformation that the directive asks for is art; "
    "the same deformation unasked, drifting or never recovering is a failure. Directive: "
)
QUESTION = "Does the shot show what was asked, and is anything in it a failure?"


class Asked(NamedTuple):
    """Inputs of the backbone, and slots, height and width in cells of the failure map."""

    inputs: dict[str, Tensor]
    cells: tuple[int, int, int]


def told(directive: Directive) -> str:
    """The directive in words and tags."""
    tags = "; ".join(tag_text(name, tag) for name, found in sorted(directive.tags.items()) for tag in found)
    return f"{directive.narrative} Tags: {tags}. {directive.frames} frames at {directive.fps:g} a second."


class VlmReward(nn.Module):
    """See the module's text.

    Args:
        backbone: a vision-language model of transformers, adapted or not.
        processor: its processor.
        image_token: id of the tokens that stand for pictures.
        width: of its hidden states.
    """

    def __init__(self, backbone: nn.Module, processor: Any, image_token: int, width: int) -> None:
        super().__init__()
        self.backbone, self.processor, self.image_token = backbone, processor, image_token
        self.scores = nn.Linear(width, len(DIMENSIONS))
        self.failure = nn.Linear(width, 1)
        self.where = nn.Linear(width, 2)  # failing, deformed on purpose
        self.ties = nn.Parameter(torch.zeros(len(HEADS)))
        for head in (self.scores, self.failure, self.where):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)

    @classmethod
    def load(cls, name: str | Path, lora: int = 16, dropout: float = 0.0) -> VlmReward:
        """A local folder or hub id, safetensors only, no code from the model; ``lora`` is the rank, 0 trains
        the heads alone.

        Raises:
            AniMatrixError: MODEL_MISSING, MODEL_MISMATCH.
        """
        from peft import LoraConfig, get_peft_model
        from transformers import AutoConfig, AutoModelForImageTextToText

        from animatrix.caption.narrate.local import first_line, processor_of

        safe = {"trust_remote_code": False}
        try:
            config = AutoConfig.from_pretrained(name, **safe)
            processor = processor_of(str(name), config, safe)
            model = AutoModelForImageTextToText.from_pretrained(
                name, dtype="auto", use_safetensors=True, **safe
            )
            image_token = int(config.image_token_id)
            width = int(config.get_text_config().hidden_size)
        except OSError as error:
            raise AniMatrixError(Code.MODEL_MISSING, f"cannot load {name}: {first_line(error)}") from None
        except (ValueError, ImportError, KeyError, TypeError, AttributeError) as error:
            raise AniMatrixError(
                Code.MODEL_MISMATCH,
                f"{name} cannot judge: {first_line(error)}",
                "it takes a vision-language model of the Qwen-VL kind, with safetensors weights",
            ) from None
        model.requires_grad_(False)
        if lora:
            # Of the language part: the vision tower names its projections otherwise and stays as it is.
            adapters = LoraConfig(
                r=lora, lora_alpha=2 * lora, lora_dropout=dropout, target_modules=list(ADAPTED)
            )
            model = get_peft_model(model, adapters)
        return cls(model, processor, image_token, width)

    @classmethod
    def load_export(cls, folder: Path, name: str | Path) -> VlmReward:
        """What a training exported, on its backbone ``name``: the adapter, where there is one, and the heads.

        Raises:
            AniMatrixError: MODEL_MISSING, MODEL_MISMATCH.
        """
        from peft import PeftModel
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from animatrix.caption.narrate.local import first_line

        found = cls.load(name, lora=0)
        try:
            # By name: peft would take a pickle where the safetensors file is missing.
            if (folder / ADAPTER).is_dir():
                if not (folder / ADAPTER / "adapter_model.safetensors").is_file():
                    raise OSError("no adapter_model.safetensors in it")
                found.backbone = PeftModel.from_pretrained(found.backbone, str(folder / ADAPTER))
            heads = load_file(folder / HEADS_FILE)
            missing, unexpected = found.load_state_dict(heads, strict=False)
            missing = [key for key in missing if not key.startswith("backbone.")]
            if missing or unexpected:
                raise KeyError(f"{(missing + unexpected)[0]} does not fit")
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
            raise AniMatrixError(
                Code.MODEL_MISMATCH, f"{folder} does not judge with {name}: {first_line(error)[:120]}"
            ) from None
        return found.eval()

    def prepare(self, directives: Sequence[Directive], clips: Sequence[np.ndarray]) -> Asked:
        t, h, w = clips[0].shape[:3]
        messages = [
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": TASK + told(directive)},
                        *({"type": "image", "image": picture} for picture in _pictures(clip)),
                        {"type": "text", "text": QUESTION},
                    ],
                }
            ]
            for directive, clip in zip(directives, clips, strict=True)
        ]
        self.processor.tokenizer.padding_side = "left"  # so that the last token is the last of the question
        inputs = self.processor.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            padding=True,
        )
        return Asked(dict(inputs), (-(-(t - 1) // SLOT) + 1, h // CELL, w // CELL))

    def forward(self, asked: Asked) -> Judgement:
        real = next(p for p in self.backbone.parameters() if p.is_floating_point()).dtype
        inputs = {k: v.to(real) if v.is_floating_point() else v for k, v in asked.inputs.items()}
        out = self.backbone(**inputs, output_hidden_states=True, use_cache=False)
        states = out.hidden_states[-1].float()
        last = states[:, -1]
        return Judgement(self.scores(last), self.failure(last)[:, 0], *self._maps(states, asked))

    def _maps(self, states: Tensor, asked: Asked) -> tuple[Tensor, Tensor]:
        """Failing and deformed, [B,T',h,w], from the tokens of T' pictures, each on its own small grid."""
        t, h, w = asked.cells
        grids = asked.inputs["image_grid_thw"].view(len(states), t, 3)
        pictures = asked.inputs["input_ids"] == self.image_token
        merge = int(self.processor.image_processor.merge_size)
        rows, columns = (int(n) // merge for n in grids[0, 0, 1:])
        found = []
        for state, here in zip(states, pictures, strict=True):
            logits = self.where(state[here]).view(t, rows, columns, 2).permute(0, 3, 1, 2)
            found.append(F.interpolate(logits, (h, w), mode="bilinear", align_corners=False))
        maps = torch.stack(found)
        return maps[:, :, 0], maps[:, :, 1]


def _pictures(clip: np.ndarray) -> list[Any]:
    """One picture a slot: the middle of its frames, at least 64 pixels each way."""
    from PIL import Image

    t = len(clip)
    slots = -(-(t - 1) // SLOT) + 1
    chosen = [0, *(min(t - 1, SLOT * k - 1) for k in range(1, slots))]
    h, w = clip.shape[1:3]
    scale = max(1.0, 64 / min(h, w))
    size = round(w * scale), round(h * scale)
    return [Image.fromarray(np.ascontiguousarray(clip[k])).resize(size) for k in chosen]
