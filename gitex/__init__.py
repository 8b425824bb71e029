"""The words that every room shares: specs, events, assets, errors, ports. No I/O, no framework, no torch."""
