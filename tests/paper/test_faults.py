"""Faults as decisions: what can be asked for, when each strikes, what it makes of a request or message."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.errors import InvalidField
from quantlab.paper.faults.frames import Message, Sieve
from quantlab.paper.faults.kinds import (
    KINDS,
    Ban,
    Close,
    Drop,
    Duplicate,
    Failure,
    Fault,
    Gap,
    HalfFrame,
    Late,
    Latency,
    LostReply,
    RateLimit,
    Reorder,
)
from quantlab.paper.faults.plan import MOST, Active, Plan, chance
from quantlab.paper.faults.reading import from_json, from_text, remedy
from quantlab.paper.faults.requests import Request, trouble

ORDER = Request("POST /api/v3/order", "BTCUSDT", "account-1", signed=True, trades=True)
DEPTH = Message("btcusdt@depth", "BTCUSDT", "depthUpdate")
REPORT = Message("user", "BTCUSDT", "executionReport", "account-1")


def begun(*faults: Fault) -> Plan:
    """A plan whose faults have all begun."""
    plan = Plan()
    for fault in faults:
        plan.add(fault, 0)
    plan.due(0)
    return plan


def carried(plan: Plan, messages: list[bytes], about: Message = DEPTH) -> list[bytes]:
    """What one socket gets of these messages."""
    sieve = Sieve(plan)
    return [sent for each in messages for sent in sieve.deliver("socket", about, each, 0).payloads]


# -- what can be asked for


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_reads_back_from_what_the_listing_shows(name: str) -> None:
    """A listed fault, posted again, is the same fault."""
    needed = {"latency": ":ms=5", "late": ":ms=5", "clock": ":offset_ms=5", "status": ":symbol=A",
              "filters": ":symbol=A,tick_size=1", "account_disabled": ":account=a",
              "transfer": ":account=a,asset=B,amount=-1.5"}  # fmt: skip
    fault = from_text(name + needed.get(name, ""))

    assert from_json(msgspec.json.encode(fault)) == fault
    assert fault.name == name


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("{}", "name", "the fault's name is missing; give one of latency, error"),
        ('{"name":7}', "name", "give one of"),
        ('{"name":"lostreply"}', "name", "there is no fault 'lostreply'; give one of"),
        ('{"name":"latency"}', "ms", "missing required field `ms`; give a whole number from 0 to 86400000"),
        ('{"name":"latency","ms":"5"}', "ms", "give a whole number"),
        ('{"name":"latency","ms":1,"jitter":2}', "jitter", "unknown field `jitter`; give one of endpoint"),
        ('{"name":"drop","probability":1.5}', "probability", "give a number from 0 to 1"),
        ('{"name":"drop","probability":1e999}', "probability", "give a number from 0 to 1"),
        ('{"name":"drop","count":0}', "count", "give a whole number from 1"),
        ('{"name":"drop","duration_ms":-1}', "duration_ms", "give a whole number from 1"),
        ('{"name":"drop","seed":1.5}', "seed", "give a whole number from 0"),
        ('{"name":"error","code":-1003}', "code", "give one of -1008, -1007, -1006, -1001, -1000"),
        ('{"name":"error","status":200}', "status", "give a whole number from 400 to 599"),
        ('{"name":"stall","pings":"no"}', "pings", "give one of answered, swallowed"),
        ('{"name":"close","reason":"%s"}' % ("x" * 61), "reason", "at most 60 characters"),
        ('{"name":"clock"}', "offset_ms", "give offset_ms or drift_ppm"),
        ("[1]", "body", "no JSON object"),
        ("{", "body", "no JSON object"),
        ("[" * 100_000, "body", "no JSON object"),
    ],
)  # fmt: skip
def test_a_wrong_fault_is_refused_by_its_field_with_the_remedy(text: str, field: str, said: str) -> None:
    """The error names the field and what can be given instead."""
    with pytest.raises(InvalidField) as refused:
        from_json(text.encode())

    assert refused.value.field == field
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "name"), ("nope", "name"), ("drop:count", "fault"), ("drop:=3", "fault"),
        ("drop:name=gap", "fault"),
        ("drop:count=1,count=2", "count"), ("drop:probability=nan", "probability"),
        ("drop:count=three", "count"),
        ("latency:ms=1.5", "ms"), ("latency", "ms"), ("drop:symbols=X", "symbols"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_by_its_field(text: str, field: str) -> None:
    """The command line's short form is as strict as JSON."""
    with pytest.raises(InvalidField) as refused:
        from_text(text)
    assert refused.value.field == field


def test_an_option_says_what_json_says() -> None:
    """Numbers, words and patterns."""
    assert from_text("error:code=-1007,endpoint=POST /api/v3/*, probability=0.25,count=3") == Failure(
        code=-1007, endpoint="POST /api/v3/*", probability=0.25, count=3
    )


def test_every_field_of_every_fault_has_a_remedy() -> None:
    """What a refusal says is made from the field's type, for all of them."""
    remedies = {
        (name, field): remedy(kind, field) for name, kind in KINDS.items() for field in kind.__struct_fields__
    }

    assert len(remedies) > 150
    assert all(said.startswith("give ") for said in remedies.values())


# -- when it strikes


@given(
    seed=st.integers(0, 2**53),
    probability=st.floats(0.05, 0.95),
    skip=st.integers(0, 20),
    others=st.lists(st.booleans(), max_size=100),
)
def test_a_chance_depends_on_seed_and_number_only(
    seed: int, probability: float, skip: int, others: list[bool]
) -> None:
    """Whatever happens in between, the same chances strike."""
    fault = Drop(seed=seed, probability=probability, skip=skip)
    alone, among = Active(1, fault, 0), Active(2, fault, 0)
    noise = Active(3, Drop(seed=seed + 1, probability=0.5), 0)
    first = [alone.strikes() for _ in range(200)]
    second = []
    for number in range(200):
        if number < len(others) and others[number]:
            noise.strikes()
            among.jitter(100)
        second.append(among.strikes())

    assert first == second
    assert not any(first[:skip])
    assert 0 < sum(first) < 200 - skip  # both answers occur


def test_a_probability_is_met() -> None:
    """Of 20,000 chances about as many as it says, for every seed; 0 never, 1 always."""
    for seed in range(5):
        hits = sum(chance(seed, number, "drop") < 0.3 for number in range(20_000))
        assert 5_700 < hits < 6_300
    assert not any(Active(1, Drop(probability=0.0), 0).strikes() for _ in range(1_000))
    always = Active(1, Drop(), 0)
    assert all(always.strikes() for _ in range(1_000))


def test_it_strikes_within_its_time_and_no_more_often_than_its_count() -> None:
    """From after_ms on, for duration_ms, count times."""
    active = Active(1, Drop(after_ms=100, duration_ms=50, count=2), 1_000)

    assert [active.in_force(at) for at in (1_099, 1_100, 1_149, 1_150)] == [False, True, True, False]
    active.strikes()
    assert active.in_force(1_100)
    active.strikes()
    assert not active.in_force(1_100)


def test_beginning_and_end_are_told_once() -> None:
    """By the venue's time; what has no duration never ends, but a closing is over at once."""
    plan = Plan()
    lasting, short, momentary = (
        plan.add(fault, 0) for fault in (Drop(), Drop(after_ms=10, duration_ms=10), Close(after_ms=10))
    )
    told: list[tuple[list[Active], list[Active]]] = []
    for now_ms in (0, 9, 10, 19, 25, 1_000):
        begun_now, ended = plan.due(now_ms)
        told.append((begun_now, ended))
        for each in ended:
            plan.end(each)

    none: list[Active] = []
    assert told == [
        ([lasting], none), (none, none), ([short, momentary], [momentary]), (none, none),
        (none, [short]), (none, none),
    ]  # fmt: skip
    assert plan.frames == [lasting]
    assert plan.sockets == []


def test_a_clock_that_is_set_moves_what_is_to_come() -> None:
    """A fault in 100 ms is still 100 ms away when the venue's clock jumps by an hour."""
    plan = Plan()
    active = plan.add(Drop(after_ms=100, duration_ms=100), 0)
    plan.shift(3_600_000)

    assert (active.begins_ms, active.ends_ms) == (3_600_100, 3_600_200)


def test_the_list_is_bounded() -> None:
    """Whoever forgets to remove faults is told."""
    plan = Plan()
    for _ in range(MOST):
        plan.add(Drop(), 0)
    with pytest.raises(InvalidField, match="remove some of them first"):
        plan.add(Drop(), 0)


# -- what it makes of a request


def test_delays_add_up_and_the_first_answer_counts() -> None:
    """Two latencies, then a ban before a lost reply: the ban is the answer, the reply was never to come."""
    plan = begun(
        Latency(ms=10), Ban(retry_after_s=7), LostReply(), Latency(ms=5, when="after"), Latency(ms=3)
    )
    made = trouble(plan, ORDER, 0, 1_000)

    assert (made.before_ms, made.after_ms, made.acts, made.silence) == (13, 5, False, "")
    assert made.answer is not None
    assert (made.answer.status, made.answer.code, made.answer.retry_after_s) == (418, -1003, 7)
    assert "IP banned until 8000." in made.answer.message
    assert [active.struck for active in plan] == [1, 1, 0, 1, 1]


def test_jitter_stays_within_its_bounds_and_is_the_same_every_time() -> None:
    """Between ms and ms + jitter_ms, spread, and equal for equal seeds."""
    runs = [
        [trouble(plan, ORDER, 0, 0).before_ms for _ in range(300)]
        for plan in (begun(Latency(ms=10, jitter_ms=40, seed=5)), begun(Latency(ms=10, jitter_ms=40, seed=5)))
    ]

    assert runs[0] == runs[1]
    assert all(10 <= waited < 50 for waited in runs[0])
    assert min(runs[0]) < 15
    assert max(runs[0]) > 45


@pytest.mark.parametrize(
    ("scope", "hit"),
    [
        ({}, True),
        ({"endpoint": "POST /api/v3/order"}, True),
        ({"endpoint": "POST /api/v3/*"}, True),
        ({"endpoint": "DELETE *"}, False),
        ({"endpoint": "order.place"}, False),
        ({"symbol": "BTC*", "account": "account-?"}, True),
        ({"symbol": "ETHUSDT"}, False),
        ({"account": "account-2"}, False),
    ],
)
def test_a_scope_is_a_pattern_and_all_of_it_must_fit(scope: dict[str, str], hit: bool) -> None:
    """Endpoint, symbol and account; what does not fit has no chance."""
    plan = begun(RateLimit(**scope))

    assert (trouble(plan, ORDER, 0, 0).answer is not None) == hit
    assert [active.chances for active in plan] == [int(hit)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_before_acting_has_not_acted(when: str) -> None:
    """The same answer, and only the venue knows."""
    made = trouble(begun(Failure(code=-1007, when=when)), ORDER, 0, 0)  # type: ignore[arg-type]

    assert made.acts == (when == "after")
    assert made.answer is not None
    assert (made.answer.status, made.answer.code) == (504, -1007)


# -- what it makes of messages

FIVE = [b"1", b"2", b"3", b"4", b"5"]


@pytest.mark.parametrize(
    ("fault", "got"),
    [
        (Drop(skip=1, count=2), [b"1", b"4", b"5"]),
        (Gap(frames=3, skip=1, count=1), [b"1", b"5"]),
        (Duplicate(skip=2, count=1), [b"1", b"2", b"3", b"3", b"4", b"5"]),
        (Reorder(count=1), [b"2", b"1", b"3", b"4", b"5"]),
        (Reorder(count=1, skip=1, frames=3), [b"1", b"3", b"4", b"5", b"2"]),
        (Reorder(), [b"2", b"1", b"4", b"3"]),
    ],
)
def test_a_fault_of_messages_does_what_it_says(fault: Fault, got: list[bytes]) -> None:
    """Lost, several in a row, twice, and in another order."""
    assert carried(begun(fault), FIVE) == got


def test_half_a_message_is_its_first_half() -> None:
    """Whole as a frame, half as JSON."""
    assert carried(begun(HalfFrame()), [b'{"e":"trade"}']) == [b'{"e":"']


def test_faults_work_on_what_the_one_before_left() -> None:
    """A doubled message may lose nothing more; a lost one has no chance with the next fault."""
    plan = begun(Drop(count=1), Duplicate())

    assert carried(plan, [b"1", b"2"]) == [b"2", b"2"]
    assert [active.chances for active in plan] == [1, 1]


def test_what_is_held_back_comes_out_at_the_end() -> None:
    """A reordered message with no successor is not lost."""
    plan = begun(Reorder(frames=5))
    sieve = Sieve(plan)
    sieve.deliver("socket", DEPTH, b"1", 0)
    (active,) = plan

    assert sieve.release(active) == [("socket", b"1")]
    assert sieve.release(active) == []


def test_each_socket_and_stream_has_an_order_of_its_own() -> None:
    """What overtakes is of the same stream on the same socket."""
    sieve = Sieve(begun(Reorder(count=1)))
    got = [
        (socket, sieve.deliver(socket, about, payload, 0).payloads)
        for socket, about, payload in (
            ("a", DEPTH, b"1"), ("b", DEPTH, b"1"), ("a", REPORT, b"x"), ("a", DEPTH, b"2"),
        )
    ]  # fmt: skip

    assert got == [("a", []), ("b", [b"1"]), ("a", [b"x"]), ("a", [b"2", b"1"])]


@pytest.mark.parametrize(
    ("scope", "hit"),
    [
        ({"stream": "user"}, [REPORT]),
        ({"stream": "*@depth*"}, [DEPTH]),
        ({"event": "executionReport", "account": "account-1"}, [REPORT]),
        ({"account": "account-2"}, []),
        ({"symbol": "BTCUSDT"}, [DEPTH, REPORT]),
    ],
)
def test_messages_are_chosen_by_stream_symbol_event_and_account(
    scope: dict[str, str], hit: list[Message]
) -> None:
    """An account's own events are on the stream "user"."""
    lost = [about for about in (DEPTH, REPORT) if carried(begun(Drop(**scope)), [b"1"], about) == []]
    assert lost == hit


def test_late_messages_wait_with_jitter() -> None:
    """As long as it says, and a little more."""
    sieve = Sieve(begun(Late(ms=20, jitter_ms=10)))
    waits = [sieve.deliver("socket", DEPTH, b"1", 0).wait_ms for _ in range(200)]

    assert all(20 <= wait < 30 for wait in waits)
    assert len(set(waits)) > 150


def test_two_faults_of_one_seed_do_not_strike_together() -> None:
    """The default seed is everybody's: what strikes at the same chances are faults of the same name alone."""
    drop, gap, again = (
        Active(1, fault, 0)
        for fault in (Drop(probability=0.5), Gap(probability=0.5), Drop(probability=0.5, symbol="BTCUSDT"))
    )
    struck = [(drop.strikes(), gap.strikes(), again.strikes()) for _ in range(400)]

    assert 120 < sum(first == second for first, second, _ in struck) < 280
    assert all(first == third for first, _, third in struck)
