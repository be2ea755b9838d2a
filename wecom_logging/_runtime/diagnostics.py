"""What we have to say about ourselves: a line on stderr, each kind rarely.

Never through logging, where the alert would be told by what is broken. Written by constructors,
the worker and at exit; never by `emit`.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from functools import partial

from wecom_logging._model.text import one_line
from wecom_logging._runtime import fork, native
from wecom_logging._runtime.echo_guard import delivering

#: Seconds until the same kind of complaint is made again.
SELDOM = 3600.0

#: Kinds remembered; some have a name in them that is new each time.
_MOST = 1000

#: Bytes of a line: a pipe that is writable takes so many at once.
_LONGEST = min(select.PIPE_BUF, 2000)

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

    Never blocks: what a full pipe or a stopped terminal does not take is dropped, and said the
    next time.

    Args:
        kind: What counts as the same complaint.
        text: The line, of which others may have written a part. It must not hold a secret.
        once: Once in the life of the process instead of once an hour.
    """
    now = native.monotonic()
    last = _said.get(kind)
    if last is not None and (once or now - last < SELDOM):
        return
    if len(_said) >= _MOST:
        _said.clear()
    _said[kind] = now
    said = one_line(_translate(text) if _translate else text, _LONGEST // 4)
    if not _write(f"wecom_logging: {said}\n"):
        _said.pop(kind, None)


def _write(line: str) -> bool:
    """Write it as far as that is possible now; returns False if it may be later."""
    # Past its buffers, whose lock may be held by a thread that waits, or that a forked child lacks.
    try:
        descriptor = sys.stderr.fileno()
    except Exception:
        descriptor = -1  # not a file, but something else that takes text, or nothing
    try:
        if not isinstance(descriptor, int) or descriptor < 0:
            with delivering():  # it may be one that logs what it is given
                sys.stderr.write(line)
                sys.stderr.flush()
        elif native.is_writable(descriptor):
            os.write(descriptor, line.encode("utf-8", "replace")[:_LONGEST])
        else:
            return False
    except BlockingIOError:
        return False
    except Exception:
        pass  # no stderr (pythonw, a daemon), a closed one, or a full disk behind it
    return True


def reset(beginning: str) -> None:
    """What was complained of is mended: the next complaint is written at once.

    Args:
        beginning: How the kinds begin.
    """
    for kind in [kind for kind in list(_said) if kind.startswith(beginning)]:
        _said.pop(kind, None)


# A child says for itself what the parent has said: their stderr may differ.
fork.in_child(_said.clear)
fork.say = warn_rarely
