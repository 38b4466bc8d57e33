"""What is loaded is what was saved: the strict unpickler, then the canaries; `save` runs them as well."""

from __future__ import annotations

from typing import Any

from quantlab.errors import ModelRefused
from quantlab.learning.background import uncollected
from quantlab.learning.envelope import Header, snapshot_of
from quantlab.learning.snapshot import canary_fault
from quantlab.learning.unpickler import loads


def loaded(header: Header, payload: bytes) -> dict[str, Any]:
    """The objects, unpickled strictly and found to predict what they did. No header, no pickle.

    Raises:
        ModelRefused: Reason "class" or "shape" of the pickle, "canary" of what it predicts.
    """
    where = f"{header.name} {header.key} version {header.version}"
    with uncollected():
        objects = loads(payload)
    if not isinstance(objects, dict):
        raise ModelRefused("shape", f"{where} is no set of named objects")
    fault = _canary(header, objects)
    if fault:
        raise ModelRefused("canary", f"{where} does not predict what it did when it was saved: {fault}")
    return objects


def _canary(header: Header, objects: dict[str, Any]) -> str:
    try:
        return canary_fault(snapshot_of(header, objects))
    except Exception as error:  # noqa: BLE001  # a damaged model fails in its own ways
        return f"{type(error).__name__} while it predicts"
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # River's compiled part; no `Exception`
            raise
        return "its compiled part fails"
