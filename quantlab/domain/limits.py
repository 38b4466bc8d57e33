"""Limits: what orders may cost, how two sets of them differ, and which of two is the tighter.

Amounts are in the quote asset, unless said.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from quantlab.domain.decimals import exact, plain
from quantlab.domain.unchanging import Unchanging
from quantlab.errors import InvalidField


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Leave to break one of our own limits: which rail, where, until when, and why.

    `symbol` is one symbol, or "*" for all. It ends by itself at `until_ms` (UTC). What the venue asks,
    what is not known and the trading state are never overridden; see `trading.rails`.
    """

    rail: str
    symbol: str
    until_ms: int
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidField("reason", "an override has none", "say why the limit may be broken")
        if type(self.until_ms) is not int or self.until_ms <= 0:
            raise InvalidField("until_ms", "an override must end", "give a time in UTC milliseconds")


class SymbolLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one symbol that take the place of the general ones; None leaves the general one."""

    max_order_notional: Decimal | None = None
    max_order_quantity: Decimal | None = None
    max_position: Decimal | None = None
    price_collar: Decimal | None = None
    window_collar: Decimal | None = None
    max_spread: Decimal | None = None
    max_open_orders: int | None = None

    def __post_init__(self) -> None:
        _require_numbers(self)


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What orders may cost, in one place. `version` grows with each change; see README, "Rails".

    Amounts are in the quote asset, where they count the whole account in the account's currency;
    collars, spread, drawdown and error rate are fractions. A market buy counts as if it paid
    `price_collar` more than the reference. None switches a limit off. Limits that exist are legal.
    """

    version: int = 1
    max_order_notional: Decimal = Decimal(100_000)
    max_order_quantity: Decimal | None = None
    max_position: Decimal = Decimal(250_000)
    max_gross_exposure: Decimal = Decimal(1_000_000)
    max_net_exposure: Decimal = Decimal(1_000_000)
    max_open_orders: int = 500
    max_open_notional: Decimal = Decimal(1_000_000)
    price_collar: Decimal = Decimal("0.05")
    window_collar: Decimal = Decimal("0.1")
    max_spread: Decimal = Decimal("0.05")
    max_price_age_ms: int = 2_000
    max_health_age_ms: int = 5_000
    trade_when_degraded: bool = True
    max_orders_per_second: int = 10
    max_amends_per_second: int = 10
    max_cancels_per_second: int = 100
    min_budget_left: int = 0
    max_identical_orders: int = 10
    identical_window_ms: int = 1_000
    max_repeats: int = 1_000
    repeat_window_ms: int = 60_000
    max_error_rate: Decimal = Decimal("0.5")
    min_answers: int = 10
    stops_before_cooldown: int = 3
    cooldown_ms: int = 300_000
    min_equity: Decimal | None = None
    max_daily_loss: Decimal | None = None
    max_drawdown: Decimal | None = None
    allowed_symbols: tuple[str, ...] = ()
    denied_symbols: tuple[str, ...] = ()
    strategies: dict[str, tuple[str, ...]] = {}
    symbols: dict[str, SymbolLimits] = {}
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        _require_numbers(self)
        for name in TABLES:  # a frozen value, whoever holds it: what decides must not change under it
            table = getattr(self, name)
            if type(table) is not Unchanging:
                msgspec.structs.force_setattr(self, name, Unchanging(table))

    def of(self, symbol: str) -> Limits:
        """These limits as they are for `symbol`."""
        own = self.symbols.get(symbol)
        if own is None:
            return self
        given = {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
        return msgspec.structs.replace(self, **given)

    def looser_own(self, names: Iterable[str]) -> tuple[tuple[str, str, Decimal | int], ...]:
        """Of `names` those of which a symbol has a looser limit of its own: symbol, name, its value."""
        return tuple(
            (symbol, name, value)
            for symbol, own in self.symbols.items()
            for name in names
            if (value := getattr(own, name, None)) is not None and loosens(name, getattr(self, name), value)
        )

    def diff(self, other: Limits) -> tuple[LimitChange, ...]:
        """What `other` has differently, by name; the version is not compared."""
        return tuple(
            LimitChange(name=name, ours=ours, theirs=theirs, looser=loosens(name, ours, theirs))
            for name in self.__struct_fields__
            if name != "version"
            for ours, theirs in ((getattr(self, name), getattr(other, name)),)
            if ours != theirs
        )

    def loosens(self, other: Limits) -> bool:
        """True where `other` lets pass what these limits do not."""
        return any(each.looser for each in self.diff(other))

    def tightest(self, other: Limits) -> Limits:
        """Of each limit the tighter one; where that cannot be told, ours. The version is ours."""
        tighter = {each.name: each.theirs for each in self.diff(other) if not each.looser}
        return msgspec.structs.replace(self, **tighter)


class LimitChange(msgspec.Struct, frozen=True, kw_only=True):
    """One limit that differs between two sets; `looser`: the second lets more pass, for all we can say."""

    name: str
    ours: object
    theirs: object
    looser: bool


TIGHTER_WHEN_HIGHER = frozenset(
    {
        "min_equity", "min_budget_left", "identical_window_ms", "repeat_window_ms", "cooldown_ms",
    }
)  # fmt: skip
"""Of all other numbers the lower one is the tighter."""


def loosens(name: str, ours: object, theirs: object) -> bool:
    """Does `theirs` in place of `ours` let more pass? What cannot be compared counts as looser."""
    if ours == theirs:
        return False
    if theirs is None or ours is None:
        return theirs is None
    if type(ours) is bool:
        return bool(theirs)
    if isinstance(ours, Decimal | int) and isinstance(theirs, Decimal | int):
        return theirs < ours if name in TIGHTER_WHEN_HIGHER else theirs > ours
    match name:
        case "allowed_symbols":
            return bool(ours) and not (theirs and set(theirs) <= set(ours))  # type: ignore[call-overload]
        case "denied_symbols":
            return not set(ours) <= set(theirs)  # type: ignore[call-overload]
        case "overrides":
            return not set(theirs) <= set(ours)  # type: ignore[call-overload]
        case _:
            return True


def _require_numbers(limits: msgspec.Struct) -> None:
    """Every number is exact, finite and not below zero, or `InvalidField` by its name."""
    for name in limits.__struct_fields__:
        value = getattr(limits, name)
        if name in NO_NUMBERS:
            continue
        if value is None:
            if name not in OPTIONAL and isinstance(limits, Limits):
                raise InvalidField(name, "it cannot be switched off", "give a number")
            continue
        if isinstance(value, str):
            raise InvalidField(name, "it is text", "give a Decimal or an int")
        if exact(value, name) < 0:
            raise InvalidField(name, f"{plain(exact(value, name))} is below zero", "give zero or more")


OPTIONAL = frozenset({"max_order_quantity", "min_equity", "max_daily_loss", "max_drawdown"})
"""The limits that are off unless somebody sets them."""
TABLES = ("strategies", "symbols")
NO_NUMBERS = frozenset(
    {"trade_when_degraded", "allowed_symbols", "denied_symbols", "strategies", "symbols", "overrides"}
)
