"""A certificate authority of the venue's own, for https and wss on the loopback address.

Its certificate is a file that clients are pointed at; its private keys are held in memory and pass through
a file of mode 0600 only while the server reads them.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

NAMES = ("127.0.0.1", "localhost")


class LocalAuthority:
    """Signs a certificate for the loopback address; `close` removes its folder.

    Attributes:
        ca: The file with the authority's certificate, in PEM, in a folder of mode 0700.
        context: For the server.
    """

    def __init__(self) -> None:
        import trustme  # here: only a venue with TLS needs it, and it loads slowly

        self._folder = tempfile.TemporaryDirectory(prefix="quantlab-venue-")
        authority = trustme.CA()
        self.ca = Path(self._folder.name) / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        leaf = authority.issue_cert(*NAMES)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with leaf.private_key_and_cert_chain_pem.tempfile(dir=self._folder.name) as file:
            self.context.load_cert_chain(file)

    def close(self) -> None:
        """Remove the folder; idempotent."""
        self._folder.cleanup()
