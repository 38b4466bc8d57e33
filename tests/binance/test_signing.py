"""Signatures: the document's own vectors, and what must not show."""

from __future__ import annotations

import hashlib
import hmac
import pickle
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.binance.signing import Credentials, HmacSigner, encode_query, sign_query, sign_ws_params
from quantlab.errors import InvalidField
from quantlab.secret import Secret

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ORDER = {
    "symbol": "LTCBTC",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "0.1",
    "recvWindow": "5000",
    "timestamp": "1499827319559",
}


def test_the_documented_rest_example_gives_the_documented_signature() -> None:
    """Binance spot REST API, "SIGNED request example (HMAC)"."""
    query = sign_query(ORDER, Secret(SECRET))

    assert query == (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
        "&timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    )


def test_the_documented_websocket_example_gives_the_documented_signature() -> None:
    """Binance spot WebSocket API, "SIGNED request example (HMAC)"; its numbers are JSON numbers."""
    params = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "newOrderRespType": "ACK",
        "recvWindow": 100,
        "timestamp": 1645423376532,
        "apiKey": API_KEY,
    }

    signed = sign_ws_params(params, Secret(SECRET))

    assert signed["signature"] == "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"
    assert {name: value for name, value in signed.items() if name != "signature"} == params


def test_rest_signs_the_encoded_text_and_the_websocket_api_the_raw_text() -> None:
    """A symbol that is not ASCII tells the two rules apart."""
    params = {"symbol": "这是测试币456", "note": "a b&c=d/é", "timestamp": "1"}

    def mac(text: str) -> str:
        return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()

    encoded = (
        "symbol=%E8%BF%99%E6%98%AF%E6%B5%8B%E8%AF%95%E5%B8%81456&note=a%20b%26c%3Dd%2F%C3%A9&timestamp=1"
    )
    assert sign_query(params, Secret(SECRET)) == f"{encoded}&signature={mac(encoded)}"
    plain = "note=a b&c=d/é&symbol=这是测试币456&timestamp=1"
    assert sign_ws_params(params, Secret(SECRET))["signature"] == mac(plain)


@given(params=st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=6))
def test_what_is_encoded_reads_back_as_it_was(params: dict[str, str]) -> None:
    """No character of a name or value is lost or changes the shape of the query."""
    query = encode_query(params)

    assert query == urlencode(params, quote_via=quote, safe="")
    assert query.isascii()
    assert " " not in query
    assert dict(parse_qsl(query, keep_blank_values=True)) == params


def test_a_signer_can_be_used_again_and_again() -> None:
    """The keyed state is copied: one signature leaves nothing behind for the next."""
    signer = HmacSigner(Secret(SECRET))

    assert [sign_query(ORDER, signer) for _ in range(3)] == [sign_query(ORDER, Secret(SECRET))] * 3


def test_booleans_sign_as_json_and_floats_are_refused() -> None:
    """`true`, not `True`; a float has many texts, so it has no signature."""
    text = hmac.new(SECRET.encode(), b"a=true&b=false", hashlib.sha256).hexdigest()
    assert sign_ws_params({"b": False, "a": True}, Secret(SECRET))["signature"] == text

    with pytest.raises(InvalidField, match="price"):
        sign_ws_params({"price": 0.1}, Secret(SECRET))  # type: ignore[dict-item]


def test_credentials_show_neither_key_nor_secret_and_are_not_pickled() -> None:
    """A repr in a log or a traceback gives nothing away."""
    credentials = Credentials(API_KEY, Secret(SECRET))

    assert API_KEY not in repr(credentials)
    assert SECRET not in repr((credentials, credentials.api_secret, credentials.signer))
    with pytest.raises(TypeError):
        pickle.dumps(credentials)


@pytest.mark.parametrize(
    ("key", "secret"), [("", SECRET), (API_KEY, ""), ("ключ", SECRET), ("a\r\nb", SECRET)]
)
def test_credentials_that_cannot_work_are_refused_by_field(key: str, secret: str) -> None:
    """Empty, not ASCII, or with a line break that would forge a header."""
    with pytest.raises(InvalidField) as refused:
        Credentials(key, Secret(secret))

    assert refused.value.field in ("api_key", "api_secret")
    assert SECRET not in str(refused.value)
