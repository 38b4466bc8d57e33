"""The verdict on one call."""

from __future__ import annotations

from answers import COUNTED_LIMIT
from doors import Door
from rows import Case, Row
from scene import Scene
from shapes import Rows, mismatches


async def judge(door: Door, scene: Scene, row: Row, case: Case) -> None:
    """The call has the documented status, fields, types and cost."""
    await scene.prepare(case.given)
    reply = await door.call(row, scene.fill_in(case.params))

    assert reply.status == case.status, reply.body
    assert mismatches(reply.body, case.answer) == []
    assert reply.weight == (row.weight if case.weight is None else case.weight)
    if reply.limits is not None:
        assert mismatches(reply.limits, Rows(COUNTED_LIMIT)) == []
