"""Models in a real Redis: the ACL of the README, TLS, every refusal by name, and nothing lost."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from faultproxy import FaultProxy
from keptmodels import inputs, snapshot, trained
from redisserver import PASSWORD, RedisServer
from river import forest, linear_model, preprocessing

from quantlab.config import Settings
from quantlab.domain.venue import Level
from quantlab.errors import (
    ConfigError,
    ModelRefused,
    StoreError,
    StoreNotAllowed,
    StoreUnavailable,
    VersionConflict,
)
from quantlab.learning.modelid import ModelId
from quantlab.learning.pickler import dumps
from quantlab.learning.redisaddress import OPEN_WARNING, address_of
from quantlab.learning.redisstore import PREFIX, RedisStore
from quantlab.learning.snapshot import Snapshot, freeze, predict
from quantlab.learning.store import Store, open_store
from quantlab.secret import Secret

ROOT = Path(__file__).parents[2]
NAME = ("minute", "BTCUSDT")
WHICH = ModelId(*NAME)
FIELD = f"{PREFIX}minute:BTCUSDT"
USER, USER_PASSWORD = "quantlab", "hush-aeNgoh3Iek"


def acl_of_the_readme() -> list[str]:
    """The very words of the recipe: what is documented is what is tested."""
    found = re.search(r"^ACL SETUSER quantlab (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert found is not None, "the README has no ACL for Redis"
    return found[1].replace("PASSWORD", USER_PASSWORD).split()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), ["--requirepass", PASSWORD]) as running:
        running.command("ACL", "SETUSER", USER, *acl_of_the_readme())
        yield running


@pytest.fixture(autouse=True)
def empty(server: RedisServer) -> None:
    server.command("CONFIG", "SET", "maxmemory", "0")
    server.command("FLUSHALL")


def settings(home: Path, url: str, password: str | None = USER_PASSWORD) -> Settings:
    return Settings(home=home, redis_url=url, redis_password=Secret(password) if password else None)


def as_user(url: str, user: str = USER) -> str:
    return url.replace("://", f"://{user}@")


def quick(store: Store, budget_s: float = 0.0) -> Store:
    store._waiting._patience = msgspec.structs.replace(
        store._waiting._patience, first_s=0.05, longest_s=0.1, budget_s=budget_s
    )
    return store


@pytest.fixture
async def store(tmp_path: Path, server: RedisServer) -> AsyncIterator[Store]:
    """As the user of the README's ACL."""
    made = quick(open_store(settings(tmp_path, as_user(server.url)), Level.PAPER))
    yield made
    await made.aclose()


def logistic(seed: int = 3) -> Any:
    return trained(preprocessing.StandardScaler() | linear_model.LogisticRegression(), seed=seed)


def frozen(**others: Any) -> Snapshot:
    return freeze(snapshot(logistic(), **others), dumps)


async def saved_at_last(store: Store) -> None:
    async with asyncio.timeout(60):
        while store.problem:
            await asyncio.sleep(0.01)


def no_password_in(error: BaseException) -> None:
    """Neither in what it says nor in any frame of ours or the client's that it was raised through."""
    seen: BaseException | None = error
    while seen is not None:
        told = traceback.TracebackException.from_exception(seen, capture_locals=True)
        frames = [each for each in told.stack if each.filename != __file__]
        assert frames
        text = "".join(str(each.locals) for each in frames) + repr(seen) + str(seen) + str(vars(seen))
        for secret in (PASSWORD, USER_PASSWORD, "hush-wrong"):
            assert secret not in text
        seen = seen.__cause__ or seen.__context__


async def test_a_user_with_the_acl_of_the_readme_saves_loads_and_rolls_back(
    store: Store, tmp_path: Path, server: RedisServer
) -> None:
    model = trained(forest.ARFClassifier(n_models=3, seed=1))
    for number in range(7):
        await store.save(freeze(snapshot(model), dumps), expect_version=number)
    again = quick(open_store(settings(tmp_path, as_user(server.url)), Level.PAPER))

    after = await again.load(*NAME)
    assert after.version == 7
    assert [predict(after.objects["pipeline"], x) for x in inputs(9)] == [
        predict(model, x) for x in inputs(9)
    ]  # type: ignore[index]
    assert [each.version for each in await again.versions(*NAME)] == [3, 4, 5, 6, 7]
    assert (await again.rollback(*NAME, 3)).version == 8
    assert again.problem == again.warning == ""
    await again.aclose()


async def test_the_acl_is_no_wider_than_what_is_used(server: RedisServer) -> None:
    """Without any one of its commands, something is refused by name."""
    words = acl_of_the_readme()
    granted = [word for word in words if word.startswith("+")]
    needed = set()
    for word in granted:
        server.command("ACL", "SETUSER", "less", "reset", *[each for each in words if each != word])
        server.command("DEL", FIELD)
        backend = RedisStore(address_of(as_user(server.url, "less"), Secret(USER_PASSWORD), Level.PAPER))
        if await is_refused(backend):
            needed.add(word)
        await backend.close()

    assert len(granted) == 8
    assert needed == set(granted)


async def is_refused(backend: RedisStore) -> bool:
    """Whether NOPERM meets one of the things that a store does."""
    try:
        for number in range(1, 5):
            await backend.write(WHICH, number, b"x", keep=2)
        await backend.read(WHICH, 4)
        await backend.write(WHICH, 2, b"y")
    except VersionConflict:
        return False
    except StoreNotAllowed as refused:
        return "NOPERM" in str(refused)
    pytest.fail("a conflict was not noticed")


async def test_what_the_acl_forbids_stays_forbidden(server: RedisServer) -> None:
    from redis.exceptions import NoPermissionError

    for words in (
        ("GET", "other"), ("HGET", "other", "1"), ("KEYS", "*"), ("EVAL", "return 1", "0"), ("FLUSHALL",),
        ("CONFIG", "GET", "*"), ("MODULE", "LIST"), ("DEL", FIELD), ("ACL", "LIST"), ("HGETALL", FIELD),
    ):  # fmt: skip
        with pytest.raises(NoPermissionError):
            server.command(*words, user=USER, password=USER_PASSWORD)


async def test_two_kernels_cannot_overwrite_each_other(
    store: Store, tmp_path: Path, server: RedisServer
) -> None:
    second = quick(open_store(settings(tmp_path, as_user(server.url)), Level.PAPER))
    await store.save(frozen(), expect_version=0)
    with pytest.raises(VersionConflict) as refused:
        await second.save(frozen(), expect_version=0)
    assert refused.value.head == 1
    await second.load(*NAME)
    assert await second.save(frozen(), expect_version=1) == 2
    await second.aclose()


async def test_of_many_that_write_at_once_exactly_one_is_each_version(server: RedisServer) -> None:
    """Each line of fifty is one kernel's; the others are told, and none is lost in between."""
    address = address_of(as_user(server.url), Secret(USER_PASSWORD), Level.PAPER)
    kernels = [RedisStore(address, connect_s=5, answer_s=5, whole_s=10) for _ in range(5)]

    async def write(kernel: RedisStore, version: int, content: bytes) -> bool:
        try:
            await kernel.write(WHICH, version, content)
        except VersionConflict:
            return False
        return True

    for version in range(1, 11):
        done = await asyncio.gather(
            *(write(kernel, version, b"%d %d" % (version, number)) for number, kernel in enumerate(kernels))
        )
        assert sum(done) == 1
        assert await kernels[0].read(WHICH, version) == b"%d %d" % (version, done.index(True))
    for kernel in kernels:
        await kernel.close()


async def test_what_a_stranger_writes_is_refused_before_it_is_read(
    store: Store, server: RedisServer, tmp_path: Path
) -> None:
    """A5, D4."""
    import pickle

    class Canary:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {tmp_path / 'ran'}",))

    for number in range(3):
        await store.save(frozen(), expect_version=number)
        await store.save(frozen(key="ETHUSDT"), expect_version=number)
    other = server.command("HGET", f"{PREFIX}minute:ETHUSDT", "3")
    old, genuine = server.command("HGET", FIELD, "2"), server.command("HGET", FIELD, "3")
    assert isinstance(other, bytes)
    assert isinstance(old, bytes)
    assert isinstance(genuine, bytes)

    for reason, content in {
        "name": other, "version": old, "format": pickle.dumps(Canary()),
        "seal": genuine[:-33] + bytes([genuine[-33] ^ 1]) + genuine[-32:],
    }.items():  # fmt: skip
        server.command("HSET", FIELD, "3", content)  # type: ignore[arg-type]
        with pytest.raises(ModelRefused) as refused:
            await store.load(*NAME)
        assert refused.value.reason == reason
    server.command("HDEL", FIELD, "3")
    with pytest.raises(ModelRefused, match="older models were put back"):
        await store.load(*NAME)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("fault", ["wrong password", "wrong user", "no password", "no right"])
async def test_who_is_not_let_in_is_told_by_name_and_tries_no_password_again(
    fault: str, server: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """D3."""
    caplog.set_level(logging.DEBUG)
    server.command("ACL", "SETUSER", "poor", "on", f">{USER_PASSWORD}", "~nothing:*", "-@all")
    url, password, code = {
        "wrong password": (as_user(server.url), "hush-wrong", "WRONGPASS"),
        "wrong user": (as_user(server.url, "nobody"), USER_PASSWORD, "WRONGPASS"),
        "no password": (server.url, None, "NOAUTH"),
        "no right": (as_user(server.url, "poor"), USER_PASSWORD, "NOPERM"),
    }[fault]
    before = server.command("INFO", "stats")
    store = open_store(settings(tmp_path, url, password), Level.PAPER)
    store._waiting._patience = msgspec.structs.replace(store._waiting._patience, budget_s=5.0)

    with pytest.raises(StoreNotAllowed, match=code) as refused:
        await store.save(frozen(), expect_version=0)
    await asyncio.sleep(0.3)

    assert code in store.problem
    no_password_in(refused.value)
    after = server.command("INFO", "stats")
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    tried = after["total_connections_received"] - before["total_connections_received"]
    assert tried <= 3, "a stranger's look, one attempt and this count"
    for secret in (PASSWORD, USER_PASSWORD, "hush-wrong"):
        assert secret not in caplog.text + repr(store) + repr(store._backend) + store.where + store.problem
    await store.aclose()


async def test_fields_that_are_no_version_are_left_alone(store: Store, server: RedisServer) -> None:
    """Also a number that Python refuses to read, which is no reason to call the server broken."""
    await store.save(frozen(), expect_version=0)
    for field in ("9" * 5_000, "two", "-1", ""):
        server.command("HSET", FIELD, field, "x")

    assert [each.version for each in await store.versions(*NAME)] == [1]
    assert (await store.load(*NAME)).version == 1


async def test_a_client_shows_its_password_nowhere(store: Store) -> None:
    await store.save(frozen(), expect_version=0)
    client = store._backend._client  # type: ignore[attr-defined]
    assert USER_PASSWORD not in repr(client) + repr(client.connection_pool) + repr(
        vars(client.connection_pool)
    )


async def test_a_store_that_is_down_at_the_start_costs_nothing(tmp_path: Path, server: RedisServer) -> None:
    """D1."""
    own = RedisServer(tmp_path, ["--requirepass", PASSWORD])
    store = quick(open_store(settings(tmp_path, own.url, PASSWORD), Level.PAPER))

    with pytest.raises(StoreUnavailable, match="is not there") as refused:
        await store.save(frozen(note="waits"), expect_version=0)
    no_password_in(refused.value)
    assert "is not there" in store.problem
    with own:
        await saved_at_last(store)
        assert [each.note for each in await store.versions(*NAME)] == ["waits"]
    await store.aclose()


async def test_a_server_that_was_emptied_takes_what_comes_next(store: Store, server: RedisServer) -> None:
    await store.save(frozen(), expect_version=0)
    server.command("FLUSHALL")

    assert await store.save(frozen(), expect_version=1) == 2
    assert (await store.load(*NAME)).version == 2


@pytest.mark.parametrize("code", ["READONLY", "OOM", "MISCONF", "LOADING"])
async def test_a_server_that_takes_nothing_is_named_and_tried_again(
    code: str, tmp_path: Path, server: RedisServer
) -> None:
    """D9."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with RedisServer(disk, ["--requirepass", PASSWORD, "--enable-debug-command", "yes"]) as own:
        store = quick(open_store(settings(tmp_path, own.url, PASSWORD), Level.PAPER))
        await store.save(frozen(), expect_version=0)
        mend = {
            "READONLY": [["REPLICAOF", "NO", "ONE"]],
            "OOM": [["CONFIG", "SET", "maxmemory", "0"]],
            "MISCONF": [["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]],
            "LOADING": [["CONFIG", "SET", "key-load-delay", "0"]],
        }[code]
        if code == "MISCONF":
            shutil.rmtree(disk)
        if code == "LOADING":
            await become_slow_to_load(own)
        for words in {
            "READONLY": [["REPLICAOF", "127.0.0.1", str(server.port)]],
            "OOM": [["CONFIG", "SET", "maxmemory", "1"]],
            "MISCONF": [
                ["CONFIG", "SET", "save", "1 1"],
                ["SET", "x", "y"],
            ],
            "LOADING": [],
        }[code]:
            own.command(*words)
        if code == "MISCONF":
            await until_bgsave_fails(own)

        quick(store, budget_s=0.3)  # the connection of before is found to be gone, and another one made
        with pytest.raises(StoreUnavailable, match=code):
            await store.save(frozen(note="waits"), expect_version=1)
        assert code in store.problem
        for words in mend:
            own.command(*words)
        await saved_at_last(store)
        assert (await store.versions(*NAME))[-1].note == "waits"
        await store.aclose()


async def until_bgsave_fails(server: RedisServer) -> None:
    async with asyncio.timeout(60):
        while True:
            found = server.command("INFO", "persistence")
            if isinstance(found, dict) and found["rdb_last_bgsave_status"] == "err":
                return
            await asyncio.sleep(0.05)


async def become_slow_to_load(server: RedisServer) -> None:
    """Started anew with its data, it says LOADING for a while."""
    server.command("CONFIG", "SET", "save", "")
    server.command("DEBUG", "POPULATE", "100000", "filler", "20")
    server.command("SAVE")
    server.stop()
    server._options += ["--key-load-delay", "50", "--loading-process-events-interval-bytes", "1024"]
    server.start()


async def test_a_slow_server_is_given_up_in_time_and_tried_again(tmp_path: Path) -> None:
    with RedisServer(tmp_path, ["--requirepass", PASSWORD]) as own:
        store = quick(open_store(settings(tmp_path, own.url, PASSWORD), Level.PAPER))
        await store.save(frozen(), expect_version=0)
        store._backend._whole_s = 0.3  # type: ignore[attr-defined]
        own.freeze()
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match="does not answer in time"):
            await store.save(frozen(note="slow"), expect_version=1)
        assert time.monotonic() - begun < 3
        store._backend._whole_s = 30.0  # type: ignore[attr-defined]
        own.thaw()
        await saved_at_last(store)
        assert (await store.versions(*NAME))[-1].note == "slow"
        await store.aclose()


async def test_a_connection_that_breaks_anywhere_in_a_save_leaves_the_old_or_the_new(
    server: RedisServer, full: bool
) -> None:
    """D2: Cut after every so many bytes of either way; then the same save again is the one that was meant."""
    address = address_of(as_user(server.url), Secret(USER_PASSWORD), Level.PAPER)
    old, new, states = b"old" * 300, b"new" * 300, set()
    cuts = [("up", at) for at in range(1, 1_300, 13 if full else 97)]
    cuts += [("down", at) for at in range(1, 60, 1 if full else 3)]
    for way, at in cuts:
        server.command("DEL", FIELD)
        server.command("HSET", FIELD, "1", old.decode())
        async with FaultProxy(server.url) as path:
            direction = path.up if way == "up" else path.down
            direction.cut_at, direction.cut_by = at, "reset"
            port = int(path.url.split(":")[-1].split("/")[0])
            backend = RedisStore(msgspec.structs.replace(address, port=port))
            try:
                await backend.write(WHICH, 2, new)
                states.add("whole" if path.connections == 2 else "answer lost, found to be ours")
            except StoreUnavailable:
                states.add("old" if server.command("HGET", FIELD, "2") is None else "answer lost")
            assert server.command("HGET", FIELD, "1") == old
            assert server.command("HGET", FIELD, "2") in (None, new)
            path.restore()
            try:
                await backend.write(WHICH, 2, new)
            except StoreUnavailable:  # the connection of before was cut after its last answer
                await backend.write(WHICH, 2, new)
            assert server.command("HGET", FIELD, "2") == new
            await backend.close()

    assert {"old", "whole"} <= states, "the cuts have met one side of the write alone"
    assert states & {"answer lost", "answer lost, found to be ours"}


async def test_a_save_whose_answer_was_lost_is_no_conflict(store: Store, server: RedisServer) -> None:
    """It is tried again; what is found in its place is its own, byte for byte, or a conflict."""
    async with FaultProxy(as_user(server.url)) as path:
        port = int(path.url.split(":")[-1].split("/")[0])
        store._backend._address = msgspec.structs.replace(store._backend._address, port=port)  # type: ignore[attr-defined]
        quick(store, budget_s=60)
        path.down.cut_at = (
            36 + 5 + 5 + 5 + 14
        )  # NOAUTH to a stranger, then AUTH, WATCH, HKEYS, MULTI, and no more
        saving = asyncio.ensure_future(store.save(frozen(), expect_version=0))
        async with asyncio.timeout(60):
            while server.command("HGET", FIELD, "1") is None and not saving.done():
                await asyncio.sleep(0.005)
        path.restore()

        assert await saving == 1
        assert await store.save(frozen(), expect_version=1) == 2


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    import trustme

    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = folder / "server.pem", folder / "server.key", folder / "ca.pem"
    issued.cert_chain_pems[0].write_to_path(files[0])
    issued.private_key_pem.write_to_path(files[1])
    authority.cert_pem.write_to_path(files[2])
    with RedisServer(folder, ["--requirepass", PASSWORD], tls=files) as running:
        yield running


async def test_over_tls_the_servers_certificate_is_verified(tls: RedisServer, tmp_path: Path) -> None:
    import trustme

    assert tls.tls is not None
    known = f"{tls.url}?ssl_ca_certs={tls.tls[2]}"
    store = quick(open_store(settings(tmp_path, known, PASSWORD), Level.TESTNET))
    assert await store.save(frozen(), expect_version=0) == 1
    assert (await store.load(*NAME)).version == 1
    await store.aclose()

    strange = tmp_path / "strange.pem"
    trustme.CA().cert_pem.write_to_path(strange)
    for url in (tls.url, f"{tls.url}?ssl_ca_certs={strange}"):
        store = quick(open_store(settings(tmp_path, url, PASSWORD), Level.PAPER))
        with pytest.raises(StoreNotAllowed, match="is not who it says") as refused:
            await store.load(*NAME)
        no_password_in(refused.value)
        await store.aclose()


async def test_a_certificate_of_another_name_is_refused(tls: RedisServer, tmp_path: Path) -> None:
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("elsewhere.example")
    files = tmp_path / "a.pem", tmp_path / "a.key", tmp_path / "ca.pem"
    issued.cert_chain_pems[0].write_to_path(files[0])
    issued.private_key_pem.write_to_path(files[1])
    authority.cert_pem.write_to_path(files[2])
    with RedisServer(tmp_path, tls=files) as other:
        store = quick(
            open_store(settings(tmp_path, f"{other.url}?ssl_ca_certs={files[2]}", PASSWORD), Level.PAPER)
        )
        with pytest.raises(StoreNotAllowed, match="is not who it says"):
            await store.load(*NAME)
        await store.aclose()


async def test_an_open_server_is_for_loopback_and_paper_alone_and_with_a_warning(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as own:
        open_one = quick(open_store(settings(tmp_path, own.url, None), Level.PAPER))
        assert await open_one.save(frozen(), expect_version=0) == 1
        assert open_one.warning == OPEN_WARNING
        await open_one.aclose()

        with pytest.raises(ConfigError, match="has no password"):
            open_store(settings(tmp_path, own.url, None), Level.TESTNET)
        # a password of ours does not make a server ask for one
        for level in (Level.PAPER, Level.TESTNET):
            store = quick(open_store(settings(tmp_path, own.url, "hush-wrong"), level))
            with pytest.raises(StoreNotAllowed, match="asks for no password") as refused:
                await store.load(*NAME)
            no_password_in(refused.value)
            await store.aclose()


async def test_a_server_whose_default_user_is_open_is_refused_though_ours_has_a_password(
    tmp_path: Path,
) -> None:
    with RedisServer(tmp_path) as own:
        own.command("ACL", "SETUSER", USER, *acl_of_the_readme(), password=None)
        store = quick(open_store(settings(tmp_path, as_user(own.url)), Level.TESTNET))
        with pytest.raises(StoreNotAllowed, match="asks for no password"):
            await store.load(*NAME)
        own.command("ACL", "SETUSER", "default", "off", password=None)
        with pytest.raises(StoreError, match="kept are none"):
            await store.load(*NAME)
        await store.aclose()


@pytest.mark.parametrize(
    ("url", "password", "level", "said"),
    [
        ("redis://10.0.0.5:6379/0", "x", Level.PAPER, "unencrypted"),
        ("redis://redis.example/0", "x", Level.PAPER, "unencrypted"),
        ("rediss://redis.example/0", None, Level.PAPER, "has no password"),
        ("redis://localhost/0", None, Level.TESTNET, "has no password"),
        ("http://localhost/0", "x", Level.PAPER, "no address"),
        ("redis:///0", "x", Level.PAPER, "no address"),
        ("redis://localhost/zero", "x", Level.PAPER, "no number"),
        ("redis://localhost:99999/0", "x", Level.PAPER, "no port"),
        ("rediss://localhost/0?ssl_cert_reqs=none", "x", Level.PAPER, "unknown option ssl_cert_reqs"),
        ("rediss://localhost/0?ssl_ca_certs=/nowhere", "x", Level.PAPER, "no certificates"),
        ("redis://user:hush-wrong@localhost/0", "x", Level.PAPER, "holds a password"),
    ],
)
def test_an_address_that_is_not_safe_is_refused_before_anything_is_sent(
    url: str, password: str | None, level: Level, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        address_of(url, Secret(password) if password else None, level)
    assert "hush" not in str(refused.value)


SAVES_FOR_EVER = """
import asyncio, sys
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/tests/learning"]
from pathlib import Path
from keptmodels import snapshot, trained
from river import linear_model
from quantlab.config import Settings
from quantlab.domain.venue import Level
from quantlab.learning.store import open_store
from quantlab.secret import Secret
async def main():
    password = Secret(sys.stdin.readline().strip())
    settings = Settings(home=Path(sys.argv[1]), redis_url=sys.argv[3], redis_password=password)
    store, version = open_store(settings, Level.PAPER), 0
    while True:
        model = trained(linear_model.LogisticRegression(), 60)
        version = await store.save(snapshot(model), expect_version=version)
        print(version, flush=True)
asyncio.run(main())
"""


async def test_a_kernel_that_is_killed_while_it_saves_leaves_a_whole_version(
    tmp_path: Path, server: RedisServer, store: Store, full: bool
) -> None:
    for turn in range(8 if full else 1):
        server.command("FLUSHALL")
        home = tmp_path / str(turn)
        child = subprocess.Popen(
            [sys.executable, "-c", SAVES_FOR_EVER, str(home), str(ROOT), as_user(server.url)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{USER_PASSWORD}\n")
        child.stdin.flush()
        for _ in range(3):
            child.stdout.readline()
        time.sleep(0.002 * turn)
        os.kill(child.pid, signal.SIGKILL)
        said = [*map(int, child.stdout.read().split()), 3]
        child.wait()

        after = quick(open_store(settings(home, as_user(server.url)), Level.PAPER))
        found = await after.load(*NAME)
        assert found.version in (max(said), max(said) + 1)
        assert await after.save(frozen(), expect_version=found.version) == found.version + 1
        await after.aclose()
        shutil.rmtree(home)
