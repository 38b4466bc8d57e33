"""What arming says in a real kernel: when it ends, what is left, and what is true where no token is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernel import Kernel


@pytest.fixture(scope="module")
def cockpit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel of the paper venue that asks for no token."""
    with Kernel(tmp_path_factory.mktemp("cockpit"), {"GLASS_COCKPIT": "1"}) as kernel:
        assert kernel.run("%load_ext quantlab").status == "ok"
        yield kernel


def test_arming_says_when_it_ends(kernel: Kernel, token: str) -> None:
    """From the capability itself: without an action, and in any case."""
    armed = kernel.run("%ql arm", answer=token)

    assert armed.text == (
        "armed: actions pass the desk; ends after 15 min without an action, at the latest in 8 h; "
        "%ql disarm ends it now\n"
    )


def test_the_status_says_what_is_left_with_its_unit_and_for_how_long(armed: Kernel) -> None:
    row = next(line for line in armed.run("%ql status").lines if line.startswith("  actions"))

    assert "1000 orders left, worth at most 1000000 in the quote asset" in row
    assert "without an action, at the latest in" in row


def test_where_nobody_can_be_asked_and_there_is_no_token_the_command_that_makes_one_is_named(
    bare: Kernel,
) -> None:
    bare.run("%load_ext quantlab")
    refused = bare.run("%ql arm")

    assert refused.error.startswith("TokenRefused: ")
    assert "QUANTLAB_TOKEN_FILE" in refused.error
    assert "quantlab token new" in refused.error
    assert "\n" not in refused.error


@pytest.mark.parametrize("what", ["arm", "disarm", "health", "status"])
def test_without_a_token_no_line_claims_that_one_is_asked_for(cockpit: Kernel, what: str) -> None:
    shown = cockpit.run(f"%ql {what}")

    assert shown.status == "ok", shown.error
    assert "no token is asked for: GLASS_COCKPIT" in shown.text
    assert "%ql arm" not in shown.text
    assert "refused" not in shown.text


def test_without_a_token_an_action_passes_also_after_disarm(cockpit: Kernel) -> None:
    cockpit.run("await ql.health.until_ok()")
    cockpit.run("%ql disarm")
    placed = cockpit.run("%ql buy 100 USDT of BTCUSDT")

    assert placed.lines[0] == "BUY 100 worth of BTCUSDT at market", placed.error


def test_without_a_token_limits_can_also_be_loosened(cockpit: Kernel) -> None:
    changed = cockpit.run("%ql limits max_position=300000")

    assert changed.lines[0] == "limits, version 2", changed.error
    assert any(line.split()[0:3:2] == ["max_position", "300000"] for line in changed.lines)
