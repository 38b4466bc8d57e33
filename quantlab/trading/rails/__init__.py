"""Pre-trade rails: the limits that every order passes before it leaves the kernel.

Pure: no clock, no socket, no bus. A rail reads one `Ask` (a request, an `Exposure`, the `Limits`); the
gateway turns a breach into `OrderDenied`. A rail that lacks an input, or fails, denies with a
reason UNKNOWN_...: never an order on a guess. Amounts are in the quote asset.
"""

from quantlab.trading.causes import TradingState
from quantlab.trading.decision import Decision
from quantlab.trading.exposure import Exposure
from quantlab.trading.rails.catalogue import LIMITED, RAILS, Rail
from quantlab.trading.rails.deciding import decide
from quantlab.trading.rails.gate import Rails

__all__ = ["LIMITED", "RAILS", "Decision", "Exposure", "Rail", "Rails", "TradingState", "decide"]
