"""A film to shots: one decode, cut as it streams, in memory that does not grow with its length.

film = read_shots("episode.mkv", strict=False)
for shot in film:
    print(shot.start, len(shot.gray))
print([fault.message for fault in film.report.faults])
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from animatrix.caption.cuts import CutFinder
from animatrix.caption.joins import Join
from animatrix.caption.measure.shot import MAX_STILLS, Shot, shot_of
from animatrix.media import Clip, Fault, Frame, Limits, Pulldown, Scan, ScanReport, Trouble, scan, scan_clip

MAX_SHOT = 2880  # frames: two minutes at 24 fps, 300 MB; a longer shot is read in parts


class Reading(Iterator[Shot]):
    """The shots of a film, once. ``report`` tells, after the last, what was wrong or unusual; of a clip in
    memory it stays empty."""

    def __init__(self, shots: Iterator[Shot], report: ScanReport) -> None:
        self._shots, self.report = shots, report

    def __next__(self) -> Shot:
        return next(self._shots)


def read_shots(
    source: str | os.PathLike[str] | Clip,
    *,
    guarded: bool = True,
    strict: bool = True,
    even: bool = True,
    limits: Limits | None = None,
) -> Reading:
    """The shots of a local video file or a clip, in order, each as soon as its end is known.

    Args:
        guarded: decode a file in a child process, as ``media.scan``.
        strict: raise on damage, after the shots that were whole before it. Otherwise the shot it falls into
            is read as far as it goes, and ``report`` names it.
        even: leave out the repeats of a pulldown, so that a shot's frames are the film's and its rate theirs;
            else they are only named.

    Raises:
        AniMatrixError: as ``media.scan``.
    """
    if isinstance(source, Clip):
        cut = _cut(scan_clip(source), source.fps)
        shots = (shot_of(frames, source.fps, joins=joins) for frames, joins in cut)
        return Reading(shots, ScanReport())
    film = scan(source, guarded=guarded, strict=strict, limits=limits)
    return Reading(_shots_of(film, even), film.report)


def _shots_of(film: Scan, even: bool) -> Iterator[Shot]:
    with film:
        fps, vfr = film.info.fps, film.info.vfr
        pulldown = Pulldown(fps)
        count = first = 0
        for frames, joins in _cut(film, fps):
            evened, rate = pulldown.evened(frames, first)
            count += 1
            first += len(frames)
            if even and rate != fps:
                share = rate / fps
                yield shot_of(evened, rate, joins=tuple(join.scaled(share) for join in joins))
            else:
                yield shot_of(frames, fps, vfr, joins)
        if pulldown.shots:
            done = "repeats left out" if even else "repeats are in"
            text = f"of pulled-down film: {pulldown.shots} of {count} shots, {done}"
            film.report.faults.append(Fault(Trouble.PULLDOWN, text))


def _cut(frames: Iterator[Frame], fps: float) -> Iterator[tuple[list[Frame], tuple[Join, ...]]]:
    """The frames of each shot, and the joins at its ends, counted from its first frame."""
    finder = CutFinder(fps)
    held: list[Frame] = []  # frames of the shot under way; held[0] is frame number ``first`` of the film
    first = 0
    for frame in frames:
        held.append(frame)
        cuts = finder.feed(frame)
        if len(held) == MAX_SHOT + finder.lookahead:
            cuts = cuts or [first + MAX_SHOT]
        for cut in cuts:
            if cut <= first:  # half-way through a dissolve that a very long shot was parted in
                continue
            yield held[: cut - first], _ends(finder.joins, first, cut)
            held, first = held[cut - first :], cut
        _thin(held)
    for cut in finder.finish():
        yield held[: cut - first], _ends(finder.joins, first, cut)
        held, first = held[cut - first :], cut
    if held:
        yield held, _ends(finder.joins, first, first + len(held))


def _ends(joins: list[Join], first: int, end: int) -> tuple[Join, ...]:
    """The joins that begin or end the shot from frame ``first`` to before ``end``, counted from ``first``."""
    return tuple(join.shifted(-first) for join in joins if join.at in (first, end))


def _thin(held: list[Frame]) -> None:
    """Drop every other whole picture once there are twice as many as a shot keeps."""
    whole = [i for i, frame in enumerate(held) if frame.whole is not None]
    if len(whole) <= 2 * MAX_STILLS:
        return
    for i in whole[1::2]:
        held[i] = replace(held[i], whole=None)
        if i + 1 < len(held):
            held[i + 1] = replace(held[i + 1], twin=None)
