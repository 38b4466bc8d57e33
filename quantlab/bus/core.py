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
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from quantlab.bus.lanes import Lanes
from quantlab.bus.mailbox import Mailbox, Overflow
from quantlab.bus.permits import Permits
from quantlab.bus.reports import SUBSCRIBER_FAILED, SUBSCRIBER_SLOW, Reports, SubscriberFailed
from quantlab.bus.router import Router
from quantlab.bus.routes import Topic
from quantlab.bus.subscription import Subscription
from quantlab.bus.workers import Inline, Worker, check_handler
from quantlab.clock import Clock
from quantlab.errors import BusError, WrongThread
from quantlab.frames import frame

if TYPE_CHECKING:
    import pandas as pd

E = TypeVar("E")

CLOSE_S = 1.0  # how long `aclose` waits for handlers that refuse to end
COLUMNS = ("name", "pattern", "lane", "overflow", "capacity", *Mailbox.COUNTERS, "owner")


class Bus:
    """Typed publish and subscribe on one event loop.

    Args:
        clock: Stamps the bus's own events.
        catalogue: Topics to declare at once.
        permits: Handlers of the market lane that may be in flight at once. Every subscription
            of the order and halt lanes has a permit of its own and never waits for one.
        on_order_overflow: Called at once when a subscription of the order or halt lane ended
            that was to miss nothing (FAIL and full, or cancelled): the engine halts.
        say: Told in one line, in the subscriber's context, that its handler failed for the first
            time; a notebook prints it under the cell. None: nobody is told.
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
        self.permits = Permits(permits)
        self._thread = threading.get_ident()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: Lanes | None = None
        self._router = Router()
        self._routes = self._router.routes  # looked at in every publish
        self._subscriptions: dict[int, Subscription] = {}
        self._ending: set[Subscription] = set()  # closed, their last handler still runs
        self._numbers = itertools.count(1)
        self._sequence = 0
        self._closed = False
        self._reports = Reports(clock, self.publish, on_order_overflow, say)
        self._settling: list[asyncio.Future[None]] = []
        self.declare(SUBSCRIBER_SLOW, SUBSCRIBER_FAILED, *catalogue)

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

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of every worker."""
        if self._loop is None:
            raise BusError("the bus has no loop yet: call start() or subscribe on a running loop")
        return self._loop

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

        Never waits and never fails for a subscriber's sake.

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
        key = topic.key(event)
        receivers = routes.get(key)
        if receivers is None:
            receivers = self._router.resolve(topic, key)
        self._sequence = sequence = self._sequence + 1
        for receiver in receivers:
            receiver.put(event)
        return sequence

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

    # -- subscribing

    def subscribe(
        self,
        topic: Topic[E] | str,
        handler: Callable[[E], Any] | None = None,
        *,
        overflow: Overflow = Overflow.DROP_OLDEST,
        capacity: int = 1024,
        key: Callable[[E], Hashable] | None = None,
        timeout_s: float = 1.0,
        inline: bool = False,
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
            timeout_s: An async handler still running after this many seconds is cancelled.
            inline: Run a trusted sync handler inside `publish`.
            name: Shown in frames and errors; the handler's name by default.
            owner: The notebook cell, for `drop_owner`.
            context: Where the handler's prints go; by default where this call was made.

        Raises:
            BusError: A pattern that no declared topic can meet, a capacity or timeout that is
                not above zero, CONFLATE without key, a handler that cannot take one event.
        """
        if self._closed:
            raise BusError("the bus is closed; nothing can subscribe any more")
        pattern = topic if isinstance(topic, str) else ".".join(topic.pattern)
        parts, lane = self._router.aim(topic)
        _require(capacity > 0, f"capacity={capacity}: give at least 1")
        _require(timeout_s > 0, f"timeout_s={timeout_s}: give seconds above 0")
        _require(overflow is not Overflow.CONFLATE or key is not None, "overflow CONFLATE needs a key")
        check_handler(handler, inline=inline)
        self.start()
        self._require_thread("subscribe")
        kind = Inline if inline else Subscription if handler is None else Worker
        subscription = kind(
            self,
            number=next(self._numbers),
            name=name or getattr(handler, "__qualname__", "") or pattern,
            parts=parts,
            lane=lane,
            handler=handler,
            overflow=overflow,
            capacity=capacity,
            key=key,
            timeout_s=timeout_s,
            owner=owner,
            context=context.copy() if context is not None else contextvars.copy_context(),
        )
        self._subscriptions[subscription.number] = subscription
        self._router.add(subscription)
        if isinstance(subscription, Worker):
            subscription.start()
        return subscription

    def drop_owner(self, owner: str) -> int:
        """Close every subscription of one notebook cell; how many there were."""
        owned = [each for each in self._subscriptions.values() if owner and each.owner == owner]
        for each in owned:
            each.close()
        return len(owned)

    # -- looking at it

    @property
    def topics(self) -> tuple[Topic[Any], ...]:
        """The topics that may be published, in the order in which they were declared."""
        return tuple(self._routes)

    @property
    def subscriptions(self) -> list[Subscription]:
        """The open subscriptions, oldest first."""
        return list(self._subscriptions.values())

    def frame(self) -> pd.DataFrame:
        """One row for each open subscription, with its counters."""
        rows = [{name: getattr(each, name) for name in COLUMNS} for each in self.subscriptions]
        return frame(rows, columns=COLUMNS)

    def errors(self) -> list[str]:
        """The last tracebacks of handlers and keys, oldest first."""
        return self._reports.errors()

    # -- what subscriptions tell (see `subscription.Host`)

    def on_slow(self, subscription: Subscription) -> None:
        """It began to lose events."""
        self._reports.slow(subscription)

    def on_overflow(self, subscription: Subscription) -> None:
        """It was full or its task was cancelled, and it is closed."""
        self._reports.overflow(subscription)

    def on_error(self, subscription: Subscription, event: object, error: BaseException) -> None:
        """Its code raised."""
        self._reports.error(f"{subscription.name} on {type(event).__name__}", error)
        if subscription.failed + subscription.timed_out == 1:
            self._reports.first_error(subscription, error)

    def on_close(self, subscription: Subscription) -> None:
        """It is closed: take it out of the routes."""
        self._subscriptions.pop(subscription.number, None)
        self._router.remove(subscription)
        if subscription.running:
            self._ending.add(subscription)

    def on_idle(self) -> None:
        """It has nothing to do: whoever settles looks again."""
        self._ending = {each for each in self._ending if each.running}
        for future in self._settling:
            if not future.done():
                future.set_result(None)
        self._settling.clear()

    # -- the end

    async def settle(self) -> None:
        """Return when every mailbox is empty and no handler runs. Not for use inside a handler."""
        task = asyncio.current_task()
        inside = any(each.task is task for each in (*self.subscriptions, *self._ending))
        _require(not inside, "settle inside a handler waits for itself")
        while True:
            if self._inbox:
                self._inbox.run()
            elif not self._ending and all(each.idle for each in self.subscriptions):
                return
            else:
                self._settling.append(future := self.loop.create_future())
                await future

    async def aclose(self) -> None:
        """Close every subscription, cancel what runs, and wait for it (at most 1 s)."""
        self._closed = True
        living = (*self.subscriptions, *self._ending)
        tasks = {each.task for each in living if each.task is not None}
        for each in self.subscriptions:
            each.close()
        tasks.discard(asyncio.current_task())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001  # reads as a sentence
    if not condition:
        raise BusError(problem)
