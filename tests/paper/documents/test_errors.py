"""Every error that the venue can answer, provoked by both doors."""

from __future__ import annotations

from typing import Any

import pytest
from doors import Door
from rows import Row
from scene import Scene
from table_errors import ERRORS, Provoked
from tables import EVERY

# refused whole: they have a name and a path in the documents, and no row in the tables
UNSERVED = {
    "orderList.place.opo": "/api/v3/orderList/opo",
    "orderList.place.opoco": "/api/v3/orderList/opoco",
    "sor.order.place": "/api/v3/sor/order",
    "sor.order.test": "/api/v3/sor/order/test",
}
ROWS = {row.ws: row for row in EVERY} | {
    ws: Row(ws, "POST", path, ws, 1, "TRADE", {}, {}, ()) for ws, path in UNSERVED.items()
}


def told(one: Provoked) -> str:
    """The test's name: what is asked and which code comes."""
    changed = "-".join(f"{name}={value}" for name, value in list(one.params.items())[-2:])
    return f"{-one.code}-{one.ws}-{changed}".replace(" ", "_").replace("/", "|")


@pytest.mark.parametrize("one", [pytest.param(one, id=told(one)) for one in ERRORS])
async def test_an_error_has_its_code_status_and_text(door: Door, scene: Scene, one: Provoked) -> None:
    """The same code, status and text by REST and by the WebSocket API; a failed order costs its weight."""
    await scene.prepare(one.given)
    now_ms = scene.ids["now"]
    scene.ids |= {"too_late": now_ms - 5_001, "too_soon": now_ms + 1_000}
    row = ROWS[one.ws]
    security: dict[str, Any] = scene.fill_in(one.security)
    params = scene.fill_in(one.params)
    reply = await door.call(row, params, **security)

    assert reply.status != 200, reply.body
    assert reply.error == (one.status, one.code, one.text)
    assert row.security != "TRADE" or reply.weight == row.weight
