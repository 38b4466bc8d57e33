"""The verdict on one call."""

from __future__ import annotations

from answers import COUNTED_LIMIT
from doors import Door
from rows import Case, Row
from scene import Scene
from shapes import Rows, in_microseconds, mismatches


async def judge(door: Door, scene: Scene, row: Row, case: Case) -> None:
    """The call has the documented status, fields, types and cost."""
    await scene.prepare(case.given)
    reply = await door.call(row, scene.fill_in(case.params))

    assert reply.status == case.status, reply.body
    assert mismatches(reply.body, case.answer) == []
    assert reply.weight == (row.weight if case.weight is None else case.weight)
    if door.name == "ws":
        assert mismatches(reply.limits, Rows(COUNTED_LIMIT)) == []


async def judge_microseconds(door: Door, scene: Scene, row: Row) -> None:
    """The row's first case again, by a door that asks for microseconds: only the times differ."""
    case = row.cases[0]
    await scene.prepare(case.given)
    reply = await door.call(row, scene.fill_in(case.params))

    assert reply.status == case.status, reply.body
    assert mismatches(reply.body, in_microseconds(case.answer)) == []
