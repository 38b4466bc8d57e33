"""The event bus: typed topics, patterns, and a bounded mailbox for every subscription."""

from quantlab.bus.core import Bus
from quantlab.bus.mailbox import Overflow
from quantlab.bus.reports import SUBSCRIBER_FAILED, SUBSCRIBER_SLOW, SubscriberFailed, SubscriberSlow
from quantlab.bus.routes import Topic
from quantlab.bus.subscription import Subscription

__all__ = [
    "SUBSCRIBER_FAILED",
    "SUBSCRIBER_SLOW",
    "Bus",
    "Overflow",
    "SubscriberFailed",
    "SubscriberSlow",
    "Subscription",
    "Topic",
]
