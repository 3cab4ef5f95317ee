"""The optical printer: what is done to the exposed picture as a whole, after the stand.

Lens warps, defocus, motion blur, cuts to a second set-up, masks and fades. Every pass takes a :class:`Take`
and changes it in place, truth included. :data:`PASSES` is the order of the passes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from animatrix.knowledge import Directive, Tag
from animatrix.synthetic.camera import TRACKING
from animatrix.synthetic.truth import Event, Truth

if TYPE_CHECKING:
    from animatrix.synthetic.studio import Shot

SECOND_SETUP = 0x5EED  # added to the seed of a shot for the picture it is joined to


# what a cut-in panel shows: the eyes, on streaming lines
PANEL = {
    "shot_scale": "extreme_close_up",
    "action": "idle",
    "camera_move": "fix",
    "graphic_device": "speed_line_background",
}
LOOKS = ("rendering_tradition", "line_style", "shading_steps", "shading_treatment", "palette", "lighting")


@dataclass
class Take:
    """An exposed shot on its way to the print. ``frames`` and the maps of ``truth`` are changed in place."""

    shot: Shot
    frames: np.ndarray
    truth: Truth

    @property
    def length(self) -> int:
        return len(self.frames)

    def seconds(self, n: float) -> int:
        """Frames that last as long as ``n`` frames at 24 fps, at least 1."""
        return max(1, round(n * self.shot.scene.fps / 24))

    def window(self, name: str, value: str, length: float, at: float) -> tuple[int, int]:
        """Frames of a value: its own span, else ``length`` 24ths of a second round share ``at`` of the shot."""
        span = self.shot.scene.direction.span(name, value)
        if span is not None:
            return max(0, span[0]), min(self.length - 1, span[1])
        n = min(self.seconds(length), max(1, self.length - 2))
        first = int(np.clip(round(at * (self.length - 1) - (n - 1) / 2), 0, self.length - n))
        return first, first + n - 1

    def replace(self, t: int, other: Take) -> None:
        """Show frame ``t`` of another take."""
        self.frames[t] = other.frames[t]
        self.truth.mask[t] = other.truth.mask[t]
        self.truth.deformation[t] = other.truth.deformation[t]
        self.truth.camera[t] = other.truth.camera[t]

    def warp(self, mapped: Callable[[np.ndarray], np.ndarray]) -> None:
        """Resample pictures and maps with one function of a ``[H,W,C]`` picture."""
        for t in range(self.length):
            self.frames[t] = mapped(self.frames[t])
            self.truth.mask[t] = mapped(self.truth.mask[t].astype(np.uint8) * 255) > 127
            if self.truth.deformation[t].any():
                self.truth.deformation[t] = mapped(self.truth.deformation[t])

    def note(self, kind: str, first: int, last: int, detail: str = "") -> None:
        """Add an event."""
        self.truth.events.append(Event(kind, first, last, detail))
        self.truth.events.sort(key=lambda e: (e.first, e.kind))

    def second(
        self, step: int = 0, size: tuple[int, int] | None = None, tags: dict[str, str] | None = None
    ) -> Take:
        """Another set-up, its seed moved by ``step`` set-ups: all tags of this one, or its looks and ``tags``."""
        shot = self.shot
        known = self.truth.directive.tags
        kept = {
            k: v for k, v in known.items() if (k in LOOKS if tags else k not in ("transition", "framing"))
        }
        kept.update({k: (Tag(v, None),) for k, v in (tags or {}).items()})
        request = Directive.model_validate(
            {
                "narrative": shot.directive.narrative,
                "tags": {
                    k: [{"value": t.value, "span": list(t.span) if t.span else None} for t in v]
                    for k, v in kept.items()
                },
                "frames": shot.directive.frames,
                "fps": shot.directive.fps,
            }
        )
        other = type(shot)(request, shot.seed + step * SECOND_SETUP, size or shot.size, shot.cast)
        frames, truth = other.expose()
        return Take(other, *strike_print(other, frames, truth))


# --- lens


def _fisheye(take: Take) -> None:
    """Barrel: lines bow outward, the corners stay where they are, the centre swells."""
    bow, more = 0.42, 1.5
    w, h = take.shot.size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    cx, cy = (w - 1) / 2, (h - 1) / 2
    dx, dy = x - cx, y - cy
    k = 1 - bow + bow * (dx * dx + dy * dy) / (cx * cx + cy * cy)
    wide = _larger(take, more)
    mx, my = (cx + dx * k + 0.5) * more - 0.5, (cy + dy * k + 0.5) * more - 0.5
    _resample(take, wide, lambda p: cv2.remap(p, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _wide(take: Take) -> None:
    """Strong convergence: the near ground and what stands on it spreads towards the lens."""
    w, h = take.shot.size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    near = 1 + 0.42 * np.clip(y / h - 0.15, 0, 1) ** 1.3
    mx, my = (w - 1) / 2 + (x - (w - 1) / 2) / near, y
    take.warp(lambda p: cv2.remap(p, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _larger(take: Take, factor: float) -> Take:
    """The same shot exposed ``factor`` times larger, so that an enlargement stays sharp."""
    shot = take.shot
    w, h = shot.size
    size = (round(w * factor), round(h * factor))
    other = type(shot)(shot.directive, shot.seed, size, shot.cast, shot.take)
    frames, truth = other.expose()
    return Take(other, frames, truth)


def _resample(take: Take, source: Take, mapped: Callable[[np.ndarray], np.ndarray]) -> None:
    for t in range(take.length):
        take.frames[t] = mapped(source.frames[t])
        take.truth.mask[t] = mapped(source.truth.mask[t].astype(np.uint8) * 255) > 127
        if source.truth.deformation[t].any():
            take.truth.deformation[t] = mapped(source.truth.deformation[t])


def _full_defocus(take: Take) -> None:
    span = take.shot.scene.direction.span("focus", "full_defocus") or (0, take.length - 1)
    soft = 0.022 * take.shot.size[1]
    for t in range(span[0], min(span[1], take.length - 1) + 1):
        # where only part of the shot is soft, the focus is pulled within three frames
        edge = min(t - span[0] + 1 if span[0] else 9, span[1] - t + 1 if span[1] < take.length - 1 else 9)
        take.frames[t] = cv2.GaussianBlur(take.frames[t], (0, 0), soft * min(1.0, edge / 3))


def _whip_blur(take: Take) -> None:
    """Directional streaks of a whip move, from the camera's own motion; a followed figure stays sharp."""
    camera, (w, h) = take.truth.camera, take.shot.size
    centre = np.array([(w - 1) / 2, (h - 1) / 2, 1.0])
    keep_figure = bool(TRACKING & set(take.shot.scene.camera_moves))
    whole = np.tile(np.eye(3), (take.length, 1, 1))
    whole[:, :2] = camera
    for t in range(take.length):
        a, b = max(0, t - 1), min(take.length - 1, t + 1)
        if b == a:
            continue
        step = (whole[b] @ np.linalg.inv(whole[a]))[:2] - np.eye(3)[:2]
        step /= b - a
        corner = np.array([0.0, 0.0, 1.0])
        length = max(float(np.hypot(*(step @ centre))), float(np.hypot(*(step @ corner))))
        if length < 0.035 * w:
            continue
        count = int(np.clip(length * 0.8, 5, 33)) | 1
        total = np.zeros((h, w, 3), np.float32)
        for s in np.linspace(-0.45, 0.45, count):
            m = np.eye(3)[:2] + s * step
            total += cv2.warpAffine(take.frames[t], m, (w, h), borderMode=cv2.BORDER_REPLICATE)
        streaked = np.rint(total / count).astype(np.uint8)
        if keep_figure:
            figure = cv2.blur(take.truth.mask[t].astype(np.float32), (3, 3))[..., None]
            streaked = np.rint(streaked * (1 - figure) + take.frames[t] * figure).astype(np.uint8)
        take.frames[t] = streaked


def _inverted(take: Take) -> None:
    truth = take.truth
    w, h = take.shot.size
    take.frames[:] = take.frames[:, ::-1, ::-1].copy()
    truth.mask[:] = truth.mask[:, ::-1, ::-1].copy()
    truth.deformation[:] = truth.deformation[:, ::-1, ::-1].copy()
    shift = truth.camera[:, :, 2]
    centre = np.array([w - 1.0, h - 1.0])
    # half a turn about the centre, before and after
    truth.camera[:, :, 2] = centre - np.einsum("tij,j->ti", truth.camera[:, :, :2], centre) - shift


# --- joins


def _freeze(take: Take) -> None:
    span = take.shot.scene.direction.span("time_treatment", "freeze_frame") or (0, take.length - 1)
    a, b = span[0], min(span[1], take.length - 1)
    for t in range(a + 1, b + 1):
        for held in (take.frames, take.truth.mask, take.truth.deformation, take.truth.camera):
            held[t] = held[a]
        for ids in take.truth.sheet.values():
            ids[t] = ids[a]
    take.note("freeze", a, b)


def _figure_centre(mask: np.ndarray) -> np.ndarray:
    """Upper middle of the figure, px; the middle of the frame where there is none."""
    h, w = mask.shape
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return np.array([w / 2, h / 2])
    return np.array([float(np.median(xs)), float(ys.min() + 0.28 * (ys.max() - ys.min()))])


def _punch_cut(take: Take) -> None:
    """The framing jumps 1.7 times nearer on the figure's head and stays there."""
    near = 1.7
    first, last = take.window("transition", "punch_cut", 1, 0.5)
    span = take.shot.scene.direction.span("transition", "punch_cut")
    end = last if span and last > first else take.length - 1
    w, h = take.shot.size
    source = _larger(take, near) if not take.shot.scene.direction.has("lens_perspective", "fisheye") else None
    c = _figure_centre(take.truth.mask[first])
    x0 = int(np.clip(c[0] * near - w / 2, 0, int(w * near) - w))
    y0 = int(np.clip(c[1] * near - h / 2, 0, int(h * near) - h))
    zoom = np.array([[near, 0, 0.5 * near - 0.5 - x0], [0, near, 0.5 * near - 0.5 - y0], [0, 0, 1]])
    for t in range(max(1, first), end + 1):
        if source is not None:
            for held, big in (
                (take.frames, source.frames),
                (take.truth.mask, source.truth.mask),
                (take.truth.deformation, source.truth.deformation),
            ):
                held[t] = big[t, y0 : y0 + h, x0 : x0 + w]
        else:
            take.frames[t] = cv2.warpAffine(take.frames[t], zoom[:2], (w, h), flags=cv2.INTER_CUBIC)
            mask = take.truth.mask[t].astype(np.uint8)
            take.truth.mask[t] = cv2.warpAffine(mask, zoom[:2], (w, h)) > 0
        camera = np.concatenate([take.truth.camera[t], [[0, 0, 1]]])
        take.truth.camera[t] = (zoom @ camera)[:2]
    take.note("cut", max(1, first), max(1, first), "punch_cut")


def _dissolve(take: Take) -> None:
    a, b = take.window("transition", "dissolve", 12, 0.5)
    other = take.second(1)
    for t in range(a, take.length):
        u = min(1.0, (t - a + 1) / (b - a + 2))
        mixed = cv2.addWeighted(take.frames[t], 1 - u, other.frames[t], u, 0)
        if u >= 0.5:
            take.replace(t, other)
        take.frames[t] = mixed if t <= b else other.frames[t]
    take.note("dissolve", a, b)


def _wipe(take: Take) -> None:
    """A slanted edge with a bright rim crosses from left to right, or back."""
    a, b = take.window("transition", "wipe", 14, 0.5)
    other = take.second(1)
    w, h = take.shot.size
    y, x = np.mgrid[0:h, 0:w]
    side = 1 if take.shot.seed % 2 else -1
    place = (x if side > 0 else w - 1 - x) + 0.30 * (y - h / 2)
    rim = max(1.0, 0.012 * w)
    for t in range(a, take.length):
        if t > b:
            take.replace(t, other)
            continue
        edge = -0.2 * h + (w + 0.4 * h) * (t - a + 1) / (b - a + 2)
        new = place < edge
        take.frames[t][new] = other.frames[t][new]
        take.frames[t][np.abs(place - edge) < rim] = 255
        take.truth.mask[t] = np.where(new, other.truth.mask[t], take.truth.mask[t])
        take.truth.deformation[t] = np.where(new, other.truth.deformation[t], take.truth.deformation[t])
        if 2 * (t - a) > b - a:
            take.truth.camera[t] = other.truth.camera[t]
    take.note("wipe", a, b)


def _swish(take: Take) -> None:
    """The pictures change in the fastest frame of the whip."""
    camera = take.truth.camera[:, :, 2]
    speed = np.hypot(*np.diff(camera, axis=0).T) if take.length > 1 else np.zeros(1)
    fast = np.flatnonzero(speed > 0.7 * speed.max()) if speed.max() > 0 else np.array([0])
    span = take.shot.scene.direction.span("transition", "swish_transition")
    join = sum(span) // 2 if span else int(fast[len(fast) // 2])
    join = int(np.clip(join, 1, take.length - 1)) if take.length > 1 else 0
    other = take.second(1)
    for t in range(join, take.length):
        take.replace(t, other)
    take.note("cut", join, join, "swish_transition")


def _flash_cut(take: Take) -> None:
    a, b = take.window("transition", "flash_cut", 3, 0.5)
    b = min(b, a + take.seconds(6) - 1)
    other = take.second(2)
    for t in range(a, b + 1):
        take.replace(t, other)
    take.note("flash_cut", a, b)


# --- focus and panels


def _rack_focus(take: Take) -> None:
    """The set is sharp and the figure soft, then the other way round; the pull takes the middle of the span."""
    a, b = take.shot.scene.direction.span("focus", "rack_focus") or (0, take.length - 1)
    b = min(b, take.length - 1)
    most = 0.020 * take.shot.size[1]
    for t in range(take.length):
        u = float(np.clip((t - a) / max(1, b - a), 0, 1))
        pull = float(np.clip((u - 0.33) / 0.34, 0, 1))
        soft_figure, soft_set = most * (1 - pull), most * pull
        alpha = cv2.GaussianBlur(take.truth.mask[t].astype(np.float32), (0, 0), 0.6)[..., None]
        picture = take.frames[t].astype(np.float32)
        ground = _spread(picture, 1 - alpha, max(soft_set, 0.004 * take.shot.size[1]))
        ground = ground if soft_set > 0.3 else picture * (1 - alpha) + ground * alpha
        if soft_figure > 0.3:
            figure = _spread(picture, alpha, soft_figure)
            alpha = cv2.GaussianBlur(alpha, (0, 0), soft_figure)[..., None]
        else:
            figure = picture
        take.frames[t] = np.rint(np.clip(ground * (1 - alpha) + figure * alpha, 0, 255)).astype(np.uint8)
    take.note("rack_focus", a + round((b - a) * 0.33), a + round((b - a) * 0.67))


def _spread(picture: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Blur that looks only at where ``weight`` ``[H,W,1]`` is, and fills the rest from there."""
    top = cv2.GaussianBlur(picture * weight, (0, 0), sigma)
    low = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    far = cv2.GaussianBlur(picture * weight, (0, 0), 5 * sigma + 2)
    far_low = cv2.GaussianBlur(weight, (0, 0), 5 * sigma + 2)[..., None]
    return np.where(low > 0.02, top / np.maximum(low, 1e-4), far / np.maximum(far_low, 1e-4))


def _split_screen(take: Take) -> None:
    """Two pictures side by side, parted by a straight white rule over the full height."""
    w, h = take.shot.size
    half = w // 2
    left = take.second(0, (half, h))
    right = take.second(3, (w - half, h))
    rule = max(1, round(0.008 * w))
    for panel, x in ((left, 0), (right, half)):
        width = panel.frames.shape[2]
        take.frames[:, :, x : x + width] = panel.frames
        take.truth.mask[:, :, x : x + width] = panel.truth.mask
        take.truth.deformation[:, :, x : x + width] = panel.truth.deformation
    take.frames[:, :, half - rule : half + rule] = 255
    take.truth.mask[:, :, half - rule : half + rule] = False
    take.note("split_screen", 0, take.length - 1)


def _cut_in_panel(take: Take) -> None:
    """A slanted strip with the face slides in over the running shot and stays."""
    w, h = take.shot.size
    a, b = take.shot.scene.direction.span("framing", "cut_in_panel") or (
        round(0.30 * take.length),
        take.length - 1,
    )
    b = min(b, take.length - 1)
    tall = round(0.40 * h)
    panel = take.second(0, (w, max(16, tall)), PANEL)
    top = round(0.50 * h)
    y, x = np.mgrid[0:h, 0:w]
    lean = 0.16 * (x - w / 2)
    upper, lower = top + 0.06 * h - lean * 0.5, top + tall - 0.06 * h - lean * 0.5
    rim = max(1.0, 0.012 * h)
    for t in range(a, b + 1):
        slide = round(w * (1 - min(1.0, (t - a + 1) / take.seconds(4))) ** 2)
        inside = (y > upper) & (y < lower) & (x >= slide)
        edge = ((np.abs(y - upper) < rim) | (np.abs(y - lower) < rim)) & (x >= slide)
        shown = np.roll(_padded(panel.frames[t], top, h), slide, 1)
        take.frames[t][inside] = shown[inside]
        take.truth.mask[t][inside] = np.roll(_padded(panel.truth.mask[t], top, h), slide, 1)[inside]
        take.truth.deformation[t][inside] = 0
        take.frames[t][edge] = 255
    take.note("cut_in_panel", a, b)


def _padded(strip: np.ndarray, top: int, height: int) -> np.ndarray:
    """A strip placed at row ``top`` of a picture ``height`` rows high."""
    out = np.zeros((height, *strip.shape[1:]), strip.dtype)
    rows = min(len(strip), height - top)
    out[top : top + rows] = strip[:rows]
    return out


# --- masks and fades


def _iris(take: Take) -> None:
    """A circle closes on the figure; with a span at the start of the shot it opens instead."""
    a, b = take.window("transition", "iris", 16, 1.0)
    w, h = take.shot.size
    opens = a == 0 and b < take.length - 1
    middle = _figure_centre(take.truth.mask[b if opens else a])
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    distance = np.hypot(x - middle[0], y - middle[1])
    far = float(np.hypot(max(middle[0], w - middle[0]), max(middle[1], h - middle[1])))
    rows = range(a, b + 1) if opens else range(a, take.length)
    for t in rows:
        u = min(1.0, (t - a + 1) / (b - a + 1))
        u = 1 - (t - a) / (b - a + 1) if opens else u
        radius = far * (1 - u) ** 1.4
        keep = np.clip(radius - distance + 0.5, 0, 1)[..., None]
        take.frames[t] = np.rint(take.frames[t] * keep).astype(np.uint8)
        take.truth.mask[t] &= keep[..., 0] > 0.5
        take.truth.deformation[t] *= keep[..., 0] > 0.5
    take.note("iris", a, b)


def _faded(take: Take, first: int, last: int, rises: bool, to: int, kind: str) -> None:
    n = last - first + 1
    for t in range(0 if rises else first, last + 1 if rises else take.length):
        shown = (t - first) / n if rises else 1 - (t - first + 1) / n
        shown = float(np.clip(shown, 0, 1))
        take.frames[t] = np.rint(take.frames[t] * shown + to * (1 - shown)).astype(np.uint8)
        if shown < 0.06:
            take.truth.mask[t] = False
            take.truth.deformation[t] = 0
    take.note(kind, first, last)


def _fade_in(take: Take) -> None:
    _faded(take, *take.window("transition", "fade_in", 12, 0.0), True, 0, "fade_in")


def _fade_out(take: Take) -> None:
    _faded(take, *take.window("transition", "fade_out", 12, 1.0), False, 0, "fade_out")


def _white_fade(take: Take) -> None:
    a, b = take.window("transition", "white_fade", 12, 1.0)
    rises = a == 0 and b < take.length - 1
    _faded(take, a, b, rises, 255, "white_fade")


PASSES: tuple[tuple[str, str, Callable[[Take], None]], ...] = (
    ("lens_perspective", "fisheye", _fisheye),
    ("lens_perspective", "wide", _wide),
    ("focus", "rack_focus", _rack_focus),
    ("focus", "full_defocus", _full_defocus),
    ("framing", "split_screen", _split_screen),
    ("framing", "cut_in_panel", _cut_in_panel),
    ("horizon", "inverted", _inverted),
    ("transition", "punch_cut", _punch_cut),
    ("transition", "dissolve", _dissolve),
    ("transition", "wipe", _wipe),
    ("transition", "swish_transition", _swish),
    ("transition", "flash_cut", _flash_cut),
    ("time_treatment", "freeze_frame", _freeze),
    ("transition", "iris", _iris),
    ("transition", "fade_in", _fade_in),
    ("transition", "fade_out", _fade_out),
    ("transition", "white_fade", _white_fade),
)


def needs_print(shot: Shot) -> bool:
    """Whether the picture is changed after the stand."""
    s = shot.scene
    return (s.move_speed == "whip" and any(m != "fix" for m in s.camera_moves)) or any(
        s.direction.has(name, value) for name, value, _ in PASSES
    )


def strike_print(shot: Shot, frames: np.ndarray, truth: Truth) -> tuple[np.ndarray, Truth]:
    """Apply every pass that the scene asks for."""
    take = Take(shot, frames, truth)
    if shot.scene.move_speed == "whip":
        _whip_blur(take)
    for name, value, work in PASSES:
        if shot.scene.direction.has(name, value):
            work(take)
    return take.frames, take.truth


__all__ = ["PASSES", "Take", "needs_print", "strike_print"]
