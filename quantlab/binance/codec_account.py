"""The account's rates, counts, prevented matches and amendments by REST, to values.

Pure, and strict in the same way as `rest_shapes`.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.binance.order_values import Amendment, Commission, OrderCount, PreventedMatch, Rates
from quantlab.binance.rest_shapes import Wire, amount, decode
from quantlab.domain.instrument import ZERO
from quantlab.frames import Rows


class RatesReply(Wire):
    maker: Decimal
    taker: Decimal
    buyer: Decimal = ZERO
    seller: Decimal = ZERO


class DiscountReply(Wire):
    enabled_for_account: bool
    enabled_for_symbol: bool
    discount_asset: str
    discount: Decimal


class CommissionReply(Wire):
    symbol: str
    standard_commission: RatesReply
    special_commission: RatesReply
    tax_commission: RatesReply
    discount: DiscountReply


class TestedReply(Wire):
    standard_commission_for_order: RatesReply
    special_commission_for_order: RatesReply
    tax_commission_for_order: RatesReply
    discount: DiscountReply


class OrderCountReply(Wire):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int


class PreventedReply(Wire):
    symbol: str
    prevented_match_id: int
    taker_order_id: int
    maker_symbol: str
    maker_order_id: int
    trade_group_id: int
    self_trade_prevention_mode: str
    price: Decimal
    transact_time: int
    taker_prevented_quantity: Decimal | None = None
    maker_prevented_quantity: Decimal | None = None


class AmendmentReply(Wire):
    symbol: str
    order_id: int
    execution_id: int
    orig_client_order_id: str
    new_client_order_id: str
    orig_qty: Decimal
    new_qty: Decimal
    time: int


def decode_commission(body: bytes) -> Commission:
    """The account's rates in one symbol."""
    told = decode(body, CommissionReply)
    standard, special, tax = told.standard_commission, told.special_commission, told.tax_commission
    return _commission(told.symbol, standard, special, tax, told.discount)


def decode_tested(body: bytes) -> None:
    """`{}`: the order would have been taken."""
    decode(body, Wire)


def decode_tested_commission(body: bytes, symbol: str) -> Commission:
    """The rates of an order that was only tested."""
    told = decode(body, TestedReply)
    return _commission(
        symbol,
        told.standard_commission_for_order,
        told.special_commission_for_order,
        told.tax_commission_for_order,
        told.discount,
    )


def decode_order_counts(body: bytes) -> Rows[OrderCount]:
    """Unfilled orders in each window."""
    counts = [
        OrderCount(
            kind=each.rate_limit_type,
            window=f"{each.interval_num}{each.interval[:1]}",
            used=each.count,
            limit=each.limit,
        )
        for each in decode(body, tuple[OrderCountReply, ...])
    ]
    return Rows(counts, of=OrderCount, index="window")


def decode_prevented_matches(body: bytes) -> Rows[PreventedMatch]:
    """Prevented matches, oldest first."""
    matches = [
        PreventedMatch(
            symbol=each.symbol,
            prevented_match_id=each.prevented_match_id,
            taker_order_id=each.taker_order_id,
            maker_symbol=each.maker_symbol,
            maker_order_id=each.maker_order_id,
            trade_group_id=each.trade_group_id,
            self_trade=each.self_trade_prevention_mode,
            price=amount(each.price),
            taker_quantity=_maybe(each.taker_prevented_quantity),
            maker_quantity=_maybe(each.maker_prevented_quantity),
            transact_ms=each.transact_time,
        )
        for each in decode(body, tuple[PreventedReply, ...])
    ]
    return Rows(matches, of=PreventedMatch, index="transact")


def decode_amendments(body: bytes) -> Rows[Amendment]:
    """Amendments of one order, oldest first."""
    amendments = [
        Amendment(
            symbol=each.symbol,
            order_id=each.order_id,
            execution_id=each.execution_id,
            original_client_order_id=each.orig_client_order_id,
            new_client_order_id=each.new_client_order_id,
            original_quantity=amount(each.orig_qty),
            new_quantity=amount(each.new_qty),
            time_ms=each.time,
        )
        for each in decode(body, tuple[AmendmentReply, ...])
    ]
    return Rows(amendments, of=Amendment, index="time")


def _commission(
    symbol: str, standard: RatesReply, special: RatesReply, tax: RatesReply, discount: DiscountReply
) -> Commission:
    return Commission(
        symbol=symbol,
        standard=_rates(standard),
        special=_rates(special),
        tax=_rates(tax),
        discount=amount(discount.discount),
        discount_asset=discount.discount_asset,
        discount_for_account=discount.enabled_for_account,
        discount_for_symbol=discount.enabled_for_symbol,
    )


def _rates(rates: RatesReply) -> Rates:
    """A rate below zero is a rebate."""
    return Rates(
        maker=amount(rates.maker, signed=True),
        taker=amount(rates.taker, signed=True),
        buyer=amount(rates.buyer, signed=True),
        seller=amount(rates.seller, signed=True),
    )


def _maybe(number: Decimal | None) -> Decimal | None:
    return None if number is None else amount(number)
