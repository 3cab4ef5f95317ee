"""From a directive and a seed to a scene: everything a picture needs, chosen plausibly where nobody asked.

Each concern draws from its own random stream, so that changing one tag changes that thing and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from animatrix.knowledge import Directive, Tag
from animatrix.knowledge.exposure import expose
from animatrix.synthetic.acting import EVERYDAY, TRAVELS, Beat
from animatrix.synthetic.camera import TRACKING
from animatrix.synthetic.design import Design, cast_design
from animatrix.synthetic.direction import (
    DIRECTED,
    PLACED,
    TALL,
    Direction,
    modelled,
    opened,
    stops_blinks,
    with_needs,
)
from animatrix.synthetic.drawable import HOUR_OF_LIGHT, check_drawable
from animatrix.synthetic.exaggerate import Asked
from animatrix.synthetic.finish_plan import FinishPlan, plan_finish
from animatrix.synthetic.places import PLACES, Place
from animatrix.synthetic.stunts import STUNT_HITS, STUNTS


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
    plan: FinishPlan = field(default_factory=FinishPlan)
    direction: Direction = field(default_factory=Direction)
    exaggeration: Asked = field(default_factory=Asked)

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
    def blinks(self) -> bool:
        """Whether a drawing of closed eyes is under the camera at some frame."""
        since = expose(list(self.cadence), self.frames, self.fps, self.slow_hold) / self.fps - self.beat.blink
        return self.action not in ("react", "turn") and bool(((since > 0.03) & (since < 0.13)).any())

    @property
    def camera_moves(self) -> tuple[str, ...]:
        return tuple(m for m, _, _ in self.moves)


def stream(seed: int, concern: int) -> np.random.Generator:
    """Random stream of one concern (0 design, 1 place, 2 staging, 3 timing, 4 set, 5 light, 6 shake)."""
    return np.random.Generator(np.random.Philox(key=[seed & (2**64 - 1), concern]))


def _suits(place: Place, name: str, hour: str | None, air: set[str], cast: str) -> bool:
    """Whether a place may be shown at this hour with this in the air; nothing falls indoors."""
    if (cast == "train" and place.held_out) or (hour is not None and hour not in place.hours):
        return False
    return not air or (place.outdoors and not (name == "snowfield" and air - {"snow"}))


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
    directive = with_needs(directive)
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
        if TALL.get(proportion, tall) == tall:
            break
    # where and when
    lights = tuple(v for v in d.values("lighting") if v != "none")
    hour = next((HOUR_OF_LIGHT[v] for v in lights if v in HOUR_OF_LIGHT), None)
    air = {v for v in d.values("natural_effect") if v != "none"}
    # places in the seed's own order, and the first that suits: tags that say what was chosen choose it again
    prefer_new = cast == "held_out" and place_rng.random() < 0.5
    order = [list(PLACES)[k] for k in place_rng.permutation(len(PLACES))]
    if prefer_new:
        order.sort(key=lambda n: not PLACES[n].held_out)
    place = next(n for n in order if _suits(PLACES[n], n, hour, air, cast))
    if modelled(Direction.of(directive).tags):
        place = "street"
    hours = [h for h in PLACES[place].hours if not ({"flat_even", "high_key"} & set(lights) and h != "day")]
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
    if cloudy and hour == "day" and not {"flat_even", "high_key", "low_key"} & set(lights):
        lights = (*lights, "flat_even")
    # who does what
    moves = spanned("camera_move")
    names_asked = [m for m, _, _ in moves]
    actions = [v for v in d.values("action")]
    cadence = spanned("drawing_cadence")
    if not cadence and "static" in d.values("motion_energy"):
        cadence = (("still", 0, last),)
    held = "still" in [c for c, _, _ in cadence]
    grounds, techniques = d.values("background_animation"), d.values("limited_technique")
    asked = Asked.of(d)
    wanted = "medium_close" if {"eye_blink", "lip_flap"} & set(techniques) else ""
    scale_asked = first("shot_scale", asked.scale or wanted)
    tight = scale_asked in ("medium", "medium_close", "close_up")
    pool = ["idle", "speak", "gesture", "react", "turn"] if held or tight else list(EVERYDAY)
    if {"none", "eye_blink"} & set(techniques):
        pool = [a for a in pool if a not in ("speak", "react", "turn")]
    if TRACKING & set(names_asked) or (not moves and "scrolled_background" in grounds):
        pool = ["idle", "gesture"] if held else ["walk", "run", "run", "dash"]
    if asked and not asked.plain and not held and not TRACKING & set(names_asked) and not grounds:
        pool = (
            ["strike", "react", "gesture", "dodge_guard"]
            if tight
            else ["strike", "slash", "dash", "jump", "dodge_guard"]
        )
    free_action = pool[int(stage_rng.random() * len(pool))]
    base = [a for a in actions if a not in ("speak", "gesture")] or actions or [free_action]
    action = base[0]
    talks = "speak" in actions or action == "speak" or "lip_flap" in techniques
    waves = "gesture" in actions or action == "gesture"
    scale_draw, move_draw = stage_rng.random(2)
    scales = (
        ["full", "full", "full", "long", "medium_long"]
        if action in TRAVELS | {"jump"} | set(STUNTS)
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
        if "static_background" in grounds:
            options = [o for o in options if o != "follow"] or ["pan_left", "pan_right"]
        if "scrolled_background" in grounds:
            options = ["follow"]
        moves = ((options[int(move_draw * len(options))], 0, last),)
    names_asked = [m for m, _, _ in moves]
    brisk = {"walk": "medium_move", "run": "quick", "dash": "quick"}.get(action, "medium_move")
    speed = first("move_speed", brisk if TRACKING & set(names_asked) else "medium_move")
    facing_draw, target_draw, book_draw = stage_rng.random(3)
    facing = 1 if facing_draw < 0.5 else -1
    if action in TRAVELS and {"pan_left", "truck_left"} & set(names_asked):
        facing = -1
    if action in TRAVELS and {"pan_right", "truck_right"} & set(names_asked):
        facing = 1
    parallax = first("layer_parallax", "single_plane")
    if not cadence:
        brisk_drawing = action in ("run", "dash", "jump") or "eye_blink" in techniques
        cadence = (("twos" if brisk_drawing else "threes", 0, last),)
    impacts = spanned("impact_frame")
    # timing: the beat sits on the asked impact frame, otherwise where the action wants it
    shares = {"jump": 0.64, "react": 0.36, "turn": 0.48, "dash": 0.28} | STUNT_HITS
    share = shares.get(action, 0.5) + 0.08 * (time_rng.random() - 0.5)
    hit = impacts[0][1] if impacts else round(share * last)
    phase, tempo, blink, wind, slow = time_rng.random(5)
    wind_side = 1 if time_rng.random() < 0.5 else -1
    beat = Beat(
        length=d.frames / fps,
        hit=hit / fps,
        phase=float(phase),
        tempo=float(0.92 + 0.16 * tempo),
        blink=-9.0
        if "none" in techniques or stops_blinks(directive)
        else float(0.2 + 0.6 * blink) * d.frames / fps,
        wind=float((0.16 + 0.16 * wind) * wind_side),
        seed=int(time_rng.integers(1 << 30)),
        under_way="follow" in names_asked,
    )
    target = 0.5 - 0.10 * facing if action in TRAVELS else (0.36, 0.43, 0.5, 0.57, 0.64)[int(target_draw * 5)]
    if scale in ("medium_close", "close_up"):
        target = 0.5 + 0.5 * (target - 0.5)
    if placed := PLACED.get(next((v for v in d.values("framing") if v in PLACED), scale)):
        target = 0.5 + placed * facing
    plan = plan_finish(d)
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
        cadence=opened(cadence, hit),
        slow_hold=4 if slow < 0.7 else 6,
        impacts=impacts,
        devices=spanned("graphic_device"),
        natural=spanned("natural_effect"),
        finish=tuple(dict.fromkeys(v for v, _, _ in plan.finish)),
        palette=plan.palette,
        line_style=plan.line[0],
        shading_steps=plan.steps,
        squash_stretch=asked.plain and action == "jump",
        blurred="background_blur" in d.values("focus")
        or (
            ((parallax == "multiplane" and plan.background != "blank_void") or plan.blurred)
            and "focus" not in d.tags
        ),
        hit=hit,
        beat=beat,
        target=target,
        book=PLACES[place].book
        and scale in ("full", "medium_long", "long")
        and book_draw < 0.3
        and "no" not in d.values("framing")
        and not plan.covered,
        frames=d.frames,
        fps=fps,
        seed=seed,
        plan=plan,
        direction=Direction.of(directive),
        exaggeration=asked,
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
    put("rendering_tradition", scene.plan.tradition)
    put("line_style", *scene.plan.line)
    put("shading_steps", scene.shading_steps)
    put("palette", scene.palette)
    if scene.lighting:
        put("lighting", *scene.lighting)
    put("background_style", scene.plan.background)
    put("character_proportion", "six_heads" if scene.noun.startswith("young") else "four_five_heads")
    keep("drawing_cadence", scene.cadence)
    if still:
        put("motion_energy", "static")
    if "static" in directive.values("motion_energy"):
        whole["motion_energy"] = list(directive.tags["motion_energy"])
    acts = tuple(
        dict.fromkeys(
            (scene.action, *(["speak"] if scene.talks else []), *(["gesture"] if scene.waves else []))
        )
    )
    put("action", *acts)
    devices = scene.exaggeration
    keep("smear_technique", tuple(x[:3] for x in devices.smears))
    keep("body_deformation", tuple(x[:3] for x in devices.deformations))
    if "deformation_intensity" in directive.tags:
        whole["deformation_intensity"] = list(directive.tags["deformation_intensity"])
    elif devices and not devices.plain:
        put("deformation_intensity", "pronounced")
    put(
        "background_animation",
        "scrolled_background" if "follow" in scene.camera_moves else "static_background",
    )
    if modelled(scene.direction.tags):  # neither a painting nor still
        whole.pop("background_style", None)
        whole["background_animation"] = [Tag(v, None) for v in scene.direction.values("background_animation")]
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
    keep("finish", scene.plan.finish)
    for name, shown in scene.plan.stated():
        if name in directive.tags:
            whole[name] = list(directive.tags[name])
        elif shown:
            put(name, *shown)
    techniques = []
    if not still and scene.shot_scale in ("medium_long", "medium", "medium_close", "close_up"):
        techniques += ["lip_flap"] if scene.talks else []
        techniques += ["eye_blink"] if scene.shot_scale != "medium_long" and scene.blinks else []
    asked = directive.tags.get("limited_technique", ())
    added = [v for v in techniques if v not in directive.values("limited_technique")]
    if added or asked:
        whole["limited_technique"] = [Tag(v, None) for v in added] + list(asked)
    for name, values in DIRECTED.items():
        if name != "limited_technique" and set(directive.values(name)) & set(values):
            whole[name] = list(directive.tags[name])
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


__all__ = ["Scene", "complete", "resolve", "stream"]
