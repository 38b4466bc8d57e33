"""The panel and its ticket on a real engine, without a kernel: widgets are driven as a callback does."""

from __future__ import annotations

import asyncio
import contextvars
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets import widget as registry

from quantlab.binance.limits import LimitUsage, RateLimit, Usage
from quantlab.clock import ManualClock, SystemClock
from quantlab.config import Settings
from quantlab.control.tokenstore import TokenStore
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.domain.position import AccountPosition, Balance
from quantlab.domain.verdict import Verdict
from quantlab.engine import Engine
from quantlab.errors import InvalidField, OrderDenied, OrderOutcomeUnknown, OrderRejected
from quantlab.notebook import pages, ticket
from quantlab.notebook.controls import Home, Page
from quantlab.notebook.faces import WIDGET_VIEW
from quantlab.notebook.panel import PAGES, TICKET, Panel
from quantlab.notebook.table import Table
from quantlab.notebook.ticket_fields import (
    AMOUNT,
    EVERY,
    KINDS,
    LIMIT,
    MARKET,
    POST_ONLY,
    STOP,
    STOP_LIMIT,
    TAKE,
    TAKE_LIMIT,
    TRAILING,
    Fields,
)
from quantlab.notebook.ticket_fields import FIELDS as OF_KIND
from quantlab.secret import Secret
from quantlab.trading.order import Order
from quantlab.trading.states import OrderState

NOW = 1_767_225_600_000
FIELDS: dict[str, Any] = {
    "side": "BUY", "symbol": "BTCUSDT", "kind": LIMIT,
    "quantity": "0.01", "amount": "", "price": "60000", "time_in_force": "GTC",
}  # fmt: skip
REQUEST = OrderRequest(
    symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT,
    quantity=Decimal("0.01"), price=Decimal(60000), time_in_force=TimeInForce.GTC,
)  # fmt: skip
NO_AMOUNTS = [
    "",
    " ",
    "NaN",
    "Infinity",
    "1e5",
    "0,01",
    "-1",
    "0",
    " 0.01",
    "0.01 ",
    "1_000",
    "٠.١",
    "9" * 10_000,
]


def text(page: Page) -> str:
    """What a person reads on a page."""
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page._tables.value))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """A running, armed engine on its embedded venue; the market stands still."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    engine = Engine(Settings.from_environment({"QUANTLAB_HOME": str(home)}), deterministic=True)
    engine.start()
    await engine.ready()
    engine.arm(Secret(TokenStore(home, SystemClock()).new("test")))
    yield engine
    await engine.aclose()


@pytest.fixture
async def health(engine: Engine) -> AsyncIterator[ipywidgets.Widget]:
    """A widget that stands for the health widget."""
    health = ipywidgets.HTML("mine")
    yield health
    health.close()


@pytest.fixture
async def panel(engine: Engine, health: ipywidgets.Widget) -> AsyncIterator[Panel]:
    """A panel with its ticket in front."""
    panel = Panel(lambda: engine, health)
    panel.tab.selected_index = list(panel.tab.titles).index(TICKET)
    yield panel
    panel.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sends need not be a second apart."""
    monkeypatch.setattr(ticket, "HOLD_S", 0.0)


async def typed(panel: Panel, **values: str) -> None:
    """Fill the fields in, and wait until they are explained."""
    for name, value in values.items():
        getattr(panel.ticket, name).value = value
    await asyncio.sleep(ticket.TYPING_S + 0.1)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def answered(panel: Panel) -> str:
    """What the ticket answers to a click."""
    await asyncio.sleep(0)
    while panel.ticket._sending is not None:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)
    return text(panel.ticket._answer)


# -- what the fields say


def test_the_fields_make_the_order_that_ql_orders_makes() -> None:
    """Exactly as written, by the same function."""
    assert Fields(**FIELDS).request() == REQUEST


def test_only_the_fields_of_the_chosen_kind_count() -> None:
    """A price that is left over makes no limit order of a market order, nor an amount a quantity."""
    at_market = Fields(**FIELDS | {"kind": MARKET}).request()
    by_amount = Fields(**FIELDS | {"kind": AMOUNT, "amount": "100", "quantity": "5"}).request()

    assert (at_market.type, at_market.price, at_market.time_in_force) == (OrderType.MARKET, None, None)
    assert (by_amount.quote_quantity, by_amount.quantity, by_amount.price) == (Decimal(100), None, None)


FULL = FIELDS | {
    "side": "SELL", "amount": "100", "stop": "59000", "trailing": "150", "time_in_force": "IOC",
}  # fmt: skip
ORDERS: dict[str, tuple[OrderType, dict[str, Any]]] = {
    LIMIT: (OrderType.LIMIT, {"price": Decimal(60_000), "time_in_force": "IOC"}),
    MARKET: (OrderType.MARKET, {}),
    AMOUNT: (OrderType.MARKET, {"quote_quantity": Decimal(100), "quantity": None}),
    POST_ONLY: (OrderType.LIMIT_MAKER, {"price": Decimal(60_000)}),
    STOP: (OrderType.STOP_LOSS, {"stop_price": Decimal(59_000)}),
    STOP_LIMIT: (
        OrderType.STOP_LOSS_LIMIT,
        {"stop_price": Decimal(59_000), "price": Decimal(60_000), "time_in_force": "IOC"},
    ),
    TRAILING: (OrderType.STOP_LOSS, {"trailing_delta": 150}),
    TAKE: (OrderType.TAKE_PROFIT, {"stop_price": Decimal(59_000)}),
    TAKE_LIMIT: (
        OrderType.TAKE_PROFIT_LIMIT,
        {"stop_price": Decimal(59_000), "price": Decimal(60_000), "time_in_force": "IOC"},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_the_order_of_its_own_fields_alone(kind: str) -> None:
    """All fields are filled in: what is of another kind is left out; each of its own must be there."""
    type_, own = ORDERS[kind]
    order = Fields(**FULL | {"kind": kind}).request()
    expected: dict[str, Any] = {"quantity": Decimal("0.01")} | own
    fields = ("quantity", "quote_quantity", "price", "time_in_force", "stop_price", "trailing_delta")

    assert (order.type, order.side) == (type_, Side.SELL)
    assert {name: getattr(order, name) for name in fields} == {name: expected.get(name) for name in fields}
    for name in OF_KIND[kind]:
        with pytest.raises(InvalidField, match="it is empty"):
            Fields(**FULL | {"kind": kind, name: ""}).request()


@pytest.mark.parametrize("written", ["0", "-1", "1.5", "1e2", "100000", " 1", "١"])
def test_a_trail_is_a_whole_number_of_basis_points(written: str) -> None:
    with pytest.raises(InvalidField, match="trailing: .* is no number of basis points"):
        Fields(**FULL | {"kind": TRAILING, "trailing": written}).request()


@pytest.mark.parametrize("written", NO_AMOUNTS)
@pytest.mark.parametrize(
    ("field", "name", "kind"),
    [("quantity", "quantity", LIMIT), ("price", "price", LIMIT), ("amount", "quote_quantity", AMOUNT)],
)
def test_what_is_no_plain_amount_is_refused_by_the_name_of_its_field(
    written: str, field: str, name: str, kind: str
) -> None:
    """Never repaired: a blank, a comma or an exponent is the person's to correct."""
    with pytest.raises(InvalidField) as refused:
        Fields(**FIELDS | {"kind": kind, field: written}).request()

    assert refused.value.field == name
    assert len(str(refused.value)) < 200


def test_a_limit_order_without_a_price_never_becomes_a_market_order() -> None:
    with pytest.raises(InvalidField, match="price: it is empty"):
        Fields(**FIELDS | {"price": ""}).request()


# -- pages


LIMITS = (
    RateLimit(kind="REQUEST_WEIGHT", window="1M", limit=6_000),
    RateLimit(kind="ORDERS", window="10S", limit=100),
)


def used(kind: str, window: str, amount: int, as_of_ms: int) -> LimitUsage:
    return LimitUsage(limits=LIMITS).with_counts([(kind, window, amount)], as_of_ms)


def test_a_limit_is_shown_with_what_the_venue_said_in_this_window() -> None:
    table = pages.client_limits(used("REQUEST_WEIGHT", "1M", 21, NOW + 1_000), now_ms=NOW + 59_999)

    assert table.rows[0] == (
        "REQUEST_WEIGHT", "1M", "6000", "21", "5979", "21 at 2026-01-01 00:00:01.000 UTC",
    )  # fmt: skip


def test_what_the_venue_never_said_or_said_of_an_earlier_window_is_not_measured() -> None:
    """The old number stands beside its time, never as the usage of now."""
    table = pages.client_limits(used("REQUEST_WEIGHT", "1M", 21, NOW + 1_000), now_ms=NOW + 60_000)

    assert table.rows[0][3:5] == ("not measured", "-")
    assert table.rows[0][5] == "21 at 2026-01-01 00:00:01.000 UTC"
    assert table.rows[1][3:] == ("not measured", "-", "never")


@pytest.mark.parametrize("window", ["0M", "M", "", "1W", "-1M"])
def test_a_window_that_we_cannot_read_is_not_measured(window: str) -> None:
    said = Usage(kind="ORDERS", window=window, used=5, limit=None, as_of_ms=NOW)

    assert pages.client_limits(LimitUsage(rows=(said,)), now_ms=NOW).rows[0][2:4] == (
        "not told",
        "not measured",
    )


def test_the_time_of_a_table_is_to_the_second_and_none_under_a_fixed_clock() -> None:
    assert pages.as_of(ManualClock()) == ""
    assert re.fullmatch(r"as of \d\d:\d\d:\d\d UTC, \d{4}-\d\d-\d\d", pages.as_of(SystemClock()))


def test_text_from_outside_stays_text_on_a_page() -> None:
    page = Page()
    page.show("<i>now</i>", Table(title="<b>", rows=(("<script>alert(1)</script>",),)))

    assert "<script>" not in page._tables.value + page._as_of.value
    assert "<i>" not in page._as_of.value
    assert "&lt;script&gt;" in page._tables.value


def test_an_order_of_unknown_outcome_is_called_that_with_its_id() -> None:
    order = Order(
        symbol="BTCUSDT", client_order_id="ql-7", side="BUY", type="LIMIT", quantity=Decimal(1),
        price=Decimal(1), state=OrderState.UNKNOWN, time_ms=NOW,
    )  # fmt: skip
    shown = "\n".join(
        each.text() for each in pages.refused(OrderOutcomeUnknown("ql-7", "timeout"), REQUEST, order)
    )

    assert "OrderOutcomeUnknown: outcome of order ql-7 is unknown" in shown
    assert "do not send it again" in shown
    assert "UNKNOWN: it may live" in shown


def test_a_refusal_is_in_the_words_of_who_refused() -> None:
    """Our rails with every answer, the venue with its own sentence."""
    breach = Verdict(rail="max_position", allowed=False, reason="above the limit")
    (said, table) = pages.refused(OrderDenied([breach], [breach]), REQUEST, None)
    (rejected,) = pages.refused(OrderRejected(-2010, "no money", status=400, method="POST"), REQUEST, None)

    assert said.notes[0].startswith("OrderDenied: ")
    assert table.title == f"{REQUEST.describe()}: DENIED by max_position"
    assert len(table.rows) == 1
    assert "-2010 no money" in rejected.notes[0]


async def test_what_another_thread_hands_over_runs_at_home_in_the_context_of_the_panels_cell() -> None:
    """What it says then lands under that cell, whoever asked for it from where."""
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell", default="")
    cell.set("the panel's")
    home, seen = Home(), []

    def note() -> None:
        seen.append((cell.get(), threading.current_thread().name))

    async def task() -> None:
        note()

    cell.set("a later one")
    await asyncio.to_thread(home.post, note)
    home.later(0, note)
    await home.spawn(task(), "note")
    await asyncio.sleep(0.01)

    assert seen == [("the panel's", "MainThread")] * 3


# -- the ticket


async def test_typing_shows_every_rail_and_neither_sends_nor_reserves(engine: Engine, panel: Panel) -> None:
    before = engine.portfolio.sequence
    await typed(panel, quantity="0.01", price="60000")

    shown = text(panel.ticket._explanation)
    assert "BUY 0.01 BTCUSDT @ 60000 GTC: allowed" in shown
    assert all(rail in shown for rail in ("max_order_notional", "price_collar", "headroom"))
    assert panel.ticket.button.description == "Send: BUY 0.01 BTCUSDT @ 60000 GTC"
    assert (len(engine.orders), engine.portfolio.sequence) == (0, before)


async def test_a_denied_order_is_explained_as_denied_before_it_is_sent(panel: Panel) -> None:
    await typed(panel, quantity="5", price="60000")

    assert "DENIED by max_order_notional" in text(panel.ticket._explanation)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"quantity": "1e5", "price": "60000"}, "quantity: '1e5' is not plain decimal text"),
        ({"quantity": "0.01", "price": ""}, "price: it is empty"),
        (
            {"quantity": "0.01", "price": "60000.001"},
            "price: 60000.001 is not a multiple of 0.01; use 60000 or",
        ),
        ({"quantity": "10000", "price": "60000"}, "quantity: 10000 is above the venue's most"),
    ],
)
async def test_fields_that_say_no_order_are_explained_in_words_and_cannot_be_sent(
    engine: Engine, panel: Panel, values: dict[str, str], says: str
) -> None:
    """Also where the click comes all the same: a front end decides nothing."""
    await typed(panel, **values)
    disabled = panel.ticket.button.disabled
    panel.ticket.button.click()

    assert says in text(panel.ticket._explanation).replace("&#x27;", "'")
    assert disabled
    assert "NOT SENT" in await answered(panel)
    assert len(engine.orders) == 0


async def test_a_click_sends_what_the_fields_said_then_and_not_what_they_say_later(
    engine: Engine, panel: Panel
) -> None:
    """An edit that comes right behind the click belongs to the next order."""
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.button.click()
    panel.ticket.quantity.value = "0.02"
    await answered(panel)

    assert [(order.quantity, order.price) for order in engine.orders] == [(Decimal("0.01"), Decimal(58000))]


async def test_half_a_number_is_not_sent(engine: Engine, panel: Panel) -> None:
    """The front end may hold back the last keys and let the click pass: the button names another order."""
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.price.value = "5"
    panel.ticket.button.click()

    assert "NOT SENT: order: the button did not name what the fields say" in await answered(panel)
    assert len(engine.orders) == 0


async def test_an_edit_takes_the_order_off_the_button_before_it_is_explained(panel: Panel) -> None:
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.price.value = "5"
    await asyncio.sleep(0.01)

    assert (panel.ticket.button.description, panel.ticket.button.disabled) == ("Send", True)


async def test_while_somebody_types_a_refresh_puts_no_order_on_the_button(panel: Panel) -> None:
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.price.value = "5800"
    await asyncio.sleep(0.01)
    panel.refresh()

    assert panel.ticket.button.description == "Send"


async def test_a_double_click_is_one_order_at_the_venue(
    engine: Engine, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once, and a third when the answer is there already."""
    monkeypatch.setattr(ticket, "HOLD_S", 3.0)
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.button.click()
    panel.ticket.button.click()
    await until(lambda: "TAKEN" in text(panel.ticket._answer))
    held = panel.ticket.button.disabled
    first = text(panel.ticket._answer)
    panel.ticket.button.click()
    await answered(panel)

    assert held
    assert "TAKEN" in first
    assert len(await engine.binance.open_orders()) == 1
    assert len(engine.orders) == 1
    assert not panel.ticket.button.disabled


async def test_after_the_answer_the_next_click_is_the_next_order(
    engine: Engine, panel: Panel, quick: None
) -> None:
    await typed(panel, quantity="0.01", price="58000")
    for _ in range(2):
        panel.ticket.button.click()
        shown = await answered(panel)

    assert len(await engine.binance.open_orders()) == 2
    assert f"client id {list(engine.orders)[-1].client_order_id}" in shown


async def test_a_click_that_had_to_wait_for_a_cell_is_not_sent(engine: Engine, panel: Panel) -> None:
    """The market of that click is gone."""
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.button.click()
    time.sleep(ticket.LATE_S + 0.1)  # the loop is blocked, as by a cell

    assert "NOT SENT: order: the kernel was busy for 2 s" in await answered(panel)
    assert len(engine.orders) == 0


async def test_an_order_by_amount_and_a_market_sale_go_out_as_shown(
    engine: Engine, panel: Panel, quick: None
) -> None:
    await typed(panel, kind=AMOUNT, amount="100")
    bought = panel.ticket.button.description
    panel.ticket.button.click()
    await answered(panel)
    await typed(panel, kind=MARKET, side="SELL", quantity="0.001")
    sold = panel.ticket.button.description
    panel.ticket.button.click()
    await answered(panel)

    assert (bought, sold) == (
        "Send: BUY 100 worth of BTCUSDT at market",
        "Send: SELL 0.001 BTCUSDT at market",
    )
    assert [(order.side, order.quote_quantity, order.quantity) for order in engine.orders] == [
        ("BUY", Decimal(100), None),
        ("SELL", None, Decimal("0.001")),
    ]


async def test_only_the_fields_of_the_kind_are_shown(panel: Panel) -> None:
    form = panel.ticket
    await typed(panel, kind=STOP_LIMIT)

    shown = [name for name in EVERY if getattr(form, name).layout.display != "none"]
    assert shown == ["quantity", "stop", "price", "time_in_force"]
    assert (form.stop.description, form.price.description) == ("stop_price (USDT)", "price (USDT)")


async def test_stops_and_post_only_orders_rest_as_the_button_named_them(
    engine: Engine, panel: Panel, quick: None
) -> None:
    """And what is reduce-only is denied where there is no position to reduce."""
    said = []
    for kind, more in (
        (STOP, {"stop": "62000"}), (TAKE, {"stop": "58500"}), (POST_ONLY, {"price": "58000"}),
        (TRAILING, {"trailing": "100"}),
    ):  # fmt: skip
        await typed(panel, kind=kind, quantity="0.01", **more)
        said.append(panel.ticket.button.description)
        panel.ticket.button.click()
        await answered(panel)
    panel.ticket.reduce_only.value = True
    await typed(panel, kind=LIMIT, side="SELL", price="61000")
    denied = text(panel.ticket._explanation)
    named = panel.ticket.button.description
    panel.ticket.button.click()

    assert [each.type for each in engine.orders.open()] == [
        "STOP_LOSS", "TAKE_PROFIT", "LIMIT_MAKER", "STOP_LOSS",
    ]  # fmt: skip
    assert "stop_price=62000" in said[0]
    assert "DENIED by reduce_only" in denied
    assert named == "Send: SELL 0.01 BTCUSDT @ 61000 GTC reduce-only"
    assert "reduce_only" in await answered(panel)
    assert len(engine.orders.open()) == 4


async def test_who_is_not_armed_reads_how_to_arm(engine: Engine, panel: Panel) -> None:
    engine.disarm()
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.button.click()

    assert "NotArmed: BUY 0.01 BTCUSDT @ 58000 GTC needs an armed kernel: run %ql arm" in await answered(
        panel
    )
    assert len(engine.orders) == 0


async def test_a_denied_order_shows_the_rails_and_reaches_no_venue(engine: Engine, panel: Panel) -> None:
    await typed(panel, quantity="5", price="60000")
    panel.ticket.button.click()
    shown = await answered(panel)

    assert "DENIED by max_order_notional" in shown
    assert await engine.binance.open_orders() == []


async def test_what_the_venue_rejects_is_shown_as_rejected(engine: Engine, panel: Panel, quick: None) -> None:
    """The second time there is not enough DOGE left, whatever our books say."""
    await engine.market.watch("DOGEUSDT")
    await engine.market.advance(1)
    shown = []
    for _ in range(2):
        await typed(panel, symbol="DOGEUSDT", kind=MARKET, side="SELL", quantity="600000")
        panel.ticket.button.click()
        shown.append(await answered(panel))
        await engine.bus.settle()
        much = Balance(asset="DOGE", free=Decimal(10**9), locked=Decimal(0))
        engine.portfolio.apply(AccountPosition(balances=(much,), event_ms=2**50, updated_ms=2**50))

    assert "OrderRejected: " not in shown[0]
    assert "OrderRejected: " in shown[1]
    assert "REJECTED by the venue" in shown[1]


async def test_a_symbol_without_a_price_gets_its_streams_when_somebody_stays_on_it(
    engine: Engine, panel: Panel
) -> None:
    """Whoever scrolls past a symbol asks the venue for nothing."""
    await typed(panel, symbol="ETHUSDT", quantity="0.1", price="3000")
    passed = engine.watched
    said = text(panel.ticket._explanation)
    await until(lambda: "its streams are being started" not in text(panel.ticket._explanation))

    assert "ETHUSDT" not in passed
    assert "its streams are being started" in said
    assert "ETHUSDT" in engine.watched
    assert "its streams are being started" not in text(panel.ticket._explanation)


async def test_only_the_fields_of_the_kind_are_shown_and_each_has_its_unit(panel: Panel) -> None:
    form = panel.ticket
    await typed(panel, kind=AMOUNT)

    hidden = [field.layout.display == "none" for field in (form.quantity, form.amount, form.price)]
    assert hidden == [True, False, True]
    assert (form.quantity.description, form.amount.description) == ("quantity (BTC)", "quote_quantity (USDT)")
    assert form.price.description == "price (USDT)"
    assert all(field.description for field in form.inputs)
    assert all(isinstance(each, ipywidgets.Text) for each in (form.quantity, form.amount, form.price))


async def test_every_symbol_of_the_venue_can_be_chosen(engine: Engine, panel: Panel) -> None:
    assert list(panel.ticket.symbol.options) == sorted(engine.symbols)
    assert panel.ticket.symbol.value == "BTCUSDT"


# -- the panel


async def test_the_tabs_are_what_the_page_names_say(panel: Panel) -> None:
    assert list(panel.tab.titles) == [
        "health", "orders and fills", "subscriptions", "client limits", "rails usage", "order ticket",
    ]  # fmt: skip


async def test_each_page_shows_its_part_of_the_engine(engine: Engine, panel: Panel, quick: None) -> None:
    engine.bus.subscribe("order.>", lambda _: None, name="<mine>")
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.button.click()
    await answered(panel)
    shown = {}
    for title in PAGES:
        panel.tab.selected_index = list(panel.tab.titles).index(title)
        panel.refresh()
        shown[title] = text(panel._pages[title])

    assert "open orders: 1" in shown["orders and fills"]
    assert "&lt;mine&gt;" in shown["subscriptions"]
    assert "REQUEST_WEIGHT" in shown["client limits"]
    assert "6000" in shown["client limits"]
    assert "max_order_notional" in shown["rails usage"]


async def test_a_quiet_panel_sends_nothing(panel: Panel) -> None:
    """Under a fixed clock not even a time: every trait stays as it was."""
    changes: list[Any] = []
    for index in range(len(panel.tab.titles)):
        panel.tab.selected_index = index
        panel.refresh()
    for widget in registry._instances.values():
        widget.observe(changes.append)
    panel.refresh()
    panel.refresh()

    assert changes == []
    assert [page._as_of.value for page in panel._pages.values()] == [""] * len(PAGES)


async def test_a_tab_that_is_opened_is_read_at_once(engine: Engine, panel: Panel) -> None:
    """And not before: what nobody looks at costs nothing."""
    before = text(panel._pages["rails usage"])
    panel.tab.selected_index = list(panel.tab.titles).index("rails usage")
    await until(lambda: "max_position" in text(panel._pages["rails usage"]))

    assert before.strip() == "not read yet"


async def test_halt_is_one_click_without_a_token(engine: Engine, panel: Panel) -> None:
    engine.disarm()
    panel.halt_button.click()

    assert engine.latch.is_set
    assert engine.latch.reason == "halted from the panel"
    await asyncio.sleep(0.01)
    assert "HALTED: halted from the panel" in text(panel._head)


async def test_the_panel_shows_itself_by_widget_by_html_and_by_text(panel: Panel) -> None:
    """The text is the same for the same state: no address, no model id."""
    bundle = panel._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html", WIDGET_VIEW}
    assert bundle[WIDGET_VIEW]["model_id"] == panel.widget.model_id
    assert bundle["text/plain"].startswith("quantlab panel\n")
    assert "trading" in bundle["text/plain"]
    assert bundle["text/plain"] == repr(panel)
    assert "0x" not in bundle["text/plain"] + bundle["text/html"]
    assert panel.widget.model_id not in bundle["text/plain"] + bundle["text/html"]


async def test_shown_from_another_thread_it_is_read_on_the_main_thread(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subshell's cell may show it: what it says at once is what was read last."""
    threads: list[str] = []
    read = panel.refresh
    monkeypatch.setattr(panel, "refresh", lambda: (threads.append(threading.current_thread().name), read()))
    bundle = await asyncio.to_thread(panel._repr_mimebundle_)
    await asyncio.sleep(0.05)

    assert "engine" in bundle["text/plain"]
    assert threads == ["MainThread"]
    assert len(scheduled()) == 1


async def test_no_secret_is_in_the_state_of_any_widget(engine: Engine, panel: Panel) -> None:
    for index in range(len(panel.tab.titles)):
        panel.tab.selected_index = index
        panel.refresh()
    state = json.dumps(ipywidgets.Widget.get_manager_state()) + json.dumps(panel._repr_mimebundle_())

    assert "quantlab" in state
    assert engine.settings.api_key
    assert engine.settings.api_key not in state
    assert engine.settings.api_secret is not None
    assert engine.settings.api_secret.reveal() not in state


async def test_a_closed_panel_leaves_no_widget_no_timer_and_no_task(
    engine: Engine, health: ipywidgets.Widget
) -> None:
    """Also where it is closed while somebody types and while an order is on its way."""
    before, tasks = set(registry._instances), asyncio.all_tasks()
    panel = Panel(lambda: engine, health)
    panel._repr_mimebundle_()
    await typed(panel, quantity="0.01", price="58000")
    panel.ticket.button.click()
    panel.ticket.price.value = "57000"
    await asyncio.sleep(0.001)
    panel.close()
    panel.close()
    panel.ticket.price.value = "56000"
    panel.ticket.button.click()
    await asyncio.sleep(0.05)

    assert set(registry._instances) == before
    assert asyncio.all_tasks() == tasks
    assert scheduled() == []
    assert "closed" in repr(panel)
    assert WIDGET_VIEW not in panel._repr_mimebundle_()


async def test_a_panel_stops_reading_when_its_engine_has_stopped_and_goes_on_with_another(
    engine: Engine, health: ipywidgets.Widget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantlab.notebook.panel.PERIOD_S", 0.05)
    current = [engine]
    panel = Panel(lambda: current[0], health)
    panel._repr_mimebundle_()
    async with asyncio.timeout(30):
        while not (alive := scheduled()):  # a timer that is due already is no longer among those
            await asyncio.sleep(0.01)
    await engine.aclose()
    await asyncio.sleep(0.2)
    stopped = scheduled()
    current[0] = Engine(
        Settings.from_environment({"QUANTLAB_HOME": str(tmp_path / "home")}), deterministic=True
    )
    current[0].start()
    panel.wake()
    await current[0].ready()
    await asyncio.sleep(0.1)
    shown = text(panel._head)
    panel.close()
    await current[0].aclose()

    assert len(alive) == 1
    assert stopped == []
    assert "engine: running" in shown


async def test_the_health_widget_stands_first_and_stays_its_owners(
    engine: Engine, health: ipywidgets.Widget
) -> None:
    panel = Panel(lambda: engine, health)
    first = panel.tab.children[0]
    panel.close()

    assert first is health
    assert health.comm is not None


def scheduled() -> list[Any]:
    """Timers of the panel and the ticket that wait on the loop."""
    waiting = [each for each in getattr(asyncio.get_running_loop(), "_scheduled") if not each.cancelled()]  # noqa: B009
    owners = [getattr(each._callback, "__self__", None) for each in waiting]
    return [each for each in owners if isinstance(each, Panel | ticket.Ticket)]
