"""Models in files: the whole way of a snapshot, two kernels, faults of the disk, a kernel that dies."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from keptmodels import inputs, snapshot, trained
from river import forest, linear_model, preprocessing

from quantlab.clock import ManualClock
from quantlab.config import Settings
from quantlab.domain.venue import Level
from quantlab.errors import ConfigError, ModelRefused, StoreError, StoreUnavailable, VersionConflict
from quantlab.learning.pickler import dumps
from quantlab.learning.snapshot import freeze, predict
from quantlab.learning.store import Store, models_folder, open_store

NAME = ("minute", "BTCUSDT")
ROOT = Path(__file__).parents[2]


def logistic() -> Any:
    return trained(preprocessing.StandardScaler() | linear_model.LogisticRegression())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = open_store(Settings(home=tmp_path), Level.PAPER)
    yield made
    await made.aclose()


@pytest.fixture
async def second(tmp_path: Path) -> AsyncIterator[Store]:
    """Another kernel with the same home."""
    made = open_store(Settings(home=tmp_path), Level.PAPER)
    yield made
    await made.aclose()


async def test_a_snapshot_comes_back_and_learns_on_as_if_it_had_not_been_away(
    store: Store, second: Store
) -> None:
    model = trained(forest.ARFClassifier(n_models=3, seed=1))
    before = freeze(snapshot(model), dumps)

    assert await store.save(before, expect_version=0) == 1
    after = await second.load(*NAME)

    assert msgspec.structs.replace(after, version=0, objects=None) == msgspec.structs.replace(
        before, payload=None
    )
    for each in (model, after.objects["pipeline"]):  # type: ignore[index]
        trained(each, 50, seed=4)
    assert [predict(after.objects["pipeline"], x) for x in inputs(9)] == [
        predict(model, x) for x in inputs(9)
    ]  # type: ignore[index]


async def test_nothing_saved_is_said_by_name(store: Store) -> None:
    with pytest.raises(StoreError, match="minute BTCUSDT version 0 is not in .*; kept are none"):
        await store.load(*NAME)
    await store.save(snapshot(logistic()), expect_version=0)
    with pytest.raises(StoreError, match="version 7 is not in .*; kept are 1"):
        await store.load(*NAME, 7)


async def test_the_last_five_versions_are_kept_and_their_headers_tell_what_they_are(
    store: Store, tmp_path: Path
) -> None:
    for number in range(8):
        await store.save(snapshot(logistic(), note=f"round {number}"), expect_version=number)

    kept = await store.versions(*NAME)
    assert [(each.version, each.note) for each in kept] == [(n, f"round {n - 1}") for n in range(4, 9)]
    assert kept[0].classes["pipeline"][0] == "river.compose.pipeline.Pipeline"
    assert "river.linear_model.log_reg.LogisticRegression" in str(kept[0].classes)
    modes = {path.stat().st_mode & 0o777 for path in models_folder(tmp_path).rglob("*.qlm")}
    assert modes == {0o600}


async def test_two_kernels_cannot_overwrite_each_other(store: Store, second: Store) -> None:
    await store.save(snapshot(logistic()), expect_version=0)
    await second.load(*NAME)
    await store.save(snapshot(logistic()), expect_version=1)

    with pytest.raises(VersionConflict, match="the newest in the store is 2") as refused:
        await second.save(snapshot(logistic()), expect_version=1)
    assert refused.value.head == 2

    await second.load(*NAME)
    assert await second.save(snapshot(logistic()), expect_version=2) == 3


async def test_of_many_that_save_at_once_exactly_one_is_each_version(tmp_path: Path) -> None:
    """The same snapshot in the same millisecond: no kernel takes what another saved for its own."""
    clock = ManualClock()
    stores = [open_store(Settings(home=tmp_path), Level.PAPER, clock=clock) for _ in range(6)]
    frozen = freeze(snapshot(logistic()), dumps)

    async def save(each: Store) -> int | None:
        try:
            return await each.save(frozen, expect_version=0)
        except VersionConflict:
            return None

    done = await asyncio.gather(*map(save, stores))
    for each in stores:
        await each.aclose()

    assert sorted(done, key=str) == [1, *[None] * 5]


async def test_a_rollback_goes_forward_to_an_earlier_version(store: Store, second: Store) -> None:
    early, late = logistic(), trained(logistic(), 100, seed=11)
    await store.save(snapshot(early), expect_version=0)
    await store.save(snapshot(late), expect_version=1)

    again = await store.rollback(*NAME, 1)
    assert (again.version, again.parent, again.note) == (3, 1, "rolled back to version 1")
    newest = await second.load(*NAME)
    assert newest.version == 3
    assert predict(newest.objects["pipeline"], inputs(1)[0]) == predict(early, inputs(1)[0])  # type: ignore[index]
    assert predict(early, inputs(1)[0]) != predict(late, inputs(1)[0])


def place(home: Path, version: int, *, key: str = "BTCUSDT") -> Path:
    return models_folder(home) / "minute" / key / f"{version:08d}.qlm"


async def test_a_swapped_a_renumbered_and_an_older_file_are_refused(
    store: Store, second: Store, tmp_path: Path
) -> None:
    """D4."""
    for number in range(3):
        await store.save(snapshot(logistic()), expect_version=number)
        await store.save(snapshot(logistic(), key="ETHUSDT"), expect_version=number)

    genuine = place(tmp_path, 3).read_bytes()
    for reason, (content, gone) in {
        "name": (place(tmp_path, 3, key="ETHUSDT").read_bytes(), False),
        "version": (place(tmp_path, 2).read_bytes(), False),
        "downgrade": (b"", True),
    }.items():
        place(tmp_path, 3).unlink()
        if not gone:
            place(tmp_path, 3).write_bytes(content)
        with pytest.raises(ModelRefused) as refused:
            await second.load(*NAME)
        assert refused.value.reason == reason
        place(tmp_path, 3).write_bytes(genuine)

    assert (await second.load(*NAME)).version == 3


async def test_an_older_model_is_loaded_where_its_version_is_named(
    store: Store, second: Store, tmp_path: Path
) -> None:
    """Somebody restored a backup, and says so; from there it goes on."""
    for number in range(3):
        await store.save(snapshot(logistic()), expect_version=number)
    place(tmp_path, 3).unlink()

    assert (await second.load(*NAME, 2)).version == 2
    assert await second.save(snapshot(logistic()), expect_version=2) == 3
    assert (await second.load(*NAME)).version == 3


async def test_a_file_without_end_or_that_is_none_is_refused_unread(store: Store, tmp_path: Path) -> None:
    """Who can write to the folder can neither fill the kernel's memory nor have it wait for ever."""
    await store.save(freeze(snapshot(logistic()), dumps), expect_version=0)
    version = next(models_folder(tmp_path).rglob("*.qlm"))
    with version.open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte that takes no room
    with pytest.raises(ModelRefused, match="at most 67,108,864 are read"):
        await store.load(*NAME)

    version.unlink()
    os.mkfifo(version)
    async with asyncio.timeout(30):
        with pytest.raises(StoreError, match="is no regular file"):
            await store.load(*NAME)


async def test_a_refused_model_is_left_where_it_is(store: Store, second: Store, tmp_path: Path) -> None:
    await store.save(snapshot(logistic()), expect_version=0)
    damaged = bytearray(place(tmp_path, 1).read_bytes())
    damaged[-100] ^= 1
    place(tmp_path, 1).write_bytes(bytes(damaged))

    with pytest.raises(ModelRefused, match="is not sealed with this model key"):
        await second.load(*NAME)
    assert place(tmp_path, 1).read_bytes() == bytes(damaged)


async def test_what_could_not_be_loaded_is_not_saved(store: Store, tmp_path: Path) -> None:
    class Own(linear_model.LogisticRegression):
        pass

    model = trained(Own())
    with pytest.raises(ModelRefused, match="Own"):
        await store.save(snapshot(model), expect_version=0)
    wrong = snapshot(logistic(), canary=snapshot(trained(logistic(), 50, seed=2)).canary)
    with pytest.raises(ModelRefused, match="does not predict"):
        await store.save(wrong, expect_version=0)

    assert list(models_folder(tmp_path).rglob("*.qlm")) == []
    assert store.problem == ""


async def test_a_disk_that_does_not_take_it_costs_nothing(store: Store, tmp_path: Path) -> None:
    """A file stands where the folder must be: the snapshot waits, and is saved when it can be."""
    models_folder(tmp_path).write_text("in the way")
    store._waiting._patience = msgspec.structs.replace(
        store._waiting._patience, first_s=0.02, longest_s=0.05, budget_s=0.1
    )

    with pytest.raises(StoreUnavailable, match="cannot be kept"):
        await store.save(snapshot(logistic()), expect_version=0)
    assert "cannot be kept" in store.problem

    models_folder(tmp_path).unlink()
    async with asyncio.timeout(60):
        while store.problem:
            await asyncio.sleep(0.01)
    assert (await store.load(*NAME)).version == 1
    assert await store.save(snapshot(logistic()), expect_version=0) == 2, "what it saved itself is known"


async def test_a_version_whose_answer_was_lost_is_known_as_ours_when_it_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written, and then nobody says so: the next attempt has the very same bytes, and is no conflict."""
    write, lost = store._backend.write, []

    async def answer_lost(*args: Any, **kwargs: Any) -> None:
        await write(*args, **kwargs)
        if not lost:
            lost.append(args)
            raise StoreUnavailable("the answer was lost")

    monkeypatch.setattr(store._backend, "write", answer_lost)

    assert await store.save(snapshot(logistic()), expect_version=0) == 1
    assert len(lost) == 1
    assert [each.version for each in await store.versions(*NAME)] == [1]


async def test_what_a_dead_kernel_left_half_written_is_removed(store: Store, tmp_path: Path) -> None:
    await store.save(snapshot(logistic()), expect_version=0)
    left = place(tmp_path, 1).with_name(".draft-0badc0de")
    left.write_bytes(b"half")

    await store.save(snapshot(logistic()), expect_version=1)

    assert not left.exists()
    assert [each.version for each in await store.versions(*NAME)] == [1, 2]


async def test_a_newer_snapshot_takes_the_place_of_the_one_that_waits(store: Store, tmp_path: Path) -> None:
    models_folder(tmp_path).write_text("in the way")
    store._waiting._patience = msgspec.structs.replace(store._waiting._patience, first_s=30, budget_s=0.0)
    for note in ("older", "newer"):
        with pytest.raises(StoreUnavailable):
            await store.save(snapshot(logistic(), note=note), expect_version=0)
    assert await store.flush(1) == (NAME,)

    models_folder(tmp_path).unlink()
    assert await store.flush(5) == ()
    assert [each.note for each in await store.versions(*NAME)] == ["newer"]


async def test_what_waits_is_saved_at_the_end(tmp_path: Path) -> None:
    store = open_store(Settings(home=tmp_path), Level.PAPER)
    models_folder(tmp_path).write_text("in the way")
    store._waiting._patience = msgspec.structs.replace(store._waiting._patience, first_s=30, budget_s=0.0)
    with pytest.raises(StoreUnavailable):
        await store.save(snapshot(logistic()), expect_version=0)
    models_folder(tmp_path).unlink()

    assert await store.aclose() == ()
    assert place(tmp_path, 1).exists()


async def test_the_list_of_seen_models_is_not_trusted_where_others_can_write(
    store: Store, second: Store, tmp_path: Path
) -> None:
    await store.save(snapshot(logistic()), expect_version=0)
    (tmp_path / "models.seen").chmod(0o666)

    with pytest.raises(ModelRefused, match="whether minute BTCUSDT is the newest cannot be told"):
        await second.load(*NAME)
    await store.save(snapshot(logistic()), expect_version=1)
    assert "cannot be noted" in store.problem


def test_a_bad_key_file_is_a_setting_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(ConfigError, match="the model key"):
        open_store(Settings(home=tmp_path, model_key_file=tmp_path / "key"), Level.PAPER)


SAVES_FOR_EVER = """
import asyncio, sys
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/tests/learning"]
from pathlib import Path
from keptmodels import snapshot, trained
from river import forest
from quantlab.config import Settings
from quantlab.domain.venue import Level
from quantlab.learning.pickler import dumps
from quantlab.learning.snapshot import freeze
from quantlab.learning.store import open_store
async def main():
    store = open_store(Settings(home=Path(sys.argv[1])), Level.PAPER)
    frozen = freeze(snapshot(trained(forest.ARFClassifier(n_models=2, seed=1), 60)), dumps)
    version = 0
    while True:
        version = await store.save(frozen, expect_version=version)
        print(version, flush=True)
asyncio.run(main())
"""


async def test_a_kernel_that_is_killed_while_it_saves_leaves_a_whole_version(
    tmp_path: Path, full: bool
) -> None:
    """A real process, SIGKILL at a moment that differs each time: what it said it saved is there, whole."""
    for turn in range(12 if full else 1):
        home = tmp_path / str(turn)
        child = subprocess.Popen(
            [sys.executable, "-c", SAVES_FOR_EVER, str(home), str(ROOT)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(3):
            child.stdout.readline()
        time.sleep(0.003 * turn)
        os.kill(child.pid, signal.SIGKILL)
        said = [*map(int, child.stdout.read().split()), 3]
        child.wait()

        store = open_store(Settings(home=home), Level.PAPER)
        found = await store.load(*NAME)
        assert found.version in (max(said), max(said) + 1)
        assert await store.save(snapshot(logistic()), expect_version=found.version) == found.version + 1
        assert not list(models_folder(home).rglob(".draft-*")), "what it left half written is gone"
        await store.aclose()
        shutil.rmtree(home)
