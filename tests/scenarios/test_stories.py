"""One list of stories, played in process, by REST and by the WebSocket API.

Over the wire, the accounts' user streams are the witness: what they told must be what the venue says.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from grounds import Ground
from holding_stories import HOLDING
from linked_stories import LINKED
from story import ACCOUNTS, Step, Story
from trading_stories import TRADING
from waiting_stories import WAITING

STORIES = (*TRADING, *HOLDING, *WAITING, *LINKED)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.tells.replace(" ", "_"))
async def test_the_story_is_true(ground: Ground, story: Story) -> None:
    """Every step is answered, told and booked as the story says, and the books close."""
    owners = story.owners
    for step in story.steps:
        await play(ground, step, owners)
    await ground.close_books()


async def play(ground: Ground, step: Step, owners: dict[str, str]) -> None:
    outcome = await ground.perform(step)
    told = await ground.events()

    assert outcome.refused == step.refused
    assert outcome.result == step.result
    if step.fills is not None:
        assert outcome.fills == tuple((Decimal(price), Decimal(quantity)) for price, quantity in step.fills)
    if step.events is not None:
        assert {name: tuple(said for who, said in told if who == name) for name, _ in told} == step.events
    for name, (status, executed) in (step.orders or {}).items():
        assert (name, *await ground.order(owners[name], name)) == (name, status, Decimal(executed))
    if step.holds is not None:
        held = await ground.balances(step.by)
        expected = {asset: (Decimal(free), Decimal(locked)) for asset, (free, locked) in step.holds.items()}
        assert {asset: held[asset] for asset in expected} == expected


def test_the_list_is_long_and_every_story_has_a_name_of_its_own() -> None:
    """Thirty stories and more, no two of one name, and every expectation is used somewhere."""
    assert len(STORIES) > 50
    assert len({story.tells for story in STORIES}) == len(STORIES)
    steps = [step for story in STORIES for step in story.steps]
    assert {step.by for step in steps} == set(ACCOUNTS)
    for expectation in Step._fields[4:]:
        assert any(getattr(step, expectation) is not None for step in steps), expectation
