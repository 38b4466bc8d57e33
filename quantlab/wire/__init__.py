"""The wire: the thread that talks to the venue, and its hand-off to the loop that thinks."""

from quantlab.wire.call import WireCall
from quantlab.wire.core import Wire, WireFailure
from quantlab.wire.interrupts import Striking, cell_was_interrupted
from quantlab.wire.latch import HaltLatch
from quantlab.wire.masking import Masked

__all__ = [
    "HaltLatch", "Masked", "Striking", "Wire", "WireCall", "WireFailure", "cell_was_interrupted",
]  # fmt: skip
