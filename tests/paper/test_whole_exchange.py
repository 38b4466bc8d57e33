"""Everything at once, at random: after each request the exchange's own books must agree.

The judge knows no rule of matching; it adds up what the exchange shows and what it told.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import msgspec
from exchangekit import BTC, BUY, FUNDS, SELL, order

from quantlab.domain.orders import Side
from quantlab.paper.exchange import (
    BalanceChange,
    Exchange,
    Execution,
    LevelChange,
    ListChange,
    Refused,
    TradePrint,
)
from quantlab.paper.orders import Contingency, Fees, NewList, NewOrder, OrderState, Prevention
from quantlab.paper.records import Records

D = Decimal
ZERO = D(0)
BNB = msgspec.structs.replace(BTC, symbol="BNBUSDT", base="BNB", step_size=D("0.001"))
NAMES = ("ada", "bob", "cyd")
REQUESTS = (("place", 60), ("list", 12), ("cancel", 14), ("amend", 8), ("replace", 8), ("cancel_all", 0.3))
OPEN = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")
RULED = {"max_algo_orders": 40, "bid_multiplier_up": ZERO, "ask_multiplier_up": ZERO,
         "bid_multiplier_down": ZERO, "ask_multiplier_down": ZERO}  # fmt: skip


class Flow:
    """Random requests of three accounts, of every kind there is."""

    def __init__(self, seed: int, records: Records | None = None) -> None:
        self.chance = random.Random(seed)
        self.exchange = Exchange([BTC, BNB], records=records)
        self.exchange.set_rules("BTCUSDT", msgspec.structs.replace(self.exchange.rules("BTCUSDT"), **RULED))
        for number, name in enumerate(NAMES):
            fees = Fees(maker=D("0.0003") * number, taker=D("0.0007"), buyer=D("0.0001"))
            if name == "cyd":
                fees = msgspec.structs.replace(fees, discount_asset="BNB", discount=D("0.25"))
            self.exchange.open_account(name, FUNDS | {"BNB": D("0.5")}, fees=fees)
        for side in (SELL, BUY):  # a price for the third asset
            asked = order(side, "LIMIT", "0.1", price=500, prevention="NONE")
            self.exchange.place("ada", msgspec.structs.replace(asked, symbol="BNBUSDT"), 0)

    def price(self) -> Decimal:
        return D(self.chance.randint(9_900, 10_100)) / 100

    def quantity(self) -> Decimal:
        return D(self.chance.randint(60, 3_000)) / 1000

    def one(self, side: Side | None = None) -> NewOrder:
        chance, side = self.chance, side or self.chance.choice((BUY, SELL))
        more: dict = {"prevention": chance.choice(tuple(Prevention))}
        kind = chance.choices(
            (
                "LIMIT",
                "MARKET",
                "LIMIT_MAKER",
                "STOP_LOSS",
                "STOP_LOSS_LIMIT",
                "TAKE_PROFIT",
                "TAKE_PROFIT_LIMIT",
            ),
            (50, 8, 8, 6, 6, 6, 6),
        )[0]
        if kind == "MARKET" and chance.random() < 0.5:
            return order(side, kind, quote_quantity=D(chance.randint(600, 20_000)) / 100, **more)
        if kind.startswith(("STOP", "TAKE")):
            if chance.random() < 0.7:
                more["stop_price"] = self.price()
            if "stop_price" not in more or chance.random() < 0.3:
                more["trailing_delta"] = chance.randint(10, 60)
        if kind.endswith("LIMIT") or kind == "LIMIT_MAKER":
            more["price"] = self.price()
        if kind.endswith("LIMIT"):
            more["time_in_force"] = chance.choices(("GTC", "IOC", "FOK"), (8, 1, 1))[0]
        return order(side, kind, self.quantity(), **more)

    def pair(self) -> tuple[NewOrder, NewOrder]:
        side, quantity = self.chance.choice((BUY, SELL)), self.quantity()
        last = self.exchange.last_price("BTCUSDT") or D(100)
        near, far = (D(self.chance.randint(5, 80)) / 100 for _ in range(2))
        loss = order(side, "STOP_LOSS", quantity, stop_price=last + far if side is BUY else last - far)
        gain = order(side, "LIMIT_MAKER", quantity, price=last - near if side is BUY else last + near)
        return (loss, gain) if side is BUY else (gain, loss)

    def list(self) -> NewList:
        contingency = self.chance.choice(tuple(Contingency))
        orders: tuple[NewOrder, ...] = self.pair()
        if contingency is not Contingency.OCO:
            working = order(self.chance.choice((BUY, SELL)), "LIMIT", self.quantity(), price=self.price())
            orders = (working, *(orders if contingency is Contingency.OTOCO else (self.one(),)))
        return NewList(symbol="BTCUSDT", contingency=contingency, orders=orders)

    def act(self, now_ms: int) -> tuple[str, object]:
        """One request; its name and its answer, which may be a refusal."""
        name, exchange, chance = self.chance.choice(NAMES), self.exchange, self.chance
        mine = exchange.open_orders(name, "BTCUSDT")
        what = chance.choices(
            ("place", "list", "cancel", "amend", "replace", "cancel_all"), (60, 12, 14, 8, 8, 0.3)
        )[0]
        if len(mine) > 25:
            what = "cancel"
        number = chance.choice(mine).order_id if mine else 10**9
        which = {"order_id": number, "now_ms": now_ms}
        try:
            match what:
                case "place":
                    return what, exchange.place(name, self.one(), now_ms)
                case "list":
                    return what, exchange.place_list(name, self.list(), now_ms)
                case "cancel":
                    return what, exchange.cancel(name, "BTCUSDT", **which)
                case "cancel_all":
                    return what, exchange.cancel_all(name, "BTCUSDT", now_ms)
                case "amend":
                    return what, exchange.amend(
                        name, "BTCUSDT", self.quantity(), order_id=number, now_ms=now_ms
                    )
                case _:
                    return what, exchange.replace(name, "BTCUSDT", self.one(), **which)
        except Refused as refused:
            return what, refused


class Judge:
    """Adds up what the exchange has told, and holds what it shows against it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.total = exchange.totals()
        self.states: dict[int, OrderState] = {}
        self.owners: dict[int, str] = {}
        self.levels: dict[tuple[Side, Decimal], Decimal] = {}
        self.balances: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        self.lists: dict[tuple[str, int], str] = {}
        self.met: Counter[str] = Counter()
        exchange.drain_events()

    def hear(self, what: str, answer: object) -> None:
        events = self.exchange.drain_events()
        if isinstance(answer, Refused):
            self.met[f"refused {what}"] += 1
            assert events == []
        self.met[what] += not isinstance(answer, Refused)
        for event in events:
            if isinstance(event, Execution):
                self.execution(event)
            elif isinstance(event, LevelChange):
                self.levels[event.side, event.price] = event.quantity
            elif isinstance(event, BalanceChange):
                for one in event.balances:
                    self.balances[event.account, one.asset] = one.free, one.locked
            elif isinstance(event, ListChange):
                self.lists[event.account, event.order_list.order_list_id] = event.order_list.order_status
            elif isinstance(event, TradePrint):
                self.met["print"] += 1

    def execution(self, event: Execution) -> None:
        """What an order's history may be: quantities only grow, and nothing comes after its end."""
        order, before = event.order, self.states.get(event.order.order_id)
        if before is not None:
            assert before.status in OPEN, (before, order)
            assert order.executed_quantity == before.executed_quantity + event.last_quantity
            assert order.prevented_quantity == before.prevented_quantity + event.last_prevented
        assert order.executed_quantity + order.prevented_quantity <= order.quantity
        if order.status == "FILLED":
            assert order.executed_quantity + order.prevented_quantity == order.quantity
        self.states[order.order_id] = order
        self.owners[order.order_id] = event.account
        self.met[f"{event.execution_type.value} {order.type}"] += 1
        self.met[f"reason {order.expiry_reason}"] += 1
        self.met[f"fee in {event.commission_asset}"] += 1

    def agree(self) -> None:
        """Totals, balances, open orders, the book and the lists."""
        exchange = self.exchange
        assert exchange.totals() == self.total
        standing: Counter[tuple[Side, Decimal]] = Counter()
        told = {number for number, state in self.states.items() if state.status in OPEN}
        shown = set()
        for name in NAMES:
            for asset, balance in exchange.balances(name).items():
                assert balance.free >= 0 <= balance.locked
                assert self.balances.get((name, asset), (balance.free, balance.locked)) == (
                    balance.free, balance.locked,
                )  # fmt: skip
            for state in exchange.open_orders(name, "BTCUSDT"):
                shown.add(state.order_id)
                assert self.states[state.order_id].status == state.status
                if state.is_working:
                    left = state.quantity - state.executed_quantity - state.prevented_quantity
                    standing[Side(state.side), state.price] += left
            self.locks(name)
            open_lists = {each.order_list_id for each in exchange.open_order_lists(name)}
            assert open_lists == {
                number for (owner, number), status in self.lists.items()
                if owner == name and status == "EXECUTING"
            }  # fmt: skip
        assert shown == told
        _, bids, asks = exchange.depth("BTCUSDT", 5_000)
        assert (
            {(BUY, price): left for price, left in bids} | {(SELL, price): left for price, left in asks}
            == standing
            == {key: left for key, left in self.levels.items() if left}
        )
        assert not bids or not asks or bids[0][0] < asks[0][0]

    def locks(self, name: str) -> None:
        """Every locked amount stands behind an open order; a pair's are locked once."""
        base, quote, pairs = ZERO, ZERO, {}
        for state in self.exchange.open_orders(name, "BTCUSDT"):
            if state.status == "PENDING_NEW":
                continue
            left = state.quantity - state.executed_quantity - state.prevented_quantity
            group = pairs.setdefault(state.order_list_id, []) if state.order_list_id >= 0 else []
            group.append((state, left))
            if len(group) == 2 and group[0][0].side == state.side and self.is_pair(group):
                continue
            if state.side == SELL:
                base += left
            elif state.price:
                quote += left * state.price
            else:
                quote = D("NaN")  # a stop buys at market: what it locks, its stop and the last price decide
        balances = self.exchange.balances(name)
        assert balances["BTC"].locked == base
        if not quote.is_nan() and not any(self.is_pair(each) for each in pairs.values()):
            self.met["quote locks looked at"] += 1
            assert balances["USDT"].locked == quote

    @staticmethod
    def is_pair(group: list[tuple[OrderState, Decimal]]) -> bool:
        kinds = {state.type for state, _ in group}
        return kinds == {"STOP_LOSS", "LIMIT_MAKER"}


def test_random_requests_of_every_kind_leave_the_books_in_agreement(full: bool) -> None:
    """Assets conserved, locks behind orders, book equal to orders, nothing after an end; all kinds occur."""
    met: Counter[str] = Counter()
    for seed in range(12 if full else 3):
        flow = Flow(seed)
        judge = Judge(flow.exchange)
        for now_ms in range(1, 3_000 if full else 900):
            judge.hear(*flow.act(now_ms))
            judge.agree()
        met += judge.met

    for name in (
        "place", "list", "cancel", "amend", "replace", "refused place", "refused list", "refused amend",
        "TRADE LIMIT", "TRADE MARKET", "TRADE LIMIT_MAKER", "TRADE STOP_LOSS", "TRADE STOP_LOSS_LIMIT",
        "TRADE TAKE_PROFIT", "TRADE TAKE_PROFIT_LIMIT", "TRADE_PREVENTION LIMIT", "REPLACED LIMIT",
        "CANCELED STOP_LOSS", "EXPIRED MARKET", "reason OCO_TRIGGER", "reason OTO_PHASE_ONE_EXPIRED",
        "reason REJECTED", "fee in BNB", "fee in BTC", "fee in USDT", "quote locks looked at", "print",
    ):  # fmt: skip
        assert met[name] >= 3, (name, dict(met))


def test_equal_requests_of_every_kind_give_equal_events() -> None:
    """Two runs of one seed are the same to the last byte; another seed is not."""

    def told(seed: int) -> bytes:
        flow = Flow(seed)
        for now_ms in range(1, 300):
            flow.act(now_ms)
        return msgspec.json.encode(flow.exchange.drain_events())

    assert told(1) == told(1) != told(2)
