"""Stories of orders that depend on each other: lists, and cancel and replace."""

from __future__ import annotations

from story import Story, amend, cancel, cancel_all, cancel_list, limit, place, place_list, replace, trade_at

SELL_OCO = {
    "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "70000",
    "aboveClientOrderId": "above", "belowType": "STOP_LOSS", "belowStopPrice": "55000",
    "belowClientOrderId": "below",
}  # fmt: skip
WORKING = {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "60000", "workingQuantity": "1",
    "workingTimeInForce": "GTC", "workingClientOrderId": "working",
}  # fmt: skip
PENDING = {
    "pendingType": "LIMIT", "pendingSide": "SELL", "pendingPrice": "70000", "pendingQuantity": "0.9",
    "pendingTimeInForce": "GTC", "pendingClientOrderId": "pending",
}  # fmt: skip
PENDING_OCO = {
    "pendingSide": "SELL", "pendingQuantity": "0.9", "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "70000", "pendingAboveClientOrderId": "above", "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "55000", "pendingBelowClientOrderId": "below",
}  # fmt: skip

LISTS = (
    Story(
        "an OCO locks its quantity once",
        (
            *trade_at("60000"),
            place_list("alice", "pair", "oco", **SELL_OCO, holds={"BTC": ("9", "1")},
                       orders={"above": ("NEW", "0"), "below": ("NEW", "0")}),
            cancel_list("alice", "pair", holds={"BTC": ("10", "0")},
                        orders={"above": ("CANCELED", "0"), "below": ("CANCELED", "0")}),
        ),
    ),
    Story(
        "when the limit leg of an OCO fills, its stop expires",
        (
            *trade_at("60000"),
            place_list("alice", "pair", "oco", **SELL_OCO),
            limit("bob", "buyer", "BUY", "1", "70000",
                  orders={"above": ("FILLED", "1"), "below": ("EXPIRED", "0")},
                  events={"above": ("TRADE FILLED",), "below": ("EXPIRED EXPIRED",),
                          "buyer": ("NEW NEW", "TRADE FILLED")}),
        ),
    ),
    Story(
        "when the limit leg of an OCO fills in part, its stop expires all the same",
        (
            *trade_at("60000"),
            place_list("alice", "pair", "oco", **SELL_OCO),
            limit("bob", "buyer", "BUY", "0.4", "70000", orders={"above": ("PARTIALLY_FILLED", "0.4"),
                                                                "below": ("EXPIRED", "0")}),
        ),
    ),
    Story(
        "amending one order of an OCO amends both",
        (
            *trade_at("60000"),
            limit("bob", "bid", "BUY", "1", "54000"),
            place_list("alice", "pair", "oco", **SELL_OCO),
            amend("alice", "above", "0.25", holds={"BTC": ("9.75", "0.25")}),
            *trade_at("55000", orders={"above": ("EXPIRED", "0"), "below": ("FILLED", "0.25")}),
        ),
    ),
    Story(
        "a pending order that its account cannot pay for expires when its turn comes",
        (
            place_list("alice", "chain", "oto", **WORKING, **PENDING | {"pendingQuantity": "99"}),
            limit("bob", "seller", "SELL", "1", "60000",
                  orders={"working": ("FILLED", "1"), "pending": ("EXPIRED", "0")},
                  holds={"BTC": ("9", "0")}),
        ),
    ),
    Story(
        "a working order that fills at once brings its pending order in at once",
        (
            limit("bob", "offer", "SELL", "1", "60000"),
            place_list("alice", "chain", "oto", **WORKING, **PENDING,
                       orders={"working": ("FILLED", "1"), "pending": ("NEW", "0")}),
        ),
    ),
    Story(
        "when the stop of an OCO triggers, its limit leg expires",
        (
            *trade_at("60000"),
            limit("bob", "bid", "BUY", "1", "54000"),
            place_list("alice", "pair", "oco", **SELL_OCO),
            *trade_at("55000", orders={"above": ("EXPIRED", "0"), "below": ("FILLED", "1")}),
        ),
    ),
    Story(
        "cancelling one leg of an OCO cancels both",
        (
            *trade_at("60000"),
            place_list("alice", "pair", "oco", **SELL_OCO),
            cancel("alice", "above", holds={"BTC": ("10", "0")},
                   orders={"above": ("CANCELED", "0"), "below": ("CANCELED", "0")}),
        ),
    ),
    Story(
        "the pending order of an OTO is placed when its working order is filled, and not before",
        (
            place_list("alice", "chain", "oto", **WORKING, **PENDING, holds={"USDT": ("940000", "60000")},
                       orders={"working": ("NEW", "0"), "pending": ("PENDING_NEW", "0")}),
            limit("bob", "half", "SELL", "0.5", "60000",
                  orders={"working": ("PARTIALLY_FILLED", "0.5"), "pending": ("PENDING_NEW", "0")}),
            limit("bob", "rest", "SELL", "0.5", "60000",
                  orders={"working": ("FILLED", "1"), "pending": ("NEW", "0")}),
            limit("bob", "buyer", "BUY", "0.9", "70000", orders={"pending": ("FILLED", "0.9")}),
        ),
    ),
    Story(
        "cancelling the working order of an OTO ends the pending one too",
        (
            place_list("alice", "chain", "oto", **WORKING, **PENDING),
            cancel("alice", "working", holds={"USDT": ("1000000", "0"), "BTC": ("10", "0")},
                   orders={"working": ("CANCELED", "0"), "pending": ("CANCELED", "0")}),
        ),
    ),
    Story(
        "an OTO whose working order expires is over",
        (
            place_list("alice", "chain", "oto", **WORKING | {"workingTimeInForce": "IOC"}, **PENDING,
                       orders={"working": ("EXPIRED", "0"), "pending": ("EXPIRED", "0")},
                       holds={"USDT": ("1000000", "0")}),
        ),
    ),
    Story(
        "an OTOCO becomes an OCO when its working order is filled",
        (
            *trade_at("60000"),
            place_list("alice", "three", "otoco", **WORKING, **PENDING_OCO,
                       orders={"working": ("NEW", "0"), "above": ("PENDING_NEW", "0"),
                               "below": ("PENDING_NEW", "0")}),
            limit("bob", "seller", "SELL", "1", "60000",
                  orders={"working": ("FILLED", "1"), "above": ("NEW", "0"), "below": ("NEW", "0")}),
            limit("bob", "buyer", "BUY", "0.9", "70000",
                  orders={"above": ("FILLED", "0.9"), "below": ("EXPIRED", "0")}),
        ),
    ),
    Story(
        "cancel all takes lists as well",
        (
            *trade_at("60000"),
            limit("alice", "plain", "BUY", "1", "50000"),
            place_list("alice", "pair", "oco", **SELL_OCO),
            cancel_all("alice", holds={"USDT": ("1000000", "0"), "BTC": ("10", "0")},
                       orders={"plain": ("CANCELED", "0"), "above": ("CANCELED", "0"),
                               "below": ("CANCELED", "0")}),
        ),
    ),
)  # fmt: skip


def new(price: str = "51000", **rest: object) -> object:
    return limit("alice", "new", "BUY", "1", price, **rest)


MAKER_THAT_TAKES = place("alice", "new", "BUY", "LIMIT_MAKER", quantity="1", price="60000")
REPLACEMENTS = (
    Story(
        "cancel and replace: both succeed, 200",
        (
            limit("alice", "old", "BUY", "1", "50000"),
            replace("alice", "old", new(), "STOP_ON_FAILURE", result=(200, "SUCCESS", "SUCCESS"),
                    orders={"old": ("CANCELED", "0"), "new": ("NEW", "0")},
                    holds={"USDT": ("949000", "51000")},
                    events={"old": ("CANCELED CANCELED",), "new": ("NEW NEW",)}),
        ),
    ),
    Story(
        "cancel and replace: nothing to cancel, and nothing is placed, 400",
        (
            replace("alice", "old", new(), "STOP_ON_FAILURE", result=(400, "FAILURE", "NOT_ATTEMPTED"),
                    holds={"USDT": ("1000000", "0")}, events={}),
        ),
    ),
    Story(
        "cancel and replace: nothing to cancel, and the new order is placed all the same, 409",
        (
            replace("alice", "old", new(), "ALLOW_FAILURE", result=(409, "FAILURE", "SUCCESS"),
                    orders={"new": ("NEW", "0")}),
        ),
    ),
    Story(
        "cancel and replace: cancelled, but the new order is refused, 409",
        (
            limit("bob", "offer", "SELL", "1", "60000"),
            limit("alice", "old", "BUY", "1", "50000"),
            replace("alice", "old", MAKER_THAT_TAKES, "STOP_ON_FAILURE", result=(409, "SUCCESS", "FAILURE"),
                    orders={"old": ("CANCELED", "0")}, holds={"USDT": ("1000000", "0")},
                    events={"old": ("CANCELED CANCELED",), "new": ("REJECTED REJECTED",)}),
        ),
    ),
    Story(
        "cancel and replace: both fail, 400",
        (
            limit("bob", "offer", "SELL", "1", "60000"),
            replace("alice", "old", MAKER_THAT_TAKES, "ALLOW_FAILURE", result=(400, "FAILURE", "FAILURE"),
                    holds={"USDT": ("1000000", "0")}, events={}),
        ),
    ),
    Story(
        "cancel and replace: the new order can use what the old one had locked, and its name",
        (
            limit("alice", "old", "BUY", "1", "900000"),
            replace("alice", "old", limit("alice", "old", "BUY", "1", "950000"), "STOP_ON_FAILURE",
                    result=(200, "SUCCESS", "SUCCESS"), holds={"USDT": ("50000", "950000")}),
        ),
    ),
)  # fmt: skip

LINKED = (*LISTS, *REPLACEMENTS)
