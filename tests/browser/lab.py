"""A real JupyterLab with a real browser: start it, open notebooks, run cells, look at them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
from playwright.sync_api import Browser, BrowserContext, Locator, Page

ROOT = Path(__file__).parents[2]
TOKEN = "browser-tests"
START_S = 60
PAGE_MS = 60_000
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
KERNEL = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"


def free_port() -> int:
    """One below those that the system gives away by itself: no connection takes it meanwhile."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", secrets.choice(range(20_000, 32_000))))
            return int(free.getsockname()[1])


class Lab:
    """`jupyter lab` on a free loopback port, with every folder of its own under `folder`."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], settings: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir(parents=True)
        self._environment = {
            **environment,
            "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "IPYTHONDIR": str(folder / "ipython"),
        }
        self.set("@jupyterlab/apputils-extension:notification", NO_NEWS)
        for plugin, values in (settings or {}).items():
            self.set(plugin, values)

    def set(self, plugin: str, values: Mapping[str, Any]) -> None:
        """One plugin's settings, as the settings editor would save them."""
        path = self.folder / "settings" / f"{plugin.replace(':', '/')}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def __enter__(self) -> Lab:
        self.port = free_port()
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
            f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.notebooks}", "--expose-app-in-browser",
        ]  # fmt: skip
        self._log = (self.folder / "server.log").open("w")
        self._server = subprocess.Popen(
            command, env=self._environment, cwd=self.notebooks, stdout=self._log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.ask("GET", "/api/status")
            except (OSError, urllib.error.URLError):
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "server.log").read_text()[-4_000:]) from None
                time.sleep(0.1)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_kernels()
        self._server.terminate()
        self._server.wait(60)
        self._log.close()

    def end_kernels(self) -> None:
        """Shut down every kernel, as Lab's own button does."""
        for kernel in self.ask("GET", "/api/kernels"):
            self.ask("DELETE", f"/api/kernels/{kernel['id']}")

    def ask(self, method: str, path: str) -> Any:
        """The server's own REST interface, as JSON."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        request.add_header("Authorization", f"token {TOKEN}")
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read() or b"null")

    def write(self, name: str, cells: Sequence[str]) -> None:
        """A new notebook of these code cells."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(each) for each in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, self.notebooks / name)

    def url(self, name: str, workspace: str = "default") -> str:
        base = f"http://127.0.0.1:{self.port}/lab/workspaces/{workspace}"
        return f"{base}/tree/{name}?token={TOKEN}&reset"

    def open(self, context: BrowserContext, name: str, workspace: str = "default") -> Notebook:
        """The notebook in a new tab, its kernel idle."""
        page = context.new_page()
        page.set_default_timeout(PAGE_MS)
        page.goto(self.url(name, workspace))
        notebook = Notebook(page)
        notebook.ready()
        return notebook


class Notebook:
    """One notebook in one browser tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def ready(self) -> None:
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        self.page.wait_for_function(f"() => {KERNEL}?.status === 'idle'")

    def start(self, index: int) -> None:
        """Run a cell and return at once."""
        self.page.evaluate(
            """(index) => {
                const { shell, commands } = window.jupyterapp;
                const notebook = shell.currentWidget.content;
                notebook.deselectAll();
                notebook.activeCellIndex = index;
                void commands.execute('notebook:run-cell');
            }""",
            index,
        )

    def run(self, index: int, timeout_s: float = 60) -> str:
        """Run a cell to its end; what stands below it."""
        self.start(index)
        self.finished(index, timeout_s)
        return self.text(index)

    def finished(self, index: int, timeout_s: float = 60) -> None:
        """Wait until the cell shows its number: it has run to its end."""
        self.page.wait_for_function(
            """(index) => {
                const cell = window.jupyterapp.shell.currentWidget.content.widgets[index];
                return /\\d/.test(cell.inputArea.promptNode?.innerText ?? cell.node
                    .querySelector('.jp-InputPrompt').innerText);
            }""",
            arg=index,
            timeout=timeout_s * 1_000,
        )

    def text(self, index: int) -> str:
        """The output of a cell, as one reads it."""
        shown: str = self.page.evaluate(
            "(i) => window.jupyterapp.shell.currentWidget.content.widgets[i].outputArea.node.innerText", index
        )
        return shown

    def outputs(self) -> str:
        """Every cell's outputs as they would be saved, also of cells that are not drawn now."""
        shown: str = self.page.evaluate(
            "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON()"
            ".cells.map((each) => each.outputs))"
        )
        return shown

    def show(self, index: int) -> None:
        """Scroll a cell into view: what is far away is not drawn at all."""
        self.page.evaluate("(i) => window.jupyterapp.shell.currentWidget.content.scrollToItem(i)", index)

    def execute(self, command: str) -> None:
        """One of Lab's commands, to its end."""
        self.page.evaluate("(name) => window.jupyterapp.commands.execute(name)", command)

    def save(self) -> None:
        self.execute("docmanager:save")

    @property
    def health(self) -> Locator:
        """The health widget."""
        return self.page.locator(".ql-health")

    def health_is(self, mode: str, timeout_s: float = 10) -> Locator:
        """Wait until the widget is in this mode."""
        widget = self.page.locator(f'.ql-health[data-mode="{mode}"]')
        widget.first.wait_for(timeout=timeout_s * 1_000)
        return widget.first

    def watch_age(self) -> None:
        """Note from now on the greatest age, in seconds, that the health widget shows."""
        self.page.evaluate(
            """() => {
                const root = document.querySelector('.ql-health');
                window.oldest = 0;
                window.ageTimer = setInterval(() => {
                    const age = root.dataset.mode === 'LIVE' ? Number(root.dataset.age) : Infinity;
                    window.oldest = Math.max(window.oldest, age);
                }, 50);
            }"""
        )

    def greatest_age(self) -> float:
        """What `watch_age` has seen; infinite where the widget was not LIVE for a moment."""
        age = self.page.evaluate("() => { clearInterval(window.ageTimer); return String(window.oldest); }")
        return float(age.replace("Infinity", "inf"))


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    return browser.new_context(viewport={"width": 1280, "height": 900}, **options)


def environment(home: Path, token_file: Path | None) -> dict[str, str]:
    """Of a server whose kernels run this checkout, with a quantlab home of their own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QUANTLAB_", "JUPYTER", "GLASS_COCKPIT"))
    }
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    found = kept | {"QUANTLAB_HOME": str(home), "PYTHONPATH": path}
    return found | ({"QUANTLAB_TOKEN_FILE": str(token_file)} if token_file else {})
