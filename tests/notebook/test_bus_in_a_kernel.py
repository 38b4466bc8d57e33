"""The bus in a real kernel: prints from threads, the way out of a quarantine, and off the kernel's thread."""

from __future__ import annotations

import re

import pytest
from kernel import Kernel

PUBLISH = "ql.bus.publish(NOTE, Note('mine', {}))\nawait ql.bus.settle()\n"


def test_what_a_thread_prints_lands_under_the_cell_that_subscribed(kernel: Kernel) -> None:
    """Two cells with a handler each, on threads of their own; events come while a third one runs."""
    cells = [
        kernel.start(
            f"{name} = ql.bus.subscribe('note.mine', lambda note: print('{name}', note.price), run='thread')",
            cell_id=name,
        )
        for name in ("left", "right")
    ]
    for identity in cells:
        assert kernel.finish(identity).status == "ok"
    publishing = kernel.run(PUBLISH.format(1) + PUBLISH.format(2), cell_id="third", settle=0.3)

    assert publishing.status == "ok", publishing.error
    assert publishing.text == ""
    assert [kernel.printed_later(identity) for identity in cells] == [
        "left 1\nleft 2\n",
        "right 1\nright 2\n",
    ]
    kernel.run("left.close(), right.close()")


def test_a_quarantine_ends_by_the_very_words_that_announce_it(kernel: Kernel) -> None:
    """What the line under the cell says to run is run, and events arrive again."""
    identity = kernel.start(
        "broken, heard = True, []\n"
        "def tick(note):\n"
        "    if broken:\n"
        "        raise ValueError(note.price)\n"
        "    heard.append(note.price)\n"
        "shaky = ql.bus.subscribe('note.mine', tick, name='shaky')",
        cell_id="shaky",
    )
    kernel.finish(identity)
    for price in range(11):
        kernel.run(PUBLISH.format(price))
    said = kernel.printed_later(identity)
    remedy = re.search(r"ql\.bus\.resume\(.*?\)", said)

    assert "quarantined after 10 failures in a row" in said
    assert remedy is not None, said
    kernel.run("broken = False")
    assert kernel.run(PUBLISH.format(11) + "print(heard, shaky.state)").lines == ["[] quarantined"]
    assert kernel.run(f"print({remedy[0]})").lines == ["1"]
    assert kernel.run(PUBLISH.format(12) + "print(heard, shaky.state)").lines == ["[12] idle"]
    wrong = kernel.run("ql.bus.resume('nobody')")
    assert "no open subscription is named 'nobody'" in wrong.error
    assert "shaky" in wrong.error
    kernel.run("shaky.close()")


def test_a_handler_that_blocks_the_loop_is_named_by_the_line_of_its_cell(kernel: Kernel) -> None:
    """Under its own cell; the name of a file that the kernel made up says nothing to anybody."""
    plain = kernel.start(
        "import time\n"
        "def sleeps(note):\n"
        "    time.sleep(0.06)\n"
        "sleepy = ql.bus.subscribe('note.mine', sleeps)",
        cell_id="plain",
    )
    kernel.finish(plain)
    magic = kernel.start("%%on note.yours\nimport time\ntime.sleep(0.06)", cell_id="magic")
    kernel.finish(magic)
    for name in ("mine", "yours"):
        kernel.run(f"ql.bus.publish(NOTE, Note('{name}', 1))\nawait ql.bus.settle()", settle=0.1)

    assert "(line 2 of its cell: def sleeps(note):)" in kernel.printed_later(plain, until="of its cell")
    assert "(line 1 of its cell: %%on note.yours)" in kernel.printed_later(magic, until="of its cell")
    kernel.run("sleepy.close()")
    kernel.run("pass", cell_id="magic")


def test_an_on_cell_that_conflates_keeps_the_newest_of_each_name(kernel: Kernel) -> None:
    """Without a key of its own: it is the name."""
    kernel.run("kept = []")
    shown = kernel.run("%%on note.* conflate\nkept.append((event.name, event.price))", cell_id="newest")
    burst = (
        "for price in range(3):\n"
        "    for name in ('mine', 'yours'):\n"
        "        ql.bus.publish(NOTE, Note(name, price))\n"
        "await ql.bus.settle()\n"
    )

    assert shown.lines == ["on note.*: subscribed"], shown.error
    assert kernel.run(burst + "print(kept)").lines == ["[('mine', 2), ('yours', 2)]"]
    last = "ql.bus.frame().iloc[-1]"
    assert kernel.run(f"print({last}['conflated'], {last}['overflow'])").lines == ["4 conflate"]
    wide = kernel.run("%%on > conflate\npass", cell_id="newest")
    assert wide.status == "ok", wide.error
    kernel.run("pass", cell_id="newest")


@pytest.mark.parametrize(
    ("way", "heard"), [("publish", "WrongThread []"), ("publish_threadsafe", "None [7]")]
)
def test_off_the_kernels_thread_there_is_one_way_to_publish_and_the_error_names_it(
    kernel: Kernel, way: str, heard: str
) -> None:
    """The other one would run handlers beside the notebook's own code."""
    shown = kernel.run(
        "import asyncio\n"
        "got = []\n"
        "listening = ql.bus.subscribe('note.mine', lambda note: got.append(note.price))\n"
        "def other():\n"
        "    try:\n"
        f"        return ql.bus.{way}(NOTE, Note('mine', 7))\n"
        "    except Exception as error:\n"
        "        assert 'publish_threadsafe' in str(error)\n"
        "        return type(error).__name__\n"
        "outcome = await asyncio.to_thread(other)\n"
        "await ql.bus.settle()\n"
        "listening.close()\n"
        "print(outcome, got)"
    )

    assert shown.lines == [heard], shown.error
