"""The embedded venue's control endpoint as the wire asks it: time, faults, and who is left alone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from quantlab.engine.venuecontrol import VenueControl
from quantlab.errors import EngineError, InvalidField
from quantlab.paper.spawn import Control
from quantlab.paper.venue import PaperVenue


@contextlib.asynccontextmanager
async def controlled(venue: PaperVenue) -> AsyncIterator[VenueControl]:
    control = VenueControl(Control(venue.control.url, venue.control.secret))
    try:
        yield control
    finally:
        await control.aclose()


async def test_time_is_moved_and_faults_are_added_and_ended() -> None:
    """By number; `mend` ends them all and says how many."""
    async with PaperVenue(market="none", clock="manual") as venue, controlled(venue) as control:
        before_ms = venue.session.time_ms
        assert await control.advance(2_500) == before_ms + 2_500 == venue.session.time_ms
        numbers = [await control.fault("drop", {"stream": "user", "count": 2}) for _ in range(2)]
        assert len(set(numbers)) == 2
        assert await control.mend() == 2
        assert await control.mend() == 0


@pytest.mark.parametrize(
    ("name", "fields", "field"), [("no such", {}, "name"), ("drop", {"count": -1}, "count")]
)
async def test_a_fault_that_is_none_is_refused_by_its_field(
    name: str, fields: dict[str, object], field: str
) -> None:
    async with PaperVenue(market="none") as venue, controlled(venue) as control:
        with pytest.raises(InvalidField) as refused:
            await control.fault(name, fields)
        assert refused.value.field == field
        assert str(refused.value).count(field) == 1  # said once, not in each sentence
        assert await control.mend() == 0


async def test_a_venue_that_is_not_ours_is_left_alone() -> None:
    with pytest.raises(EngineError, match="only the embedded paper venue"):
        await VenueControl(None).advance(1)


async def test_a_wrong_secret_is_an_error_with_the_venues_words() -> None:
    async with PaperVenue(market="none") as venue:
        control = VenueControl(Control(venue.control.url, "wrong"))
        with pytest.raises(EngineError, match="the venue did not"):
            await control.mend()
        await control.aclose()


async def test_a_venue_that_is_gone_is_an_error_of_ours() -> None:
    """Its process may have ended; what is said holds no secret."""
    async with PaperVenue(market="none") as venue:
        control = VenueControl(Control(venue.control.url, "a-secret"))
    with pytest.raises(EngineError, match="did not answer") as gone:
        await control.fault("drop", {"stream": "user"})
    assert "a-secret" not in str(gone.value)
    await control.aclose()
