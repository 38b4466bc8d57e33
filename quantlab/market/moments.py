"""What a caller may give as a moment: UTC milliseconds, a time with its zone, ISO text, or how long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from quantlab.errors import InvalidField

EARLIEST_MS = 100_000_000_000  # 1973: a number below it, but 0, is taken for seconds
LATEST_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z: later is no moment but a unit mixed up
REMEDY = 'give UTC milliseconds, ISO text like "2026-01-31T12:00", a datetime with a zone, or a timedelta'


def moment_ms(value: object, field: str, now_ms: int) -> int:
    """`value` as UTC milliseconds.

    An int is that already (0: from the beginning); text is ISO 8601, UTC unless it says otherwise;
    a timedelta is that long before `now_ms`.

    Raises:
        InvalidField: It is none of these, a datetime without a zone, not from 1970 to 2100, or a number
            that looks like seconds.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidField(field, f"{value} has no zone", "add one: value.replace(tzinfo=timezone.utc)")
        found = _milliseconds(value)
    elif isinstance(value, timedelta):
        found = now_ms - value // timedelta(milliseconds=1)
    elif type(value) is int:
        found = value
        if 0 < found < EARLIEST_MS:
            raise InvalidField(field, f"{found} is a moment of 1970 to 1973, or seconds", f"give {found}000")
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidField(field, f"{value[:40]!r} is no ISO time", REMEDY) from None
        found = _milliseconds(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
    else:
        raise InvalidField(field, f"{value!r:.40} is no moment", REMEDY)
    if not 0 <= found < LATEST_MS:
        raise InvalidField(field, f"{value!s:.40} is not between 1970 and 2100", REMEDY)
    return found


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
