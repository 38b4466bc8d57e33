"""The ways between kernel and browsers that Jupyter offers but does not promise.

Each stands in one function that says what happens where the hook is missing; nothing else in
quantlab touches Jupyter's internals for it. What goes through is public and is not checked for
secrets here: see `snapshot`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import comm

STATUS = "quantlab.status"

Send = Callable[[Mapping[str, Any]], None]


def status_lane() -> Send:
    """Send something to every browser on this kernel, from any thread, also while a cell blocks.

    A comm message with a fixed id that nobody has to open: a tab that comes later hears the next
    one, and a front end that knows no quantlab drops it.
    """
    lane = comm.create_comm(target_name=STATUS, comm_id=STATUS, primary=False)

    def send(data: Mapping[str, Any]) -> None:
        lane.send(data={"quantlab": dict(data)})

    return send


def send_custom(channel: Any, content: Mapping[str, Any]) -> None:
    """A custom message to the widget of this comm, from any thread; its traits are not touched."""
    channel.send(data={"method": "custom", "content": dict(content)})


def answer_in_any_subshell(channel: Any) -> None:
    """Let messages of this comm run where the front end sent them, on a subshell while a cell blocks.

    ipykernel 7.4 routes them to where the comm last sent from, which is the main shell for a widget
    that a cell made. Other versions have no such routing and need nothing.
    """
    if hasattr(channel, "_reply_subshell_for"):
        channel._reply_subshell_for = lambda _data, default: default  # noqa: SLF001  # no public way


def on_control(
    kernel: Any, request: str, reply: str, answer: Callable[[dict[str, Any]], dict[str, Any]]
) -> Callable[[], None]:
    """Answer messages of type `request` on the control channel, whatever the cell does; returns the undo.

    `answer` runs on ipykernel's Control thread (6.29 to 7.4) and must return at once. A kernel
    without `control_handlers` has no such lane, and callers run into their own timeout.
    """
    handlers = getattr(kernel, "control_handlers", None)
    if handlers is None:
        return lambda: None

    def handle(stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        content = parent.get("content")
        told = answer(content if isinstance(content, dict) else {})
        kernel.session.send(stream, reply, told, parent, ident=ident)

    handlers[request] = handle

    def undo() -> None:
        if handlers.get(request) is handle:
            del handlers[request]

    return undo


def forget(widget: Any) -> None:
    """Take a widget out of this kernel and leave its views standing, with what they showed last.

    `widget.close()` alone would make every view of it vanish from the notebook.
    """
    channel = widget.comm
    if channel is not None:
        channel.publish_msg = lambda *_args, **_more: None  # the browser is not told of the closing
        widget.close()
