"""The quickstart as it is saved: what somebody reads of it who runs nothing."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

QUICKSTART = Path(__file__).parents[1] / "notebooks" / "01_quickstart.ipynb"
SCRIPT = re.compile(r"<script[^>]*(?:widget|anywidget|html-manager)[^>]*>")


def test_as_a_web_page_it_shows_the_health_with_its_time_and_needs_no_widget_code() -> None:
    """nbconvert takes a saved widget before the table, and draws it with a script from the web."""
    page, _ = HTMLExporter().from_filename(str(QUICKSTART))

    assert "venue health: OK, snapshot as of" in page
    assert SCRIPT.findall(page) == []


def test_it_is_saved_without_the_state_of_widgets() -> None:
    assert "widgets" not in nbformat.read(QUICKSTART, as_version=4).metadata
