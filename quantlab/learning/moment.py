"""The moment: what the events of one key have said so far, as floats.

Pure. Here money stops being `Decimal`: what follows is statistics. Time is event time and never
goes back: an event that is older than the newest one counts as news of now, since only now it is
known.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from quantlab.domain.market import BookTicker, Kline, Trade
from quantlab.errors import InvalidField


class Kind(StrEnum):
    """What sort of news an event is."""

    TRADE = "trade"
    QUOTE = "quote"
    CANDLE = "candle"


PRICES = {Kind.TRADE: "trade", Kind.QUOTE: "mid", Kind.CANDLE: "close"}
"""Which price each kind of news moves, as features and labels call it."""

KINDS = {name: kind for kind, name in PRICES.items()}


def kind_of(price: str) -> Kind:
    """The kind of event that moves a price: "trade", "mid" or "close"."""
    kind = KINDS.get(price)
    if kind is None:
        raise InvalidField("of", f"{price!r:.40} is no price", f"give one of {', '.join(KINDS)}")
    return kind


def event_ms(event: Any) -> int | None:
    """When `event` happened: the venue's clock, or where it tells none, ours corrected to it.

    None of what has no time: a snapshot or a note in a recording.
    """
    found = getattr(event, "event_ms", None)
    if found is None:
        found = getattr(event, "received_ms", None)
    return found if type(found) is int else None


class Moment:
    """The newest of everything, for one key.

    Attributes:
        now_ms: UTC milliseconds, event time; 0 before the first event.
        trade: Price of the last trade, in the quote asset; 0.0 before one.
        quantity: Its quantity in the base asset.
        sign: +1.0 where the buyer was the aggressor, else -1.0.
        bid, ask, bid_quantity, ask_quantity, mid: The best prices, likewise.
        close: The last closed candle's closing price.
        backward: How many events were older than one before them.
    """

    __slots__ = (
        "ask",
        "ask_quantity",
        "backward",
        "bid",
        "bid_quantity",
        "close",
        "mid",
        "now_ms",
        "quantity",
        "sign",
        "trade",
    )

    def __init__(self) -> None:
        self.now_ms = self.backward = 0
        self.trade = self.quantity = self.sign = self.close = 0.0
        self.bid = self.ask = self.bid_quantity = self.ask_quantity = self.mid = 0.0

    def pass_to(self, event_ms: int) -> int:
        """Let time go on, never back; returns what it is now."""
        if event_ms >= self.now_ms:
            self.now_ms = event_ms
        else:
            self.backward += 1
        return self.now_ms

    def fold(self, event: Any) -> Kind | None:
        """Take in what `event` says; None where it says nothing that a feature could use."""
        kind = type(event)
        if kind is Trade:
            self.trade = float(event.price)
            self.quantity = float(event.quantity)
            self.sign = -1.0 if event.buyer_is_maker else 1.0
            return Kind.TRADE
        if kind is BookTicker:
            self.bid, self.ask = float(event.bid), float(event.ask)
            self.bid_quantity, self.ask_quantity = float(event.bid_quantity), float(event.ask_quantity)
            if self.bid <= 0 or self.ask <= 0:
                return None  # a side is empty: no quote
            self.mid = (self.bid + self.ask) / 2
            return Kind.QUOTE
        if kind is Kline and event.closed:
            self.close = float(event.close)
            return Kind.CANDLE
        return None

    def state(self) -> list[float]:
        """Everything, in the order of `__slots__`."""
        return [getattr(self, name) for name in self.__slots__]

    def restore(self, state: list[float]) -> None:
        """What `state` gave."""
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)
