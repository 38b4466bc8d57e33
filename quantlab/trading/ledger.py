"""The account's own books: fills in order, the position they add up to, and the balances.

Pure and exact: quantity and money paid are plain sums. Only the average cost divides; when a
position is closed, its realised profit is the exact difference of what was received and paid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from quantlab.domain.orders import Side
from quantlab.domain.position import Balance, Fill, Position
from quantlab.frames import frame
from quantlab.trading.amounts import ZERO, add, ratio, share, subtract, times

if TYPE_CHECKING:
    import pandas as pd


POSITIONS = (*Position.__struct_fields__, "mark", "value", "unrealised")


class Fills(list[Fill]):
    """Our own executions, oldest first."""

    def frame(self) -> pd.DataFrame:
        """One row per execution."""
        return frame(self, columns=Fill.__struct_fields__)


class Positions(dict[str, Position]):
    """The net of our own fills by symbol, since the journal of this account began.

    Args:
        holdings: What they are made of.
        price: The market's price of a symbol (quote asset), None where there is none.
    """

    def __init__(
        self,
        holdings: Mapping[str, Holding] | None = None,
        price: Callable[[str], Decimal | None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._holdings = {} if holdings is None else holdings  # the portfolio's own, however empty
        self._price = price

    def unrealised(self, symbol: str) -> Decimal | None:
        """What closing the position at the market's price would gain (quote asset), without fees."""
        holding = self._holdings.get(symbol)
        return ZERO if holding is None else unrealised_of(holding, self._price(symbol))

    def frame(self) -> pd.DataFrame:
        """One row per symbol that traded; `mark` is the market's price, `value` the position's at it."""
        rows = []
        for symbol, each in self.items():
            price = self._price(symbol)
            rows.append(
                {name: getattr(each, name) for name in Position.__struct_fields__}
                | {
                    "mark": price,
                    "value": None if price is None else times(each.quantity, price),
                    "unrealised": self.unrealised(symbol),
                }
            )
        return frame(rows, columns=POSITIONS, index="symbol")


class Balances(dict[str, Balance]):
    """Free and locked by asset, as the venue last said."""

    def frame(self) -> pd.DataFrame:
        """One row per asset."""
        return frame(self.values(), columns=Balance.__struct_fields__, index="asset")


class Holding:
    """One symbol's position under way: signed quantity (base), signed cost and profit (quote)."""

    __slots__ = ("cost", "fees", "quantity", "realised")

    def __init__(self) -> None:
        self.quantity = ZERO
        self.cost = ZERO  # quantity x average price; negative when short
        self.realised = ZERO
        self.fees: dict[str, Decimal] = {}

    def book(self, fill: Fill) -> None:
        """Add one fill; `realised - cost` stays exactly what was received minus what was paid."""
        buys = fill.side == Side.BUY
        signed = fill.quantity if buys else fill.quantity.copy_negate()
        held, price = self.quantity, fill.price
        if held and (held > 0) is not buys:
            size = held.copy_abs()
            closed = min(fill.quantity, size)
            part = self.cost if closed == size else share(self.cost, closed, size)
            value = times(closed, price)
            received = value if held > 0 else value.copy_negate()
            self.realised = add(self.realised, subtract(received, part))
            self.cost = subtract(self.cost, part)
            opened = subtract(fill.quantity, closed)
            signed_open = opened if buys else opened.copy_negate()
        else:
            signed_open = signed
        self.cost = add(self.cost, times(signed_open, price))
        self.quantity = add(held, signed)
        if fill.commission_asset and fill.commission:
            self.fees[fill.commission_asset] = add(
                self.fees.get(fill.commission_asset, ZERO), fill.commission
            )

    def position(self, symbol: str) -> Position:
        """The position as a frozen value."""
        fees: Mapping[str, Decimal] = self.fees
        return Position(
            symbol=symbol,
            quantity=self.quantity,
            average_price=ratio(self.cost, self.quantity) if self.quantity else None,
            realised=self.realised,
            fees=dict(fees),
        )


def unrealised_of(holding: Holding, price: Decimal | None) -> Decimal | None:
    """What closing it at `price` would gain, exactly; None where it is open and has no price."""
    if not holding.quantity:
        return ZERO
    return None if price is None else subtract(times(holding.quantity, price), holding.cost)
