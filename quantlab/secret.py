"""A secret that does not show itself: no repr, no format, no pickle, no copy, no equality.

Frames of a traceback hold the wrapper, never the text. Call `reveal` at the last moment, inside
the expression that needs it, and do not bind the result to a name.
"""

from __future__ import annotations

from typing import NoReturn, SupportsIndex


class Secret:
    """Wraps a secret text. `bool(secret)` tells whether there is any."""

    __slots__ = ("_text",)
    __hash__ = None  # type: ignore[assignment]  # a hash would be an oracle

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "<Secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("a Secret is not compared; use hmac.compare_digest on what it reveals")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Secret is neither pickled nor copied")
