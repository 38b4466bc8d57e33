"""What the account holds of each asset, what its orders will lock, and what all of it is worth.

Pure and exact. What came in or went out from outside is no profit and no loss: where the venue tells a
transfer, the highest equity and the day's start move with it.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from quantlab.domain.position import Balance, Transfer
from quantlab.trading.amounts import ZERO, add, subtract, times
from quantlab.trading.equity import EquityHistory
from quantlab.trading.ledger import Balances
from quantlab.trading.working import Promises
from quantlab.trading.worth import Equity, Rates

REMEMBERED = 100  # transfers: one that is told twice counts once


class Account:
    """Balances, promises, worth.

    Args:
        rates: What an asset is worth in the account's currency.

    Attributes:
        balances: Free and locked by asset, as the venue last said.
        promises: What orders will lock that the balances do not show yet.
        worth: What all assets are worth now.
        equity: The same over time.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self.balances, self.promises = Balances(), Promises()
        self.worth, self.equity = Equity(rates), EquityHistory()
        self._told_ms: dict[str, int] = {}
        self._waiting: list[Transfer] = []  # until the balance has it and the asset has a price
        self._seen: deque[Transfer] = deque(maxlen=REMEMBERED)

    def told(self, balances: tuple[Balance, ...], updated_ms: int) -> tuple[Balance, ...]:
        """The venue says what there is, as of `updated_ms`; what is another one than before."""
        newer = [each for each in balances if updated_ms >= self._told_ms.get(each.asset, 0)]
        changed = tuple(each for each in newer if self.balances.get(each.asset) != each)
        for each in newer:
            self._told_ms[each.asset] = updated_ms
            self.balances[each.asset] = each
            self.promises.told(each.asset, updated_ms)
        for each in changed:
            self.worth.hold(each.asset, add(each.free, each.locked))
        self.settle_transfers()
        return changed

    def transferred(self, transfer: Transfer) -> bool:
        """Something came in or went out; True where that is news."""
        if transfer in self._seen:
            return False
        self._seen.append(transfer)
        self._waiting.append(transfer)
        self.settle_transfers()
        return True

    def settle_transfers(self) -> None:
        """Take out of profit and loss what came from outside, once balance and price are there."""
        if not self._waiting:
            return
        after, worth, left = self.worth.known, ZERO, []
        for each in self._waiting:
            rate = self._rates.of(each.asset)
            if rate is None or after is None or self._told_ms.get(each.asset, -1) < each.time_ms:
                left.append(each)
            else:
                worth = add(worth, times(each.amount, rate))
        self._waiting = left
        if after is not None and worth:
            self.equity.flow(before=subtract(after, worth), after=after)

    def balance(self, asset: str) -> Balance | None:
        """What the account holds of an asset; None before the account was ever told."""
        known = self.balances.get(asset)
        if known is None and self._told_ms:
            return Balance(asset=asset, free=ZERO, locked=ZERO)
        return known

    def balance_ms(self, asset: str) -> int | None:
        """The venue's time of what we know of a balance; None before it was ever told."""
        return self._told_ms.get(asset)

    def reported(self, client_order_id: str, transact_ms: int) -> None:
        """The venue has an order: its promise ends with the balance that shows it."""
        asset = self.promises.asset_of(client_order_id)
        if asset:
            self.promises.reported(client_order_id, transact_ms, self._told_ms.get(asset))

    def value(self, asset: str) -> None:
        """The asset's price may have changed."""
        self.worth.value(asset)

    def free(self, asset: str) -> Decimal | None:
        """What can be used of an asset; None where nothing is known."""
        known = self.balance(asset)
        return known.free if known else None
