"""A line that is begun stands in the file at once, in its order, and is told when it is on the disk."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from quantlab.errors import JournalUnavailable
from quantlab.secret import Secret
from quantlab.trading import linewriter
from quantlab.trading.chain import head_path
from quantlab.trading.journal import Journal, read, verify
from quantlab.trading.waiters import Begun, written

JournalAt = Callable[..., Journal]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "one.journal"


class Disk:
    """A disk that takes a sync or a write only while it is told to."""

    def __init__(self) -> None:
        self.free, self.asked = threading.Event(), threading.Event()
        self.free.set()

    def hang(self) -> None:
        self.free.clear()
        self.asked.clear()

    def sync(self, descriptor: int) -> None:
        self.asked.set()
        assert self.free.wait(30)
        os.fdatasync(descriptor)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine any thread may stand in the middle of a write: here that is no slow disk."""
    monkeypatch.setattr(linewriter, "SLOW_S", 60.0)


def kinds(path: Path) -> list[str]:
    return [line.kind for line in read(path)]


async def test_it_stands_in_the_file_at_once_and_is_told_after_the_sync(
    journal_at: JournalAt, path: Path
) -> None:
    """What a process killed now leaves behind, while the disk still works on it."""
    disk = Disk()
    journal = journal_at(sync=disk.sync)
    disk.hang()
    line = journal.begin("intent", {"n": 1})
    assert kinds(path) == ["open", "intent"]
    while not disk.asked.is_set():
        await asyncio.sleep(0.001)
    assert line.outcome is None
    disk.free.set()
    assert await written(line) == 2


@pytest.mark.usefixtures("patient")
async def test_while_the_disk_hangs_nobody_who_begins_a_line_waits(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """They wait in their order, and share one sync afterwards."""
    disk = Disk()
    journal = journal_at(sync=disk.sync)
    disk.hang()
    lines = [journal.begin("intent", {"n": 0})]
    while not disk.asked.is_set():
        await asyncio.sleep(0.001)
    lines += [journal.begin("intent", {"n": n}) for n in range(1, 10)]
    assert kinds(path) == ["open", "intent"]
    assert all(line.outcome is None for line in lines)
    syncs = journal.syncs
    disk.free.set()
    assert [await written(line) for line in lines] == list(range(2, 12))
    assert journal.syncs == syncs + 2
    journal.close()
    assert verify(path, key).describe() == f"{path}: intact, 12 lines"


@pytest.mark.usefixtures("patient")
async def test_lines_of_many_threads_are_all_there_once_and_each_threads_in_order(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """Some begun, some that nobody waits for; both ways to the file occur."""
    writers: set[str] = set()

    def counted(descriptor: int, text: bytes) -> int:
        writers.add(threading.current_thread().name)
        return os.write(descriptor, text)

    journal = journal_at(write=counted, sync=lambda _: time.sleep(0.001))
    begun: list[Begun] = []

    def write(thread: int) -> None:
        for number in range(200):
            if number % 3:
                begun.append(journal.begin("intent", {"thread": thread, "n": number}))
            else:
                journal.append_nowait("outcome", {"thread": thread, "n": number})

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [await written(line) for line in begun]
    numbers.append(await written(journal.begin("intent", {"thread": 0, "n": 200})))
    assert {"quantlab-journal", "MainThread"} <= writers  # now one of them, now the other
    assert len(set(numbers)) == len(begun) + 1
    journal.close()
    assert verify(path, key).ok
    said = [msgspec.json.decode(line.data) for line in read(path)]
    for thread in range(4):
        assert [data["n"] for data in said if data.get("thread") == thread] == list(
            range(200 if thread else 201)
        )


async def test_a_disk_that_was_slow_is_left_to_the_thread_for_a_while(
    journal_at: JournalAt, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One order notices it, and no other for a while: each time for longer, until it is fast again."""
    monkeypatch.setattr(linewriter, "AVOIDED_S", 100.0)
    monkeypatch.setattr(linewriter, "AVOIDED_MOST_S", 1_000.0)
    took_s, writers = 2 * linewriter.SLOW_S, list[threading.Thread]()

    def write(descriptor: int, text: bytes) -> int:
        writers.append(threading.current_thread())
        time.sleep(took_s)
        return os.write(descriptor, text)

    journal = journal_at(write=write)
    writer, here = journal._writer, threading.current_thread()

    async def avoided_after(seconds: float) -> float:
        """For how long orders leave the disk alone that took `seconds` for one of them."""
        nonlocal took_s
        took_s = seconds
        now_s = time.monotonic()
        monkeypatch.setattr(writer, "_avoided_until_s", now_s)  # the while is over
        await written(journal.begin("intent", {}))
        assert writers[-1] is here
        left_s = writer._avoided_until_s - now_s
        if left_s:
            await written(journal.begin("intent", {}))
            assert writers[-1] is not here
        return left_s

    slow_s = 2 * linewriter.SLOW_S
    assert [100 <= await avoided_after(slow_s) < 400, 400 <= await avoided_after(slow_s) < 1_000] == [
        True,
        True,
    ]
    assert [await avoided_after(slow_s) >= 1_000 for _ in range(2)] == [True, True]
    while await avoided_after(0):
        pass  # a machine that others use is slow by itself now and then
    assert 100 <= await avoided_after(slow_s) < 400


async def test_a_full_disk_is_told_at_once(journal_at: JournalAt, path: Path, key: Secret) -> None:
    """D6: And the next line, with room again, is as good as any."""
    full = [False]

    def write(descriptor: int, text: bytes) -> int:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(descriptor, text)

    journal = journal_at(write=write)
    full[0] = True
    line = journal.begin("intent", {})
    assert isinstance(line.outcome, JournalUnavailable)
    assert "No space left" in str(line.outcome)
    full[0] = False
    assert await written(journal.begin("intent", {})) == 2
    journal.close()
    assert verify(path, key).ok


async def test_a_failed_sync_is_told_to_all_who_wait_for_it(journal_at: JournalAt) -> None:
    """The one that stood in the file already, and those behind it: none of them is sure."""
    disk, broken = Disk(), [False]

    def sync(descriptor: int) -> None:
        disk.sync(descriptor)
        if broken[0]:
            raise OSError(errno.EIO, "Input/output error")

    journal = journal_at(sync=sync)
    disk.hang()
    broken[0] = True
    lines = [journal.begin("intent", {"n": n}) for n in range(3)]
    disk.free.set()
    for line in lines:
        with pytest.raises(JournalUnavailable, match="Input/output"):
            await written(line)


@pytest.mark.usefixtures("patient")
async def test_without_waiting_for_the_disk_it_is_told_at_once(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """Nothing wakes the thread; the head names the line when something does, at the latest at the end."""
    journal = journal_at(sync=None)
    lines = [journal.begin("intent", {"n": n}) for n in range(3)]
    assert [line.outcome for line in lines] == [2, 3, 4]
    assert verify(path, key).describe() == f"{path}: intact, 4 lines"
    journal.close()
    assert json.loads(head_path(path).read_bytes())["seq"] == 5
