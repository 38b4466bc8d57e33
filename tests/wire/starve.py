"""A busy kernel loop beside a wire that reads frames (run by test_two_loops.py, not a test itself).

Usage: starve.py remedy|breather|plain SECONDS TURN_MS. Prints how many frames another process sent during
the busy loop and how many of them the wire had read when it ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from quantlab.wire import Wire

FRAME = 64  # bytes
RATE = 2_000  # frames a second
SENDER = f"""
import sys, time
begun, sent = time.monotonic(), 0
while (now := time.monotonic() - begun) < {float(sys.argv[2]) + 0.5}:
    while sent < now * {RATE}:
        sys.stdout.buffer.write(b"x" * {FRAME})
        sent += 1
    sys.stdout.buffer.flush()
    time.sleep(0.0005)
"""


def burn(seconds: float) -> None:
    """Pure Python that never lets go of the GIL by itself."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        pass


async def main() -> None:
    wire = Wire(asyncio.get_running_loop(), lambda _: None)
    wire.start()
    if sys.argv[1] != "remedy":
        sys.setswitchinterval(0.005)
    if sys.argv[1] == "plain":
        wire._breather.stop()
    read = 0

    async def reader() -> None:
        nonlocal read
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SENDER, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert child.stdout is not None
        while frame := await child.stdout.read(1 << 16):
            if not read:
                wire.post_order("begun")
            read += len(frame)
        await child.wait()

    call = wire.call(reader, "reader")
    while not read:
        await asyncio.sleep(0.001)
    before, begun = read, time.monotonic()
    while time.monotonic() < begun + float(sys.argv[2]):
        burn(float(sys.argv[3]) / 1e3)
        await asyncio.sleep(0)
    elapsed, during = time.monotonic() - begun, read - before
    await call
    print(json.dumps({"sent": int(elapsed * RATE), "read": during // FRAME}))
    wire.stop()


asyncio.run(main())
