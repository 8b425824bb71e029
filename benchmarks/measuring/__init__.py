"""What the benchmarks share: peers, arrivals, percentiles, the record of the machine."""
