"""The event bus: typed topics, patterns, and a bounded mailbox for every subscription."""

from quantlab.bus.core import Bus
from quantlab.bus.mailbox import Overflow
from quantlab.bus.reports import (
    SUBSCRIBER_BLOCKING,
    SUBSCRIBER_FAILED,
    SUBSCRIBER_QUARANTINED,
    SUBSCRIBER_SLOW,
    SubscriberBlocking,
    SubscriberFailed,
    SubscriberQuarantined,
    SubscriberSlow,
)
from quantlab.bus.routes import Topic
from quantlab.bus.subscription import Subscription

__all__ = [
    "SUBSCRIBER_BLOCKING",
    "SUBSCRIBER_FAILED",
    "SUBSCRIBER_QUARANTINED",
    "SUBSCRIBER_SLOW",
    "Bus",
    "Overflow",
    "SubscriberBlocking",
    "SubscriberFailed",
    "SubscriberQuarantined",
    "SubscriberSlow",
    "Subscription",
    "Topic",
]
