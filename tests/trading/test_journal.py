"""The journal: durable before the effect, one writer, and no change to it goes unseen."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from quantlab.errors import JournalCorrupt, JournalUnavailable
from quantlab.secret import Secret
from quantlab.trading.chain import GENESIS, head_path
from quantlab.trading.journal import Journal, load_key, read, verify

JournalAt = Callable[..., Journal]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "one.journal"


def names_of_threads() -> set[str]:
    return {each.name for each in threading.enumerate()}


async def written(journal_at: JournalAt, lines: int = 5) -> None:
    journal = journal_at()
    for number in range(lines):
        await journal.append("intent", {"number": number, "price": "0.10"})
    journal.close()


async def test_the_file_format_is_fixed(journal_at: JournalAt, path: Path, key: Secret) -> None:
    """Names, order and chain of a line are the documented ones; the first one names the venue."""
    await written(journal_at, 1)
    first, second, last = (json.loads(line) for line in path.read_text().splitlines())
    assert list(first) == ["seq", "time_ms", "mono_ns", "kind", "level", "data", "prev", "mac"]
    assert (first["seq"], first["kind"], first["level"], first["prev"]) == (1, "open", "L0 paper", GENESIS)
    assert first["data"] == {"format": 1, "instance": "venue-1", "account": "paper-0", "pid": os.getpid()}
    assert (second["kind"], second["data"], second["prev"]) == (
        "intent",
        {"number": 0, "price": "0.10"},
        first["mac"],
    )
    assert last["kind"] == "close"
    assert verify(path, key).describe() == f"{path}: intact, 3 lines"
    assert [line.kind for line in read(path)] == ["open", "intent", "close"]


async def test_a_line_is_synced_before_its_writer_goes_on(journal_at: JournalAt, path: Path) -> None:
    """When `append` returns, a sync that began after the write has ended."""
    synced: list[int] = []

    def sync(descriptor: int) -> None:
        size = path.stat().st_size
        time.sleep(0.005)
        synced.append(size)

    journal = journal_at(sync=sync)
    for number in range(3):
        await journal.append("intent", {"number": number})
        assert synced[-1] >= path.stat().st_size


async def test_lines_that_wait_together_share_one_sync(journal_at: JournalAt) -> None:
    """A hundred orders at once on a slow disk: a few syncs, not a hundred; all lines in order."""
    journal = journal_at(sync=lambda _: time.sleep(0.02))
    before = journal.syncs
    numbers = await asyncio.gather(*(journal.append("intent", {"n": n}) for n in range(100)))
    assert 1 <= journal.syncs - before < 20
    assert numbers == list(range(numbers[0], numbers[0] + 100))


async def test_a_slow_disk_does_not_hold_up_the_loop(journal_at: JournalAt) -> None:
    """While a line waits for the disk, the loop turns on: without that the disk would never end."""
    slow, turned = [False], threading.Event()

    def sync(_: int) -> None:
        assert not slow[0] or turned.wait(30), "the loop stands"

    journal = journal_at(sync=sync)
    slow[0] = True
    line = asyncio.ensure_future(journal.append("intent", {}))
    for _ in range(10):
        await asyncio.sleep(0.005)
    assert not line.done()
    turned.set()
    assert await line == 2


async def test_lines_nobody_waits_for_are_written_in_order_and_synced_soon(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """From any thread; with what others wait for between them."""
    journal = journal_at()
    worker = threading.Thread(target=lambda: journal.append_nowait("outcome", {"n": 1}))
    worker.start()
    worker.join()
    await journal.append("intent", {"n": 2})
    syncs = journal.syncs
    journal.append_nowait("outcome", {"n": 3})
    async with asyncio.timeout(30):
        while journal.syncs == syncs:
            await asyncio.sleep(0.01)
    assert journal.syncs == syncs + 1
    assert [json.loads(bytes(line.data)).get("n") for line in read(path)][1:] == [1, 2, 3]
    assert verify(path, key).lines == 4


async def test_flipping_any_one_byte_is_found(journal_at: JournalAt, path: Path, key: Secret) -> None:
    """Each byte of a journal, and each of its head file, in turn: never intact again."""
    await written(journal_at, 2)
    for file in (path, head_path(path)):
        whole = file.read_bytes()
        for index in range(len(whole)):
            flipped = bytearray(whole)
            flipped[index] ^= 1
            file.write_bytes(flipped)
            assert not verify(path, key).ok, f"byte {index} of {file.name}"
        file.write_bytes(whole)
    assert verify(path, key).ok


async def test_cutting_anything_off_the_end_is_found(journal_at: JournalAt, path: Path, key: Secret) -> None:
    """One byte, a line, several, all of it, and the file itself."""
    await written(journal_at, 4)
    whole = path.read_bytes()
    for keep in range(len(whole)):
        path.write_bytes(whole[:keep])
        assert not verify(path, key).ok, f"cut to {keep} bytes"
    path.unlink()
    assert "the tail is cut" in verify(path, key).problem


async def test_removal_reorder_forgery_and_a_missing_head_are_found(
    journal_at: JournalAt, path: Path, key: Secret, tmp_path: Path
) -> None:
    """Each by its own words, and none can be opened for writing any more."""
    await written(journal_at)
    lines = path.read_bytes().splitlines(keepends=True)
    other = load_key(tmp_path / "other")
    assert "edited, forged" in verify(path, other).problem or "head" in verify(path, other).problem
    tampered = {
        "removed": [*lines[:2], *lines[3:]],
        "reordered": [*lines[:2], lines[3], lines[2], *lines[4:]],
        "doubled": [*lines[:3], lines[2], *lines[3:]],
        "edited": [*lines[:2], lines[2].replace(b'"0.10"', b'"9.10"'), *lines[3:]],
        "front removed": lines[1:],
    }
    for name, changed in tampered.items():
        path.write_bytes(b"".join(changed))
        result = verify(path, key)
        assert (result.ok, result.exit_code) == (False, 1), name
        with pytest.raises(JournalCorrupt, match="line|tail"):
            journal_at()
    path.write_bytes(b"".join(lines))
    head_path(path).unlink()
    assert "head file is missing" in verify(path, key).problem


@pytest.mark.parametrize("torn", [b"\x00" * 700, b'{"seq":', b"half \xff\xfe"])
async def test_a_torn_tail_is_kept_marked_and_the_chain_goes_on(
    journal_at: JournalAt, path: Path, key: Secret, torn: bytes
) -> None:
    """D7: What a crash left stays in the file; later lines are verified as ever, and so is the torn part."""
    await written(journal_at)
    with path.open("ab") as file:
        file.write(torn)
    assert verify(path, key).exit_code == 3

    journal = journal_at()
    await journal.append("intent", {"after": "the crash"})
    journal.close()

    result = verify(path, key)
    assert (result.ok, result.torn, result.tail, result.exit_code) == (True, 1, 0, 0)
    assert torn in path.read_bytes()
    damaged = path.read_bytes().replace(torn, b"z" + torn[1:], 1)
    path.write_bytes(damaged)
    assert not verify(path, key).ok


@pytest.mark.parametrize("foreign", [b'{"seq":99,"forged":1}\n', b"\n", b"{}\nhalf", b"x\n\x00\x00\ny"])
async def test_a_whole_line_that_is_not_ours_is_no_torn_tail(
    journal_at: JournalAt, path: Path, key: Secret, foreign: bytes
) -> None:
    """A crash leaves a piece without a line end; whoever adds a line end is no crash."""
    await written(journal_at, 1)
    with path.open("ab") as file:
        file.write(foreign)

    result = verify(path, key)
    assert (result.exit_code, result.lines, result.tail) == (1, 3, 0)
    assert "line 4 was edited or forged" in result.problem
    with pytest.raises(JournalCorrupt, match="line 4 was edited or forged"):
        journal_at()


async def test_an_old_line_without_its_end_is_a_torn_tail(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """A copy of a line of ours, put at the end, does not count a second time."""
    await written(journal_at, 1)
    with path.open("ab") as file:
        file.write(path.read_bytes().splitlines()[1])
    journal_at().close()

    result = verify(path, key)
    assert (result.problem, result.torn, result.lines) == ("", 1, 6)


async def test_marking_a_torn_tail_never_looks_like_forgery(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """Whoever ends the process between two writes of the next opening leaves a journal to open."""
    await written(journal_at, 1)
    with path.open("ab") as file:
        file.write(b'{"seq":')
    problems = []

    def write(descriptor: int, text: bytes) -> int:
        count = os.write(descriptor, text)
        problems.append(verify(path, key).problem)
        return count

    journal_at(write=write).close()
    assert problems
    assert not any(problems)


async def test_a_crash_at_any_byte_of_the_last_write_is_survived(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """K7: Cut at each byte after the last synced line: reopened, marked, verified; nothing synced is lost."""
    await written(journal_at, 1)
    synced, head = path.read_bytes(), head_path(path).read_bytes()
    await written(journal_at, 1)
    longer = path.read_bytes()
    line_end = longer.index(b"\n", len(synced))  # the cut there leaves a line that lacks only its end
    for cut in [*range(len(synced), len(synced) + 400, 7), line_end, line_end + 1]:
        path.write_bytes(longer[:cut])
        head_path(path).write_bytes(head)
        journal_at().close()
        assert verify(path, key).ok, cut
        assert path.read_bytes().startswith(synced)


async def test_a_process_killed_while_writing_leaves_a_journal_that_goes_on(tmp_path: Path) -> None:
    """K7: SIGKILL in a storm of lines, several times over: intact, and every answered line is there."""
    script = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from quantlab.clock import SystemClock
        from quantlab.trading.journal import Journal, load_key
        home = Path(sys.argv[1])
        async def main():
            key = load_key(home)
            journal = Journal(
                home / "k.journal", key=key, clock=SystemClock(), instance="v", account="a", level="L0"
            )
            while True:
                seq = await journal.append("intent", {"x": "y" * 200})
                print(seq, flush=True)
        asyncio.run(main())
        """
    )
    answered = 0
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(20):
            answered = int(child.stdout.readline())
        child.kill()
        child.wait()
        rest = child.stdout.read().splitlines(keepends=True)
        child.stdout.close()
        answered = max([answered, *(int(line) for line in rest if line.endswith("\n"))])
        result = verify(tmp_path / "k.journal", load_key(tmp_path))
        assert result.ok, result.describe()
        assert result.lines >= answered


async def test_a_second_writer_is_refused_by_name(journal_at: JournalAt, path: Path) -> None:
    """D8: The message names the process that writes; after it let go, the next may."""
    first = journal_at()
    with pytest.raises(JournalUnavailable, match=f"pid {os.getpid()}"):
        journal_at()
    first.close()
    await journal_at().append("intent", {})


async def test_a_journal_belongs_to_one_venue_instance_and_account(journal_at: JournalAt) -> None:
    """Another instance or account needs its own file, and the message says whose this is."""
    journal_at().close()
    for other in ({"instance": "venue-2"}, {"account": "paper-1"}):
        with pytest.raises(JournalUnavailable, match="venue-1, account paper-0"):
            journal_at(**other)


async def test_a_full_disk_refuses_the_line_and_recovers_with_room(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """D6: Half a line fits, then ENOSPC: refused, taken back, and the next line stands whole."""
    full = [False]

    def write(descriptor: int, text: bytes) -> int:
        if full[0]:
            if len(text) > 40:
                return os.write(descriptor, text[:40])
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(descriptor, text)

    journal = journal_at(write=lambda fd, text: write(fd, text if not full[0] else text[-60:]))
    await journal.append("intent", {"n": 1})
    full[0] = True
    with pytest.raises(JournalUnavailable, match="No space left"):
        await journal.append("intent", {"n": 2})
    journal.append_nowait("outcome", {"n": 3})  # never raises
    while not journal.lost:
        await asyncio.sleep(0.01)
    assert "No space left" in journal.problem
    full[0] = False
    await journal.append("intent", {"n": 4})
    journal.close()
    assert (journal.problem, verify(path, key).describe()) == ("", f"{path}: intact, 4 lines")


async def test_after_a_failed_sync_nothing_is_written_until_it_is_opened_again(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """Nobody knows what a failed sync left on the disk, so no later line may build on it."""
    broken = [False]

    def sync(descriptor: int) -> None:
        if broken[0]:
            raise OSError(errno.EIO, "Input/output error")

    journal = journal_at(sync=sync)
    broken[0] = True
    with pytest.raises(JournalUnavailable, match="Input/output error"):
        await journal.append("intent", {"n": 1})
    broken[0] = False
    with pytest.raises(JournalUnavailable):
        await journal.append("intent", {"n": 2})
    journal.close()
    reopened = journal_at()
    await reopened.append("intent", {"n": 3})
    reopened.close()
    assert verify(path, key).ok


def test_a_real_file_size_limit_refuses_lines(tmp_path: Path) -> None:
    """D6: With the system's own refusal, in a process of its own: JournalUnavailable, intact, reopened."""
    script = textwrap.dedent(
        """
        import asyncio, resource, sys
        from pathlib import Path
        from quantlab.clock import SystemClock
        from quantlab.errors import JournalUnavailable
        from quantlab.trading.journal import Journal, load_key
        home = Path(sys.argv[1])
        def new():
            key = load_key(home)
            return Journal(
                home / "f.journal", key=key, clock=SystemClock(), instance="v", account="a", level="L0"
            )
        async def main():
            journal = new()
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
            try:
                while True:
                    await journal.append("intent", {"x": "y" * 100})
            except JournalUnavailable:
                print("refused")
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            print(await journal.append("intent", {}) > 1)
            journal.close()
        asyncio.run(main())
        """
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["refused", "True"], ran.stderr
    assert verify(tmp_path / "f.journal", load_key(tmp_path)).ok


async def test_a_cancelled_writer_leaves_its_line_and_no_error(journal_at: JournalAt, path: Path) -> None:
    """The line was on its way; whoever waited is gone."""
    free = threading.Event()
    free.set()
    journal = journal_at(sync=lambda _: free.wait(30))
    free.clear()
    task = asyncio.create_task(journal.append("intent", {"n": 1}))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    free.set()
    await journal.append("intent", {"n": 2})
    assert len(list(read(path))) == 3


async def test_a_closed_journal_refuses_and_a_forked_child_cannot_write(journal_at: JournalAt) -> None:
    """K12: Both say so at once; closing twice is harmless."""
    journal = journal_at()
    child = os.fork()
    if child == 0:  # pragma: no cover  # the child ends here
        try:
            journal.close()
            journal.append("intent", {}).send(None)
        except JournalUnavailable:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    await journal.append("intent", {})
    journal.close()
    journal.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        await journal.append("intent", {})


async def test_a_disk_that_hangs_holds_up_the_end_for_a_moment_only(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """What waits behind the write that hangs is lost and counted; that one is there once it returns."""
    disk, asked = threading.Event(), threading.Event()
    disk.set()

    def sync(_: int) -> None:
        asked.set()
        assert disk.wait(30)

    journal = journal_at(sync=sync)
    disk.clear()
    asked.clear()
    hanging = asyncio.ensure_future(journal.append("intent", {"n": 1}))
    while not asked.is_set():
        await asyncio.sleep(0.001)
    waiting = asyncio.ensure_future(journal.append("intent", {"n": 2}))
    await asyncio.sleep(0)
    journal.append_nowait("outcome", {"n": 3})
    begun = time.monotonic()
    journal.close()

    assert time.monotonic() - begun < 10  # the disk would take thirty seconds
    with pytest.raises(JournalUnavailable, match="longer than"):
        await waiting
    assert journal.lost == 2  # the outcome and the closing line
    with pytest.raises(JournalUnavailable, match="read-only"):
        journal_at()  # the thread may still write
    disk.set()
    assert await hanging == 2
    while (verified := verify(path, key)).lines < 2 or "quantlab-journal" in names_of_threads():
        await asyncio.sleep(0.001)
    assert verified.ok
    journal_at().close()


async def test_without_a_thread_the_same_file_is_written(
    journal_at: JournalAt, path: Path, key: Secret
) -> None:
    """For tests on one virtual loop: same format, same guarantees, no thread."""
    threads = threading.active_count()
    journal = journal_at(thread=False)
    assert threading.active_count() == threads
    assert await journal.append("intent", {}) == 2
    journal.append_nowait("outcome", {})
    journal.close()
    assert verify(path, key).lines == 4


async def test_no_secret_can_stand_in_a_line(journal_at: JournalAt, path: Path, key: Secret) -> None:
    """A wrapped secret is refused as data, and the key is nowhere in the files."""
    journal = journal_at()
    with pytest.raises(TypeError):
        await journal.append("intent", {"token": Secret("very-secret")})
    await journal.append("intent", {})
    journal.close()
    for file in (path, head_path(path)):
        assert key.reveal() not in file.read_text()


def test_the_key_is_made_once_private_and_kept(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask, 64 hexadecimal digits, the same the next time."""
    home = tmp_path / "new"
    old = os.umask(0)
    try:
        key = load_key(home)
    finally:
        os.umask(old)
    file = home / "journal.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_key(home).reveal() == key.reveal()
    assert len(bytes.fromhex(key.reveal())) == 32
    assert [each.name for each in home.iterdir()] == ["journal.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """And the message names the file and the remedy, never the key."""
    key = load_key(tmp_path / "home")
    file = tmp_path / "home" / "journal.key"
    file.chmod(mode)
    with pytest.raises(JournalUnavailable, match="chmod 600") as refused:
        load_key(tmp_path / "home")
    assert key.reveal() not in str(refused.value)


def test_a_linked_missing_or_damaged_key_is_refused(tmp_path: Path) -> None:
    """A symbolic link, a directory, text that is no key; and verifying never makes one."""
    load_key(tmp_path / "real")
    for name in ("linked", "folder", "short"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "linked" / "journal.key").symlink_to(tmp_path / "real" / "journal.key")
    (tmp_path / "folder" / "journal.key").mkdir()
    (tmp_path / "short" / "journal.key").write_text("abc\n")
    (tmp_path / "short" / "journal.key").chmod(0o600)
    for name in ("linked", "folder", "short"):
        with pytest.raises(JournalUnavailable):
            load_key(tmp_path / name)
    with pytest.raises(JournalUnavailable, match="missing"):
        load_key(tmp_path / "none", create=False)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_foreign_key_is_refused(tmp_path: Path) -> None:
    """A key that another user put there is no key of ours."""
    load_key(tmp_path / "home")
    os.chown(tmp_path / "home" / "journal.key", 12_345, -1)
    with pytest.raises(JournalUnavailable, match="another user"):
        load_key(tmp_path / "home")
