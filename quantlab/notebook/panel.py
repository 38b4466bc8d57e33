"""`ql.panel()`: health, orders, subscriptions, limits, rails and the ticket in tabs, kept up to date.

It looks and hands over, and decides nothing. What is visible is read anew about once a second on the
kernel's loop, and bears the time at which it was: while a cell blocks that time stands still. Only
HALT waits for nothing: it goes to the desk from whatever thread it was clicked on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from quantlab.errors import QuantlabError
from quantlab.notebook import pages, views
from quantlab.notebook.controls import AS_LONG, Home, Page, as_addressed, close, toolkit
from quantlab.notebook.faces import WIDGET_VIEW
from quantlab.notebook.namespace import BusFace
from quantlab.notebook.rails_face import RailsFace
from quantlab.notebook.table import Table
from quantlab.notebook.ticket import Ticket

if TYPE_CHECKING:
    from quantlab.engine import Engine

PERIOD_S = 1.0
ALIVE = ("new", "starting", "running")
REASON = "halted from the panel"
HALT_TEXT = "HALT: no new order, cancel what is open"
CLOSED = Table(notes=("this panel was closed; ql.panel() makes a new one",))


def _orders(engine: Engine) -> Sequence[Table]:
    return [pages.open_orders(engine.orders.open()), pages.last_fills(engine.portfolio.fills)]


def _subscriptions(engine: Engine) -> Sequence[Table]:
    return [BusFace(lambda: engine, str).table()]


def _client_limits(engine: Engine) -> Sequence[Table]:
    health = engine.health.snapshot
    offset_ms = health.clock_offset_ms if health else None
    return [pages.client_limits(engine.client_limits, now_ms=engine.clock.now_ms() + round(offset_ms or 0))]


def _rails(engine: Engine) -> Sequence[Table]:
    return [RailsFace(lambda: engine).table()]


HEALTH = "health"  # the first tab, a widget that shows itself
PAGES: dict[str, Callable[[Engine], Sequence[Table]]] = {
    "orders and fills": _orders,
    "subscriptions": _subscriptions,
    "client limits": _client_limits,
    "rails usage": _rails,
}
TICKET = "order ticket"


class Panel:
    """One panel, shown as often as one likes. Made and used on the main thread.

    Args:
        engine: The engine of this moment; a reload or another mode replaces it.
        health: The widget of the first tab; it shows itself, and stays its owner's.

    Attributes:
        widget: What is shown: HALT, the status, and the tabs.
        ticket: The order ticket.
        closed: True once `close` was called.
    """

    def __init__(self, engine: Callable[[], Engine], health: Any) -> None:
        kit = toolkit()
        self.closed = False
        self._engine, self._health = engine, health
        self._home = Home()
        self._shown = False
        self._timer: asyncio.TimerHandle | None = None
        self._static = Table()
        self._head = Page()
        self._pages = {title: Page("not read yet") for title in PAGES}
        self.ticket = Ticket(engine, self._home)
        self.halt_button = kit.Button(description=HALT_TEXT, button_style="danger", layout=dict(AS_LONG))
        read = [each.widget for each in self._pages.values()]
        self.tab = kit.Tab(
            [health, *read, self.ticket.widget],
            titles=[HEALTH, *PAGES, TICKET],
            selected_index=0,
        )
        self.widget = kit.VBox([kit.HBox([self.halt_button, self._head.widget]), self.tab], _view_count=0)
        as_addressed(self.widget)
        self.halt_button.on_click(self._on_halt)
        self.tab.observe(self._on_tab, names="selected_index")
        self.widget.observe(self._on_views, names="_view_count")
        self.refresh()

    def refresh(self) -> None:
        """Read the status and the visible page anew, now."""
        if self.closed:
            return
        engine = self._engine()
        engine.catch_up()
        as_of = pages.as_of(engine.clock)
        self._static = pages.static(engine)
        self._head.show(as_of, pages.headline(engine))
        title = self.tab.titles[self.tab.selected_index or 0]
        if title == TICKET:
            self.ticket.refresh()
        elif title in PAGES:
            self._pages[title].show(as_of, *_read(PAGES[title], engine))

    def wake(self) -> None:
        """Go on refreshing, where it is shown and the engine that was gone is another one now."""
        if self._shown and self._timer is None and not self.closed:
            self._tick()

    def close(self) -> None:
        """Stop refreshing and close every widget of it. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        self.ticket.close()
        self.halt_button.on_click(self._on_halt, remove=True)
        close(self.widget, spare=self._health)

    def __repr__(self) -> str:
        return self._fallback().text()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002
        if self.closed:
            return dict(CLOSED.bundle())
        bundle: dict[str, Any] = dict(self._fallback().bundle())
        self._home.post(self._on_display)
        return bundle | {WIDGET_VIEW: self.widget.get_view_spec()}

    def _fallback(self) -> Table:
        if self.closed:
            return CLOSED
        if self._home.is_here:
            self.refresh()
        return self._static

    # -- on any thread

    def _on_halt(self, _button: object) -> None:
        self._engine().halt(REASON)
        self._home.post(self.refresh)

    def _on_tab(self, _change: object) -> None:
        self._home.post(self.refresh)

    def _on_views(self, change: Any) -> None:
        self._home.post(self._count_views, change["new"])

    # -- on the main thread

    def _on_display(self) -> None:
        self._shown = True
        self.wake()

    def _count_views(self, views_now: int | None) -> None:
        """The front end says how many views there are; one that never does is believed to show it."""
        self._shown = views_now is None or views_now > 0
        self.wake()

    def _tick(self) -> None:
        self._timer = None
        if self._shown and not self.closed:
            if self._engine().state in ALIVE:
                self._timer = self._home.later(PERIOD_S, self._tick)
            self.refresh()


def _read(page: Callable[[Engine], Sequence[Table]], engine: Engine) -> Sequence[Table]:
    try:
        return page(engine)
    except QuantlabError as error:
        return [views.message(str(error))]
