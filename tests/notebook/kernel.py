"""A real kernel for tests: start it, run cells in it, and read what a front end would show."""

from __future__ import annotations

import os
import queue
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
OURS = ("QUANTLAB_", "GLASS_COCKPIT")
PATIENCE_S = 60.0


class Output(NamedTuple):
    """What one cell showed: its results and prints as text, HTML of results, the error, the reply."""

    text: str
    html: str
    error: str
    status: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


class Kernel:
    """An ipykernel in a process of its own, with a home of its own, driven over its real channels."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self._home = home
        self._environment = dict(environment or {})
        self._strays: dict[str, str] = {}
        self._begun = 0

    def __enter__(self) -> Kernel:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        environment |= {
            "QUANTLAB_HOME": str(self._home / "home"),
            "IPYTHONDIR": str(self._home / "ipython"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            **self._environment,
        }
        self.manager = KernelManager()
        assert self.manager.kernel_spec is not None
        self.manager.kernel_spec.argv[0] = sys.executable
        self.manager.start_kernel(env=environment, cwd=str(self._home))
        self.client: BlockingKernelClient = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)

    def start(self, code: str, *, cell_id: str = "", stdin: bool = False) -> str:
        """Send a cell and return at once with the id of its message."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": stdin,
            "stop_on_error": True,
        }
        message = self.client.session.msg("execute_request", content)
        if cell_id:
            message["metadata"] = {"cellId": cell_id}
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def begin(self, code: str) -> str:
        """Send a cell and return once it runs, with the id of its message."""
        self._begun += 1
        mark, deadline = self._home / f"begun-{self._begun}", time.monotonic() + PATIENCE_S
        identity = self.start(f"open({str(mark)!r}, 'w').close()\n{code}")
        while not mark.exists():
            assert time.monotonic() < deadline, "the cell does not begin"
            time.sleep(0.01)
        return identity

    def run(
        self,
        code: str,
        *,
        cell_id: str = "",
        answer: str | None = None,
        timeout: float = 60,
        settle: float = 0,
    ) -> Output:
        """Run a cell to its end; `answer` is typed when the kernel asks for input.

        `settle` seconds more are spent listening for what the cell's tasks print later.
        """
        identity = self.start(code, cell_id=cell_id, stdin=answer is not None)
        return self.finish(identity, answer=answer, timeout=timeout, settle=settle)

    def finish(
        self, identity: str, *, answer: str | None = None, timeout: float = 60, settle: float = 0
    ) -> Output:
        """Collect what the cell with this id shows, until it is idle."""
        deadline, found, idle = time.monotonic() + timeout, [], False
        while not (idle and time.monotonic() > deadline):
            if answer is not None and self.client.stdin_channel.msg_ready():
                self.client.stdin_channel.get_msg()
                self.client.input(answer)
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                if idle or time.monotonic() < deadline:
                    continue
                raise TimeoutError(f"the cell is not done after {timeout} s: {found}") from None
            parent = message["parent_header"].get("msg_id")
            if parent != identity:
                self._strays[parent] = self._strays.get(parent, "") + message["content"].get("text", "")
                continue
            found.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                idle, deadline = True, time.monotonic() + settle
        reply = self._reply(identity)
        return _output(found, reply)

    def printed_later(self, identity: str, until: str = "") -> str:
        """What was printed under this cell after it had ended, while others were listened to.

        `until`: what is waited for, where it may still be on its way.
        """
        deadline = time.monotonic() + PATIENCE_S
        while until not in self._strays.get(identity, "") and time.monotonic() < deadline:
            self.run("pass", settle=0.1)
        return self._strays.get(identity, "")

    def complete(self, code: str) -> list[str]:
        """What Tab proposes at the end of `code`."""
        reply = self.client.complete(code, len(code), reply=True, timeout=PATIENCE_S)
        matches: list[str] = reply["content"]["matches"]
        return matches

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def _reply(self, identity: str) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE_S)
            if message["parent_header"].get("msg_id") == identity:
                content: dict[str, Any] = message["content"]
                return content


def _output(messages: list[dict[str, Any]], reply: dict[str, Any]) -> Output:
    text, html, error = [], [], ""
    for message in messages:
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                text.append(content["text"])
            case "execute_result" | "display_data":
                text.append(content["data"].get("text/plain", "") + "\n")
                html.append(content["data"].get("text/html", ""))
            case "error":
                error = "\n".join(content["traceback"])
    return Output("".join(text), "".join(html), error, str(reply["status"]))
