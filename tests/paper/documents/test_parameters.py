"""What every endpoint does with parameters that are unknown, missing, empty or malformed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kinds
import pytest
from doors import Door
from rows import Row
from scene import Scene
from tables import EVERY, by_name

Bad = tuple[str, dict[str, Any], kinds.Refusal]


@pytest.mark.parametrize("row", by_name(EVERY))
async def test_every_documented_parameter_is_sent_by_some_case(row: Row) -> None:
    """The table itself leaves no parameter out, so that taking each of them is tested."""
    assert {name for case in row.cases for name in case.params} == set(row.kinds)


@pytest.mark.parametrize("row", by_name(EVERY))
async def test_a_bad_parameter_is_refused_by_name(door: Door, scene: Scene, row: Row) -> None:
    """Unknown -1104, mandatory and missing -1102, empty -1105, malformed -1100 or its kind's own code."""
    for given in dict.fromkeys(name for case in row.cases for name in case.given):
        await scene.prepare((given,))
    wrong = []
    for what, params, refusal in _bad(row, door, scene):
        reply = await door.call(row, params)
        found = reply.error if reply.status != 200 else reply.body
        if found != (400, *refusal):
            wrong.append((what, found, refusal))
        elif row.security == "TRADE" and reply.weight != row.weight:
            wrong.append((what, reply.weight, row.weight))
    assert wrong == []


def _bad(row: Row, door: Door, scene: Scene) -> Iterator[Bad]:
    """Every bad change of a good call, with the answer it must get."""
    base = scene.fill_in(row.cases[0].params)
    sent = len(base) + (len(door.secured) if row.signed else 0)
    yield "unknown", base | {"colour": "red"}, kinds.unread(sent, sent + 1)
    for name in row.mandatory:
        rest = {key: value for key, value in base.items() if key != name}
        yield f"{name} missing", rest, kinds.missing(name)
        yield f"{name} empty", base | {name: ""}, kinds.missing(name)
    for name, kind in row.kinds.items():
        base = scene.fill_in(row.base(name).params)
        value, refusal = kinds.malformed(name, kind)
        yield f"{name} malformed", base | {name: value}, refusal
        if name in row.optional:
            yield f"{name} empty", base | {name: ""}, kinds.empty(name)
