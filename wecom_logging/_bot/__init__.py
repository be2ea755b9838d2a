"""Answers from the phone: what a bot hears, what it does, and what it says.

`session` speaks the protocol (frames and a time in, frames and events out), `bot` decides
what an event means, `store` is what it needs of the store. None of them opens a connection,
reads a clock or starts a thread: `runner` does.
"""
