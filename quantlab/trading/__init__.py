"""From intent to position: rails, reservations, orders, the journal, and the way to the venue."""
