"""A real redis-server on a free loopback port: with requirepass, with ACL users, with TLS."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest

PROGRAM = shutil.which("redis-server")
MISSING = "no redis-server (Debian: apt-get install redis-server; macOS: brew install redis)"
PASSWORD = "hush-Eit7ahng0"
READY_S = 60.0


def require_redis() -> str:
    """The program; a test without it is skipped, on CI it fails."""
    if PROGRAM is not None:
        return PROGRAM
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def free_port() -> int:
    """One below those that the system gives away by itself.

    A server that dies and comes back finds it free: no connection that goes out has taken it meanwhile.
    """
    while True:
        with socket.socket() as taken, contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", secrets.choice(range(20_000, 32_000))))
            return int(taken.getsockname()[1])


class RedisServer:
    """One process that ends with the test.

    Args:
        options: Of redis-server, one word each, for example "--requirepass".
        tls: Certificate, key and authority files; then the port speaks TLS alone.
    """

    def __init__(
        self, folder: Path, options: Sequence[str] = (), *, tls: tuple[Path, Path, Path] | None = None
    ) -> None:
        self.folder, self.port, self.tls = folder, free_port(), tls
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis{'s' if self.tls else ''}://127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        port = ["--port", str(self.port)]
        if self.tls is not None:
            certificate, key, authority = map(str, self.tls)
            port = [
                "--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no",
                "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority,
            ]  # fmt: skip
        self._process = subprocess.Popen(
            [
                require_redis(), *port, "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
                "--appendonly", "no", "--loglevel", "warning", *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + READY_S
        while True:
            assert self._process.poll() is None, "redis-server did not start"
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return self
            except OSError:
                assert time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It lives and says nothing, as a machine that swaps."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str, user: str = "default", password: str | None = PASSWORD) -> object:
        """One command by an administrator, over a connection of its own."""
        from redis import Redis

        secure = {"ssl": True, "ssl_ca_certs": str(self.tls[2])} if self.tls else {}
        with Redis(
            "127.0.0.1", self.port, username=user if password else None, password=password,
            socket_timeout=30, **secure,
        ) as client:  # fmt: skip
            return client.execute_command(*words)

    def __enter__(self) -> RedisServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
