"""What goes wrong at subscribers: announced on the bus, and kept as tracebacks.

A report never reaches the publisher of the event that caused it.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from quantlab.bus.routes import Topic
from quantlab.bus.subscription import Subscription
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


SUBSCRIBER_SLOW: Topic[SubscriberSlow] = Topic("bus.subscriber.slow", SubscriberSlow)
SUBSCRIBER_FAILED: Topic[SubscriberFailed] = Topic("bus.subscriber.failed", SubscriberFailed)


class Reports:
    """The bus's own voice."""

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

    def first_error(self, subscription: Subscription, error: BaseException) -> None:
        """Tell the subscriber once; a handler that fails on every tick must not flood its cell."""
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        self._tell(subscription, f"{subscription.name} failed: {what} (said once; ql.bus.errors() has all)")

    def _tell(self, subscription: Subscription, line: str) -> None:
        if self._say is not None:
            subscription.context.copy().run(self._say, line)  # a copy: a worker is inside its own

    def error(self, where: str, error: BaseException) -> None:
        """Keep a traceback."""
        self._errors.append(f"{where}\n{''.join(traceback.format_exception(error))}")

    def errors(self) -> list[str]:
        """The last 64 tracebacks, oldest first."""
        return list(self._errors)
