"""Fills become funds: each trade's two amounts and its commission, in the right asset.

Source: Binance spot "Commissions FAQ".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from quantlab.domain.orders import Side
from quantlab.paper.accounts import Account, Ledger
from quantlab.paper.listing import Listing
from quantlab.paper.orders import PlacedTrade
from quantlab.paper.units import EXACT, to_decimal
from quantlab.paper.venueorder import VenueOrder


class Trade(NamedTuple):
    """One match in whole numbers: None as an order is the public of a tape."""

    taker: VenueOrder | None
    maker: VenueOrder | None
    price: int
    lots: int
    trade_id: int

    @property
    def taker_buys(self) -> bool:
        if self.taker is not None:
            return self.taker.side is Side.BUY
        return self.maker is not None and self.maker.side is Side.SELL


class Settlement:
    """Moves the funds of trades."""

    def __init__(self, ledger: Ledger, listings: Mapping[str, Listing]) -> None:
        self._ledger = ledger
        self._listings = listings

    def settle(self, trade: Trade, listing: Listing) -> tuple[PlacedTrade, PlacedTrade]:
        """Move one trade's amounts and commissions; the trade as the taker and as the maker sees it."""
        grid = listing.grid
        base = (grid.instrument.base, trade.lots * grid.lot_units)
        quote = (grid.instrument.quote, trade.lots * trade.price * grid.tick_lot_units)
        gives, gets = (quote, base) if trade.taker_buys else (base, quote)
        taker = trade.taker.account if trade.taker else None
        maker = trade.maker.account if trade.maker else None
        self._ledger.settle(taker, maker, gives, gets)
        if trade.maker is not None:
            trade.maker.held -= gets[1]
        at, quantity = grid.price(trade.price), grid.quantity(trade.lots)
        seen = []
        for account, received, is_maker in ((taker, gets, False), (maker, gives, True)):
            asset, units = received
            if account is not None:
                buys = trade.taker_buys is not is_maker
                asset, units = self._charge(
                    account, listing, received, quote[1], is_maker=is_maker, buys=buys
                )
            else:
                units = 0
            paid = to_decimal(units, self._ledger.digits_of(asset))
            seen.append(PlacedTrade(at, quantity, paid, asset, trade.trade_id))
        return seen[0], seen[1]

    def _charge(
        self,
        account: Account,
        listing: Listing,
        received: tuple[str, int],
        worth: int,
        *,
        is_maker: bool,
        buys: bool,
    ) -> tuple[str, int]:
        """Take the commission; its asset and units, rounded down to whole units.

        Args:
            received: Asset and units that the trade brings the account.
            worth: The trade's worth in units of the quote asset.
        """
        fees = account.fees_of(listing.symbol)
        asset, units = received
        rate = (fees.maker if is_maker else fees.taker) + (fees.buyer if buys else fees.seller)
        share, of = rate.as_integer_ratio()
        if fees.discount_asset is not None and share:
            cheaper = self._in_discount_asset(account, listing, worth * share, of)
            if cheaper is not None:
                self._ledger.charge(account, fees.discount_asset, cheaper)
                return fees.discount_asset, cheaper
        fee = units * share // of
        self._ledger.charge(account, asset, fee)
        return asset, fee

    def _in_discount_asset(self, account: Account, listing: Listing, fee: int, of: int) -> int | None:
        """A commission of `fee`/`of` quote units, in units of the discount asset; None where it cannot be.

        It cannot without a price for that asset, or where the account has too little of it.
        """
        fees, quote = account.fees_of(listing.symbol), listing.grid.instrument.quote
        asset = fees.discount_asset or ""
        share, parts = EXACT.subtract(1, fees.discount).as_integer_ratio()
        if asset == quote:
            units = fee * share // (of * parts)
        else:
            market = self._listings.get(asset + quote)
            if market is None or not market.last:
                return None
            lots_cost = market.last * market.grid.tick_lot_units  # quote units for one lot of the asset
            units = fee * share * market.grid.lot_units // (of * parts * lots_cost)
        return units if account.free.get(asset, 0) >= units else None
