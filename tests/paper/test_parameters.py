"""Parameters on their way: by query, by body, encoded or not, twice, empty, of the wrong kind."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantlab.paper.exchange import Refused
from quantlab.paper.server.faults import LOGGER
from quantlab.paper.server.params import Params, form, is_microseconds
from quantlab.paper.server.unreadable import Listener
from quantlab.paper.venue import PaperVenue

ORDER = "/api/v3/order"
GOOD = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
        "price": "59000"}  # fmt: skip
FORM = "application/x-www-form-urlencoded"
INVALID = {"code": -1022, "msg": "Signature for this request is not valid."}


def missing(name: str) -> dict[str, Any]:
    return {"code": -1102, "msg": f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."}


def stamped(alice: Any, **params: Any) -> str:
    return urlencode(params | {"timestamp": alice.venue.session.clock.now_ms()}, quote_via=quote)


async def plain(venue: PaperVenue, head: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; status, headers and body of the answer."""
    host, port = venue.rest.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head + b"Host: v\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    top, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status.split()[1]), headers, body


async def test_a_query_that_is_not_encoded_is_never_a_signed_request(alice, venue: PaperVenue) -> None:
    """Raw UTF-8 in the address, signed as it is: refused, in JSON, and no order exists."""
    raw = f"symbol=１２３&side=BUY&timestamp={venue.session.clock.now_ms()}"
    line = f"POST {ORDER}?{raw}&signature={alice.signature(raw)} HTTP/1.1\r\nX-MBX-APIKEY: {alice.key}\r\n"
    status, headers, body = await plain(venue, line.encode())
    assert (status, json.loads(body)) == (400, INVALID)
    assert headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_changing_requests_take_their_parameters_from_a_form_body(alice, method: str) -> None:
    """Also a DELETE, as python-binance sends it."""
    await alice.order(**GOOD, newClientOrderId="mine")
    text = stamped(alice, **GOOD) if method == "POST" else stamped(
        alice, symbol="BTCUSDT", origClientOrderId="mine"
    )  # fmt: skip
    body = f"{text}&signature={alice.signature(text)}"
    headers = {"X-MBX-APIKEY": alice.key, "Content-Type": f"{FORM}; charset=utf-8"}
    reply = await alice.http.request(method, ORDER, content=body, headers=headers)
    assert reply.status_code == 200, reply.text


async def test_a_get_takes_its_parameters_from_the_query_alone(alice) -> None:
    """What its body says is signed, and not read."""
    text = stamped(alice)
    headers = {"X-MBX-APIKEY": alice.key, "Content-Type": FORM}
    signature = f"&signature={alice.signature(text)}"
    in_body = await alice.http.request("GET", "/api/v3/account", content=text + signature, headers=headers)
    assert in_body.json() == missing("signature")
    beside = alice.signature(text + "symbol=X")
    reply = await alice.http.request(
        "GET", f"/api/v3/account?{text}&signature={beside}", content="symbol=X", headers=headers
    )
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("content", [b"", b"{}"])
async def test_a_json_body_holds_no_parameters(alice, content: bytes) -> None:
    """python-binance and the connectors name JSON as the type of nothing; nothing is read from it."""
    text = stamped(alice, **GOOD)
    url = f"{ORDER}?{text}&signature={alice.signature(text + content.decode())}"
    headers = {"X-MBX-APIKEY": alice.key, "Content-Type": "application/json"}
    assert (await alice.http.post(url, content=content, headers=headers)).status_code == 200
    body = f'{{"symbol": "BTCUSDT", "timestamp": 1, "signature": "{alice.signature("")}"}}'
    refused = await alice.http.post(ORDER, content=body, headers=headers)
    assert refused.json() == missing("signature")


async def test_parameters_stand_in_any_order(alice) -> None:
    """Shuffled, split between query and body anywhere, the signature anywhere: the same order."""
    rng = random.Random(7)
    names = [*stamped(alice, **GOOD).split("&")]
    headers = {"X-MBX-APIKEY": alice.key, "Content-Type": FORM}
    for _ in range(20):
        rng.shuffle(names)
        cut = rng.randint(0, len(names))
        query, body = names[:cut], names[cut:]
        signature = alice.signature("&".join(query) + "&".join(body))
        where = rng.choice((query, body))
        where.insert(rng.randint(0, len(where)), f"signature={signature}")
        reply = await alice.http.post(f"{ORDER}?{'&'.join(query)}", content="&".join(body), headers=headers)
        assert (reply.status_code, reply.json().get("price")) == (200, "59000.00000000"), reply.text


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("/api/v3/depth", 400, missing("symbol")),
        ("/api/v3/depth?symbol=", 400, missing("symbol")),
        ("/api/v3/depth?symbol", 400, missing("symbol")),
        ("/api/v3/depth?symbol=BTCUSDT&limit=", 400, {"code": -1105, "msg": "Parameter 'limit' was empty."}),
        ("/api/v3/depth?symbol=BTCUSDT&limit=1&limit=2", 400,
         {"code": -1101, "msg": "Duplicate values for a parameter detected."}),
        ("/api/v3/depth?symbol=BTCUSDT&limit=%2B5", 400,
         {"code": -1100,
          "msg": "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."}),
        ("/api/v3/depth?symbol=BTCUSDT&limit=99999999999999999999", 400,
         {"code": -1108, "msg": "Parameter 'limit' overflowed."}),
        ("/api/v3/depth?symbol=BTCUSDT&limit=0", 400,
         {"code": -1130, "msg": "Data sent for parameter 'limit' is not valid."}),
        ("/api/v3/depth?symbol=NOPE", 400, {"code": -1121, "msg": "Invalid symbol."}),
        ("/api/v3/depth?symbol=BTCUSDT&Limit=5", 400,
         {"code": -1104,
          "msg": "Not all sent parameters were read; read '1' parameter(s) but was sent '2'."}),
        ("/api/v3/ping?x=1", 400,
         {"code": -1104,
          "msg": "Not all sent parameters were read; read '0' parameter(s) but was sent '1'."}),
        ("/api/v3/order/sor", 404, {"code": -1020, "msg": "This operation is not supported."}),
    ],
)  # fmt: skip
async def test_a_bad_parameter_has_its_code_and_text_in_json(
    alice, path: str, status: int, answer: dict[str, Any]
) -> None:
    """Whatever is wrong: the documented words, as application/json, with the used weight beside them."""
    reply = await alice.http.get(path)
    assert (reply.status_code, reply.json()) == (status, answer)
    assert reply.headers["Content-Type"].startswith("application/json")
    assert status == 404 or int(reply.headers["X-MBX-USED-WEIGHT-1M"]) >= 0


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ('{"symbol": null}', -1102),
        ('{"symbol": ""}', -1102),
        ('{"symbol": "BTCUSDT", "limit": null}', -1105),
        ('{"symbol": "BTCUSDT", "limit": 5.0}', -1100),
        ('{"symbol": "BTCUSDT", "limit": -5}', -1100),
        ('{"symbol": "BTCUSDT", "limit": 1e2}', -1100),
        ('{"symbol": "BTCUSDT", "limit": true}', -1100),
        ('{"symbol": "BTCUSDT", "limit": [5]}', -1100),
        ('{"symbol": "BTCUSDT", "limit": "5", "colour": {"a": 1}}', -1104),
        ('{"symbol": 5}', -1121),
        ('{"symbol": "BTCUSDT", "limit": 5}', None),
        ('{"symbol": "BTCUSDT", "limit": "5"}', None),
    ],
)
async def test_json_values_are_read_as_they_stand(
    venue: PaperVenue, connect, params: str, code: int | None
) -> None:
    """By the WebSocket API a number may be a number or text; null is empty; the rest is malformed."""
    async with connect(venue.ws_api) as socket:
        await socket.send(f'{{"id": 1, "method": "depth", "params": {params}}}')
        reply = await socket.receive()
        assert reply.get("error", {}).get("code") == code


def test_a_form_never_gives_what_was_not_sent() -> None:
    """Any pairs, encoded, come back; the query's go before the body's; a name twice is refused."""
    doubles = singles = 0
    pairs = st.lists(st.tuples(st.text(min_size=1, max_size=4), st.text(max_size=6)), max_size=6)

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(query=pairs, body=pairs)
    def read(query: list[tuple[str, str]], body: list[tuple[str, str]]) -> None:
        nonlocal doubles, singles
        texts = (urlencode(query, errors="replace"), urlencode(body, errors="replace"))
        sent = [[tuple(each) for each in pairs] for pairs in (query, body)]
        twice = any(len({name for name, _ in each}) != len(each) for each in sent)
        try:
            found = form(*texts)
        except Refused as refused:
            doubles += 1
            code = refused.code
        else:
            singles += 1
            code = 0
            clean = [
                {name.encode(errors="replace").decode(): value.encode(errors="replace").decode()
                 for name, value in each}
                for each in sent
            ]  # fmt: skip
            assert found == clean[1] | clean[0]
        assert code == (-1101 if twice else 0)

    read()
    assert min(doubles, singles) > 5


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("1767225600000", 1_767_225_600_000), ("1767225600000999", 1_767_225_600_000)]
)
def test_a_time_may_be_in_microseconds(text: str, milliseconds: int) -> None:
    """Every time parameter, not only the timestamp."""
    assert Params({"startTime": text}).time_ms("startTime") == milliseconds
    assert is_microseconds(int(text)) is (len(text) == 16)


@pytest.mark.parametrize("path", ["/api/v3/myTrades", "/api/v3/allOrders"])
async def test_an_accounts_history_may_be_asked_for_in_microseconds(alice, bob, path: str) -> None:
    """The same rows as by milliseconds, and the same limit of a day."""
    await alice.order(**GOOD)
    await bob.order(**GOOD | {"side": "SELL"})
    now_ms = alice.venue.session.clock.now_ms()

    async def rows(start: int, end: int) -> Any:
        reply = await alice.signed("GET", path, symbol="BTCUSDT", startTime=start, endTime=end)
        return reply.json()

    by_ms = await rows(now_ms - 1_000, now_ms + 1_000)
    assert len(by_ms) == 1
    assert await rows((now_ms - 1_000) * 1_000, (now_ms + 1_000) * 1_000) == by_ms
    assert await rows((now_ms + 1) * 1_000, (now_ms + 2) * 1_000) == []
    assert (await rows(now_ms * 1_000, (now_ms + 86_400_001) * 1_000))["code"] == -1127


async def test_a_body_without_measure_is_refused_in_json(alice) -> None:
    """More than a megabyte: HTTP 413, and the venue goes on."""
    reply = await alice.http.post(ORDER, content=b"a" * 2_000_000, headers={"Content-Type": FORM})
    assert (reply.status_code, reply.json()["code"]) == (413, -1100)
    assert await alice.get("/api/v3/ping") == {}


async def test_a_fault_of_the_venues_own_is_told_in_json_and_without_its_reason(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """HTTP 500 with -1000; what it was stands on standard error."""

    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        raise ValueError("the reason")

    runner = web.ServerRunner(Listener(broken, access_log=None, logger=LOGGER))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            reply = await client.get(f"http://127.0.0.1:{runner.addresses[0][1]}/api/v3/ping")
    finally:
        await runner.cleanup()
    assert (reply.status_code, reply.json()["code"]) == (500, -1000)
    assert "the reason" not in reply.text
    assert "the reason" in capfd.readouterr().err


async def test_a_request_that_never_ends_its_head_costs_nobody_else(venue: PaperVenue, alice) -> None:
    """Half a request stays open; others are answered meanwhile."""
    host, port = venue.rest.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 100\r\n\r\nsymbol=")
    assert await alice.get("/api/v3/ping") == {}
    writer.close()
