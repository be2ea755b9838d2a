"""What a log call costs, and what becomes of it, beside other handlers. See README.md."""
