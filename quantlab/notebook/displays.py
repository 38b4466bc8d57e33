"""How values of the engine show themselves as the last line of a cell.

IPython is told by type, so that the values stay plain data and know nothing of notebooks.
What it says must be the same text for the same value: no address, no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from quantlab.control.handle import Handle
from quantlab.domain.market import BookView
from quantlab.domain.orders import OrderAck, OrderSnapshot
from quantlab.notebook import views
from quantlab.notebook.table import Table
from quantlab.trading.decision import Decision
from quantlab.trading.orders import Order

if TYPE_CHECKING:
    from quantlab.engine import Engine

Bundle = dict[str, str]


def register(formatter: Any, engine: Callable[[], Engine]) -> Callable[[], None]:
    """Teach a MIME bundle formatter our types; the answer undoes it."""

    def order(value: Order | OrderAck) -> Table:
        return views.order(value, fills=engine().portfolio.fills)

    renderers: dict[type, Callable[[Any], Table]] = {
        BookView: views.book,
        Decision: views.decision,
        Order: order,
        OrderAck: order,
        OrderSnapshot: views.cancelled,
    }

    def handle(value: Handle[Any]) -> Bundle:
        """A handle that succeeded shows its result, any other what became of it."""
        try:
            result = value.result()
        except BaseException:  # noqa: BLE001  # not done, or failed: its own words say which
            result = None
        render = renderers.get(type(result))
        return render(result).bundle() if render else views.message(repr(value)).bundle()

    shown = {each: partial(_bundle, render) for each, render in renderers.items()}
    for type_, show in {**shown, Handle: handle}.items():
        formatter.for_type(type_, show)

    def undo() -> None:
        for type_ in (*shown, Handle):
            formatter.pop(type_, None)

    return undo


def _bundle(render: Callable[[Any], Table], value: object) -> Bundle:
    return render(value).bundle()
