"""What Redis says when it does not do as asked, as our errors: what is tried again, what must be mended.

The client's own errors end here. They are never chained: their frames hold the password.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

from quantlab.errors import StoreError, StoreNotAllowed, StoreUnavailable

T = TypeVar("T")

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
UNNAMED = "Authentication required"  # the client takes the code NOAUTH off
NO_MULTI = "EXEC without MULTI"  # all that the client tells where the ACL forbids MULTI
OPEN_SERVER = (
    "it asks for no password, so whoever reaches it can delete the models; set requirepass, or an ACL with "
    "the default user off"
)


async def named(work: Callable[[], Awaitable[T]], where: str, timeout_s: float) -> T:
    """What `work` gives, or one of our errors, raised where the client's is not under way any more.

    Raises:
        StoreUnavailable: No connection, no answer within `timeout_s`, or a state that passes.
        StoreNotAllowed: What does not pass by itself.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await work()
    except StoreError as error:
        fault = error.with_traceback(None)
    except Exception as error:  # noqa: BLE001  # whatever the client raises, its frames end here
        fault = fault_of(error, where)
    fault.__context__ = None
    raise fault


def fault_of(error: Exception, where: str) -> StoreError:
    """One of our errors for one of the client's, with nothing of its text."""
    from redis import exceptions as redis

    if certificate := _certificate_problem(error):
        return StoreNotAllowed(f"Redis at {where} is not who it says: {certificate}")
    if isinstance(error, redis.WatchError) and isinstance(error.__context__, Exception):
        return fault_of(error.__context__, where)  # what happened while a key was watched
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
    if NO_MULTI in text:
        return StoreNotAllowed(f"Redis at {where} refuses (NOPERM MULTI): {REFUSED['NOPERM']}")
    code = next((code for code in (*REFUSED, *FAILED) if code in text), "")
    if UNNAMED in text:
        code = "NOAUTH"
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
