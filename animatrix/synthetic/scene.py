"""From a directive and a seed to a scene: everything a picture needs, chosen plausibly where nobody asked.

Each concern draws from its own random stream, so that changing one tag changes that thing and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.knowledge import Directive, Tag
from animatrix.synthetic.acting import ACTIONS, TIMED, TRAVELS, Beat
from animatrix.synthetic.camera import FOLLOW_SPEEDS, MOVES, SHAKES
from animatrix.synthetic.design import Design, cast_design
from animatrix.synthetic.effects import DEVICES, FINISHES, IMPACTS, NATURAL
from animatrix.synthetic.ink import LINE_STYLES
from animatrix.synthetic.palette import GRADES
from animatrix.synthetic.places import PLACES
from animatrix.synthetic.sheet import HOLDS

# shot_scale -> (figure height in frame heights, crown of the head from the top, enlargement of the set)
SHOT_SCALES: dict[str, tuple[float, float, float]] = {
    "long": (0.42, 0.42, 0.92),
    "full": (0.77, 0.130, 1.0),
    "medium_long": (1.14, 0.115, 1.25),
    "medium": (1.55, 0.125, 1.5),
    "medium_close": (2.05, 0.13, 1.75),
    "close_up": (3.05, 0.13, 2.1),
}
STEPS = {"no_shadow": 0, "one_step": 1, "two_step": 2}
HOUR_OF_LIGHT = {"golden_hour": "sunset", "night_blue": "night"}

# What can be drawn. A directive that asks for anything else is refused.
RENDERABLE: dict[str, tuple[str, ...]] = {
    "rendering_tradition": ("cel_anime",),
    "line_style": tuple(LINE_STYLES),
    "shading_steps": tuple(STEPS),
    "palette": tuple(GRADES),
    "lighting": ("flat_even", "golden_hour", "night_blue", "backlight"),
    "background_style": ("painted_poster",),
    "character_proportion": ("four_five_heads", "six_heads"),
    "drawing_cadence": tuple(HOLDS),
    "limited_technique": ("lip_flap", "eye_blink", "none"),
    "motion_energy": ("static",),
    "action": tuple(ACTIONS),
    "smear_technique": ("none",),
    "body_deformation": ("none", "squash_stretch"),
    "background_animation": ("static_background", "scrolled_background"),
    "shot_scale": tuple(SHOT_SCALES),
    "camera_angle": ("eye_level",),
    "horizon": ("level_horizon",),
    "camera_move": tuple(MOVES),
    "move_speed": tuple(FOLLOW_SPEEDS),
    "layer_parallax": ("single_plane", "contact_multi", "multiplane"),
    "camera_shake": tuple(SHAKES),
    "focus": ("deep_focus", "background_blur"),
    "graphic_device": (*DEVICES, "none"),
    "impact_frame": (*IMPACTS, "none"),
    "natural_effect": (*NATURAL, "none"),
    "finish": (*FINISHES, "none"),
}


@dataclass(frozen=True)
class Scene:
    """What the picture contains. Frames are counted at the directive's own rate."""

    design: Design
    place: str
    hour: str  # day, sunset, night, dawn
    weather: str  # clear, cloudy
    lighting: tuple[str, ...]
    action: str
    talks: bool
    waves: bool
    facing: int  # +1 right, -1 left
    shot_scale: str
    moves: tuple[tuple[str, int, int], ...]
    move_speed: str
    camera_shake: str
    layer_parallax: str
    cadence: tuple[tuple[str, int, int], ...]
    slow_hold: int
    impacts: tuple[tuple[str, int, int], ...]
    devices: tuple[tuple[str, int, int], ...]
    natural: tuple[tuple[str, int, int], ...]
    finish: tuple[str, ...]
    palette: str
    line_style: str
    shading_steps: str
    squash_stretch: bool
    blurred: bool
    hit: int
    beat: Beat
    target: float  # screen x of the figure, share of the width
    book: bool
    frames: int
    fps: float
    seed: int
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def noun(self) -> str:
        return self.design.noun

    @property
    def hair_style(self) -> str:
        return self.design.hair_style

    @property
    def hair_color(self) -> str:
        return self.design.hair_color

    @property
    def eye_color(self) -> str:
        return self.design.eye_color

    @property
    def outfit(self) -> str:
        return self.design.outfit

    @property
    def outfit_color(self) -> str:
        return self.design.outfit_color

    @property
    def accessory(self) -> str:
        return self.design.accessory

    @property
    def accessory_color(self) -> str:
        return self.design.accessory_color

    @property
    def time_of_day(self) -> str:
        return self.hour

    @property
    def camera_moves(self) -> tuple[str, ...]:
        return tuple(m for m, _, _ in self.moves)


def stream(seed: int, concern: int) -> np.random.Generator:
    """Random stream of one concern (0 design, 1 place, 2 staging, 3 timing, 4 set, 5 light, 6 shake)."""
    return np.random.Generator(np.random.Philox(key=[seed & (2**64 - 1), concern]))


def check_drawable(directive: Directive) -> None:
    """Raise AniMatrixError(UNSUPPORTED_VALUE) for the first tag that cannot be drawn."""
    for name, tags in directive.tags.items():
        known = RENDERABLE.get(name)
        if known is None:
            raise AniMatrixError(
                Code.UNSUPPORTED_VALUE,
                f"the renderer cannot draw {name}",
                f"drawable fields: {', '.join(RENDERABLE)}",
            )
        for tag in tags:
            if tag.value not in known:
                near = did_you_mean(tag.value, known)
                raise AniMatrixError(
                    Code.UNSUPPORTED_VALUE,
                    f"the renderer cannot draw {name}={tag.value}",
                    f"drawable: {', '.join(known)}" + (f"; {near}" if near else ""),
                )


def resolve(directive: Directive, seed: int, cast: str = "any") -> Scene:
    """Choose everything the directive leaves open.

    Args:
        directive: the request; its narrative is not read.
        seed: decides every free choice.
        cast: ``train``, ``held_out`` or ``any`` families of designs and places.

    Raises:
        AniMatrixError: UNSUPPORTED_VALUE when a tag cannot be drawn.
    """
    check_drawable(directive)
    d, last, fps = directive, directive.frames - 1, directive.fps
    design_rng, place_rng, stage_rng, time_rng = (stream(seed, k) for k in range(4))

    def spanned(name: str) -> tuple[tuple[str, int, int], ...]:
        return tuple((t.value, *d.span_frames(t)) for t in d.tags.get(name, ()) if t.value != "none")

    def first(name: str, default: str) -> str:
        values = [v for v in d.values(name) if v != "none"]
        return values[0] if values else default

    proportion = first("character_proportion", "")
    while True:
        design = cast_design(design_rng, cast)
        tall = design.noun.startswith("young")
        if not proportion or tall == (proportion == "six_heads"):
            break
    # where and when
    lights = tuple(v for v in d.values("lighting") if v != "none")
    hour = next((HOUR_OF_LIGHT[v] for v in lights if v in HOUR_OF_LIGHT), None)
    names = [
        n
        for n, p in PLACES.items()
        if (cast != "train" or not p.held_out) and (hour is None or hour in p.hours)
    ]
    air = {v for v in d.values("natural_effect") if v != "none"}
    if air:  # nothing falls indoors, no rain on snow, no petals in it
        names = [n for n in names if PLACES[n].outdoors and not (n == "snowfield" and air - {"snow"})]
    if cast == "held_out" and place_rng.random() < 0.5:
        names = [n for n in names if PLACES[n].held_out] or names
    place = names[int(place_rng.integers(len(names)))]
    hours = [h for h in PLACES[place].hours if not ("flat_even" in lights and h != "day")]
    hour_draw, sky_draw = place_rng.random(), place_rng.random()
    hour = hour or (hours or ["day"])[int(hour_draw * len(hours or ["day"]))]
    cloudy = (
        "flat_even" in lights
        or "rain" in air
        or ("lighting" not in d.tags and hour == "day" and sky_draw < 0.2)
    )
    if hour == "sunset" and "golden_hour" not in lights:
        lights = (*lights, "golden_hour")
    if hour == "night" and "night_blue" not in lights:
        lights = (*lights, "night_blue")
    if cloudy and "flat_even" not in lights and not set(lights) & {"golden_hour", "night_blue"}:
        lights = (*lights, "flat_even")
    # who does what
    moves = spanned("camera_move")
    names_asked = [m for m, _, _ in moves]
    actions = [v for v in d.values("action")]
    cadence = spanned("drawing_cadence")
    held = "still" in [c for c, _, _ in cadence] or "static" in d.values("motion_energy")
    scale_asked = first("shot_scale", "")
    tight = scale_asked in ("medium", "medium_close", "close_up")
    pool = ["idle", "speak", "gesture", "react", "turn"] if held or tight else list(ACTIONS)
    if "follow" in names_asked:
        pool = ["idle", "gesture"] if held else ["walk", "run", "run", "dash"]
    free_action = pool[int(stage_rng.integers(len(pool)))]
    base = [a for a in actions if a not in ("speak", "gesture")] or actions or [free_action]
    action = base[0]
    talks, waves = "speak" in actions, "gesture" in actions
    scale_draw, move_draw = stage_rng.random(2)
    scales = (
        ["full", "full", "full", "long", "medium_long"]
        if action in TRAVELS | {"jump"}
        else ["full", "full", "medium_long", "medium", "medium_close", "close_up"]
    )
    scale = scale_asked or scales[int(scale_draw * len(scales))]
    if not moves:
        options = (
            ["fix", "fix", "pan_left", "pan_right", "track_up"]
            if action not in TRAVELS
            else ["fix", "follow", "follow"]
        )
        if "move_speed" in d.tags:
            options = [o for o in options if o != "fix"]
        moves = ((options[int(move_draw * len(options))], 0, last),)
    names_asked = [m for m, _, _ in moves]
    brisk = {"walk": "medium_move", "run": "quick", "dash": "quick"}.get(action, "medium_move")
    speed = first("move_speed", brisk if "follow" in names_asked else "medium_move")
    facing_draw, target_draw, book_draw = stage_rng.random(3)
    facing = 1 if facing_draw < 0.5 else -1
    if action in TRAVELS and "pan_left" in names_asked:
        facing = -1
    if action in TRAVELS and "pan_right" in names_asked:
        facing = 1
    parallax = first("layer_parallax", "single_plane")
    if not cadence:
        cadence = (("twos" if action in ("run", "dash", "jump") else "threes", 0, last),)
    impacts = spanned("impact_frame")
    # timing: the beat sits on the asked impact frame, otherwise where the action wants it
    share = {"jump": 0.64, "react": 0.36, "turn": 0.48, "dash": 0.28}.get(action, 0.5) + 0.08 * (
        time_rng.random() - 0.5
    )
    hit = impacts[0][1] if impacts else round(share * last)
    phase, tempo, blink, wind, slow = time_rng.random(5)
    wind_side = 1 if time_rng.random() < 0.5 else -1
    beat = Beat(
        length=d.frames / fps,
        hit=hit / fps,
        phase=float(phase),
        tempo=float(0.92 + 0.16 * tempo),
        blink=float(0.2 + 0.6 * blink) * d.frames / fps,
        wind=float((0.16 + 0.16 * wind) * wind_side),
        seed=int(time_rng.integers(1 << 30)),
    )
    target = 0.5 - 0.10 * facing if action in TRAVELS else (0.36, 0.43, 0.5, 0.57, 0.64)[int(target_draw * 5)]
    if scale in ("medium_close", "close_up"):
        target = 0.5 + 0.5 * (target - 0.5)
    return Scene(
        design=design,
        place=place,
        hour=hour,
        weather="cloudy" if cloudy else "clear",
        lighting=lights,
        action=action,
        talks=talks,
        waves=waves,
        facing=facing,
        shot_scale=scale,
        moves=moves,
        move_speed=speed,
        camera_shake=first("camera_shake", "steady"),
        layer_parallax=parallax,
        cadence=cadence,
        slow_hold=4 if slow < 0.7 else 6,
        impacts=impacts,
        devices=spanned("graphic_device"),
        natural=spanned("natural_effect"),
        finish=tuple(v for v in d.values("finish") if v != "none"),
        palette=first("palette", "natural"),
        line_style=first("line_style", "clean_uniform"),
        shading_steps=first("shading_steps", "one_step"),
        squash_stretch="squash_stretch" in d.values("body_deformation"),
        blurred="background_blur" in d.values("focus") or parallax == "multiplane",
        hit=hit,
        beat=beat,
        target=target,
        book=PLACES[place].book
        and scale in ("full", "medium_long", "long")
        and book_draw < 0.3
        and "no" not in d.values("framing"),
        frames=d.frames,
        fps=fps,
        seed=seed,
    )


def complete(directive: Directive, scene: Scene) -> Directive:
    """The directive with every tag that the picture shows, and ``none`` where nothing of a field is there."""
    whole: dict[str, list[Tag]] = {}

    def put(name: str, *values: str) -> None:
        whole[name] = [Tag(v, None) for v in values]

    def keep(name: str, shown: tuple[tuple[str, int, int], ...], absent: str = "none") -> None:
        tags = [t for t in directive.tags.get(name, ()) if t.value != "none"]
        whole[name] = (
            list(tags)
            if tags
            else [Tag(v, None) for v in dict.fromkeys(s[0] for s in shown)] or [Tag(absent, None)]
        )

    still = all(c == "still" for c, _, _ in scene.cadence)
    put("rendering_tradition", "cel_anime")
    put("line_style", *(directive.values("line_style") or (scene.line_style,)))
    put("shading_steps", scene.shading_steps)
    put("palette", scene.palette)
    if scene.lighting:
        put("lighting", *scene.lighting)
    put("background_style", "painted_poster")
    put("character_proportion", "six_heads" if scene.noun.startswith("young") else "four_five_heads")
    keep("drawing_cadence", scene.cadence)
    if still:
        put("motion_energy", "static")
    acts = tuple(
        dict.fromkeys(
            (scene.action, *(["speak"] if scene.talks else []), *(["gesture"] if scene.waves else []))
        )
    )
    put("action", *acts)
    put("smear_technique", "none")
    put("body_deformation", "squash_stretch" if scene.squash_stretch else "none")
    put(
        "background_animation",
        "scrolled_background" if "follow" in scene.camera_moves else "static_background",
    )
    put("shot_scale", scene.shot_scale)
    put("camera_angle", "eye_level")
    put("horizon", "level_horizon")
    keep("camera_move", scene.moves)
    if any(m != "fix" for m in scene.camera_moves):
        put("move_speed", scene.move_speed)
    put("layer_parallax", scene.layer_parallax)
    put("camera_shake", scene.camera_shake)
    put("focus", "background_blur" if scene.blurred else "deep_focus")
    keep("graphic_device", scene.devices)
    keep("impact_frame", scene.impacts)
    keep("natural_effect", scene.natural)
    put("finish", *(scene.finish or ("none",)))
    techniques = []
    if not still and scene.shot_scale in ("medium_long", "medium", "medium_close", "close_up"):
        techniques += ["lip_flap"] if scene.talks else []
        techniques += ["eye_blink"] if scene.shot_scale != "medium_long" and scene.action != "react" else []
    if techniques:
        put("limited_technique", *techniques)
    return Directive.model_validate(
        {
            "narrative": directive.narrative,
            "tags": {
                k: [{"value": t.value, "span": list(t.span) if t.span else None} for t in v]
                for k, v in whole.items()
            },
            "frames": directive.frames,
            "fps": directive.fps,
        }
    )


__all__ = ["RENDERABLE", "SHOT_SCALES", "TIMED", "Scene", "check_drawable", "complete", "resolve", "stream"]
