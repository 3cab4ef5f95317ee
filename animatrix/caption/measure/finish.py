"""finish: filters and textures over the whole picture, from smooth light, fine texture and colour fringes."""

from __future__ import annotations

from animatrix.caption.measure.light_field import light_numbers
from animatrix.caption.measure.linear_table import table
from animatrix.caption.measure.print_texture import switch_numbers, texture_numbers
from animatrix.caption.measure.registry import Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot
from animatrix.caption.measure.thresholds import FINISH, FinishThresholds
from animatrix.caption.measure.tone import looked_at

# value -> the numbers that a reader of the evidence wants to see
_SHOWN = {
    "diffusion": ("crisp_9", "soft_broad", "diffused_fit"),
    "para": ("para_amount", "para_fit", "para_blue"),
    "color_flare": ("flare_amount", "flare_fit", "flare_red"),
    "vignette": ("vignette_amount", "vignette_fit", "vignette_least"),
    "chromatic_aberration": ("fringe_amount", "fringe_fit"),
    "film_grain": ("flicker", "texture", "kept"),
    "paper_texture": ("texture", "lasting", "kept"),
    "analog_video": ("rows_amount", "rows_share"),
    "harmony_still": ("switch", "switch_like", "switch_held"),
    "none": ("texture", "flicker", "vignette_fit", "fringe_fit", "crisp_9"),
}


def finish_numbers(shot: Shot) -> dict[str, float]:
    """Everything the finish is told by; the shot must have a still."""
    frames = shot.colour[looked_at(shot)]
    return {**light_numbers(frames), **texture_numbers(shot), **switch_numbers(shot.gray)}


@measures("finish")
def finish(shot: Shot, limits: FinishThresholds = FINISH) -> list[Finding] | Abstention:
    """The one filter that stands out, or none; two filters at once leave neither sure.

    Grain that a codec has quantised away cannot be seen, and is read as none at a lower confidence.
    """
    if not shot.stills:
        return Abstention("no whole picture was kept")
    if all(still.twin is None for still in shot.stills):
        return Abstention("a single frame does not show what changes from frame to frame")
    if shot.detail < limits.least_detail:
        return Abstention("the picture is empty")
    numbers = finish_numbers(shot)
    fitted = table("finish")
    chances = fitted.chances(numbers)
    value = max(chances, key=lambda v: chances[v])
    evidence = {name: round(numbers[name], 3) for name in _SHOWN[value]}
    if fitted.strangeness(numbers) > limits.most_strange:
        return Abstention("texture and light of another kind than any that was fitted", evidence)
    span = None
    if value == "harmony_still":
        span = shot.span(int(numbers["switch_at"]), len(shot.gray) - 1)
    return [Finding(value, chances[value], span, evidence)]
