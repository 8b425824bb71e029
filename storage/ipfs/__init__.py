"""IPFS: CIDs that we compute ourselves, the blocks behind them, and archives of those blocks."""
