"""The public market of another venue, mirrored as it happens, for paper orders to trade in.

`upstream` knows the addresses, `mirror` talks to the upstream, `chain` keeps trades whole, and
`market` is the stepping market that the venue plays. Public data only: no key is ever sent.
"""
