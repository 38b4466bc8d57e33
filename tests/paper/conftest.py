"""Venues to talk to, and clients for them (venueclient.py)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # tests are no packages: venueclient.py stands beside them

from venueclient import Client, Open, open_socket

from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

PATIENT = Terms(messages_1s=10_000)  # a test may ask a stream socket more than five times a second


@pytest.fixture(scope="session")
def connect() -> Open:
    """Opens a WebSocket: `async with connect(url) as socket`."""
    return open_socket


@pytest.fixture(scope="session")
def client_of() -> type[Client]:
    """Makes a client for any venue: `async with client_of(venue) as client`."""
    return Client


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    """A venue without a market of its own, on a manual clock: nothing happens but what a test does."""
    async with PaperVenue(market="none", clock="manual", terms=PATIENT) as venue:
        yield venue


@pytest.fixture
async def alice(venue: PaperVenue) -> AsyncIterator[Client]:
    """The first account."""
    async with Client(venue) as client:
        yield client


@pytest.fixture
async def bob(venue: PaperVenue) -> AsyncIterator[Client]:
    """The second account."""
    async with Client(venue, account=1) as client:
        yield client


@pytest.fixture
async def lively() -> AsyncIterator[PaperVenue]:
    """A venue with the synthetic market, on a manual clock."""
    async with PaperVenue(clock="manual", seed=7, terms=PATIENT) as venue:
        yield venue


@pytest.fixture
async def reader(lively: PaperVenue) -> AsyncIterator[Client]:
    """The first account of the lively venue."""
    async with Client(lively) as client:
        yield client


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m quantlab.paper.main`; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def launch(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "quantlab.paper.main", *arguments]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield launch
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
