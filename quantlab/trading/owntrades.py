"""The account's own trades, page by page, and what we need of a venue's client to ask for them.

Runs on the wire. A trade names its order by number alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from quantlab.domain.orders import AccountTrade, OrderSnapshot
from quantlab.domain.position import AccountInfo
from quantlab.errors import UndecodableReply
from quantlab.trading.amounts import subtract
from quantlab.trading.dispatch import PlacingClient

NO_SUCH_ORDER = -2013
TRADES_PAGE = 500


class OrderClient(PlacingClient, Protocol):
    """What we need of a venue's client; see `binance.client`. What places orders stands in `dispatch`."""

    async def cancel_order(
        self, symbol: str, *, client_order_id: str, order_id: int | None = None
    ) -> OrderSnapshot: ...

    async def cancel_all(self, symbol: str) -> list[OrderSnapshot]: ...

    async def order_status(
        self, symbol: str, *, client_order_id: str = "", order_id: int | None = None
    ) -> OrderSnapshot: ...

    async def open_orders(self, symbol: str | None = None) -> list[OrderSnapshot]: ...

    async def my_trades(
        self, symbol: str, *, from_id: int | None = None, order_id: int | None = None, limit: int = 500
    ) -> list[AccountTrade]: ...

    async def account(self) -> AccountInfo: ...


async def trades_after(
    client: OrderClient, symbol: str, after: int, order_id: int | None = None
) -> list[AccountTrade]:
    """All our trades after the id `after`, of one order or of all, oldest first."""
    trades: list[AccountTrade] = []
    while True:
        page = await client.my_trades(symbol, from_id=after + 1, order_id=order_id, limit=TRADES_PAGE)
        trades += page
        if len(page) < TRADES_PAGE:
            return trades
        if page[-1].trade_id <= after:
            raise UndecodableReply(f"the trades of {symbol} after {after} do not come after it")
        after = page[-1].trade_id


async def trades_of(client: OrderClient, symbol: str, order_id: int) -> list[AccountTrade]:
    """All trades of one order of ours, oldest first."""
    return await trades_after(client, symbol, -1, order_id)


async def from_mark(
    client: OrderClient, symbol: str, mark: int
) -> tuple[AccountTrade | None, list[AccountTrade]]:
    """The trade `mark` as the venue has it now, and all that came after it."""
    if mark < 0:
        return None, await trades_after(client, symbol, mark)
    trades = await trades_after(client, symbol, mark - 1)
    if trades and trades[0].trade_id == mark:
        return trades[0], trades[1:]
    return None, trades


def without(
    nameless: Collection[tuple[str, int]],
    trades: dict[tuple[str, int], AccountTrade],
    marks: Mapping[str, int],
    begun: Mapping[str, int],
) -> tuple[dict[tuple[str, int], AccountTrade], dict[str, int]]:
    """The trades but for those of `nameless` orders, and marks from which those will be asked for again.

    A mark is always the number of one of our own trades, or where it was before.
    """
    late = [each for each in trades.values() if (each.symbol, each.order_id) in nameless]
    kept = {key: each for key, each in trades.items() if (each.symbol, each.order_id) not in nameless}
    left = dict(marks)
    for symbol in {each.symbol for each in late}:
        first = min(each.trade_id for each in late if each.symbol == symbol)
        before = [number for one, number in kept if one == symbol and number < first]
        left[symbol] = max(before, default=begun[symbol])
    return kept, left


def since(trades: Sequence[AccountTrade], earlier: Decimal) -> list[AccountTrade]:
    """Without the first ones, which add up to `earlier`: traded before we heard of the order."""
    left = []
    for trade in trades:
        if earlier > 0:
            earlier = subtract(earlier, trade.quantity)
        else:
            left.append(trade)
    return left
