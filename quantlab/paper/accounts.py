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
from quantlab.paper.orders import Fees
from quantlab.paper.units import DECIMALS, to_decimal, to_units


class Account:
    """One account's funds. `free` can be spent, `locked` stands in open orders.

    `silent` accounts (the synthetic market's agents) get no events and leave no history. `most` is what
    one order may move of an asset (MAX_ASSET); an asset that is not in it has no such bound.
    """

    __slots__ = ("_fees", "fees", "free", "locked", "may_trade", "most", "name", "silent")

    def __init__(self, name: str, fees: Fees, *, silent: bool) -> None:
        self.name = name
        self.silent = silent
        self.may_trade = True
        self.most: dict[str, Decimal] = {}
        self.free: defaultdict[str, int] = defaultdict(int)
        self.locked: defaultdict[str, int] = defaultdict(int)
        self.fees = fees
        self._fees: dict[str, Fees] = {}

    def fees_of(self, symbol: str) -> Fees:
        """What it pays in this symbol."""
        return self._fees.get(symbol, self.fees)

    def set_fees(self, symbol: str, fees: Fees) -> None:
        """Pay these in this symbol, instead of the account's own."""
        self._fees[symbol] = fees

    def lock(self, asset: str, units: int) -> None:
        self.free[asset] -= units
        self.locked[asset] += units

    def unlock(self, asset: str, units: int) -> None:
        self.locked[asset] -= units
        self.free[asset] += units


class Ledger:
    """All accounts, the commission collected from them, and the public behind a tape.

    Only opening an account and `transfer` change what there is in all.

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

    def open(self, name: str, balances: Mapping[str, Decimal], *, fees: Fees, silent: bool) -> Account:
        """A new account with these free balances; `InvalidField` where one is impossible."""
        if name in self.accounts:
            raise InvalidField("account", f"{name!r} is open already", "give another name")
        account = Account(name, checked(fees), silent=silent)
        for asset, amount in balances.items():
            units = to_units(amount, self.digits_of(asset), f"balances[{asset!r}]")
            if units < 0:
                raise InvalidField(f"balances[{asset!r}]", f"{amount} is negative", "give zero or more")
            account.free[asset] = units
        self.accounts[name] = account
        return account

    def settle(
        self, taker: Account | None, maker: Account | None, gives: tuple[str, int], gets: tuple[str, int]
    ) -> None:
        """Move one trade's two amounts; commission is taken apart (`charge`).

        The taker gives from its free funds, the maker from its locked ones. None is the public
        of a tape.

        Args:
            taker: Who crossed.
            maker: Who rested.
            gives: Asset and units that go from taker to maker.
            gets: Asset and units that go from maker to taker.
        """
        given, given_units = gives
        got, got_units = gets
        if taker is None:
            self.public[given] -= given_units
            self.public[got] += got_units
        else:
            taker.free[given] -= given_units
            taker.free[got] += got_units
        if maker is None:
            self.public[got] -= got_units
            self.public[given] += given_units
        else:
            maker.locked[got] -= got_units
            maker.free[given] += given_units

    def charge(self, account: Account, asset: str, units: int) -> None:
        """Collect commission from an account's free funds."""
        account.free[asset] -= units
        self.collected[asset] += units

    def transfer(self, account: Account, asset: str, amount: Decimal) -> None:
        """Bring an amount in, or take it out where it is negative.

        Raises:
            InvalidField: It is too fine, or more than is free.
        """
        units = to_units(amount, self.digits_of(asset), "amount")
        if account.free[asset] + units < 0:
            raise InvalidField("amount", f"{-amount} {asset} is more than is free", "take out less")
        account.free[asset] += units

    def balance(self, account: Account, asset: str) -> Balance:
        """One asset of one account."""
        digits = self.digits_of(asset)
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
        return {asset: to_decimal(amount, self.digits_of(asset)) for asset, amount in units.items()}

    def digits_of(self, asset: str) -> int:
        return self._digits.get(asset, DECIMALS)


def checked(fees: Fees) -> Fees:
    """`fees`, or `InvalidField` where a trade could cost more than it brings in."""
    for field in ("maker", "taker", "buyer", "seller", "discount"):
        rate: Decimal = getattr(fees, field)
        if not (rate.is_finite() and 0 <= rate < 1):
            raise InvalidField("commission", f"{rate} is no rate", "give a fraction from 0 to below 1")
    if max(fees.maker, fees.taker) + max(fees.buyer, fees.seller) >= 1:
        raise InvalidField("commission", "the rates add up to all of a trade", "give smaller fractions")
    return fees
