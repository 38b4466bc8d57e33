from __future__ import annotations

import random
import secrets
import statistics
import time
import unicodedata
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.control import tokens
from quantlab.control.tokens import Answer, Budget, Challenge, StoredToken
from quantlab.errors import TokenRefused
from quantlab.secret import Secret

TOKEN = tokens.token_text(bytes(range(32)))
STORED = tokens.store(TOKEN, salt=b"s" * 16, label="test", created_ms=0)
CHALLENGE = Challenge(
    nonce="00" * 16,
    salt=STORED.salt,
    token_id=STORED.id,
    generation=1,
    kernel_id="k",
    scopes=("trade",),
    symbols=("*",),
    budget=Budget(orders=1, notional=Decimal(10)),
    idle_ms=1,
    hard_ms=2,
)


def ranks(values: list[int]) -> list[float]:
    """Each value's place in the order; equal values share the middle of their places."""
    places: dict[int, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    return [statistics.fmean(places[value]) for value in values]


@given(st.binary(min_size=32, max_size=32))
def test_a_token_has_its_form_and_parses(entropy: bytes) -> None:
    token = tokens.token_text(entropy)

    assert len(token.reveal()) == 4 + 43 + 6
    assert token.reveal().startswith("qlt_")
    assert tokens.parse(token) is token


def test_different_bytes_make_different_tokens_and_ids() -> None:
    made = [tokens.token_text(number.to_bytes(32)) for number in (0, 1, 2**256 - 1)]

    assert len({each.reveal() for each in made}) == len({tokens.token_id(each) for each in made}) == 3


def test_every_single_typo_and_swap_is_found() -> None:
    """A CRC-32 finds every change of one character and of two neighbours."""
    text = TOKEN.reveal()
    tried = 0
    for at in range(4, len(text)):
        wrong = [text[:at] + other + text[at + 1 :] for other in "0aZ" if other != text[at]]
        if at + 1 < len(text) and text[at] != text[at + 1]:
            wrong.append(text[:at] + text[at + 1] + text[at] + text[at + 2 :])
        for each in wrong:
            tried += 1
            with pytest.raises(TokenRefused, match="typo"):
                tokens.parse(Secret(each))
    assert tried > 140


@pytest.mark.parametrize(
    "text",
    [
        "correct horse battery staple",
        "qlt_short",
        "qlt_" + "a" * 60,
        "QLT_" + TOKEN.reveal()[4:],
        TOKEN.reveal() + "\n",
        " " + TOKEN.reveal(),
        TOKEN.reveal().replace("0", "\u0660", 1),
        "é" * 53,
        unicodedata.normalize("NFD", "é" * 53),
        "\ud800" * 53,
        "x" * 1_000_000,
    ],
    ids=range(11),
)
def test_s5_s7_what_was_not_generated_is_refused_without_repeating_it(text: str) -> None:
    """Passphrases, short ones, Unicode twins, half surrogates and a megabyte: refused, not echoed."""
    with pytest.raises(TokenRefused) as refused:
        tokens.parse(Secret(text))

    assert text.strip() not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_s5_an_empty_token_names_the_command_that_makes_one() -> None:
    with pytest.raises(TokenRefused, match="quantlab token new"):
        tokens.parse(Secret(""))


def test_the_right_token_proves_itself_and_both_sides_get_one_session_key() -> None:
    proof = tokens.answer(TOKEN, CHALLENGE).proof
    key = tokens.verify(CHALLENGE, proof, STORED)

    assert key is not None
    assert key.reveal() == tokens.session_key(TOKEN, CHALLENGE).reveal()


@pytest.mark.parametrize("field", Challenge.__struct_fields__)
def test_s2_s3_a_proof_is_worth_nothing_for_any_other_challenge(field: str) -> None:
    """Nonce, token, generation, kernel, scopes, symbols, budget and times are all bound."""
    proof = tokens.answer(TOKEN, CHALLENGE).proof
    other: dict[str, object] = {
        "nonce": "11" * 16,
        "salt": "22" * 16,
        "token_id": "another",
        "generation": 2,
        "kernel_id": "another",
        "scopes": ("trade", "admin"),
        "symbols": ("BTCUSDT",),
        "budget": Budget(orders=1, notional=Decimal(11)),
        "idle_ms": 2,
        "hard_ms": 3,
    }
    changed = msgspec.structs.replace(CHALLENGE, **{field: other[field]})

    assert tokens.verify(CHALLENGE, proof, STORED) is not None
    assert tokens.verify(changed, proof, STORED) is None


@pytest.mark.parametrize("proof", ["", "00" * 32, "zz" * 32, "AB" * 32, "00" * 31, "é" * 64, "0" * 1_000_000])
def test_s1_what_is_no_proof_proves_nothing(proof: str) -> None:
    assert tokens.verify(CHALLENGE, proof, STORED) is None


def test_s1_another_token_an_unknown_id_and_a_revoked_one_prove_nothing() -> None:
    wrong = tokens.answer(tokens.token_text(bytes(32)), CHALLENGE).proof
    right = tokens.answer(TOKEN, CHALLENGE).proof
    unknown = tokens.stand_in(STORED.id, b"server key")
    revoked = msgspec.structs.replace(STORED, revoked=True)

    assert tokens.verify(CHALLENGE, wrong, STORED) is None
    assert tokens.verify(CHALLENGE, right, unknown) is None
    assert tokens.verify(CHALLENGE, right, revoked) is None


def test_s1_an_unknown_id_always_has_the_same_salt() -> None:
    """Or a client could tell unknown ids from known ones by asking twice."""
    first, second = (tokens.stand_in("abc", b"key") for _ in range(2))

    assert first == second
    assert first.salt != tokens.stand_in("abd", b"key").salt


def test_what_lies_at_rest_cannot_answer() -> None:
    """From the stored record one can compute no proof that verifies."""
    forged = Secret(STORED.stored_key)
    proof = tokens.answer(forged, CHALLENGE).proof

    assert tokens.verify(CHALLENGE, proof, STORED) is None
    assert TOKEN.reveal() not in msgspec.json.encode(STORED).decode()


def test_s8_the_time_of_a_refusal_does_not_tell_how_much_of_a_token_was_right(full: bool) -> None:
    """No rank correlation between the common prefix with the right token and the time taken."""
    count, bound = (20_000, 0.03) if full else (2_000, 0.1)
    text = TOKEN.reveal()
    chooser = random.Random(8)
    for _attempt in range(3):  # a correlation would show every time; noise does not
        prefixes, times = [], []
        for _ in range(count):
            prefix = chooser.randrange(4, len(text) - 1)
            wrong = Secret(text[:prefix] + secrets.token_hex(30)[: len(text) - prefix])
            proof = tokens.answer(wrong, CHALLENGE).proof
            began = time.perf_counter_ns()
            tokens.verify(CHALLENGE, proof, STORED)
            times.append(time.perf_counter_ns() - began)
            prefixes.append(prefix)
        if abs(statistics.correlation(ranks(prefixes), ranks(times))) < bound:
            return
    pytest.fail("the time depends on how much of the token was right")


def test_a_pasted_token_is_taken_out_of_a_text() -> None:
    assert TOKEN.reveal() not in tokens.redact(f"halted, my token is {TOKEN.reveal()}!")


def test_answers_and_records_are_plain_data() -> None:
    answer = tokens.answer(TOKEN, CHALLENGE)

    assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer
    assert msgspec.json.decode(msgspec.json.encode(STORED), type=StoredToken) == STORED
