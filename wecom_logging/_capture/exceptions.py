"""Exceptions as plain data, in the shape of `structlog.tracebacks.ExceptionDictTransformer`.

`errors` runs in the line that logs and walks tracebacks to file, line and name only;
`complete` looks up source lines later, on the worker's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import thread_time
from traceback import walk_tb
from types import CodeType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Any

from wecom_logging._capture.code_location import (
    below_root,
    below_root_by_name,
    is_library,
    is_library_by_name,
    qualname,
    source_line,
)
from wecom_logging._capture.failure import (
    EXCEPTION_GROUPS,
    MAX_CHAIN,
    chain,
    code_of,
    ends,
    remote_traceback,
)
from wecom_logging._capture.sanitize import fields_of, name_of
from wecom_logging._capture.text_traceback import text_traceback
from wecom_logging._model.digest import type_name
from wecom_logging._model.serialize import FAILURES, CaptureLimits, plain, safe_text
from wecom_logging.contrib import django

#: Frames kept of a long traceback, at its start and at its end; and of a cause's.
FRAMES = (10, 40)
CAUSE_FRAMES = (2, 20)
#: What a frame takes of the 64 KiB: path, name and source line, on average.
_FRAME_BYTES = 100
#: Parts of an exception group that are captured whole, and at all; groups inside groups.
WHOLE_PARTS, ALL_PARTS = 5, 1000
MAX_NESTING = 5

MAX_NOTES = 5
#: What is kept of the output of a program that failed: its end.
STDERR_BYTES = 3000
#: Seconds of computing that looking for source lines may take for one event.
_MAX_SECONDS = 0.02
#: Local variables: of so many innermost frames of the application's own, so many of each,
#: so many bytes of one text in them.
LOCAL_FRAMES, MAX_LOCALS, LOCAL_BYTES = 5, 20, 400

_MASK = "[redacted: sensitive variable]"
#: Definitions and imports say nothing about what went wrong.
_DEFINITIONS = (ModuleType, FunctionType, type)

#: File, line, name; the local variables, where they are wanted.
FrameSite = tuple[str, int, str] | tuple[str, int, str, dict[str, Any]]


def errors(
    error: BaseException,
    limits: CaptureLimits,
    *,
    tb: TracebackType | None = None,
    show_locals: bool = False,
    nesting: int = 0,
) -> list[dict[str, Any]]:
    """An exception, then what it came from; `tb` is its traceback, as `traceback_of` finds it. A
    chain may be a loop, and so may a group."""
    found: list[dict[str, Any]] = []
    links = chain(error)
    further = chain(links[-1])[1:2] if len(links) == MAX_CHAIN else []
    unknown = [one for one in further if not any(one is known for known in links)]
    for i, one in enumerate([*links, *unknown]):
        if i == MAX_CHAIN or (i and limits.spent()):
            limits.left_out.append(f"cause {type(one).__name__}")
            found[-1]["goes_on"] = True  # what it says is not why it came to this
            break
        if i and (remote := remote_traceback(one)):
            # What happened in another process goes on where the call of this one ended.
            limits.take(remote)
            frames = text_frames(remote, CAUSE_FRAMES[1])
            found[-1]["frames"] += [{**frame, "remote": True} for frame in frames]
            continue
        given = (None if i else tb) or one.__traceback__
        described = _describe(one, limits, nesting)
        described["is_cause"] = i > 0 and links[i - 1].__cause__ is one
        described["frames"] = walk(given, limits, *(CAUSE_FRAMES if i else FRAMES))
        if show_locals:
            _add_locals(described["frames"], given, limits)
        found.append(described)
    return found


def glimpse(
    error: BaseException, limits: CaptureLimits, tb: TracebackType | None
) -> dict[str, Any]:
    """What an exception says and where it broke: all there is time for in a storm of kinds."""
    described = _describe(error, limits, MAX_NESTING)
    described["is_cause"] = False
    described["frames"] = [_spot(e.tb_frame.f_code, e.tb_lineno) for e in ends(tb)[::-1]]
    return described


def _spot(code: CodeType, lineno: int) -> FrameSite:
    return code.co_filename, lineno, qualname(code)


def _describe(error: BaseException, limits: CaptureLimits, nesting: int) -> dict[str, Any]:
    is_group = isinstance(error, EXCEPTION_GROUPS)
    described = {
        "exc_type": name_of(_type_name(error)),
        "exc_value": limits.take(spoken(error)),
        "exc_notes": list(_notes(error, limits)),
        "syntax_error": _syntax_error(error, limits) if isinstance(error, SyntaxError) else None,
        "is_group": is_group,
        "exceptions": _parts(error, limits, nesting) if is_group else [],
    }
    if code := code_of(error):
        described["code"] = code
    if stderr := _stderr(error, limits):
        described["stderr"] = stderr
    return described


def _stderr(error: BaseException, limits: CaptureLimits) -> str:
    """The end of what a program that failed has written (`CalledProcessError`)."""
    written = fields_of(error).get("stderr")
    if type(written) is str:
        written = written[-STDERR_BYTES:].encode("utf-8", "replace")
    if type(written) is not bytes:
        return ""
    # What cannot be decoded becomes three bytes long.
    end = written.strip()[-STDERR_BYTES // 3 :].decode("utf-8", "replace")
    return limits.take(end.lstrip("\ufffd"), STDERR_BYTES)


def spoken(error: object) -> str:
    """What an exception says, if it can."""
    try:
        return str.__str__(str(error))
    except FAILURES as other:
        return f"<{type(error).__name__}: str raised {type(other).__name__}>"


def _type_name(error: BaseException) -> str:
    return type_name(type(error).__module__, type(error).__qualname__)


def _notes(error: BaseException, limits: CaptureLimits) -> Iterator[str]:
    notes = getattr(error, "__notes__", None)
    for note in notes[:MAX_NOTES] if isinstance(notes, list) else ():
        if limits.spent():
            limits.left_out.append("notes")
            return
        yield limits.take(safe_text(note))


def _parts(error: BaseException, limits: CaptureLimits, nesting: int) -> list[list[dict[str, Any]]]:
    """The first parts of a group whole, of the rest their types: they are counted."""
    parts: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    found = []
    for i, part in enumerate(parts[:ALL_PARTS]):
        if i < WHOLE_PARTS and nesting < MAX_NESTING and not limits.spent():
            found.append(errors(part, limits, nesting=nesting + 1))
        else:
            found.append([{"exc_type": name_of(_type_name(part)), "exc_value": "", "frames": []}])
    return found


def _syntax_error(error: SyntaxError, limits: CaptureLimits) -> dict[str, Any]:
    """Where the parser stopped. Its attributes may hold anything: a program can set them."""
    return {
        "offset": error.offset if isinstance(error.offset, int) else 0,
        "filename": below_root(error.filename) if isinstance(error.filename, str) else "?",
        "line": limits.take(error.text, 500) if isinstance(error.text, str) else "",
        "lineno": error.lineno if isinstance(error.lineno, int) else 0,
        "msg": limits.take(safe_text(error.msg), 500),
    }


def walk(tb: TracebackType | None, limits: CaptureLimits, first: int, last: int) -> list[FrameSite]:
    """File, line and name of each frame, outermost first; of a very deep one both ends."""
    head: list[FrameSite] = []
    tail: deque[FrameSite] = deque(maxlen=last)
    depth = 0
    for frame, lineno in walk_tb(tb):
        is_library(frame.f_code.co_filename, frame.f_globals)  # the worker will ask
        (head if depth < first else tail).append(_spot(frame.f_code, lineno))
        depth += 1
    limits.size -= _FRAME_BYTES * (len(head) + len(tail))
    skipped = depth - len(head) - len(tail)
    if skipped:
        head.append(("", -1, f"Skipped frames: {skipped}"))
    return [*head, *tail]


def _add_locals(places: list[FrameSite], tb: TracebackType | None, limits: CaptureLimits) -> None:
    """Locals of the innermost frames of the application's own; the innermost one first, because
    time and room may run out. Not beyond the place where frames were skipped."""
    frames = deque((frame for frame, _ in walk_tb(tb)), maxlen=len(places))
    own = 0
    for i, frame in enumerate(reversed(frames), 1):
        filename = places[-i][0]
        if not filename:
            return
        if frame.f_code.co_filename != filename or is_library(filename):
            continue
        if own == LOCAL_FRAMES or limits.spent():
            return
        own += 1
        places[-i] = (*places[-i][:3], _locals(frame, limits))


def _locals(frame: FrameType, limits: CaptureLimits) -> dict[str, Any]:
    sensitive = django.sensitive_variables(frame)
    found: dict[str, Any] = {}
    for name, value in list(frame.f_locals.items()):
        if name.startswith("__") or issubclass(type(value), _DEFINITIONS):
            continue
        if len(found) == MAX_LOCALS or limits.spent():
            limits.left_out.append("locals")
            break
        if name in sensitive or django.ALL in sensitive:
            found[name] = _MASK
        elif django.is_posted(value):
            found[name] = f"<{type(value).__name__}>"
        else:
            found[name] = plain(value, limits, depth=2, most=LOCAL_BYTES)
    return found


# -- on the worker's thread ---------------------------------------------------------------


def from_text(text: str) -> dict[str, Any]:
    """An exception of which only the rendered traceback is left. Nothing is opened for it."""
    type_name, value, _ = text_traceback(text)
    return {
        "exc_type": type_name,
        "exc_value": value,
        "exc_notes": [],
        "syntax_error": None,
        "is_cause": False,
        "frames": text_frames(text),
        "is_group": False,
        "exceptions": [],
    }


def text_frames(text: str, most: int = sum(FRAMES)) -> list[dict[str, Any]]:
    """The calls of a traceback or stack that is only a text, outermost first."""
    _, _, frames = text_traceback(text)
    return [
        {
            "filename": below_root_by_name(filename),
            "lineno": lineno,
            "name": name,
            "library": is_library_by_name(filename),
            "line": line,
        }
        for filename, lineno, name, line in frames[-most:]
    ]


class Lines:
    """Looks up source lines, within the time that one event may take."""

    def __init__(self) -> None:
        self._deadline = thread_time() + _MAX_SECONDS
        #: There was no time for all of them.
        self.left_out = False

    def look_up(self, filename: str, lineno: int) -> str:
        if thread_time() > self._deadline:
            self.left_out = True
            return ""
        return source_line(filename, lineno)


def complete(error: dict[str, Any], lines: Lines | None) -> None:
    """Shown paths and source lines, also in the parts of a group."""
    frames = error.get("frames")
    if isinstance(frames, list):
        # The innermost first: time may run out.
        error["frames"] = [_complete_frame(frame, lines) for frame in frames[::-1]][::-1]
    parts = error.get("exceptions")  # not ours, if the application has rendered it
    for part in parts if isinstance(parts, list) else ():
        for nested in part if isinstance(part, list) else ():
            if isinstance(nested, dict):
                complete(nested, lines)


def _complete_frame(frame: Any, lines: Lines | None) -> Any:
    if not isinstance(frame, tuple):
        return _foreign_frame(frame)
    filename, lineno, name, *variables = frame
    found = {
        "filename": below_root(filename) if filename else "",
        "lineno": lineno,
        "name": name.replace("<locals>.", ""),
        "library": is_library(filename),
    }
    if lines and filename and (line := lines.look_up(filename, lineno)):
        found["line"] = line
    if variables:
        found["locals"] = variables[0]
    return found


def _foreign_frame(frame: Any) -> Any:
    """A frame that the application has rendered itself: a path in it is a text."""
    filename = frame.get("filename") if isinstance(frame, dict) else None
    if not isinstance(filename, str) or "library" in frame:
        return frame
    library = is_library_by_name(filename)
    return {**frame, "filename": below_root_by_name(filename), "library": library}
