"""What the made-up market looks like: repeatable to the byte, and within the ranges that it documents."""

from __future__ import annotations

import itertools
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from quantlab.domain.orders import Side
from quantlab.paper.events import TradePrint
from quantlab.paper.exchange import Exchange
from quantlab.paper.market import agents
from quantlab.paper.market.agents import Flow
from quantlab.paper.market.symbols import SYMBOLS
from quantlab.paper.market.synthetic import SyntheticMarket

START_MS = 1_767_225_600_000
TAPE = """
import hashlib, sys
import msgspec
from quantlab.paper.exchange import Exchange
from quantlab.paper.market.synthetic import SyntheticMarket
market = SyntheticMarket(int(sys.argv[1]))
exchange, tape, count = Exchange(market.instruments), hashlib.sha256(), 0
market.open(exchange, 0)
market.play(0, 1.0)
while market.next_ms() <= 60_000:
    market.act(exchange)
    for event in exchange.drain_events():
        tape.update(type(event).__name__.encode() + msgspec.json.encode(event))
        count += 1
print(tape.hexdigest(), count)
"""


def tape_of(seed: int, hash_seed: str) -> tuple[str, int]:
    """Digest and length of the event tape of one market minute, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", TAPE, str(seed)], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    digest, count = done.stdout.split()
    return digest, int(count)


def test_the_same_seed_is_the_same_tape_byte_for_byte_and_another_seed_another_tape() -> None:
    """Every event of a minute in all symbols, in two processes whose hashes differ."""
    first, second, other = tape_of(7, "1"), tape_of(7, "2"), tape_of(8, "1")

    assert first == second
    assert first[0] != other[0]
    assert min(first[1], other[1]) > 5_000


class Look:
    """One symbol through one seed, looked at once a second (mid in basis points of the first one)."""

    def __init__(self, symbol: str) -> None:
        about = next(each for each in SYMBOLS if each.instrument.symbol == symbol)
        self.symbol = symbol
        self.tick_bp = float(about.instrument.tick_size / about.start) * 10_000
        self.level = about.level_notional
        self.mids: list[float] = []
        self.spreads: list[float] = []
        self.depths: list[float] = []
        self.signs: list[int] = []

    @property
    def large_tick(self) -> bool:
        return self.tick_bp > 1

    def look(self, exchange: Exchange) -> None:
        _, bids, asks = exchange.depth(self.symbol, 1_000)
        bid, ask = bids[0][0], asks[0][0]
        middle = (bid + ask) / 2
        self.mids.append(float(middle))
        self.spreads.append(float((ask - bid) / middle) * 10_000)
        near = (
            sum(
                (price * quantity for price, quantity in side if abs(price / middle - 1) < Decimal("0.001")),
                Decimal(0),
            )
            for side in (bids, asks)
        )
        self.depths.append(float(min(near) / self.level))

    def returns(self, seconds: int) -> list[float]:
        mids = self.mids[::seconds]
        return [(later / earlier - 1) * 10_000 for earlier, later in itertools.pairwise(mids)]

    @property
    def jump_bp(self) -> float:
        return max(6.0, 4 * self.tick_bp)

    def quiet(self, seconds: int) -> list[float]:
        return [each for each in self.returns(seconds) if abs(each) < self.jump_bp]

    def jumps(self) -> int:
        return len(self.returns(1)) - len(self.quiet(1))


def correlation(series: Sequence[float]) -> float:
    """The first autocorrelation."""
    mean = statistics.fmean(series)
    spread = sum((each - mean) ** 2 for each in series)
    return sum((a - mean) * (b - mean) for a, b in itertools.pairwise(series)) / spread


@pytest.fixture(scope="module")
def looks(full: bool) -> list[Look]:
    """Three seeds through five minutes each, four symbols; (full) six through fifteen."""
    seeds, seconds = (range(1, 7), 900) if full else (range(1, 4), 300)
    found = []
    for seed in seeds:
        market = SyntheticMarket(seed)
        exchange = Exchange(market.instruments)
        market.open(exchange, START_MS)
        market.play(START_MS, 1.0)
        here = {each.symbol: Look(each.symbol) for each in market.instruments}
        for second in range(1, seconds + 1):
            while (due := market.next_ms()) is not None and due <= START_MS + second * 1_000:
                market.act(exchange)
            for event in exchange.drain_events():
                if type(event) is TradePrint:
                    here[event.symbol].signs.append(-1 if event.buyer_is_maker else 1)
            for look in here.values():
                look.look(exchange)
        found += here.values()
    return found


RANGES = re.findall(r"^(\S.*?)  +(-?[\d.]+) to (-?[\d.]+)", agents.__doc__ or "", re.MULTILINE)
MEASURES: dict[str, Callable[[Look], float]] = {
    "median spread, bp": lambda look: statistics.median(look.spreads),
    "same spread, in ticks where a tick is more than 1 bp": lambda look: (
        statistics.median(look.spreads) / look.tick_bp
    ),
    "depth within 10 bp, in typical levels": lambda look: statistics.median(look.depths),
    "same depth, where a tick is more than 1 bp": lambda look: statistics.median(look.depths),
    "volatility of 10 s without news, bp": lambda look: statistics.pstdev(look.quiet(10)),
    "autocorrelation of 1 s returns": lambda look: correlation(look.quiet(1)),
    "same autocorrelation, where a tick is more than 1 bp": lambda look: correlation(look.quiet(1)),
    "autocorrelation of the takers' sides": lambda look: correlation(look.signs),
}


def test_the_table_in_the_docstring_names_every_measure() -> None:
    """So that a range can neither be documented without a test nor tested without being documented."""
    assert [name for name, _, _ in RANGES] == list(MEASURES)


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
def test_every_symbol_stays_in_the_documented_range(
    looks: list[Look], name: str, low: str, high: str
) -> None:
    """Each symbol in each seed; a row for large ticks is about those, the one above it about the others."""
    names = list(MEASURES)
    at = names.index(name)
    large = "a tick is more" in name
    split = large or (at + 1 < len(names) and names[at + 1].startswith("same"))
    concerned = [look for look in looks if not split or look.large_tick is large]
    values = [MEASURES[name](look) for look in concerned]

    assert len(values) >= 3
    assert all(float(low) <= value <= float(high) for value in values), (name, values)


def test_news_come_now_and_then_and_moods_cluster(looks: list[Look]) -> None:
    """Jumps: some in every symbol, never many. Squares of quiet returns go together."""
    minutes = len(looks[0].mids) / 60
    jumps: dict[str, int] = {}
    for look in looks:
        assert look.jumps() <= 2 * minutes
        jumps[look.symbol] = jumps.get(look.symbol, 0) + look.jumps()
    clustering = statistics.fmean(correlation([each**2 for each in look.quiet(1)]) for look in looks)

    assert set(jumps) == {"BTCUSDT", "ETHUSDT", "DOGEUSDT", "BNBUSDT"}
    assert min(jumps.values()) >= 1
    assert 0.03 < clustering < 0.6


def test_a_price_comes_home(looks: list[Look]) -> None:
    """Never further than 2 % from where it started, and both sides always have a book."""
    for look in looks:
        start = float(next(each.start for each in SYMBOLS if each.instrument.symbol == look.symbol))
        assert all(abs(middle / start - 1) < 0.02 for middle in look.mids)
        assert min(look.spreads) > 0
        assert len(look.mids) >= 300


def alone(mood: int) -> tuple[Flow, Exchange]:
    """One symbol's agents in one mood, with nobody to change it."""
    flow = Flow(SYMBOLS[0], 7)
    flow._mood = mood
    exchange = Exchange([flow.about.instrument])
    for name in (agents.MAKER, agents.TAKER):
        exchange.open_account(name, dict.fromkeys(("BTC", "USDT"), Decimal(10) ** 15), silent=True)
    flow.open(exchange, START_MS)
    return flow, exchange


def test_a_wild_mood_takes_longer_steps_and_quotes_wider() -> None:
    """Five times the calm one, as the table of moods says; quotes within the noise of what they follow."""
    steps, spreads = {}, {}
    for mood in (500, 2_500):
        flow, exchange = alone(mood)
        moves, seen = [], []
        for _ in range(1_500):
            before = flow._fair
            flow.quote(exchange, START_MS)
            moves.append(flow._fair - before)
            bid, _, ask, _ = exchange.best("BTCUSDT")
            seen.append(float(ask - bid))
        steps[mood], spreads[mood] = statistics.pstdev(moves), statistics.median(seen)

    assert steps[2_500] / steps[500] == pytest.approx(5, rel=0.15)
    assert spreads[2_500] > 2 * spreads[500]


def test_an_order_moves_the_price_its_own_way() -> None:
    """Each of them, large ones further, none by more than ten typical ones."""
    flow, exchange = alone(1_000)
    moves = []
    for _ in range(500):
        before = flow._fair
        flow.trade(exchange, START_MS)
        moves.append((flow._fair - before) * (1 if flow._side is Side.BUY else -1))

    typical = flow._home * agents.IMPACT_PPM // agents.PPM
    assert min(moves) > 0
    assert typical < max(moves) <= 10 * typical
