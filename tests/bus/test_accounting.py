"""No event is ever lost without being counted, whatever happens and in which order."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from virtual_loop import VirtualLoop

from quantlab.bus import Bus, Overflow, Subscription, Topic, subscription
from quantlab.bus.mailbox import Mailbox
from quantlab.clock import ManualClock


class Job(msgspec.Struct, frozen=True):
    """What the handler is to do with this event: return, raise, yield, hang, or refuse to end."""

    kind: str
    key: int
    number: int = 0


JOB: Topic[Job] = Topic("job.{kind}", Job)
KINDS = ("return", "raise", "yield", "hang", "stubborn")
PUBLISHED = (*KINDS, "raise")  # two failures in a row are to be seen
MOVED: Counter[str] = Counter()


class AnyBus(RuleBasedStateMachine):
    """Subscribers of every policy, events of every kind, time and closing in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.bus = Bus(ManualClock(), catalogue=(JOB,), permits=2)
        self.all: list[Subscription] = []
        self.routed: Counter[int] = Counter()
        self.ended: Counter[int] = Counter()  # handlers that came to their end, as they tell it themselves
        self.begun: dict[int, dict[int, int]] = {}  # of each subscription and key: the newest event begun
        self.number = 0
        self.before: dict[int, list[int]] = {}

    def do(self, action: Any) -> None:
        async def run() -> None:
            action()

        self.loop.run_until_complete(run())

    def begin(self, me: int, job: Job) -> None:
        """A handler begins: nothing older of its key comes after this, and the sums are right even now."""
        newest = self.begun.setdefault(me, {})
        mine = self.all[me]
        key = job.key if mine.concurrency > 1 or mine.overflow is Overflow.CONFLATE else -1
        assert newest.get(key, 0) < job.number, "an older event after a newer one"
        newest[key] = job.number
        self.sums()

    async def handle(self, me: int, job: Job) -> None:
        self.begin(me, job)
        match job.kind:
            case "raise":
                raise ValueError(job.key)
            case "yield":
                await asyncio.sleep(0.01)
            case "hang":
                await asyncio.Event().wait()
            case "stubborn":
                begun = self.loop.time()
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    await asyncio.sleep(0.5)
                    if self.loop.time() - begun >= 1.0:
                        return  # it was cancelled because its time was over, not because the bus closes
        self.ended[me] += 1

    @initialize(overflow=st.sampled_from(Overflow), capacity=st.integers(1, 4))
    def subscribe_to_all(self, overflow: Overflow, capacity: int) -> None:
        self.subscribe(overflow=overflow, capacity=capacity, mode="worker", kind="*")

    @precondition(lambda self: len(self.bus.subscriptions) < 4)
    @rule(
        overflow=st.sampled_from(Overflow),
        capacity=st.integers(1, 4),
        mode=st.sampled_from(["worker", "inline", "reader", "keyed"]),
        kind=st.sampled_from([*KINDS, "*"]),
    )
    def subscribe(self, overflow: Overflow, capacity: int, mode: str, kind: str) -> None:
        me = len(self.all)

        def sync(job: Job) -> None:
            self.begin(me, job)
            if job.kind == "raise":
                raise ValueError(job.key)
            self.ended[me] += 1
            if job.kind == "yield":  # publishes from inside: comes after what is being delivered
                self.send(Job("return", 1, self.next()))
            if job.kind == "hang":  # and closes a neighbour in the middle of a delivery
                self.all[(me + 1) % len(self.all)].close()

        handler = {"worker": partial(self.handle, me), "keyed": partial(self.handle, me), "inline": sync}.get(
            mode
        )

        def key(job: Job) -> int:
            return 1 // job.key if job.key == 0 else job.key

        def subscribe() -> None:
            self.all.append(
                self.bus.subscribe(
                    f"job.{kind}",
                    handler,
                    overflow=overflow,
                    capacity=capacity,
                    key=key,
                    inline=mode == "inline",
                    concurrency=2 if mode == "keyed" else 1,
                    timeout_s=1.0,
                )
            )

        self.do(subscribe)

    @rule(jobs=st.lists(st.builds(Job, st.sampled_from(PUBLISHED), st.integers(0, 2)), max_size=8))
    def publish(self, jobs: list[Job]) -> None:
        def publish() -> None:
            for job in jobs:
                self.send(msgspec.structs.replace(job, number=self.next()))

        self.do(publish)

    def next(self) -> int:
        self.number += 1
        return self.number

    def send(self, job: Job) -> None:
        for number, each in enumerate(self.all):
            self.routed[number] += not each.closed and each.pattern in ("job.*", f"job.{job.kind}")
        self.bus.publish(JOB, job)

    @rule(seconds=st.sampled_from([0.0, 0.005, 0.02, 1.1, 3.0]))
    def wait(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @precondition(lambda self: self.all)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        reader = data.draw(st.sampled_from(self.all))
        if reader.handler is None and reader.queue:
            self.loop.run_until_complete(anext(reader))

    @precondition(lambda self: self.all)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        self.do(data.draw(st.sampled_from(self.all)).close)

    @precondition(lambda self: self.all)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        self.do(data.draw(st.sampled_from(self.all)).resume)

    def sums(self) -> None:
        """routed = delivered + failed + timed_out + dropped + conflated + pending."""
        for each in self.all:
            routed, *rest = (getattr(each, name) for name in Mailbox.COUNTERS)
            assert routed == sum(rest), each
            assert each.depth <= each.capacity

    @invariant()
    def everything_is_accounted_for(self) -> None:
        """The sums are right, agree with what publisher and handlers know, and nothing goes back."""
        self.sums()
        for number, each in enumerate(self.all):
            sent = self.routed[number]  # one that was closed in the middle got some of these no more
            assert each.routed == sent or (each.closed and each.routed < sent), each
            if each.handler is not None:
                assert each.delivered == self.ended[number]
            grows = [getattr(each, name) for name in Mailbox.COUNTERS if name != "pending"]
            assert all(old <= new for old, new in zip(self.before.get(number, grows), grows, strict=True))
            self.before[number] = grows
            MOVED.update({name: getattr(each, name) for name in Mailbox.COUNTERS})
            MOVED["quarantined"] += each.quarantined
        assert 0 <= self.bus.permits.free <= 2

    def teardown(self) -> None:
        self.loop.run_until_complete(self.bus.aclose())
        self.everything_is_accounted_for()
        assert self.bus.permits.free == 2
        self.loop.close()


def test_every_routed_event_is_counted_exactly_once(full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every moment, for every subscription, open or closed; and every counter did move."""
    monkeypatch.setattr(subscription, "QUARANTINE_AFTER", 2)
    MOVED.clear()
    run_state_machine_as_test(
        AnyBus, settings=settings(max_examples=1_000 if full else 150, stateful_step_count=25, deadline=None)
    )

    assert all(MOVED[name] for name in (*Mailbox.COUNTERS, "quarantined")), MOVED
