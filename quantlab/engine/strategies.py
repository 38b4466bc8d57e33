"""Every strategy of an engine, by name. Main thread only; each of them runs in `running.Running`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from quantlab.bus import Overflow, Topic
from quantlab.engine.running import Owner, Running
from quantlab.errors import InvalidField
from quantlab.frames import frame
from quantlab.trading.ids import require_name
from quantlab.trading.strategy import Strategy

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "name", "state", "topics", "events", "fills", "sent", "refused", "last_refusal", "problem",
    "started_ms",
)  # fmt: skip


class Strategies:
    """Every strategy of this engine, by name: the one that runs, or how it ended."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._all: dict[str, Running] = {}

    def run(
        self,
        strategy: Strategy,
        topics: Sequence[Topic[Any] | str] | Topic[Any] | str = (),
        *,
        name: str = "",
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> Running:
        """Start a strategy; one of the same name that runs is stopped first.

        Args:
            strategy: See `trading.strategy`; `Complete` lists the hooks.
            topics: Whose events it gets; patterns too.
            name: It stands in the ids of its orders; by default `strategy.name`, or that of its class.
            overflow: What happens to events that it is too slow for.

        Raises:
            InvalidField: No `on_event`, or a name that cannot stand in an id.
            BusError: A topic that does not exist.
            EngineStopped: No order can be sent.
        """
        self._owner.require_orders_open()
        if not callable(getattr(strategy, "on_event", None)):
            raise InvalidField(
                "strategy", "it has no on_event", "see quantlab.trading.strategy for the hooks"
            )
        named = require_name(name or getattr(strategy, "name", "") or _name_of(type(strategy)))
        listed = [topics] if isinstance(topics, str | Topic) else list(topics)
        if named in self._all:
            self.stop(named)
        texts = [each if isinstance(each, str) else each.template for each in listed]
        running = self._all[named] = Running(self._owner, strategy, named, texts)
        try:
            running.start(listed, overflow)
        except BaseException as error:
            self._owner.bus.drop_owner(running.bus_owner)
            if running.state == "running":
                running.state, running.problem = "failed", str(error)
            raise
        return running

    def stop(self, name: str | None = None, *, cancel: bool = False) -> None:
        """Stop one strategy, or all (None); its orders stay, unless `cancel`.

        Raises:
            InvalidField: There is none of that name.
        """
        if name is not None and name not in self._all:
            known = ", ".join(self._all) or "there is none yet"
            raise InvalidField("name", f"{name!r:.40} is no strategy", f"give one of: {known}")
        for running in list(self._all.values()) if name is None else [self._all[name]]:
            running.end(cancel=cancel)

    def __getitem__(self, name: str) -> Running:
        return self._all[name]

    def __iter__(self) -> Iterator[Running]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def frame(self) -> pd.DataFrame:
        """One row per strategy: its state, its counts, and why it stopped."""
        rows = [{column: getattr(one, column) for column in COLUMNS} for one in self]
        return frame(rows, columns=COLUMNS, index="name")


def _name_of(kind: type) -> str:
    words = re.sub(r"[^A-Za-z0-9_]", "", kind.__name__).lstrip("_0123456789")
    return words[:12]
