"""How much a client may ask for: requests by address, unfilled orders by account.

Windows are fixed and aligned to the venue's clock, as at Binance: a minute resets at :00. An address that
goes on asking after 429 is banned (418), each time for twice as long.

Source: Binance spot REST API, "LIMITS"; WebSocket API, "Rate limits"; FAQ "Spot Unfilled Order Count Rules".
"""

from __future__ import annotations

import msgspec

from quantlab.paper.exchange import Refused
from quantlab.paper.terms import Terms

TOO_MUCH_WEIGHT = (
    "Too much request weight used; current limit is {} request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
TOO_MANY_REQUESTS = "Too many requests queued."
BANNED = (
    "Way too much request weight used; IP banned until {}. "
    "Please use WebSocket Streams for live updates to avoid bans."
)
TOO_MANY_CONNECTIONS = "Too many connection attempts from IP; current limit is {} per '5 MINUTE'."
TOO_MANY_ORDERS = "Too many new orders; current limit is {} orders per {} {}."
CONNECTING_WEIGHT = 2
TAKER_CREDIT = 1


class Overspent(Refused):
    """A limit is used up.

    Attributes:
        retry_at_ms: When to come back, UTC milliseconds.
        retry_after_ms: How long that is.
        status: As in HTTP: 429, or 418 under a ban.
    """

    def __init__(self, code: int, message: str, now_ms: int, retry_at_ms: int, status: int = 429) -> None:
        super().__init__(code, message)
        self.retry_at_ms = retry_at_ms
        self.retry_after_ms = retry_at_ms - now_ms
        self.status = status


class Window(msgspec.Struct):
    """One fixed window: `interval` x `count` long, at most `limit` used in each."""

    kind: str  # rateLimitType
    interval: str
    interval_number: int
    limit: int
    length_ms: int
    used: int = 0
    began_ms: int = 0

    def at(self, now_ms: int) -> int:
        """What is used in the window that holds `now_ms`."""
        began = now_ms - now_ms % self.length_ms
        if began > self.began_ms:
            self.began_ms, self.used = began, 0
        return self.used

    def add(self, amount: int, now_ms: int) -> int:
        self.used = max(0, self.at(now_ms) + amount)
        return self.used

    def end_ms(self, now_ms: int) -> int:
        """When the window that holds `now_ms` is over."""
        return now_ms - now_ms % self.length_ms + self.length_ms

    @property
    def suffix(self) -> str:
        """As in the header's name: "1M", "10S"."""
        return f"{self.interval_number}{self.interval[0]}"

    def rule(self) -> dict[str, object]:
        """The window as exchangeInfo's `rateLimits` shows it."""
        return {
            "rateLimitType": self.kind,
            "interval": self.interval,
            "intervalNum": self.interval_number,
            "limit": self.limit,
        }


class Address:
    """What one IP address has used: weight, requests and connections, and its bans.

    Attributes:
        weight: The REQUEST_WEIGHT window.
        requests: The RAW_REQUESTS window.
    """

    def __init__(self, terms: Terms) -> None:
        minute, five = terms.window_ms(60), terms.window_ms(300)
        self.weight = Window("REQUEST_WEIGHT", "MINUTE", 1, terms.weight_1m, minute)
        self.requests = Window("RAW_REQUESTS", "MINUTE", 5, terms.raw_requests_5m, five)
        self._connections = Window("CONNECTIONS", "MINUTE", 5, terms.connections_5m, five)
        self._strikes = Window("STRIKES", "MINUTE", 1, terms.strikes, minute)
        self._ban_ms = round(terms.ban_first_s * 1_000)
        self._longest_ban_ms = round(terms.ban_longest_s * 1_000)
        self._banned_until_ms = 0

    def spend(self, weight: int, now_ms: int) -> None:
        """Count one request and its weight, or refuse it: -1003 with 429, or with 418 under a ban."""
        self.check_ban(now_ms)
        if self.requests.add(1, now_ms) > self.requests.limit:
            self._strike(now_ms)
            raise Overspent(-1003, TOO_MANY_REQUESTS, now_ms, self.requests.end_ms(now_ms))
        if self.weight.at(now_ms) + weight > self.weight.limit:
            self._strike(now_ms)
            message = TOO_MUCH_WEIGHT.format(self.weight.limit)
            raise Overspent(-1003, message, now_ms, self.weight.end_ms(now_ms))
        self.weight.add(weight, now_ms)

    def connect(self, now_ms: int, weight: int = 0) -> None:
        """Count one WebSocket connection, or refuse it: -1034."""
        self.check_ban(now_ms)
        if self._connections.at(now_ms) >= self._connections.limit:
            message = TOO_MANY_CONNECTIONS.format(self._connections.limit)
            raise Overspent(-1034, message, now_ms, self._connections.end_ms(now_ms))
        self._connections.add(1, now_ms)
        self.weight.add(weight, now_ms)

    def check_ban(self, now_ms: int) -> None:
        """-1003 with 418 while the address is banned."""
        if now_ms < self._banned_until_ms:
            until = self._banned_until_ms
            raise Overspent(-1003, BANNED.format(until), now_ms, until, status=418)

    def _strike(self, now_ms: int) -> None:
        """Count a request over the limit. Too many of them in a window begin a ban."""
        if self._strikes.add(1, now_ms) < self._strikes.limit:
            return
        self._strikes.used = 0
        self._banned_until_ms = now_ms + min(self._ban_ms, self._longest_ban_ms)
        self._ban_ms = min(2 * self._ban_ms, self._longest_ban_ms)
        self.check_ban(now_ms)


class Limits:
    """The venue's limits: windows for each address, and two windows of orders for each account."""

    def __init__(self, terms: Terms | None = None) -> None:
        self._terms = Terms() if terms is None else terms
        self._addresses: dict[str, Address] = {}
        self._accounts: dict[str, tuple[Window, Window]] = {}

    def address(self, name: str) -> Address:
        """The limits of one IP address."""
        if name not in self._addresses:
            self._addresses[name] = Address(self._terms)
        return self._addresses[name]

    def orders(self, account: str) -> tuple[Window, Window]:
        """The account's order windows: 10 seconds and a day."""
        if account not in self._accounts:
            terms = self._terms
            self._accounts[account] = (
                Window("ORDERS", "SECOND", 10, terms.orders_10s, terms.window_ms(10)),
                Window("ORDERS", "DAY", 1, terms.orders_1d, terms.window_ms(86_400)),
            )
        return self._accounts[account]

    def rules(self) -> list[dict[str, object]]:
        """exchangeInfo's `rateLimits`."""
        address = Address(self._terms)
        return [window.rule() for window in (address.weight, *self.orders(""), address.requests)]

    def too_many(self, account: str, count: int, now_ms: int) -> Overspent | None:
        """The -1015 that `count` more unfilled orders would meet, or None where they may be placed.

        For a cancelReplace, whose orderRateLimitExceededMode decides what follows; else see `may_order`.
        """
        for window in self.orders(account):
            if window.at(now_ms) + count > window.limit:
                message = TOO_MANY_ORDERS.format(window.limit, window.interval_number, window.interval)
                return Overspent(-1015, message, now_ms, window.end_ms(now_ms))
        return None

    def may_order(self, account: str, now_ms: int, count: int = 1) -> None:
        """-1015 where `count` more unfilled orders are too many in one of the account's windows."""
        refused = self.too_many(account, count, now_ms)
        if refused is not None:
            raise refused

    def ordered(self, account: str, count: int, now_ms: int) -> None:
        """Count placed orders: 1, or as many as a list's type counts for (OCO 2, OTO 2, OTOCO 3)."""
        for window in self.orders(account):
            window.add(count, now_ms)

    def filled(self, account: str, now_ms: int, *, maker: bool) -> None:
        """An order's first fill takes it off the count, and more than itself where it had rested."""
        self.ordered(account, -(self._terms.maker_credit if maker else TAKER_CREDIT), now_ms)
