"""RSA and Ed25519 keys: the documents' own vectors, a real venue, and keys that cannot work."""

from __future__ import annotations

import base64
import pickle
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import (
    Credentials,
    Ed25519Signer,
    HmacSigner,
    RsaSigner,
    sign_query,
    sign_ws_params,
    signer_of,
)
from quantlab.errors import InvalidField
from quantlab.paper import keyfile
from quantlab.paper.server.keys import KeyType
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret

# published in the document "for illustrative purposes"
DOCUMENTED_ED25519 = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n"
    "-----END PRIVATE KEY-----\n"
)
SIGNERS = {KeyType.HMAC: HmacSigner, KeyType.RSA: RsaSigner, KeyType.ED25519: Ed25519Signer}


def test_the_documented_ed25519_key_gives_the_documented_signature() -> None:
    """Binance spot FIX API, "How to sign Logon<A> request": the one Ed25519 vector with its key.

    (The signatures of the REST document's Ed25519 section have 256 bytes: they are RSA's.)
    """
    logon = "\x01".join(("A", "EXAMPLE", "SPOT", "1", "20240627-11:17:25.223"))

    assert signer_of(Secret(DOCUMENTED_ED25519)).sign(logon.encode()) == (
        "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
    )


class Recording:
    """A signer that only keeps what it is asked to sign."""

    def __init__(self) -> None:
        self.payload = b""

    def sign(self, payload: bytes) -> str:
        self.payload = payload
        return "a+/b="


RSA_ORDER = {
    "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1",
    "price": "0.2", "timestamp": "1668481559918", "recvWindow": "5000",
}  # fmt: skip
RSA_API_KEY = "CAvIjXy3F44yW6Pou5k8Dy1swsYDWJZLeoK2r8G4cFDnE9nosRppc2eKc1T8TRTQ"
WIDE = "１２３４５６"


@pytest.mark.parametrize(
    ("symbol", "payload"),
    [
        (
            "BTCUSDT",
            "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2"
            "&timestamp=1668481559918&recvWindow=5000",
        ),
        (
            WIDE,
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=SELL&type=LIMIT"
            "&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000",
        ),
    ],
)
def test_rest_signs_the_documented_text_and_encodes_the_signature(symbol: str, payload: str) -> None:
    """Binance spot REST API, "SIGNED Endpoint Examples", RSA keys: steps 1 to 3."""
    signer = Recording()

    query = sign_query(RSA_ORDER | {"symbol": symbol}, signer)

    assert signer.payload.decode() == payload
    assert query == f"{payload}&signature=a%2B%2Fb%3D"


@pytest.mark.parametrize(
    ("params", "payload"),
    [
        (
            {
                "symbol": "BTCUSDT",
                "quantity": "0.01000000",
                "price": "52000.00",
                "recvWindow": 100,
                "side": "SELL",
            },
            "price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT",
        ),
        (
            {
                "symbol": WIDE,
                "quantity": "1.00000000",
                "price": "0.10000000",
                "recvWindow": 5000,
                "side": "BUY",
            },
            f"price=0.10000000&quantity=1.00000000&recvWindow=5000&side=BUY&symbol={WIDE}",
        ),
    ],
)
def test_the_websocket_api_signs_the_documented_text_as_it_is(
    params: dict[str, str | int], payload: str
) -> None:
    """Binance spot WebSocket API, "SIGNED request example (RSA)": sorted, nothing encoded."""
    signer = Recording()
    whole = {
        "type": "LIMIT",
        "timeInForce": "GTC",
        "timestamp": 1645423376532,
        "apiKey": RSA_API_KEY,
    } | params

    signed = sign_ws_params(whole, signer)

    assert signer.payload.decode() == (
        f"apiKey={RSA_API_KEY}&{payload}&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
    )
    assert signed == whole | {"signature": "a+/b="}


@pytest.fixture(scope="module")
def made() -> dict[KeyType, keyfile.NewKey]:
    """A key of each type."""
    return {type_: keyfile.make(type_) for type_ in KeyType}


@given(payload=st.binary(max_size=64))
@settings(max_examples=25, deadline=None)  # the first draw imports
def test_each_private_key_signs_what_its_public_key_verifies(
    made: dict[KeyType, keyfile.NewKey], payload: bytes
) -> None:
    """`cryptography` says so; a changed text is not verified (else this would prove nothing)."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    for type_ in (KeyType.RSA, KeyType.ED25519):
        signature = base64.b64decode(signer_of(Secret(made[type_].secret)).sign(payload))
        public = load_pem_public_key((made[type_].public or "").encode())

        def verify(text: bytes, public: object = public, signature: bytes = signature) -> None:
            if isinstance(public, rsa.RSAPublicKey):
                public.verify(signature, text, padding.PKCS1v15(), SHA256())
            else:
                assert isinstance(public, ed25519.Ed25519PublicKey)
                public.verify(signature, text)

        verify(payload)
        with pytest.raises(Exception, match=r"^$"):  # InvalidSignature has no text
            verify(payload + b"x")


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    async with PaperVenue(market="synthetic", clock="manual") as venue:
        yield venue


@pytest.mark.parametrize("type_", KeyType)
async def test_a_key_of_every_type_reads_its_account(
    venue: PaperVenue, made: dict[KeyType, keyfile.NewKey], type_: KeyType
) -> None:
    """Signed by the client, verified by the venue; a key of the same type that is another's is refused."""
    key = venue.add_key(made[type_].public or made[type_].secret)
    credentials = Credentials(key.api_key, Secret(made[type_].secret))

    assert type(credentials.signer) is SIGNERS[type_]
    async with BinanceClient(venue.rest, clock=venue.session.clock, credentials=credentials) as client:
        await client.sync_clock()
        assert {each.asset for each in (await client.account()).balances} >= {"BTC", "USDT"}
    forged = Credentials(key.api_key, Secret(keyfile.make(type_).secret))
    async with BinanceClient(venue.rest, clock=venue.session.clock, credentials=forged) as client:
        await client.sync_clock()
        with pytest.raises(Exception, match="-1022"):
            await client.account()


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat, lock: bytes = b"") -> str:
    locked = BestAvailableEncryption(lock) if lock else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, locked).decode()


@pytest.fixture(scope="module")
def unusable() -> dict[str, str]:
    """Keys that are refused, by what the refusal says."""
    small = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
    curve = ec.generate_private_key(ec.SECP256R1())
    return {
        "1024 bits": _pem(small, PrivateFormat.PKCS8),
        "neither Ed25519 nor RSA": _pem(curve, PrivateFormat.PKCS8),
        "locked by a password": _pem(curve, PrivateFormat.PKCS8, b"pass"),
        "no private key that can be read": DOCUMENTED_ED25519.replace("MC4C", "AAAA"),
        "no private key": _pem(small, PrivateFormat.TraditionalOpenSSL),
    }


def test_keys_that_cannot_work_are_refused_without_being_quoted(unusable: dict[str, str]) -> None:
    """Too small, another curve, locked, damaged, PKCS#1: by name, with a remedy, and no line of the key."""
    assert len(unusable) == 5
    for reason, pem in unusable.items():
        with pytest.raises(InvalidField, match=reason) as refused:
            Credentials("key", Secret(pem))
        assert "PKCS#8" in str(refused.value)
        assert not any(line in str(refused.value) for line in pem.splitlines()[1:-1])
        assert refused.value.__context__ is None  # nor does what was raised on the way


@pytest.mark.parametrize("type_", [KeyType.RSA, KeyType.ED25519])
def test_a_signer_shows_and_gives_away_nothing(made: dict[KeyType, keyfile.NewKey], type_: KeyType) -> None:
    credentials = Credentials("key", Secret(made[type_].secret))
    shown = repr((credentials, credentials.signer, credentials.api_secret))

    assert not any(line in shown for line in made[type_].secret.splitlines() if line)
    with pytest.raises(TypeError):
        pickle.dumps(credentials.signer)
