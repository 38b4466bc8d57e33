"""The engine: builds every part, wires them together, supervises them and stops them."""

from quantlab.engine.root import Engine

__all__ = ["Engine"]
