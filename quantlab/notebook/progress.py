"""How far a download is, as one line below the cell that changes in place.

Shown only when it takes long enough to wonder, and at most five times a second: a quick answer
leaves nothing behind. Main thread only.
"""

from __future__ import annotations

import html
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantlab.market.history import Progress

AFTER_S = 0.5
EVERY_S = 0.2
WIDTH = 24


class ProgressLine:
    """Call it with each `Progress`; `close` shows the last one."""

    def __init__(self) -> None:
        self._began = self._shown = time.monotonic()
        self._last: Progress | None = None
        self._display: Any = None

    def __call__(self, progress: Progress) -> None:
        """Take the news, and show it where it is time to."""
        self._last = progress
        now = time.monotonic()
        if now - self._began >= AFTER_S and (now - self._shown >= EVERY_S or progress.waiting_s):
            self._shown = now
            self._show(progress)

    def close(self) -> None:
        """The download is over, well or not: what was shown now says where it ended."""
        if self._display is not None and self._last is not None:
            self._show(self._last)

    def _show(self, progress: Progress) -> None:
        from IPython.display import display

        if self._display is None:
            self._display = display(  # type: ignore[no-untyped-call]  # IPython has no types here
                bundle(progress), raw=True, display_id=True
            )
        else:
            self._display.update(bundle(progress), raw=True)


def line(progress: Progress) -> str:
    """ "BTCUSDT 1m [######      ]  50 %  12,000 rows, 12 requests, 0 kept before"."""
    done = int(progress.fraction * WIDTH)
    waits = f"; waiting {progress.waiting_s:g} s for the venue's limit" if progress.waiting_s else ""
    return f"{progress.symbol} {progress.what} [{'#' * done:<{WIDTH}}] {_counts(progress)}{waits}"


def bundle(progress: Progress) -> dict[str, str]:
    """The line as text, and as HTML for browsers."""
    label = html.escape(f"{progress.symbol} {progress.what}")
    waits = f"; waiting {progress.waiting_s:g} s for the venue's limit" if progress.waiting_s else ""
    bar = f'<progress value="{progress.fraction:.3f}" max="1"></progress>'
    shown = f"<div>{label} {bar} {_counts(progress)}{waits}</div>"
    return {"text/plain": line(progress), "text/html": shown}


def _counts(progress: Progress) -> str:
    percent = int(progress.fraction * 100)
    return (
        f"{percent:3d} %  {progress.rows:,} rows, {progress.requests} requests, {progress.cached} kept before"
    )
