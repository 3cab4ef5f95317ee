"""Drawings: when they change, how fast, and how. Every number with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CadenceThresholds:
    """Change is measured in units of the picture's own tolerance (see ``Drawings``)."""

    blur: float = 0.8
    """Gaussian sigma before comparing, pixels: takes the edge off grain and of interpolation."""
    plate_frames: int = 13
    """Frames, evenly over the shot, of whose median the plate is made."""
    tolerance: float = 3.0
    """Gray levels that two frames of one held drawing may differ by, beside one pixel's gradient."""
    flash_level: float = 1.0
    flash_area: float = 0.6
    """A step in which so large a share of blocks changes is a flash or a cut, not a drawing."""
    held_offset: float = 0.25
    held_gain: float = 7.0
    """The most change a held drawing shows is offset + gain * noise, noise being that of the median block.
    Measured: 0.0 to 0.2 at noise 0.01 (clean), 0.25 to 0.6 at 0.07 to 0.10 (soft, shimmering blocks)."""
    split_share: float = 0.8
    """Least share of the variance of log change that two kinds explain; one Gaussian kind gives 0.64."""
    least_contrast: float = 1.5
    """Two kinds of step exist only when the livelier is so many times the calmer."""
    plain: float = 3.0
    """Contrast from which two kinds of step are told apart without a beat."""
    beat_certainty: float = 4.0
    """Welch's t of steps on a beat against those off it; 20 holds and phases are tried on 32 steps. Measured:
    3.5 to 16 on idling figures under a move, to 2 on held ones but for pulses of the whole picture."""
    suspected: float = 2.5
    """... from which a shot is not surely held still."""
    beat_gap: float = 0.4
    beat_pulse: float = 3.0
    """Least gain of log change on the beat, and that in gains of the median block: codecs give 2.4, 2.6."""


CADENCE = CadenceThresholds()


@dataclass(frozen=True)
class CadenceTagThresholds:
    min_frames: int = 8
    """A third of a second: less cannot show a rhythm."""
    least_detail: float = 1.5
    """Standard deviation in gray levels of the liveliest frame, below which there is nothing drawn."""
    hold: int = 8
    """Runs at 24 fps from which a drawing is a hold between actions, not a beat of one."""
    majority: float = 0.5
    """Least share of runs of one length."""
    pure: float = 0.75
    """Share of one length from which two modes are not looked for."""
    part: int = 3
    """Fewest runs in either part of a modulated shot."""
    part_purity: float = 0.75
    most_noise: float = 1.0
    """Median-block change above which there is no plate to compare with: rain, dissolves, a lost camera."""
    most_flash: float = 0.34
    most_joined: float = 0.6
    doubted: float = 0.6
    """What a held drawing's confidence is worth where a beat is suspected."""
    restless: float = 0.7
    """Share of steps with something new from which a set in depth may be what is new."""
    least_even: float = 0.33
    """Share of moving points that go with one layer, below which the set is in depth. Measured: 0.04 to 0.23
    there, 0.43 and more under a figure on ones."""
    plain_change: float = 0.8
    """Change, as drawings count it, from which a drawing on every frame under a moving camera is not taken
    for a prop that slides at its own speed. Measured: 0.4 to 0.6 for such props, mostly above 0.7 on ones."""


DRAWING_CADENCE = CadenceTagThresholds()


@dataclass(frozen=True)
class MotionEnergyThresholds:
    """Lengths in frames at 24 fps, ``levels`` gray levels."""

    min_frames: int = 3
    least_detail: float = 1.5
    most_noise: float = 0.3
    """Change of the median block, as drawings count it; above, weather or grain moves everywhere."""
    most_flash: float = 0.3
    levels: int = 12
    every: int = 12
    most_pairs: int = 6
    least_hold: int = 18
    hold_share: float = 0.7
    explosive_speed: float = 0.033
    """Frame heights a frame; the taxonomy's 0.06, of which flow over drawings on twos shows about half."""
    explosive_sweep: tuple[float, float] = (0.05, 0.3)
    explosive_noise: float = 0.1


MOTION_ENERGY = MotionEnergyThresholds()


@dataclass(frozen=True)
class TimeTreatmentThresholds:
    """Lengths in frames at 24 fps, changes in gray levels of the liveliest 8x8 block."""

    min_frames: int = 14
    least_detail: float = 1.5
    least_length: float = 12.0
    """The taxonomy's own: the whole frame identical for 12 frames or more."""
    still_pixels: float = 0.1
    codec_levels: float = 3.0
    most_drift: float = 5.0
    beside_seconds: float = 0.5
    moves_pixels: float = 0.3
    least_lively: int = 2


TIME_TREATMENT = TimeTreatmentThresholds()


@dataclass(frozen=True)
class LimitedTechniqueThresholds:
    """Counts in drawings; ``tremble_rate`` new drawings a frame at 24 fps."""

    min_frames: int = 6
    least_detail: float = 1.5
    most_noise: float = 0.3
    most_flash: float = 0.3
    tremble_rate: float = 0.15
    tremble_steps: int = 5
    tremble_every: int = 3
    boil_drawings: int = 3
    """A pose is retraced two or three times; a cycle of motion has more drawings."""
    longest: int = 8
    least_returns: int = 4
    probes: int = 4
    least_probes: int = 2
    least_change: float = 0.25
    """Difference, in shifts by a pixel, that parts two drawings."""
    returned: float = 0.45
    """Share of it that may be left when a drawing returns: 0 to 0.2 there, 0.9 and more elsewhere."""


LIMITED_TECHNIQUE = LimitedTechniqueThresholds()
