"""Cells that take memory, import us anew, or unload us while orders rest: what the engine makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel import Kernel

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import Credentials
from quantlab.clock import SystemClock
from quantlab.control.tokenstore import TokenStore
from quantlab.paper.spawn import EmbeddedVenue, VenueAddress
from quantlab.privatefile import make_private_folder

BUY = 'print((await ql.orders.buy("BTCUSDT", "0.001", price="{}")).state.value)'
GREEDY = """
import resource
with open("/proc/self/statm") as sizes:
    now = int(sizes.read().split()[0]) * resource.getpagesize()
usual = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (now + 400_000_000, usual[1]))
try:
    too_much = bytearray(2_000_000_000)
finally:
    resource.setrlimit(resource.RLIMIT_AS, usual)
"""
RELOAD = """
import importlib, sys
engine = get_ipython().quantlab_notebook.engine
for name in [each for each in sys.modules if each.startswith(("quantlab.trading", "quantlab.domain"))]:
    importlib.reload(sys.modules[name])
print(engine is get_ipython().quantlab_notebook.engine)
"""


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueAddress]:
    venue = EmbeddedVenue([])
    venue.spawn()
    yield asyncio.run(venue.address())
    venue.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("others")


@pytest.fixture(scope="module")
def token(home: Path) -> str:
    return TokenStore(make_private_folder(home / "home"), SystemClock()).new("test")


@pytest.fixture(scope="module")
def at_a_venue(venue: VenueAddress, home: Path, token: str) -> Iterator[Kernel]:
    """An armed kernel at a venue that outlives it."""
    profile = home / "venue.toml"
    profile.write_text(
        f'rest = "{venue.rest}"\nws = "{venue.ws}"\nws_api = "{venue.ws_api}"\nsymbols = ["BTCUSDT"]\n'
    )
    key, secret = venue.credentials()
    names = {
        "QUANTLAB_VENUE": str(profile), "QUANTLAB_API_KEY": key, "QUANTLAB_API_SECRET": secret.reveal(),
    }  # fmt: skip
    with Kernel(home, names) as kernel:
        assert kernel.run("%load_ext quantlab").status == "ok"
        assert kernel.run("await ql.health.until_ok()").status == "ok"
        assert kernel.run("%ql arm", answer=token).status == "ok"
        yield kernel


def at(venue: VenueAddress) -> set[str]:
    """The client ids of all orders that the venue was ever given."""

    async def ask() -> set[str]:
        async with BinanceClient(
            venue.rest, clock=SystemClock(), credentials=Credentials(*venue.credentials())
        ) as client:
            return {each.client_order_id for each in await client.all_orders("BTCUSDT")}

    return asyncio.run(ask())


def test_k9_a_cell_that_runs_out_of_memory_takes_nothing_along(at_a_venue: Kernel) -> None:
    """K9: MemoryError in the cell; the engine lives, and the next order is taken."""
    burst = at_a_venue.run(GREEDY)
    assert "MemoryError" in burst.error
    assert at_a_venue.run(BUY.format("58000")).lines == ["TAKEN"]
    assert at_a_venue.run("print((await ql.health.until_ok()).state.value)").lines == ["OK"]


def test_k15_an_unload_names_the_orders_that_stay_open(at_a_venue: Kernel) -> None:
    """K15: it cancels nothing; the next load takes them over, under their names."""
    order = at_a_venue.run(
        'order = await ql.orders.buy("BTCUSDT", "0.001", price="58001")\nprint(order.client_order_id)'
    )
    (name,) = order.lines
    left = at_a_venue.run("%unload_ext quantlab")
    assert "still open at" in left.text
    assert name in left.text
    again = at_a_venue.run(
        "%load_ext quantlab\nawait ql.health.until_ok()\n"
        "print([each.client_order_id for each in get_ipython().quantlab_notebook.engine.orders.open()])"
    )
    assert name in again.text, again.error


def test_k13_modules_that_are_imported_anew_lift_no_rail(
    at_a_venue: Kernel, venue: VenueAddress, token: str
) -> None:
    """K13: the same one engine with its limits: what they deny reaches no venue, and HALT halts."""
    assert at_a_venue.run("%ql arm", answer=token).status == "ok"
    before = at(venue)
    assert at_a_venue.run(RELOAD).lines == ["True"]
    denied = at_a_venue.run('await ql.orders.buy("BTCUSDT", "10", price="60000")')
    assert denied.status == "error"  # by the rails, or because the pieces do not fit any more
    assert at(venue) == before
    assert at_a_venue.run("%ql halt a drill").status == "ok"
    assert at_a_venue.run("print(engine.latch.is_set)").lines == ["True"]
    assert at_a_venue.run(BUY.format("58003")).status == "error"
    assert at(venue) == before
