"""A Binance-compatible exchange on loopback: matching, accounts, market sources, server."""
