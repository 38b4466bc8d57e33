"""Real clients against a real venue: each client in an environment of its own, each story a process.

`make test` lays the environments out (tests/clients/requirements). None of them is quantlab's own:
python-binance and binance-connector, for one, install the same package. A story reads the venue's
ready line from venue.json in its folder, as a user's program would, and prints one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

STORIES = Path(__file__).parent / "stories"
ENVIRONMENTS = Path(sys.prefix) / "clients"
STORY_TIMEOUT_S = 90
READING = ("market", "streams")  # stories that trade nothing
SECOND_ACCOUNT = {"socket_api": 1, "pro": 1}  # whose stories these are, beside `orders` under the first
STOP_TIMEOUT_S = 45

Tell = Callable[[str, str], Any]


def interpreter(client: str) -> Path:
    """The Python of a client's environment, which `make test` lays out; skips where it is missing."""
    folder = ENVIRONMENTS / client
    if not (folder / ".installed").is_file():
        missing = f"no environment with {client}: make clients"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    return folder / "bin" / "python"


def bare() -> dict[str, str]:
    """An environment for a story: nothing of quantlab's or of this run's, and no way past loopback."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    return kept | nowhere | {"no_proxy": "127.0.0.1"}


def run(client: str, program: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one program in a client's environment, with `folder` as its current folder."""
    return subprocess.run(
        [interpreter(client), program],
        cwd=folder,
        env=bare(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=STORY_TIMEOUT_S,
        check=False,
    )


@pytest.fixture(scope="session")
def run_in() -> Callable[[str, Path, Path], subprocess.CompletedProcess[str]]:
    """Runs a program in a client's environment: `run_in(client, program, folder)`."""
    return run


@pytest.fixture(scope="module")
def ready_line() -> Iterator[str]:
    """What a `quantlab venue` of this module's own says when it is ready. It must end without complaint."""
    command = [sys.executable, "-m", "quantlab.cli", "venue", "--die-with-parent", "--seed", "7"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as venue:
        try:
            yield venue.stdout.readline()
        finally:
            venue.stdin.close()
            complaints = venue.stderr.read()
            assert (venue.wait(STOP_TIMEOUT_S), complaints) == (0, "")


@pytest.fixture(scope="module")
def tell(ready_line: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tell]:
    """Tells a client's story on the venue, once for all tests of the module: `tell(client, story)`.

    All stories of a client begin with its first. Two that trade never share an account at a time.
    """
    told: dict[tuple[str, str], Future[subprocess.CompletedProcess[str]]] = {}
    accounts = tuple(Lock() for _ in json.loads(ready_line)["accounts"])

    def perform(client: str, program: Path, folder: Path) -> subprocess.CompletedProcess[str]:
        account = SECOND_ACCOUNT.get(program.stem, 0)
        facts = json.loads(ready_line)
        facts["accounts"] = facts["accounts"][account:]
        (folder / "venue.json").write_text(json.dumps(facts))
        with accounts[account] if program.stem not in READING else nullcontext():
            return run(client, program, folder)

    def begin(client: str) -> None:
        interpreter(client)
        for program in sorted((STORIES / client.replace("-", "_")).glob("*.py")):
            if program.stem != "paper":
                folder = tmp_path_factory.mktemp(program.stem)
                told[client, program.stem] = pool.submit(perform, client, program, folder)

    def tell(client: str, story: str) -> Any:
        if (client, story) not in told:
            begin(client)
        finished = told[client, story].result()
        assert finished.returncode == 0, finished.stderr[-5_000:]
        return json.loads(finished.stdout.splitlines()[-1])

    with ThreadPoolExecutor(4) as pool:
        yield tell
