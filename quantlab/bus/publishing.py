"""The publisher's side of the bus: into every mailbox at once, in the order of the numbers.

Nothing here waits and nothing here fails for a subscriber's sake.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from quantlab.bus.hosting import Hosting
from quantlab.bus.lanes import Lanes
from quantlab.bus.receivers import ByName, Route
from quantlab.bus.reports import OWN_TOPICS, SubscriberFailed
from quantlab.bus.routes import Topic
from quantlab.bus.slots import HELD_S
from quantlab.clock import Clock
from quantlab.errors import BusError, WrongThread

E = TypeVar("E")


class Publishing(Hosting):
    """What publishers need; see `Bus` for the arguments."""

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
        self._sequence = 0
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
            BusError: A name could belong to this topic and to another one of another type. Of one
                template a class of the same name is the same one, defined anew as a cell is run
                again: it takes the place of the old one, and subscriptions go on.
        """
        for topic in topics:
            self._router.declare(topic)

    # -- publishing

    def publish(self, topic: Topic[E], event: E) -> int:
        """Put `event` into every mailbox that wants it, at once, and return its sequence number.

        Never waits and never fails for a subscriber's sake. Events are delivered in the order of
        their numbers: what an inline handler publishes comes after the event that it handles.

        Raises:
            BusError: The caller's own mistake: undeclared topic, wrong type, an event that does not
                say its name, closed bus.
            WrongThread: Use `publish_threadsafe` off the bus's thread.
        """
        try:
            route = self._routes[topic].get(key := topic.key(event))
            known = type(event) is topic.type and not self._closed
        except (KeyError, AttributeError, TypeError):
            known = False
        if not known:
            self._check(topic, event)
            route = self._routes[topic].get(key := topic.key(event))
        if threading.get_ident() != self._thread:
            self._require_thread("publish")
        self._sequence = sequence = self._sequence + 1
        if self.active_groups is not None:
            self._later.append((topic, event))
            return sequence
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
            raise BusError("the bus is closed; nothing was published")
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
