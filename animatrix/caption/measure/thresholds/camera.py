"""The camera, its layers, and what it follows. Every number with where it comes from."""

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
class DepthThresholds:
    """What tells a layer of the set from a part of the figure; fitted on shots of the training split."""

    least_points: int = 40
    straight: float = 0.15
    still: float = 0.15
    """Speed in plates below which a point stays put on the screen."""
    on_plate: float = 0.05
    """Difference of speed, in plates, up to which a layer is the plate itself."""
    least_slow: float = 0.15
    most_slow: float = 0.76
    least_fast: float = 1.25
    """Speeds of other layers relative to the first. The reference says 1.15; a figure's own sway
    lies within 1.25."""
    above: float = 0.08
    """How much lower in the frame than the plate's middle a layer that outruns it may lie: near and low ones
    outrun it under any camera that travels, far and high ones only when the lens changes too."""
    full_share: float = 0.08
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
    turned: float = 0.45
    one_plate: float = 0.6
    """Share of the points that go with the plate from which it is no set turned about the figure, or no
    continuous depth. Measured: up to 0.25 in orbits, 0.33 to 0.85 where a figure is followed over a plate."""
    deep: float = 0.42
    deep_held: float = 0.45
    """Share of points of no layer from which depth is continuous, over several drawings and within one."""
    soft: float = 0.65
    """Sharpness of far layers, see ``layer_parallax``: measured 0.15 to 0.66 soft, 0.64 to 1.8 in focus."""
    eased: float = 1.2
    """Speed in the middle of the move over that at its ends, from which a frame is drawn along by a pan."""


TRAVEL = TravelThresholds()
