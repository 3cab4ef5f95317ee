"""shading_treatment: fades, black masses, hatching, screentone, rims and highlights laid over a figure."""

from __future__ import annotations

from animatrix.caption.measure.linear_table import table
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import SHADING_TREATMENT, ShadingTreatmentThresholds

SHOWN = ("calm", "fade_2", "black_mass_0", "rows_both", "period_1", "dots", "rim_one", "white_spots")


@measures("shading_treatment")
def shading_treatment(
    shot: Shot, limits: ShadingTreatmentThresholds = SHADING_TREATMENT
) -> list[Finding] | Abstention:
    """One treatment or none; abstains on small pictures, in which dots and strokes melt together."""
    height = min((still.rgb.shape[0] for still in shot.stills), default=0)
    if height < limits.min_lines:
        return Abstention(f"a picture of {height} lines does not show how a figure is shaded")
    found = shot.inking
    fitted = table("shading_treatment")
    chances = fitted.chances(found)
    value = max(chances, key=lambda v: chances[v])
    evidence = {name: round(found[name], 3) for name in SHOWN}
    if fitted.strangeness(found) > limits.most_strange:
        return Abstention("the paint is unlike any that was measured", evidence)
    if found["strokes"] < limits.least_strokes:
        return Abstention("no figure can be told from its ground", evidence)
    if chances[value] < limits.least:
        return Abstention(
            "no treatment is plain, nor its absence", {**evidence, value: round(chances[value], 3)}
        )
    return [Finding(value, chances[value], None, evidence)]
