"""All tables together, and how their rows become test parameters."""

from __future__ import annotations

from typing import Any

import pytest
from rows import Row
from table_account import ACCOUNT
from table_lists import LISTS
from table_market import GENERAL, MARKET_DATA
from table_orders import ORDERS

PUBLIC = (*GENERAL, *MARKET_DATA)
SIGNED = (*ORDERS, *LISTS, *ACCOUNT)
EVERY = (*PUBLIC, *SIGNED)


def cases(rows: tuple[Row, ...]) -> list[Any]:
    """Every case of every row, named after its endpoint."""
    return [
        pytest.param(row, case, id=f"{row.ws}-{number}")
        for row in rows
        for number, case in enumerate(row.cases)
    ]


def by_name(rows: tuple[Row, ...]) -> list[Any]:
    return [pytest.param(row, id=row.ws) for row in rows]
