"""Loading, reloading and unloading in a real kernel: one engine, nothing half loaded, nothing left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kernel import ROOT, Kernel

ENGINES = """
import gc
def engines():
    found = [each for each in gc.get_objects() if type(each).__name__ == "Engine"]
    return sum(each.state in ("starting", "running") for each in found)
print(engines())
"""
SHELL = """
def shell_state():
    ip = get_ipython()
    return (
        sorted(ip.magics_manager.magics["line"]), sorted(ip.magics_manager.magics["cell"]),
        sorted(ip.magics_manager.registry), [type(each).__name__ for each in ip.configurables],
        len(ip.input_transformers_post), len(ip.Completer.custom_matchers),
        {name: len(hooks) for name, hooks in ip.events.callbacks.items()},
        len(ip.display_formatter.mimebundle_formatter.type_printers),
        len(ip.display_formatter.formatters["text/plain"].type_printers),
        "ql" in ip.user_ns, "ql" in ip.user_ns_hidden,
        hasattr(ip, "quantlab_notebook"),
    )
"""


def test_loading_twice_and_reloading_leave_one_engine(bare: Kernel) -> None:
    """K14: A second load changes nothing, a reload replaces the engine."""
    assert bare.run("%load_ext quantlab").status == "ok"
    first = bare.run("engine = get_ipython().quantlab_notebook.engine\n" + ENGINES)
    bare.run("import quantlab; quantlab.load_ipython_extension(get_ipython())")
    again = bare.run("print(engine is get_ipython().quantlab_notebook.engine, engines())")
    assert bare.run("%reload_ext quantlab").status == "ok"
    reloaded = bare.run("print(engine is get_ipython().quantlab_notebook.engine, engines())")

    assert (first.text, again.text, reloaded.text) == ("1\n", "True 1\n", "False 1\n")
    assert bare.run("%ql status").status == "ok"


def test_unloading_takes_out_everything_that_loading_added(bare: Kernel) -> None:
    """Magics, transformer, matcher, hooks, displays, settings and the name; other names stay."""
    before = bare.run(SHELL + "before = shell_state()\nprint(before)")
    bare.run("%load_ext quantlab")
    bare.run("%ql status")
    assert bare.run("print(shell_state() != before)").text == "True\n"
    bare.run("%unload_ext quantlab")

    assert bare.run("print(shell_state())").text == before.text


def test_in_the_cell_of_load_ext_status_works_without_await(bare: Kernel) -> None:
    """The transformer is not active there yet."""
    shown = bare.run("%load_ext quantlab\n%ql status")

    assert shown.status == "ok"
    assert shown.lines[0] == "quantlab"


def test_a_name_that_is_taken_is_never_overwritten(bare: Kernel) -> None:
    """The load says so in one line; another name is a setting, and moving it moves the name."""
    bare.run("ql = 'mine'")
    loaded = bare.run("%load_ext quantlab")
    bare.run('%config QuantlabMagics.name = "qlab"')
    named = bare.run("print(ql, type(qlab).__name__)")
    bare.run("%unload_ext quantlab")

    assert loaded.text == (
        'ql is yours and stays as it is; give quantlab another name: %config QuantlabMagics.name = "qlab"\n'
    )
    assert named.text == "mine Ql\n"
    assert bare.run("print(ql, 'qlab' in globals())").text == "mine False\n"
    bare.run("del ql; get_ipython().config.QuantlabMagics.clear()")


def test_a_name_that_is_none_is_refused_and_the_old_one_stays(bare: Kernel) -> None:
    """Also over a reload, which reads the same setting."""
    bare.run("%load_ext quantlab")
    refused = bare.run('%config QuantlabMagics.name = "a b"')
    reloaded = bare.run("%reload_ext quantlab")
    kept = bare.run("print(type(ql).__name__)")
    bare.run("get_ipython().config.QuantlabMagics.clear()")

    assert refused.text.startswith("'a b' is no name in Python")
    assert reloaded.status == "ok"
    assert kept.text == "Ql\n"


def test_deterministic_mode_restarts_the_engine(bare: Kernel) -> None:
    """One engine afterwards, under a clock that stands still."""
    bare.run("%load_ext quantlab")
    bare.run(ENGINES)
    switched = bare.run("%config QuantlabMagics.deterministic = True")
    shown = bare.run("%ql status")
    fixed = bare.run("print(engines(), get_ipython().quantlab_notebook.engine.clock.fixed)")
    bare.run("get_ipython().config.QuantlabMagics.clear()")

    assert switched.status == shown.status == "ok", switched.error + shown.error
    assert fixed.text == "1 True\n"


def test_a_wrong_setting_is_one_line_and_nothing_is_half_loaded(bare: Kernel) -> None:
    """A misspelt environment name; after it is mended the load works."""
    before = bare.run(SHELL + "print(shell_state())").text
    failed = bare.run("import os; os.environ['QUANTLAB_VENEU'] = 'paper'\n%load_ext quantlab")
    after = bare.run("print(shell_state())").text
    mended = bare.run("del os.environ['QUANTLAB_VENEU']\n%load_ext quantlab")

    assert failed.error.startswith("ConfigError: the environment has an unknown QUANTLAB_VENEU")
    assert "\n" not in failed.error
    assert after == before
    assert mended.status == "ok"


def test_an_import_that_fails_in_the_engine_leaves_nothing_behind(bare: Kernel) -> None:
    """The engine cannot start: its error is shown, and all that was added is taken out again."""
    before = bare.run(SHELL + "print(shell_state())").text
    bare.run("from quantlab.engine import Engine; start = Engine.start")
    bare.run("def broken(self): raise RuntimeError('no start')\nEngine.start = broken")
    failed = bare.run("%load_ext quantlab")
    bare.run("Engine.start = start")

    assert "no start" in failed.error
    assert bare.run("print(shell_state())").text == before


def test_glass_cockpit_is_announced_at_load_and_needs_no_token(tmp_path: Path) -> None:
    """One line that says what it means."""
    with Kernel(tmp_path, {"GLASS_COCKPIT": "1"}) as kernel:
        loaded = kernel.run("%load_ext quantlab")

        assert loaded.text.startswith("GLASS_COCKPIT=1: no token is asked for")


def test_plain_ipython_gets_one_clear_sentence(tmp_path: Path) -> None:
    """No loop runs there: nothing is loaded, and the sentence says what to open instead."""
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    code = "get_ipython().run_line_magic('load_ext', 'quantlab')"
    ran = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=nocolor", "-c", code],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    said = ran.stdout + ran.stderr
    assert "ConfigError: quantlab lives on the event loop of a Jupyter kernel" in said
    assert "JupyterLab" in said
    assert "Traceback" not in said


def test_importing_quantlab_loads_neither_ipython_nor_pandas() -> None:
    """The command line and the venue's process import it too; public names load when asked for."""
    code = (
        "import sys, quantlab; print(sorted({'IPython', 'pandas', 'httpx'} & set(sys.modules)));"
        "print(all(getattr(quantlab, name) for name in quantlab.__all__), 'pandas' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert ran.stdout == "[]\nTrue False\n"
