"""Video files in and out. Nothing else in AniMatrix opens, decodes or encodes one.

clip = read_clip("shot.mp4")
write_video(clip, "copy.mp4")

libav is loaded when a file is first touched: drawing and training pass clips round without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from animatrix.media.clip import Clip

if TYPE_CHECKING:
    from animatrix.media.contact import contact_sheet
    from animatrix.media.faults import Fault, FilmError, ScanReport, Trouble
    from animatrix.media.frames import Frame, Whole, scan_clip
    from animatrix.media.pulldown import Pulldown
    from animatrix.media.read import VideoInfo, probe, read_clip, stream_frames
    from animatrix.media.scanning import Limits, Scan, scan
    from animatrix.media.write import write_frames, write_png_sequence, write_video

_HOMES = {
    "Fault": "faults",
    "FilmError": "faults",
    "Frame": "frames",
    "Limits": "scanning",
    "Pulldown": "pulldown",
    "Scan": "scanning",
    "ScanReport": "faults",
    "Trouble": "faults",
    "VideoInfo": "read",
    "Whole": "frames",
    "contact_sheet": "contact",
    "probe": "read",
    "read_clip": "read",
    "scan": "scanning",
    "scan_clip": "frames",
    "stream_frames": "read",
    "write_frames": "write",
    "write_png_sequence": "write",
    "write_video": "write",
}

__all__ = [
    "Clip",
    "Fault",
    "FilmError",
    "Frame",
    "Limits",
    "Pulldown",
    "Scan",
    "ScanReport",
    "Trouble",
    "VideoInfo",
    "Whole",
    "contact_sheet",
    "probe",
    "read_clip",
    "scan",
    "scan_clip",
    "stream_frames",
    "write_frames",
    "write_png_sequence",
    "write_video",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
