"""quantlab: a live trading-research engine inside a Jupyter kernel.

`%load_ext quantlab` starts it. Importing this package must stay cheap: the command line and
the paper venue's process import it too, and neither needs IPython or pandas.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

EXPORTS = {
    "Limits": "quantlab.domain.limits",
    "OrderDenied": "quantlab.errors",
    "Overflow": "quantlab.bus",
    "QuantlabError": "quantlab.errors",
    "Side": "quantlab.domain.orders",
    "TimeInForce": "quantlab.domain.orders",
    "round_price": "quantlab.domain.instrument",
    "round_quantity": "quantlab.domain.instrument",
}
__all__ = [*sorted(EXPORTS), "load_ipython_extension", "unload_ipython_extension"]  # noqa: PLE0604  # names above


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext quantlab`."""
    from quantlab.notebook import extension

    extension.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext quantlab`, and the first half of `%reload_ext quantlab`."""
    from quantlab.notebook import extension

    extension.unload(shell)


def __getattr__(name: str) -> Any:
    """What a notebook imports, loaded when it is first asked for."""
    if name in EXPORTS:
        return getattr(importlib.import_module(EXPORTS[name]), name)
    raise AttributeError(f"module 'quantlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *EXPORTS})
