"""How much a client may ask for: request weight by address, unfilled orders by account.

Windows are fixed and aligned to the wall clock, as the venue's are: a minute resets at :00. Counting
never refuses by itself; `Refused` is raised where a request would go over.

Source: Binance spot REST API, "LIMITS", and its FAQ on the unfilled order count.
"""

from __future__ import annotations

import msgspec

from quantlab.paper.exchange import Refused

TOO_MUCH_WEIGHT = (
    "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)


class Overspent(Refused):
    """A limit is used up.

    Attributes:
        retry_after_ms: How long until the window ends.
        retry_at_ms: When it ends, UTC milliseconds.
    """

    def __init__(self, code: int, message: str, now_ms: int, retry_at_ms: int) -> None:
        super().__init__(code, message)
        self.retry_at_ms = retry_at_ms
        self.retry_after_ms = retry_at_ms - now_ms


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
        if began != self.began_ms:
            self.began_ms, self.used = began, 0
        return self.used

    def add(self, amount: int, now_ms: int) -> int:
        self.used = max(0, self.at(now_ms) + amount)
        return self.used

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


class Limits:
    """The venue's limits: one weight window (all loopback clients are one address), two per account."""

    def __init__(self, *, weight: int = 6_000, orders_10s: int = 100, orders_day: int = 200_000) -> None:
        self.weight = Window("REQUEST_WEIGHT", "MINUTE", 1, weight, 60_000)
        self._orders_10s, self._orders_day = orders_10s, orders_day
        self._accounts: dict[str, tuple[Window, Window]] = {}

    def orders(self, account: str) -> tuple[Window, Window]:
        """The account's order windows: 10 seconds and a day."""
        if account not in self._accounts:
            self._accounts[account] = (
                Window("ORDERS", "SECOND", 10, self._orders_10s, 10_000),
                Window("ORDERS", "DAY", 1, self._orders_day, 86_400_000),
            )
        return self._accounts[account]

    def rules(self) -> list[dict[str, object]]:
        """exchangeInfo's `rateLimits`."""
        return [self.weight.rule(), *(window.rule() for window in self.orders(""))]

    def spend(self, weight: int, now_ms: int) -> None:
        """Count a request's weight, or -1003 until the minute is over."""
        if self.weight.at(now_ms) + weight > self.weight.limit:
            end = self.weight.began_ms + self.weight.length_ms
            raise Overspent(-1003, TOO_MUCH_WEIGHT.format(limit=self.weight.limit), now_ms, end)
        self.weight.add(weight, now_ms)

    def may_order(self, account: str, now_ms: int) -> None:
        """-1015 where the account has too many unfilled orders in a window."""
        for window in self.orders(account):
            if window.at(now_ms) >= window.limit:
                raise Overspent(
                    -1015,
                    f"Too many new orders; current limit is {window.limit} orders per "
                    f"{window.interval_number} {window.interval}.",
                    now_ms,
                    window.began_ms + window.length_ms,
                )

    def ordered(self, account: str, count: int, now_ms: int) -> None:
        """Count a placed order (1), or take one back at its first fill (-1)."""
        for window in self.orders(account):
            window.add(count, now_ms)
