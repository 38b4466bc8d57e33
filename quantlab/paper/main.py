"""`quantlab venue`: a paper venue as a process of its own.

Once ready it prints one JSON line with its addresses on standard output, and nothing else there. It
ends on SIGINT and SIGTERM and, with --die-with-parent, when its standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from quantlab.domain.decimals import positive
from quantlab.errors import ConfigError, InvalidField, QuantlabError
from quantlab.output import say
from quantlab.paper.terms import Terms, meanings

if TYPE_CHECKING:
    from quantlab.paper.venue import PaperVenue

STDIN = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `quantlab venue`."""
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    add(
        "--market",
        choices=("synthetic", "tape", "live", "none"),
        default=None,
        help="where trading comes from",
    )
    add(
        "--tape",
        metavar="FILE",
        help="recorded stream file, folder of a recording (ql.recorder), or a .zip or .csv of "
        "data.binance.vision (implies --market tape)",
    )
    add("--upstream", metavar="URL", help="mirror this venue's public market (implies --market live)")
    add(
        "--upstream-ca",
        type=Path,
        metavar="FILE",
        help="authority of an https upstream of one's own (its ca)",
    )
    add("--upstream-stall", type=float, metavar="S", help="silence after which the upstream is asked, 3 s")
    add("--speed", default="1", metavar="X", help="1 is real time, 0.000001 to 10000; max: a tape at once")
    add("--seed", type=int, default=7, help="of the synthetic market: equal seeds, equal markets")
    add("--symbols", metavar="A,B", help="list only these of the synthetic market's symbols")
    add("--max-asset", metavar="ASSET=AMOUNT", action="append", default=[],
        help="the most of an asset that one order may move (MAX_ASSET)")  # fmt: skip
    add("--queue-model", default="power2", metavar="MODEL",
        help="how orders wait in a tape's queues: risk-averse, proportional, power2 or power3")  # fmt: skip
    add("--clock", choices=("real", "manual"), default="real", help="manual: time moves only on request")
    add("--hold", action="store_true", help="the market waits for the control endpoint's play")
    add("--key", metavar="[N=]FILE", action="append", default=[], help="a key of account N (1), see `keys`")
    add("--tls", action="store_true", help="serve https and wss; the ready line names the CA's file")
    add("--fault", metavar="NAME:FIELD=VALUE,...", action="append", default=[], help="what goes wrong")
    add("--log", metavar="FILE", help="a new file for every request, order, event and fill, as JSON lines")
    add("--json", action="store_true", help="accepted for symmetry: the ready line is always JSON")
    add("--die-with-parent", action="store_true", help="end when standard input, a pipe, closes")
    terms, defaults = parser.add_argument_group("limits and times"), Terms()
    for name, (kind, meaning) in meanings().items():
        help_text = f"{meaning} (default {getattr(defaults, name):g})"
        terms.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=help_text)


def run(args: argparse.Namespace) -> int:
    """Serve until told to end; the exit code: 0, or 2 with one line on standard error."""
    try:
        asyncio.run(serve(args))
    except QuantlabError as error:
        sys.stderr.write(f"quantlab venue: {error}\n")
        return 2
    return 0


async def serve(settings: argparse.Namespace) -> None:
    """Run the venue that `settings` (see `add_arguments`) describe, until a signal or end of input."""
    from quantlab.paper import keyfile
    from quantlab.paper.venue import PaperVenue  # here: the command line asks only for the options

    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    venue = PaperVenue(
        settings.port,
        market=await _market(settings),
        tape=settings.tape,
        speed=settings.speed,
        seed=settings.seed,
        most=dict(map(_most, settings.max_asset)),
        clock=settings.clock,
        symbols=_names(settings.symbols),
        hold=settings.hold,
        faults=settings.fault,
        log=settings.log,
        queue_model=settings.queue_model,
        terms=_terms(settings),
        tls=settings.tls,
    )
    for given in settings.key:
        account, path = _account_and_path(given)
        venue.add_key(keyfile.read(path), account)
    if settings.die_with_parent:
        _watch_stdin(loop, done)
    async with venue:
        say(msgspec.json.encode(facts(venue)).decode())
        venue.when_broken(done.set)
        await done.wait()
        if settings.die_with_parent:
            loop.remove_reader(STDIN)


async def _market(settings: argparse.Namespace) -> Any:
    """A kind of market, or a live one that is connected to its upstream."""
    kind = settings.market or ("tape" if settings.tape else "live" if settings.upstream else "synthetic")
    if settings.upstream is None:
        return kind
    if kind != "live" or settings.tape:
        raise ConfigError(f"an upstream with market {kind}", "choose the market live with --market live")
    from quantlab.clock import ManualClock, SystemClock
    from quantlab.paper.market.choose import live_market
    from quantlab.paper.market.pace import speed_of

    return await live_market(
        settings.upstream,
        _names(settings.symbols),
        clock=ManualClock() if settings.clock == "manual" else SystemClock(),
        speed=speed_of(settings.speed),
        stall_s=settings.upstream_stall,
        ca=settings.upstream_ca,
    )


def facts(venue: PaperVenue) -> dict[str, object]:
    """What a client needs to know, as the ready line says it."""
    return {
        "rest": venue.rest,
        "ws": venue.ws,
        "ws_api": venue.ws_api,
        "futures_rest": None,
        "futures_ws": None,
        "accounts": [{"api_key": key, "api_secret": secret} for key, secret in venue.accounts],
        "keys": [
            {"api_key": key.api_key, "type": key.type, "account": number}
            for number, key in venue.registered_keys()
        ],
        "ca": None if venue.ca is None else str(venue.ca),
        "control": venue.control._asdict(),
        "pid": os.getpid(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="quantlab venue", description="Run the paper venue alone.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def _names(text: str | None) -> list[str] | None:
    """The symbols in "A, B,A": each once, without blanks; None for all."""
    names = (name.strip() for name in (text or "").split(","))
    return list(dict.fromkeys(filter(None, names))) or None


def _terms(settings: argparse.Namespace) -> Terms:
    """The terms as the options say them; what was not given is as documented."""
    given = {name: value for name in meanings() if (value := getattr(settings, name)) is not None}
    return Terms(**given)


def _most(given: str) -> tuple[str, Decimal]:
    """ "BTC=5": one order moves at most 5 BTC."""
    asset, equals, amount = given.partition("=")
    if not (asset and equals):
        raise ConfigError(f"--max-asset {given[:40]!r}", "write it as ASSET=AMOUNT, like BTC=5")
    return asset, positive(amount, "max_asset")


def _account_and_path(given: str) -> tuple[int, Path]:
    """ "2=bob.pem" is a key of the second account; without a number it is the first one's."""
    number, equals, path = given.partition("=")
    if not equals:
        return 0, Path(given)
    if not number.isascii() or not number.isdigit():
        raise InvalidField("--key", f"{number!r} is no account's number", "give 1=FILE or 2=FILE")
    return int(number) - 1, Path(path)


def _watch_stdin(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    """Set `done` at the end of standard input, which comes whenever and however the parent ends.

    Raises:
        ConfigError: It is closed, a file or /dev/null: no parent holds the other end.
    """

    def readable() -> None:
        if not os.read(STDIN, 65_536):
            loop.remove_reader(STDIN)
            done.set()

    tells = sys.stdin is not None  # None: closed before Python began, and its number may be anybody's now
    if tells:
        try:
            loop.add_reader(STDIN, readable)
        except PermissionError:  # a file is always readable, so nothing can wait for it
            tells = False
    if not tells:
        raise ConfigError(
            "--die-with-parent: standard input is closed or a file and tells no parent's end",
            "give a pipe, or leave the option out",
        )


if __name__ == "__main__":
    sys.exit(main())
