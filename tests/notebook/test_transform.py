"""The transformer inserts `await` where a line magic of ours may be awaited, and nowhere else."""

from __future__ import annotations

import pytest

from quantlab.notebook import transform
from quantlab.notebook.transform import add_await

CALL = "get_ipython().run_line_magic('ql', 'buy 0.01 BTCUSDT @ 60000')"
LONG = "get_ipython().run_line_magic('quantlab', 'status')"
OTHER = "get_ipython().run_line_magic('time', 'x')"

AWAITED = [
    (f"{CALL}\n", f"await {CALL}\n"),
    (f"{LONG}\n", f"await {LONG}\n"),
    (f"x = {CALL}\n", f"x = await {CALL}\n"),
    (f"é = '→'; x = {CALL}\n", f"é = '→'; x = await {CALL}\n"),
    (f"for s in 'ab':\n    r = {CALL}\n", f"for s in 'ab':\n    r = await {CALL}\n"),
    (f"if 1:\n    {CALL}\nelse:\n    {LONG}\n", f"if 1:\n    await {CALL}\nelse:\n    await {LONG}\n"),
    (
        f"try:\n    {CALL}\nexcept Exception:\n    {LONG}\nfinally:\n    {LONG}\n",
        f"try:\n    await {CALL}\nexcept Exception:\n    await {LONG}\nfinally:\n    await {LONG}\n",
    ),
    (f"with x:\n    {CALL}\n", f"with x:\n    await {CALL}\n"),
    (f"match x:\n    case 1:\n        {CALL}\n", f"match x:\n    case 1:\n        await {CALL}\n"),
    (f"async def f():\n    return_ = {CALL}\n", f"async def f():\n    return_ = await {CALL}\n"),
    (
        f"def f():\n    async def g():\n        {CALL}\n",
        f"def f():\n    async def g():\n        await {CALL}\n",
    ),
    (
        "get_ipython().run_cell_magic('on', 'order.>', 'x')\n",
        "await get_ipython().run_cell_magic('on', 'order.>', 'x')\n",
    ),
    (f"x: object = {CALL}\n", f"x: object = await {CALL}\n"),
    (f"s = 'a\x0cb'\n{CALL}\n", f"s = 'a\x0cb'\nawait {CALL}\n"),
]

UNTOUCHED = [
    "",
    "x = 1\n",
    f"{OTHER}\n",
    f"await {CALL}\n",
    f"def f():\n    x = {CALL}\n    return x\n",
    f"async def f():\n    def g():\n        {CALL}\n",
    f"class A:\n    x = {CALL}\n",
    f"f = lambda: {CALL}\n",
    f"xs = [{CALL} for _ in 'ab']\n",
    f"x = {CALL}.text\n",
    f'text = "{CALL}"\n',
    f'"""\n{CALL}\n"""\n',
    f"# {CALL}\n",
    f"this does not parse\n{CALL}\n",
    "shell.run_line_magic('ql', 'status')\n",
    "get_ipython().run_line_magic(name, 'status')\n",
    "get_ipython().run_cell_magic('ql', '', 'x')\n",
]


@pytest.mark.parametrize(("source", "expected"), AWAITED)
def test_a_magic_of_ours_is_awaited_where_the_scope_allows_it(source: str, expected: str) -> None:
    """Module level, blocks and async functions: `await ` is inserted, and nothing else changes."""
    assert "".join(add_await(source.splitlines(keepends=True))) == expected


@pytest.mark.parametrize("source", UNTOUCHED)
def test_everything_else_stays_as_it_is(source: str) -> None:
    """Other magics, sync functions, classes, strings, comments and broken cells are left alone."""
    lines = source.splitlines(keepends=True)

    assert add_await(lines) == lines


def test_a_second_pass_changes_nothing() -> None:
    """What was awaited once is not awaited twice."""
    once = add_await([f"x = {CALL}\n"])

    assert add_await(once) == once


def test_installing_twice_leaves_one_transformer_and_removing_leaves_the_others() -> None:
    """Also when a reload made another function object of the same name."""

    def other(lines: list[str]) -> list[str]:
        return lines

    def add_await(lines: list[str]) -> list[str]:  # as an old version before a reload
        return lines

    add_await.__module__ = transform.__name__
    transformers: list[object] = [other, add_await]

    transform.install(transformers)
    transform.install(transformers)
    assert transformers == [other, transform.add_await]

    transform.remove(transformers)
    assert transformers == [other]
