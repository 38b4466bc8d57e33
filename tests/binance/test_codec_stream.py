"""Frames to events and back: exact, typed, and never surprised by what is new."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.binance.codec_stream import (
    decode_market,
    decode_user_event,
)
from quantlab.binance.encode_stream import encode_market, text
from quantlab.binance.stream_shapes import Reply, ServerShutdown, Unknown
from quantlab.binance.user_shapes import StreamTerminated
from quantlab.domain.market import BookTicker, DepthSnapshot, DepthUpdate, Kline, Trade
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.position import AccountPosition, Balance, Transfer
from quantlab.errors import UndecodableReply

TRADE = {
    "e": "trade", "E": 11, "s": "BTCUSDT", "t": 5, "p": "61837.63000000", "q": "0.02000000", "T": 10,
    "m": True, "M": True,
}  # fmt: skip
TICKER = {"u": 9, "s": "BTCUSDT", "b": "1.10", "B": "2.0", "a": "1.20", "A": "3"}
DIFF = {"e": "depthUpdate", "E": 11, "s": "BTCUSDT", "U": 5, "u": 7, "b": [["1.10", "0.00"]], "a": []}
CANDLE = {
    "t": 1, "T": 2, "s": "BTCUSDT", "i": "1m", "f": 1, "L": 2, "o": "1.0", "c": "2.0", "h": "3.0", "l": "0.5",
    "v": "10", "n": 4, "x": False, "q": "20", "V": "1", "Q": "2", "B": "0",
}  # fmt: skip
EXECUTION = {
    "e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "c": "mUvoqJxFIILMdfAW5iGSOW", "S": "BUY",
    "o": "LIMIT", "f": "GTC", "q": "1.00000000", "p": "0.10264410", "P": "0.00000000", "F": "0.00000000",
    "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 4293153, "l": "0.00000000",
    "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None, "T": 1499405658657, "t": -1, "v": 3,
    "I": 8641984, "w": True, "m": False, "M": False, "O": 1499405658657, "Z": "0.00000000",
    "Y": "0.00000000", "Q": "0.00000000", "W": 1499405658657, "V": "NONE",
}  # fmt: skip  # the document's own example


def combined(stream: str, data: Any) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


def user(event: Any) -> bytes:
    return json.dumps({"subscriptionId": 0, "event": event}).encode()


def encode_user_event(event: ExecutionReport | AccountPosition | Transfer) -> dict[str, object]:
    """The venue's message for `event`; a cancel's own id is not kept, so `c` is "" there."""
    if isinstance(event, Transfer):
        return {"e": "balanceUpdate", "E": event.event_ms, "a": event.asset, "d": text(event.amount),
                "T": event.time_ms}  # fmt: skip
    if isinstance(event, AccountPosition):
        balances = [{"a": b.asset, "f": text(b.free), "l": text(b.locked)} for b in event.balances]
        return {"e": "outboundAccountPosition", "E": event.event_ms, "u": event.updated_ms, "B": balances}
    own, cancel = ("", event.client_order_id), (event.client_order_id, "")
    client_id, original = own if event.execution_type == "CANCELED" else cancel
    return {"e": "executionReport", "E": event.event_ms, "s": event.symbol, "c": client_id, "S": event.side,
            "o": event.type, "f": event.time_in_force, "q": text(event.quantity), "p": text(event.price),
            "C": original, "x": event.execution_type, "X": event.status, "r": event.reject_reason,
            "i": event.order_id, "l": text(event.last_quantity), "z": text(event.cumulative_quantity),
            "L": text(event.last_price), "n": text(event.commission), "N": event.commission_asset,
            "T": event.transact_ms, "t": event.trade_id, "I": event.execution_id, "m": event.is_maker,
            "Z": text(event.cumulative_quote)}  # fmt: skip


def recorded(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as lines:
        for line in lines:
            yield line.split(b" ", 1)[1]


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("spot", {BookTicker: 28_040, Trade: 9_757, DepthUpdate: 3_451, DepthSnapshot: 1}),
        ("usdm", {BookTicker: 66_089, Trade: 21_313, DepthUpdate: 6_551, DepthSnapshot: 1}),
    ],
)
def test_every_recorded_message_is_a_typed_event_and_goes_back_unchanged(
    shared: Path, file: str, counts: dict[type, int]
) -> None:
    """Nothing is lost, and every price, quantity and id is the same text again."""
    seen: Counter[type] = Counter()
    for raw in recorded(shared / "data" / f"{file}_btcusdt_20240808.gz"):
        event: Any = decode_market(raw, 0, symbol="BTCUSDT")
        seen[type(event)] += 1

        said = json.loads(raw)
        wire = json.loads(msgspec.json.encode(encode_market(event)))
        data = said.get("data", said)
        assert wire == {name: data[name] for name in wire}
        assert (
            not {"s", "p", "q", "b", "B", "a", "A", "bids", "asks", "u", "U", "pu", "t"}
            & data.keys() - wire.keys()
        )

    assert seen == counts
    assert seen.total() == {"spot": 41_249, "usdm": 93_954}[file]


def test_combined_and_raw_frames_give_the_same_event() -> None:
    """The envelope only says which stream it is."""
    for name, data in (("trade", TRADE), ("bookTicker", TICKER), ("depth@100ms", DIFF)):
        one = decode_market(combined(f"btcusdt@{name}", data), 42)
        assert one == decode_market(json.dumps(data), 42)
        assert not isinstance(one, Unknown)


@pytest.mark.parametrize("kind", ["trade", "bookTicker", "depth@100ms"])
def test_an_event_of_another_symbol_than_its_stream_is_refused(kind: str) -> None:
    """A price on the wrong stream would become another symbol's price."""
    data = {"trade": TRADE, "bookTicker": TICKER, "depth@100ms": DIFF}[kind]
    assert decode_market(combined(f"btcusdt@{kind}", data), 0)
    frame = combined(f"ethusdt@{kind}", data)
    for each in (frame, frame.replace(b'"ethusdt', b'"\\u0065thusdt')):  # both ways of decoding
        with pytest.raises(UndecodableReply, match="the stream of ETHUSDT brought an event of BTCUSDT"):
            decode_market(each, 0)


def test_a_stream_of_all_symbols_brings_any_of_them() -> None:
    assert isinstance(decode_market(combined("!bookTicker", TICKER), 0), BookTicker)


def test_numbers_keep_every_digit() -> None:
    """Decimal from the text itself, trailing zeros included."""
    trade = decode_market(combined("btcusdt@trade", TRADE), 0)

    assert isinstance(trade, Trade)
    assert str(trade.quantity) == "0.02000000"
    assert encode_market(trade)["q"] == "0.02000000"


def test_a_spot_ticker_has_our_time_and_a_futures_ticker_the_venues_too() -> None:
    """Spot sends no event time; none is made up."""
    spot = decode_market(combined("btcusdt@bookTicker", TICKER), 42)
    futures = decode_market(
        combined("btcusdt@bookTicker", {"e": "bookTicker", "E": 40, "T": 39, **TICKER}), 42
    )

    assert isinstance(spot, BookTicker)
    assert isinstance(futures, BookTicker)
    assert (spot.received_ms, spot.event_ms, futures.event_ms) == (42, None, 40)


def test_a_futures_diff_is_chained_and_a_futures_trade_may_be_of_any_kind() -> None:
    """`pu` links futures diffs; `X` (the trade's kind) is not ours to judge."""
    diff = decode_market(combined("btcusdt@depth@0ms", {**DIFF, "T": 10, "pu": 4}), 0)
    trade = decode_market(combined("btcusdt@trade", {**TRADE, "X": "INSURANCE_FUND"}), 0)

    assert isinstance(diff, DepthUpdate)
    assert (diff.previous_id, diff.bids) == (4, (("1.10", "0.00"),))
    assert isinstance(trade, Trade)


@pytest.mark.parametrize("stream", ["btcusdt@kline_1m", "btcusdt@kline_1m@+08:00"])
def test_a_kline_says_whether_it_still_moves(stream: str) -> None:
    """All of the candle is there, exactly, and goes back."""
    kline = decode_market(combined(stream, {"e": "kline", "E": 3, "s": "BTCUSDT", "k": CANDLE}), 0)

    assert isinstance(kline, Kline)
    assert (kline.interval, kline.closed, kline.quote_volume) == ("1m", False, Decimal(20))
    assert encode_market(kline)["k"].items() <= CANDLE.items()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "data",
    [
        {"lastUpdateId": 7, "bids": [["1", "2"]], "asks": []},
        {
            "e": "depthUpdate",
            "E": 1,
            "T": 1,
            "s": "BTCUSDT",
            "U": 5,
            "u": 7,
            "pu": 4,
            "b": [["1", "2"]],
            "a": [],
        },
    ],
    ids=["spot", "futures"],
)
def test_partial_depth_is_a_snapshot_never_a_diff(data: dict[str, Any]) -> None:
    """Futures send it in the shape of a diff: folding it would ruin a book."""
    event = decode_market(combined("btcusdt@depth5@100ms", data), 0)

    assert event == DepthSnapshot(symbol="BTCUSDT", last_update_id=7, bids=(("1", "2"),), asks=())


@pytest.mark.parametrize(
    "raw",
    [
        combined("btcusdt@aggTrade", {"e": "aggTrade", "s": "BTCUSDT"}),
        combined("btcusdt@trade", {"e": "tradeOfTomorrow", "s": "BTCUSDT"}),
        combined("!ticker@arr", [{"e": "24hrTicker"}]),
        b'{"e":"somethingNew","E":1}',
        b"[1,2]",
        b"null",
        b"{}",
    ],
)
def test_what_we_do_not_know_is_kept_as_text(raw: bytes) -> None:
    """New streams and event types never raise."""
    event = decode_market(raw, 0)

    assert isinstance(event, Unknown)
    assert event.text == raw.decode()


def test_an_escaped_stream_name_is_read_properly() -> None:
    """JSON may write the same name otherwise."""
    assert isinstance(decode_market(combined("btcusdt@trade", TRADE).replace(b"@", b"\\u0040", 1), 0), Trade)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b'{"stream":"btcusdt@trade","data":{',
        b'{"stream":"btcusdt@trade"',
        b'{"stream":"btcusdt@trade","data":{}}',
        b'{"stream":"',
        b"[1,2",
        b'{"stream":"x@y","data":"\xff"}',
        b"[" * 100_000,
        combined("btcusdt@trade", {**TRADE, "p": None}),
        combined("btcusdt@trade", {**TRADE, "p": "NaN"}),
        combined("btcusdt@trade", {**TRADE, "p": "sNaN"}),
        combined("btcusdt@trade", {**TRADE, "p": "Infinity"}),
        combined("btcusdt@trade", {**TRADE, "q": "-1"}),
        combined("btcusdt@trade", {**TRADE, "q": "1e400"}),
        combined("btcusdt@trade", {**TRADE, "t": "5"}),
        combined("btcusdt@depth", {**DIFF, "b": [["1.0"]]}),
        combined("btcusdt@depth", {**DIFF, "b": [[1.0, 2.0]]}),
        combined("btcusdt@depth5", {"lastUpdateId": 7, "bids": []}),
    ],
)
def test_damage_is_undecodable_and_never_half_an_event(raw: bytes) -> None:
    """No JSON, or a known type that breaks its document: one typed error, nothing filled in."""
    with pytest.raises(UndecodableReply):
        decode_market(raw, 0)


def test_cutting_or_flipping_a_byte_gives_an_event_or_the_one_error() -> None:
    """Whatever the line does to a frame, no other exception reaches the reader."""
    frames = [combined("btcusdt@trade", TRADE), combined("btcusdt@depth", DIFF), user(EXECUTION)]
    outcomes: Counter[str] = Counter()

    @given(st.sampled_from(frames), st.data())
    def hold(frame: bytes, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(frame) - 1))
        byte = data.draw(st.binary(max_size=1))
        damaged = frame[:at] + byte + frame[at + 1 :]
        for decode in (lambda raw: decode_market(raw, 0), decode_user_event):
            try:
                decode(damaged)
                outcomes["event"] += 1
            except UndecodableReply:
                outcomes["error"] += 1

    hold()
    assert outcomes["event"]
    assert outcomes["error"]


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (b'{"result":null,"id":3}', (3, 200, 0, "", b"null")),
        (b'{"result":["a@b"],"id":"x"}', ("x", 200, 0, "", b'["a@b"]')),
        (b'{"code":2,"msg":"Invalid request","id":4}', (4, 400, 2, "Invalid request", b"null")),
        (b'{"code":0,"msg":"Unknown property","id":4}', (4, 400, 0, "Unknown property", b"null")),
        (b'{"error":{"code":3,"msg":"Invalid JSON"}}', (None, 400, 3, "Invalid JSON", b"null")),
        (b'{"id":5,"status":200,"result":{},"rateLimits":[]}', (5, 200, 0, "", b"{}")),
        (b'{"id":null,"status":401,"error":{"code":-2015,"msg":"no"}}', (None, 401, -2015, "no", b"null")),
    ],
)
def test_replies_are_told_from_events(raw: bytes, reply: tuple[Any, ...]) -> None:
    """Both dialects, good and bad; a bad one has a status of 400 or more."""
    got = decode_market(raw, 0)

    assert isinstance(got, Reply)
    assert (got.id, got.status, got.code, got.message, got.result) == reply
    if got.id is not None:
        assert decode_user_event(raw) == got


def test_a_refusal_without_an_id_is_a_reply_on_the_user_socket_too() -> None:
    """A key revoked in mid-session is answered to nobody."""
    reply = decode_user_event(b'{"error":{"code":-2015,"msg":"no"},"status":401}')

    assert isinstance(reply, Reply)
    assert (reply.id, reply.code) == (None, -2015)


def test_a_shutdown_is_announced_on_every_kind_of_socket() -> None:
    """Combined, raw, and on the WebSocket API."""
    said = {"e": "serverShutdown", "E": 1770123456789}

    for event in (
        decode_market(combined("!serverShutdown", said), 0),
        decode_market(json.dumps(said), 0),
        decode_user_event(json.dumps({"event": said})),
    ):
        assert event == ServerShutdown(event_ms=1770123456789)


def test_a_rest_snapshot_takes_its_symbol_from_the_caller() -> None:
    """The answer does not name it."""
    raw = b'{"lastUpdateId":7,"E":1,"T":1,"bids":[["1.10","2"]],"asks":[]}'
    snapshot = decode_market(raw, 0, symbol="BTCUSDT")

    assert isinstance(snapshot, DepthSnapshot)
    assert (snapshot.symbol, snapshot.last_update_id, snapshot.bids) == ("BTCUSDT", 7, (("1.10", "2"),))


def test_an_execution_report_holds_what_the_document_says() -> None:
    """The document's own example, and back."""
    report = decode_user_event(user(EXECUTION))

    assert isinstance(report, ExecutionReport)
    assert (report.client_order_id, report.order_id, report.execution_id) == (
        EXECUTION["c"],
        4293153,
        8641984,
    )
    assert (report.price, report.trade_id, report.commission_asset) == (Decimal("0.10264410"), -1, None)
    assert encode_user_event(report).items() <= EXECUTION.items()


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({"x": "CANCELED", "c": "cancel-1", "C": "order-1"}, "order-1"),
        ({"x": "CANCELED", "c": "order-1", "C": ""}, "order-1"),
        ({"x": "CANCELED", "c": "order-1", "C": "null"}, "order-1"),
        ({"x": "REPLACED", "c": "new-1", "C": "order-1"}, "new-1"),
        ({"x": "EXPIRED", "c": "order-1", "C": ""}, "order-1"),
    ],
)
def test_the_client_order_id_is_always_the_orders_own(changes: dict[str, str], own: str) -> None:
    """After a cancel the venue's `c` is the cancel's id and `C` the order's."""
    report = decode_user_event(user(EXECUTION | changes))

    assert isinstance(report, ExecutionReport)
    assert report.client_order_id == own
    assert decode_user_event(user(encode_user_event(report))) == report


def test_unknown_statuses_and_fields_pass_and_a_rebate_is_negative() -> None:
    """Status and type stay text; only the commission may be below zero."""
    report = decode_user_event(
        user(EXECUTION | {"X": "SLEEPING", "o": "MAGIC", "n": "-0.5", "zz": {"a": [1]}})
    )

    assert isinstance(report, ExecutionReport)
    assert (report.status, report.type, report.commission) == ("SLEEPING", "MAGIC", Decimal("-0.5"))
    with pytest.raises(UndecodableReply):
        decode_user_event(user(EXECUTION | {"q": "-1"}))


def test_balances_come_as_they_may_have_changed() -> None:
    """Only the assets that one event touched."""
    said = {"e": "outboundAccountPosition", "E": 2, "u": 1, "B": [{"a": "BTC", "f": "1.50", "l": "0.0"}]}

    position = decode_user_event(user(said))

    balance = Balance(asset="BTC", free=Decimal("1.50"), locked=Decimal("0.0"))
    assert position == AccountPosition(balances=(balance,), event_ms=2, updated_ms=1)
    assert isinstance(position, AccountPosition)
    assert encode_user_event(position) == said


@pytest.mark.parametrize("amount", ["100.00000000", "-0.50000000"])
def test_a_transfer_has_a_sign(amount: str) -> None:
    """In or out; what is no amount is refused."""
    said = {"e": "balanceUpdate", "E": 3, "a": "BTC", "d": amount, "T": 2}
    transfer = decode_user_event(user(said))
    assert transfer == Transfer(asset="BTC", amount=Decimal(amount), event_ms=3, time_ms=2)
    assert isinstance(transfer, Transfer)
    assert encode_user_event(transfer) == said
    for wrong in ("NaN", "-Infinity", "-1e99"):
        with pytest.raises(UndecodableReply):
            decode_user_event(user(said | {"d": wrong}))


def test_other_user_events_are_kept_and_the_end_of_a_subscription_is_told() -> None:
    """externalLockUpdate and the like are not lost; eventStreamTerminated is an event of its own."""
    said = {"e": "externalLockUpdate", "E": 1, "a": "BTC", "d": "1", "T": 1}
    assert isinstance(decode_user_event(user(said)), Unknown)
    assert decode_user_event(user({"e": "eventStreamTerminated", "E": 5})) == StreamTerminated(event_ms=5)
