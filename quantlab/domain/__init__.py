"""The nouns of the field: frozen values without clock, socket, randomness or loop."""
