"""How a transformer that adds to Wan's is loaded: from its own checkpoints and from Wan's, which lack that.

A checkpoint fits exactly or is refused by the first key that does not; only whole groups of added weights may
be absent, and are then silent (:data:`ADDED`). The caches of diffusers that give wrong results on Wan are
refused, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Self

import torch
from diffusers import TaylorSeerCacheConfig
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed, WanTransformer3DModel
from torch import Tensor

from animatrix.errors import AniMatrixError, Code
from animatrix.model.key_names import first_wrong_key
from animatrix.model.parts import arguments

# What diffusers would accept and run wrong: each was run on stock Wan.
REFUSED_CACHES = {
    "PyramidAttentionBroadcastConfig": "gives the pass without a prompt the attention of the pass with one",
    "FasterCacheConfig": "mixes the passes with and without a prompt",
    "TextKVCacheConfig": "does nothing on Wan; keys and values are kept by prepare()",
}
# What a plain Wan lacks, by the start of its keys: a checkpoint has all of a group or nothing of it.
ADDED = ("tag_", "stand.", "cleanup.", "draft_embedding.", "cleanup.drafted.", "cleanup.matte.")
# diffusers means all attention by default, but its patterns match no layer of Wan.
TAYLOR_LAYERS = [r"blocks\.\d+\.attn[12]"]


class ExtendedWan(WanTransformer3DModel):
    """Wan's transformer for classes that add weights to it."""

    def open_missing(self) -> None:
        """Make what a checkpoint lacked (still on meta) silent, beside the other weights."""
        raise NotImplementedError

    @classmethod
    def from_wan(cls, wan: WanTransformer3DModel, **tag_options: Any) -> Self:
        """Adopt the weights of a Wan transformer (shared, not copied) and add fresh, zeroed tag paths.

        Args:
            wan: any Wan 2.1/2.2 transformer, already loaded.
            tag_options: the arguments this class adds to Wan's.
        Raises:
            ValueError: if a weight of ``wan`` has no place here, or one here was not filled.
        """
        model = cls.from_state({**arguments(wan.config), **tag_options}, wan.state_dict())
        model.rope = wan.rope  # not in the state dict, and perhaps on another device
        return model.train(wan.training)

    @classmethod
    def from_state(cls, config: dict[str, Any], state: Mapping[str, Tensor]) -> Self:
        """A model that adopts the tensors of ``state``, in diffusers' names; absent tag paths start at zero.

        Raises:
            ValueError: naming the first key that is missing or has no place; nothing is adopted by halves.
        """
        with torch.device("meta"):
            model = cls(**config)
        missing, unexpected = model.load_state_dict(state, strict=False, assign=True)
        missing = [k for k in missing if not k.startswith(ADDED)]
        if missing or unexpected:
            raise ValueError(f"not the weights of this Wan config: {(missing + unexpected)[0]}")
        model.rope = WanRotaryPosEmbed(
            model.config.attention_head_dim, model.config.patch_size, model.config.rope_max_seq_len
        ).to(model.patch_embedding.weight.device)
        model.open_missing()
        return model

    @classmethod
    def from_single_file(cls, path: Any, *args: Any, **kwargs: Any) -> Self:
        """:func:`animatrix.model.loading.load_transformer`. diffusers' own renames the keys of a file that
        needs none, and loses weights without a word.
        """
        from animatrix.model.loading import load_transformer

        return load_transformer(path, *args, **kwargs)

    @classmethod
    def _load_pretrained_model(
        cls, model: Any, state_dict: Any, files: Any, name: Any, loaded_keys: list[str], **kwargs: Any
    ) -> Any:
        """diffusers' loading, for a checkpoint that fits exactly; a plain Wan folder gets fresh tag paths."""
        if kwargs.get("hf_quantizer") is None:
            expected, ignored = model.state_dict().keys(), cls._keys_to_ignore_on_load_unexpected
            have = [k for k in loaded_keys if not any(part in k for part in ignored)]
            fresh = fresh_keys(expected, have)
            first_wrong_key(str(name), [k for k in expected if k not in fresh], have)
        loaded = super()._load_pretrained_model(model, state_dict, files, name, loaded_keys, **kwargs)
        model.open_missing()
        return loaded

    def enable_cache(self, config: Any) -> None:
        """diffusers' ``enable_cache``, less what gives wrong results on Wan (REFUSED_CACHES), and with
        TaylorSeer's default layers named.

        Raises:
            AniMatrixError: BAD_OPTION for one of those.
        """
        name = type(config).__name__
        if name in REFUSED_CACHES:
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"{name.removesuffix('Config')} {REFUSED_CACHES[name]}",
                "use FirstBlockCacheConfig, MagCacheConfig or TaylorSeerCacheConfig",
            )
        if isinstance(config, TaylorSeerCacheConfig) and not (
            config.use_lite_mode or config.cache_identifiers or config.skip_predict_identifiers
        ):
            config = replace(config, cache_identifiers=TAYLOR_LAYERS)
        super().enable_cache(config)


def fresh_keys(expected: Iterable[str], have: Iterable[str]) -> set[str]:
    """Of the keys of a model, those of the groups in :data:`ADDED` that a checkpoint has nothing of."""
    absent = tuple(group for group in ADDED if not any(key.startswith(group) for key in have))
    return {key for key in expected if absent and key.startswith(absent)}
