"""The gateway: the one way by which an order leaves, and where all that comes back arrives.

Lives on the main thread. Decision, reservation and hand-over are one step without an await; a
denied order leaves no byte. State changes only by what the venue reported, and a reservation is
released only by an end that is proven, never by an acknowledgement, a timeout or a request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import msgspec

from quantlab.bus import Bus
from quantlab.clock import NS_PER_MS, Clock
from quantlab.domain.limits import Permit
from quantlab.domain.orders import ExecutionReport, OrderRequest, OrderSnapshot
from quantlab.domain.position import AccountInfo, AccountPosition
from quantlab.errors import Halted, OrderDenied
from quantlab.topics import RISK_BREACH, Difference, RiskBreach
from quantlab.trading.answers import Latch, Lines, OrderAnswer
from quantlab.trading.decision import Decision, Exposure, TradingState
from quantlab.trading.grid import require_tradable
from quantlab.trading.intake import Intake
from quantlab.trading.order import Order
from quantlab.trading.orders import Orders
from quantlab.trading.patrol import Look, asked, suspicion
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import Rails
from quantlab.trading.reconcile import Reconciled, believed
from quantlab.trading.recovery import Recovered
from quantlab.trading.sender import OrderSender
from quantlab.trading.sent import SentOrder
from quantlab.trading.states import OrderEvent, OrderState
from quantlab.wire import Wire, WireCall

SECOND_NS = 1_000 * NS_PER_MS


class Reference(Protocol):
    """A market price (quote asset) and the newest event time behind it (UTC ms, the venue's)."""

    @property
    def price(self) -> Decimal: ...

    @property
    def event_ms(self) -> int: ...


class Gateway:
    """Orders out, answers and reports in.

    Args:
        wire: The hand-over to the wire.
        sender: The wire side; it posts its messages to `apply`.
        bus: Gets every change.
        clock: Monotonic time for permits and rates, wall time for records.
        rails: Limits and decisions.
        portfolio: What is held and reserved.
        orders: Every order.
        journal: Denials and executions are written there.
        latch: The HALT latch.
        reference: The market's price of a symbol, None where there is none.
        venue_now_ms: The venue's time (UTC ms), for the age of a price.
        trading_state: What the engine says of trading, besides the latch.
        on_alarm: Called with a sentence when something contradicts what we knew.
        on_contradiction: Called with a sentence when the venue said what cannot be true.
        on_refused: Called with the venue's code and words when it refused an order, definitely.
    """

    def __init__(
        self,
        *,
        wire: Wire,
        sender: OrderSender,
        bus: Bus,
        clock: Clock,
        rails: Rails,
        portfolio: Portfolio,
        orders: Orders,
        journal: Lines,
        latch: Latch,
        reference: Callable[[str], Reference | None],
        venue_now_ms: Callable[[], int] | None = None,
        trading_state: Callable[[], str] = lambda: TradingState.ACTIVE,
        on_alarm: Callable[[str], object] | None = None,
        on_contradiction: Callable[[str], object] | None = None,
        on_refused: Callable[[int, str], object] | None = None,
    ) -> None:
        self.rails, self.portfolio, self.orders = rails, portfolio, orders
        self._intake = Intake(
            orders=orders, portfolio=portfolio, bus=bus, journal=journal, clock=clock,
            on_alarm=on_alarm, on_contradiction=on_contradiction,
        )  # fmt: skip
        self._wire, self._sender, self._bus, self._clock = wire, sender, bus, clock
        self._journal, self._latch, self._reference = journal, latch, reference
        self._venue_now_ms = venue_now_ms or clock.now_ms
        self._trading_state, self._on_refused = trading_state, on_refused
        self._prefix = clock.session_id()
        self._number = 0
        self._sent_ns: deque[int] = deque()

    @property
    def alarms(self) -> tuple[str, ...]:
        """What contradicted our knowledge so far, oldest first; the last 1,000."""
        return tuple(self._intake.alarms)

    # -- out

    def prepare(self, request: OrderRequest) -> OrderRequest:
        """The request with an id of its own, on the instrument's grid.

        Raises:
            UnknownSymbol: The venue lists no such symbol.
            OffGrid: Price or quantity is no multiple of the step; names the function that rounds.
            InvalidField: An amount is out of the instrument's bounds, or fields contradict.
        """
        require_tradable(request, self.portfolio.instruments)
        return msgspec.structs.replace(request, client_order_id=self._next_id())

    def explain(self, request: OrderRequest) -> Decision:
        """Every rail's answer to this order now; nothing is sent or reserved."""
        self._wire.require_home()
        return self.rails.explain(request, self._exposure(request))

    def submit(self, request: OrderRequest) -> SentOrder:
        """Decide, reserve and hand over one order, all or nothing.

        Raises:
            InvalidField: See `prepare`.
            OrderDenied: A rail denied (`Halted` while the latch is set); every verdict is in it.
            EngineStopped, WrongThread: See `Wire.call`.
        """
        self._wire.require_home()
        request = self.prepare(request)
        with self._wire.masked():
            halts = self._latch.generation  # before the state: a HALT between the two voids the permit
            exposure = self._exposure(request)
            decision, permit = self.rails.decide(
                request,
                exposure,
                now_ns=self._clock.monotonic_ns(),
                state_sequence=self.portfolio.sequence,
                halts=halts,
            )
            sent = self._hand_over(request, permit) if permit else None
            if sent is None:
                self._note_denial(request, decision)
        if sent is None:
            raise self._denial(decision)
        return sent

    def cancel(self, symbol: str, client_order_id: str) -> WireCall[OrderSnapshot]:
        """Ask the venue to cancel one order; needs no permit and passes when halted."""
        order = self.orders.get(client_order_id)
        order_id = order.order_id if order is not None and order.external else None
        return self._wire.call(
            lambda: self._sender.cancel(symbol, client_order_id, order_id), f"cancel {client_order_id}"
        )

    def cancel_all(self, symbol: str | None = None) -> WireCall[list[OrderSnapshot]]:
        """Ask the venue to cancel all that it says is open, of `symbol` or of every symbol."""
        return self._wire.call(lambda: self._sender.cancel_all(symbol), f"cancel all {symbol or ''}".strip())

    def reconcile(self, symbols: tuple[str, ...] = ()) -> WireCall[Reconciled]:
        """Ask the venue what we have; all of it is applied when this is answered. Idempotent.

        At start: after the user stream is live and before any order. `symbols` are followed from
        now on, besides those that have orders or trades.
        """
        known = believed(self.orders, self.portfolio, symbols)
        return self._wire.call(lambda: self._sender.reconcile(known), "reconcile")

    def look(self, symbols: tuple[str, ...] = ()) -> WireCall[Look]:
        """Ask the venue cheaply whether anything there looks other than here; see `suspicion`."""
        wanted = asked(self.orders, symbols)
        return self._wire.call(lambda: self._sender.look(wanted), "look")

    def suspicion(self, seen: Look) -> str:
        """What of a look does not fit our books, in a sentence; empty where all of it does."""
        return suspicion(seen, self.orders, self.portfolio)

    def take_differences(self) -> tuple[Difference, ...]:
        """What reconciliations found since this was last asked; see `Intake`."""
        return self._intake.take_differences()

    def recover(self, left: Recovered) -> None:
        """Take over what earlier sessions left: positions, used ids; unanswered orders are unknown."""
        self._wire.require_home()
        self.portfolio.seed(left.traded, left.marks)
        for request in left.unfinished:
            order = self.orders.add(
                request,
                state=OrderState.UNKNOWN,
                reason="sent by an earlier session",
                time_ms=self._clock.now_ms(),
            )
            self.portfolio.reserve(request)
            self._intake.publish_order(order)
            self._resolve(order)
        self.orders.remember(left.client_order_ids)

    # -- in

    def apply(self, message: object) -> bool:
        """Fold in a message from the wire; False where it is not the gateway's."""
        self._wire.require_home()
        match message:
            case OrderAnswer():
                order = self._intake.on_answer(message)
                if order.state is OrderState.UNKNOWN and message.event is OrderEvent.LOST:
                    self._resolve(order)
                if message.event is OrderEvent.REFUSED and self._on_refused is not None:
                    self._on_refused(message.code, message.reason)
            case ExecutionReport():
                self._intake.on_report(message)
            case AccountPosition() | AccountInfo():
                self._intake.on_account(message)
            case Reconciled():
                self._intake.on_reconciled(message)
            case _:
                return False
        return True

    def is_settled(self, client_order_id: str, cumulative_quantity: Decimal) -> bool:
        """See `Intake.is_settled`."""
        return self._intake.is_settled(client_order_id, cumulative_quantity)

    async def settled(self, client_order_id: str, cumulative_quantity: Decimal) -> Order | None:
        """See `Intake.settled`."""
        return await self._intake.settled(client_order_id, cumulative_quantity)

    # -- how

    def _next_id(self) -> str:
        while True:
            self._number += 1
            client_order_id = f"{self._prefix}-{self._number}"
            if not self.orders.knows(client_order_id):
                return client_order_id

    def _exposure(self, request: OrderRequest) -> Exposure:
        now_ns = self._clock.monotonic_ns()
        while self._sent_ns and now_ns - self._sent_ns[0] >= SECOND_NS:
            self._sent_ns.popleft()
        reference = self._reference(request.symbol)
        return self.portfolio.exposure_for(
            request,
            reference_price=reference.price if reference else None,
            price_age_ms=self._venue_now_ms() - reference.event_ms if reference else None,
            orders_last_second=len(self._sent_ns),
            trading_state=f"{TradingState.HALTED}: {self._latch.reason}"
            if self._latch.is_set
            else self._trading_state(),
        )

    def _hand_over(self, request: OrderRequest, permit: Permit) -> SentOrder:
        order = self.orders.add(request, time_ms=self._clock.now_ms())
        self.portfolio.reserve(request)
        try:
            call = self._wire.call(lambda: self._sender.send(request, permit), request.describe())
        except BaseException:
            self._intake.on_answer(
                OrderAnswer(client_order_id=request.client_order_id, event=OrderEvent.NOT_SENT)
            )
            raise
        self._sent_ns.append(self._clock.monotonic_ns())
        self._intake.publish_order(order)
        return SentOrder(call, order)

    def _note_denial(self, request: OrderRequest, decision: Decision) -> None:
        now_ms = self._clock.now_ms()
        reason = "; ".join(each.describe() for each in decision.breaches)
        order = self.orders.add(request, state=OrderState.DENIED, reason=reason, time_ms=now_ms)
        self._journal.append_nowait(
            "denied", {"order": request, "limits_version": decision.limits_version, "reason": reason}
        )
        self._intake.publish_order(order)
        self._bus.publish(
            RISK_BREACH,
            RiskBreach(
                symbol=request.symbol, order=decision.order, verdicts=decision.verdicts, time_ms=now_ms
            ),
        )

    def _denial(self, decision: Decision) -> OrderDenied:
        denied = OrderDenied(decision.breaches, decision.verdicts)
        if self._latch.is_set:
            denied = Halted(self._latch.reason)
            denied.breaches, denied.verdicts = decision.breaches, decision.verdicts
        return denied

    def _resolve(self, order: Order) -> None:
        symbol, client_order_id = order.symbol, order.client_order_id
        call = self._wire.call(
            lambda: self._sender.resolve(symbol, client_order_id), f"resolve {client_order_id}"
        )
        call.add_done_callback(self._on_resolver_end)

    def _on_resolver_end(self, call: WireCall[None]) -> None:
        try:
            call.result()
        except Exception as error:  # noqa: BLE001  # the order stays unknown and reserved: say so
            self._intake.alarm(f"{call.name} ended: {error}")
