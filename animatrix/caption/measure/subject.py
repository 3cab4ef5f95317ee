"""Where the subject is on the screen while the plate streams by: what makes a pan a follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from animatrix.caption.measure.alignment import compose
from animatrix.caption.measure.cadence import background
from animatrix.caption.measure.thresholds import FOLLOW, FollowThresholds

if TYPE_CHECKING:
    from animatrix.caption.measure.shot import Shot


def subject_track(shot: Shot, limits: FollowThresholds = FOLLOW) -> tuple[np.ndarray, np.ndarray]:
    """Centre ``[T,2]`` in pixels of analysis size and area ``[T]`` in shares of the frame, every few frames.

    The subject is what differs from the plate. A frame without one, or not looked at, has an area of 0 and a
    centre of NaN.
    """
    gray, matrices = shot.gray, shot.camera.matrices
    height, width = gray.shape[1:]
    kept = np.flatnonzero(~shot.camera.odd)[:: max(limits.every, len(gray) // limits.most_looks)]
    smooth = {int(t): cv2.GaussianBlur(gray[t], (0, 0), 1.0).astype(np.float32) for t in kept}
    plate, placed = background([smooth[int(t)] for t in kept], matrices[kept])
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    centre, area = np.full((len(gray), 2), np.nan), np.zeros(len(gray))
    for t, picture in smooth.items():
        back = compose(matrices[t], cv2.invertAffineTransform(placed))
        seen = cv2.warpAffine(plate, back, (width, height), borderValue=-1e3)
        slope = cv2.magnitude(*(cv2.Sobel(picture, cv2.CV_32F, i, 1 - i, scale=0.125) for i in (1, 0)))
        other = (cv2.absdiff(picture, seen) > limits.levels + 1.5 * slope) & (seen > -500)
        other = cv2.morphologyEx(other.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
        area[t] = other.mean()
        if other.sum() >= 8:
            centre[t] = np.median(xs[other]), np.median(ys[other])
    return centre, area


def screen_share(shot: Shot, first: int, last: int, limits: FollowThresholds = FOLLOW) -> float | None:
    """How far the subject moves on the screen for each pixel the plate moves, or None when it is not seen.

    1 for a subject that stands on the plate, 0 for one the camera follows, negative for one that outruns it.
    """
    centre, area = shot.subject
    used = np.zeros(len(area), bool)
    used[first : last + 1] = True
    used &= (area > limits.least_area) & (area < limits.most_area)
    if used.sum() < max(6, 0.5 * (last - first + 1) / max(limits.every, len(area) // limits.most_looks)):
        return None
    middle = np.array([(shot.gray.shape[2] - 1) / 2, (shot.gray.shape[1] - 1) / 2])
    plate = shot.camera.matrices[:, :, :2] @ middle + shot.camera.matrices[:, :, 2]
    along = plate[last] - plate[first]
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    x, y = plate[used] @ along, centre[used] @ along
    if np.ptp(x) < 1e-6:
        return None
    # Theil-Sen: limbs that leave the silhouette for a few frames do not tilt the line.
    i, j = np.triu_indices(len(x), max(2, len(x) // 4))
    gap = np.abs(x[j] - x[i]) > 0.1 * np.ptp(x)
    return float(np.median((y[j] - y[i])[gap] / (x[j] - x[i])[gap])) if gap.any() else None
