"""What browsers are told: complete, short, printable, and free of what was not measured."""

from __future__ import annotations

import base64
import json
import re
import zlib

import ipywidgets
import msgspec
import pytest

from quantlab.domain.venue import HealthState, Reason, VenueHealth
from quantlab.engine.glance import NO_TOKEN_ASKED, Glance
from quantlab.notebook.health_widget import MODEL_ID, NOT_SAVED, HealthWidget, saved
from quantlab.notebook.packing import STATIC, packed
from quantlab.notebook.snapshot import MEASURED, snapshot

HEALTH = VenueHealth(
    sequence=7, venue="paper", level="L0 paper", state=HealthState.DEGRADED,
    reasons=(
        Reason(code="SLOW", text="The round trip takes 900 ms."),
        Reason(code="NO_SAMPLE", text="kernel_lag_ms: not measured yet."),
        Reason(code="NO_SAMPLE", text="clock_uncertainty_ms: clock is fixed."),
    ),
    as_of_ms=1_767_225_600_000, since_ms=1_767_225_600_000, rtt_ms=900.04, message_age_ms=12.345,
    user_stream=True, books_synced=1, books_total=1, clock_offset_ms=0.0, clock_uncertainty_ms=None,
    kernel_lag_ms=None, wire_lag_ms=0.1, reconnects=0, gaps=0,
)  # fmt: skip
GLANCE = Glance(
    engine="running", problem="", venue="paper", level="L0 paper", health=HEALTH, trading="ACTIVE",
    halted=False, halt_reason="", cancelled=None, actions="armed", busy_ms=None, as_of_ms=1_767_225_600_000,
)  # fmt: skip


def test_it_tells_state_reasons_and_measurements() -> None:
    """One plain object; a value that was not measured is null, with its reason."""
    told = json.loads(json.dumps(snapshot(GLANCE, 3)))

    assert (told["v"], told["seq"], told["state"]) == (1, 3, "DEGRADED")
    assert told["reasons"] == ["The round trip takes 900 ms."]
    assert (told["rtt_ms"], told["message_age_ms"], told["kernel_lag_ms"]) == (900.0, 12.3, None)
    assert told["missing"] == {"kernel_lag_ms": "not measured yet"}
    assert told["as_of_ms"] == 1_767_225_600_000


def test_before_the_first_measurement_it_is_unknown() -> None:
    """All values are null, and it says so."""
    told = snapshot(msgspec.structs.replace(GLANCE, health=None), 1)

    assert (told["state"], told["reasons"]) == ("UNKNOWN", ["nothing was measured yet"])
    assert [told[each] for each in MEASURED] == [None] * 3
    assert told["missing"] == dict.fromkeys(MEASURED, "no sample")


@pytest.mark.parametrize(
    ("busy_ms", "shown"), [(None, 0), (3.0, 0), (499.9, 0), (500.0, 500), (30_000.4, 30_000)]
)
def test_a_loop_is_busy_from_half_a_second_on(busy_ms: float | None, shown: int) -> None:
    """A lag of a few milliseconds is no cell that blocks."""
    assert snapshot(msgspec.structs.replace(GLANCE, busy_ms=busy_ms), 1)["busy_ms"] == shown


def test_a_venue_cannot_make_it_long_or_steer_what_shows_it() -> None:
    """Whatever stands in an error of the venue: six reasons of 200 printable characters at most."""
    nasty = tuple(Reason(code="X", text=f"\x1b[31m\u202e{number}" + "x" * 5_000) for number in range(50))
    told = snapshot(
        msgspec.structs.replace(
            GLANCE,
            health=msgspec.structs.replace(HEALTH, reasons=nasty),
            problem="\n" * 1_000,
            halt_reason="y" * 9_999,
            trading="HALTED: " + "z" * 9_999,
        ),
        1,
    )

    assert len(told["reasons"]) == 6
    assert len(json.dumps(told)) < 4_000
    assert "\x1b" not in "".join(told["reasons"])
    assert "\u202e" not in "".join(told["reasons"])


def test_the_packed_widget_is_small_and_means_the_same() -> None:
    """Comments and needless blanks go; every text and every rule of the sources is in what is unpacked."""
    code = packed("health")
    data = re.search(r'atob\("([^"]+)"\)', code)
    assert data
    unpacked = zlib.decompress(base64.b64decode(data[1]), wbits=-15).decode()
    script, style = ((STATIC / f"health.{kind}").read_text() for kind in ("js", "css"))
    bare = re.sub(r"/\*\*.*?\*/|// .*", "", script)  # comments; no text of ours looks like one
    said = re.findall(r"""("[^"\n]*"|`[^`]*`)""", bare)
    colours = re.findall(r"#[0-9a-f]{3,6}\b", style)

    assert len(said) > 50
    assert [each for each in said if each not in unpacked] == []
    assert len(colours) > 5
    assert [each for each in colours if each not in unpacked] == []
    assert "what is old is judged" not in unpacked
    assert "//" not in unpacked
    assert len(code) < 3_700


@pytest.mark.parametrize("character", ["x", '"', "\x1b", "\u202e", "é", "漢", "😀", "\ud800"])
def test_a_saved_widget_is_under_5_kb_whatever_a_venue_says(character: str) -> None:
    """Code and all, as a notebook file has it. Every text is as long as it can be, nothing was measured."""
    long = character * 5_000
    unmeasured = [Reason(code="NO_SAMPLE", text=f"{each}: {long}") for each in MEASURED]
    health = msgspec.structs.replace(
        HEALTH,
        reasons=(*[Reason(code="X", text=long)] * 50, *unmeasured),
        rtt_ms=None, message_age_ms=None, kernel_lag_ms=None,
    )  # fmt: skip
    worst = msgspec.structs.replace(
        GLANCE, health=health, venue=long, problem=long, halt_reason=long, trading=f"HALTED: {long}",
        halted=True, cancelled=1_000_000, actions=NO_TOKEN_ASKED,
    )  # fmt: skip
    widget = HealthWidget(lambda: snapshot(worst, 10**9), lambda _: {})
    try:
        state = ipywidgets.Widget.get_manager_state(widgets=[widget])
    finally:
        widget.close()
    kept = state["state"][MODEL_ID]["state"]["snapshot"]

    assert len(json.dumps(state, indent=1)) < 5 * 1_024
    assert kept["trading"].startswith("HALTED: ")
    assert (kept["state"], len(kept["reasons"]), set(kept["missing"])) == ("DEGRADED", 2, set(MEASURED))
    assert all(each.endswith("…") for each in (kept["trading"], kept["problem"], kept["venue"]))


def test_what_is_saved_of_a_usual_snapshot_is_whole_and_counts_nothing_up() -> None:
    """Two equal runs are saved equal; a view shows all that it showed."""
    first, second = (snapshot(GLANCE, number) for number in (1, 2))
    kept = saved(first)

    assert kept == saved(second)
    assert kept == {name: value for name, value in first.items() if name not in NOT_SAVED}
