"""A strict unpickler: reads what Python's pickler makes of River's models, and refuses all else.

It holds by itself: what was sealed with the right key goes through it as well.
"""

from __future__ import annotations

import pickle
from typing import Any

from quantlab.errors import ModelRefused
from quantlab.learning.machine import Machine
from quantlab.learning.opcodes import STEPS
from quantlab.learning.rebuild import damaged

STOP = pickle.STOP[0]


def loads(payload: bytes) -> Any:
    """The objects that `pickler.dumps` wrote.

    Raises:
        ModelRefused: It names what a model may not hold (reason "class"), or is damaged ("shape").
    """
    machine = Machine(payload)
    try:
        return _read(machine)
    except ModelRefused:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a damaged state makes of a class
        kind = type(error).__name__
    raise ModelRefused("shape", f"the model is damaged: {kind} at byte {machine.at:,} of its pickle")


def _read(machine: Machine) -> Any:
    data, steps = machine.data, STEPS
    while (opcode := data[machine.at]) != STOP:
        machine.at += 1
        steps[opcode](machine)
    if machine.at + 1 != len(data) or machine.below or len(machine.stack) != 1:
        damaged("a pickle that ends too early or too late")
    return machine.stack[0]
