"""`quantlab demo`: the quickstart without a browser, in a home of its own."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quantlab.clock import SystemClock
from quantlab.commands.lab import QUICKSTART, notebooks
from quantlab.commands.tokens import new_in_file
from quantlab.control.tokenstore import TokenStore
from quantlab.errors import ConfigError
from quantlab.output import say


def run(arguments: argparse.Namespace) -> int:
    """Run the quickstart and print its cells; the exit code is 1 where one of them fails."""
    if arguments.save is not None:
        _check_place(arguments.save)
    with tempfile.TemporaryDirectory(prefix="quantlab-demo-") as folder:
        home = Path(folder)
        home.chmod(0o700)
        new_in_file(TokenStore(home, SystemClock()), "demo", home / "token")
        environment = {name: text for name, text in os.environ.items() if not name.startswith("QUANTLAB_")}
        environment |= {"QUANTLAB_HOME": str(home), "QUANTLAB_TOKEN_FILE": str(home / "token")}
        return _run_notebook(
            notebooks() / QUICKSTART, environment, as_json=arguments.json, save=arguments.save
        )


def _run_notebook(path: Path, environment: dict[str, str], *, as_json: bool, save: Path | None) -> int:
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    notebook.metadata.pop("widgets", None)  # of an earlier run
    client = NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,  # the saved notebook is equal for equal runs
        store_widget_state=False,  # so nbconvert and nbviewer show the tables, and fetch no code
    )
    failed = None
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        failed = error
    if save is not None:
        _save(save, nbformat.writes(notebook))  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            say(_as_json(cell) if as_json else _as_text(cell))
    if failed is not None:
        sys.stderr.write(f"quantlab: {path.name} stopped: {failed.ename}: {failed.evalue}\n")
        return 1
    return 0


def _check_place(path: Path) -> None:
    """Refuse a place that cannot be written before the run, which takes its time; leave it as it is."""
    new = not os.path.lexists(path)
    with _writing(path):
        path.open("a").close()
    if new:
        path.unlink()


def _save(path: Path, text: str) -> None:
    with _writing(path):
        path.write_text(f"{text}\n", encoding="utf-8")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", "give --save a file in a folder of yours"
        ) from None


def _texts(cell: dict[str, object]) -> list[str]:
    found = []
    for output in cell["outputs"]:  # type: ignore[attr-defined]  # nbformat's nodes are untyped
        if output["output_type"] == "stream":
            found.append(output["text"].rstrip())
        elif "data" in output:
            found.append(output["data"].get("text/plain", ""))
        else:
            found.append(f"{output['ename']}: {output['evalue']}")
    return found


def _as_text(cell: dict[str, object]) -> str:
    source = "\n".join(f"> {line}" for line in str(cell["source"]).splitlines())
    return "\n".join([source, *_texts(cell), ""])


def _as_json(cell: dict[str, object]) -> str:
    return json.dumps({"source": cell["source"], "outputs": _texts(cell)})
