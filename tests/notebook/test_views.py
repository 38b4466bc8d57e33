"""What the engine's answers look like: complete, honest, stable text, and escaped HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pandas as pd
import pytest

from quantlab.control.effects import DeskStatus
from quantlab.domain.market import BookView
from quantlab.domain.orders import OrderAck
from quantlab.domain.position import Fill
from quantlab.domain.venue import HealthState, Reason, VenueHealth
from quantlab.domain.verdict import Verdict
from quantlab.notebook import views
from quantlab.notebook.table import Table, View, cell, of_frame, of_rows
from quantlab.trading.decision import Decision
from quantlab.trading.orders import Order, OrderState
from quantlab.trading.rails import RAILS

NOW = 1_767_225_600_000
HEALTH = VenueHealth(
    sequence=3,
    venue="paper",
    level="L0 paper",
    state=HealthState.OK,
    reasons=(),
    as_of_ms=NOW,
    since_ms=NOW - 60_000,
    rtt_ms=1.25,
    message_age_ms=12.0,
    user_stream=True,
    books_synced=1,
    books_total=1,
    clock_offset_ms=0.0,
    clock_uncertainty_ms=0.5,
    kernel_lag_ms=0.1,
    wire_lag_ms=0.2,
    reconnects=0,
    gaps=0,
)
ARMED = DeskStatus(level="L0 paper", glass_cockpit=False, armed=True)
NOT_ARMED = msgspec.structs.replace(ARMED, armed=False)
ORDER = Order(
    symbol="BTCUSDT",
    client_order_id="ql-1",
    side="BUY",
    type="LIMIT",
    quantity=Decimal("0.02"),
    price=Decimal(60000),
    state=OrderState.PARTIALLY_FILLED,
    filled=Decimal("0.01"),
    filled_quote=Decimal("599.5"),
    time_ms=NOW,
)


def fill(client_order_id: str, commission: str) -> Fill:
    return Fill(
        symbol="BTCUSDT",
        side="BUY",
        price=Decimal(59950),
        quantity=Decimal("0.005"),
        quote_quantity=Decimal("299.75"),
        commission=Decimal(commission),
        commission_asset="BTC",
        is_maker=False,
        client_order_id=client_order_id,
        order_id=1,
        trade_id=1,
        time_ms=NOW,
    )


def rows(table: Table) -> Mapping[str, str]:
    return dict(table.rows)  # type: ignore[arg-type]


def test_text_is_aligned_with_numbers_to_the_right() -> None:
    """The same table is always the same text."""
    table = of_rows(
        ("name", "amount"), [("a", Decimal("1.50")), ("long name", Decimal(100)), ("none", None)], title="T"
    )

    assert table.text().splitlines() == [
        "T",
        "  name       amount",
        "  a             1.5",
        "  long name     100",
        "  none            -",
    ]


def test_what_a_venue_says_is_escaped_in_html() -> None:
    """Text stays text in the browser."""
    html = of_rows(("<b>",), [("<script>alert(1)</script>",)], title="<i>").html()

    assert "<script>" not in html
    assert "<b>" not in html.replace("<b>&lt;i&gt;</b>", "")
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.0000100"), "0.00001"),
        (None, "-"),
        (float("nan"), "-"),
        (pd.NaT, "-"),
        (pd.Timestamp(NOW, unit="ms", tz="UTC"), "2026-01-01 00:00:00.000"),
        ({"BTC": Decimal("0.1"), "BNB": Decimal(2)}, "0.1 BTC, 2 BNB"),
        ({}, "-"),
        (True, "True"),
        ("", ""),
    ],
)
def test_a_cell_is_exact_and_readable(value: Any, text: str) -> None:
    """Money without exponent, absent as a dash, time in UTC."""
    assert cell(value) == text


def test_a_long_frame_shows_its_last_rows_and_says_so() -> None:
    """A notebook keeps what it shows: 20,000 orders would be 22 MB of it."""
    table = of_frame(pd.DataFrame({"number": range(1_000)}), title="T")

    assert [row[0] for row in table.rows] == [str(number) for number in range(900, 1_000)]
    assert table.notes == ("the last 100 of 1000; .frame() has all",)


def test_a_frame_is_shown_with_its_named_index_first() -> None:
    """The index of our frames is the key of the row."""
    frame = pd.DataFrame({"asset": ["BTC"], "free": [Decimal("1.0")]}).set_index("asset")

    assert of_frame(frame).columns == ("asset", "free")
    assert of_frame(frame).rows == (("BTC", "1"),)
    assert of_frame(frame.iloc[:0], empty="no balance").text() == "no balance"


def test_health_says_its_state_in_words_and_every_measurement() -> None:
    """State, reasons, age, round trip, level, armed or not."""
    table = views.health(HEALTH, now_ms=NOW + 400, desk=NOT_ARMED)

    assert table.title == "venue health: OK, snapshot as of 2026-01-01 00:00:00.000 UTC"
    assert rows(table)["venue"] == "paper, L0 paper"
    assert rows(table)["round trip"] == "1.2 ms"
    assert rows(table)["age"] == "0.4 s when this was shown"
    assert rows(table)["actions"] == "not armed: %ql arm"
    assert rows(views.health(HEALTH, now_ms=None, desk=ARMED))["actions"] == "armed"


@pytest.mark.parametrize("desk", [ARMED, NOT_ARMED])
def test_health_never_asks_for_a_token_that_nobody_wants(desk: DeskStatus) -> None:
    """Under GLASS_COCKPIT; whether the health is known or not."""
    lifted = msgspec.structs.replace(desk, glass_cockpit=True)

    for snapshot in (HEALTH, None):
        shown = views.health(snapshot, now_ms=None, desk=lifted).text()
        assert "no token is asked for: GLASS_COCKPIT" in shown
        assert "%ql arm" not in shown


def test_what_was_not_measured_is_shown_with_the_reason_and_never_as_a_number() -> None:
    """None is "not measured", and the monitor's reason stands beside it."""
    reason = Reason(code="NO_SAMPLE", text="rtt_ms: the clock is fixed.")
    snapshot = msgspec.structs.replace(HEALTH, rtt_ms=None, kernel_lag_ms=None, reasons=(reason,))
    shown = rows(views.health(snapshot, now_ms=None, desk=ARMED))

    assert shown["round trip"] == "not measured (the clock is fixed)"
    assert shown["kernel lag"] == "not measured"
    assert "age" not in shown, "there are no ages under a fixed clock"
    assert "because" not in shown


def test_a_silent_monitor_is_shown_as_unknown_not_as_its_last_ok() -> None:
    """The reader decides by age."""
    table = views.health(HEALTH, now_ms=NOW + 12_000, desk=ARMED)

    assert table.title.startswith("venue health: UNKNOWN, snapshot as of ")
    assert rows(table)["because"] == "The last health sample is 12.0 s old."


def test_health_before_the_first_measurement_is_unknown() -> None:
    """There is no state that nobody measured."""
    assert "UNKNOWN" in views.health(None, now_ms=NOW, desk=ARMED).text()


def test_a_book_shows_both_sides_best_first() -> None:
    """Also where one side is shorter; a book that is not synced says so in its headline."""
    view = BookView(
        symbol="BTCUSDT",
        update_id=1,
        event_ms=NOW,
        state="stale",
        reason="gap",
        bids=((Decimal("59999.50"), Decimal("0.3")), (Decimal(59999), Decimal(1))),
        asks=((Decimal(60000), Decimal("0.2")),),
    )
    table = views.book(view)

    assert table.title == "BTCUSDT book (stale: gap)"
    assert table.rows == (("0.3", "59999.5", "60000", "0.2"), ("1", "59999", "-", "-"))


def test_an_explanation_shows_every_rail_and_names_those_that_deny() -> None:
    """Verdict, used, limit and headroom of each; among forty nobody looks for the one that denies."""
    verdicts = (
        Verdict(rail="trading_state", allowed=True, reason="ACTIVE"),
        Verdict(
            rail="max_order_notional",
            allowed=False,
            reason="above the limit",
            used=Decimal(300_000),
            limit=Decimal(100_000),
            unit="USDT",
        ),
    )
    table = views.decision(Decision(order="BUY 5 BTCUSDT @ 60000 GTC", limits_version=1, verdicts=verdicts))

    assert table.title == "BUY 5 BTCUSDT @ 60000 GTC: DENIED by max_order_notional"
    assert table.rows[1][:2] == ("trading_state", "allow")
    assert table.rows[0] == (
        "max_order_notional", "DENY", "300000", "100000", "-200000", "USDT", "above the limit",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "says"), [((), "DENIED"), ((Verdict(rail="price_age", allowed=True, reason=""),), "allowed")]
)
def test_an_order_that_no_rail_answered_is_denied(answers: tuple[Verdict, ...], says: str) -> None:
    """As in `Decision.allowed`."""
    decision = Decision(order="BUY 1", limits_version=1, verdicts=answers)

    assert views.decision(decision).title == views.verdicts("BUY 1", answers).title == f"BUY 1: {says}"
    assert decision.allowed == (says == "allowed")


def test_every_rail_has_a_sentence_for_people() -> None:
    """`%ql rails` is made of the rails' own docstrings."""
    assert all(sentence.endswith(".") for _, sentence in views.rails(RAILS).rows)


def test_an_order_shows_its_fills_its_average_price_and_its_own_fees() -> None:
    """Fees are added up from the fills of this order alone."""
    table = views.order(ORDER, fills=[fill("ql-1", "0.000005"), fill("ql-1", "0.000005"), fill("ql-2", "9")])

    assert table.title == "BUY 0.02 BTCUSDT @ 60000"
    assert rows(table) == {
        "state": "PARTIALLY FILLED",
        "filled": "0.01 of 0.02",
        "average price": "59950",
        "fees": "0.00001 BTC",
        "client id": "ql-1",
    }


def test_an_order_for_an_amount_of_quote_says_what_the_amount_is() -> None:
    """100 worth of BTC is not 100 BTC."""
    order = msgspec.structs.replace(ORDER, quantity=None, quote_quantity=Decimal("100.0"), price=None)

    assert views.order(order).title == "BUY 100 worth of BTCUSDT at market"


@pytest.mark.parametrize("state", OrderState)
def test_every_order_state_is_told_in_words_that_name_it(state: OrderState) -> None:
    """No state is hidden; a reason is shown where there is one."""
    order = msgspec.structs.replace(ORDER, state=state, reason="why", price=None, quantity=None)
    shown = rows(views.order(order))

    assert shown["state"].upper().startswith(state.value.replace("_", " "))
    assert shown["because"] == "why"


def test_an_acknowledgement_is_taken_never_filled() -> None:
    """Fills come by execution report only, whatever the acknowledgement counts."""
    ack = OrderAck(
        symbol="BTCUSDT",
        order_id=1,
        client_order_id="ql-1",
        status="FILLED",
        transact_ms=NOW,
        executed_quantity=Decimal(1),
        executed_quote=Decimal(60000),
    )

    assert "TAKEN" in views.order(ack).text()
    assert "FILLED" not in views.order(ack).text()


def test_help_says_where_a_handlers_mistakes_are() -> None:
    """They are in no cell's output."""
    assert "ql.bus.errors()" in views.help_table("").text()


def test_help_lists_what_exists_or_one_of_it() -> None:
    """A subcommand with a second form shows both."""
    everything, one = views.help_table(""), views.help_table("buy")

    assert len(everything.rows) > len(views.GRAMMAR)
    assert [usage for usage, _ in one.rows] == [
        "%ql buy QTY SYMBOL [@ PRICE] [stop|take PRICE] [trail POINTS] [gtc|ioc|fok|maker] [reduce]",
        "%ql buy AMOUNT QUOTE of SYMBOL",
    ]


async def test_a_view_shows_now_and_when_awaited_waits_first() -> None:
    """Un-awaited it reads once; awaited it fetches, and returns itself."""
    seen = iter(["early", "late"])

    async def fetch() -> str:
        return "fetched"

    view = View(lambda: next(seen), views.message, fetch=fetch)

    assert repr(view) == repr(view) == "early"
    assert await view is view
    assert view.value == "fetched"
    assert view._repr_mimebundle_()["text/plain"] == "fetched"


@pytest.mark.parametrize(
    "table",
    [
        views.help_table(""),
        views.health(HEALTH, now_ms=NOW, desk=ARMED),
        views.order(ORDER),
        views.message("hello"),
    ],
)
def test_no_address_and_no_colour_code_is_in_any_text(table: Table) -> None:
    """Saved outputs are compared strictly."""
    for text in (table.text(), table.html(), repr(table)):
        assert re.search(r"0x[0-9a-f]{6,}|\x1b", text) is None
