"""The journal's file format: hash-chained, keyed lines, and how to verify them.

Format 1, fixed. The journal is UTF-8 text, one JSON object a line, in exactly this form:

    {"seq":1,"time_ms":..,"mono_ns":..,"kind":"open","level":"..","data":{..},"prev":"..","mac":".."}

`seq` counts from 1; `time_ms` is UTC, `mono_ns` the monotonic clock of the writing process; `prev`
is the `mac` of the line before (64 zeros before the first); `mac` is HMAC-SHA256, in lower-case
hexadecimal, of the line's bytes before `,"mac":` with `}` put after them. The first line's kind is
"open" and names format, venue instance, account label and pid; each later session adds its own.
What a crash tore off is a piece without a line end, and nothing else; it stays in the file. The next
writer puts the line end, then a line of the kind "torn", whose data name bytes and SHA-256 of the
piece with its line end. Beside the journal stands `<journal>.head`, one line of 256 bytes, rewritten
after each sync: the last `seq` and `mac`, keyed likewise, so that a cut tail is found.

Nothing here writes, and no key is ever in a line. Whoever has the key can rewrite all of it.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import NamedTuple

import msgspec

from quantlab.errors import JournalCorrupt
from quantlab.secret import Secret

FORMAT = 1
GENESIS = "0" * 64
HEAD_BYTES = 256
MAC_OPEN, MAC_CLOSE = b',"mac":"', b'"}\n'
TAIL = len(MAC_OPEN) + 64 + len(MAC_CLOSE)


class Entry(NamedTuple):
    """A line to be: `data` is a JSON object's text; times as `Line` has them."""

    kind: str
    data: bytes
    time_ms: int
    mono_ns: int


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line as it stands in the file; `data` is JSON text."""

    seq: int
    time_ms: int
    mono_ns: int
    kind: str
    level: str
    data: msgspec.Raw
    prev: str
    mac: str


class Torn(msgspec.Struct, frozen=True):
    """What a "torn" line says of the bytes before it."""

    bytes: int
    sha256: str


class VerifyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found. `lines`, `mac` and `size` (bytes) are those of the intact prefix.

    `problem` is empty for an intact journal. `torn` counts torn places that were marked;
    `tail` counts torn bytes at the end, without a line end, that no writer has marked yet.
    """

    path: str
    lines: int
    mac: str
    size: int
    torn: int
    tail: int
    problem: str

    @property
    def ok(self) -> bool:
        return not self.problem

    @property
    def exit_code(self) -> int:
        """0 intact, 3 intact with a torn tail, 1 not to be trusted."""
        return 1 if self.problem else 3 if self.tail else 0

    def describe(self) -> str:
        """One line for people."""
        if self.problem:
            return f"{self.path}: NOT intact: {self.problem} ({self.lines} lines before it are intact)"
        torn = f", {self.torn} torn places marked" if self.torn else ""
        tail = f", {self.tail} torn bytes at the end (a crash; marked when next opened)" if self.tail else ""
        return f"{self.path}: intact, {self.lines} lines{torn}{tail}"


class Sealer:
    """Makes and checks macs; holds the key as a started HMAC, never as text."""

    __slots__ = ("_started",)

    def __init__(self, key: Secret) -> None:
        self._started = hmac.new(bytes.fromhex(key.reveal()), digestmod=hashlib.sha256)

    def mac(self, text: bytes) -> str:
        started = self._started.copy()
        started.update(text)
        return started.hexdigest()

    def line(self, seq: int, prev: str, level: str, entry: Entry) -> bytes:
        """The bytes of one line, newline included."""
        kind, data, time_ms, mono_ns = entry
        encode = msgspec.json.encode
        body = b'{"seq":%d,"time_ms":%d,"mono_ns":%d,"kind":%b,"level":%b,"data":%b,"prev":"%b"' % (
            seq, time_ms, mono_ns, encode(kind), encode(level), data, prev.encode(),
        )  # fmt: skip
        return body + MAC_OPEN + self.mac(body + b"}").encode() + MAC_CLOSE

    @staticmethod
    def mac_of(line: bytes) -> str:
        """The mac that a line we made carries."""
        return line[-len(MAC_CLOSE) - 64 : -len(MAC_CLOSE)].decode()

    def parse(self, raw: bytes) -> Line | None:
        """The line that these bytes are, None where they are not exactly one of ours."""
        body, tail = raw[:-TAIL], raw[-TAIL:]
        expected = MAC_OPEN + self.mac(body + b"}").encode() + MAC_CLOSE
        if not hmac.compare_digest(tail, expected):
            return None
        try:
            return msgspec.json.decode(raw, type=Line)
        except msgspec.DecodeError:
            return None

    def head(self, seq: int, mac: str) -> bytes:
        """The head file's content for a journal that ends in line `seq`."""
        body = b'{"seq":%d,"mac":"%b"' % (seq, mac.encode())
        text = body + b',"head":"' + self.mac(b"head" + body).encode() + b'"}'
        return text.ljust(HEAD_BYTES - 1) + b"\n"

    def parse_head(self, raw: bytes) -> tuple[int, str]:
        """seq and mac that the head names; `JournalCorrupt` where it is not ours."""
        try:
            fields = msgspec.json.decode(raw, type=dict[str, str | int])
            seq, mac = int(fields["seq"]), str(fields["mac"])
        except (msgspec.DecodeError, msgspec.ValidationError, KeyError, ValueError):
            raise JournalCorrupt("the head file is unreadable") from None
        if not hmac.compare_digest(raw, self.head(seq, mac)):
            raise JournalCorrupt("the head file was edited or forged")
        return seq, mac


class Checker:
    """Walks a journal line by line and remembers how far it is intact."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self.first: Line | None = None
        self.seq, self.mac, self.size, self.torn = 0, GENESIS, 0, 0
        self.loose = bytearray()  # after the intact prefix, and no "torn" line has claimed it
        self.doubt = ""  # what the first of them looks like

    def feed(self, raw: bytes) -> Line | None:
        """The next line where it continues the chain, else None."""
        line = self._sealer.parse(raw)
        if line is None or not self._continues(line):
            if not self.loose:
                self.doubt = f"line {self.seq + 1} {_doubt(raw, line)}"
            self.loose += raw
            return None
        self.size += len(self.loose) + len(raw)
        self.torn += bool(self.loose)
        self.loose, self.doubt = bytearray(), ""
        self.seq, self.mac = line.seq, line.mac
        self.first = self.first or line
        return line

    def _continues(self, line: Line) -> bool:
        if line.seq != self.seq + 1 or line.prev != self.mac:
            return False
        if line.kind != "torn":
            return not self.loose
        return bool(self.loose) and msgspec.json.decode(line.data, type=Torn) == torn(self.loose)

    @property
    def torn_only(self) -> bool:
        """True where a crash explains what is loose: each line goes out whole, its end last."""
        return b"\n" not in self.loose

    def problem(self, head_seq: int, head_mac: str, *, head_seen: bool) -> str:
        """What is wrong, given what the head names; empty where nothing is."""
        if head_seq > self.seq:
            return self.doubt or f"the tail is cut: {self.seq} lines, the head names {head_seq}"
        if not head_seen:
            return f"line {head_seq} is not the one that the head names ({head_mac[:12]}...)"
        return "" if self.torn_only else self.doubt


def torn(loose: bytes | bytearray) -> Torn:
    """How a "torn" line names the bytes before it, their line end included."""
    return Torn(bytes=len(loose), sha256=hashlib.sha256(loose).hexdigest())


def head_path(path: Path) -> Path:
    return path.with_name(path.name + ".head")


def check(path: Path, key: Secret) -> tuple[VerifyResult, Checker]:
    """Verify a journal; also the walker, which still holds the first line and the loose tail."""
    sealer = Sealer(key)
    walker = Checker(sealer)
    try:
        head_seq, head_mac = sealer.parse_head(head_path(path).read_bytes())
    except FileNotFoundError:
        return _result(path, walker, "the head file is missing"), walker
    except JournalCorrupt as error:
        return _result(path, walker, str(error)), walker
    head_seen = head_seq == 0
    if path.exists():
        with path.open("rb") as lines:
            for raw in lines:
                line = walker.feed(raw)
                head_seen = head_seen or (line is not None and (line.seq, line.mac) == (head_seq, head_mac))
    return _result(path, walker, walker.problem(head_seq, head_mac, head_seen=head_seen)), walker


def verify(path: Path, key: Secret) -> VerifyResult:
    """Whether a journal is whole: finds an edit, a removal, a reorder, a forgery and a cut tail."""
    return check(path, key)[0]


def _doubt(raw: bytes, line: Line | None) -> str:
    """What is wrong with a line that does not continue the chain; `line` is None where it is not ours."""
    if line is not None:
        return "is out of place (removed or reordered)"
    return "was edited or forged" if raw.endswith(b"\n") else "was edited, forged or torn"


def _result(path: Path, walker: Checker, problem: str) -> VerifyResult:
    return VerifyResult(
        path=str(path),
        lines=walker.seq,
        mac=walker.mac,
        size=walker.size,
        torn=walker.torn,
        tail=len(walker.loose) if walker.torn_only else 0,
        problem=problem,
    )
