"""What must outlive a restart is a line of the journal before the next order is."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from quantlab.errors import JournalCorrupt
from quantlab.trading.journal import Journal, read
from quantlab.trading.kept import Kept
from quantlab.trading.recovery import recovered

JournalAt = Callable[..., Journal]


class Window(msgspec.Struct, frozen=True):
    """Something with an amount in it."""

    since_ms: int
    amount: Decimal


def test_what_was_kept_is_there_in_the_next_session(journal_at: JournalAt, tmp_path: Path) -> None:
    """The last value of each name, exact, and of the kind it is asked for as; what was forgotten is not."""
    journal = journal_at(thread=False)
    kept = Kept(journal)
    kept.put("equity.peak", Decimal("100000.00000001"))
    kept.put("equity.peak", Decimal("100000.00000002"))
    kept.put("window", Window(5, Decimal("0.10")))
    kept.put("cooldowns", {"BTCUSDT": 7})
    kept.put("gone", [1, 2])
    kept.forget("gone")
    kept.forget("never there")
    journal.close()

    left = recovered(read(tmp_path / "one.journal"))
    again = Kept(journal, left.kept)
    assert again.get("equity.peak", Decimal, Decimal(0)) == Decimal("100000.00000002")
    assert again.get("window", Window, Window(0, Decimal(0))) == Window(5, Decimal("0.10"))
    assert again.get("cooldowns", dict[str, int], {}) == {"BTCUSDT": 7}
    assert again.get("gone", list[int], []) == []
    assert sorted(again.keys()) == ["cooldowns", "equity.peak", "window"]


def test_an_equal_value_writes_no_line(journal_at: JournalAt) -> None:
    """Also after a restart: what is kept already need not be said again."""
    journal = journal_at(thread=False)
    kept = Kept(journal, {"peak": "7.5"})
    lines = journal.seq
    assert not kept.put("peak", Decimal("7.5"))
    assert journal.seq == lines
    assert kept.put("peak", Decimal("7.6"))
    assert journal.seq == lines + 1


def test_a_value_of_another_shape_is_refused_by_its_name(journal_at: JournalAt) -> None:
    """Nothing is guessed in the place of what another version wrote."""
    kept = Kept(journal_at(thread=False), {"peak": "much"})
    with pytest.raises(JournalCorrupt, match="peak"):
        kept.get("peak", Decimal, Decimal(0))
