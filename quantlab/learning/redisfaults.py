"""What Redis says when it does not do as asked, as our errors: what is tried again, what must be mended.

The client's own errors end here. They are never chained: their frames hold the password.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quantlab.errors import StoreError, StoreNotAllowed, StoreUnavailable

REFUSED = {
    "WRONGPASS": "it does not take this user and password; see QUANTLAB_REDIS_PASSWORD_FILE",
    "NOAUTH": "it asks for a password; set QUANTLAB_REDIS_PASSWORD_FILE",
    "NOPERM": "this user may not do what keeping models takes; the README has the ACL",
}
FAILED = {
    "READONLY": "it is a read-only replica",
    "OOM": "its memory is full",
    "LOADING": "it is still loading its data",
    "MISCONF": "it cannot write to its disk",
    "BUSY": "it is busy with a script",
    "MASTERDOWN": "its master is down",
    "NOREPLICAS": "it has too few replicas",
    "TRYAGAIN": "it asks to try again",
    "CLUSTERDOWN": "its cluster is down",
}
UNASKED = "called without any password"
OPEN_SERVER = (
    "it asks for no password, so whoever reaches it can delete the models; set requirepass, or an ACL with "
    "the default user off"
)


@asynccontextmanager
async def named(where: str, timeout_s: float) -> AsyncIterator[None]:
    """Turn what happens inside into one of our errors, without the client's behind it.

    Raises:
        StoreUnavailable: No connection, no answer within `timeout_s`, or a state that passes.
        StoreNotAllowed: What does not pass by itself.
    """
    fault: StoreError | None = None
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever the client raises, its frames end here
        fault = fault_of(error, where)
    if fault is not None:
        raise fault


def fault_of(error: Exception, where: str) -> StoreError:
    """One of our errors for one of the client's, with nothing of its text."""
    from redis import exceptions as redis

    if certificate := _certificate_problem(error):
        return StoreNotAllowed(f"Redis at {where} is not who it says: {certificate}")
    if isinstance(error, TimeoutError | redis.TimeoutError):
        return StoreUnavailable(f"Redis at {where} does not answer in time")
    if isinstance(error, redis.ResponseError | redis.AuthenticationError | redis.BusyLoadingError):
        return _said(error, where)
    if isinstance(error, redis.RedisError | OSError):
        return StoreUnavailable(f"Redis at {where} is not there, or the connection broke")
    return StoreUnavailable(f"Redis at {where} cannot be used: {type(error).__name__}")


def _said(error: Exception, where: str) -> StoreError:
    from redis import exceptions as redis

    text = str(error)
    if UNASKED in text:
        return StoreNotAllowed(f"Redis at {where} cannot be used: {OPEN_SERVER}")
    code = next((code for code in (*REFUSED, *FAILED) if code in text), "")
    if not code:  # the client takes the code off some of them
        code = next((code for kind, code in _kinds(redis) if isinstance(error, kind)), "")
    if code in REFUSED:
        return StoreNotAllowed(f"Redis at {where} refuses ({code}): {REFUSED[code]}")
    if code:
        return StoreUnavailable(f"Redis at {where} takes nothing now ({code}): {FAILED[code]}")
    return StoreUnavailable(f"Redis at {where} refuses: {type(error).__name__}")


def _kinds(redis: object) -> tuple[tuple[type[Exception], str], ...]:
    pairs = (
        ("NoPermissionError", "NOPERM"), ("ReadOnlyError", "READONLY"), ("OutOfMemoryError", "OOM"),
        ("BusyLoadingError", "LOADING"), ("AuthenticationWrongNumberOfArgsError", "WRONGPASS"),
    )  # fmt: skip
    found = tuple((getattr(redis, name), code) for name, code in pairs)
    asks = getattr(redis, "AuthenticationError")  # noqa: B009  # its text says which of two it is
    return (*found, (asks, "WRONGPASS"))


def _certificate_problem(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return ""
