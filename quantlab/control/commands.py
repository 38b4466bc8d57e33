"""Commands: what somebody wants done, as data that could cross a process boundary.

Pure. No engine object ever stands in a command, and there is one text for one command: what
decodes but would be written otherwise (unknown names, numbers for money, blanks) is refused, so
a signature over the bytes is a signature over the meaning.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.domain.decimals import exact
from quantlab.domain.order_lists import AmendRequest, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest
from quantlab.errors import InvalidField

MAX_BYTES = 4_096


class SubmitOrder(msgspec.Struct, frozen=True, tag_field="command", tag="submit_order"):
    """Send one order.

    `reduce_only`: deny it where it could trade more than the position. Spot venues have no such order: our
    rails see to it, when it is sent. `strategy`: who sends it; empty: somebody by hand.
    """

    request: OrderRequest
    reduce_only: bool = False
    strategy: str = ""

    def describe(self) -> str:
        return f"{self.request.describe()}{' reduce-only' if self.reduce_only else ''}"


class SubmitList(msgspec.Struct, frozen=True, tag_field="command", tag="submit_list"):
    """Send one list of orders: a pair, or orders that follow another one."""

    request: OrderListRequest
    strategy: str = ""

    def describe(self) -> str:
        return self.request.describe()


class ReplaceOrder(msgspec.Struct, frozen=True, tag_field="command", tag="replace_order"):
    """Cancel one order of ours and send another one, in one request."""

    request: ReplaceRequest
    reduce_only: bool = False
    strategy: str = ""

    def describe(self) -> str:
        return self.request.describe()


class AmendOrder(msgspec.Struct, frozen=True, tag_field="command", tag="amend_order"):
    """Make one order of ours smaller; it keeps its place in the queue."""

    request: AmendRequest

    def describe(self) -> str:
        return self.request.describe()


class Flatten(msgspec.Struct, frozen=True, tag_field="command", tag="flatten"):
    """Cancel what is open and trade the position to zero, of one symbol or of all (None)."""

    symbol: str | None = None
    strategy: str = ""

    def describe(self) -> str:
        return f"flatten {self.symbol or 'every symbol'}"


class CancelOrder(msgspec.Struct, frozen=True, tag_field="command", tag="cancel_order"):
    """Cancel one of our orders by its client order id."""

    symbol: str
    client_order_id: str

    def describe(self) -> str:
        return f"cancel {self.client_order_id} of {self.symbol}"


class CancelAll(msgspec.Struct, frozen=True, tag_field="command", tag="cancel_all"):
    """Cancel every open order of one symbol, or of all (None)."""

    symbol: str | None = None

    def describe(self) -> str:
        return f"cancel all of {self.symbol or 'every symbol'}"


class AllowRerun(msgspec.Struct, frozen=True, tag_field="command", tag="allow_rerun"):
    """Let the cell that was held back last send its orders a second time; `every`: let all cells."""

    every: bool = False

    def describe(self) -> str:
        return f"let {'every cell' if self.every else 'the cell that was held back'} send once more"


class Halt(msgspec.Struct, frozen=True, tag_field="command", tag="halt"):
    """Deny every new order until `Resume`; cancels still pass. Needs no token."""

    reason: str

    def describe(self) -> str:
        return f"halt: {self.reason}"


class Resume(msgspec.Struct, frozen=True, tag_field="command", tag="resume"):
    """Lift the HALT; the reason is required and goes to the journal."""

    reason: str

    def describe(self) -> str:
        return f"resume: {self.reason}"


class SetLimits(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag="set_limits"):
    """Change limits; None leaves one as it is. Meaning and units are those of `domain.limits.Limits`."""

    max_order_notional: Decimal | None = None
    max_order_quantity: Decimal | None = None
    max_position: Decimal | None = None
    max_gross_exposure: Decimal | None = None
    max_net_exposure: Decimal | None = None
    max_open_orders: int | None = None
    max_open_notional: Decimal | None = None
    price_collar: Decimal | None = None
    window_collar: Decimal | None = None
    max_spread: Decimal | None = None
    max_price_age_ms: int | None = None
    max_health_age_ms: int | None = None
    max_orders_per_second: int | None = None
    max_amends_per_second: int | None = None
    max_cancels_per_second: int | None = None
    min_budget_left: int | None = None
    max_identical_orders: int | None = None
    identical_window_ms: int | None = None
    max_repeats: int | None = None
    repeat_window_ms: int | None = None
    max_error_rate: Decimal | None = None
    min_answers: int | None = None
    stops_before_cooldown: int | None = None
    cooldown_ms: int | None = None
    min_equity: Decimal | None = None
    max_daily_loss: Decimal | None = None
    max_drawdown: Decimal | None = None

    def changes(self) -> dict[str, Decimal | int]:
        """The limits that are given, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}

    def describe(self) -> str:
        return "limits: " + ", ".join(f"{name}={value}" for name, value in self.changes().items())


class OverrideLimit(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag="override_limit"):
    """Let one of our own limits be broken until `until_ms` (UTC), in one symbol ("*": in all)."""

    rail: str
    symbol: str
    until_ms: int
    reason: str

    def describe(self) -> str:
        return f"override {self.rail} of {self.symbol}: {self.reason}"


class EndOverride(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag="end_override"):
    """End the overrides of a rail in one symbol ("*": those for all symbols) before their time."""

    rail: str
    symbol: str

    def describe(self) -> str:
        return f"end the override of {self.rail} of {self.symbol}"


class PromoteModel(msgspec.Struct, frozen=True, tag_field="command", tag="promote_model"):
    """Let a learner's shadow change places with the model that is heard."""

    name: str

    def describe(self) -> str:
        return f"promote the shadow of model {self.name}"


class RollBackModel(msgspec.Struct, frozen=True, tag_field="command", tag="roll_back_model"):
    """Undo a promotion; with `version` go on from that version in the store, of one key."""

    name: str
    key: str = ""
    version: int = 0

    def describe(self) -> str:
        to = f" of {self.key} to version {self.version}" if self.version else ""
        return f"roll back model {self.name}{to}"


ModelChange = PromoteModel | RollBackModel

Placing = SubmitOrder | SubmitList | ReplaceOrder
"""What may create or enlarge exposure, and takes from a budget."""

Command = (
    Placing
    | AmendOrder
    | Flatten
    | CancelOrder
    | CancelAll
    | AllowRerun
    | Halt
    | Resume
    | SetLimits
    | OverrideLimit
    | EndOverride
    | ModelChange
)


def encode(command: Command) -> bytes:
    """The one text of this command; its money is exact decimal text."""
    return msgspec.json.encode(command)


def decode(content: bytes) -> Command:
    """The command that `encode` wrote.

    Raises:
        InvalidField: No command, not in the one form, or an amount that is not exact.
    """
    remedy = "send what commands.encode wrote"
    if len(content) > MAX_BYTES:
        raise InvalidField("command", f"it is longer than {MAX_BYTES} bytes", remedy)
    try:
        command: Command = msgspec.json.decode(content, type=Command)
    except msgspec.DecodeError as error:
        raise InvalidField("command", str(error), remedy) from None
    _require_exact(command)
    if encode(command) != content:
        raise InvalidField("command", "it is not in the one form that we write", remedy)
    return command


def _require_exact(value: object, field: str = "") -> None:
    """Every amount in `value`, however deep it stands, must be exact."""
    if isinstance(value, Decimal):
        exact(value, field)
    elif isinstance(value, tuple):
        for each in value:
            _require_exact(each, field)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _require_exact(getattr(value, name), name)
