"""The notebooks as they are saved: what somebody reads of them who runs nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
QUICKSTART = NOTEBOOKS[0]
SCRIPT = re.compile(r"<script[^>]*(?:widget|anywidget|html-manager)[^>]*>")


def test_as_a_web_page_it_shows_the_health_with_its_time_and_needs_no_widget_code() -> None:
    """nbconvert takes a saved widget before the table, and draws it with a script from the web."""
    page, _ = HTMLExporter().from_filename(str(QUICKSTART))

    assert "venue health: OK, snapshot as of" in page
    assert SCRIPT.findall(page) == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_is_saved_with_its_outputs_and_without_the_state_of_widgets(notebook: Path) -> None:
    """With what it prints and its pictures, and without a path of whoever ran it."""
    saved = nbformat.read(notebook, as_version=4)
    code = [cell for cell in saved.cells if cell.cell_type == "code"]

    assert "widgets" not in saved.metadata
    assert all(cell.execution_count for cell in code)
    assert [cell.source for cell in code if "plt.show()" in cell.source and not pictures(cell)] == []
    assert str(Path.home()) not in json.dumps([cell.get("outputs") for cell in code])


def pictures(cell: nbformat.NotebookNode) -> list[str]:
    """The pictures among the outputs of a cell."""
    return [each.data["image/png"] for each in cell.outputs if "image/png" in each.get("data", {})]
