"""How a request goes out: within the limits, signed at the write, once, by one way; and what comes back.

Decides nothing about answers. No frame of ours holds a query, a signature or a key when an error is raised:
errors carry "METHOD /path" only.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

from quantlab.binance.addresses import checked_url
from quantlab.binance.budget import Cost, Priority
from quantlab.binance.client.answers import Answers
from quantlab.binance.client.endpoints import Effect, Endpoint
from quantlab.binance.client.params import require_text
from quantlab.binance.filters import SymbolFilters
from quantlab.binance.governor import TOO_MANY, Governor, HeldBack, Ticket
from quantlab.binance.limits import LimitUsage, RateLimit, counts_in
from quantlab.binance.ordersocket import OrderSocket
from quantlab.binance.retries import Retries
from quantlab.binance.signing import Credentials, encode_query, sign_query
from quantlab.binance.socketcodec import METHODS, SocketReply
from quantlab.binance.timeouts import Timeouts
from quantlab.binance.timing import VenueClock
from quantlab.binance.transport import Latch, Lost, Reply, Transport
from quantlab.clock import Clock
from quantlab.endpoints import require_known_host
from quantlab.errors import ConfigError, InvalidField, RateLimited

PRIORITIES = {
    Effect.READ: Priority.READ, Effect.EXPOSE: Priority.ORDER, Effect.CANCEL: Priority.CANCEL,
}  # fmt: skip
NOTHING = Cost(weight=0, raw=0)
RECV_WINDOW_MS = 5_000
LONGEST_WINDOW_MS = 60_000


class Sending:
    """The part of `BinanceClient` that sends: connections, signature, limits, the two ways to the venue.

    Args:
        rest: The venue's base URL; nothing else tells venues apart. https, or http to loopback.
        clock: Our clock. A `VenueClock` is used as it is, so that clients can share one.
        credentials: For signed requests; None for public data only.
        latch: HALT, asked at the write of every order. None: nothing ever halts.
        recv_window_ms: How late, in milliseconds, the venue may still take a signed request.
        timeout_s: Bound of one exchange, in seconds, queueing for a connection included.
        timeouts: Bounds of each phase of an exchange, instead of that one; see `Timeouts`.
        ssl_context: Instead of certifi's authorities, for a venue with an authority of its own.
        governor: Keeps within the venue's limits, for all clients that share it; its own where none
            is given.
        urgent: This client's requests are a HALT's: they may use what is kept back for it.
        ws_api: The URL of the WebSocket API, the fast path of orders; "" for REST alone. It is used while
            `socket` is up: `async with` keeps it up, else run `socket.run()`.
        trusted_hosts: Hosts besides loopback and Binance's own that may get the key; exact names.

    Attributes:
        socket: The fast path; None where there is none (no `ws_api`, or no key).
    """

    def __init__(
        self,
        rest: str,
        *,
        clock: Clock,
        credentials: Credentials | None = None,
        latch: Latch | None = None,
        recv_window_ms: int = RECV_WINDOW_MS,
        timeout_s: float = 10.0,
        timeouts: Timeouts | None = None,
        ssl_context: ssl.SSLContext | None = None,
        governor: Governor | None = None,
        urgent: bool = False,
        ws_api: str = "",
        trusted_hosts: Collection[str] = (),
    ) -> None:
        if credentials is not None:
            for url in filter(None, (rest, ws_api)):
                require_known_host(url, trusted_hosts)
        window: object = recv_window_ms
        if type(window) is not int or not 0 < window <= LONGEST_WINDOW_MS:
            raise InvalidField("recv_window_ms", f"{window!r:.40} is none", "give milliseconds, 1 to 60000")
        if timeouts is not None:
            timeout_s = timeouts.whole_s
        self.venue_clock = clock if isinstance(clock, VenueClock) else VenueClock(clock)
        self._rules: tuple[RateLimit, ...] = ()
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}  # by kind and window: used, and when
        self.governor = governor or Governor(self.venue_clock)
        self._urgent = urgent
        self._patience_s = timeout_s
        self._transport = Transport(rest, timeout_s=timeout_s, timeouts=timeouts, ssl_context=ssl_context)
        self._credentials = credentials
        self._latch = latch
        self._recv_window_ms = recv_window_ms
        self._answers = Answers(self._transport.base, credentials.api_key if credentials else "")
        self._retries = Retries()
        self._resync_lock = asyncio.Lock()
        self._resyncs = 0
        self._filters: dict[str, tuple[int, SymbolFilters]] = {}  # by symbol, and when they were asked for
        self._running: asyncio.Task[None] | None = None
        self.socket: OrderSocket | None = None
        if ws_api and credentials is not None:
            self.socket = OrderSocket(
                checked_url(ws_api, ("ws", "wss")), credentials=credentials, clock=self.venue_clock,
                recv_window_ms=recv_window_ms, timeout_s=timeout_s, ssl_context=ssl_context,
            )  # fmt: skip

    @property
    def limits(self) -> LimitUsage:
        """What the venue last said we have used; from any thread, and made when it is asked for."""
        limits = LimitUsage(limits=self._rules)
        for (kind, window), (used, as_of_ms) in self._counts.copy().items():
            limits = limits.with_counts(((kind, window, used),), as_of_ms)
        return limits

    async def warm(self, spare: int = 1) -> int:
        """Have `spare` connections ready that no request uses; how many there are now.

        A venue that cannot be reached raises nothing: the next request says so. Costs no weight.
        """
        return await self._transport.warm(spare)

    async def aclose(self) -> None:
        """Close every connection. Idempotent; on the loop that used the client."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait((running,))
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        if self.socket is not None:
            self._running = asyncio.create_task(self.socket.run(), name="order socket")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _exchange(
        self, endpoint: Endpoint, params: Mapping[str, str], halts: int | None = None
    ) -> Reply | Lost:
        """One governed exchange; `RateLimited` where a limit is used up and nothing was sent.

        Raises:
            InvalidField: A parameter is no text; nothing was asked.
        """
        require_text(params)
        cost = Cost(weight=endpoint.cost(params) or endpoint.weight, orders=endpoint.orders)
        ticket = await self._admitted(endpoint, cost)
        charged = cost
        try:
            outcome = await self._sent(endpoint, params, halts)
            if isinstance(outcome, Reply):
                charged = _charged(endpoint, cost, outcome.status)
            elif not outcome.sent:
                charged = NOTHING
        finally:
            self.governor.leave(ticket, charged)
        if isinstance(outcome, Reply):  # after our own count: the venue's is the better one
            self._hear(ticket, outcome)
        return outcome

    def _hear(self, ticket: Ticket, reply: Reply) -> None:
        """Take over what an answer says of the limits; one of the WebSocket API names the rules, too."""
        if isinstance(reply, SocketReply):
            self.governor.learn(rule for rule, _ in reply.counts)
            counts = [(rule.kind, rule.window, used) for rule, used in reply.counts]
        else:
            counts = counts_in(reply.headers)
        self.governor.hear(ticket, reply.status, counts, reply.retry_after_s)
        now_ms = self.venue_clock.now_ms()
        for kind, window, used in counts:
            self._counts[kind, window] = used, now_ms

    async def _admitted(self, endpoint: Endpoint, cost: Cost) -> Ticket:
        """Leave to send: a read waits for it as long as a time-out, a measurement or an order not at all."""
        priority = Priority.HALT if self._urgent else PRIORITIES[endpoint.effect]
        waits = endpoint.effect is Effect.CANCEL or endpoint.attempts > 1
        try:
            return await self.governor.enter(cost, priority, self._patience_s if waits else 0.0)
        except HeldBack as held:
            reason, wait_s = str(held), held.retry_after_s
        limited = RateLimited(TOO_MANY, f"not sent: {reason}", status=0, method=endpoint.call)
        limited.retry_after_s = math.ceil(wait_s)
        raise limited

    async def _sent(
        self, endpoint: Endpoint, params: Mapping[str, str], halts: int | None = None
    ) -> Reply | Lost:
        """Sent once, by the one way that is chosen here; a lost socket is no reason to try the other."""
        credentials = self._credentials
        if not endpoint.signed:
            return await self._transport.exchange(endpoint.verb, endpoint.path, lambda: encode_query(params))
        if credentials is None:
            raise ConfigError(
                f"{endpoint.call} needs an API key", "set QUANTLAB_API_KEY and QUANTLAB_API_SECRET"
            )
        latch = self._latch if endpoint.effect is Effect.EXPOSE else None
        if latch is not None and halts is None:
            halts = latch.generation
        socket, method = self.socket, METHODS.get((endpoint.verb, endpoint.path))
        if socket is not None and method is not None and socket.up:
            return await socket.exchange(method, params, latch=latch, halts=halts)
        stamped = {
            **params,
            "recvWindow": str(self._recv_window_ms),
            "timestamp": str(self.venue_clock.now_ms()),
        }
        return await self._transport.exchange(
            endpoint.verb,
            endpoint.path,
            lambda: sign_query(stamped, credentials.signer),
            headers={"X-MBX-APIKEY": credentials.api_key},
            latch=latch,
            halts=halts,
        )


def _charged(endpoint: Endpoint, cost: Cost, status: int) -> Cost:
    """What the venue takes for an answered request: nothing of the weight of an order that it took."""
    if not endpoint.free:
        return cost
    taken = status == 200
    return Cost(weight=0 if taken else endpoint.weight, orders=endpoint.orders if taken else 0)
