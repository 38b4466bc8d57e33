"""API keys: three types, what each signs, what each may do, and how a client comes by one."""

from __future__ import annotations

import base64
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from keyclient import Caller, sign

from quantlab.errors import ConfigError, InvalidField
from quantlab.paper import keyfile
from quantlab.paper.server.keys import KeyType, public_half, read_key
from quantlab.paper.server.security import rest_payload, socket_payload
from quantlab.paper.venue import PaperVenue

ACCOUNT = "/api/v3/account"
ORDER = "/api/v3/order"
GOOD = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
        "price": "59000"}  # fmt: skip
INVALID = {"code": -1022, "msg": "Signature for this request is not valid."}
NOT_ALLOWED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
TYPES = list(KeyType)
SIGNED = st.text("ab&=%+s", max_size=12)


@pytest.fixture(scope="module")
def made() -> dict[KeyType, keyfile.NewKey]:
    """A key of each type."""
    return {type_: keyfile.make(type_) for type_ in TYPES}


@pytest.fixture
async def caller(
    venue: PaperVenue, made: dict[KeyType, keyfile.NewKey]
) -> AsyncIterator[Callable[..., Caller]]:
    """Makes a client with a key of a type."""
    callers: list[Caller] = []

    def make(type_: KeyType, **register: Any) -> Caller:
        callers.append(Caller(venue, made[type_], **register))
        return callers[-1]

    yield make
    for each in callers:
        await each.http.aclose()


@pytest.mark.parametrize("type_", TYPES)
async def test_a_key_of_every_type_trades_for_its_account(caller, venue: PaperVenue, type_: KeyType) -> None:
    """A signed order is placed on the account that the key was registered for."""
    client = caller(type_, account=1)
    placed = await client.call("POST", ORDER, **GOOD)
    assert placed.status_code == 200, placed.text
    assert [order.symbol for order in venue.exchange.open_orders("account-2")] == ["BTCUSDT"]
    assert venue.exchange.open_orders("account-1") == []


@pytest.mark.parametrize("type_", TYPES)
async def test_a_signature_is_of_this_text_by_this_key(caller, made, type_: KeyType) -> None:
    """One character more, another key's signature, and no base64 at all are -1022."""
    client = caller(type_)
    query = client.query()
    others = keyfile.make(type_)
    for wrong in (sign(client.key, query + "0"), sign(others, query), "", "é", "AAAA", "====", "0" * 88):
        reply = await client.send("GET", ACCOUNT, query, wrong)
        assert reply.status_code == 400
        assert reply.json() == INVALID or (wrong == "" and reply.json()["code"] == -1102)
    assert (await client.send("GET", ACCOUNT, query, sign(client.key, query))).status_code == 200


@pytest.mark.parametrize(
    ("type_", "status"), [(KeyType.HMAC, 200), (KeyType.RSA, 400), (KeyType.ED25519, 400)]
)
async def test_letter_case_matters_to_all_but_hmac(caller, type_: KeyType, status: int) -> None:
    """Source: Binance spot REST API, "Signature Case Sensitivity"."""
    client = caller(type_)
    query = client.query()
    signature = sign(client.key, query)
    assert (await client.send("GET", ACCOUNT, query, signature.swapcase())).status_code == status


async def test_base64_must_be_percent_encoded(caller, venue: PaperVenue) -> None:
    """A plus in the address is a blank: an RSA signature sent raw is -1022, encoded it is right."""
    client = caller(KeyType.RSA)
    for more in range(200):
        query = client.query(omitZeroBalances="false", recvWindow=5_000 + more)
        signature = sign(client.key, query)
        if "+" in signature:
            break
    headers = {"X-MBX-APIKEY": client.api_key}
    raw = await client.http.get(f"{ACCOUNT}?{query}&signature={signature}", headers=headers)
    assert raw.json() == INVALID
    assert (await client.send("GET", ACCOUNT, query, signature)).status_code == 200


@pytest.mark.parametrize("type_", TYPES)
async def test_what_is_not_ascii_is_percent_encoded_before_it_is_signed(caller, type_: KeyType) -> None:
    """Signed encoded the symbol is merely unknown; signed or sent raw it is -1022, in query and in body."""
    client = caller(type_)
    symbol = "１２３４５６"
    raw = f"symbol={symbol}&timestamp={client.venue.session.clock.now_ms()}"
    encoded = quote(raw, safe="=&")
    headers = {"X-MBX-APIKEY": client.api_key, "Content-Type": "application/x-www-form-urlencoded"}

    async def code(sent: str, signed: str) -> int:
        body = f"{sent}&signature={quote(sign(client.key, signed), safe='')}"
        by_body = await client.http.request(
            "DELETE", "/api/v3/openOrders", content=body.encode(), headers=headers
        )
        return by_body.json()["code"]

    assert await code(encoded, encoded) not in (-1022, -2014, -2015)
    assert await code(encoded, raw) == -1022
    assert await code(raw, raw) == -1022


@pytest.mark.parametrize(
    ("permissions", "codes"),
    [
        (["USER_DATA"], (200, 401)),
        (["TRADE"], (401, 200)),
        (["TRADE", "USER_DATA"], (200, 200)),
    ],
)
async def test_a_key_does_what_it_is_permitted(
    caller, permissions: list[str], codes: tuple[int, int]
) -> None:
    """Reading and trading are permissions of their own; without them it is -2015."""
    client = caller(KeyType.ED25519, permissions=permissions)
    replies = [await client.call("GET", ACCOUNT), await client.call("POST", ORDER, **GOOD)]
    assert tuple(reply.status_code for reply in replies) == codes
    for reply in replies:
        assert reply.status_code == 200 or reply.json() == NOT_ALLOWED


HMAC_KEY = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
OWNER = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
            "&timestamp=1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT"
            "&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ],
)
@pytest.mark.parametrize("cut", [0, 20, 10**6])
def test_the_documents_rest_signatures_are_verified(query: str, signature: str, cut: int) -> None:
    """However query and body share the parameters. Source: Binance spot REST API, "HMAC Keys"."""
    whole = f"{query}&signature={signature}"
    _, _, verify = read_key(HMAC_KEY)
    assert verify(rest_payload(whole[:cut], whole[cut:]).encode(), signature)
    assert not verify(rest_payload(whole, "x=1").encode(), signature)


@pytest.mark.parametrize(
    ("params", "signature"),
    [
        (
            {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01000000", "price": "52000.00",
             "recvWindow": "100"},
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
        (
            {"symbol": "１２３４５６", "side": "BUY", "quantity": "1.00000000", "price": "0.10000000",
             "recvWindow": "5000"},
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        ),
    ],
)  # fmt: skip
def test_the_documents_websocket_signatures_are_verified(params: dict[str, str], signature: str) -> None:
    """Source: Binance spot WebSocket API, "SIGNED request example (HMAC)"."""
    common = {"type": "LIMIT", "timeInForce": "GTC", "timestamp": "1645423376532", "apiKey": OWNER}
    payload = socket_payload(params | common | {"signature": signature})
    _, _, verify = read_key(HMAC_KEY)
    assert verify(payload.encode(), signature)
    assert not verify((payload + " ").encode(), signature)


def test_the_documents_ed25519_signature_is_verified() -> None:
    """The only one published with its key. Source: Binance spot FIX API, "Computed signature"."""
    text = (
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n"
        "-----END PRIVATE KEY-----\n"
    )
    signature = "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
    payload = "\x01".join(("A", "EXAMPLE", "SPOT", "1", "20240627-11:17:25.223"))
    type_, name, verify = read_key(text)
    assert (type_, len(name)) == (KeyType.ED25519, 64)
    assert verify(payload.encode(), signature)
    assert not verify(payload.encode(), signature.swapcase())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the documents' commands need openssl")
@pytest.mark.parametrize("bits", [2_048, 4_096])
def test_what_the_documents_commands_sign_is_verified(tmp_path: Path, bits: int) -> None:
    """The commands of "RSA Keys", step 2: openssl makes the key and signs, the venue verifies."""
    path = tmp_path / "key.pem"
    make = [
        "openssl",
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        f"rsa_keygen_bits:{bits}",
        "-out",
        str(path),
    ]
    subprocess.run(make, check=True, capture_output=True)
    payload = b"symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2"
    command = ["openssl", "dgst", "-sha256", "-sign", str(path)]
    signature = subprocess.run(command, input=payload, check=True, capture_output=True).stdout
    type_, _, verify = read_key(path.read_text())
    assert type_ is KeyType.RSA
    assert verify(payload, base64.b64encode(signature).decode())


def test_the_signature_is_cut_out_wherever_it_stands() -> None:
    """What is left is what was sent without it; a name that only ends in "signature" stays."""
    moved = 0

    @given(before=SIGNED, after=SIGNED, body=SIGNED)
    def cut(before: str, after: str, body: str) -> None:
        nonlocal moved
        kept = "&".join(part for part in (before, after) if part)
        if kept.startswith("&") or not kept:
            return  # what begins with & is not what a client sends
        moved += bool(before and after)
        sent = "&".join(part for part in (before, "signature=00", after) if part)
        assert rest_payload(sent, body) == kept + body.removeprefix("&")

    cut()
    assert moved > 10
    assert rest_payload("mysignature=1&a=2", "") == "mysignature=1&a=2"


def pem(private: Any, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> str:
    how = NoEncryption() if password is None else BestAvailableEncryption(password)
    return private.private_bytes(Encoding.PEM, form, how).decode()


def test_what_is_no_key_of_the_documents_is_refused_without_being_quoted() -> None:
    """PKCS#1, elliptic curves, other sizes, a password, a broken file: a reason, and nothing of the text."""
    small = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
    fine = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    public = fine.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    whole = pem(ed25519.Ed25519PrivateKey.generate())
    broken = whole.replace(whole.split("\n")[1], "AAAA")
    for text in (
        pem(small), pem(fine, PrivateFormat.TraditionalOpenSSL), public,
        pem(ec.generate_private_key(ec.SECP256R1())), pem(fine, password=b"secret"),
        broken, "", "A" * 63, "é" * 64,
    ):  # fmt: skip
        with pytest.raises(ConfigError) as refused:
            read_key(text)
        assert not text or text.strip() not in str(refused.value)


@pytest.mark.parametrize("type_", TYPES)
def test_the_api_key_follows_from_the_key(made, type_: KeyType) -> None:
    """The private file and its public half have one API key, in every venue; other keys have others."""
    key = made[type_]
    names = {read_key(text)[1] for text in (key.secret, f"\n{key.secret}\r\n", key.public or key.secret)}
    assert len(names) == 1
    assert len(names | {read_key(keyfile.make(type_).secret)[1]}) == 2
    assert public_half(key.secret) == key.public
    (name,) = names
    assert name.isalnum()
    assert len(name) == 64
    assert name not in key.secret


async def test_a_key_belongs_to_one_account(venue: PaperVenue, made) -> None:
    """Registering it again changes its permissions, for another account it is refused."""
    key = made[KeyType.ED25519]
    assert venue.add_key(key.public).permissions == {"TRADE", "USER_DATA", "USER_STREAM"}
    assert venue.add_key(key.secret, permissions=["TRADE"]).permissions == {"TRADE"}
    with pytest.raises(ConfigError):
        venue.add_key(key.public, account=1)
    with pytest.raises(InvalidField):
        venue.add_key(key.public, account=2)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """`quantlab venue keys`: exit code, output, errors."""
    command = [sys.executable, "-m", "quantlab.cli", "venue", "keys", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("type_", TYPES)
def test_the_command_makes_a_key_that_the_next_venue_takes(tmp_path: Path, start, type_: KeyType) -> None:
    """The file is the owner's alone, the API key is told at once, and the ready line has it again."""
    path = tmp_path / "key"
    code, out, err = run("new", path, "--type", type_.value)
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in out
    assert (facts["type"], facts["file"]) == (type_.value, str(path))
    assert facts["public_key"] == public_half(path.read_text())

    process = start("--die-with-parent", "--market", "none", "--key", f"2={path}")
    ready = json.loads(process.stdout.readline())
    assert ready["keys"] == [{"api_key": facts["api_key"], "type": type_.value, "account": 2}]


def test_a_running_venue_takes_lists_and_forgets_keys(tmp_path: Path, start) -> None:
    """By the ready line in a file; a key that was forgotten is -2015 from then on."""
    process = start("--die-with-parent", "--market", "none")
    ready = json.loads(line := process.stdout.readline())
    venue = tmp_path / "venue.json"
    venue.touch(mode=0o600)
    venue.write_text(line)

    def asked(*arguments: str | Path) -> Any:
        code, out, err = run(*arguments, "--venue", venue)
        assert code == 0, err
        return json.loads(out)

    made = asked("new", tmp_path / "a.pem", "--account", "2", "--permissions", "USER_DATA")
    assert (made["account"], made["permissions"]) == (2, ["USER_DATA"])
    shared = tmp_path / "public.pem"
    shared.write_text(keyfile.make(KeyType.RSA).public or "")
    added = asked("add", shared)
    listed = asked("list")
    assert [key["type"] for key in listed] == ["HMAC", "HMAC", "Ed25519", "RSA"]
    assert listed[2]["api_key"] == made["api_key"]
    assert listed[3] == added
    assert not any(secret["api_secret"] in json.dumps(listed) for secret in ready["accounts"])

    def status() -> int:
        url = f"{ready['rest']}{ACCOUNT}?timestamp=1&signature=00"
        headers = {"X-MBX-APIKEY": added["api_key"]}
        return httpx.get(url, headers=headers, trust_env=False).json()["code"]

    assert status() == -1022
    assert asked("revoke", added["api_key"]) == {"api_key": added["api_key"]}
    assert status() == -2015
    code, _, err = run("revoke", added["api_key"], "--venue", venue)
    assert code == 2
    assert "no such key" in err


@pytest.mark.parametrize("problem", ["file exists", "open to others", "no ready line", "no venue", "no key"])
def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path, problem: str) -> None:
    """Exit code 2, one line, nothing of a secret, and nothing is overwritten."""
    path, venue = tmp_path / "key.pem", tmp_path / "venue.json"
    gone = {"control": {"url": "http://127.0.0.1:1/control", "secret": "hush"}}
    venue.touch(mode=0o600)
    venue.write_text("{}" if problem == "no ready line" else json.dumps(gone))
    path.touch(mode=0o644 if problem == "open to others" else 0o600)
    path.write_text("kept" if problem == "file exists" else "nothing" if problem == "no key" else HMAC_KEY)
    arguments = ["new", path] if problem == "file exists" else ["add", path, "--venue", venue]

    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "hush" not in err
    assert HMAC_KEY not in err
    assert problem != "file exists" or path.read_text() == "kept"
