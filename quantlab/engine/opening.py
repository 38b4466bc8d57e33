"""How an engine comes up: what is connected before what, and when the first order may pass.

Each function is a step of `Engine.start`, called once, on the main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from quantlab.engine.assembly import new_gateway
from quantlab.engine.link import Link
from quantlab.engine.standing import Standing
from quantlab.engine.valuing import ask_prices, keep_prices
from quantlab.errors import QuantlabError, UnknownSymbol, VenueError, VenueUnavailable
from quantlab.paper.spawn import Control, EmbeddedVenue
from quantlab.trading.rails.fused import prepare

if TYPE_CHECKING:
    from quantlab.engine.root import Engine

FIT_WITHIN_S = 2.0
FIRST_QUOTE_S = 0.01
FIRST_ADVANCE_MS = 1_000  # a deterministic market moves once at load, so that nothing is empty


async def address_venue(engine: Engine, venue: EmbeddedVenue | None) -> Control | None:
    """Put the embedded venue's address and key into the settings; its control endpoint comes back."""
    if venue is None:
        return None
    address = await engine.wire.call(venue.address, "embedded venue")
    key, secret = address.credentials()
    engine.settings = engine.settings.embedded(
        rest=address.rest, ws=address.ws, ws_api=address.ws_api, api_key=key, api_secret=secret
    )
    return address.control


def new_link(engine: Engine, control: Control | None) -> Link:
    """The connections; a HALT from before is carried out as soon as there are any."""
    link = Link(
        engine.settings, control=control, clock=engine.clock, wire=engine.wire, latch=engine.latch,
        listens=not engine.read_only, problem=engine.venue_problem, mismatch=lambda: engine.mismatch,
        model_store=lambda: engine.model_store_notice, conflates=engine.bus.conflates,
    )  # fmt: skip
    engine.halting.link = link
    engine.wire.spawn(link.hold, "connections")
    engine.halting.link_is_up()  # REST needs no stream
    return link


async def make_rails() -> None:
    """What the first orders need, in steps: the loop goes on between them."""
    for _ in prepare():
        await asyncio.sleep(0)


async def learn_listing(engine: Engine, link: Link) -> None:
    """Connect everything, and learn what the venue lists.

    Raises:
        UnknownSymbol: The settings name a symbol that it does not.
    """
    wanted = engine.settings.symbols
    info = await engine.wire.call(lambda: link.open(wanted), "open")
    bounded = engine.bounds.bounded if link.user is not None else (lambda each: each)
    engine.portfolio.instruments.update({name: bounded(each) for name, each in info.instruments.items()})
    if unlisted := [each for each in wanted if each not in info.instruments]:
        raise UnknownSymbol(unlisted[0], tuple(info.instruments))


def new_standing(engine: Engine, link: Link) -> Standing:
    """The gateway's standing with the venue, over what earlier sessions left."""
    user, gateway = link.user, new_gateway(engine, link)
    engine.adopt_gateway(gateway)
    return Standing(
        gateway,
        engine.settings.symbols,
        live=lambda: user is not None and user.live,
        why=lambda: user.reason if user is not None else "",
        alarm=engine.alarms.append,
        told=engine.reconciled,
        causes=engine.guards.causes,
        clock=engine.clock,
        spent=lambda: engine.client_limits.share("REQUEST_WEIGHT", "1M"),
        rhythm=engine.rhythm,
    )


async def learn_account(engine: Engine, standing: Standing, link: Link) -> None:
    """Reconcile, and value what is held; where the venue does not answer it is asked again and again."""
    with contextlib.suppress(VenueError):  # no order passes before it was answered
        await standing.reconcile()
    now_ms, post = link.client.venue_clock.now_ms, engine.wire.post_order
    with contextlib.suppress(QuantlabError):  # without them some of the account has no price
        await engine.wire.call(lambda: ask_prices(link.client, now_ms, post), "prices")
    if not engine.clock.fixed:
        engine.wire.spawn(lambda: keep_prices(link.client, now_ms, post), "prices")


async def look_round(engine: Engine) -> None:
    """Wait a moment until the venue is fit to trade on and has prices; `ql.health` says why it is not."""
    with contextlib.suppress(VenueUnavailable, TimeoutError):
        async with asyncio.timeout(FIT_WITHIN_S):
            await engine.health.until_ok(FIT_WITHIN_S)
            while not all(engine.quotes.get(symbol) for symbol in engine.settings.symbols):  # noqa: ASYNC110
                await asyncio.sleep(FIRST_QUOTE_S)  # a few turns, once per load
