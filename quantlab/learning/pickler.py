"""Pickles River's objects, and refuses by name what could not be loaded again.

Python's own pickler, asked about every object of a class that is not built in. That costs nothing
that can be measured, and each time the interpreter may give the GIL to whoever waits for it: in a tree
of 1.1 MB (13 ms) that is 1,400 times, and the longest stretch between two is 0.6 ms.
"""

from __future__ import annotations

import functools
import io
import pickle
from typing import Any

from quantlab.errors import ModelRefused
from quantlab.learning.admitted import find, is_river

PROTOCOL = pickle.HIGHEST_PROTOCOL
NUMPY = "numpy"


def dumps(objects: Any) -> bytes:
    """The objects as bytes that `unpickler.loads` takes.

    Call it where nothing learns meanwhile: on the thread that owns the model.

    Raises:
        ModelRefused: One of them has a class or function that no store keeps; its name is in the
            message.
    """
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, PROTOCOL).dump(objects)
    except ModelRefused:
        raise
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        raise ModelRefused("class", f"the model cannot be pickled: {error}") from None
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """Asks for each object that is no plain container whether its class may be kept."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type):
            find(obj.__module__, obj.__qualname__)
        elif callable(obj) and hasattr(obj, "__qualname__") and not hasattr(obj, "__self__"):
            find(getattr(obj, "__module__", None) or "", obj.__qualname__)
        else:
            kind: type = type(obj)
            _check(kind)
        return NotImplemented


@functools.lru_cache(maxsize=4_096)
def _check(kind: type) -> None:
    """Raise where objects of this class are not kept; what they are made of is asked for on its own."""
    if kind.__module__.partition(".")[0] not in (NUMPY, "builtins") and not is_river(kind):
        find(kind.__module__, kind.__qualname__)
