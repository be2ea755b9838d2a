"""Values and pure functions that every station of a record's path knows."""
