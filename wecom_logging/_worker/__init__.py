"""The background thread: collects, claims, renders, sends and settles."""
