"""The desk's lines in the journal: who asked for what, on which level, and what was said to it."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Mapping

from quantlab.control import commands
from quantlab.control.arming import Audit
from quantlab.control.capability import Capability
from quantlab.control.commands import Command
from quantlab.control.effects import Effects
from quantlab.control.tokens import redact
from quantlab.domain.venue import Level
from quantlab.errors import JournalError, JournalUnavailable, QuantlabError


class Trail:
    """Writes the lines; none of them holds a secret.

    Attributes:
        failures: Of lines that were only tried, the last 20 that the journal did not take.
    """

    def __init__(self, effects: Effects, *, kernel_id: str, level: Level, bypass: bool) -> None:
        self._effects = effects
        self._always = {
            "kernel": kernel_id, "uid": os.getuid(), "pid": os.getpid(), "level": level.label,
            "bypass": bypass,
        }  # fmt: skip
        self.failures: deque[str] = deque(maxlen=20)

    def note(self, kind: str, data: Mapping[str, object]) -> None:
        """One line, in order; the gateway syncs an order's own line before it is sent."""
        self._write(self._effects.audit, kind, data)

    def note_synced(self, kind: str, data: Mapping[str, object]) -> None:
        """One line on the disk; if it cannot be taken, the action does not happen."""
        self._write(self._effects.audit_synced, kind, data)

    def try_note(self, kind: str, data: Mapping[str, object], error: QuantlabError | None = None) -> None:
        """As `note`, for what must be refused or halted in any case: a failure is only noted."""
        try:
            self.note(kind, data)
        except JournalError as failure:
            self.failures.append(str(failure))
            if error is not None:
                error.add_note(f"and the journal has no line of it: {failure}")

    def _write(self, audit: Audit, kind: str, data: Mapping[str, object]) -> None:
        """Every line says who acts, on which level, and whether the token was lifted."""
        try:
            audit(kind, {**data, **self._always})
        except OSError as error:
            raise JournalUnavailable(
                f"the journal took no line: {error.strerror}; nothing was done"
            ) from None


def line_of(
    command: Command, capability: Capability | None, refused: QuantlabError | None = None
) -> dict[str, object]:
    """What one decision's line says: which command, by which capability, and why not."""
    return {
        "action": redact(command.describe()),
        "digest": hashlib.sha256(commands.encode(command)).hexdigest(),
        "verdict": "refused" if refused else "accepted",
        "reason": f"{type(refused).__name__}: {refused}" if refused else "",
        "capability": capability.id if capability else "",
        "token": capability.token[0] if capability else "",
    }
