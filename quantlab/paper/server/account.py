"""Handlers about the account itself: balances, rights, commissions, filters, its count of orders.

Source: Binance spot REST API, "Account information (USER_DATA)", "Query Commission Rates (USER_DATA)",
"Query Unfilled Order Count (USER_DATA)", "Query relevant filters (USER_DATA)".
"""

from __future__ import annotations

from typing import Any

from quantlab.paper.server import render_account, render_info
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.params import Params
from quantlab.paper.server.render import amount
from quantlab.paper.server.session import Session

BASIS_POINTS = 10_000


def account(session: Session, account: str, params: Params) -> Any:
    """Balances and rights of the account."""
    omit = params.boolean("omitZeroBalances", default=False)
    held = session.exchange.balances(account).values()
    fees = session.exchange.fees(account)
    rates = {"maker": fees.maker, "taker": fees.taker, "buyer": fees.buyer, "seller": fees.seller}
    return {
        **{f"{name}Commission": int(rate * BASIS_POINTS) for name, rate in rates.items()},
        "commissionRates": {name: amount(rate) for name, rate in rates.items()},
        "canTrade": session.exchange.may_trade(account),
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": session.users.balance_ms.get(account, session.opened_ms),
        "accountType": "SPOT",
        "balances": [render_account.balance(one) for one in held if not omit or one.free or one.locked],
        "permissions": ["SPOT"],
        "uid": session.uids[account],
    }


def commission(session: Session, account: str, params: Params) -> Any:
    """What the account pays in one symbol."""
    symbol = params.symbol(session.exchange.instruments)
    return render_account.commission(symbol, session.exchange.fees(account, symbol))


def order_count(session: Session, account: str, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    """How many unfilled orders the account has placed in each window."""
    now_ms = session.time_ms
    return [window.rule() | {"count": window.at(now_ms)} for window in session.limits.orders(account)]


def my_filters(session: Session, account: str, params: Params) -> Any:
    """Every filter that an order of the account on one symbol meets."""
    symbol = params.symbol(session.exchange.instruments)
    instrument = session.exchange.instruments[symbol]
    return {
        "exchangeFilters": render_info.exchange_filters(session.exchange.limits),
        "symbolFilters": render_info.filters(session.exchange.rules(symbol)),
        "assetFilters": render_info.asset_filters(session.exchange.most(account), instrument),
    }


ENDPOINTS = (
    Endpoint(account, 20, Security.USER_DATA, "GET /api/v3/account", "account.status"),
    Endpoint(commission, 20, Security.USER_DATA, "GET /api/v3/account/commission", "account.commission"),
    Endpoint(order_count, 40, Security.USER_DATA, "GET /api/v3/rateLimit/order", "account.rateLimits.orders"),
    Endpoint(my_filters, 40, Security.USER_DATA, "GET /api/v3/myFilters", "myFilters"),
)
