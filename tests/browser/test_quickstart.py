"""The quickstart as a stranger meets it: opened, run, saved, and opened again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import nbformat
from lab import ROOT, Lab
from playwright.sync_api import BrowserContext, Page

QUICKSTART = "01_quickstart.ipynb"
HEALTH_CELL = 8
WIDGETS = "@jupyter-widgets/jupyterlab-manager:plugin"
STATE = "application/vnd.jupyter.widget-state+json"
Picture = Callable[[Page, str], None]


def test_before_anything_runs_it_shows_saved_states_with_their_time(
    lab: Lab, context: BrowserContext, picture: Picture
) -> None:
    """A notebook that was copied runs no code of its outputs: the table says when it was so."""
    shutil.copy(ROOT / "notebooks" / QUICKSTART, lab.notebooks / "copied.ipynb")
    notebook = lab.open(context, "copied.ipynb")
    table = notebook.page.locator(".quantlab", has_text="venue health")
    table.wait_for()

    assert "snapshot as of 2026-01-01" in table.inner_text()
    assert notebook.health.count() == 0
    picture(notebook.page, "quickstart-opened")


def test_it_runs_and_an_order_fills(lab: Lab, context: BrowserContext, picture: Picture) -> None:
    """All cells, in a real JupyterLab: the widget lives, the limit order and the market order are filled."""
    shutil.copy(ROOT / "notebooks" / QUICKSTART, lab.notebooks / "run.ipynb")
    notebook = lab.open(context, "run.ipynb")
    notebook.execute("notebook:run-all-cells")
    notebook.page.wait_for_function("document.body.innerText.includes('HALTED: ')")
    notebook.health_is("LIVE")
    shown = notebook.outputs()

    assert "Traceback" not in shown
    assert "FILLED" in shown
    notebook.show(HEALTH_CELL)
    notebook.health_is("LIVE")
    notebook.page.wait_for_function("document.querySelector('.ql-health').innerText.includes('HALTED')")
    assert "✔ OK" in notebook.health.inner_text()
    assert "■ HALTED" in notebook.health.inner_text()
    picture(notebook.page, "quickstart-run")


def opened_again(lab: Lab, context: BrowserContext, name: str) -> Page:
    """Run the health cell, save, end the kernel, and open the notebook in a new tab that starts none."""
    lab.write(name, ["%load_ext quantlab", "await ql.health.until_ok();", "ql.health"])
    notebook = lab.open(context, name)
    for index in range(3):
        notebook.run(index)
    notebook.page.wait_for_selector('.ql-health[data-mode="LIVE"][data-state="OK"]')
    notebook.page.wait_for_timeout(500)
    notebook.save()
    notebook.page.close()
    lab.end_kernels()
    return lab.open(context, name).page


def test_reopened_it_shows_the_saved_table_and_that_nothing_is_live(
    lab: Lab, context: BrowserContext, picture: Picture
) -> None:
    """JupyterLab saves no widgets by default; our extension shows the table instead of an error."""
    page = opened_again(lab, context, "again.ipynb")
    saved = page.locator(".ql-Saved")
    saved.wait_for()

    assert "Saved snapshot: nothing here is live" in saved.inner_text()
    assert "venue health: OK, snapshot as of 20" in saved.inner_text()
    assert "Error displaying widget" not in page.locator(".jp-NotebookPanel").inner_text()
    picture(page, "reopened-table")


def test_reopened_with_its_widgets_it_is_a_snapshot_until_the_kernel_answers(
    lab: Lab, context: BrowserContext, picture: Picture
) -> None:
    """Where widgets are saved the view is drawn again, and cannot be taken for a live one.

    What JupyterLab saved is small: the state that the browser kept of the last push.
    """
    lab.set(WIDGETS, {"saveState": True})
    try:
        page = opened_again(lab, context, "saved.ipynb")
    finally:
        lab.set(WIDGETS, {"saveState": False})
    kept = nbformat.read(lab.notebooks / "saved.ipynb", as_version=4).metadata["widgets"][STATE]
    page.wait_for_selector('.ql-health[data-mode="SNAPSHOT"]')
    shown = page.locator(".ql-health").inner_text()

    assert len(json.dumps(kept, indent=1)) < 5 * 1_024
    assert "seq" not in kept["state"]["quantlab-health"]["state"]["snapshot"]
    assert "SNAPSHOT: was OK" in shown
    assert "snapshot as of 20" in shown
    assert page.locator(".ql-halt").is_disabled()
    picture(page, "reopened-snapshot")
