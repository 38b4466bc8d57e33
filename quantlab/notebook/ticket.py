"""The order ticket: fields of plain text, the rails' answer as one types, and one button.

No rule is here, and typing sends nothing. The button names the order that a click sends; a click
counts only where the button and the fields at that moment say the same. A front end may hold back
what was typed last while the kernel is busy, yet never a click: it must not send half a number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from quantlab.control.commands import SubmitOrder
from quantlab.errors import InvalidField, QuantlabError
from quantlab.notebook import pages, views
from quantlab.notebook.controls import Home, Page, toolkit
from quantlab.notebook.ticket_fields import Click, label
from quantlab.notebook.ticket_form import Form
from quantlab.trading.grid import require_tradable

if TYPE_CHECKING:
    from quantlab.engine import Engine

TYPING_S = 0.15  # a pause after the last key
PRICING_S = 1.0  # on a symbol without a price, before its streams are started: somebody may scroll past
HOLD_S = 1.0  # between two sends: the second click of a double click is none
LATE_S = 2.0  # from a click to its work: the market of then is gone


class Ticket(Form):
    """The fields, the explanation and the button. Made and used on the main thread.

    Its callbacks alone run on any thread; see `controls`.
    """

    def __init__(self, engine: Callable[[], Engine], home: Home) -> None:
        self._engine, self._home = engine, home
        self._closed = False
        self._typing: asyncio.TimerHandle | None = None
        self._pricing: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        super().__init__()
        self._answer, self._explanation = Page(), Page()
        self.widget = toolkit().VBox(
            [*self.inputs, self.button, self._answer.widget, self._explanation.widget]
        )
        self._offer_symbols()
        self._dress()
        self.observe(self._on_edit, self._on_click)

    def refresh(self) -> None:
        """Explain again, on the market and the limits of now; not while somebody types."""
        self._offer_symbols()
        if self._typing is None:
            self._explain()

    def close(self) -> None:
        """Stop what waits; an order on its way goes on. The widgets are closed by whoever shows them."""
        self._closed = True
        self.unobserve(self._on_edit, self._on_click)
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
            command = fields.command()
            request = command.request
            require_tradable(request, engine.portfolio.instruments)
            tables = [views.decision(engine.explain(request, reduce_only=command.reduce_only))]
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
        self._put_on_button(command)

    async def _price(self, symbol: str) -> None:
        await asyncio.sleep(PRICING_S)
        try:
            await self._engine().priced(symbol)
        except QuantlabError as error:
            self._explanation.show(pages.as_of(self._engine().clock), views.message(str(error)))
        else:
            self.refresh()

    def _put_on_button(self, command: SubmitOrder | None) -> None:
        self.button.description = label(command)
        self.button.disabled = command is None or self._sending is not None

    # -- sending, on the main thread

    def _clicked(self, click: Click) -> None:
        if self._closed or self._sending is not None:
            return
        try:
            command = self._meant(click)
        except InvalidField as error:
            self._answer.show(pages.as_of(self._engine().clock), views.message(f"NOT SENT: {error}"))
            return
        self._sending = self._home.spawn(self._submit(command), "quantlab ticket")
        self._put_on_button(command)

    def _meant(self, click: Click) -> SubmitOrder:
        """The order of a click, made anew from its fields; `InvalidField` where it cannot be meant so."""
        command = click.fields.command()
        if click.said != label(command):
            raise InvalidField(
                "order", "the button did not name what the fields say", "look at the button and click again"
            )
        late_s = self._home.loop.time() - click.at_s
        if late_s > LATE_S:
            raise InvalidField(
                "order", f"the kernel was busy for {late_s:.0f} s after the click", "click again"
            )
        return command

    async def _submit(self, command: SubmitOrder) -> None:
        """Through the desk, once; the button is free again with the answer, a second later at the least."""
        engine, began_s = self._engine(), self._home.loop.time()
        self._answer.show(pages.as_of(engine.clock), views.message(f"{command.describe()}: on its way"))
        handle = None
        try:
            handle = engine.execute(command)
            tables = pages.answered(await handle, engine.portfolio.fills)  # type: ignore[arg-type]  # an Order
        except Exception as error:  # noqa: BLE001  # whatever it is, who clicked has to read it
            order = engine.orders.get(handle.client_order_id) if handle is not None else None
            tables = pages.refused(error, command.request, order)
        self._answer.show(pages.as_of(engine.clock), *tables)
        await asyncio.sleep(max(0.0, HOLD_S - (self._home.loop.time() - began_s)))
        self._sending = None
        self.refresh()

    # -- looks

    def _offer_symbols(self) -> None:
        """All that the venue lists, once that is known; what was chosen stays chosen."""
        engine = self._engine()
        if self.offer(sorted(engine.market.symbols), next(iter(engine.settings.symbols), None)):
            self._dress()

    def _dress(self) -> None:
        self.dress(self._engine().portfolio.instruments.get(self.symbol.value))
