"""The magics in a real kernel: what a person sees, and what stops "Run all"."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kernel import Kernel

from quantlab.clock import SystemClock
from quantlab.control.tokenstore import TokenStore

PUBLISH = """
ql.bus.publish(NOTE, Note(name="mine", price=5))
await ql.bus.settle()
"""


def test_status_and_ql_show_plain_text_and_html(kernel: Kernel) -> None:
    """The line magic with a comment, the long form and the name say the same kind of thing."""
    magic = kernel.run("%ql status  # how are we")

    assert magic.lines[0] == "quantlab"
    assert "<table>" in magic.html
    assert kernel.run("%quantlab status").lines[0] == "quantlab"
    assert kernel.run("ql").lines[0] == "quantlab"


def test_help_lists_every_subcommand(kernel: Kernel) -> None:
    """`%ql help`, and `%ql` alone."""
    listed = kernel.run("%ql help").text

    assert "%ql buy QTY SYMBOL [@ PRICE]" in listed
    assert kernel.run("%ql").text == listed


@pytest.mark.parametrize(
    "what", ["orders", "positions", "fills", "balances", "rails", "limits", "health", "subs"]
)
def test_every_view_is_shown_without_arming(kernel: Kernel, what: str) -> None:
    """Looking needs no token."""
    shown = kernel.run(f"%ql {what}")

    assert shown.status == "ok", shown.error
    assert shown.text
    assert "<div class='quantlab'>" in shown.html


def test_an_action_is_refused_in_one_line_that_says_how_to_arm(kernel: Kernel) -> None:
    """Nothing is sent, the cell stops, and the next line does not run."""
    refused = kernel.run("%ql buy 0.01 BTCUSDT @ 60000\nprint('NOT REACHED')")

    assert refused.status == "error"
    assert refused.error.startswith("NotArmed: ")
    assert "%ql arm" in refused.error
    assert "\n" not in refused.error
    assert "NOT REACHED" not in refused.text


def test_a_refusal_is_an_ordinary_exception(kernel: Kernel) -> None:
    """`try` sees it like any other."""
    caught = kernel.run(
        "from quantlab.errors import NotArmed\n"
        "try:\n    %ql buy 0.01 BTCUSDT @ 60000\n"
        "except NotArmed as error:\n    print('caught', type(error).__name__)"
    )

    assert caught.text == "caught NotArmed\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("byu 0.01 BTCUSDT", "did you mean buy?"),
        ("buy 0.01 BTCUSDT 60000", "the @ before the price is missing"),
        ("buy 1e-3 BTCUSDT", "quantity: '1e-3' is not plain decimal text"),
        ("doctor", "unknown subcommand 'doctor'"),
    ],
)
def test_a_wrong_line_is_one_line_that_stops_the_cell(kernel: Kernel, line: str, says: str) -> None:
    """A UsageError without a traceback."""
    wrong = kernel.run(f"%ql {line}\nprint('NOT REACHED')")

    assert wrong.status == "error"
    assert wrong.error.startswith("UsageError: ")
    assert says in wrong.error
    assert "\n" not in wrong.error
    assert "NOT REACHED" not in wrong.text


def test_a_token_on_the_line_is_refused_without_an_echo(kernel: Kernel, token: str) -> None:
    """Not in the output, not in the error; whatever the subcommand."""
    for line in (f"%ql arm {token}", f"%ql {token}", f"%ql help {token}"):
        refused = kernel.run(line)

        assert refused.status == "error"
        assert "a token never goes on the line" in refused.error
        assert token[4:] not in refused.error + refused.text + refused.html


def test_a_wrong_token_does_not_arm(kernel: Kernel) -> None:
    """The answer names no part of what was typed."""
    refused = kernel.run("%ql arm", answer="qlt_wrongwrongwrong")

    assert refused.error.startswith("TokenRefused: ")
    assert "wrongwrong" not in refused.error
    assert kernel.run("%ql buy 0.01 BTCUSDT @ 60000").error.startswith("NotArmed: ")


def test_where_nobody_can_be_asked_the_remedy_is_a_token_file(kernel: Kernel) -> None:
    """Headless front ends have no stdin."""
    refused = kernel.run("%ql arm")

    assert refused.error.startswith("TokenRefused: ")
    assert "QUANTLAB_TOKEN_FILE" in refused.error


def test_the_typed_token_is_in_no_variable_of_the_notebook(kernel: Kernel, home: Path) -> None:
    """Neither `In`, nor `Out`, nor a name, nor `_`."""
    token = TokenStore(home / "home", SystemClock()).new("typed once")
    assert kernel.run("%ql arm", answer=token).status == "ok"
    backwards = token[4:14][::-1]  # so that this cell itself does not hold it
    found = kernel.run(f"print([n for n, v in list(globals().items()) if {backwards!r}[::-1] in repr(v)])")

    assert found.text == "[]\n"


def test_python_handles_are_lazy_and_floats_are_refused_before_anything_is_made(armed: Kernel) -> None:
    """`ql.orders.buy` sends nothing by itself; its repr says so."""
    shown = armed.run('h = ql.orders.buy("BTCUSDT", "0.01", price="60000", time_in_force="GTC")\nh')
    refused = armed.run('ql.orders.buy("BTCUSDT", 0.01, price="60000")')

    assert "NOT SENT" in shown.text
    assert refused.error.startswith("InvalidField: quantity: the float 0.01 is not exact")
    assert armed.run("import warnings; warnings.simplefilter('ignore'); del h; _ = None").status == "ok"


def test_under_time_an_action_is_not_awaited_and_says_not_sent(armed: Kernel) -> None:
    """IPython compiles a timed cell without await; the handle must not look sent."""
    assert "NOT SENT" in armed.run("%%time\n%ql buy 0.01 BTCUSDT @ 60000").text
    assert "quantlab" in armed.run("%time %ql status").text


def test_magics_work_in_blocks_and_async_functions_and_other_strings_stay(kernel: Kernel) -> None:
    """The transformer awaits where it may, and touches nothing else."""
    code = """
async def shown(what):
    view = %ql $what
    return type(view).__name__
for what in ("rails", "limits"):
    view = %ql $what
    print(type(view).__name__)
print(await shown("rails"))
text = "get_ipython().run_line_magic('ql', 'status')"
print(text)
"""
    assert kernel.run(code).lines == [
        "View", "View", "View", "get_ipython().run_line_magic('ql', 'status')",
    ]  # fmt: skip


def test_a_cell_that_runs_again_replaces_its_handler(kernel: Kernel) -> None:
    """By the cell's id: one subscription, and the newest body runs."""
    kernel.run("seen = []")
    first = kernel.run("%%on note.mine\nseen.append('old')", cell_id="a")
    second = kernel.run("%%on note.mine\nseen.append(('new', event.price))", cell_id="a")

    assert first.lines == second.lines == ["on note.mine: subscribed"]
    assert kernel.run(PUBLISH + "print(seen)").lines == ["[('new', 5)]"]
    kernel.run("pass", cell_id="a")
    assert kernel.run("seen.clear()\n" + PUBLISH + "print(seen)").lines == ["[]"]


def test_without_cell_ids_the_same_source_replaces_and_another_adds(kernel: Kernel) -> None:
    """Front ends like nbclient name no cells; two different cells on one topic both listen."""
    kernel.run("seen = []")
    for body in ("seen.append(1)", "seen.append(1)", "seen.append(2)"):
        kernel.run(f"%%on note.mine\n{body}")

    assert kernel.run(PUBLISH + "print(sorted(seen))").lines == ["[1, 2]"]


def test_what_a_handler_prints_lands_under_its_own_cell(kernel: Kernel) -> None:
    """Also while another cell runs."""
    identity = kernel.start("%%on note.mine\nprint('got', event.price)", cell_id="printing")
    kernel.finish(identity)

    assert "got" not in kernel.run(PUBLISH, settle=0.3).text
    assert kernel.printed_later(identity) == "got 5\n"
    kernel.run("pass", cell_id="printing")


def test_a_failing_handler_is_isolated_and_its_traceback_names_the_cells_line(kernel: Kernel) -> None:
    """`ql.bus.errors()` has the text."""
    kernel.run("%%on note.mine\nx = 1\nnobody_knows(event)", cell_id="failing")
    text = kernel.run(PUBLISH + "print(ql.bus.errors()[-1])").text

    assert "nobody_knows(event)" in text
    assert "line 3" in text
    kernel.run("pass", cell_id="failing")


def test_a_handler_that_fails_says_so_once_under_its_own_cell(kernel: Kernel) -> None:
    """Not at every event, and not nowhere."""
    identity = kernel.start("%%on note.mine\n1 / 0", cell_id="silent")
    kernel.finish(identity)
    for _ in range(3):
        assert "failed" not in kernel.run(PUBLISH, settle=0.1).text

    assert kernel.printed_later(identity) == (
        "%%on note.mine failed: ZeroDivisionError: division by zero (said once; ql.bus.errors() has all)\n"
    )
    kernel.run("pass", cell_id="silent")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%on market.trad.BTCUSDT\npass", "the nearest is"),
        ("%%on\npass", "say which topic"),
        ("%%on market.trade.NOSUCH\npass", "UnknownSymbol: symbol: 'NOSUCH' is not listed"),
        ("%%on note.mine\nx = = 1", "line 2 of the cell: invalid syntax"),
        ("%%on note.mine\n# nothing to do", "is empty"),
    ],
)
def test_a_wrong_on_cell_fails_when_it_is_run(kernel: Kernel, cell: str, says: str) -> None:
    """Not when the first event comes."""
    wrong = kernel.run(cell)

    assert wrong.status == "error"
    assert says in wrong.error
    assert "Traceback" not in wrong.error


@pytest.mark.parametrize(
    ("code", "proposed"),
    [
        ("%ql st", "status"),
        ("x = %ql ex", "explain"),
        ("if 1:\n    %ql order B", "BUY"),
        ("%%on venue.", "venue.health"),
        ("%ql buy 0.01 BTC", "BTCUSDT"),
    ],
)
def test_tab_completes_our_lines(kernel: Kernel, code: str, proposed: str) -> None:
    """Also after an assignment and in indented code."""
    assert proposed in kernel.complete(code)


def test_tab_after_ql_shows_the_parts_and_no_private_name(kernel: Kernel) -> None:
    """One clean list."""
    proposed = {name.removeprefix("ql.") for name in kernel.complete("ql.")}

    assert {"bus", "orders", "portfolio", "health"} <= proposed
    assert not [name for name in proposed if name.startswith("_")]


def test_an_interrupt_of_an_awaiting_cell_leaves_the_engine_running(kernel: Kernel) -> None:
    """The cell ends with an error; the next one works."""
    identity = kernel.begin("await ql.market.advance(60)\nprint('NOT REACHED')")
    time.sleep(0.2)
    kernel.interrupt()
    interrupted = kernel.finish(identity)

    assert interrupted.status == "error"
    assert "NOT REACHED" not in interrupted.text
    assert kernel.run("%ql status").status == "ok"


def test_halt_needs_no_token_and_acts_where_nobody_awaits(kernel: Kernel, token: str) -> None:
    """Un-awaited under %time it has acted; a resume needs arming and then lifts it."""
    halted = kernel.run("%time %ql halt the feed looks wrong")

    assert "HALTED: the feed looks wrong" in halted.text
    assert kernel.run("%ql resume looked at it").error.startswith("NotArmed: ")
    assert kernel.run("%ql arm", answer=token).status == "ok"
    assert kernel.run("%ql buy 0.01 BTCUSDT @ 60000").error.startswith(("OrderDenied: ", "Halted: "))
    assert kernel.run("%ql resume looked at it").text == "resumed: looked at it; trading is ACTIVE\n"


def test_a_resume_says_what_still_stops_trading(armed: Kernel) -> None:
    """The latch is one reason of several; the line stays as true as it was when it ran."""
    armed.run("%ql halt for a moment")
    armed.run("engine = get_ipython().quantlab_notebook.engine; engine.user_stream(live=False)")
    resumed = armed.run("resumed = %ql resume looked at it\nresumed")
    armed.run(
        "engine.user_stream(live=True)\n"
        "import asyncio\nwhile engine.trading_state() != 'ACTIVE': await asyncio.sleep(0.01)"
    )

    assert resumed.text == (
        "HALT lifted: looked at it; trading is still HALTED: "
        "the account is not reconciled with the venue yet\n"
    )
    assert armed.run("resumed").text == resumed.text


@pytest.mark.parametrize("line", ["%ql status;", "%ql status ;  # quietly", "x = %ql status;", "%ql ;"])
def test_a_semicolon_at_the_end_of_a_line_is_no_part_of_it(kernel: Kernel, line: str) -> None:
    shown = kernel.run(line)

    assert shown.status == "ok", shown.error


def test_a_semicolon_at_the_end_of_an_on_line_is_no_part_of_it(kernel: Kernel) -> None:
    subscribed = kernel.run("%%on note.mine;\npass", cell_id="semicolon")
    kernel.run("pass", cell_id="semicolon")

    assert subscribed.lines == ["on note.mine: subscribed"], subscribed.error
