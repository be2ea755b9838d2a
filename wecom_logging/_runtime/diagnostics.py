"""What we have to say about ourselves: a line on stderr, each kind seldom.

Never through logging: an alert about the alerting would be told by what is broken. From
constructors, the worker and exit only; `emit` never writes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from wecom_logging._runtime import fork

#: Seconds until the same kind of complaint is made again.
SELDOM = 3600.0

#: Kinds remembered; some have a name in them that is new each time.
_MOST = 1000

_said: dict[str, float] = {}

#: From English to the language of the handlers; None: as it is.
_translate: Callable[[str], str] | None = None


def speak(language: str) -> None:
    """From now on say it in this language, "en" or "zh". Imports what that needs."""
    global _translate
    if language == "en":
        _translate = None
        return
    from wecom_logging._rendering.sentences import in_language

    _translate = partial(in_language, language="zh")


def warn_rarely(kind: str, text: str, *, once: bool = False) -> None:
    """Write a line on stderr, unless the same kind has been written lately.

    Args:
        kind: What counts as the same complaint.
        text: The line. It must not hold a secret.
        once: Once in the life of the process instead of once an hour.
    """
    now = time.monotonic()
    last = _said.get(kind)
    if last is not None and (once or now - last < SELDOM):
        return
    if len(_said) >= _MOST:
        _said.clear()
    _said[kind] = now
    # A program under pythonw or a daemon may have none, or a closed one, or a full disk.
    try:
        said = _translate(text) if _translate else text
        sys.stderr.write(f"wecom_logging: {said}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass


def reset(beginning: str) -> None:
    """What was complained of is mended: the next time it is worth a line at once.

    Args:
        beginning: How the kinds begin.
    """
    for kind in [kind for kind in list(_said) if kind.startswith(beginning)]:
        _said.pop(kind, None)


# A child says for itself what the parent has said: their stderr may differ.
fork.in_child(_said.clear)
