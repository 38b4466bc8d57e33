"""The part of `%ql`'s grammar that says what to trade: orders, stops, pairs, brackets, changes of orders.

Pure. Amounts are exact and never guessed at; a line that cannot be read raises `UsageError`, which says
how to write it.
"""

from __future__ import annotations

import re
from decimal import Decimal

from quantlab.domain.decimals import plain, positive
from quantlab.domain.orders import Side, TimeInForce
from quantlab.errors import InvalidField, UsageError
from quantlab.notebook.lines import Amend, Bracket, Chain, Flatten, Pair, Place, Replace

SYMBOL = re.compile(r"[A-Za-z0-9._-]{2,20}")
NUMBER = re.compile(r"[-+]?[0-9.]+")
WHOLE = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
TERMS = "[@ PRICE] [stop|take PRICE] [trail POINTS] [gtc|ioc|fok|maker] [reduce]"
ORDER_USAGE = f"%ql {{}} QTY SYMBOL {TERMS}, or %ql {{}} AMOUNT QUOTE of SYMBOL"
EXITS = "take PRICE stop PRICE [limit PRICE]"
PAIR_USAGE = f"%ql oco buy|sell QTY SYMBOL {EXITS}"
BRACKET_USAGE = f"%ql bracket buy|sell QTY SYMBOL @ PRICE {EXITS}"
AMEND_USAGE = "%ql amend ID QTY"
REPLACE_USAGE = "%ql replace ID [QTY] [@ PRICE] [stop PRICE] [trail POINTS]"
CHAIN_USAGE = "%ql oto buy|sell QTY SYMBOL @ PRICE [...] then buy|sell QTY SYMBOL [...]"
FLATTEN_USAGE = "%ql flatten SYMBOL|all"


def placing(side: Side, words: list[str], usage: str) -> Place:
    """One order of `side`: "0.01 BTCUSDT @ 60000 gtc", "100 USDT of BTCUSDT"."""
    words = _apart(words)
    if len(words) > 2 and words[2].lower() == "of":
        return _by_quote(side, words, usage)
    quantity, symbol, rest = _amount_of(words, usage)
    terms = _terms(rest, f"{plain(quantity)} {symbol}", usage)
    return Place(side=side, symbol=symbol, quantity=quantity, **terms)  # type: ignore[arg-type]


def sided(name: str, words: list[str]) -> Place:
    """As `placing`, with the side as the first word."""
    usage = f"%ql {name} buy|sell QTY SYMBOL {TERMS}"
    return placing(_side(words, usage), words[1:], usage)


def pair(words: list[str]) -> Pair:
    """Two exits of which the first ends the other: "sell 0.01 BTCUSDT take 61000 stop 59000"."""
    side = _side(words, PAIR_USAGE)
    quantity, symbol, rest = _amount_of(words[1:], PAIR_USAGE)
    return Pair(side=side, symbol=symbol, quantity=quantity, **_exits(rest, PAIR_USAGE))


def bracketing(words: list[str]) -> Bracket:
    """An entry with its two exits: "buy 0.01 BTCUSDT @ 60000 take 61000 stop 59000"."""
    side = _side(words, BRACKET_USAGE)
    quantity, symbol, rest = _amount_of(_apart(words[1:]), BRACKET_USAGE)
    if len(rest) < 2 or rest[0] != "@":
        raise UsageError(f"a bracket enters at a price: {BRACKET_USAGE}")
    price = amount(rest[1], "price")
    return Bracket(
        side=side, symbol=symbol, quantity=quantity, price=price, **_exits(rest[2:], BRACKET_USAGE)
    )


def amending(words: list[str]) -> Amend:
    """ "ID QTY": the order's quantity after it, which can only be smaller."""
    if len(words) != 2:
        raise UsageError(f"say which order, and how much of it is to be left: {AMEND_USAGE}")
    return Amend(client_order_id=words[0], quantity=amount(words[1], "quantity"))


def replacing(words: list[str]) -> Replace:
    """ "ID QTY @ PRICE", "ID @ PRICE", "ID QTY", "ID stop PRICE": what is not said stays as it is."""
    name, words = (words[0], _apart(words[1:])) if words else ("", [])
    changes: dict[str, Decimal | int] = {}
    if words and NUMBER.fullmatch(words[0]):
        changes["quantity"], words = amount(words[0], "quantity"), words[1:]
    for word, value in zip(words[::2], words[1::2], strict=False):
        field = {"@": "price", "stop": "stop", "take": "stop", "trail": "trailing"}.get(word.lower(), "")
        if not field or field in changes:
            raise UsageError(f"cannot read {word[:40]!r}: {REPLACE_USAGE}")
        if field == "trailing" and WHOLE.fullmatch(value) is None:
            raise UsageError(f"trail: {value[:40]!r} is no number of basis points: {REPLACE_USAGE}")
        changes[field] = int(value) if field == "trailing" else amount(value, field)
    if not name or not changes or len(words) % 2:
        raise UsageError(f"say which order, and its new quantity or price: {REPLACE_USAGE}")
    return Replace(client_order_id=name, **changes)  # type: ignore[arg-type]  # each of its field's kind


def chain(words: list[str]) -> Chain:
    """Two orders, the second once the first is filled: "buy 1 BTCUSDT @ 60000 then sell 1 BTCUSDT"."""
    at = next((place for place, word in enumerate(words) if word.lower() == "then"), 0)
    if not at:
        raise UsageError(f"say what follows the first order: {CHAIN_USAGE}")
    first, then = (
        placing(_side(part, CHAIN_USAGE), part[1:], CHAIN_USAGE) for part in (words[:at], words[at + 1 :])
    )
    if first.price is None or first.stop is not None or first.trailing is not None:
        raise UsageError(f"the first order of a chain has a price, and waits for nothing: {CHAIN_USAGE}")
    if first.symbol != then.symbol:
        raise UsageError(f"both orders of a chain are in one symbol: {CHAIN_USAGE}")
    if first.reduce_only or then.reduce_only:
        raise UsageError(f"a list is not reduce-only: {CHAIN_USAGE}")
    return Chain(first=first, then=then)


def flattening(words: list[str]) -> Flatten:
    """ "BTCUSDT", "all": never everything by a word left out."""
    if len(words) != 1:
        raise UsageError(f"say which symbol: {FLATTEN_USAGE}")
    return Flatten(symbol=None if words[0].lower() == "all" else symbol_of(words[0]))


def amount(word: str, field: str) -> Decimal:
    """An exact amount above zero, from plain digits."""
    try:
        return positive(word, field)
    except InvalidField as error:
        raise UsageError(f"{field}: {error.problem}; write plain digits above zero, like 0.01") from None


def symbol_of(word: str) -> str:
    """A symbol, as the venue writes it."""
    if SYMBOL.fullmatch(word) is None or NUMBER.fullmatch(word):
        raise UsageError(f"symbol: {word[:40]!r} is not a symbol; write one like BTCUSDT")
    return word.upper()


def _apart(words: list[str]) -> list[str]:
    return " ".join(words).replace("@", " @ ").split()


def _side(words: list[str], usage: str) -> Side:
    if not words or words[0].upper() not in Side.__members__:
        raise UsageError(f"say buy or sell first: {usage}")
    return Side[words[0].upper()]


def _amount_of(words: list[str], usage: str) -> tuple[Decimal, str, list[str]]:
    if len(words) < 2:
        raise UsageError(f"an order needs a quantity and a symbol: {usage}")
    if not NUMBER.fullmatch(words[0]) and NUMBER.fullmatch(words[1]):
        raise UsageError(f"the quantity comes first: {words[1]} {words[0].upper()} ({usage})")
    return amount(words[0], "quantity"), symbol_of(words[1]), words[2:]


def _by_quote(side: Side, words: list[str], usage: str) -> Place:
    worth = amount(words[0], "quote quantity")
    if len(words) < 4:
        raise UsageError(f"the symbol is missing after of: {usage}")
    quote, symbol = words[1].upper(), symbol_of(words[3])
    if not symbol.endswith(quote) or symbol == quote:
        raise UsageError(f"{symbol} is not quoted in {quote}: {usage}")
    if len(words) > 4:
        raise UsageError(f"an amount of {quote} is for market orders, which take nothing more: {usage}")
    return Place(side=side, symbol=symbol, quote_quantity=worth)


def _terms(words: list[str], order: str, usage: str) -> dict[str, object]:
    """What follows quantity and symbol, each at most once."""
    terms: dict[str, object] = {}
    left = list(words)
    while left:
        word = left.pop(0).lower()
        if word == "@" and "price" not in terms:
            if not left:
                raise UsageError(f"the price is missing after @: {usage}")
            terms["price"] = amount(left.pop(0), "price")
        elif word in ("stop", "take") and left and "stop" not in terms:
            terms |= {"stop": amount(left.pop(0), f"{word} price"), "take_profit": word == "take"}
        elif word == "trail" and left and "trailing" not in terms and WHOLE.fullmatch(left[0]):
            terms["trailing"] = int(left.pop(0))
        elif word == "reduce" and "reduce_only" not in terms:
            terms["reduce_only"] = True
        elif "price" in terms and word == "maker" and not {"post_only", "time_in_force"} & terms.keys():
            terms["post_only"] = True
        elif (
            "price" in terms
            and word.upper() in TimeInForce.__members__
            and not {"post_only", "time_in_force"} & terms.keys()
        ):
            terms["time_in_force"] = TimeInForce[word.upper()]
        else:
            raise UsageError(_unread([word, *left], words, order, usage, priced="price" in terms))
    if "price" in terms and not {"post_only", "time_in_force"} & terms.keys():
        terms["time_in_force"] = TimeInForce.GTC
    if "post_only" in terms and {"stop", "trailing"} & terms.keys():
        raise UsageError(f"an order that waits for a trigger is no maker: {usage}")
    return terms


def _unread(left: list[str], words: list[str], order: str, usage: str, *, priced: bool) -> str:
    word = words[len(words) - len(left)]
    if priced:
        after = words[words.index("@") + 2 :]
        return f"cannot read {' '.join(after)[:40]!r} after the price: {usage}"
    if NUMBER.fullmatch(word):
        return f"the @ before the price is missing; write {order} @ {word}"
    if word.upper() in TimeInForce.__members__ or word.lower() == "maker":
        return f"{word} is for orders with a price, and a market order has none: {usage}"
    if word.lower() in ("stop", "take", "trail"):
        return f"what follows {word} is missing, or was said before: {usage}"
    return f"cannot read {word[:40]!r}: {usage}"


def _exits(words: list[str], usage: str) -> dict[str, Decimal]:
    names = {"take": "take_profit", "stop": "stop_loss", "limit": "stop_limit"}
    found: dict[str, Decimal] = {}
    for word, value in zip(words[::2], words[1::2], strict=False):
        name = names.get(word.lower())
        if name is None or name in found:
            raise UsageError(f"cannot read {word[:40]!r}: {usage}")
        found[name] = amount(value, f"{word.lower()} price")
    if len(words) % 2 or not {"take_profit", "stop_loss"} <= found.keys():
        raise UsageError(f"say where to take the profit and where to stop the loss: {usage}")
    return found
