"""The bus as its subscriptions see it: who they are, where they report to, and how they end.

See `hosts.Host`. Nothing is published or subscribed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from quantlab.bus.handlers import require
from quantlab.bus.inline import Inline, InlineGroup
from quantlab.bus.lanes import Lanes
from quantlab.bus.permits import Permits
from quantlab.bus.reports import Reports, SubscriberFailed
from quantlab.bus.router import Router
from quantlab.bus.routes import Topic
from quantlab.bus.subscription import Subscription
from quantlab.bus.threads import InThread
from quantlab.clock import Clock
from quantlab.errors import BusError

E = TypeVar("E")

CLOSE_S = 1.0  # how long `aclose` waits for handlers that refuse to end


class Hosting:
    """What a bus keeps of its subscriptions."""

    def __init__(
        self,
        clock: Clock,
        permits: int,
        on_order_overflow: Callable[[SubscriberFailed], None] | None,
        say: Callable[[str], object] | None,
    ) -> None:
        self.permits = Permits(permits)
        self.active_groups: tuple[InlineGroup, ...] | None = None  # of the publish that is under way
        self._loop: asyncio.AbstractEventLoop | None = None
        self._router = Router()
        self._subscriptions: dict[int, Subscription] = {}
        self._ending: set[Subscription] = set()  # closed, their last handler still runs
        self._reports = Reports(clock, self.publish, on_order_overflow, say)
        self._news = self._reports.news  # looked at in every publish
        self._inbox: Lanes | None = None
        self._closed = False
        self._settling: list[asyncio.Future[None]] = []

    def publish(self, topic: Topic[E], event: E) -> int:
        """See `Bus.publish`."""
        raise NotImplementedError

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of every worker."""
        if self._loop is None:
            raise BusError("the bus has no loop yet: call start() or subscribe on a running loop")
        return self._loop

    @property
    def topics(self) -> tuple[Topic[Any], ...]:
        """The topics that may be published, in the order in which they were declared."""
        return tuple(self._router.routes)

    @property
    def subscriptions(self) -> list[Subscription]:
        """The open subscriptions, oldest first."""
        return list(self._subscriptions.values())

    def errors(self) -> list[str]:
        """The last tracebacks of handlers and keys, oldest first."""
        return self._reports.errors()

    def drop_owner(self, owner: str) -> int:
        """Close every subscription of one notebook cell; how many there were."""
        owned = [each for each in self._subscriptions.values() if owner and each.owner == owner]
        for each in owned:
            each.close()
        return len(owned)

    def resume(self, name: str) -> int:
        """End the quarantine of every subscription of this name; how many there were.

        Raises:
            BusError: No open subscription has this name.
        """
        named = [each for each in self._subscriptions.values() if each.name == name]
        if not named:
            known = ", ".join(sorted({each.name for each in self._subscriptions.values()})) or "none"
            raise BusError(f"no open subscription is named {name!r}; open are: {known}")
        quarantined = [each for each in named if each.quarantined]
        for each in quarantined:
            each.resume()
        return len(quarantined)

    # -- what subscriptions report; `tell` says it

    def on_slow(self, subscription: Subscription) -> None:
        """It began to lose events."""
        self._news.append(partial(self._reports.slow, subscription))

    def on_overflow(self, subscription: Subscription) -> None:
        """It may miss nothing and did, or its task was cancelled, and it is closed."""
        self._news.append(partial(self._reports.overflow, subscription))

    def on_quarantine(self, subscription: Subscription) -> None:
        """Its handler failed too often."""
        self._news.append(partial(self._reports.quarantined, subscription))

    def on_error(self, subscription: Subscription, event: object, error: BaseException) -> None:
        """Its code raised."""
        self._reports.error(f"{subscription.name} on {type(event).__name__}", error)
        if subscription.failed + subscription.timed_out == 1:
            self._news.append(partial(self._reports.first_error, subscription, error))

    def on_held(self, subscription: Subscription, seconds: float) -> None:
        """Its handler kept the loop to itself."""
        self._held((subscription,), seconds)

    def _held(self, suspects: Sequence[Subscription], seconds: float) -> None:
        if len(suspects) > 1:  # inline handlers in one go: from now on each is timed by itself
            for each in suspects:
                if isinstance(each, Inline):
                    each.alone = True
                    self.reroute(each)
        self._news.append(partial(self._reports.blocking, suspects, seconds))

    def tell(self) -> None:
        """Say what was reported, unless a publish is under way: it will at its end."""
        if self.active_groups is None:
            self._reports.tell()

    def reroute(self, subscription: Subscription) -> None:
        """Its way of getting events changed."""
        self._router.forget(subscription.parts)

    def on_close(self, subscription: Subscription) -> None:
        """It is closed: take it out of the routes."""
        self._subscriptions.pop(subscription.number, None)
        self._router.remove(subscription)
        if isinstance(subscription.handler, InThread):
            subscription.handler.close()
        if subscription.running:
            self._ending.add(subscription)

    def on_idle(self) -> None:
        """It has nothing to do: whoever settles looks again."""
        if self._ending:
            self._ending = {each for each in self._ending if each.running}
        if self._settling:
            for future in self._settling:
                if not future.done():
                    future.set_result(None)
            self._settling.clear()

    # -- the end

    async def settle(self) -> None:
        """Return when every mailbox is empty and no handler runs. Not for use inside a handler."""
        task = asyncio.current_task()
        inside = any(task in each.tasks for each in (*self.subscriptions, *self._ending))
        require(not inside, "settle inside a handler waits for itself")
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
        tasks = {task for each in living for task in each.tasks}
        for each in self.subscriptions:
            each.close()
        tasks.discard(asyncio.current_task())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
