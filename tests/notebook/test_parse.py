"""The grammar of `%ql`: what each line means, and what a wrong line answers."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.control.commands import PromoteModel, RollBackModel, SetLimits
from quantlab.domain.orders import Side, TimeInForce
from quantlab.errors import UsageError
from quantlab.notebook.lines import (
    Amend,
    Book,
    Bracket,
    Cancel,
    Chain,
    ChangeLimits,
    Decision,
    Explain,
    Flatten,
    Halt,
    Help,
    Learn,
    Line,
    Pair,
    Place,
    Record,
    Replace,
    Resume,
    Show,
    WhatIf,
)
from quantlab.notebook.parse import GRAMMAR, parse

BUY = Place(side=Side.BUY, symbol="BTCUSDT", quantity=Decimal("0.01"))
LIMIT = Place(
    side=Side.BUY,
    symbol="BTCUSDT",
    quantity=Decimal("0.01"),
    price=Decimal(60000),
    time_in_force=TimeInForce.GTC,
)
IOC = Place(
    side=Side.SELL,
    symbol="ETHUSDT",
    quantity=Decimal(2),
    price=Decimal("2500.5"),
    time_in_force=TimeInForce.IOC,
)

STOP = Place(side=Side.SELL, symbol="BTCUSDT", quantity=Decimal("0.01"), stop=Decimal(59000))
EXITS = {"symbol": "BTCUSDT", "quantity": Decimal(1), "take_profit": Decimal(110), "stop_loss": Decimal(90)}
PAIR, ENTRY = Pair(side=Side.SELL, **EXITS), Bracket(side=Side.BUY, price=Decimal(100), **EXITS)

MEANINGS: list[tuple[str, Line]] = [
    ("", Help(subject="")),
    ("help buy", Help(subject="buy")),
    ("record", Record()),
    ("record stop", Record(what="stop")),
    ("record list # all", Record(what="list")),
    ("record start", Record(what="start")),
    ("record start raw", Record(what="start", raw=True)),
    ("record START market.trade.* order.>", Record(what="start", topics=("market.trade.*", "order.>"))),
    (
        "record start market.> RAW as monday",
        Record(what="start", topics=("market.>",), raw=True, name="monday"),
    ),
    ("record start as monday", Record(what="start", name="monday")),
    ("status", Show(what="status")),
    ("  STATUS  # how are we", Show(what="status")),
    ("arm # from the file", Show(what="arm")),
    ("buy 0.01 BTCUSDT", BUY),
    ("buy 0.01 btcusdt # market", BUY),
    ("buy 0.01 BTCUSDT @ 60000", LIMIT),
    ("buy 0.01 BTCUSDT @60000", LIMIT),
    ("buy 0.01 BTCUSDT@60000 gtc", LIMIT),
    ("order BUY 0.01 BTCUSDT @ 60000", LIMIT),
    ("sell 2 ETHUSDT @ 2500.5 IOC", IOC),
    ("order sell 2 ETHUSDT @ 2500.5 ioc", IOC),
    ("buy 100 USDT of BTCUSDT", Place(side=Side.BUY, symbol="BTCUSDT", quote_quantity=Decimal(100))),
    ("explain buy 0.01 BTCUSDT @ 60000", Explain(order=LIMIT)),
    ("explain order buy 0.01 BTCUSDT @ 60000", Explain(order=LIMIT)),
    ("sell 0.01 BTCUSDT stop 59000", STOP),
    ("sell 0.01 btcusdt STOP 59000 reduce # exit", msgspec.structs.replace(STOP, reduce_only=True)),
    ("sell 0.01 BTCUSDT take 59000", msgspec.structs.replace(STOP, take_profit=True)),
    ("sell 0.01 BTCUSDT trail 100", msgspec.structs.replace(STOP, stop=None, trailing=100)),
    ("sell 0.01 BTCUSDT stop 59000 trail 50", msgspec.structs.replace(STOP, trailing=50)),
    (
        "sell 0.01 BTCUSDT stop 59000 @ 58900 ioc",
        msgspec.structs.replace(STOP, price=Decimal(58900), time_in_force=TimeInForce.IOC),
    ),
    ("buy 0.01 BTCUSDT @ 60000 maker", msgspec.structs.replace(LIMIT, time_in_force=None, post_only=True)),
    ("buy 0.01 BTCUSDT reduce", msgspec.structs.replace(BUY, reduce_only=True)),
    ("oco sell 1 BTCUSDT take 110 stop 90", PAIR),
    ("oco sell 1 BTCUSDT stop 90 limit 89 take 110", msgspec.structs.replace(PAIR, stop_limit=Decimal(89))),
    ("bracket buy 1 BTCUSDT@100 take 110 stop 90", ENTRY),
    ("explain bracket buy 1 BTCUSDT @ 100 take 110 stop 90", Explain(order=ENTRY)),
    ("explain oco sell 1 BTCUSDT take 110 stop 90", Explain(order=PAIR)),
    ("explain sell 0.01 BTCUSDT stop 59000", Explain(order=STOP)),
    ("amend ql-7 0.5", Amend(client_order_id="ql-7", quantity=Decimal("0.5"))),
    ("replace ql-7 @ 59000", Replace(client_order_id="ql-7", price=Decimal(59000))),
    ("replace ql-7 0.5", Replace(client_order_id="ql-7", quantity=Decimal("0.5"))),
    ("replace ql-7 2 @59000", Replace(client_order_id="ql-7", quantity=Decimal(2), price=Decimal(59000))),
    ("replace ql-7 stop 59000", Replace(client_order_id="ql-7", stop=Decimal(59000))),
    (
        "replace ql-7 take 61000 @ 60990",
        Replace(client_order_id="ql-7", stop=Decimal(61000), price=Decimal(60990)),
    ),
    ("replace ql-7 2 trail 150", Replace(client_order_id="ql-7", quantity=Decimal(2), trailing=150)),
    ("oto buy 0.01 BTCUSDT @ 60000 then sell 0.01 BTCUSDT stop 59000", Chain(first=LIMIT, then=STOP)),
    (
        "explain oto buy 0.01 BTCUSDT @60000 THEN sell 0.01 btcusdt stop 59000",
        Explain(order=Chain(first=LIMIT, then=STOP)),
    ),
    ("flatten all", Flatten(symbol=None)),
    ("flatten btcusdt", Flatten(symbol="BTCUSDT")),
    ("cancel all", Cancel(target="all")),
    ("cancel ALL", Cancel(target="all")),
    ("cancel ql-Ab1-7", Cancel(target="ql-Ab1-7")),
    ("book BTCUSDT", Book(symbol="BTCUSDT", levels=10)),
    ("book btcusdt 3", Book(symbol="BTCUSDT", levels=3)),
    ("halt", Halt(reason="halted from the notebook")),
    ("halt the feed looks wrong @ noon # note", Halt(reason="the feed looks wrong @ noon")),
    ("resume checked", Resume(reason="checked")),
    ("status;", Show(what="status")),
    ("status ; # quietly", Show(what="status")),
    ("buy 0.01 BTCUSDT @ 60000;", LIMIT),
    ("halt now;; ", Halt(reason="now;")),
    ("limits", Show(what="limits")),
    ("whatif max_position=1000.50", WhatIf(command=SetLimits(max_position=Decimal("1000.50")))),
    ("decisions", Show(what="decisions")),
    ("decisions 12;", Decision(number=12)),
    (
        "limits max_position=1000.50 Price_Collar = 0.01 max_orders_per_second=3;",
        ChangeLimits(
            command=SetLimits(
                max_position=Decimal("1000.50"), price_collar=Decimal("0.01"), max_orders_per_second=3
            )
        ),
    ),
    ("limits max_price_age_ms=500", ChangeLimits(command=SetLimits(max_price_age_ms=500))),
]

MISTAKES = [
    ("byu 0.01 BTCUSDT", "did you mean buy"),
    ("zzz", "%ql help lists all"),
    ("help byu", "did you mean buy"),
    ("buy", "quantity and a symbol"),
    ("buy 0.01", "quantity and a symbol"),
    ("buy 0.01 BTCUSDT 60000", "the @ before the price is missing; write 0.01 BTCUSDT @ 60000"),
    ("buy BTCUSDT 0.01", "the quantity comes first: 0.01 BTCUSDT"),
    ("buy 0.01 BTCUSDT @", "the price is missing after @"),
    ("buy 0.01 BTCUSDT @ cheap", "price: 'cheap' is not plain decimal text"),
    ("buy 0.01 BTCUSDT @ nan", "price: 'nan' is not plain decimal text"),
    ("buy 1e-3 BTCUSDT", "quantity: '1e-3' is not plain decimal text"),
    ("buy -1 BTCUSDT", "quantity: -1 is not above zero"),
    ("buy 0 BTCUSDT", "quantity: 0 is not above zero"),
    ("buy 1_000 BTCUSDT", "quantity: '1_000' is not plain decimal text"),
    ("buy 0.01 BTC/USDT", "symbol: 'BTC/USDT' is not a symbol"),
    ("buy 0.01 BTCUSDT ioc", "a market order has none"),
    ("buy 0.01 BTCUSDT at 60000", "cannot read 'at'"),
    ("buy 0.01 BTCUSDT @ 60000 day", "cannot read 'day' after the price"),
    ("buy 0.01 BTCUSDT @ 60000 gtc now", "cannot read 'gtc now' after the price"),
    ("buy 100 EUR of BTCUSDT", "BTCUSDT is not quoted in EUR"),
    ("buy 100 USDT of", "the symbol is missing after of"),
    ("buy 100 USDT of BTCUSDT @ 3", "is for market orders"),
    ("order 0.01 BTCUSDT", "say buy or sell first"),
    ("explain", "say buy or sell first"),
    ("sell 1 BTCUSDT stop", "what follows stop is missing"),
    ("sell 1 BTCUSDT stop 5 take 6", "what follows take is missing, or was said before"),
    ("sell 1 BTCUSDT stop low", "stop price: 'low' is not plain decimal text"),
    ("sell 1 BTCUSDT trail 0.5", "what follows trail is missing"),
    ("sell 1 BTCUSDT reduce reduce", "cannot read 'reduce'"),
    ("sell 1 BTCUSDT maker", "a market order has none"),
    ("sell 1 BTCUSDT @ 5 gtc maker", "cannot read 'gtc maker' after the price"),
    ("sell 1 BTCUSDT @ 5 stop 4 maker", "is no maker"),
    ("oco sell 1 BTCUSDT take 110", "where to take the profit and where to stop the loss"),
    ("oco sell 1 BTCUSDT take 110 stop 90 stop 80", "cannot read 'stop'"),
    ("oco sell 1 BTCUSDT take 110 stop", "where to take the profit and where to stop the loss"),
    ("oco 1 BTCUSDT take 110 stop 90", "say buy or sell first"),
    ("bracket buy 1 BTCUSDT take 110 stop 90", "a bracket enters at a price"),
    ("bracket buy 1", "quantity and a symbol"),
    ("amend ql-7", "%ql amend ID QTY"),
    ("amend ql-7 -1", "quantity: -1 is not above zero"),
    ("replace ql-7", "its new quantity or price"),
    ("replace", "its new quantity or price"),
    ("replace ql-7 1 @", "its new quantity or price"),
    ("replace ql-7 1 2", "its new quantity or price"),
    ("replace ql-7 stop", "its new quantity or price"),
    ("replace ql-7 stop 1 take 2", "cannot read 'take'"),
    ("replace ql-7 trail 1.5", "no number of basis points"),
    ("oto buy 1 BTCUSDT @ 100", "say what follows the first order"),
    ("oto then sell 1 BTCUSDT", "say what follows the first order"),
    ("oto buy 1 BTCUSDT then sell 1 BTCUSDT", "the first order of a chain has a price"),
    ("oto buy 1 BTCUSDT @ 100 stop 99 then sell 1 BTCUSDT", "the first order of a chain has a price"),
    ("oto buy 1 BTCUSDT @ 100 then sell 1 ETHUSDT", "both orders of a chain are in one symbol"),
    ("oto buy 1 BTCUSDT @ 100 then sell 1 BTCUSDT reduce", "a list is not reduce-only"),
    ("oto buy 1 BTCUSDT @ 100 then", "say buy or sell first"),
    ("flatten", "%ql flatten SYMBOL|all"),
    ("flatten BTC/USDT", "is not a symbol"),
    ("cancel", "%ql cancel ID|SYMBOL|all"),
    ("cancel a b", "%ql cancel ID|SYMBOL|all"),
    ("book", "%ql book SYMBOL [LEVELS]"),
    ("book BTCUSDT ten", "no number from 1 to 1000"),
    ("book BTCUSDT 0", "no number from 1 to 1000"),
    ("status now", "%ql status takes nothing more"),
    ("limits now", "cannot read 'now': %ql limits NAME=VALUE ..."),
    ("limits max_position 1000", "cannot read 'max_position 1000': %ql limits NAME=VALUE ..."),
    ("limits max_positions=1", "there is no limit 'max_positions'; did you mean max_position?"),
    ("record now", "cannot read 'now': %ql record start [TOPIC ...] [raw] [as NAME]"),
    ("record stop it", "%ql record stop takes nothing more, not 'it'"),
    ("record start market.> as", "the name is missing after as"),
    (
        "limits fee=1",
        "there is no limit 'fee'; there are max_order_notional, max_order_quantity, max_position",
    ),
    ("whatif", "say which limit: %ql whatif NAME=VALUE ..., for example %ql whatif max_position=50000"),
    ("whatif now", "cannot read 'now': %ql whatif NAME=VALUE"),
    ("decisions 0", "cannot read '0': %ql decisions [NUMBER]"),
    ("decisions 1 2", "cannot read '1 2': %ql decisions [NUMBER]"),
    ("limits max_position=1 max_position=2", "max_position is given twice"),
    ("limits max_position=", "max_position: '' is not plain decimal text"),
    ("limits max_position=1e9", "max_position: '1e9' is not plain decimal text"),
    ("limits price_collar=-0.1", "price_collar: -0.1 is not above zero"),
    ("limits max_orders_per_second=2.5", "max_orders_per_second: '2.5' is no whole number above zero"),
    ("limits max_price_age_ms=0", "max_price_age_ms: '0' is no whole number above zero"),
]


@pytest.mark.parametrize(("line", "meaning"), MEANINGS)
def test_a_line_means_one_command(line: str, meaning: Line) -> None:
    """Sides, symbols and times in force in any case; amounts exactly as written."""
    assert parse(line) == meaning


@pytest.mark.parametrize(("line", "says"), MISTAKES)
def test_a_wrong_line_is_one_line_of_usage(line: str, says: str) -> None:
    """A mistake is a UsageError of one line that says how to write it."""
    with pytest.raises(UsageError) as mistake:
        parse(line)

    assert says in str(mistake.value)
    assert "\n" not in str(mistake.value)
    assert mistake.value._render_traceback_() == [f"UsageError: {mistake.value}"]


def test_a_token_on_the_line_is_refused_and_not_repeated() -> None:
    """The cell now holds the token: say so, say to replace it, never echo it."""
    with pytest.raises(UsageError) as refusal:
        parse("arm qlt_S3cretS3cret")

    assert "S3cret" not in str(refusal.value)
    assert "token new" in str(refusal.value)


def test_a_halt_is_never_refused_not_even_for_a_token_in_its_reason() -> None:
    """The token is not repeated either."""
    assert parse("halt qlt_S3cretS3cret leaked, stop!") == Halt(reason="qlt_... leaked, stop!")


def test_help_knows_a_way_to_write_every_subcommand() -> None:
    """Each entry's usage begins with its own name, and nothing that does not exist is listed."""
    assert all(entry.usage.split()[0] == name for name, entry in GRAMMAR.items())
    assert not {"doctor", "replay"} & set(GRAMMAR)


WORDS = st.sampled_from(
    [
        *GRAMMAR,
        "0.01",
        "-1",
        "BTCUSDT",
        "USDT",
        "of",
        "@",
        "60000",
        "ioc",
        "all",
        "#",
        "$",
        "→",
        "nan",
        "9" * 30,
    ]
)


@given(st.lists(WORDS, max_size=7))
def test_any_words_are_a_command_or_a_usage_error(words: list[str]) -> None:
    """No line ends in another kind of error."""
    with contextlib.suppress(UsageError):
        parse(" ".join(words))


@given(
    st.decimals("0.00000001", "1000000", places=8),
    st.decimals("0.01", "1000000", places=2),
    st.sampled_from(["buy", "sell"]),
)
def test_amounts_are_exactly_what_was_written(quantity: Decimal, price: Decimal, side: str) -> None:
    """No digit is lost or made up between the line and the command."""
    placed = parse(f"{side} {quantity:f} BTCUSDT @ {price:f}")

    assert isinstance(placed, Place)
    assert (placed.quantity, placed.price, placed.side) == (quantity, price, side.upper())


def test_learn_shows_models_or_one_and_changes_which_is_in_front() -> None:
    assert parse("learn") == Show(what="learn")
    assert parse("learn up-10s") == Learn(name="up-10s")
    assert parse("learn promote up-10s") == Learn(name="up-10s", change=PromoteModel("up-10s"))
    assert parse("learn rollback up-10s") == Learn(name="up-10s", change=RollBackModel("up-10s"))
    assert parse("learn rollback up-10s BTCUSDT 3") == Learn(
        name="up-10s", change=RollBackModel("up-10s", "BTCUSDT", 3)
    )
    for wrong in ("learn promote a b", "learn rollback a BTCUSDT", "learn rollback a BTCUSDT x", "learn a b"):
        with pytest.raises(UsageError, match="%ql learn"):
            parse(wrong)
