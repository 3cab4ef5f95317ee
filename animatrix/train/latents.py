"""Rendered shards to what the transformer trains on: latents, keyframe latents, text states and tag integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from animatrix.model.tags import TagBatch, TagEncoder
from animatrix.model.text import encode_text
from animatrix.model.vae import AutoencoderNano
from animatrix.train.shards import follow, shard_paths
from animatrix.train.vae_train import to_pixels

KEYFRAMES = 3  # random frames of each clip kept as single-image latents


class LatentPool:
    """A growing set of encoded clips on one device, fed from a folder of shards.

    Attributes: latents [N,C,F,h,w], key_latents [N,K,C,h,w], key_index int [N,K], text [N,S,D] (bf16 on a GPU),
    tags: a :class:`TagBatch` of [N,T].
    """

    def __init__(self, folder: Path, vae: AutoencoderNano, tags: TagEncoder, tag_slots: int, text_slots: int) -> None:
        self.folder, self.vae, self.tag_encoder = folder, vae, tags
        self.tag_slots, self.text_slots = tag_slots, text_slots
        self.seen: set[int] = set()
        self.store: dict[str, Tensor] = {}
        self.filled = 0  # clips in the tables

    def grow(self, tokenizer, text_encoder, limit: int = 8, consume: bool = False) -> int:
        """Encode up to ``limit`` new shards; with ``consume`` their frames are deleted from disk. Returns clips added."""
        added = 0
        for _, (index, clips, directives) in zip(range(limit), follow(self.folder, self.seen), strict=False):
            text = encode_text([d.narrative for d in directives], tokenizer, text_encoder, self.text_slots)
            part = self._encode(clips, index) | {"text": text}
            part |= self.tag_encoder.tokenize(directives, self.tag_slots)._asdict()
            self._append(part)
            added += len(clips)
            if consume:
                shard_paths(self.folder, index)[0].unlink()
        return added

    def _append(self, part: dict[str, Tensor]) -> None:
        """Amortised growth: each table doubles when it is full."""
        n = len(part["latents"])
        for name, value in part.items():
            if value.is_floating_point() and name != "span":
                value = value.to(torch.bfloat16)
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
    def _encode(self, clips: np.ndarray, seed: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([seed, len(clips)])
        latents, key_latents = [], []
        key_index = rng.integers(0, clips.shape[1], (len(clips), KEYFRAMES))
        with torch.autocast(self.vae.device.type, dtype=torch.bfloat16, enabled=self.vae.device.type == "cuda"):
            for start in range(0, len(clips), 16):
                block = clips[start : start + 16]
                z = self.vae.encode(to_pixels(block, self.vae.device)).latents
                latents.append(self.vae.normalise(z.float()))
                rows = np.arange(len(block))[:, None]
                keys = block[rows, key_index[start : start + 16]]  # [B,K,H,W,3]
                z = self.vae.encode(to_pixels(keys.reshape(-1, 1, *keys.shape[2:]), self.vae.device)).latents
                key_latents.append(self.vae.normalise(z.float())[:, :, 0].unflatten(0, (-1, KEYFRAMES)))
        return {
            "latents": torch.cat(latents),
            "key_latents": torch.cat(key_latents),
            "key_index": torch.from_numpy(key_index),
        }

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, TagBatch]:
        """latents, key_latents, key_index, text and tags of the given row numbers."""
        s = {name: table[rows] for name, table in self.store.items()}
        tags = TagBatch(*(s[name] for name in TagBatch._fields))
        return s["latents"], s["key_latents"], s["key_index"], s["text"], tags
