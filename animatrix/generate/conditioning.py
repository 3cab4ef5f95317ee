"""How a backbone is told of given pictures: Wan's three input layouts, and nano's.

* **text**: as many input channels as the VAE has; no pictures (Wan 2.1/2.2 T2V).
* **concat**: noise, a mask of 4 channels (one per frame of a latent frame) and the latents of a video that
  shows the given pictures at their frames and grey elsewhere (Wan 2.1/2.2 I2V; nano encodes each picture as
  if held, see ``model/keyframes.py``, and keeps a given frame 0 as it is). Any set of frames can be given.
* **expand**: the first latent frame is replaced by the picture's and its tokens get timestep 0 (Wan 2.2
  TI2V-5B). Only frame 0 is a latent frame of its own, so only it can be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from diffusers.pipelines.wan.pipeline_wan_i2v import retrieve_latents
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.model.keyframes import empty_condition, encode_keyframes
from animatrix.model.vae import AutoencoderNano

Layout = Literal["text", "concat", "expand"]
MASK = 4  # mask channels of the concat layout: Wan's temporal compression


def layout_of(transformer: Any, vae: Any, expand_timesteps: bool) -> Layout:
    """The input layout of a backbone.

    Raises:
        AniMatrixError: MODEL_MISMATCH when transformer and VAE are not of one family.
    """
    config, z = transformer.config, vae.config.z_dim
    if config.out_channels != z:
        raise AniMatrixError(
            Code.MODEL_MISMATCH,
            f"the transformer gives {config.out_channels} latent channels, its VAE decodes {z}",
            "use the VAE it was trained with",
        )
    if config.in_channels == z:
        return "expand" if expand_timesteps else "text"
    if config.in_channels == 2 * z + MASK:
        return "concat"
    raise AniMatrixError(
        Code.MODEL_MISMATCH,
        f"the transformer takes {config.in_channels} channels, which fits no layout for a VAE of {z}",
        f"{z} (text to video) or {2 * z + MASK} (with pictures)",
    )


@dataclass(frozen=True)
class Given:
    """Pictures in the form the backbone takes them.

    ``extra`` [B,4+C,F,h,w] joins the noise along channels. ``replaced`` [B,C,1,h,w] stands for the first
    latent frame: in the model's input, where nothing joins it, and in what is made.
    """

    extra: Tensor | None = None
    replaced: Tensor | None = None

    def model_input(self, latents: Tensor) -> Tensor:
        """What the transformer reads at a step, from noisy latents [B,C,F,h,w]."""
        if self.extra is not None:
            return torch.cat([latents, self.extra], dim=1)
        return self.kept(latents)

    def kept(self, latents: Tensor) -> Tensor:
        """The latents with given ones put back in place."""
        if self.replaced is None:
            return latents
        mask = self._free(latents)
        return (1 - mask) * self.replaced + mask * latents

    def timestep(self, t: Tensor, latents: Tensor, patch: tuple[int, int, int], expand: bool) -> Tensor:
        """Timestep [B], or [B,L] per token where the layout has one: 0 on tokens that are given."""
        if not expand:
            return t.expand(latents.shape[0])
        per_token = (self._free(latents)[0][0][:, :: patch[1], :: patch[2]] * t).flatten()
        return per_token.unsqueeze(0).expand(latents.shape[0], -1)

    def _free(self, latents: Tensor) -> Tensor:
        mask = torch.ones_like(latents[:1, :1])
        if self.replaced is not None:
            mask[:, :, 0] = 0
        return mask


def given_pictures(
    layout: Layout, vae: Any, pictures: Mapping[int, Tensor], latents: Tensor, frames: int
) -> Given:
    """Keyframes for a request.

    Args:
        pictures: frame index -> picture [3,H,W] in [-1,1].
        latents: noise [B,C,F,h,w] of the request.

    Raises:
        AniMatrixError: BAD_OPTION for a frame the layout cannot be given.
    """
    if layout == "text":
        if pictures:
            raise AniMatrixError(
                Code.BAD_OPTION,
                "this model takes no keyframes: it makes video from text only",
                "use an I2V model",
            )
        return Given()
    if layout == "expand":
        late = [index for index in pictures if index != 0]
        if late:
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"this model cannot be given frame {late[0]}: only frame 0 has a latent frame of its own",
                "give frame 0",
            )
        if not pictures:
            return Given()
        return Given(
            replaced=_encoded(vae, pictures[0][None, :, None], latents).expand(len(latents), -1, -1, -1, -1)
        )
    if isinstance(vae, AutoencoderNano):
        extra = empty_condition(latents)
        if pictures:
            extra = encode_keyframes(vae, pictures, latents).expand_as(extra)
        # Frame 0 has a latent frame of its own: what is given there need not be drawn again.
        return Given(extra=extra, replaced=extra[:, MASK:, :1] if 0 in pictures else None)
    return Given(extra=_film_of(vae, pictures, latents, frames))


def _film_of(vae: Any, pictures: Mapping[int, Tensor], latents: Tensor, frames: int) -> Tensor:
    """Mask and condition latents [B,4+C,F,h,w] of a grey film with the pictures at their frames."""
    batch, _, _, h, w = latents.shape
    scale = vae.config.scale_factor_spatial
    film = latents.new_zeros(1, 3, frames, h * scale, w * scale)
    mask = latents.new_zeros(1, 1, frames, h, w)
    for index, picture in pictures.items():
        film[:, :, index] = picture
        mask[:, :, index] = 1
    first = mask[:, :, :1].repeat_interleave(MASK, dim=2)
    mask = torch.cat([first, mask[:, :, 1:]], dim=2).view(1, -1, MASK, h, w).transpose(1, 2)
    extra = torch.cat([mask, _encoded(vae, film, latents)], dim=1)
    return extra.repeat(batch, 1, 1, 1, 1)


def _encoded(vae: Any, film: Tensor, latents: Tensor) -> Tensor:
    """Normalised latents of a film [1,3,T,H,W]."""
    mean, inverse = latent_statistics(vae, latents)
    code = retrieve_latents(vae.encode(film.to(vae.device, vae.dtype)), sample_mode="argmax")
    return (code.to(latents) - mean) * inverse


def latent_statistics(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and inverse standard deviation [1,C,1,1,1] of a VAE's latents, as ``like`` in device and dtype."""
    shape = (1, -1, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(like)
    return mean, 1.0 / torch.tensor(vae.config.latents_std).view(shape).to(like)
