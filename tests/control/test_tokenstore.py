from __future__ import annotations

import fcntl
import json
import os
import stat
from pathlib import Path

import pytest

from quantlab import privatefile
from quantlab.clock import ManualClock
from quantlab.control import tokens
from quantlab.control.throttle import Throttle
from quantlab.control.tokenstore import TokenStore
from quantlab.errors import ConfigError, InvalidField
from quantlab.secret import Secret


def test_a_new_token_is_shown_once_and_only_its_check_value_is_kept(store: TokenStore, home: Path) -> None:
    text = store.new("laptop")
    content = (home / "tokens.json").read_text()

    tokens.parse(Secret(text))
    assert text not in content
    assert text[4:20] not in content
    assert [each.label for each in store.list()] == ["laptop"]
    assert store.list()[0].id == tokens.token_id(Secret(text))


def test_the_files_can_be_read_by_their_owner_alone(store: TokenStore, home: Path) -> None:
    store.new("a")
    store.save_throttle(Throttle())

    for name in ("tokens.json", "throttle.json"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert {each.name for each in home.iterdir()} == {"tokens.json", "tokens.lock", "throttle.json"}


def test_the_format_on_disk_is_fixed(store: TokenStore, home: Path) -> None:
    """Changing it needs another version: old files must then be named, not misread."""
    store.new("a")
    content = json.loads((home / "tokens.json").read_text())

    assert content["version"] == 1
    assert [set(each) for each in content["tokens"]] == [
        {"id", "label", "created_ms", "salt", "stored_key", "generation", "revoked"}
    ]


def test_revoking_bumps_the_generation_and_takes_it_off_the_list(store: TokenStore) -> None:
    store.new("a")
    (record,) = store.list()

    ended = store.revoke(record.id)

    assert (ended.revoked, ended.generation) == (True, record.generation + 1)
    assert store.list() == []
    assert not store.is_live(record.id, record.generation)
    assert not store.is_live(record.id, ended.generation)


def test_a_revocation_by_another_process_counts_at_once(
    store: TokenStore, home: Path, clock: ManualClock
) -> None:
    store.new("a")
    (record,) = store.list()
    assert store.is_live(record.id, record.generation)

    TokenStore(home, clock).revoke(record.id)

    assert not store.is_live(record.id, record.generation)


def test_two_stores_at_once_lose_no_token(store: TokenStore, home: Path, clock: ManualClock) -> None:
    other = TokenStore(home, clock)
    for _ in range(3):
        store.new("one")
        other.new("other")

    assert len(store.list()) == len(other.list()) == 6


def test_revoking_an_unknown_token_says_how_to_list_them(store: TokenStore) -> None:
    with pytest.raises(InvalidField, match="token list"):
        store.revoke("nothing")


@pytest.mark.parametrize("label", ["", "x" * 65, "two\nlines", "\x1b[31m"], ids=range(4))
def test_a_label_is_a_short_printable_line(store: TokenStore, label: str) -> None:
    with pytest.raises(InvalidField, match="label"):
        store.new(label)


def test_no_home_and_no_file_is_an_empty_store(tmp_path: Path, clock: ManualClock) -> None:
    store = TokenStore(tmp_path / "absent", clock)

    assert store.list() == []
    assert store.throttle() == Throttle()


@pytest.mark.parametrize("name", ["tokens.json", "throttle.json"])
@pytest.mark.parametrize("harm", ["mode", "damaged", "version", "link", "empty"])
def test_s6_a_loose_linked_or_damaged_file_is_refused_and_nothing_is_live(
    store: TokenStore, home: Path, clock: ManualClock, name: str, harm: str
) -> None:
    store.new("a")
    (record,) = store.list()
    store.save_throttle(Throttle())
    path = home / name
    if harm == "mode":
        path.chmod(0o640)
    elif harm == "damaged":
        path.write_text(path.read_text()[:-3])
    elif harm == "empty":
        path.write_text("")
    elif harm == "version":
        path.write_text(path.read_text().replace('"version":1', '"version":2'))
    else:
        path.rename(home / "elsewhere")
        path.symlink_to(home / "elsewhere")
    fresh = TokenStore(home, clock)

    with pytest.raises(ConfigError) as refused:
        fresh.list() if name == "tokens.json" else fresh.throttle()
    assert record.stored_key not in str(refused.value)
    if name == "tokens.json":
        assert not fresh.is_live(record.id, record.generation)
        with pytest.raises(ConfigError):
            store.new("b")


def test_d6_a_home_that_takes_no_file_says_so_and_keeps_the_old_one(
    store: TokenStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.new("a")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        store.new("b")

    assert [each.label for each in store.list()] == ["a"]
    assert {each.name for each in home.iterdir()} == {"tokens.json", "tokens.lock"}


def test_the_throttle_outlives_the_process(store: TokenStore, home: Path, clock: ManualClock) -> None:
    throttle = Throttle(failures_ms=(1, 2), strikes=3, until_ms=4)
    store.save_throttle(throttle)

    assert TokenStore(home, clock).throttle() == throttle


def test_the_lock_file_is_ours_alone_and_a_lock_that_is_held_is_named(
    store: TokenStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else can hold it, and nobody waits for ever."""
    store.new("one")
    lock = home / "tokens.lock"
    assert lock.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(privatefile, "LOCK_S", 0.05)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="held by another process"):
            store.new("two")
    lock.unlink()
    lock.symlink_to(home / "elsewhere")
    with pytest.raises(ConfigError, match="cannot be used"):
        store.new("three")
    assert len(store.list()) == 1
