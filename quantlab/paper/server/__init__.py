"""The paper exchange on the wire: REST, streams and WebSocket API of a Binance-compatible spot venue.

Every handler is a plain function of the `Session` and one request's parameters; only `app`, `streams`,
`wsapi` and `control` meet sockets. Errors carry the documented codes and texts.
"""
