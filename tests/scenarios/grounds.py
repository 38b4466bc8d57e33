"""Where stories are played over the wire: by REST or by the WebSocket API, with user streams as witness.

A ground performs one step, and then says how orders, balances and events stand. It decides nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from doors import Door, Rest, WsApi, payload
from rows import Row
from story import ACCOUNTS, BALANCES, SYMBOL, Params, Step
from tables import EVERY
from venueclient import Client, Socket, open_socket

from quantlab.paper.orders import Fees
from quantlab.paper.venue import PaperVenue

ROWS: dict[str, Row] = {row.ws: row for row in EVERY}
METHODS = {
    "place": "order.place", "cancel": "order.cancel", "cancel_all": "openOrders.cancelAll",
    "replace": "order.cancelReplace", "amend": "order.amend.keepPriority", "cancel_list": "orderList.cancel",
}  # fmt: skip

Pair = tuple[Decimal, Decimal]
Event = tuple[str, str]  # client id; execution type and status
Standing = tuple[str, Decimal, Decimal]  # status, executed quantity and quote quantity
Fill = tuple[Any, ...]  # symbol, order, trade, price, quantity, commission, its asset, maker


class Outcome(NamedTuple):
    """What the answer to one step said."""

    refused: tuple[int, str] | None = None
    fills: tuple[Pair, ...] = ()
    result: tuple[int, str, str] | None = None


class Ground(Protocol):
    """What plays a story."""

    async def perform(self, step: Step) -> Outcome: ...
    async def order(self, owner: str, name: str) -> tuple[str, Decimal]:
        """Status and executed quantity."""

    async def balances(self, owner: str) -> dict[str, Pair]:
        """Free and locked, by asset."""

    async def events(self) -> list[Event]:
        """What the accounts were told since the last call."""

    async def close_books(self) -> None:
        """At the end, whatever was told must agree with what is."""


class Witness:
    """One account's user stream, and the account that it tells of."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.balances: dict[str, Pair] = {}
        self.orders: dict[tuple[str, int], Standing] = {}  # by symbol and id
        self.trades: set[Fill] = set()

    async def listen(self, client: Client) -> None:
        params = {"apiKey": client.key, "timestamp": client.venue.session.clock.now_ms()}
        signature = client.signature(payload(params))
        reply = await self.socket.ask("userDataStream.subscribe.signature", params | {"signature": signature})
        assert reply["status"] == 200, reply

    async def hear(self) -> list[Event]:
        """Every execution report until now."""
        await self.socket.send({"id": "mark", "method": "ping"})
        found = []
        while (message := await self.socket.receive()).get("id") != "mark":
            event = message["event"]
            if event["e"] == "executionReport":
                which = event["s"], event["i"]
                self.orders[which] = event["X"], Decimal(event["z"]), Decimal(event["Z"])
                if event["x"] == "TRADE":
                    self.trades.add((
                        *which, event["t"], Decimal(event["L"]), Decimal(event["l"]), Decimal(event["n"]),
                        event["N"], event["m"],
                    ))  # fmt: skip
                found.append((event["C"] or event["c"], f"{event['x']} {event['X']}"))
            elif event["e"] == "outboundAccountPosition":
                held = {one["a"]: (Decimal(one["f"]), Decimal(one["l"])) for one in event["B"]}
                self.balances |= held
        return found


class Wire:
    """A venue, and for each account a door and a witness."""

    def __init__(self, venue: PaperVenue, doors: dict[str, Door], witnesses: dict[str, Witness]) -> None:
        self.venue = venue
        self.doors = doors
        self.witnesses = witnesses

    async def perform(self, step: Step) -> Outcome:
        if step.do == "advance":
            await self.venue.advance(step.params["ms"])
            return Outcome()
        if step.do == "fees":
            self.venue.exchange.set_fees(f"account-{ACCOUNTS.index(step.by) + 1}", SYMBOL, fees_of(step))
            return Outcome()
        method, params = _request(step)
        reply = await self.doors[step.by].call(ROWS[method], {"symbol": SYMBOL} | params)
        body = reply.body
        if step.do == "replace":
            halves = body.get("data", body)
            return Outcome(result=(reply.status, halves["cancelResult"], halves["newOrderResult"]))
        if reply.status != 200:
            return Outcome(refused=(body["code"], body["msg"]))
        fills = body.get("fills", ()) if isinstance(body, dict) else ()
        return Outcome(fills=tuple((Decimal(one["price"]), Decimal(one["qty"])) for one in fills))

    async def order(self, owner: str, name: str) -> tuple[str, Decimal]:
        found = await self._ask(owner, "order.status", {"symbol": SYMBOL, "origClientOrderId": name})
        return found["status"], Decimal(found["executedQty"])

    async def balances(self, owner: str) -> dict[str, Pair]:
        found = await self._ask(owner, "account.status", {})
        return {one["asset"]: (Decimal(one["free"]), Decimal(one["locked"])) for one in found["balances"]}

    async def events(self) -> list[Event]:
        return [event for witness in self.witnesses.values() for event in await witness.hear()]

    async def close_books(self) -> None:
        """Balances, orders and trades are what the user streams have told of them."""
        await self.events()
        for owner, witness in self.witnesses.items():
            held = await self.balances(owner)
            assert {asset: held[asset] for asset in witness.balances} == witness.balances
            for which, told in witness.orders.items():
                assert await self._standing(owner, *which) == told
            for symbol in {symbol for symbol, _ in witness.orders}:
                told_here = {fill for fill in witness.trades if fill[0] == symbol}
                assert await self._fills(owner, symbol) == told_here

    async def _standing(self, owner: str, symbol: str, order_id: int) -> Standing:
        """Of a rejected order the account is told, and there never was one."""
        which = {"symbol": symbol, "orderId": order_id}
        reply = await self.doors[owner].call(ROWS["order.status"], which)
        if reply.status != 200:
            assert reply.body["code"] == -2013, reply.body
            return "REJECTED", Decimal(0), Decimal(0)
        found = reply.body
        return found["status"], Decimal(found["executedQty"]), Decimal(found["cummulativeQuoteQty"])

    async def _fills(self, owner: str, symbol: str) -> set[Fill]:
        found = await self._ask(owner, "myTrades", {"symbol": symbol})
        return {
            (
                symbol, one["orderId"], one["id"], Decimal(one["price"]), Decimal(one["qty"]),
                Decimal(one["commission"]), one["commissionAsset"], one["isMaker"],
            )
            for one in found
        }  # fmt: skip

    async def _ask(self, owner: str, method: str, params: Params) -> Any:
        reply = await self.doors[owner].call(ROWS[method], params)
        assert reply.status == 200, reply.body
        return reply.body


def fees_of(step: Step) -> Fees:
    numbers = {name: Decimal(text) for name, text in step.params.items() if name != "discount_asset"}
    return Fees(**numbers, discount_asset=step.params.get("discount_asset"))


def _request(step: Step) -> tuple[str, Params]:
    """The WebSocket name of the endpoint, and its parameters without the symbol."""
    params = dict(step.params)
    if step.do == "place_list":
        return f"orderList.place.{params.pop('kind')}", params
    if step.do in ("cancel", "amend"):
        params["origClientOrderId"] = step.name
    if step.do == "amend":
        params["newClientOrderId"] = step.name
    if step.do == "cancel_list":
        params["listClientOrderId"] = step.name
    if step.do in ("place", "replace"):
        params |= {"newOrderRespType": "FULL"}
    return METHODS[step.do], params


@asynccontextmanager
async def wire(kind: str) -> AsyncIterator[Wire]:
    """A fresh venue on a manual clock, asked by `kind`: rest or ws."""
    async with AsyncExitStack() as opened:
        enter = opened.enter_async_context
        venue = await enter(PaperVenue(market="none", clock="manual", balances=BALANCES))
        doors: dict[str, Door] = {}
        witnesses = {}
        for number, name in enumerate(ACCOUNTS):
            client = await enter(Client(venue, number))
            doors[name] = (
                Rest(client) if kind == "rest" else WsApi(client, await enter(open_socket(venue.ws_api)))
            )
            witnesses[name] = Witness(await enter(open_socket(venue.ws_api)))
            await witnesses[name].listen(client)
        yield Wire(venue, doors, witnesses)
