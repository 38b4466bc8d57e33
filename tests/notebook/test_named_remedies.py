"""Whatever a message, a docstring or the README tells people to write exists under that name."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import quantlab
from quantlab.notebook.namespace import BusFace, Ql

PACKAGE = Path(quantlab.__file__).parent
ROOT = PACKAGE.parent
NAMED = re.compile(r"(?<![\w.])ql((?:\.[a-z_]+)+)(?![\w/])")


def texts() -> Iterator[tuple[str, str]]:
    """Every string of the package, and the README; by file."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, node.value
    yield "README.md", (ROOT / "README.md").read_text("utf-8")


def missing(names: list[str]) -> str | None:
    """The first of these names, one after the other from `ql` on, that is not there."""
    here: Any = Ql
    for name in names:
        if not isinstance(here, type) or here in (Any, ModuleType):
            return None  # what it is cannot be seen from its annotation
        found = inspect.getattr_static(here, name, None)
        if found is None and name in dir(here.__new__(here)):
            return None  # made on demand
        if found is None:
            return name
        if not isinstance(found, property):
            return None
        try:
            here = typing.get_type_hints(found.fget).get("return")
        except NameError:  # a type that is imported for the checkers only
            return None
    return None


def test_every_name_after_ql_exists() -> None:
    """Of a face that has a type; there are many, and several of the bus."""
    found = {(file, match[1]) for file, text in texts() for match in NAMED.finditer(text)}
    wrong = sorted(f"{file}: ql{names}" for file, names in found if missing(names[1:].split(".")))

    assert wrong == []
    assert len({names for _, names in found if names.startswith(".bus.")}) >= 3
    assert len({names for _, names in found}) >= 20


@pytest.mark.parametrize(
    ("names", "name"),
    [("bus.resumes", "resumes"), ("buses", "buses"), ("recorder.run", "run"), ("bus.resume", None)],
)
def test_a_name_that_is_not_there_is_found(names: str, name: str | None) -> None:
    """The test above could fail."""
    assert hasattr(BusFace, "resume")
    assert missing(names.split(".")) == name
