"""`ql.orders`: from what a person gives to a command for the desk, and the orders of the session.

Nothing is sent here. An amount that is not exact is refused before anything is made; whether an
order may leave is for the desk and the rails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantlab.control.commands import (
    AllowRerun,
    AmendOrder,
    CancelAll,
    CancelOrder,
    Command,
    Flatten,
    ReplaceOrder,
    SubmitList,
    SubmitOrder,
)
from quantlab.domain.decimals import positive
from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import Side
from quantlab.errors import InvalidField
from quantlab.notebook.building import replacement, request
from quantlab.notebook.faces import Listing
from quantlab.notebook.outcomes import cancelled, several
from quantlab.trading.fields import require_fields
from quantlab.trading.list_requests import bracket, one_cancels_other
from quantlab.trading.order import Order

if TYPE_CHECKING:
    from quantlab.control.handle import Handle


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
        stop: object = None,
        trailing: object = None,
        take_profit: bool = False,
        post_only: bool = False,
        reduce_only: bool = False,
        self_trade: object = None,
    ) -> Handle[Any]:
        """Buy `quantity` (base asset) of `symbol`. Amounts: Decimal, int or plain text; never a float.

        Without `price` at the market, with it a limit order; with `stop` or `trailing` it waits first.

        Args:
            symbol: As the venue writes it, "BTCUSDT".
            quantity: In the base asset.
            price: In the quote asset; none for a market order.
            quote_quantity: What to pay in the quote asset (market only, instead of `quantity`).
            time_in_force: "GTC" (the default), "IOC" or "FOK"; for orders with a price.
            stop: The market's price that triggers it, in the quote asset.
            trailing: Basis points (100 is one percent) that the market turns before it triggers.
            take_profit: `stop` takes a profit, and does not stop a loss.
            post_only: A limit order that must not trade at once.
            reduce_only: Deny it where it could trade more than the position, when it is sent.
            self_trade: What ends where it would meet an order of our own: "EXPIRE_TAKER" (this one),
                "EXPIRE_MAKER" (that one), "EXPIRE_BOTH" or "DECREMENT"; the venue's default otherwise.
        """
        asked = request(
            Side.BUY, symbol, quantity, price=price, quote_quantity=quote_quantity,
            time_in_force=time_in_force, stop=stop, trailing=trailing, take_profit=take_profit,
            post_only=post_only, self_trade=self_trade,
        )  # fmt: skip
        return self.submit(asked, reduce_only=reduce_only)

    def sell(
        self,
        symbol: str,
        quantity: object = None,
        *,
        price: object = None,
        quote_quantity: object = None,
        time_in_force: object = None,
        stop: object = None,
        trailing: object = None,
        take_profit: bool = False,
        post_only: bool = False,
        reduce_only: bool = False,
        self_trade: object = None,
    ) -> Handle[Any]:
        """Sell; the arguments are those of `buy`."""
        asked = request(
            Side.SELL, symbol, quantity, price=price, quote_quantity=quote_quantity,
            time_in_force=time_in_force, stop=stop, trailing=trailing, take_profit=take_profit,
            post_only=post_only, self_trade=self_trade,
        )  # fmt: skip
        return self.submit(asked, reduce_only=reduce_only)

    def bracket(
        self,
        side: object,
        symbol: str,
        quantity: object,
        price: object,
        *,
        take_profit: object,
        stop_loss: object,
        stop_limit: object = None,
    ) -> Handle[Any]:
        """Enter at `price`; once that is filled, a limit order at `take_profit` and a stop at `stop_loss`.

        Of the two exits the first to trade ends the other. `stop_limit` makes the stop a limit order.
        """
        return self.submit(bracket(
            side, symbol, quantity, price,
            take_profit=take_profit, stop_loss=stop_loss, stop_limit=stop_limit,
        ))  # fmt: skip

    def oco(
        self,
        side: object,
        symbol: str,
        quantity: object,
        *,
        take_profit: object,
        stop_loss: object,
        stop_limit: object = None,
    ) -> Handle[Any]:
        """The two exits of a `bracket` alone, for what is held already: `side` is theirs."""
        return self.submit(one_cancels_other(
            side, symbol, quantity, take_profit=take_profit, stop_loss=stop_loss, stop_limit=stop_limit
        ))  # fmt: skip

    def amend(self, client_order_id: str, quantity: object) -> Handle[Any]:
        """Make an open order smaller: `quantity` (base asset) in all. It keeps its place in the queue."""
        order, left = self._ours(client_order_id), positive(quantity, "quantity")
        return self.submit(
            AmendRequest(symbol=order.symbol, client_order_id=order.client_order_id, new_quantity=left)
        )

    def replace(
        self,
        client_order_id: str,
        *,
        quantity: object = None,
        price: object = None,
        stop: object = None,
        trailing: object = None,
        only_new: bool = False,
        reduce_only: bool = False,
    ) -> Handle[Any]:
        """Cancel an order and send it anew with another quantity, price or trigger, in one request.

        A limit order, a stop or a take-profit; its type stays, and so does what is not given.
        `only_new`: not where it has begun to trade; then the two need room under the limits only once.
        """
        old = self._ours(client_order_id)
        asked = replacement(
            old, quantity=quantity, price=price, stop=stop, trailing=trailing, only_new=only_new
        )
        return self.submit(asked, reduce_only=reduce_only)

    def submit(self, asked: AnyRequest, *, reduce_only: bool = False) -> Handle[Any]:
        """Send any request: an order, a list (OCO, OTO, OTOCO), a replacement, an amendment.

        Raises:
            InvalidField: A field is not what its type says, as "BUY" for `Side.BUY`; no words for it exist.
        """
        require_fields(asked)
        command: Command
        match asked:
            case OrderListRequest():
                return self._engine().execute(SubmitList(asked)).shaped(several)
            case ReplaceRequest():
                command = ReplaceOrder(asked, reduce_only=reduce_only)
            case AmendRequest():
                command = AmendOrder(asked)
            case _:
                command = SubmitOrder(asked, reduce_only=reduce_only)
        return self._engine().execute(command)

    def flatten(self, symbol: str | None = None) -> Handle[Any]:
        """Cancel what is open and trade the position to zero, of `symbol` or of every symbol.

        A trade through the rails. What the grid leaves is reported as dust.
        """
        return self._engine().execute(Flatten(symbol)).shaped(several)

    def again(self, *, every: bool = False) -> Handle[Any]:
        """Let the cell that `cell_rerun` held back last send its orders once more; `every`: all cells.

        The intended second run of a cell: this first, then the cell. How many cells may is the result.
        """
        return self._engine().execute(AllowRerun(every))

    def cancel_all(self, symbol: str | None = None) -> Handle[Any]:
        """Cancel every open order, of `symbol` or of every symbol; needs no permit and passes a HALT."""
        return self._engine().execute(CancelAll(symbol)).shaped(cancelled)

    def cancel(self, target: str) -> Handle[Any]:
        """Cancel one order by its client id, all of a symbol, or all there is ("all").

        What was cancelled comes back: one snapshot for an id, else a `Cancelled` list of them. An order of
        a list takes the whole list with it.
        """
        if target == "all":
            return self.cancel_all()
        target, given = str(target), target
        order = self._find(self._engine()).get(target)
        if order is not None:
            return self._engine().execute(CancelOrder(order.symbol, order.client_order_id))
        symbol = target.upper()
        if symbol in self._engine().market.symbols:
            return self.cancel_all(symbol)
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

    def _ours(self, client_order_id: str) -> Order:
        order: Order | None = self._find(self._engine()).get(client_order_id)
        if order is None:
            raise InvalidField(
                "client_order_id", f"{client_order_id!r:.40} is no order of ours", "see ql.orders for the ids"
            )
        return order
