"""Joins of pictures: cuts, dissolves, wipes, panels, irises, fades and the freeze."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.synthetic.takes import PANEL, Take, larger

# --- joins


def freeze(take: Take) -> None:
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


def punch_cut(take: Take) -> None:
    """The framing jumps 1.7 times nearer on the figure's head and stays there."""
    near = 1.7
    first, last = take.window("transition", "punch_cut", 1, 0.5)
    span = take.shot.scene.direction.span("transition", "punch_cut")
    end = last if span and last > first else take.length - 1
    w, h = take.shot.size
    source = larger(take, near) if not take.shot.scene.direction.has("lens_perspective", "fisheye") else None
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


def dissolve(take: Take) -> None:
    a, b = take.window("transition", "dissolve", 12, 0.5)
    other = take.second(1)
    for t in range(a, take.length):
        u = min(1.0, (t - a + 1) / (b - a + 2))
        mixed = cv2.addWeighted(take.frames[t], 1 - u, other.frames[t], u, 0)
        if u >= 0.5:
            take.replace(t, other)
        take.frames[t] = mixed if t <= b else other.frames[t]
    take.note("dissolve", a, b)


def wipe(take: Take) -> None:
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


def swish(take: Take) -> None:
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


def flash_cut(take: Take) -> None:
    a, b = take.window("transition", "flash_cut", 3, 0.5)
    b = min(b, a + take.seconds(6) - 1)
    other = take.second(2)
    for t in range(a, b + 1):
        take.replace(t, other)
    take.note("flash_cut", a, b)


def repeated(take: Take) -> None:
    """The moment of the hit is shown three times in a row, each time nearer."""
    n, near = take.length // 3, (1.0, 1.35, 1.75)
    if n < 2:
        return
    first = int(np.clip(take.shot.scene.hit - round(0.65 * n), 0, take.length - n))
    source, (w, h) = larger(take, near[-1]), take.shot.size
    middle = _figure_centre(take.truth.mask[first + n // 2])
    camera = take.truth.camera.copy()
    sheet = {name: list(ids) for name, ids in take.truth.sheet.items()}
    events = [e for e in take.truth.events if first <= e.first < first + n]
    take.truth.events[:] = []
    for t in range(take.length):
        k, s = min(t // n, 2), first + min(t - min(t // n, 2) * n, n - 1)
        zoom = near[k]
        corner = np.clip(middle * zoom - (w / 2, h / 2), 0, (w * zoom - w, h * zoom - h))
        view = np.array(
            [[zoom, 0, 0.5 * zoom - 0.5 - corner[0]], [0, zoom, 0.5 * zoom - 0.5 - corner[1]], [0, 0, 1]]
        )
        down = zoom / near[-1]
        m = np.array([[down, 0, 0.5 * down - 0.5 - corner[0]], [0, down, 0.5 * down - 0.5 - corner[1]]])
        take.frames[t] = cv2.warpAffine(source.frames[s], m, (w, h), borderMode=cv2.BORDER_REPLICATE)
        take.truth.mask[t] = cv2.warpAffine(source.truth.mask[s].astype(np.uint8) * 255, m, (w, h)) > 127
        take.truth.deformation[t] = cv2.warpAffine(source.truth.deformation[s], m, (w, h))
        take.truth.camera[t] = (view @ np.concatenate([camera[s], [[0, 0, 1]]]))[:2]
        for name, ids in sheet.items():
            take.truth.sheet[name][t] = ids[s]
    for k in range(3):
        for e in events:
            at = k * n + e.first - first
            take.note(e.kind, at, min(at + e.last - e.first, take.length - 1), e.detail)
        if k:
            take.note("cut", k * n, k * n, "repeated_action")


# --- panels


def split_screen(take: Take) -> None:
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


def cut_in_panel(take: Take) -> None:
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


def iris(take: Take) -> None:
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


def fade_in(take: Take) -> None:
    _faded(take, *take.window("transition", "fade_in", 12, 0.0), True, 0, "fade_in")


def fade_out(take: Take) -> None:
    _faded(take, *take.window("transition", "fade_out", 12, 1.0), False, 0, "fade_out")


def white_fade(take: Take) -> None:
    a, b = take.window("transition", "white_fade", 12, 1.0)
    rises = a == 0 and b < take.length - 1
    _faded(take, a, b, rises, 255, "white_fade")
