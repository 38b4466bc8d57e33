"""The widget's code as it travels: a notebook that is saved with its widgets keeps a copy of it.

So it is packed: minified, deflated, in a loader that a browser unpacks itself. The sources in
`static/` are plain JavaScript and CSS, and stay what one reads.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import rcssmin
import rjsmin

STATIC = Path(__file__).parent / "static"
LOADER = """\
const zip = new Response(Uint8Array.from(atob("{packed}"), (c) => c.charCodeAt())).body;
const code = await new Response(zip.pipeThrough(new DecompressionStream("deflate-raw"))).text();
export default (await import(URL.createObjectURL(new Blob([code], {{ type: "text/javascript" }})))).default;
"""


def packed(name: str) -> str:
    """The module `static/NAME.js` with `static/NAME.css` as its constant `css`, ready for `_esm`."""
    script, style = ((STATIC / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    whole = f"{rjsmin.jsmin(script)}\nconst css={json.dumps(rcssmin.cssmin(style))}"
    deflate = zlib.compressobj(9, wbits=-15)
    data = deflate.compress(whole.encode()) + deflate.flush()
    return str(rjsmin.jsmin(LOADER.format(packed=base64.b64encode(data).decode())))
