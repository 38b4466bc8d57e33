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
    """Buy or sell: a limit order when `price` is given, else a market order.

    With `stop` (quote asset) or `trailing` (basis points) it waits for that first.
    """

    side: Side
    symbol: str
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    stop: Decimal | None = None
    trailing: int | None = None
    take_profit: bool = False
    post_only: bool = False
    reduce_only: bool = False


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two exits of which the first to trade ends the other."""

    side: Side
    symbol: str
    quantity: Decimal
    take_profit: Decimal
    stop_loss: Decimal
    stop_limit: Decimal | None = None


class Bracket(Pair, frozen=True, kw_only=True):
    """An entry at `price` of `side`, and its two exits, once it is filled."""

    price: Decimal


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """`first`, a limit order, and `then`, which is placed once the first is filled."""

    first: Place
    then: Place

    @property
    def symbol(self) -> str:
        return self.first.symbol


class Amend(msgspec.Struct, frozen=True, kw_only=True):
    """Make an order smaller: `quantity` in all."""

    client_order_id: str
    quantity: Decimal


class Replace(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel an order and send it anew; None stays as it is."""

    client_order_id: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop: Decimal | None = None
    trailing: int | None = None


class Flatten(msgspec.Struct, frozen=True, kw_only=True):
    """Trade a position to zero, or every one (None)."""

    symbol: str | None


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel one order by its client id, all of a symbol, or all there is ("all")."""

    target: str


class Explain(msgspec.Struct, frozen=True, kw_only=True):
    """Ask every rail about an order, or a list of them, without sending it."""

    order: Place | Pair | Chain


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Look at the best `levels` of a book."""

    symbol: str
    levels: int = 10


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """Let the cell that was held back last send its orders once more, or every cell."""

    every: bool


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


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Let a limit be broken in a symbol ("*": in all) for so many minutes; without minutes end that."""

    rail: str
    symbol: str
    minutes: int = 0
    reason: str = ""


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """Take every decision again, with these limits changed in those that it was taken under."""

    command: SetLimits


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Show one decision by its number, with every rail's answer."""

    number: int


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Show what is being recorded (""), or "start", "stop", "list".

    To start: these `topics` (none: all market data), with raw frames or without, under `name` or the time.
    """

    what: str = ""
    topics: tuple[str, ...] = ()
    raw: bool = False
    name: str = ""


class Help(msgspec.Struct, frozen=True, kw_only=True):
    """The list of subcommands, or one of them ("" for all)."""

    subject: str


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """A subcommand that takes nothing: a table to show, or arm and disarm."""

    what: str


Trade = Place | Pair | Bracket | Chain | Amend | Replace | Flatten
Look = Explain | Book | Help | Show
Line = (
    Trade
    | Cancel
    | Again
    | Halt
    | Resume
    | ChangeLimits
    | Override
    | Learn
    | Record
    | WhatIf
    | Decision
    | Look
)
