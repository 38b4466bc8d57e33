"""Which market a venue has, from the settings it was given; refused at once where they make none."""

from __future__ import annotations

import math
import ssl
from collections.abc import Sequence
from pathlib import Path

from quantlab.clock import Clock
from quantlab.errors import ConfigError, InvalidField
from quantlab.market.recording.archivefile import SUFFIXES
from quantlab.paper.market import Market, NoMarket
from quantlab.paper.market.symbols import instruments
from quantlab.paper.market.synthetic import SyntheticMarket

MARKETS = ("synthetic", "tape", "live", "none")


def market_of(
    kind: str | Market, *, tape: str | Path | None, seed: int, symbols: Sequence[str] | None, speed: float
) -> Market:
    """The market that these settings describe; see `PaperVenue` for what they mean.

    Raises:
        ConfigError: They contradict each other, or name what there is not (also `InvalidField`,
            `UnknownSymbol` and `TapeError`, which are of its kind).
    """
    if not isinstance(kind, str):
        return kind
    if kind not in MARKETS:
        raise ConfigError(f"no market {kind!r}", f"choose {', '.join(MARKETS[:-1])} or {MARKETS[-1]}")
    if kind == "live":
        raise ConfigError("a live market without an upstream", "name one with --upstream URL")
    if kind == "tape":
        if tape is None:
            raise ConfigError("market tape without a file", "name one with --tape FILE")
        return _tape(Path(tape), symbols, speed)
    if tape is not None:
        raise ConfigError(f"a tape with market {kind}", "choose the market tape with --market tape")
    if kind == "none":
        return NoMarket(tuple(each.instrument for each in instruments(symbols)))
    return SyntheticMarket(seed, symbols, speed=speed)


def _tape(path: Path, symbols: Sequence[str] | None, speed: float) -> Market:
    """A recorded stream file, a recording of the recorder, or by its suffix a file of the public archive."""
    if path.suffix in SUFFIXES:
        from quantlab.paper.market import archive
        from quantlab.paper.market.archivetape import ArchiveMarket

        if symbols and len(symbols) != 1:
            raise ConfigError(f"{path.name} is of one symbol", "name that one alone, or leave out --symbols")
        return ArchiveMarket(archive.read(path, symbols[0] if symbols else None), speed=speed)
    from quantlab.paper.market import tapefile
    from quantlab.paper.market.recordedtape import is_recording
    from quantlab.paper.market.tape import TapeMarket

    if symbols and not is_recording(path):
        raise ConfigError("a recorded tape has its own symbol", "leave out --symbols")
    if symbols and len(symbols) != 1:
        raise ConfigError("a tape is of one symbol", "name one alone, or leave out --symbols")
    return TapeMarket(tapefile.read(path, symbols[0] if symbols else None), speed=speed)


async def live_market(
    upstream: str,
    symbols: Sequence[str] | None,
    *,
    clock: Clock,
    speed: float,
    stall_s: float | None = None,
    ca: Path | None = None,
) -> Market:
    """The public market of `upstream`, connected to; see `LiveMarket.connect` for what it raises.

    `ca` is a file with the authority that signed the upstream's certificate; None for the usual ones.
    """
    from quantlab.paper.market.live.market import LiveMarket
    from quantlab.paper.market.live.mirror import LiveSettings

    if clock.fixed or speed != 1:
        raise ConfigError("a live market has its own clock and speed", "leave out --clock and --speed")
    if stall_s is not None and not 0 < stall_s < math.inf:
        raise InvalidField("stall_s", f"{stall_s} is no patience", "give seconds above 0")
    settings = LiveSettings(
        stall_s=LiveSettings().stall_s if stall_s is None else stall_s,
        ssl_context=None if ca is None else _trusting(ca),
    )
    return await LiveMarket.connect(upstream, symbols, clock=clock, settings=settings)


def _trusting(ca: Path) -> ssl.SSLContext:
    """TLS that trusts this authority and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"the upstream's authority {ca} cannot be read: {error}", "give a file in PEM"
        ) from None
    return context
