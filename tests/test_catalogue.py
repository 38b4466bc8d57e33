"""The catalogue of faults and the tests: each id has a test that names it, and each named id is one of it.

A test names its ids at the head of its docstring ("K6, K7: before a write, ...") or of its own name
(`test_k9_...`).
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
IN_DOCSTRING = re.compile(r"(?:[AFKNRSVDU]\d{1,2}, )*[AFKNRSVDU]\d{1,2}(?=[:.])")
IN_NAME = re.compile(r"test_((?:[afknrsvdu]\d{1,2}_)+)")
LAST = {"D": 9, "K": 20, "R": 11, "V": 19, "N": 31}
NOT_YET = {
    "K8": "a gateway process that is killed: there is none yet, orders leave from the kernel's own wire",
}
FACTS = ("A5", "F10", "F11", "F12", "F13", "F14", "F15", "F16")
WANTED = [
    *(f"{group}{number}" for group, last in LAST.items() for number in range(1, last + 1)),
    *FACTS,
]


@functools.cache
def named() -> dict[str, list[str]]:
    """The tests of each id."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(HERE.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                head = IN_DOCSTRING.match(ast.get_docstring(node) or "")
                ids = set(head[0].split(", ")) if head else set()
                if (name := IN_NAME.match(node.name)) is not None:
                    ids |= set(name[1].upper().strip("_").split("_"))
                for each in ids:
                    found[each].append(f"{path.relative_to(HERE)}::{node.name}")
    return found


@pytest.mark.parametrize("fault", WANTED)
def test_each_fault_of_the_catalogue_has_a_test_by_its_id(fault: str) -> None:
    """Or the reason why there can be none yet; then there is none."""
    assert (fault in named()) is not (fault in NOT_YET), named().get(fault)
