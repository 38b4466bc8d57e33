"""Three days in virtual time: the venue ends every connection after 24 hours, and never ends one of ours."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest
from virtual_loop import VirtualLoop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from quantlab.binance.line import LinkSettings
from quantlab.binance.ordersocket import LIFE_S, OrderSocket
from quantlab.binance.signing import Credentials
from quantlab.binance.transport import Lost
from quantlab.binance.wsapi import UserStream
from quantlab.clock import ManualClock
from quantlab.secret import Secret

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S
KEYS = Credentials("k" * 64, Secret("s" * 64))


class Socket(asyncio.Transport):
    """The venue's end of one connection, without a wire: it answers every request, and dies after a day."""

    def __init__(self, venue: Venue, client: asyncio.Protocol) -> None:
        super().__init__()
        self.began_s, self.ended_s, self.forced = venue.time(), None, False
        self._venue, self._client, self._protocol = venue, client, ServerProtocol()
        self._subscribed = False
        venue.call_at(self.began_s + DAY_S, self._end_of_life)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._protocol.receive_data(bytes(data))
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._asked(json.loads(event.data))
        self._flush()

    def tell(self, number: int) -> None:
        if self._subscribed and self.ended_s is None:
            event = {"e": "balanceUpdate", "E": number, "a": "USDT", "d": "1", "T": number}
            self._protocol.send_text(json.dumps({"subscriptionId": 0, "event": event}).encode())
            self._flush()

    def is_closing(self) -> bool:
        return self.ended_s is not None

    def close(self) -> None:
        if self.ended_s is None:
            self.ended_s = self._venue.time()
            self._venue.call_soon(self._client.connection_lost, None)

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._venue.a_socket if name == "socket" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is always room."""

    def _asked(self, request: dict[str, Any]) -> None:
        self._subscribed |= request["method"].startswith("userDataStream.subscribe")
        answer = {"id": request["id"], "status": 200, "result": {"subscriptionId": 0}}
        self._protocol.send_text(json.dumps(answer).encode())

    def _end_of_life(self) -> None:
        if self.ended_s is None:
            self.forced = True
            self._protocol.send_close(1001, "24 hours are over")
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            self._venue.call_soon(self._client.data_received, data)


class Venue(VirtualLoop):
    """A loop on which every address is the same venue."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets: list[Socket] = []
        self.a_socket = socket.socket()  # for the options that are set on it

    def close(self) -> None:
        self.a_socket.close()
        super().close()

    async def create_connection(self, made: Callable[[], Any], *_: Any, **__: Any) -> Any:
        client = made()
        made_up = Socket(self, client)
        self.sockets.append(made_up)
        client.connection_made(made_up)
        return made_up, client

    def live(self) -> int:
        return sum(each.ended_s is None for each in self.sockets)

    def ages_h(self) -> list[float]:
        return [(each.ended_s or self.time()) / HOUR_S - each.began_s / HOUR_S for each in self.sockets]


def run(story: Callable[[Venue], Any]) -> Venue:
    venue = Venue()
    try:
        venue.run_until_complete(story(venue))
    finally:
        venue.close()
    return venue


@pytest.mark.parametrize("seed", range(3))
def test_n26_a_stream_is_replaced_before_its_day_is_over_and_misses_nothing(seed: int) -> None:
    """N26: an event each minute for three days: each comes once, in order."""
    events: list[Any] = []
    states: list[str] = []

    async def story(venue: Venue) -> None:
        stream = UserStream(
            "ws://127.0.0.1:9", credentials=KEYS, clock=ManualClock(), on_event=events.append,
            on_state=lambda state, _: states.append(state), uniform=random.Random(seed).uniform,
            settings=LinkSettings(ping_interval_s=600.0, messages_per_s=20),
        )  # fmt: skip
        running = asyncio.create_task(stream.run())
        async with asyncio.timeout(10):
            while not stream.live:
                await asyncio.sleep(0.1)
        for number in range(3 * 24 * 60):
            for each in venue.sockets:
                each.tell(number)
            await asyncio.sleep(60.0)
            assert venue.live() == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    venue = run(story)
    ages = venue.ages_h()
    assert not any(each.forced for each in venue.sockets)
    assert len(ages) == 4  # 20.7 to 23 hours each
    assert all(20 < age < 23.5 for age in ages[:3])
    assert [each.event_ms for each in events] == list(range(3 * 24 * 60))
    assert set(states) == {"live"}


def test_n26_the_socket_of_orders_is_ended_by_us_while_nothing_is_on_its_way() -> None:
    """N26: after 23.5 hours; an order each ten minutes for three days, and no outcome is ever unknown."""
    outcomes: list[Any] = []

    async def story(venue: Venue) -> None:
        orders = OrderSocket(
            "ws://127.0.0.1:9/ws-api/v3", credentials=KEYS, clock=ManualClock(),
            uniform=random.Random(1).uniform,
        )  # fmt: skip
        running = asyncio.create_task(orders.run())
        await asyncio.wait_for(orders.wait_up(), 10)
        for _ in range(3 * 24 * 6):
            await asyncio.sleep(600.0)
            outcomes.append(await orders.exchange("order.place", {"symbol": "BTCUSDT"}))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    venue = run(story)
    ages = venue.ages_h()
    assert not any(each.forced for each in venue.sockets)
    assert len(ages) == 4
    assert all(LIFE_S / HOUR_S <= age < 23.6 for age in ages[:3])
    lost = [each for each in outcomes if isinstance(each, Lost)]
    assert not any(each.sent for each in lost)
    assert len(lost) <= 3  # those that met the moment between two connections go by REST
