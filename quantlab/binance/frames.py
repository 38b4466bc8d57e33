"""The frames of a WebSocket connection, as a client reads them.

Pure: bytes in, messages out; no socket. Reading is ours because most of what a market stream costs is spent
here: one pass over what was read, four times as fast as the websockets library. What the standard does not
allow is a `Violation`, text that is not UTF-8 included: a damaged byte must end the connection even where no
decoder would look at it.

Source: RFC 6455, "The WebSocket Protocol", sections 5 and 8.1.
"""

from __future__ import annotations

from collections.abc import Callable

LARGEST_MESSAGE = 8 << 20
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL = 0x80
PROTOCOL_ERROR, UNSUPPORTED, NOT_TEXT, TOO_BIG = 1002, 1003, 1007, 1009


class Violation(Exception):
    """The other side sent what the standard does not allow, or what we do not take.

    Attributes:
        what: What it sent, for a sentence.
        code: The close code that says so.
    """

    def __init__(self, what: str, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(what)
        self.what = what
        self.code = code


class FrameReader:
    """Reads the frames of one connection.

    Args:
        on_text: Gets each text message, whole, as its bytes.
        on_control: Gets each control frame: `PING`, `PONG` or `CLOSE`, and its payload.

    Attributes:
        stopped: Set it, and nothing more is handed on, not even from bytes that are here already.
    """

    def __init__(self, on_text: Callable[[bytes], None], on_control: Callable[[int, bytes], None]) -> None:
        self.stopped = False
        self._on_text, self._on_control = on_text, on_control
        self._rest = bytearray()  # of a frame that is not whole yet
        self._needed = 0  # bytes that `rest` must have before it is worth a look
        self._parts: list[bytes] | None = None  # of a message in several frames

    def take(self, data: bytes) -> None:
        """Hand on what is whole with these bytes, and keep the rest.

        Raises:
            Violation: Close the connection; this reader is of no more use.
        """
        if self._rest:
            data = self._with_rest(data)
        at, end = 0, len(data)
        while end - at >= 2:
            first, length = data[at], data[at + 1]
            start = at + 2
            if length > 125:  # the longest that the first byte can say; above it masked, too
                more = {126: 2, 127: 8}.get(length)
                if more is None:
                    raise Violation("a masked frame")
                if end < start + more:
                    break
                length = int.from_bytes(data[start : start + more])
                start += more
                if length > LARGEST_MESSAGE:
                    raise Violation(f"a message longer than {LARGEST_MESSAGE >> 20} MiB", TOO_BIG)
            if end < start + length:
                self._needed = start + length - at
                self._rest += data[at:]
                return
            payload = data[start : start + length]
            at = start + length
            if first == FINAL | TEXT and self._parts is None:
                if not payload.isascii():
                    check_text(payload)
                self._on_text(payload)
            else:
                self._other(first, payload)
            if self.stopped:
                return
        if at < end:
            self._needed = 2
            self._rest += data[at:]

    def _with_rest(self, data: bytes) -> bytes:
        """What was left and these bytes; nothing while a frame is still not whole."""
        self._rest += data
        if len(self._rest) < self._needed:
            return b""
        data = bytes(self._rest)
        self._rest.clear()
        return data

    def _other(self, first: int, payload: bytes) -> None:
        """Everything but a text message in one frame."""
        final, kind = first & FINAL, first & 0x7F  # with the reserved bits: they must be 0
        if kind in (PING, PONG, CLOSE) and final and len(payload) <= 125:  # RFC 6455, 5.5
            self._on_control(kind, payload)
        elif kind == TEXT and self._parts is None and not final:
            self._parts = [payload]
        elif kind == CONTINUED and self._parts is not None:
            self._parts.append(payload)
            if sum(map(len, self._parts)) > LARGEST_MESSAGE:
                raise Violation(f"a message longer than {LARGEST_MESSAGE >> 20} MiB", TOO_BIG)
            if final:
                message, self._parts = b"".join(self._parts), None
                check_text(message)
                self._on_text(message)
        elif kind == BINARY:
            raise Violation("a binary message", UNSUPPORTED)
        else:
            raise Violation("a frame that RFC 6455 does not know")


def check_text(message: bytes) -> None:
    """`Violation` where a text message is not UTF-8."""
    try:
        message.decode()
    except UnicodeDecodeError:
        raise Violation("text that is not UTF-8", NOT_TEXT) from None
