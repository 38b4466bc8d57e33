"""How the parts that decide are put together: journal, desk, gateway.

Only says who is given what. Each function is called once by the engine, on the main thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantlab.binance.budget import Cost, Priority
from quantlab.clock import SystemClock
from quantlab.control.commands import ModelChange
from quantlab.control.desk import Desk
from quantlab.control.effects import Effects
from quantlab.control.tokenstore import TokenStore
from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AnyRequest
from quantlab.domain.orders import OrderSnapshot
from quantlab.engine.identity import Identity
from quantlab.engine.link import Link
from quantlab.engine.refusals import Refusals
from quantlab.errors import JournalLocked, UnknownSymbol
from quantlab.trading.asking import Conditions
from quantlab.trading.flatten import Flattening
from quantlab.trading.gateway import Gateway
from quantlab.trading.journal import Journal, load_key, read
from quantlab.trading.nojournal import NoJournal
from quantlab.trading.recovery import Recovered, recovered
from quantlab.trading.resolver import Doubt
from quantlab.trading.sender import OrderSender
from quantlab.trading.sent import Sent
from quantlab.wire import WireCall

if TYPE_CHECKING:
    from quantlab.engine.root import Engine


ONE_ORDER = Cost(weight=1, orders=1)


class Carrier:
    """What the desk may have carried out: the gateway's actions, while it takes orders."""

    def __init__(self, gateway: Callable[[], Gateway]) -> None:
        self._gateway = gateway

    def submit(self, request: AnyRequest, *, strategy: str = "", reduce_only: bool = False) -> Sent:
        return self._gateway().submit(request, strategy=strategy, reduce_only=reduce_only)

    def flatten(self, symbol: str | None, *, strategy: str = "") -> Flattening:
        return self._gateway().flatten(symbol, strategy=strategy)

    def cancel(self, symbol: str, client_order_id: str) -> WireCall[OrderSnapshot]:
        return self._gateway().cancel(symbol, client_order_id)

    def cancel_all(self, symbol: str | None) -> WireCall[list[OrderSnapshot]]:
        return self._gateway().cancel_all(symbol)

    def allow_rerun(self, *, every: bool) -> int:
        return self._gateway().allow_rerun(every=every)


def open_journal(engine: Engine, identity: Identity) -> tuple[Journal | NoJournal, Recovered]:
    """The journal of this account at this venue, and what earlier sessions left in it.

    Where another kernel has it there is none: this one may look, and HALT, and nothing else.
    """
    settings = engine.settings
    path = identity.journal_path(settings.home)
    try:
        journal = Journal(
            path, key=load_key(settings.home), clock=engine.clock,
            instance=identity.instance, account=identity.account, level=settings.level.label,
        )  # fmt: skip
    except JournalLocked as locked:
        return NoJournal(path, str(locked)), recovered(())
    return journal, recovered(read(path))  # verified by the opening; our own first line says nothing


def new_desk(engine: Engine) -> Desk:
    """The one door, over the engine's journal, rails and HALT."""
    settings, rails, wire = engine.settings, engine.rails, engine.wire

    def set_limits(limits: Limits) -> Limits:
        engine.journal.append_synced("limits.set", msgspec.structs.asdict(limits))  # they outlive a restart
        rails.limits = limits
        return rails.limits

    def resume(reason: str) -> object:
        outcome = engine.halting.resume(reason)
        engine.guards.lift()
        return outcome

    def reference_price(symbol: str) -> Decimal | None:
        engine.require_orders_open()
        if symbol not in engine.portfolio.instruments:
            raise UnknownSymbol(symbol, engine.symbols)
        quote = engine.quotes.get(symbol)
        return None if quote is None else quote.price

    def change_model(change: ModelChange) -> object:
        return engine.learn.change(change)  # made when it is first needed

    return Desk(
        clock=engine.clock,
        level=settings.level,
        kernel_id=secrets.token_hex(8),
        store=TokenStore(settings.home, SystemClock()),  # shared with kernels on the real clock
        gateway=Carrier(engine.require_orders_open),
        effects=Effects(
            halt=engine.halting.halt,
            resume=resume,
            limits=lambda: rails.limits,
            set_limits=set_limits,
            audit=engine.journal.append_nowait,
            audit_synced=engine.journal.append_synced,
            reference_price=reference_price,
            change_model=change_model,
        ),
        glass_cockpit=settings.glass_cockpit,
        check_wait_allowed=wire.check_wait_allowed,
        ready=engine.ready_for,
        catch_up=engine.catch_up,
        masked=wire.masked,
    )


def new_gateway(engine: Engine, link: Link) -> Gateway:
    """The one way by which an order leaves."""
    sender = OrderSender(
        client=link.client, cancel_client=link.cancel_client, journal=engine.journal, latch=engine.latch,
        limits_version=lambda: engine.rails.limits.version, post=engine.wire.post_order,
        barrier=link.user.barrier if link.user is not None else None, in_turn=engine.clock.fixed,
        doubt=Doubt.within(engine.settings.recv_window_ms), monotonic_ns=engine.clock.monotonic_ns,
    )  # fmt: skip
    refusals = Refusals(
        lock_out=engine.lock_out, alarm=engine.alarms.append,
        fetch=lambda: engine.wire.call(link.rules.refresh, "the rules anew"),
    )  # fmt: skip

    def conditions(symbol: str) -> Conditions:
        quote, health = engine.quotes.get(symbol), engine.health.snapshot
        now_ms = link.client.venue_clock.now_ms()
        return Conditions(
            health=health.state.value if health else None,
            health_age_ms=now_ms - health.as_of_ms if health else None,
            budget_left=link.client.governor.budget.left(ONE_ORDER, Priority.ORDER, now_ms),
            book=quote.book if quote else None,
        )

    return Gateway(
        wire=engine.wire, sender=sender, bus=engine.bus, clock=engine.clock, rails=engine.rails,
        portfolio=engine.portfolio, orders=engine.orders, journal=engine.journal, latch=engine.latch,
        reference=engine.quotes.get, venue_now_ms=link.client.venue_clock.now_ms,
        trading_state=engine.trading_state, conditions=conditions, tempo=engine.guards.tempo,
        on_alarm=engine.alarms.append, on_contradiction=engine.halt,
        on_stranger=engine.guards.on_stranger, on_refused=refusals.on_refused,
    )  # fmt: skip
