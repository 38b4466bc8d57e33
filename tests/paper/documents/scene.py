"""What must have happened before a call can be judged: each given is a small story by REST.

A given leaves ids in the scene, which the tables name with "$". The calls under test are always those of
the first account, alice; bob is the other side.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

BTC = {"symbol": "BTCUSDT"}
HOUR_MS = 3_600_000


class Scene:
    """Two accounts on one venue, and the ids of what they did."""

    def __init__(self, alice: Any, bob: Any) -> None:
        self.alice = alice
        self.bob = bob
        now_ms = alice.venue.session.clock.now_ms()
        first = {"trade": 1, "agg_trade": 1}
        self.ids: dict[str, Any] = first | {"now": now_ms, "hour_ago": now_ms - HOUR_MS}

    async def prepare(self, names: tuple[str, ...]) -> None:
        for name in names:
            await GIVENS[name](self)

    def fill_in(self, params: dict[str, Any]) -> dict[str, Any]:
        """The parameters as they are sent: "$name" replaced, None left out."""
        return {
            name: self.ids[value[1:]] if isinstance(value, str) and value.startswith("$") else value
            for name, value in params.items()
            if value is not None
        }

    def keep(self, name: str, order: dict[str, Any]) -> None:
        self.ids |= {name: order["orderId"], f"{name}_id": order["clientOrderId"]}

    async def list(self, path: str, **params: Any) -> Any:
        reply = await self.alice.signed("POST", f"/api/v3/orderList/{path}", **BTC, **params)
        assert reply.status_code == 200, reply.text
        return reply.json()


async def price(scene: Scene) -> None:
    """A last price of 60000."""
    await scene.bob.limit("SELL", "0.01", "60000")
    await scene.alice.limit("BUY", "0.01", "60000")


async def offer(scene: Scene) -> None:
    await scene.bob.limit("SELL", "1", "60000")


async def own_offer(scene: Scene) -> None:
    await scene.alice.limit("SELL", "0.01", "70000")


async def bid(scene: Scene) -> None:
    await scene.bob.limit("BUY", "1", "60000")


async def bid_low(scene: Scene) -> None:
    await scene.bob.limit("BUY", "0.01", "54000")


async def fall(scene: Scene) -> None:
    """The last price comes down to 55000, by bob alone."""
    for side in ("SELL", "BUY"):
        await scene.bob.limit(side, "0.01", "55000", selfTradePreventionMode="NONE")


async def sell_low(scene: Scene) -> None:
    await scene.bob.limit("SELL", "0.01", "50000")


async def buy_high(scene: Scene) -> None:
    await scene.bob.limit("BUY", "0.01", "70000")


async def opened(scene: Scene) -> None:
    scene.keep("open", await scene.alice.limit("BUY", "0.01", "50000"))


async def expired(scene: Scene) -> None:
    scene.keep("expired", await scene.alice.limit("BUY", "0.01", "50000", force="IOC"))


async def filled(scene: Scene) -> None:
    await offer(scene)
    scene.keep("filled", await scene.alice.order(side="BUY", type="MARKET", quantity="0.01"))


async def stop(scene: Scene) -> None:
    """A stop order that carries a strategy."""
    order = {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "55000"}
    scene.keep("stop", await scene.alice.order(**order, strategyId=7, strategyType=1_000_000))


async def trailing(scene: Scene) -> None:
    order = {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "trailingDelta": 100}
    scene.keep("trailing", await scene.alice.order(**order))


async def oco(scene: Scene) -> None:
    placed = await scene.list(
        "oco", side="SELL", quantity="0.01", aboveType="LIMIT_MAKER", abovePrice="70000",
        belowType="STOP_LOSS", belowStopPrice="55000",
    )  # fmt: skip
    scene.keep("oco_leg", placed["orders"][0])
    scene.ids |= {"oco": placed["orderListId"], "oco_id": placed["listClientOrderId"]}


async def oto(scene: Scene) -> None:
    placed = await scene.list(
        "oto", workingType="LIMIT", workingSide="BUY", workingPrice="50000", workingQuantity="0.01",
        workingTimeInForce="GTC", pendingType="LIMIT", pendingSide="SELL", pendingPrice="70000",
        pendingQuantity="0.01", pendingTimeInForce="GTC",
    )  # fmt: skip
    scene.keep("oto_pending", placed["orders"][1])


async def amended(scene: Scene) -> None:
    order = await scene.alice.limit("BUY", "0.01", "50000")
    which = BTC | {"orderId": order["orderId"], "newQty": "0.005"}
    reply = await scene.alice.signed("PUT", "/api/v3/order/amend/keepPriority", **which)
    assert reply.status_code == 200, reply.text
    scene.keep("amended", reply.json()["amendedOrder"])


async def prevented(scene: Scene) -> None:
    """Alice's own order goes, instead of trading with her next one."""
    maker = await scene.alice.limit("SELL", "0.01", "70000")
    await scene.alice.limit("BUY", "0.01", "70000", selfTradePreventionMode="EXPIRE_MAKER")
    scene.keep("prevented", maker)
    reply = await scene.alice.signed("GET", "/api/v3/order", **BTC, orderId=maker["orderId"])
    scene.ids["match"] = reply.json().get("preventedMatchId")


async def both_prevented(scene: Scene) -> None:
    """Both orders go."""
    maker = await scene.alice.limit("SELL", "0.01", "70000")
    await scene.alice.limit("BUY", "0.01", "70000", selfTradePreventionMode="EXPIRE_BOTH")
    scene.keep("both", maker)


GIVENS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "price": price, "offer": offer, "own offer": own_offer, "bid": bid, "open": opened, "expired": expired,
    "filled": filled, "stop": stop, "trailing": trailing, "oco": oco, "oto": oto, "amended": amended,
    "prevented": prevented, "both prevented": both_prevented, "bid low": bid_low, "fall": fall,
    "sell low": sell_low, "buy high": buy_high,
}  # fmt: skip
