"""The REST client's methods: what they ask, what they cost, and a whole order's life on a real venue."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.client.endpoints import ENDPOINTS, cheaper_one_by_one
from quantlab.binance.signing import Credentials, sign_query
from quantlab.binance.timing import VenueClock
from quantlab.clock import ManualClock, SystemClock
from quantlab.domain.instrument import round_price
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.errors import (
    ConfigError,
    InvalidField,
    OrderRejected,
    PermitRefused,
    UndecodableReply,
    VenueRejected,
)
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret

Make = Callable[..., Any]

# method, its arguments, the request, its documented weight when it succeeds
TABLE: list[tuple[str, tuple[Any, ...], dict[str, Any], str, int]] = [
    ("ping", (), {}, "GET /api/v3/ping", 1),
    ("server_time", (), {}, "GET /api/v3/time", 1),
    ("exchange_info", (), {}, "GET /api/v3/exchangeInfo", 20),
    ("order_book", ("BTCUSDT",), {}, "GET /api/v3/depth", 5),
    ("order_book", ("BTCUSDT",), {"limit": 500}, "GET /api/v3/depth", 25),
    ("order_book", ("BTCUSDT",), {"limit": 1000}, "GET /api/v3/depth", 50),
    ("order_book", ("BTCUSDT",), {"limit": 5000}, "GET /api/v3/depth", 250),
    ("trades", ("BTCUSDT",), {}, "GET /api/v3/trades", 25),
    ("klines", ("BTCUSDT", "1m"), {}, "GET /api/v3/klines", 2),
    ("ticker_price", ("BTCUSDT",), {}, "GET /api/v3/ticker/price", 2),
    ("ticker_price", (), {}, "GET /api/v3/ticker/price", 4),
    ("book_ticker", ("BTCUSDT",), {}, "GET /api/v3/ticker/bookTicker", 2),
    ("book_ticker", (), {}, "GET /api/v3/ticker/bookTicker", 4),
    ("account", (), {}, "GET /api/v3/account", 20),
    ("order_status", ("BTCUSDT",), {"client_order_id": "q-1"}, "GET /api/v3/order", 4),
    ("open_orders", ("BTCUSDT",), {}, "GET /api/v3/openOrders", 6),
    ("open_orders", (), {}, "GET /api/v3/openOrders", 80),
    ("my_trades", ("BTCUSDT",), {"from_id": 0}, "GET /api/v3/myTrades", 20),
    ("my_trades", ("BTCUSDT",), {"from_id": 0, "order_id": 1}, "GET /api/v3/myTrades", 5),
    ("cancel_order", ("BTCUSDT",), {"client_order_id": "q-1"}, "DELETE /api/v3/order", 0),
    ("cancel_all", ("BTCUSDT",), {}, "DELETE /api/v3/openOrders", 0),
]


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    """A paper venue on a free loopback port, its market standing still, with two funded accounts."""
    async with PaperVenue(market="synthetic", clock="manual") as venue:
        await venue.advance(2_000)
        yield venue


@pytest.fixture
async def trader(venue: PaperVenue) -> AsyncIterator[BinanceClient]:
    """A client of the first account, on the venue's own clock, which stands still."""
    key, secret = venue.accounts[0]
    async with BinanceClient(
        venue.rest, clock=venue.session.clock, credentials=Credentials(key, Secret(secret))
    ) as client:
        await client.sync_clock()
        yield client


@pytest.mark.parametrize(("name", "args", "settings", "call", "weight"), TABLE)
async def test_each_method_costs_its_documented_weight_on_a_real_venue(
    name: str,
    args: tuple[Any, ...],
    settings: dict[str, Any],
    call: str,
    weight: int,
    trader: BinanceClient,
    permit: Make,
) -> None:
    """One call, decoded; the venue's own counter moves by what the table says."""
    tickers = await trader.book_ticker("BTCUSDT")
    instrument = (await trader.exchange_info()).instruments["BTCUSDT"]
    low = round_price(tickers.bid * Decimal("0.99"), instrument.tick_size, Side.BUY)
    resting = OrderRequest(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"), price=low,
        time_in_force=TimeInForce.GTC, client_order_id="q-1",
    )  # fmt: skip
    await trader.submit_order(resting, permit(resting))
    await trader.ping()
    before = trader.limits.used("REQUEST_WEIGHT", "1M")

    await getattr(trader, name)(*args, **settings)

    after = trader.limits.used("REQUEST_WEIGHT", "1M")
    assert before is not None
    assert after is not None
    assert after - before == weight
    assert ENDPOINTS[name].call == call


async def test_an_order_rests_is_seen_and_is_cancelled(
    venue: PaperVenue, trader: BinanceClient, permit: Make
) -> None:
    """Taken, open, cancelled; ids, amounts and balances agree at each step."""
    price = (await trader.book_ticker("BTCUSDT")).bid - 500
    request = OrderRequest(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"), price=price,
        time_in_force=TimeInForce.GTC, client_order_id="rest-1",
    )  # fmt: skip

    ack = await trader.submit_order(request, permit(request))
    (open_order,) = await trader.open_orders()
    status = await trader.order_status("BTCUSDT", client_order_id="rest-1")
    locked = {each.asset: each.locked for each in (await trader.account()).balances}
    cancelled = await trader.cancel_order("BTCUSDT", client_order_id="rest-1")

    assert (ack.status, ack.client_order_id, ack.executed_quantity) == ("NEW", "rest-1", 0)
    assert open_order == status
    assert (status.order_id, status.price, status.quantity, status.side) == (
        ack.order_id,
        price,
        request.quantity,
        "BUY",
    )
    assert locked["USDT"] == price * Decimal("0.01")
    assert (cancelled.status, cancelled.client_order_id, cancelled.created_ms) == ("CANCELED", "rest-1", None)
    assert await trader.open_orders("BTCUSDT") == []
    assert len(venue.requests) == 2
    with pytest.raises(OrderRejected) as gone:
        await trader.cancel_order("BTCUSDT", client_order_id="rest-1")
    assert gone.value.code == -2011


async def test_an_order_is_found_and_cancelled_by_the_venues_own_id(
    trader: BinanceClient, permit: Make
) -> None:
    """An id of ours may name two orders, one after the other; the venue's names one, for ever."""
    price = (await trader.book_ticker("BTCUSDT")).bid - 500
    acks = []
    for _ in range(2):
        request = OrderRequest(
            symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"), price=price,
            time_in_force=TimeInForce.GTC, client_order_id="again",
        )  # fmt: skip
        acks.append(await trader.submit_order(request, permit(request)))
        await trader.cancel_order("BTCUSDT", client_order_id="#none", order_id=acks[-1].order_id)
    first, second = [await trader.order_status("BTCUSDT", order_id=each.order_id) for each in acks]

    assert [first.order_id, second.order_id] == [each.order_id for each in acks]
    assert (first.status, second.status, first.order_id < second.order_id) == ("CANCELED", "CANCELED", True)


async def test_the_trades_of_one_order_are_told_apart(trader: BinanceClient, permit: Make) -> None:
    acks = []
    for number in range(2):
        request = OrderRequest(
            symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quantity=Decimal("0.02"),
            client_order_id=f"m-{number}",
        )  # fmt: skip
        acks.append(await trader.submit_order(request, permit(request)))
    every = await trader.my_trades("BTCUSDT")
    for ack in acks:
        its = await trader.my_trades("BTCUSDT", order_id=ack.order_id, from_id=0)
        assert its == [each for each in every if each.order_id == ack.order_id] != []


async def test_a_market_order_trades_and_the_account_adds_up(trader: BinanceClient, permit: Make) -> None:
    """By quantity and by quote amount: trades, fees and balances agree to the last digit."""
    before = {each.asset: each.free for each in (await trader.account()).balances}
    for number, amount in enumerate(({"quantity": Decimal("0.02")}, {"quote_quantity": Decimal(500)})):
        request = OrderRequest(
            symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, client_order_id=f"m-{number}", **amount
        )
        assert (await trader.submit_order(request, permit(request))).status == "FILLED"

    trades = await trader.my_trades("BTCUSDT")
    after = {each.asset: each.free for each in (await trader.account()).balances}

    assert sum(each.quantity for each in trades if each.order_id == trades[0].order_id) == Decimal("0.02")
    paid = sum((each.quote_quantity for each in trades), Decimal(0))
    fees = sum((each.commission for each in trades if each.commission_asset == "BTC"), Decimal(0))
    got = sum((each.quantity for each in trades), Decimal(0))
    assert after["USDT"] == before["USDT"] - paid
    assert after["BTC"] == before["BTC"] + got - fees
    assert all(each.quote_quantity == each.price * each.quantity for each in trades)
    assert await trader.my_trades("BTCUSDT", from_id=trades[-1].trade_id + 1) == []


async def test_cancel_all_takes_out_what_is_open_and_is_content_with_nothing(
    trader: BinanceClient, permit: Make
) -> None:
    """Three orders go, each named by its own id; asked again, the list is empty."""
    price = (await trader.book_ticker("BTCUSDT")).bid - 500
    for number in range(3):
        request = OrderRequest(
            symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"),
            price=price - number, time_in_force=TimeInForce.GTC, client_order_id=f"all-{number}",
        )  # fmt: skip
        await trader.submit_order(request, permit(request))

    gone = await trader.cancel_all("BTCUSDT")

    assert sorted(each.client_order_id for each in gone) == ["all-0", "all-1", "all-2"]
    assert {each.status for each in gone} == {"CANCELED"}
    assert await trader.cancel_all("BTCUSDT") == []


async def test_market_data_of_a_real_venue_is_consistent(venue: PaperVenue, trader: BinanceClient) -> None:
    """Book, tickers, trades, klines and time agree with each other while the market stands still."""
    book = await trader.order_book("BTCUSDT", limit=5)
    ticker = await trader.book_ticker("BTCUSDT")
    everyone = await trader.book_ticker()
    trades = await trader.trades("BTCUSDT", limit=3)
    klines = await trader.klines("BTCUSDT", "1m", limit=2)
    info = await trader.exchange_info()

    assert (Decimal(book.bids[0][0]), Decimal(book.asks[0][0])) == (ticker.bid, ticker.ask)
    assert everyone["BTCUSDT"].bid == ticker.bid
    assert set(await trader.ticker_price()) == set(everyone) == set(info.instruments)
    assert await trader.ticker_price("BTCUSDT") == trades[-1].price == klines[-1].close
    assert [each.trade_id for each in trades] == sorted(each.trade_id for each in trades)
    assert klines[-1].closed is False
    assert len(book.bids) == 5
    assert ticker.bid % info.instruments["BTCUSDT"].tick_size == 0
    assert trader.limits.frame()["limit"].notna().any()
    with pytest.raises(VenueRejected) as unknown:
        await trader.order_book("NOPE")
    assert unknown.value.code == -1121


async def test_refusals_of_a_real_venue_carry_its_codes(venue: PaperVenue, permit: Make) -> None:
    """A wrong secret, a filter, an order that does not exist: each by its code."""
    key, secret = venue.accounts[0]
    async with BinanceClient(
        venue.rest, clock=venue.session.clock, credentials=Credentials(key, Secret("x" * 64))
    ) as forger:
        await forger.sync_clock()
        with pytest.raises(VenueRejected) as forged:
            await forger.account()
    async with BinanceClient(
        venue.rest, clock=venue.session.clock, credentials=Credentials(key, Secret(secret))
    ) as client:
        await client.sync_clock()
        dust = OrderRequest(
            symbol="BTCUSDT",
            side=Side.BUY,
            type=OrderType.MARKET,
            quantity=Decimal("0.0000001"),
            client_order_id="d",
        )
        with pytest.raises(OrderRejected) as filtered:
            await client.submit_order(dust, permit(dust))
        with pytest.raises(VenueRejected) as absent:
            await client.order_status("BTCUSDT", client_order_id="never")

    assert (forged.value.code, absent.value.code) == (-1022, -2013)
    assert filtered.value.code in (-1013, -1111)


async def test_a_clock_that_is_wrong_is_measured_and_the_order_not_sent_again(
    venue: PaperVenue, permit: Make
) -> None:
    """-1021 is definite: the order is refused once; the clock is right afterwards; a read recovers."""
    key, secret = venue.accounts[0]
    local = ManualClock(venue.session.clock.now_ms() + 3_600_000)  # an hour ahead
    async with BinanceClient(venue.rest, clock=local, credentials=Credentials(key, Secret(secret))) as client:
        request = OrderRequest(
            symbol="BTCUSDT",
            side=Side.BUY,
            type=OrderType.MARKET,
            quantity=Decimal("0.01"),
            client_order_id="late",
        )
        with pytest.raises(OrderRejected) as refused:
            await client.submit_order(request, permit(request))

        assert refused.value.code == -1021
        assert await client.open_orders() == []
        assert client.venue_clock.offset_ms == -3_600_000
        assert client.venue_clock.now_ms() == venue.session.clock.now_ms()
        assert (await client.submit_order(request, permit(request))).status == "FILLED"

        local.advance(7_200_000)
        assert len((await client.account()).balances) >= 2  # refused, measured, asked again
    assert [each.client_order_id for each in await _orders(venue)] == ["late"]


async def _orders(venue: PaperVenue) -> list[Any]:
    key, secret = venue.accounts[0]
    async with BinanceClient(
        venue.rest, clock=venue.session.clock, credentials=Credentials(key, Secret(secret))
    ) as client:
        trades = await client.my_trades("BTCUSDT")
        return [await client.order_status("BTCUSDT", client_order_id="late")] if trades else []


async def test_no_new_connection_is_opened_at_a_real_venue(trader: BinanceClient) -> None:
    """After warm-up 50 mixed calls share what is there."""
    warm = trader._transport.handshakes

    for _ in range(10):
        await trader.ping()
        await trader.account()
        await trader.ticker_price("BTCUSDT")
        await trader.open_orders("BTCUSDT")
        await trader.server_time()

    assert trader._transport.handshakes == warm == 1


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda client: client.trades(None), "symbol"),
        (lambda client: client.trades("BTCUSDT", limit="many"), "limit"),
        (lambda client: client.order_book("BTCUSDT", limit=None), "limit"),
        (lambda client: client.klines("BTCUSDT", 60), "interval"),
        (lambda client: client.klines("BTCUSDT", "1m", start_ms=1.5), "startTime"),
        (lambda client: client.ticker_24h(5), "symbol"),
        (lambda client: client.exchange_info("BTCUSDT", 5), "symbol"),
        (lambda client: client.order_status("BTCUSDT", client_order_id=5), "origClientOrderId"),
        (lambda client: client.cancel_order(None, client_order_id="x"), "symbol"),
        (lambda client: client.cancel_all(True), "symbol"),
    ],
)
async def test_a_callers_slip_is_told_as_one_and_asks_nobody(
    stub: Any, connect: Make, ask: Make, field: str
) -> None:
    """It is no silence of the venue: nothing is sent, nothing is tried again, nothing is charged."""
    async with connect(stub.base) as client:
        with pytest.raises(InvalidField) as refused:
            await ask(client)
        assert refused.value.field == field
        assert stub.requests == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"recv_window_ms": 0}, "recv_window_ms"),
        ({"recv_window_ms": "5000"}, "recv_window_ms"),
        ({"recv_window_ms": 60_001}, "recv_window_ms"),
        ({"timeout_s": "10"}, "whole_s"),
    ],
)
def test_options_that_no_request_could_use_are_refused_at_once(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        BinanceClient("http://127.0.0.1:1", clock=SystemClock(), **options)
    assert refused.value.field == field


def test_a_port_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="port"):
        BinanceClient("http://127.0.0.1:99999", clock=SystemClock())


async def test_an_order_needs_a_fresh_permit_for_itself_and_an_id(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """Wrong order, expired, spent, none at all, no id: nothing is sent, not even connected."""
    client: BinanceClient = connect(stub.base)
    stub.answer = play.taken
    request = order()

    for bad, words in (
        (permit(order("q-2")), "another order"),
        (permit(request, life_ns=-1), "expired"),
        (None, "needs a permit"),
        ("permit", "needs a permit"),
    ):
        with pytest.raises(PermitRefused, match=words):
            await client.submit_order(request, bad)
    nameless = order("")
    with pytest.raises(InvalidField, match="client_order_id"):
        await client.submit_order(nameless, permit(nameless))
    assert (stub.requests, stub.connections) == ([], 0)

    once = permit(request)
    await client.submit_order(request, once)
    with pytest.raises(PermitRefused, match="used before"):
        await client.submit_order(request, once)
    with pytest.raises(PermitRefused):
        await client.submit_order(request, None)  # type: ignore[arg-type]
    assert len(stub.requests) == 1


def test_nothing_lets_a_permit_pass_unspent() -> None:
    assert "redeem" not in inspect.signature(BinanceClient).parameters


async def test_the_receive_window_is_the_one_that_was_set(
    stub: Any, connect: Make, play: SimpleNamespace
) -> None:
    stub.answer = play.reply({"balances": [], "canTrade": True, "updateTime": 0})
    await connect(stub.base, recv_window_ms=1_234).account()

    assert stub.requests[0].params["recvWindow"] == "1234"


async def test_without_a_key_signed_calls_name_the_setting_and_public_ones_work(
    stub: Any, connect: Make, order: Make, permit: Make
) -> None:
    """Nothing is sent, and the error says what to set."""
    client: BinanceClient = connect(stub.base, credentials=None)
    await client.ping()
    request = order()

    with pytest.raises(ConfigError, match="QUANTLAB_API_KEY"):
        await client.account()
    with pytest.raises(ConfigError, match="QUANTLAB_API_KEY"):
        await client.submit_order(request, permit(request))
    assert len(stub.requests) == 1


async def test_the_query_that_travels_is_the_query_that_was_signed(
    stub: Any, connect: Make, credentials: Credentials, play: SimpleNamespace
) -> None:
    """httpx must not encode again, re-order or drop anything; a symbol of any script."""
    client: BinanceClient = connect(stub.base)
    for symbol in ("BTCUSDT", "这是测试币456", "a b&c=d/é?#%2B+~'\"|[]"):
        stub.answer = play.reply([])
        await client.open_orders(symbol)

        sent = stub.requests[-1]
        unsigned = {name: value for name, value in sent.params.items() if name != "signature"}
        assert sent.params["symbol"] == symbol
        assert sent.query == sign_query(unsigned, credentials.signer)


async def test_a_burst_of_wrong_timestamps_measures_the_clock_once(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """Six orders refused with -1021 at the same time: three samples in all, and no order twice."""
    client: BinanceClient = connect(stub.base)

    async def answer(received: Any, writer: asyncio.StreamWriter) -> None:
        if received.path.endswith("/time"):
            await play.reply({"serverTime": SystemClock().now_ms() - 3_600_000})(received, writer)
        else:
            await asyncio.sleep(0.05)
            await play.reply({"code": -1021, "msg": "outside of the recvWindow"}, 400)(received, writer)

    stub.answer = answer
    requests = [order(f"q-{number}") for number in range(6)]
    outcomes = await asyncio.gather(
        *(client.submit_order(each, permit(each)) for each in requests), return_exceptions=True
    )

    assert all(isinstance(each, OrderRejected) and each.code == -1021 for each in outcomes)
    assert sum(each.path.endswith("/time") for each in stub.requests) == 3
    assert sum(each.verb == "POST" for each in stub.requests) == 6
    assert client.venue_clock.offset_ms == pytest.approx(-3_600_000, abs=1_000)


async def test_a_refused_timestamp_is_told_even_where_the_clock_cannot_be_measured(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """The refusal is what the caller must hear, not the failure to mend our clock."""
    client: BinanceClient = connect(stub.base)
    stub.answer = play.in_turn(play.reply({"code": -1021, "msg": "no"}, 400), play.reply(b"", 503))
    request = order()

    with pytest.raises(OrderRejected) as refused:
        await client.submit_order(request, permit(request))

    assert refused.value.code == -1021
    assert client.venue_clock.offset_ms is None


@pytest.mark.parametrize("server_time", [-5, 0, 1_483_228_799_999, 4_102_444_800_000, 10**23, 1e23])
async def test_a_time_that_no_clock_can_show_is_not_adopted(
    server_time: float, stub: Any, connect: Make, play: SimpleNamespace
) -> None:
    """Before 2017 or after 2099: the reply is not understood, and the clock stays as it was."""
    client: BinanceClient = connect(stub.base)
    stub.answer = play.reply({"serverTime": server_time})

    with pytest.raises(UndecodableReply, match="GET /api/v3/time"):
        await client.sync_clock(samples=1)
    assert (client.venue_clock.synced, client.venue_clock.offset_ms) == (False, None)


async def test_clients_can_share_one_venue_clock(stub: Any, connect: Make, play: SimpleNamespace) -> None:
    """The HALT client needs no measurement of its own."""
    shared = VenueClock(SystemClock())
    first, second = connect(stub.base, clock=shared), connect(stub.base, clock=shared)
    stub.answer = play.reply({"serverTime": SystemClock().now_ms() + 60_000})

    await first.sync_clock(samples=2)

    assert second.venue_clock is shared
    assert shared.uncertainty_ms is not None
    assert shared.now_ms() - SystemClock().now_ms() == pytest.approx(60_000, abs=5_000)


async def test_an_exchange_info_that_is_not_understood_changes_nothing(
    stub: Any, connect: Make, play: SimpleNamespace
) -> None:
    """Half a list of symbols is none."""
    client: BinanceClient = connect(stub.base)
    before = client.limits
    stub.answer = play.reply({"symbols": [{"symbol": "BTCUSDT"}]})

    with pytest.raises(UndecodableReply, match="GET /api/v3/exchangeInfo"):
        await client.exchange_info()
    assert client.limits.limits == before.limits == ()


@pytest.mark.parametrize(("symbols", "cheaper"), [(1, True), (13, True), (14, False)])
def test_looking_symbol_by_symbol_is_done_only_where_the_venue_takes_less_for_it(
    symbols: int, cheaper: bool
) -> None:
    """The documented weights: 6 for one symbol's open orders, 80 for all of them."""
    assert cheaper_one_by_one(["BTCUSDT"] * symbols) is cheaper


async def test_a_look_at_the_limits_from_another_thread_loses_no_count(
    venue: PaperVenue, trader: BinanceClient
) -> None:
    """The wire writes while the notebook looks, without a pause: every count is there afterwards."""
    over, looks = threading.Event(), 0

    def look() -> None:
        nonlocal looks
        while not over.is_set():
            looks += trader.limits.used("REQUEST_WEIGHT", "1M") is not None

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        await trader.ping()  # the venue's clock stands still: the window stays
        before = trader.limits.used("REQUEST_WEIGHT", "1M") or 0
        for number in range(1, 101):
            await trader.ping()
            assert trader.limits.used("REQUEST_WEIGHT", "1M") == before + number
    finally:
        over.set()
        watcher.join()
        sys.setswitchinterval(interval_s)
    assert looks > 100
