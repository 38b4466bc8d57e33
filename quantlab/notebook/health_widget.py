"""The live health widget: an anywidget that shows snapshots and sends a HALT.

Its one trait of ours is public: the last snapshot, saved with the notebook. Live ones come as
custom messages from the wire's thread, since a cell that blocks may hold the traits. It decides
nothing; what is old is judged in the browser (`static/health.js`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from quantlab.notebook import lanes
from quantlab.notebook.packing import packed
from quantlab.notebook.snapshot import Snapshot

MODEL_ID = "quantlab-health"  # one for each notebook, and the same text at each run
NOT_SAVED = ("v", "seq", "busy_ms", "halt_reason")  # a view that is not live shows none of them
TEXT_BYTES = 350  # of JSON, for all the texts that a notebook keeps

Halt = Callable[[str], dict[str, Any]]


class Room:
    """Room for texts, in bytes of JSON: each gets a third of what those before it left, or less."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, text: str) -> str:
        """The text, or its beginning."""
        most, kept = self._left // 3, text
        while (size := len(json.dumps(kept))) > most and text:
            text = text[: min(len(text) - 1, len(text) * most // size)]
            kept = f"{text}…"
        self._left -= size
        return kept


def saved(snapshot: Snapshot) -> Snapshot:
    """What a notebook keeps of it, small whatever a venue says: the table beside it has the long texts.

    Nothing that counts up, so that equal runs are saved equal.
    """
    room = Room(TEXT_BYTES)
    return {
        **{name: value for name, value in snapshot.items() if name not in NOT_SAVED},
        "trading": room.take(snapshot["trading"]),
        "problem": room.take(snapshot["problem"]),
        "reasons": [room.take(each) for each in snapshot["reasons"][:2]],
        "venue": room.take(snapshot["venue"]),
        "missing": {name: room.take(why) for name, why in snapshot["missing"].items()},
    }


class HealthWidget(anywidget.AnyWidget):
    """Is the venue fit to trade on, live, with a HALT button.

    Args:
        read: The last snapshot, from any thread.
        halt: Carries out a HALT with that reason and answers at once, from any thread.
    """

    _esm = packed("health")

    snapshot = traitlets.Dict().tag(sync=True)
    layout = None  # ipywidgets' own is a widget too, and would be saved with each notebook

    def __init__(self, read: Callable[[], Snapshot], halt: Halt) -> None:
        self._read = read
        self._halt = halt
        super().__init__(model_id=MODEL_ID)
        lanes.answer_in_any_subshell(self.comm)
        self.on_msg(self._on_message)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  # ipywidgets' own
        """Whoever asks for the state, at opening or at a reload of the page, gets the snapshot of now.

        What is None is left out: the front end has the defaults, and a notebook stays small.
        """
        whole = super().get_state(key, drop_defaults)
        state = {name: value for name, value in whole.items() if value is not None}
        return {**state, "snapshot": saved(self._read())} if "snapshot" in state else state

    def push(self, snapshot: Snapshot) -> None:
        """Show this now, in every view; `saved` is what a browser then saves. From any thread."""
        lanes.send_custom(self.comm, {**snapshot, "saved": saved(snapshot)})

    def __repr__(self) -> str:
        return "HealthWidget()"

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        """On a subshell's thread, or the main one: it touches no trait and no engine state."""
        match content:
            case {"kind": "hello"}:
                self.push(self._read())
            case {"kind": "halt", "ref": str(ref)}:
                lanes.send_custom(self.comm, {"ref": ref[:64], **self._halt("HALT from the health widget")})
