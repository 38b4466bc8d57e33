"""`ql.orders`: from what a person gives to a command for the desk, and the orders of the session.

Nothing is sent here. An amount that is not exact is refused before anything is made; whether an
order may leave is for the desk and the rails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantlab.control.commands import CancelAll, CancelOrder, SubmitOrder
from quantlab.domain.orders import OrderRequest, Side
from quantlab.errors import InvalidField
from quantlab.notebook.faces import Listing
from quantlab.trading.requests import limit_order, market_order

if TYPE_CHECKING:
    from quantlab.control.handle import Handle


class OrdersFace(Listing):
    """Our orders. Nothing is sent before the returned handle is awaited, `.wait()`ed or `.send()`ed."""

    __slots__ = ()

    def buy(self, symbol: str, quantity: object = None, **terms: Any) -> Handle[Any]:
        """Buy `quantity` (base asset) of `symbol`.

        Args:
            symbol: As the venue writes it, "BTCUSDT".
            quantity: A Decimal, an int or plain text; never a float.
            terms: `price` (quote asset; none for a market order), `quote_quantity` (market
                only, instead of `quantity`), `time_in_force` ("GTC", "IOC" or "FOK").
        """
        return self._submit(Side.BUY, symbol, quantity, **terms)

    def sell(self, symbol: str, quantity: object = None, **terms: Any) -> Handle[Any]:
        """Sell; the arguments are those of `buy`."""
        return self._submit(Side.SELL, symbol, quantity, **terms)

    def cancel(self, target: str) -> Handle[Any]:
        """Cancel one order by its client id, all of a symbol, or all there is ("all")."""
        if target == "all":
            return self._engine().execute(CancelAll())
        order = self._find(self._engine()).get(target)
        if order is not None:
            return self._engine().execute(CancelOrder(order.symbol, order.client_order_id))
        symbols = self._engine().market.symbols
        if target.upper() in symbols:
            return self._engine().execute(CancelAll(target.upper()))
        raise InvalidField(
            "target",
            f"{target[:40]!r} is neither an order of ours nor a symbol",
            "see %ql orders for the ids",
        )

    def __getitem__(self, client_order_id: str) -> Any:
        order = self._find(self._engine()).get(client_order_id)
        if order is None:
            raise KeyError(client_order_id)
        return order

    def _submit(self, side: Side, symbol: str, quantity: object, **terms: Any) -> Handle[Any]:
        return self._engine().execute(SubmitOrder(request(side, symbol, quantity, **terms)))


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
