"""The `quantlab` command: open the lab, run the demo, run a venue, keep tokens, halt, verify.

Only what can be typed stands here. What a command does is in `quantlab.commands`, imported on use:
`quantlab halt` starts fast and needs no other part. Facts go to standard output (`--json` for
programs), errors to standard error in one line with exit code 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from quantlab.errors import QuantlabError
from quantlab.output import say
from quantlab.paper.main import add_arguments as add_venue_arguments

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script; returns the exit code."""
    try:
        arguments = _parser().parse_args(argv)
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except QuantlabError as error:
        sys.stderr.write(f"quantlab: {error}\n")
        return 2


class _Parser(argparse.ArgumentParser):
    """A parser, and by it every subcommand's, that notices when its help reaches nobody."""

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        if file is None:
            say(self.format_help().rstrip("\n"))
        else:
            super().print_help(file)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="quantlab", description="A live trading-research engine for Jupyter.")
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
    venue = add("venue", _venue, "run the paper venue alone, until interrupted")
    add_venue_arguments(venue)
    _add_venue_keys(venue)
    _add_token(add("token", _token, "make, list and revoke control tokens"))
    halt = add("halt", _halt, "halt every engine of this user: no new orders, open ones are cancelled")
    halt.add_argument("reason", nargs="*", help="why, for the journal")
    journal = add("journal", _journal, "check a journal for edits, removals, forgery and a cut tail")
    journal.epilog = (
        "Exit code: 0 intact, 3 intact with a torn tail (a crash; marked when the journal is next opened), "
        "1 not to be trusted, 2 not checked. Of several journals the worst decides: 1, then 3."
    )
    journal.add_argument("action", choices=["verify"])
    journal.add_argument("path", type=Path, nargs="+", help="journal files")
    journal.add_argument("--json", action="store_true", help="print facts as JSON")
    return parser


def _add_token(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, dest="action", metavar="new|list|revoke")
    new = actions.add_parser("new", help="make a token; it is shown once and never stored")
    new.add_argument("--label", default="default", help="a name to know it by")
    new.add_argument("--file", type=Path, help="write it to this file (mode 0600) instead of showing it")
    listing = actions.add_parser("list", help="ids, labels and dates; never the tokens")
    listing.add_argument("--json", action="store_true", help="print facts as JSON")
    revoke = actions.add_parser("revoke", help="a revoked token's capabilities die at once")
    revoke.add_argument("id")


def _add_venue_keys(venue: argparse.ArgumentParser) -> None:
    text = "make keys, and have a running venue take, list or forget them"
    keys = venue.add_subparsers(metavar="keys").add_parser("keys", help=text, description=text)
    keys.set_defaults(run=_venue_keys)
    actions = keys.add_subparsers(required=True, dest="action", metavar="new|add|list|revoke")
    new = actions.add_parser("new", help="make a key in a new file (mode 0600); print what a client needs")
    new.add_argument("file", type=Path, help="for the private key or the HMAC secret")
    new.add_argument("--type", choices=("Ed25519", "RSA", "HMAC"), default="Ed25519", help="default Ed25519")
    new.add_argument("--bits", type=int, choices=(2_048, 4_096), default=2_048, help="of an RSA key")
    taken = actions.add_parser("add", help="have a running venue take the key of a file")
    taken.add_argument("file", type=Path, help="a public or private key in PEM, or an HMAC secret")
    listing = actions.add_parser("list", help="the keys of a running venue")
    revoke = actions.add_parser("revoke", help="have a running venue forget a key")
    revoke.add_argument("api_key")
    for each in (new, taken):
        each.add_argument("--account", type=int, default=1, help="whose key it is: 1 (default) or 2")
        each.add_argument(
            "--permissions", metavar="A,B", help="of TRADE, USER_DATA, USER_STREAM; default all"
        )
    for each in (new, taken, listing, revoke):
        help_text = "what the running venue printed: quantlab venue > FILE, mode 0600"
        each.add_argument("--venue", type=Path, required=each is not new, metavar="FILE", help=help_text)
        each.add_argument("--json", action="store_true", help="accepted for symmetry: facts are always JSON")


def _lab(arguments: argparse.Namespace) -> NoReturn:
    from quantlab.commands import lab

    lab.run(arguments)


def _demo(arguments: argparse.Namespace) -> int:
    from quantlab.commands import demo

    return demo.run(arguments)


def _venue(arguments: argparse.Namespace) -> int:
    from quantlab.paper import main as venue

    return venue.run(arguments)


def _venue_keys(arguments: argparse.Namespace) -> int:
    from quantlab.commands import venuekeys

    return venuekeys.run(arguments)


def _token(arguments: argparse.Namespace) -> int:
    from quantlab.commands import tokens

    return tokens.run(arguments)


def _halt(arguments: argparse.Namespace) -> int:
    from quantlab.commands import halt

    return halt.run(arguments)


def _journal(arguments: argparse.Namespace) -> int:
    from quantlab.commands import journal

    return journal.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
