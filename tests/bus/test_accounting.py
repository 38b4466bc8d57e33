"""No event is ever lost without being counted, whatever happens and in which order."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec
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

from quantlab.bus import Bus, Overflow, Subscription, Topic
from quantlab.bus.mailbox import Mailbox
from quantlab.clock import ManualClock


class Job(msgspec.Struct, frozen=True):
    """What the handler is to do with this event: return, raise, yield, hang, or refuse to end."""

    kind: str
    key: int


JOB: Topic[Job] = Topic("job.{kind}", Job)
KINDS = ("return", "raise", "yield", "hang", "stubborn")
MOVED: Counter[str] = Counter()


class AnyBus(RuleBasedStateMachine):
    """Subscribers of every policy, events of every kind, time and closing in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.bus = Bus(ManualClock(), catalogue=(JOB,), permits=2)
        self.all: list[Subscription] = []
        self.routed: Counter[int] = Counter()
        self.before: dict[int, list[int]] = {}

    def do(self, action: Any) -> None:
        async def run() -> None:
            action()

        self.loop.run_until_complete(run())

    async def handle(self, job: Job) -> None:
        match job.kind:
            case "raise":
                raise ValueError(job.key)
            case "yield":
                await asyncio.sleep(0.01)
            case "hang":
                await asyncio.Event().wait()
            case "stubborn":
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    await asyncio.sleep(0.5)

    @initialize(overflow=st.sampled_from(Overflow), capacity=st.integers(1, 4))
    def subscribe_to_all(self, overflow: Overflow, capacity: int) -> None:
        self.subscribe(overflow=overflow, capacity=capacity, mode="worker", kind="*")

    @precondition(lambda self: len(self.bus.subscriptions) < 4)
    @rule(
        overflow=st.sampled_from(Overflow),
        capacity=st.integers(1, 4),
        mode=st.sampled_from(["worker", "inline", "reader"]),
        kind=st.sampled_from([*KINDS, "*"]),
    )
    def subscribe(self, overflow: Overflow, capacity: int, mode: str, kind: str) -> None:
        def sync(job: Job) -> None:
            if job.kind == "raise":
                raise ValueError(job.key)

        handler = {"worker": self.handle, "inline": sync, "reader": None}[mode]

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
                    timeout_s=1.0,
                )
            )

        self.do(subscribe)

    @rule(jobs=st.lists(st.builds(Job, st.sampled_from(KINDS), st.integers(0, 2)), max_size=8))
    def publish(self, jobs: list[Job]) -> None:
        def publish() -> None:
            for job in jobs:
                for number, each in enumerate(self.all):
                    self.routed[number] += not each.closed and each.pattern in ("job.*", f"job.{job.kind}")
                self.bus.publish(JOB, job)

        self.do(publish)

    @rule(seconds=st.sampled_from([0.0, 0.005, 0.02, 1.1, 3.0]))
    def wait(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @precondition(lambda self: self.all)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        subscription = data.draw(st.sampled_from(self.all))
        if subscription.handler is None and subscription.queue:
            self.loop.run_until_complete(anext(subscription))

    @precondition(lambda self: self.all)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        self.do(data.draw(st.sampled_from(self.all)).close)

    @invariant()
    def everything_is_accounted_for(self) -> None:
        """routed = delivered + failed + timed_out + dropped + conflated + pending; none goes back."""
        for number, each in enumerate(self.all):
            routed, *rest = (getattr(each, name) for name in Mailbox.COUNTERS)
            assert routed == sum(rest) == self.routed[number], each
            assert len(each.queue) <= each.capacity
            grows = [getattr(each, name) for name in Mailbox.COUNTERS if name != "pending"]
            assert all(old <= new for old, new in zip(self.before.get(number, grows), grows, strict=True))
            self.before[number] = grows
            MOVED.update({name: getattr(each, name) for name in Mailbox.COUNTERS})
        assert 0 <= self.bus.permits.free <= 2

    def teardown(self) -> None:
        self.loop.run_until_complete(self.bus.aclose())
        self.everything_is_accounted_for()
        assert self.bus.permits.free == 2
        self.loop.close()


def test_every_routed_event_is_counted_exactly_once(full: bool) -> None:
    """At every moment, for every subscription, open or closed; and every counter did move."""
    MOVED.clear()
    run_state_machine_as_test(
        AnyBus, settings=settings(max_examples=1_000 if full else 150, stateful_step_count=25, deadline=None)
    )

    assert all(MOVED[name] for name in Mailbox.COUNTERS), MOVED
