"""A journal belongs to one venue and one account, by whatever name the venue is called."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quantlab.config import Settings
from quantlab.engine import Engine
from quantlab.engine.identity import Identity
from quantlab.engine.source import LinkedMarket
from quantlab.secret import Secret


def settings_at(home: Path, rest: str, key: str = "key") -> Settings:
    profile = home / "venue.toml"
    profile.write_text(f'rest = "{rest}"\nws = "ws://127.0.0.1:1"\nws_api = "ws://127.0.0.1:1/ws-api/v3"\n')
    settings = Settings.from_environment({"QUANTLAB_HOME": str(home), "QUANTLAB_VENUE": str(profile)})
    return msgspec.structs.replace(settings, api_key=key, api_secret=Secret("s"))


@pytest.mark.parametrize("name", ["localhost", "[::1]"])
def test_the_names_of_loopback_are_one_venue(home: Path, name: str) -> None:
    """Two kernels on one account would else both trade, each with limits of its own."""
    one = Identity.of(settings_at(home, f"http://{name}:8080"), None)

    assert one == Identity.of(settings_at(home, "http://127.0.0.1:8080"), None)
    assert one != Identity.of(settings_at(home, "http://127.0.0.1:8081"), None)


def test_an_account_is_known_by_a_hash_of_its_key(home: Path) -> None:
    one = Identity.of(settings_at(home, "http://127.0.0.1:1", key="my-key"), None)
    other = Identity.of(settings_at(home, "http://127.0.0.1:1", key="another"), None)

    assert one.account != other.account
    assert "my-key" not in str(one.journal_path(home))
    assert one.journal_path(home).parent.stat().st_mode & 0o777 == 0o700


def test_every_embedded_venue_is_a_new_one(home: Path) -> None:
    settings = Settings.from_environment({"QUANTLAB_HOME": str(home)})

    assert Identity.of(settings, 7) != Identity.of(settings, 7)


@pytest.mark.parametrize(("venue", "folder"), [("paper", None), ("testnet", "history")])
def test_a_past_is_kept_on_disk_by_venue_and_a_paper_venues_only_in_memory(
    home: Path, venue: str, folder: str | None
) -> None:
    """A paper venue is a new market each time: its old pages would be another market's."""
    settings = Settings.from_environment({"QUANTLAB_HOME": str(home), "QUANTLAB_VENUE": venue})
    kept = LinkedMarket(Engine(settings)).past.folder

    assert (None if kept is None else kept.parent.name) == folder
    if kept is not None:
        assert kept.is_relative_to(home)
        assert kept.name == Identity.of(settings, None).instance
