"""No secret shows itself: not by repr, format, pickle, copy, JSON, traceback, journal or disk."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from quantlab.config import Settings
from quantlab.control import tokens
from quantlab.control.capability import Session
from quantlab.control.commands import CancelAll
from quantlab.control.desk import Desk
from quantlab.errors import QuantlabError
from quantlab.secret import Secret

from .conftest import Floor

API_SECRET = "s3cr3t" * 10


@pytest.fixture
def session(desk: Desk, token: Secret) -> Session:
    return desk.arm_with(token)


@pytest.fixture
def settings(home: Path) -> Settings:
    environ = {"QUANTLAB_HOME": str(home), "QUANTLAB_API_KEY": "k" * 64, "QUANTLAB_API_SECRET": API_SECRET}
    return Settings.from_environment(environ)


@pytest.fixture
def holders(desk: Desk, session: Session, token: Secret, settings: Settings) -> dict[str, tuple[object, str]]:
    """Whatever holds a secret, and the secret it holds."""
    (capability,) = desk._arming.live()
    return {
        "token": (token, token.reveal()),
        "session": (session, session._key.reveal()),
        "capability": (capability, capability._key.reveal()),
        "settings": (settings, API_SECRET),
    }


NAMES = ["token", "session", "capability", "settings"]
SHOW: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda holder: f"{holder} {holder!r} {holder!s:>90}",
    "in a list": lambda holder: repr([holder, {"a": holder}]),
    "log": lambda holder: logging.LogRecord("x", 1, "p", 1, "%s %r", (holder, holder), None).getMessage(),
}


@pytest.mark.parametrize("show", SHOW)
@pytest.mark.parametrize("name", NAMES)
def test_no_text_of_a_holder_shows_its_secret(
    holders: dict[str, tuple[object, str]], name: str, show: str
) -> None:
    holder, secret = holders[name]

    assert secret not in SHOW[show](holder)
    assert "k" * 64 not in SHOW[show](holder)


@pytest.mark.parametrize("name", NAMES)
def test_a_holder_is_not_pickled(holders: dict[str, tuple[object, str]], name: str) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(holders[name][0], protocol)


@pytest.mark.parametrize("name", ["token", "session", "capability"])
def test_a_holder_of_a_key_is_not_copied(holders: dict[str, tuple[object, str]], name: str) -> None:
    for clone in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            clone(holders[name][0])


@pytest.mark.parametrize("name", NAMES)
def test_a_holder_is_not_json(holders: dict[str, tuple[object, str]], name: str) -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(holders[name][0])


def verbose(error: BaseException) -> str:
    """What a verbose traceback shows: every frame with its local variables, and the causes."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(told.format())
    at: BaseException | None = error
    while at is not None:
        text += repr(at) + repr(at.args) + repr(vars(at))
        at = at.__context__
    return text


def failures(desk: Desk, floor: Floor, token: Secret, folder: Path) -> list[BaseException]:
    """Everything done wrong with secrets at hand; each error as it was raised."""
    path = folder / "bad"
    path.touch(mode=0o600)
    caught: list[BaseException] = []

    def attempt(action: Callable[[], object]) -> None:
        try:
            action()
        except (QuantlabError, OSError, TypeError) as error:
            caught.append(error)

    def file_of(content: bytes, mode: int = 0o600) -> None:
        path.write_bytes(content)
        path.chmod(mode)
        attempt(lambda: desk.arm_from_file(path))
        path.chmod(0o600)

    text = token.reveal().encode()
    file_of(text + b"\xff\xfe")
    file_of(b"\xef\xbb\xbf" + text)
    file_of(text + b" two words")
    file_of(text[:-1] + b"!")
    file_of(text, 0o644)
    attempt(lambda: desk.arm_with(Secret(token.reveal()[:-1] + "\ud800")))
    attempt(lambda: desk.arm_with(Secret(token.reveal() + "x")))
    session = desk.arm_with(token)
    attempt(lambda: desk.execute(CancelAll(), lambda _: session.prove(CancelAll("X"))).send())
    floor.raises = TypeError("a bug below the desk")
    attempt(lambda: desk.execute(CancelAll(), session.prove).send())
    floor.raises = None
    desk.disarm()
    floor.journal_error = OSError(28, "full")
    attempt(lambda: desk.arm_with(token))
    floor.journal_error = None
    return caught


def test_no_verbose_traceback_shows_a_token_or_a_key(
    desk: Desk, floor: Floor, token: Secret, tmp_path: Path
) -> None:
    errors = failures(desk, floor, token, tmp_path)
    assert len(errors) == 10

    for error in errors:
        assert token.reveal()[8:40] not in verbose(error), error


def test_the_scan_above_finds_a_planted_secret(token: Secret) -> None:
    def leaks(planted: str) -> None:
        raise QuantlabError("a harmless message")

    with pytest.raises(QuantlabError) as error:
        leaks(token.reveal())

    assert token.reveal()[8:40] in verbose(error.value)


async def test_the_journal_and_the_disk_hold_no_token_and_no_key(
    desk: Desk, floor: Floor, token: Secret, home: Path, tmp_path: Path
) -> None:
    session = desk.arm_with(token)
    await desk.execute(CancelAll(), session.prove)
    desk.halt(f"my token is {token.reveal()}")
    failures(desk, floor, token, tmp_path)
    (tmp_path / "bad").unlink()
    lines = msgspec.json.encode([what for kind, what in floor.events if kind.startswith("control.")])
    kept = io.BytesIO(lines + b"".join(each.read_bytes() for each in home.rglob("*") if each.is_file()))

    record = desk._arming._store.list()[0]
    client_key = tokens._client_key(token, bytes.fromhex(record.salt)).hex()
    for secret in (token.reveal()[4:40], session._key.reveal(), client_key):
        assert secret.encode() not in kept.getvalue()
    assert record.stored_key.encode() in kept.getvalue()  # the scan does look
