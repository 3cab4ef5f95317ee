"""How a shot is finished: line, shading, colour plan, ground manner, signs, effects, light and filters.

A rendering tradition or an era is a bundle of these; whatever the directive asks for by name comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from animatrix.knowledge import Directive

Spans = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Bundle:
    """What a tradition or an era brings: values of the fields, and paint and film of its own."""

    line: tuple[str, ...] = ()
    steps: str = ""
    treatments: tuple[str, ...] = ()
    palette: str = ""
    grade: str = ""  # paintbox grade where it differs from the palette
    background: str = ""
    finish: tuple[str, ...] = ()
    lights: tuple[str, ...] = ()
    paint: str = ""  # key of CEL_TREATMENTS
    film: tuple[str, ...] = ()  # keys of FILM
    weight: float = 1.0
    ink: float | None = None
    blurred: bool = False


TRADITIONS: dict[str, Bundle] = {
    "cel_anime": Bundle(),
    "graphic_flat": Bundle(("lineless",), "no_shadow", background="graphic_color_field"),
    "gekiga": Bundle(
        ("brush_ink",), "one_step", ("black_spotting", "hatching"), "muted", "", "line_drawn", weight=0.8
    ),
    "pencil_sketch": Bundle(
        ("rough_pencil",), "no_shadow", (), "muted", "", "line_drawn", paint="pencil_paint",
        film=("paper",), weight=1.3
    ),
    "ink_wash": Bundle(
        ("brush_ink",), "continuous_tone", (), "monochrome", "grey", "watercolor_wash",
        paint="ink_wash_paint", film=("silver", "paper"), weight=0.7,
    ),
    "storybook_watercolor": Bundle(
        ("color_trace",), "one_step", (), "", "", "watercolor_wash", paint="watercolour_paint",
        film=("paper",),
    ),
    "cutout_collage": Bundle(
        ("clean_uniform",), "no_shadow", (), "", "", "graphic_color_field", paint="cutout_paint",
        film=("paper",),
    ),
}  # fmt: skip
ERAS: dict[str, Bundle] = {
    "tv_1960s_monochrome": Bundle(
        ("bold_outline",), "no_shadow", (), "monochrome", "grey", "", ("film_grain",),
        film=("silver", "coarse_grain", "weave"), weight=1.35, ink=1.0,
    ),
    "tv_1970s": Bundle(
        ("bold_outline",), "one_step", (), "vivid", "", "", ("film_grain",),
        film=("specks",), weight=1.2, ink=1.0,
    ),
    "cel_1980s": Bundle(
        (), "one_step", ("soft_gradation", "specular_highlight"), "", "", "", ("film_grain",), ("bloom",)
    ),
    "cel_1990s": Bundle((), "one_step", (), "", "", "", ("film_grain",), film=("print", "weave")),
    "digital_2000s": Bundle((), "one_step", (), "", "", "", (), film=("hard_lines",), ink=1.0),
    "composite_2010s": Bundle(
        ("hairline",), "one_step", ("soft_gradation", "rim_light"), "", "", "", (), ("bloom",), blurred=True
    ),
}  # fmt: skip
SHADING = ("soft_gradation", "black_spotting", "hatching", "screentone", "rim_light", "specular_highlight")
_LUMO = ("multi_step", "continuous_tone")  # steps that are laid over flat paint
_EFFECTS = ("natural_effect", "power_effect", "impact_frame")
FALLING = ("petals_leaves", "snow", "rain")
DEFAULT_DESIGN = "volumetric_realist"


@dataclass(frozen=True)
class FinishPlan:
    """Everything about the finish of one shot; spans are (value, first frame, last frame)."""

    tradition: str = "cel_anime"
    era: str = ""
    line: tuple[str, ...] = ("clean_uniform",)
    steps: str = "one_step"
    treatments: tuple[str, ...] = ()
    plain: bool = False  # shading_treatment=none: not even the gloss
    palette: str = "natural"
    grade: str = "natural"
    background: str = "painted_poster"
    symbols: Spans = ()
    powers: Spans = ()
    lights: Spans = ()
    finish: Spans = ()
    designs: Spans = ()
    keys: tuple[str, ...] = ()  # high_key, low_key, local_source: light on the whole picture
    cel: tuple[str, ...] = ()  # CEL_TREATMENTS in order
    film: tuple[str, ...] = ()
    weight: float = 1.0
    ink: float | None = None
    blurred: bool = False
    covered: bool = False  # effects stand between the figure and a foreground book, so there is none

    def events(self, natural: Spans) -> list[tuple[str, str, int, int]]:
        """(kind, value, first, last) of everything here that sets in or ends within a shot."""
        rows = [("effect", *s) for s in natural if s[0] not in FALLING]
        rows += [("power", *s) for s in self.powers] + [("sign", *s) for s in self.symbols]
        rows += [("light", *s) for s in self.lights]
        return rows + [("filter", *s) for s in self.finish if s[0] == "harmony_still"]

    def stated(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Fields that the truth states when they are asked for or shown, with what is shown."""
        light = tuple(v for v, _, _ in self.lights)
        return (
            ("era_look", (self.era,) if self.era else ()),
            ("shading_treatment", self.treatments),
            ("manga_symbol", ()),
            ("power_effect", ()),
            ("effect_design", ()),
            ("light_effect", light),
        )


def _settled(span: tuple[str, int, int], d: Directive) -> tuple[str, int, int]:
    """A switch that nobody gave a moment to comes a little before the middle."""
    value, _, last = span
    open_ = any(t.value == value and t.span is None for t in d.tags.get("finish", ()))
    return (value, round(0.45 * (d.frames - 1)), last) if value == "harmony_still" and open_ else span


def plan_finish(d: Directive) -> FinishPlan:
    """Finish of a directive; nothing here is left to the seed."""

    def values(name: str) -> tuple[str, ...]:
        return tuple(v for v in d.values(name) if v != "none")

    def first(name: str, *defaults: str) -> str:
        return next((v for v in (*values(name), *defaults) if v), "")

    def spanned(name: str, *added: str) -> Spans:
        own = tuple((t.value, *d.span_frames(t)) for t in d.tags.get(name, ()) if t.value != "none")
        silent = name in d.tags
        return own if silent else tuple((v, 0, d.frames - 1) for v in added)

    tradition, era = first("rendering_tradition", "cel_anime"), first("era_look")
    t, e = TRADITIONS.get(tradition, Bundle()), ERAS.get(era, Bundle())
    palette = first("palette", e.palette, t.palette, "natural")
    grade = (e.grade or t.grade) if palette == (e.palette or t.palette) and (e.grade or t.grade) else palette
    treatments = values("shading_treatment")
    if "shading_treatment" not in d.tags:
        treatments = tuple(dict.fromkeys((*t.treatments, *e.treatments)))
    behind = set(values("natural_effect")) - set(FALLING)
    steps = first("shading_steps", e.steps, t.steps, "one_step")
    lighting = values("lighting")
    cel = (
        *([steps] if steps in _LUMO else []),
        *(["underlit"] if "underlight" in lighting else []),
        *(v for v in SHADING if v in treatments),
        *([t.paint] if t.paint else []),
    )
    return FinishPlan(
        tradition=tradition,
        era=era,
        line=values("line_style") or t.line or e.line or ("clean_uniform",),
        steps=steps,
        treatments=treatments,
        plain=d.values("shading_treatment") == ("none",),
        palette=palette,
        grade=grade,
        background=first("background_style", t.background, e.background, "painted_poster"),
        symbols=spanned("manga_symbol"),
        powers=spanned("power_effect"),
        lights=spanned("light_effect", *e.lights),
        finish=tuple(_settled(s, d) for s in spanned("finish", *e.finish)),
        designs=spanned("effect_design"),
        keys=tuple(v for v in lighting if v in ("high_key", "low_key", "local_source")),
        cel=cel,
        film=(*t.film, *e.film),
        weight=t.weight * e.weight,
        ink=e.ink,
        blurred=e.blurred,
        covered=bool(values("power_effect") or behind),
    )
