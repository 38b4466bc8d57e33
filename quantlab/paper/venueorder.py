"""One order of one account as the exchange keeps it, and the lists that tie orders together.

State only: what happens to it is `floor`'s. In whole ticks, lots and units.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from quantlab.domain.instrument import ZERO
from quantlab.domain.orders import Side, TimeInForce
from quantlab.paper.accounts import Account
from quantlab.paper.events import Status
from quantlab.paper.matching import Order
from quantlab.paper.orders import NO_LIST, Contingency, ListState, NewOrder, OrderKind, OrderState, Prevention
from quantlab.paper.units import Grid

OPEN = frozenset({Status.NEW, Status.PARTIALLY_FILLED, Status.PENDING_NEW})


class VenueOrder(Order, eq=False, kw_only=True):
    """An order with everything an answer shows.

    Attributes:
        lots, executed, prevented: Asked for, traded, lost to self-trade prevention, in lots.
        paid: Quote units traded.
        held: Units locked for it now, of `asset`.
        unspent: A market order by quote amount that the book could not serve in full: its
            quantity is what it traded, and yet it ends EXPIRED.
        stop, delta: What it waits for: a price in ticks, basis points off an extreme, or both.
        extreme: The best price since `trailing_ms`, in ticks; None while it does not follow yet.
        waiting: The market has not triggered it yet.
        booked: It rests in the book.
    """

    account: Account
    grid: Grid
    asset: str
    type: OrderKind
    time_in_force: TimeInForce
    lots: int
    quote_quantity: Decimal | None
    client_order_id: str
    strategy_id: int | None
    strategy_type: int | None
    created_ms: int
    updated_ms: int
    stop: int | None
    delta: int | None
    unspent: bool = False
    executed: int = 0
    prevented: int = 0
    paid: int = 0
    held: int = 0
    amends: int = 0
    status: Status = Status.NEW
    working_ms: int | None = None
    extreme: int | None = None
    trailing_ms: int | None = None
    waiting: bool = False
    booked: bool = False
    prevented_match_id: int | None = None
    expiry_reason: str = ""
    order_list: OrderList | None = None

    @classmethod
    def of(
        cls,
        order: NewOrder,
        *,
        order_id: int,
        account: Account,
        grid: Grid,
        price: int | None,
        lots: int,
        stop: int | None,
        prevention: Prevention,
        client_order_id: str,
        now_ms: int,
        unspent: bool = False,
    ) -> Self:
        """The order that a request describes, in whole numbers."""
        listed = grid.instrument
        return cls(
            order_id=order_id,
            owner=account,
            side=order.side,
            price=price,
            remaining=lots,
            prevention=prevention,
            account=account,
            grid=grid,
            asset=listed.quote if order.side is Side.BUY else listed.base,
            type=order.type,
            time_in_force=order.time_in_force or TimeInForce.GTC,  # what Binance answers at market
            lots=lots,
            quote_quantity=order.quote_quantity,
            client_order_id=client_order_id,
            strategy_id=order.strategy_id,
            strategy_type=order.strategy_type,
            created_ms=now_ms,
            updated_ms=now_ms,
            stop=stop,
            delta=order.trailing_delta,
            unspent=unspent,
        )

    @property
    def symbol(self) -> str:
        return self.grid.instrument.symbol

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def triggers_above(self) -> bool:
        """True where it waits for the price to rise to `stop`, False where for it to fall.

        Source: Binance spot REST API, "New order (TRADE)", trigger order price rules.
        """
        is_loss = self.type in (OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT)
        return is_loss is (self.side is Side.BUY)

    def cost(self, price: int | None, lots: int) -> int:
        """Units of `asset` that `lots` need at `price` (ticks; a sell needs none)."""
        if self.side is Side.SELL:
            return lots * self.grid.lot_units
        return (price or 0) * lots * self.grid.tick_lot_units

    def fill(self, lots: int, quote_units: int, now_ms: int) -> None:
        """Count one fill."""
        self.executed += lots
        self.paid += quote_units
        done = self.executed + self.prevented == self.lots and not self.unspent
        self.status = Status.FILLED if done else Status.PARTIALLY_FILLED
        self.updated_ms = now_ms

    def snapshot(self) -> OrderState:
        """The order as it stands."""
        grid = self.grid
        return OrderState(
            symbol=grid.instrument.symbol,
            order_id=self.order_id,
            client_order_id=self.client_order_id,
            side=self.side,
            type=self.type,
            time_in_force=self.time_in_force,
            quantity=grid.quantity(self.lots),
            quote_quantity=ZERO if self.quote_quantity is None else self.quote_quantity,
            price=ZERO if self.price is None else grid.price(self.price),
            executed_quantity=grid.quantity(self.executed),
            executed_quote=grid.quote(self.paid),
            status=self.status,
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
            order_list_id=NO_LIST if self.order_list is None else self.order_list.order_list_id,
            stop_price=ZERO if self.stop is None else grid.price(self.stop),
            trailing_delta=self.delta,
            trailing_ms=self.trailing_ms,
            working_ms=self.working_ms,
            is_working=self.working_ms is not None,
            prevention=self.prevention,
            prevented_match_id=self.prevented_match_id,
            prevented_quantity=grid.quantity(self.prevented),
            strategy_id=self.strategy_id,
            strategy_type=self.strategy_type,
            expiry_reason=self.expiry_reason,
        )


class OrderList:
    """Orders of one account in one symbol that depend on each other.

    Attributes:
        working: The order that must fill before the others come in; None for an OCO.
        legs: The pair of an OCO or OTOCO (its stop loss first), or an OTO's pending order.
        held: Units locked once for both orders of a pair, while both are open.
        paired: Both orders of the pair are open, and the first that works ends the other.
    """

    __slots__ = (
        "account", "contingency", "done", "held", "legs", "list_client_order_id", "order_list_id",
        "paired", "symbol", "updated_ms", "working",
    )  # fmt: skip

    def __init__(
        self,
        *,
        order_list_id: int,
        list_client_order_id: str,
        account: Account,
        symbol: str,
        contingency: Contingency,
        working: VenueOrder | None,
        legs: tuple[VenueOrder, ...],
        now_ms: int,
    ) -> None:
        self.order_list_id = order_list_id
        self.list_client_order_id = list_client_order_id
        self.account = account
        self.symbol = symbol
        self.contingency = contingency
        self.working = working
        self.legs = legs
        self.held = 0
        self.paired = False
        self.done = False
        self.updated_ms = now_ms
        for order in self.orders:
            order.order_list = self

    @property
    def orders(self) -> tuple[VenueOrder, ...]:
        return self.legs if self.working is None else (self.working, *self.legs)

    def other(self, order: VenueOrder) -> VenueOrder:
        """The pair's other order."""
        first, second = self.legs
        return second if order is first else first

    def state(self, status_type: str | None = None) -> ListState:
        """The list as it stands; `status_type` where it is not what `done` says."""
        return ListState(
            symbol=self.symbol,
            order_list_id=self.order_list_id,
            contingency=self.contingency,
            status_type=status_type or ("ALL_DONE" if self.done else "EXEC_STARTED"),
            order_status="ALL_DONE" if self.done else "EXECUTING",
            list_client_order_id=self.list_client_order_id,
            time_ms=self.updated_ms,
            orders=tuple((each.order_id, each.client_order_id) for each in self.orders),
        )
