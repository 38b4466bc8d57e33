"""`%ql limits` in a real kernel: shown, tightened, and refused where it would loosen."""

from __future__ import annotations

from pathlib import Path

from kernel import Kernel

from quantlab.privatefile import make_private_folder

LIMITS = "limits = ql.rails.limits\nprint(limits.version, limits.max_position, limits.max_orders_per_second)"


def test_limits_are_tightened_and_the_new_table_is_shown(armed: Kernel) -> None:
    before = int(armed.run(LIMITS).text.split()[0])
    changed = armed.run("%ql limits max_position=200000.5 max_orders_per_second=9;  # careful")

    assert changed.lines[0] == f"limits, version {before + 1}", changed.error
    assert "200000.5" in changed.text
    assert armed.run(LIMITS).text == f"{before + 1} 200000.5 9\n"
    assert armed.run("%ql limits").text == changed.text


def test_loosening_is_refused_in_one_line_that_says_what_it_takes(armed: Kernel) -> None:
    before = armed.run(LIMITS).text
    refused = armed.run("%ql limits max_position=100000 price_collar=0.5")

    assert refused.error == (
        "CapabilityRefused: to loosen a limit needs the scope admin, which %ql arm does not grant: "
        "%ql arm admin asks for the token and grants it for 15 min; limits can be tightened without"
    )
    assert armed.run(LIMITS).text == before


def test_limits_are_changed_by_whoever_is_armed_only(kernel: Kernel) -> None:
    refused = kernel.run("%ql limits max_position=1")

    assert refused.error.startswith("NotArmed: limits: max_position=1 needs an armed kernel")


def test_a_wrong_limit_is_one_line_and_changes_nothing(armed: Kernel) -> None:
    before = armed.run(LIMITS).text
    wrong = armed.run("%ql limits max_positon=1")

    assert wrong.error == "UsageError: there is no limit 'max_positon'; did you mean max_position?"
    assert armed.run(LIMITS).text == before


def test_tab_completes_the_names_of_limits(kernel: Kernel) -> None:
    assert "max_position=" in kernel.complete("%ql limits max_p")


def test_where_a_tightened_limit_does_not_hold_is_said(tmp_path: Path) -> None:
    """A symbol's own limit takes the place of the general one."""
    limits = make_private_folder(tmp_path / "home") / "limits.toml"
    limits.touch(mode=0o600)
    limits.write_text("[symbols.ETHUSDT]\nmax_position = 9000\n")
    with Kernel(tmp_path, {"GLASS_COCKPIT": "1"}) as kernel:
        kernel.run("%load_ext quantlab")
        note = "ETHUSDT keeps its own, looser max_position of 9000 (limits.toml)"
        assert kernel.run("%ql limits max_position=5000").lines[-1] == note
        assert note not in kernel.run("%ql limits max_position=9000").text
