"""Values and pure functions: nothing here reads a clock, a file or the network."""
