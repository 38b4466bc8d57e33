"""What an account holds: balances and positions."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of the account: `free` can be used, `locked` stands in open orders.

    Source: Binance spot REST API, "Account information (USER_DATA)".
    """

    asset: str
    free: Decimal
    locked: Decimal


class AccountPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Balances that may have changed, as the user stream pushes them.

    Source: Binance spot "User Data Streams", `outboundAccountPosition`.
    """

    balances: tuple[Balance, ...]
    event_ms: int
    updated_ms: int


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Something came into the account (`amount` above zero) or went out of it, and no trade was the cause.

    A deposit, a withdrawal, a move between accounts. `time_ms` is when the venue cleared it.

    Source: Binance spot "User Data Streams", `balanceUpdate`.
    """

    asset: str
    amount: Decimal
    event_ms: int
    time_ms: int


class AccountInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The whole account as REST answers it.

    Source: Binance spot REST API, "Account information (USER_DATA)".
    """

    balances: tuple[Balance, ...]
    can_trade: bool
    updated_ms: int
    uid: int = 0


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The net of our own fills in one symbol since the journal of this account began.

    Gross of fees: a fee in the base asset makes the balance smaller than `quantity`.

    `quantity` (base) is positive when long. `average_price` (quote per base) is None when
    flat; `realised` (quote) is profit of closed parts without fees; `fees` by asset.
    """

    symbol: str
    quantity: Decimal
    average_price: Decimal | None
    realised: Decimal
    fees: dict[str, Decimal]


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of one of our orders. Price and `quote_quantity` in the quote asset."""

    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str | None
    is_maker: bool
    client_order_id: str
    order_id: int
    trade_id: int
    time_ms: int
