"""The `quantlab` command: open the lab, run the demo, run a venue, keep tokens, halt, verify.

Each subcommand is a thin face; what it does lives in the part it names, imported on use, so
that `quantlab venue` starts fast. Facts go to standard output (`--json` for programs), errors
to standard error in one line with exit code 2.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from quantlab.errors import ConfigError, JournalCorrupt, QuantlabError

QUICKSTART = "01_quickstart.ipynb"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script; returns the exit code."""
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except JournalCorrupt as error:
        print(f"quantlab: {error}", file=sys.stderr)
        return 3
    except QuantlabError as error:
        print(f"quantlab: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quantlab", description="A live trading-research engine for Jupyter."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    lab = add("lab", _lab, "open JupyterLab on the notebooks; makes a token on first use, shown once")
    lab.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    lab.add_argument("--port", type=int, help="port of the Jupyter server")
    demo = add("demo", _demo, "run the quickstart notebook headless and print what happened")
    demo.add_argument("--json", action="store_true", help="print one JSON object per cell")
    demo.add_argument("--save", type=Path, metavar="FILE", help="write the notebook with its outputs there")
    _add_venue(add("venue", _venue, "run the paper venue alone, until interrupted"))
    _add_token(add("token", _token, "make, list and revoke control tokens"))
    halt = add("halt", _halt, "halt every engine of this user: no new orders, open ones are cancelled")
    halt.add_argument("reason", nargs="*", help="why, for the journal")
    journal = add("journal", _journal, "check a journal for edits, removals, forgery and a cut tail")
    journal.add_argument("action", choices=["verify"])
    journal.add_argument("path", type=Path, nargs="+", help="journal files")
    journal.add_argument("--json", action="store_true", help="print facts as JSON")
    return parser


def _add_venue(parser: argparse.ArgumentParser) -> None:
    if "venue" in sys.argv[1:2] or "-h" not in sys.argv:  # the venue's options need its modules
        from quantlab.paper.main import add_arguments

        add_arguments(parser)


def _add_token(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, dest="action", metavar="new|list|revoke")
    new = actions.add_parser("new", help="make a token; it is shown once and never stored")
    new.add_argument("--label", default="default", help="a name to know it by")
    new.add_argument("--file", type=Path, help="write it to this file (mode 0600) instead of showing it")
    listing = actions.add_parser("list", help="ids, labels and dates; never the tokens")
    listing.add_argument("--json", action="store_true", help="print facts as JSON")
    revoke = actions.add_parser("revoke", help="a revoked token's capabilities die at once")
    revoke.add_argument("id")


def _venue(arguments: argparse.Namespace) -> int:
    from quantlab.paper import main as venue

    return venue.run(arguments)


def _settings_home() -> Path:
    from quantlab.config import Settings

    return Settings.from_environment(os.environ).home


def _token(arguments: argparse.Namespace) -> int:
    from quantlab.clock import SystemClock
    from quantlab.control.tokenstore import TokenStore

    store = TokenStore(_settings_home(), SystemClock())
    if arguments.action == "new" and arguments.file:
        _write_private(arguments.file, lambda: store.new(arguments.label))
        print(f"token written to {arguments.file} (mode 0600)")
    elif arguments.action == "new":
        text = store.new(arguments.label)
        print(f"{text}\nKeep it: it is shown this once, only its check value is stored.")
    elif arguments.action == "revoke":
        store.revoke(arguments.id)
        print(f"revoked {arguments.id}")
    else:
        rows = [{"id": each.id, "label": each.label, "created_ms": each.created_ms} for each in store.list()]
        if arguments.json:
            print(json.dumps(rows))
        else:
            print("\n".join(f"{row['id']}  {row['label']}" for row in rows) or "no token: quantlab token new")
    return 0


def _write_private(path: Path, text: Callable[[], str]) -> None:
    """Make the file first, then the secret: no secret is made that cannot be kept."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}", "name a new file") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text())


def _halt(arguments: argparse.Namespace) -> int:
    from quantlab.config import home_path

    reason = " ".join(arguments.reason) or "halted from the command line"
    path = home_path(os.environ) / "halt"  # whatever else is wrong with the settings or the folder
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(reason)
    except OSError as error:
        if not os.path.lexists(path):  # whatever stands there halts
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}", "%ql halt, or end the kernel"
            ) from None
    print(f"halt written to {path}: every engine of this user stops ordering and cancels what is open")
    return 0


def _journal(arguments: argparse.Namespace) -> int:
    from quantlab.trading.journal import load_key, verify

    key = load_key(_settings_home(), create=False)
    worst = 0
    for path in arguments.path:
        if not path.is_file():
            raise ConfigError(f"{path} is no journal", "give the path of a .journal file")
        result = verify(path, key)
        worst = max(worst, result.exit_code)
        if arguments.json:
            print(
                json.dumps(
                    {"path": str(path), "ok": result.ok, "lines": result.lines, "problem": result.problem}
                )
            )
        else:
            print(f"{path}: {result.describe()}")
    return worst


def _notebooks() -> Path:
    """The notebooks of this checkout, or a copy of the installed ones in the working folder."""
    for folder in (Path.cwd() / "notebooks", Path(__file__).parents[1] / "notebooks"):
        if (folder / QUICKSTART).is_file():
            return folder
    installed = Path(sys.prefix) / "share" / "quantlab" / "notebooks"
    if not (installed / QUICKSTART).is_file():
        raise ConfigError(
            "the notebooks are not installed", "run inside a checkout, or reinstall quantlab-jupyter"
        )
    copy = Path.cwd() / "notebooks"
    shutil.copytree(installed, copy)
    return copy


def _lab(arguments: argparse.Namespace) -> int:
    from quantlab.clock import SystemClock
    from quantlab.control.tokenstore import TokenStore

    folder = _notebooks()
    store = TokenStore(_settings_home(), SystemClock())
    if not store.list():
        print(
            f"Your control token, shown this once (%ql arm asks for it):\n\n    {store.new('lab')}\n",
            flush=True,
        )
    command = [sys.executable, "-m", "jupyterlab", str(folder / QUICKSTART)]
    if arguments.no_browser:
        command.append("--no-browser")
    if arguments.port is not None:
        command.append(f"--port={arguments.port}")
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    return subprocess.call(command)  # noqa: S603  # our own interpreter


def _demo(arguments: argparse.Namespace) -> int:
    from quantlab.clock import SystemClock
    from quantlab.control.tokenstore import TokenStore

    with tempfile.TemporaryDirectory(prefix="quantlab-demo-") as folder:
        home = Path(folder)
        home.chmod(0o700)
        _write_private(home / "token", lambda: TokenStore(home, SystemClock()).new("demo"))
        environment = {name: text for name, text in os.environ.items() if not name.startswith("QUANTLAB_")}
        environment |= {"QUANTLAB_HOME": str(home), "QUANTLAB_TOKEN_FILE": str(home / "token")}
        return _run_notebook(
            _notebooks() / QUICKSTART, environment, as_json=arguments.json, save=arguments.save
        )


def _run_notebook(path: Path, environment: dict[str, str], *, as_json: bool, save: Path | None) -> int:
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,  # the saved notebook is equal for equal runs
    )
    failed = None
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        failed = error
    if save is not None:
        nbformat.write(notebook, save)  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            print(_as_json(cell) if as_json else _as_text(cell))
    if failed is not None:
        print(f"quantlab: {path.name} stopped: {failed.ename}: {failed.evalue}", file=sys.stderr)
        return 1
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
