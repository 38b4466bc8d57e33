"""The error tree: one root, plain values, and the picture in the docstring."""

from __future__ import annotations

import inspect

import pytest

from quantlab import errors

TREE = [
    each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.QuantlabError)
]


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_every_error_descends_from_the_root_and_stands_in_the_picture(error: type[Exception]) -> None:
    assert issubclass(error, errors.QuantlabError)
    assert error.__name__ in (errors.__doc__ or "")


def test_a_wrong_field_names_itself_and_the_remedy() -> None:
    error = errors.InvalidField("price", "the float 0.1 is not exact", 'give "0.1"')

    assert str(error) == 'price: the float 0.1 is not exact; give "0.1"'
    assert isinstance(error, ValueError)


def test_halted_is_a_denial() -> None:
    assert "cancels still pass" in str(errors.Halted("drill"))
    assert isinstance(errors.Halted("drill"), errors.OrderDenied)
