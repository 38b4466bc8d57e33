"""What every test may ask for: the size to run at, and the folder of recorded data.

The whole run has a home of its own with a token of its own: no test reads or writes the user's.
"""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

PRIVATE = tempfile.TemporaryDirectory(prefix="quantlab-tests-")


def pytest_configure(config: pytest.Config) -> None:
    """Point this process and every kernel it starts at a private home, armed by a token file.

    An Interrupt means what it means in a terminal, also where a shell ran this in the background.

    Property tests draw the same examples in every run; with `--full` others in each. None has a
    deadline: how fast the machine is, is no property.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("full", deadline=None)
    settings.load_profile("full" if config.getoption("--full") else "ci")
    from quantlab.clock import SystemClock
    from quantlab.control.tokenstore import TokenStore

    home = Path(PRIVATE.name)
    for name in [name for name in os.environ if name.startswith("QUANTLAB_") and name != "QUANTLAB_SHARED"]:
        del os.environ[name]
    os.environ.pop("GLASS_COCKPIT", None)
    token_file = home / "token"
    if not token_file.exists():
        token_file.touch(mode=0o600)
        token_file.write_text(TokenStore(home, SystemClock()).new("tests"))
    os.environ["QUANTLAB_HOME"] = str(home)
    os.environ["QUANTLAB_TOKEN_FILE"] = str(token_file)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run at the sizes that the issues state")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """True with `--full`: tests then run at the sizes that the issues state."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with recorded streams, from QUANTLAB_SHARED or ../shared; skips where absent."""
    folder = Path(os.environ.get("QUANTLAB_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no recorded streams: {folder / 'data'} is absent (set QUANTLAB_SHARED)")
    return folder
