"""`ql.binance`: the venue's own reads, awaited from a cell. Nothing here can change anything.

Each call runs on the wire, on the connection that the engine keeps; docstrings and types are
those of `BinanceClient`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol

from quantlab.binance.client import BinanceClient
from quantlab.binance.client.endpoints import ENDPOINTS, METHODS, Effect
from quantlab.binance.limitview import LimitView, view_of
from quantlab.engine.link import Link
from quantlab.wire import Wire, WireCall

READS = tuple(name for name, asks in METHODS.items() if ENDPOINTS[asks].effect is Effect.READ)


class Source(Protocol):
    """What this needs of the engine."""

    wire: Wire

    def linked(self) -> Link: ...


class Reads:
    """`await ql.binance.klines("BTCUSDT", "1m")`, and so on for every read of the client."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Callable[..., WireCall[Any]]:
        if name not in READS:
            raise AttributeError(f"{name} is no read of the venue; orders go through ql.orders")
        return functools.wraps(getattr(BinanceClient, name))(functools.partial(self._call, name))

    @property
    def limits(self) -> LimitView:
        """The venue's limits as they stand: used, left, in flight, kept back, until when closed; `.frame()`.

        Asks nobody and costs nothing: the venue says what is used with each of its answers.
        """
        client = self._source.linked().client
        return view_of(client.limits, client.governor.budget, client.venue_clock.now_ms())

    def __dir__(self) -> list[str]:
        return [*READS, "limits"]

    def __repr__(self) -> str:
        return f"the venue's reads, to be awaited: {', '.join(READS)}"

    def _call(self, name: str, *args: Any, **options: Any) -> WireCall[Any]:
        client = self._source.linked().client
        return self._source.wire.call(lambda: getattr(client, name)(*args, **options), name)
