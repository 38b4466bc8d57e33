"""When a stream is silent: by its own pace, and never on a guess."""

from __future__ import annotations

import random

import pytest

from quantlab.binance.pulse import HEARD, Pulse

LOOK_S = 0.25


def play(pulse: Pulse, times: list[float], until_s: float) -> float | None:
    """Let events come at `times` and look four times a second; when it was first said to be silent."""
    left, now_s = sorted(times), 0.0
    while now_s < until_s:
        now_s += LOOK_S
        while left and left[0] <= now_s:
            left.pop(0)
            pulse.count += 1
        if pulse.tick(now_s, 1.0):
            return now_s
    return None


def test_a_stream_of_ten_a_second_is_silent_after_one_second() -> None:
    """N4: within 1.5 s of its last event."""
    times = [number / 10 for number in range(1, 300)]
    found = play(Pulse(), times, 60)
    assert found is not None
    assert times[-1] + 1.0 < found <= times[-1] + 1.5


@pytest.mark.parametrize("pause_s", [5.0, 20.0])
def test_a_stream_that_speaks_seldom_is_given_time(pause_s: float) -> None:
    """Twice its longest pause: a quiet market is no fault."""
    times = [number * pause_s for number in range(1, 30)]
    found = play(Pulse(), times, 1_000)
    assert found is not None
    assert times[-1] + 2 * pause_s * 0.9 < found < times[-1] + 2 * pause_s + 1


def test_a_stream_that_comes_at_random_is_rarely_accused() -> None:
    """An hour of a hundred trades a minute, by chance alone: a handful of false alarms at most."""
    draw, now_s, alarms = random.Random(5), 0.0, 0
    times = []
    while now_s < 3_600:
        now_s += draw.expovariate(100 / 60)
        times.append(now_s)
    pulse, left, now_s = Pulse(), times, 0.0
    at = 0
    while now_s < 3_590:
        now_s += LOOK_S
        while left[at] <= now_s:
            at += 1
            pulse.count += 1
        alarms += pulse.tick(now_s, 1.0)
    assert pulse.count > 5_000
    assert alarms <= 6


def test_who_has_said_little_is_never_accused() -> None:
    """There is no pace to judge by."""
    assert play(Pulse(), [number / 10 for number in range(1, HEARD)], 100) is None


def test_our_own_pause_is_no_silence() -> None:
    """After a blocked loop the stream gets its time again."""
    pulse = Pulse()
    play(pulse, [number / 10 for number in range(1, 100)], 10.0)
    pulse.excuse(30.0)
    assert not pulse.tick(40.5, 1.0)
    assert pulse.tick(41.5, 1.0)
