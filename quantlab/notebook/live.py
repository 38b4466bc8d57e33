"""The live view: tells every browser how the engine is, from the wire, whatever the cell does.

Full snapshots, at most four a second, to the status bar's lane and to the health widget. A
snapshot that cannot be made is not sent: browsers then say STALE, which is the truth.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from quantlab.notebook import lanes
from quantlab.notebook.snapshot import Snapshot, short, snapshot

if TYPE_CHECKING:
    from quantlab.engine import Engine
    from quantlab.notebook.health_widget import HealthWidget

PERIOD_S = 0.27  # between two snapshots
HALT_REQUEST, HALT_REPLY = "quantlab_halt_request", "quantlab_halt_reply"
FROM_LAB = "HALT from JupyterLab"


class Live:
    """What the browsers of one notebook see of its engine.

    Args:
        engine: The engine that runs now; asked anew each time.
    """

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._status = lanes.status_lane()
        self._widget: HealthWidget | None = None
        self._numbers = itertools.count(1)
        self.errors: deque[str] = deque(maxlen=20)

    def follow(self, engine: Engine) -> None:
        """Push what this engine is, from its wire, until it is closed."""
        engine.wire.spawn(partial(self._push, engine), "live view")

    def widget(self) -> HealthWidget:
        """The health widget, made when it is first shown: one for all the views (main thread)."""
        from quantlab.notebook.health_widget import HealthWidget

        if self._widget is None:
            self._widget = HealthWidget(self.snapshot, self.halt)
        return self._widget

    def snapshot(self) -> Snapshot:
        """The engine now; from any thread."""
        return self._take(self._engine())

    def halt(self, reason: str) -> dict[str, Any]:
        """HALT, and what a browser is told of it. From any thread; never raises."""
        engine = self._engine()
        already = engine.latch.is_set
        try:
            engine.halt(reason)
        except Exception as error:  # noqa: BLE001  # whatever it is, whoever pressed HALT must read it
            return {"status": "error", "ename": type(error).__name__, "evalue": short(str(error))}
        return {"status": "ok", "halted": True, "reason": short(engine.latch.reason), "already": already}

    def halt_requested(self, content: dict[str, Any]) -> dict[str, Any]:
        """Answer a halt request of the control channel; whatever is wrong with it, it halts."""
        reason = content.get("reason")
        return self.halt(reason if isinstance(reason, str) and reason.strip() else FROM_LAB)

    def close(self) -> None:
        """Let go of the widget; its views keep the last word (main thread, after the engine)."""
        if self._widget is not None:
            widget, self._widget = self._widget, None
            lanes.forget(widget)

    async def _push(self, engine: Engine) -> None:
        try:
            while True:
                self._tell(engine)
                await asyncio.sleep(PERIOD_S)
        finally:
            self._tell(engine)  # its last word: stopped

    def _tell(self, engine: Engine) -> None:
        try:
            told = self._take(engine)
            self._status(told)
            if (widget := self._widget) is not None:
                widget.push(told)
        except Exception as error:  # noqa: BLE001  # one snapshot less must not end the view
            self.errors.append(f"{type(error).__name__}: {error}")

    def _take(self, engine: Engine) -> Snapshot:
        return snapshot(engine.glances.take(), next(self._numbers))
