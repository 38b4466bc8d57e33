"""What the wire hands over, one message at a time, on the main thread.

Folds market data into the quotes and tells the bus; gives the gateway what is the gateway's.
Nothing here waits, and no handler of a user runs here: they have mailboxes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from quantlab.bus import Bus
from quantlab.domain.venue import VenueHealth
from quantlab.engine.faces import Health
from quantlab.engine.glance import Glances
from quantlab.engine.halting import HaltNews
from quantlab.engine.ownrules import AccountBounds, AssetLimits, Averages
from quantlab.engine.ownstream import UserStreamState
from quantlab.engine.quotes import Quotes
from quantlab.engine.rules import TradingRules, adopt
from quantlab.engine.valuing import Prices, Valuing
from quantlab.topics import MARKET_TOPICS, RISK_HALT, VENUE_HEALTH
from quantlab.trading.gateway import Gateway
from quantlab.trading.portfolio import Portfolio
from quantlab.wire import WireFailure


class Flush:
    """A marker in the market lane: `done` is set when all that was posted before was applied."""

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.done = done


class Owner(Protocol):
    """What the inbox needs of the engine."""

    bus: Bus
    quotes: Quotes
    valuing: Valuing
    health: Health
    portfolio: Portfolio
    bounds: AccountBounds
    alarms: deque[str]
    glances: Glances

    @property
    def gateway(self) -> Gateway | None: ...

    def user_stream(self, *, live: bool) -> None: ...

    def halt(self, reason: str) -> object: ...


class Inbox:
    """Applies the wire's messages to the engine."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.unknown = 0  # frames of a kind we do not know: counted, not lost in silence

    def apply(self, message: object) -> None:
        """Fold one message in; see `Wire`."""
        owner = self._owner
        topic = MARKET_TOPICS.get(type(message))
        if topic is not None:
            owner.quotes.on_event(message)  # type: ignore[arg-type]  # MARKET_TOPICS' keys are its types
            owner.valuing.on_quote(message.symbol)  # type: ignore[attr-defined]
            owner.bus.publish(topic, message)
            return
        if self._is_the_gateways(message):
            return
        match message:
            case VenueHealth():
                owner.health.on_health(message)
                owner.bus.publish(VENUE_HEALTH, message)
                owner.glances.renew()
            case HaltNews(change):
                owner.bus.publish(RISK_HALT, change)
                owner.glances.renew()
            case UserStreamState(live, _):
                owner.user_stream(live=live)
                owner.glances.renew()
            case TradingRules() | AssetLimits() | Averages():
                self._learn(message)
            case Prices():
                owner.valuing.on_prices(message)
            case Flush():
                if not message.done.done():
                    message.done.set_result(None)
            case WireFailure(name, error):
                owner.alarms.append(f"{name} ended: {error}")
            case _:
                self.unknown += 1

    def _learn(self, heard: TradingRules | AssetLimits | Averages) -> None:
        """By what rules orders are judged from now on."""
        owner = self._owner
        match heard:
            case TradingRules():
                adopt(heard, owner.portfolio.instruments, owner.alarms.append, bounded=owner.bounds.bounded)
            case AssetLimits():
                owner.bounds.on_limits(heard, owner.portfolio.instruments)
            case Averages(prices, time_ms):
                owner.quotes.on_averages(prices, time_ms)

    def _is_the_gateways(self, message: object) -> bool:
        """Hand it to the gateway; what of our orders cannot be understood is no reason to go on."""
        gateway = self._owner.gateway
        if gateway is None:
            return False
        try:
            return gateway.apply(message)
        except Exception as error:
            self._owner.halt(f"a {type(message).__name__} was not applied: {error}")
            raise
