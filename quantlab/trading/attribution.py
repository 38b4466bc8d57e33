"""Whose fills they are: position and profit of each strategy, by the id of the order. Pure and exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.position import Fill
from quantlab.frames import frame
from quantlab.trading.ids import strategy_of
from quantlab.trading.ledger import Holding, unrealised_of

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("strategy", "symbol", "quantity", "average_price", "realised", "unrealised", "fees", "fills")


class Attributed(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy did in one symbol. `strategy` is "" for orders by hand and from elsewhere.

    As `Position`; `unrealised` (quote asset) is None where the symbol has no price.
    """

    strategy: str
    symbol: str
    quantity: Decimal
    average_price: Decimal | None
    realised: Decimal
    unrealised: Decimal | None
    fees: dict[str, Decimal]
    fills: int


class Strategies:
    """Profit by strategy and symbol; the sums over all strategies are the account's.

    Args:
        price: The market's price of a symbol, None where there is none.
    """

    def __init__(self, price: Callable[[str], Decimal | None]) -> None:
        self._price = price
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._fills: dict[tuple[str, str], int] = {}

    def book(self, fill: Fill) -> None:
        """Add one fill to whoever sent its order."""
        key = strategy_of(fill.client_order_id), fill.symbol
        self._holdings.setdefault(key, Holding()).book(fill)
        self._fills[key] = self._fills.get(key, 0) + 1

    def __len__(self) -> int:
        return len(self._holdings)

    def __iter__(self) -> Iterator[Attributed]:
        for (strategy, symbol), holding in sorted(self._holdings.items()):
            position = holding.position(symbol)
            yield Attributed(
                strategy=strategy,
                symbol=symbol,
                quantity=position.quantity,
                average_price=position.average_price,
                realised=position.realised,
                unrealised=unrealised_of(holding, self._price(symbol)),
                fees=position.fees,
                fills=self._fills[strategy, symbol],
            )

    def frame(self) -> pd.DataFrame:
        """One row per strategy and symbol; profit in the symbol's quote asset, without fees."""
        return frame(self, columns=COLUMNS)
