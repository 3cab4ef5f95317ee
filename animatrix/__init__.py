"""AniMatrix: anime video generation that thinks in art, not physics.

    from animatrix import AniMatrixPipeline, Directive, Taxonomy

Names are imported on first use, so that ``import animatrix`` loads neither torch nor OpenCV.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AniMatrixError": "animatrix.errors",
    "AniMatrixPipeline": "animatrix.generate.pipeline",
    # diffusers looks up the components of a saved pipeline by the name of the top-level package.
    "AniMatrixTransformer3DModel": "animatrix.model",
    "AutoencoderNano": "animatrix.model",
    "DraftArtist": "animatrix.model",
    "LayoutArtist": "animatrix.model",
    "Directive": "animatrix.knowledge",
    "ModelMixin": "diffusers",  # how diffusers recognises those components as loadable
    "TagEncoder": "animatrix.model",
    "Taxonomy": "animatrix.knowledge",
}

__all__ = [
    "AniMatrixError",
    "AniMatrixPipeline",
    "AniMatrixTransformer3DModel",
    "AutoencoderNano",
    "Directive",
    "DraftArtist",
    "LayoutArtist",
    "TagEncoder",
    "Taxonomy",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
