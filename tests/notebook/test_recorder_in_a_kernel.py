"""The recorder in a real kernel: it goes on while a cell blocks, and its magics."""

from __future__ import annotations

from kernel import Kernel

BLOCK = """
import time
from_s = time.time()
time.sleep(1.0)
while time.time() < from_s + 2.0:
    sum(range(1_000))
until_s = time.time()
"""
LOOK = """
came = [each.at_ns / 1e9 for each in ql.recorder.raw()]
inside = [each for each in came if from_s < each < until_s]
steps = [b - a for a, b in zip([from_s, *inside], [*inside, until_s])]
times = ql.recorder.frame("market.book_ticker.*").index
typed = sum(from_s < each.timestamp() < until_s for each in times)
print(len(inside), typed, max(steps), ql.recorder.status().dropped)
"""


def test_a_recording_goes_on_while_a_cell_blocks_and_the_magics_say_how_it_does(kernel: Kernel) -> None:
    """Asleep and computing: what the wire heard bears the time at which it came, not a later one."""
    begun = kernel.run("%ql record start market.book_ticker.* market.trade.* raw as blocked")
    assert begun.lines[0] == "recorder: recording", begun.error
    assert kernel.run(BLOCK).status == "ok"
    looked = kernel.run(LOOK)
    frames, typed, longest, dropped = looked.text.split()
    assert int(frames) > 20, looked.error
    assert int(typed) > 10
    assert float(longest) < 0.8
    assert dropped == "0"

    shown = kernel.run("%ql record")
    assert "recorder: recording" in shown.text
    assert "market.book_ticker.*, market.trade.* and raw frames" in shown.text
    again = kernel.run("%ql record start")
    assert "RecordingError: blocked is being recorded; stop it first" in again.error
    ended = kernel.run("%ql record stop")
    assert ended.lines[0] == "recorder: stopped"
    assert "blocked" in kernel.run("%ql record list").text
    assert kernel.run("ql.recorder.check()").text.strip() == "[]"
    wrong = kernel.run("%ql record start market.trades.*")
    assert "meets no topic; the nearest is 'market.trade.{symbol}'" in wrong.error
    named = kernel.run("ql.recorder.begin")
    assert "the recorder has no begin; it has start, stop" in named.error
