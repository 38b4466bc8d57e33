"""Every user data event: which comes after what, and its exact fields."""

from __future__ import annotations

from typing import Any

import pytest
from doors import Door, payload
from scene import Scene
from shapes import exactly, mismatches
from table_events import BALANCE_UPDATE, POSITION, STORIES, TERMINATED, Told
from tables import EVERY

ROWS = {row.ws: row for row in EVERY}
SUBSCRIBE = "userDataStream.subscribe.signature"


def signed(client: Any) -> dict[str, Any]:
    params = {"apiKey": client.key, "timestamp": client.venue.session.clock.now_ms()}
    return params | {"signature": client.signature(payload(params))}


async def listen(socket: Any, client: Any) -> None:
    reply = await socket.ask(SUBSCRIBE, signed(client))
    assert mismatches(reply["result"], {"subscriptionId": exactly(0)}) == []


async def events_so_far(socket: Any) -> list[Any]:
    """Every event until the answer to a ping."""
    await socket.send({"id": "mark", "method": "ping"})
    found = []
    while (message := await socket.receive()).get("id") != "mark":
        assert message.keys() == {"subscriptionId", "event"}
        found.append(message["event"])
    return found


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.story.replace(" ", "_"))
async def test_a_call_is_told_with_exactly_the_documented_fields(
    door: Door, scene: Scene, connect: Any, told: Told
) -> None:
    """The same events, in the same order, whichever door the call came through."""
    await scene.prepare(told.given)
    async with connect(scene.alice.venue.ws_api) as socket:
        await listen(socket, scene.alice)
        reply = await door.call(ROWS[told.ws], scene.fill_in(told.params))
        events = await events_so_far(socket)
        if told.then:
            await scene.prepare((told.then,))
        heard = await events_so_far(socket)

    assert reply.status in (200, 409), reply.body
    assert mismatches(events, told.events) == []
    assert mismatches(heard, told.hears) == []


async def test_money_from_outside_is_told(scene: Scene, connect: Any) -> None:
    """balanceUpdate with the delta, and then the balance itself."""
    async with connect(scene.alice.venue.ws_api) as socket:
        await listen(socket, scene.alice)
        await scene.alice.control(
            "faults", name="transfer", account="account-1", asset="USDT", amount="-12.5"
        )
        events = await events_so_far(socket)

    assert mismatches(events, (BALANCE_UPDATE, POSITION)) == []


async def test_the_end_of_a_subscription_is_told(scene: Scene, connect: Any) -> None:
    """userDataStream.unsubscribe ends it with eventStreamTerminated."""
    async with connect(scene.alice.venue.ws_api) as socket:
        await listen(socket, scene.alice)
        await socket.send({"id": 9, "method": "userDataStream.unsubscribe", "params": {"subscriptionId": 0}})
        told = [await socket.receive() for _ in range(2)]

    events = [message["event"] for message in told if "event" in message]
    assert mismatches(events, (TERMINATED,)) == []
    assert {"id": 9, "status": 200, "result": {}}.items() <= next(m for m in told if "id" in m).items()
