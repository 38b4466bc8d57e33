"""Tables: exact money, UTC times, columns also when there is no row."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pandas as pd
import pytest

from quantlab.domain.position import Balance
from quantlab.frames import Rows, frame


def test_money_stays_decimal_and_milliseconds_become_utc() -> None:
    rows = [{"price": Decimal("60000.10"), "time_ms": 1_767_225_600_123}]

    table = frame(rows, columns=["time_ms", "price"], index="time")

    assert table["price"].iloc[0] == Decimal("60000.10")
    assert isinstance(table["price"].iloc[0], Decimal)
    assert table.index[0] == pd.Timestamp("2026-01-01T00:00:00.123Z")


def test_money_is_shown_without_padding_and_stays_equal() -> None:
    """Trailing zeros go, whole numbers keep theirs, and what is no number is shown as it is."""
    padded = ["60000.44000000", "1200.0088000000000000", "60000", "0.00000000", "NaN"]
    table = frame([{"price": Decimal(text)} for text in padded], columns=["price"])

    assert [str(each) for each in table["price"]] == ["60000.44", "1200.0088", "60000", "0", "NaN"]


def test_an_empty_table_has_its_columns() -> None:
    assert list(frame([], columns=["symbol", "time_ms"]).columns) == ["symbol", "time"]


def test_structs_are_rows_too() -> None:
    row = Balance(asset="BTC", free=Decimal(1), locked=Decimal(0))

    assert frame([row], columns=["asset", "free"], index="asset").loc["BTC", "free"] == Decimal(1)


class _Line(msgspec.Struct):
    order_id: int
    trailing_delta: int | None
    done_ms: int | None = None


@pytest.mark.parametrize("deltas", [[], [None], [7], [2**60 + 1, None]])
def test_whole_numbers_stay_whole_also_beside_none(deltas: list[int | None]) -> None:
    """A column of ids or of basis points is no float because one row has none."""
    table = Rows([_Line(1, each) for each in deltas], of=_Line).frame()

    assert (table["order_id"].dtype, table["trailing_delta"].dtype) == ("int64", "Int64")
    assert str(table["done"].dtype).endswith("UTC]")
    assert [None if each is pd.NA else int(each) for each in table["trailing_delta"]] == deltas


def test_a_duration_stays_a_number_of_milliseconds() -> None:
    table = frame(
        [{"as_of_ms": 0, "rtt_ms": 1.5}, {"as_of_ms": 1, "rtt_ms": None}],
        columns=["as_of_ms", "rtt_ms"],
        durations=["rtt_ms"],
    )

    assert table["rtt_ms"].mean() == 1.5
    assert table["as_of"].iloc[0] == pd.Timestamp(0, tz="UTC")
