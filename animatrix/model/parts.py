"""A model with one of its parts exchanged for a new one."""

from __future__ import annotations

from typing import Any, TypeVar

from diffusers.models.modeling_utils import ModelMixin

Model = TypeVar("Model", bound=ModelMixin)


def arguments(config: Any) -> dict[str, Any]:
    """Of a constructor. (``from_config`` leaves out what was registered after the defaults were taken.)"""
    return {name: value for name, value in config.items() if not name.startswith("_")}


def with_part(model: Model, part: str, **changes: Any) -> Model:
    """A model like this one with a new ``part``, and all other weights. ``changes``: of its config."""
    found = type(model)(**arguments(model.config) | changes)
    kept = {name: value for name, value in model.state_dict().items() if not name.startswith(f"{part}.")}
    found.load_state_dict(kept, strict=False)
    return found
