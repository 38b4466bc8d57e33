"""Does a saved model fit the one that is to go on from it? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from quantlab.errors import InvalidField
from quantlab.learning.recipe import Recipe
from quantlab.learning.snapshot import Snapshot


@contextmanager
def same_form() -> Iterator[None]:
    """What is taken apart here was put together by this version of quantlab.

    Raises:
        InvalidField: It was not: a part is missing, or is something else.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidField(
            "state",
            f"the saved model has another form than ours ({type(error).__name__}: {error}), so another "
            f"version of quantlab saved it",
            "load it with that version, or train anew and save with anew=True",
        ) from None


def whole(value: Any) -> int:
    """Checked: a whole number."""
    if type(value) is not int:
        raise TypeError(f"{value!r:.40} is no whole number")
    return value


def require_fit(recipe: Recipe, key: str, snapshot: Snapshot) -> Mapping[str, Any]:
    """The objects of a snapshot that belongs to this model; else `InvalidField`, naming what differs."""
    wanted = {
        "name": recipe.name,
        "key": key,
        "features": recipe.features.spec(),
        "label": recipe.label.spec(),
    }
    for field, value in wanted.items():
        found = getattr(snapshot, field)
        if found != value:
            raise InvalidField(
                field,
                f"the saved model has {found!r:.200}, this one {value!r:.200}",
                "give the one it was saved with",
            )
    if snapshot.objects is None:
        raise InvalidField("snapshot", "its objects are bytes", "load it from a store")
    found, wanted_form = (form(each) for each in (snapshot.objects.get("pipeline"), recipe.pipeline))
    if found != wanted_form:
        raise InvalidField(
            "pipeline",
            f"the saved model is {found:.200}, this one {wanted_form:.200}",
            "give the one it was saved with",
        )
    return snapshot.objects


def form(model: Any) -> str:
    """The classes of a pipeline's steps: "StandardScaler | LogisticRegression"."""
    steps = getattr(model, "steps", None)
    if isinstance(steps, dict):
        return " | ".join(form(each) for each in steps.values())
    return type(model).__name__
