"""What of `%ql` says who may act, and what changes how orders are decided: arm, resume, limits, overrides.

No rule is here: each is one command for the desk, or a token for it, and a line that says what came of it.
"""

from __future__ import annotations

import getpass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from IPython.core.error import StdinNotImplementedError

from quantlab.control.capability import Grant
from quantlab.control.commands import Resume
from quantlab.control.effects import LIFTED
from quantlab.domain.decimals import plain
from quantlab.domain.limits import Limits
from quantlab.errors import TokenRefused
from quantlab.frames import Rows
from quantlab.notebook import lines, views
from quantlab.notebook.table import Act, Table, of_rows
from quantlab.secret import Secret
from quantlab.trading.causes import TradingState

if TYPE_CHECKING:
    from quantlab.engine import Engine
    from quantlab.notebook.extension import Notebook

PROMPT = "quantlab token: "
Change = lines.Again | lines.Resume | lines.ChangeLimits | lines.Override


def arm(engine: Engine) -> str:
    """Arm with the token file, or with what is typed."""
    if engine.desk.status().glass_cockpit:
        return f"{LIFTED}; actions pass the desk as they are"
    if engine.settings.token_file is not None:
        engine.arm_from_file()
    else:
        engine.arm(_ask_for_token())
    return f"armed: actions pass the desk; {engine.desk.status().ends()}; %ql disarm ends it now"


def arm_admin(engine: Engine) -> str:
    """Whoever may loosen limits types the token now: no file does it for them."""
    if engine.desk.status().glass_cockpit:
        return f"{LIFTED}; limits can be loosened as it is"
    engine.arm(_ask_for_token(), Grant.admin())
    return f"armed, also to loosen limits; {engine.desk.status().ends()}; %ql disarm ends it now"


def disarm(engine: Engine) -> str:
    """Give the right to act back."""
    engine.disarm()
    if engine.desk.status().glass_cockpit:
        return f"{LIFTED}; actions still pass, %ql halt stops new orders"
    return "not armed: actions are refused, %ql halt always works"


def change(notebook: Notebook, asked: Change) -> Act[Any]:
    """What changes how orders are decided from now on."""
    engine, ql = notebook.engine, notebook.ql
    match asked:
        case lines.Again():
            return Act(ql.orders.again(every=asked.every), _again)
        case lines.Resume():
            return Act(engine.execute(Resume(asked.reason)), lambda _: _resumed(engine, asked.reason))
        case lines.ChangeLimits():
            names = tuple(asked.command.changes())
            return Act(engine.execute(asked.command), lambda now: _limits_now(ql.rails.table(), now, names))
    rails = ql.rails
    handle = (
        rails.override(asked.rail, symbol=asked.symbol, minutes=asked.minutes, reason=asked.reason)
        if asked.minutes
        else rails.end_override(asked.rail, symbol=asked.symbol)
    )
    return Act(handle, lambda _: overrides(rails.overrides))


def _limits_now(table: Table, limits: Limits, changed: tuple[str, ...]) -> Table:
    """The table, and where a changed limit does not hold: a symbol's own takes its place."""
    notes = tuple(
        f"{symbol} keeps its own, looser {name} of {plain(Decimal(value))} (limits.toml)"
        for symbol, name, value in limits.looser_own(changed)
    )
    return msgspec.structs.replace(table, notes=(*table.notes, *notes))


def overrides(rows: Rows[Any]) -> Table:
    """The limits that may be broken now."""
    shown = [(each.rail, each.symbol, f"{views.moment(each.until_ms)} UTC", each.reason) for each in rows]
    return of_rows(
        ("rail", "symbol", "until", "reason"), shown, title="overrides", empty="no limit may be broken now"
    )


def _resumed(engine: Engine, reason: str) -> Table:
    """The HALT is one reason of several for which trading may be halted."""
    state = engine.trading_state()
    if state == TradingState.ACTIVE:
        return views.message(f"resumed: {reason}; trading is {state}")
    return views.message(f"HALT lifted: {reason}; trading is still {state}")


def _again(cells: int) -> Table:
    if not cells:
        return views.message("no cell was held back: nothing to do")
    return views.message(f"{cells} cell{'s' * (cells > 1)} may send the same orders once more: run it now")


def _ask_for_token() -> Secret:
    """By getpass: what is typed reaches neither the cell, nor the history, nor another client."""
    try:
        return Secret(getpass.getpass(PROMPT).strip())
    except StdinNotImplementedError:
        raise TokenRefused(
            "nobody can be asked for the token here; set QUANTLAB_TOKEN_FILE before the kernel starts "
            "(quantlab token new makes a token)"
        ) from None
