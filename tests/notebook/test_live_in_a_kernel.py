"""The lanes between a real kernel and its browsers: pushes, HALT, what is saved, what is left."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kernel import ROOT, Kernel
from nbclient import NotebookClient

from quantlab.home import HALT_FILE
from quantlab.notebook.health_widget import MODEL_ID
from quantlab.notebook.lanes import STATUS

SLEEP, BUSY = (
    "import time; time.sleep(3)",
    "import time\nend = time.time() + 3\nwhile time.time() < end: pass",
)
OLDER = ("6.29.5", "7.3.0")


def heard(kernel: Kernel, seconds: float) -> list[dict[str, Any]]:
    """Every comm message of the next seconds, as a browser gets them."""
    found, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            message = kernel.client.get_iopub_msg(timeout=0.05)
        except queue.Empty:
            continue
        if message["msg_type"] == "comm_msg":
            found.append(message["content"])
    return found


def statuses(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["data"]["quantlab"] for each in messages if each["comm_id"] == STATUS]


def control(kernel: Kernel, message_type: str, content: object) -> dict[str, Any]:
    """One request on the control channel, and its reply."""
    message = kernel.client.session.msg(message_type, content)
    kernel.client.control_channel.send(message)
    while True:
        reply = kernel.client.control_channel.get_msg(timeout=30)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            return dict(reply)


def click(kernel: Kernel, content: dict[str, Any], subshell: str | None) -> None:
    """What the widget's JavaScript sends, where JupyterLab sends it."""
    data = {"method": "custom", "content": content}
    message = kernel.client.session.msg("comm_msg", {"comm_id": MODEL_ID, "data": data})
    if subshell is not None:
        message["header"]["subshell_id"] = subshell
    kernel.client.shell_channel.send(message)


def answers(messages: list[dict[str, Any]], ref: str) -> list[dict[str, Any]]:
    contents = [each["data"].get("content", {}) for each in messages if each["comm_id"] == MODEL_ID]
    return [each for each in contents if each.get("ref") == ref]


def older_kernel(version: str) -> str:
    """The folder of an older ipykernel, which `make test` lays out; skips where it is missing."""
    folder = Path(sys.prefix) / "kernels" / version
    if not folder.is_dir():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no ipykernel {version}: make test")
    return os.pathsep.join([str(folder), str(ROOT)])


@pytest.fixture(params=[*OLDER, "installed"])
def any_kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kernel]:
    """quantlab in a kernel of each ipykernel that we support, its health shown."""
    version = str(request.param)
    environment = {} if version == "installed" else {"PYTHONPATH": older_kernel(version)}
    with Kernel(tmp_path, environment) as kernel:
        if version != "installed":
            assert version in kernel.run("import ipykernel; print(ipykernel.__version__)").text
        assert kernel.run("%load_ext quantlab").status == "ok"
        assert kernel.run("%ql status").status == "ok"
        assert kernel.run("await ql.health.until_ok()").status == "ok"
        assert "venue health: OK" in kernel.run("ql.health").text
        yield kernel


@pytest.mark.parametrize("cell", ["1", SLEEP, BUSY], ids=["idle", "sleeping", "computing"])
def test_browsers_hear_of_the_engine_whatever_the_cell_does(kernel: Kernel, cell: str) -> None:
    """Full snapshots, several and at most four a second, numbered; a blocked loop is said."""
    kernel.run("ql.health")
    kernel.begin(cell)
    messages = heard(kernel, 3)
    told = statuses(messages)
    shown = [each["data"]["content"] for each in messages if each["comm_id"] == MODEL_ID]
    kernel.run("1")

    assert 6 <= len(told) <= 13
    assert abs(len(shown) - len(told)) <= 1
    numbers = [each["seq"] for each in told]
    assert numbers == sorted(set(numbers))
    assert all(each["v"] == 1 and each["engine"] == "running" for each in told)
    busiest = max(each["busy_ms"] for each in told)
    assert busiest > 1_500 if cell != "1" else busiest < 1_500


def test_a_halt_on_the_control_channel_is_answered_while_a_cell_sleeps(any_kernel: Kernel) -> None:
    """On ipykernel 6.29, 7.3 and the newest: the latch is set and the reply is there before the cell ends."""
    cell = any_kernel.begin("import time; time.sleep(5); print('slept')")
    first = control(any_kernel, "quantlab_halt_request", {"reason": "from the test"})
    again = control(any_kernel, "quantlab_halt_request", {"reason": 5})
    told = statuses(heard(any_kernel, 1))

    assert first["msg_type"] == "quantlab_halt_reply"
    assert first["content"] == {"status": "ok", "halted": True, "reason": "from the test", "already": False}
    assert (again["content"]["status"], again["content"]["already"]) == ("ok", True)
    assert told[-1]["halted"]
    assert told[-1]["trading"] == "HALTED: from the test"
    assert told[-1]["busy_ms"] > 0, "and the cell still sleeps"
    assert "slept" in any_kernel.finish(cell).text


def by_command(home: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "quantlab.cli", "halt", "from", "outside"],
        env={**os.environ, "QUANTLAB_HOME": str(home)}, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def by_file(home: Path) -> None:
    (home / HALT_FILE).write_text("from outside")


BLOCK = """
import time
from pathlib import Path
while not Path("go on").exists():
    time.sleep(0.02), sum(range(300_000))
print("blocked until then; halted:", get_ipython().quantlab_notebook.engine.latch.is_set)
"""


@pytest.mark.parametrize("way", [by_command, by_file])
def test_a_halt_from_outside_the_kernel_is_in_force_while_a_cell_blocks(
    any_kernel: Kernel, tmp_path: Path, way: Callable[[Path], None]
) -> None:
    """Browsers are told that it is halted and how long the kernel is busy; then may the cell go on."""
    cell = any_kernel.start(BLOCK)
    before = seen(any_kernel, lambda status: status["busy_ms"] > 0)
    way(tmp_path / "home")
    after = seen(any_kernel, lambda status: status["halted"] and status["busy_ms"] > before["busy_ms"])
    (tmp_path / "go on").touch()
    shown = any_kernel.finish(cell)

    assert not before["halted"]
    assert after["trading"] == "HALTED: from outside"
    assert shown.text == "blocked until then; halted: True\n"


def seen(kernel: Kernel, wanted: Callable[[dict[str, Any]], bool], within_s: float = 30) -> dict[str, Any]:
    """The first status that a browser gets which is so."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = next(filter(wanted, statuses(heard(kernel, 0.3))), None)
        if found is not None:
            return found
    raise TimeoutError(f"no such status within {within_s} s")


def test_the_widgets_halt_is_heard_while_a_cell_sleeps_where_there_are_subshells(any_kernel: Kernel) -> None:
    """From 7.0 on, also with the routing of 7.4; on 6.29 it is carried out when the cell has ended."""
    newer = any_kernel.run("get_ipython().kernel._supports_kernel_subshells").text.strip() == "True"
    subshell = control(any_kernel, "create_subshell_request", {})["content"]["subshell_id"] if newer else None
    cell = any_kernel.begin("import time; time.sleep(5)")
    time.sleep(0.1)
    click(any_kernel, {"kind": "halt", "ref": "r1"}, subshell)
    while_it_sleeps = answers(heard(any_kernel, 3 if newer else 1.5), "r1")
    any_kernel.finish(cell)
    afterwards = answers(heard(any_kernel, 1.0), "r1")

    assert len(while_it_sleeps) == (1 if newer else 0)
    assert len(while_it_sleeps) + len(afterwards) == 1 or not newer
    assert any_kernel.run("ql.orders; get_ipython().quantlab_notebook.engine.latch.is_set").text.endswith(
        "True\n"
    )


def test_what_a_browser_sends_wrong_does_nothing_and_hurts_nothing(kernel: Kernel) -> None:
    """Unknown kinds, missing parts, other types: no HALT, no error, and it still answers."""
    kernel.run("ql.health")
    for content in ({}, {"kind": "sell"}, {"kind": "halt"}, {"kind": "halt", "ref": 7}, {"kind": ["halt"]}):
        click(kernel, content, None)
    click(kernel, {"kind": "hello"}, None)
    told = heard(kernel, 1)

    assert not any(each["halted"] for each in statuses(told))
    assert len([each for each in told if each["comm_id"] == MODEL_ID]) >= 4, "pushes, and the hello's answer"


def test_no_secret_is_in_anything_that_a_browser_gets(tmp_path: Path) -> None:
    """Every message on the broadcast channel, of a session that arms, trades, shows and halts."""
    from quantlab.clock import SystemClock
    from quantlab.control.tokenstore import TokenStore
    from quantlab.privatefile import make_private_folder

    home = make_private_folder(tmp_path / "home")
    token = TokenStore(home, SystemClock()).new("secret")
    (home / "token").touch(mode=0o600)
    (home / "token").write_text(token)
    said = ""
    with Kernel(tmp_path, {"QUANTLAB_TOKEN_FILE": str(home / "token")}) as kernel:
        for cell in (
            "%load_ext quantlab",
            "%ql arm",
            "ql.health",
            "%ql buy 0.001 BTCUSDT @ 59000",
            "%ql halt",
        ):
            assert kernel.run(cell).status == "ok"
        secrets = kernel.run(
            "e = get_ipython().quantlab_notebook.engine; import hashlib\n"
            "s = e.settings; open('keys', 'w').write(s.api_key + ' ' + s.api_secret.reveal())"
        )
        assert secrets.status == "ok", secrets.error
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            try:
                said += json.dumps(kernel.client.get_iopub_msg(timeout=0.05), default=str)
            except queue.Empty:
                continue
        state = kernel.run(
            "import json; print(json.dumps(get_ipython().quantlab_notebook.live.widget().get_state()))"
        )
    key, secret = (tmp_path / "keys").read_text().split()

    assert '"quantlab"' in said
    for hidden in (token, token.split("_")[-1], key, secret):
        assert len(hidden) > 8
        assert hidden not in said + state.text


def test_what_is_saved_with_a_notebook_is_small_and_shows_its_time(tmp_path: Path) -> None:
    """Under 5 KB of widget state, code and all; and static forms for readers without widgets."""
    steps = ("%load_ext quantlab", "%ql status", "await ql.health.until_ok()", "ql.health")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in steps])
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environment = {**os.environ, "QUANTLAB_HOME": str(home), "PYTHONPATH": str(ROOT)}
    NotebookClient(notebook, timeout=110, kernel_name="python3").execute(env=environment)
    widgets = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]
    shown = notebook.cells[-1].outputs[0]["data"]

    assert set(widgets["state"]) == {MODEL_ID}
    assert len(json.dumps(widgets, indent=1)) < 5 * 1_024
    saved = widgets["state"][MODEL_ID]["state"]["snapshot"]
    assert (saved["state"], saved["engine"]) == ("OK", "running")
    assert saved["as_of_ms"] > 1_700_000_000_000
    for form in ("text/plain", "text/html"):
        assert "venue health: OK, snapshot as of 20" in shown[form]
        assert " at 0x" not in shown[form]
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == MODEL_ID


def test_an_unload_takes_the_lanes_along_and_says_the_last_word(bare: Kernel) -> None:
    """No comm, no widget, no handler on the control channel; browsers hear "stopped"."""
    for cell in ("%load_ext quantlab", "%ql status", "ql.health"):
        assert bare.run(cell).status == "ok"
    bare.start("get_ipython().run_line_magic('unload_ext', 'quantlab')")
    messages = heard(bare, 1)

    assert statuses(messages)[-1]["engine"] == "stopped"
    assert [each for each in messages if each["comm_id"] == MODEL_ID][-1]["data"]["content"][
        "engine"
    ] == "stopped"
    left = bare.run(
        "from comm import get_comm_manager; from ipywidgets.widgets import widget\n"
        "k = get_ipython().kernel\n"
        "print(list(get_comm_manager().comms), list(widget._instances), "
        "[each for each in k.control_handlers if 'quantlab' in each])"
    )
    assert left.text.strip() == "[] [] []"


def test_a_view_that_comes_later_gets_the_snapshot_of_now(kernel: Kernel) -> None:
    """A page that is loaded anew asks for the state: not for that of the moment when it was made."""
    kernel.run("ql.health")
    read = "print(get_ipython().quantlab_notebook.live.widget().get_state()['snapshot']['as_of_ms'])"
    first = int(kernel.run(read).text)
    time.sleep(0.6)

    assert int(kernel.run(read).text) >= first + 600
