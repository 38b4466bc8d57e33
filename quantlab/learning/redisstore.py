"""Models in Redis: a hash for a model, a field for a version, changed by WATCH and MULTI alone.

No script, no listing of keys, nothing outside the prefix: the README has the ACL that is enough.
What lies there is sealed, so a stranger who writes to it can delete models and change none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from quantlab.errors import StoreNotAllowed, StoreUnavailable
from quantlab.learning.backend import KEEP, conflict, oldest_kept
from quantlab.learning.modelid import ModelId
from quantlab.learning.redisaddress import OPEN_WARNING, RedisAddress
from quantlab.learning.redisfaults import OPEN_SERVER, named
from quantlab.secret import Secret

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

PREFIX = "quantlab:model:"
CONNECT_S = 1.0
ANSWER_S = 2.0  # for one command
DIGITS = 15  # of a version; a longer one is a stranger's
WHOLE_S = 5.0  # for everything that one call does


class RedisStore:
    """See `Backend`. Belongs to one loop; connects when it is first used, and anew when that broke."""

    def __init__(
        self,
        address: RedisAddress,
        *,
        connect_s: float = CONNECT_S,
        answer_s: float = ANSWER_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        self.where = address.where
        self.warning = ""
        self._address = address
        self._connect_s, self._answer_s, self._whole_s = connect_s, answer_s, whole_s
        self._client: Redis | None = None

    async def versions(self, which: ModelId) -> list[int]:
        async def ask(client: Redis) -> list[int]:
            return _versions(await client.hkeys(_key(which)))

        return await self._do(ask)

    async def read(self, which: ModelId, version: int) -> bytes | None:
        async def ask(client: Redis) -> bytes | None:
            found = await client.hget(_key(which), str(version))
            return found if isinstance(found, bytes) else None

        return await self._do(ask)

    async def write(self, which: ModelId, version: int, blob: bytes, *, keep: int = KEEP) -> None:
        from redis.exceptions import WatchError

        async def change(client: Redis) -> None:
            async with client.pipeline(transaction=True) as pipe:
                await pipe.watch(_key(which))
                versions = await self._may_write(pipe, which, version, blob)
                if versions is None:
                    return
                pipe.multi()  # type: ignore[no-untyped-call]
                pipe.hset(_key(which), str(version), blob)
                if old := [str(each) for each in versions if each < oldest_kept(version, keep)]:
                    pipe.hdel(_key(which), *old)
                with suppress(WatchError):
                    await pipe.execute()
                    return
            # the client says so too where the connection broke: then the store tells what became of it
            if await self._may_write(client, which, version, blob) is not None:
                raise StoreUnavailable(f"Redis at {self.where} did not take {which}: the connection broke")

        await self._do(change)

    async def _may_write(self, client: Redis, which: ModelId, version: int, blob: bytes) -> list[int] | None:
        """The versions that are kept, if `version` comes next; None if exactly this is the head already."""
        key = _key(which)
        versions = _versions(await client.hkeys(key))
        head = versions[-1] if versions else 0
        if head == version and await client.hget(key, str(version)) == blob:
            return None
        if head not in (0, version - 1):
            raise conflict(which, version, head)
        return versions

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # it is thrown away, connected or not
                await client.aclose()

    async def _do(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """`work` with the client, checked once after it was made; what fails is one of our errors."""

        async def connected() -> T:
            try:
                if self._client is None:
                    await self._check_open()
                    self._client = self._new_client(with_password=True)
                return await work(self._client)
            except BaseException:
                await self.close()  # whatever it was: no half-read answer is left to the next call
                raise

        return await named(connected, self.where, self._whole_s)

    async def _check_open(self) -> None:
        """A server that lets in whoever asks is used on loopback at the paper level alone."""
        from redis.exceptions import RedisError

        stranger = self._new_client(with_password=False)
        try:
            await stranger.ping()
        except RedisError as error:
            if not _asks_for_password(error):
                raise
            self.warning = ""
            return
        finally:
            await stranger.aclose()
        if not self._address.may_be_open:
            raise StoreNotAllowed(f"Redis at {self.where} cannot be used: {OPEN_SERVER}")
        self.warning = OPEN_WARNING

    def _new_client(self, *, with_password: bool) -> Redis:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        address, secure = self._address, {}
        if address.encrypted:
            secure = {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
            secure |= {"ssl_ca_certs": address.authority} if address.authority else {}
        password = address.password if with_password else None
        return Redis(
            host=address.host, port=address.port, db=address.database if with_password else 0,
            credential_provider=_credentials(address.user, password) if password else None,
            socket_connect_timeout=self._connect_s, socket_timeout=self._answer_s,
            retry=Retry(NoBackoff(), 0),  # we try again ourselves: what was sent is never sent blindly twice
            max_connections=2, protocol=2, driver_info=None,  # nothing is sent that the ACL must allow
            **secure,  # type: ignore[arg-type]
        )  # fmt: skip


def _credentials(user: str, password: Secret) -> Any:
    """The client asks for them when it connects, and keeps them nowhere."""
    from redis.credentials import CredentialProvider

    class Credentials(CredentialProvider):
        def get_credentials(self) -> tuple[str] | tuple[str, str]:
            return (user, password.reveal()) if user else (password.reveal(),)

        async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
            return self.get_credentials()

    return Credentials()


def _asks_for_password(error: Exception) -> bool:
    text = str(error)
    return "NOAUTH" in text or "Authentication required" in text or "NOPERM" in text


def _versions(fields: Any) -> list[int]:
    return sorted(int(field) for field in fields if field.isdigit() and len(field) <= DIGITS)


def _key(which: ModelId) -> str:
    return f"{PREFIX}{which.name}:{which.key}"  # a name has no colon
