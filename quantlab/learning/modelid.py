"""Which model: a name and what it is for, in letters that are safe in a path and in a Redis key."""

from __future__ import annotations

import re
from typing import NamedTuple

from quantlab.errors import InvalidField

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


class ModelId(NamedTuple):
    """The model `name` of one `key`, a symbol for example. Its versions are 1, 2, 3, ..."""

    name: str
    key: str

    @staticmethod
    def of(name: str, key: str) -> ModelId:
        """Checked.

        Raises:
            InvalidField: A part is no plain word; nothing else may become a path.
        """
        words: tuple[tuple[str, object], ...] = (("name", name), ("key", key))
        for field, text in words:
            if not isinstance(text, str) or not PLAIN.fullmatch(text):
                raise InvalidField(
                    field, f"{text!r} cannot name a model", "use up to 64 of A-Z a-z 0-9 _ . -, not . first"
                )
        return ModelId(name, key)

    def __str__(self) -> str:
        return f"{self.name} {self.key}"


def require_version(version: object) -> None:
    """Raise `InvalidField` for what is no version: they are counted from 1."""
    if type(version) is not int or version < 1:
        raise InvalidField("version", f"{version!r:.40} is none", "give a whole number from 1")
