"""From a record to its fingerprint and its event."""
