"""Rendered shards to what the transformer trains on: latents, text states and tag integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from animatrix.media.door import written_whole
from animatrix.model.tags import TagBatch, TagEncoder
from animatrix.model.text import encode_text
from animatrix.model.vae import AutoencoderNano
from animatrix.train.shards import present, read_shard
from animatrix.train.vae_train import to_pixels

KEYFRAMES = 3  # random frames of each clip kept as single-image latents


class LatentPool:
    """A growing set of encoded clips on one device, fed from a folder of shards.

    What was encoded is kept in ``cache``, one safetensors file per shard, valid for one autoencoder and text
    encoder.

    Attributes: latents [N,C,F,h,w], key_latents [N,K,C,h,w], key_index int [N,K], text [N,S,D] (bf16 on a
        GPU),
    tags: a :class:`TagBatch` of [N,T].
    """

    def __init__(
        self,
        folder: Path,
        cache: Path,
        vae: AutoencoderNano,
        tags: TagEncoder,
        tag_slots: int,
        text_slots: int,
    ) -> None:
        self.folder, self.vae, self.tag_encoder = folder, vae, tags
        self.tag_slots, self.text_slots = tag_slots, text_slots
        self.cache = cache
        cache.mkdir(parents=True, exist_ok=True)
        self.seen: set[int] = set()
        self.store: dict[str, Tensor] = {}
        self.filled = 0  # clips in the tables

    def grow(self, tokenizer, text_encoder, limit: int = 8) -> int:
        """Take in up to ``limit`` new shards, encoding those not encoded before. Returns clips added."""
        added = 0
        for index in [i for i in present(self.folder) if i not in self.seen][:limit]:
            self.seen.add(index)
            file = self.cache / f"latents-{index:06d}.safetensors"
            if not file.exists():
                with written_whole(file) as temporary:
                    save_file(self._encode(index, tokenizer, text_encoder), temporary)
            part = load_file(file)
            self._append(part)
            added += len(part["latents"])
        return added

    def _append(self, part: dict[str, Tensor]) -> None:
        """Amortised growth: each table doubles when it is full."""
        n = len(part["latents"])
        for name, value in part.items():
            value = value.to(self.vae.device)
            table = self.store.get(name)
            if table is None or len(table) < self.filled + n:
                size = max(1024, 2 * (self.filled + n))
                grown = torch.empty(size, *value.shape[1:], dtype=value.dtype, device=value.device)
                if table is not None:
                    grown[: self.filled] = table[: self.filled]
                self.store[name] = table = grown
            table[self.filled : self.filled + n] = value
        self.filled += n

    @torch.no_grad()
    def _encode(self, index: int, tokenizer, text_encoder) -> dict[str, Tensor]:
        clips, directives = read_shard(self.folder, index)
        rng = np.random.default_rng([index, len(clips)])
        key_index = rng.integers(0, clips.shape[1], (len(clips), KEYFRAMES))
        latents, key_latents = [], []
        for start in range(0, len(clips), 16):
            block = clips[start : start + 16]
            latents.append(self._latents(block))
            rows = np.arange(len(block))[:, None]
            keys = block[rows, key_index[start : start + 16]]  # [B,K,H,W,3]
            z = self._latents(keys.reshape(-1, 1, *keys.shape[2:]))
            key_latents.append(z[:, :, 0].unflatten(0, (-1, KEYFRAMES)))
        tables = {
            "latents": torch.cat(latents),
            "key_latents": torch.cat(key_latents),
            "key_index": torch.from_numpy(key_index),
            "text": encode_text([d.narrative for d in directives], tokenizer, text_encoder, self.text_slots),
            **self.tag_encoder.tokenize(directives, self.tag_slots)._asdict(),
        }
        # Spans keep full precision: a 33rd of a shot must stay a 33rd.
        return {
            name: (value.bfloat16() if value.is_floating_point() and name != "span" else value)
            .cpu()
            .contiguous()
            for name, value in tables.items()
        }

    def _latents(self, clips: np.ndarray) -> Tensor:
        return self.vae.normalise(self.vae.encode(to_pixels(clips, self.vae.device)).latents)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, TagBatch]:
        """latents, key_latents, key_index, text and tags of the given row numbers."""
        s = {name: table[rows] for name, table in self.store.items()}
        tags = TagBatch(*(s[name] for name in TagBatch._fields))
        return s["latents"], s["key_latents"], s["key_index"], s["text"], tags
