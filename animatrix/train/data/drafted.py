"""Drafts of what nano is trained on, in latents: made when an item is first shown, kept beside the cache.

    <cache>/drafts/<fingerprint>/<source>/<index>-<frames>.safetensors

Every process of a training shares them, and so does the next training with the same draft artist.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from animatrix.knowledge import Directive
from animatrix.media.door import written_whole
from animatrix.model.draft import DraftArtist, encoded
from animatrix.model.vae import SPATIAL
from animatrix.train.data.encoders import Encoder, NanoEncoder


class Drafts:
    """See the module's text.

    Args:
        artist: whose drafts they are.
        encoder: that latents are made with.
        cache: folder; nothing: they are made anew each time.
    """

    def __init__(self, artist: DraftArtist, encoder: NanoEncoder, cache: Path | None) -> None:
        self.artist, self.encoder = artist.eval().requires_grad_(False), encoder
        digest = hashlib.blake2b(encoder.fingerprint.encode(), digest_size=8)
        for name, weight in sorted(artist.state_dict().items()):
            if not name.startswith("strikes."):  # which no draft is told
                digest.update(name.encode() + weight.float().numpy().tobytes())
        self.folder = None if cache is None else cache / "drafts" / digest.hexdigest()

    @classmethod
    def of(cls, artist: DraftArtist | None, encoder: Encoder, cache: Path | None) -> Drafts | None:
        """Drafts, where there is an artist and an encoder of nano's latents."""
        return (
            cls(artist, encoder, cache) if artist is not None and isinstance(encoder, NanoEncoder) else None
        )

    def latents(
        self, key: str, directive: Directive, text: Tensor, layout: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """Latents bf16 [C,F,h,w] of the draft of an item.

        Args:
            key: the item's own name, a path.
            directive, text, layout: of the frames shown; states [S,D], [T,LAYOUT].
            size: (h, w), of the latents.
        """
        path = None if self.folder is None else self.folder / f"{key}-{len(layout)}.safetensors"
        if path is not None and path.is_file():
            return load_file(path)["draft"]
        whole = (size[0] * SPATIAL, size[1] * SPATIAL)
        pixels = self.artist.draft(text[None].float(), [directive], layout[None], whole).pixels
        found = encoded(self.encoder.vae, pixels)[0].bfloat16().cpu()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as temporary:
                save_file({"draft": found}, temporary)
        return found
