"""Where groups, counts, schedule, budget and token live: memory, SQLite, Redis."""
