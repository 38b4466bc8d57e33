"""What a request is decided on: the state of now, for each order that it may place.

Main thread only. Reads what others keep and changes nothing, but for the counts of what was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import msgspec

from quantlab.clock import Clock
from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest, ReplaceRequest, orders_of
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.errors import InvalidField
from quantlab.trading.amounts import ZERO
from quantlab.trading.answers import Latch
from quantlab.trading.causes import TradingState
from quantlab.trading.exposure import BookView, Exposure, Pace
from quantlab.trading.order import Order
from quantlab.trading.orders import Orders
from quantlab.trading.pace import Tempo
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.reruns import CELL
from quantlab.trading.states import OrderState
from quantlab.trading.together import Part, part_of_replacement, parts_of_list


class Reference(Protocol):
    """A market price (quote asset) and the newest event time behind it (UTC ms, the venue's)."""

    @property
    def price(self) -> Decimal: ...

    @property
    def event_ms(self) -> int: ...


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand outside the account when an order is decided; None is not known, and denies.

    `health` is the venue's, as measured `health_age_ms` ago; `budget_left` how many orders its limits
    still let us send; `book` what the symbol's market shows.
    """

    health: str | None = None
    health_age_ms: int | None = None
    budget_left: int | None = None
    book: BookView | None = None


NOT_KNOWN = Conditions()
NOTHING_CAME = frozenset({OrderState.REJECTED, OrderState.NOT_PLACED})


class Asking:
    """Gives each order of a request with its `Exposure`.

    Args:
        portfolio: What is held and reserved.
        orders: Every order.
        clock: Monotonic time, for the rate.
        latch: The HALT latch.
        reference: The market's price of a symbol, None where there is none.
        venue_now_ms: The venue's time (UTC ms), for the age of a price.
        trading_state: What the engine says of trading, besides the latch.
        conditions: How things stand for a symbol.
        limits: The limits in force, for the windows in which things are counted.
        tempo: What was done lately.
    """

    def __init__(
        self,
        *,
        portfolio: Portfolio,
        orders: Orders,
        clock: Clock,
        latch: Latch,
        reference: Callable[[str], Reference | None],
        venue_now_ms: Callable[[], int],
        trading_state: Callable[[], str],
        conditions: Callable[[str], Conditions],
        limits: Callable[[], Limits],
        tempo: Tempo,
    ) -> None:
        self._portfolio, self._orders, self._clock, self._latch = portfolio, orders, clock, latch
        self._reference, self._venue_now_ms, self._trading_state = reference, venue_now_ms, trading_state
        self._conditions, self._limits, self._tempo = conditions, limits, tempo

    def sent(self, request: AnyRequest) -> None:
        """It was handed over just now."""
        now_ns, cell = self._clock.monotonic_ns(), CELL.get()
        if isinstance(request, AmendRequest):
            self._tempo.amended(now_ns)
            self._orders.amending(request.client_order_id)
        for order in orders_of(request):
            self._tempo.sent(order, self._limits(), now_ns, client_order_id=order.client_order_id, cell=cell)

    def parts(self, request: AnyRequest, *, reduce_only: bool = False) -> tuple[Part, ...]:
        """Each order that `request` may place and the state it is decided on; of an amendment what it leaves.

        Args:
            request: As it will be sent.
            reduce_only: Whoever asks wants it to bring the position nearer to zero and nothing else.
        """
        match request:
            case OrderListRequest():
                parts = parts_of_list(request, [self._exposure(each) for each in request.orders])
            case ReplaceRequest():
                parts = (self._replacement(request),)
            case AmendRequest():
                parts = (self._amended(request),)
            case _:
                parts = (Part(request, self._exposure(request)),)
        if not reduce_only:
            return parts
        return tuple(Part(order, msgspec.structs.replace(seen, reduce_only=True)) for order, seen in parts)

    def price_of(self, symbol: str) -> Decimal | None:
        """The market's price of `symbol` in the quote asset; None where there is none."""
        reference = self._reference(symbol)
        return reference.price if reference else None

    def of_ours(self, client_order_id: str, order_id: int | None = None, symbol: str = "") -> Order:
        """The open order that a replacement or an amendment names.

        Raises:
            InvalidField: There is none of that id, or it is over.
        """
        order = self._orders.get(client_order_id)
        if order is None and order_id is not None:
            order = self._orders.by_venue_id(symbol, order_id)
        name = client_order_id or str(order_id)
        if order is None:
            raise InvalidField(
                "client_order_id", f"{name[:40]!r} is no order of ours", "see ql.orders for the ids"
            )
        if not order.live:
            remedy = "it can be neither replaced nor amended any more"
            raise InvalidField("client_order_id", f"{name[:40]} is {order.state}", remedy)
        return order

    def _replacement(self, request: ReplaceRequest) -> Part:
        old = self.of_ours(request.cancel_client_order_id, request.cancel_order_id, request.order.symbol)
        reserved = self._portfolio.reserved(old.client_order_id)
        rest = reserved.base if reserved and old.symbol == request.order.symbol else ZERO
        exposure = self._exposure(request.order)
        return part_of_replacement(request, exposure, side=old.side, rest=rest, price=old.price)

    def _amended(self, request: AmendRequest) -> Part:
        order = self.of_ours(request.client_order_id, request.order_id, request.symbol)
        left = OrderRequest(
            symbol=order.symbol,
            side=Side(order.side),
            type=OrderType(order.type),
            quantity=request.new_quantity,
            price=order.price,
            client_order_id=order.client_order_id,
        )
        own = msgspec.structs.replace(self._portfolio.own(order.symbol), amends=order.amends)
        return Part(left, msgspec.structs.replace(self._exposure(left), own=own))

    def _exposure(self, request: OrderRequest) -> Exposure:
        now_ns, now_ms = self._clock.monotonic_ns(), self._clock.now_ms()
        reference, conditions = self._reference(request.symbol), self._conditions(request.symbol)
        return self._portfolio.exposure_for(
            request,
            reference_price=reference.price if reference else None,
            price_age_ms=self._venue_now_ms() - reference.event_ms if reference else None,
            orders_last_second=self._tempo.orders_last_second(now_ns),
            trading_state=f"{TradingState.HALTED}: {self._latch.reason}"
            if self._latch.is_set
            else self._trading_state(),
            health=conditions.health,
            health_age_ms=conditions.health_age_ms,
            book=conditions.book,
            now_ms=now_ms,
            pace=self._pace(request, now_ns, now_ms, conditions.budget_left),
        )

    def _pace(self, request: OrderRequest, now_ns: int, now_ms: int, budget_left: int | None) -> Pace:
        """What was done lately; an earlier order that came to nothing may be sent again by its cell."""
        pace = self._tempo.view(
            request, self._limits(), now_ns, now_ms, budget_left=budget_left, cell=CELL.get()
        )
        if pace.rerun_of:
            earlier = self._orders.get(pace.rerun_of)
            if earlier is not None and earlier.state in NOTHING_CAME:
                return msgspec.structs.replace(pace, rerun_of="")
        return pace
