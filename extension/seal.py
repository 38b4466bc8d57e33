"""Writes down which sources the built extension was made from.

`make extension` runs it last; tests/test_extension_assets.py compares, so that nobody commits a source
without its build.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

HERE = Path(__file__).parent
SEAL = HERE / "labextension" / "sources.sha256"
FOLDERS = ("schema", "src", "style")
FILES = ("install.json", "package-lock.json", "package.json", "tsconfig.json")


def digest(root: Path) -> str:
    """SHA-256 over path, size and bytes of every source below `root`, in the order of the paths."""
    inside = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    paths = [*inside, *(root / name for name in FILES)]
    sources = {path.relative_to(root).as_posix(): path for path in paths}
    total = hashlib.sha256()
    for name in sorted(sources):
        content = sources[name].read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


if __name__ == "__main__":
    SEAL.write_text(digest(HERE) + "\n", encoding="ascii")
