"""The signed endpoints: every row that its handlers' modules list.

Source: Binance spot REST API, "Trading endpoints" and "Account Endpoints".
"""

from __future__ import annotations

from quantlab.paper.server import account, cancels, history, lists, orders

ENDPOINTS = (
    *orders.ENDPOINTS,
    *cancels.ENDPOINTS,
    *lists.ENDPOINTS,
    *account.ENDPOINTS,
    *history.ENDPOINTS,
)
