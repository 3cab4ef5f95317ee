"""Every number the measures decide by, with where it comes from; no other module holds a threshold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CameraThresholds:
    """Lengths are fractions of the frame width unless said otherwise."""

    corner_floor: tuple[float, float] = (2e-6, 3e-4)
    """Least corner strength. Measured: noise of sigma 1.5 gives 1e-5 to 3e-5, painted detail 3e-4 and up."""
    sigma: float = 0.0012
    """Width of the agreement kernel: 0.38 px at 320 wide. Tracking noise measured there is 0.05 to 0.2 px."""
    sigma_pixels: float = 0.25
    """... but never less than this many pixels: the tracker's own precision at 160 wide."""
    jump_cost: float = 0.25
    """Most that a change of motion between two steps may cost, in shares of support."""
    jump_scale: float = 0.01
    """Change of motion from which the full cost applies: cameras accelerate by less within a frame."""
    lost_support: float = 0.2
    """A step that explains less of the picture is set between its neighbours (a new drawing fills it)."""
    bridge: int = 4
    """Most frames an interruption lasts: impact frames last 1 to 3."""
    odd_levels: float = 8.0
    odd_times: float = 5.0
    odd_return: float = 0.45
    """An interruption changes a 16x9 thumbnail by so many gray levels and times the median step, and the
    frame after it is nearer to the frame before it than that share of the change."""
    link: int = 8
    """Frames over which steps are tied to one measurement: eight times the signal at the same error."""
    link_reach: float = 0.08
    """... or fewer, once the picture has moved this far: the tracker's pyramid follows 15% of the width."""
    link_support: float = 0.3
    """Less support and the link says nothing."""
    link_strays: float = 0.03
    """A link that differs by more follows something else than the steps do."""
    min_tracks: int = 10
    """Fewer corners leave four unknowns at the mercy of one error."""
    seek: int = 6
    kept_share: float = 0.75
    """Corners are sought every so many frames, and when fewer than that share of them is still followed."""


CAMERA = CameraThresholds()


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
class CameraMoveThresholds:
    """Amounts are content movement in shares of the frame width; zoom and turn as at half-way to the edge."""

    least_move: float = 0.012
    """Least move. A path drifts by under 0.4% of the width over 33 frames of 160x96, soft and shimmering;
    the slowest named speed, creeping, covers 0.05% a frame and so 1.7%."""
    softness: float = 0.2
    """Width of the logistic that turns distance from ``least_move`` into confidence, in units of it."""
    secondary: float = 0.3
    """A second value is named when it moves at least so much of the first (16 degrees off the axis)."""
    smooth_seconds: float = 0.25
    """Shake is faster, moves are slower."""
    full_support: float = 0.5
    """Median share of the tracked picture from which its agreement no longer limits the confidence."""
    whole_share: float = 0.7
    """A move over so much of the shot is the whole shot's; ease-in and ease-out take the rest."""
    trusted_share: float = 0.5
    """Share of steps that must have been seen, or the measure abstains."""
    min_frames: int = 5


CAMERA_MOVE = CameraMoveThresholds()


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
    doubted: float = 0.6
    """What a held drawing's confidence is worth where a beat is suspected."""
    restless: float = 0.7
    """Share of steps with something new from which a set in depth may be what is new."""
    least_even: float = 0.33
    """Share of moving points that go with one layer, below which the set is in depth. Measured: 0.04 to 0.23
    there, 0.43 and more under a figure on ones."""


DRAWING_CADENCE = CadenceTagThresholds()


@dataclass(frozen=True)
class FollowThresholds:
    every: int = 2
    most_looks: int = 40
    """Frames between looks at the subject, and about how many looks a long shot gets."""
    levels: float = 10.0
    """Gray levels, beside 1.5 times the local slope, by which a subject differs from the plate."""
    least_area: float = 0.01
    most_area: float = 0.6
    """Shares of the frame a subject may fill; more is a plate that could not be told from it."""
    least_travel: float = 0.25
    """Shares of the width the camera must travel: at 0.2 a large figure on the plate was once mistaken."""
    most_share: float = 0.3
    """Most that a followed subject moves on the screen per unit of plate motion (1 when it stands on it)."""


FOLLOW = FollowThresholds()


@dataclass(frozen=True)
class MoveSpeedThresholds:
    up_to: tuple[tuple[str, float], ...] = (
        ("creeping", 0.0005),
        ("slow_move", 0.003),
        ("medium_move", 0.012),
        ("quick", 0.06),
        ("whip", float("inf")),
    )
    """Upper limits in shares of the width per film frame, as the taxonomy defines the values."""
    clear: float = 0.35
    """Log distance from a limit at which the value is certain."""


MOVE_SPEED = MoveSpeedThresholds()


@dataclass(frozen=True)
class CameraShakeThresholds:
    """Shares of the frame height."""

    smooth_seconds: float = 0.3
    steady: float = 0.0012
    """Jitter up to which a camera is called steady, and the same in pixels of analysis size: tracking error
    alone is 0.02 to 0.08 pixels, more than the taxonomy's 0.05% at 96 lines."""
    steady_pixels: float = 0.1
    shake: float = 0.004
    violent: float = 0.02
    """Lower limits of screen_shake and violent_shake, as the taxonomy defines them."""
    least_turns: float = 0.35
    """Share of frames on which the jitter changes direction; a sway or an ease has few."""
    trusted_share: float = 0.7
    min_frames: int = 12
    least_sway: float = 0.0007
    """RMS about a smooth trend, in the axis with less of it. Measured: 0.1 to 0.17% of the height when
    carried, 0.05% at most on the stand; the taxonomy's band begins at 0.05%."""
    sway_turns: tuple[float, float] = (2.0, 8.0)
    """Turns a second of a sway below 4 Hz; an ease has one, a shake twenty."""
    sway_smooth: float = 0.12
    sway_seconds: float = 1.0
    sway_support: float = 0.6
    travels: float = 0.03
    along: float = 3.0
    """In a move of so much of the width, jitter along it counts up to so many times that across it."""


CAMERA_SHAKE = CameraShakeThresholds()


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
    faded_ncc: float = 0.9
    same_together: float = 0.35
    same_ncc: float = 0.8
    same_share: float = 0.5
    """Correlation of blocks and share of blocks found again from which two pictures show the same place."""
    least_drawn: float = 0.3
    """Share of blocks that must show something to compare a place before and after a black: the last of an
    iris shows a small round hole, whatever is in it."""
    whip_pace: float = 5.0
    whip_streak: float = 0.3
    """Mean step on either side of a cut in a whip, and change of log(contrast across / contrast down)."""
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
    most_laid: float = 0.19
    """Change that neither a blend nor a patchwork explains. Within a dissolve a patchwork leaves 0.25, within
    a wipe a blend leaves 0.33; a blend loses up to half of the variance."""


CUTS = CutThresholds()


@dataclass(frozen=True)
class LayerThresholds:
    reach: float = 0.06
    least_reach: float = 0.012
    longest: int = 16
    """A stretch is long enough once the plate has moved that share of the width, or after so many frames if
    it has moved the lesser share; the tracker's pyramid follows 15% of the width."""
    least_held: float = 0.005
    """The same within one drawing: the figure's own motion is out of the way."""
    stretches: int = 6
    least_tracks: int = 12
    least_pixels: float = 0.8
    least_shift: float = 0.0047
    """Where the plate itself moves less, in pixels or in shares of the width (about the centre of a zoom),
    nothing can be told."""
    tracking: float = 0.35
    """Pixels by which a tracked point may be off."""
    straight: float = 0.15
    """Most that a point of a layer goes across the plate's motion, in plates."""
    band: float = 0.08
    """Half width of a group of equal speeds, in shares of the speed."""
    least_group: int = 5
    least_share: float = 0.025
    """Fewest points, and least share of them, that make a layer."""
    apart: float = 0.04
    """Least difference of speed, in plates, from which a layer does not go with the plate."""
    least_wide: float = 0.3
    least_lasting: float = 0.3
    """Least reach of such a layer across the frame, and share of stretches that show it: the limbs of a
    running figure reach 0.27."""


LAYERS = LayerThresholds()


@dataclass(frozen=True)
class GraphicDeviceThresholds:
    min_frames: int = 5
    min_side: int = 64
    every: int = 10
    most_samples: int = 10
    """Frames between looks, and most looks: a look costs 4 ms."""
    least: float = 0.6
    """Least chance, by the fitted table, at which a device or its absence is named."""
    least_strokes: float = 0.85
    """The same of motion lines on one frame: fences and shoes make thin light strokes as well."""
    least_span: int = 6
    """Frames at 24 fps for which a device is open at the least."""
    alone: float = 0.8
    """What one sample of several counts: a device is held, a chance likeness is not."""
    most_strange: float = 0.12
    """Share of features beyond everything fitted, from which the table knows nothing of such pictures."""
    signs: tuple[tuple[str, str, float], ...] = (
        ("focus_lines", "radial_border", 0.12),
        ("speed_line_background", "border_level_lines", 0.15),
        ("abstract_swirl", "spiral1", 0.12),
    )
    """What a device must show, as the taxonomy defines it, whatever the table says: value, feature, least."""


GRAPHIC_DEVICE = GraphicDeviceThresholds()


@dataclass(frozen=True)
class DepthThresholds:
    """What tells a layer of the set from a part of the figure; fitted on shots of the training split."""

    least_points: int = 40
    straight: float = 0.15
    still: float = 0.15
    """Speed in plates below which a point stays put on the screen."""
    least_slow: float = 0.15
    most_slow: float = 0.76
    least_fast: float = 1.25
    """Speeds of other layers relative to the first. The reference says 1.15; a figure's own sway
    lies within 1.25."""
    above: float = 0.08
    """How much lower in the frame than the plate's middle a layer that outruns it may lie: near and low ones
    outrun it under any camera that travels, far and high ones only when the lens changes too."""
    full_share: float = 0.04
    full_width: float = 0.4
    full_lasting: float = 0.7
    full_height: float = 0.4
    """Share of points, width across the frame, share of stretches and height above the frame's lower edge
    from which a group of equal speeds is surely a layer. A running figure's limbs reach 0.2 across and lie
    low."""


DEPTH = DepthThresholds()


@dataclass(frozen=True)
class TravelThresholds:
    """Which name a move has, given the depth in it."""

    layered: float = 0.5
    """Least certainty of a second layer from which a pan is a truck, a tilt a crane and a track a dolly."""
    follows: float = 0.09
    """Least share of points that stay put on the screen within one drawing: the cel of a followed figure."""
    keeps: float = 0.05
    """The same in a zoom, where fewer points of the plate move enough to tell: a dolly zoom."""
    most_even: float = 0.6
    """Among the points that move, the share that goes with the first layer below which there is no plate."""
    circled: float = 0.8
    """Share of the standing points that stand over several drawings too: a runner's do not, a model's do."""
    deep: float = 0.42
    deep_held: float = 0.45
    """Share of points of no layer from which depth is continuous, over several drawings and within one."""
    soft: float = 0.65
    """Sharpness of far layers, see ``layer_parallax``: measured 0.15 to 0.66 soft, 0.64 to 1.8 in focus."""
    eased: float = 1.2
    """Speed in the middle of the move over that at its ends, from which a frame is drawn along by a pan."""


TRAVEL = TravelThresholds()


@dataclass(frozen=True)
class LineStyleThresholds:
    min_lines: int = 240
    """At 160x96 a full figure's outline is half a pixel wide: a hairline, a brush and a taper look alike."""
    least: float = 0.8
    """Least chance, by the fitted table, at which a style is named."""
    least_strokes: float = -0.7
    """Log of sections per line of the picture below which there is no figure to speak of."""
    most_strange: float = 0.12


LINE_STYLE = LineStyleThresholds()


@dataclass(frozen=True)
class ShadingTreatmentThresholds:
    min_lines: int = 240
    """At 160x96 the rows of hatching and the dots of a screen lie 2.5 pixels apart and melt."""
    least: float = 0.75
    least_strokes: float = -0.7
    most_strange: float = 0.12


SHADING_TREATMENT = ShadingTreatmentThresholds()


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


@dataclass(frozen=True)
class PaletteThresholds:
    least_detail: float = 1.5
    """Standard deviation in gray levels of the liveliest frame, below which there is nothing drawn."""
    most_strange: float = 0.2
    """Share of colour statistics that may lie outside the reach of the fitted table."""
    grey: float = 6.0
    """CIELAB chroma that every point of a grey picture stays under after 4:2:0 and a codec."""
    grey_sure: float = 0.97


PALETTE = PaletteThresholds()


@dataclass(frozen=True)
class FinishThresholds:
    least_detail: float = 1.5
    """As for the palette."""
    most_strange: float = 0.2


FINISH = FinishThresholds()


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
class FocusThresholds:
    """Lengths in frames; widths in pixels of a picture 160 wide."""

    min_side: int = 60
    every: int = 12
    most_samples: int = 6
    most_strange: float = 0.15
    claims: tuple[tuple[str, float], ...] = (("deep_focus", 0.85), ("rack_focus", 0.6))
    """Values named by the table, and the least chance of each; its others have a precision below 0.8."""
    narrowest: float = -0.7
    """Log of the median width of edges, below which they are grain: drawn pictures have -0.4, noise -1."""
    soft_edges: tuple[float, float] = (-0.15, 0.15)
    """Logs of the 5th and 20th percentile of the width of edges, above which a picture is all out of focus.
    Measured: -0.11 and 0.26 on nine in ten such pictures, -0.4 and -0.05 on nine in ten others."""


FOCUS = FocusThresholds()


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
