"""Who may act: commands as data, tokens that prove, capabilities that act, and the one door."""
