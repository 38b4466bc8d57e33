"""One strategy as it runs: bus events in, and what it wants out through the desk. Main thread only.

No rule of trading is here. A strategy that raises, or that may not act any more, is stopped and says
why; its orders stay as they are unless somebody asks to cancel them.
"""

from __future__ import annotations

import contextlib
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Protocol

from quantlab.bus import Bus, Overflow, Topic
from quantlab.clock import Clock
from quantlab.control import commands
from quantlab.control.handle import Handle
from quantlab.domain.order_lists import AmendRequest, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, Side
from quantlab.domain.position import Fill
from quantlab.errors import CapabilityRefused, InvalidField, NotAllowed, QuantlabError
from quantlab.topics import FILL, ORDER, OrderUpdate
from quantlab.trading.amounts import ZERO, add, subtract
from quantlab.trading.ids import strategy_of
from quantlab.trading.order import Order
from quantlab.trading.orders import Orders
from quantlab.trading.reruns import outside_cells
from quantlab.trading.strategy import Cancel, CancelOwn, Flatten, ReduceOnly, Strategy, Wanted, Wants, each

ORDER_EVENTS = 10_000  # that may wait for a strategy: to lose one of its own fills stops all trading


class Owner(Protocol):
    """What this needs of the engine."""

    bus: Bus
    clock: Clock
    orders: Orders
    alarms: deque[str]

    def execute(self, command: commands.Command) -> Handle[object]: ...

    def require_orders_open(self) -> object: ...


class Running:
    """One strategy as it runs; `View` of `trading.strategy` for itself.

    Attributes:
        state: running, stopped (by somebody), or failed (by an error of its own, or of its rights).
        problem: The traceback or the reason of a failure; empty otherwise.
        events, fills, sent, refused: How many there were.
        last_refusal: Why the desk, the rails or the venue last said no.
    """

    def __init__(self, owner: Owner, strategy: Strategy, name: str, topics: Sequence[str]) -> None:
        self.name, self.topics, self.strategy = name, ", ".join(topics), strategy
        self.state, self.problem, self.last_refusal = "running", "", ""
        self.events = self.fills = self.sent = self.refused = 0
        self.started_ms = owner.clock.now_ms()
        self._owner = owner
        self._positions: dict[str, Decimal] = {}

    @property
    def bus_owner(self) -> str:
        """Under which its subscriptions stand on the bus."""
        return f"strategy {self.name}"

    def position(self, symbol: str) -> Decimal:
        """What this run's own fills add up to (base asset, signed)."""
        return self._positions.get(symbol, ZERO)

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Its orders that may still trade, oldest first; also those of an earlier run."""
        return [
            one for one in self._owner.orders.open(symbol) if strategy_of(one.client_order_id) == self.name
        ]

    # -- events in

    def start(self, topics: Sequence[Topic[Any] | str], overflow: Overflow) -> None:
        """Subscribe, then ask what it wants at the start.

        What it sends at the start is sent by the cell that starts it, and may be held back where that runs
        again (`cell_rerun`); what it sends on events is sent by no cell.
        """
        bus = self._owner.bus
        for topic in topics:
            key = bus.by_name(topic) if overflow is Overflow.CONFLATE else None
            bus.subscribe(
                topic, self._on_event, overflow=overflow, key=key, name=self.bus_owner, owner=self.bus_owner,
                context=outside_cells(),
            )  # fmt: skip
        for own, handler, what in ((FILL, self._on_fill, "fills"), (ORDER, self._on_order, "orders")):
            bus.subscribe(
                _every(own), handler, overflow=Overflow.FAIL, capacity=ORDER_EVENTS,
                name=f"{self.bus_owner}: {what}", owner=self.bus_owner, context=outside_cells(),
            )  # fmt: skip
        self._ask("on_start", self)

    def end(self, *, cancel: bool) -> None:
        """Hear no more; with `cancel` cancel what is open."""
        if self.state == "running":
            self.state = "stopped"
            self._owner.bus.drop_owner(self.bus_owner)
            self._ask("on_stop")
        if cancel:
            for command in self._commands(CancelOwn()):
                self._owner.execute(command).send()

    def _on_event(self, event: Any) -> None:
        self.events += 1
        self._ask("on_event", event)

    def _on_fill(self, fill: Fill) -> None:
        if strategy_of(fill.client_order_id) != self.name:
            return
        self.fills += 1
        change = add if fill.side == Side.BUY else subtract
        self._positions[fill.symbol] = change(self.position(fill.symbol), fill.quantity)
        self._ask("on_fill", fill)

    def _on_order(self, order: OrderUpdate) -> None:
        if strategy_of(order.client_order_id) == self.name:
            self._ask("on_order", order)

    # -- wants out

    def _ask(self, hook: str, *arguments: Any) -> None:
        """Call a hook, where there is one, and carry out what it wants."""
        ask: Callable[..., Wants] | None = getattr(self.strategy, hook, None)
        if ask is None or (self.state == "failed"):
            return
        try:
            wanted = each(ask(*arguments))
        except Exception as error:
            self._fail("".join(traceback.format_exception(error)), f"{hook}: {type(error).__name__}: {error}")
            raise
        for one in wanted:
            self._carry_out(one, told=hook == "on_refused")

    def _carry_out(self, wanted: Wanted, *, told: bool = False) -> None:
        """Through the desk, at once; `told`: it is an answer to a refusal already."""
        if self.state == "failed":
            return
        try:
            for command in self._commands(wanted):
                handle = self._owner.execute(command).send()
                self.sent += 1
                handle.add_done_callback(partial(self._answered, wanted, told))
        except QuantlabError as error:
            self._refused(wanted, error, told=told)

    def _commands(self, wanted: Wanted) -> Iterator[commands.Command]:
        match wanted:
            case OrderRequest():
                yield commands.SubmitOrder(wanted, strategy=self.name)
            case ReduceOnly(order):
                yield commands.SubmitOrder(order, reduce_only=True, strategy=self.name)
            case OrderListRequest():
                yield commands.SubmitList(wanted, strategy=self.name)
            case ReplaceRequest():
                self._own(wanted.cancel_client_order_id)
                yield commands.ReplaceOrder(wanted, strategy=self.name)
            case AmendRequest():
                self._own(wanted.client_order_id)
                yield commands.AmendOrder(wanted)
            case Cancel(client_order_id):
                yield commands.CancelOrder(self._own(client_order_id).symbol, client_order_id)
            case CancelOwn(symbol):
                for open_ in self.open_orders(symbol):
                    yield commands.CancelOrder(open_.symbol, open_.client_order_id)
            case Flatten(symbol):
                yield commands.Flatten(symbol, strategy=self.name)

    def _own(self, client_order_id: str) -> Order:
        order = self._owner.orders.get(client_order_id)
        if order is None or strategy_of(client_order_id) != self.name:
            problem = f"{client_order_id[:40]!r} is no order of strategy {self.name}"
            raise InvalidField("client_order_id", problem, "give one of view.open_orders()")
        return order

    def _answered(self, wanted: Wanted, told: bool, handle: Handle[Any]) -> None:  # noqa: FBT001  # a partial
        try:
            handle.result()
        except QuantlabError as error:
            with contextlib.suppress(Exception):  # what on_refused raises has stopped it, and is in `problem`
                self._refused(wanted, error, told=told)

    def _refused(self, wanted: Wanted, error: QuantlabError, *, told: bool) -> None:
        self.refused += 1
        self.last_refusal = str(error)
        if _for_good(error):  # nothing it wants can be done: to go on would be pretence
            self._fail(str(error), str(error))
        elif not told:
            self._ask("on_refused", wanted, error)

    def _fail(self, problem: str, said: str) -> None:
        self.state, self.problem = "failed", problem
        self._owner.bus.drop_owner(self.bus_owner)
        self._owner.alarms.append(f"strategy {self.name} was stopped, its orders stay: {said}")


def _for_good(error: QuantlabError) -> bool:
    """True where this kernel may do nothing any more, and not only not this."""
    if isinstance(error, CapabilityRefused):
        return error.reason not in ("budget", "symbol", "scope")
    return isinstance(error, NotAllowed)


def _every(topic: Topic[Any]) -> str:
    return ".".join("*" if part.startswith("{") else part for part in topic.template.split("."))
