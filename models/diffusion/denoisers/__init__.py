"""Denoisers, one adapter for each architecture: what turns text into conditioning and predicts noise."""
