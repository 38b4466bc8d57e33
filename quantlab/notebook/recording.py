"""`ql.recorder` and `%ql record`: the recorder's faces. No rule is here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quantlab.engine.recorder import Recorder
from quantlab.market.recording.status import RECORDING, RecorderStatus
from quantlab.notebook import views
from quantlab.notebook.faces import Face
from quantlab.notebook.lines import Record
from quantlab.notebook.table import Table, of_frame

ACTIONS = (
    "start", "stop", "status", "open", "events", "raw", "frame", "export", "check", "recordings", "delete",
)  # fmt: skip


class RecorderFace(Face):
    """What is being recorded, and what was: `start`, `stop`, `frame`, `events` and more."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in ACTIONS:
            raise AttributeError(f"the recorder has no {name}; it has {', '.join(ACTIONS)}")
        return functools.wraps(getattr(Recorder, name))(functools.partial(self._call, name))

    def __dir__(self) -> list[str]:
        return [*ACTIONS, "table"]

    def table(self) -> Table:
        return recorder(self._engine().recorder.status())

    def _call(self, action: str, /, *args: Any, **options: Any) -> Any:
        return getattr(self._engine().recorder, action)(*args, **options)


def action(face: RecorderFace, asked: Record) -> Callable[[], Any]:
    """What a `%ql record` line does; its answer is for `shown`."""
    if asked.what == "start":
        return functools.partial(face.start, *asked.topics, raw=asked.raw, name=asked.name)
    found: Callable[[], Any] = {"": face.status, "stop": face.stop, "list": face.recordings}[asked.what]
    return found


def shown(answer: Any) -> Table:
    """How the recorder's answer to a line looks."""
    if isinstance(answer, RecorderStatus):
        return recorder(answer)
    return of_frame(answer.frame(), title="recordings", empty="nothing was recorded yet: %ql record start")


def recorder(status: RecorderStatus) -> Table:
    """How a recording is doing; what is missing of it stands beside what is there."""
    if not status.name:
        return Table(title="recorder: idle", notes=(status.reason,))
    counts = ", ".join(f"{count:,} {topic}" for topic, count in status.records.items())
    removed = f"{status.removed_records:,} records in {status.removed_segments} segments, the oldest"
    rows = (
        ("recording", status.name),
        *((("because", status.reason),) if status.state != RECORDING else ()),
        ("since", "" if status.started_ms is None else f"{views.moment(status.started_ms)} UTC"),
        ("topics", ", ".join(status.patterns) + (" and raw frames" if status.raw else "")),
        ("written", counts or "nothing yet"),
        ("on disk", f"{status.bytes:,} bytes in {status.segments} segments"),
        ("waiting", str(status.waiting)),
        ("missing", f"{status.dropped} dropped, {status.refused} refused"),
        *((("removed", removed),) if status.removed_segments else ()),
        ("folder", _short(status.path)),
    )
    return Table(title=f"recorder: {status.state}", rows=rows)


def _short(path: Path | None) -> str:
    """A path as people say it: ~ for the home folder."""
    if path is not None and path.is_relative_to(Path.home()):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)
