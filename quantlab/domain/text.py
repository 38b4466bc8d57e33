"""Text from outside, made fit to be shown: it may not steer a terminal or pretend to be another line.

A venue, a file or a paste can hold escape sequences, line ends and marks that reverse the
reading direction. They are shown as escapes, not obeyed.
"""

from __future__ import annotations

import re

STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def printable(text: str) -> str:
    """`text` on one line, with every character that steers instead of being read as an escape."""
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
