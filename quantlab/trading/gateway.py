"""The gateway: the one way by which an order leaves, and where all that comes back arrives.

Lives on the main thread. `Gateway.submit` is the only code that can cause an order. Decision,
reservation and hand-over are one step without an await; a denied order leaves no byte. State changes
only by what the venue reported, and a reservation is released only by an end that is proven, never by
an acknowledgement, a timeout or a request.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from quantlab.bus import Bus
from quantlab.clock import Clock
from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AnyRequest
from quantlab.domain.orders import ExecutionReport, OrderSnapshot
from quantlab.domain.position import AccountInfo, AccountPosition, Transfer
from quantlab.errors import UnknownSymbol
from quantlab.topics import RISK_LIMIT, Difference
from quantlab.trading.answers import Latch, Lines, OrderAnswer
from quantlab.trading.asking import NOT_KNOWN, Asking, Conditions, Reference
from quantlab.trading.cancelling import Cancelling
from quantlab.trading.causes import TradingState
from quantlab.trading.decision import Decision
from quantlab.trading.denials import Denials
from quantlab.trading.fields import require_fields
from quantlab.trading.flatten import Flattening
from quantlab.trading.handing import Handing
from quantlab.trading.intake import Intake
from quantlab.trading.order import Order
from quantlab.trading.orders import Orders
from quantlab.trading.pace import Tempo
from quantlab.trading.patrol import Look, asked, suspicion
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.preparing import Preparing
from quantlab.trading.rails import Rails
from quantlab.trading.rails.alerts import Alerts
from quantlab.trading.rails.throttles import cell_rerun
from quantlab.trading.reconcile import Reconciled, believed
from quantlab.trading.recovery import Recovered
from quantlab.trading.reruns import CELL, outside_cells
from quantlab.trading.sender import OrderSender
from quantlab.trading.sent import Sent
from quantlab.trading.states import ERRORS, OrderEvent, OrderState
from quantlab.trading.together import Part
from quantlab.trading.unanswered import Unanswered
from quantlab.wire import Wire, WireCall

RERUN = cell_rerun.__name__


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
        conditions: How things stand for a symbol outside the account; without, nothing is known of them.
        tempo: What was done lately.
        on_alarm: Called with a sentence when something contradicts what we knew.
        on_contradiction: Called with a sentence when the venue said what cannot be true.
        on_stranger: Called with a sentence when an order of our making is in no line of our journal.
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
        conditions: Callable[[str], Conditions] = lambda _: NOT_KNOWN,
        tempo: Tempo | None = None,
        on_alarm: Callable[[str], object] | None = None,
        on_contradiction: Callable[[str], object] | None = None,
        on_stranger: Callable[[str], object] | None = None,
        on_refused: Callable[[int, str], object] | None = None,
    ) -> None:
        self.rails, self.portfolio, self.orders = rails, portfolio, orders
        self._intake = Intake(
            orders=orders, portfolio=portfolio, bus=bus, journal=journal, clock=clock,
            on_alarm=on_alarm, on_contradiction=on_contradiction, on_stop=self._on_stop,
            on_stranger=on_stranger,
        )  # fmt: skip
        self.tempo = Tempo() if tempo is None else tempo
        self._asking = Asking(
            portfolio=portfolio, orders=orders, clock=clock, latch=latch, reference=reference,
            venue_now_ms=venue_now_ms or clock.now_ms, trading_state=trading_state, conditions=conditions,
            limits=lambda: rails.limits, tempo=self.tempo,
        )  # fmt: skip
        self._preparing = Preparing(
            portfolio=portfolio, orders=orders, asking=self._asking, session=clock.session_id()
        )
        self._denials = Denials(
            orders=orders, journal=journal, bus=bus, clock=clock, latch=latch,
            publish=self._intake.publish_order,
        )  # fmt: skip
        self._cancelling = Cancelling(
            wire=wire, sender=sender, orders=orders, tempo=self.tempo, clock=clock, latch=latch,
            limits=lambda: rails.limits,
        )  # fmt: skip
        self._handing = Handing(
            wire=wire, sender=sender, orders=orders, portfolio=portfolio, asking=self._asking,
            intake=self._intake, clock=clock,
        )  # fmt: skip
        self._unanswered = Unanswered(
            wire=wire, sender=sender, orders=orders, portfolio=portfolio, intake=self._intake, clock=clock
        )
        self._wire, self._sender, self._clock, self._latch = wire, sender, clock, latch
        self._on_refused, self._bus, self._alerts = on_refused, bus, Alerts()

    @property
    def alarms(self) -> tuple[str, ...]:
        """What contradicted our knowledge so far, oldest first; the last 1,000."""
        return tuple(self._intake.alarms)

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self.rails.limits

    # -- out

    def explain(self, request: AnyRequest, *, reduce_only: bool = False) -> Decision:
        """Every rail's answer to this request now; nothing is sent or reserved.

        Raises:
            InvalidField: A field is not what it should be, so that nothing can be reckoned with it.
        """
        self._wire.require_home()
        require_fields(request)
        return self.rails.explain_together(request, self._asking.parts(request, reduce_only=reduce_only))

    def parts_of(self, request: AnyRequest) -> tuple[Part, ...]:
        """Each order of a request with the state that it would be decided on now."""
        self._wire.require_home()
        require_fields(request)
        return self._asking.parts(request)

    def submit(self, request: AnyRequest, *, strategy: str = "", reduce_only: bool = False) -> Sent:
        """Decide, reserve and hand over one request, all or nothing: there is no other way out.

        Args:
            request: An order, a list, a replacement, or an amendment; its ids are given here.
            strategy: Who sends it; it stands in the ids. Empty: somebody by hand.
            reduce_only: Deny it where it could trade more than the position; the venue has no such order.

        Raises:
            InvalidField: Off the grid, out of bounds, or it contradicts itself; see `Preparing`.
            OrderDenied: A rail denied (`Halted` while the latch is set); every verdict is in it.
            EngineStopped, WrongThread: See `Wire.call`.
        """
        self._wire.require_home()
        require_fields(request)
        request = self._preparing.prepare(request, strategy)
        with self._wire.masked():
            halts = self._latch.generation  # before the state: a HALT between the two voids the permit
            parts = self._asking.parts(request, reduce_only=reduce_only)
            decision, permit = self.rails.decide_together(
                request,
                parts,
                now_ns=self._clock.monotonic_ns(),
                state_sequence=self.portfolio.sequence,
                halts=halts,
            )
            sent = self._handing.over(request, permit) if permit else None
            if sent is None:
                self._denials.note(request, decision)
                if any(each.rail == RERUN for each in decision.breaches):
                    self.tempo.reruns.held(CELL.get())
        if sent is None:
            raise self._denials.error(decision)
        try:
            for alert in self._alerts.of(request.symbol, decision, self._clock.now_ms()):
                self._bus.publish(RISK_LIMIT, alert)
        except Exception as error:  # noqa: BLE001  # as in `Handing`
            self._handing.not_told(request, error)
        return sent

    def flatten(self, symbol: str | None = None, *, strategy: str = "") -> Flattening:
        """Cancel what is open and trade the position to zero, of `symbol` or of every symbol.

        A trade like any other: each order of it goes through `submit`, and may be denied. To flatten twice
        is no accident: what an earlier run of the cell has flattened does not count.

        Raises:
            UnknownSymbol: The venue lists no such symbol.
        """
        self._wire.require_home()
        if symbol is not None and symbol not in self.portfolio.instruments:
            raise UnknownSymbol(symbol, tuple(self.portfolio.instruments))
        symbols = self.portfolio.positions if symbol is None else (symbol,)
        begin = partial(Flattening, self, tuple(symbols), price_of=self._asking.price_of, strategy=strategy)
        return outside_cells().run(begin)

    def allow_rerun(self, *, every: bool = False) -> int:
        """Let the cell that `cell_rerun` held back last send its orders once more, or all; how many may."""
        self._wire.require_home()
        return self.tempo.reruns.allow(every=every)

    def cancel(self, symbol: str, client_order_id: str) -> WireCall[OrderSnapshot]:
        """Ask the venue to cancel one order; needs no permit and passes when halted. See `Cancelling`."""
        return self._cancelling.one(symbol, client_order_id)

    def cancel_all(self, symbol: str | None = None) -> WireCall[list[OrderSnapshot]]:
        """Ask the venue to cancel all that it says is open, of `symbol` or of every symbol."""
        return self._cancelling.all(symbol)

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
        self._unanswered.take_over(left)

    # -- in

    def apply(self, message: object) -> bool:
        """Fold in a message from the wire; False where it is not the gateway's."""
        self._wire.require_home()
        match message:
            case OrderAnswer():
                order = self._intake.on_answer(message)
                self.tempo.answered(self._clock.monotonic_ns(), error=message.event in ERRORS)
                if order.state is OrderState.UNKNOWN and message.event is OrderEvent.LOST:
                    self._unanswered.resolve(order)
                if message.event is OrderEvent.REFUSED and self._on_refused is not None:
                    self._on_refused(message.code, message.reason)
            case ExecutionReport():
                self._intake.on_report(message)
            case AccountPosition() | AccountInfo() | Transfer():
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

    def _on_stop(self, symbol: str) -> None:
        self.tempo.stopped(symbol, self.limits, self._clock.monotonic_ns(), self._clock.now_ms())
