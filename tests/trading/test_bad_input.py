"""Numbers of 400 digits and subclasses that lie, by every way in which an order is given.

Each is refused by a clear error of our own, at once; nothing is rounded, nothing reaches the venue.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from papercore import Core

from quantlab.control import commands
from quantlab.domain.order_lists import AmendRequest, ListKind, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import Side
from quantlab.errors import InvalidField, UsageError
from quantlab.notebook import building
from quantlab.notebook.parse import parse
from quantlab.paper.venue import PaperVenue
from quantlab.trading.journal import Journal, read
from quantlab.trading.list_requests import bracket, one_cancels_other
from quantlab.trading.requests import limit_maker, limit_order, market_order, stop_order

D = Decimal
LONG = "9" * 400


class LyingDecimal(Decimal):
    """Worth a million, and small, whole and equal to whatever it is held against."""

    __lt__ = __le__ = __eq__ = __gt__ = __ge__ = lambda *_: True  # type: ignore[assignment]
    __hash__ = Decimal.__hash__
    __mul__ = __rmul__ = __add__ = __radd__ = __mod__ = lambda *_: Decimal(0)  # type: ignore[assignment]

    def __str__(self) -> str:
        return "0.001"

    def is_finite(self) -> bool:
        return True


class LyingInt(int):
    __lt__ = __le__ = __eq__ = __gt__ = __ge__ = lambda *_: True  # type: ignore[assignment]
    __hash__ = int.__hash__


class LyingText(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "0.001"

    def upper(self) -> str:
        return "BUY"

    def isascii(self) -> bool:
        return True


class Unspeakable:
    """Has no words for itself."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


BAD: dict[str, Any] = {
    "400 digits": 10**400, "400 digits of text": LONG, "400 digits of Decimal": D(LONG),
    "400 decimals": "0." + "0" * 399 + "1", "1e400": D("1E+400"), "1e-400": D("1E-400"),
    "5000 digits": 10**5_000,
    "lying Decimal": LyingDecimal(1_000_000), "lying int": LyingInt(1_000_000), "lying text": LyingText(LONG),
    "float": 0.1, "bool": True, "bytes": b"1", "exponent": "1e5", "padded": " 1", "non-ASCII": "\u0661",
    "NaN": D("NaN"), "sNaN": D("sNaN"), "infinity": D("Infinity"), "minus zero": D("-0"),
    "unspeakable": Unspeakable(), "a list": [1],
}  # fmt: skip
BUILDERS: dict[str, Callable[[Any], object]] = {
    "limit quantity": lambda bad: limit_order("buy", "BTCUSDT", bad, "60000"),
    "limit price": lambda bad: limit_order("buy", "BTCUSDT", "1", bad),
    "limit side": lambda bad: limit_order(bad, "BTCUSDT", "1", "60000"),
    "limit symbol": lambda bad: limit_order("buy", bad, "1", "60000"),
    "limit time in force": lambda bad: limit_order("buy", "BTCUSDT", "1", "60000", bad),
    "post-only price": lambda bad: limit_maker("buy", "BTCUSDT", "1", bad),
    "market quantity": lambda bad: market_order("buy", "BTCUSDT", bad),
    "market worth": lambda bad: market_order("buy", "BTCUSDT", None, bad),
    "stop price": lambda bad: stop_order("sell", "BTCUSDT", "1", stop_price=bad),
    "stop limit": lambda bad: stop_order("sell", "BTCUSDT", "1", stop_price="50000", price=bad),
    "stop trailing": lambda bad: stop_order("sell", "BTCUSDT", "1", trailing=bad),
    "oco quantity": lambda bad: one_cancels_other("sell", "BTCUSDT", bad, take_profit="7", stop_loss="5"),
    "oco profit": lambda bad: one_cancels_other("sell", "BTCUSDT", "1", take_profit=bad, stop_loss="5"),
    "oco loss": lambda bad: one_cancels_other("sell", "BTCUSDT", "1", take_profit="7", stop_loss=bad),
    "bracket price": lambda bad: bracket("buy", "BTCUSDT", "1", bad, take_profit="7", stop_loss="5"),
}
SECOND = 1.0  # of this thread's own work, however busy the machine is


@pytest.mark.parametrize("way", BUILDERS)
def test_whoever_builds_an_order_refuses_it_by_field(way: str) -> None:
    """Every amount and every word of every kind of order."""
    for name, bad in BAD.items():
        began = time.thread_time()
        with pytest.raises(InvalidField) as refused:
            BUILDERS[way](bad)
        assert len(str(refused.value)) < 300, name
        assert time.thread_time() - began < SECOND, name


PLAIN = limit_order("buy", "BTCUSDT", "0.01", "59000")
MARKET = market_order("buy", "BTCUSDT", "0.01")
STOP = stop_order("sell", "BTCUSDT", "0.01", stop_price="50000")
RAW: dict[str, Callable[[Any], Any]] = {
    **{
        name: lambda bad, name=name, order=order: msgspec.structs.replace(order, **{name: bad})
        for order, names in (
            (PLAIN, ("quantity", "price", "symbol", "side", "type", "time_in_force", "iceberg_quantity",
                     "self_trade", "strategy_id", "strategy_type", "quote_quantity")),
            (STOP, ("stop_price", "trailing_delta")),
        )
        for name in names
    },
    "market quantity": lambda bad: msgspec.structs.replace(MARKET, quantity=bad),
    "market worth": lambda bad: msgspec.structs.replace(MARKET, quantity=None, quote_quantity=bad),
    "list": lambda bad: OrderListRequest(
        kind=ListKind.OTO, orders=(PLAIN, msgspec.structs.replace(PLAIN, side=Side.SELL, quantity=bad))
    ),
}  # fmt: skip


@pytest.fixture
async def core(journal_at: Callable[..., Journal]) -> AsyncIterator[Core]:
    async with PaperVenue(market="none") as venue:
        core = Core(venue, journal_at())
        await core.open()
        yield core
        await core.close()


def cases() -> Iterator[tuple[str, str, Any]]:
    for way, make in RAW.items():
        for name, bad in BAD.items():
            yield way, name, make(bad)


async def test_a_request_made_by_hand_is_refused_or_denied_and_never_sent(core: Core) -> None:
    """A struct takes whatever it is given: the gateway does not, and explains it without harm."""
    resting = await core.gateway.submit(PLAIN)
    name = resting.client_order_id
    cut = AmendRequest(symbol="BTCUSDT", client_order_id=name, new_quantity=D("0.005"))
    moved = ReplaceRequest(order=PLAIN, cancel_client_order_id=name)
    fields = set()
    for way, name, request in (
        *cases(),
        *(("amend", name, msgspec.structs.replace(cut, new_quantity=bad)) for name, bad in BAD.items()),
        ("amend", "nothing", msgspec.structs.replace(cut, new_quantity=None)),
        *(("replace", name, msgspec.structs.replace(moved, order=msgspec.structs.replace(PLAIN, price=bad)))
          for name, bad in BAD.items()),
    ):  # fmt: skip
        began = time.thread_time()
        with pytest.raises(InvalidField) as refused:
            await core.gateway.submit(request)
        fields.add(refused.value.field)
        with contextlib.suppress(
            InvalidField
        ):  # text of any kind may be a symbol: there is none of that name
            assert not core.gateway.explain(request).allowed, (way, name)
        assert time.thread_time() - began < SECOND, (way, name)
    assert fields >= {"quantity", "quote_quantity", "price", "stop_price", "symbol", "side", "new_quantity"}
    core.journal.close()
    kinds = [line.kind for line in read(core.journal.path)]
    assert kinds.count("intent") == 1
    assert len(core.orders.open()) == 1


@pytest.mark.parametrize("amount", [LONG, "1E400", "1e5", " 1", "NaN", "0." + "0" * 399 + "1"])
def test_a_command_from_elsewhere_is_refused_too(amount: str) -> None:
    """Commands are text: an amount in one is held to the same rules."""
    content = commands.encode(commands.SubmitOrder(PLAIN))
    assert commands.decode(content)
    forged = content.replace(b'"0.01"', f'"{amount}"'.encode())
    assert forged != content
    with pytest.raises(InvalidField):
        commands.decode(forged)


WORDS = [each for each in BAD.values() if type(each) is str and " " not in each]


@pytest.mark.parametrize(
    "line", ["buy {bad} BTCUSDT @ 60000", "sell 1 BTCUSDT @ {bad}", "sell 1 BTCUSDT stop {bad}"]
)
def test_a_line_of_the_magic_is_refused_too(line: str) -> None:
    """What is typed goes the same way."""
    assert building.placed(parse(line.format(bad="7")))
    for word in WORDS:
        with pytest.raises((InvalidField, UsageError)):
            building.placed(parse(line.format(bad=word)))
    assert len(WORDS) > 3
