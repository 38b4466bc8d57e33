"""What the server refuses, with the venue's codes, texts and HTTP status."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from quantlab.paper.venue import PaperVenue

ORDER = "/api/v3/order"
GOOD: dict[str, Any] = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
    "price": "59000",
}  # fmt: skip
AT_MARKET = {"type": "MARKET", "timeInForce": None, "price": None}
NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"


def missing(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def illegal(name: str, legal: str = NUMBER) -> str:
    return f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"symbol": None}, -1102, missing("symbol")),
        ({"symbol": "NOPEUSDT"}, -1121, "Invalid symbol."),
        ({"symbol": "btc usdt"}, -1100, illegal("symbol", r"^[A-Z0-9-_.]{1,20}$")),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"side": None}, -1102, missing("side")),
        ({"type": "STOP"}, -1116, "Invalid orderType."),
        ({"timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
        ({"timeInForce": None}, -1102, missing("timeInForce")),
        ({"price": None}, -1102, missing("price")),
        ({"price": ""}, -1105, "Parameter 'price' was empty."),
        ({"price": "-1"}, -1100, illegal("price")),
        ({"quantity": "NaN"}, -1100, illegal("quantity")),
        ({"quantity": "1e1"}, -1100, illegal("quantity")),
        ({"quantity": "0.123456789"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "59000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"quoteOrderQty": "100"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
        ({"stopPrice": "100"}, -1106, "Parameter 'stopPrice' sent when not required."),
        (AT_MARKET | {"quantity": None}, -1102,
         "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
        ({"quantity": "100"}, -2010, "Account has insufficient balance for requested action."),
        ({"newClientOrderId": "no spaces"}, -1100, illegal("newClientOrderId", r"^[a-zA-Z0-9-_]{1,36}$")),
        ({"colour": "red"}, -1104,
         "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."),
        ({"recvWindow": "60001"}, -1131, "recvWindow must be less than 60000."),
        ({"recvWindow": "5000.0001"}, -1111, "Parameter 'recvWindow' has too much precision."),
        ({"timestamp": ""}, -1102, missing("timestamp")),
    ],
)  # fmt: skip
async def test_a_bad_order_is_refused_with_its_code_and_text(
    alice, venue: PaperVenue, changes: dict[str, Any], code: int, message: str
) -> None:
    """HTTP 400, the documented code and text, and no order exists afterwards."""
    params = {name: value for name, value in (GOOD | changes).items() if value is not None}

    assert await alice.refused("POST", ORDER, **params) == (400, code, message)
    assert venue.exchange.open_orders("account-1") == []
    assert [(seen.accepted, seen.code) for seen in venue.requests] == [(False, code)]


async def test_a_client_order_id_is_unique_among_open_orders(alice) -> None:
    """The second order of the same id is refused while the first is open, and taken afterwards."""
    await alice.order(**GOOD, newClientOrderId="same")
    again = await alice.refused("POST", ORDER, **GOOD, newClientOrderId="same")
    await alice.signed("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="same")

    assert again == (400, -2010, "Duplicate order sent.")
    assert (await alice.order(**GOOD, newClientOrderId="same"))["status"] == "NEW"


@pytest.mark.parametrize(
    ("method", "params", "code", "message"),
    [
        ("GET", {"orderId": 99}, -2013, "Order does not exist."),
        ("DELETE", {"orderId": 99}, -2011, "Unknown order sent."),
        ("DELETE", {"orderId": 99, "cancelRestrictions": "ONLY_NEW"}, -2011, "Unknown order sent."),
        ("GET", {}, -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"),
        ("DELETE", {"orderId": 1, "cancelRestrictions": "X"}, -1145, "Invalid cancelRestrictions"),
    ],
)
async def test_an_order_that_is_not_there(
    alice, method: str, params: dict[str, Any], code: int, message: str
) -> None:
    """Querying and cancelling have their own codes."""
    assert await alice.refused(method, ORDER, symbol="BTCUSDT", **params) == (400, code, message)


async def test_a_cancel_restriction_holds(alice) -> None:
    """ONLY_PARTIALLY_FILLED does not cancel an untouched order; ONLY_NEW does."""
    await alice.order(**GOOD, newClientOrderId="x")
    which = {"symbol": "BTCUSDT", "origClientOrderId": "x"}

    refused = await alice.refused("DELETE", ORDER, **which, cancelRestrictions="ONLY_PARTIALLY_FILLED")
    assert refused == (400, -2011, "Order was not canceled due to cancel restrictions.")
    assert (await alice.signed("DELETE", ORDER, **which, cancelRestrictions="ONLY_NEW")).status_code == 200


@pytest.mark.parametrize(
    ("offset_ms", "window", "message"),
    [
        (-5_000, None, None),
        (-5_001, None, "Timestamp for this request is outside of the recvWindow."),
        (-100, "99.999", "Timestamp for this request is outside of the recvWindow."),
        (-100, "100.001", None),
        (999, None, None),
        (1_000, None, "Timestamp for this request was 1000ms ahead of the server's time."),
    ],
)
async def test_the_time_window_is_exact(
    alice, venue: PaperVenue, offset_ms: int, window: str | None, message: str | None
) -> None:
    """recvWindow behind and 1000 ms ahead are the borders, to the millisecond."""
    params: dict[str, Any] = {"timestamp": venue.session.clock.now_ms() + offset_ms}
    if window is not None:
        params["recvWindow"] = window
    reply = await alice.signed("GET", "/api/v3/account", **params)

    assert reply.status_code == (200 if message is None else 400)
    if message is not None:
        assert reply.json() == {"code": -1021, "msg": message}


async def test_timestamps_may_be_in_microseconds(alice, venue: PaperVenue) -> None:
    """16 digits are microseconds."""
    stamp = venue.session.clock.now_ms() * 1_000
    assert (await alice.signed("GET", "/api/v3/account", timestamp=stamp)).status_code == 200
    assert (await alice.signed("GET", "/api/v3/account", timestamp=stamp - 5_000_001)).status_code == 400


@pytest.mark.parametrize(
    ("key", "status", "code"), [(None, 401, -2014), ("short", 401, -2014), ("K" * 64, 401, -2015)]
)
async def test_a_wrong_key_is_refused(alice, key: str | None, status: int, code: int) -> None:
    """No key or no key's shape is -2014, an unknown one -2015; both HTTP 401."""
    headers = {} if key is None else {"X-MBX-APIKEY": key}
    reply = await alice.http.get("/api/v3/account?timestamp=1&signature=00", headers=headers)

    assert (reply.status_code, reply.json()["code"]) == (status, code)


async def test_a_wrong_or_missing_signature_is_refused(alice, bob, venue: PaperVenue) -> None:
    """Another account's signature is -1022, none at all -1102."""
    query = f"timestamp={venue.session.clock.now_ms()}"
    headers = {"X-MBX-APIKEY": alice.key}
    wrong = await alice.http.get(f"/api/v3/account?{query}&signature={bob.signature(query)}", headers=headers)
    none = await alice.http.get(f"/api/v3/account?{query}", headers=headers)

    assert wrong.json() == {"code": -1022, "msg": "Signature for this request is not valid."}
    assert (none.status_code, none.json()["code"]) == (400, -1102)


@pytest.mark.parametrize("where", ["query", "body", "mixed", "signature first", "upper case"])
async def test_parameters_come_by_query_by_body_or_by_both(alice, venue: PaperVenue, where: str) -> None:
    """The signature covers query and body as they were sent, wherever it stands itself."""
    head = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    tail = f"quantity=0.01&price=59000&timestamp={venue.session.clock.now_ms()}"
    whole = f"{head}&{tail}"
    query, body = {
        "query": (f"{whole}&signature={alice.signature(whole)}", ""),
        "body": ("", f"{whole}&signature={alice.signature(whole)}"),
        "mixed": (head, f"{tail}&signature={alice.signature(head + tail)}"),
        "signature first": (f"signature={alice.signature(whole)}&{whole}", ""),
        "upper case": (f"{whole}&signature={alice.signature(whole).upper()}", ""),
    }[where]
    form = {"X-MBX-APIKEY": alice.key, "Content-Type": "application/x-www-form-urlencoded"}

    reply = await alice.http.post(f"{ORDER}?{query}", content=body, headers=form)

    assert reply.status_code == 200, reply.text


async def test_the_signature_covers_the_percent_encoded_text(alice, venue: PaperVenue) -> None:
    """What was encoded is signed encoded; the same text signed in the clear is -1022."""
    stamp = venue.session.clock.now_ms()
    sent = f"symbols=%5B%22BTCUSDT%22%5D&timestamp={stamp}"
    clear = f'symbols=["BTCUSDT"]&timestamp={stamp}'
    headers = {"X-MBX-APIKEY": alice.key}
    codes = []
    for signed in (sent, clear):
        url = f"/api/v3/account?{sent}&signature={alice.signature(signed)}"
        codes.append((await alice.http.get(url, headers=headers)).json()["code"])

    assert codes == [-1104, -1022]  # -1104: the signature was right, account just takes no symbols


async def test_the_query_wins_over_the_body_and_doubles_are_refused(alice, venue: PaperVenue) -> None:
    """The same name in query and body: the query's value counts; twice in the query is -1101."""
    query = urlencode(GOOD | {"timestamp": venue.session.clock.now_ms()})
    body = "price=1"
    url = f"{ORDER}?{query}&signature={alice.signature(query + body)}"
    form = {"X-MBX-APIKEY": alice.key, "Content-Type": "application/x-www-form-urlencoded"}

    assert (await alice.http.post(url, content=body, headers=form)).json()["price"] == "59000.00000000"
    double = await alice.http.get("/api/v3/depth?symbol=BTCUSDT&symbol=ETHUSDT")
    assert double.json() == {"code": -1101, "msg": "Duplicate values for a parameter detected."}


async def test_only_requests_under_a_known_key_are_logged(alice, venue: PaperVenue) -> None:
    """Anybody can send orders without a key; the log, which is kept, has none of them."""
    await alice.http.post(f"{ORDER}?symbol=BTCUSDT", headers={})
    await alice.http.post(f"{ORDER}?symbol=BTCUSDT", headers={"X-MBX-APIKEY": "K" * 64})
    assert venue.requests == []
    await alice.http.post(f"{ORDER}?signature=00", headers={"X-MBX-APIKEY": alice.key})
    assert [seen.code for seen in venue.requests] == [-1022]


async def test_a_body_that_is_not_what_its_encoding_says_is_refused(
    alice, capfd: pytest.CaptureFixture[str]
) -> None:
    """Broken gzip is the sender's fault: 400, in JSON, and no traceback."""
    headers = {"X-MBX-APIKEY": alice.key, "Content-Encoding": "gzip"}
    reply = await alice.http.post(ORDER, content=b"no gzip at all", headers=headers)

    assert (reply.status_code, reply.json()["code"]) == (400, -1100)
    await alice.get("/api/v3/ping")
    assert len(capfd.readouterr().err.splitlines()) <= 1


async def test_a_request_that_is_no_http_costs_one_line(
    venue: PaperVenue, capfd: pytest.CaptureFixture[str]
) -> None:
    """What cannot be parsed is answered 400, and the owner reads one line, not a traceback."""
    host, port = venue.rest.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /api/v3/ping?\xff HTTP/1.1\r\n\r\n")
    assert b" 400 " in await asyncio.wait_for(reader.readline(), 30)
    writer.close()
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("quantlab venue: Error handling request")


@pytest.mark.parametrize("path", [ORDER, "/control/advance"])
async def test_a_client_that_waits_to_be_asked_is_asked(venue: PaperVenue, path: str) -> None:
    """Expect: 100-continue gets its interim answer before the body, and then the reply."""
    host, port = venue.rest.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: v\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n".encode()
    )
    async with asyncio.timeout(30):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"a=1")
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


@pytest.mark.parametrize("interval", ["1m", "1w", "1M"])
@pytest.mark.parametrize("start_ms", [10**14 - 1, 2**63 - 1])
async def test_candles_of_a_time_to_come_are_none(alice, bob, interval: str, start_ms: int) -> None:
    """Also of a year that no calendar has."""
    await alice.order(**GOOD)
    await bob.order(**(GOOD | {"side": "SELL"}))
    rows = await alice.get("/api/v3/klines", symbol="BTCUSDT", interval=interval, startTime=start_ms)
    assert rows == []


async def test_an_unknown_path_answers_json(alice) -> None:
    """404 with a code and a text, also for a known path with another method."""
    for method, path in (("GET", "/api/v3/nothing"), ("GET", "/"), ("PUT", "/api/v3/order")):
        reply = await alice.http.request(method, path)
        assert (reply.status_code, reply.json()["code"]) == (404, -1020)


async def test_weight_is_counted_as_documented(alice) -> None:
    """Every reply tells the used weight; orders cost nothing unless they are refused."""

    async def cost(call: Any) -> int:
        before = int((await alice.http.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-1M"])
        await call
        return int((await alice.http.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-1M"]) - before - 1

    get, signed = alice.http.get, alice.signed
    assert await cost(get("/api/v3/exchangeInfo")) == 20
    assert [
        await cost(get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": n}))
        for n in (100, 101, 501, 1_001)
    ] == [5, 25, 50, 250]
    assert await cost(get("/api/v3/ticker/price")) == 4
    assert await cost(get("/api/v3/ticker/price", params={"symbol": "BTCUSDT"})) == 2
    assert await cost(signed("GET", "/api/v3/openOrders")) == 80
    assert await cost(signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")) == 6
    assert await cost(signed("POST", ORDER, **GOOD)) == 0
    assert await cost(signed("POST", ORDER, **(GOOD | {"price": "0.001"}))) == 1


async def test_too_much_weight_waits_for_the_next_minute(alice, venue: PaperVenue) -> None:
    """Over 6000 a minute is 429 with Retry-After; the window ends on the minute."""
    venue.session.limits.address("127.0.0.1").weight.add(5_999, venue.session.time_ms)
    last = await alice.http.get("/api/v3/ping")
    over = await alice.http.get("/api/v3/ping")
    await venue.advance(int(over.headers["Retry-After"]) * 1_000)
    later = await alice.http.get("/api/v3/ping")

    assert (last.status_code, last.headers["X-MBX-USED-WEIGHT-1M"]) == (200, "6000")
    assert (over.status_code, over.json()["code"], over.headers["Retry-After"]) == (429, -1003, "60")
    assert (later.status_code, later.headers["X-MBX-USED-WEIGHT-1M"]) == (200, "1")


async def test_unfilled_orders_are_counted_and_fills_give_the_count_back(alice, bob) -> None:
    """X-MBX-ORDER-COUNT grows with each resting order; a taker's fill takes its own back, a maker's five."""

    async def counts(client: Any, **changes: Any) -> tuple[str, str]:
        reply: httpx.Response = await client.signed("POST", ORDER, **(GOOD | changes))
        return reply.headers["X-MBX-ORDER-COUNT-10S"], reply.headers["X-MBX-ORDER-COUNT-1D"]

    assert await counts(alice) == ("1", "1")
    assert await counts(alice) == ("2", "2")
    assert await counts(bob, side="SELL") == ("0", "0")  # filled at once
    assert await counts(alice) == ("1", "1")  # the filled maker's took both off; this one is new


async def test_too_many_unfilled_orders_are_refused(client_of) -> None:
    """-1015 with HTTP 429 until the ten seconds are over."""
    async with (
        PaperVenue(market="none", clock="manual", orders_10s=2) as venue,
        client_of(venue) as client,
    ):
        for _ in range(2):
            await client.order(**GOOD)
        refused = await client.refused("POST", ORDER, **GOOD)
        await venue.advance(10_000)
        assert refused == (429, -1015, "Too many new orders; current limit is 2 orders per 10 SECOND.")
        assert (await client.order(**GOOD))["status"] == "NEW"
