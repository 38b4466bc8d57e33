"""`ql.orders`: from what a person gives to a command for the desk, and the orders of the session.

Nothing is sent here. An amount that is not exact is refused before anything is made; whether an
order may leave is for the desk and the rails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantlab.control.commands import CancelAll, CancelOrder, SubmitOrder
from quantlab.domain.orders import OrderRequest, OrderSnapshot, Side
from quantlab.errors import InvalidField
from quantlab.notebook.faces import Listing
from quantlab.trading.requests import limit_order, market_order

if TYPE_CHECKING:
    from quantlab.control.handle import Handle


class Cancelled(list[OrderSnapshot]):
    """The orders that a cancel of many has ended; a list, which a cell shows as a table."""

    __slots__ = ()


class OrdersFace(Listing):
    """Our orders. Nothing is sent before the returned handle is awaited, `.wait()`ed or `.send()`ed."""

    __slots__ = ()

    def buy(
        self,
        symbol: str,
        quantity: object = None,
        *,
        price: object = None,
        quote_quantity: object = None,
        time_in_force: object = None,
    ) -> Handle[Any]:
        """Buy `quantity` (base asset) of `symbol`. Amounts: Decimal, int or plain text; never a float.

        Args:
            symbol: As the venue writes it, "BTCUSDT".
            quantity: In the base asset.
            price: In the quote asset; none for a market order.
            quote_quantity: What to pay in the quote asset (market only, instead of `quantity`).
            time_in_force: "GTC" (the default), "IOC" or "FOK"; for orders with a price.
        """
        return self._submit(request(
            Side.BUY, symbol, quantity,
            price=price, quote_quantity=quote_quantity, time_in_force=time_in_force,
        ))  # fmt: skip

    def sell(
        self,
        symbol: str,
        quantity: object = None,
        *,
        price: object = None,
        quote_quantity: object = None,
        time_in_force: object = None,
    ) -> Handle[Any]:
        """Sell; the arguments are those of `buy`."""
        return self._submit(request(
            Side.SELL, symbol, quantity,
            price=price, quote_quantity=quote_quantity, time_in_force=time_in_force,
        ))  # fmt: skip

    def cancel(self, target: str) -> Handle[Any]:
        """Cancel one order by its client id, all of a symbol, or all there is ("all").

        What was cancelled comes back: one snapshot for an id, else a `Cancelled` list of them.
        """
        if target == "all":
            return self._engine().execute(CancelAll()).shaped(_cancelled)
        target, given = str(target), target
        order = self._find(self._engine()).get(target)
        if order is not None:
            return self._engine().execute(CancelOrder(order.symbol, order.client_order_id))
        symbol = target.upper()
        if symbol in self._engine().market.symbols:
            return self._engine().execute(CancelAll(symbol)).shaped(_cancelled)
        raise InvalidField(
            "target",
            f"{given!r:.40} is neither an order of ours nor a symbol",
            "see %ql orders for the ids",
        )

    def __getitem__(self, client_order_id: str) -> Any:
        order = self._find(self._engine()).get(client_order_id)
        if order is None:
            raise KeyError(client_order_id)
        return order

    def _submit(self, order: OrderRequest) -> Handle[Any]:
        return self._engine().execute(SubmitOrder(order))


def _cancelled(answer: Any) -> Cancelled:
    return Cancelled(answer)


def request(
    side: Side,
    symbol: str,
    quantity: object = None,
    *,
    price: object = None,
    quote_quantity: object = None,
    time_in_force: object = None,
) -> OrderRequest:
    """A limit order where there is a price, else a market order; what does not fit is refused."""
    if price is None:
        if time_in_force is not None:
            raise InvalidField("time_in_force", "a market order has none", "leave it out, or give a price")
        return market_order(side, symbol, quantity, quote_quantity)
    if quote_quantity is not None:
        raise InvalidField(
            "quote_quantity", "it is for market orders", "leave out the price, or give quantity"
        )
    return limit_order(
        side, symbol, quantity, price, **({"time_in_force": time_in_force} if time_in_force else {})
    )
