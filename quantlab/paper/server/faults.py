"""What the venue says when it is itself at fault: one answer to the client, one line to its owner.

The client learns nothing of the fault. The line goes to standard error and names the type; a traceback
for each request would bury what matters.

Source: Binance spot "Errors", -1000.
"""

from __future__ import annotations

import logging
import sys

from quantlab.domain.text import printable
from quantlab.paper.exchange import Refused

LONGEST = 300  # characters of the line
INTERNAL = Refused(-1000, "An unknown error occurred while processing the request.")


class _OneLine(logging.Handler):
    """The HTTP library's complaints, each without its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        report(record.getMessage(), error or RuntimeError("no exception"))


LOGGER = logging.getLogger("quantlab.venue")
LOGGER.propagate = False
LOGGER.setLevel(logging.WARNING)
LOGGER.addHandler(_OneLine())


def report(where: str, error: BaseException) -> None:
    """Write the line: where it happened, the type of the error, and what it says."""
    line = printable(f"quantlab venue: {where}: {type(error).__name__}: {error}")
    sys.stderr.write(line[:LONGEST] + "\n")
