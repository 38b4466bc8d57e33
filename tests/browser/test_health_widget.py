"""The health widget in a real browser: what it says is true, also when nothing works any more."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from lab import Lab, Notebook
from playwright.sync_api import BrowserContext, Page

LOAD, SHOW = "%load_ext quantlab", "ql.health"
BUSY = "import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end:\n    sum(range(200))"
Picture = Callable[[Page, str], None]


def opened(lab: Lab, context: BrowserContext, name: str, *cells: str) -> Notebook:
    """A notebook with quantlab loaded and its health shown: cells 0 and 1; `cells` come after."""
    lab.write(name, [LOAD, SHOW, *cells])
    notebook = lab.open(context, name)
    notebook.run(0)
    notebook.run(1)
    notebook.page.wait_for_selector('.ql-health[data-mode="LIVE"][data-state="OK"]')
    return notebook


def test_a_fit_venue_is_seen_at_a_glance(lab: Lab, context: BrowserContext, picture: Picture) -> None:
    """State in a word and a glyph, level, armed or not, the three measurements, and no reason."""
    notebook = opened(
        lab, context, "glance.ipynb", "%ql arm", "%ql buy 0.02 BTCUSDT", "%ql explain buy 5 BTCUSDT @ 60000"
    )
    notebook.page.locator(".ql-health", has_text="trading ACTIVE").wait_for()  # the account is known too
    shown = notebook.health.inner_text()

    assert "✔ OK" in shown
    assert "paper · L0 paper" in shown
    assert "not armed" in shown
    assert "trading ACTIVE" in shown
    for label in ("round trip", "newest message", "kernel lag"):
        assert label in shown
    assert "not measured" not in shown
    assert notebook.health.locator(".ql-reason").count() == 0

    notebook.run(2)
    notebook.page.wait_for_function("document.querySelector('.ql-armed').textContent === 'armed'")
    assert "FILLED" in notebook.run(3)
    assert "DENIED by" in notebook.run(4)
    picture(notebook.page, "health-live")


@pytest.mark.parametrize("cell", ["import time\ntime.sleep({seconds})", BUSY], ids=["sleeping", "computing"])
def test_a_cell_that_blocks_does_not_age_it(
    lab: Lab, context: BrowserContext, picture: Picture, full: bool, cell: str
) -> None:
    """What it shows is at most a second old, and it says for how long the kernel is busy."""
    seconds = 30 if full else 6
    kind = "sleeping" if "sleep" in cell else "computing"
    notebook = opened(lab, context, f"{kind}.ipynb", cell.format(seconds=seconds))
    notebook.start(2)
    notebook.watch_age()
    notebook.page.wait_for_timeout((seconds - 2) * 1_000)

    assert "kernel busy" in notebook.health.inner_text()
    picture(notebook.page, f"health-{kind}")
    notebook.finished(2)
    age = notebook.greatest_age()
    print(f"greatest age in a {kind} cell of {seconds} s: {age:.2f} s")
    assert age <= 1.0
    notebook.page.wait_for_function("!document.querySelector('.ql-busy').textContent")


def test_a_kernel_that_hangs_is_stale_and_lives_again(
    lab: Lab, context: BrowserContext, picture: Picture
) -> None:
    """K2: Two seconds without a heartbeat: whatever the last word was, it is not shown as the state."""
    notebook = opened(lab, context, "stale.ipynb", "import os\nprint(os.getpid())")
    pid = int(notebook.run(2))
    os.kill(pid, signal.SIGSTOP)
    try:
        notebook.health_is("STALE")
        assert "STALE: was OK" in notebook.health.inner_text()
        assert "nothing heard from the kernel" in notebook.health.inner_text()
        picture(notebook.page, "health-stale")
    finally:
        os.kill(pid, signal.SIGCONT)
    notebook.health_is("LIVE")


def test_after_a_restart_it_is_dead(lab: Lab, context: BrowserContext, picture: Picture) -> None:
    """And HALT cannot be pressed: there is nobody to hear it."""
    notebook = opened(lab, context, "restart.ipynb")
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    notebook.health_is("DEAD")

    assert "the kernel ended or restarted" in notebook.health.inner_text()
    assert notebook.health.locator(".ql-halt").is_disabled()
    picture(notebook.page, "health-dead")


def test_after_an_unload_it_says_so_and_a_new_load_lives(lab: Lab, context: BrowserContext) -> None:
    """The last word stays in the old cell; a cell that shows it anew is live."""
    notebook = opened(lab, context, "unload.ipynb", "%unload_ext quantlab", LOAD, SHOW)
    notebook.run(2)
    notebook.health_is("STOPPED")
    assert notebook.health.locator(".ql-halt").is_disabled()

    notebook.run(3)
    notebook.run(4)
    notebook.page.wait_for_selector('.ql-health[data-mode="LIVE"]')


def test_the_halt_button_works_by_keyboard_and_shows_its_answer(
    lab: Lab, context: BrowserContext, picture: Picture
) -> None:
    """It can be reached and pressed without a mouse; the widget then says HALTED, in every tab."""
    notebook = opened(lab, context, "keyboard.ipynb")
    notebook.save()
    other = lab.open(context, "keyboard.ipynb", workspace="second")
    other.health_is("LIVE")
    notebook.health.locator(".ql-halt").focus()
    notebook.page.keyboard.press("Enter")

    for each in (notebook, other):
        each.page.wait_for_selector('.ql-health[data-halted="true"]')
        assert "■ HALTED" in each.health.inner_text()
        assert "trading is HALTED: HALT from the health widget" in each.health.inner_text()
    assert "no new order leaves" in notebook.health.locator(".ql-answer").inner_text()
    assert other.health.locator(".ql-answer").inner_text() == ""
    picture(notebook.page, "health-halted")


def test_it_is_readable_in_a_dark_theme(lab: Lab, context: BrowserContext, picture: Picture) -> None:
    """Text and ground differ clearly, in both themes."""
    notebook = opened(lab, context, "dark.ipynb")

    def contrast() -> float:
        return float(notebook.page.evaluate(CONTRAST))

    assert contrast() >= 4.5
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
    )
    notebook.page.wait_for_selector('body[data-jp-theme-light="false"]', state="attached")
    notebook.page.locator("#jupyterlab-splash").wait_for(state="detached")
    assert contrast() >= 4.5
    picture(notebook.page, "health-dark")


CONTRAST = """() => {
    const luminance = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((each) => each / 255)
            .map((each) => (each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const node = document.querySelector('.ql-state');
    let ground = node;
    while (ground
        && /rgba\\(.*, 0\\)/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    const [a, b] = [luminance(getComputedStyle(node).color),
        luminance(getComputedStyle(ground ?? document.body).backgroundColor)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
}"""
