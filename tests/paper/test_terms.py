"""The terms of a venue: each is a field, an option and a row of the README."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from quantlab.paper.terms import Terms, meanings

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_names_every_term_with_its_default() -> None:
    """A row names its flags and their defaults in the same order."""
    rows = [line.split("|")[1:3] for line in README.read_text().splitlines() if line.startswith("| `--")]
    told: dict[str, str] = {}
    for flags, defaults in rows:
        names = [name.strip(" `*") for name in flags.split(",")]
        if names[0].removeprefix("--").replace("-", "_") in meanings():
            told |= dict(zip(names, [each.strip() for each in defaults.split(",")], strict=True))
    expected = {f"--{name.replace('_', '-')}": f"{getattr(Terms(), name):.10g}" for name in meanings()}
    assert told == expected


def test_options_are_the_terms_of_a_standalone_venue(start) -> None:
    """What a flag says holds, and exchangeInfo tells it."""
    flags = ("--weight-1m", "40", "--orders-10s", "7", "--orders-1d", "70", "--raw-requests-5m", "700")
    ready = json.loads(start("--die-with-parent", "--market", "none", *flags).stdout.readline())
    url = f"{ready['rest']}/api/v3/exchangeInfo"
    info = httpx.get(url, trust_env=False).json()
    assert [(limit["rateLimitType"], limit["limit"]) for limit in info["rateLimits"]] == [
        ("REQUEST_WEIGHT", 40), ("ORDERS", 7), ("ORDERS", 70), ("RAW_REQUESTS", 700),
    ]  # fmt: skip
    # two in a minute are 40; the minute may turn between them, and not twice
    assert 429 in [httpx.get(url, trust_env=False).status_code for _ in range(4)]


@pytest.mark.parametrize("given", ["BTC", "=1", "BTC=0", "BTC=1e5"])
def test_what_an_order_may_move_is_an_asset_and_an_amount(start, given: str) -> None:
    process = start("--die-with-parent", "--market", "none", "--max-asset", given)
    assert process.wait(60) == 2
    assert "max" in process.stderr.read()


@pytest.mark.parametrize("flags", [("--ping-every-s", "0"), ("--streams", "-3"), ("--engine-delay-s", "nan")])
def test_an_option_out_of_its_range_is_refused(start, flags: tuple[str, str]) -> None:
    """Exit code 2 and one line that names it."""
    process = start("--die-with-parent", "--market", "none", *flags)
    assert process.wait(60) == 2
    (line,) = process.stderr.read().splitlines()
    assert flags[0].removeprefix("--").replace("-", "_") in line
