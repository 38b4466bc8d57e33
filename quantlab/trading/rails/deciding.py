"""The decision: every rail is asked, a rail that cannot answer denies, one breach denies the order.

This is the check and the explanation: there is no second function, only words that nobody may read.
"""

from __future__ import annotations

from operator import itemgetter

from quantlab.domain.limits import Limits, Override
from quantlab.domain.orders import OrderRequest
from quantlab.trading.decision import DENIED, Answer, Decision, Unknown
from quantlab.trading.exposure import Exposure
from quantlab.trading.rails.ask import Ask
from quantlab.trading.rails.catalogue import OVERRIDABLE, RAILS, Rail
from quantlab.trading.rails.fused import passes

FIRST = itemgetter(0)


def decide(
    request: OrderRequest, exposure: Exposure, limits: Limits, rails: tuple[Rail, ...] | None = None
) -> Decision:
    """Every rail's answer, in the order of `RAILS`.

    Every rail decides on every order: all of them in one (`fused`), or, where that cannot tell, one after
    the other, also after a breach, so that the answer explains itself whole.
    """
    if rails is None:
        rails = RAILS
        told = passes(request, exposure, limits)
        if told and (told != DENIED or not limits.overrides):
            later = (ask_all, request, exposure, limits, rails)
            return Decision.together(request, limits.version, rails, later, told)
    answers, allowed = ask_all(request, exposure, limits, rails)
    return Decision.of(request, limits.version, rails, answers, allowed=allowed)


def ask_all(
    request: OrderRequest,
    exposure: Exposure,
    limits: Limits,
    rails: tuple[Rail, ...],
) -> tuple[list[Answer], bool]:
    """The answers, and whether all of them allow (and there was one)."""
    try:
        if limits.symbols:
            limits = limits.of(request.symbol)
    except Exception:  # noqa: BLE001  # whose limits count cannot be told
        return [(False, "UNKNOWN_SYMBOL")] * len(rails), False
    try:
        ask = Ask(request, exposure, limits)
        answers = [rail(ask) for rail in rails]
    except Exception:  # noqa: BLE001  # one of them has no answer: which, and the others', is asked again
        answers = _one_by_one(request, exposure, limits, rails)
    allowed = bool(rails) and all(map(FIRST, answers))
    if not allowed and limits.overrides:
        answers = [
            _overridden(rail, answer, request, exposure, limits)
            for rail, answer in zip(rails, answers, strict=True)
        ]
        allowed = bool(rails) and all(map(FIRST, answers))
    return answers, allowed


def _one_by_one(
    request: OrderRequest, exposure: Exposure, limits: Limits, rails: tuple[Rail, ...]
) -> list[Answer]:
    """Fail closed: what cannot be read, is not known or goes wrong denies, by its name."""
    answers, ask = list[Answer](), None
    for rail in rails:
        answer: Answer
        try:
            ask = Ask(request, exposure, limits) if ask is None else ask
            answer = rail(ask)
        except Unknown as missing:
            answer = (False, f"UNKNOWN_{missing}")
        except Exception as error:  # noqa: BLE001  # whatever it is
            answer = (False, f"UNKNOWN_{type(error).__name__.upper()}")
        answers.append(answer)
    return answers


def _overridden(
    rail: Rail, answer: Answer, request: OrderRequest, exposure: Exposure, limits: Limits
) -> Answer:
    """The answer, or leave to break the limit where somebody has given it."""
    words = isinstance(answer[1], str)
    if answer[0] or rail not in OVERRIDABLE or (words and answer[1].startswith("UNKNOWN_")):
        return answer
    override = _override(rail.__name__, request, exposure, limits)
    if override is None:
        return answer
    why = f"overridden: {override.reason}"
    return (True, answer[1] + "; {}", *answer[2:], why) if words else (True, *answer[1:], why)


def _override(name: str, request: OrderRequest, exposure: Exposure, limits: Limits) -> Override | None:
    now_ms = exposure.now_ms
    if type(now_ms) is not int:
        return None
    for each in limits.overrides:
        if each.rail == name and now_ms < each.until_ms and each.symbol in ("*", request.symbol):
            return each
    return None
