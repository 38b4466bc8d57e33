"""What the venue allows and how long everything takes: one frozen value, passed in.

The defaults are the documented numbers. Each field is also an option of `quantlab venue`
(`ping_every_s` is `--ping-every-s`), so that a test or a demonstration can scale time.

Source: Binance spot REST API, "LIMITS" and "Timing security"; WebSocket Streams, "WebSocket Limits".
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from quantlab.errors import InvalidField


def _count(meaning: str) -> msgspec.Meta:
    return msgspec.Meta(ge=1, le=10**9, description=meaning)


def _time(meaning: str) -> msgspec.Meta:
    return msgspec.Meta(gt=0, le=10**9, description=meaning)


def _wait(meaning: str) -> msgspec.Meta:
    return msgspec.Meta(ge=0, le=10**9, description=meaning)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Limits and times of one venue. Names end in their unit or in their window.

    Windows and bans run on the venue's clock, sockets on real time: a manual clock that is moved a day
    closes no socket.
    """

    weight_1m: Annotated[int, _count("request weight of an address in a minute")] = 6_000
    raw_requests_5m: Annotated[int, _count("requests of an address in 5 minutes")] = 300_000
    orders_10s: Annotated[int, _count("unfilled orders of an account in 10 seconds")] = 100
    orders_1d: Annotated[int, _count("unfilled orders of an account in a day")] = 200_000
    maker_credit: Annotated[int, _count("unfilled orders taken off at a resting order's first fill")] = 5
    connections_5m: Annotated[int, _count("WebSocket connections of an address in 5 minutes")] = 300
    window_scale: Annotated[float, _time("length of every limit's window, as a part of its name")] = 1.0
    strikes: Annotated[
        int, _count("requests refused with 429 in one window; the last of them begins a ban")
    ] = 10
    ban_first_s: Annotated[float, _time("the first ban's length; every next one is twice as long")] = 120.0
    ban_longest_s: Annotated[float, _time("the longest ban")] = 259_200.0
    recv_window_ms: Annotated[int, _count("recvWindow where none is sent")] = 5_000
    recv_window_most_ms: Annotated[int, _count("the largest recvWindow")] = 60_000
    ahead_ms: Annotated[int, _count("a timestamp this far ahead is refused")] = 1_000
    engine_delay_s: Annotated[float, _wait("what a signed request takes to the matching engine")] = 0.0
    messages_1s: Annotated[int, _count("messages that a stream socket may send in a message window")] = 5
    message_window_s: Annotated[float, _time("the message window")] = 1.0
    streams: Annotated[int, _count("streams of one socket")] = 1_024
    ping_every_s: Annotated[float, _time("between the pings to a socket")] = 20.0
    pong_within_s: Annotated[float, _time("a ping unanswered for so long closes the socket")] = 60.0
    socket_life_s: Annotated[float, _time("a socket is closed after this time")] = 86_400.0
    shutdown_notice_s: Annotated[float, _wait("from the serverShutdown event to the end")] = 0.0

    def window_ms(self, seconds: int) -> int:
        """The length of a window that is called `seconds` long."""
        return max(1, round(seconds * 1_000 * self.window_scale))


def meanings() -> dict[str, tuple[type, str]]:
    """Each rule's type and what it says, by name."""
    fields = msgspec.inspect.type_info(Terms).fields  # type: ignore[attr-defined]  # a struct's info has them
    return {
        field.name: (type(field.default), field.type.extra_json_schema["description"]) for field in fields
    }


def checked(terms: Terms) -> Terms:
    """The same terms, or `InvalidField` for one that is out of its range."""
    try:
        return msgspec.convert(msgspec.structs.asdict(terms), Terms)
    except msgspec.ValidationError as error:
        problem, _, field = str(error).partition(" - at `$.")
        raise InvalidField(field.rstrip("`") or "terms", problem, "give a number within that range") from None
