"""A dict that nobody changes: for values that are frozen and hold one. Pure."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from quantlab.errors import InvalidField

K = TypeVar("K")
V = TypeVar("V")


class Unchanging(dict[K, V]):
    """Reads, compares, copies and encodes as a dict; `copy` and `|` give plain dicts.

    Raises:
        InvalidField: By whatever would change it.
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise InvalidField("limits", "they are not changed in place", "use %ql limits NAME=VALUE")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)
