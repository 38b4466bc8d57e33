from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from quantlab.config import KNOWN_NAMES, Settings, process_environment
from quantlab.domain.venue import Level
from quantlab.endpoints import KNOWN_VENUES, TESTNET_HOSTS, Endpoints, level_of
from quantlab.errors import ConfigError
from quantlab.home import home_folder, home_path
from quantlab.privatefile import read_secret_line
from quantlab.secret import Secret

LOOPBACK = Endpoints(rest="http://127.0.0.1:1", ws="ws://127.0.0.1:1", ws_api="ws://127.0.0.1:1/ws-api/v3")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def secret_file(path: Path, content: bytes = b"secret\n", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def profile(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


ENDPOINTS = 'rest = "{rest}"\nws = "{ws}"\nws_api = "{ws_api}"\n'
LOCAL_PROFILE = ENDPOINTS.format(rest=LOOPBACK.rest, ws=LOOPBACK.ws, ws_api=LOOPBACK.ws_api)


# The environment ----------------------------------------------------------------------------


def test_with_nothing_set_it_is_the_embedded_paper_venue_without_a_key(environ: dict[str, str]) -> None:
    settings = Settings.from_environment(environ)

    assert (settings.venue, settings.endpoints, settings.level) == ("paper", None, Level.PAPER)
    assert (settings.api_key, settings.api_secret, settings.glass_cockpit) == ("", None, False)


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_an_unknown_name_suggests_the_nearest_one(environ: dict[str, str], name: str) -> None:
    wrong = name[:-2] + name[-1] + "S"
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment({**environ, wrong: "x"})

    assert wrong in str(refused.value)
    assert "did you mean QUANTLAB_" in str(refused.value)


def test_an_unknown_name_is_refused_without_its_value(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment({**environ, "QUANTLAB_API_SECERT": "hush"})

    assert "QUANTLAB_API_SECRET" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_names_of_others_are_none_of_our_business(environ: dict[str, str]) -> None:
    Settings.from_environment({**environ, "QUANTLABX": "1", "MY_QUANTLAB_THING": "1"})


def test_settings_are_frozen_and_need_no_global_state(environ: dict[str, str]) -> None:
    settings = Settings.from_environment(environ)
    with pytest.raises(AttributeError):
        settings.glass_cockpit = True  # type: ignore[misc]


def test_a_key_and_its_secret_come_together(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="together"):
        Settings.from_environment({**environ, "QUANTLAB_API_KEY": "k"})
    with pytest.raises(ConfigError, match="together"):
        Settings.from_environment({**environ, "QUANTLAB_API_SECRET": "s"})


@pytest.mark.parametrize("name", ["QUANTLAB_API_SECRET", "QUANTLAB_REDIS_PASSWORD"])
def test_a_secret_comes_from_one_place(environ: dict[str, str], tmp_path: Path, name: str) -> None:
    path = secret_file(tmp_path / "secret")
    settings = Settings.from_environment({**environ, f"{name}_FILE": str(path), "QUANTLAB_API_KEY": "k"} | (
        {} if name == "QUANTLAB_API_SECRET" else {"QUANTLAB_API_SECRET": "s"}
    ))  # fmt: skip
    found = settings.api_secret if name == "QUANTLAB_API_SECRET" else settings.redis_password
    assert found is not None
    assert found.reveal() == "secret"

    with pytest.raises(ConfigError, match="both"):
        Settings.from_environment({**environ, name: "x", f"{name}_FILE": str(path)})


def test_a_private_key_comes_from_a_file_of_ours_alone(environ: dict[str, str], tmp_path: Path) -> None:
    """The whole text of a PKCS#8 file, of mode 0600; an HMAC secret beside it is a contradiction."""
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_text("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n")
    named = {**environ, "QUANTLAB_API_KEY": "k", "QUANTLAB_PRIVATE_KEY_FILE": str(key)}
    settings = Settings.from_environment(named)

    assert settings.api_secret is not None
    assert settings.api_secret.reveal() == key.read_text()
    assert "hush" not in repr(settings)
    with pytest.raises(ConfigError, match="both an API secret and QUANTLAB_PRIVATE_KEY_FILE"):
        Settings.from_environment({**named, "QUANTLAB_API_SECRET": "s"})
    with pytest.raises(ConfigError, match="together"):
        Settings.from_environment({**environ, "QUANTLAB_PRIVATE_KEY_FILE": str(key)})
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600") as refused:
        Settings.from_environment(named)
    assert "hush" not in str(refused.value)


def test_a_redis_url_may_name_its_user(environ: dict[str, str]) -> None:
    settings = Settings.from_environment(
        {**environ, "QUANTLAB_REDIS_URL": "rediss://quantlab@redis.example/0"}
    )

    assert settings.redis_url == "rediss://quantlab@redis.example/0"


def test_a_redis_url_with_a_password_is_refused_without_it(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment({**environ, "QUANTLAB_REDIS_URL": "redis://:hush@localhost"})

    assert "hush" not in str(refused.value)


# The home folder ----------------------------------------------------------------------------


def test_the_home_is_made_for_us_alone(environ: dict[str, str], tmp_path: Path) -> None:
    assert Settings.from_environment(environ).home == tmp_path / ".quantlab"
    assert stat.S_IMODE((tmp_path / ".quantlab").stat().st_mode) == 0o700


def test_the_home_is_where_the_environment_says(environ: dict[str, str], tmp_path: Path) -> None:
    data = {**environ, "XDG_DATA_HOME": str(tmp_path / "data")}
    named = {**data, "QUANTLAB_HOME": str(tmp_path / "named")}

    assert home_folder(data) == tmp_path / "data" / "quantlab"
    assert home_folder(named) == tmp_path / "named"


@pytest.mark.parametrize("named", ["here", "./here", "../here", "~nobody-of-this-name/here"])
def test_a_home_that_is_no_absolute_path_is_refused_by_name(environ: dict[str, str], named: str) -> None:
    """It would be another home in every working folder."""
    with pytest.raises(ConfigError, match="QUANTLAB_HOME=.*absolute path"):
        home_path({**environ, "QUANTLAB_HOME": named})


def test_a_home_may_start_with_a_tilde_and_an_empty_one_is_none(environ: dict[str, str]) -> None:
    assert home_path({**environ, "QUANTLAB_HOME": "~/mine"}) == Path("~/mine").expanduser()
    assert home_path({**environ, "QUANTLAB_HOME": ""}) == home_path(environ)


def test_a_relative_data_folder_of_the_desktop_is_ignored(environ: dict[str, str]) -> None:
    """As its specification says: XDG Base Directory, "paths must be absolute"."""
    assert home_path({**environ, "XDG_DATA_HOME": "data"}) == home_path(environ)


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_s6_a_home_that_others_may_write_to_is_refused(
    environ: dict[str, str], tmp_path: Path, mode: int
) -> None:
    (tmp_path / ".quantlab").mkdir()
    (tmp_path / ".quantlab").chmod(mode)

    with pytest.raises(ConfigError, match="chmod 700"):
        Settings.from_environment(environ)


def test_a_home_that_is_a_file_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".quantlab").touch()

    with pytest.raises(ConfigError, match="QUANTLAB_HOME"):
        Settings.from_environment(environ)


# Venues, profiles and levels ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("venue", "level"), [("paper", Level.PAPER), ("testnet", Level.TESTNET), ("live", Level.PRODUCTION)]
)
def test_a_known_venue_has_its_level(environ: dict[str, str], venue: str, level: Level) -> None:
    settings = Settings.from_environment({**environ, "QUANTLAB_VENUE": venue})

    assert settings.level is level
    assert set(KNOWN_VENUES) == {"paper", "testnet", "live"}


def test_a_mistyped_venue_suggests_the_nearest_one(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"did you mean testnet\?"):
        Settings.from_environment({**environ, "QUANTLAB_VENUE": "tesnet"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "localhost"])
def test_loopback_is_paper(host: str) -> None:
    url = f"//{host}:8080"
    assert (
        level_of(Endpoints(rest=f"http:{url}", ws=f"ws:{url}", ws_api=f"ws:{url}/ws-api/v3")) is Level.PAPER
    )


@pytest.mark.parametrize("host", sorted(TESTNET_HOSTS))
def test_listed_test_hosts_are_testnet(host: str) -> None:
    assert level_of(Endpoints(rest=f"https://{host}", ws=f"wss://{host}:9443", ws_api="")) is Level.TESTNET


@pytest.mark.parametrize(
    "host",
    [
        "api.binance.com", "example.org", "testnet.binance.vision.example.org", "localhost.example.org",
        "127.0.0.1.nip.io", "xtestnet.binance.vision", "0.0.0.0", "10.0.0.1", "192.168.1.1", "127.1",
        "2130706433", "0x7f.1", "localhost.", "127.0.0.1.", "[::2]", "binance.vision",
    ],
)  # fmt: skip
def test_every_other_host_is_production_however_it_looks(host: str) -> None:
    assert level_of(Endpoints(rest=f"https://{host}", ws=f"wss://{host}", ws_api="")) is Level.PRODUCTION


@pytest.mark.parametrize("field", ["rest", "ws", "ws_api"])
def test_one_production_endpoint_makes_it_production(field: str) -> None:
    scheme = "https" if field == "rest" else "wss"
    mixed = msgspec.structs.replace(LOOPBACK, **{field: f"{scheme}://api.binance.com"})

    assert level_of(mixed) is Level.PRODUCTION


@pytest.mark.parametrize(
    "url",
    [
        "", "api.binance.com", "https://", "ftp://127.0.0.1", "wss://127.0.0.1", "http://api.binance.com",
        "https://user:hush@127.0.0.1", "https://127.0.0.1@api.binance.com", "https://127.0.0.1\\@api.binance.com",
        "https://127.0.0.1#@api.binance.com", "https://127.0.0.1?x", "https://127.0.0.1/%2e%2e",
        "https://a b",
        "https://127.0.0.1:0", "https://127.0.0.1:65536", "https://127.0.0.1:x", "https://127.0.0.1\n",
        "HTTPS://127.0.0.1", "https://API.binance.com", "https://\u0430pi.binance.com", "https://127.0.0.1//x",
    ],
)  # fmt: skip
def test_an_endpoint_that_is_no_plain_encrypted_url_is_refused_unquoted(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Endpoints(rest=url, ws="wss://127.0.0.1", ws_api="")

    assert "rest" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_profile_gives_endpoints_symbols_and_the_window(environ: dict[str, str], tmp_path: Path) -> None:
    path = profile(tmp_path, LOCAL_PROFILE + 'symbols = ["ETHUSDT"]\nrecv_window_ms = 1000\n')
    settings = Settings.from_environment({**environ, "QUANTLAB_VENUE": path})

    assert (settings.venue, settings.endpoints, settings.level) == ("mine", LOOPBACK, Level.PAPER)
    assert (settings.symbols, settings.recv_window_ms) == (("ETHUSDT",), 1_000)
    assert (settings.rest, settings.ws, settings.ws_api) == (LOOPBACK.rest, LOOPBACK.ws, LOOPBACK.ws_api)


def test_a_slash_at_the_end_of_an_endpoint_does_no_harm(environ: dict[str, str], tmp_path: Path) -> None:
    path = profile(tmp_path, LOCAL_PROFILE.replace(':1"', ':1/"'))

    assert Settings.from_environment({**environ, "QUANTLAB_VENUE": path}).endpoints == LOOPBACK


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LOCAL_PROFILE + 'symbol = ["X"]\n', "did you mean symbols?"),
        (LOCAL_PROFILE.replace("ws_api", "wsapi"), "did you mean ws_api?"),
        (LOCAL_PROFILE + 'api_key = "hush"\n', "QUANTLAB_API_KEY"),
        (LOCAL_PROFILE + 'api_secret = "hush"\n', "QUANTLAB_API_SECRET"),
        ("", "no endpoint rest"),
        (LOCAL_PROFILE.split("\n", 1)[1], "no endpoint rest"),
        ("rest = 3\n", "no endpoint rest"),
        ("rest = ", "no TOML"),
        (ENDPOINTS.format(rest="http://example.org", ws="wss://x", ws_api=""), "loopback"),
        (LOCAL_PROFILE + "symbols = []\n", "symbols"),
        (LOCAL_PROFILE + 'symbols = "BTCUSDT"\n', "symbols"),
        (LOCAL_PROFILE + "recv_window_ms = 60001\n", "60000"),
        (LOCAL_PROFILE + "recv_window_ms = 1.5\n", "whole number"),
        (LOCAL_PROFILE + "recv_window_ms = true\n", "whole number"),
    ],
    ids=range(14),
)
def test_a_bad_profile_says_what_is_wrong(
    environ: dict[str, str], tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment({**environ, "QUANTLAB_VENUE": profile(tmp_path, text)})

    assert says in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_missing_profile_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere.toml"):
        Settings.from_environment({**environ, "QUANTLAB_VENUE": str(tmp_path / "nowhere.toml")})


def test_s9_production_takes_no_key(environ: dict[str, str], tmp_path: Path) -> None:
    keys = {"QUANTLAB_API_KEY": "k" * 64, "QUANTLAB_API_SECRET": "s"}
    near = profile(tmp_path, LOCAL_PROFILE.replace("ws://127.0.0.1:1/ws-api/v3", "wss://ws-api.binance.com"))
    for venue in ("live", near):
        with pytest.raises(ConfigError, match="production") as refused:
            Settings.from_environment({**environ, **keys, "QUANTLAB_VENUE": venue})
        assert "k" * 64 not in str(refused.value)
    Settings.from_environment({**environ, **keys, "QUANTLAB_VENUE": "testnet"})


# The embedded venue and the glass cockpit ---------------------------------------------------


def embedded(settings: Settings) -> Settings:
    return settings.embedded(
        rest=LOOPBACK.rest, ws=LOOPBACK.ws, ws_api=LOOPBACK.ws_api, api_key="own", api_secret=Secret("own")
    )


def test_the_embedded_venue_brings_its_own_account(environ: dict[str, str]) -> None:
    settings = Settings.from_environment(environ)
    with pytest.raises(ConfigError, match="does not run"):
        _ = settings.rest
    running = embedded(settings)

    assert (running.rest, running.api_key, running.own_venue) == (LOOPBACK.rest, "own", True)
    assert settings.endpoints is None
    with pytest.raises(ConfigError, match="loopback"):
        settings.embedded(rest="https://x", ws="wss://x", ws_api="", api_key="k", api_secret=Secret("s"))


COMBINATIONS = [
    ("paper", False, True),
    ("paper", True, False),
    ("local", False, True),
    ("local", True, False),
    ("testnet", False, False),
    ("testnet", True, False),
    ("live", False, False),
    ("live", True, False),
]


@pytest.mark.parametrize(("venue", "key", "legal"), COMBINATIONS)
def test_s9_the_glass_cockpit_is_for_paper_without_a_key(
    environ: dict[str, str], tmp_path: Path, venue: str, key: bool, legal: bool
) -> None:
    environ |= {"GLASS_COCKPIT": "1"}
    environ["QUANTLAB_VENUE"] = profile(tmp_path, LOCAL_PROFILE) if venue == "local" else venue
    if key:
        environ |= {"QUANTLAB_API_KEY": "k", "QUANTLAB_API_SECRET": "s"}
    if not legal:
        with pytest.raises(ConfigError):
            Settings.from_environment(environ)
        return

    settings = Settings.from_environment(environ)
    assert settings.glass_cockpit
    if venue == "paper":
        assert embedded(settings).glass_cockpit  # the embedded venue's own key guards nothing


def test_s9_no_later_change_of_settings_gets_around_it(environ: dict[str, str]) -> None:
    """The rules stand in the type: a copy is checked like the original."""
    settings = Settings.from_environment({**environ, "GLASS_COCKPIT": "1"})
    for changes in ({"endpoints": KNOWN_VENUES["live"]}, {"api_key": "k", "api_secret": Secret("s")}):
        with pytest.raises(ConfigError):
            msgspec.structs.replace(settings, **changes)


@pytest.mark.parametrize(("value", "on"), [("", False), ("0", False), ("1", True)])
def test_the_glass_cockpit_is_on_or_off(environ: dict[str, str], value: str, on: bool) -> None:
    assert Settings.from_environment({**environ, "GLASS_COCKPIT": value}).glass_cockpit is on


@pytest.mark.parametrize("value", ["true", "yes", "2", " 1"])
def test_any_other_word_for_it_is_refused(environ: dict[str, str], value: str) -> None:
    with pytest.raises(ConfigError, match="GLASS_COCKPIT"):
        Settings.from_environment({**environ, "GLASS_COCKPIT": value})


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system does not tell")
@pytest.mark.parametrize(("at_start", "seen"), [(None, None), ("1", "1"), ("0", "0")])
def test_s9_setting_it_inside_a_cell_has_no_effect(at_start: str | None, seen: str | None) -> None:
    code = (
        "import os; os.environ['GLASS_COCKPIT'] = 'changed'; os.environ['OTHER'] = 'new'\n"
        "from quantlab.config import process_environment as environment\n"
        "print(environment().get('GLASS_COCKPIT'), environment()['OTHER'])"
    )
    environ = {name: value for name, value in os.environ.items() if name != "GLASS_COCKPIT"}
    if at_start is not None:
        environ["GLASS_COCKPIT"] = at_start
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [str(seen), "new"]


def test_the_process_environment_has_all_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTLAB_VENUE", "testnet")

    assert process_environment()["QUANTLAB_VENUE"] == "testnet"


# Secret files -------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_s6_one_line_end_is_not_part_of_a_secret(tmp_path: Path, end: bytes) -> None:
    path = secret_file(tmp_path / "secret", "pässword".encode() + end)

    assert read_secret_line(path, "the file").reveal() == "pässword"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_s6_a_file_of_ours_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert read_secret_line(secret_file(tmp_path / "secret", mode=mode), "the file").reveal() == "secret"


@pytest.mark.parametrize("bit", [0o001, 0o002, 0o004, 0o010, 0o020, 0o040])
def test_s6_every_bit_for_others_is_refused(tmp_path: Path, bit: int) -> None:
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret_line(secret_file(tmp_path / "secret", mode=0o600 | bit), "the file")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"\r\n", b" hush", b"hush ", b"hush\n\n", b"hush\nhush", b"hush\r\r\n", b"hu\x00sh",
        b"hu\tsh", b"\xef\xbb\xbfhush", b"\xffhush", b"h\x00u\x00s\x00h\x00", b"hush" * 2_000,
        "hu\u200bsh".encode(),
    ],
    ids=range(15),
)  # fmt: skip
def test_s6_what_is_not_one_plain_line_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError) as refused:
        read_secret_line(secret_file(tmp_path / "file", content), "the file")

    assert "hush" not in str(refused.value)
    assert refused.value.__context__ is None  # a decode error would carry the bytes


def test_s6_links_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(secret_file(tmp_path / "secret"))
    for path, says in ((link, "symbolic link"), (tmp_path, "directory"), (tmp_path / "no", "missing")):
        with pytest.raises(ConfigError, match=says):
            read_secret_line(path, "the file")


def test_s6_a_pipe_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(ConfigError, match="regular"):
        read_secret_line(tmp_path / "pipe", "the file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_s6_a_file_or_home_of_another_user_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    path = secret_file(tmp_path / "secret")
    os.chown(path, 12_345, -1)
    with pytest.raises(ConfigError, match="another user"):
        read_secret_line(path, "the file")
    (tmp_path / ".quantlab").mkdir()
    os.chown(tmp_path / ".quantlab", 12_345, -1)
    with pytest.raises(ConfigError, match="another user"):
        Settings.from_environment(environ)
