"""The nano video autoencoder: 4 frames x 8 x 8 pixels to one latent position, cheap on two CPU cores.

Both ways start from the principal components of 4x8x8 patches (a strided convolution, after all) and add a
learned residual at 1/2, 1/4 and 1/8 of the picture's size: drawings are flat colours and thin lines, which
few components say badly and few non-linear numbers say well. Before any training it is the components' round
trip exactly; without ``encoder_widths`` the encoder stays linear.

Two properties are chosen for animation rather than for photographs:

* Every latent frame is encoded from its own four frames alone, and those four enter as separate channels,
  never averaged. A one-frame flash or a drawing change on ones therefore cannot be blurred away by a temporal
  convolution, and frame 0 has a latent of its own (4n+1 frames give n+1 latent frames, as in Wan).
* Only the decoder looks across latent frames, so that held drawings stay still instead of shimmering.

It has the interface the Wan pipelines expect of a VAE (``config.z_dim``, ``latents_mean``, ``latents_std``,
``scale_factor_temporal``, ``scale_factor_spatial``, ``encode(x).latents``, ``decode(z)``). It is
deterministic: there is no posterior to sample.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from animatrix.model.parts import arguments
from animatrix.model.precondition import Spread

TEMPORAL = 4  # frames per latent frame
SPATIAL = 8  # pixels per latent position, each way


def to_pixels(clips: np.ndarray) -> Tensor:
    """uint8 [B,T,H,W,3] to float [B,3,T,H,W] in [-1,1]."""
    return torch.from_numpy(np.ascontiguousarray(clips)).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def to_frames(pixels: Tensor) -> np.ndarray:
    """Inverse of :func:`to_pixels`; what lies outside [-1,1] is cut off."""
    levels = ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte()
    return levels.permute(0, 2, 3, 4, 1).numpy()


def zero(layer: nn.Module) -> None:
    """Zero the parameters of a layer: what it feeds starts without it."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def _writes(layer: nn.Conv2d, matrix: Tensor) -> None:
    """Apply ``matrix`` [new, old] to the channels a layer writes."""
    layer.weight.copy_(torch.einsum("zc,cihw->zihw", matrix, layer.weight.double()))
    if layer.bias is not None:
        layer.bias.copy_(matrix @ layer.bias.double())


def _reads(layer: nn.Conv2d, matrix: Tensor) -> None:
    """Apply ``matrix`` [old, new] to the channels a layer reads."""
    layer.weight.copy_(torch.einsum("oihw,ic->ochw", layer.weight.double(), matrix))


class Residual(nn.Module):
    """Two 3x3 convolutions over [N,C,H,W], a channel RMS norm in front or none; starts as the identity.

    The norm costs as much as a convolution where channels are few and positions many.
    """

    def __init__(self, channels: int, norm: bool = True) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, channels, 1, 1)) if norm else None
        self.conv_in = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        zero(self.conv_out)

    def forward(self, x: Tensor) -> Tensor:
        h = x
        if self.gain is not None:
            h = h * torch.rsqrt(h.square().mean(1, keepdim=True) + 1e-6) * self.gain
        return x + self.conv_out(F.silu(self.conv_in(h)))


class TimeMix(nn.Module):
    """Residual three-tap convolution along latent time over [B*F,C,H,W]; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))
        zero(self.conv)

    def forward(self, x: Tensor, batch: int) -> Tensor:
        # As a 1x1 convolution over (before, here, after): a quarter of the time of the 3D one on a CPU.
        x_BFCHW = x.unflatten(0, (batch, -1))
        padded = F.pad(x_BFCHW, (0, 0, 0, 0, 0, 0, 1, 1))
        taps = torch.cat([padded[:, :-2], x_BFCHW, padded[:, 2:]], dim=2).flatten(0, 1)
        weight = self.conv.weight[..., 0, 0].transpose(1, 2).flatten(1)[..., None, None]
        return x + F.conv2d(taps, weight, self.conv.bias)


def half_whitened(std: Tensor) -> Tensor:
    """Divisors of channels of standard deviation ``std`` [C]: its square root, to a mean variance of 1.

    Fully whitened components make most of a diffusion loss out of detail nobody can predict; raw ones leave
    all but the first few under the noise.
    """
    scale = std.sqrt()
    return scale * (std / scale).square().mean().sqrt()


class AutoencoderNano(ModelMixin, ConfigMixin):
    """Video autoencoder over principal components with independent latent frames.

    Args:
        z_dim: latent channels, the number of principal components kept.
        widths: channels of the decoder's residual at 1/8, 1/4 and 1/2 of the picture size.
        pixel_width: channels per frame of the decoder's full-resolution refinement; 0: none.
        encoder_widths: channels of the encoder's residual at 1/2, 1/4 and 1/8; empty: the encoder is linear.
        blocks: residual blocks at each size, each way.
        norm: RMS norms in the residual blocks.
        holds: the decoder says of every pixel how far it stays what it was in the frame before, so that what
            is held stays the same exactly, and as sharp as where it was first seen.
        latents_mean, latents_std: per-channel shift and scale of the normalised latents, ``z_dim`` numbers
            each.
        latents_spread: root mean squares of the normalised latents per channel, two rows of ``z_dim``
            numbers: of the first latent frame of a clip, and of the others. For who learns them.
    """

    @register_to_config
    def __init__(
        self,
        z_dim: int = 32,
        widths: tuple[int, ...] = (128, 64, 32),
        pixel_width: int = 8,
        latents_mean: tuple[float, ...] | None = None,
        latents_std: tuple[float, ...] | None = None,
        latents_spread: Spread | None = None,
        scale_factor_temporal: int = TEMPORAL,
        scale_factor_spatial: int = SPATIAL,
        encoder_widths: tuple[int, ...] = (),
        blocks: int = 1,
        norm: bool = True,
        holds: bool = False,
    ) -> None:
        super().__init__()
        if latents_mean is None or latents_std is None:
            self.register_to_config(latents_mean=[0.0] * z_dim, latents_std=[1.0] * z_dim)
        patch = 3 * TEMPORAL * SPATIAL**2
        self.analysis = nn.Conv2d(patch, z_dim, 1)
        self.synthesis = nn.Conv2d(z_dim, patch, 1)

        def residuals(channels: int) -> nn.Module:
            if blocks == 1:
                return Residual(channels, norm)
            return nn.Sequential(*(Residual(channels, norm) for _ in range(blocks)))

        if encoder_widths:
            half, quarter, eighth = encoder_widths
            self.enc_in = nn.Conv2d(3 * TEMPORAL * 4, half, 3, padding=1)
            self.enc_half = residuals(half)
            self.enc_to_quarter = nn.Conv2d(half, quarter, 2, stride=2)
            self.enc_quarter = residuals(quarter)
            self.enc_to_eighth = nn.Conv2d(quarter, eighth, 2, stride=2)
            self.enc_eighth = residuals(eighth)
            self.enc_out = nn.Conv2d(eighth, z_dim, 3, padding=1)
            zero(self.enc_out)
        a, b, c = widths
        self.dec_in = nn.Conv2d(z_dim, a, 3, padding=1)
        self.dec_time_a = TimeMix(a)
        self.dec_eighth = residuals(a)
        self.dec_time_b = TimeMix(a)
        self.dec_to_quarter = nn.Conv2d(a, 4 * b, 1)
        self.dec_quarter = residuals(b)
        self.dec_time_c = TimeMix(b)
        self.dec_to_half = nn.Conv2d(b, 4 * c, 1)
        self.dec_half = residuals(c)
        self.dec_to_pixels = nn.Conv2d(c, TEMPORAL * (pixel_width + 3) * 4, 3, padding=1)
        zero(self.dec_to_pixels)
        if holds:
            self.dec_hold = nn.Conv2d(c, TEMPORAL * 4, 3, padding=1)
            nn.init.zeros_(self.dec_hold.weight)
            nn.init.constant_(cast(Tensor, self.dec_hold.bias), -2.0)  # almost nothing is held, at first
        if pixel_width:
            # Block edges of the pixel shuffle are smoothed where they show: at full resolution, across
            # neighbouring frames.
            self.pixel_in = nn.Conv3d(pixel_width + 3, pixel_width, (1, 3, 3), padding=(0, 1, 1))
            self.pixel_out = nn.Conv3d(pixel_width, 3, (3, 3, 3), padding=1)
            zero(self.pixel_out)

    @torch.no_grad()
    def init_components(self, x: Tensor) -> None:
        """Set encoder and linear decoder to the principal components of ``x`` [B,3,4n+1,H,W]."""
        patches = F.pixel_unshuffle(self._subframes(x), SPATIAL).movedim(1, -1).flatten(0, -2).double()
        mean = patches.mean(0)
        covariance = (patches - mean).T @ (patches - mean) / len(patches)
        components = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, : self.config.z_dim]
        weight = components.T[..., None, None].float()
        self.analysis.load_state_dict({"weight": weight, "bias": (-components.T @ mean).float()})
        weight = components[..., None, None].float()
        self.synthesis.load_state_dict({"weight": weight, "bias": mean.float()})

    @torch.no_grad()
    def record_statistics(self, x: Tensor) -> None:
        """Record shift and scale of the normalised latents from pixels ``x`` [B,3,T,H,W].

        For a new network: where residuals have learned, :meth:`settle` keeps the round trip as it is.
        """
        z = self._latent_points(x)
        self._record(z.mean(0), half_whitened(z.std(0)))
        self.record_spread(x)

    @torch.no_grad()
    def settle(self, x: Tensor) -> None:
        """Turn the latents to their own principal axes over pixels ``x`` [B,3,T,H,W]; record statistics.

        The round trip stays what it is: every layer that writes or reads latents is turned with them. Then
        the order of the channels is that of their energy, and none says what another says already.
        """
        points = self._latent_points(x).double()
        mean = points.mean(0)
        covariance = (points - mean).T @ (points - mean) / len(points)
        energies, axes = torch.linalg.eigh(covariance)
        turn = axes.flip(1).T  # rows: the new axes
        old_mean, old_std = self._recorded()
        self._record(turn @ mean, half_whitened(energies.flip(0).clamp(min=1e-12).sqrt()))
        new_mean, new_std = self._recorded()
        _writes(self.analysis, turn)
        _reads(self.synthesis, turn.T)
        if self.config.encoder_widths:
            _writes(self.enc_out, new_std.reciprocal().diag() @ turn @ old_std.diag())
        # The decoder's residual reads (z - mean) / std. Exact but at the picture's border, where its
        # convolution pads with the recorded mean, old or new.
        drift = (turn.T @ new_mean - old_mean) / old_std
        bias = cast(Tensor, self.dec_in.bias)
        bias += torch.einsum("oihw,i->o", self.dec_in.weight.double(), drift)
        _reads(self.dec_in, old_std.reciprocal().diag() @ turn.T @ new_std.diag())
        self.record_spread(x)

    @torch.no_grad()
    def leading(self, count: int) -> AutoencoderNano:
        """An autoencoder of the first ``count`` channels, which :meth:`settle` has put first by energy. Its
        decoder takes the others for nothing until it is trained for that.
        """
        names = ("latents_mean", "latents_std")
        config: dict[str, Any] = dict(self.config) | {name: self.config[name][:count] for name in names}
        if config["latents_spread"] is not None:
            config["latents_spread"] = [row[:count] for row in config["latents_spread"]]
        narrow = AutoencoderNano(**{**arguments(config), "z_dim": count})
        state = self.state_dict()
        for name in ("analysis", "enc_out"):
            state |= {key: value[:count] for key, value in state.items() if key.startswith(f"{name}.")}
        for name in ("synthesis", "dec_in"):
            state[f"{name}.weight"] = state[f"{name}.weight"][:, :count]
        narrow.load_state_dict(state)
        return narrow

    @torch.no_grad()
    def record_spread(self, x: Tensor) -> None:
        """Record how far the normalised latents of pixels ``x`` [B,3,T,H,W], T > 1, are spread."""
        z = torch.cat([self.normalise(self.encode(clip[None]).latents) for clip in x]).transpose(0, 1)
        spread = [part.flatten(1).square().mean(1).sqrt() for part in (z[:, :, :1], z[:, :, 1:])]
        self.register_to_config(latents_spread=[[round(v, 4) for v in row.tolist()] for row in spread])

    def _latent_points(self, x: Tensor) -> Tensor:
        """All latent positions of clips ``x``, one clip at a time: [N,z_dim]."""
        return torch.cat([self.encode(clip[None]).latents[0].flatten(1).T for clip in x])

    def _record(self, mean: Tensor, std: Tensor) -> None:
        self.register_to_config(
            latents_mean=[round(v, 5) for v in mean.tolist()],
            latents_std=[round(v, 5) for v in std.tolist()],
        )

    def _recorded(self) -> tuple[Tensor, Tensor]:
        """(mean, std) of the config in double precision, [z_dim] each."""
        config = self.config
        return (
            torch.tensor(config.latents_mean, dtype=torch.float64),
            torch.tensor(config.latents_std, dtype=torch.float64),
        )

    @staticmethod
    def _subframes(x: Tensor) -> Tensor:
        """[B,3,4n+1,H,W] to [B*(n+1),12,H,W]: frame 0 is held to fill its latent frame."""
        x = torch.cat([x[:, :, :1].expand(-1, -1, TEMPORAL - 1, -1, -1), x], dim=2)
        return x.unflatten(2, (-1, TEMPORAL)).permute(0, 2, 3, 1, 4, 5).flatten(0, 1).flatten(1, 2)

    @staticmethod
    def _frames(x: Tensor, batch: int) -> Tensor:
        """[B*F,4*c,H,W] to [B,c,4F,H,W]: each of the four frames owns its channels."""
        x_BFKcHW = x.unflatten(0, (batch, -1)).unflatten(2, (TEMPORAL, -1))
        return x_BFKcHW.permute(0, 3, 1, 2, 4, 5).flatten(2, 3)

    def encode(self, x: Tensor, return_dict: bool = True) -> Any:
        """Pixels [B,3,4n+1,H,W] in [-1,1] to latents [B,z_dim,n+1,H/8,W/8] (not normalised)."""
        b, _, f, h, w = x.shape
        if f % TEMPORAL != 1 or h % SPATIAL or w % SPATIAL:
            raise ValueError(f"need 4n+1 frames and sides divisible by {SPATIAL}, not {f} frames of {w}x{h}")
        x_N12HW = self._subframes(x)
        z = self.analysis(F.pixel_unshuffle(x_N12HW, SPATIAL))
        if self.config.encoder_widths:
            h_NCHW = F.pixel_unshuffle(x_N12HW, 2).contiguous(memory_format=torch.channels_last)
            h_NCHW = self.enc_half(self.enc_in(h_NCHW))
            h_NCHW = self.enc_quarter(self.enc_to_quarter(h_NCHW))
            h_NCHW = self.enc_eighth(self.enc_to_eighth(h_NCHW))
            # The residual speaks at the scale of the normalised latents, as the decoder's listens.
            _, std = self._statistics(z)
            z = z + self.enc_out(h_NCHW) * std[:, :, 0]
        z = z.unflatten(0, (b, -1)).transpose(1, 2)
        return AutoencoderTinyOutput(latents=z) if return_dict else (z,)

    def decode(self, z: Tensor, return_dict: bool = True) -> Any:
        """Latents [B,z_dim,n+1,h,w] to pixels [B,3,4n+1,8h,8w] in [-1,1]."""
        b = z.shape[0]
        z_NCHW = z.transpose(1, 2).flatten(0, 1)
        linear = F.pixel_shuffle(self.synthesis(z_NCHW), SPATIAL)
        # The residual sees latents at the scale of the normalised ones, whatever the energy of the
        # components.
        x = self.normalise(z).transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        x = self.dec_in(x)
        x = self.dec_time_b(self.dec_eighth(self.dec_time_a(x, b)), b)
        x = self.dec_quarter(F.pixel_shuffle(self.dec_to_quarter(x), 2))
        x = self.dec_half(F.pixel_shuffle(self.dec_to_half(self.dec_time_c(x, b)), 2))
        x = F.silu(x)
        hold = self.dec_hold(x) if self.config.holds else None
        x = F.pixel_shuffle(self.dec_to_pixels(x), 2)
        linear, x = self._frames(linear, b), self._frames(x, b)
        rgb = linear + x[:, :3]
        if self.config.pixel_width:
            rgb = rgb + self.pixel_out(F.silu(self.pixel_in(torch.cat([rgb, x[:, 3:]], 1))))
        rgb = rgb[:, :, TEMPORAL - 1 :]
        if hold is not None:
            stay = self._frames(F.pixel_shuffle(hold, 2), b)[:, :, TEMPORAL - 1 :].float().sigmoid()
            shown = [rgb[:, :, 0].float()]
            for new, share in zip(rgb.unbind(2)[1:], stay.unbind(2)[1:], strict=True):
                shown.append(torch.lerp(new.float(), shown[-1], share))
            rgb = torch.stack(shown, 2).to(rgb.dtype)
        return DecoderOutput(sample=rgb) if return_dict else (rgb,)

    def forward(self, x: Tensor) -> Tensor:
        """Round trip of pixels [B,3,4n+1,H,W]."""
        return self.decode(self.encode(x).latents).sample

    def normalise(self, z: Tensor) -> Tensor:
        """Latents to zero mean and unit variance per channel, the space the transformer works in."""
        mean, std = self._statistics(z)
        return (z - mean) / std

    def denormalise(self, z: Tensor) -> Tensor:
        """Inverse of :meth:`normalise`."""
        mean, std = self._statistics(z)
        return z * std + mean

    def _statistics(self, z: Tensor) -> tuple[Tensor, Tensor]:
        shape = (1, -1, 1, 1, 1)
        return (
            torch.tensor(self.config.latents_mean, device=z.device, dtype=z.dtype).view(shape),
            torch.tensor(self.config.latents_std, device=z.device, dtype=z.dtype).view(shape),
        )


def subframe(index: int) -> tuple[int, int]:
    """(latent frame, subframe 0..3) of frame ``index`` >= 0; frame 0 fills latent frame 0 alone."""
    return (0, TEMPORAL - 1) if index == 0 else ((index - 1) // TEMPORAL + 1, (index - 1) % TEMPORAL)
