"""Every user data event: which comes after what, and its exact fields."""

from __future__ import annotations

from typing import Any

import pytest
import table_orders as orders
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


async def test_times_tell_when_an_order_was_sent_and_when_it_came_on_the_book(
    door: Door, scene: Scene, connect: Any
) -> None:
    """`O` and `time` are of the request; `W` and `workingTime` of its trigger, and -1 before that."""
    await scene.prepare(("price", "bid low"))
    sent_ms = scene.ids["now"]
    async with connect(scene.alice.venue.ws_api) as socket:
        await listen(socket, scene.alice)
        stop = orders.STOP | {"newClientOrderId": "mine"}
        await door.call(ROWS["order.place"], stop)
        waiting = (await door.call(ROWS["order.status"], orders.BTC | {"origClientOrderId": "mine"})).body
        await scene.alice.venue.advance(2_000)
        await scene.prepare(("fall",))
        events = [each for each in await events_so_far(socket) if each["e"] == "executionReport"]
    done = (await door.call(ROWS["order.status"], orders.BTC | {"origClientOrderId": "mine"})).body

    assert [(each["x"], each["O"] - sent_ms, each.get("W", 0) - sent_ms) for each in events] == [
        ("NEW", 0, -sent_ms), ("NEW", 0, 2_000), ("TRADE", 0, 2_000),
    ]  # fmt: skip
    assert (waiting["time"], waiting["workingTime"], waiting["isWorking"]) == (sent_ms, -1, False)
    assert (done["time"], done["workingTime"], done["isWorking"]) == (sent_ms, sent_ms + 2_000, True)
    assert done["updateTime"] == sent_ms + 2_000


async def test_a_trailing_order_tells_when_it_begins_to_follow(door: Door, scene: Scene) -> None:
    """trailingTime is -1 until the price has come to the stop price."""
    await scene.prepare(("price", "bid low"))
    params = orders.TRAILING | {"stopPrice": "55000", "newClientOrderId": "mine"}
    await door.call(ROWS["order.place"], params)
    which = orders.BTC | {"origClientOrderId": "mine"}
    before = (await door.call(ROWS["order.status"], which)).body["trailingTime"]
    now_ms = await scene.alice.venue.advance(3_000)
    await scene.prepare(("fall",))

    assert before == -1
    assert (await door.call(ROWS["order.status"], which)).body["trailingTime"] == now_ms
