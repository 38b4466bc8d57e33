"""Stories of plain orders: price and time, times in force, market orders, makers."""

from __future__ import annotations

from story import Story, cancel, limit, market, place

WOULD_MATCH = (-2010, "Order would immediately match and take.")
UNKNOWN = (-2011, "Unknown order sent.")

PRICE_AND_TIME = (
    Story(
        "the better price trades first, whenever it came",
        (
            limit("bob", "worse", "SELL", "1", "60001"),
            limit("bob", "better", "SELL", "1", "60000"),
            limit(
                "alice", "taker", "BUY", "1", "60001", fills=(("60000", "1"),),
                orders={"worse": ("NEW", "0"), "better": ("FILLED", "1"), "taker": ("FILLED", "1")},
            ),
        ),
    ),
    Story(
        "of equal prices the older trades first",
        (
            limit("bob", "first", "SELL", "1", "60000"),
            limit("bob", "second", "SELL", "1", "60000"),
            limit(
                "alice", "taker", "BUY", "1.5", "60000", fills=(("60000", "1"), ("60000", "0.5")),
                orders={"first": ("FILLED", "1"), "second": ("PARTIALLY_FILLED", "0.5")},
            ),
        ),
    ),
    Story(
        "a trade is at the price of the order that rested",
        (
            limit("bob", "bid", "BUY", "1", "60010"),
            limit("alice", "cheap", "SELL", "1", "59000", fills=(("60010", "1"),)),
        ),
    ),
    Story(
        "a taker goes through the levels, and its rest becomes a maker",
        (
            limit("bob", "a", "SELL", "1", "60000"),
            limit("bob", "b", "SELL", "1", "60001"),
            limit(
                "alice", "big", "BUY", "3", "60001", fills=(("60000", "1"), ("60001", "1")),
                orders={"big": ("PARTIALLY_FILLED", "2")},
                events={
                    "big": ("NEW NEW", "TRADE PARTIALLY_FILLED", "TRADE PARTIALLY_FILLED"),
                    "a": ("TRADE FILLED",), "b": ("TRADE FILLED",),
                },
            ),
            limit("bob", "c", "SELL", "1", "60000", fills=(("60001", "1"),), orders={"big": ("FILLED", "3")}),
        ),
    ),
    Story(
        "an order is filled by many, bit by bit",
        (
            limit("alice", "maker", "BUY", "1", "60000", events={"maker": ("NEW NEW",)}),
            limit("bob", "a", "SELL", "0.3", "60000", orders={"maker": ("PARTIALLY_FILLED", "0.3")}),
            limit("bob", "b", "SELL", "0.3", "60000", orders={"maker": ("PARTIALLY_FILLED", "0.6")}),
            limit(
                "bob", "c", "SELL", "0.4", "60000", orders={"maker": ("FILLED", "1")},
                events={"maker": ("TRADE FILLED",), "c": ("NEW NEW", "TRADE FILLED")},
            ),
        ),
    ),
    Story(
        "a cancelled order meets nobody, and the next one in its line does",
        (
            limit("alice", "gone", "SELL", "1", "60000"),
            limit("alice", "next", "SELL", "1", "60000"),
            cancel("alice", "gone", events={"gone": ("CANCELED CANCELED",)}),
            limit("bob", "taker", "BUY", "1", "60000", orders={"next": ("FILLED", "1")}),
        ),
    ),
    Story(
        "what is left of a partly filled order can be cancelled once, and no more",
        (
            limit("alice", "maker", "SELL", "1", "60000"),
            limit("bob", "taker", "BUY", "0.4", "60000"),
            cancel("alice", "maker", orders={"maker": ("CANCELED", "0.4")}),
            cancel("alice", "maker", refused=UNKNOWN),
        ),
    ),
)  # fmt: skip

TIMES_IN_FORCE = (
    Story(
        "an IOC order takes what is there, and its rest expires",
        (
            limit("bob", "offer", "SELL", "1", "60000"),
            limit(
                "alice", "ioc", "BUY", "3", "60000", "IOC", fills=(("60000", "1"),),
                orders={"ioc": ("EXPIRED", "1")},
                events={"ioc": ("NEW NEW", "TRADE PARTIALLY_FILLED", "EXPIRED EXPIRED"),
                        "offer": ("TRADE FILLED",)},
            ),
        ),
    ),
    Story(
        "an IOC order that finds nothing expires whole",
        (limit("alice", "ioc", "BUY", "1", "60000", "IOC", fills=(), orders={"ioc": ("EXPIRED", "0")}),),
    ),
    Story(
        "an FOK order fills when all of it can",
        (
            limit("bob", "a", "SELL", "1", "60000"),
            limit("bob", "b", "SELL", "1", "60001"),
            limit("alice", "fok", "BUY", "2", "60001", "FOK", fills=(("60000", "1"), ("60001", "1"))),
        ),
    ),
    Story(
        "an FOK order that cannot fill whole touches nothing",
        (
            limit("bob", "a", "SELL", "1", "60000"),
            limit("bob", "b", "SELL", "1", "60002"),
            limit(
                "alice", "fok", "BUY", "2", "60001", "FOK", fills=(),
                orders={"fok": ("EXPIRED", "0"), "a": ("NEW", "0"), "b": ("NEW", "0")},
            ),
        ),
    ),
)  # fmt: skip

MARKET_ORDERS = (
    Story(
        "a market order takes the best prices there are",
        (
            limit("bob", "a", "SELL", "1", "60000"),
            limit("bob", "b", "SELL", "1", "61000"),
            market("alice", "now", "BUY", "1.5", fills=(("60000", "1"), ("61000", "0.5"))),
        ),
    ),
    Story(
        "a market order that empties the book expires with what it got",
        (
            limit("bob", "a", "SELL", "1", "60000"),
            market("alice", "now", "BUY", "1.5", fills=(("60000", "1"),), orders={"now": ("EXPIRED", "1")}),
        ),
    ),
    Story(
        "a market order by quote spends no more than it says, in whole lots",
        (
            limit("bob", "a", "SELL", "1", "60000"),
            limit("bob", "b", "SELL", "1", "70000"),
            place(
                "alice", "spend", "BUY", "MARKET", quoteOrderQty="60070.5",
                fills=(("60000", "1"), ("70000", "0.001")), orders={"spend": ("FILLED", "1.001")},
            ),
        ),
    ),
    Story(
        "a market sale by quote sells as much as brings in what it says",
        (
            limit("bob", "bid", "BUY", "1", "60000"),
            place("alice", "raise", "SELL", "MARKET", quoteOrderQty="600", fills=(("60000", "0.01"),)),
        ),
    ),
)  # fmt: skip

MAKERS = (
    Story(
        "a LIMIT_MAKER rests, and is filled as a maker",
        (
            place("alice", "maker", "SELL", "LIMIT_MAKER", quantity="1", price="60000",
                  events={"maker": ("NEW NEW",)}, orders={"maker": ("NEW", "0")}),
            limit("bob", "taker", "BUY", "1", "60000", orders={"maker": ("FILLED", "1")}),
        ),
    ),
    Story(
        "a LIMIT_MAKER that would take is refused, and leaves nothing behind",
        (
            limit("bob", "bid", "BUY", "1", "60000"),
            place("alice", "maker", "SELL", "LIMIT_MAKER", quantity="1", price="60000", refused=WOULD_MATCH,
                  holds={"BTC": ("10", "0")}, events={}, orders={"bid": ("NEW", "0")}),
        ),
    ),
)  # fmt: skip

TRADING = (*PRICE_AND_TIME, *TIMES_IN_FORCE, *MARKET_ORDERS, *MAKERS)
