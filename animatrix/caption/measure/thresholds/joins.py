"""Cuts, transitions and impact frames. Every number with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CutThresholds:
    """Lengths in frames of film (24 a second), changes in gray levels of a 32x18 picture."""

    interruption: float = 6.0
    """A picture that returns after so many frames was interrupted, not cut: the taxonomy's flash cut."""
    shortest: int = 3
    """Frames of the container: no shot is shorter."""
    least_step: float = 3.0
    least_peak: float = 1.2
    """A cut is a step of so many levels and so many times the liveliest of its calmer side."""
    returned: float = 0.5
    """What is left of a change after an interruption of up to six frames, below which nothing was cut."""
    most_pinned: float = 0.2
    """Share of drawn blocks that stay where they are from which the ground was changed, not the shot."""
    blackout: float = 12.0
    """A picture that returns after so many black or white frames is the same shot."""
    flash: float = 4.0
    least_flash: float = 40.0
    flash_left: float = 0.2
    """A blank of so few frames, entered and left in steps of so many levels, is an impact frame when so
    little of the steps is left between the pictures around it. Measured: up to 0.17 across an impact frame,
    0.65 and up across a flash at a cut."""
    faded_ncc: float = 0.9
    same_together: float = 0.35
    same_ncc: float = 0.8
    same_share: float = 0.5
    """Correlation of blocks and share of blocks found again from which two pictures show the same place."""
    least_drawn: float = 0.3
    """Share of blocks that must show something to compare a place before and after a black: the last of an
    iris shows a small round hole, whatever is in it."""
    whip_pace: float = 8.0
    whip_streak: float = 0.4
    whip_length: float = 14.0
    """Mean step on either side of a cut in a whip, and change of log(contrast across / contrast down) within
    so many frames before it. Measured in whips: 8 to 22 and 0.46 to 1.5; of other cuts between moving shots
    none has more than 7.6 together with 0.4."""
    whip_certainty: float = 0.25
    longest: float = 48.0
    """Frames kept: the longest gradual join, with a plateau at either end."""
    windows: tuple[float, ...] = (12, 18, 24, 32, 40)
    least_spread: float = 12.0
    least_change: float = 10.0
    least_ramp: float = 4.0
    still_rising: float = 0.65
    """Pace beyond either end, in shares of the pace between, at which a wipe is not over."""
    most_uneven: float = 0.15
    longest_wipe: float = 24.0
    """Frames at 24 fps: a wipe is a gesture of half a second, seldom of a whole one."""
    half_ncc: float = 0.83
    """Likeness of the picture half-way to either end above which it is no blend. Measured: 0.68 to 0.79 in
    dissolves and wipes, 0.85 and 0.95 in slow moves over fine railings."""
    most_blended: float = 0.5
    sure_blended: float = 0.12
    least_dip: float = 0.86
    even_wipe: float = 0.06
    even_laid: float = 0.27
    rather_laid: float = 0.5
    """A share that rises with so little error is a wipe's even when the patchwork leaves more unexplained,
    as long as it leaves half of what a blend does: figures are redrawn while the wipe goes over them."""
    most_laid: float = 0.19
    """Change that neither a blend nor a patchwork explains. Within a dissolve a patchwork leaves 0.25, within
    a wipe a blend leaves 0.33; a blend loses up to half of the variance."""


CUTS = CutThresholds()


@dataclass(frozen=True)
class InterruptionThresholds:
    """Changes in gray levels of a 32x18 picture."""

    longest: float = 6.4
    """Frames of film: the taxonomy's longest flash cut, and a frame lost to another rate."""
    least_change: float = 8.0
    most_left: float = 0.55
    """What may be left of the change once the picture has returned: the figure moved on, the camera too."""


INTERRUPTION = InterruptionThresholds()


@dataclass(frozen=True)
class ImpactThresholds:
    """Limits of the tones (``measure/impact_frame.py``), midway between the kinds on training cases."""

    min_frames: int = 3
    longest: float = 4.4
    softness: float = 0.12
    least: float = 0.3
    negative: float = 0.55
    opposite: float = -0.2
    """Measured on negatives: -0.36 and below."""
    all_dark: float = 0.8
    black_mean: float = 0.14
    all_light: float = 0.7
    white_dark: float = 0.035
    white_chroma: float = 0.1
    white_mean: float = 0.82
    no_chroma: float = 0.05
    ink_detail: float = 2.0
    """Ink sketches have 4 to 7 times the fine contrast of the frame before, other drawings 0.6 to 1.3."""
    ink_dark: float = 0.03
    ink_light: float = 0.3
    off_line: float = 0.06
    """Colour variance off one line: up to 0.03 in tints and silhouettes, 0.09 and up in other pictures."""
    bright_ground: float = 0.62
    figure_dark: float = 0.008
    figure_solid: float = 0.4
    most_detail: float = 1.0
    kept: float = 0.9
    strong_chroma: float = 0.28
    before: float = 0.015
    radial: float = 0.38
    """Bursts: 0.52 and up, silhouettes on a graded ground 0.32 to 0.39, others up to 0.23."""
    unlike: float = 0.4
    burst_chroma: float = 0.2


IMPACT = ImpactThresholds()


@dataclass(frozen=True)
class TransitionThresholds:
    """Lengths in frames of film, changes in gray levels of a 16x9 picture."""

    min_frames: int = 3
    windows: tuple[float, ...] = (8, 12, 16, 24, 32)
    longest: float = 36.0
    least_length: float = 3.5
    least_change: float = 8.0
    most_left: float = 0.3
    """What the first frame of a rise may already show."""
    most_uneven: float = 0.1
    most_uneven_iris: float = 0.2
    most_blended: float = 0.3
    most_laid: float = 0.15
    most_flashes: int = 3
    most_returned: float = 0.45
    flash_ncc: float = 0.75
    flash_together: float = 0.35
    """Likeness of blocks from which an interruption shows the same picture otherwise lit or moved."""


TRANSITION = TransitionThresholds()
