"""Fakes behind our ports: small, in memory, and honest about the port's promises."""
