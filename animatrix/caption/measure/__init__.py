"""Measures: production variables read from pixels, one module per field or family of fields.

A new measure is one file here: a function ``Shot -> Findings | Abstention`` under :func:`registry.measures`.
All measures of a shot share its one decode and the camera path and drawings computed from it.
"""

from __future__ import annotations

import importlib
import pkgutil

from animatrix.caption.measure.registry import MEASURES, Abstention, Finding, measures
from animatrix.caption.measure.shot import Shot, Still, shot_of

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["MEASURES", "Abstention", "Finding", "Shot", "Still", "measures", "shot_of"]
