"""What recording costs: on the wire's thread for each message, on the recorder's own, and when reading back.

Prints JSON, asserts nothing. Beside it stand ways that people take in its place: a handler that writes a line
of JSON for each event, and a pickle of each. Microseconds of CPU a message, medians of interleaved rounds.

    python tests/benchmarks/bench_recorder.py [--messages 50000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

sys.path.append(str(Path(__file__).parents[1] / "market"))

from recordings import new_writer, some_events

from quantlab.binance.encode_stream import encode_market
from quantlab.binance.streams import MarketStreams
from quantlab.clock import SystemClock
from quantlab.domain.market import BookTicker, DepthUpdate, Kline, Trade
from quantlab.market.recording.reader import Recording
from quantlab.market.recording.segments import Bounds

STREAMS = {Trade: b"trade", BookTicker: b"bookTicker", DepthUpdate: b"depth@100ms", Kline: b"kline_1m"}
ROOMY = Bounds(waiting=10_000_000)


def timed(work: Callable[[], Any], count: int) -> float:
    """CPU of this thread for each message, which others on the machine do not change."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) / count * 1e6


def through(tap: Callable[[Any], None], messages: Sequence[Any]) -> Callable[[], None]:
    def work() -> None:
        for message in messages:
            tap(message)

    return work


def record(folder: Path, messages: Sequence[Any], *, raw: bool, patterns: Sequence[str]) -> dict[str, float]:
    """CPU of the tap, its time while the recorder writes beside it, CPU of the recorder's thread, bytes."""
    writer = new_writer(folder, *patterns, raw=raw, bounds=ROOMY)
    tap, count = writer.tap(), len(messages)
    cpu, wall = time.process_time(), time.perf_counter()
    found = {"tap_us": timed(through(tap, messages), count)}
    found["tap_wall_us"] = (time.perf_counter() - wall) / count * 1e6
    writer.flush(60)
    found["writer_us"] = (time.process_time() - cpu) / count * 1e6 - found["tap_us"]
    writer.stop()
    found["bytes_a_message"] = sum(each.stat().st_size for each in folder.iterdir()) / count
    return found


def line_each(folder: Path, events: Sequence[Any]) -> float:
    """A handler that writes a line of JSON for each event, buffered."""
    with (folder / "lines.json").open("wb") as file:
        return timed(through(lambda each: file.write(msgspec.json.encode(each) + b"\n"), events), len(events))


def pickle_each(folder: Path, events: Sequence[Any]) -> float:
    """A handler that pickles each event into a file."""
    with (folder / "events.pickle").open("wb") as file:
        return timed(through(lambda each: pickle.dump(each, file), events), len(events))


def on_the_wire(folder: Path, frames: Sequence[bytes], *, recorded: bool) -> float:
    """A frame from the socket's reader to whoever gets the event, with both taps or with none."""
    writer = new_writer(folder, "market.>", raw=True, bounds=ROOMY) if recorded else None
    tap = nothing if writer is None else writer.tap()
    streams = MarketStreams("ws://nowhere", clock=SystemClock(), on_event=tap, on_state=lambda *_: None)
    streams.tap = None if writer is None else tap
    took = timed(through(streams._shards[0]._frame, frames), len(frames))
    if writer is not None:
        writer.stop()
    return took


def nothing(_message: object) -> None:
    """A tap of somebody who does not record."""


def one_round(messages: int, number: int) -> dict[str, float]:
    events = some_events(number, messages)
    frames = [
        b'{"stream":"%s@%s","data":%s}'
        % (each.symbol.lower().encode(), STREAMS[type(each)], msgspec.json.encode(encode_market(each)))
        for each in events
    ]
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found["call_us"] = timed(through(nothing, events), messages)
        for what, payload, raw, patterns in (
            ("events", events, False, ["market.>"]),
            ("frames", frames, True, ["market.>"]),
            ("not_chosen", events, False, ["venue.health"]),
        ):
            for key, value in record(folder / what, payload, raw=raw, patterns=patterns).items():
                found[f"{what}.{key}"] = value
        for what in ("plain", "recorded"):
            found[f"frame_on_the_wire_{what}_us"] = on_the_wire(
                folder / what, frames, recorded=what == "recorded"
            )
        found["json_line_in_a_handler_us"] = line_each(folder, events)
        found["pickle_in_a_handler_us"] = pickle_each(folder, events)
        recording = Recording(folder / "events")
        found["read_us"] = timed(lambda: list(recording.events()), messages)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rounds = [one_round(options.messages, number) for number in range(options.rounds)]
    medians = {key: round(statistics.median(each[key] for each in rounds), 3) for key in rounds[0]}
    print(json.dumps({"messages": options.messages, "rounds": options.rounds, "medians": medians}, indent=1))


if __name__ == "__main__":
    main()
