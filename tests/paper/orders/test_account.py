"""What an account can read of itself, and what it is told of without having asked for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from quantlab.paper.orders import Fees
from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
BTC: dict[str, Any] = {"symbol": "BTCUSDT"}


async def test_commissions_are_told_by_account_and_by_symbol(ask, venue: PaperVenue) -> None:
    """The account's usual rates, and those that one symbol has of its own, with the discount asset."""
    special = Fees(
        maker=Decimal("0.0002"), taker=Decimal("0.0004"), discount_asset="BNB", discount=Decimal("0.25")
    )
    venue.exchange.set_fees("account-1", "ETHUSDT", special)
    zero = dict.fromkeys(("maker", "taker", "buyer", "seller"), "0.00000000")

    _, usual = await ask("account.commission", **BTC)
    _, own = await ask("account.commission", symbol="ETHUSDT")
    assert usual == {
        "symbol": "BTCUSDT",
        "standardCommission": zero | {"maker": "0.00100000", "taker": "0.00100000"},
        "specialCommission": zero, "taxCommission": zero,
        "discount": {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB",
                     "discount": "0.00000000"},
    }  # fmt: skip
    assert own["standardCommission"] == zero | {"maker": "0.00020000", "taker": "0.00040000"}
    assert own["discount"] == {
        "enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.25000000",
    }  # fmt: skip
    _, account = await ask("account.status")
    assert (account["makerCommission"], account["commissionRates"]) == (
        10, zero | {"maker": "0.00100000", "taker": "0.00100000"},
    )  # fmt: skip


async def test_my_filters_are_those_of_exchange_info(ask, alice) -> None:
    """What an account meets on a symbol is what everybody is told of it, and of the exchange."""
    _, mine = await ask("myFilters", **BTC)
    told = await alice.get("/api/v3/exchangeInfo", symbol="BTCUSDT")

    assert mine == {
        "exchangeFilters": told["exchangeFilters"], "symbolFilters": told["symbols"][0]["filters"],
        "assetFilters": [],
    }  # fmt: skip
    alice.venue.exchange.set_most("account-1", "USDT", Decimal(5_000))
    alice.venue.exchange.set_most("account-1", "ETH", Decimal(1))
    _, bounded = await ask("myFilters", **BTC)
    assert bounded["assetFilters"] == [{"filterType": "MAX_ASSET", "asset": "USDT", "limit": "5000.00000000"}]
    kinds = [row["filterType"] for row in mine["symbolFilters"]]
    assert {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL", "TRAILING_DELTA", "MAX_NUM_ORDER_LISTS"} <= set(kinds)
    assert len(set(kinds)) == len(kinds)


async def test_a_first_fill_takes_orders_off_the_count(ask, bob) -> None:
    """One as taker; five as maker, as in the FAQ's example; a later fill takes none."""
    order = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}

    async def count() -> int:
        rows = (await ask("account.rateLimits.orders"))[1]
        assert {row["count"] for row in rows} == {rows[0]["count"]}
        return rows[0]["count"]

    for _ in range(7):
        await ask("order.place", **order)
    assert await count() == 7
    await bob.limit("SELL", "0.005", "50000")
    assert await count() == 2
    await bob.limit("SELL", "0.005", "50000")
    assert await count() == 2
    await bob.limit("SELL", "0.01", "60000")
    await ask("order.place", **(order | {"price": "60000"}))
    assert await count() == 2


async def test_only_a_placing_tells_how_many_orders_were_placed(alice) -> None:
    """X-MBX-ORDER-COUNT headers come with placed orders, not with cancels, tests and queries."""
    order = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
    placed = await alice.signed("POST", "/api/v3/order", **order)
    which = BTC | {"orderId": placed.json()["orderId"]}
    others = [
        await alice.signed("POST", "/api/v3/order/test", **order),
        await alice.signed("PUT", "/api/v3/order/amend/keepPriority", **which, newQty="0.005"),
        await alice.signed("GET", "/api/v3/order", **which),
        await alice.signed("DELETE", "/api/v3/order", **which),
    ]

    def counts(reply: Any) -> dict[str, str]:
        return {name: value for name, value in reply.headers.items() if name.startswith("x-mbx-order-count")}

    assert counts(placed) == {"x-mbx-order-count-10s": "1", "x-mbx-order-count-1d": "1"}
    assert [counts(reply) for reply in others] == [{}, {}, {}, {}]


async def test_a_transfer_is_a_balance_update(ask, venue: PaperVenue, ears) -> None:
    """balanceUpdate with the signed amount, then the balances as they stand."""
    venue.exchange.transfer("account-1", "USDT", Decimal("-12.5"), START_MS)
    venue.session.publish()

    update, position = await ears.heard()
    assert update == {
        "e": "balanceUpdate", "E": START_MS, "a": "USDT", "d": "-12.50000000", "T": START_MS,
    }  # fmt: skip
    assert (position["e"], position["B"]) == (
        "outboundAccountPosition", [{"a": "USDT", "f": "999987.50000000", "l": "0.00000000"}],
    )  # fmt: skip
