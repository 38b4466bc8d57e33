"""What a feature is, and how several of them become the inputs of a model.

Pure. The kinds that there are stand in `features`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from quantlab.errors import InvalidField
from quantlab.learning.moment import Kind, Moment


class Feature:
    """One named number; subclass it for one of your own that has a memory.

    Attributes:
        name: The key under which River's model gets it.
        unit: What it counts.
        warm_up: From when on it has a value.
        hears: The kind of event that moves it; None: it follows the clock alone.
    """

    kind: ClassVar[str] = ""
    name: str
    unit: str
    warm_up: str
    hears: Kind | None

    def update(self, moment: Moment) -> None:
        """Take in an event of the kind that it hears; `moment` has it folded in."""

    def value(self, moment: Moment) -> float | None:
        """The number as of `moment.now_ms`, or None while it is not warm."""
        raise NotImplementedError

    def fresh(self) -> Feature:
        """Another one like it that has seen nothing: each key has its own."""
        raise NotImplementedError

    def parameters(self) -> dict[str, Any]:
        """What makes it what it is, as JSON has it."""
        return {}

    def state(self) -> Any:
        """What it remembers, as JSON holds it exactly."""
        return None

    def restore(self, state: Any) -> None:
        """Go on from what `state` gave."""

    def spec(self) -> dict[str, Any]:
        """Its kind, name and parameters: equal for two features that mean the same."""
        return {"kind": self.kind, "name": self.name, **self.parameters()}


class Features:
    """Features of one key, in order; give features, or other `Features`.

    Raises:
        InvalidField: There is none, something is no feature, or two have one name.
    """

    def __init__(self, *features: Feature | Features) -> None:
        self.all: tuple[Feature, ...] = tuple(
            one for each in features for one in (each if isinstance(each, Features) else (each,))
        )
        for each in self.all:
            require_feature(each)
        names = [each.name for each in self.all]
        if not names:
            raise InvalidField("features", "there is none", 'give at least one, like log_return("10s")')
        if twice := [name for name in names if names.count(name) > 1]:
            raise InvalidField("features", f"two are called {twice[0]!r}", "give each once")
        self._updates: dict[Kind, list[Callable[[Moment], None]]] = {
            kind: [each.update for each in self.all if each.hears is kind] for kind in Kind
        }
        self._values = [(each.name, each.value) for each in self.all]

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def update(self, kind: Kind, moment: Moment) -> None:
        """An event of this kind was folded into `moment`."""
        for update in self._updates[kind]:
            update(moment)

    def values(self, moment: Moment) -> dict[str, float | None]:
        """All of them as of now; None where one is not warm."""
        return {name: value(moment) for name, value in self._values}

    def inputs(self, moment: Moment) -> dict[str, float] | None:
        """What a model is given, or None while one of them is not warm.

        Raises:
            InvalidField: One is no finite number: a model that is given it is spoilt for ever.
        """
        found: dict[str, float] = {}
        for name, value in self._values:
            number = value(moment)
            if number is None:
                return None
            found[name] = number
        if not are_finite(found.values()):
            for name, number in found.items():
                require_finite(number, name)
        return found

    def cold(self, moment: Moment) -> list[str]:
        """What is waited for: "return_10s: a trade price at least 10s old"; or what one of them raises."""
        found = []
        for each in self.all:
            try:
                if each.value(moment) is None:
                    found.append(f"{each.name}: {each.warm_up}")
            except Exception as error:  # noqa: BLE001  # code of the user: it must not hide a table
                found.append(f"{each.name}: {type(error).__name__}: {error}")
        return found

    def fresh(self) -> Features:
        """The same ones with nothing seen, for another key."""
        return Features(*(each.fresh() for each in self.all))

    def spec(self) -> list[dict[str, Any]]:
        """See `Feature.spec`."""
        return [each.spec() for each in self.all]

    def state(self) -> list[Any]:
        return [each.state() for each in self.all]

    def restore(self, state: list[Any]) -> None:
        for each, its in zip(self.all, state, strict=True):
            each.restore(its)

    def __repr__(self) -> str:
        width = max(len(each.name) for each in self.all)
        return "\n".join(f"{each.name:<{width}}  {each.unit}; from {each.warm_up}" for each in self.all)


def are_finite(numbers: Iterable[float]) -> bool:
    """True where their sum is finite, which is quick; False also where finite ones add up to too much."""
    try:
        return math.isfinite(sum(numbers))
    except (TypeError, ValueError, ArithmeticError):
        return False


def require_finite(number: object, field: str) -> None:
    """Raise `InvalidField` for what is no finite number."""
    try:
        finite = not isinstance(number, str) and math.isfinite(number)  # type: ignore[arg-type]  # then it says so
    except (TypeError, ValueError, ArithmeticError):
        finite = False
    if not finite:
        raise InvalidField(
            field, f"{number!r:.40} is no finite number", "give one, or None until there is one"
        )


def require_feature(given: object) -> None:
    """Raise `InvalidField` for what is no feature."""
    if not isinstance(given, Feature):
        raise InvalidField("features", f"{given!r:.60} is no feature", 'give some, like log_return("10s")')
