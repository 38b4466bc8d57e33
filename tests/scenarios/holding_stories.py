"""Stories of what accounts hold and pay, of their symbols and days, and of orders made smaller."""

from __future__ import annotations

from story import OTHER, Story, advance, amend, cancel, cancel_all, fees, limit, market, trade_at

NO_FUNDS = (-2010, "Account has insufficient balance for requested action.")
DUPLICATE = (-2010, "Duplicate order sent.")
UNKNOWN = (-2011, "Unknown order sent.")
NO_CHANGE = (-2038, "The requested action would change no state; rejecting")
NO_INCREASE = (-2038, "Order amend (quantity increase) is not supported.")

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

HOLDING = (*FUNDS, *FEES, *SYMBOLS_AND_TIME, *AMENDS)
