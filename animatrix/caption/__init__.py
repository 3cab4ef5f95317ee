"""AniCaption: production variables read back from pixels.

for shot in caption("shot.mp4"):
    print(shot.tags["camera_move"][0].value, shot.narrative)
"""

from animatrix.caption.reading import read_shots
from animatrix.caption.shots import CaptionTag, ShotCaption, caption, caption_shot

__all__ = ["CaptionTag", "ShotCaption", "caption", "caption_shot", "read_shots"]
