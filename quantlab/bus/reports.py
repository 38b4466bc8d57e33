"""What goes wrong at subscribers: announced on the bus, and kept as tracebacks.

A report never reaches the publisher of the event that caused it.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from quantlab.bus.handlers import where
from quantlab.bus.routes import Topic
from quantlab.bus.subscription import QUARANTINE_AFTER, Subscription
from quantlab.clock import Clock

ERRORS_KEPT = 64


class SubscriberSlow(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox began to lose events; announced once until that mailbox is empty again."""

    name: str
    pattern: str
    overflow: str
    capacity: int
    time_ms: int


class SubscriberFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription is closed: it had overflow FAIL and was full, or its task was cancelled."""

    name: str
    pattern: str
    lane: str
    reason: str
    time_ms: int


class SubscriberQuarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A handler failed ten times in a row: its events are dropped until `ql.bus.resume(name)`."""

    name: str
    pattern: str
    lane: str
    reason: str
    time_ms: int


class SubscriberBlocking(msgspec.Struct, frozen=True, kw_only=True):
    """A handler kept the loop for 50 ms or more without awaiting; announced the first time.

    `where` is the source line at which it is defined; more than one where inline handlers were
    called in one go: the next time it is known which of them it is.
    """

    name: str
    pattern: str
    where: str
    held_ms: float
    time_ms: int


SUBSCRIBER_SLOW: Topic[SubscriberSlow] = Topic("bus.subscriber.slow", SubscriberSlow)
SUBSCRIBER_FAILED: Topic[SubscriberFailed] = Topic("bus.subscriber.failed", SubscriberFailed)

SUBSCRIBER_QUARANTINED: Topic[SubscriberQuarantined] = Topic(
    "bus.subscriber.quarantined", SubscriberQuarantined
)
SUBSCRIBER_BLOCKING: Topic[SubscriberBlocking] = Topic("bus.subscriber.blocking", SubscriberBlocking)
OWN_TOPICS = (SUBSCRIBER_SLOW, SUBSCRIBER_FAILED, SUBSCRIBER_QUARANTINED, SUBSCRIBER_BLOCKING)


class Reports:
    """The bus's own voice: takes note at once, and tells later, when nothing is under way.

    Telling runs foreign code (prints, the engine's hook, other handlers); taking note never does.
    """

    def __init__(
        self,
        clock: Clock,
        publish: Callable[[Topic[Any], Any], int],
        on_order_overflow: Callable[[SubscriberFailed], None] | None,
        say: Callable[[str], object] | None,
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._on_order_overflow = on_order_overflow
        self._say = say
        self._errors: deque[str] = deque(maxlen=ERRORS_KEPT)
        self.news: deque[Callable[[], object]] = deque()
        self._telling = False

    def tell(self) -> None:
        """Say what was noted, in order; what comes up meanwhile is said too."""
        if self._telling:
            return
        self._telling = True
        try:
            while self.news:
                self.news.popleft()()
        finally:
            self._telling = False

    def slow(self, subscription: Subscription) -> None:
        """Announce the start of an episode of losing events."""
        self._publish(
            SUBSCRIBER_SLOW,
            SubscriberSlow(
                name=subscription.name,
                pattern=subscription.pattern,
                overflow=subscription.overflow.value,
                capacity=subscription.capacity,
                time_ms=self._clock.now_ms(),
            ),
        )

    def overflow(self, subscription: Subscription) -> None:
        """Announce the end of a FAIL subscription; on the order and halt lanes the hook hears it first."""
        failed = SubscriberFailed(
            name=subscription.name,
            pattern=subscription.pattern,
            lane=subscription.lane,
            reason=subscription.reason,
            time_ms=self._clock.now_ms(),
        )
        if subscription.lane != "market" and self._on_order_overflow is not None:
            try:
                self._on_order_overflow(failed)
            except Exception as error:  # noqa: BLE001  # the publisher must not pay for the hook
                self.error("on_order_overflow", error)
        self._publish(SUBSCRIBER_FAILED, failed)
        self._tell(subscription, f"{subscription.name}: closed, {subscription.reason}")

    def quarantined(self, subscription: Subscription) -> None:
        """Announce that a subscription gets no events for now."""
        self._publish(
            SUBSCRIBER_QUARANTINED,
            SubscriberQuarantined(
                name=subscription.name,
                pattern=subscription.pattern,
                lane=subscription.lane,
                reason=f"{QUARANTINE_AFTER} failures in a row",
                time_ms=self._clock.now_ms(),
            ),
        )
        self._tell(
            subscription,
            f"{subscription.name}: quarantined after {QUARANTINE_AFTER} failures in a row, its events are "
            f"dropped; mend it and run the cell again, or ql.bus.resume({subscription.name!r})",
        )

    def blocking(self, suspects: Sequence[Subscription], seconds: float) -> None:
        """Name who kept the loop, with the source line; once for each."""
        fresh = [each for each in suspects if not each.held_s]
        for each in suspects:
            each.held_s = max(each.held_s, seconds)
        if not fresh:
            return
        name, place = ", ".join(each.name for each in fresh), "; ".join(where(each.handler) for each in fresh)
        self._publish(
            SUBSCRIBER_BLOCKING,
            SubscriberBlocking(
                name=name,
                pattern=fresh[0].pattern,
                where=place,
                held_ms=round(seconds * 1e3, 1),
                time_ms=self._clock.now_ms(),
            ),
        )
        self._tell(
            fresh[0],
            f"{name} kept the kernel's loop for {seconds * 1e3:.0f} ms ({place}); everything else waited: "
            'await in it, or subscribe with run="thread" (said once)',
        )

    def first_error(self, subscription: Subscription, error: BaseException) -> None:
        """Tell the subscriber once; a handler that fails on every tick must not flood its cell."""
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        self._tell(subscription, f"{subscription.name} failed: {what} (said once; ql.bus.errors() has all)")

    def _tell(self, subscription: Subscription, line: str) -> None:
        if self._say is not None:
            subscription.context.copy().run(self._say, line)  # a copy: a worker is inside its own

    def error(self, place: str, error: BaseException) -> None:
        """Keep a traceback."""
        self._errors.append(f"{place}\n{''.join(traceback.format_exception(error))}")

    def errors(self) -> list[str]:
        """The last 64 tracebacks, oldest first."""
        return list(self._errors)
