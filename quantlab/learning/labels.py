"""Delayed labels, joined by event time."""
