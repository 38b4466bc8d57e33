"""The faults of one running venue: added and removed while it runs, begun and ended by its own time.

Decides nothing about chances (`quantlab.paper.faults` does) and does little itself: `venuefaults` changes
the venue, `socketfaults` spoils sockets and messages, `requestfaults` requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from quantlab.errors import InvalidField
from quantlab.paper.exchange import Refused
from quantlab.paper.faults.kinds import (
    AccountDisabled,
    Fault,
    FrameFault,
    RequestFault,
    SocketFault,
    SymbolFilters,
    SymbolStatus,
    Transfer,
    VenueFault,
)
from quantlab.paper.faults.plan import Active, Plan, matches
from quantlab.paper.server.socketfaults import SocketFaults
from quantlab.paper.server.venuefaults import VenueFaults

if TYPE_CHECKING:
    from quantlab.paper.server.session import Session

Deed = Callable[[], None]


class Injection:
    """What a session asks about faults. In a sound venue it costs one look at an empty list.

    Attributes:
        plan: The faults and their chances.
        sockets: What they do to sockets and to messages.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.plan = Plan(self._struck)
        self.sockets = SocketFaults(session.hub, self.plan)
        self.endpoints: frozenset[str] = frozenset()  # all there are, told by the server
        self._tasks: set[asyncio.Task[None]] = set()
        self._venue = VenueFaults(session, self._moved)
        self._later: list[tuple[int, Deed]] = []  # venue's time, and what is to be done then

    def add(self, fault: Fault) -> Active:
        """Begin one, now or when it says; `InvalidField` where it names what this venue does not have."""
        self._check(fault)
        active = self.plan.add(fault, self._session.time_ms)
        self.tick()
        if active.refused is not None:
            self.plan.remove(active.number)
            raise active.refused
        return active

    def remove(self, number: int) -> Active | None:
        """End one and forget it; what it changed is put back."""
        active = self.plan.remove(number)
        if active is not None and not active.over:
            self._end(active)
        return active

    def clear(self) -> list[Active]:
        """End all."""
        found = list(self.plan)
        for active in found:
            self.remove(active.number)
        return found

    def tick(self) -> None:
        """Do what has become due by the venue's time."""
        now_ms = self.sockets.time_ms = self._session.time_ms
        if self._later:
            due = [do for at_ms, do in self._later if at_ms <= now_ms]
            self._later = [each for each in self._later if each[0] > now_ms]
            for do in due:
                do()
        begun, ended = self.plan.due(now_ms)
        for active in begun:
            self._begin(active)
        if self.plan.sockets:
            self.sockets.visit(now_ms, self.at)
        self.sockets.tidy()
        for active in ended:
            self._end(active)

    def undisturbed_ms(self, most_ms: int) -> int:
        """How long until something becomes due, at most `most_ms`."""
        coming = [*self.plan.coming(), *(at_ms for at_ms, _ in self._later)]
        return min([most_ms, *(max(1, at_ms - self._session.time_ms) for at_ms in coming)])

    def at(self, in_ms: int, do: Deed) -> None:
        """Do something when so much of the venue's time has passed."""
        self._later.append((self._session.time_ms + in_ms, do))

    def reject_later(self, account: str, body: bytes, in_ms: int) -> None:
        """Take back the order that a reply acknowledges, if it still rests by then."""
        found = _placed(body)
        if found is not None:
            self.at(in_ms, lambda: self._reject(account, *found))

    def _reject(self, account: str, symbol: str, order_id: int) -> None:
        session = self._session
        try:
            session.exchange.reject(account, symbol, order_id, session.time_ms)
        except Refused:
            return  # it is filled or cancelled by now, and stays so
        session.publish()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on by itself."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Give up what goes on."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, active: Active) -> None:
        fault = active.fault
        if not isinstance(fault, VenueFault):
            self.sockets.begin()
        elif self.plan.take(active, fault.name):
            try:
                self._venue.begin(fault)
            except InvalidField as refused:  # by the exchange, as it stands now: no reason to stop the venue
                active.refused = refused
                self.plan.end(active)

    def _end(self, active: Active) -> None:
        self.plan.end(active)
        self.sockets.end(active)
        if isinstance(active.fault, VenueFault):
            self._venue.end(active.fault)

    def _moved(self, by_ms: int) -> None:
        """The venue's clock was set: what is to come keeps its distance."""
        self.plan.shift(by_ms)
        self._later = [(at_ms + by_ms, do) for at_ms, do in self._later]

    def _struck(self, active: Active, where: str) -> None:
        if self._session.truth is not None:
            self._session.truth.fault(self._session.time_ms, active.number, active.fault.name, where)

    def _check(self, fault: Fault) -> None:
        """A scope that fits nothing here would be a fault that never comes."""
        session = self._session
        symbols, accounts = session.exchange.instruments, session.uids
        if isinstance(fault, RequestFault):
            _fits("endpoint", fault.endpoint, self.endpoints)
        if isinstance(fault, RequestFault | FrameFault):
            _fits("symbol", fault.symbol, symbols)
        if isinstance(fault, RequestFault | FrameFault | SocketFault):
            _fits("account", fault.account, accounts)
        if isinstance(fault, SymbolStatus | SymbolFilters) and fault.symbol not in symbols:
            raise InvalidField("symbol", f"{fault.symbol!r} is not listed", _one_of(symbols))
        if isinstance(fault, Transfer | AccountDisabled) and fault.account not in accounts:
            raise InvalidField("account", f"there is no account {fault.account!r}", _one_of(accounts))
        if isinstance(fault, Transfer):
            assets = {each for one in symbols.values() for each in (one.base, one.quote)}
            if fault.asset not in assets:
                raise InvalidField("asset", f"{fault.asset!r} is not traded here", _one_of(assets))


def _fits(field: str, pattern: str, known: Iterable[str]) -> None:
    if pattern and not any(matches(pattern, each) for each in known):
        raise InvalidField(field, f"{pattern!r} fits nothing of this venue", _one_of(known))


def _one_of(known: Iterable[Any]) -> str:
    names = sorted(map(str, known))
    some = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"give one of {some}, or a pattern such as *"


class _Order(msgspec.Struct):
    """What an answer to an order says of it."""

    symbol: str = ""
    orderId: int = 0  # noqa: N815  # the venue's name


class _Reply(_Order):
    result: _Order | None = None


def _placed(body: bytes) -> tuple[str, int] | None:
    """Symbol and id of the order that a reply acknowledges, by REST or by the WebSocket API."""
    try:
        reply = msgspec.json.decode(body, type=_Reply)
    except msgspec.DecodeError:
        return None
    order = reply.result or reply
    return (order.symbol, order.orderId) if order.orderId else None
