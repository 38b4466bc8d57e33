"""HALT while a cell blocks, in a real browser against a real venue: what the venue's own log says.

Every way there is: the shortcut, the command palette, the button in the widget. Each against a cell
that sends orders without a pause, and one that sleeps while orders rest. Times are the venue's, in
UTC milliseconds; browser, kernel and venue share one machine's clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, Notebook, environment, new_context
from playwright.sync_api import Browser, Page

LATE_MS = 250  # after the click no order may be accepted
CANCELLED_MS = 1_000  # within that every cancel has reached the venue
RATE = 20  # orders a second: with fewer there is no storm
RESTING = 5
WINDOW_MS = 3_500  # between two storms, so that the venue's own order limit never answers first

ARM = """
from decimal import Decimal
from pathlib import Path
from quantlab.control.capability import Budget, Grant, Scope
engine = get_ipython().quantlab_notebook.engine
await engine.ready()
grant = Grant(scopes=tuple(Scope), budget=Budget(orders=100_000, notional=Decimal(1_000_000_000)))
engine.session = engine.desk.arm_from_file(engine.settings.token_file, grant)
await ql.health.until_ok()
"""
LIMITS = "%ql limits max_orders_per_second=1000"
STORM = """
import time
from quantlab.errors import QuantlabError
ql.orders.again(every=True).wait(5)  # the cell runs once a round, and means it: see the rail cell_rerun
sent, refused, began = 0, "", time.monotonic()
price = int(engine.quotes.get("BTCUSDT").price * 98 // 100)
while time.monotonic() - began < 3.7 and not refused:
    time.sleep(max(0, began + sent / 26 - time.monotonic()))  # the venue takes 100 orders in 10 s
    try:
        # a price of its own each: the rail duplicate_order allows ten of the same
        ql.orders.buy("BTCUSDT", "0.001", price=price - sent, time_in_force="IOC").wait(5)
        sent += 1
    except QuantlabError as error:
        refused = f"{type(error).__name__}: {error}"
print(sent, round(time.monotonic() - began, 2), refused)
"""
REST = f"""
await ql.orders.again(every=True)
price = int(engine.quotes.get("BTCUSDT").price * 98 // 100)
for number in range({RESTING}):
    await ql.orders.buy("BTCUSDT", "0.001", price=price - number)
"""
PLACED = (("POST", "/api/v3/order"), ("WS", "order.place"))
SLEEP = "import time\ntime.sleep(5)\nprint('slept')"
RESUME = "%ql resume the next round"
RESUME_CELL = 7
Picture = Callable[[Page, str], None]


class Venue:
    """A paper venue in a process of its own, and what it has seen."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    def log(self) -> list[dict[str, Any]]:
        """Every order-changing request so far, oldest first."""
        control = self.facts["control"]
        request = urllib.request.Request(f"{control['url']}/log")
        request.add_header("Authorization", f"Bearer {control['secret']}")
        with urllib.request.urlopen(request, timeout=10) as reply:
            seen: list[dict[str, Any]] = json.loads(reply.read())
        return seen

    def accepted(self) -> list[int]:
        """When each order was accepted, by whichever way it came."""
        placed = [each for each in self.log() if (each["method"], each["path"]) in PLACED]
        return [each["time_ms"] for each in placed if each["accepted"]]

    def cancels(self) -> list[int]:
        """When each cancel came that found something."""
        return [each["time_ms"] for each in self.log() if each["method"] == "DELETE" and each["accepted"]]


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    command = [sys.executable, "-m", "quantlab.cli", "venue", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Venue(json.loads(process.stdout.readline()))
        process.terminate()


@pytest.fixture(autouse=True)
def _resumed(notebook: Notebook) -> Iterator[None]:
    """One test's failure is not the next one's: each begins with trading on."""
    yield
    notebook.page.keyboard.press("Escape")
    notebook.run(RESUME_CELL)


@pytest.fixture(scope="module")
def notebook(
    browser: Browser, venue: Venue, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notebook]:
    """A notebook on that venue, armed, its health shown; cells 4 to 7 storm, rest orders, sleep, resume."""
    folder = tmp_path_factory.mktemp("halt")
    profile, secret = folder / "venue.toml", folder / "secret"
    profile.write_text(
        "".join(f'{name} = "{venue.facts[name]}"\n' for name in ("rest", "ws", "ws_api"))
        + 'symbols = ["BTCUSDT"]\n'
    )
    account = venue.facts["accounts"][0]
    secret.touch(mode=0o600)
    secret.write_text(account["api_secret"])
    settings = environment(home, home / "token") | {
        "QUANTLAB_VENUE": str(profile),
        "QUANTLAB_API_KEY": account["api_key"],
        "QUANTLAB_API_SECRET_FILE": str(secret),
    }
    with Lab(folder / "lab", settings) as lab:
        lab.write("halt.ipynb", ["%load_ext quantlab", ARM, LIMITS, "ql.health", STORM, REST, SLEEP, RESUME])
        context = new_context(browser)
        notebook = lab.open(context, "halt.ipynb")
        for index in range(4):
            notebook.run(index)
        notebook.health_is("LIVE")
        notebook.page.evaluate(LISTEN)
        yield notebook
        context.close()


def shortcut(notebook: Notebook) -> int:
    """Ctrl+Alt+H, wherever the cursor is; returns when the key went down (browser's clock, UTC ms)."""
    notebook.page.keyboard.press("Control+Alt+h")
    return pressed(notebook)


def palette(notebook: Notebook) -> int:
    """The command, found by its name; when Enter went down."""
    notebook.execute("apputils:activate-command-palette")
    notebook.page.keyboard.type("quantlab: halt")
    notebook.page.wait_for_selector('.lm-CommandPalette-item.lm-mod-active[data-command="quantlab:halt"]')
    notebook.page.keyboard.press("Enter")
    return pressed(notebook)


def button(notebook: Notebook) -> int:
    """The button in the health widget; when the mouse went down."""
    notebook.health.locator(".ql-halt").click()
    return pressed(notebook)


def pressed(notebook: Notebook) -> int:
    """When the page last saw a key or the mouse go down: playwright takes its time before that."""
    return int(notebook.page.evaluate("window.pressed"))


LISTEN = """() => {
    for (const name of ['keydown', 'pointerdown'])
        window.addEventListener(name, () => { window.pressed = Date.now(); }, true);
}"""
WAYS = [shortcut, palette, button]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", WAYS)
def test_no_order_is_accepted_after_a_halt_in_a_storm(
    notebook: Notebook, venue: Venue, way: Callable[[Notebook], int], full: bool, picture: Picture
) -> None:
    """R11: A cell sends orders without a pause; 250 ms after the click the venue has accepted its last one.

    In every round; but one in which a slow machine sent less than `RATE` was no storm, and is not counted.
    """
    rounds, most_slow = (10, 10) if full else (2, 6)
    found: dict[str, list[dict[str, float]]] = {"storms": [], "slow": []}
    while len(found["storms"]) < rounds and len(found["slow"]) <= most_slow:
        before = len(venue.accepted())
        notebook.start(4)
        notebook.page.wait_for_timeout(800)
        clicked = way(notebook)
        notebook.finished(4)
        sent, seconds, refused = notebook.text(4).split(maxsplit=2)
        accepted = venue.accepted()[before:]
        rate, late_ms = int(sent) / float(seconds), max(accepted) - clicked
        found["storms" if rate >= RATE else "slow"].append({"late_ms": late_ms, "rate": round(rate, 1)})
        assert "HALT" in refused, refused
        assert len(accepted) >= int(sent) > 10, "there were many orders, and the venue saw them"
        assert late_ms <= LATE_MS, found
        picture(notebook.page, f"halt-storm-{way.__name__}")
        notebook.run(RESUME_CELL)
        notebook.page.wait_for_timeout(WINDOW_MS)
    print(f"storm, {way.__name__}: {found}")
    assert len(found["storms"]) == rounds, found


@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", WAYS)
def test_a_halt_cancels_what_rests_while_a_cell_sleeps(
    notebook: Notebook, venue: Venue, way: Callable[[Notebook], int], full: bool, picture: Picture
) -> None:
    """Five resting orders: within a second after the click the venue has been told to cancel them all."""
    found = []
    for _ in range(10 if full else 2):
        before = len(venue.cancels())
        notebook.run(5)
        notebook.start(6)
        notebook.page.wait_for_timeout(500)
        clicked = way(notebook)
        notebook.page.wait_for_function(
            f"document.querySelector('.ql-why').textContent.includes('by the HALT: {RESTING}')"
        )
        asleep = notebook.text(6) == ""
        picture(notebook.page, f"halt-asleep-{way.__name__}")
        cancels = venue.cancels()[before:]
        found.append({"cancelled_ms": max(cancels) - clicked, "cancels": len(cancels), "asleep": asleep})
        notebook.finished(6)
        notebook.run(RESUME_CELL)
    print(f"asleep, {way.__name__}: {found}")
    assert all(each["cancelled_ms"] <= CANCELLED_MS for each in found), found
    assert all(each["asleep"] for each in found), found
