"""How far something is, as one line below the cell that changes in place.

Shown only when it takes long enough to wonder, and at most five times a second: a quick answer
leaves nothing behind. Main thread only.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from quantlab.market.history import Progress
    from quantlab.trading.rails.sweeps import Step

P = TypeVar("P")
AFTER_S = 0.5
EVERY_S = 0.2
WIDTH = 24


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One line: what it is, how much of it is done (0 to 1), and how that counts.

    `waits`: why it stands still, and so is shown at once.
    """

    label: str
    fraction: float
    counts: str
    waits: str = ""


class ProgressLine(Generic[P]):
    """Call it with each step; `close` shows the last one.

    Args:
        bar: A step in words.
        when: "slow": only where it takes long. "end": once, when it is over, however long it took; so a
            notebook that is repeatable shows the same each time.
    """

    def __init__(self, bar: Callable[[P], Bar], *, when: str = "slow") -> None:
        self._bar, self._at_end = bar, when == "end"
        self._began = self._shown = time.monotonic()
        self._last: P | None = None
        self._display: Any = None

    def __call__(self, step: P) -> None:
        """Take the news, and show it where it is time to."""
        self._last = step
        now = time.monotonic()
        if self._at_end or now - self._began < AFTER_S:
            return
        if now - self._shown >= EVERY_S or self._bar(step).waits:
            self._shown = now
            self._show(step)

    def close(self) -> None:
        """It is over, well or not: what was shown now says where it ended."""
        if self._last is not None and (self._at_end or self._display is not None):
            self._show(self._last)

    def _show(self, step: P) -> None:
        from IPython.display import display

        shown = bundle(self._bar(step))
        if self._display is None:
            self._display = display(  # type: ignore[no-untyped-call]  # IPython has no types here
                shown, raw=True, display_id=True
            )
        else:
            self._display.update(shown, raw=True)


def of_download(progress: Progress) -> Bar:
    """A download: rows so far, requests, and whether it waits for the venue's limit."""
    return Bar(
        label=f"{progress.symbol} {progress.what}",
        fraction=progress.fraction,
        counts=f"{progress.rows:,} rows, {progress.requests} requests, {progress.cached} kept before",
        waits=f"waiting {progress.waiting_s:g} s for the venue's limit" if progress.waiting_s else "",
    )


def of_sweep(step: Step) -> Bar:
    """A sweep: how many decisions were taken again."""
    return Bar(
        label="what if",
        fraction=step.done / step.total if step.total else 1.0,
        counts=f"{step.done:,} of {step.total:,} decisions",
    )


def line(bar: Bar) -> str:
    """ "BTCUSDT 1m [######      ]  50 %  12,000 rows, 12 requests, 0 kept before"."""
    done = int(bar.fraction * WIDTH)
    return f"{bar.label} [{'#' * done:<{WIDTH}}] {_counts(bar)}"


def bundle(bar: Bar) -> dict[str, str]:
    """The line as text, and as HTML for browsers."""
    drawn = f'<progress value="{bar.fraction:.3f}" max="1"></progress>'
    shown = f"<div>{html.escape(bar.label)} {drawn} {html.escape(_counts(bar))}</div>"
    return {"text/plain": line(bar), "text/html": shown}


def _counts(bar: Bar) -> str:
    waits = f"; {bar.waits}" if bar.waits else ""
    return f"{int(bar.fraction * 100):3d} %  {bar.counts}{waits}"
