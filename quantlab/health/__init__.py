"""Is the venue fit to trade on? Measured values in, one state with its reasons out."""
