"""Orders with an id of our making that our journal does not know: it was put back, or it is not the only one.

Pure. Whoever puts back an older copy of the journal and of its head leaves no trace in the files. The venue
keeps the orders that were sent since, and their ids say who made them.
"""

from __future__ import annotations

from collections.abc import Iterable

from quantlab.trading.ids import session_of


class Strangers:
    """Which ids of quantlab's form are accounted for."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._ours: set[str] = set()  # sessions that wrote this journal
        self._told: set[str] = set()  # sessions that did not, and that people have heard of

    def remember(self, used: Iterable[str], heard: Iterable[str]) -> None:
        """What the journal has: `used` are ids of its own sessions, `heard` those that the venue reported."""
        used, heard = set(used), set(heard)
        self._known |= used | heard
        self._ours |= {session_of(each) for each in used}
        self._told |= {session_of(each) for each in heard} - self._ours

    def problem(self, client_order_id: str) -> str:
        """What is wrong with an order that is none of this session's, once; empty where nothing is."""
        session = session_of(client_order_id)
        if not session or client_order_id in self._known or session in self._told:
            return ""
        self._known.add(client_order_id)
        self._told.add(session)
        if session in self._ours:
            why = "was sent by a session of this journal, which does not have it: the journal was put back"
        else:
            why = (
                "was sent by a quantlab that does not write this journal: another one trades on this "
                "account, or the journal was put back to an older copy"
            )
        return (
            f"order {client_order_id} {why}; limits and halts since then may be lost, look before you resume"
        )
