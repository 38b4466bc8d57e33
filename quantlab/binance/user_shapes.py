"""The wire's shapes of an account's own events, one struct each, and the event each one becomes.

As `stream_shapes`: one letter a field, nothing is rounded and nothing is filled in.

Source: Binance spot "User Data Streams".
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.binance.stream_shapes import MOST_DIGITS, Shape, sound
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.position import AccountPosition, Balance, Transfer
from quantlab.errors import UndecodableReply

NO_ID = ("", "null")  # what the venue writes where there is no original client order id


class StreamTerminated(msgspec.Struct, frozen=True, kw_only=True):
    """The user data subscription has ended, although the connection lives."""

    event_ms: int


class ExecutionShape(Shape, frozen=True, gc=False):
    """`executionReport`. On a cancel `c` is the cancel's own id and `C` the order's."""

    s: str
    i: int
    c: str
    S: str
    o: str
    f: str
    q: Decimal
    p: Decimal
    x: str
    X: str
    r: str
    l: Decimal  # noqa: E741  # the venue's name
    L: Decimal
    z: Decimal
    Z: Decimal
    n: Decimal
    N: str | None
    t: int
    I: int  # noqa: E741  # the venue's name
    m: bool
    E: int
    T: int
    C: str = ""

    def event(self, _symbol: str, _received_ms: int, /) -> ExecutionReport:
        numbers = (self.q, self.p, self.l, self.L, self.z, self.Z, self.n.copy_abs())  # a rebate is negative
        sound(*numbers)
        if any(len(number.as_tuple().digits) > MOST_DIGITS for number in numbers):
            raise UndecodableReply("an execution report has a number of too many digits")
        own_id = self.C if self.x == "CANCELED" and self.C not in NO_ID else self.c
        return ExecutionReport(
            symbol=self.s, order_id=self.i, client_order_id=own_id, side=self.S, type=self.o,
            time_in_force=self.f, quantity=self.q, price=self.p, execution_type=self.x, status=self.X,
            reject_reason=self.r, last_quantity=self.l, last_price=self.L, cumulative_quantity=self.z,
            cumulative_quote=self.Z, commission=self.n, commission_asset=self.N, trade_id=self.t,
            execution_id=self.I, is_maker=self.m, event_ms=self.E, transact_ms=self.T,
        )  # fmt: skip


class BalanceShape(msgspec.Struct, frozen=True, gc=False):
    """One asset of `outboundAccountPosition`."""

    a: str
    f: Decimal
    l: Decimal  # noqa: E741  # the venue's name


class PositionShape(Shape, frozen=True, gc=False):
    """`outboundAccountPosition`."""

    E: int
    u: int
    B: tuple[BalanceShape, ...]

    def event(self, _symbol: str, _received_ms: int, /) -> AccountPosition:
        for each in self.B:
            sound(each.f, each.l)
        balances = tuple(Balance(asset=each.a, free=each.f, locked=each.l) for each in self.B)
        return AccountPosition(balances=balances, event_ms=self.E, updated_ms=self.u)


class TransferShape(Shape, frozen=True, gc=False):
    """`balanceUpdate`."""

    E: int
    a: str
    d: Decimal
    T: int

    def event(self, _symbol: str, _received_ms: int, /) -> Transfer:
        sound(self.d.copy_abs())
        return Transfer(asset=self.a, amount=self.d, event_ms=self.E, time_ms=self.T)


class TerminatedShape(Shape, frozen=True, gc=False):
    """`eventStreamTerminated`."""

    E: int

    def event(self, _symbol: str, _received_ms: int, /) -> StreamTerminated:
        return StreamTerminated(event_ms=self.E)
