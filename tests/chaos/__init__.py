"""Long runs: `chaos` under faults of every kind, `soak` under load."""
