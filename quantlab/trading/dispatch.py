"""Each kind of request to the one method of the client that sends it, and its answer to answers of ours.

Runs on the wire loop. Only `sender.OrderSender` calls this: it has written the line before and
checked the permit's time, and it posts what is answered here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from quantlab.domain.order_lists import (
    AmendRequest,
    AnyRequest,
    ListKind,
    OrderListRequest,
    ReplaceRequest,
    orders_of,
)
from quantlab.domain.orders import OrderAck, OrderRequest
from quantlab.domain.permit import Permit
from quantlab.errors import OrderRejected
from quantlab.trading.answers import OrderAnswer
from quantlab.trading.states import OrderEvent

CODE = re.compile(r"(-[0-9]+) ", re.ASCII)
REPLACE = "POST /api/v3/order/cancelReplace"


class PlacingClient(Protocol):
    """The client's methods that need a permit; see `binance.client`."""

    async def submit_order(self, request: OrderRequest, permit: Permit) -> OrderAck: ...

    async def submit_oco(self, request: OrderListRequest, permit: Permit) -> Any: ...

    async def submit_oto(self, request: OrderListRequest, permit: Permit) -> Any: ...

    async def submit_otoco(self, request: OrderListRequest, permit: Permit) -> Any: ...

    async def cancel_replace(self, request: ReplaceRequest, permit: Permit) -> Any: ...

    async def amend_keep_priority(
        self, symbol: str, new_quantity: object, *, client_order_id: str, order_id: int | None = None
    ) -> Any: ...


class Placed(NamedTuple):
    """What came of a request that the venue answered: one answer for each new order of it.

    `traded`: reports of fills are on their way. `refusal` is what the one who waits is told, where the
    venue did a part and refused the rest.
    """

    answers: tuple[OrderAnswer, ...]
    traded: bool
    refusal: OrderRejected | None = None


async def place(client: PlacingClient, request: AnyRequest, permit: Permit, now_ns: int) -> Placed:
    """Send `request` once and say what the venue answered; raises what the client raises.

    `now_ns` is the monotonic clock, at which the permit of an amendment is spent: the venue lets an order
    only become smaller by it, so that the client asks for none.
    """
    match request:
        case OrderListRequest():
            send = {
                ListKind.OCO: client.submit_oco,
                ListKind.OTO: client.submit_oto,
                ListKind.OTOCO: client.submit_otoco,
            }[request.kind]
            return _taken((await send(request, permit)).placed)
        case ReplaceRequest():
            return _replaced(await client.cancel_replace(request, permit), request)
        case AmendRequest():
            permit.redeem(request, now_ns)
            await client.amend_keep_priority(
                request.symbol,
                request.new_quantity,
                client_order_id=request.client_order_id,
                order_id=request.order_id,
            )
            return Placed((), traded=True)  # a report of what is left is on its way, as of a fill
    return _taken((await client.submit_order(request, permit),))


def line_of(request: AnyRequest) -> tuple[str, Mapping[str, Any]]:
    """The kind of the journal's line before `request` is sent, and what stands in it."""
    match request:
        case OrderListRequest():
            named = {"kind": request.kind.value, "list_client_order_id": request.list_client_order_id}
            return "intent", {"orders": request.orders, "list": named}
        case ReplaceRequest():
            fields = msgspec.structs.asdict(request)
            return "intent", {"order": fields.pop("order"), "replaces": fields}
        case AmendRequest():
            return "amend", msgspec.structs.asdict(request)
    return "intent", {"order": request}


def _taken(acks: tuple[OrderAck, ...]) -> Placed:
    answers = tuple(
        OrderAnswer(client_order_id=ack.client_order_id, event=OrderEvent.ACK, order_id=ack.order_id)
        for ack in acks
    )
    return Placed(answers, traded=any(ack.executed_quantity for ack in acks))


def _replaced(replaced: Any, request: ReplaceRequest) -> Placed:
    """The new order's answer: placed, refused although the old one was cancelled, or not attempted."""
    (order,) = orders_of(request)
    ack: OrderAck | None = replaced.placed
    if ack is not None:
        answer = OrderAnswer(
            client_order_id=ack.client_order_id,
            event=OrderEvent.ACK,
            order_id=ack.order_id,
            reason=f"the old order was not cancelled: {replaced.cancel_problem}"
            if replaced.cancelled is None
            else "",
        )
        return Placed((answer,), traded=True)  # the report of the cancel is on its way too
    problem = replaced.order_problem or "it was not attempted"
    found = CODE.match(problem)
    code = int(found[1]) if found else 0
    answer = OrderAnswer(
        client_order_id=order.client_order_id, event=OrderEvent.REFUSED, reason=problem, code=code
    )
    said = f"{problem.removeprefix(found[0]) if found else problem}; the old order is cancelled"
    refusal = OrderRejected(
        code, said, status=400, method=REPLACE, client_order_id=order.client_order_id
    )  # fmt: skip
    return Placed((answer,), traded=True, refusal=refusal)
