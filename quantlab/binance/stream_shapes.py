"""The wire's shapes of stream messages, one struct each, and the event each one becomes.

One letter a field, as the venue's documents name them; unknown fields are ignored, a missing
one fails the decode. Every number that becomes money is checked to be finite, not below zero
and of sane size (`sound`); nothing is rounded and nothing is filled in. USD-M futures add
fields to the spot shapes and change none, so both share a struct.

Source: Binance spot "WebSocket Streams"; USD-M "WebSocket Market Streams".
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from quantlab.domain.market import BookTicker, DepthSnapshot, DepthUpdate, Kline, Trade, WireLevel
from quantlab.errors import UndecodableReply

MOST_DIGITS = 40  # two of these multiplied are still exact for us
LARGEST_POWER = 20  # a number of 1e20 and more, or one below 1e-20, is damage and no price
LEAST, MOST = Decimal((0, (1,), -LARGEST_POWER)), Decimal((0, (1,), LARGEST_POWER))


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a type that we do not know. `stream` is "" outside a combined stream."""

    stream: str
    text: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's answer to one request on a socket; `code` is 0 and `message` "" on success.

    `id` is None where the venue could not read ours; `result` is JSON, not yet decoded.
    """

    id: int | str | None
    status: int
    code: int
    message: str
    result: bytes


class ServerShutdown(msgspec.Struct, frozen=True, kw_only=True):
    """The venue is about to close this connection: make a new one at once."""

    event_ms: int


def sound(*numbers: Decimal) -> None:
    """Refuse NaN, infinities, negative numbers and absurd sizes with `UndecodableReply`."""
    for number in numbers:
        try:
            if LEAST <= number < MOST:  # nearly all there are, in a third of the time
                continue
        except InvalidOperation:  # NaN has no order
            pass
        if not (number.is_finite() and -LARGEST_POWER <= number.adjusted() < LARGEST_POWER and number >= 0):
            raise UndecodableReply(f"{str(number)[:40]} is no price, quantity or amount")


class Shape(msgspec.Struct, frozen=True, gc=False):
    """One message on the wire. `event` gets what the message itself may not say."""

    def event(self, symbol: str, received_ms: int, /) -> object:
        """The typed event: `symbol` by the stream's name, `received_ms` by our clock (UTC ms)."""
        raise NotImplementedError


class TradeShape(Shape, frozen=True, gc=False):
    """`<symbol>@trade`."""

    s: str
    t: int
    p: Decimal
    q: Decimal
    m: bool
    T: int
    E: int

    def event(self, _symbol: str, _received_ms: int, /) -> Trade:
        sound(self.p, self.q)
        return Trade(
            symbol=self.s, trade_id=self.t, price=self.p, quantity=self.q, buyer_is_maker=self.m,
            trade_ms=self.T, event_ms=self.E,
        )  # fmt: skip


class TickerShape(Shape, frozen=True, gc=False):
    """`<symbol>@bookTicker`; only futures send `E`."""

    s: str
    u: int
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal
    E: int | None = None

    def event(self, _symbol: str, received_ms: int, /) -> BookTicker:
        b, bs, a, az = self.b, self.B, self.a, self.A
        try:  # what `sound` would say of nearly all, without the call: this is the busiest stream
            fine = LEAST <= b < MOST and LEAST <= bs < MOST and LEAST <= a < MOST and LEAST <= az < MOST
        except InvalidOperation:  # NaN has no order
            fine = False
        if not fine:
            sound(b, bs, a, az)
        return BookTicker(
            symbol=self.s, update_id=self.u, bid=b, bid_quantity=bs, ask=a, ask_quantity=az,
            received_ms=received_ms, event_ms=self.E,
        )  # fmt: skip


class DepthShape(Shape, frozen=True, gc=False):
    """`<symbol>@depth[@speed]`; only futures send `pu`. Levels are judged by the book."""

    s: str
    U: int
    u: int
    b: tuple[WireLevel, ...]
    a: tuple[WireLevel, ...]
    E: int
    pu: int | None = None

    def event(self, _symbol: str, _received_ms: int, /) -> DepthUpdate:
        return DepthUpdate(
            symbol=self.s, first_id=self.U, final_id=self.u, bids=self.b, asks=self.a,
            event_ms=self.E, previous_id=self.pu,
        )  # fmt: skip


class SnapshotShape(Shape, frozen=True, gc=False):
    """The REST answer "Order book"; it does not name its symbol."""

    lastUpdateId: int  # noqa: N815  # the venue's name
    bids: tuple[WireLevel, ...]
    asks: tuple[WireLevel, ...]

    def event(self, symbol: str, _received_ms: int, /) -> DepthSnapshot:
        return DepthSnapshot(symbol=symbol, last_update_id=self.lastUpdateId, bids=self.bids, asks=self.asks)


class PartialShape(Shape, frozen=True, gc=False):
    """`<symbol>@depth5|10|20`: a snapshot on spot; on futures it looks like a diff and is none."""

    lastUpdateId: int | None = None  # noqa: N815  # the venue's name
    bids: tuple[WireLevel, ...] | None = None
    asks: tuple[WireLevel, ...] | None = None
    u: int | None = None
    b: tuple[WireLevel, ...] | None = None
    a: tuple[WireLevel, ...] | None = None

    def event(self, symbol: str, _received_ms: int, /) -> DepthSnapshot:
        spot = self.lastUpdateId is not None
        last, bids, asks = (self.lastUpdateId, self.bids, self.asks) if spot else (self.u, self.b, self.a)
        if last is None or bids is None or asks is None:
            raise UndecodableReply(f"the partial depth of {symbol} lacks its update id, bids or asks")
        return DepthSnapshot(symbol=symbol, last_update_id=last, bids=bids, asks=asks)


class CandleShape(msgspec.Struct, frozen=True, gc=False):
    """The `k` of a kline message."""

    i: str
    t: int
    T: int
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741  # the venue's name
    c: Decimal
    v: Decimal
    q: Decimal
    n: int
    x: bool


class KlineShape(Shape, frozen=True, gc=False):
    """`<symbol>@kline_<interval>`."""

    s: str
    E: int
    k: CandleShape

    def event(self, _symbol: str, _received_ms: int, /) -> Kline:
        k = self.k
        sound(k.o, k.h, k.l, k.c, k.v, k.q)
        return Kline(
            symbol=self.s, interval=k.i, open_ms=k.t, close_ms=k.T, open=k.o, high=k.h, low=k.l, close=k.c,
            volume=k.v, quote_volume=k.q, trades=k.n, closed=k.x, event_ms=self.E,
        )  # fmt: skip


class ShutdownShape(Shape, frozen=True, gc=False):
    """`serverShutdown`, on every kind of socket."""

    E: int

    def event(self, _symbol: str, _received_ms: int, /) -> ServerShutdown:
        return ServerShutdown(event_ms=self.E)
