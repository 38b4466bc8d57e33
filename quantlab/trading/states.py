"""The states of an order as a table: what is not in the table cannot happen.

Pure data; `orders.Orders` is the only one that steps through it. A state that we alone decide
(DENIED, NOT_PLACED) is never called what the venue decides (REJECTED), and what nobody knows
yet is a state of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands. Denied is ours, rejected is the venue's, unknown is nobody's yet."""

    PENDING = "PENDING"  # decided and reserved; on its way
    TAKEN = "TAKEN"  # the venue took it (its NEW); nothing traded yet
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    UNKNOWN = "UNKNOWN"  # it may live at the venue: keeps its reservation until proven
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"  # refused by the venue
    DENIED = "DENIED"  # refused by our rails; no byte left
    NOT_PLACED = "NOT_PLACED"  # proven not to be at the venue


class OrderEvent(StrEnum):
    """What can happen to an order: four answers to our request, then the venue's reports."""

    ACK = "ACK"  # taken, says the answer
    REFUSED = "REFUSED"  # a definite refusal, says the answer
    LOST = "LOST"  # sent, and no answer
    NOT_SENT = "NOT_SENT"  # no byte left, or the venue has proven not to know it
    NEW = "NEW"
    PART = "PART"
    ALL = "ALL"
    CANCEL = "CANCEL"
    REJECT = "REJECT"
    EXPIRE = "EXPIRE"
    STRANGE = "STRANGE"  # a status this code has never seen


ERRORS = frozenset({OrderEvent.REFUSED, OrderEvent.LOST, OrderEvent.NOT_SENT})
"""Answers after which there is no order, or nobody knows whether there is one."""


S, E = OrderState, OrderEvent
LIVE = frozenset({S.PENDING, S.TAKEN, S.PARTIALLY_FILLED, S.UNKNOWN})
FINAL_EVENTS = frozenset({E.ALL, E.CANCEL, E.REJECT, E.EXPIRE})

REPORTED: Mapping[OrderEvent, OrderState] = {
    E.NEW: S.TAKEN,
    E.PART: S.PARTIALLY_FILLED,
    E.ALL: S.FILLED,
    E.CANCEL: S.CANCELED,
    E.REJECT: S.REJECTED,
    E.EXPIRE: S.EXPIRED,
    E.STRANGE: S.UNKNOWN,
}
TRANSITIONS: Mapping[OrderState, Mapping[OrderEvent, OrderState]] = {
    S.PENDING: {
        **REPORTED,
        E.ACK: S.TAKEN,
        E.REFUSED: S.REJECTED,
        E.LOST: S.UNKNOWN,
        E.NOT_SENT: S.NOT_PLACED,
    },
    S.UNKNOWN: {**REPORTED, E.ACK: S.TAKEN, E.LOST: S.UNKNOWN, E.NOT_SENT: S.NOT_PLACED},
    S.TAKEN: {**REPORTED, E.ACK: S.TAKEN, E.LOST: S.TAKEN},  # REJECT in the stream beats the ack
    S.PARTIALLY_FILLED: {
        E.ACK: S.PARTIALLY_FILLED,
        E.LOST: S.PARTIALLY_FILLED,
        E.NEW: S.PARTIALLY_FILLED,
        E.PART: S.PARTIALLY_FILLED,
        E.ALL: S.FILLED,
        E.CANCEL: S.CANCELED,
        E.EXPIRE: S.EXPIRED,
        E.STRANGE: S.UNKNOWN,
    },
    S.FILLED: dict.fromkeys((E.ACK, E.LOST, E.NEW, E.PART, E.ALL), S.FILLED),
    # a fill may overtake the cancel it raced with
    S.CANCELED: {**dict.fromkeys((E.ACK, E.LOST, E.NEW, E.PART, E.CANCEL), S.CANCELED), E.ALL: S.FILLED},
    S.EXPIRED: {**dict.fromkeys((E.ACK, E.LOST, E.NEW, E.PART, E.EXPIRE), S.EXPIRED), E.ALL: S.FILLED},
    S.REJECTED: {**REPORTED, **dict.fromkeys((E.ACK, E.LOST), S.REJECTED)},  # the venue's report is right
    S.NOT_PLACED: {**REPORTED, E.NOT_SENT: S.NOT_PLACED},  # it was there after all
    S.DENIED: {},
}
STATUS_EVENTS: Mapping[str, OrderEvent] = {
    "NEW": E.NEW,
    "PENDING_NEW": E.NEW,
    "PARTIALLY_FILLED": E.PART,
    "FILLED": E.ALL,
    "CANCELED": E.CANCEL,
    "REJECTED": E.REJECT,
    "EXPIRED": E.EXPIRE,
    "EXPIRED_IN_MATCH": E.EXPIRE,
}
FINAL_STATUSES = frozenset(status for status, event in STATUS_EVENTS.items() if event in FINAL_EVENTS)
