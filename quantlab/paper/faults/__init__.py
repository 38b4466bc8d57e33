"""Faults that the paper venue can be told to have, off unless asked for.

Pure: no clock, no socket, no randomness. `kinds` says what there is, `reading` takes it from text,
`plan` decides when a fault strikes; the server's `misbehaviour` modules do what was decided.
"""
