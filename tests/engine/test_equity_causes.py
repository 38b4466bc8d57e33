"""Lost equity on a running engine: new risk stops, what reduces passes, and only control resumes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from quantlab.control.capability import Grant
from quantlab.control.commands import EndOverride, OverrideLimit, Resume, SetLimits, SubmitOrder
from quantlab.engine import Engine
from quantlab.errors import InvalidField, NotArmed, OrderDenied
from quantlab.secret import Secret
from quantlab.trading.causes import EQUITY
from quantlab.trading.requests import market_order

D = Decimal
BUY = SubmitOrder(market_order("BUY", "BTCUSDT", "0.01"))
SELL = SubmitOrder(market_order("SELL", "BTCUSDT", "0.01"), reduce_only=True)


async def denied_by(engine: Engine, command: Any = BUY) -> list[str]:
    with pytest.raises(OrderDenied) as denied:
        await engine.execute(command)
    return [each.rail for each in denied.value.breaches]


async def lose(engine: Engine) -> None:
    """In and out of one BTC, again and again: the fees outweigh what the market does; 0.03 BTC stay."""
    await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.03")))
    for _ in range(6):
        for side in ("BUY", "SELL"):
            await engine.execute(SubmitOrder(market_order(side, "BTCUSDT", "1"), reduce_only=side == "SELL"))
        await engine.market.advance(2)


async def test_below_the_floor_only_what_reduces_passes_until_control_resumes(
    engine: Engine, token: Secret
) -> None:
    """RESUME while the equity is still below holds for no longer than the next look at it."""
    await engine.execute(BUY)
    await engine.market.advance(2)
    equity = engine.portfolio.equity_now
    assert equity is not None
    await engine.execute(SetLimits(min_equity=equity + 1_000))
    assert await denied_by(engine) == ["equity_floor"]
    await engine.market.advance(2)
    assert engine.trading_state() == "REDUCING: the equity is below its floor (min_equity)"
    assert await denied_by(engine) == ["trading_state", "equity_floor"]
    await engine.execute(SELL)

    await engine.execute(Resume("in the hope of better times"))
    assert engine.trading_state() == "ACTIVE"
    assert await denied_by(engine) == ["equity_floor"]
    await engine.market.advance(2)
    assert engine.trading_state().startswith("REDUCING")

    engine.arm(token, Grant.admin())
    await engine.execute(SetLimits(min_equity=D(1)))  # right again, and the cause stands
    await engine.market.advance(2)
    assert await denied_by(engine) == ["trading_state"]
    engine.disarm()
    with pytest.raises(NotArmed):
        await engine.execute(Resume("nobody may say so"))
    engine.arm(token)
    await engine.execute(Resume("the floor was wrong"))
    await engine.execute(BUY)
    await engine.market.advance(2)
    assert engine.trading_state() == "ACTIVE"


@pytest.mark.parametrize(
    ("rail", "limit"),
    [("daily_loss", {"max_daily_loss": D(50)}), ("drawdown", {"max_drawdown": D("0.00005")})],
)
async def test_a_loss_stops_new_risk_and_an_override_gives_leave_for_its_time(
    engine: Engine, token: Secret, rail: str, limit: dict[str, Any]
) -> None:
    """Of the whole account, and so for all symbols; when it ends, or is ended, the loss counts again."""
    engine.arm(token, Grant.admin())
    await lose(engine)
    await engine.execute(SetLimits(**limit))
    await engine.market.advance(2)
    assert [(each.owner, each.state) for each in engine.guards.causes.reasons()] == [(EQUITY, "REDUCING")]
    assert await denied_by(engine) == ["trading_state", rail]
    await engine.execute(SELL)

    def override(symbol: str) -> OverrideLimit:
        until_ms = engine.clock.now_ms() + 60_000
        return OverrideLimit(rail=rail, symbol=symbol, until_ms=until_ms, reason="the hedge goes on")

    with pytest.raises(InvalidField, match="judges the whole account"):
        await engine.execute(override("BTCUSDT"))
    await engine.execute(override("*"))
    assert await denied_by(engine) == ["trading_state"]  # what was set stands until somebody resumes
    await engine.execute(Resume("with the override"))
    await engine.market.advance(2)
    await engine.execute(BUY)
    assert engine.trading_state() == "ACTIVE"

    if rail == "drawdown":
        await engine.execute(EndOverride(rail=rail, symbol="*"))
    await engine.market.advance(3 if rail == "drawdown" else 61)
    assert engine.trading_state().startswith("REDUCING")
    assert await denied_by(engine) == ["trading_state", rail]
    await engine.execute(SELL)
