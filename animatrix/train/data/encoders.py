"""The frozen parts that turn clips and narratives into what a transformer trains on.

One clip at a time, always: a row then has the same bytes whether it was encoded for the cache or on the fly,
alone or among others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.model.text import encode_text, load_text
from animatrix.model.vae import AutoencoderNano, to_pixels

NANO_SLOTS = 64
WAN_SLOTS = 512
_SAMPLED = 1 << 24  # bytes of a tensor above which only a sample of it goes into a fingerprint
# Parts of an autoencoder that latents do not depend on: a decoder may go on learning.
_AFTER_LATENTS = ("decoder.", "post_quant_conv.", "dec_", "synthesis.", "pixel_in.", "pixel_out.")
_PRIVATE = (
    "_class_name",
    "latents_spread",  # said of the latents, not in them
    "_diffusers_version",
    "_name_or_path",
    "transformers_version",
    "dtype",
    "torch_dtype",
)


class Encoder(Protocol):
    """Frames and narratives to what is cached.

    Attributes:
        fingerprint: changes whenever what it makes may change.
        channels: of the latents; text_dim: of the text states; slots: of a text.
        temporal, spatial: frames (but the first) and pixels a side to one latent position.
    """

    channels: int
    text_dim: int
    slots: int
    temporal: int
    spatial: int

    @property
    def fingerprint(self) -> str: ...

    def latents(self, frames: np.ndarray) -> Tensor:
        """Normalised latents [B,C,F,h,w] of ``uint8 [B,T,H,W,3]``, T = 4n+1."""
        ...

    def text(self, texts: Sequence[str], slots: int | None = None) -> Tensor:
        """Text states [B,S,D] in ``slots`` slots, else the encoder's own; those past the end are zero."""
        ...


class _Frozen:
    """What the encoders share: how they are built, moved to another process, and told apart."""

    temporal = 4
    spatial = 8

    def __init__(self, vae: Any, tokenizer: Any, text_encoder: Any, slots: int) -> None:
        self.vae = vae.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.text_encoder = text_encoder.eval().requires_grad_(False)
        self.slots = slots
        self.folders: tuple[Path, Path] | None = None
        self.channels = int(self.vae.config.z_dim)
        self.text_dim = int(self.text_encoder.config.d_model)
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            digest = hashlib.blake2b(digest_size=8)
            digest.update(f"{type(self).__name__} {self.slots} {self._dtypes()}".encode())
            _add_module(digest, self.vae, _AFTER_LATENTS)
            _add_module(digest, self.text_encoder, ())
            digest.update(json.dumps(sorted(self.tokenizer.get_vocab().items())).encode())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def _dtypes(self) -> str:
        return f"{next(self.vae.parameters()).dtype} {next(self.text_encoder.parameters()).dtype}"

    def text(self, texts: Sequence[str], slots: int | None = None) -> Tensor:
        slots = slots or self.slots
        one = [encode_text([text], self.tokenizer, self.text_encoder, slots) for text in texts]
        return torch.cat(one).bfloat16().cpu()

    def pixels(self, frames: np.ndarray) -> Tensor:
        """[B,3,T,H,W] in [-1,1], on the autoencoder's device and in its type."""
        weight = next(self.vae.parameters())
        return to_pixels(frames).to(weight)

    def __reduce__(self):
        """To a worker process: by its folders where it was loaded from some."""
        if self.folders is not None:
            return type(self).load, (*self.folders, self.slots)  # type: ignore[attr-defined]
        return type(self), (self.vae, self.tokenizer, self.text_encoder, self.slots)


class NanoEncoder(_Frozen):
    """The nano autoencoder and its small T5."""

    @classmethod
    def load(cls, vae: Path, text: Path, slots: int = NANO_SLOTS) -> NanoEncoder:
        """From folders; ``text`` holds ``tokenizer`` and ``text_encoder``.

        Raises:
            AniMatrixError: MODEL_MISSING.
        """
        need_folders(vae, text)
        found = cls(AutoencoderNano.from_pretrained(vae, torch_dtype=torch.float32), *load_text(text), slots)
        found.folders = (Path(vae), Path(text))
        return found

    @torch.no_grad()
    def latents(self, frames: np.ndarray) -> Tensor:
        one = [self.vae.normalise(self.vae.encode(self.pixels(clip[None])).latents) for clip in frames]
        return torch.cat(one).float().bfloat16().cpu()


class WanEncoder(_Frozen):
    """Wan's causal autoencoder (2.1: 16 channels, 1/8; 2.2: 48 channels, 1/16) and UMT5.

    Args:
        films: also encode what Wan's image-to-video models are shown of a first frame (:meth:`film`).
        makers_on: device of the copies that go to other processes, where most of the encoding is done.
    """

    def __init__(
        self,
        vae: Any,
        tokenizer: Any,
        text_encoder: Any,
        slots: int,
        films: bool = False,
        makers_on: str | None = None,
    ) -> None:
        super().__init__(vae, tokenizer, text_encoder, slots)
        self.films, self.makers_on = films, makers_on
        self.temporal = int(self.vae.config.scale_factor_temporal)
        self.spatial = int(self.vae.config.scale_factor_spatial)

    @classmethod
    def load(
        cls,
        vae: Path,
        text: Path,
        slots: int = WAN_SLOTS,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        films: bool = False,
        makers_on: str | None = None,
    ) -> WanEncoder:
        """As :meth:`NanoEncoder.load`; the autoencoder stays fp32, as published code runs it. ``dtype`` is
        that of the text encoder.
        """
        from diffusers import AutoencoderKLWan
        from transformers import AutoTokenizer, UMT5EncoderModel

        need_folders(vae, text)
        found = cls(
            AutoencoderKLWan.from_pretrained(vae, torch_dtype=torch.float32).to(device),
            AutoTokenizer.from_pretrained(Path(text) / "tokenizer"),
            UMT5EncoderModel.from_pretrained(Path(text) / "text_encoder", dtype=dtype).to(device),
            slots,
            films,
            makers_on,
        )
        found.folders = (Path(vae), Path(text))
        return found

    def __reduce__(self):
        if self.folders is None:
            return type(self), (self.vae, self.tokenizer, self.text_encoder, self.slots, self.films)
        weight = next(self.text_encoder.parameters())
        device = self.makers_on or str(weight.device)
        return type(self).load, (*self.folders, self.slots, device, weight.dtype, self.films)

    def _dtypes(self) -> str:
        return super()._dtypes() + (" films" if self.films else "")

    def latents(self, frames: np.ndarray) -> Tensor:
        return torch.cat([self._encoded(self.pixels(clip[None])) for clip in frames])

    def film(self, frames: np.ndarray, given: bool = True) -> Tensor:
        """Normalised latents [C,F,h,w] of the first of ``uint8 [T,H,W,3]`` followed by grey, or, where it is
        not given, of grey alone: the condition of Wan's image-to-video models.
        """
        pixels = self.pixels(frames[None])
        pixels[:, :, 1 if given else 0 :] = 0
        return self._encoded(pixels)[0]

    @torch.no_grad()
    def _encoded(self, pixels: Tensor) -> Tensor:
        from animatrix.generate.conditioning import latent_statistics

        # The mode of the posterior, as image-to-video pipelines take it: no randomness to account for.
        z = self.vae.encode(pixels).latent_dist.mode().float().cpu()
        mean, inverse = latent_statistics(self.vae, z)
        return ((z - mean) * inverse).bfloat16()


def load_encoder(
    vae: Path, text: Path, slots: int | None = None, device: str = "cpu"
) -> NanoEncoder | WanEncoder:
    """The encoder of a folder, by the class that its ``config.json`` names.

    Raises:
        AniMatrixError: MODEL_MISSING, MODEL_MISMATCH.
    """
    need_folders(vae, text)
    try:
        kind = json.loads((Path(vae) / "config.json").read_text("utf-8"))["_class_name"]
    except (ValueError, KeyError, TypeError):
        kind = "nothing known"
    if kind == "AutoencoderNano":
        return NanoEncoder.load(vae, text, slots or NANO_SLOTS)
    if kind == "AutoencoderKLWan":
        return WanEncoder.load(vae, text, slots or WAN_SLOTS, device)
    raise AniMatrixError(
        Code.MODEL_MISMATCH,
        f"{vae} holds {kind}",
        "a video autoencoder is AutoencoderNano or AutoencoderKLWan",
    )


def need_folders(vae: Path, text: Path) -> None:
    """Raises AniMatrixError MODEL_MISSING when a frozen part is not there."""
    for folder in (Path(vae), Path(text) / "text_encoder"):
        if not (folder / "config.json").is_file():
            raise AniMatrixError(
                Code.MODEL_MISSING, f"no model in {folder}", "it holds config.json and weights"
            )
    if not (Path(text) / "tokenizer").is_dir():
        raise AniMatrixError(Code.MODEL_MISSING, f"no tokenizer in {text}")


def _add_module(digest, module: Any, skipped: tuple[str, ...]) -> None:
    config = module.config.to_dict() if hasattr(module.config, "to_dict") else dict(module.config)
    plain = {k: v for k, v in config.items() if k not in _PRIVATE}
    digest.update(json.dumps(plain, sort_keys=True, default=str).encode())
    for name, tensor in sorted(module.state_dict().items()):
        if name.startswith(skipped):
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().flatten()
        if flat.nbytes > _SAMPLED:
            flat = flat[:: flat.nbytes // _SAMPLED + 1]
        digest.update(flat.contiguous().cpu().view(torch.uint8).numpy().data)
