"""Putting another model in front is an action like others: a scope, and a line in the journal first."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from quantlab.control.capability import Grant, Scope
from quantlab.control.commands import ModelChange, PromoteModel, RollBackModel
from quantlab.control.desk import Desk
from quantlab.errors import CapabilityRefused, InvalidField, NotArmed
from quantlab.secret import Secret

CHANGES = [PromoteModel("btc-10s"), RollBackModel("btc-10s"), RollBackModel("btc-10s", "BTCUSDT", 3)]


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.describe())
async def test_a_model_changes_only_for_who_has_the_scope(
    desk: Desk, floor: Any, token: Secret, change: ModelChange
) -> None:
    done: list[ModelChange] = []
    desk._effects = msgspec.structs.replace(
        desk._effects, change_model=lambda each: done.append(each) or "done"
    )

    with pytest.raises(NotArmed):
        await desk.execute(change)
    with pytest.raises(CapabilityRefused) as refused:
        await desk.execute(change, desk.arm_with(token, Grant(scopes=(Scope.TRADE, Scope.RESUME))).prove)
    assert refused.value.reason == "scope"
    assert done == []
    assert await desk.execute(change, desk.arm_with(token).prove) == "done"
    assert done == [change]
    lines = [data for kind, data in floor.events if kind == "control.accepted"]
    assert lines[-1]["action"] == change.describe()
    assert lines[-1]["synced"] is True


async def test_a_desk_without_learners_says_so(desk: Desk, token: Secret) -> None:
    with pytest.raises(InvalidField, match=r"ql\.learn\.model"):
        await desk.execute(PromoteModel("x"), desk.arm_with(token).prove)
