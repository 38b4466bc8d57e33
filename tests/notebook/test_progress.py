"""The line below a cell that says how far a download is."""

from __future__ import annotations

import pytest

from quantlab.market.history import Progress
from quantlab.notebook.progress import ProgressLine, bundle, line, of_download, of_sweep
from quantlab.trading.rails.sweeps import Step


def progress(fraction: float = 0.5, waiting_s: float = 0.0, symbol: str = "BTCUSDT") -> Progress:
    return Progress(
        symbol=symbol, what="1m", fraction=fraction, rows=12_000, requests=10, cached=2, waiting_s=waiting_s
    )


def test_the_line_says_how_far_it_is_and_why_it_waits() -> None:
    assert line(of_download(progress())) == (
        "BTCUSDT 1m [############            ]  50 %  12,000 rows, 10 requests, 2 kept before"
    )
    assert line(of_download(progress(waiting_s=7))).endswith("; waiting 7 s for the venue's limit")
    assert "[" + "#" * 24 + "] 100 %" in line(of_download(progress(1.0)))


def test_its_html_has_a_bar_and_takes_no_markup_from_a_name() -> None:
    shown = bundle(of_download(progress(symbol="<b>X")))["text/html"]

    assert '<progress value="0.500" max="1">' in shown
    assert "&lt;b&gt;X" in shown


def test_a_quick_download_leaves_nothing_behind() -> None:
    """Half a second has to pass first; then there is one line, which changes in place."""
    quick = ProgressLine(of_download)
    quick(progress(1.0))
    quick.close()

    assert quick._display is None


def test_in_a_repeatable_notebook_it_is_shown_once_and_only_where_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long it took: what a cell shows must not hang on the machine's speed."""
    shown = list[dict[str, str]]()
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    swept = ProgressLine(of_sweep, when="end")
    for done in (1, 2, 3):
        swept(Step(done, 3))
    assert shown == []
    swept.close()

    assert [each["text/plain"] for each in shown] == [
        "what if [########################] 100 %  3 of 3 decisions"
    ]
