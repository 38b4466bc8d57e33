"""The line below a cell that says how far a download is."""

from __future__ import annotations

from quantlab.market.history import Progress
from quantlab.notebook.progress import ProgressLine, bundle, line


def progress(fraction: float = 0.5, waiting_s: float = 0.0, symbol: str = "BTCUSDT") -> Progress:
    return Progress(
        symbol=symbol, what="1m", fraction=fraction, rows=12_000, requests=10, cached=2, waiting_s=waiting_s
    )


def test_the_line_says_how_far_it_is_and_why_it_waits() -> None:
    assert line(progress()) == (
        "BTCUSDT 1m [############            ]  50 %  12,000 rows, 10 requests, 2 kept before"
    )
    assert line(progress(waiting_s=7)).endswith("; waiting 7 s for the venue's limit")
    assert "[" + "#" * 24 + "] 100 %" in line(progress(1.0))


def test_its_html_has_a_bar_and_takes_no_markup_from_a_name() -> None:
    shown = bundle(progress(symbol="<b>X"))["text/html"]

    assert '<progress value="0.500" max="1">' in shown
    assert "&lt;b&gt;X" in shown


def test_a_quick_download_leaves_nothing_behind(capsys: object) -> None:
    """Half a second has to pass first; then there is one line, which changes in place."""
    quick = ProgressLine()
    quick(progress(1.0))
    quick.close()

    assert quick._display is None
