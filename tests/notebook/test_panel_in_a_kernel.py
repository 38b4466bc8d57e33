"""The panel in a real kernel: messages as a front end sends them, blocked cells, unload and reload."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel import Kernel

from quantlab.clock import SystemClock
from quantlab.control.tokenstore import TokenStore
from quantlab.privatefile import make_private_folder

SETUP = """
import asyncio, re, threading, time
from ipywidgets.widgets import widget as registry
panel = ql.panel()
form = panel.ticket
notebook = get_ipython().quantlab_notebook
def text(page):
    return re.sub(r"\\s+", " ", re.sub("<[^>]+>", " ", page._tables.value))
def timers():
    waiting = [each for each in asyncio.get_running_loop()._scheduled if not each.cancelled()]
    owners = [getattr(each._callback, "__self__", None) for each in waiting]
    found = [type(each).__module__ for each in owners]
    return sorted(name for name in found if name.startswith("quantlab.notebook"))
async def until(met, seconds=30):
    for _ in range(int(seconds / 0.02)):
        if met():
            return True
        await asyncio.sleep(0.02)
    return False
panel
"""
THREADS = """
handled, worked = [], []
form.price.observe(lambda change: handled.append(threading.current_thread().name), names="value")
form.button.on_click(lambda button: handled.append(threading.current_thread().name))
def watched(name):
    real = getattr(form, name)
    def run(*args):
        worked.append(threading.current_thread().name)
        return real(*args)
    setattr(form, name, run)
for name in ("_edited", "_clicked"):
    watched(name)
"""


@pytest.fixture(scope="module")
def trader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel of its own whose market moves, armed."""
    home = tmp_path_factory.mktemp("panel")
    token = TokenStore(make_private_folder(home / "home"), SystemClock()).new("panel")
    with Kernel(home) as kernel:
        assert kernel.run("%load_ext quantlab").status == "ok"
        kernel.run("await ql.health.until_ok()")
        assert kernel.run("%ql arm", answer=token).status == "ok"
        yield kernel


@pytest.fixture
def kernel(trader: Kernel) -> Iterator[Kernel]:
    """The same with a fresh panel, shown, its ticket in front, and no order open."""
    shown = trader.run(SETUP)
    assert shown.status == "ok", shown.error
    trader.run("panel.tab.selected_index = 5\nassert await until(lambda: form.symbol.value)")
    yield trader
    trader.run("panel.close()")
    trader.run("if notebook.engine.latch.is_set:\n    %ql resume tested")
    trader.run("await ql.orders.cancel('all')")


def subshell(kernel: Kernel) -> str:
    """A subshell as JupyterLab makes one for the messages of widgets."""
    info = kernel.client.kernel_info(reply=True, timeout=30)["content"]
    if "kernel subshells" not in info.get("supported_features", ()):
        pytest.skip("this ipykernel has no subshells")
    kernel.client.control_channel.send(kernel.client.session.msg("create_subshell_request", {}))
    while True:
        reply = kernel.client.get_control_msg(timeout=30)
        if reply["msg_type"] == "create_subshell_reply":
            return str(reply["content"]["subshell_id"])


def send(kernel: Kernel, widget: str, data: dict[str, Any], shell: str | None) -> None:
    """One comm message to the widget that `widget` names in the kernel, as a front end sends it."""
    message = kernel.client.session.msg("comm_msg", {"comm_id": model(kernel, widget), "data": data})
    if shell is not None:
        message["header"]["subshell_id"] = shell
    kernel.client.shell_channel.send(message)


MODELS: dict[str, str] = {}


def model(kernel: Kernel, widget: str) -> str:
    return MODELS.get(widget) or kernel.run(f"print({widget}.model_id)").lines[-1]


@pytest.fixture
def models(kernel: Kernel) -> Iterator[None]:
    """The ids are asked for before a cell blocks."""
    for widget in ("form.quantity", "form.price", "form.button", "panel.halt_button", "panel.widget"):
        MODELS[widget] = kernel.run(f"print({widget}.model_id)").lines[-1]
    yield
    MODELS.clear()


def write(kernel: Kernel, widget: str, text: str, shell: str | None) -> None:
    send(kernel, widget, {"method": "update", "state": {"value": text}, "buffer_paths": []}, shell)


def click(kernel: Kernel, widget: str, shell: str | None) -> None:
    send(kernel, widget, {"method": "custom", "content": {"event": "click"}}, shell)


def test_an_order_from_a_subshell_is_worked_on_by_the_main_thread_and_placed_once(
    kernel: Kernel, models: None
) -> None:
    """Typed, explained, and clicked twice, by messages that another thread handles."""
    shell = subshell(kernel)
    kernel.run(THREADS)
    write(kernel, "form.quantity", "0.01", shell)
    write(kernel, "form.price", "58000", shell)
    named = kernel.run(
        "print(await until(lambda: form.button.description != 'Send'), form.button.description)"
    )
    click(kernel, "form.button", shell)
    click(kernel, "form.button", shell)
    kernel.run("await until(lambda: 'TAKEN' in text(form._answer)); await asyncio.sleep(1.5)")
    threads = kernel.run("print({name.partition('-')[0] for name in handled}, set(worked), len(handled))")
    placed = kernel.run(
        "print(len(await ql.binance.open_orders()), len(ql.orders.frame().query('price == 58000')))\n"
        "print(text(form._answer))"
    )

    assert named.lines[-1] == "True Send: BUY 0.01 BTCUSDT @ 58000 GTC"
    assert threads.lines[-1] == "{'subshell'} {'MainThread'} 3", threads.error
    assert placed.lines[0] == "1 1", placed.error
    assert "BUY 0.01 BTCUSDT @ 58000 state TAKEN" in placed.lines[1]
    assert "client id" in placed.lines[1]


def test_halt_from_a_subshell_does_not_wait_for_the_cell(kernel: Kernel, models: None) -> None:
    """The cell sees it while it blocks the kernel."""
    shell = subshell(kernel)
    cell = kernel.begin(
        "began, halted = time.monotonic(), None\n"
        "while time.monotonic() < began + 30 and halted is None:\n"
        "    time.sleep(0.05)\n"
        "    halted = notebook.engine.latch.reason if notebook.engine.latch.is_set else None\n"
        "print(halted)"
    )
    click(kernel, "panel.halt_button", shell)
    shown = kernel.finish(cell)
    later = kernel.run("print(await until(lambda: 'HALTED: halted from the panel' in text(panel._head)))")

    assert shown.lines[-1] == "halted from the panel"
    assert later.lines[-1] == "True"


@pytest.mark.parametrize("way", ["subshell", "main shell"])
def test_a_click_while_a_cell_blocks_is_not_sent_when_the_cell_is_done(
    kernel: Kernel, models: None, way: str
) -> None:
    """Whichever thread takes the click: the market of then is gone."""
    shell = subshell(kernel) if way == "subshell" else None
    kernel.run("form.quantity.value, form.price.value = '0.01', '58500'")
    assert kernel.run("print(await until(lambda: not form.button.disabled))").lines[-1] == "True"
    cell = kernel.begin("time.sleep(4)")
    time.sleep(0.2)
    click(kernel, "form.button", shell)
    kernel.finish(cell)
    shown = kernel.run("await until(lambda: 'NOT SENT' in text(form._answer)); print(text(form._answer))")
    placed = kernel.run("print(len(await ql.binance.open_orders()))")

    assert "NOT SENT: order: the kernel was busy for" in shown.lines[-1]
    assert placed.lines[-1] == "0"


def test_what_is_shown_goes_on_by_itself_and_never_looks_newer_than_it_is(kernel: Kernel) -> None:
    """Its time stands still while a cell blocks, and goes on afterwards; a new order appears unasked."""
    kernel.run("panel.tab.selected_index = 1; page = panel._pages['orders and fills']")
    blocked = kernel.run(
        "await asyncio.sleep(0.3)\n"
        "before = page._as_of.value\ntime.sleep(2.2)\nprint(before == page._as_of.value, before)\n"
        "print(await until(lambda: page._as_of.value != before))"
    )
    kernel.run('placed = await ql.orders.buy("BTCUSDT", "0.001", price="58001")')
    appeared = kernel.run("print(await until(lambda: placed.client_order_id in text(page)))")

    assert blocked.lines[0].startswith("True as of "), blocked.error
    assert blocked.lines[1] == "True"
    assert appeared.lines[-1] == "True"


def test_a_quiet_page_sends_its_time_alone(kernel: Kernel) -> None:
    """Once a second, to whoever looks."""
    shown = kernel.run(
        "panel.tab.selected_index = 4; await asyncio.sleep(1.5); sent = []\n"
        "for each in list(registry._instances.values()):\n"
        "    each.observe(lambda change: sent.append(str(change['new'])[:6]))\n"
        "await asyncio.sleep(3.2); print(set(sent), 4 <= len(sent) <= 10)"
    )

    assert shown.lines[-1] == "{'as of '} True", shown.text


def test_a_panel_that_nobody_looks_at_rests_until_somebody_does(kernel: Kernel, models: None) -> None:
    """The front end counts the views; the first display starts it where one never counts."""
    counting = {"method": "update", "buffer_paths": []}
    began = kernel.run("print(timers())")
    send(kernel, "panel.widget", counting | {"state": {"_view_count": 1}}, None)
    send(kernel, "panel.widget", counting | {"state": {"_view_count": 0}}, None)
    resting = kernel.run("await asyncio.sleep(1.5); print(timers())")
    send(kernel, "panel.widget", counting | {"state": {"_view_count": 1}}, None)
    again = kernel.run("await asyncio.sleep(0.3); print(timers())")

    assert began.lines[-1] == again.lines[-1] == "['quantlab.notebook.panel']"
    assert resting.lines[-1] == "[]"


def test_a_panel_that_was_made_and_not_shown_does_nothing_by_itself(kernel: Kernel) -> None:
    shown = kernel.run("panel.close(); panel = ql.panel(); await asyncio.sleep(0.2); print(timers())")

    assert shown.lines[-1] == "[]"


def test_asked_for_again_it_is_the_same_panel_shown_by_widget_text_and_html(kernel: Kernel) -> None:
    shown = kernel.run("ql.panel()")
    kinds = kernel.run(
        "data, _ = get_ipython().display_formatter.format(ql.panel())\n"
        "print(ql.panel() is panel, sorted(data), str(panel).split()[:2])"
    )

    assert shown.lines[0] == "quantlab panel"
    assert says_when(shown.text)
    assert "<div class='quantlab'>" in shown.html
    assert kinds.lines[-1] == (
        "True ['application/vnd.jupyter.widget-view+json', 'text/html', 'text/plain'] ['quantlab', 'panel']"
    )


def says_when(text: str) -> bool:
    """True where the text says when it was so."""
    return re.search(r"as of \d\d:\d\d:\d\d UTC", text) is not None


def test_another_thread_cannot_make_a_panel(kernel: Kernel) -> None:
    """Its loop is not the engine's."""
    shown = kernel.run(
        "panel.close(); said = []\n"
        "def make():\n"
        "    try:\n        ql.panel()\n"
        "    except Exception as error:\n        said.append(type(error).__name__)\n"
        "thread = threading.Thread(target=make); thread.start(); thread.join(); print(said)"
    )

    assert shown.lines[-1] == "['WrongThread']"


COUNT = "from ipywidgets.widgets import widget as registry; before = set(registry._instances)"
LEFT = """
print(set(registry._instances) == before, timers(),
      [each.get_name() for each in asyncio.all_tasks() if "quantlab" in each.get_name()])
"""


@pytest.mark.parametrize("way", ["%unload_ext quantlab", "%reload_ext quantlab"])
def test_unloading_leaves_no_widget_no_timer_and_no_task(bare: Kernel, way: str) -> None:
    """Also while somebody types, while a price is awaited and while an answer is on its way."""
    bare.run(COUNT)
    assert bare.run("%load_ext quantlab").status == "ok"
    bare.run("await ql.health.until_ok()")
    assert bare.run(SETUP + "old = panel; panel").status == "ok"
    busy = bare.run(
        "form.quantity.value, form.price.value = '0.01', '50000'; await asyncio.sleep(0.4)\n"
        "form.button.click(); await asyncio.sleep(0.005)\n"
        "form.symbol.value = 'ETHUSDT'; await asyncio.sleep(0.3)\n"
        "for number in range(100):\n"  # a timer that is due already is no longer among those
        "    form.price.value = str(5 + number); await asyncio.sleep(0.01)\n"
        "    if len(timers()) == 2: break\n"
        "print(timers(), set(registry._instances) == before)"
    )
    assert bare.run(way).status == "ok"
    left = bare.run("await asyncio.sleep(0.3)\n" + LEFT)
    closed = bare.run("old")

    assert busy.lines[-1] == "['quantlab.notebook.panel', 'quantlab.notebook.ticket'] False", busy.error
    assert left.lines[-1].startswith("True [] ["), left.error
    assert "ticket" not in left.lines[-1]
    assert closed.text == "this panel was closed; ql.panel() makes a new one\n"
    bare.run("%reload_ext quantlab")
    assert bare.run("ql.panel()").lines[0] == "quantlab panel"


def test_the_panel_outlives_the_engine_that_a_setting_replaces(bare: Kernel) -> None:
    """In deterministic mode there is no time to show; a denied order is the new engine's to deny."""
    assert bare.run("%load_ext quantlab").status == "ok"
    bare.run("await ql.health.until_ok()")
    bare.run(SETUP)
    bare.run("%config QuantlabMagics.deterministic = True")
    bare.run("await ql.health.until_ok()")
    shown = bare.run(
        "print(await until(lambda: 'deterministic' in text(panel._head)), repr(panel._head._as_of.value))\n"
        "print(timers(), ql.panel() is panel)"
    )
    bare.run("%ql status")
    fallback = bare.run("ql.panel()")
    bare.run("get_ipython().config.QuantlabMagics.clear()")

    assert shown.lines == ["True ''", "['quantlab.notebook.panel'] True"], shown.error
    assert "as of" not in fallback.text


def test_the_panel_wakes_up_with_the_engine_that_follows_one_that_was_stopped(bare: Kernel) -> None:
    assert bare.run("%load_ext quantlab").status == "ok"
    bare.run("await ql.health.until_ok()")
    bare.run(SETUP)
    stopped = bare.run(
        "notebook.engine.close(); print(await until(lambda: timers() == []), text(panel._head))"
    )
    bare.run("%config QuantlabMagics.deterministic = True")
    shown = bare.run("print(await until(lambda: 'engine: running' in text(panel._head), 10), timers())")
    bare.run("get_ipython().config.QuantlabMagics.clear()")

    assert stopped.lines[-1].startswith("True ")
    assert "engine: stopped" in stopped.lines[-1]
    assert shown.lines[-1] == "True ['quantlab.notebook.panel']"


def test_loading_does_not_wait_for_ipywidgets(tmp_path: Path) -> None:
    """It is imported by the first panel."""
    with Kernel(tmp_path) as kernel:
        loaded = kernel.run("%load_ext quantlab\nimport sys; print('ipywidgets' in sys.modules)")
        made = kernel.run("panel = ql.panel(); print('ipywidgets' in sys.modules)")

    assert (loaded.lines[-1], made.lines[-1]) == ("False", "True"), loaded.error + made.error
