"""Faults of the venue itself, carried out and put back: its clock, symbols, accounts, balances.

Several faults of one kind may change the same thing, and end in any order: when one ends, what was there
before the first is restored, and those that are left are applied again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from quantlab.paper.faults.kinds import (
    BOUNDS,
    AccountDisabled,
    SetClock,
    SymbolFilters,
    SymbolStatus,
    Transfer,
    VenueFault,
)

if TYPE_CHECKING:
    from quantlab.paper.server.session import Session

Undo = Callable[[], None]
Place = tuple[str, str]  # the fault's name, and the symbol or account that it changes


class VenueFaults:
    """Changes one session's venue.

    Args:
        moved: Told by how many milliseconds the venue's clock has jumped.
    """

    def __init__(self, session: Session, moved: Callable[[int], None]) -> None:
        self._session = session
        self._moved = moved
        self._layers: dict[Place, list[VenueFault]] = {}
        self._original: dict[Place, Undo] = {}

    def begin(self, fault: VenueFault) -> None:
        """Make the change; `InvalidField` where the exchange cannot, and nothing has changed."""
        place = _place(fault)
        original = self._original.get(place) or self._remember(fault)
        self._apply(fault)
        self._session.publish()
        if original is not None:
            self._original[place] = original
            self._layers.setdefault(place, []).append(fault)

    def end(self, fault: VenueFault) -> None:
        """Put back what it changed, as far as no other fault changes it too."""
        place = _place(fault)
        layers = self._layers.get(place, [])
        mine = next((at for at, each in enumerate(layers) if each is fault), None)
        if mine is None:
            return
        del layers[mine]
        self._original[place]()
        for each in layers:
            self._apply(each)
        if not layers:
            del self._layers[place], self._original[place]
        self._session.publish()

    def _remember(self, fault: VenueFault) -> Undo | None:
        """How to restore what is there now; None for what has no end."""
        exchange = self._session.exchange
        match fault:
            case SetClock():
                return self._put_clock_right
            case SymbolStatus(symbol=symbol):
                status = exchange.instruments[symbol].status
                return lambda: exchange.set_status(symbol, status)
            case SymbolFilters(symbol=symbol):
                bounds = {name: getattr(exchange.instruments[symbol], name) for name in BOUNDS}
                return lambda: exchange.set_filters(symbol, **bounds)
            case AccountDisabled(account=account):
                before = exchange.may_trade(account)
                return lambda: exchange.set_may_trade(account, may_trade=before)
            case _:
                return None

    def _apply(self, fault: VenueFault) -> None:
        exchange, time_ms = self._session.exchange, self._session.time_ms
        match fault:
            case SetClock():
                self._session.clock.set(fault.offset_ms, fault.drift_ppm)
                self._moved(self._session.leap())
            case SymbolStatus():
                exchange.set_status(fault.symbol, fault.status)
            case SymbolFilters():
                exchange.set_filters(fault.symbol, **fault.changes())
            case AccountDisabled():
                exchange.set_may_trade(fault.account, may_trade=False)
            case Transfer():
                exchange.transfer(fault.account, fault.asset, fault.amount, time_ms)

    def _put_clock_right(self) -> None:
        self._session.clock.put_right()
        self._moved(self._session.leap())


def _place(fault: VenueFault) -> Place:
    return fault.name, getattr(fault, "symbol", "") or getattr(fault, "account", "")
