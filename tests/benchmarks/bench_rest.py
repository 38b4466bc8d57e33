"""Signed orders by REST: our transport beside plain httpx and its kin, in one run.

The server of bench_wsapi.py (a process of its own, TLS, canned answers) is asked for the same order by each:
sequentially and by 10 and 50 workers, in interleaved rounds. Plain httpx is one persistent client with its
default limits and sniffio installed, as a careful script would use it. Ours stands here three times: the
whole of `BinanceClient.submit_order`, its `Transport` under a script, and its pool under an
`httpx.AsyncClient` (`PooledTransport`).

Prints one JSON document of medians and asserts nothing. Peers are measured where they are installed; none is
a dependency of quantlab except httpx and aiohttp. In an environment of its own:

    pip install httpx sniffio aiohttp httpx-aiohttp httpx2
    pip install httptools msgspec certifi cryptography pandas trustme websockets
    PYTHONPATH=. python tests/benchmarks/bench_rest.py [--rounds 5] [--requests 3000] [--plain]
"""

from __future__ import annotations

import importlib.util
import json
from typing import Any
from urllib.parse import urlencode

from bench_wsapi import KEY, AiohttpRest, Contender, OursRest, main, sign, stamped


def signed() -> str:
    query = urlencode(stamped())
    return f"{query}&signature={sign(query)}"


class Httpx(Contender):
    """One client for all requests, default limits."""

    share = 0.2  # of the requests: at 50 workers it answers some hundred a second

    def made(self) -> Any:
        import httpx

        return httpx.AsyncClient(verify=self.context or True, headers={"X-MBX-APIKEY": KEY}, trust_env=False)

    async def start(self) -> None:
        self.client = self.made()

    async def order(self) -> None:
        reply = await self.client.post(f"{self.rest}/api/v3/order?{signed()}")
        reply.json()

    async def stop(self) -> None:
        await self.client.aclose()


class Httpx2(Httpx):
    """The package httpx2."""

    def made(self) -> Any:
        import httpx2

        return httpx2.AsyncClient(verify=self.context or True, headers={"X-MBX-APIKEY": KEY}, trust_env=False)


class HttpxAiohttp(Httpx):
    """httpx above aiohttp's connections."""

    share = 1.0

    def made(self) -> Any:
        import aiohttp
        import httpx
        from httpx_aiohttp import AiohttpTransport

        connector = aiohttp.TCPConnector(ssl=self.context or False, limit=200)
        session = aiohttp.ClientSession(connector=connector)
        return httpx.AsyncClient(transport=AiohttpTransport(client=session), headers={"X-MBX-APIKEY": KEY})


class HttpxPooled(Httpx):
    """httpx above our connections."""

    share = 1.0

    def made(self) -> Any:
        import httpx

        from quantlab.binance.pool import Pool, PooledTransport

        port = int(self.rest.rpartition(":")[2])
        pool = Pool("127.0.0.1", port, context=self.context, most=8, largest=1 << 20)
        return httpx.AsyncClient(transport=PooledTransport(pool), headers={"X-MBX-APIKEY": KEY})


class OursTransport(Contender):
    """What `BinanceClient` sends by, under a script."""

    async def start(self) -> None:
        from quantlab.binance.transport import Transport

        self.transport = Transport(self.rest, timeout_s=10, ssl_context=self.context)

    async def order(self) -> None:
        outcome: Any = await self.transport.exchange(
            "POST", "/api/v3/order", signed, headers={"X-MBX-APIKEY": KEY}
        )
        json.loads(outcome.body)

    async def stop(self) -> None:
        await self.transport.aclose()


CONTENDERS: dict[str, type[Contender]] = {
    "httpx": Httpx,
    "httpx2": Httpx2,
    "httpx over aiohttp": HttpxAiohttp,
    "aiohttp": AiohttpRest,
    "httpx over quantlab's pool": HttpxPooled,
    "quantlab Transport": OursTransport,
    "quantlab BinanceClient": OursRest,
}
NEEDS = {"httpx2": "httpx2", "httpx over aiohttp": "httpx_aiohttp"}

if __name__ == "__main__":
    found = {
        name: made for name, made in CONTENDERS.items() if importlib.util.find_spec(NEEDS.get(name, "httpx"))
    }
    main(found, peers=("httpx", "aiohttp"), about=__doc__ or "")
