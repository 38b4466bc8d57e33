"""The markets themselves: the seeded one, the tape, their pace, and the candles."""

from __future__ import annotations

import gzip
import itertools
import json
import math
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.domain.instrument import on_grid
from quantlab.domain.orders import Side, TimeInForce
from quantlab.errors import InvalidField, TapeError, UnknownSymbol
from quantlab.paper.exchange import Exchange, LevelChange, TradePrint
from quantlab.paper.market.candles import Candles
from quantlab.paper.market.intervals import INTERVALS, MINUTE, closing, opening
from quantlab.paper.market.pace import Pace
from quantlab.paper.market.synthetic import SyntheticMarket
from quantlab.paper.market.tape import TapeMarket
from quantlab.paper.market.tapefile import Tape, read
from quantlab.paper.orders import NewOrder, OrderKind

START_MS = 1_767_225_600_000


def run(seed: int, seconds: int, symbols: list[str] | None = None) -> tuple[Exchange, list[Any]]:
    """Play a synthetic market and collect what its exchange said."""
    market = SyntheticMarket(seed, symbols)
    exchange = Exchange(market.instruments)
    market.open(exchange, START_MS)
    market.play(START_MS, 1.0)
    events: list[Any] = []
    while (due := market.next_ms()) is not None and due <= START_MS + seconds * 1_000:
        market.act(exchange)
        events += exchange.drain_events()
    return exchange, events


def test_a_synthetic_market_is_busy_but_not_too_busy() -> None:
    """About ten trades and fifty level changes a second in each symbol."""
    _, events = run(7, 60)
    trades = Counter(event.symbol for event in events if isinstance(event, TradePrint))
    changes = Counter(event.symbol for event in events if isinstance(event, LevelChange))

    for symbol in ("BTCUSDT", "ETHUSDT", "DOGEUSDT"):
        assert 5 * 60 < trades[symbol] < 20 * 60
        assert 25 * 60 < changes[symbol] < 100 * 60


@pytest.mark.parametrize("seed", [1, 7, 23])
def test_the_book_stays_whole_and_near_its_home(seed: int) -> None:
    """Bid below ask, ten levels and more, on grid, 1 BTC within 0.1 %, price within 5 % of home."""
    exchange, events = run(seed, 120)
    for symbol, home in (("BTCUSDT", 60_000), ("ETHUSDT", 3_000), ("DOGEUSDT", Decimal("0.12"))):
        _, bids, asks = exchange.depth(symbol, 100)
        instrument = exchange.instruments[symbol]
        assert bids[0][0] < asks[0][0]
        assert min(len(bids), len(asks)) >= 10
        for price, quantity in [*bids, *asks]:
            assert on_grid(price, instrument.tick_size)
            assert on_grid(quantity, instrument.step_size)
        assert abs(bids[0][0] / home - 1) < Decimal("0.05")
    _, _, asks = exchange.depth("BTCUSDT", 100)
    assert sum(quantity for price, quantity in asks if price < asks[0][0] * Decimal("1.001")) > 1
    prices = [event.price for event in events if isinstance(event, TradePrint) and event.symbol == "BTCUSDT"]
    assert max(prices) > min(prices)


def without_ids(event: Any) -> Any:
    """An event without the order's id, which all symbols of an exchange share."""
    if not isinstance(event, TradePrint):
        return event
    return msgspec.structs.replace(event, taker_order_id=0)


def test_equal_seeds_make_equal_markets_and_symbols_do_not_disturb_each_other() -> None:
    """The same seed repeats every event; BTCUSDT alone is BTCUSDT among others, but for shared ids."""
    _, first = run(7, 20)
    _, second = run(7, 20)
    _, alone = run(7, 20, ["BTCUSDT"])

    assert first == second
    assert [without_ids(event) for event in first if event.symbol == "BTCUSDT"] == [
        without_ids(event) for event in alone
    ]
    assert run(8, 20)[1] != first


def test_a_symbol_that_is_named_twice_is_one() -> None:
    assert [one.symbol for one in SyntheticMarket(7, ["BTCUSDT", "BTCUSDT"]).instruments] == ["BTCUSDT"]


def test_an_unknown_symbol_is_named() -> None:
    """Asking for a symbol that the market does not make says which there are."""
    with pytest.raises(UnknownSymbol, match="BTCUSDT"):
        SyntheticMarket(7, ["NOPE"])


def test_a_market_stands_still_until_played_and_when_stopped() -> None:
    """Before play and after stop nothing is due; play goes on where it stood."""
    market = SyntheticMarket(7)
    market.open(Exchange(market.instruments), START_MS)
    assert market.next_ms() is None
    market.play(START_MS, 1.0)
    first = market.next_ms()
    assert first is not None
    market.stop(START_MS + 1)
    assert market.next_ms() is None
    market.play(START_MS + 10_001, 1.0)
    assert market.next_ms() == first + 10_000


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from([0.1, 0.5, 1.0, 3.0, 10.0, None, "slip"])),
        max_size=6,
    )
)
def test_market_time_never_jumps_or_goes_back(changes: list[tuple[int, float | str | None]]) -> None:
    """Through any plays, stops and slips the market's time is continuous, and maps back to when it is due."""
    pace, now = Pace(), 0
    for wait, speed in changes:
        since, now = now, now + wait
        before = pace.market_ms(since if speed == "slip" else now)
        if speed is None:
            pace.stop(now)
        elif isinstance(speed, str):
            pace.slip(since, now)
        else:
            pace.play(now, speed)
        assert pace.market_ms(now) == before
        if pace.running:
            due = pace.venue_ms(before + 777)
            assert math.isclose(pace.market_ms(due), before + 777, abs_tol=pace.speed)
            assert pace.market_ms(due) >= before + 777 - 1e-6


@pytest.mark.parametrize("speed", [0, -1, 1e-310, float("nan"), float("inf"), 10_001])
def test_a_speed_must_be_possible(speed: float) -> None:
    """Zero, negative, endless and NaN speeds are refused by name."""
    with pytest.raises(InvalidField, match="speed"):
        Pace(speed)


def trade(number: int, time_ms: int, price: int) -> TradePrint:
    return TradePrint("X", number, Decimal(price), Decimal(1), number % 2 == 0, time_ms)


@settings(max_examples=60)
@given(
    gaps=st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 100)), min_size=1, max_size=40),
    interval=st.sampled_from(["1m", "3m", "5m", "1h", "1d", "1w", "1M"]),
)
def test_candles_of_any_interval_add_up_to_all_trades(gaps: list[tuple[int, int]], interval: str) -> None:
    """Volume, count, first, last, highest and lowest of all candles are those of all trades; no gap."""
    candles, now, prices = Candles(), START_MS, []
    for number, (gap, price) in enumerate(gaps):
        now += gap
        candles.add(trade(number, now, price))
        prices.append(price)
    rows = candles.rows(interval, now, limit=10_000)

    assert sum(row.trades for row in rows) == len(prices)
    assert sum(row.volume for row in rows) == len(prices)
    assert sum(row.quote_volume for row in rows) == sum(prices)
    assert (rows[0].open, rows[-1].close) == (prices[0], prices[-1])
    assert (max(row.high for row in rows), min(row.low for row in rows)) == (max(prices), min(prices))
    assert all(closing(interval, row.open_ms) + 1 == later.open_ms for row, later in itertools.pairwise(rows))


def test_candles_open_where_the_calendar_says() -> None:
    """Weeks open on Monday, months on the first, days at midnight UTC."""
    thursday = 1_767_225_600_000  # 2026-01-01
    day = 24 * 60 * MINUTE
    assert opening("1w", thursday) == thursday - 3 * day
    assert opening("1M", thursday + 40 * day) == thursday + 31 * day
    assert closing("1M", thursday + 31 * day) == thursday + 59 * day - 1  # February 2026
    assert opening("1d", thursday + 5) == thursday
    assert set(INTERVALS) >= {"1s", "1m", "5m", "1h", "1d", "1w", "1M"}


def test_seconds_are_kept_too() -> None:
    """The interval 1s has a candle for each second, flat where nothing traded."""
    candles = Candles()
    candles.add(trade(1, START_MS, 5))
    candles.add(trade(2, START_MS + 2_500, 7))
    assert [(row.open, row.close, row.trades) for row in candles.rows("1s", START_MS + 3_000, limit=10)] == [
        (5, 5, 1), (5, 5, 0), (7, 7, 1), (7, 7, 0),
    ]  # fmt: skip


# --- the tape


def line(at_ms: float, stream: str, data: dict[str, Any]) -> str:
    return f"{int((1_700_000_000_000 + at_ms) * 1e6)} " + json.dumps({"stream": stream, "data": data})


def depth(
    first: int, final: int, bids: Any = (), asks: Any = (), event_ms: int = 1_700_000_001_000
) -> dict[str, Any]:
    return {"e": "depthUpdate", "E": event_ms, "s": "ABCUSDT", "U": first, "u": final, "b": bids, "a": asks}


def a_trade(number: int, price: str, event_ms: int) -> dict[str, Any]:
    return {"e": "trade", "E": event_ms, "s": "ABCUSDT", "t": number, "p": price, "q": "2.5",
            "T": event_ms - 1, "m": True, "M": True}  # fmt: skip


SNAPSHOT = f"{int(1_700_000_000_020 * 1e6)} " + json.dumps(
    {"lastUpdateId": 12, "bids": [["10.00", "3.0"]], "asks": [["10.10", "4.0"]]}
)
LINES = [
    line(0, "abcusdt@depth@100ms", depth(10, 12, [["10.00", "3.0"]], event_ms=1_700_000_001_000)),
    line(10, "abcusdt@trade", a_trade(77, "10.05", 1_700_000_001_008)),
    SNAPSHOT,
    line(
        100,
        "abcusdt@depth@100ms",
        depth(13, 15, [["10.00", "0.0"], ["9.50", "1.0"]], event_ms=1_700_000_001_100),
    ),
    line(
        200,
        "abcusdt@bookTicker",
        {"u": 16, "s": "ABCUSDT", "b": "9.50", "B": "1.0", "a": "10.10", "A": "4.0"},
    ),
]


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A small tape of two diffs, a trade, a best price and a snapshot."""
    path = tmp_path / "small.gz"
    path.write_bytes(gzip.compress("\n".join(LINES).encode()))
    return path


def test_a_tape_shows_its_grid(tape: Path) -> None:
    """The finest price and quantity on the tape are tick and step; the symbol is split by its quote asset."""
    instrument = read(tape).instrument
    assert (instrument.symbol, instrument.base, instrument.quote) == ("ABCUSDT", "ABC", "USDT")
    assert (instrument.tick_size, instrument.step_size) == (Decimal("0.01"), Decimal("0.1"))


def test_plain_and_gzipped_tapes_are_the_same(tape: Path, tmp_path: Path) -> None:
    """A tape need not be compressed."""
    plain = tmp_path / "small.txt"
    plain.write_text("\n".join(LINES))
    assert [one.raw for one in read(plain).messages] == [one.raw for one in read(tape).messages]


def test_frames_are_verbatim_but_for_their_times(tape: Path) -> None:
    """Only E and T change, to the venue's clock, and never to a time after the frame goes out."""
    market = TapeMarket(read(tape))
    exchange = Exchange(market.instruments)
    market.open(exchange, START_MS)
    market.play(START_MS, 1.0)
    sent = []
    while (due := market.next_ms()) is not None:
        sent += [(due, frame) for frame in market.act(exchange)]

    recorded = [json.loads(text.partition(" ")[2]) for text in LINES if "stream" in text]
    assert [due - START_MS for due, _ in sent] == [0, 10, 100, 200]
    for (due, frame), original in zip(sent, recorded, strict=True):
        data = json.loads(frame.payload)
        assert frame.stream == original["stream"]
        for name in ("E", "T"):
            if name in data:
                assert due - 5 <= data[name] <= due
                del data[name], original["data"][name]
        assert data == original["data"]


def test_the_mirrored_book_starts_from_the_snapshot(tape: Path) -> None:
    """The snapshot is there before the first frame; an older diff does not touch it, a newer one does."""
    market = TapeMarket(read(tape))
    exchange = Exchange(market.instruments)
    market.open(exchange, START_MS)
    market.play(START_MS, 1.0)
    before = exchange.depth("ABCUSDT", 10)
    market.act(exchange)
    assert exchange.depth("ABCUSDT", 10) == before == (12, [(10, 3)], [(Decimal("10.1"), 4)])
    market.act(exchange)
    market.act(exchange)
    assert exchange.depth("ABCUSDT", 10) == (15, [(Decimal("9.5"), 1)], [(Decimal("10.1"), 4)])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lines: [*lines[:2], lines[2][: len(lines[2]) // 2]], "line 3"),
        (lambda lines: [lines[0], "not a tape"], "line 2"),
        (lambda lines: [lines[0].replace('"U": 10,', "")], "line 1: a depthUpdate message lacks a field"),
        (lambda lines: [lines[0].replace('"3.0"', '"three"')], "'three' is no price"),
        (lambda lines: [*lines[:1], lines[1].replace("10.05", "0.00000000")], "line 2: the price 0.00000000"),
        (lambda lines: [lines[0].replace('"10.00"', '"0.00"')], "line 1: the price 0.00 is not above 0"),
        (lambda lines: [*lines[:2], lines[2].replace("10.10", "0")], "line 3: the price 0 is not above 0"),
        (lambda lines: [lines[0].replace('"10.00"', f'"{"9" * 120}"')], "line 1: '9999"),
        (lambda lines: [lines[0].replace('"10.00"', '"1.123456789012345678901"')], "line 1: '1.12"),
        (lambda lines: [lines[0].replace('"10.00"', '"\u0661"')], "line 1"),
        (lambda lines: [lines[0].replace('"10.00"', '"1."')], "line 1: '1.'"),
        (lambda lines: [lines[0], "9" * 400 + lines[1][19:]], "line 2: 9999"),
        (lambda lines: ["9" * 400 + lines[0][19:]], "line 1: 9999"),
        (lambda lines: ["-5 " + lines[0].partition(" ")[2]], "line 1: -5 is no receive time"),
        (lambda lines: [lines[0].replace('"E": 1', '"E": ' + "1" * 400)], "line 1"),
        (lambda lines: [lines[0], lines[1].replace('"T": 1', '"T": ' + "1" * 400)], "line 2"),
        (lambda lines: [lines[0].replace('"u": 12', '"u": 12' + "0" * 30)], "line 1"),
        (lambda lines: [lines[0][:-1] + ', "x": ' + "[" * 20_000 + "]" * 20_000 + "}"], "line 1"),
        (lambda lines: [lines[0], '1700000000000000000 {"hello": 1}'], "line 2: neither"),
        (lambda lines: [lines[0], lines[1].replace("ABCUSDT", "XYZUSDT")], "ABCUSDT, XYZUSDT"),
        (lambda lines: [lines[0].replace("ABCUSDT", "ABCXYZ")], "quote asset"),
        (lambda lines: [], "no message"),
    ],
)  # fmt: skip
def test_a_damaged_tape_is_refused_by_name_and_line(tmp_path: Path, damage: Any, said: str) -> None:
    """A cut line, a missing field, a strange symbol: one `TapeError` with file, place and remedy."""
    path = tmp_path / "bad.txt"
    path.write_text("\n".join(damage(LINES)))
    with pytest.raises(TapeError, match="give a|quote asset must") as error:
        read(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_trade_of_an_old_recording_has_order_ids_where_a_diff_has_levels(tmp_path: Path) -> None:
    """`a` and `b` of a trade were the two orders' ids once: they pass, and go out as they came."""
    path = tmp_path / "old.txt"
    path.write_text("\n".join([LINES[0], LINES[1].replace('"m":', '"b": 88, "a": 50, "m":'), *LINES[2:]]))

    assert b'"b": 88, "a": 50' in read(path).messages[1].raw


@pytest.mark.parametrize(
    "content",
    [b"plain text under a gz name", gzip.compress(b"x" * 99_999, mtime=0)[:60], b"\x1f\x8b\x00"],
    ids=["no gzip", "cut short", "its first bytes alone"],  # the content's time would be in its own
)
def test_a_tape_that_is_no_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    """A .gz that is none, or is cut short, names the file and what to give."""
    path = tmp_path / "bad.gz"
    path.write_bytes(content)
    with pytest.raises(TapeError, match="bad.gz cannot be read"):
        read(path)


def test_a_missing_tape_is_named(tmp_path: Path) -> None:
    """No file, one sentence."""
    with pytest.raises(TapeError, match="no tape at .*nowhere"):
        read(tmp_path / "nowhere.gz")


def test_the_recorded_tape_is_read_whole(shared: Path, full: bool) -> None:
    """41,248 stream messages and one snapshot; times never after receipt; (full) also the futures tape."""
    spot: Tape = read(shared / "data" / "spot_btcusdt_20240808.gz")
    assert (len(spot.messages), spot.snapshot is not None) == (41_248, True)
    assert all(
        one.payload.E is None or one.payload.E + spot.lead_ms <= spot.began_ms + one.at_ms
        for one in spot.messages
    )
    if full:
        assert len(read(shared / "data" / "usdm_btcusdt_20240808.gz").messages) == 93_953


def test_users_trade_against_the_recorded_market(shared: Path) -> None:
    """A market order fills at recorded prices; a resting one by a recorded trade at its price or better."""
    market = TapeMarket(read(shared / "data" / "spot_btcusdt_20240808.gz"))
    exchange = Exchange(market.instruments)
    exchange.open_account("me", {"USDT": Decimal(10**6), "BTC": Decimal(10)})
    market.open(exchange, START_MS)
    market.play(START_MS, 1.0)
    _, bids, asks = exchange.depth("BTCUSDT", 1)
    lot = Decimal("0.01")
    at_market = exchange.place(
        "me", NewOrder(symbol="BTCUSDT", side=Side.BUY, type=OrderKind.MARKET, quantity=lot), START_MS
    )
    assert [fill.price for fill in at_market.trades] == [asks[0][0]]
    waiting = NewOrder(
        symbol="BTCUSDT", side=Side.BUY, type=OrderKind.LIMIT, time_in_force=TimeInForce.GTC,
        price=bids[0][0], quantity=lot,
    )  # fmt: skip
    resting = exchange.place("me", waiting, START_MS)
    assert resting.order.status == "NEW"
    while exchange.order("me", "BTCUSDT", order_id=resting.order.order_id).status != "FILLED":
        assert market.next_ms() is not None
        market.act(exchange)
    assert exchange.last_price("BTCUSDT") <= bids[0][0]
