"""What the venue's owner does to the exchange: opens accounts, moves funds, changes rules.

None of it is an account's to ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from quantlab.domain.decimals import positive
from quantlab.paper.events import BalanceDelta
from quantlab.paper.floor import Floor
from quantlab.paper.orders import Fees
from quantlab.paper.reads import Reads
from quantlab.paper.rules import Rules


class Administration(Reads):
    """Accounts and symbols, as their owner sets them."""

    _floor: Floor

    def open_account(
        self,
        account: str,
        balances: Mapping[str, Decimal],
        *,
        commission: Decimal = Decimal("0.001"),
        fees: Fees | None = None,
        silent: bool = False,
    ) -> None:
        """Fund a new account.

        Args:
            account: Any name not in use.
            balances: Free amount by asset.
            commission: Fraction of what each trade brings in; `fees` says more, instead.
            silent: For the synthetic market's agents: the account gets no events, its closed orders and
                trades are not remembered, and only the filters of price and quantity look at its orders.

        Raises:
            InvalidField: The name is taken, or an amount is negative or too fine.
        """
        fees = fees or Fees(maker=commission, taker=commission)
        self._ledger.open(account, balances, fees=fees, silent=silent)

    def set_fees(self, account: str, symbol: str, fees: Fees) -> None:
        """What the account pays in this symbol from now on."""
        self._account(account).set_fees(self._listing(symbol).symbol, fees)

    def set_most(self, account: str, asset: str, most: Decimal | None) -> None:
        """What one order of the account may move of an asset from now on (MAX_ASSET); None: any amount.

        Raises:
            InvalidField: No number above zero.
        """
        owner = self._account(account)
        if most is None:
            owner.most.pop(asset, None)
        else:
            owner.most[asset] = positive(most, "most")

    def most(self, account: str) -> Mapping[str, Decimal]:
        """What one order of the account may move, by asset."""
        return self._account(account).most

    def set_may_trade(self, account: str, *, may_trade: bool) -> None:
        """Let the account place orders, or not; what it has open stays."""
        self._account(account).may_trade = may_trade

    def may_trade(self, account: str) -> bool:
        """Whether the account may place orders."""
        return self._account(account).may_trade

    def transfer(self, account: str, asset: str, amount: Decimal, now_ms: int) -> None:
        """Bring an amount into an account, or take it out where it is negative; the account is told.

        Raises:
            InvalidField: The amount is too fine, or more than is free.
        """
        owner = self._account(account)
        self._ledger.transfer(owner, asset, amount)
        self._floor.events.append(BalanceDelta(account, asset, amount, now_ms))
        self._floor.reports.balances([owner], [asset], now_ms)

    def set_rules(self, symbol: str, rules: Rules) -> None:
        """Let orders in by these filters from now on; open orders stay.

        Raises:
            InvalidField: A tick or step is no multiple of the one the symbol was listed with.
        """
        self._listing(symbol).set_rules(rules)
        self.instruments[symbol] = rules.instrument

    def set_status(self, symbol: str, status: str) -> None:
        """TRADING, HALT, BREAK, CANCEL_ONLY: new orders only while TRADING, cancels always."""
        rules = self.rules(symbol)
        instrument = msgspec.structs.replace(rules.instrument, status=status)
        self.set_rules(symbol, msgspec.structs.replace(rules, instrument=instrument))

    def set_filters(self, symbol: str, **bounds: Decimal) -> None:
        """Change fields of the symbol's `Instrument`, `tick_size` say; `InvalidField` as in `set_rules`."""
        rules = self.rules(symbol)
        instrument = msgspec.structs.replace(rules.instrument, **bounds)
        self.set_rules(symbol, msgspec.structs.replace(rules, instrument=instrument))
