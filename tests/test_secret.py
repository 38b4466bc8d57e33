"""A secret shows itself nowhere but through `reveal`."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

from quantlab.secret import Secret

TEXT = "hunter2-but-longer"


def test_no_form_of_printing_shows_it() -> None:
    secret = Secret(TEXT)

    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert TEXT not in shown
    assert secret.reveal() == TEXT


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy, lambda secret: secret == secret])
def test_it_is_neither_pickled_copied_nor_compared(way: object) -> None:
    with pytest.raises(TypeError):
        way(Secret(TEXT))  # type: ignore[operator]


def test_a_traceback_with_locals_holds_the_wrapper_only() -> None:
    secret = Secret(TEXT)
    try:
        raise ValueError(f"failed with {secret}")
    except ValueError as error:
        report = traceback.TracebackException.from_exception(error, capture_locals=True)

    assert secret
    assert TEXT not in "".join(report.format()).replace("TEXT = 'hunter2-but-longer'", "")


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
