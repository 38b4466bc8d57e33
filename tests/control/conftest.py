"""A desk with everything that it may cause recorded, and tokens that are made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from quantlab.clock import ManualClock
from quantlab.control.desk import Desk
from quantlab.control.effects import Effects
from quantlab.control.tokenstore import TokenStore
from quantlab.control.work import Ready
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.domain.venue import Level
from quantlab.secret import Secret

KERNEL = "kernel-1"


def limit_order(quantity: str = "0.01", price: str = "60000", symbol: str = "BTCUSDT") -> OrderRequest:
    return OrderRequest(
        symbol=symbol,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(quantity),
        price=Decimal(price),
        time_in_force=TimeInForce.GTC,
    )


class Floor:
    """Where commands end: keeps what was done, in order, with the journal lines between."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []
        self.limits = Limits()
        self.price: Decimal | None = Decimal(60_000)
        self.raises: Exception | None = None
        self.journal_error: Exception | None = None
        self.answer: Callable[[], object] = lambda: Ready("taken")

    def done(self, *kinds: str) -> list[object]:
        return [what for kind, what in self.events if kind in kinds]

    def lines(self, kind: str) -> list[Mapping[str, object]]:
        return [what for each, what in self.events if each == kind and isinstance(what, Mapping)]

    def submit(self, request: OrderRequest, *, strategy: str = "", reduce_only: bool = False) -> object:
        return self._do("submit", request)

    def cancel(self, symbol: str, client_order_id: str) -> object:
        return self._do("cancel", (symbol, client_order_id))

    def cancel_all(self, symbol: str | None) -> object:
        return self._do("cancel_all", symbol)

    def allow_rerun(self, *, every: bool) -> object:
        return self._do("allow_rerun", every)

    def audit_synced(self, kind: str, data: Mapping[str, object]) -> None:
        self.audit(kind, {**data, "synced": True})

    def audit(self, kind: str, data: Mapping[str, object]) -> None:
        if self.journal_error is not None:
            raise self.journal_error
        msgspec.json.encode(data)  # a line must be plain data
        self.events.append((kind, dict(data)))

    def set_limits(self, limits: Limits) -> None:
        self.limits = limits

    def effects(self) -> Effects:
        return Effects(
            halt=lambda reason: self._do("halt", reason),
            resume=lambda reason: self._do("resume", reason),
            limits=lambda: self.limits,
            set_limits=self.set_limits,
            audit=self.audit,
            audit_synced=self.audit_synced,
            reference_price=lambda symbol: self.price,
        )

    def _do(self, kind: str, what: object) -> object:
        if self.raises is not None:
            raise self.raises
        self.events.append((kind, what))
        return self.answer()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def store(home: Path, clock: ManualClock) -> TokenStore:
    return TokenStore(home, clock)


@pytest.fixture
def token(store: TokenStore) -> Secret:
    """A token that the store knows."""
    return Secret(store.new("test"))


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.fixture
def make_desk(floor: Floor, store: TokenStore, clock: ManualClock) -> Callable[..., Desk]:
    def make(**changes: object) -> Desk:
        settings: dict[str, object] = {
            "clock": clock,
            "level": Level.PAPER,
            "kernel_id": KERNEL,
            "store": store,
            "gateway": floor,
            "effects": floor.effects(),
            "check_wait_allowed": lambda: None,
        }
        return Desk(**{**settings, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()
