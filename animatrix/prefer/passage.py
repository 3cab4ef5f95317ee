"""The one door that all members of a set go through, so that none of them has a fingerprint.

A renderer's pixels would give themselves away beside a model's, and a negative that was resampled beside one
that was not. So every member of a set passes through the same autoencoder, with noise of the same strength
(and its own) on the latents, or through the same codec at the same quality.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animatrix.errors import AniMatrixError, Code

if TYPE_CHECKING:
    from animatrix.model.vae import AutoencoderNano

CODECS = ("libx264", "libx265")
QUALITIES = (14, 32)  # crf


@dataclass(frozen=True)
class Way:
    """How one set passes: ``latent`` with noise of that strength, or a codec at ``crf``."""

    codec: str = ""
    crf: int = 0
    noise: float = 0.0


class Passage:
    """See the module's text.

    Args:
        vae: folder of nano's autoencoder; None: codecs only.
        noise: the strongest noise on normalised latents.
        codecs: share of sets that pass through a codec instead.

    Raises:
        AniMatrixError: MODEL_MISSING.
    """

    def __init__(self, vae: Path | None, noise: float = 0.08, codecs: float = 0.35) -> None:
        self.folder, self.noise = vae, noise
        self.codecs = codecs if vae is not None else 1.0
        self._vae: AutoencoderNano | None = None
        if vae is not None and not (Path(vae) / "config.json").is_file():
            raise AniMatrixError(
                Code.MODEL_MISSING,
                f"no autoencoder in {vae}",
                "train it with recipes/nano_vae.yaml, or set data.vae to null for codecs only",
            )

    @property
    def fingerprint(self) -> str:
        """Changes when what comes out may change."""
        digest = hashlib.blake2b(f"{self.noise} {self.codecs}".encode(), digest_size=6)
        if self.folder is not None:
            for file in sorted(Path(self.folder).iterdir()):
                if file.suffix in (".json", ".safetensors"):
                    digest.update(file.read_bytes())
        return digest.hexdigest()

    def drawn(self, rng: np.random.Generator) -> Way:
        """The way of one set."""
        share, noise = rng.random(2)
        codec, crf = rng.integers(len(CODECS)), rng.integers(*QUALITIES)
        if share < self.codecs:
            return Way(CODECS[int(codec)], int(crf))
        return Way(noise=float(noise * self.noise))

    def __call__(self, frames: np.ndarray, way: Way, seed: int) -> np.ndarray:
        """Frames ``uint8 [T,H,W,3]`` on the other side; ``seed`` of this member's noise."""
        if way.codec:
            from animatrix.caption.recognise.shards import degraded

            return degraded(frames, 24.0, way.codec, way.crf)
        return self._through_latents(frames, way.noise, seed)

    def _through_latents(self, frames: np.ndarray, noise: float, seed: int) -> np.ndarray:
        import torch

        from animatrix.model.vae import to_frames, to_pixels

        vae = self._loaded()
        t = len(frames)
        whole = frames[np.minimum(np.arange(-(-(t - 1) // 4) * 4 + 1), t - 1)]  # 4n+1
        x = to_pixels(whole[None])
        with torch.inference_mode():
            z = vae.normalise(vae.encode(x).latents)
            generator = torch.Generator().manual_seed(seed)
            z = z + noise * torch.randn(z.shape, generator=generator)
            y = vae.decode(vae.denormalise(z)).sample
        return to_frames(y)[0, :t].copy()

    def _loaded(self) -> Any:
        if self._vae is None:
            import torch

            from animatrix.model.vae import AutoencoderNano

            self._vae = AutoencoderNano.from_pretrained(self.folder, torch_dtype=torch.float32).eval()
        return self._vae
