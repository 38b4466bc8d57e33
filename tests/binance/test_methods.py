"""Every method of the client on a real venue: its request, its weight, what it decodes, its table."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.client.endpoints import ENDPOINTS, METHODS, Effect
from quantlab.binance.signing import Credentials
from quantlab.clock import SystemClock
from quantlab.domain.instrument import round_price
from quantlab.domain.order_lists import ListKind, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType, SelfTradeMode, Side, TimeInForce
from quantlab.domain.permit import PERMIT_LIFE_NS, Permit
from quantlab.errors import PermitRefused
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret

GTC = TimeInForce.GTC
BUY, SELL = Side.BUY, Side.SELL
LOT = Decimal("0.01")
MODE = SelfTradeMode.EXPIRE_TAKER


class Scene(NamedTuple):
    """A client of the first account, prices around the market, and what is there before each call."""

    client: BinanceClient
    low: Decimal  # one percent below the market, on the grid
    high: Decimal
    resting: int  # the venue's id of the order "rest", which has been amended
    prevented: int  # the venue's id of an order that would have traded with "rest"

    def order(self, kind: OrderType = OrderType.LIMIT, side: Side = BUY, **more: Any) -> OrderRequest:
        fields: dict[str, Any] = {"symbol": "BTCUSDT", "side": side, "type": kind, "quantity": LOT}
        if kind not in (OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT):
            fields["price"] = self.low if side is BUY else self.high
            if kind is not OrderType.LIMIT_MAKER:
                fields["time_in_force"] = GTC
        return OrderRequest(**{**fields, "client_order_id": "new", **more})

    def list_of(self, kind: ListKind, *orders: OrderRequest) -> OrderListRequest:
        named = tuple(
            msgspec.structs.replace(order, client_order_id=f"leg-{number}")
            for number, order in enumerate(orders)
        )
        return OrderListRequest(kind=kind, orders=named, list_client_order_id="list")

    def pair(self) -> tuple[OrderRequest, OrderRequest]:
        above = self.order(OrderType.LIMIT_MAKER, SELL)
        below = self.order(OrderType.STOP_LOSS_LIMIT, SELL, price=self.low - 10, stop_price=self.low)
        return above, below

    def oco(self) -> OrderListRequest:
        return self.list_of(ListKind.OCO, *self.pair())

    def oto(self) -> OrderListRequest:
        return self.list_of(ListKind.OTO, self.order(), self.order(OrderType.MARKET, SELL))

    def otoco(self) -> OrderListRequest:
        return self.list_of(ListKind.OTOCO, self.order(), *self.pair())


def permit(request: OrderRequest | OrderListRequest | ReplaceRequest) -> Permit:
    """What rails that know every request would mint."""
    expires_ns = SystemClock().monotonic_ns() + 60 * PERMIT_LIFE_NS
    return Permit(digest=request.digest(), limits_version=1, state_sequence=1, expires_ns=expires_ns)


class Call(NamedTuple):
    """One row: what is called with which arguments, what it costs, and what the answer must say."""

    method: str
    weight: int
    arguments: Callable[[Scene], tuple[Any, ...]] = lambda scene: ()
    settings: Callable[[Scene], dict[str, Any]] = lambda scene: {}
    check: Callable[[Any, Scene], bool] = lambda answer, scene: True
    exposes: bool = False  # its last argument is the permit for the first


def market(*arguments: Any) -> Callable[[Scene], tuple[Any, ...]]:
    return lambda scene: ("BTCUSDT", *arguments)


def setting(**settings: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: settings


def stop(
    kind: OrderType, side: Side, **more: Callable[[Scene], Any] | Any
) -> Callable[[Scene], tuple[Any, ...]]:
    def made(scene: Scene) -> tuple[Any, ...]:
        return (scene.order(kind, side, **{k: v(scene) if callable(v) else v for k, v in more.items()}),)

    return made


NEW = lambda answer, scene: answer.status == "NEW" and answer.client_order_id == "new"  # noqa: E731
SYMBOLS = ("BTCUSDT", "ETHUSDT")

CALLS = [
    Call("ping", 1, check=lambda answer, scene: answer is None),
    Call("server_time", 1, check=lambda answer, scene: answer > 1_600_000_000_000),
    Call("exchange_info", 20, check=lambda answer, scene: "BTCUSDT" in answer.instruments),
    Call(
        "exchange_info",
        20,
        lambda scene: SYMBOLS,
        check=lambda answer, scene: set(answer.instruments) == set(SYMBOLS),
    ),
    Call(
        "exchange_filter",
        20,
        market(),
        check=lambda a, s: {"LOT_SIZE", "PRICE_FILTER"} <= {f.filter_type for f in a.filters},
    ),
    Call("my_filters", 40, market(), check=lambda a, s: a.filters and a.exchange),
    Call("order_book", 5, market(), check=lambda a, s: Decimal(a.bids[0][0]) > s.low),
    Call("order_book", 25, market(500)),
    Call("order_book", 50, market(1_000)),
    Call("order_book", 250, market(5_000)),
    Call("trades", 25, market(), check=lambda a, s: s.low < a[-1].price < s.high),
    Call(
        "historical_trades",
        25,
        market(),
        setting(from_id=2, limit=3),
        lambda a, s: [t.trade_id for t in a] == [2, 3, 4],
    ),
    Call(
        "agg_trades",
        4,
        market(),
        setting(from_id=1, limit=2),
        lambda a, s: [t.aggregate_id for t in a] == [1, 2],
    ),
    Call("klines", 2, market("1m"), check=lambda a, s: a[-1].low <= a[-1].close <= a[-1].high),
    Call("ui_klines", 2, market("1m"), check=lambda a, s: a[-1].low <= a[-1].close <= a[-1].high),
    Call("avg_price", 2, market(), check=lambda a, s: s.low < a.price < s.high and a.minutes >= 1),
    Call("ticker_price", 2, market(), check=lambda a, s: s.low < a < s.high),
    Call("ticker_price", 4, check=lambda a, s: s.low < a["BTCUSDT"] < s.high),
    Call("ticker_price", 4, lambda s: (SYMBOLS,), check=lambda a, s: set(a) == set(SYMBOLS)),
    Call("book_ticker", 4, lambda s: (list(SYMBOLS),), check=lambda a, s: set(a) == set(SYMBOLS)),
    Call("book_ticker", 2, market(), check=lambda a, s: a.bid < a.ask),
    Call("book_ticker", 4, check=lambda a, s: a["BTCUSDT"].bid < a["BTCUSDT"].ask),
    Call("ticker_24h", 2, market(), check=lambda a, s: a.bid < a.ask and a.change == a.last - a.open),
    Call("ticker_24h", 2, lambda s: (SYMBOLS,), check=lambda a, s: {t.symbol for t in a} == set(SYMBOLS)),
    Call("ticker_24h", 80, check=lambda a, s: len(a) >= 2),
    Call("ticker", 4, market("5m"), check=lambda a, s: a.change == a.last - a.open and a.bid is None),
    Call("ticker", 8, lambda s: (SYMBOLS, "1h"), check=lambda a, s: {t.symbol for t in a} == set(SYMBOLS)),
    Call("trading_day", 4, market(), check=lambda a, s: a.open_ms % 86_400_000 == 0),
    Call(
        "trading_day", 8, lambda s: (SYMBOLS, "2"), check=lambda a, s: a[0].open_ms % 86_400_000 == 79_200_000
    ),
    Call("account", 20, check=lambda a, s: a.can_trade and {"BTC", "USDT"} <= {b.asset for b in a.balances}),
    Call(
        "account",
        20,
        settings=setting(omit_zero=True),
        check=lambda a, s: (
            {b.asset for b in a.balances} >= {"BTC", "USDT"} and all(b.free or b.locked for b in a.balances)
        ),
    ),
    Call("commission", 20, market(), check=lambda a, s: a.symbol == "BTCUSDT" and 0 <= a.standard.taker < 1),
    Call(
        "order_rate_limits",
        40,
        check=lambda a, s: [c.kind for c in a] and all(0 < c.used <= c.limit for c in a),
    ),
    Call(
        "order_status",
        4,
        market(),
        setting(client_order_id="rest"),
        lambda a, s: a.order_id == s.resting and a.quantity == LOT,
    ),
    Call("open_orders", 6, market(), check=lambda a, s: [o.client_order_id for o in a] == ["rest"]),
    Call("open_orders", 80, check=lambda a, s: [o.client_order_id for o in a] == ["rest"]),
    Call("all_orders", 20, market(), check=lambda a, s: len(a) == 3 and a[0].self_trade is not None),
    Call("my_trades", 20, market(), setting(from_id=0), lambda a, s: sum(t.quantity for t in a) == LOT),
    Call("my_trades", 5, market(), setting(order_id=1_000_000), lambda a, s: a == []),
    Call("my_trades_since", 20, market(), setting(from_id=0), lambda a, s: sum(t.quantity for t in a) == LOT),
    Call(
        "prevented_matches",
        20,
        market(),
        lambda s: {"order_id": s.prevented},
        lambda a, s: [m.maker_order_id for m in a] == [s.resting],
    ),
    Call("prevented_matches", 2, market(), setting(prevented_match_id=1_000_000), lambda a, s: a == []),
    Call(
        "order_amendments",
        4,
        lambda s: ("BTCUSDT", s.resting),
        check=lambda a, s: [(m.original_quantity, m.new_quantity) for m in a] == [(2 * LOT, LOT)],
    ),
    Call("test_order", 1, lambda s: (s.order(),), check=lambda a, s: a is None),
    Call(
        "test_order",
        20,
        lambda s: (s.order(OrderType.MARKET),),
        setting(rates=True),
        lambda a, s: a.standard.taker >= 0,
    ),
    Call("submit_order", 0, lambda s: (s.order(),), check=NEW, exposes=True),
    Call("submit_limit_order", 0, lambda s: (s.order(),), check=NEW, exposes=True),
    Call("submit_limit_order", 0, lambda s: (s.order(OrderType.LIMIT_MAKER),), check=NEW, exposes=True),
    Call(
        "submit_market_order",
        0,
        lambda s: (s.order(OrderType.MARKET),),
        check=lambda a, s: a.status == "FILLED" and a.executed_quantity == LOT,
        exposes=True,
    ),
    Call(
        "submit_market_quote",
        0,
        lambda s: (s.order(OrderType.MARKET, quantity=None, quote_quantity=Decimal(500)),),
        check=lambda a, s: a.status == "FILLED" and 490 < a.executed_quote <= 500,
        exposes=True,
    ),
    Call(
        "submit_stop", 0, stop(OrderType.STOP_LOSS, SELL, stop_price=lambda s: s.low), check=NEW, exposes=True
    ),
    Call(
        "submit_stop", 0, stop(OrderType.STOP_LOSS, BUY, stop_price=lambda s: s.high), check=NEW, exposes=True
    ),
    Call(
        "submit_stop",
        0,
        stop(OrderType.STOP_LOSS_LIMIT, SELL, stop_price=lambda s: s.low),
        check=NEW,
        exposes=True,
    ),
    Call(
        "submit_stop",
        0,
        stop(OrderType.TAKE_PROFIT, SELL, stop_price=lambda s: s.high),
        check=NEW,
        exposes=True,
    ),
    Call(
        "submit_stop",
        0,
        stop(OrderType.TAKE_PROFIT_LIMIT, BUY, stop_price=lambda s: s.low),
        check=NEW,
        exposes=True,
    ),
    Call("submit_stop", 0, stop(OrderType.STOP_LOSS, SELL, trailing_delta=100), check=NEW, exposes=True),
    Call(
        "submit_stop",
        0,
        stop(OrderType.TAKE_PROFIT, SELL, stop_price=lambda s: s.high, trailing_delta=100),
        check=NEW,
        exposes=True,
    ),
    Call("cancel_order", 0, market(), setting(client_order_id="rest"), lambda a, s: a.status == "CANCELED"),
    Call("cancel_all", 0, market(), check=lambda a, s: [o.client_order_id for o in a] == ["rest"]),
    Call(
        "cancel_replace",
        0,
        lambda s: (ReplaceRequest(order=s.order(), cancel_client_order_id="rest"),),
        check=lambda a, s: a.complete and a.cancelled.client_order_id == "rest" and a.placed.status == "NEW",
        exposes=True,
    ),
    Call(
        "amend_keep_priority",
        4,
        market("0.005"),
        setting(client_order_id="rest"),
        lambda a, s: a.quantity == Decimal("0.005") and a.order_id == s.resting,
    ),
    Call(
        "submit_oco",
        0,
        lambda s: (s.oco(),),
        check=lambda a, s: [o.client_order_id for o in a.placed] == ["leg-0", "leg-1"],
        exposes=True,
    ),
    Call(
        "submit_oto",
        0,
        lambda s: (s.oto(),),
        check=lambda a, s: [o.status for o in a.placed] == ["NEW", "PENDING_NEW"],
        exposes=True,
    ),
    Call(
        "submit_otoco",
        0,
        lambda s: (s.otoco(),),
        check=lambda a, s: [o.status for o in a.placed] == ["NEW"] + ["PENDING_NEW"] * 2,
        exposes=True,
    ),
    Call(
        "cancel_list",
        0,
        market(),
        setting(list_client_order_id="old"),
        lambda a, s: {o.status for o in a.cancelled} == {"CANCELED"} and a.order_status == "ALL_DONE",
    ),
    Call(
        "order_list_status",
        4,
        settings=setting(list_client_order_id="old"),
        check=lambda a, s: a.order_status == "EXECUTING" and len(a.orders) == 2,
    ),
    Call("open_order_lists", 6, check=lambda a, s: [one.list_client_order_id for one in a] == ["old"]),
    Call("all_order_lists", 20, check=lambda a, s: [one.list_client_order_id for one in a] == ["old"]),
]
BY_TIME = {
    "trades", "historical_trades", "agg_trades", "klines", "ui_klines", "my_trades", "my_trades_since",
    "open_orders", "all_orders", "cancel_all", "prevented_matches", "order_amendments", "open_order_lists",
    "all_order_lists",
}  # fmt: skip
ON_A_LIST = {"cancel_list", "order_list_status", "open_order_lists", "all_order_lists"}


def require_table(table: pd.DataFrame, *, timed: bool) -> None:
    """Times in UTC and none in milliseconds, no money as a float, numbers as numbers."""
    columns = [*table.columns, table.index.name]
    dtypes = {name: str(table[name].dtype) for name in table.columns}

    assert len(set(columns)) == len(columns)
    assert not any(str(name).endswith("_ms") for name in columns)
    assert not any(dtype.startswith("float") for dtype in dtypes.values())
    assert all(dtype.endswith("UTC]") for dtype in dtypes.values() if dtype.startswith("datetime"))
    assert all(dtypes[name] == "int64" for name in ("order_id", "trade_id", "trades") if name in dtypes)
    assert str(table.index.dtype).endswith("UTC]") == timed


def test_the_table_of_methods_is_the_client() -> None:
    """Every method that asks the venue stands in the table of methods and is called below, and no other."""
    public = {name for name, _ in inspect.getmembers(BinanceClient, inspect.iscoroutinefunction)}

    assert {name for name in public if not name.startswith("_")} - {"aclose", "sync_clock", "warm"} == set(
        METHODS
    )
    assert set(METHODS.values()) == set(ENDPOINTS)
    assert {call.method for call in CALLS} == set(METHODS)


def test_only_what_creates_exposure_is_gated_and_nothing_that_changes_is_repeated() -> None:
    """HALT stops new orders alone; only reads may be asked again; a permit is asked for what it must be."""
    exposing = {name for name, each in ENDPOINTS.items() if each.effect is Effect.EXPOSE}

    assert exposing == {"submit_order", "cancel_replace", "submit_oco", "submit_oto", "submit_otoco"}
    for name, endpoint in METHODS.items():
        asks = "permit" in inspect.signature(getattr(BinanceClient, name)).parameters
        assert asks == (endpoint in exposing)
    for name, each in ENDPOINTS.items():
        assert (each.effect is Effect.READ) == (each.verb == "GET" or name == "test_order")
        assert each.verb == "GET" or (each.attempts == 1 and each.signed)
        assert each.free == (each.effect is not Effect.READ and name != "amend_keep_priority")


@pytest.mark.parametrize("name", METHODS)
def test_every_method_states_its_weight_its_errors_and_its_source(name: str) -> None:
    """The docstring names every weight that a call below costs, the errors, and the page of the document."""
    text = inspect.getdoc(getattr(BinanceClient, name)) or ""

    assert 'Source: Binance spot REST API, "' in text
    assert "Raises:" in text
    parts = re.findall(r"Weight: ([^.]*)\.", text)
    stated = {int(number) for part in parts for number in re.findall(r"\d+", part)}
    per_symbol = "for each symbol" in text
    for call in CALLS:
        if call.method == name:
            assert call.weight in stated or (per_symbol and call.weight % min(stated) == 0)
    assert ENDPOINTS[METHODS[name]].weight in stated


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    """A paper venue on a free loopback port, its market standing still, with two funded accounts."""
    async with PaperVenue(market="synthetic", clock="manual") as venue:
        await venue.advance(2_000)
        yield venue


@pytest.fixture
async def client(venue: PaperVenue) -> AsyncIterator[BinanceClient]:
    """A client of the first account, on the venue's own clock, which stands still."""
    key, secret = venue.accounts[0]
    credentials = Credentials(key, Secret(secret))
    async with BinanceClient(venue.rest, clock=venue.session.clock, credentials=credentials) as client:
        await client.sync_clock()
        yield client


@pytest.fixture
async def scene(client: BinanceClient) -> Scene:
    """One order rests, amended from two lots to one; one has traded; one was kept from trading with it."""
    ticker = await client.book_ticker("BTCUSDT")
    tick = (await client.exchange_info()).instruments["BTCUSDT"].tick_size
    low = round_price(ticker.bid * Decimal("0.99"), tick, BUY)
    high = round_price(ticker.ask * Decimal("1.01"), tick, SELL)
    made = Scene(client, low, high, 0, 0)

    async def place(request: OrderRequest) -> int:
        return (await client.submit_order(request, permit(request))).order_id

    await place(made.order(OrderType.MARKET, client_order_id="traded"))
    near = round_price(ticker.bid + tick, tick, BUY)  # ours is the best bid, so ours alone would be met
    resting = await place(made.order(client_order_id="rest", quantity=2 * LOT, price=near))
    await client.amend_keep_priority("BTCUSDT", LOT, client_order_id="rest")
    prevented = await place(
        made.order(OrderType.LIMIT, SELL, client_order_id="self", price=near, self_trade=MODE)
    )
    return made._replace(resting=resting, prevented=prevented)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method}-{call.weight}")
async def test_each_method_asks_pays_and_decodes_as_documented(call: Call, scene: Scene) -> None:
    """One call: the venue's own counter moves by the documented weight, and the answer says what is there."""
    client = scene.client
    if call.method in ON_A_LIST:
        await client.cancel_all("BTCUSDT")
        old = msgspec.structs.replace(scene.oco(), list_client_order_id="old")
        await client.submit_oco(old, permit(old))
    await client.ping()
    before = client.limits.used("REQUEST_WEIGHT", "1M")
    arguments = call.arguments(scene)
    if call.exposes:
        arguments = (*arguments, permit(arguments[0]))

    answer = await getattr(client, call.method)(*arguments, **call.settings(scene))

    after = client.limits.used("REQUEST_WEIGHT", "1M")
    assert before is not None
    assert after is not None
    assert after - before == call.weight
    assert call.check(answer, scene), answer
    if isinstance(answer, list | dict) or hasattr(answer, "frame"):
        require_table(answer.frame(), timed=call.method in BY_TIME)
    if call.exposes:
        with pytest.raises(PermitRefused, match="used before"):
            await getattr(client, call.method)(*arguments, **call.settings(scene))
        with pytest.raises(PermitRefused, match="needs a permit"):
            await getattr(client, call.method)(arguments[0], None)
