"""Releases of the taxonomy: what changed between two of them, and how old directives move forward."""

from __future__ import annotations

from typing import Any

from animatrix.knowledge.taxonomy import Taxonomy


def migrate_tags(raw: Any, version: Any, taxonomy: Taxonomy) -> Any:
    return raw
