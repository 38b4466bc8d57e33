"""quantlab's hand-off between threads as a contender of the peers' hop benchmark.

    python ../shared/bench/bench_hop.py --parts hop,batch --adapter tests/benchmarks/hop_adapter.py

Both lanes are there as the wire uses them: "quantlab_order" is never lost and goes first,
"quantlab_market" is bounded and may be conflated. Its room is the flood's, so that nothing is dropped.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from quantlab.bus.lanes import Lanes


class Order(Lanes):
    """The lossless lane; see `Hop` in the benchmark."""

    put = Lanes.post

    def __init__(self, loop: asyncio.AbstractEventLoop, handler: Callable[[Any], Any]) -> None:
        super().__init__(loop, handler, context=contextvars.Context(), on_error=lambda _message, _error: None)

    def start(self) -> None: ...

    def stop(self) -> None:
        self.clear()


class Market(Order):
    """The bounded lane."""

    put = Lanes.post_bounded


def register(contenders: dict[str, Any]) -> None:
    """Called once by the benchmark, with its contenders by name."""
    contenders["quantlab_order"] = Order
    contenders["quantlab_market"] = Market
