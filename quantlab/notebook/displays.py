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
from quantlab.market.recording.status import RecorderStatus
from quantlab.notebook import views
from quantlab.notebook.outcomes import Cancelled, Several
from quantlab.notebook.recording import recorder
from quantlab.notebook.table import Table
from quantlab.trading.decision import Decision
from quantlab.trading.orders import Order

if TYPE_CHECKING:
    from quantlab.engine import Engine

Bundle = dict[str, str]


def register(formatter: Any, engine: Callable[[], Engine]) -> Callable[[], None]:
    """Teach a shell's display formatter our types; the answer undoes it."""
    bundles, plain = formatter.mimebundle_formatter, formatter.formatters["text/plain"]

    def order(value: Order | OrderAck) -> Table:
        return views.order(value, fills=engine().portfolio.fills)

    renderers: dict[type, Callable[[Any], Table]] = {
        BookView: views.book,
        Decision: views.decision,
        Order: order,
        OrderAck: order,
        OrderSnapshot: views.cancelled,
        Cancelled: views.cancelled,
        Several: views.several,
        RecorderStatus: recorder,
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
        bundles.for_type(type_, show)
    for listed in (Cancelled, Several):  # a list has a plain form of its own, which would win
        plain.for_type(listed, _text)

    def undo() -> None:
        for type_ in (*shown, Handle):
            bundles.pop(type_, None)
        for listed in (Cancelled, Several):
            plain.pop(listed, None)

    return undo


def _text(value: Cancelled | Several, printer: Any, _cycle: object) -> None:
    render = views.several if isinstance(value, Several) else views.cancelled
    printer.text(render(value).text())


def _bundle(render: Callable[[Any], Table], value: object) -> Bundle:
    return render(value).bundle()
