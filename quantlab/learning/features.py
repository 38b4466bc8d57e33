"""Events into named online features."""
