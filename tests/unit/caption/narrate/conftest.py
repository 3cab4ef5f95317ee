"""A shot to narrate: twelve frames on twos, with a white flash, as if read from a file."""

from __future__ import annotations

import numpy as np
import pytest

from animatrix.caption.measure import Shot
from animatrix.caption.measure.shot import Still
from animatrix.caption.tag import CaptionTag


@pytest.fixture(scope="session")
def shot() -> Shot:
    """Six drawings of a dark square stepping over a plate; frame 8 is white; frame 5 was kept whole."""
    plate = np.random.default_rng(1).integers(90, 160, (96, 160, 3), dtype=np.uint8)
    frames = []
    for t in range(24):
        frame = plate.copy()
        left = 8 + 22 * (t // 4)
        frame[30:70, left : left + 24] = (30, 20, 60)
        frames.append(np.full_like(frame, 255) if t == 8 else frame)
    colour = np.stack(frames)
    gray = colour.mean(-1).astype(np.uint8)
    whole = np.full((720, 1280, 3), (200, 40, 40), np.uint8)
    return Shot(gray, colour, np.arange(24) / 24.0, 24.0, (Still(5, whole),))


@pytest.fixture
def measured() -> dict[str, list[CaptionTag]]:
    whole = (0, 23)
    return {
        "palette": [CaptionTag("vivid", 0.9, whole)],
        "camera_move": [CaptionTag("fix", 0.95, whole)],
        "impact_frame": [CaptionTag("white_frame", 0.9, (8, 8))],
    }


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy between a test and its own server, and no key of the user's in a test."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("ANIMATRIX_API_KEY", raising=False)
