"""`%ql status`: the engine at a glance, in words. No port, no pid, no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quantlab.domain.venue import HealthState
from quantlab.market.recording.status import FAILED, RECORDING
from quantlab.trading.rails import RAILS

if TYPE_CHECKING:
    from quantlab.engine.root import Engine


def status_rows(engine: Engine) -> list[tuple[str, str]]:
    """Label and text, top to bottom."""
    return [
        ("venue", f"{engine.venue_name}, {engine.level.label}"),
        ("engine", _engine(engine)),
        ("health", _health(engine)),
        ("streams", f"{', '.join(engine.watched)}: trades, best prices, depth, 1m candles"),
        ("subscriptions", str(len(engine.bus.subscriptions))),
        ("rails", f"{len(RAILS)} rails, limits version {engine.rails.limits.version}"),
        ("trading", str(engine.trading_state())),
        ("orders", f"{len(engine.orders.open())} open of {len(engine.orders)}"),
        *((("recording", recording),) if (recording := _recording(engine)) else ()),
        ("actions", _armed(engine)),
        *((("alarm", engine.alarms[-1]),) if engine.alarms else ()),
    ]


def _engine(engine: Engine) -> str:
    mode = ", deterministic: the market moves on request" if engine.deterministic else ""
    return f"{engine.state}{': ' + engine.problem if engine.problem else ''}{mode}"


def _health(engine: Engine) -> str:
    snapshot = engine.health.snapshot
    return HealthState.UNKNOWN.value if snapshot is None else snapshot.state.value


def _recording(engine: Engine) -> str:
    """Empty where nothing is being recorded, or was ended by whoever began it."""
    status = engine.recorder.status()
    if status.state == RECORDING:
        missing = status.dropped + status.refused
        return f"{status.name}, {status.written} records{f', {missing} missing' if missing else ''}"
    return f"{status.name}: {status.reason}" if status.state == FAILED else ""


def _armed(engine: Engine) -> str:
    return engine.desk.status().describe()
