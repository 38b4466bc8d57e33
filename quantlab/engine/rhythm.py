"""How often our books are compared with the venue's. Plain numbers."""

from __future__ import annotations

import msgspec

BUSY_SHARE = 0.5  # of the venue's request weight: from there on a look waits for the next one


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How often it is asked whether the books agree, in seconds.

    `every_s` between looks: what the stream lost is found within ten seconds. Each `whole`th look is
    a whole reconciliation, whatever the cheap one would say. `again_s` after a difference, to see
    that it is gone. `trust_s` without an answer, and there is no new risk.
    """

    every_s: float = 9.0
    again_s: float = 1.0
    whole: int = 6
    trust_s: float = 60.0
