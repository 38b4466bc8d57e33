"""What the subcommands of `quantlab` do: one module each, imported when its command runs."""
