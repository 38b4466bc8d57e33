"""One symbol's public trades without a hole, as far as the upstream still knows what was missed."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from quantlab.domain.market import Trade
from quantlab.errors import QuantlabError

log = logging.getLogger(__name__)
BUFFERED = 10_000


class TradeChain:
    """Hands trades on in the order of their ids, each once.

    Spot trade ids are consecutive: where some are missing the latest trades are asked for, and what
    comes meanwhile waits. What the upstream does not know any more stays a hole, which is logged.
    Ids that start anew (an upstream that was begun again) are known by their times.

    Args:
        symbol: The market.
        fetch: The latest public trades, oldest first.
        emit: Gets each trade.
    """

    def __init__(
        self, symbol: str, fetch: Callable[[str], Awaitable[Sequence[Trade]]], emit: Callable[[Trade], None]
    ) -> None:
        self.whole = False  # nothing is being asked for: what was emitted is all there was
        self._symbol, self._fetch, self._emit = symbol, fetch, emit
        self._last: Trade | None = None
        self._waiting: deque[Trade] = deque(maxlen=BUFFERED)
        self._task: asyncio.Task[None] | None = None

    def add(self, trade: Trade) -> None:
        """Take a trade from the stream."""
        if self._task is not None:
            self._waiting.append(trade)
        elif self._last is not None and trade.trade_id > self._last.trade_id + 1:
            self._waiting.append(trade)
            self.catch_up()
        else:
            self._pass(trade)

    def catch_up(self) -> None:
        """Ask for what was missed, after a connection was lost or where ids are missing."""
        if self._task is None:
            self.whole = False
            self._task = asyncio.get_running_loop().create_task(
                self._catch_up(), name=f"missed trades {self._symbol}"
            )

    async def aclose(self) -> None:
        """Ask for nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _catch_up(self) -> None:
        try:
            missed = await self._fetch(self._symbol)
        except QuantlabError as error:
            log.warning("the trades of %s that were missed cannot be asked for: %s", self._symbol, error)
            missed = ()
        first = self._last is None
        waiting, self._waiting, self._task = tuple(self._waiting), deque(maxlen=BUFFERED), None
        if first:
            missed = missed[-1:]  # what was traded before we came is the upstream's history, not ours
        for trade in (*missed, *waiting):
            self._pass(trade)
        self.whole = True

    def _pass(self, trade: Trade) -> None:
        last = self._last
        if last is not None and trade.trade_id <= last.trade_id and trade.trade_ms <= last.trade_ms:
            return  # known
        if last is not None and trade.trade_id > last.trade_id + 1:
            log.warning(
                "trades %d to %d of %s are missing", last.trade_id + 1, trade.trade_id - 1, self._symbol
            )
        self._last = trade
        self._emit(trade)
