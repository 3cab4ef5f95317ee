"""line_style: weight, hand and ink of the outlines, from cross-sections of them in the whole pictures."""

from __future__ import annotations

from animatrix.caption.measure.linear_table import table
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import LINE_STYLE, LineStyleThresholds

SHOWN = ("figure", "lined", "width_50", "width_90", "ragged", "ink_light", "tint_match", "contour_over_inner")


@measures("line_style")
def line_style(shot: Shot, limits: LineStyleThresholds = LINE_STYLE) -> list[Finding] | Abstention:
    """One style; abstains where a line is less than a pixel wide, where there is no figure, and in doubt."""
    height = min((still.height for still in shot.stills), default=0)
    if height < limits.min_lines:
        return Abstention(f"a picture of {height} lines does not show the weight of a line")
    found = shot.inking
    fitted = table("line_style")
    chances = fitted.chances(found)
    value = max(chances, key=lambda v: chances[v])
    evidence = {name: round(found[name], 3) for name in SHOWN}
    if fitted.strangeness(found) > limits.most_strange:
        return Abstention("the lines are unlike any that were measured", evidence)
    if value != "lineless" and found["strokes"] < limits.least_strokes:
        return Abstention("too few lines", evidence)
    if chances[value] < limits.least:
        return Abstention("the line lies between two styles", {**evidence, value: round(chances[value], 3)})
    return [Finding(value, chances[value], None, evidence)]
