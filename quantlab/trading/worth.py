"""What positions and balances are worth at the market's prices, as running sums. Pure and exact.

A price or a position that changes is carried into the sums at once, so that a decision reads them at
the same cost for five positions and for five thousand. What has no price is never taken for nothing:
the sum it belongs to is then not known (None).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from quantlab.domain.instrument import Instrument
from quantlab.trading.amounts import ONE, ZERO, add, ratio, subtract, times

Amounts = tuple[Decimal, Decimal, Decimal, Decimal, Decimal]
"""Position, buying, selling (base asset), buying and selling by quote quantity (quote asset)."""
IDLE: Amounts = (ZERO,) * 5


class Exposures:
    """Gross and net exposure over all symbols.

    Gross is the sum of each symbol's worst case, all that works or flies on one side traded in full;
    net is the signed sum of the positions.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._marks: dict[str, Decimal] = {}
        self._amounts: dict[str, Amounts] = {}  # of the symbols that have any
        self._worth: dict[str, tuple[Decimal, Decimal]] = {}  # gross, net, in the quote asset
        self._sums: dict[str, tuple[Decimal, Decimal]] = {}  # the same by quote asset
        self._blind: set[str] = set()  # amounts, and no price

    def mark(self, symbol: str, price: Decimal) -> bool:
        """The market's price of a symbol; True where it is another one than before."""
        if self._marks.get(symbol) == price:
            return False
        self._marks[symbol] = price
        if symbol in self._amounts:
            self._value(symbol)
        return True

    def price(self, symbol: str) -> Decimal | None:
        """The last price of a symbol."""
        return self._marks.get(symbol)

    def hold(self, symbol: str, amounts: Amounts) -> None:
        """What is held of a symbol and under way in it, from now on."""
        if any(amounts):
            self._amounts[symbol] = amounts
        else:
            self._amounts.pop(symbol, None)
        self._value(symbol)

    def elsewhere(self, symbol: str, rates: Rates) -> tuple[Decimal | None, Decimal | None]:
        """Gross and net of all symbols but this one, in the account's currency; None where not known."""
        if self._blind and self._blind != {symbol}:
            return None, None
        gross = net = ZERO
        own_quote, own = self._quote(symbol), self._worth.get(symbol, (ZERO, ZERO))
        for quote, sums in self._sums.items():
            mine = own if quote == own_quote else (ZERO, ZERO)
            all_gross, all_net = subtract(sums[0], mine[0]), subtract(sums[1], mine[1])
            if not (all_gross or all_net):
                continue
            rate = rates.of(quote)
            if rate is None:
                return None, None
            gross, net = add(gross, times(all_gross, rate)), add(net, times(all_net, rate))
        return gross, net

    def total(self, rates: Rates) -> tuple[Decimal | None, Decimal | None]:
        """Gross and net of all symbols, in the account's currency; None where not known."""
        return self.elsewhere("", rates)

    def net_in(self, quote: str) -> Decimal | None:
        """What the positions in symbols of one quote asset are worth, in it; None while one has no price."""
        if any(self._quote(each) == quote for each in self._blind):
            return None
        return self._sums.get(quote, (ZERO, ZERO))[1]

    def _value(self, symbol: str) -> None:
        quote = self._quote(symbol)
        before, after, price = self._worth.get(symbol, (ZERO, ZERO)), (ZERO, ZERO), self._marks.get(symbol)
        self._blind.discard(symbol)
        if symbol in self._amounts and price is None:
            self._blind.add(symbol)
        elif symbol in self._amounts and price is not None:
            position, buying, selling, buying_quote, selling_quote = self._amounts[symbol]
            longest = add(times(add(position, buying), price), buying_quote)
            shortest = add(times(subtract(selling, position), price), selling_quote)
            after = max(longest, shortest, ZERO), times(position, price)
        if after == before:
            return
        if any(after):
            self._worth[symbol] = after
        else:
            self._worth.pop(symbol, None)
        gross, net = self._sums.get(quote, (ZERO, ZERO))
        self._sums[quote] = (
            add(gross, subtract(after[0], before[0])),
            add(net, subtract(after[1], before[1])),
        )

    def _quote(self, symbol: str) -> str:
        instrument = self._instruments.get(symbol)
        return "" if instrument is None else instrument.quote


class Rates:
    """What one unit of an asset is worth in the account's currency, by the prices of its symbols."""

    def __init__(self, exposures: Exposures, instruments: Mapping[str, Instrument], currency: str) -> None:
        self._exposures, self._instruments, self.currency = exposures, instruments, currency

    def of(self, asset: str) -> Decimal | None:
        """Its rate; None without a price. One for the currency itself."""
        if asset == self.currency:
            return ONE
        direct = self._price(asset + self.currency, asset)
        if direct is not None:
            return direct
        inverse = self._price(self.currency + asset, self.currency)
        return ratio(ONE, inverse) if inverse else None

    def _price(self, symbol: str, base: str) -> Decimal | None:
        instrument = self._instruments.get(symbol)
        return self._exposures.price(symbol) if instrument is not None and instrument.base == base else None


class Equity:
    """What all assets of the account are worth together, in its currency.

    Attributes:
        unpriced: Assets that are held and have no price: the equity is not known while there are any.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._held: dict[str, Decimal] = {}
        self._worth: dict[str, Decimal] = {}
        self._sum = ZERO
        self.unpriced: set[str] = set()

    @property
    def priced(self) -> Decimal:
        """What the assets that have a price are worth."""
        return self._sum

    @property
    def known(self) -> Decimal | None:
        """What all assets are worth; None while one of them has no price, or none was ever told."""
        return None if self.unpriced or not self._held else self._sum

    def hold(self, asset: str, amount: Decimal) -> None:
        """Free and locked of an asset, from now on."""
        self._held[asset] = amount
        self.value(asset)

    def value(self, asset: str) -> None:
        """The asset's price may have changed."""
        held = self._held.get(asset)
        if held is None:
            return
        rate = ONE if not held else self._rates.of(asset)
        (self.unpriced.discard if rate is not None else self.unpriced.add)(asset)
        after = times(held, rate) if rate is not None else ZERO
        self._sum = add(self._sum, subtract(after, self._worth.get(asset, ZERO)))
        self._worth[asset] = after
