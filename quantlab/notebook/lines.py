"""What a `%ql` line can ask for, as plain values.

Amounts are exact: quantities in the base asset, prices and `quote_quantity` in the quote asset.
Nothing here is checked against a market; that is for the rails.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.control.commands import PromoteModel, RollBackModel, SetLimits
from quantlab.domain.orders import Side, TimeInForce


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Buy or sell: a limit order when `price` is given, else a market order."""

    side: Side
    symbol: str
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel one order by its client id, all of a symbol, or all there is ("all")."""

    target: str


class Explain(msgspec.Struct, frozen=True, kw_only=True):
    """Ask every rail about an order without sending it."""

    order: Place


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Look at the best `levels` of a book."""

    symbol: str
    levels: int = 10


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Deny every new order from now on."""

    reason: str


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Lift a HALT."""

    reason: str


class Learn(msgspec.Struct, frozen=True, kw_only=True):
    """Show one model's scores, or put another version of it in front."""

    name: str
    change: PromoteModel | RollBackModel | None = None


class ChangeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Put other limits in force."""

    command: SetLimits


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Record `topics` (none: all market data), with raw frames or without, under `name` or the time."""

    topics: tuple[str, ...] = ()
    raw: bool = False
    name: str = ""


class Help(msgspec.Struct, frozen=True, kw_only=True):
    """The list of subcommands, or one of them ("" for all)."""

    subject: str


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """A subcommand that takes nothing: a table to show, or arm and disarm."""

    what: str


Line = Place | Cancel | Explain | Book | Halt | Resume | ChangeLimits | Learn | Record | Help | Show
