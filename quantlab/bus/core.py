"""The event bus: typed topics, one bounded mailbox and one worker per subscription.

`publish` never waits and never learns who listens; a slow, hung or failing subscriber costs its
own mailbox and nobody else. Commands never travel here, and nothing is delivered off the thread
of the bus's loop: other threads hand over with `publish_threadsafe`.
"""

from __future__ import annotations

import contextvars
import itertools
import threading
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from quantlab.bus import table
from quantlab.bus.handlers import check_bounds, check_handler, check_key, check_overflow
from quantlab.bus.hosts import Options
from quantlab.bus.inline import Inline
from quantlab.bus.keyed import Keyed
from quantlab.bus.mailbox import Overflow
from quantlab.bus.publishing import Publishing
from quantlab.bus.reports import SubscriberFailed
from quantlab.bus.routes import Topic
from quantlab.bus.subscription import Subscription
from quantlab.bus.threads import InThread
from quantlab.bus.workers import Worker
from quantlab.clock import Clock
from quantlab.errors import BusError

if TYPE_CHECKING:
    import pandas as pd

E = TypeVar("E")


class Bus(Publishing):
    """Typed publish and subscribe on one event loop.

    Args:
        clock: Stamps the bus's own events. Where it is fixed, lags are not measured.
        catalogue: Topics to declare at once.
        permits: Handlers of the market lane that may be in flight at once. Every subscription
            of the order and halt lanes has a permit of its own and never waits for one.
        on_order_overflow: Called at once when a subscription of the order or halt lane ended
            that was to miss nothing (FAIL and full, or cancelled): the engine halts.
        say: Told in one line, in the subscriber's context, what is wrong with its handler, each
            thing once; a notebook prints it under the cell. None: nobody is told.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        catalogue: Iterable[Topic[Any]] = (),
        permits: int = 100,
        on_order_overflow: Callable[[SubscriberFailed], None] | None = None,
        say: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__(
            clock, catalogue=catalogue, permits=permits, on_order_overflow=on_order_overflow, say=say
        )
        self._numbers = itertools.count(1)
        self._measures = not clock.fixed

    # -- subscribing

    def subscribe(
        self,
        topic: Topic[E] | str,
        handler: Callable[[E], Any] | None = None,
        *,
        overflow: Overflow | str = Overflow.DROP_OLDEST,
        capacity: int = 1024,
        key: Callable[[E], Hashable] | str | None = None,
        timeout_s: float = 1.0,
        inline: bool = False,
        run: Literal["loop", "thread"] = "loop",
        concurrency: int = 1,
        name: str = "",
        owner: str = "",
        context: contextvars.Context | None = None,
    ) -> Subscription:
        """Receive every event of a topic, or of the declared topics that a pattern fits.

        Args:
            topic: A topic, or a pattern such as "market.*.BTCUSDT" or "order.>".
            handler: Called with the event, one at a time; sync or async. None: iterate.
            overflow: What a full mailbox does, also as its word, "conflate"; CONFLATE needs `key`.
            capacity: Events that may wait.
            key: What is one and the same thing: a function of the event, or an attribute's name.
            timeout_s: A handler still running after this many seconds is cancelled (a thread's is
                only counted) and gives its permit back.
            inline: Run a trusted, cheap, sync handler inside `publish`.
            run: "thread" runs a sync handler that blocks on a thread of its own.
            concurrency: Handlers of this subscription at a time; above 1 needs `key`, and events
                of one key are still handled one after the other, in their order.
            name: Shown in frames and errors; the handler's name by default.
            owner: The notebook cell, for `drop_owner`.
            context: Where the handler's prints go; by default where this call was made.

        Raises:
            BusError: A pattern that no declared topic can meet, a capacity, timeout or concurrency
                that is no such number above zero, an unknown overflow, CONFLATE or concurrency
                without key, a handler that cannot take one event or cannot run where it is to run.
        """
        if self._closed:
            raise BusError("the bus is closed; nothing can subscribe any more")
        parts, lane = self._router.aim(topic)
        check_bounds(capacity, timeout_s, concurrency, name)
        overflow = check_overflow(overflow)
        is_async = check_handler(handler, inline=inline, run=run, concurrency=concurrency, key=key)
        key_of, fields = check_key(key, overflow)
        if self._loop is None:
            self.start()
        if threading.get_ident() != self._thread:
            self._require_thread("subscribe")
        number = next(self._numbers)
        name = name or getattr(handler, "__qualname__", "") or ".".join(parts)
        context = context.copy() if context is not None else contextvars.copy_context()
        if run == "thread":
            assert handler is not None  # noqa: S101  # checked above
            handler, is_async = InThread(handler, context, self.loop, name), True
        options = Options(
            number, name, parts, lane, handler, overflow, capacity, key_of, fields,
            timeout_s, concurrency, owner, context,
        )  # fmt: skip
        subscription: Subscription
        if handler is None:
            subscription = Subscription(self, options)
        elif inline:
            subscription = Inline(self, options)
        elif concurrency > 1:
            subscription = Keyed(self, options, is_async=is_async)
        else:
            subscription = Worker(self, options, is_async=is_async)
        if self._measures and not inline:
            subscription.measure()
        self._subscriptions[number] = subscription
        self._router.add(subscription)
        return subscription

    # -- looking at it

    def frame(self) -> pd.DataFrame:
        """One row for each open subscription: where it stands, its counters, its lags (milliseconds)."""
        return table.frame_of(self.subscriptions)
