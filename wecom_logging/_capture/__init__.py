"""On the thread that logs: from a `LogRecord` to a fingerprint, a tally and an `Event`."""
