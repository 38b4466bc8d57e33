"""The composition root: one venue, one account, one engine on the kernel's loop.

Belongs to the main thread. No rule of trading lives here: what is decided is decided in the
parts, and this file says only who hears whom, what starts before what, and how it all ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from quantlab.bus import Bus, SubscriberFailed
from quantlab.clock import Clock, ManualClock, SystemClock
from quantlab.config import Settings
from quantlab.control.capability import Session
from quantlab.control.commands import Command, Flatten, Placing
from quantlab.engine.answers import Answers
from quantlab.engine.assembly import new_desk, open_journal
from quantlab.engine.faces import Health, Market
from quantlab.engine.glance import Glances
from quantlab.engine.guards import Guards
from quantlab.engine.halting import Halting
from quantlab.engine.identity import Identity
from quantlab.engine.inbox import Inbox
from quantlab.engine.link import Link
from quantlab.engine.opening import (
    FIRST_ADVANCE_MS,
    address_venue,
    learn_account,
    learn_listing,
    look_round,
    make_rails,
    new_link,
    new_standing,
)
from quantlab.engine.ownrules import AccountBounds
from quantlab.engine.quotes import Quotes
from quantlab.engine.recorder import Recorder
from quantlab.engine.rhythm import Rhythm
from quantlab.engine.source import LinkedMarket
from quantlab.engine.standing import Standing
from quantlab.engine.status import status_rows
from quantlab.engine.strategies import Strategies
from quantlab.engine.valuing import Valuing
from quantlab.errors import ConfigError, EngineStopped, VenueError
from quantlab.paper.spawn import EmbeddedVenue
from quantlab.topics import CATALOGUE
from quantlab.trading.gateway import Gateway
from quantlab.trading.kept import Kept
from quantlab.trading.limitsfile import limits_at_start
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import Rails
from quantlab.wire import HaltLatch, Wire

if TYPE_CHECKING:
    from quantlab.engine.learning import Learn

READY_TIMEOUT_S = 30.0
UNCOUNTED = ["--messages-1s", "1000"]  # each advance asks on the stream's socket; see `link.UNHURRIED`
CLOSE_TIMEOUT_S = 0.8
ALARMS = 1_000


class Engine(Answers):
    """Everything that runs behind one notebook.

    Args:
        settings: Where the venue is, and whose keys and home are used.
        deterministic: Fixed seed, clock and ids; the embedded market moves only on request.
        say: See `Bus`.

    Attributes:
        state: new, starting, running, failed or stopped.
        problem: Why it failed; empty otherwise.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        deterministic: bool = False,
        say: Callable[[str], object] | None = None,
    ) -> None:
        if deterministic and settings.endpoints is not None:
            raise ConfigError(
                f"deterministic mode needs the embedded paper venue, not {settings.venue}",
                "set QUANTLAB_VENUE=paper",
            )
        self.settings, self.deterministic = settings, deterministic
        self.clock: Clock = ManualClock() if deterministic else SystemClock()
        self.state, self.problem = "new", ""
        self.bus = Bus(self.clock, catalogue=CATALOGUE, on_order_overflow=self._order_lane_lost, say=say)
        self.latch = HaltLatch()
        self.rails, self.portfolio, self.orders = Rails(), Portfolio(), Orders()
        self._source = LinkedMarket(self)
        self.quotes, self.health, self.market = Quotes(), Health(), Market(self._source)
        self.bounds = AccountBounds()
        self.recorder = Recorder(self)
        self.strategies = Strategies(self)
        self.session: Session | None = None
        self.alarms: deque[str] = deque(maxlen=ALARMS)
        self.rhythm = Rhythm()
        self._venue: EmbeddedVenue | None = None
        self._link: Link | None = None
        self._gateway: Gateway | None = None
        self._standing: Standing | None = None
        self._starting: asyncio.Task[None] | None = None
        self._closing: list[asyncio.Task[None]] = []
        self._learn: Learn | None = None

    # -- life

    def start(self) -> None:
        """Begin to start on the running loop, and return at once; `ready` waits for the end of it."""
        loop = asyncio.get_running_loop()
        self.state = "starting"
        self.bus.start()
        if self.settings.endpoints is None:
            self._venue = EmbeddedVenue([*UNCOUNTED, *(["--clock", "manual"] if self.deterministic else [])])
            self._venue.spawn()
        try:
            self._build(loop)
        except BaseException:
            self.close()
            raise
        self._starting = loop.create_task(self._open(), name="quantlab start", context=contextvars.Context())
        self._starting.add_done_callback(self._started)

    def _build(self, loop: asyncio.AbstractEventLoop) -> None:
        settings = self.settings
        self.inbox = Inbox(self)
        self.wire = Wire(loop, self.inbox.apply)
        identity = Identity.of(settings, self._venue.pid if self._venue else None)
        self.journal, self._left = open_journal(self, identity)
        self.read_only = self.journal.problem  # a fresh journal has none
        self.kept = Kept(self.journal, self._left.kept)
        if (limits := limits_at_start(settings.home, self._left.limits)) != self.rails.limits:
            self.rails.limits = limits
        self.guards = Guards(self.rails, self.portfolio, self.kept, self._left.lately, self.clock)
        self.valuing = Valuing(
            self.portfolio, self.quotes, self.clock, self.kept, on_sample=self.guards.on_equity
        )
        self.halting = Halting(
            self.latch, self.wire, self.journal, self.clock, settings.home, everywhere=bool(self.read_only)
        )
        if self._left.halted:
            self.latch.set(self._left.halted)
        self.desk = new_desk(self)
        self.glances = Glances(self)
        self.wire.start()

    async def _open(self) -> None:
        """Connect, learn the account, and only then take orders."""
        control, _ = await asyncio.gather(
            address_venue(self, self._venue), make_rails()
        )  # it starts meanwhile
        self._link = link = new_link(self, control)
        await learn_listing(self, link)
        if link.user is not None:
            self._standing = new_standing(self, link)
            await learn_account(self, self._standing, link)
        self.wire.spawn(self.halting.watch, "halt file")
        self.wire.spawn(link.monitor.run, "health")
        if self.deterministic:
            await self._source.advance(FIRST_ADVANCE_MS)
        await look_round(self)
        if self.state == "starting":
            self.state = "running"
            self.glances.renew()

    def adopt_gateway(self, gateway: Gateway) -> None:
        """Orders go through it from now on; it takes over what earlier sessions left."""
        self._gateway = gateway
        gateway.recover(self._left)

    def _started(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and self.state == "starting":
            self.state, self.problem = "failed", f"{error}; when that is mended: %reload_ext quantlab"
            self.glances.renew()

    async def ready(self) -> None:
        """Wait until the engine runs.

        Raises:
            EngineStopped: It was stopped, or does not get ready in time.
            QuantlabError: What made the start fail.
        """
        if self.state == "running":
            return
        if self._starting is None or self.state == "stopped":
            raise EngineStopped("the engine does not run: %reload_ext quantlab starts it anew")
        done, _ = await asyncio.wait({self._starting}, timeout=READY_TIMEOUT_S)
        if not done:
            raise EngineStopped(f"the engine was not ready within {READY_TIMEOUT_S:g} s; see ql.health")
        if self._starting.cancelled():
            raise EngineStopped("the engine was stopped while it started")
        self._starting.result()

    async def ready_for(self, command: Command) -> None:
        """As `ready`; for an order also until its symbol has a price, where that can be had."""
        await self.ready()
        if isinstance(command, Placing):
            await self.priced(command.request.symbol)
        elif isinstance(command, Flatten):
            held = tuple(self.portfolio.positions) if command.symbol is None else (command.symbol,)
            for symbol in held:
                await self.priced(symbol)

    async def priced(self, symbol: str) -> None:
        """Start the streams of a listed symbol that nobody watched yet; see `Market.watch`."""
        await self.ready()
        if symbol in self.symbols and symbol not in self.watched:
            with contextlib.suppress(VenueError):  # the rails then say that there is no price
                await self._source.watch(symbol)

    async def aclose(self) -> None:
        """Stop everything and wait until nothing of it is left."""
        self.close()
        if self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def close(self) -> None:
        """Stop everything now, in at most 1.5 s; idempotent, also at exit with the loop stopped."""
        if self.state == "stopped":
            return
        self.state, self.session = "stopped", None
        loop_runs = asyncio._get_running_loop() is not None  # noqa: SLF001  # get_running_loop raises
        if self._starting is not None and loop_runs:
            self._starting.cancel()
            self._closing.append(self._starting)
        if self._standing is not None:
            self._standing.close()
        self.recorder.close()
        if self._learn is not None:
            self._learn.close()
            if loop_runs:
                self._closing.append(asyncio.ensure_future(self._learn.aclose()))
        if hasattr(self, "valuing"):
            self.valuing.keep()
        if hasattr(self, "wire"):
            self.wire.stop(CLOSE_TIMEOUT_S)
        if hasattr(self, "journal"):
            self.journal.close()
        if self._venue is not None:
            self._venue.stop()
        if loop_runs:
            self._closing.append(asyncio.ensure_future(self.bus.aclose()))

    def status(self) -> list[tuple[str, str]]:
        """Label and text rows: venue, level, engine, streams, rails, armed or not."""
        return status_rows(self)

    def _order_lane_lost(self, lost: SubscriberFailed) -> None:
        self.halt(f"{lost.name} lost order events: {lost.reason}")
