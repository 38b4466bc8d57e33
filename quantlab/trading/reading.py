"""What is read of the account: by a decision, by reconciliation, by a notebook. Nothing here changes it.

Pure and exact. Every answer is a running sum: it costs the same for five positions and for five thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import OrderRequest
from quantlab.trading.account import Account
from quantlab.trading.amounts import ZERO, add, subtract
from quantlab.trading.books import Books
from quantlab.trading.causes import TradingState
from quantlab.trading.exposure import AccountView, Exposure, OwnOrders
from quantlab.trading.reservations import Reservation, Reservations
from quantlab.trading.worth import Exposures, Rates

CURRENCY = "USDT"


class Reading:
    """The parts of a portfolio, and the questions to them.

    Args:
        instruments: What the venue lists; filled later where it is not known yet.
        currency: The asset in which the whole account is valued.

    Attributes:
        books: Executions, and what they came to.
        fills, positions, balances: Tables of the account.
        strategies: Whose fills they are, and what each earned.
        slippage, markouts: How well the fills were priced.
        equity: What the account was worth, over time.
        sequence: Grows with each change.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument] | None = None, *, currency: str = CURRENCY
    ) -> None:
        self.instruments: dict[str, Instrument] = dict(instruments or {})
        self._exposures = Exposures(self.instruments)
        self._rates = Rates(self._exposures, self.instruments, currency)
        self._reservations = Reservations(self.instruments)
        self.books = Books(self.instruments, self._exposures.price)
        self._account = Account(self._rates)
        self.fills, self.positions, self.strategies = (
            self.books.fills, self.books.positions, self.books.strategies
        )  # fmt: skip
        self.slippage, self.markouts = self.books.slippage, self.books.markouts
        self.balances, self.equity = self._account.balances, self._account.equity
        self.sequence = 0

    # -- what a decision reads

    def exposure_for(
        self,
        request: OrderRequest,
        *,
        reference_price: Decimal | None,
        price_age_ms: int | None,
        orders_last_second: int | None,
        trading_state: str = TradingState.ACTIVE,
        **seen: Any,
    ) -> Exposure:
        """What the rails decide `request` on. Costs the same however many orders and positions there are.

        `seen` are the fields of `Exposure` that are none of the account's.
        """
        (buying, buying_quote), (selling, selling_quote) = self._reservations.sums(request.symbol)
        return Exposure(
            instrument=self.instruments.get(request.symbol),
            reference_price=reference_price,
            price_age_ms=price_age_ms,
            position=self.books.held(request.symbol),
            buying=buying,
            selling=selling,
            buying_quote=buying_quote,
            selling_quote=selling_quote,
            orders_last_second=orders_last_second,
            trading_state=trading_state,
            own=self.own(request.symbol),
            account=self.account(request.symbol),
            **seen,
        )

    def own(self, symbol: str) -> OwnOrders:
        """Our open orders in one symbol."""
        return self._reservations.working.own(symbol)

    def account(self, symbol: str) -> AccountView:
        """The account beyond one symbol; see `AccountView`."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return AccountView()
        gross, net = self._exposures.elsewhere(symbol, self._rates)
        working, promises = self._reservations.working, self._account.promises
        base, quote = self._account.balance(instrument.base), self._account.balance(instrument.quote)
        return AccountView(
            free_base=base.free if base else None,
            free_quote=quote.free if quote else None,
            promised_base=promises.of(instrument.base),
            promised_quote=promises.of(instrument.quote),
            held_base=add(base.free, base.locked) if base else None,
            open=working.counts.open,
            algo=working.counts.algo,
            iceberg=working.counts.iceberg,
            lists=working.counts.lists,
            open_notional=working.worth(self._rates),
            gross_elsewhere=gross,
            net_elsewhere=net,
            equity=self.equity_now,
            peak_equity=self.equity.peak,
            day_start_equity=self.equity.day_start,
            rate=self._rates.of(instrument.quote),
            currency=self.currency,
        )

    @property
    def equity_now(self) -> Decimal | None:
        """What the account is worth now, in its currency; None while something held has no price."""
        return self._account.worth.known

    @property
    def exposure(self) -> tuple[Decimal | None, Decimal | None]:
        """Gross and net exposure of all symbols, in the account's currency; None where not known."""
        return self._exposures.total(self._rates)

    @property
    def profit(self) -> tuple[Decimal, Decimal | None]:
        """Realised and unrealised profit, without fees, of all symbols quoted in the account's currency.

        The unrealised one is None while a position has no price.
        """
        realised, cost = self.books.profit(self.currency)
        value = self._exposures.net_in(self.currency)
        return realised, None if value is None else subtract(value, cost)

    @property
    def currency(self) -> str:
        """In what the whole account is valued."""
        return self._rates.currency

    # -- what reconciliation reads

    def reserved(self, client_order_id: str) -> Reservation | None:
        """What is reserved for an order, None where nothing ever was."""
        return self._reservations.get(client_order_id)

    def missing(self, client_order_id: str) -> Decimal:
        """How much of an order (base asset) the venue traded without our having its fills."""
        reservation = self._reservations.get(client_order_id)
        return reservation.missing if reservation else ZERO

    def booked(self, client_order_id: str) -> Decimal:
        """How much of an order (base asset) has arrived as fills."""
        reservation = self._reservations.get(client_order_id)
        return reservation.booked if reservation else ZERO

    @property
    def lacking(self) -> frozenset[str]:
        """The orders of which the venue traded more than we have booked, by client id."""
        return self._reservations.lacking

    def balance_ms(self, asset: str) -> int | None:
        """The venue's time of what we know of a balance; None before it was ever told."""
        return self._account.balance_ms(asset)
