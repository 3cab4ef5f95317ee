"""A film to shots: one decode, cut as it streams, in memory that does not grow with its length."""

from __future__ import annotations

import os
from collections.abc import Iterator

from animatrix.caption.cuts import CutFinder
from animatrix.caption.measure.shot import MAX_STILLS, Shot, shot_of
from animatrix.media import Clip, Frame, probe, scan, scan_clip

MAX_SHOT = 2880  # frames: two minutes at 24 fps, 300 MB; a longer shot is read in parts


def read_shots(source: str | os.PathLike[str] | Clip) -> Iterator[Shot]:
    """The shots of a local video file or a clip, in order, each as soon as its end is known.

    Raises:
        AniMatrixError: as ``media.scan``, after the shots that were whole before the damage.
    """
    if isinstance(source, Clip):
        yield from _cut(scan_clip(source), source.fps, False)
        return
    info = probe(source)
    yield from _cut(scan(source), info.fps, info.vfr)


def _cut(frames: Iterator[Frame], fps: float, vfr: bool) -> Iterator[Shot]:
    finder = CutFinder(fps)
    held: list[Frame] = []  # frames of the shot under way; held[0] is frame number ``first`` of the film
    first = 0
    for frame in frames:
        held.append(frame)
        cuts = finder.feed(frame)
        if len(held) == MAX_SHOT + finder.lookahead:
            cuts = cuts or [first + MAX_SHOT]
        for cut in cuts:
            yield shot_of(held[: cut - first], fps, vfr)
            held, first = held[cut - first :], cut
        _thin(held)
    for cut in finder.finish():
        yield shot_of(held[: cut - first], fps, vfr)
        held, first = held[cut - first :], cut
    if held:
        yield shot_of(held, fps, vfr)


def _thin(held: list[Frame]) -> None:
    """Drop every other whole picture once there are twice as many as a shot keeps."""
    whole = [i for i, frame in enumerate(held) if frame.picture is not None]
    if len(whole) <= 2 * MAX_STILLS:
        return
    for i in whole[1::2]:
        held[i] = Frame(held[i].seconds, held[i].luma, held[i].colour)
        if i + 1 < len(held) and held[i + 1].twin is not None:
            held[i + 1] = Frame(held[i + 1].seconds, held[i + 1].luma, held[i + 1].colour)
