"""A venue and its line in virtual time, at which the real trading core is run through whole sessions.

Every request, reply, report and trade takes a time of its own, drawn from a seed: so replies come late
or never, requests arrive after everybody has given up, reports overtake each other, come twice or get
lost, cancels race with fills, and the user stream goes away and comes back. The venue keeps the worst
case itself, in whole hundredths, and looks at it after each of its own changes.

A session trades in several markets at once, each under a cap of its own: each market is one interleaving,
and what they share (account, stream, journal, reconciliation) is what they share in earnest.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from scripted import BTC, WIDE, calm

from quantlab.bus import Bus
from quantlab.clock import NS_PER_MS
from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import (
    AccountTrade,
    ExecutionReport,
    OrderAck,
    OrderRequest,
    OrderSnapshot,
    OrderType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from quantlab.domain.permit import Permit
from quantlab.domain.position import AccountInfo, Balance
from quantlab.engine.rhythm import Rhythm
from quantlab.engine.standing import Standing
from quantlab.errors import (
    NotSent,
    OrderDenied,
    OrderOutcomeUnknown,
    OrderRejected,
    QuantlabError,
    VenueRejected,
    VenueUnavailable,
)
from quantlab.topics import CATALOGUE
from quantlab.trading.gateway import Gateway
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import Rails
from quantlab.trading.resolver import Doubt
from quantlab.trading.sender import OrderSender
from quantlab.trading.states import OrderState as S
from quantlab.trading.waiters import Begun, written
from quantlab.wire import HaltLatch, Wire

PRICE = Decimal(60_000)
LONGEST_S = 300.0  # of a session; most take twenty
CAP = 100  # hundredths of the base asset, in each market
MARKETS = tuple(
    msgspec.structs.replace(BTC, symbol=f"{base}USDT", base=base)
    for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "BCH")
)
RICH = tuple(
    Balance(asset=asset, free=Decimal(1_000_000_000), locked=Decimal(0))
    for asset in (*(each.base for each in MARKETS), "USDT")
)
LIMITS = msgspec.structs.replace(WIDE, max_position=PRICE * CAP / 100, max_order_notional=PRICE * CAP)
SETTLE_S = 2.0  # no request arrives later than this
DOUBT = Doubt(settle_s=SETTLE_S, absences=3, pauses_s=(0.1, 0.3, 0.6))
RHYTHM = Rhythm(every_s=1.0, again_s=0.3, whole=3, trust_s=60)
FATES = ("fine",) * 9 + ("reject", "not sent", "reply lost", "reply lost", "late", "late", "request lost")
OPEN = ("NEW", "PARTIALLY_FILLED")


class CapBroken(AssertionError):
    """What may trade at the venue is more than was allowed."""


class LoopClock:
    """The time of the running virtual loop."""

    fixed = False

    def __init__(self) -> None:
        self._sessions = itertools.count(1)
        self._time = asyncio.get_running_loop().time

    def now_ms(self) -> int:
        return int(self._time() * 1_000)

    def monotonic_ns(self) -> int:
        return self.now_ms() * NS_PER_MS

    def session_id(self) -> str:
        return f"s{next(self._sessions)}"


class Intents:
    """The journal's place: what stands in it is another test's matter, the order of line and request is ours.

    Attributes:
        ids: The client ids of the orders whose line is on the disk.
    """

    def __init__(self, dice: random.Random) -> None:
        self.ids: set[str] = set()
        self._dice, self._count = dice, 0

    def begin(self, kind: str, data: Mapping[str, Any]) -> Begun:
        """Now, or in a moment: the disk takes its time."""
        line = Begun()
        if self._dice.random() < 0.5:
            self._write(line, data["order"].client_order_id)
        else:
            delay_s = self._dice.uniform(0, 0.1)
            loop = asyncio.get_running_loop()
            loop.call_later(delay_s, self._write, line, data["order"].client_order_id)
        return line

    async def append(self, kind: str, data: Mapping[str, Any]) -> int:
        return await written(self.begin(kind, data))

    def append_nowait(self, kind: str, data: Mapping[str, Any]) -> None:
        self._count += 1

    def _write(self, line: Begun, client_order_id: str) -> None:
        self._count += 1
        self.ids.add(client_order_id)
        line.settle(self._count)


class Quote(msgspec.Struct):
    """The one price of this world, always fresh."""

    price: Decimal
    event_ms: int


class Book(msgspec.Struct):
    """One market at the venue, in hundredths: what the account holds, and what its open orders may trade.

    `worst` is the highest that any of them made possible so far.
    """

    held: int = 0
    buys: int = 0
    sells: int = 0
    worst: int = 0


class SimVenue:
    """The venue's side of `OrderClient`, and the account's user stream.

    Attributes:
        books: What is held and open, by symbol.
        busy: Things that are still to happen.
    """

    def __init__(
        self,
        dice: random.Random,
        clock: LoopClock,
        lines: Intents,
        tell: Callable[[ExecutionReport], None],
        seen: Counter[str],
    ) -> None:
        self._dice, self._clock, self._lines, self._tell, self.seen = dice, clock, lines, tell, seen
        self.orders: dict[str, OrderSnapshot] = {}
        self.hidden: dict[str, float] = {}  # queries do not know it before this time
        self.trades: list[AccountTrade] = []
        self.submitted: list[str] = []
        self.books: defaultdict[str, Book] = defaultdict(Book)
        self.busy = 0
        self.down = False
        self.broken: AssertionError | None = None
        self._ids = itertools.count(1)

    # -- requests

    async def submit_order(self, request: OrderRequest, permit: Permit) -> OrderAck:
        permit.redeem(request, self._clock.monotonic_ns())
        if request.client_order_id not in self._lines.ids:
            self.broken = self.broken or AssertionError(f"{request.client_order_id} left without its line")
        self.submitted.append(request.client_order_id)
        fate = self._dice.choice(FATES)
        self.seen[fate] += 1
        if fate == "not sent":
            raise NotSent("no connection")
        if fate == "late":
            self._later(self._dice.uniform(0.3, SETTLE_S * 0.9), lambda: self._place(request))
        await self._pass(0.3)
        if fate in ("fine", "reply lost"):
            self._place(request)
        await self._pass(0.3)
        if fate == "reject":
            raise OrderRejected(-2010, "insufficient balance", status=400, method="POST /api/v3/order")
        if fate != "fine":
            raise OrderOutcomeUnknown(request.client_order_id, "no answer")
        placed = self.orders[request.client_order_id]
        return OrderAck(
            symbol=request.symbol, order_id=placed.order_id, client_order_id=request.client_order_id,
            status=placed.status, transact_ms=0, executed_quantity=Decimal(0), executed_quote=Decimal(0),
        )  # fmt: skip

    async def cancel_order(
        self, symbol: str, *, client_order_id: str, order_id: int | None = None
    ) -> OrderSnapshot:
        await self._pass(0.3)
        if self._dice.random() < 0.15:
            raise VenueUnavailable("the cancel got lost")
        order = self.orders.get(client_order_id)
        acted = order is not None and order.status in OPEN
        if acted:
            self._end(client_order_id, "CANCELED")
            self.seen["cancelled"] += 1
        await self._pass(0.3)
        if not acted or order is None:
            self.seen["cancel too late"] += 1
            raise OrderRejected(-2011, "Unknown order sent.", status=400, method="DELETE /api/v3/order")
        return self.orders[client_order_id]

    async def cancel_all(self, symbol: str) -> list[OrderSnapshot]:
        return []

    async def order_status(
        self, symbol: str, *, client_order_id: str = "", order_id: int | None = None
    ) -> OrderSnapshot:
        await self._ask(0.05)
        now = asyncio.get_running_loop().time()
        if order_id is not None:
            numbered = [name for name, each in self.orders.items() if each.order_id == order_id]
            client_order_id = numbered[0] if numbered else ""
        if client_order_id not in self.orders or self.hidden[client_order_id] > now:
            self.seen["not known"] += 1
            raise VenueRejected(-2013, "Order does not exist.", status=400, method="GET /api/v3/order")
        return self.orders[client_order_id]

    async def open_orders(self, symbol: str | None = None) -> list[OrderSnapshot]:
        await self._ask()
        found = [each for each in self.orders.values() if each.status in OPEN]
        return [each for each in found if symbol in (None, each.symbol)]

    async def my_trades(
        self, symbol: str, *, from_id: int | None = None, order_id: int | None = None, limit: int = 500
    ) -> list[AccountTrade]:
        await self._ask()
        found = [each for each in self.trades if each.symbol == symbol and order_id in (None, each.order_id)]
        return [each for each in found if from_id is None or each.trade_id >= from_id][:limit]

    async def account(self) -> AccountInfo:
        await self._ask()
        return AccountInfo(balances=RICH, can_trade=True, updated_ms=0)

    # -- what happens there

    def _place(self, request: OrderRequest) -> None:
        self.orders[request.client_order_id] = OrderSnapshot(
            symbol=request.symbol, order_id=next(self._ids), client_order_id=request.client_order_id,
            side=request.side.value, type=request.type.value, time_in_force="GTC",
            quantity=request.quantity or Decimal(0), price=request.price or Decimal(0),
            quote_quantity=Decimal(0), executed_quantity=Decimal(0), executed_quote=Decimal(0),
            status="NEW", created_ms=0, updated_ms=self._clock.now_ms(),
        )  # fmt: skip
        self.hidden[request.client_order_id] = asyncio.get_running_loop().time() + self._dice.choice(
            (0, 0, 0.2)
        )
        self._count(request.symbol, request.side.value, int((request.quantity or 0) * 100))
        self._report(request.client_order_id)
        for _ in range(self._dice.randint(0, 3)):
            self._later(self._dice.uniform(0, 2.0), lambda: self._trade(request.client_order_id))
        if self._dice.random() < 0.15:
            self._later(self._dice.uniform(0, 2.0), lambda: self._expire(request.client_order_id))

    def _trade(self, client_order_id: str) -> None:
        order = self.orders[client_order_id]
        if order.status not in OPEN:
            return
        left = int((order.quantity - order.executed_quantity) * 100)
        part = left if self._dice.random() < 0.5 else self._dice.randint(1, left)
        size, done = Decimal(part) / 100, order.executed_quantity + Decimal(part) / 100
        self.orders[client_order_id] = msgspec.structs.replace(
            order, executed_quantity=done, executed_quote=done * PRICE,
            status="FILLED" if done == order.quantity else "PARTIALLY_FILLED",
            updated_ms=self._clock.now_ms(),
        )  # fmt: skip
        trade = AccountTrade(
            symbol=order.symbol, trade_id=next(self._ids), order_id=order.order_id, side=order.side,
            price=PRICE, quantity=size, quote_quantity=size * PRICE, commission=Decimal(0),
            commission_asset="BNB", is_maker=True, time_ms=self._clock.now_ms(),
        )  # fmt: skip
        self.trades.append(trade)
        self.books[order.symbol].held += part if order.side == "BUY" else -part
        self._count(order.symbol, order.side, -part)
        self.seen["traded"] += 1
        self._report(client_order_id, trade)

    def _expire(self, client_order_id: str) -> None:
        if self.orders[client_order_id].status in OPEN:
            self._end(client_order_id, self._dice.choice(("EXPIRED", "EXPIRED_IN_MATCH", "CANCELED")))

    def _end(self, client_order_id: str, status: str) -> None:
        order = self.orders[client_order_id]
        self.orders[client_order_id] = msgspec.structs.replace(
            order, status=status, updated_ms=self._clock.now_ms()
        )
        self._count(order.symbol, order.side, -int((order.quantity - order.executed_quantity) * 100))
        self._report(client_order_id)

    def _count(self, symbol: str, side: str, change: int) -> None:
        """Carry one change into the worst case, and look at it."""
        book = self.books[symbol]
        if side == "BUY":
            book.buys += change
        else:
            book.sells += change
        worst = max(book.held + book.buys, book.sells - book.held)
        book.worst = max(book.worst, worst)
        if worst > CAP and self.broken is None:  # kept: raised here, the sender would take it for an answer
            self.broken = CapBroken(f"{worst} hundredths of {symbol} may be held, {CAP} are allowed")

    # -- the user stream

    def _report(self, client_order_id: str, trade: AccountTrade | None = None) -> None:
        order = self.orders[client_order_id]
        report = ExecutionReport(
            symbol=order.symbol, order_id=order.order_id, client_order_id=client_order_id, side=order.side,
            type=order.type, time_in_force="GTC", quantity=order.quantity, price=order.price,
            execution_type="TRADE" if trade else order.status, status=order.status, reject_reason="NONE",
            last_quantity=trade.quantity if trade else Decimal(0),
            last_price=trade.price if trade else Decimal(0), cumulative_quantity=order.executed_quantity,
            cumulative_quote=order.executed_quote, commission=Decimal(0), commission_asset=None,
            trade_id=trade.trade_id if trade else -1, execution_id=next(self._ids), is_maker=False,
            event_ms=self._clock.now_ms(), transact_ms=order.updated_ms,
        )  # fmt: skip
        if self.down or self._dice.random() < 0.05:
            self.seen["never told"] += 1
            return
        times = 2 if self._dice.random() < 0.15 else 1
        self.seen["told twice"] += times - 1
        for _ in range(times):
            self._later(self._dice.choice((0.01, 0.02, 0.1, 0.8)), lambda: self._deliver(report))

    def _deliver(self, report: ExecutionReport) -> None:
        if self.down:
            self.seen["never told"] += 1
        else:
            self._tell(report)

    # -- how time passes

    async def _pass(self, longest_s: float) -> None:
        await asyncio.sleep(self._dice.uniform(0.001, longest_s))

    async def _ask(self, failing: float = 0.01) -> None:
        """A question; a reconciliation asks a dozen of them, and fails with any."""
        await self._pass(0.1)
        if self._dice.random() < failing:
            raise VenueUnavailable("no answer")

    def _later(self, delay_s: float, do: Callable[[], None]) -> None:
        self.busy += 1

        def run() -> None:
            self.busy -= 1
            do()

        asyncio.get_running_loop().call_later(delay_s, run)


class Session:
    """One session of the real core at a venue of its own: a few orders in each of `markets`, and all that
    may happen to them.
    """

    def __init__(self, seed: int, markets: Sequence[Instrument], seen: Counter[str], bug: Bug) -> None:
        self.dice, self.seen, self.clock = random.Random(seed), seen, LoopClock()
        loop = asyncio.get_running_loop()
        self.errors: list[BaseException] = []
        loop.set_exception_handler(lambda _, context: self._failed(context))
        self.wire = Wire(loop, self._apply, loop=loop)
        lines = Intents(self.dice)
        self.venue = SimVenue(self.dice, self.clock, lines, self.wire.post_order, seen)
        self.bus = Bus(self.clock, catalogue=CATALOGUE)
        rails = Rails(LIMITS)
        latch, self.symbols = HaltLatch(), tuple(each.symbol for each in markets)
        self.orders, self.portfolio = Orders(), Portfolio({each.symbol: each for each in markets})
        sender = OrderSender(
            client=self.venue, journal=lines, latch=latch, limits_version=lambda: rails.limits.version,
            post=self.wire.post_order, doubt=bug.doubt,
        )  # fmt: skip
        self.gateway = Gateway(
            wire=self.wire, sender=sender, bus=self.bus, clock=self.clock, rails=rails,
            portfolio=self.portfolio, orders=self.orders, journal=lines, latch=latch,
            reference=lambda _: Quote(PRICE, self.clock.now_ms()),
            conditions=lambda _: calm(PRICE),
            trading_state=lambda: self.standing.trading_state(),  # noqa: PLW0108  # made below
        )  # fmt: skip
        for each in self.symbols:
            self.portfolio.mark(each, PRICE, 0)
        self.standing = Standing(
            self.gateway, self.symbols, live=lambda: not self.venue.down, why=lambda: "",
            alarm=lambda _: None, told=lambda change: self._told(change.clean), clock=self.clock,
            rhythm=RHYTHM,
        )  # fmt: skip
        self.calls: list[Any] = []
        bug.plant(self)

    def _apply(self, message: object) -> None:
        assert self.gateway.apply(message), message

    def _failed(self, context: dict[str, Any]) -> None:
        self.errors.append(context.get("exception") or RuntimeError(context["message"]))

    def _told(self, clean: bool) -> None:
        self.seen["agreed again" if clean else "differed"] += 1

    async def run(self, orders: int) -> None:
        """Trade, let everything come to its end, and hold our books against the venue's."""
        self.wire.start()
        try:
            with contextlib.suppress(QuantlabError):  # asked again until it answers
                await self.standing.reconcile()
            away = asyncio.ensure_future(self._reconnect()) if self.dice.random() < 0.3 else None
            await asyncio.gather(*(self._trade(each, orders) for each in self.symbols))
            if away is not None:
                await away
            await self._settle()
            self._compare()
        finally:
            self.standing.close()
            self.wire.stop()
            await self.bus.aclose()

    async def _trade(self, symbol: str, orders: int) -> None:
        for _ in range(orders):
            await asyncio.sleep(self.dice.expovariate(4))
            self._submit(symbol)
            self._check()

    def _submit(self, symbol: str) -> None:
        request = OrderRequest(
            symbol=symbol, side=self.dice.choice((Side.BUY, Side.BUY, Side.SELL)), type=OrderType.LIMIT,
            quantity=Decimal(self.dice.randint(10, 90)) / 100, price=PRICE, time_in_force=TimeInForce.GTC,
            self_trade=SelfTradeMode.EXPIRE_MAKER,  # else a rail keeps the two sides apart
        )  # fmt: skip
        try:
            sent = self.gateway.submit(request)
        except OrderDenied as denied:
            self.seen["denied: " + denied.breaches[0].rail] += 1
            return
        self.seen["sent"] += 1
        self.calls.append(sent)
        if self.dice.random() < 0.5:
            delay_s = self.dice.uniform(0, 1.5)
            asyncio.get_running_loop().call_later(delay_s, self._cancel, symbol, sent.client_order_id)

    def _cancel(self, symbol: str, client_order_id: str) -> None:
        self.calls.append(self.gateway.cancel(symbol, client_order_id))
        self.seen["cancel asked"] += 1

    async def _reconnect(self) -> None:
        await asyncio.sleep(self.dice.uniform(0.2, 1.5))
        self.venue.down = True
        self.standing.lost()
        await asyncio.sleep(self.dice.uniform(0.1, 1.0))
        self.venue.down = False
        self.seen["reconnected"] += 1
        self.standing.reconcile()

    async def _settle(self) -> None:
        """Until nothing is on its way any more, and the books were compared after the last of it."""
        await asyncio.sleep(2.0)  # cancels are asked by then
        while self.venue.busy or not all(call.done for call in self.calls):
            await asyncio.sleep(0.5)
            self._check()
        while any(each.state in (S.UNKNOWN, S.PENDING) for each in self.orders):
            await asyncio.sleep(0.5)
            self._check()
        done = self.standing.reconciliations
        while self.standing.reconciliations < done + 2 or self.standing.mismatch:  # found, and agreed again
            await asyncio.sleep(0.5)
            self._check()

    def _check(self) -> None:
        if self.venue.broken is not None:
            raise self.venue.broken
        if asyncio.get_running_loop().time() > LONGEST_S:
            raise AssertionError(
                f"it does not come to its end: {self.orders.open()}, {self.standing.mismatch}"
            )
        if self.errors:
            raise self.errors[0]
        if problems := self.wire.counters()["errors"]:
            raise AssertionError(problems)

    def _compare(self) -> None:
        self.seen["near the cap"] += sum(each.worst > CAP * 0.8 for each in self.venue.books.values())
        assert not self.standing.mismatch, self.standing.mismatch
        assert len(self.portfolio.fills) == len(self.venue.trades)
        for symbol, book in self.venue.books.items():
            position = self.portfolio.positions.get(symbol)
            assert (position.quantity * 100 if position else 0) == book.held
        assert len(set(self.venue.submitted)) == len(self.venue.submitted)
        for order in self.orders:
            self.seen[order.state.value] += 1
            there = self.venue.orders.get(order.client_order_id)
            if there is None:
                assert order.state in (S.REJECTED, S.NOT_PLACED, S.DENIED), order
                continue
            expected = {"NEW": "TAKEN", "EXPIRED_IN_MATCH": "EXPIRED"}.get(there.status, there.status)
            assert (order.state, order.filled) == (expected, there.executed_quantity)
            left = there.quantity - there.executed_quantity if order.live else 0
            reserved = self.portfolio.reserved(order.client_order_id)
            assert reserved is not None
            assert reserved.base == left


class Bug:
    """One of the classic mistakes, put into a session; this one is none."""

    doubt = DOUBT

    def plant(self, session: Session) -> None:
        """Make `session` make it."""


class ReleaseOnAnswer(Bug):
    """The reservation goes with the answer `event`: an acknowledgement, or a time-out."""

    def __init__(self, event: str) -> None:
        self.event = event

    def plant(self, session: Session) -> None:
        apply = session.gateway.apply

        def applied(message: Any) -> bool:
            known = apply(message)
            if getattr(message, "event", None) == self.event:
                session.portfolio.release(message.client_order_id)
            return known

        session.gateway.apply = applied  # type: ignore[method-assign]


class ReleaseOnCancelRequest(Bug):
    """The reservation goes when the cancel is asked for."""

    def plant(self, session: Session) -> None:
        cancel = session.gateway.cancel

        def cancelled(symbol: str, client_order_id: str) -> Any:
            session.portfolio.release(client_order_id)
            return cancel(symbol, client_order_id)

        session.gateway.cancel = cancelled  # type: ignore[method-assign]


class BelieveTheFirstAbsence(Bug):
    """One -2013 is taken for a proof that the order is not there."""

    doubt = Doubt(settle_s=0, absences=1, pauses_s=(0.05,))

    def plant(self, session: Session) -> None:
        async def nowhere(symbol: str, client_order_id: str) -> None:
            return None  # nor are the open orders asked

        session.gateway._sender._resolver._open = nowhere  # type: ignore[method-assign]


def session(
    seed: int,
    seen: Counter[str],
    *,
    markets: Sequence[Instrument] = MARKETS,
    orders: int = 5,
    bug: Bug = Bug(),  # noqa: B008  # it has no state
) -> Coroutine[Any, Any, None]:
    """One session to be run in virtual time."""

    async def whole() -> None:
        await Session(seed, markets, seen, bug).run(orders)

    return whole()
