"""Names of Wan's weights in its two layouts, and the exact check of a set of names.

Wan's own repositories name weights by position (``blocks.0.self_attn.q.weight``), diffusers by role
(``blocks.0.attn1.to_q.weight``). Converting the wrong one is silent corruption: ``norm3`` of the one is
``norm2`` of the other. So the layout is told first, every name and shape is compared, and only then is
anything renamed (by diffusers' own converter).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from animatrix.errors import AniMatrixError, Code

PREFIX = "model.diffusion_model."  # of single files made for ComfyUI

# diffusers' name -> Wan's; in this order, each at most once.
_TO_ORIGINAL = [
    (r"^condition_embedder\.(time|text)_embedder\.linear_1\.", r"\1_embedding.0."),
    (r"^condition_embedder\.(time|text)_embedder\.linear_2\.", r"\1_embedding.2."),
    (r"^condition_embedder\.time_proj\.", "time_projection.1."),
    (r"^condition_embedder\.image_embedder\.norm1\.", "img_emb.proj.0."),
    (r"^condition_embedder\.image_embedder\.ff\.net\.0\.proj\.", "img_emb.proj.1."),
    (r"^condition_embedder\.image_embedder\.ff\.net\.2\.", "img_emb.proj.3."),
    (r"^condition_embedder\.image_embedder\.norm2\.", "img_emb.proj.4."),
    (r"^scale_shift_table$", "head.modulation"),
    (r"^proj_out\.", "head.head."),
    (r"^(blocks\.\d+)\.scale_shift_table$", r"\1.modulation"),
    (r"^(blocks\.\d+)\.norm2\.", r"\1.norm3."),
    (r"^(blocks\.\d+)\.ffn\.net\.0\.proj\.", r"\1.ffn.0."),
    (r"^(blocks\.\d+)\.ffn\.net\.2\.", r"\1.ffn.2."),
    (r"^(blocks\.\d+)\.attn1\.", r"\1.self_attn."),
    (r"^(blocks\.\d+)\.attn2\.", r"\1.cross_attn."),
    (r"\.to_out\.0\.", ".o."),
    (r"\.to_([qkv])\.", r".\1."),
    (r"\.add_([kv])_proj\.", r".\1_img."),
    (r"\.norm_added_k\.", ".norm_k_img."),
]


def original_name(key: str) -> str:
    """Wan's own name of a weight or LoRA weight that diffusers calls ``key``; tag weights keep theirs."""
    for pattern, name in _TO_ORIGINAL:
        key = re.sub(pattern, name, key, count=1)
    return key


def first_wrong_key(where: str, expected: Iterable[str], have: Iterable[str]) -> None:
    """Refuse a set of keys that is not the expected one.

    Raises:
        AniMatrixError: MODEL_MISMATCH, naming the first key missing, or else the first that has no place.
    """
    expected, have = list(expected), list(have)
    present, known = set(have), set(expected)
    for key in expected:
        if key not in present:
            raise AniMatrixError(Code.MODEL_MISMATCH, f"{where} is not this model: {key} is missing")
    for key in have:
        if key not in known:
            raise AniMatrixError(Code.MODEL_MISMATCH, f"{where} is not this model: {key} has no place")
