"""Files that only their owner may read: secrets, tokens, lockouts.

What is looser, linked, foreign or damaged is refused with a reason that never quotes the
content. Frames that raise hold no content either: a verbose traceback shows nothing.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from quantlab.errors import ConfigError
from quantlab.secret import Secret

PRIVATE_MODE = 0o600
SECRET_BYTES = 4_096
KEY_BYTES = 32
LOCK_S = 5.0
LOCK_POLL_S = 0.02
BOM = b"\xef\xbb\xbf"


def read_private(path: Path, what: str, *, max_bytes: int = SECRET_BYTES) -> Secret:
    """The UTF-8 text of a regular file of ours with mode 0600 or tighter, byte for byte.

    Args:
        path: The file; a symbolic link is refused, whatever it points to.
        what: How messages name it, for example "the token file".
        max_bytes: A longer file is refused unread.

    Raises:
        ConfigError: With the reason and the remedy, never with content.
    """
    found = _read(path, max_bytes)
    if isinstance(found, Secret):
        return found
    problem, remedy = found
    raise ConfigError(f"{what} {path} {problem}", remedy)


def read_secret_line(path: Path, what: str) -> Secret:
    """One secret of printable characters on one line; one final LF or CRLF is not part of it."""
    secret = _only_line(read_private(path, what))
    if secret is None:
        raise ConfigError(
            f"{what} {path} holds more or less than one line of printable text",
            "put the secret alone on its first line, without blanks",
        )
    return secret


def write_private(path: Path, content: str) -> None:
    """Replace `path` by a new file of mode 0600 in one step, synced: the old or the new, never half.

    Raises:
        ConfigError: Nothing was replaced; the reason is the system's.
    """
    beside = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", "make room, or set QUANTLAB_HOME to another folder"
        ) from None


def own_key(path: Path, what: str) -> Secret:
    """A key of 32 random bytes, as hexadecimal digits on one line; made where there is none yet.

    A file that a link, another user or another's eyes could touch is refused, never repaired:
    whoever could read it could forge what it signs.

    Raises:
        ConfigError: With the reason and the remedy, never with content.
    """
    if not os.path.lexists(path):
        make_private_folder(path.parent)
        try:
            create_private(path, f"{token_hex(KEY_BYTES)}\n".encode())
        except OSError as error:
            raise ConfigError(
                f"{what} {path} cannot be made: {error.strerror}", "make room, or set QUANTLAB_HOME"
            ) from None
    key = read_secret_line(path, what)
    if not _is_key(key):
        raise ConfigError(f"{what} {path} is not {2 * KEY_BYTES} hexadecimal digits", "name the right file")
    return key


def create_private(path: Path, content: bytes) -> None:
    """A new file of mode 0600, whole or not at all; where another process was first, its file stands."""
    draft = path.with_name(f".{path.name}.{token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` (mode 0600: nobody else can hold it); for one process at a time.

    Raises:
        ConfigError: It cannot be had within 5 s.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_MODE)
    except OSError as error:
        raise ConfigError(f"the lock {path} cannot be used: {error.strerror}", "move it away") from None
    try:
        os.fchmod(descriptor, PRIVATE_MODE)
        deadline = time.monotonic() + LOCK_S
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise ConfigError(f"{path} is held by another process", "end that process, or try again")
            time.sleep(LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_private_folder(path: Path) -> Path:
    """Create `path` with mode 0700, or check that nobody else can change what is in it.

    Raises:
        ConfigError: It is no folder, belongs to another user, or others may write to it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise ConfigError(
            f"the home folder {path} cannot be used: {error.strerror}",
            "set QUANTLAB_HOME to a folder of yours",
        ) from None
    if status.st_uid != os.geteuid():
        raise ConfigError(
            f"the home folder {path} belongs to another user", "set QUANTLAB_HOME to one of yours"
        )
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise ConfigError(f"others may write to the home folder {path}", f"run chmod 700 {path}")
    return path


def _read(path: Path, max_bytes: int) -> Secret | tuple[str, str]:
    """The content, or the problem and its remedy. Never raises, so no traceback shows the content."""
    try:
        # O_NONBLOCK: a named pipe must not hang the kernel.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return "is missing", "create it with mode 0600, or unset the variable that names it"
    except OSError as error:
        if path.is_symlink():
            return "is a symbolic link", "name the file itself"
        return f"cannot be opened: {error.strerror}", "give a readable file of yours"
    try:
        status = os.fstat(descriptor)
        problem = _status_problem(path, status, max_bytes)
        return problem or _decoded(os.read(descriptor, max_bytes + 1))
    except OSError as error:
        return f"cannot be read: {error.strerror}", "give a readable file of yours"
    finally:
        os.close(descriptor)


def _status_problem(path: Path, status: os.stat_result, max_bytes: int) -> tuple[str, str] | None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        return f"is {kind}", "give a regular file"
    if status.st_uid != os.geteuid():
        return "belongs to another user", "give a file of yours"
    if mode & 0o077:
        return f"can be used by others (mode {mode:04o})", f"run chmod 600 {path}"
    if status.st_size > max_bytes:
        return f"is longer than {max_bytes} bytes", "give the right file"
    return None


def _decoded(content: bytes) -> Secret | tuple[str, str]:
    if content.startswith(BOM):
        return "starts with a byte order mark", "save it as plain UTF-8"
    try:
        return Secret(content.decode())
    except UnicodeDecodeError:
        return "is not UTF-8", "save it as plain UTF-8"


def _only_line(secret: Secret) -> Secret | None:
    line = secret.reveal().removesuffix("\n").removesuffix("\r")
    return Secret(line) if line.isprintable() and " " not in line and line else None


def _is_key(key: Secret) -> bool:
    try:
        return len(bytes.fromhex(key.reveal())) == KEY_BYTES
    except ValueError:
        return False
