"""Limits: legal by construction, versioned, told apart, tightened and loosened, and read from one file."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from railkit import FRESH, LIMITS, breaches, limits, order

from quantlab.control.capability import Scope
from quantlab.control.commands import EndOverride, OverrideLimit, SetLimits
from quantlab.control.overriding import ended, overridden, override_of
from quantlab.control.worth import scope_of
from quantlab.domain.limits import TIGHTER_WHEN_HIGHER, Limits, Override, SymbolLimits, loosens
from quantlab.errors import ConfigError, InvalidField
from quantlab.trading.limitsfile import FILE, limits_at_start, read_limits
from quantlab.trading.rails import LIMITED, RAILS, decide
from quantlab.trading.rails.alerts import Alerts
from quantlab.trading.rails.catalogue import AMEND_RAILS, CANCEL_RAILS, LIST_RAILS, OVERRIDABLE

D = Decimal
NUMBERS = [
    name for name, value in msgspec.structs.asdict(LIMITS).items()
    if isinstance(value, Decimal | int) and type(value) is not bool and name != "version"
]  # fmt: skip


def verdict(rail: str, request: Any = None, exposure: Any = FRESH, within: Limits = LIMITS) -> Any:
    answer = decide(request or order(), exposure, within)
    return next(each for each in answer.verdicts if each.rail == rail)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [D("NaN"), D("Infinity"), D(-1), 0.5, "1", D("1E+30")])
def test_a_limit_that_is_no_exact_number_cannot_be_stated(name: str, value: Any) -> None:
    """By its name, whichever it is."""
    with pytest.raises(InvalidField, match=name):
        msgspec.structs.replace(LIMITS, **{name: value})


def test_a_symbols_own_limit_that_is_looser_is_named() -> None:
    """Whoever tightens the general one hears where it does not hold; a tighter or equal one is not named."""
    own = {
        "BTCUSDT": SymbolLimits(max_position=D(9_000), price_collar=D("0.01")),
        "ETHUSDT": SymbolLimits(max_position=D(5_000)),
    }
    ours = limits(symbols=own, max_position=D(5_000), price_collar=D("0.02"))
    assert ours.looser_own(["max_position", "price_collar", "max_drawdown"]) == (
        ("BTCUSDT", "max_position", D(9_000)),
    )
    assert ours.looser_own(["price_collar"]) == ()


CHANGES: dict[str, tuple[Any, ...]] = {
    "__setitem__": ("X", 1), "__delitem__": ("BTCUSDT",), "__ior__": ({"X": 1},), "update": ({"X": 1},),
    "setdefault": ("X", 1), "pop": ("BTCUSDT", 0), "popitem": (), "clear": (),
}  # fmt: skip


def test_limits_in_force_cannot_be_changed_in_place() -> None:
    """What a cell holds of them are their own tables: to change one takes a command, a scope and a line."""
    tables: dict[str, dict[str, Any]] = {
        "symbols": {"BTCUSDT": SymbolLimits(max_order_notional=D(500))},
        "strategies": {"mine": ("ETHUSDT",)},
    }
    for name, given_ in tables.items():
        ours = limits(**{name: given_})
        for held in (ours, msgspec.structs.replace(ours, version=9), copy.deepcopy(ours), limits()):
            table: dict[str, Any] = getattr(held, name)
            before = dict(table)
            for change, arguments in CHANGES.items():
                with pytest.raises(InvalidField, match="%ql limits"):
                    getattr(table, change)(*arguments)
            assert getattr(held, name) == before
        given_.clear()  # whoever made them keeps no way in either
        assert getattr(ours, name)
        assert msgspec.json.decode(msgspec.json.encode(ours), type=Limits) == ours


def test_every_limit_can_be_set_and_every_rail_of_the_table_has_one() -> None:
    """`%ql limits` knows every number that `Limits` has, and shows no limit that there is not."""
    assert set(SetLimits.__struct_fields__) == set(NUMBERS)
    assert set(LIMITED) <= {rail.__name__ for rail in RAILS}
    assert set(LIMITED.values()) <= set(Limits.__struct_fields__)
    assert set(NUMBERS) >= TIGHTER_WHEN_HIGHER


@pytest.mark.parametrize("name", NUMBERS)
def test_to_loosen_any_limit_takes_admin_and_to_tighten_it_the_scope_limits(name: str) -> None:
    """Whichever way the limit points."""
    now = getattr(LIMITS, name)
    more, less = type(now)(now + 1), type(now)(now * 9 // 10) if type(now) is int else now * D("0.9")
    up, down = SetLimits(**{name: more}), SetLimits(**{name: less})
    looser, tighter = (down, up) if name in TIGHTER_WHEN_HIGHER else (up, down)
    if less != now:
        assert scope_of(looser, LIMITS) is Scope.ADMIN
        assert LIMITS.loosens(msgspec.structs.replace(LIMITS, **looser.changes()))
    assert scope_of(tighter, LIMITS) is Scope.LIMITS
    assert not LIMITS.loosens(msgspec.structs.replace(LIMITS, **tighter.changes()))


def test_an_override_takes_admin_has_a_reason_and_an_end() -> None:
    """And only for limits of our own: what the venue asks or what is not known has none."""
    command = OverrideLimit(rail="max_position", symbol="*", until_ms=5, reason="a hedge")
    assert scope_of(command, LIMITS) is Scope.ADMIN
    assert override_of(command, 1) == Override(rail="max_position", symbol="*", until_ms=5, reason="a hedge")
    times = ({"until_ms": each} for each in (0, 1, 24 * 3_600_000 + 2))
    others = (
        {"reason": " "},
        {"symbol": ""},
        {"symbol": 5},  # a line of the journal that no later kernel could read
        {"symbol": "btcusdt"},  # it would count nowhere
        {"reason": 5},
        {"rail": "daily_loss", "symbol": "BTCUSDT"},
        {"rail": "order_shape"},
        {"rail": "trading_state"},
    )
    for bad in (*times, *others):
        with pytest.raises(InvalidField):
            override_of(msgspec.structs.replace(command, **bad), 1)
    pasted = msgspec.structs.replace(command, reason="a  hedge\nqlt_" + "a1" * 30 + " " + "x" * 999)
    kept = override_of(pasted, 1).reason  # it is in every verdict, and in the journal as a kept value
    assert (kept[:17], "qlt_a1" in kept, len(kept)) == ("a hedge qlt_... x", False, 200)
    earlier = overridden(LIMITS, msgspec.structs.replace(command, until_ms=3), 1)
    assert [each.until_ms for each in overridden(earlier, command, 4).overrides] == [5]  # the old one is over
    assert LIMITS.loosens(overridden(LIMITS, command, 1))
    assert not overridden(LIMITS, command, 1).loosens(LIMITS)


def test_an_override_takes_the_place_of_an_older_one_and_can_be_ended() -> None:
    """By rail and symbol; to end one is to tighten, and one that is not there has no end."""
    command = OverrideLimit(rail="max_position", symbol="*", until_ms=50, reason="a hedge")
    elsewhere = msgspec.structs.replace(command, symbol="BTCUSDT")
    both = overridden(overridden(LIMITS, elsewhere, 1), command, 1)
    shorter = overridden(both, msgspec.structs.replace(command, until_ms=9), 2)
    assert [(each.symbol, each.until_ms) for each in shorter.overrides] == [("BTCUSDT", 50), ("*", 9)]

    end = EndOverride(rail="max_position", symbol="*")
    left = ended(shorter, end, 3)
    assert ([each.symbol for each in left.overrides], left.version) == (["BTCUSDT"], shorter.version + 1)
    assert scope_of(end, LIMITS) is Scope.LIMITS
    assert not shorter.loosens(left)
    for limits_, now_ms in ((left, 3), (shorter, 9)):  # never there, and over by itself
        with pytest.raises(InvalidField, match="is not overridden"):
            ended(limits_, end, now_ms)


def test_an_override_counts_in_its_symbol_until_its_end_and_is_told() -> None:
    """One rail, one symbol; the verdict says above the limit, and why it passes."""
    large, leave = (
        order("2"),
        Override(rail="max_order_notional", symbol="BTCUSDT", until_ms=1_000_001, reason="why"),
    )
    assert breaches(large) == ["max_order_notional"]
    assert breaches(large, limits=limits(overrides=(leave,))) == []
    shown = verdict("max_order_notional", large, within=limits(overrides=(leave,)))
    assert (shown.allowed, shown.reason) == (True, "above the limit; overridden: why")
    for changes in ({"until_ms": 1_000_000}, {"symbol": "ETHUSDT"}, {"rail": "max_position"}):
        other = msgspec.structs.replace(leave, **changes)
        assert breaches(large, limits=limits(overrides=(other,))) == ["max_order_notional"]
    no_clock = msgspec.structs.replace(FRESH, now_ms=None)
    assert breaches(large, no_clock, limits(overrides=(leave,))) == ["max_order_notional"]
    words = Override(rail="allowed_symbol", symbol="*", until_ms=2_000_000, reason="why")
    assert breaches(order(), limits=limits(denied_symbols=("BTCUSDT",), overrides=(words,))) == []


def test_what_is_not_known_is_never_overridden() -> None:
    """An override is leave to break a number, not to guess one."""
    leaves = tuple(
        Override(rail=rail.__name__, symbol="*", until_ms=2_000_000, reason="all") for rail in OVERRIDABLE
    )
    blind = msgspec.structs.replace(FRESH, account=None, book=None, pace=None)
    denied = {each.rail: each.reason for each in decide(order(), blind, limits(overrides=leaves)).breaches}
    assert {"spread", "max_open_notional", "repeated_execution"} <= set(denied)
    assert all(reason.startswith("UNKNOWN_") for reason in denied.values())


def test_a_symbol_has_limits_of_its_own() -> None:
    """In place of the general ones, and in no other symbol."""
    tight = limits(symbols={"BTCUSDT": SymbolLimits(max_order_notional=D(100), max_open_orders=2)})
    assert breaches(order("0.002"), limits=tight) == ["max_order_notional", "max_open_orders"]
    other = limits(symbols={"ETHUSDT": SymbolLimits(max_order_notional=D(100))})
    assert breaches(order("0.002"), limits=other) == []


def test_two_sets_are_told_apart_by_name() -> None:
    """What changed, from what to what, and whether that lets more pass."""
    other = limits(max_position=D(1), min_equity=D(1), max_order_quantity=None, version=7)
    told = {each.name: (each.ours, each.theirs, each.looser) for each in LIMITS.diff(other)}
    assert told == {
        "max_position": (D(250_000), D(1), False),
        "min_equity": (D(10_000), D(1), True),
        "max_order_quantity": (D(80), None, True),
    }
    assert LIMITS.diff(LIMITS) == ()


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "looser"),
    [
        ("allowed_symbols", (), ("A",), False), ("allowed_symbols", ("A",), (), True),
        ("allowed_symbols", ("A", "B"), ("A",), False), ("allowed_symbols", ("A",), ("B",), True),
        ("denied_symbols", ("A",), ("A", "B"), False), ("denied_symbols", ("A",), ("B",), True),
        ("trade_when_degraded", True, False, False), ("trade_when_degraded", False, True, True),
        ("max_daily_loss", None, D(1), False), ("max_daily_loss", D(1), None, True),
        ("symbols", {}, {"A": SymbolLimits()}, True),
    ],
)  # fmt: skip
def test_lists_and_switches_have_a_direction_too(name: str, ours: Any, theirs: Any, looser: bool) -> None:
    """What cannot be compared counts as looser."""
    assert loosens(name, ours, theirs) is looser


@given(st.tuples(*[st.integers(1, 10**6)] * 2))
def test_the_tightest_of_two_sets_denies_what_either_does(values: tuple[int, int]) -> None:
    """Each way round."""
    one, two = (limits(max_order_notional=D(each), min_equity=D(each)) for each in values)
    for tight in (one.tightest(two), two.tightest(one)):
        assert (tight.max_order_notional, tight.min_equity) == (min(values), max(values))


GOOD = """
max_position = "50000.5"
price_collar = 0.02
max_daily_loss = 100
allowed_symbols = ["BTCUSDT", "ETHUSDT"]
[symbols.ETHUSDT]
max_order_notional = 5000
"""


def test_a_file_states_what_differs_from_the_defaults(tmp_path: Path) -> None:
    """Exactly: a TOML number is its text, never a float."""
    (tmp_path / FILE).write_text(GOOD)
    read = read_limits(tmp_path / FILE)
    assert (read.max_position, read.price_collar, read.max_daily_loss) == (D("50000.5"), D("0.02"), D(100))
    assert read.of("ETHUSDT").max_order_notional == D(5_000)
    assert read.of("BTCUSDT").max_order_notional == Limits().max_order_notional
    assert read.allowed_symbols == ("BTCUSDT", "ETHUSDT")
    assert limits_at_start(tmp_path, None) == read
    assert limits_at_start(tmp_path / "elsewhere", None) == Limits()


@pytest.mark.parametrize(
    "text",
    [
        "max_positon = 1", "max_position = 1e5", "max_position = nan", "max_position = -1", "version = 3",
        "max_position = true", "[symbols.BTCUSDT]\nmax_leverage = 2", "overrides = []", "max_position =",
        'max_position = "1e5"', "max_orders_per_second = 1.5", "max_drawdown = inf",
    ],
)  # fmt: skip
def test_a_file_with_anything_else_is_refused_whole(tmp_path: Path, text: str) -> None:
    """R10: A typo must not leave a limit where it was."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError):
        read_limits(tmp_path / FILE)
    with pytest.raises(ConfigError):
        limits_at_start(tmp_path, None)


@pytest.mark.parametrize("mode", [0o622, 0o606, 0o662])
def test_r10_a_file_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """R10: to read it is no harm; who may write it may loosen every limit."""
    path = tmp_path / FILE
    path.write_text(GOOD)
    path.chmod(0o644)
    assert limits_at_start(tmp_path, None).max_position == D("50000.5")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="others may write"):
        limits_at_start(tmp_path, None)


def test_a_file_loosens_nothing_that_was_tightened_in_a_session(tmp_path: Path) -> None:
    """R10: Of both the tighter; without a file what was set stands."""
    left = msgspec.structs.replace(Limits(), max_position=D(100), max_order_notional=D(10**6), version=4)
    assert limits_at_start(tmp_path, left) == left
    (tmp_path / FILE).write_text("max_position = 5000\nmax_order_notional = 700")
    both = limits_at_start(tmp_path, left)
    assert (both.max_position, both.max_order_notional, both.version) == (D(100), D(700), 4)


def test_an_override_outlives_a_restart_beside_a_file(tmp_path: Path) -> None:
    """A file cannot say anything of overrides, so it ends none."""
    leave = Override(rail="max_position", symbol="*", until_ms=50, reason="a hedge")
    (tmp_path / FILE).write_text("max_position = 5000")
    both = limits_at_start(tmp_path, msgspec.structs.replace(Limits(), overrides=(leave,)))
    assert (both.overrides, both.max_position) == ((leave,), D(5000))


def test_limits_alert_once_at_each_step_and_again_after_they_fell() -> None:
    """At 50, 80 and 95 %: the first order that comes there says so."""
    alerts = Alerts()

    def said(quantity: str) -> list[tuple[str, int]]:
        decision = decide(order(quantity), FRESH, limits(max_position=D(10**6), max_open_notional=D(10**6)))
        found = alerts.of("BTCUSDT", decision, 1)
        return [(each.limit_name, each.percent) for each in found if each.rail == "max_order_notional"]

    assert said("0.8") == []
    assert said("0.834") == [("max_order_notional", 50)]
    assert said("1.3") == []
    assert said("1.334") == [("max_order_notional", 80)]
    assert said("1.667") == [("max_order_notional", 95)]
    assert said("1.4") == []
    assert said("1.667") == [("max_order_notional", 95)]
    assert said("0.1") == []
    assert said("1.6") == [("max_order_notional", 95)]


@given(
    sizes=st.lists(
        st.sampled_from(["0.01", "0.79", "0.8", "0.834", "1.3", "1.334", "1.4", "1.6"]), max_size=12
    )
)
@example(sizes=["0.834", "0.8", "0.01", "0.834"])
def test_alerts_that_reckon_only_when_a_step_changed_say_what_others_would(sizes: list[str]) -> None:
    """As if every verdict were looked at after every order, one that was decided rail by rail among them."""
    alerts, said, within = Alerts(), dict[str, int](), limits(max_net_exposure=D(200_000))
    for number, size in enumerate(sizes):
        decision = decide(order(size), FRESH, within, RAILS if number % 5 == 4 else None)
        expected = []
        assert decision.allowed
        for each in decision.verdicts:
            part, whole = (each.limit, each.used) if each.at_least else (each.used, each.limit)
            if each.rail not in LIMITED or part is None or not whole:
                continue
            percent, before = part * 100 / whole, said.get(each.rail, 0)
            step = max((level for level in (50, 80, 95) if percent >= level), default=0)
            if step > before:
                expected.append((each.rail, step))
            if step > before or percent < before - 5:
                said[each.rail] = step
        found = alerts.of("BTCUSDT", decision, number)
        assert sorted((each.rail, each.percent) for each in found) == sorted(expected)


def test_the_readme_names_every_rail_and_every_limit_with_its_default() -> None:
    """The table that people read is the one that is in force."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = text.split("\n### Rails\n")[1].split("\n### ")[0]
    for rail in (*RAILS, *LIST_RAILS, *AMEND_RAILS, *CANCEL_RAILS):
        assert f"`{rail.__name__}`" in section
    for name in NUMBERS:
        value = getattr(Limits(), name)
        said = section.split(f"`{name}`")[1:]
        assert said, name
        assert value is None or any(each.lstrip().startswith(f"({value})") for each in said), name
