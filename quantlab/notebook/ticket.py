"""The order ticket: fields of plain text, the rails' answer as one types, and one button.

No rule is here, and typing sends nothing. The button names the order that a click sends; a click
counts only where the button and the fields at that moment say the same. A front end may hold back
what was typed last while the kernel is busy, yet never a click: it must not send half a number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from quantlab.control.commands import SubmitOrder
from quantlab.domain.orders import OrderRequest, Side, TimeInForce
from quantlab.errors import InvalidField, QuantlabError
from quantlab.notebook import pages, views
from quantlab.notebook.building import request as make_request
from quantlab.notebook.controls import AS_LONG, DESCRIBED, TOGGLES, WIDE, Home, Page, text, toolkit
from quantlab.trading.grid import require_tradable

if TYPE_CHECKING:
    from quantlab.engine import Engine

TYPING_S = 0.15  # a pause after the last key
PRICING_S = 1.0  # on a symbol without a price, before its streams are started: somebody may scroll past
HOLD_S = 1.0  # between two sends: the second click of a double click is none
LATE_S = 2.0  # from a click to its work: the market of then is gone
LIMIT, MARKET, AMOUNT = "limit", "market", "market, by amount"
KINDS = (LIMIT, MARKET, AMOUNT)
NOTHING_TO_SEND = "Send"


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """What the fields say at one moment, as they are. `amount` is in the quote asset."""

    side: str
    symbol: str | None
    kind: str
    quantity: str
    amount: str
    price: str
    time_in_force: str

    def request(self) -> OrderRequest:
        """The order that they say; only the fields of its kind count.

        Raises:
            InvalidField: A field that says none, by its name.
        """
        if self.symbol is None:
            raise InvalidField("symbol", "there is none", "choose one; they are listed when the engine is up")
        side = Side(self.side)
        if self.kind == AMOUNT:
            return make_request(side, self.symbol, quote_quantity=_filled(self.amount, "quote_quantity"))
        quantity = _filled(self.quantity, "quantity")
        if self.kind == MARKET:
            return make_request(side, self.symbol, quantity)
        price = _filled(self.price, "price")
        return make_request(side, self.symbol, quantity, price=price, time_in_force=self.time_in_force)


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """The button as it was clicked: the fields, its own text, and when (seconds of the loop's clock)."""

    fields: Fields
    said: str
    at_s: float


class Ticket:
    """The fields, the explanation and the button. Made and used on the main thread.

    Its callbacks alone run on any thread; see `controls`.
    """

    def __init__(self, engine: Callable[[], Engine], home: Home) -> None:
        kit = toolkit()
        self._engine, self._home = engine, home
        self._closed = False
        self._typing: asyncio.TimerHandle | None = None
        self._pricing: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self.side = kit.ToggleButtons(description="side", options=list(map(str, Side)), style=TOGGLES)
        self.symbol = kit.Dropdown(description="symbol", options=(), style=DESCRIBED, layout=dict(WIDE))
        self.kind = kit.ToggleButtons(description="type", options=KINDS, style=TOGGLES)
        self.quantity, self.amount = text("quantity", "0.01"), text("quote_quantity", "100")
        self.price = text("price", "60000")
        self.time_in_force = kit.Dropdown(
            description="time_in_force",
            options=list(map(str, TimeInForce)),
            style=DESCRIBED,
            layout=dict(WIDE),
        )
        self.button = kit.Button(description=NOTHING_TO_SEND, disabled=True, layout=dict(AS_LONG))
        self._answer, self._explanation = Page(), Page()
        self._fields = (
            self.side, self.symbol, self.kind, self.quantity, self.amount, self.price, self.time_in_force,
        )  # fmt: skip
        self.widget = kit.VBox([*self._fields, self.button, self._answer.widget, self._explanation.widget])
        self._offer_symbols()
        self._dress()
        for field in self._fields:
            field.observe(self._on_edit, names="value")
        self.button.on_click(self._on_click)

    def fields(self) -> Fields:
        """What the fields say now (any thread)."""
        return Fields(
            side=self.side.value,
            symbol=self.symbol.value,
            kind=self.kind.value,
            quantity=self.quantity.value,
            amount=self.amount.value,
            price=self.price.value,
            time_in_force=self.time_in_force.value,
        )

    def refresh(self) -> None:
        """Explain again, on the market and the limits of now; not while somebody types."""
        self._offer_symbols()
        if self._typing is None:
            self._explain()

    def close(self) -> None:
        """Stop what waits; an order on its way goes on. The widgets are closed by whoever shows them."""
        self._closed = True
        self.button.on_click(self._on_click, remove=True)
        for field in self._fields:
            field.unobserve(self._on_edit, names="value")
        for each in (self._typing, self._pricing, self._sending):
            if each is not None:
                each.cancel()

    # -- on any thread

    def _on_edit(self, _change: object) -> None:
        self._home.post(self._edited)

    def _on_click(self, _button: object) -> None:
        at_s = self._home.loop.time()
        if self._home.is_here:  # the click itself may have waited for a cell; after one, it is taken to have
            at_s -= (self._engine().wire.worst_home_lag_ms or 0) / 1_000
        click = Click(fields=self.fields(), said=self.button.description, at_s=at_s)
        self._home.post(self._clicked, click)

    # -- typing, on the main thread

    def _edited(self) -> None:
        """Take the order off the button at once, and explain the new one after a pause."""
        if self._closed:
            return
        for each in (self._typing, self._pricing):
            if each is not None:
                each.cancel()
        self._pricing = None
        self._put_on_button(None)
        self._dress()
        self._typing = self._home.later(TYPING_S, self._typed)

    def _typed(self) -> None:
        self._typing = None
        self.refresh()

    def _explain(self) -> None:
        """Every rail's answer to what the fields say, or why they say no order."""
        engine = self._engine()
        as_of = pages.as_of(engine.clock)
        fields = self.fields()
        try:
            request = fields.request()
            require_tradable(request, engine.portfolio.instruments)
            tables = [views.decision(engine.explain(request))]
        except QuantlabError as error:
            self._put_on_button(None)
            said = f"{fields.side} {fields.symbol or ''} {fields.kind}: {error}"
            self._explanation.show(as_of, views.message(said))
            return
        if request.symbol not in engine.watched:
            tables.append(views.message(f"{request.symbol} has no price yet: its streams are being started"))
            if self._pricing is None or self._pricing.done():
                self._pricing = self._home.spawn(self._price(request.symbol), "quantlab ticket price")
        self._explanation.show(as_of, *tables)
        self._put_on_button(request)

    async def _price(self, symbol: str) -> None:
        await asyncio.sleep(PRICING_S)
        try:
            await self._engine().priced(symbol)
        except QuantlabError as error:
            self._explanation.show(pages.as_of(self._engine().clock), views.message(str(error)))
        else:
            self.refresh()

    def _put_on_button(self, request: OrderRequest | None) -> None:
        self.button.description = label(request)
        self.button.disabled = request is None or self._sending is not None

    # -- sending, on the main thread

    def _clicked(self, click: Click) -> None:
        if self._closed or self._sending is not None:
            return
        try:
            request = self._meant(click)
        except InvalidField as error:
            self._answer.show(pages.as_of(self._engine().clock), views.message(f"NOT SENT: {error}"))
            return
        self._sending = self._home.spawn(self._submit(request), "quantlab ticket")
        self._put_on_button(request)

    def _meant(self, click: Click) -> OrderRequest:
        """The order of a click, made anew from its fields; `InvalidField` where it cannot be meant so."""
        request = click.fields.request()
        if click.said != label(request):
            raise InvalidField(
                "order", "the button did not name what the fields say", "look at the button and click again"
            )
        late_s = self._home.loop.time() - click.at_s
        if late_s > LATE_S:
            raise InvalidField(
                "order", f"the kernel was busy for {late_s:.0f} s after the click", "click again"
            )
        return request

    async def _submit(self, request: OrderRequest) -> None:
        """Through the desk, once; the button is free again with the answer, a second later at the least."""
        engine, began_s = self._engine(), self._home.loop.time()
        self._answer.show(pages.as_of(engine.clock), views.message(f"{request.describe()}: on its way"))
        handle = None
        try:
            handle = engine.execute(SubmitOrder(request))
            tables = pages.answered(await handle, engine.portfolio.fills)  # type: ignore[arg-type]  # an Order
        except Exception as error:  # noqa: BLE001  # whatever it is, who clicked has to read it
            order = engine.orders.get(handle.client_order_id) if handle is not None else None
            tables = pages.refused(error, request, order)
        self._answer.show(pages.as_of(engine.clock), *tables)
        await asyncio.sleep(max(0.0, HOLD_S - (self._home.loop.time() - began_s)))
        self._sending = None
        self.refresh()

    # -- looks

    def _offer_symbols(self) -> None:
        """All that the venue lists, once that is known; what was chosen stays chosen."""
        engine = self._engine()
        listed = tuple(sorted(engine.market.symbols))
        if listed and listed != tuple(self.symbol.options):
            chosen = self.symbol.value or next(iter(engine.settings.symbols), None)
            self.symbol.options = listed
            self.symbol.value = chosen if chosen in listed else listed[0]
            self._dress()

    def _dress(self) -> None:
        """Only the fields of this kind of order, each with its unit."""
        kind = self.kind.value
        shown = {
            self.quantity: kind != AMOUNT,
            self.amount: kind == AMOUNT,
            self.price: kind == LIMIT,
            self.time_in_force: kind == LIMIT,
        }
        for field, visible in shown.items():
            field.layout.display = None if visible else "none"
        instrument = self._engine().portfolio.instruments.get(self.symbol.value)
        base, quote = (f" ({instrument.base})", f" ({instrument.quote})") if instrument else ("", "")
        self.quantity.description = f"quantity{base}"
        self.amount.description, self.price.description = f"quote_quantity{quote}", f"price{quote}"


def label(request: OrderRequest | None) -> str:
    """What the button says: the whole order, or that there is none."""
    return NOTHING_TO_SEND if request is None else f"Send: {request.describe()}"


def _filled(text: str, field: str) -> str:
    """`text` as it stands; whether it is a number is for `trading.requests`."""
    if not text:
        raise InvalidField(field, "it is empty", "write plain digits, like 0.01")
    return text
