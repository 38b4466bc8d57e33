"""Loading and unloading: everything that quantlab adds to an IPython shell, and its removal.

The state lives on the shell, not in this module, so that `%reload_ext` finds it. A load that
fails leaves nothing behind; an unload takes out all that a load put in, also when one part of
it fails. Nothing here trades.
"""

from __future__ import annotations

import asyncio
import atexit
import keyword
import os
import sys
import threading
from contextlib import ExitStack
from typing import Any

from quantlab.config import Settings, process_environment
from quantlab.engine import Engine
from quantlab.errors import ConfigError
from quantlab.notebook import completer, displays, lanes, transform
from quantlab.notebook.live import HALT_REPLY, HALT_REQUEST, Live
from quantlab.notebook.magics import QuantlabMagics
from quantlab.notebook.namespace import Ql
from quantlab.notebook.panel import Panel
from quantlab.trading.reruns import CELL, Cell, outside_cells

ATTRIBUTE = "quantlab_notebook"  # on the shell
DEFAULT_NAME = "ql"
LISTED = 20  # open orders that an unload names
GLASS_COCKPIT_WARNING = (
    "GLASS_COCKPIT=1: no token is asked for; every cell of this notebook can trade on the paper venue"
)


def load(shell: Any) -> None:
    """Start quantlab in this shell; where it runs already, nothing happens.

    Raises:
        ConfigError: No kernel, or a setting that is wrong; nothing was added.
    """
    if getattr(shell, ATTRIBUTE, None) is None:
        _require_kernel(shell)
        setattr(shell, ATTRIBUTE, Notebook(shell))


def unload(shell: Any) -> None:
    """Stop the engine and take out everything that `load` added."""
    notebook: Notebook | None = getattr(shell, ATTRIBUTE, None)
    if notebook is not None:
        delattr(shell, ATTRIBUTE)
        notebook.close()


class Notebook:
    """quantlab in one shell: the engine, the name `ql`, the magics and the hooks.

    `engine` is the one that runs; a change to deterministic mode replaces it.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.live = Live(lambda: self.engine)
        self.ql = Ql(self.fresh_engine, self.owner, widget=self.live.widget, panel=self.panel)
        self._panel: Panel | None = None
        self._settings = Settings.from_environment(process_environment())
        self._pid = os.getpid()
        self._cell_id: str | None = None
        self._cell_info: Any = None  # IPython's words on the cell that runs
        self._runs = 0
        self._name = ""
        self._installed = False  # while the magics take their configuration
        with ExitStack() as undo:
            undo.callback(_forget_configurable, shell)
            self.magics = QuantlabMagics(shell, self)
            undo.callback(self.live.close)
            self.engine = self._new_engine()
            undo.callback(self._stop)
            undo.callback(self._close_panel)
            self._register(undo)
            self._bind(self.magics.name)
            undo.callback(self._unbind)
            self._undo = undo.pop_all()
        self._installed = True
        if self._settings.glass_cockpit:
            self.say(GLASS_COCKPIT_WARNING)

    def close(self) -> None:
        """Undo all, last first; what is gone already is no error. Orders that outlive us are named."""
        self._name_open_orders()
        self._undo.close()

    def restart(self) -> None:
        """Stop the engine and start a fresh one, as the settings of the magics now say."""
        if self._installed:
            self.engine.close()
            self.engine = self._new_engine()
            if self._panel is not None:
                self._panel.wake()

    def rename(self, name: str) -> None:
        """Give `ql` another name in the notebook."""
        if self._installed:
            self._unbind()
            self._bind(name)

    def fresh_engine(self) -> Engine:
        """The engine with all applied that has arrived: also in a cell that blocked, `ql` is not old."""
        self.engine.catch_up()
        return self.engine

    def panel(self) -> Panel:
        """The panel of this notebook: one, however often it is asked for."""
        self.engine.wire.require_home()
        if self._panel is None or self._panel.closed:
            self._panel = Panel(lambda: self.engine, health=self.live.widget())
        return self._panel

    def say(self, line: str) -> None:
        """One line under the cell that runs."""
        sys.stdout.write(line + "\n")

    def owner(self) -> str:
        """Who owns the subscriptions of this cell; empty where the front end names no cells."""
        return f"cell {self._cell_id}" if self._cell_id else ""

    def names(self) -> completer.Names:
        """What the completer may propose."""
        orders = [order.client_order_id for order in self.engine.orders.open()]
        return completer.Names(
            symbols=tuple(self.engine.market.symbols), orders=orders, models=self.engine.model_names
        )

    def _new_engine(self) -> Engine:
        engine = outside_cells().run(self._started)
        engine.wire.cell_task = asyncio.current_task()
        self.live.follow(engine)
        return engine

    def _started(self) -> Engine:
        engine = Engine(self._settings, deterministic=self.magics.deterministic, say=self.say)
        engine.start()
        return engine

    def _stop(self) -> None:
        self.engine.close()

    def _name_open_orders(self) -> None:
        """An unload cancels nothing: the next load takes over what is open at a venue of its own."""
        left = self.engine.orders.open()
        if left and self._settings.endpoints is not None:
            names = ", ".join(f"{each.client_order_id} ({each.symbol})" for each in left[:LISTED])
            more = f" and {len(left) - LISTED} more" if len(left) > LISTED else ""
            self.say(
                f"still open at {self._settings.venue}: {names}{more}; %load_ext quantlab takes them over"
            )

    def _close_panel(self) -> None:
        if self._panel is not None:
            self._panel.close()

    def _register(self, undo: ExitStack) -> None:
        shell = self.shell
        shell.register_magics(self.magics)
        undo.callback(_forget_magics, shell.magics_manager, self.magics)
        transform.install(shell.input_transformers_post)
        undo.callback(transform.remove, shell.input_transformers_post)
        matcher = completer.matcher(self.names)
        shell.Completer.custom_matchers.append(matcher)
        undo.callback(_remove, shell.Completer.custom_matchers, matcher)
        for event, hook in (("pre_run_cell", self._before_cell), ("post_run_cell", self._after_cell)):
            shell.events.register(event, hook)
            undo.callback(shell.events.unregister, event, hook)
        undo.callback(lanes.on_control(shell.kernel, HALT_REQUEST, HALT_REPLY, self.live.halt_requested))
        undo.callback(displays.register(shell.display_formatter, lambda: self.engine))
        atexit.register(self._at_exit)
        undo.callback(atexit.unregister, self._at_exit)

    def _before_cell(self, info: Any) -> None:
        """A cell that runs again starts from nothing: its earlier subscriptions are closed.

        Its orders are known by the cell's id, whatever stands in it: who mends its last line and runs it
        again does not mean to send the first ones twice. What it runs as a cell itself (`%run` of a notebook
        does) is a part of it.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # a subshell's cell: it cannot wait for the engine
        cell_id, task = getattr(info, "cell_id", None), asyncio.current_task()
        if self._cell_info is not None and not cell_id and task is self.engine.wire.cell_task:
            return
        self._cell_info, self._cell_id, self.engine.wire.cell_task = info, cell_id, task
        self._runs += 1
        CELL.set(Cell(self._cell_id, self._runs) if self._cell_id else None)
        if self._cell_id:
            self.engine.bus.drop_owner(self.owner())

    def _after_cell(self, result: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        ended = getattr(result, "info", self._cell_info)  # without a result it was the one that ran
        if self._cell_info is None or ended is self._cell_info:
            self.engine.wire.cell_task = None
            self._cell_id = self._cell_info = None
            CELL.set(None)

    def _bind(self, name: str) -> None:
        if not name.isidentifier() or keyword.iskeyword(name):
            self.say(f"{name!r} is no name in Python; write one like qlab. Until then it is {DEFAULT_NAME}")
            name = DEFAULT_NAME
        if name in self.shell.user_ns:
            self.say(
                f"{name} is yours and stays as it is; give quantlab another name: "
                '%config QuantlabMagics.name = "qlab"'
            )
            return
        self.shell.push({name: self.ql}, interactive=False)
        self._name = name

    def _unbind(self) -> None:
        if self._name and self.shell.user_ns.get(self._name) is self.ql:
            del self.shell.user_ns[self._name]
            self.shell.user_ns_hidden.pop(self._name, None)
        self._name = ""

    def _at_exit(self) -> None:
        if os.getpid() == self._pid:  # a forked child leaves its parent's engine alone
            self.engine.close()


def _require_kernel(shell: Any) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        running = False
    else:
        running = getattr(shell, "kernel", None) is not None
    if not running:
        raise ConfigError(
            "quantlab lives on the event loop of a Jupyter kernel, and this shell has none",
            "open a notebook in JupyterLab, or run jupyter console",
        )


def _forget_configurable(shell: Any) -> None:
    """By type: traitlets may refuse a setting after the magics have listed themselves."""
    shell.configurables[:] = [each for each in shell.configurables if not isinstance(each, QuantlabMagics)]


def _remove(items: list[Any], item: object) -> None:
    items[:] = [each for each in items if each is not item]


def _forget_magics(manager: Any, magics: QuantlabMagics) -> None:
    for kind, ours in magics.magics.items():
        for name, function in ours.items():
            if manager.magics[kind].get(name) == function:
                del manager.magics[kind][name]
    manager.registry.pop(type(magics).__name__, None)
