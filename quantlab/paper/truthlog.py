"""The venue's own record: every request, reply, event and fault, as JSON lines in the order of happening.

It is what a client's ledger is held against, so it is complete or it is nothing: a line that cannot be
written ends the venue. Lines are encoded where they arise and written by a thread of their own; `flush`
and `close` wait for the disk's cache, and what a killed process loses is at most `HAND_OVER_S` of it.
Signatures and keys never get in.

A line has `seq` (from 1, without a gap), `time_ms` (the venue's), `kind` and `data`. The first is the
`header`: format version, accounts with their balances, commission, instruments. `request` and `reply`
share an `id`; `fault` names a strike; every other kind is an event of the exchange by its type's name.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from quantlab.errors import ConfigError, EngineError

VERSION = 1
HAND_OVER_S = 0.25
BATCH = 500  # lines
MOST_BATCHES = 200  # on their way to the disk; then whoever writes waits
SECRETS = frozenset({"signature", "apiKey", "listenToken", "listenKey"})
LONG = re.compile(r"[A-Za-z0-9+/=_-]{40,}", re.ASCII)  # a key or a signature in the wrong place
HIDDEN = "***"
_encode = msgspec.json.Encoder().encode


class _Line(msgspec.Struct):
    seq: int
    time_ms: int
    kind: str
    data: Any


class TruthLog:
    """One venue's log, written to a new file at `path`.

    Nothing may be called from another thread than the venue's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[bytes] = []
        self._seq = 0
        self._requests = 0
        self._file = -1
        self._failure = ""
        self._timer: asyncio.TimerHandle | None = None
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="venue-log")
        self._under_way: deque[Future[None]] = deque()

    def open(self) -> None:
        """Create the file (mode 0600); what was noted before is its beginning.

        Raises:
            ConfigError: It exists, or cannot be created.
        """
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except FileExistsError:
            raise ConfigError(f"the log {self.path} exists already", "name a new file") from None
        except OSError as error:
            raise ConfigError(
                f"the log {self.path} cannot be created: {error.strerror}", "name a file in a folder of yours"
            ) from None
        self._hand_over()

    def header(self, time_ms: int, **facts: Any) -> None:
        """The first line."""
        self._note(time_ms, "header", {"version": VERSION, **facts})

    def request(self, time_ms: int, endpoint: str, account: str, params: Mapping[str, str]) -> int:
        """A request has come; its id, for `reply`."""
        self._requests += 1
        shown = {
            name: HIDDEN if name in SECRETS or LONG.fullmatch(text) else text for name, text in params.items()
        }
        data = {"id": self._requests, "endpoint": endpoint, "account": account, "params": shown}
        self._note(time_ms, "request", data)
        return self._requests

    def reply(self, time_ms: int, number: int, status: int, code: int | None) -> None:
        """What the venue made of a request; `code` where it refused. Whether it arrives is not known here."""
        self._note(time_ms, "reply", {"id": number, "status": status, "code": code})

    def events(self, time_ms: int, events: Iterable[msgspec.Struct]) -> None:
        """What the exchange did."""
        for event in events:
            self._note(time_ms, type(event).__name__, event)

    def fault(self, time_ms: int, number: int, name: str, where: str) -> None:
        """A fault struck."""
        self._note(time_ms, "fault", {"fault": number, "name": name, "where": where})

    def check(self) -> None:
        """`EngineError` where a line could not be written."""
        while self._under_way and self._under_way[0].done():
            self._finish(self._under_way.popleft())
        if self._failure:
            raise EngineError(self._failure)

    async def flush(self) -> int:
        """Wait until all is written; the number of lines."""
        seq = self._seq
        self._hand_over()
        for future in list(self._under_way):
            await asyncio.wait([asyncio.wrap_future(future)])
        self.check()
        return seq

    def close(self) -> None:
        """Write the rest and close the file. `EngineError` where it could not all be written."""
        try:
            if self._file >= 0:
                self._hand_over()
                for future in self._under_way:
                    self._finish(future)
                self._under_way.clear()
                self.check()
        finally:
            self._writer.shutdown()
            if self._timer is not None:
                self._timer.cancel()
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _note(self, time_ms: int, kind: str, data: Any) -> None:
        self._seq += 1
        self._lines.append(_encode(_Line(self._seq, time_ms, kind, data)))
        if self._file < 0:
            return
        if len(self._lines) >= BATCH:
            self._hand_over()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HAND_OVER_S, self._hand_over)

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        batch, self._lines = b"\n".join(self._lines) + b"\n", []
        self._under_way.append(self._writer.submit(_write, self._file, batch))
        if len(self._under_way) > MOST_BATCHES:
            self._finish(self._under_way.popleft())

    def _finish(self, future: Future[None]) -> None:
        try:
            future.result()
        except OSError as error:
            self._failure = f"the log {self.path} cannot be written: {error.strerror}"


def _write(file: int, batch: bytes) -> None:
    while batch:
        batch = batch[os.write(file, batch) :]
