"""Recordings: events and raw frames in files that describe and check themselves.

`writer` makes them, `reader` reads them back and says what is missing; `streamfile` and `archives`
read recordings that others have made, as the same events.
"""
