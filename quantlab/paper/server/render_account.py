"""How an account looks on the wire: its balances, its past and its commissions, and its own events.

Values in, JSON-ready dicts out; nothing is decided here. An event's conditional fields are there
exactly where the document says so.

Source: Binance spot REST API, "Account Endpoints"; "User Data Streams".
"""

from __future__ import annotations

from quantlab.domain.position import Balance
from quantlab.paper.events import BalanceChange, BalanceDelta, Execution, ExecutionType, ListChange
from quantlab.paper.orders import Amendment, Fees, OrderState, OwnTrade, PreventedMatch
from quantlab.paper.server.render import NONE, Json, amount
from quantlab.paper.server.render_orders import NOT_YET, contingency, quantities

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
DISCOUNT_ASSET = "BNB"
NO_GROUP = -1  # of accounts that self-trade prevention takes for one


def balance(one: Balance) -> Json:
    return {"asset": one.asset, "free": amount(one.free), "locked": amount(one.locked)}


def account_trade(trade: OwnTrade) -> Json:
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": trade.order_list_id,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.quote_quantity),
        "commission": amount(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side == "BUY",
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def amendment(one: Amendment) -> Json:
    return {
        "symbol": one.symbol,
        "orderId": one.order_id,
        "executionId": one.execution_id,
        "origClientOrderId": one.original_client_order_id,
        "newClientOrderId": one.new_client_order_id,
        "origQty": amount(one.original_quantity),
        "newQty": amount(one.new_quantity),
        "time": one.time_ms,
    }


def prevented_match(one: PreventedMatch) -> Json:
    return {
        "symbol": one.symbol,
        "preventedMatchId": one.prevented_match_id,
        "takerOrderId": one.taker_order_id,
        "makerSymbol": one.symbol,
        "makerOrderId": one.maker_order_id,
        "tradeGroupId": NO_GROUP,
        "selfTradePreventionMode": one.mode,
        "price": amount(one.price),
        **quantities(one),
        "transactTime": one.time_ms,
    }


def commission(symbol: str, fees: Fees) -> Json:
    """The rates of one symbol. This venue takes the standard commission only."""
    sides: Json = {"buyer": amount(fees.buyer), "seller": amount(fees.seller)}
    nothing = {"maker": NONE, "taker": NONE, "buyer": NONE, "seller": NONE}
    return {
        "symbol": symbol,
        "standardCommission": _rates(fees) | sides,
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": _discount(fees),
    }


def commission_for_order(fees: Fees) -> Json:
    """The rates of an order that is only tested."""
    nothing = {"maker": NONE, "taker": NONE}
    return {
        "standardCommissionForOrder": _rates(fees),
        "specialCommissionForOrder": nothing,
        "taxCommissionForOrder": nothing,
        "discount": _discount(fees),
    }


def _rates(fees: Fees) -> Json:
    return {"maker": amount(fees.maker), "taker": amount(fees.taker)}


def _discount(fees: Fees) -> Json:
    enabled = fees.discount_asset is not None
    return {
        "enabledForAccount": enabled,
        "enabledForSymbol": enabled,
        "discountAsset": fees.discount_asset or DISCOUNT_ASSET,
        "discount": amount(fees.discount),
    }


# --- events


def execution_report(one: Execution) -> Json:
    """`executionReport`: after a cancel or an amendment, `C` is the id that the order had before."""
    order = one.order
    cancel = one.execution_type is ExecutionType.CANCELED
    report: Json = {
        "e": "executionReport", "E": one.time_ms, "s": order.symbol,
        "c": one.cancel_client_order_id if cancel else order.client_order_id,
        "S": order.side, "o": order.type, "f": order.time_in_force, "q": amount(order.quantity),
        "p": amount(order.price), "P": amount(order.stop_price),
    }  # fmt: skip
    if order.trailing_delta is not None:
        report["d"] = order.trailing_delta
        report["D"] = NOT_YET if order.trailing_ms is None else order.trailing_ms
    report |= {"F": NONE, "g": order.order_list_id}
    report["C"] = order.client_order_id if cancel else one.original_client_order_id
    if order.strategy_id is not None:
        report["j"] = order.strategy_id
    if order.strategy_type is not None:
        report["J"] = order.strategy_type
    report |= {
        "x": one.execution_type.value, "X": order.status, "r": one.reject_reason,
        "i": order.order_id, "l": amount(one.last_quantity), "z": amount(order.executed_quantity),
        "L": amount(one.last_price), "n": amount(one.commission) if one.commission_asset else "0",
        "N": one.commission_asset, "T": one.time_ms, "t": one.trade_id,
    }  # fmt: skip
    if order.prevented_match_id is not None:
        report["v"] = order.prevented_match_id
    report |= {
        "I": one.execution_id, "w": order.is_working and order.status in OPEN, "m": one.is_maker,
        "M": False, "O": order.created_ms, "Z": amount(order.executed_quote),
        "Y": amount(one.last_price * one.last_quantity), "Q": amount(order.quote_quantity),
    }  # fmt: skip
    if order.working_ms is not None:
        report["W"] = order.working_ms
    report["V"] = order.prevention
    return report | _prevention(one, order) | ({"eR": order.expiry_reason} if order.expiry_reason else {})


def _prevention(one: Execution, order: OrderState) -> Json:
    """What self-trade prevention took: `A` of the order so far, the others of this one event."""
    if order.prevented_match_id is None:
        return {}
    shown: Json = {"A": amount(order.prevented_quantity)}
    if one.execution_type is ExecutionType.TRADE_PREVENTION:
        price, quantity = one.prevented_price, one.prevented_execution
        shown |= {
            "B": amount(one.last_prevented), "u": NO_GROUP, "U": one.counter_order_id, "Cs": order.symbol,
            "pl": amount(quantity), "pL": amount(price), "pY": amount(price * quantity),
        }  # fmt: skip
    return shown


def account_position(change: BalanceChange) -> Json:
    return {
        "e": "outboundAccountPosition", "E": change.time_ms, "u": change.time_ms,
        "B": [{"a": one.asset, "f": amount(one.free), "l": amount(one.locked)} for one in change.balances],
    }  # fmt: skip


def balance_update(change: BalanceDelta) -> Json:
    """`balanceUpdate`: a transfer, not a trade. `d` has a sign."""
    return {
        "e": "balanceUpdate", "E": change.time_ms, "a": change.asset, "d": amount(change.delta),
        "T": change.time_ms,
    }  # fmt: skip


def list_status(change: ListChange) -> Json:
    """`listStatus`: beside the reports of the list's orders, whenever the list itself changes."""
    one = change.order_list
    return {
        "e": "listStatus", "E": one.time_ms, "s": one.symbol, "g": one.order_list_id,
        "c": contingency(one), "l": one.status_type, "L": one.order_status, "r": "NONE",
        "C": one.list_client_order_id, "T": one.time_ms,
        "O": [{"s": one.symbol, "i": number, "c": client_id} for number, client_id in one.orders],
    }  # fmt: skip
