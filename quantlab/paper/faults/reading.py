"""A fault from text: the control endpoint's JSON, or the command line's `name:field=value,...`.

What cannot be used is refused by the field's name with what to give instead; nothing is guessed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import inspect

from quantlab.errors import InvalidField
from quantlab.paper.faults.kinds import (
    KINDS,
    Fault,
    KnownFault,
    SetClock,
    SymbolFilters,
    Transfer,
)

AT = re.compile(r"^(?P<problem>.*?)(?: - at `\$\.?(?P<field>\w*).*`)?$", re.DOTALL)
NAMED = re.compile(r"`(\w+)`$")  # "... missing required field `ms`"
DIGITS = 20  # before and after the point
STEPS = ("tick_size", "step_size")
SYNTAX = (
    "write NAME or NAME:FIELD=VALUE,FIELD=VALUE, for example lost_reply:endpoint=POST /api/v3/order,count=1"
)


def from_json(body: bytes) -> Fault:
    """The fault that a JSON object describes, or `InvalidField`."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise InvalidField("body", "this is no JSON object", 'give {"name": ..., ...}') from None
    name = _name(fields.get("name"))
    try:
        fault: Fault = msgspec.json.decode(body, type=KnownFault)
    except msgspec.ValidationError as error:
        raise _refusal(name, str(error)) from None
    return _checked(fault)


def from_text(text: str) -> Fault:
    """The fault that an option's text describes, or `InvalidField`."""
    name, _, rest = text.partition(":")
    fields: dict[str, str] = {}
    for part in filter(None, rest.split(",")):
        field, sign, value = part.partition("=")
        field = field.strip()
        if not sign or not field.isidentifier() or field == "name":
            raise InvalidField("fault", f"{part!r} is no FIELD=VALUE", SYNTAX)
        if field in fields:
            raise InvalidField(field, "it is given twice", "give it once")
        fields[field] = value.strip()
    name = _known(name.strip())
    try:
        fault: Fault = msgspec.convert(fields | {"name": name}, type=KnownFault, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(name, str(error)) from None
    return _checked(fault)


def remedy(kind: type[Fault], field: str) -> str:
    """What can be given for a field of a fault."""
    for each in inspect.type_info(kind).fields:  # type: ignore[attr-defined]  # a struct's info has them
        if each.name == field:
            return _sentence(each.type)
    return "give one of " + ", ".join(each.name for each in inspect.type_info(kind).fields)  # type: ignore[attr-defined]


def _name(raw: msgspec.Raw | None) -> str:
    try:
        return _known(msgspec.json.decode(raw, type=str) if raw is not None else "")
    except msgspec.DecodeError:
        return _known("")


def _known(name: str) -> str:
    if name not in KINDS:
        problem = f"there is no fault {name!r}" if name else "the fault's name is missing"
        raise InvalidField("name", problem, "give one of " + ", ".join(KINDS))
    return name


def _refusal(name: str, said: str) -> InvalidField:
    """msgspec's sentence as ours: the field, the problem, the remedy."""
    match = AT.match(said)
    problem = match["problem"] if match else said
    field = (match and match["field"]) or ((found := NAMED.search(problem)) and found[1]) or "body"
    return InvalidField(field, problem[:1].lower() + problem[1:], remedy(KINDS[name], field))


def _checked(fault: Fault) -> Fault:
    """What the types alone cannot say."""
    if isinstance(fault, SetClock) and not (fault.offset_ms or fault.drift_ppm):
        raise InvalidField("offset_ms", "the clock would stay as it is", "give offset_ms or drift_ppm")
    if isinstance(fault, SymbolFilters):
        for name, value in fault.changes().items():
            if not _is_amount(value) or value < 0 or (name in STEPS and not value):
                least = "above" if name in STEPS else "from"
                raise InvalidField(name, "this is no bound", f"give a decimal {least} 0 of at most 20 digits")
        if not fault.changes():
            raise InvalidField("tick_size", "no bound is given", remedy(SymbolFilters, "name"))
    if isinstance(fault, Transfer):
        if not _is_amount(fault.amount) or not fault.amount:
            raise InvalidField(
                "amount", "this moves nothing", "give at most 20 digits on either side, negative to take away"
            )
        if fault.duration_ms is not None:
            raise InvalidField(
                "duration_ms", "a transfer has no end", "leave it out, and transfer back with another"
            )
    return fault


def _is_amount(value: Decimal) -> bool:
    """Whether a number is of a size that an exchange can meet."""
    return (
        value.is_finite() and abs(value.adjusted()) <= DIGITS and len(value.as_tuple().digits) <= 2 * DIGITS
    )


def _sentence(kind: Any) -> str:
    match kind:
        case inspect.UnionType(types=types):
            return _sentence(next(each for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.IntType(ge=low, le=high):
            bounds = f" from {low}" if high is None or high >= 2**53 else f" from {low} to {high}"
            return f"give a whole number{bounds}"
        case inspect.FloatType(ge=low, le=high):
            return f"give a number from {low:g} to {high:g}"
        case inspect.LiteralType(values=values):
            return "give one of " + ", ".join(map(str, values))
        case inspect.DecimalType():
            return "give a decimal number as text"
        case inspect.StrType(max_length=longest) if longest is not None:
            return f"give text of at most {longest} characters"
        case _:
            return "give text"
