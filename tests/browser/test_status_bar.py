"""The status item of the JupyterLab extension: what it says of the current notebook's kernel."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from lab import Lab, Notebook
from playwright.sync_api import BrowserContext, Page

ITEM = ".ql-Status"
Picture = Callable[[Page, str], None]


def says(notebook: Notebook, text: str) -> str:
    """Wait until the status item holds this; the whole of it."""
    notebook.page.wait_for_function(
        "([item, text]) => document.querySelector(item)?.innerText.includes(text)", arg=[ITEM, text]
    )
    return notebook.page.locator(ITEM).inner_text()


def test_it_follows_the_engine_through_its_life(lab: Lab, context: BrowserContext, picture: Picture) -> None:
    """No engine, live with level and arming, busy, halted, stopped, no kernel: each in words."""
    lab.write(
        "life.ipynb",
        ["%load_ext quantlab", "%ql arm", "import time; time.sleep(4)", "%ql halt", "%unload_ext quantlab"],
    )
    notebook = lab.open(context, "life.ipynb")
    says(notebook, "no engine")
    notebook.run(0)
    assert "L0 paper" in says(notebook, "OK")
    assert "armed" not in says(notebook, "OK").replace("not armed", "")
    notebook.run(1)
    says(notebook, "· armed")
    notebook.start(2)
    says(notebook, "busy")
    picture(notebook.page, "status-busy")
    notebook.finished(2)
    notebook.run(3)
    says(notebook, "HALTED")
    notebook.run(4)
    says(notebook, "engine stopped")
    lab.end_kernels()
    says(notebook, "no kernel")


def test_it_is_stale_when_the_kernel_is_not_heard(lab: Lab, context: BrowserContext) -> None:
    """Two seconds of silence, by the browser's own clock."""
    lab.write("silent.ipynb", ["%load_ext quantlab", "import os; print(os.getpid())"])
    notebook = lab.open(context, "silent.ipynb")
    notebook.run(0)
    pid = int(notebook.run(1))
    says(notebook, "OK")
    os.kill(pid, signal.SIGSTOP)
    try:
        says(notebook, "STALE")
    finally:
        os.kill(pid, signal.SIGCONT)
    says(notebook, "OK")


def test_it_asks_the_kernel_for_nothing(lab: Lab, context: BrowserContext) -> None:
    """It listens: a page that shows it sends nothing on the control channel, until HALT is pressed."""
    sent: list[bytes] = []

    def listen(socket: object) -> None:
        socket.on(  # type: ignore[attr-defined]
            "framesent", lambda frame: sent.append(frame if isinstance(frame, bytes) else frame.encode())
        )

    lab.write("quiet.ipynb", ["%load_ext quantlab"])
    page = context.new_page()
    page.on("websocket", listen)
    page.set_default_timeout(60_000)
    page.goto(lab.url("quiet.ipynb"))
    notebook = Notebook(page)
    notebook.ready()
    notebook.run(0)
    says(notebook, "OK")
    before = len(sent)
    page.wait_for_timeout(4_000)
    assert not [each for each in sent[before:] if b"quantlab" in each or b"control" in each]

    page.keyboard.press("Control+Alt+h")
    says(notebook, "HALTED")
    assert [each for each in sent[before:] if b"quantlab_halt_request" in each]


def test_halt_without_an_engine_says_so_after_three_seconds(
    lab: Lab, context: BrowserContext, picture: Picture
) -> None:
    """The answer is visible, and names what else there is."""
    lab.write("none.ipynb", ["1"])
    notebook = lab.open(context, "none.ipynb")
    notebook.run(0)
    notebook.page.keyboard.press("Control+Alt+h")
    note = notebook.page.locator(".Toastify__toast", has_text="No answer in 3 s")
    note.wait_for()

    assert "quantlab halt" in note.inner_text()
    picture(notebook.page, "halt-no-engine")


def test_the_answer_to_halt_stands_there(lab: Lab, context: BrowserContext, picture: Picture) -> None:
    """One note, that the engine halted; and the item tells why when it is clicked."""
    lab.write("note.ipynb", ["%load_ext quantlab", "%ql status"])
    notebook = lab.open(context, "note.ipynb")
    notebook.run(0)
    notebook.run(1)
    says(notebook, "OK")
    notebook.page.keyboard.press("Control+Alt+h")
    notebook.page.locator(".Toastify__toast", has_text="HALTED after").wait_for()
    assert notebook.page.locator(".Toastify__toast").count() == 1
    says(notebook, "HALTED")
    notebook.page.locator(ITEM).click()
    notebook.page.locator(".jp-Dialog").wait_for()

    assert "HALT from JupyterLab" in notebook.page.locator(".jp-Dialog").inner_text()
    picture(notebook.page, "status-halted")
