"""Two connections side by side: every event once and in order, however late each of them is."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.binance.overlap import Overlap

EVENTS = [b"e%d" % number for number in range(60)]


def identity(raw: bytes) -> bytes | None:
    return None if raw.startswith(b"reply") else raw


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 30), st.integers(1, 20), st.integers(0, 20))
def test_every_event_is_delivered_once_and_in_order(
    draw: random.Random, subscribed: int, delay: int, tail: int
) -> None:
    """The new connection begins at `subscribed`; each lags as it likes; the handover follows later."""
    delivered: list[bytes] = []
    overlap = Overlap(identity, delivered.append)
    # what each has brought when the old one's barrier is answered: the old one is whole so far
    handover = draw.randint(subscribed, len(EVENTS))
    read_by_new = draw.randint(subscribed, min(len(EVENTS), handover + delay))
    old, new = list(EVENTS[:handover]), list(EVENTS[subscribed:read_by_new])
    while old or new:
        if old and (not new or draw.random() < 0.5):
            overlap.old(old.pop(0))
        else:
            overlap.new(new.pop(0))
    for raw in overlap.hand_over():
        overlap.new(raw)
    for raw in EVENTS[handover : handover + tail]:  # the old one still speaks: nobody listens any more
        overlap.old(raw)
    for raw in EVENTS[read_by_new:]:
        overlap.new(raw)

    assert delivered == EVENTS
    assert overlap.duplicates == handover - subscribed


def test_replies_are_for_the_connection_they_came_on() -> None:
    """They wait for nothing and are never the same."""
    delivered: list[bytes] = []
    overlap = Overlap(identity, delivered.append)
    overlap.new(b"reply 1")
    overlap.old(b"reply 1")
    overlap.new(b"e1")
    assert delivered == [b"reply 1", b"reply 1"]
    assert overlap.hand_over() == [b"e1"]
    overlap.old(b"reply 2")
    assert delivered[-1] == b"reply 2"
