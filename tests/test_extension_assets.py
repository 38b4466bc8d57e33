"""The built JupyterLab extension: made from the sources beside it, whole, and found by JupyterLab."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXTENSION = Path(__file__).parent.parent / "extension"
BUILT = EXTENSION / "labextension"
SEAL = runpy.run_path(str(EXTENSION / "seal.py"))
REMEDY = "run make extension, commit extension/labextension"
ABSOLUTE = re.compile(
    rb"(?:file://|[A-Za-z]:\\\\|(?<![\w.*/:-])/(?:home|root|tmp|work|Users|usr|var|opt|mnt)/)[\w./-]*"
)


def test_the_build_was_made_from_these_sources() -> None:
    """A source that changed after the build is named as what it is, with the remedy."""
    sealed = (BUILT / "sources.sha256").read_text(encoding="ascii").strip()

    assert sealed == SEAL["digest"](EXTENSION), REMEDY


@pytest.mark.parametrize("changed", ["src/index.ts", "style/base.css", "package.json"])
def test_every_kind_of_source_is_sealed(changed: str, tmp_path: Path) -> None:
    """One more byte in any source, or a source more, makes another seal."""
    for name in (*SEAL["FOLDERS"], *SEAL["FILES"]):
        source = EXTENSION / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, tmp_path / name)
    before = SEAL["digest"](tmp_path)

    with (tmp_path / changed).open("ab") as source:
        source.write(b"\n")
    one_byte = SEAL["digest"](tmp_path)
    (tmp_path / "src" / "new.ts").touch()
    one_file = SEAL["digest"](tmp_path)

    assert before == SEAL["digest"](EXTENSION)
    assert len({before, one_byte, one_file}) == 3


def test_the_build_is_whole() -> None:
    """The entry that package.json names is there, with the schema that carries the shortcut."""
    package = json.loads((BUILT / "package.json").read_text(encoding="utf-8"))
    schema = BUILT / "schemas" / package["name"] / "plugin.json"

    assert package["name"] == "quantlab"
    assert (BUILT / package["jupyterlab"]["_build"]["load"]).is_file(), REMEDY
    assert schema.read_bytes() == (EXTENSION / "schema" / "plugin.json").read_bytes(), REMEDY


def test_halt_has_one_shortcut_and_another_on_macos() -> None:
    """Accel is Ctrl, and Command on macOS, where Command Option H hides the other windows."""
    schema = json.loads((BUILT / "schemas" / "quantlab" / "plugin.json").read_text(encoding="utf-8"))
    (shortcut,) = schema["jupyter.lab.shortcuts"]
    readme = (EXTENSION.parent / "README.md").read_text(encoding="utf-8")

    assert shortcut == {
        "command": "quantlab:halt",
        "keys": ["Accel Alt H"],
        "macKeys": ["Ctrl Alt H"],
        "selector": "body",
    }
    assert "`Ctrl Alt H` (macOS: `Control Option H`)" in readme


def test_the_build_names_no_machine() -> None:
    """No path of the machine that built it and no source map is in what we ship."""
    files = [path for path in BUILT.rglob("*") if path.is_file()]
    paths = {path.name: ABSOLUTE.findall(path.read_bytes()) for path in files}

    assert files
    assert {name: found for name, found in paths.items() if found} == {}
    assert [path.name for path in files if path.suffix == ".map"] == []


def test_jupyterlab_finds_it() -> None:
    """`jupyter labextension list` of this interpreter shows quantlab, enabled and in order."""
    pytest.importorskip("jupyterlab")
    listing = subprocess.run(
        [sys.executable, "-m", "jupyterlab.labextensions", "list"],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    plain = re.sub(r"\x1b\[[0-9;]*m", "", listing.stdout + listing.stderr)

    assert re.search(r"^\s*quantlab v\S+ enabled OK", plain, re.MULTILINE), plain
