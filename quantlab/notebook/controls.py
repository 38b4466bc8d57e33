"""The boundary to ipywidgets, which has no types: who may do what on which thread, and the end of it.

A front end's message is handled on whatever thread the front end chose (JupyterLab gives widgets a
subshell of their own), also while a cell runs. So a callback of a widget reads what it needs and
hands the rest to the kernel's loop by `Home.post`; engine and traits belong to the main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from quantlab.notebook.lanes import answer_in_any_subshell
from quantlab.notebook.table import Table
from quantlab.trading.reruns import outside_cells

DESCRIBED = {"description_width": "12em"}
TOGGLES = {"description_width": "12em", "button_width": "14em"}
WIDE = {"width": "32em"}
AS_LONG = {"width": "auto", "align_self": "flex-start", "flex": "0 0 auto"}  # as its text


def toolkit() -> Any:
    """ipywidgets, imported when the first widget is made: `%load_ext` does not wait for it."""
    import ipywidgets

    return ipywidgets


class Home:
    """The kernel's loop as a callback on any thread may use it. Made on the main thread, in a cell.

    What is handed over runs in the context of that cell: what it says lands under no older one.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._context = outside_cells()
        self._thread = threading.get_ident()

    @property
    def is_here(self) -> bool:
        """True on the main thread."""
        return threading.get_ident() == self._thread

    def post(self, work: Callable[..., object], *args: object) -> None:
        """Call `work(*args)` on the loop, from any thread; never waits."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to look
            self.loop.call_soon_threadsafe(work, *args, context=self._context)

    def later(self, delay_s: float, work: Callable[[], object]) -> asyncio.TimerHandle:
        """Call `work()` in `delay_s` seconds; from the main thread."""
        return self.loop.call_later(delay_s, work, context=self._context)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task; from the main thread. Whoever starts it cancels it."""
        return self.loop.create_task(work, name=name, context=self._context.copy())


class Page:
    """A place for tables, with the line that says when they were true.

    A front end is sent only what changed: on a quiet page that is the line alone.
    """

    def __init__(self, text: str = "") -> None:
        kit = toolkit()
        self._tables, self._as_of = kit.HTML(), kit.HTML()
        self.widget = kit.VBox([self._tables, self._as_of])
        self.show("", Table(notes=(text,)))

    def show(self, as_of: str, *tables: Table) -> None:
        """Replace what is shown; text from a venue or a person stays text."""
        self._tables.value = "".join(each.html() for each in tables)
        self._as_of.value = html.escape(as_of)


def text(description: str, placeholder: str) -> Any:
    """A field for decimal text: what is typed arrives as it is, key by key."""
    return toolkit().Text(
        description=description, placeholder=placeholder, style=DESCRIBED, layout=dict(WIDE)
    )


def parts(widget: Any) -> Iterator[Any]:
    """The widget and all that it is made of: children, layouts and styles are widgets of their own."""
    kind = toolkit().Widget
    yield widget
    for name in widget.keys:
        value = getattr(widget, name)
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, kind):
                yield from parts(each)


def as_addressed(widget: Any) -> None:
    """Let every message of the widget's parts go to the thread that the front end named.

    Else the parts of one form are served by several threads, and a click waits for a cell, or
    overtakes what was typed before it; see `lanes.answer_in_any_subshell`.
    """
    for each in parts(widget):
        answer_in_any_subshell(each.comm)


def close(widget: Any, *, spare: Any) -> None:
    """Close the widget and its parts, so that ipywidgets keeps none; `spare` is its owner's to close."""
    kept = list(parts(spare))
    for each in list(parts(widget)):
        if not any(each is other for other in kept):
            each.close()
