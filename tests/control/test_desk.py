from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from quantlab.clock import ManualClock
from quantlab.control import tokens
from quantlab.control.capability import HARD_MS, Grant, Scope
from quantlab.control.commands import (
    CancelAll,
    CancelOrder,
    Command,
    Halt,
    Resume,
    SetLimits,
    SubmitOrder,
)
from quantlab.control.desk import Desk
from quantlab.control.effects import DeskStatus
from quantlab.control.handle import Handle
from quantlab.control.tokens import Answer, Budget
from quantlab.control.tokenstore import TokenStore
from quantlab.control.work import Ready
from quantlab.domain.limits import Limits, SymbolLimits
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.domain.venue import Level
from quantlab.errors import (
    CapabilityRefused,
    ConfigError,
    EngineStopped,
    InvalidField,
    JournalUnavailable,
    NotAllowed,
    NotArmed,
    NotSent,
    OrderDenied,
    OrderOutcomeUnknown,
    TokenRefused,
)
from quantlab.secret import Secret

from .conftest import KERNEL, Floor, limit_order

ORDER = SubmitOrder(limit_order())
WORTH = Decimal(600)
EVERY: list[Command] = [
    ORDER,
    CancelOrder("BTCUSDT", "a"),
    CancelAll(),
    Resume("all is well"),
    SetLimits(max_position=Decimal(1)),
]
MAKE = Callable[..., Desk]


def refusal(reason: str) -> object:
    return pytest.raises(CapabilityRefused, check=lambda error: error.reason == reason)


@pytest.mark.parametrize("command", EVERY, ids=lambda each: each.describe())
async def test_unarmed_everything_but_halt_is_refused_with_one_line_that_says_how_to_arm(
    desk: Desk, floor: Floor, command: Command
) -> None:
    with pytest.raises(NotArmed) as refused:
        await desk.execute(command)

    assert "%ql arm" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert [kind for kind, _ in floor.events] == ["control.refused"]


@pytest.mark.parametrize("command", EVERY, ids=lambda each: each.describe())
async def test_armed_each_command_reaches_its_effect_after_its_journal_line(
    desk: Desk, floor: Floor, token: Secret, command: Command
) -> None:
    session = desk.arm_with(token)
    await desk.execute(command, session.prove)

    kinds = [kind for kind, _ in floor.events]
    assert kinds[:2] == ["control.armed", "control.accepted"]
    assert len(kinds) == 3 or isinstance(command, SetLimits)


async def test_nothing_is_checked_or_spent_before_the_handle_starts(
    desk: Desk, floor: Floor, token: Secret
) -> None:
    handle = desk.execute(ORDER)  # unarmed now
    assert floor.events == []
    session = desk.arm_with(token)
    later = desk.execute(ORDER, session.prove)
    desk.disarm()

    for each in (handle, later):
        with pytest.raises(NotArmed):
            each.send()
    assert floor.done("submit") == []


async def test_handles_may_start_in_any_order(desk: Desk, floor: Floor, token: Secret) -> None:
    session = desk.arm_with(token)
    first, second = (desk.execute(CancelOrder("BTCUSDT", name), session.prove) for name in "ab")
    await second
    await first

    assert floor.done("cancel") == [("BTCUSDT", "b"), ("BTCUSDT", "a")]


async def test_s2_a_proof_made_beforehand_works_once(desk: Desk, floor: Floor, token: Secret) -> None:
    session = desk.arm_with(token)
    proof = session.prove(ORDER)
    await desk.execute(ORDER, proof)

    with refusal("counter"):
        await desk.execute(ORDER, proof)
    with refusal("proof"):
        await desk.execute(CancelAll(), session.prove(ORDER))
    assert len(floor.done("submit")) == 1
    assert all("CapabilityRefused" in str(line["reason"]) for line in floor.lines("control.refused"))


async def test_a_refused_action_does_not_put_the_counter_out_of_step(desk: Desk, token: Secret) -> None:
    session = desk.arm_with(token, Grant(scopes=(Scope.CANCEL,)))
    for _ in range(3):
        with refusal("scope"):
            await desk.execute(ORDER, session.prove(ORDER))
    with pytest.raises(InvalidField):
        await desk.execute(Resume(" "), session.prove(Resume(" ")))

    await desk.execute(CancelAll(), session.prove(CancelAll()))


async def test_s3_scope_symbol_kernel_time_and_budget_are_refused_by_name(
    desk: Desk, make_desk: MAKE, token: Secret, clock: ManualClock
) -> None:
    narrow = Grant(
        scopes=(Scope.TRADE,), symbols=("BTCUSDT",), budget=Budget(orders=5, notional=WORTH), idle_ms=1_000
    )
    session = desk.arm_with(token, narrow)
    with refusal("scope"):
        await desk.execute(CancelAll("BTCUSDT"), session.prove)
    with refusal("symbol"):
        await desk.execute(SubmitOrder(limit_order(symbol="ETHUSDT")), session.prove)
    with refusal("budget"):
        await desk.execute(SubmitOrder(limit_order(quantity="0.010000001")), session.prove)
    await desk.execute(ORDER, session.prove)
    with refusal("budget"):
        await desk.execute(SubmitOrder(limit_order(quantity="0.000000001")), session.prove)
    clock.advance(1_000)
    with refusal("expired"):
        await desk.execute(ORDER, session.prove)

    other = make_desk(kernel_id="kernel-2")
    other.arm_with(token)
    with refusal("proof"):
        await other.execute(ORDER, session.prove)


async def test_s10_a_revoked_token_ends_its_capabilities_at_the_next_action(
    desk: Desk, floor: Floor, token: Secret, home: Path, clock: ManualClock
) -> None:
    session = desk.arm_with(token)
    await desk.execute(ORDER, session.prove)
    TokenStore(home, clock).revoke(tokens.token_id(token))  # as another process does

    with refusal("revoked"):
        await desk.execute(ORDER, session.prove)
    assert not desk.status().armed
    assert len(floor.done("submit")) == 1


async def test_s10_disarming_leaves_what_is_in_flight_and_refuses_the_next(
    desk: Desk, floor: Floor, token: Secret
) -> None:
    session = desk.arm_with(token)
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    floor.answer = lambda: future
    flying = desk.execute(ORDER, session.prove).send()
    assert desk.disarm() == 1
    assert desk.disarm() == 0
    future.set_result("taken")

    assert await flying == "taken"
    with pytest.raises(NotArmed):
        await desk.execute(ORDER, session.prove)


# The budget -------------------------------------------------------------------------------


async def test_accepted_orders_spend_the_budget_exactly(desk: Desk, token: Secret) -> None:
    session = desk.arm_with(token, Grant(budget=Budget(orders=10, notional=Decimal(10_000))))
    market = OrderRequest(symbol="BTCUSDT", side=Side.SELL, type=OrderType.MARKET, quantity=Decimal("0.1"))
    await desk.execute(ORDER, session.prove)
    await desk.execute(SubmitOrder(market), session.prove)  # at the reference price

    status = desk.status()
    assert status.orders_left == 8
    assert status.notional_left == 10_000 - WORTH - 6_000


async def test_a_market_buy_spends_what_the_rails_let_it_pay(desk: Desk, floor: Floor, token: Secret) -> None:
    """A symbol's own collar, where it has one."""
    floor.limits = Limits(symbols={"BTCUSDT": SymbolLimits(price_collar=Decimal("0.5"))})
    session = desk.arm_with(token, Grant(budget=Budget(orders=10, notional=Decimal(20_000))))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        market = OrderRequest(symbol=symbol, side=Side.BUY, type=OrderType.MARKET, quantity=Decimal("0.1"))
        await desk.execute(SubmitOrder(market), session.prove)
    assert desk.status().notional_left == 20_000 - 9_000 - 6_300


@pytest.mark.parametrize(("field", "value"), [("symbol", ["BTCUSDT"]), ("symbol", 5), ("quantity", 0.1)])
async def test_a_field_that_is_of_another_type_is_refused_by_its_name(
    desk: Desk, floor: Floor, token: Secret, field: str, value: object
) -> None:
    """Before anything is looked up by it; the refusal is a line, and nothing is spent."""
    session = desk.arm_with(token)
    before = desk.status().orders_left
    odd = msgspec.structs.replace(ORDER.request, **{field: value})
    with pytest.raises(InvalidField, match=field):
        await desk.execute(SubmitOrder(odd), session.prove)
    assert (floor.done("submit"), len(floor.lines("control.refused"))) == ([], 1)
    assert desk.status().orders_left == before


async def test_a_market_order_without_a_price_is_refused(desk: Desk, floor: Floor, token: Secret) -> None:
    floor.price = None
    market = OrderRequest(symbol="BTCUSDT", side=Side.SELL, type=OrderType.MARKET, quantity=Decimal("0.1"))

    with refusal("budget"):
        await desk.execute(SubmitOrder(market), desk.arm_with(token).prove)
    assert floor.done("submit") == []


@pytest.mark.parametrize("late", [False, True], ids=["at once", "on the wire"])
@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (OrderDenied(()), 0),
        (NotSent("no byte left"), 0),
        (JournalUnavailable("full"), 0),
        (OrderOutcomeUnknown("qd-1", "timeout"), 1),
        (RuntimeError("a bug"), 1),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_only_what_certainly_did_not_leave_gives_its_budget_back(
    desk: Desk, floor: Floor, token: Secret, error: Exception, spent: int, late: bool
) -> None:
    session = desk.arm_with(token)
    before = desk.status()
    if late:

        async def fails() -> None:
            raise error

        floor.answer = fails
    else:
        floor.raises = error

    with pytest.raises(type(error)):
        await desk.execute(ORDER, session.prove)
    after = desk.status()
    assert before.orders_left is not None
    assert after.orders_left == before.orders_left - spent
    assert before.notional_left is not None
    assert after.notional_left == before.notional_left - spent * WORTH


@pytest.mark.parametrize(("late", "spent"), [(False, 0), (True, 1)], ids=["at once", "on the wire"])
async def test_a_stopped_engine_costs_budget_only_where_the_order_was_handed_over(
    desk: Desk, floor: Floor, token: Secret, spent: int, late: bool
) -> None:
    """Refused at once: nothing was posted. Stopped while it was under way: it may have left."""
    session = desk.arm_with(token)
    before = desk.status().orders_left
    error = EngineStopped("the wire does not run")
    if late:

        async def stops() -> None:
            raise error

        floor.answer = stops
    else:
        floor.raises = error

    with pytest.raises(EngineStopped):
        await desk.execute(ORDER, session.prove)
    assert before is not None
    assert desk.status().orders_left == before - spent


async def test_a_gateway_that_answers_with_a_lazy_handle_is_started(
    desk: Desk, floor: Floor, token: Secret
) -> None:
    floor.answer = lambda: Handle("inner", lambda: Ready("taken"), money=True)

    assert await desk.execute(ORDER, desk.arm_with(token).prove) == "taken"


async def test_a_command_is_admitted_and_decided_under_the_mask(
    make_desk: MAKE, floor: Floor, token: Secret
) -> None:
    @contextmanager
    def masked() -> object:  # type: ignore[misc]
        floor.events.append(("mask", "on"))
        yield
        floor.events.append(("mask", "off"))

    desk = make_desk(masked=masked)
    await desk.execute(ORDER, desk.arm_with(token).prove)

    assert [kind for kind, _ in floor.events] == [
        "control.armed",
        "mask",
        "control.accepted",
        "submit",
        "mask",
    ]


# HALT, RESUME, limits ---------------------------------------------------------------------


async def test_a_halt_needs_nothing_and_acts_without_being_awaited(desk: Desk, floor: Floor) -> None:
    handle = desk.execute(Halt("a test"))

    assert handle.sent
    assert floor.done("halt") == ["a test"]
    assert await handle == "taken"
    assert [line["reason"] for line in floor.lines("control.halt")] == ["a test"]


def test_a_halt_comes_from_any_thread(desk: Desk, floor: Floor) -> None:
    thread = threading.Thread(target=desk.halt, args=("from the control thread",))
    thread.start()
    thread.join(5)

    assert floor.done("halt") == ["from the control thread"]


def test_d6_a_halt_works_while_the_journal_does_not(desk: Desk, floor: Floor) -> None:
    for error in (JournalUnavailable("gone"), OSError(28, "No space left on device")):
        floor.journal_error = error
        desk.halt("now")

    assert floor.done("halt") == ["now", "now"]
    assert len(desk.audit_failures) == 2


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 10_000, "a\nb"], ids=range(4))
def test_a_halt_is_never_refused_for_its_reason(desk: Desk, floor: Floor, reason: str) -> None:
    desk.halt(reason)

    (text,) = floor.done("halt")
    assert isinstance(text, str)
    assert 0 < len(text) <= 200
    assert "\n" not in text


@pytest.mark.parametrize("level", Level)
def test_a_halt_works_on_every_level_and_while_nobody_may_arm(
    make_desk: MAKE, floor: Floor, level: Level, home: Path
) -> None:
    (home / "throttle.json").write_text("damaged")
    make_desk(level=level).halt("x")

    assert floor.done("halt") == ["x"]


async def test_a_resume_needs_its_scope_and_a_reason(desk: Desk, floor: Floor, token: Secret) -> None:
    session = desk.arm_with(token)
    with pytest.raises(InvalidField, match="reason"):
        await desk.execute(Resume("  "), session.prove)
    other = desk.arm_with(token, Grant(scopes=(Scope.TRADE,)))
    with refusal("scope"):
        await desk.execute(Resume("why not"), other.prove)
    await desk.execute(Resume(" all is well "), session.prove)

    assert floor.done("resume") == ["all is well"]


async def test_limits_tighten_with_limits_and_loosen_with_admin(
    desk: Desk, floor: Floor, token: Secret
) -> None:
    session = desk.arm_with(token)
    before = floor.limits
    await desk.execute(SetLimits(max_position=Decimal(10)), session.prove)
    assert floor.limits.max_position == 10
    assert floor.limits.version == before.version + 1
    assert floor.limits.max_order_notional == before.max_order_notional

    looser = SetLimits(max_position=Decimal(11))
    with pytest.raises(CapabilityRefused) as refused:
        await desk.execute(looser, session.prove)
    assert refused.value.reason == "scope"
    assert str(refused.value) == (
        "to loosen a limit needs the scope admin, which %ql arm does not grant: "
        "%ql arm admin asks for the token and grants it for 15 min; limits can be tightened without"
    )
    await desk.execute(looser, desk.arm_with(token, Grant(scopes=(Scope.ADMIN,))).prove)
    assert floor.limits.max_position == 11


@pytest.mark.parametrize(
    "command",
    [
        SetLimits(),
        SetLimits(max_position=Decimal(-1)),
        SetLimits(max_position=Decimal("NaN")),
        SetLimits(max_orders_per_second=0),
    ],
    ids=range(4),
)
async def test_a_limit_that_makes_no_sense_is_refused(
    desk: Desk, floor: Floor, token: Secret, command: SetLimits
) -> None:
    with pytest.raises(InvalidField):
        await desk.execute(command, desk.arm_with(token).prove)
    assert floor.limits.version == 1


# Levels and the glass cockpit --------------------------------------------------------------


@pytest.mark.parametrize("command", EVERY[:3], ids=lambda each: each.describe())
async def test_production_takes_no_order_command_armed_or_not(
    make_desk: MAKE, floor: Floor, token: Secret, command: Command
) -> None:
    desk = make_desk(level=Level.PRODUCTION)
    session = desk.arm_with(token)
    for proof in (None, session.prove):
        with pytest.raises(NotAllowed, match="L2 production"):
            await desk.execute(command, proof)

    assert floor.done("submit", "cancel", "cancel_all") == []


@pytest.mark.parametrize("level", [Level.TESTNET, Level.PRODUCTION])
def test_s9_a_glass_cockpit_cannot_be_built_off_paper(make_desk: MAKE, level: Level) -> None:
    with pytest.raises(ConfigError, match="GLASS_COCKPIT"):
        make_desk(level=level, glass_cockpit=True)


async def test_a_glass_cockpit_lifts_the_token_and_every_line_says_so(make_desk: MAKE, floor: Floor) -> None:
    desk = make_desk(glass_cockpit=True)
    for command in EVERY:
        await desk.execute(command)
    desk.halt("x")

    assert len(floor.done("submit")) == 1
    lines = floor.lines("control.accepted") + floor.lines("control.halt")
    assert len(lines) == len(EVERY) + 1
    assert all(line["bypass"] is True for line in lines)


async def test_without_it_every_line_says_that_the_token_was_asked(
    desk: Desk, floor: Floor, token: Secret
) -> None:
    await desk.execute(ORDER, desk.arm_with(token).prove)

    (line,) = floor.lines("control.accepted")
    assert line["bypass"] is False
    assert line["token"] == tokens.token_id(token)
    assert (line["kernel"], line["level"], line["verdict"]) == (KERNEL, "L0 paper", "accepted")
    assert (line["pid"], line["uid"]) == (os.getpid(), os.getuid())


# The journal --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [JournalUnavailable("gone"), OSError(28, "full")], ids=range(2))
async def test_no_line_no_order_and_no_arming(
    desk: Desk, floor: Floor, token: Secret, error: Exception
) -> None:
    session = desk.arm_with(token)
    before = desk.status()
    floor.journal_error = error
    with pytest.raises(JournalUnavailable):
        await desk.execute(ORDER, session.prove)
    with pytest.raises(JournalUnavailable):
        desk.arm_with(token)

    assert floor.done("submit") == []
    assert desk.status() == before


async def test_a_refusal_stands_without_a_line_and_says_that_there_is_none(desk: Desk, floor: Floor) -> None:
    floor.journal_error = JournalUnavailable("gone")
    with pytest.raises(NotArmed) as refused:
        await desk.execute(ORDER)

    assert "no line" in refused.value.__notes__[0]


async def test_a_forked_child_can_do_nothing(
    desk: Desk, floor: Floor, token: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = desk.arm_with(token)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(EngineStopped):
        await desk.execute(ORDER, session.prove)
    with pytest.raises(EngineStopped):
        desk.arm_with(token)
    monkeypatch.undo()

    assert floor.done("submit") == []


# Arming -------------------------------------------------------------------------------------


def test_s1_a_wrong_token_is_refused_and_written_down_without_it(
    desk: Desk, floor: Floor, token: Secret
) -> None:
    wrong = tokens.token_text(b"w" * 32)
    with pytest.raises(TokenRefused, match="wrong"):
        desk.arm_with(wrong)

    assert not desk.status().armed
    assert wrong.reveal() not in str(floor.events)
    assert len(floor.lines("control.refused")) == 1


def test_s1_an_unknown_id_is_refused_in_the_same_words_as_a_wrong_token(
    desk: Desk, store: TokenStore, token: Secret
) -> None:
    known = tokens.token_id(token)
    messages = []
    for name in (known, "ffffffffffff"):
        challenge = desk.challenge(name)
        forged = tokens.answer(tokens.token_text(b"w" * 32), challenge)
        with pytest.raises(TokenRefused) as refused:
            desk.arm(forged)
        messages.append(str(refused.value))

    assert messages[0] == messages[1]


def test_s2_an_answer_works_once_and_its_repetition_is_an_alarm(
    desk: Desk, floor: Floor, token: Secret
) -> None:
    answer = tokens.answer(token, desk.challenge(tokens.token_id(token)))
    desk.arm(answer)
    with pytest.raises(TokenRefused, match="used before"):
        desk.arm(answer)

    assert len(floor.lines("control.alarm")) == 1


def test_s2_an_answer_is_good_for_thirty_seconds(desk: Desk, token: Secret, clock: ManualClock) -> None:
    in_time = tokens.answer(token, desk.challenge(tokens.token_id(token)))
    clock.advance(30_000)
    desk.arm(in_time)
    late = tokens.answer(token, desk.challenge(tokens.token_id(token)))
    clock.advance(30_001)

    with pytest.raises(TokenRefused, match="late"):
        desk.arm(late)


def test_a_failed_answer_burns_its_challenge(desk: Desk, token: Secret) -> None:
    challenge = desk.challenge(tokens.token_id(token))
    with pytest.raises(TokenRefused):
        desk.arm(Answer(nonce=challenge.nonce, proof="00" * 32))
    with pytest.raises(TokenRefused):
        desk.arm(tokens.answer(token, challenge))


def test_open_challenges_are_few(desk: Desk, token: Secret) -> None:
    """Whoever asks for challenges without end pushes out the oldest, and fills no memory."""
    first = desk.challenge(tokens.token_id(token))
    last = [desk.challenge(tokens.token_id(token)) for _ in range(16)][-1]

    desk.arm(tokens.answer(token, last))
    with pytest.raises(TokenRefused):
        desk.arm(tokens.answer(token, first))


def test_s4_wrong_tokens_lock_arming_over_a_restart_and_time_opens_it(
    desk: Desk, make_desk: MAKE, floor: Floor, token: Secret, clock: ManualClock
) -> None:
    wrong = tokens.token_text(b"w" * 32)
    for _ in range(200):
        with pytest.raises(TokenRefused):
            desk.arm_with(wrong)
    assert len(floor.lines("control.refused")) == 5  # the others were not even looked at

    restarted = make_desk()
    with pytest.raises(TokenRefused, match="wait 1 s"):
        restarted.arm_with(token)
    restarted.halt("still works")
    clock.advance(1_000)
    restarted.arm_with(token)
    assert restarted.status().armed

    with pytest.raises(TokenRefused, match="wrong"):
        restarted.arm_with(wrong)  # a right token has cleared the count
    restarted.arm_with(token)


def test_s5_without_any_token_arming_names_the_command_that_makes_one(desk: Desk) -> None:
    with pytest.raises(TokenRefused, match="quantlab token new"):
        desk.arm_with(tokens.token_text(b"w" * 32))


@pytest.mark.parametrize("text", ["", "short", "my birthday", "x" * 1_000_000, "é" * 53], ids=range(5))
def test_s5_s7_what_is_no_token_is_refused_before_anything_is_counted(
    desk: Desk, floor: Floor, token: Secret, text: str
) -> None:
    with pytest.raises(TokenRefused):
        desk.arm_with(Secret(text))
    assert floor.events == []


@pytest.fixture
def token_file(tmp_path: Path, token: Secret) -> Path:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(token.reveal() + "\n")
    return path


async def test_a_token_file_of_mode_0600_arms(desk: Desk, floor: Floor, token_file: Path) -> None:
    await desk.execute(ORDER, desk.arm_from_file(token_file).prove)

    assert len(floor.done("submit")) == 1


@pytest.mark.parametrize(
    "harm", ["0644", "0640", "missing", "link", "folder", "latin", "bom", "empty", "pipe"]
)
def test_s6_any_other_token_file_disables_control_and_never_shows_its_content(
    desk: Desk, token: Secret, token_file: Path, tmp_path: Path, harm: str
) -> None:
    text = token.reveal()
    match harm:
        case "0644" | "0640":
            token_file.chmod(int(harm, 8))
        case "missing":
            token_file.unlink()
        case "link":
            token_file.rename(tmp_path / "real")
            token_file.symlink_to(tmp_path / "real")
        case "folder":
            token_file.unlink()
            token_file.mkdir(mode=0o700)
        case "latin":
            token_file.write_bytes(text.encode() + b"\xff")
        case "bom":
            token_file.write_bytes(b"\xef\xbb\xbf" + text.encode())
        case "empty":
            token_file.write_text("")
        case "pipe":
            token_file.unlink()
            os.mkfifo(token_file, 0o600)
    with pytest.raises(TokenRefused) as refused:
        desk.arm_from_file(token_file)

    assert text not in str(refused.value)
    assert str(token_file) in str(refused.value)
    assert not desk.status().armed


def test_the_status_says_what_is_left(desk: Desk, token: Secret, clock: ManualClock) -> None:
    assert desk.status().armed is False
    assert desk.status().orders_left is None
    desk.arm_with(token, Grant(symbols=("BTCUSDT",), budget=Budget(orders=3, notional=Decimal(9))))
    clock.advance(60_000)

    status = desk.status()
    assert (status.armed, status.symbols, status.orders_left, status.notional_left) == (
        True,
        ("BTCUSDT",),
        3,
        9,
    )
    assert status.left_ms == 14 * 60_000
    assert status.hard_left_ms == HARD_MS - 60_000
    assert status.describe() == (
        "armed for trade, cancel, resume, limits; 3 orders left, worth at most 9 in the quote asset; "
        "ends after 14 min without an action, at the latest in 7 h 59 min"
    )
    clock.advance(14 * 60_000)
    assert desk.status().armed is False


@pytest.mark.parametrize(
    ("left_ms", "hard_left_ms", "text"),
    [
        (15 * 60_000, 8 * 3_600_000, "ends after 15 min without an action, at the latest in 8 h"),
        (899_990, 28_799_990, "ends after 15 min without an action, at the latest in 8 h"),
        (61_000, 3_600_001, "ends after 1 min 1 s without an action, at the latest in 1 h 1 min"),
        (59_001, 59_001, "ends in 1 min"),
        (1, 1, "ends in 1 s"),
    ],
)
def test_the_status_says_when_it_ends_in_words(left_ms: int, hard_left_ms: int, text: str) -> None:
    status = DeskStatus(
        level="L0 paper", glass_cockpit=False, armed=True, left_ms=left_ms, hard_left_ms=hard_left_ms
    )

    assert status.ends() == text


def test_a_desk_that_asks_for_no_token_is_never_called_armed_or_not(make_desk: MAKE, desk: Desk) -> None:
    assert make_desk(glass_cockpit=True).status().describe() == "no token is asked for: GLASS_COCKPIT"
    assert desk.status().describe() == "not armed: %ql arm"
