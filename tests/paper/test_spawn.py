"""The embedded venue ends with its parent, however the parent ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

import quantlab
from quantlab.errors import ConfigError
from quantlab.paper.spawn import Control, EmbeddedVenue, VenueAddress

PARENT = """
import asyncio, sys, time
from quantlab.paper.spawn import EmbeddedVenue
venue = EmbeddedVenue(["--market", "synthetic", "--clock", "manual"])
venue.spawn()
asyncio.run(venue.address())
print(venue.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int, patience_s: float = 15.0) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


async def test_it_serves_and_is_gone_after_stop() -> None:
    venue = EmbeddedVenue(["--clock", "manual"])
    venue.spawn()
    address = await venue.address()
    pid = venue.pid
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        assert (await client.get(f"{address.rest}/api/v3/ping")).status_code == 200
    venue.stop()
    venue.stop()  # idempotent

    assert pid is not None
    assert gone(pid)
    assert not venue.alive


async def test_no_key_and_no_secret_stands_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTLAB_API_SECRET", "do-not-inherit")
    venue = EmbeddedVenue(["--clock", "manual"])
    venue.spawn()
    await venue.address()
    assert venue.pid is not None
    environment = psutil.Process(venue.pid).environ()
    venue.stop()

    assert "PATH" in environment
    assert not [name for name in environment if name.startswith("QUANTLAB_")]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_is_never_orphaned_when_its_parent_is_killed(how: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.send_signal(how)
    parent.wait(10)
    parent.stdout.close()

    assert gone(pid)


async def test_an_interrupt_of_the_parents_group_does_not_reach_it() -> None:
    venue = EmbeddedVenue(["--clock", "manual"])
    venue.spawn()
    await venue.address()
    try:
        assert venue.pid is not None
        assert os.getpgid(venue.pid) != os.getpgid(os.getpid())
    finally:
        venue.stop()


async def test_a_forked_child_neither_ends_nor_outlives_the_venue() -> None:
    venue = EmbeddedVenue(["--clock", "manual"])
    venue.spawn()
    await venue.address()
    pid = venue.pid
    assert pid is not None
    child = os.fork()
    if child == 0:  # the child stops its copy, then lingers with no pipe of the venue
        venue.stop()
        time.sleep(20)
        os._exit(0)
    try:
        await asyncio.sleep(0.2)
        assert venue.alive
        venue.stop()
        assert gone(pid)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


async def test_a_venue_that_cannot_start_says_why() -> None:
    venue = EmbeddedVenue(["--market", "tape", "--tape", "/nowhere/at/all.gz"])
    venue.spawn()

    with pytest.raises(ConfigError, match="all.gz"):
        await venue.address()
    assert not venue.alive


async def test_modules_beside_the_notebook_are_not_taken_for_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secrets.py and a random.py in the working folder are the user's; the venue never imports them."""
    for name in ("secrets", "random", "asyncio"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the notebook folder was imported')")
    monkeypatch.chdir(tmp_path)
    venue = EmbeddedVenue(["--market", "none"])
    venue.spawn()

    assert (await venue.address()).rest.startswith("http://127.0.0.1:")
    venue.stop()


async def test_the_package_is_found_through_the_path_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONPATH still counts: the venue is the one of the package that it names."""
    package = tmp_path / "quantlab" / "paper"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "main.py").write_text("import sys; sys.exit('this is the other one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    venue = EmbeddedVenue()
    venue.spawn()

    with pytest.raises(ConfigError, match="this is the other one"):
        await venue.address()


async def test_a_first_line_that_is_not_the_venues_ends_it_and_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sitecustomize that prints: one error with its words, and no child left running."""
    (tmp_path / "sitecustomize.py").write_text("print('hello from \\x1b[31msite', flush=True)")
    paths = [str(tmp_path), str(Path(quantlab.__file__).parents[1])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    venue = EmbeddedVenue(["--market", "none"])
    venue.spawn()
    pid = venue.pid

    with pytest.raises(ConfigError, match="hello from .*site") as error:
        await venue.address()
    assert "\x1b" not in str(error.value)
    assert not venue.alive
    assert pid is not None
    assert gone(pid)


def test_no_repr_shows_a_secret() -> None:
    control = Control(url="http://127.0.0.1:1/control", secret="s3cr3t")
    address = VenueAddress(
        rest="http://127.0.0.1:1", ws="", ws_api="", control=control, pid=1,
        accounts=({"api_key": "k", "api_secret": "s3cr3t"},),
    )  # fmt: skip

    assert "s3cr3t" not in repr(control) + repr(address) + str(address)
    assert "s3cr3t" not in repr(address.credentials())
