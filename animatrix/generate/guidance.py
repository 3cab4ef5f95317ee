"""Guidance with a scale per channel, and no pass that does not count.

    v = v_none + s_text (v_text - v_none) + s_tag (v_full - v_text)

``none`` sees neither text nor tags, ``text`` the narrative, ``full`` both. Written as a weighted sum a pass
whose weight is zero is never run: with equal scales two passes, with both 1 one.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

PASSES = ("none", "text", "full")


def guidance_weights(
    text_scale: float, tag_scale: float, *, has_text: bool, has_tags: bool
) -> dict[str, float]:
    """Weight of each pass; they sum to 1. Only passes with a weight are listed, in the order of ``PASSES``.

    Without tags ``full`` is ``text``; without text ``text`` is ``none``: their weights merge and the pass is
    saved.
    """
    weights = {"none": 1 - text_scale, "text": text_scale - tag_scale, "full": tag_scale}
    if not has_tags:
        weights["text"] += weights.pop("full")
    if not has_text:
        weights["none"] += weights.pop("text", 0.0)
    return {name: w for name, w in weights.items() if abs(w) > 1e-9}


def guided(velocity: Mapping[str, Tensor], text_scale: float, tag_scale: float) -> Tensor:
    """The guided velocity of the passes that were run.

    Differences, in the model's dtype and in this order: without tags it is bit for bit what Wan's pipelines
    compute from their conditional and unconditional pass.
    """
    match tuple(name for name in PASSES if name in velocity):
        case (only,):
            return velocity[only]
        case ("none", "text"):
            return velocity["none"] + text_scale * (velocity["text"] - velocity["none"])
        case ("none", "full"):
            return velocity["none"] + tag_scale * (velocity["full"] - velocity["none"])
        case ("text", "full"):
            return velocity["text"] + tag_scale * (velocity["full"] - velocity["text"])
    none, text, full = (velocity[name] for name in PASSES)
    return none + text_scale * (text - none) + tag_scale * (full - text)
