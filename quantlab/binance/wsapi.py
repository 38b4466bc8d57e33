"""The account's own events, over the WebSocket API (listenKey is gone for spot).

There is no replay and no sequence number: after every "lost" the owner must reconcile by REST.
The key and the signature travel in one request and are never logged or put into an error.

Source: Binance spot "WebSocket API", "Subscribe to User Data Stream through signature
subscription (USER_STREAM)", "Log in with API key (SIGNED)", "Subscribe to User Data Stream (USER_STREAM)".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Hashable
from decimal import Decimal
from typing import Protocol

from quantlab.binance.codec_stream import decode_user_event
from quantlab.binance.errors import redact
from quantlab.binance.link import Ask, Link, LinkSettings
from quantlab.binance.signing import Credentials, Ed25519Signer, WsValue, sign_ws_params
from quantlab.binance.stream_shapes import Reply, ServerShutdown
from quantlab.binance.user_shapes import StreamTerminated
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.text import printable
from quantlab.endpoints import require_known_host

SUBSCRIBE = "userDataStream.subscribe.signature"
LOGON, SUBSCRIBE_SESSION = "session.logon", "userDataStream.subscribe"
REPORTS_KEPT = 10_000  # execution ids, by which one that comes again is known
SETTINGS = LinkSettings(messages_per_s=20)  # here request weight is the limit, not messages


class VenueTime(Protocol):
    """What we need of a clock: the venue's time, UTC milliseconds."""

    def now_ms(self) -> int: ...


class UserStream:
    """Executions and balances of one account, as long as `run` runs.

    Args:
        ws_api: The whole URL, it ends in "/ws-api/v3".
        credentials: The API key and its secret.
        clock: The venue's time, for the request's timestamp.
        on_event: Gets `ExecutionReport`, `AccountPosition`, `Transfer`, or `Unknown` for all other types.
        on_state: `("live", "")` when subscribed; `("lost", reason)` on each end and failed attempt;
            "live" once more, with the reason, where a new connection took over without a gap: to be sure,
            reconcile.
        recv_window_ms: How old the request may be at the venue; None takes the venue's 5000.
        settings: Waits and limits of the connection.
        uniform: Draws the waits before a reconnect.
        trusted_hosts: As of `BinanceClient`: hosts besides loopback and Binance's own that may get the key.

    Raises:
        ConfigError: `ws_api` is at another host.

    Attributes:
        duplicates: Execution reports that came again and were not handed on.
        out_of_order: Execution reports that came after a newer one of their order, and were handed on:
            fold them by execution id and cumulative quantity.
    """

    def __init__(
        self,
        ws_api: str,
        *,
        credentials: Credentials,
        clock: VenueTime,
        on_event: Callable[[object], None],
        on_state: Callable[[str, str], None],
        recv_window_ms: int | None = None,
        settings: LinkSettings = SETTINGS,
        uniform: Callable[[float, float], float] = random.uniform,
        trusted_hosts: Collection[str] = (),
    ) -> None:
        require_known_host(ws_api, trusted_hosts)
        self._credentials = credentials
        self._clock = clock
        self._on_event, self._on_state = on_event, on_state
        self._recv_window_ms = recv_window_ms
        self.duplicates = self.out_of_order = 0
        self._reports: dict[tuple[str, int], None] = {}  # the oldest goes first
        self._newest: dict[tuple[str, int], tuple[int, Decimal]] = {}  # by order: execution id, executed
        self._link = Link(
            ws_api,
            on_frame=self._frame,
            on_open=self._subscribe,
            on_state=self._changed,
            settings=settings,
            uniform=uniform,
            identity=identity,
            probe="ping",
            on_renewed=lambda: on_state("live", "a new connection took over from the old one"),
        )

    @property
    def live(self) -> bool:
        """True while subscribed."""
        return self._link.up

    @property
    def rotations(self) -> int:
        """How many connections were replaced while they lived."""
        return self._link.rotations

    @property
    def reconnects(self) -> int:
        """How many subscriptions came after the first one."""
        return max(0, self._link.opened - 1)

    async def run(self) -> None:
        """Stay subscribed until cancelled."""
        await self._link.run()

    async def barrier(self) -> None:
        """Return when every event that the venue sent before it read this was handed to `on_event`.

        One `ping` round trip through the same reader. Raises what `Link.request` raises.
        """
        await self._link.request("ping")

    async def restart(self, reason: str) -> None:
        """Drop the connection and subscribe on a new one."""
        self._link.restart(reason)

    async def _subscribe(self, ask: Ask) -> None:
        """By a signature of its own; an Ed25519 key, which may, logs the connection on instead."""
        params: dict[str, WsValue] = {
            "apiKey": self._credentials.api_key,
            "timestamp": self._clock.now_ms(),
        }
        if self._recv_window_ms is not None:
            params["recvWindow"] = self._recv_window_ms
        signer = self._credentials.signer
        if isinstance(signer, Ed25519Signer):
            await ask(LOGON, params=sign_ws_params(params, signer))
            await ask(SUBSCRIBE_SESSION)
        else:
            await ask(SUBSCRIBE, params=sign_ws_params(params, signer))
        self._link.data_seen = True  # a quiet account sends nothing: the reply is all the data there is

    def _frame(self, raw: bytes) -> None:
        event = decode_user_event(raw)
        if type(event) is Reply:
            self._link.resolve(event)
        elif type(event) is StreamTerminated:
            self._link.restart("the venue ended the user data subscription")
        elif type(event) is ServerShutdown:
            self._link.renew("the venue announced its shutdown")
        elif type(event) is not ExecutionReport or self._is_new(event):
            self._on_event(event)

    def _is_new(self, report: ExecutionReport) -> bool:
        """False for a report that was handed on already, on this connection or on the one before it.

        One that comes after a newer one of its order is handed on, too, and counted: it may be a fill.
        """
        key = (report.symbol, report.execution_id)
        if key in self._reports:
            self.duplicates += 1
            return False
        self._reports[key] = None
        order = (report.symbol, report.order_id)
        newest = self._newest.pop(order, (-1, report.cumulative_quantity))
        this = (report.execution_id, report.cumulative_quantity)
        self.out_of_order += report.execution_id < newest[0] or report.cumulative_quantity < newest[1]
        self._newest[order] = (max(this[0], newest[0]), max(this[1], newest[1]))
        for kept in (self._reports, self._newest):
            if len(kept) > REPORTS_KEPT:
                del kept[next(iter(kept))]
        return True

    def _changed(self, up: bool, reason: str) -> None:  # noqa: FBT001  # the link's callback
        safe = redact(reason.replace(self._credentials.api_key, "[redacted]"))  # the venue may repeat us
        self._on_state("live" if up else "lost", printable(safe))


def identity(raw: bytes) -> Hashable | None:
    """What makes an account's event the same on two connections: all but the subscription's number."""
    head, found, event = raw.partition(b'"event":')
    return event if found and b'"id":' not in head else None
