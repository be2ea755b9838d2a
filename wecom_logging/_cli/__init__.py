"""The commands of `wecom-logging`, one module each.

`register(commands)` of a module adds its parser to the command line; the parsed arguments
go to its `run`, which returns the exit status.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = argparse._SubParsersAction  # which takes no parameter when it runs


class CommandError(Exception):
    """A command cannot go on; its text, and how to mend it, is all that the user gets to see."""

    def __init__(self, text: str, status: int = 2, fix: str = "") -> None:
        super().__init__(f"{text}. {fix}" if fix else text)
        self.text = text
        self.status = status
        self.fix = fix


def require(module: str, extra: str) -> None:
    """Say how to get an extra whose modules are not there."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        raise CommandError(
            f'{error.name} is missing; install it with: pip install "wecom-logging[{extra}]"'
        ) from None
