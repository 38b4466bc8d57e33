"""The ticket's widgets: made here, and dressed for the kind of order that is chosen. Main thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from quantlab.domain.orders import Side, TimeInForce
from quantlab.notebook.controls import AS_LONG, DESCRIBED, TOGGLES, WIDE, text, toolkit
from quantlab.notebook.ticket_fields import EVERY, FIELDS, KINDS, NOTHING_TO_SEND, Fields

if TYPE_CHECKING:
    from quantlab.domain.instrument import Instrument


class Form:
    """The fields and the button.

    Attributes:
        side, symbol, kind, quantity, amount, stop, trailing, price, time_in_force, reduce_only: Widgets,
            each with the name of its field in `Fields`.
        button: Names the order that a click sends.
    """

    def __init__(self) -> None:
        kit = toolkit()
        self.side = kit.ToggleButtons(description="side", options=list(map(str, Side)), style=TOGGLES)
        self.symbol = _choice("symbol", ())
        self.kind = _choice("type", KINDS)
        self.quantity, self.amount = text("quantity", "0.01"), text("quote_quantity", "100")
        self.stop, self.trailing = text("stop_price", "59000"), text("trailing (basis points)", "100")
        self.price = text("price", "60000")
        self.time_in_force = _choice("time_in_force", list(map(str, TimeInForce)))
        self.reduce_only = kit.Checkbox(
            description="reduce-only: deny it where it could trade more than the position",
            indent=False, layout={"width": "auto", "margin": "2px 2px 2px 12.5em"},
        )  # fmt: skip
        self.button = kit.Button(description=NOTHING_TO_SEND, disabled=True, layout=dict(AS_LONG))
        self.inputs: tuple[Any, ...] = (
            self.side, self.symbol, self.kind, *(getattr(self, name) for name in EVERY), self.reduce_only,
        )  # fmt: skip

    def fields(self) -> Fields:
        """What the fields say now (any thread)."""
        return Fields(**{name: getattr(self, name).value for name in Fields.__struct_fields__})

    def observe(self, edited: Callable[[object], None], clicked: Callable[[object], None]) -> None:
        """Tell of each edit and each click, on whatever thread they come."""
        for field in self.inputs:
            field.observe(edited, names="value")
        self.button.on_click(clicked)

    def unobserve(self, edited: Callable[[object], None], clicked: Callable[[object], None]) -> None:
        """Tell no more."""
        self.button.on_click(clicked, remove=True)
        for field in self.inputs:
            field.unobserve(edited, names="value")

    def offer(self, listed: Sequence[str], preferred: str | None) -> bool:
        """List these symbols; what was chosen stays chosen. True where they are others than before."""
        if not listed or tuple(listed) == tuple(self.symbol.options):
            return False
        chosen = self.symbol.value or preferred
        self.symbol.options = tuple(listed)
        self.symbol.value = chosen if chosen in listed else listed[0]
        return True

    def dress(self, instrument: Instrument | None) -> None:
        """Only the fields of this kind of order, each with its unit."""
        shown = FIELDS[self.kind.value]
        for name in EVERY:
            getattr(self, name).layout.display = None if name in shown else "none"
        base, quote = (f" ({instrument.base})", f" ({instrument.quote})") if instrument else ("", "")
        self.quantity.description = f"quantity{base}"
        quoted = {"quote_quantity": self.amount, "stop_price": self.stop, "price": self.price}
        for name, field in quoted.items():
            field.description = f"{name}{quote}"


def _choice(description: str, options: Sequence[str]) -> Any:
    return toolkit().Dropdown(description=description, options=options, style=DESCRIBED, layout=dict(WIDE))
