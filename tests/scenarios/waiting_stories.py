"""Stories of orders that wait for a price, and of orders that would meet their own."""

from __future__ import annotations

from story import Story, cancel, limit, place, trade_at

AT_60000 = {"quantity": "1", "stopPrice": "60000"}
WOULD_TRIGGER = (-2010, "Order would trigger immediately.")

STOPS = (
    Story(
        "a sell stop waits until the price has fallen to it, then sells at market",
        (
            *trade_at("60000"),
            limit("bob", "bid", "BUY", "1", "54000"),
            place("alice", "stop", "SELL", "STOP_LOSS", quantity="1", stopPrice="55000",
                  orders={"stop": ("NEW", "0")}, holds={"BTC": ("9", "1")}),
            *trade_at("55001", orders={"stop": ("NEW", "0")}),
            *trade_at("55000", orders={"stop": ("FILLED", "1"), "bid": ("FILLED", "1")}),
        ),
    ),
    Story(
        "a buy stop waits until the price has risen to it",
        (
            *trade_at("60000"),
            limit("bob", "offer", "SELL", "1", "66000"),
            place("alice", "stop", "BUY", "STOP_LOSS", quantity="1", stopPrice="65000"),
            *trade_at("64999", orders={"stop": ("NEW", "0")}),
            *trade_at("65000", orders={"stop": ("FILLED", "1")}),
        ),
    ),
    Story(
        "a stop-limit goes on the book at its price when it triggers",
        (
            *trade_at("60000"),
            place("alice", "stop", "SELL", "STOP_LOSS_LIMIT", quantity="1", price="56000", stopPrice="55000",
                  timeInForce="GTC"),
            *trade_at("55000", orders={"stop": ("NEW", "0")}),
            limit("bob", "taker", "BUY", "1", "56000", fills=(("56000", "1"),),
                  orders={"stop": ("FILLED", "1")}),
        ),
    ),
    Story(
        "a take-profit sells when the price has risen to it",
        (
            *trade_at("60000"),
            limit("bob", "bid", "BUY", "1", "59000"),
            place("alice", "profit", "SELL", "TAKE_PROFIT", quantity="1", stopPrice="65000"),
            *trade_at("65000", orders={"profit": ("FILLED", "1")}),
        ),
    ),
    Story(
        "a take-profit-limit buys when the price has fallen to it",
        (
            *trade_at("60000"),
            place("alice", "profit", "BUY", "TAKE_PROFIT_LIMIT", quantity="1", price="54000",
                  stopPrice="55000", timeInForce="GTC", holds={"USDT": ("946000", "54000")}),
            *trade_at("55000", orders={"profit": ("NEW", "0")}),
            limit("bob", "seller", "SELL", "1", "54000", orders={"profit": ("FILLED", "1")}),
        ),
    ),
    Story(
        "a stop on the wrong side of the price is refused",
        (
            *trade_at("60000"),
            place("alice", "s", "SELL", "STOP_LOSS", **AT_60000, refused=WOULD_TRIGGER),
            place("alice", "b", "BUY", "STOP_LOSS", **AT_60000, refused=WOULD_TRIGGER),
            place("alice", "p", "SELL", "TAKE_PROFIT", **AT_60000, refused=WOULD_TRIGGER),
            place("alice", "q", "BUY", "TAKE_PROFIT", **AT_60000, refused=WOULD_TRIGGER, events={}),
        ),
    ),
    Story(
        "a waiting stop can be cancelled, and never triggers afterwards",
        (
            *trade_at("60000"),
            place("alice", "stop", "SELL", "STOP_LOSS", quantity="1", stopPrice="55000"),
            cancel("alice", "stop", holds={"BTC": ("10", "0")}, events={"stop": ("CANCELED CANCELED",)}),
            *trade_at("54000", orders={"stop": ("CANCELED", "0")}),
        ),
    ),
    Story(
        "a trailing sell follows the price up, and sells when it has fallen by its delta",
        (
            *trade_at("40000"),
            limit("bob", "bid", "BUY", "1", "39000"),
            place("alice", "trail", "SELL", "STOP_LOSS", quantity="1", trailingDelta=700),
            *trade_at("42000"),
            *trade_at("39500", orders={"trail": ("NEW", "0")}),
            *trade_at("45500"),
            *trade_at("42316", orders={"trail": ("NEW", "0")}),
            *trade_at("42315", orders={"trail": ("FILLED", "1")}),
        ),
    ),
    Story(
        "a trailing buy with a stop price begins to follow when the price has come to it",
        (
            *trade_at("40000"),
            place("alice", "trail", "BUY", "STOP_LOSS_LIMIT", quantity="1", price="45000", stopPrice="44000",
                  trailingDelta=500, timeInForce="GTC"),
            *trade_at("37000"),
            *trade_at("43000", orders={"trail": ("NEW", "0")}),
            *trade_at("44000"),
            *trade_at("46000", orders={"trail": ("NEW", "0")}),
            *trade_at("42000"),
            limit("bob", "offer", "SELL", "1", "45000"),
            *trade_at("44099", orders={"trail": ("NEW", "0")}),
            *trade_at("44100", orders={"trail": ("FILLED", "1")}),
        ),
    ),
)  # fmt: skip


def selfish(mode: str, quantity: str = "1", **told: object) -> tuple:
    """Alice's order for 2 rests at 60000, and she sends one against it in this mode."""
    return (
        limit("alice", "maker", "SELL", "2", "60000"),
        limit("alice", "taker", "BUY", quantity, "60000", selfTradePreventionMode=mode, **told),
    )


PREVENTION = (
    Story(
        "in mode NONE an account trades with itself, and pays twice",
        selfish("NONE", fills=(("60000", "1"),),
                orders={"taker": ("FILLED", "1"), "maker": ("PARTIALLY_FILLED", "1")},
                holds={"BTC": ("8.999", "1"), "USDT": ("999940", "0")}),
    ),
    Story(
        "in mode EXPIRE_MAKER the resting order goes, and the new one goes on",
        selfish("EXPIRE_MAKER", fills=(), orders={"maker": ("EXPIRED_IN_MATCH", "0"), "taker": ("NEW", "0")},
                events={"maker": ("TRADE_PREVENTION EXPIRED_IN_MATCH",), "taker": ("NEW NEW",)},
                holds={"BTC": ("10", "0"), "USDT": ("940000", "60000")}),
    ),
    Story(
        "in mode EXPIRE_TAKER the new order goes, and the resting one stays",
        selfish("EXPIRE_TAKER", fills=(), orders={"maker": ("NEW", "0"), "taker": ("EXPIRED_IN_MATCH", "0")},
                holds={"BTC": ("8", "2"), "USDT": ("1000000", "0")}),
    ),
    Story(
        "in mode EXPIRE_BOTH both go",
        selfish("EXPIRE_BOTH", fills=(),
                orders={"maker": ("EXPIRED_IN_MATCH", "0"), "taker": ("EXPIRED_IN_MATCH", "0")},
                holds={"BTC": ("10", "0"), "USDT": ("1000000", "0")}),
    ),
    Story(
        "in mode DECREMENT both shrink by the smaller, and the one at nothing goes",
        selfish("DECREMENT", fills=(), orders={"maker": ("NEW", "0"), "taker": ("EXPIRED_IN_MATCH", "0")},
                holds={"BTC": ("9", "1"), "USDT": ("1000000", "0")}),
    ),
    Story(
        "prevention comes when the own order is met: what is before it trades",
        (
            limit("bob", "his", "SELL", "1", "59000"),
            limit("alice", "own", "SELL", "1", "60000"),
            limit("alice", "taker", "BUY", "3", "60000", selfTradePreventionMode="EXPIRE_TAKER",
                  fills=(("59000", "1"),), orders={"taker": ("EXPIRED_IN_MATCH", "1"), "own": ("NEW", "0")}),
        ),
    ),
)  # fmt: skip

WAITING = (*STOPS, *PREVENTION)
