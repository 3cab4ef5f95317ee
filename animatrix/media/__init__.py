"""Video files in and out. Nothing else in AniMatrix opens, decodes or encodes one.

clip = read_clip("shot.mp4")
write_video(clip, "copy.mp4")
"""

from animatrix.media.clip import Clip
from animatrix.media.contact import contact_sheet
from animatrix.media.read import VideoInfo, probe, read_clip, stream_frames
from animatrix.media.write import write_png_sequence, write_video

__all__ = [
    "Clip",
    "VideoInfo",
    "contact_sheet",
    "probe",
    "read_clip",
    "stream_frames",
    "write_png_sequence",
    "write_video",
]
