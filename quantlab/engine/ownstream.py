"""The user stream of one venue as the engine sees it: live or why not, and doubted where it is silent.

It lives on the wire loop, as all of `Link` does.
"""

from __future__ import annotations

import asyncio

import msgspec

from quantlab.binance.signing import Credentials
from quantlab.binance.timing import VenueClock
from quantlab.binance.wsapi import UserStream
from quantlab.errors import QuantlabError, VenueUnavailable
from quantlab.wire import Wire

BARRIER_S = 0.9
DOUBT_S = 4.0
LIVE_S = 5.0


class UserStreamState(msgspec.Struct, frozen=True):
    """Posted to the engine: the user stream became live (reconcile!) or was lost."""

    live: bool
    reason: str


class OwnStream:
    """Reports of our own orders and balances, posted home through the lossless lane.

    Args:
        ws_api: Where the venue's WebSocket API is.
        credentials: Whose account.
        clock: The venue's time.
        wire: Gets every message.
        recv_window_ms: See `UserStream`.
        doubts: Whether a silent stream is connected anew by itself; equal runs must not.

    Attributes:
        stream: The venue's messages.
        reason: Why it is down; empty while it is live.
    """

    def __init__(
        self,
        ws_api: str,
        *,
        credentials: Credentials,
        clock: VenueClock,
        wire: Wire,
        recv_window_ms: int,
        doubts: bool,
    ) -> None:
        self.stream = UserStream(
            ws_api, credentials=credentials, clock=clock, on_event=wire.post_order, on_state=self._on_state,
            recv_window_ms=recv_window_ms,
        )  # fmt: skip
        self.reason = ""
        self._wire, self._doubts = wire, doubts
        self._was_live = asyncio.Event()
        self._doubted = False

    @property
    def live(self) -> bool:
        """Whether reports come now."""
        return self.stream.live

    async def run(self) -> None:
        """Keep it up until cancelled."""
        await self.stream.run()

    async def wait_live(self) -> None:
        """Return when it was live for the first time.

        Raises:
            VenueUnavailable: It was not within `LIVE_S`.
        """
        try:
            async with asyncio.timeout(LIVE_S):
                await self._was_live.wait()
        except TimeoutError:
            raise VenueUnavailable(
                f"the user stream was not live within {LIVE_S:g} s ({self.reason or 'no answer'}); "
                "check the API key"
            ) from None

    async def barrier(self) -> None:
        """Return when all that the venue sent before now has been posted; `TimeoutError` after `BARRIER_S`.

        Then it is doubted: a half-open connection says no goodbye, and would be believed for long.
        """
        try:
            async with asyncio.timeout(BARRIER_S):
                await self.stream.barrier()
        except TimeoutError:
            if self._doubts and not self._doubted:
                self._doubted = True
                self._wire.spawn(self._doubt, "user stream in doubt")
            raise

    async def _doubt(self) -> None:
        """Connect it anew, unless it answers a ping after all."""
        try:
            async with asyncio.timeout(DOUBT_S):
                await self.stream.barrier()
        except (TimeoutError, QuantlabError):
            await self.stream.restart(f"no answer to a ping within {DOUBT_S:g} s")
        finally:
            self._doubted = False

    def _on_state(self, state: str, reason: str) -> None:
        live = state == "live"
        self.reason = "" if live else reason
        self._wire.post_order(UserStreamState(live, reason))
        if live:
            self._was_live.set()
