"""A paper venue in one object: market, exchange, accounts and server, put together.

Tests and `quantlab venue` start it; clients meet it only by its addresses, exactly as they would meet
the real venue. It binds the loopback address and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import msgspec

from quantlab.clock import Clock, ManualClock, SystemClock
from quantlab.endpoints import check_port
from quantlab.errors import ConfigError, InvalidField
from quantlab.paper.exchange import Exchange
from quantlab.paper.faults.kinds import Fault
from quantlab.paper.faults.reading import from_text
from quantlab.paper.market import Market
from quantlab.paper.market.choose import market_of
from quantlab.paper.market.pace import speed_of
from quantlab.paper.queue import QueueModel
from quantlab.paper.server.app import HOST, WS_API, Server
from quantlab.paper.server.keys import PERMISSIONS, ApiKey
from quantlab.paper.server.session import OrderRequestSeen, Session
from quantlab.paper.server.tls import LocalAuthority
from quantlab.paper.terms import Terms, checked
from quantlab.paper.truthlog import TruthLog

ACCOUNTS = ("account-1", "account-2")
BALANCES: Mapping[str, Decimal] = {
    "USDT": Decimal(1_000_000),
    "BTC": Decimal(10),
    "ETH": Decimal(100),
    "DOGE": Decimal(1_000_000),
    "BNB": Decimal(100),
}


class ControlAddress(NamedTuple):
    """Where the venue is controlled, and the secret for it."""

    url: str
    secret: str


class PaperVenue:
    """A Binance-compatible spot venue on a loopback port.

    Args:
        port: 0 for a free one.
        market: "synthetic" (seeded), "tape" (a recorded stream file, or one of Binance's public
            archive), "none" (only users trade); or a market of one's own, as `LiveMarket.connect` gives.
        tape: The file, for market="tape".
        speed: How fast the market runs against the venue's clock; "max" plays a tape as fast as
            the machine goes (and on a manual clock all of it in the first millisecond).
        seed: Of the synthetic market: equal seeds, equal markets.
        balances: What both accounts start with, by asset.
        most: What one order of theirs may move, by asset (MAX_ASSET); any amount of others.
        clock: "real", or "manual": time and market move only by the control endpoint's `advance`.
        symbols: Which of the synthetic market's symbols to list; None for all. For an archive
            file whose name does not say: its symbol.
        hold: The market waits for the control endpoint's `play`.
        queue_model: How users' orders advance in the queues of a mirrored market: a `QueueModel`.
        orders_10s: As the rule of that name, which it replaces.
        terms: Every limit and every time of the venue; the documented ones where None.
        tls: Serve https and wss, with a certificate of an authority of its own (see `ca`).
        faults: What goes wrong, as --fault says it; see `quantlab.paper.faults.kinds`.
        log: A new file for everything that happens; see `quantlab.paper.truthlog`.

    Attributes:
        rest, ws, ws_api: Base addresses, known inside `async with`; clients add /ws or /stream to `ws`.
        accounts: (api key, api secret) of each account.
        ca: The authority's certificate, a file inside `async with`; None without `tls`.
        control: Address and secret of the control endpoint.
        requests: The order-changing requests seen so far under a known key, in order; the last 100,000.
        exchange: The exchange itself, for a test to look into.

    Raises:
        InvalidField: `port` is no port, or another argument is out of its range.
        ConfigError: On entering, where the log's file exists already.
        PortTaken: On entering, where something else listens there.
        TapeError: The tape is missing or damaged.
        EngineError: On leaving, where the market has failed on the way.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        market: Literal["synthetic", "tape", "none"] | Market = "synthetic",
        tape: str | Path | None = None,
        speed: float | str = 1.0,
        seed: int = 7,
        balances: Mapping[str, Decimal] | None = None,
        most: Mapping[str, Decimal] | None = None,
        clock: Literal["real", "manual"] = "real",
        symbols: Sequence[str] | None = None,
        hold: bool = False,
        queue_model: str = QueueModel.POWER2,
        orders_10s: int | None = None,
        terms: Terms | None = None,
        tls: bool = False,
        faults: Sequence[str | Fault] = (),
        log: str | Path | None = None,
    ) -> None:
        self._port = check_port(port)
        terms = Terms() if terms is None else terms
        if orders_10s is not None:
            terms = msgspec.structs.replace(terms, orders_10s=orders_10s)
        self._faults = [from_text(each) if isinstance(each, str) else each for each in faults]
        self._truth = None if log is None else TruthLog(Path(log))
        time: Clock = ManualClock() if clock == "manual" else SystemClock()
        pace = speed_of(speed)
        self.session = Session(
            market_of(market, tape=tape, seed=seed, symbols=symbols, speed=pace),
            time,
            accounts=ACCOUNTS,
            balances=BALANCES if balances is None else balances,
            terms=checked(terms),
            hold=hold,
            speed=pace,
            queue_model=_queue_model(queue_model),
            truth=self._truth,
        )
        for account in ACCOUNTS:
            for asset, amount in (most or {}).items():
                self.session.exchange.set_most(account, asset, amount)
        self._server = Server(self.session)
        self.accounts = self.session.keyring.pairs()
        self._tls = tls
        self._authority: LocalAuthority | None = None
        self.ca: Path | None = None
        self.rest = self.ws = self.ws_api = ""
        self.control = ControlAddress("", self._server.control.secret)

    @property
    def requests(self) -> list[OrderRequestSeen]:
        return list(self.session.requests)

    @property
    def connections(self) -> int:
        """Connections accepted so far: a client that keeps its own makes few."""
        return self._server.connections

    @property
    def exchange(self) -> Exchange:
        return self.session.exchange

    async def __aenter__(self) -> Self:
        context = None
        if self._tls:
            self._authority = LocalAuthority()
            self.ca, context = self._authority.ca, self._authority.context
        try:
            for fault in self._faults:
                self.session.faults.add(fault)
            if self._truth is not None:
                self._truth.open()
            await self._server.start(self._port, context)
        except BaseException:
            self._leave()
            raise
        place, s = f"{HOST}:{self._server.port}", "s" if self._tls else ""
        self.rest, self.ws = f"http{s}://{place}", f"ws{s}://{place}"
        self.ws_api = f"{self.ws}{WS_API}"
        self.control = ControlAddress(f"{self.rest}/control", self.control.secret)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._server.stop()
        finally:
            self._leave()

    def add_key(self, text: str, account: int = 0, permissions: Collection[str] = PERMISSIONS) -> ApiKey:
        """Register a key for an account, as uploading a public key does at Binance.

        Args:
            text: A public key in PEM, a private one (PKCS#8; its public half is used), or an HMAC secret.
            account: Its number, from 0.
            permissions: Which kinds of endpoints it may call.

        Raises:
            InvalidField: There is no such account.
            ConfigError: It is no key, or another account has it.
        """
        if not 0 <= account < len(ACCOUNTS):
            raise InvalidField(
                "account", f"there is none of number {account}", f"give 0 to {len(ACCOUNTS) - 1}"
            )
        return self.session.keyring.add(ACCOUNTS[account], text, permissions)

    def registered_keys(self) -> list[tuple[int, ApiKey]]:
        """The keys that were added, each with its account's number, from 1."""
        own = {name for name, _ in self.accounts}
        keys = self.session.keyring.every()
        return [(1 + ACCOUNTS.index(key.account), key) for key in keys if key.api_key not in own]

    def _leave(self) -> None:
        """Forget the authority, and close the log."""
        authority, self._authority, self.ca = self._authority, None, None
        if authority is not None:
            authority.close()
        if self._truth is not None:
            self._truth.close()

    def when_broken(self, call: Callable[[], None]) -> None:
        """Call when the venue can go on no more, inside `async with`: leaving that then says why."""
        self._server.when_broken(call)

    async def advance(self, milliseconds: int) -> int:
        """As POST /control/advance, for a venue in one's own process; the venue's new time."""
        return await self.session.advance(milliseconds)


def _queue_model(name: str) -> QueueModel:
    try:
        return QueueModel(name)
    except ValueError:
        raise ConfigError(f"no queue model {name!r}", f"choose {', '.join(QueueModel)}") from None
