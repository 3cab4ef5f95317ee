"""Line, tone, colour, focus and devices of the picture. Every number with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


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
