"""The widget's code as it travels: a notebook that is saved with its widgets keeps a copy of it.

So it is packed: without comments and indentation, deflated, in a loader that a browser unpacks
itself. The sources in `static/` are plain JavaScript and CSS, and stay what one reads.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

STATIC = Path(__file__).parent / "static"
LOADER = """\
const zip = new Blob([Uint8Array.from(atob("{packed}"), (c) => c.charCodeAt())]).stream();
const code = await new Response(zip.pipeThrough(new DecompressionStream("deflate-raw"))).text();
export default (await import(URL.createObjectURL(new Blob([code], {{ type: "text/javascript" }})))).default;
"""


def packed(name: str) -> str:
    """The module `static/NAME.js` with `static/NAME.css` as its constant `css`, ready for `_esm`."""
    script, style = (bare((STATIC / f"{name}.{kind}").read_text(encoding="utf-8")) for kind in ("js", "css"))
    deflate = zlib.compressobj(9, wbits=-15)
    whole = f"{script}\nconst css = {json.dumps(style)};\n".encode()
    return LOADER.format(packed=base64.b64encode(deflate.compress(whole) + deflate.flush()).decode())


def bare(source: str) -> str:
    """Without comments that have their lines or end them, empty lines, and blanks that say nothing.

    Lines stay lines and strings stay as they are, so this needs to know no more of the language.
    """
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    lines = (re.sub(r"(^|\s)// .*", "", line).strip() for line in source.splitlines())
    return "\n".join(_tight(line) for line in lines if line)


def _tight(line: str) -> str:
    parts = re.split(r"""("[^"]*"|`[^`]*`)""", line)
    return "".join(
        part if number % 2 else re.sub(r"\s*([{},;=<>?&|]+)\s*", r"\1", part)
        for number, part in enumerate(parts)
    )
