"""https and wss: a certificate authority of the venue's own."""

from __future__ import annotations

import json
import os
import signal
import ssl
import stat
from pathlib import Path

import httpx
import pytest
import websockets

from quantlab.errors import PortTaken
from quantlab.paper.venue import PaperVenue


def trusting(ca: Path | str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


async def test_every_door_is_open_to_who_trusts_the_authority() -> None:
    """REST, streams, WebSocket API and control, by 127.0.0.1 and by localhost; plain HTTP is not served."""
    async with PaperVenue(market="none", tls=True) as venue:
        context = trusting(venue.ca)
        assert [url.partition(":")[0] for url in (venue.rest, venue.ws, venue.ws_api)] == [
            "https",
            "wss",
            "wss",
        ]
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            for base in (venue.rest, venue.rest.replace("127.0.0.1", "localhost")):
                assert (await client.get(f"{base}/api/v3/ping")).json() == {}
            headers = {"Authorization": f"Bearer {venue.control.secret}"}
            assert (await client.get(f"{venue.control.url}/log", headers=headers)).json() == []
        for url, method in ((f"{venue.ws}/ws", "LIST_SUBSCRIPTIONS"), (venue.ws_api, "ping")):
            async with websockets.connect(url, ssl=context, proxy=None) as socket:
                await socket.send(json.dumps({"id": 1, "method": method}))
                assert json.loads(await socket.recv())["id"] == 1
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"{venue.rest.replace('https', 'http')}/api/v3/ping")


async def test_nobody_else_trusts_the_venue() -> None:
    """Neither the system's authorities nor another venue's vouch for it."""
    async with PaperVenue(market="none", tls=True) as venue, PaperVenue(market="none", tls=True) as other:
        for context in (ssl.create_default_context(), trusting(other.ca)):
            async with httpx.AsyncClient(verify=context, trust_env=False) as client:
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get(f"{venue.rest}/api/v3/ping")


async def test_the_folder_holds_no_private_key_and_goes_with_the_venue() -> None:
    """Only the authority's certificate lies there, for its owner alone; afterwards nothing does."""
    async with PaperVenue(market="none", tls=True) as venue:
        folder = venue.ca.parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [path.name for path in folder.iterdir()] == ["ca.pem"]
        assert "PRIVATE" not in venue.ca.read_text()
    assert not folder.exists()
    assert venue.ca is None


async def test_a_venue_that_cannot_start_leaves_no_folder(tmp_path: Path, monkeypatch) -> None:
    """Its port is taken: the folder is gone with it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with PaperVenue(market="none") as first:
        port = int(first.rest.rpartition(":")[2])
        with pytest.raises(PortTaken):
            async with PaperVenue(port, market="none", tls=True):
                pass
    assert list(tmp_path.iterdir()) == []


def test_the_ready_line_names_the_authority(start, tmp_path: Path, monkeypatch) -> None:
    """`quantlab venue --tls` prints `ca`; SIGTERM removes the file. Without it `ca` is null."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = start("--market", "none", "--tls")
    ready = json.loads(process.stdout.readline())
    ca = Path(ready["ca"])
    assert ca.is_relative_to(tmp_path)
    reply = httpx.get(f"{ready['rest']}/api/v3/ping", verify=trusting(ca), trust_env=False)
    assert reply.json() == {}
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(10) == 0
    assert list(tmp_path.iterdir()) == []

    plain = json.loads(start("--market", "none", "--die-with-parent").stdout.readline())
    assert plain["ca"] is None
    assert plain["rest"].startswith("http://")
