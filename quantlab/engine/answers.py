"""What the parts of an engine ask of each other: may orders leave, is the venue there, do the books agree?

Main thread, where nothing else is said. Nothing here starts or stops anything.
"""

from __future__ import annotations

from quantlab.engine.actions import Actions
from quantlab.engine.ground import disturbed
from quantlab.engine.link import Link
from quantlab.engine.standing import Standing
from quantlab.errors import EngineStopped
from quantlab.paper.spawn import EmbeddedVenue
from quantlab.topics import RISK_RECONCILE, Difference, ReconcileChange
from quantlab.trading.causes import TradingState
from quantlab.trading.gateway import Gateway
from quantlab.wire import HaltLatch

NO_KEY = "there is no API key: set QUANTLAB_API_KEY and QUANTLAB_API_SECRET, then %reload_ext quantlab"
VENUE_ENDED = "the paper venue's process has ended; %reload_ext quantlab starts a new one"


class Answers(Actions):
    """The part of an engine that its own parts meet; `root.Engine` makes what is declared here."""

    latch: HaltLatch
    problem: str
    _venue: EmbeddedVenue | None
    _gateway: Gateway | None
    _standing: Standing | None

    async def ready(self) -> None:
        """See `root.Engine`."""
        raise NotImplementedError

    def user_stream(self, *, live: bool) -> None:
        """The user stream came (ask the venue what we have) or went (until then we do not know)."""
        if self._standing is None or self.state == "stopped":
            return
        if live:
            self._standing.reconcile()
        else:
            self._standing.lost()

    def trading_state(self) -> str:
        """ACTIVE, or HALTED and why: what the rails judge by."""
        if self.latch.is_set:
            return f"{TradingState.HALTED}: {self.latch.reason}"
        if problem := self.venue_problem() or disturbed(self.wire.home):
            return f"{TradingState.HALTED}: {problem}"
        if self.read_only:
            return f"{TradingState.HALTED}: {self.read_only}"
        if self._standing is None or self.state != "running":
            return f"{TradingState.HALTED}: {self._why_closed()}"
        return self._standing.trading_state()

    @property
    def gateway(self) -> Gateway | None:
        return self._gateway

    def require_orders_open(self) -> Gateway:
        """The gateway, or `EngineStopped` saying why no order can be sent."""
        if self._gateway is None or self.state != "running":
            raise EngineStopped(f"no order can be sent: {self._why_closed()}")
        return self._gateway

    def _why_closed(self) -> str:
        match self.state:
            case "running":
                return self.read_only or NO_KEY
            case "new" | "starting":
                return "the engine is starting; await the order, or run %ql status in a cell before it"
            case _:
                return f"the engine is {self.state}{': ' + self.problem if self.problem else ''}"

    def venue_problem(self) -> str:
        """What is wrong with the embedded venue's process; empty while nothing is. From any thread."""
        venue = self._venue
        return VENUE_ENDED if venue is not None and venue.pid is not None and not venue.alive else ""

    def linked(self) -> Link:
        if self._link is None:
            raise EngineStopped(f"the engine is {self.state}: await ql.health.until_ok() first")
        return self._link

    async def compare(self) -> tuple[Difference, ...]:
        """Compare our books with the venue's now, all of it; see `Standing.compare`."""
        await self.ready()
        self.require_orders_open()
        assert self._standing is not None  # noqa: S101  # as old as the gateway
        return await self._standing.compare()

    @property
    def mismatch(self) -> str:
        """In what our books and the venue's differed when it was last asked; empty while in nothing."""
        return "" if self._standing is None else self._standing.mismatch

    @property
    def model_store_notice(self) -> str:
        """What a user should know of where models are kept; empty while nothing. From any thread."""
        return "" if self._learn is None else self._learn.store_notice

    @property
    def model_names(self) -> tuple[str, ...]:
        """The learners that were made, by name; asking makes nothing."""
        return () if self._learn is None else tuple(each.name for each in self._learn)

    def reconciled(self, change: ReconcileChange) -> None:
        """Tell the bus that the books differ, or agree again."""
        self.bus.publish(RISK_RECONCILE, change)
        self.glances.renew()
