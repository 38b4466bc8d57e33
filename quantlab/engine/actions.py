"""What a user may do with an engine, and what it is asked for by name: arm, act, halt, look.

Nothing acts here by itself: every action is a command for the desk. `root.Engine` is the only one that
is built from this; it makes what is declared below.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from quantlab.binance.limits import LimitUsage
from quantlab.bus import Bus
from quantlab.clock import Clock
from quantlab.config import Settings
from quantlab.control.capability import Grant, Session
from quantlab.control.commands import Command, Halt
from quantlab.control.desk import Desk
from quantlab.control.handle import Handle
from quantlab.domain.order_lists import AnyRequest
from quantlab.domain.venue import Level
from quantlab.engine.reads import Reads
from quantlab.errors import ConfigError, EngineStopped
from quantlab.health.monitor import Monitor
from quantlab.secret import Secret
from quantlab.trading.decision import Decision
from quantlab.trading.gateway import Gateway
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.together import Part
from quantlab.wire import Wire

if TYPE_CHECKING:
    from quantlab.engine.glance import Glances
    from quantlab.engine.learning import Learn
    from quantlab.engine.link import Link
    from quantlab.learning.store import Store


class Actions:
    """The part of an engine that users meet."""

    settings: Settings
    clock: Clock
    bus: Bus
    desk: Desk
    wire: Wire
    portfolio: Portfolio
    glances: Glances
    alarms: deque[str]
    session: Session | None
    state: str
    read_only: str
    _link: Link | None
    _learn: Learn | None

    def require_orders_open(self) -> Gateway:
        """See `root.Engine`."""
        raise NotImplementedError

    def linked(self) -> Link:
        """See `root.Engine`."""
        raise NotImplementedError

    def arm(self, token: Secret, grant: Grant = Grant()) -> Session:  # noqa: B008  # frozen
        """Arm this kernel with a token; see `Desk.arm_with`."""
        self.session = self.desk.arm_with(token, grant)
        self.glances.renew()
        return self.session

    def arm_from_file(self) -> Session:
        """Arm with the file that QUANTLAB_TOKEN_FILE names."""
        if self.settings.token_file is None:
            raise ConfigError("no token file is set", "set QUANTLAB_TOKEN_FILE, or use %ql arm")
        self.session = self.desk.arm_from_file(self.settings.token_file)
        self.glances.renew()
        return self.session

    def disarm(self) -> None:
        """End every capability of this kernel; orders in flight go on."""
        self.session = None
        self.desk.disarm()
        self.glances.renew()

    def lock_out(self, reason: str) -> None:
        """HALT and disarm: our key is worth nothing to the venue, or not ours alone any more."""
        self.halt(reason)
        self.disarm()
        self.alarms.append(reason)

    def execute(self, command: Command) -> Handle[object]:
        """A lazy handle that carries out `command` as the armed session; see `Desk.execute`."""
        if self.state == "stopped":
            raise EngineStopped("the engine was stopped: %reload_ext quantlab starts a new one")
        if self.read_only and not isinstance(command, Halt):
            raise EngineStopped(f"{self.read_only}; nothing was done")
        session = self.session
        return self.desk.execute(command, session.prove if session else None)

    def halt(self, reason: str) -> object:
        """No new order leaves from now on, and what is open is cancelled. From any thread."""
        return self.desk.halt(reason)

    def catch_up(self) -> None:
        """Apply what the wire has handed over; after a cell that blocked, that is a lot."""
        if hasattr(self, "wire"):
            self.wire.catch_up()

    def explain(self, request: AnyRequest, *, reduce_only: bool = False) -> Decision:
        """Every rail's answer to this request now; nothing is sent or reserved."""
        self.catch_up()
        return self.require_orders_open().explain(request, reduce_only=reduce_only)

    def parts_of(self, request: AnyRequest) -> tuple[Part, ...]:
        """Each order of this request with the state that it would be decided on now."""
        self.catch_up()
        return self.require_orders_open().parts_of(request)

    @property
    def level(self) -> Level:
        return self.settings.level

    @property
    def venue_name(self) -> str:
        return self.settings.venue

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.portfolio.instruments)

    @property
    def watched(self) -> tuple[str, ...]:
        """The symbols whose streams run."""
        return self.settings.symbols if self._link is None else tuple(self._link.feed.books)

    @property
    def monitor(self) -> Monitor | None:
        """What watches the venue, on the wire; None before there is a connection."""
        return None if self._link is None else self._link.monitor

    @property
    def client_limits(self) -> LimitUsage:
        """What the venue last said of its limits; each answer to the client replaces it whole."""
        return LimitUsage() if self._link is None else self._link.client.limits

    @property
    def binance(self) -> Reads:
        """The venue's own reads, awaited from a cell; see `BinanceClient`."""
        return Reads(self)

    @property
    def learn(self) -> Learn:
        """Models on the stream."""
        if self._learn is None:
            from quantlab.engine.learning import Learn

            self._learn = Learn(self.bus, self.execute, self._open_model_store)
        return self._learn

    def _open_model_store(self) -> Store:
        from quantlab.learning.store import open_store

        return open_store(self.settings, self.level, clock=self.clock)
