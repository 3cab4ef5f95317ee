"""Contact sheet of triplets: intended, flat and collapsed side by side."""

from __future__ import annotations

import cv2
import numpy as np

from animatrix.knowledge import Directive
from animatrix.synthetic.failure import FAILURES
from animatrix.synthetic.staging import SHOWN_WITH
from animatrix.synthetic.triplet import Triplet, render_triplet

# large deformations, so that a failure of the same size is large too
_BESIDE = ("chibi_shift", "melting_wobble", "squash_stretch", "paper_flatten", "morphing")


def exhibit(kind: str, seed: int, size: tuple[int, int]) -> Triplet:
    """The triplet that shows one kind of failure."""
    value = _BESIDE[FAILURES.index(kind) % len(_BESIDE)]
    tags = {"camera_move": "fix", "drawing_cadence": "twos", **SHOWN_WITH[value]}
    tags |= {"body_deformation": value, "deformation_intensity": "extreme"}
    if value == "squash_stretch":
        tags["action"] = "strike"
    request = {"narrative": "A shot.", "tags": tags, "frames": 33, "fps": 24}
    return render_triplet(Directive.model_validate(request), seed, kind, 0.6, size)


def triplet_sheet(size: tuple[int, int] = (320, 192), seed: int = 8, count: int = 4) -> np.ndarray:
    """Three strips per kind of failure: as intended, flat, collapsed; ``uint8 [H,W,3]``."""
    w, h = size[0] * 3 // 5, size[1] * 3 // 5
    rows = []
    for n, kind in enumerate(FAILURES):
        t = exhibit(kind, seed + n, size)
        (event,) = [e for e in t.collapsed.truth.events if e.kind == "failure"]
        (device,) = [e for e in t.intended.truth.events if e.kind == "body_deformation"]
        first, last = min(device.first, event.first), max(device.last, event.last)
        picks = np.linspace(first, last, count + 2)[1:-1].round().astype(int)
        strips = []
        for take, name in zip(t, (f"int: {device.detail}", "flat", f"col: {kind}"), strict=True):
            cells = [cv2.resize(take[0].frames[k], (w, h), interpolation=cv2.INTER_AREA) for k in picks]
            strip = np.concatenate(cells, 1)
            cv2.rectangle(strip, (0, 0), (12 + 9 * len(name), 18), (246, 246, 246), -1)
            cv2.putText(strip, name, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.44, (40, 40, 40), 1, cv2.LINE_AA)
            strips.append(strip)
        rows.append(np.concatenate([*strips, np.full((6, w * count, 3), 246, np.uint8)], 0))
    if len(rows) % 2:
        rows.append(np.full_like(rows[0], 246))
    gap = np.full((rows[0].shape[0], 6, 3), 246, np.uint8)
    return np.concatenate(
        [np.concatenate([a, gap, b], 1) for a, b in zip(rows[::2], rows[1::2], strict=True)], 0
    )


__all__ = ["exhibit", "triplet_sheet"]
