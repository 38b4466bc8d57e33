"""An order with an id that quantlab made, and that this journal does not know, stops trading; once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from scripted import Bench

from quantlab.domain.orders import OrderRequest
from quantlab.trading.ids import session_of
from quantlab.trading.strangers import Strangers

MINE, OTHER = "0a1b2c3d", "ffffffff"


@pytest.mark.parametrize(
    ("name", "session"),
    [
        (f"{MINE}-1", MINE), (f"{MINE}-grid-17", MINE), ("det1-1", ""), ("web_1", ""), (f"{MINE}-", ""),
        (f"{MINE.upper()}-1", ""), (f"{MINE}0-1", ""), ("", ""), (f"{MINE}-1\n", ""),
    ],
)  # fmt: skip
def test_an_id_of_ours_tells_its_session(name: str, session: str) -> None:
    """And no other id does."""
    assert session_of(name) == session


def test_what_the_journal_has_is_no_stranger() -> None:
    """Orders that it sent, and those of other sessions that it has heard of, with all that follow those."""
    strangers = Strangers()
    strangers.remember([f"{MINE}-1", f"{MINE}-2"], [f"{MINE}-1", f"{OTHER}-5"])
    assert strangers.problem(f"{MINE}-2") == strangers.problem(f"{OTHER}-5") == ""
    assert strangers.problem(f"{OTHER}-6") == ""
    assert strangers.problem("web_7") == ""


def test_each_session_is_told_once() -> None:
    """One of this journal beyond its end: it was put back; another one: that, or another quantlab."""
    strangers = Strangers()
    strangers.remember([f"{MINE}-1"], [])
    assert "the journal was put back" in strangers.problem(f"{MINE}-2")
    assert strangers.problem(f"{MINE}-3") == ""
    assert "another one trades on this account" in strangers.problem(f"{OTHER}-1")
    assert strangers.problem(f"{OTHER}-grid-2") == ""


async def test_an_order_that_only_the_venue_knows_is_told(
    bench: Callable[..., Awaitable[Bench]], limit: Callable[..., OrderRequest]
) -> None:
    """Found by reconciliation or told by the stream; it counts as any order from elsewhere does."""
    b = await bench()
    b.venue.place(limit(client_order_id=f"{OTHER}-1", quantity="1"))
    b.venue.place(limit(client_order_id="by hand", quantity="1"))
    b.venue.stream.clear()
    await b.gateway.reconcile()
    assert [each.external for each in b.orders.open()] == [True, True]
    (said,) = b.strangers
    assert f"order {OTHER}-1" in said
    b.venue.place(limit(client_order_id=f"{MINE}-1", quantity="1"))
    await b.deliver()
    assert len(b.strangers) == 2
    await b.gateway.reconcile()
    assert len(b.strangers) == 2
