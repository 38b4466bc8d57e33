"""The wire: the thread that talks to the venue, and its hand-off to the loop that thinks."""

from quantlab.wire.call import WireCall
from quantlab.wire.core import Wire, WireFailure
from quantlab.wire.latch import HaltLatch
from quantlab.wire.masking import Masked

__all__ = ["HaltLatch", "Masked", "Wire", "WireCall", "WireFailure"]
