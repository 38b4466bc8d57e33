"""Errors that only faults provoke, and the account of all codes."""

from __future__ import annotations

import pytest
import table_orders as orders
from doors import Door
from scene import Scene
from table_codes import DOCUMENTED, ELSEWHERE, FAULTS, NEVER
from table_errors import ERRORS
from tables import EVERY

ROWS = {row.ws: row for row in EVERY}


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_internal_error_says_nothing_of_what_was_done(
    door: Door, scene: Scene, code: int, when: str
) -> None:
    """HTTP 5XX with the code and its text; the order exists, or it does not: its query tells."""
    row = ROWS["order.place"]
    endpoint = row.ws if door.name == "ws" else f"{row.method} {row.path}"
    await scene.alice.control("faults", name="error", code=code, when=when, endpoint=endpoint)
    reply = await door.call(row, orders.LIMIT | {"newClientOrderId": "mine"})
    query = await door.call(ROWS["order.status"], orders.BTC | {"origClientOrderId": "mine"})

    status, *said = reply.error
    assert 500 <= status < 600
    assert said == [code, FAULTS[code]]
    assert query.status == (200 if when == "after" else 400)


def test_every_documented_code_is_provoked_or_has_a_reason_not_to_be() -> None:
    """And none is both, and none stands in the tables that the documents do not have."""
    filters = {-1013, -2038}
    provoked = {one.code for one in ERRORS} | set(FAULTS) | ELSEWHERE | filters
    ours = {-1131}  # the text of recvWindow's bound; the documents have it in their change log
    assert provoked - ours | set(NEVER) == set(DOCUMENTED)
    assert not provoked & set(NEVER)
