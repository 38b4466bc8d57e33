"""A kernel that ends, restarts or is killed takes its venue along; loading again and again leaves nothing."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from kernel import Kernel

from quantlab.trading.journal import read

LOAD = "%load_ext quantlab"
VENUE = "await ql.health.until_ok(); print(get_ipython().quantlab_notebook.engine._venue.pid)"
BUY = 'print((await ql.orders.buy("BTCUSDT", "0.001")).state.value)'
LEFT = """
import asyncio, threading, psutil
me = psutil.Process()
print(sorted(each.get_coro().__qualname__ for each in asyncio.all_tasks()),
      sorted(each.name for each in threading.enumerate() if "quantlab" in each.name),
      len([each for each in me.children() if each.status() != "zombie"]))
"""
# ipykernel keeps a pipe for each thread that ever sent, and sweeps those of ended ones every 10 s
OPEN_FILES = """
iopub = get_ipython().kernel.iopub_thread
asyncio.run_coroutine_threadsafe(iopub._event_pipe_gc(), iopub.io_loop.asyncio_loop).result(5)
print(me.num_fds())
"""
SETTLE_S = 5  # sockets are closed by other threads
CYCLES = """
shell = get_ipython()
for _ in range(20):
    shell.run_line_magic("load_ext", "quantlab")
    await ql.health.until_ok()
    shell.run_line_magic("unload_ext", "quantlab")
    await asyncio.sleep(0.05)
"""


def gone(pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def venue_of(kernel: Kernel) -> int:
    assert kernel.run(LOAD).status == "ok"
    return int(kernel.run(VENUE).lines[-1])


def shut_down_s(kernel: Kernel) -> float:
    """How long the kernel's process takes to end when it is asked to."""
    process, began = psutil.Process(kernel.manager.provisioner.pid), time.monotonic()
    kernel.client.shutdown()
    process.wait(60)
    return time.monotonic() - began


def test_a_shutdown_stops_the_engine_at_exit_within_the_budget(tmp_path: Path) -> None:
    """The kernel manager kills what is not gone after half of its 5 s; we promise 1.5 s."""
    with Kernel(tmp_path) as kernel:
        nothing_s = shut_down_s(kernel)
    with Kernel(tmp_path) as kernel:
        pid = venue_of(kernel)
        took_s = shut_down_s(kernel)

    assert gone(pid, 15)
    told = f"{took_s:.2f} s, and {nothing_s:.2f} s without quantlab"
    assert took_s < 2.5 or took_s < 3 * nothing_s, f"{told}: the manager would have killed it"
    (journal,) = (tmp_path / "home" / "journals").glob("*.journal")
    assert [line.kind for line in read(journal)][-1] == "close", (
        "stopped by the hook, not by the kernel's end"
    )


def test_a_restart_starts_anew_with_a_fresh_venue_and_journal(tmp_path: Path) -> None:
    with Kernel(tmp_path) as kernel:
        first = venue_of(kernel)
        kernel.manager.restart_kernel(now=False)
        kernel.client.wait_for_ready(timeout=60)
        second = venue_of(kernel)

        assert first != second
        assert gone(first, 15)
    assert len(list((tmp_path / "home" / "journals").glob("*.journal"))) == 2
    assert gone(second, 15)


def test_a_killed_kernel_leaves_no_venue(tmp_path: Path) -> None:
    with Kernel(tmp_path) as kernel:
        pid = venue_of(kernel)
        kernel.manager.signal_kernel(9)

        assert gone(pid, 5)


def test_an_interrupt_of_a_blocked_cell_leaves_venue_and_engine_alive(tmp_path: Path) -> None:
    """K5: Ctrl-C ends the cell and nothing else."""
    with Kernel(tmp_path) as kernel:
        pid = venue_of(kernel)
        cell = kernel.begin("import time; time.sleep(90)")
        time.sleep(0.1)
        kernel.interrupt()
        assert kernel.finish(cell).status == "error"

        assert psutil.pid_exists(pid)
        assert kernel.run("print((await ql.health.until_ok()).state.value)").lines[-1] == "OK"


def listening(kernel: Kernel) -> set[tuple[str, int]]:
    """Where the kernel's own process takes TCP connections; its venue is a process of its own."""
    process = psutil.Process(kernel.manager.provisioner.pid)
    return {tuple(each.laddr) for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN}


def test_the_kernel_takes_no_connection_that_it_did_not_take_before(tmp_path: Path) -> None:
    """Loaded, shown, trading and halted: no TCP port more is open for anybody."""
    with Kernel(tmp_path, {"GLASS_COCKPIT": "1"}) as kernel:
        before = listening(kernel)
        assert len(before) >= 5, "Jupyter's own"
        for cell in (LOAD, VENUE, "ql.health", "ql.panel()", BUY, "%ql halt"):
            shown = kernel.run(cell)
            assert shown.status == "ok", shown.error
            assert listening(kernel) == before


@pytest.mark.timeout(400)
def test_twenty_loads_and_unloads_leave_no_task_thread_process_or_socket(bare: Kernel) -> None:
    """K16: What runs afterwards is what ran before."""
    for _ in range(2):  # what is made once per process is made
        bare.run(LOAD)
        bare.run("await ql.health.until_ok()")
        bare.run("%unload_ext quantlab")
    before = bare.run(LEFT)
    time.sleep(SETTLE_S)
    open_before = int(bare.run(OPEN_FILES).text)
    assert bare.run(CYCLES, timeout=300).status == "ok"
    after = bare.run(LEFT)
    deadline = time.monotonic() + SETTLE_S
    while (open_after := int(bare.run(OPEN_FILES).text)) > open_before and time.monotonic() < deadline:
        time.sleep(0.5)

    assert after.text == before.text
    assert after.text.strip().endswith("[] 0")
    print(f"open files: {open_before} before, {open_after} after")
    assert open_after <= open_before
