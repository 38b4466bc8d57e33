"""Stories of plain orders: price and time, times in force, market orders, makers, funds and fees."""

from __future__ import annotations

from story import OTHER, Story, advance, amend, cancel, cancel_all, fees, limit, market, place, trade_at

NO_FUNDS = (-2010, "Account has insufficient balance for requested action.")
WOULD_MATCH = (-2010, "Order would immediately match and take.")
UNKNOWN = (-2011, "Unknown order sent.")
NO_CHANGE = (-2038, "The requested action would change no state; rejecting")
NO_INCREASE = (-2038, "Order amend (quantity increase) is not supported.")
DUPLICATE = (-2010, "Duplicate order sent.")

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

FUNDS = (
    Story(
        "an open order locks what it may cost, and a cancel gives it back",
        (
            limit("alice", "bid", "BUY", "1", "50000", holds={"USDT": ("950000", "50000")}),
            limit("alice", "ask", "SELL", "2", "70000", holds={"BTC": ("8", "2")}),
            cancel("alice", "bid", holds={"USDT": ("1000000", "0"), "BTC": ("8", "2")}),
            cancel("alice", "ask", holds={"USDT": ("1000000", "0"), "BTC": ("10", "0")}),
        ),
    ),
    Story(
        "a better price than the limit gives the difference back at once",
        (
            limit("bob", "offer", "SELL", "1", "59000"),
            limit("alice", "bid", "BUY", "1", "60000", holds={"USDT": ("941000", "0")}),
        ),
    ),
    Story(
        "what is not there cannot be spent, and what is locked neither",
        (
            limit("alice", "dear", "BUY", "17", "60000", refused=NO_FUNDS),
            limit("alice", "most", "SELL", "9.5", "70000"),
            limit("alice", "more", "SELL", "0.6", "70000", refused=NO_FUNDS, holds={"BTC": ("0.5", "9.5")}),
            market("alice", "now", "SELL", "0.6", refused=NO_FUNDS),
        ),
    ),
    Story(
        "a buyer pays commission in what it bought, a seller in what it got for it",
        (
            limit("bob", "offer", "SELL", "1", "60000"),
            market("alice", "buy", "BUY", "1", holds={"BTC": ("10.999", "0"), "USDT": ("940000", "0")}),
            limit("bob", "bid", "BUY", "1", "50000"),
            market("alice", "sell", "SELL", "1", holds={"BTC": ("9.999", "0"), "USDT": ("989950", "0")}),
        ),
    ),
    Story(
        "a client id is unique among open orders, and free again afterwards",
        (
            limit("alice", "same", "BUY", "1", "50000"),
            limit("alice", "same", "BUY", "2", "50000", refused=DUPLICATE),
            cancel("alice", "same"),
            limit("alice", "same", "BUY", "2", "50000", orders={"same": ("NEW", "0")}),
        ),
    ),
    Story(
        "cancel all takes every open order of the symbol, and only the account's own",
        (
            limit("alice", "a", "BUY", "1", "50000"),
            limit("alice", "b", "SELL", "1", "70000"),
            limit("bob", "his", "BUY", "1", "50000"),
            cancel_all("alice", orders={"a": ("CANCELED", "0"), "b": ("CANCELED", "0"), "his": ("NEW", "0")},
                       holds={"USDT": ("1000000", "0"), "BTC": ("10", "0")}),
            cancel_all("alice", refused=UNKNOWN),
        ),
    ),
)  # fmt: skip

FEES = (
    Story(
        "maker and taker pay what is theirs",
        (
            fees("alice", maker="0.0002", taker="0.003"),
            limit("alice", "maker", "BUY", "1", "60000"),
            limit("bob", "seller", "SELL", "1", "60000"),
            limit("bob", "offer", "SELL", "1", "60000"),
            market("alice", "taker", "BUY", "1", holds={"BTC": ("11.9968", "0")}),
        ),
    ),
    Story(
        "with a third asset the commission is taken from it, at its price and with its discount",
        (
            *trade_at("3000", symbol=OTHER),
            fees("alice", maker="0.001", taker="0.001", discount_asset="ETH", discount="0.25"),
            limit("bob", "offer", "SELL", "1", "60000"),
            market("alice", "buy", "BUY", "1", holds={"BTC": ("11", "0"), "ETH": ("99.985", "0")}),
        ),
    ),
    Story(
        "without a price for the third asset the commission is taken as ever",
        (
            fees("alice", maker="0.001", taker="0.001", discount_asset="ETH", discount="0.25"),
            limit("bob", "offer", "SELL", "1", "60000"),
            market("alice", "buy", "BUY", "1", holds={"BTC": ("10.999", "0"), "ETH": ("100", "0")}),
        ),
    ),
)  # fmt: skip

SYMBOLS_AND_TIME = (
    Story(
        "orders of different symbols never meet",
        (
            limit("bob", "btc", "SELL", "1", "60000"),
            limit("alice", "eth", "BUY", "1", "60000", symbol=OTHER, fills=(), events={"eth": ("NEW NEW",)}),
            limit("alice", "taker", "BUY", "1", "60000", fills=(("60000", "1"),)),
        ),
    ),
    Story(
        "an order outlives its day",
        (
            limit("alice", "old", "SELL", "1", "60000"),
            advance(86_400_000),
            limit("bob", "young", "SELL", "1", "60000"),
            limit("bob", "taker", "BUY", "1", "60000", fills=(("60000", "1"),),
                  orders={"old": ("FILLED", "1"), "young": ("NEW", "0")}),
        ),
    ),
)  # fmt: skip

AMENDS = (
    Story(
        "an amended order is smaller, keeps its place, and gives back what it locked",
        (
            limit("alice", "first", "BUY", "2", "60000"),
            limit("bob", "second", "BUY", "1", "60000"),
            amend("alice", "first", "0.5", holds={"USDT": ("970000", "30000")},
                  orders={"first": ("NEW", "0")}, events={"first": ("REPLACED NEW",)}),
            limit("bob", "seller", "SELL", "0.5", "60000", selfTradePreventionMode="EXPIRE_TAKER",
                  orders={"first": ("FILLED", "0.5"), "second": ("NEW", "0")}),
        ),
    ),
    Story(
        "an order can be amended down only, and not below what it has filled",
        (
            limit("alice", "maker", "SELL", "1", "60000"),
            limit("bob", "taker", "BUY", "0.4", "60000"),
            amend("alice", "maker", "1", refused=NO_CHANGE),
            amend("alice", "maker", "2", refused=NO_INCREASE),
            amend("alice", "maker", "0.5", orders={"maker": ("PARTIALLY_FILLED", "0.4")},
                  holds={"BTC": ("9.5", "0.1")}),
        ),
    ),
)  # fmt: skip

PLAIN = (
    *PRICE_AND_TIME, *TIMES_IN_FORCE, *MARKET_ORDERS, *MAKERS, *FUNDS, *FEES, *SYMBOLS_AND_TIME, *AMENDS,
)  # fmt: skip
