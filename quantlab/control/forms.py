"""What a command must hold to be carried out by anybody, and the limits that it leaves."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.control.commands import (
    Command,
    EndOverride,
    OverrideLimit,
    ReplaceOrder,
    Resume,
    SetLimits,
    SubmitList,
    SubmitOrder,
)
from quantlab.control.effects import Effects
from quantlab.control.overriding import ended, overridden, override_of
from quantlab.control.worth import worth_of
from quantlab.domain.decimals import positive
from quantlab.domain.limits import Limits
from quantlab.errors import InvalidField
from quantlab.trading.fields import require_fields


def worth_if_sound(command: Command, effects: Effects, now_ms: int) -> Decimal | None:
    """What an order is worth in the quote asset, if that is known; None for every other command.

    Raises:
        InvalidField: A field is missing or not what it should be.
    """
    match command:
        case SubmitOrder() | SubmitList() | ReplaceOrder():
            require_fields(command.request)
            collar = effects.limits().of(command.request.symbol).price_collar  # the symbol's own
            return worth_of(command.request, effects.reference_price, collar)
        case Resume(reason) if not reason.strip():
            raise InvalidField("reason", "there is none", "say why trading may go on: %ql resume REASON")
        case SetLimits():
            if not command.changes():
                raise InvalidField("limits", "there is none", "name at least one limit and its value")
            for name, value in command.changes().items():
                positive(value, name)
        case OverrideLimit():
            override_of(command, now_ms)
        case EndOverride():
            ended(effects.limits(), command, now_ms)
    return None


def limits_after(command: SetLimits | OverrideLimit | EndOverride, limits: Limits, now_ms: int) -> Limits:
    """The limits as the command wants them, one version on."""
    match command:
        case OverrideLimit():
            return overridden(limits, command, now_ms)
        case EndOverride():
            return ended(limits, command, now_ms)
    return msgspec.structs.replace(limits, **command.changes(), version=limits.version + 1)
