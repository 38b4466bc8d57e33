"""The `quantlab` command: facts on standard output, one line and exit code 2 for what is wrong."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from quantlab.clock import ManualClock, SystemClock
from quantlab.control.tokenstore import TokenStore
from quantlab.trading.journal import Journal, load_key

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Run:
    """Runs `quantlab WORDS` with a home of its own."""

    def command(
        *words: str, options: dict[str, Any] | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        ends = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("QUANTLAB_")}
        return subprocess.run(
            [sys.executable, "-m", "quantlab.cli", *words],
            env={**inherited, "QUANTLAB_HOME": str(home), **environment},
            text=True, timeout=110, check=False, **{**ends, **(options or {})},
        )  # fmt: skip

    return command


BROKEN = ["closed", "full", "without a reader"]


@contextmanager
def broken_output(kind: str) -> Iterator[dict[str, Any]]:
    """What `subprocess` has to be given for such a standard output."""
    match kind:
        case "closed":
            yield {"stdout": None, "preexec_fn": lambda: os.close(1)}
        case "full":
            with Path("/dev/full").open("wb") as full:
                yield {"stdout": full}
        case _:
            reader, writer = os.pipe()
            os.close(reader)
            yield {"stdout": writer}
            os.close(writer)


def complaint(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The one line that a command says when it fails."""
    assert done.returncode == code, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    "words", [[], ["lab"], ["demo"], ["venue"], ["token"], ["token", "new"], ["halt"], ["journal"]]
)
def test_every_command_explains_itself(run: Run, words: list[str]) -> None:
    done = run(*words, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: quantlab {' '.join(words)}".strip())


def test_a_token_is_shown_once_listed_without_it_and_revoked(run: Run, home: Path) -> None:
    token = run("token", "new", "--label", "mine").stdout.splitlines()[0]
    listed = json.loads(run("token", "list", "--json").stdout)

    assert token.startswith("qlt_")
    assert [each["label"] for each in listed] == ["mine"]
    assert token not in run("token", "list").stdout + (home / "tokens.json").read_text()
    assert "revoked" in run("token", "revoke", listed[0]["id"]).stdout
    assert json.loads(run("token", "list", "--json").stdout) == []
    assert "quantlab token list" in complaint(run("token", "revoke", "nobody"))


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize(
    "words",
    [["--help"], ["token", "new", "-h"], ["token", "list"], ["venue", "--market", "none"]],
    ids=" ".join,
)
def test_a_broken_standard_output_is_one_line(run: Run, kind: str, words: list[str]) -> None:
    """No traceback, no success, and no venue that goes on unheard."""
    with broken_output(kind) as output:
        assert "standard output" in complaint(run(*words, options=output))


@pytest.mark.parametrize("kind", BROKEN)
def test_a_halt_that_cannot_be_told_stands(run: Run, home: Path, kind: str) -> None:
    with broken_output(kind) as output:
        said = complaint(run("halt", options=output))

    assert f"halt is written to {home / 'halt'}, but standard output" in said
    assert (home / "halt").exists()


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("words", [["token", "new"], ["lab", "--no-browser"]], ids=" ".join)
def test_a_token_that_nobody_saw_is_revoked(run: Run, home: Path, kind: str, words: list[str]) -> None:
    with broken_output(kind) as output:
        said = complaint(run(*words, options=output))

    assert "standard output" in said
    assert "revoked" in said
    assert TokenStore(home, SystemClock()).list() == []


def test_a_refused_label_leaves_no_file(run: Run, tmp_path: Path) -> None:
    complaint(run("token", "new", "--label", "", "--file", str(tmp_path / "token")))

    assert not (tmp_path / "token").exists()


def test_tokens_are_listed_with_the_day_they_were_made(run: Run, home: Path) -> None:
    """For people as date and minute in UTC, for programs as milliseconds."""
    store = TokenStore(home, ManualClock(1_767_268_800_000))  # 2026-01-01 12:00 UTC
    store.new("my laptop")

    assert run("token", "list").stdout == f"{store.list()[0].id}  my laptop  2026-01-01 12:00 UTC\n"
    assert json.loads(run("token", "list", "--json").stdout)[0]["created_ms"] == 1_767_268_800_000


def test_a_token_that_cannot_be_written_is_not_made(run: Run, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    assert run("token", "new", "--file", str(file)).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600

    assert "File exists" in complaint(run("token", "new", "--file", str(file)))
    assert len(TokenStore(home, SystemClock()).list()) == 1


@pytest.mark.parametrize("trouble", ["none", "a loose home", "a folder there", "a pipe there"])
def test_a_halt_file_is_written_whatever_else_is_wrong(run: Run, home: Path, trouble: str) -> None:
    home.mkdir(mode=0o700)
    match trouble:
        case "a loose home":
            home.chmod(0o777)
        case "a folder there":
            (home / "halt").mkdir()
        case "a pipe there":
            os.mkfifo(home / "halt")
    done = run("halt", "the", "feed", "is", "wrong", QUANTLAB_VENUE="nonsense")

    assert done.returncode == 0, done.stderr
    assert os.path.lexists(home / "halt")
    if trouble == "none":
        assert (home / "halt").read_text() == "the feed is wrong"


def test_a_home_relative_to_the_working_folder_is_refused(run: Run, tmp_path: Path) -> None:
    """Another folder would be another home, and a halt given there would stop nobody."""
    for words in (["halt"], ["token", "new"]):
        said = complaint(run(*words, options={"cwd": tmp_path}, QUANTLAB_HOME="here/home"))
        assert "QUANTLAB_HOME=here/home" in said
        assert "absolute path" in said
    assert list(tmp_path.iterdir()) == []


def test_a_halt_follows_no_link(run: Run, home: Path, tmp_path: Path) -> None:
    home.mkdir(mode=0o700)
    target = tmp_path / "precious"
    target.write_text("keep me")
    (home / "halt").symlink_to(target)

    assert run("halt").returncode == 0
    assert target.read_text() == "keep me"


@pytest.fixture
def journal(home: Path) -> Path:
    """A journal of three lines, closed, in the home that wrote it."""
    home.mkdir(mode=0o700)
    path = home / "one.journal"
    journal = Journal(
        path, key=load_key(home), clock=SystemClock(), instance="v", account="a", level="L0 paper"
    )
    journal.append_nowait("note", {"n": 1})
    journal.close()
    return path


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def edit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"n":1', b'"n":2'))


def test_a_journal_is_verified_and_damage_is_named(run: Run, journal: Path) -> None:
    """Exit code 0 for intact, 1 for not to be trusted; the file is named once."""
    whole = run("journal", "verify", str(journal))
    assert (whole.returncode, whole.stdout) == (0, f"{journal}: intact, 3 lines\n")

    edit(journal)
    text, facts = run("journal", "verify", str(journal)), run("journal", "verify", str(journal), "--json")
    assert (text.returncode, facts.returncode) == (1, 1)
    assert text.stdout.startswith(f"{journal}: NOT intact: line 2 was edited")
    assert json.loads(facts.stdout)["ok"] is False


def test_a_torn_tail_is_told_from_a_forged_line(run: Run, journal: Path) -> None:
    """D7: A final piece without a line end is a crash, exit code 3; a whole line that is not ours is not."""
    append(journal, b'{"seq":')
    done = run("journal", "verify", str(journal), "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout) == {
        "path": str(journal), "ok": True, "lines": 3, "problem": "", "torn_places": 0, "tail_bytes": 7,
    }  # fmt: skip

    append(journal, b'99,"forged":1}\n')
    done = run("journal", "verify", str(journal), "--json")
    assert done.returncode == 1
    assert (json.loads(done.stdout)["ok"], json.loads(done.stdout)["tail_bytes"]) == (False, 0)


def test_the_worst_of_several_journals_decides_the_exit_code(run: Run, home: Path, journal: Path) -> None:
    torn = home / "two.journal"
    for name in ("", ".head"):
        torn.with_name(torn.name + name).write_bytes(journal.with_name(journal.name + name).read_bytes())
    append(torn, b"piece")
    assert run("journal", "verify", str(journal), str(torn)).returncode == 3

    edit(journal)
    assert run("journal", "verify", str(journal), str(torn)).returncode == 1


def test_the_exit_codes_of_verify_are_in_its_help(run: Run) -> None:
    said = " ".join(run("journal", "--help").stdout.split())

    assert all(part in said for part in ("0 intact", "3 intact with a torn tail", "1 not to be trusted"))


def test_what_cannot_be_verified_is_named_with_the_way_out(run: Run, journal: Path, tmp_path: Path) -> None:
    """No such file, a home that has not written it, a head that cannot be read: exit code 2."""
    other = str(tmp_path / "other")
    missing = str(tmp_path / "none.journal")
    assert f"{missing} is no journal" in complaint(run("journal", "verify", missing, QUANTLAB_HOME=other))

    said = complaint(run("journal", "verify", str(journal), QUANTLAB_HOME=other))
    assert f"no journal key in {other}" in said
    assert "set QUANTLAB_HOME to the home that wrote it" in said

    head = journal.with_name(journal.name + ".head")
    head.unlink()
    head.mkdir()
    assert f"{head} cannot be read" in complaint(run("journal", "verify", str(journal)))


def test_a_venue_prints_one_line_of_facts_serves_and_ends_on_a_signal(home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "quantlab.cli", "venue", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert {
        "rest",
        "ws",
        "ws_api",
        "futures_rest",
        "futures_ws",
        "accounts",
        "control",
        "pid",
    } <= facts.keys()
    assert facts["ws_api"].endswith("/ws-api/v3")
    assert {"api_key", "api_secret"} == facts["accounts"][0].keys()


def test_a_port_that_is_taken_is_named_with_the_way_out(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = complaint(run("venue", "--port", str(port)))

    assert str(port) in said
    assert "another port" in said


@pytest.mark.parametrize("command", ["venue", "lab"])
@pytest.mark.parametrize("port", ["99999", "65536", "-1"])
def test_a_port_that_is_none_is_refused(run: Run, home: Path, command: str, port: str) -> None:
    said = complaint(run(command, "--port", port))

    assert f"port: {port} is no port; give 1 to 65535" in said
    assert not (home / "tokens.json").exists()


@pytest.mark.parametrize("kind", ["/dev/null", "a file", "closed"])
def test_an_input_that_tells_no_end_is_refused(run: Run, tmp_path: Path, kind: str) -> None:
    """With --die-with-parent the venue would never learn of it, or has already."""
    file = tmp_path / "input"
    file.write_bytes(b"text")
    with (Path("/dev/null") if kind == "/dev/null" else file).open("rb") as stdin:
        options: dict[str, Any] = {"stdin": stdin}
        if kind == "closed":
            options["preexec_fn"] = lambda: os.close(0)
        done = run("venue", "--die-with-parent", "--market", "none", options=options)

    assert "standard input" in complaint(done)
    assert done.stdout == ""


@pytest.mark.parametrize("content", [None, b"", b"not a tape\n", b"\x1f\x8b\x08broken"])
def test_a_tape_that_is_missing_or_damaged_is_named(run: Run, tmp_path: Path, content: bytes | None) -> None:
    tape = tmp_path / "day.gz"
    if content is not None:
        tape.write_bytes(content)

    assert str(tape) in complaint(run("venue", "--tape", str(tape)))


def test_a_wrong_setting_is_one_line_that_suggests_the_right_one(run: Run) -> None:
    assert "QUANTLAB_VENUE" in complaint(run("token", "list", QUANTLAB_VENU="paper"))


# Notebooks ----------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A working folder whose quickstart has one cell, which leaves the file `ran` beside itself."""
    nbformat = pytest.importorskip("nbformat")
    folder = tmp_path / "checkout" / "notebooks"
    folder.mkdir(parents=True)
    cell = nbformat.v4.new_code_cell("open('ran', 'w').close(); print('here we are')")
    earlier = {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=earlier)
    nbformat.write(notebook, folder / "01_quickstart.ipynb")
    return folder.parent


def test_a_demo_prints_and_saves_its_run(run: Run, checkout: Path) -> None:
    saved = checkout / "saved.ipynb"
    done = run("demo", "--json", "--save", str(saved), options={"cwd": checkout})

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == ["here we are"]
    assert json.loads(saved.read_text())["cells"][0]["outputs"][0]["text"] == ["here we are\n"]


def test_a_demo_saves_no_state_of_widgets(run: Run, checkout: Path) -> None:
    """Neither that of this run nor what an earlier one left: a page made of it then shows the tables."""
    notebook = checkout / "notebooks" / "01_quickstart.ipynb"
    before = json.loads(notebook.read_text())
    before["cells"][0]["source"] = "import ipywidgets; ipywidgets.IntSlider()"
    notebook.write_text(json.dumps(before))
    done = run("demo", "--save", str(notebook), options={"cwd": checkout})
    after = json.loads(notebook.read_text())

    assert done.returncode == 0, done.stderr
    assert "application/vnd.jupyter.widget-view+json" in after["cells"][0]["outputs"][0]["data"]
    assert "widgets" in before["metadata"]
    assert "widgets" not in after["metadata"]


@pytest.mark.parametrize("place", ["nowhere/saved.ipynb", "notebooks"])
def test_a_demo_that_cannot_be_saved_is_not_run(run: Run, checkout: Path, place: str) -> None:
    """The complaint comes before the run, not after it."""
    said = complaint(run("demo", "--save", str(checkout / place), options={"cwd": checkout}))

    assert f"{checkout / place} cannot be written" in said
    assert not (checkout / "notebooks" / "ran").exists()


def test_a_demo_whose_notebook_does_not_fit_says_so(run: Run, checkout: Path) -> None:
    """As the last line, after whatever the kernel said."""
    done = run("demo", "--save", "/dev/full", options={"cwd": checkout})

    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("quantlab: /dev/full cannot be written: No space left on device")
    assert "Traceback" not in done.stderr


def test_jupyterlab_ends_with_the_lab_command(home: Path, tmp_path: Path) -> None:
    """The command becomes JupyterLab: whoever signals it leaves no server behind."""
    pytest.importorskip("jupyterlab")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "quantlab.cli", "lab", "--no-browser", "--port", str(port)],
        env={**os.environ, "QUANTLAB_HOME": str(home), "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        assert eventually(lambda: answers(port), within_s=60)
        process.terminate()
        process.wait(60)
        assert not answers(port)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """One below those that the system gives away by itself: no connection takes it meanwhile."""
    while True:
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", secrets.choice(range(20_000, 32_000)))) as it,
        ):
            return int(it.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def eventually(condition: Callable[[], bool], *, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
