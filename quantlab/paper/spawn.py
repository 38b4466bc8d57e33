"""The embedded venue: a paper venue in a process of its own that ends with its parent.

Started from the main thread in a session of its own (a kernel Interrupt must not reach it).
It ends when its standard input closes, so whatever ends the kernel, also kill -9, ends it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence

import msgspec

from quantlab.domain.text import printable
from quantlab.errors import ConfigError, EngineError
from quantlab.secret import Secret

READY_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 0.5
QUOTED = 80  # bytes of a line that is not ours

_LIVE: weakref.WeakSet[EmbeddedVenue] = weakref.WeakSet()


class Control(msgspec.Struct, frozen=True):
    """The venue's control endpoint; its secret is for this process only."""

    url: str
    secret: str

    def __repr__(self) -> str:
        return f"Control({self.url})"


class VenueAddress(msgspec.Struct, frozen=True):
    """What a venue prints once it is ready (its one JSON line)."""

    rest: str
    ws: str
    ws_api: str
    accounts: tuple[dict[str, str], ...]
    control: Control
    pid: int

    def __repr__(self) -> str:
        return f"VenueAddress({self.rest})"

    def credentials(self, index: int = 0) -> tuple[str, Secret]:
        """API key and secret of one of the funded accounts."""
        account = self.accounts[index]
        return account["api_key"], Secret(account["api_secret"])


class EmbeddedVenue:
    """One `quantlab venue` child process. `spawn` at once, `address` when it is ready."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # for life; a full pipe would block
        _LIVE.add(self)

    def spawn(self) -> None:
        """Start the process and return at once. Call it on the main thread."""
        # -P: a secrets.py beside the notebook must not be taken for Python's own
        command = [sys.executable, "-P", "-m", "quantlab.paper.main", "--die-with-parent", *self._arguments]
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
            env={name: text for name, text in os.environ.items() if not name.startswith("QUANTLAB_")},
        )

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def address(self, timeout_s: float = READY_TIMEOUT_S) -> VenueAddress:
        """Wait for the ready line; a venue that ends instead says why on its standard error.

        Raises:
            ConfigError: It ended at start, or something else speaks on its standard output.
            EngineError: It is not ready within `timeout_s`.
        """
        process = self._process
        if process is None or process.stdout is None:
            raise EngineError("the embedded venue was not started")
        try:
            line = await asyncio.wait_for(_read_line(process.stdout.fileno()), timeout_s)
        except TimeoutError:
            self.stop()
            raise EngineError(f"the embedded venue was not ready within {timeout_s:g} s") from None
        if not line:
            self._complaints.seek(0)
            reason = self._complaints.read().decode(errors="replace").strip().splitlines()
            self.stop()
            raise ConfigError(
                f"the embedded venue ended at start: {reason[-1] if reason else 'it gave no reason'}",
                "run `quantlab venue` in a terminal to see it alone",
            )
        try:
            return msgspec.json.decode(line, type=VenueAddress)
        except (msgspec.DecodeError, RecursionError):
            self.stop()
        said = printable(line[:QUOTED].decode(errors="replace"))
        raise ConfigError(
            f"the embedded venue's first line is not its own: {said!r}",
            "find what prints when Python starts, for example a sitecustomize.py, and silence it",
        )

    def stop(self) -> None:
        """End the process and reap it; idempotent. A forked child has no process to end."""
        process, self._process = self._process, None
        if process is None:
            return
        self._close_pipes(process)
        self._complaints.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _forget(self) -> None:
        """In a forked child: drop our copies of the pipes, or the venue would outlive its parent."""
        process, self._process = self._process, None
        if process is not None:
            self._close_pipes(process)
            process.returncode = 0  # not ours to reap

    @staticmethod
    def _close_pipes(process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _forget_all() -> None:
    for venue in list(_LIVE):
        venue._forget()  # noqa: SLF001  # this module's own class


os.register_at_fork(after_in_child=_forget_all)


async def _read_line(descriptor: int) -> bytes:
    """The first line of a pipe, without a thread: the wire loop must stay free of executors."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    buffer = bytearray()

    def readable() -> None:
        chunk = os.read(descriptor, 65_536)
        buffer.extend(chunk)
        if (not chunk or b"\n" in chunk) and not done.done():
            done.set_result(bytes(buffer.split(b"\n", 1)[0]) if b"\n" in buffer else b"")

    loop.add_reader(descriptor, readable)
    try:
        return await done
    finally:
        loop.remove_reader(descriptor)
