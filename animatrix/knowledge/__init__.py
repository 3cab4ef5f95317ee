"""The Production Knowledge System: taxonomy, directives, constraints, timesheets.

    from animatrix.knowledge import Taxonomy, Directive, Tag

Nothing here imports torch or OpenCV, and names load on first use, so ``animatrix taxonomy`` starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from animatrix.knowledge.directive import Directive
    from animatrix.knowledge.lookup import Hit, Resolution
    from animatrix.knowledge.rules import Violation, check
    from animatrix.knowledge.tags import Tag
    from animatrix.knowledge.taxonomy import Field, Taxonomy, Value

_HOMES = {
    "Directive": "directive",
    "Field": "taxonomy",
    "Hit": "lookup",
    "Resolution": "lookup",
    "Tag": "tags",
    "Taxonomy": "taxonomy",
    "Value": "taxonomy",
    "Violation": "rules",
    "check": "rules",
}

__all__ = ["Directive", "Field", "Hit", "Resolution", "Tag", "Taxonomy", "Value", "Violation", "check"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
