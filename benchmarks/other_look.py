"""AniCaption on footage of quite another look: chalk, paper cut-outs, marker scrawl and pixel art.

    python benchmarks/other_look.py [--count 120] [--seed 0] [-v] [--folder runs/other_look]

Nothing was fitted on these pictures, and this script shares no code with ``animatrix.synthetic``: the drop
against ``caption_accuracy.py`` says how far the measures carry. Every clip has a known camera move, cadence,
shake, impact frame, transition and palette; fields whose truth would be a matter of taste make no claim.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from animatrix.caption import caption
from animatrix.caption.cases import Case, Profile, score
from animatrix.media import Clip, write_video

LOOKS = ("chalk", "papercut", "marker", "pixel")
MOVES = ("fix", "pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back", "roll")
HOLDS = {"ones": 1, "twos": 2, "threes": 3, "fours_or_slower": 4, "still": 10**6}
SHAKES = ("steady", "steady", "handheld", "screen_shake")
IMPACTS = ("none", "none", "white_frame", "black_frame", "inverted_frame")
TRANSITIONS = ("none", "none", "none", "fade_in", "fade_out", "white_fade")
PALETTES = (None, None, "monochrome", "pastel", "vivid")
SIZES = ((160, 96), (640, 360), (854, 480), (1280, 720))
FIELDS = ("camera_move", "camera_shake", "drawing_cadence", "impact_frame", "transition", "palette")
FIGURE_CYCLE = 22  # frames


@dataclass(frozen=True)
class Cut:
    """One clip to draw; every draw follows from it and its seed."""

    seed: int
    look: str
    move: str
    cadence: str
    shake: str
    impact: str
    transition: str
    palette: str | None
    size: tuple[int, int]
    frames: int
    crf: int


def cut_of(seed: int) -> Cut:
    rng = np.random.default_rng((9731, seed))

    def pick(options):
        return options[int(rng.integers(len(options)))]

    look, move, size = pick(LOOKS), MOVES[seed % len(MOVES)], pick(SIZES)
    cadence = pick(tuple(HOLDS))
    shake = pick(SHAKES) if move in ("fix", "pan_left", "pan_right") else "steady"
    impact, transition = pick(IMPACTS), pick(TRANSITIONS)
    if impact != "none":
        transition = "none"
    frames = 33 if size[0] == 160 else int(rng.integers(36, 60))
    return Cut(
        seed,
        look,
        move,
        cadence,
        shake,
        impact,
        transition,
        pick(PALETTES),
        size,
        frames,
        pick((18, 23, 28, 32)),
    )


def hue(rng, value=(90, 230), chroma=1.0):
    """One random RGB colour."""
    colour = rng.uniform(0, 1, 3)
    colour = 0.5 + (colour - 0.5) * chroma
    return tuple(int(v) for v in value[0] + (value[1] - value[0]) * colour)


def plate_of(cut: Cut, width: int, height: int, rng) -> np.ndarray:
    """A background larger than the frame, uint8 [H,W,3]."""
    base = {
        "chalk": (38, 52, 46),
        "papercut": hue(rng, (150, 235)),
        "marker": (250, 248, 240),
        "pixel": hue(rng),
    }
    plate = np.full((height, width, 3), base[cut.look], np.uint8)
    unit = max(3, height // 160)
    for _ in range(70):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        r = int(rng.uniform(0.015, 0.09) * height)
        colour = (220, 222, 214) if cut.look == "chalk" and rng.random() < 0.6 else hue(rng)
        kind = int(rng.integers(3))
        thick = unit if cut.look in ("chalk", "marker") else -1
        if cut.look == "papercut" and thick < 0:
            shadow = tuple(int(0.6 * v) for v in base["papercut"])
            cv2.circle(plate, (x + unit, y + unit), r, shadow, -1, cv2.LINE_AA)
        if kind == 0:
            cv2.circle(plate, (x, y), r, colour, thick, cv2.LINE_AA)
        elif kind == 1:
            corners = (rng.uniform(-1, 1, (5, 2)) * r * 1.4 + (x, y)).astype(np.int32)
            if thick < 0:
                cv2.fillConvexPoly(plate, cv2.convexHull(corners), colour, cv2.LINE_AA)
            else:
                cv2.polylines(plate, [corners], True, colour, thick, cv2.LINE_AA)
        else:
            end = (int(x + rng.uniform(-3, 3) * r), int(y + rng.uniform(-3, 3) * r))
            cv2.line(plate, (x, y), end, colour, max(unit, abs(thick) * unit), cv2.LINE_AA)
    if cut.look == "chalk":
        dust = cv2.GaussianBlur(rng.normal(0, 14, (height, width)).astype(np.float32), (0, 0), 1.2)
        plate = np.clip(plate + dust[..., None], 0, 255).astype(np.uint8)
    return plate


def figure_onto(picture: np.ndarray, cut: Cut, phase: float, place, tint) -> None:
    """A jointed figure of another build than the studio's: a bean with limbs, drawn in the look's manner."""
    height = picture.shape[0]
    x, y = place
    size = 0.17 * height
    swing = np.sin(2 * np.pi * phase)
    lift = abs(np.cos(2 * np.pi * phase)) * 0.12 * size
    ink = {"chalk": (240, 240, 228), "marker": (25, 30, 120), "papercut": (40, 36, 44), "pixel": (20, 20, 30)}
    thick = max(2, int(0.07 * size))
    hip, head = (
        (int(x), int(y - 0.5 * size - lift)),
        (int(x + 0.1 * size * swing), int(y - 1.5 * size - lift)),
    )
    for side in (-1, 1):
        foot = (int(x + side * 0.7 * size * swing), int(y + 0.5 * size))
        hand = (int(x - side * 0.9 * size * swing), int(y - 0.6 * size - lift))
        cv2.line(picture, hip, foot, ink[cut.look], thick, cv2.LINE_AA)
        cv2.line(picture, (hip[0], int(y - 1.1 * size - lift)), hand, tint, thick, cv2.LINE_AA)
    outline = cut.look in ("chalk", "marker")
    axes = (int(0.34 * size), int(0.6 * size))
    centre = (hip[0], int(y - 0.8 * size - lift))
    cv2.ellipse(picture, centre, axes, 0, 0, 360, tint, thick if outline else -1, cv2.LINE_AA)
    cv2.circle(picture, head, int(0.36 * size), tint, thick if outline else -1, cv2.LINE_AA)
    eye = (int(head[0] + 0.12 * size), int(head[1] - 0.05 * size + 0.06 * size * swing))
    cv2.circle(picture, eye, max(1, int(0.06 * size)), ink[cut.look], -1, cv2.LINE_AA)


def drawn(cut: Cut) -> Clip:
    rng = np.random.default_rng((55, cut.seed))
    over = 2 if cut.size[0] <= 160 else 1
    width, height = cut.size[0] * over, cut.size[1] * over
    plate = plate_of(cut, int(1.9 * width), int(1.9 * height), rng)
    tint = hue(rng, (60, 250))
    travel = {"pan_left": (-1, 0), "pan_right": (1, 0), "tilt_up": (0, -1), "tilt_down": (0, 1)}.get(
        cut.move, (0, 0)
    )
    amount = rng.uniform(0.2, 0.45)
    hold = HOLDS[cut.cadence]
    jitter = np.zeros((cut.frames, 2))
    if cut.shake == "handheld":
        walk = cv2.GaussianBlur(rng.normal(0, 1, (cut.frames + 20, 2)).astype(np.float32), (1, 9), 1.2)[
            10:-10
        ]
        jitter = walk / (np.abs(walk).max() + 1e-6) * 0.006 * height
    elif cut.shake == "screen_shake":
        sign = np.where(np.arange(cut.frames) % 2 == 0, 1, -1)[:, None]
        jitter = sign * rng.uniform(0.5, 1.0, (cut.frames, 2)) * 0.012 * height
    out = []
    for t in range(cut.frames):
        u = t / (cut.frames - 1)
        centre = np.array([0.95 * width, 0.95 * height])
        centre = centre + np.array(travel) * (u - 0.5) * amount * np.array([width, height])
        zoom = {"track_up": 1.0 + 0.3 * u, "track_back": 1.3 - 0.3 * u}.get(cut.move, 1.0)
        angle = (u - 0.5) * 0.5 if cut.move == "roll" else 0.0
        c, s = zoom * np.cos(angle), zoom * np.sin(angle)
        matrix = np.array([[c, -s, 0.0], [s, c, 0.0]])
        matrix[:, 2] = np.array([width / 2, height / 2]) + jitter[t] - matrix[:, :2] @ centre
        canvas = plate.copy()
        drawing = t - t % hold
        place = (0.95 * width, 1.08 * height)
        figure_onto(canvas, cut, drawing / FIGURE_CYCLE, place, tint)
        picture = cv2.warpAffine(
            canvas, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        if cut.look == "pixel":
            small = cv2.resize(
                picture, (width // (4 * over), height // (4 * over)), interpolation=cv2.INTER_AREA
            )
            picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
        out.append(cv2.resize(picture, cut.size, interpolation=cv2.INTER_AREA) if over > 1 else picture)
    frames = graded(np.stack(out), cut)
    return Clip(faded(struck(frames, cut), cut), 24.0)


def graded(frames: np.ndarray, cut: Cut) -> np.ndarray:
    """The palette by plain colour arithmetic."""
    if cut.palette is None:
        return frames
    x = frames.astype(np.float32)
    grey = x.mean(-1, keepdims=True)
    if cut.palette == "monochrome":
        x = np.repeat(grey, 3, -1)
    elif cut.palette == "pastel":
        x = 165 + 0.35 * (grey - 128) + 0.42 * (x - grey) + 25
    else:
        x = grey + 2.6 * (x - grey)
    return np.clip(x, 0, 255).astype(np.uint8)


def impact_span(cut: Cut) -> tuple[int, int] | None:
    if cut.impact == "none":
        return None
    first = cut.frames // 2 + cut.seed % 3
    return first, first + cut.seed % 2


def struck(frames: np.ndarray, cut: Cut) -> np.ndarray:
    span = impact_span(cut)
    if span is None:
        return frames
    a, b = span
    frames = frames.copy()
    if cut.impact == "inverted_frame":
        frames[a : b + 1] = 255 - frames[a : b + 1]
    else:
        frames[a : b + 1] = 255 if cut.impact == "white_frame" else 0
    return frames


def faded(frames: np.ndarray, cut: Cut) -> np.ndarray:
    if cut.transition == "none":
        return frames
    count = 12
    level = np.ones(len(frames))
    ramp = np.arange(1, count + 1) / (count + 1)
    if cut.transition == "fade_in":
        level[:count] = ramp
    else:
        level[-count:] = ramp[::-1]
    ground = 255.0 if cut.transition == "white_fade" else 0.0
    mixed = ground + level[:, None, None, None] * (frames.astype(np.float32) - ground)
    return mixed.round().astype(np.uint8)


def truth_of(cut: Cut) -> dict[str, list[tuple[str, tuple[int, int] | None]]]:
    truth: dict[str, list[tuple[str, tuple[int, int] | None]]] = {
        "camera_move": [(cut.move, None)],
        "camera_shake": [(cut.shake, None)],
        "drawing_cadence": [(cut.cadence, None)],
        "impact_frame": [(cut.impact, impact_span(cut))],
        "transition": [(cut.transition, None)],
    }
    if cut.palette is not None and not (cut.palette == "vivid" and cut.look in ("chalk", "marker")):
        truth["palette"] = [(cut.palette, None)]
    return truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/other_look"))
    parser.add_argument("--json", action="store_true", help="one JSON line of figures")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    tally: dict[str, Counter] = defaultdict(Counter)
    whole = 0
    for index in range(options.count):
        cut = cut_of(options.seed + index)
        profile = Profile(cut.size, 24, cut.frames, "ffv1" if cut.size[0] == 160 else "libx264", cut.crf)
        path = options.folder / f"{cut.seed:05d}{profile.suffix}"
        if not path.exists():
            write_video(drawn(cut), path, lossless=profile.codec == "ffv1", encoding=profile.encoding())
        case = Case(path, profile, truth_of(cut))
        shots = caption(path, FIELDS, recogniser=False)
        whole += len(shots) == 1
        found = max(shots, key=lambda shot: shot.frames)
        for name in FIELDS:
            if name not in case.truth:
                continue
            outcome = score(case, found, name)
            tally[name][outcome] += 1
            if options.verbose and outcome != "right":
                read = [(t.value, t.span, round(t.confidence, 2)) for t in found.tags.get(name, [])]
                print(
                    f"  {name} {outcome}: {path.name} {cut.look} {case.truth[name]} read {read} "
                    f"{found.reasons.get(name, '')[:80]}"
                )
    figures = {"clips": options.count, "one_shot": round(whole / options.count, 3)}
    for name in FIELDS:
        counts = tally[name]
        answered = counts["right"] + counts["wrong"]
        claimed = answered + counts["abstained"]
        precision = counts["right"] / answered if answered else float("nan")
        figures[name] = {
            "n": claimed,
            "precision": round(precision, 3),
            "coverage": round(answered / max(claimed, 1), 3),
        }
        if not options.json:
            print(
                f"{name:18s} n {claimed:4d}  precision {precision:.3f}  "
                f"coverage {answered / max(claimed, 1):.3f}"
            )
    print(json.dumps(figures) if options.json else f"uncut: {whole} of {options.count}")


if __name__ == "__main__":
    main()
