"""Who owns what: free and locked amounts of every account, in whole units of each asset.

Nothing is made or lost here: what one account gives, another receives, less the commission,
which is collected per asset. `Ledger.totals` stays the same whatever trades; only opening an
account adds to it. No order and no price is known here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from quantlab.domain.position import Balance
from quantlab.errors import InvalidField
from quantlab.paper.units import DECIMALS, to_decimal, to_units


class Account:
    """One account's funds. `free` can be spent, `locked` stands in resting orders.

    `silent` accounts (the synthetic market's agents) get no events and leave no history.
    """

    __slots__ = ("_rate", "free", "locked", "name", "silent")

    def __init__(self, name: str, commission: Decimal, *, silent: bool) -> None:
        self.name = name
        self.silent = silent
        self.free: defaultdict[str, int] = defaultdict(int)
        self.locked: defaultdict[str, int] = defaultdict(int)
        self._rate = commission.as_integer_ratio()

    def fee(self, units: int) -> int:
        """The commission on `units` received, rounded down to whole units."""
        share, of = self._rate
        return units * share // of

    def lock(self, asset: str, units: int) -> None:
        self.free[asset] -= units
        self.locked[asset] += units

    def unlock(self, asset: str, units: int) -> None:
        self.locked[asset] -= units
        self.free[asset] += units


class Ledger:
    """All accounts, the commission collected from them, and the public behind a tape.

    Attributes:
        collected: Commission by asset, in units.
        public: What the public of a mirrored market received from our accounts, in units;
            negative where it gave. It has no account and never runs out.
    """

    def __init__(self, digits: Mapping[str, int]) -> None:
        self.accounts: dict[str, Account] = {}
        self.collected: defaultdict[str, int] = defaultdict(int)
        self.public: defaultdict[str, int] = defaultdict(int)
        self._digits = dict(digits)

    def open(
        self, name: str, balances: Mapping[str, Decimal], *, commission: Decimal, silent: bool
    ) -> Account:
        """A new account with these free balances; `InvalidField` where one is impossible."""
        if name in self.accounts:
            raise InvalidField("account", f"{name!r} is open already", "give another name")
        if not (commission.is_finite() and 0 <= commission < 1):
            raise InvalidField("commission", f"{commission} is no rate", "give a fraction from 0 to below 1")
        account = Account(name, commission, silent=silent)
        for asset, amount in balances.items():
            units = to_units(amount, self._digits_of(asset), f"balances[{asset!r}]")
            if units < 0:
                raise InvalidField(f"balances[{asset!r}]", f"{amount} is negative", "give zero or more")
            account.free[asset] = units
        self.accounts[name] = account
        return account

    def settle(
        self, taker: Account | None, maker: Account | None, gives: tuple[str, int], gets: tuple[str, int]
    ) -> tuple[int, int]:
        """Move one trade's two amounts and collect commission in what each side received.

        The taker gives from its free funds, the maker from its locked ones. None is the public
        of a tape, which pays no commission to us.

        Args:
            taker: Who crossed.
            maker: Who rested.
            gives: Asset and units that go from taker to maker.
            gets: Asset and units that go from maker to taker.

        Returns:
            The taker's commission (units of what it gets) and the maker's (of what it is given).
        """
        given, given_units = gives
        got, got_units = gets
        taker_fee = maker_fee = 0
        if taker is None:
            self.public[given] -= given_units
            self.public[got] += got_units
        else:
            taker_fee = taker.fee(got_units)
            taker.free[given] -= given_units
            taker.free[got] += got_units - taker_fee
            self.collected[got] += taker_fee
        if maker is None:
            self.public[got] -= got_units
            self.public[given] += given_units
        else:
            maker_fee = maker.fee(given_units)
            maker.locked[got] -= got_units
            maker.free[given] += given_units - maker_fee
            self.collected[given] += maker_fee
        return taker_fee, maker_fee

    def balance(self, account: Account, asset: str) -> Balance:
        """One asset of one account."""
        digits = self._digits_of(asset)
        return Balance(
            asset=asset,
            free=to_decimal(account.free.get(asset, 0), digits),
            locked=to_decimal(account.locked.get(asset, 0), digits),
        )

    def balances(self, account: Account) -> dict[str, Balance]:
        """Every asset that the account was opened with or has traded, in the order of first use."""
        assets = dict.fromkeys([*account.free, *account.locked])
        return {asset: self.balance(account, asset) for asset in assets}

    def totals(self) -> dict[str, Decimal]:
        """By asset: all free and locked amounts, the collected commission and the public's part."""
        units: defaultdict[str, int] = defaultdict(int)
        parts = [self.collected, self.public]
        for account in self.accounts.values():
            parts += [account.free, account.locked]
        for part in parts:
            for asset, amount in part.items():
                units[asset] += amount
        return {asset: to_decimal(amount, self._digits_of(asset)) for asset, amount in units.items()}

    def _digits_of(self, asset: str) -> int:
        return self._digits.get(asset, DECIMALS)
