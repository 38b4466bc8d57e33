"""Binance's public archive as a market: every form of its files, and what is made up around them."""

from __future__ import annotations

import itertools
import random
import struct
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.errors import ConfigError, InvalidField, TapeError
from quantlab.market.recording.archivefields import Row
from quantlab.paper.market.archive import Archive, read
from quantlab.paper.market.candlepath import path as candle_path
from quantlab.paper.market.madeup import LEVELS, SPREAD_PPM, TOUCH, MadeUpBook
from quantlab.paper.venue import PaperVenue

BEGAN_MS = 1_723_075_200_000  # 2024-08-08
TRADES = [  # id, price, quantity, ms after the begin, buyer is maker
    (3_690_000_001, "55133.20", "0.00050", 12, True),
    (3_690_000_002, "55133.21", "0.12000", 30, False),
    (3_690_000_004, "55140.00", "1.50000", 30, False),
    (3_690_000_005, "55139.99", "0.00500", 1_500, True),
]
KLINES = [
    ["55133.20", "55160.00", "55100.00", "55150.01", "12.34567", 61, 700],
    ["55150.01", "55150.01", "55150.01", "55150.01", "0.00000", 62, 0],
    ["55150.00", "55151.00", "55149.50", "55149.50", "0.00700", 63, 3],
]


def trade_lines(micro: bool = False, futures: bool = False) -> list[str]:
    """As `SYMBOL-trades-DATE.csv` has them."""
    lines = []
    for number, price, quantity, after, maker in TRADES:
        time = (BEGAN_MS + after) * (1_000 if micro else 1)
        quote = Decimal(price) * Decimal(quantity)
        flag = str(maker).lower() if futures else str(maker)
        lines.append(
            f"{number},{price}000000,{quantity}000,{quote},{time},{flag}" + ("" if futures else ",True")
        )
    return lines


def aggregate_lines(futures: bool = False) -> list[str]:
    """As `SYMBOL-aggTrades-DATE.csv` has them; the id of each trade is the last one of its aggregate."""
    return [
        f"{number - 5},{price},{quantity},{number - 2},{number},{BEGAN_MS + after},{maker}"
        + ("" if futures else ",True")
        for number, price, quantity, after, maker in TRADES
    ]


def kline_lines(micro: bool = False) -> list[str]:
    """As `SYMBOL-1m-DATE.csv` has them."""
    scale = 1_000 if micro else 1
    return [
        f"{(BEGAN_MS + at * 60_000) * scale},{o},{h},{low},{c},{v},"
        f"{(BEGAN_MS + (at + 1) * 60_000) * scale - 1},1.5,{count},0.1,0.2,0"
        for at, (o, h, low, c, v, _, count) in enumerate(KLINES)
    ]


def written(folder: Path, name: str, lines: list[str], end: str = "\n") -> Path:
    """A file of these lines, zipped where its name says so."""
    path = folder / name
    text = end.join([*lines, ""])
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem + ".csv", text)
    else:
        path.write_text(text, newline="")
    return path


def rows(archive: Archive) -> list[Row]:
    return [archive[number] for number in range(len(archive))]


HEADER_TRADES = "id,price,qty,quote_qty,time,is_buyer_maker"
HEADER_AGGREGATES = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("BTCUSDT-trades-2024-08-08.csv", trade_lines()),
        ("BTCUSDT-trades-2024-08-08.zip", trade_lines()),
        ("BTCUSDT-trades-2025-01.zip", trade_lines(micro=True)),
        ("BTCUSDT-trades-2024-08-08.zip", [HEADER_TRADES, *trade_lines(futures=True)]),
        ("BTCUSDT-trades-2024-08-08.csv", [*trade_lines(), ""]),
        ("BTCUSDT-aggTrades-2024-08-08.zip", aggregate_lines()),
        ("BTCUSDT-aggTrades-2024-08-08.csv", [HEADER_AGGREGATES, *aggregate_lines(futures=True)]),
        ("mine.csv", trade_lines()),
        ("mine.csv", [HEADER_TRADES, *trade_lines(futures=True)]),
        ("mine.zip", aggregate_lines()),
        ("mine.zip", aggregate_lines(futures=True)),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_same_trades_are_read_from_every_form(
    tmp_path: Path, name: str, lines: list[str], end: str
) -> None:
    """Zip or CSV, header or none, ms or us, spot or futures, named or told: equal trades on an equal grid."""
    symbol = None if name.startswith("BTC") else "BTCUSDT"
    archive = read(written(tmp_path, name, lines, end), symbol)

    assert rows(archive) == [
        Row(
            number,
            (BEGAN_MS + after) * 1_000,
            int(Decimal(price) * 10**8),
            int(Decimal(quantity) * 10**8),
            maker,
        )
        for number, price, quantity, after, maker in TRADES
    ]
    listed = archive.instrument
    assert (listed.symbol, listed.base, listed.quote) == ("BTCUSDT", "BTC", "USDT")
    assert (listed.tick_size, listed.step_size) == (Decimal("0.01"), Decimal("0.0001"))


@pytest.mark.parametrize("name", ["BTCUSDT-1m-2024-08-08.zip", "mine.csv"])
@pytest.mark.parametrize("micro", [False, True])
def test_candles_become_trades_that_make_them_again(tmp_path: Path, name: str, micro: bool) -> None:
    """Open, high, low, close and volume of each, exactly; an empty one trades nothing; times within it."""
    header = ["open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore"]
    archive = read(written(tmp_path, name, header + kline_lines(micro)), "BTCUSDT")
    found = [
        list(group)
        for _, group in itertools.groupby(
            rows(archive), lambda row: (row.time_us // 1_000 - BEGAN_MS) // 60_000
        )
    ]

    assert [len(group) for group in found] == [20, 3]
    for group, wanted in zip(found, (KLINES[0], KLINES[2]), strict=True):
        prices = [Decimal(row.price) / 10**8 for row in group]
        assert [prices[0], max(prices), min(prices), prices[-1]] == [Decimal(text) for text in wanted[:4]]
        assert Decimal(sum(row.quantity for row in group)) / 10**8 == Decimal(wanted[4])
        assert all(row.price % 10**6 == 0 and row.quantity % 10**3 == 0 for row in group)
    assert archive.instrument.step_size == Decimal("0.00001")


@given(
    low=st.integers(1, 10**6), spans=st.tuples(*[st.integers(0, 500)] * 3), volume=st.integers(0, 10**9),
    trades=st.integers(0, 40),
)  # fmt: skip
def test_any_possible_candle_is_made_again(
    low: int, spans: tuple[int, int, int], volume: int, trades: int
) -> None:
    """Corners met, volume spent whole, nobody outside; what moved without volume is refused."""
    high = low + max(spans)
    opened, close = low + spans[0], low + spans[1]
    corners = 1 + len({low, high} - {opened}) + 1
    try:
        walked = list(candle_path((opened, high, low, close), volume, trades))
    except ValueError:
        assert 0 <= volume < max(corners, 4)
        return
    if not walked:
        assert volume == 0
        assert high == low
        return
    prices = [price for price, _, _ in walked]
    assert [prices[0], max(prices), min(prices), prices[-1]] == [opened, high, low, close]
    assert sum(quantity for _, quantity, _ in walked) == volume
    assert min(quantity for _, quantity, _ in walked) > 0
    assert len(walked) <= max(trades, 4)
    for (before, _, _), (price, _, maker) in itertools.pairwise(walked):
        assert price == before or maker is (price < before)


# --- files that are none


def cut(lines: list[str]) -> list[str]:
    return [*lines[:2], lines[2][:30]]


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("BTCUSDT-trades-2024-08-08.csv", cut(trade_lines()), "line 3: .* fields where 6 or 7 are due"),
        ("BTCUSDT-trades-2024-08-08.zip", cut(trade_lines()), "line 3: .* fields where 6 or 7 are due"),
        ("BTCUSDT-trades-2024-08-08.csv", [HEADER_TRADES, *cut(trade_lines())], "line 4: "),
        ("BTCUSDT-trades-2024-08-08.csv", aggregate_lines(), "line 1: 8 fields"),
        ("BTCUSDT-trades-2024-08-08.csv", [trade_lines()[0], HEADER_TRADES], "line 2: "),
        ("BTCUSDT-trades-2024-08-08.csv", trade_lines()[::-1], "line 2: the id 3690000004 does not follow"),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,NaN,1,1,1723075200000,True"], "line 1: 'NaN' is no price"),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,-5,1,1,1723075200000,True"], "line 1: '-5' is no price"),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,1e5,1,1,1723075200000,True"], "line 1: '1e5' is no price"),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,0,1,1,1723075200000,True"], "line 1: .*not above 0"),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,5,0.0,1,1723075200000,True"], "line 1: .*not above 0"),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,0.123456789,1,1,1723075200000,True"], "line 1: .*finer than 8"),
        ("BTCUSDT-trades-2024-08-08.csv", [f"1,{'9' * 15},1,1,1723075200000,True"], "line 1: "),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,5,1,1,17230752000,True"], "line 1: .*no time between"),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,5,1,1,1723075200000,maybe"], "line 1: 'maybe' is neither"),
        ("BTCUSDT-trades-2024-08-08.csv", [f"{'9' * 30},5,1,1,1723075200000,True"], "line 1: "),
        ("BTCUSDT-trades-2024-08-08.csv", ["1" * 10_000], "line 1: '1111.* is no line"),
        ("BTCUSDT-trades-2024-08-08.csv", ["1,5,1,1,1723075200000,Tr\u00fce"], "line 1: .* is no line"),
        ("BTCUSDT-trades-2024-08-08.csv", [], "holds no trade"),
        ("BTCUSDT-trades-2024-08-08.csv", [HEADER_TRADES], "holds no trade"),
        ("ABCXYZ-trades-2024-08-08.csv", trade_lines(), "its quote asset must be"),
        ("BTCUSDT-1m-2024-08-08.csv", [kline_lines()[0]] * 2, "line 2: the candle does not follow"),
        ("BTCUSDT-1m-2024-08.csv", [kline_lines()[0].replace("55160.00", "55140.00")], "line 1: open or cl"),
        ("BTCUSDT-1m-2024-08.csv", [kline_lines()[0].replace("12.34567", "0.0")], "line 1: .*volume allows"),
        ("BTCUSDT-1m-2024-08.csv", [kline_lines()[0].replace("55100.00", "0")], "line 1: .*not above 0"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_by_name_and_line(
    tmp_path: Path, name: str, lines: list[str], said: str
) -> None:
    """One sentence with file, line and remedy; nothing is skipped or repaired."""
    path = written(tmp_path, name, lines)
    with pytest.raises(TapeError, match=said) as error:
        read(path)
    assert str(path) in str(error.value)


def test_a_file_that_hides_its_symbol_needs_one_and_one_that_names_it_takes_no_other(tmp_path: Path) -> None:
    """Said with the option to use."""
    with pytest.raises(ConfigError, match="mine.csv names no symbol.*--symbols"):
        read(written(tmp_path, "mine.csv", trade_lines()))
    with pytest.raises(ConfigError, match="is of BTCUSDT, not of ETHUSDT"):
        read(written(tmp_path, "BTCUSDT-trades-2024-08-08.csv", trade_lines()), "ETHUSDT")
    with pytest.raises(TapeError, match="no tape at .*nowhere.zip"):
        read(tmp_path / "nowhere.zip", "BTCUSDT")


def two_files(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "1")
        archive.writestr("b.csv", "2")


def no_csv(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../etc/passwd", "1")


def encrypted(path: Path) -> None:
    written(path.parent, path.name, trade_lines())
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= 1
    path.write_bytes(data)


def torn(path: Path) -> None:
    written(path.parent, path.name, trade_lines() * 50)
    path.write_bytes(path.read_bytes()[:-40])


def changed(path: Path) -> None:
    written(path.parent, path.name, trade_lines())
    data = bytearray(path.read_bytes())
    data[70] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage", [two_files, no_csv, encrypted, torn, changed, lambda path: path.write_bytes(b"PK")]
)
def test_a_zip_that_is_not_as_downloaded_is_refused(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Two files, no CSV, a password, a torn end, a flipped bit: one `TapeError` with the remedy."""
    path = tmp_path / "BTCUSDT-trades-2024-08-08.zip"
    damage(path)
    with pytest.raises(TapeError, match=r"BTCUSDT-trades-2024-08-08.zip.*data\.binance\.vision"):
        read(path)


@pytest.mark.parametrize("lie", [False, True])
def test_a_zip_bomb_is_cut_off(tmp_path: Path, lie: bool) -> None:
    """2 MB of CSV in 2 KB are not read beyond the bound, whether the zip admits its size or denies it."""
    path = written(tmp_path, "BTCUSDT-trades-2024-08-08.zip", [" " * 63] * 32_768)
    assert path.stat().st_size < 20_000
    if lie:
        data = bytearray(path.read_bytes())
        for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            struct.pack_into("<I", data, data.index(signature) + at, 100)
        path.write_bytes(data)
    with pytest.raises(
        TapeError, match="holds more than 1 MiB" if not lie else "cannot be read|holds no trade"
    ):
        read(path, largest=1 << 20)


def test_a_csv_is_bounded_too(tmp_path: Path) -> None:
    """It says how much is read and what to give instead."""
    path = written(tmp_path, "BTCUSDT-trades-2024-08-08.csv", [" " * 63] * 32_768)
    with pytest.raises(TapeError, match="holds more than 1 MiB of CSV.*one day"):
        read(path, largest=1 << 20)


# --- the made-up book

trades = st.lists(
    st.tuples(st.integers(-300, 300), st.integers(1, 5_000), st.booleans()), min_size=1, max_size=60
)


@given(trades=trades, start=st.sampled_from([1, 5, 400, 60_000, 6_000_000]))
def test_the_made_up_book_is_whole_and_every_trade_can_happen_in_it(
    trades: list[tuple[int, int, bool]], start: int
) -> None:
    """Never crossed, never wider than said, one touch and ten levels a side, the trade at the touch."""
    book = MadeUpBook(start, 40)
    shown: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def fold(changes: Any) -> None:
        for side, change in zip(shown, changes, strict=True):
            for price, lots in change:
                assert price > 0
                assert side.get(price) != lots
                side.pop(price, None)
                if lots:
                    side[price] = lots

    price = start
    for move, lots, maker in trades:
        price = max(1, price + move)
        fold(book.before(price, lots, buyer_is_maker=maker))
        hit = max(shown[0]) if maker else min(shown[1])
        assert hit == price
        assert shown[0 if maker else 1][price] > lots
        fold(book.after(lots, buyer_is_maker=maker))
        assert shown[0 if maker else 1][price] * 2 >= 40 * TOUCH
        bid, ask = max(shown[0], default=0), min(shown[1])
        assert (bid, ask) == (book.bid, book.ask)
        assert 0 < ask - bid <= max(1, start * SPREAD_PPM // 1_000_000)
        assert max(map(len, shown)) <= LEVELS + 1


# --- played


def a_day(folder: Path, count: int = 600, seed: int = 5) -> Path:
    """A made-up file of trades, one every 100 ms or so: a wandering price on a grid of 0.01."""
    rng = random.Random(seed)
    price, lines, at = 6_000_000, [], BEGAN_MS
    for number in range(count):
        price += rng.choice((-15, -3, -1, 0, 0, 1, 3, 15))
        at += rng.randint(1, 200)
        text, quantity = f"{price // 100}.{price % 100:02}", f"{rng.randint(1, 90_000) / 100_000:.5f}"
        lines.append(f"{number + 1},{text},{quantity},1.0,{at},{rng.random() < 0.5},True")
    return written(folder, "BTCUSDT-trades-2024-08-08.zip", lines)


async def scripted(tape: Path, client_of: Any, speed: float) -> list[tuple[str, ...]]:
    """What a user who acts at fixed times of the tape gets: (order, price, quantity, maker) of each fill."""
    async with (
        PaperVenue(market="tape", tape=tape, clock="manual", speed=speed) as venue,
        client_of(venue) as client,
    ):
        names = {}
        for second in range(1, 41):
            best = await client.get("/api/v3/ticker/bookTicker", symbol="BTCUSDT")
            for side, price in (("BUY", best["bidPrice"]), ("SELL", best["askPrice"])):
                order = await client.limit(side, "0.05", price.rstrip("0").rstrip("."))
                names[order["orderId"]] = f"{side} {second}"
            if second % 10 == 0:
                await client.order(side="BUY", type="MARKET", quantity="0.3")
            await venue.advance(int(1_000 / speed))
        mine = (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", limit=1_000)).json()
        return [(names.get(row["orderId"], ""), row["price"], row["qty"], row["isMaker"]) for row in mine]


@pytest.mark.parametrize("kind", ["archive", "recorded"])
async def test_what_a_user_gets_does_not_depend_on_the_speed(
    tmp_path: Path, client_of: Any, kind: str, request: pytest.FixtureRequest
) -> None:
    """The same script at 1x, 10x, 100x and 1000x of a manual clock: the same fills, a good many of them."""
    if kind == "archive":
        tape = a_day(tmp_path)
    else:
        tape = request.getfixturevalue("shared") / "data" / "spot_btcusdt_20240808.gz"
    once = await scripted(tape, client_of, 1)

    assert len([fill for fill in once if fill[3]]) > 20
    assert len([fill for fill in once if not fill[3]]) >= 4
    for speed in (10, 100, 1_000):
        assert await scripted(tape, client_of, speed) == once


async def test_as_fast_as_possible_gives_what_real_time_gives(tmp_path: Path, client_of: Any) -> None:
    """On a manual clock one millisecond plays the whole tape; orders that waited got the same fills."""
    tape, results = a_day(tmp_path), []
    for speed, wait_ms in ((1, 120_000), ("max", 1)):
        async with (
            PaperVenue(market="tape", tape=tape, clock="manual", speed=speed, hold=True) as venue,
            client_of(venue) as client,
        ):
            for away in range(-5, 6):
                if away:
                    side = "BUY" if away < 0 else "SELL"
                    await client.limit(side, "0.2", f"{60_000 + away / 5:.2f}")
            await client.control("play")
            await venue.advance(wait_ms)
            mine = (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", limit=1_000)).json()
            last = (await client.get("/api/v3/trades", symbol="BTCUSDT", limit=1))[0]
            results.append([(row["orderId"], row["price"], row["qty"]) for row in mine])
            assert last["id"] == 600
    assert len(results[0]) >= 10
    assert results[0] == results[1]


async def test_a_real_clock_plays_a_tape_as_fast_as_the_machine_goes(tmp_path: Path, connect: Any) -> None:
    """Twenty minutes of tape end within the patience of a test, every trade once, in order, and in step
    with the venue's clock."""
    tape = a_day(tmp_path, count=12_000)
    async with (
        PaperVenue(market="tape", tape=tape, speed="max", hold=True) as venue,
        connect(f"{venue.ws}/ws/btcusdt@trade") as socket,
    ):
        began_ms = venue.session.time_ms
        venue.session.market.play(venue.session.time_ms, venue.session.speed)
        seen = [await socket.receive(30) for _ in range(12_000)]
        took_ms = venue.session.clock.now_ms() - began_ms
    assert [each["t"] for each in seen] == list(range(1, 12_001))
    assert took_ms < 1_200_000 / 10
    times = [each["T"] for each in seen]
    assert times == sorted(times)
    assert began_ms <= times[0] <= times[-1] <= began_ms + took_ms


async def test_a_tape_that_ran_ahead_goes_on_from_where_it_stood(tmp_path: Path, client_of: Any) -> None:
    """Stopped in the midst of "max" and played at 1x, the next trade comes when the tape says."""
    async with PaperVenue(
        market="tape", tape=a_day(tmp_path), clock="manual", speed="max", hold=True
    ) as venue:
        session = venue.session
        session.market.play(session.time_ms, session.speed)
        for _ in range(10):
            session.market.act(session.exchange)
        session.market.stop(session.time_ms)
        session.market.play(session.time_ms, 1.0)
        archive = session.market._archive
        first = session.market.next_ms()
        session.market.act(session.exchange)
        second = session.market.next_ms()
    assert first == session.time_ms
    assert second - first == pytest.approx((archive.times_us[11] - archive.times_us[10]) / 1_000, abs=1)


async def test_the_venues_klines_are_the_archives(tmp_path: Path, client_of: Any) -> None:
    """Played from a full minute on, each candle has the archive's open, high, low, close and volume."""
    path = written(tmp_path, "BTCUSDT-1m-2024-08-08.csv", kline_lines())
    async with PaperVenue(market="tape", tape=path, clock="manual") as venue, client_of(venue) as client:
        assert venue.session.clock.now_ms() % 60_000 == 0
        # the first trade is where its candle begins, so all are 1.5 s early: wait for their minute
        await venue.advance(179_000)
        candles = await client.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")
    assert [[Decimal(value) for value in row[1:6]] for row in (candles[0], candles[2])] == [
        [Decimal(text) for text in wanted[:5]] for wanted in (KLINES[0], KLINES[2])
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"market": "synthetic", "speed": "max"}, "only a tape has an end"),
        ({"speed": "fast"}, "no speed"),
        ({"speed": "nan"}, "no speed"),
        ({"speed": 20_000}, "no speed"),
    ],
)
def test_a_speed_that_no_market_has_is_refused(settings: dict[str, Any], said: str) -> None:
    """By the field's name."""
    with pytest.raises(InvalidField, match=f"speed.*{said}"):
        PaperVenue(**settings)


async def test_an_archive_is_of_one_symbol(tmp_path: Path) -> None:
    """Two names for a file are refused; one that its name does not say is taken."""
    path = written(tmp_path, "mine.csv", trade_lines())
    with pytest.raises(ConfigError, match="one symbol"):
        PaperVenue(market="tape", tape=path, symbols=["BTCUSDT", "ETHUSDT"])
    assert list(
        PaperVenue(market="tape", tape=path, symbols=["ETHBTC"], clock="manual").exchange.instruments
    ) == ["ETHBTC"]


async def test_every_kind_of_order_works_on_a_tape(tmp_path: Path, client_of: Any) -> None:
    """A stop waits for the tape's price and then trades; a maker that would take is refused; an amended order
    keeps its place; an OCO's other half goes when one is filled."""
    prices = ["60000.00"] * 3 + ["59990.00"] * 3 + ["60010.00"] * 6
    lines = [
        f"{number},{price},0.50001,1.0,{BEGAN_MS + number * 1_000},{price < '60005'},True"
        for number, price in enumerate(prices, start=1)
    ]
    tape = written(tmp_path, "BTCUSDT-trades-2024-08-08.csv", lines)
    async with PaperVenue(market="tape", tape=tape, clock="manual") as venue, client_of(venue) as client:

        async def state(order: Any) -> tuple[str, str]:
            reply = await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"])
            return reply.json()["status"], reply.json()["executedQty"]

        best = await client.get("/api/v3/ticker/bookTicker", symbol="BTCUSDT")
        refused = await client.refused(
            "POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", quantity="0.01",
            price=best["askPrice"],
        )  # fmt: skip
        assert refused[1:] == (-2010, "Order would immediately match and take.")
        await venue.advance(1_000)
        stop = await client.order(side="SELL", type="STOP_LOSS", quantity="0.01", stopPrice="59995")
        waiting = await client.limit("BUY", "0.2", "59990")
        amended = await client.signed(
            "PUT",
            "/api/v3/order/amend/keepPriority",
            symbol="BTCUSDT",
            orderId=waiting["orderId"],
            newQty="0.1",
        )
        assert amended.status_code == 200, amended.text
        oco = await client.signed(
            "POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="0.05",
            aboveType="LIMIT_MAKER", abovePrice="60008", belowType="STOP_LOSS", belowStopPrice="59000",
        )  # fmt: skip
        assert oco.status_code == 200, oco.text
        assert await state(stop) == ("NEW", "0.00000000")
        await venue.advance(2_500)
        assert await state(stop) == ("FILLED", "0.01000000")
        await venue.advance(20_000)
        legs = [await state(order) for order in oco.json()["orders"]]
        assert sorted(legs) == [("EXPIRED", "0.00000000"), ("FILLED", "0.05000000")]
        assert await state(waiting) == ("FILLED", "0.10000000")
