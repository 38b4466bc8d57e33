"""The live health widget: an anywidget that shows snapshots and sends a HALT.

Its one trait of ours is public: the last snapshot, saved with the notebook. Live ones come as
custom messages from the wire's thread, since a cell that blocks may hold the traits. It decides
nothing; what is old is judged in the browser (`static/health.js`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import ipywidgets
import traitlets

from quantlab.notebook import lanes
from quantlab.notebook.packing import packed
from quantlab.notebook.snapshot import Snapshot

MODEL_ID = "quantlab-health"  # one for each notebook, and the same text at each run

Halt = Callable[[str], dict[str, Any]]


def saved(snapshot: Snapshot) -> Snapshot:
    """What a notebook keeps of it: no number, so that equal runs are saved equal, and few reasons."""
    return {**snapshot, "seq": 0, "reasons": snapshot["reasons"][:2]}


class Slim:
    """A widget whose state leaves out what is None: the front end has the defaults."""

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  # ipywidgets' own
        state: dict[str, Any] = super().get_state(key, drop_defaults)  # type: ignore[misc]  # a mixin
        return {name: value for name, value in state.items() if value is not None}


class SlimLayout(Slim, ipywidgets.Layout):  # type: ignore[misc]  # ipywidgets has no types
    """A layout that is saved in a few bytes."""


class HealthWidget(Slim, anywidget.AnyWidget):
    """Is the venue fit to trade on, live, with a HALT button.

    Args:
        read: The last snapshot, from any thread.
        halt: Carries out a HALT with that reason and answers at once, from any thread.
    """

    _esm = packed("health")

    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(self, read: Callable[[], Snapshot], halt: Halt) -> None:
        self._read = read
        self._halt = halt
        super().__init__(model_id=MODEL_ID, layout=SlimLayout(model_id=f"{MODEL_ID}-layout"))
        lanes.answer_in_any_subshell(self.comm)
        self.on_msg(self._on_message)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  # ipywidgets' own
        """Whoever asks for the state, at opening or at a reload of the page, gets the snapshot of now."""
        state = super().get_state(key, drop_defaults)
        return {**state, "snapshot": saved(self._read())} if "snapshot" in state else state

    def push(self, snapshot: Mapping[str, Any]) -> None:
        """Show this now, in every view; from any thread."""
        lanes.send_custom(self.comm, snapshot)

    def __repr__(self) -> str:
        return "HealthWidget()"

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        """On a subshell's thread, or the main one: it touches no trait and no engine state."""
        match content:
            case {"kind": "hello"}:
                self.push(self._read())
            case {"kind": "halt", "ref": str(ref)}:
                lanes.send_custom(self.comm, {"ref": ref[:64], **self._halt("HALT from the health widget")})
