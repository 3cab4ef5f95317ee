"""palette: the colour plan of the frame, from how saturation, lightness and hue spread over it."""

from __future__ import annotations

import numpy as np

from animatrix.caption.measure.linear_table import table
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import PALETTE, PaletteThresholds
from animatrix.caption.measure.tone import colour_numbers, looked_at

_SHOWN = ("saturation", "chroma", "lightness", "dark_share", "grey_share", "plain_three", "hue_entropy")


@measures("palette")
def palette(shot: Shot, limits: PaletteThresholds = PALETTE) -> list[Finding] | Abstention:
    """One value, by a linear table over colour statistics of a few frames of the shot."""
    picks = looked_at(shot)
    if float(shot.gray[picks].std(axis=(1, 2)).max()) < limits.least_detail:
        return Abstention("the picture is empty")
    numbers = colour_numbers(shot.colour[picks])
    evidence = {name: round(numbers[name], 3) for name in _SHOWN}
    if numbers["chroma_most"] < limits.grey:
        # By definition, whatever a table says: greys with no spot of colour among them.
        return [Finding("monochrome", limits.grey_sure, None, evidence)]
    fitted = table("palette")
    chances = fitted.chances(numbers)
    value = max(chances, key=lambda v: chances[v])
    strange = fitted.strangeness(numbers)
    if strange > limits.most_strange:
        return Abstention("colour statistics of another kind than any that was fitted", evidence)
    sure = chances[value] * float(np.clip(1 - 2 * strange, 0, 1))
    return [Finding(value, sure, None, evidence)]
