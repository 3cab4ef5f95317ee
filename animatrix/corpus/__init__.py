"""Real footage to datasets: shots found, filtered, described, cut out, each refusal with its reason.

curate(Path("episodes"), Path("dataset"), reader)      # the captioner comes in as the reader
for row in Manifest("dataset"):
    print(row.clip, row.directive.tag_strings())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from animatrix.corpus.curation import Curation, curate
    from animatrix.corpus.manifest import Manifest, Row
    from animatrix.corpus.settings import Limits, Settings, Thresholds
    from animatrix.corpus.shot import Reader

_HOMES = {
    "Curation": "curation",
    "Limits": "settings",
    "Manifest": "manifest",
    "Reader": "shot",
    "Row": "manifest",
    "Settings": "settings",
    "Thresholds": "settings",
    "curate": "curation",
}

__all__ = ["Curation", "Limits", "Manifest", "Reader", "Row", "Settings", "Thresholds", "curate"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
