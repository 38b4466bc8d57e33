"""Which of River's classes a model is made of, to read in a header without loading it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEPTH = 6


def class_tree(objects: Mapping[str, Any]) -> dict[str, Any]:
    """By name: a class, or [class, {part: ...}] where it is made of others."""
    return {name: _tree(each, DEPTH) for name, each in objects.items()}


def _tree(value: Any, depth: int) -> Any:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    parts = {name: _tree(each, depth - 1) for name, each in _parts(value) if depth}
    return [kind, parts] if parts else kind


def _parts(value: Any) -> list[tuple[str, Any]]:
    """Steps of a pipeline, members of an ensemble, and what it was configured with, where that is River's."""
    own = getattr(value, "__dict__", {})
    steps = own.get("steps", own.get("data", ()))
    if isinstance(steps, Mapping):
        return [(str(name), each) for name, each in steps.items() if _is_river(each)]
    if isinstance(steps, list) and steps:
        return [(str(number), each) for number, each in enumerate(steps) if _is_river(each)]
    return [(name, each) for name, each in own.items() if not name.startswith("_") and _is_river(each)]


def _is_river(value: Any) -> bool:
    return type(value).__module__.startswith("river.")
