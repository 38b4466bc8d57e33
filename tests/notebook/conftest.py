"""Real kernels, shared by the tests of one session: starting one costs more than most tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no packages: kernel.py stands beside them

from kernel import Kernel

from quantlab.clock import SystemClock
from quantlab.control.tokenstore import TokenStore
from quantlab.privatefile import make_private_folder

NOTE = """
import msgspec
from quantlab.bus import Topic
class Note(msgspec.Struct, frozen=True):
    name: str
    price: int
NOTE = Topic("note.{name}", Note)
ql.bus.declare(NOTE)
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder for the kernel that is shared."""
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="session")
def token(home: Path) -> str:
    """A control token that this home knows."""
    return TokenStore(make_private_folder(home / "home"), SystemClock()).new("test")


@pytest.fixture(scope="session")
def _shared(home: Path, token: str) -> Iterator[Kernel]:
    with Kernel(home) as kernel:
        loaded = kernel.run("%load_ext quantlab")
        assert loaded.status == "ok", loaded.error
        assert kernel.run("%ql status").status == "ok"
        assert kernel.run(NOTE).status == "ok"
        yield kernel


@pytest.fixture
def kernel(_shared: Kernel) -> Kernel:
    """The shared kernel with quantlab loaded, not armed."""
    _shared.run("%ql disarm")
    return _shared


@pytest.fixture
def armed(kernel: Kernel, token: str) -> Kernel:
    """The shared kernel, armed."""
    assert kernel.run("%ql arm", answer=token).status == "ok"
    return kernel


@pytest.fixture(scope="session")
def _bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with Kernel(tmp_path_factory.mktemp("bare")) as kernel:
        yield kernel


@pytest.fixture
def bare(_bare: Kernel) -> Iterator[Kernel]:
    """A kernel in which quantlab is not loaded, before and after."""
    yield _bare
    _bare.run("get_ipython().run_line_magic('unload_ext', 'quantlab')")
