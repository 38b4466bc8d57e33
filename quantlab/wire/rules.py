"""Who may ask the wire for what, and what it says of itself.

A wait that would block the loop is refused before anything is sent.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any

from quantlab.bus.lanes import Lanes
from quantlab.errors import EngineStopped, WouldBlockLoop
from quantlab.wire.breather import Breather
from quantlab.wire.call import WireCall
from quantlab.wire.home import HomeThread
from quantlab.wire.lag import LagProbe
from quantlab.wire.masking import Masked


class Rules:
    """The part of a `Wire` that only looks; see there."""

    home: asyncio.AbstractEventLoop
    cell_task: asyncio.Task[Any] | None
    inbox: Lanes
    _thread: HomeThread
    _started: bool
    _stopped: bool
    _own: bool
    _calls: set[WireCall[Any]]
    _home_probe: LagProbe
    _wire_probe: LagProbe
    _breather: Breather

    @property
    def draining(self) -> bool:
        """True while messages are being applied."""
        return self.inbox.draining

    @property
    def home_lag_ms(self) -> float | None:
        """How late the home loop is, seen from the wire; None until measured."""
        return self._home_probe.milliseconds

    @property
    def worst_home_lag_ms(self) -> float | None:
        """The longest lag of the home loop that ended in the last 2 s; None until measured."""
        return self._home_probe.worst()

    @property
    def wire_lag_ms(self) -> float | None:
        """How late the wire is, seen from the home loop; None until measured."""
        return self._wire_probe.milliseconds

    def require_home(self) -> None:
        """Raise `WrongThread` off the home thread, `EngineStopped` in a forked child."""
        self._thread.require()

    def _require_running(self) -> None:
        self._thread.require_unforked()
        if self._stopped or not self._started:
            raise EngineStopped("the wire does not run; nothing was sent")

    def check_wait_allowed(self) -> None:
        """Raise unless a blocking wait is safe right here; ask before sending anything.

        Raises:
            WrongThread, EngineStopped, WouldBlockLoop: See `WireCall.wait`.
        """
        self._thread.check_pid()
        self.require_home()
        self._require_running()
        if not self._own:
            raise WouldBlockLoop("wire and engine share one loop here: use await; nothing was sent")
        if self.draining:
            raise WouldBlockLoop("called while messages are being applied: nothing was sent")
        current = asyncio.current_task(self.home)
        if current is None or current is not self.cell_task:
            raise WouldBlockLoop(
                ".wait() works in a cell's own code only, not in a task, a handler or a callback: "
                "use await there; nothing was sent"
            )

    def masked(self) -> AbstractContextManager[None]:
        """Hold SIGINT back for one short critical section of the main thread."""
        return Masked()

    def counters(self) -> dict[str, int]:
        """What went through the lanes so far, and what waits."""
        inbox = self.inbox
        return {
            "applied": inbox.applied,
            "dropped": inbox.dropped,
            "conflated": inbox.conflated,
            "errors": inbox.errors,
            "undelivered": inbox.undelivered,
            "pending": len(inbox),
            "calls": len(self._calls),
            "breaths": self._breather.breaths,
        }
