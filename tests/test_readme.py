"""The README stays true: what it names exists, and what exists for users is named."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from quantlab import cli
from quantlab.paper.faults.kinds import KINDS
from quantlab.paper.venue import PaperVenue
from quantlab.topics import CATALOGUE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """The text under a heading, up to the next heading of its level."""
    match = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^\1 |\Z)", README, re.MULTILINE | re.DOTALL)
    assert match, f"the README has no section {title!r}"
    return match[2]


def test_the_picture_exists() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_every_make_target_it_names_exists_and_every_target_is_named() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z-]+)", README)) == targets


def test_every_command_is_named() -> None:
    parser = cli._parser()
    commands = next(action.choices for action in parser._actions if action.choices)

    assert commands
    for command in commands:
        assert f"quantlab {command}" in section("Commands"), command


def test_every_topic_is_named_with_its_type() -> None:
    text = section("Topics")
    for topic in CATALOGUE:
        row = f"`{re.sub(r'{(.*?)}', lambda match: match[1].upper(), topic.template)}`"
        assert row in text, row
        assert topic.type.__name__ in text, topic.type.__name__


def test_every_setting_is_named() -> None:
    from quantlab.config import KNOWN_NAMES

    text = section("Environment")
    for name in KNOWN_NAMES:
        assert f"`{name}`" in text, name


def test_the_tree_names_every_folder_and_no_other() -> None:
    tree = section("Where a line of code belongs")
    named = set(re.findall(r"^  (\w+)/", tree, re.MULTILINE))
    folders = {each.name for each in (ROOT / "quantlab").iterdir() if (each / "__init__.py").is_file()}

    assert named == folders


def test_every_method_of_the_client_is_named_and_no_other() -> None:
    """A method that takes a permit stands in a line that says so."""
    from quantlab.binance.client.endpoints import ENDPOINTS, METHODS, Effect

    lines = re.findall(r"^\| ([^|`]+) \| (`[^|]+) \|$", section("The Binance client"), re.MULTILINE)
    named = {
        name: "(permit)" in subject for subject, cells in lines for name in re.findall(r"`(\w+)`", cells)
    }

    exposes = {name: ENDPOINTS[asked].effect is Effect.EXPOSE for name, asked in METHODS.items()}
    assert named == exposes


async def test_the_script_with_the_client_runs_as_it_stands(tmp_path: Path) -> None:
    """Against a venue whose line stands in venue.json, as the section after it says."""
    (program,) = re.findall(
        r"^```python\n(.*?)^```$", section("The Binance client"), re.MULTILINE | re.DOTALL
    )
    async with PaperVenue(market="synthetic") as venue:
        key, secret = venue.accounts[0]
        line = {"rest": venue.rest, "accounts": [{"api_key": key, "api_secret": secret}]}
        (tmp_path / "venue.json").write_text(json.dumps(line))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        said = (await process.communicate())[0].decode()

    assert process.returncode == 0, said
    assert said.splitlines()[-1] == "FILLED"
    assert "volume" in said


def test_every_fault_is_named_with_its_own_fields() -> None:
    text = section("Faults of the venue")
    named = set(re.findall(r"`(\w+)`", text))

    assert KINDS.keys() <= named
    assert {field for kind in KINDS.values() for field in kind.__struct_fields__} <= named


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_into_the_project_exists(path: str) -> None:
    assert (ROOT / path).exists()
