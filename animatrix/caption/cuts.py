"""Where one shot ends and the next begins, found while the film streams by."""

from __future__ import annotations

from animatrix.media import Frame


class CutFinder:
    """Fed with frames in order, tells the numbers of frames that begin a new shot.

    ``lookahead``: frames after a cut that may have to be seen before it is told.
    """

    lookahead = 0

    def __init__(self, fps: float):
        self.fps = fps

    def feed(self, frame: Frame) -> list[int]:
        """Frame numbers, counted from 0 in the film, that begin a shot and are certain since this frame."""
        return []

    def finish(self) -> list[int]:
        """The same for the frames at the end of the film."""
        return []
