"""The envelope: one changed byte, another key, another place or another version, and nothing is read."""

from __future__ import annotations

import json
import math
import random
import time
from pathlib import Path

import msgspec
import pytest
from keptmodels import snapshot, trained
from river import linear_model, naive_bayes, preprocessing

from quantlab.errors import ConfigError, InvalidField, ModelRefused
from quantlab.learning import envelope, unpickler
from quantlab.learning.checking import loaded
from quantlab.learning.envelope import Header, header_of, open_sealed, seal, snapshot_of
from quantlab.learning.modelid import ModelId
from quantlab.learning.modelkey import SEAL_BYTES, model_key, seal_of
from quantlab.learning.pickler import dumps
from quantlab.secret import Secret

WHICH = ModelId("minute", "BTCUSDT")
KEY = Secret("ab" * 32)
PAYLOAD = dumps({"pipeline": trained(preprocessing.StandardScaler() | linear_model.LogisticRegression())})


def header(**changes: object) -> Header:
    plain = snapshot(trained(linear_model.LogisticRegression()))
    made = header_of(plain, version=3, saved_ms=5, classes={}, size=len(PAYLOAD))
    return msgspec.structs.replace(made, **{"save_id": "c0ffee", **changes})


BLOB = seal(header(), PAYLOAD, KEY)


def opened(blob: bytes, *, key: Secret = KEY, which: ModelId = WHICH, version: int = 3) -> envelope.Opened:
    return open_sealed(blob, key, which, version)


def test_what_was_sealed_is_opened_as_it_was() -> None:
    found = opened(BLOB)

    assert found.header == header()
    assert found.payload == PAYLOAD


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whoever parses a header or a payload is written down."""
    read: list[str] = []
    real = json.loads

    def parsed(*args: object, **kwargs: object) -> object:
        read.append("header")
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(envelope.json, "loads", parsed)
    monkeypatch.setattr(unpickler, "_read", lambda _: read.append("payload"))
    return read


def test_every_single_byte_is_under_the_seal(full: bool, nothing_is_read: list[str]) -> None:
    """Every byte of every region, with `--full` every one of the pickle as well; nothing is parsed."""
    start = BLOB.index(PAYLOAD[:64])
    places = [*range(start), *range(len(BLOB) - SEAL_BYTES, len(BLOB))]
    places += range(start, len(BLOB) - SEAL_BYTES, 1 if full else 7)
    reasons = set()
    for place in places:
        for bit in (0x01, 0x80):
            changed = bytearray(BLOB)
            changed[place] ^= bit
            with pytest.raises(ModelRefused) as refused:
                opened(bytes(changed))
            reasons.add(refused.value.reason)

    assert reasons == {"seal", "format"}
    assert nothing_is_read == []


def test_ten_thousand_mutated_envelopes_are_refused_unread(nothing_is_read: list[str]) -> None:
    draw = random.Random(7)
    begun = time.perf_counter()
    for _ in range(10_000):
        changed = bytearray(BLOB)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(changed) or 1)
            match draw.randrange(4):
                case 0:
                    changed[at : at + 1] = bytes([draw.randrange(256)])
                case 1:
                    del changed[at : at + draw.randint(1, 40)]
                case 2:
                    changed[at:at] = draw.randbytes(draw.randint(1, 40))
                case 3:
                    changed = changed[: at + 1]
        if bytes(changed) == BLOB:
            continue
        with pytest.raises(ModelRefused):
            opened(bytes(changed))

    assert nothing_is_read == []
    assert time.perf_counter() - begun < 60


def test_another_key_another_name_another_version_are_refused_by_their_reason() -> None:
    for reason, asked in {
        "seal": {"key": Secret("cd" * 32)},
        "name": {"which": ModelId("minute", "ETHUSDT")},
        "version": {"version": 4},
    }.items():
        with pytest.raises(ModelRefused) as refused:
            opened(BLOB, **asked)  # type: ignore[arg-type]
        assert refused.value.reason == reason

    with pytest.raises(ModelRefused, match="lies the model minute BTCUSDT"):
        opened(BLOB, which=ModelId("hour", "BTCUSDT"))


@pytest.mark.parametrize("library", ["river", "python"])
def test_a_model_of_another_river_or_python_is_refused_by_name(library: str) -> None:
    """D5."""
    other = header(libraries={**envelope.libraries(), library: "0.1"})

    with pytest.raises(ModelRefused, match=rf"made by {library} 0\.1") as refused:
        opened(seal(other, PAYLOAD, KEY))
    assert refused.value.reason == library


def test_another_version_of_ours_is_told_and_is_no_reason_to_refuse() -> None:
    found = opened(seal(header(libraries={**envelope.libraries(), "quantlab": "9"}), PAYLOAD, KEY))

    assert found.header.libraries["quantlab"] == "9"


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"name": 3}', b"\xff", b"[" * 5_000])
def test_a_header_that_is_none_is_refused_also_behind_the_right_seal(text: bytes) -> None:
    head = b"QLM1" + len(text).to_bytes(4, "big") + text

    with pytest.raises(ModelRefused) as refused:
        opened(head + PAYLOAD + seal_of(KEY, head, PAYLOAD))
    assert refused.value.reason == "format"


def test_lengths_that_lie_are_refused_also_behind_the_right_seal() -> None:
    text = BLOB[8 : BLOB.index(PAYLOAD[:64])]
    for length in (0, len(text) - 1, len(text) + 1, 2**32 - 1):
        head = b"QLM1" + length.to_bytes(4, "big") + text
        with pytest.raises(ModelRefused):
            opened(head + PAYLOAD + seal_of(KEY, head, PAYLOAD))


def test_a_key_for_something_else_does_not_open_a_model() -> None:
    """The purpose is part of the seal: a journal's line that is sealed with the same key is no model."""
    import hashlib
    import hmac

    body = BLOB[:-SEAL_BYTES]
    plain = hmac.new(bytes.fromhex(KEY.reveal()), body, hashlib.sha256).digest()

    with pytest.raises(ModelRefused):
        opened(body + plain)


def test_numbers_are_kept_bit_for_bit_also_those_json_has_no_word_for() -> None:
    numbers = {
        "a": math.nan,
        "b": math.inf,
        "c": -math.inf,
        "d": 0.1 + 0.2,
        "e": -0.0,
        "f": 5e-324,
        "g": None,
    }
    found = opened(seal(header(metrics=numbers), PAYLOAD, KEY)).header.metrics

    assert repr(found) == repr(numbers)


def test_too_much_is_neither_sealed_nor_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "LONGEST", 1_000)
    for act in (lambda: opened(BLOB), lambda: seal(header(), PAYLOAD, KEY)):
        with pytest.raises(ModelRefused) as refused:
            act()
        assert refused.value.reason == "too-long"


def test_a_snapshot_comes_back_with_all_it_had() -> None:
    """A field that the learner adds and the header has not would be lost here."""
    before = snapshot(trained(naive_bayes.GaussianNB()), metrics={"auc": 0.25}, state={"x": [1, None]})
    made = header_of(before, version=1, saved_ms=1, classes={}, size=len(PAYLOAD))
    after = snapshot_of(opened(seal(made, PAYLOAD, KEY), version=1).header, dict(before.objects or {}))

    assert msgspec.structs.replace(after, version=0) == before


def test_the_canary_must_match_bit_for_bit() -> None:
    model = trained(linear_model.LogisticRegression())
    plain = snapshot(model)
    payload = dumps({"pipeline": model})
    made = header_of(plain, version=1, saved_ms=1, classes={}, size=len(payload))
    assert loaded(made, payload)["pipeline"].weights == model.weights

    (first, second), *rest = plain.canary.predictions
    nudged = [first[0], math.nextafter(first[1], 1)]
    other = msgspec.structs.replace(plain.canary, predictions=([nudged, second], *rest))
    with pytest.raises(ModelRefused, match="does not predict what it did") as refused:
        loaded(msgspec.structs.replace(made, canary=other), payload)
    assert refused.value.reason == "canary"


@pytest.mark.parametrize("word", ["", "../up", "a/b", ".hidden", "a:b", "a b", "é", "x" * 65, "a\n", "*"])
def test_what_could_be_a_path_or_a_pattern_names_no_model(word: str) -> None:
    for name, key in ((word, "BTCUSDT"), ("minute", word)):
        with pytest.raises(InvalidField):
            ModelId.of(name, key)
    assert str(ModelId.of("btc-1m", "BTC_USDT.P")) == "btc-1m BTC_USDT.P"


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = model_key(None, tmp_path)

    assert (tmp_path / "model.key").stat().st_mode & 0o777 == 0o600
    assert model_key(None, tmp_path).reveal() == key.reveal()
    assert model_key(tmp_path / "other" / "own.key", tmp_path).reveal() != key.reveal()
    assert len(bytes.fromhex(key.reveal())) == 32
    assert key.reveal() not in repr(key)


@pytest.mark.parametrize("fault", ["mode", "link", "folder", "short", "words", "empty"])
def test_a_key_file_that_others_could_touch_or_that_is_no_key_is_refused(fault: str, tmp_path: Path) -> None:
    path = tmp_path / "model.key"
    secret = model_key(None, tmp_path).reveal()
    match fault:
        case "mode":
            path.chmod(0o640)
        case "link":
            path.rename(tmp_path / "real")
            path.symlink_to(tmp_path / "real")
        case "folder":
            path.unlink()
            path.mkdir()
        case "short":
            path.write_text(secret[:40])
        case "words":
            path.write_text("z" * 64)
        case "empty":
            path.write_text("")

    with pytest.raises(ConfigError) as refused:
        model_key(None, tmp_path)
    assert secret[:40] not in str(refused.value)
