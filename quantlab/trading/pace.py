"""How often: what was sent, amended, cancelled and answered lately, as the rails read it.

Pure: every moment is given, in nanoseconds of a monotonic clock; only what must outlive a restart (who is
locked until re-armed, how long a symbol rests) is told in UTC milliseconds. Main thread only. Each
question costs the same however much was sent: windows are rings of moments, dropped once they are over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

import msgspec

from quantlab.domain.decimals import plain
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest
from quantlab.trading.exposure import Pace
from quantlab.trading.reruns import Cell, Reruns, remember

MS_NS = 1_000_000
SECOND_NS = 1_000 * MS_NS
MINUTE_NS = 60 * SECOND_NS
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")


class Lasting(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives a restart: locks by symbol and side, and until when symbols rest (UTC ms)."""

    locked: tuple[tuple[str, str], ...] = ()
    resting: dict[str, int] = {}


class Ring:
    """Moments within a window."""

    __slots__ = ("_moments",)

    def __init__(self) -> None:
        self._moments: deque[int] = deque()

    def add(self, now_ns: int, count: int = 1) -> None:
        self._moments.extend([now_ns] * count)

    def turn(self, now_ns: int, window_ns: int, most: int) -> int:
        """Take the next moment at which the window before it holds fewer than `most`; how far away it is."""
        moments = self._moments
        self.count(now_ns, window_ns)
        moment = max(now_ns, moments[-most] + window_ns) if len(moments) >= most else now_ns
        moments.append(moment)
        return moment - now_ns

    def count(self, now_ns: int, window_ns: int) -> int:
        """How many lie less than the window back; the others are dropped."""
        moments = self._moments
        while moments and now_ns - moments[0] >= window_ns:
            moments.popleft()
        return len(moments)


class Tempo:
    """Counts for `Pace`.

    Args:
        keep: Told what must outlive a restart, whenever it changes.
    """

    def __init__(self, keep: Callable[[Lasting], object] | None = None) -> None:
        self._keep = keep
        self._sent, self._amended, self._cancelled = Ring(), Ring(), Ring()
        self._answers, self._errors = Ring(), Ring()
        self._by_side: dict[tuple[str, str], Ring] = {}
        self._same: dict[str, Ring] = {}
        self.reruns = Reruns()
        self._stops: dict[str, Ring] = {}
        self._locked: set[tuple[str, str]] = set()
        self._resting: dict[str, int] = {}
        self._content: tuple[OrderRequest, str] | None = None  # of the order that was looked at last

    # -- what happened

    def sent(
        self, request: OrderRequest, limits: Limits, now_ns: int, *, client_order_id: str, cell: Cell | None
    ) -> None:
        """One order was handed over."""
        limits, side = limits.of(request.symbol), (request.symbol, request.side.value)
        self._sent.add(now_ns)
        ring = self._by_side.setdefault(side, Ring())
        ring.add(now_ns)
        if ring.count(now_ns, limits.repeat_window_ms * MS_NS) >= limits.max_repeats:
            self._locked.add(side)
            self._tell()
        text = self._content_of(request)
        same = self._same.get(text) or Ring()
        same.add(now_ns)
        remember(self._same, text, same)
        if cell is not None:
            self.reruns.sent(cell, text, client_order_id)

    def amended(self, now_ns: int) -> None:
        """One amendment was handed over."""
        self._amended.add(now_ns)

    def cancelled(self, now_ns: int, most: int) -> int:
        """One single cancel is asked for: how long (ns) it waits, so that no second sees more than `most`."""
        return self._cancelled.turn(now_ns, SECOND_NS, max(most, 1))

    def answered(self, now_ns: int, *, error: bool) -> None:
        """The venue answered an order; `error`: it refused it, or the answer was lost."""
        self._answers.add(now_ns)
        if error:
            self._errors.add(now_ns)

    def stopped(self, symbol: str, limits: Limits, now_ns: int, now_ms: int) -> None:
        """A stop of ours was filled; after some of them within `cooldown_ms` the symbol rests as long."""
        ring = self._stops.setdefault(symbol, Ring())
        ring.add(now_ns)
        if ring.count(now_ns, limits.cooldown_ms * MS_NS) >= limits.stops_before_cooldown:
            self._resting[symbol] = now_ms + limits.cooldown_ms
            self._tell()

    def rearm(self) -> int:
        """Let go on what `repeated_execution` has locked (the desk has checked who asks). How many were."""
        count = len(self._locked)
        for side in self._locked:
            self._by_side.pop(side, None)
        self._locked.clear()
        if count:
            self._tell()
        return count

    # -- what the rails read

    def orders_last_second(self, now_ns: int) -> int:
        return self._sent.count(now_ns, SECOND_NS)

    def view(
        self,
        request: OrderRequest,
        limits: Limits,
        now_ns: int,
        now_ms: int,
        *,
        budget_left: int | None,
        cell: Cell | None = None,
    ) -> Pace:
        """What is to be said of `request` now."""
        limits, side = limits.of(request.symbol), (request.symbol, request.side.value)
        text = self._content_of(request)
        ring, same = self._by_side.get(side), self._same.get(text)
        repeats = ring.count(now_ns, limits.repeat_window_ms * MS_NS) if ring else 0
        return Pace(
            amends=self._amended.count(now_ns, SECOND_NS),
            cancels=self._cancelled.count(now_ns, SECOND_NS),
            identical=same.count(now_ns, limits.identical_window_ms * MS_NS) if same else 0,
            repeats=max(repeats, limits.max_repeats) if side in self._locked else repeats,
            rerun_of=self.reruns.earlier(cell, text),
            cooldown_ms=max(0, self._resting.get(request.symbol, 0) - now_ms),
            answers=self._answers.count(now_ns, MINUTE_NS),
            errors=self._errors.count(now_ns, MINUTE_NS),
            budget_left=budget_left,
        )

    # -- over a restart

    def lasting(self) -> Lasting:
        """What must outlive a restart."""
        return Lasting(locked=tuple(sorted(self._locked)), resting=dict(self._resting))

    def restore(self, left: Lasting) -> None:
        """Take over what an earlier session left."""
        self._locked |= set(left.locked)
        self._resting |= left.resting

    def _content_of(self, request: OrderRequest) -> str:
        """An order is looked at before it is sent, and counted after."""
        if self._content is None or self._content[0] is not request:
            self._content = request, content(request)
        return self._content[1]

    def _tell(self) -> None:
        if self._keep is not None:
            self._keep(self.lasting())


def content(request: OrderRequest) -> str:
    """What is ordered, whatever the order is called: equal for equal orders."""
    quantity, worth, price = _text(request.quantity), _text(request.quote_quantity), _text(request.price)
    stop, iceberg = _text(request.stop_price), _text(request.iceberg_quantity)
    return (
        f"{request.symbol} {request.side.value} {request.type.value} {quantity} {worth} "
        f"{price} {stop} {request.trailing_delta} {iceberg}"
    )


def _text(amount: Decimal | None) -> str:
    """One text of an amount, however it was written; most are written so already."""
    if amount is None:
        return ""
    text = str(amount)
    return plain(amount) if text[-1] == "0" or "E" in text else text
