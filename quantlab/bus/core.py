"""The event bus: typed topics, one bounded mailbox and one worker per subscription.

`publish` never waits and never learns who listens; a slow, hung or failing subscriber costs its
own mailbox and nobody else. Commands never travel here, and nothing is delivered off the thread
of the bus's loop: other threads hand over with `publish_threadsafe`.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from quantlab.bus import table
from quantlab.bus.handlers import check_handler, check_key, require
from quantlab.bus.hosting import Hosting
from quantlab.bus.hosts import Options
from quantlab.bus.inline import Inline
from quantlab.bus.keyed import Keyed
from quantlab.bus.lanes import Lanes
from quantlab.bus.mailbox import Overflow
from quantlab.bus.reports import OWN_TOPICS, SubscriberFailed
from quantlab.bus.router import ByName, Route
from quantlab.bus.routes import Topic
from quantlab.bus.slots import HELD_S
from quantlab.bus.subscription import Subscription
from quantlab.bus.threads import InThread
from quantlab.bus.workers import Worker
from quantlab.clock import Clock
from quantlab.errors import BusError, WrongThread

if TYPE_CHECKING:
    import pandas as pd

E = TypeVar("E")


class Bus(Hosting):
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
        super().__init__(clock, permits, on_order_overflow, say)
        self._thread = threading.get_ident()
        self._routes = self._router.routes  # looked at in every publish
        self._numbers = itertools.count(1)
        self._sequence = 0
        self._measures = not clock.fixed
        self._later: deque[tuple[Topic[Any], Any]] = deque()  # published by inline handlers
        self.declare(*OWN_TOPICS, *catalogue)

    def start(self) -> None:
        """Bind the bus to the running loop and its thread; the first `subscribe` does it too."""
        if self._loop is None:
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                raise BusError("the bus needs a running loop: start it, or subscribe, on one") from None
            self._thread = threading.get_ident()
            self._inbox = Lanes(
                self._loop,
                self._publish_pair,
                context=contextvars.copy_context(),
                on_error=lambda pair, error: self._reports.error(f"publish_threadsafe of {pair[0]!r}", error),
            )

    def declare(self, *topics: Topic[Any]) -> None:
        """Add topics that may be published; declaring one twice changes nothing.

        Raises:
            BusError: A name could belong to this topic and to another one of another type.
        """
        for topic in topics:
            self._router.declare(topic)

    # -- publishing

    def publish(self, topic: Topic[E], event: E) -> int:
        """Put `event` into every mailbox that wants it, at once, and return its sequence number.

        Never waits and never fails for a subscriber's sake. Events are delivered in the order of
        their numbers: what an inline handler publishes comes after the event that it handles.

        Raises:
            BusError: The caller's own mistake: undeclared topic, wrong type, closed bus.
            WrongThread: Use `publish_threadsafe` off the bus's thread.
        """
        routes = self._routes.get(topic)
        if routes is None or type(event) is not topic.type or self._closed:
            self._check(topic, event)
            routes = self._routes[topic]
        if threading.get_ident() != self._thread:
            self._require_thread("publish")
        self._sequence = sequence = self._sequence + 1
        if self.active_groups is not None:
            self._later.append((topic, event))
            return sequence
        key = topic.key(event)
        route = routes.get(key)
        if route is None:
            route = self._router.resolve(topic, key)
        route.count += 1
        for queue, capacity, receiver in route.plain:
            if 0 < len(queue) < capacity:
                queue.append(event)
            else:
                receiver.put(event)
        if route.involved:
            self._involve(route, event)
        if self._news:
            self._reports.tell()
        return sequence

    def _involve(self, route: Route, event: Any) -> None:
        """Deliver to those whose own code runs in it; what that publishes comes afterwards."""
        time = self.loop.time
        self.active_groups = route.groups
        try:
            for receiver in route.others:
                receiver.put(event)
            for group in route.groups:
                began = time()
                group.members[0].context.run(group.call, event)
                if (seconds := time() - began) > HELD_S:
                    self._held(group.members, seconds)
        finally:
            self.active_groups = None
            for group in route.groups:
                group.reset()
        while self._later and self.active_groups is None:
            topic, event = self._later.popleft()
            self._sequence -= 1  # it has its number already, and nothing came between
            self.publish(topic, event)

    def _require_thread(self, action: str) -> None:
        if threading.get_ident() != self._thread:
            raise WrongThread(f"{action} on the bus's own thread; other threads may use publish_threadsafe")

    def publish_threadsafe(self, topic: Topic[E], event: E) -> None:
        """As `publish`, from any thread: delivered in the loop's next turn, in order per thread."""
        self._check(topic, event)
        if self._inbox is None:
            raise BusError("the bus has no loop yet: call start() before publishing from threads")
        self._inbox.post((topic, event))

    def _publish_pair(self, pair: tuple[Topic[Any], Any]) -> None:
        self.publish(*pair)

    def _check(self, topic: Topic[Any], event: object) -> None:
        if self._closed:
            raise BusError(f"the bus is closed; {topic.template!r} was not published")
        self._router.check(topic, event)

    def conflates(self, topic: Topic[E], event: E) -> bool:
        """Whether nobody who gets `event` needs more than the newest event of its name.

        From any thread, at the price of two look-ups: whoever hands events over to the bus's thread
        need not hand over one that has a newer of its name behind it. True where nobody gets it.
        """
        return self._router.conflates(topic, topic.key(event))

    def by_name(self, topic: Topic[Any] | str) -> ByName:
        """The key for CONFLATE that keeps the newest event of each name.

        Raises:
            BusError: Two of the topics carry one type, so that an event does not say its name.
        """
        return self._router.by_name(topic)

    # -- subscribing

    def subscribe(
        self,
        topic: Topic[E] | str,
        handler: Callable[[E], Any] | None = None,
        *,
        overflow: Overflow = Overflow.DROP_OLDEST,
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
            overflow: What a full mailbox does; CONFLATE needs `key`.
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
                that is not above zero, CONFLATE or concurrency without key, a handler that cannot
                take one event or cannot run where it is to run.
        """
        if self._closed:
            raise BusError("the bus is closed; nothing can subscribe any more")
        parts, lane = self._router.aim(topic)
        require(capacity > 0, f"capacity={capacity}: give at least 1")
        require(timeout_s > 0, f"timeout_s={timeout_s}: give seconds above 0")
        is_async = check_handler(handler, inline=inline, run=run, concurrency=concurrency, key=key)
        key_of, fields = check_key(key, overflow)
        self.start()
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
