"""One JupyterLab for the session, one browser for each module, and the pictures that tests leave.

Playwright keeps an event loop running in its thread, which no other test may meet: so the browser
ends with its module. A missing browser skips these tests, except in CI.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no packages: lab.py stands beside them

from lab import ROOT, Lab, environment, new_context
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from quantlab.clock import SystemClock
from quantlab.control.tokenstore import TokenStore
from quantlab.privatefile import make_private_folder

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "no Chromium on this machine: install it (Debian: apt-get install chromium)"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PICTURES = ROOT / ".cache" / "pictures"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's Chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    return str(found)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser window that knows nothing of earlier tests."""
    context = new_context(browser)
    yield context
    context.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quantlab home of the kernels, with a token in a file."""
    home = make_private_folder(tmp_path_factory.mktemp("browser") / "home")
    token = home / "token"
    token.touch(mode=0o600)
    token.write_text(TokenStore(home, SystemClock()).new("browser"))
    return home


@pytest.fixture(scope="session")
def _lab(chromium: str, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), environment(home, home / "token")) as lab:
        yield lab


@pytest.fixture
def lab(_lab: Lab) -> Iterator[Lab]:
    """JupyterLab, shared: each test writes a notebook of its own, with a kernel that ends with it."""
    yield _lab
    _lab.end_kernels()


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keep what a page shows as .cache/pictures/NAME.png, for somebody to look at."""

    def take(page: Page, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png")

    return take
