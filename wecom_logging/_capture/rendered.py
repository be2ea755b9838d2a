"""What tells messages apart that arrive already rendered, remembered so that few are masked."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

from wecom_logging._capture.failure import live_error
from wecom_logging._capture.sanitize import remember
from wecom_logging._capture.template import WHOLE, code_spans, mask
from wecom_logging._capture.text_traceback import FRAME, MAX_TEXT, MAX_TRACEBACK, traced

#: Templates of messages seen lately, so that few are masked (1 to 3 µs): of those without
#: digits by the message, of the others by its shape, in which each digit is a zero. All digits
#: are masked, so messages of one shape have one template, unless some of them are a code: then
#: it is known where those stand, and the template for each. Messages that are different every
#: time must not fill the memory.
CONSTANTS: dict[str, str] = {}
_shapes: dict[bytes, str | CodedShape] = {}
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
#: Codes of one shape.
_MAX_CODES = 20

JSON_TRACEBACKS = ("exception", "exc_info", "traceback", "stack_trace", "error.stack_trace")
#: Stands for a text whose traceback is that of the exception being handled.
LIVE = "the exception being handled"


def template_of(message: str) -> Hashable:
    """What stays the same in a message that arrives already rendered."""
    return (len(message) <= WHOLE and CONSTANTS.get(message)) or template_of_unseen(message)


def without_changes(message: str) -> str:
    """The same of any text, whatever its structure, for a look that remembers nothing."""
    return (len(message) <= WHOLE and CONSTANTS.get(message)) or mask(message)


def template_of_unseen(message: str) -> Any:
    """`template_of` for a message that is not among the constants."""
    if len(message) > WHOLE:
        return _structure(message) or mask(message)
    shape = message.encode("utf-8", "surrogatepass").translate(_ZEROS)
    template = _shapes.get(shape)
    if type(template) is CodedShape:
        codes = message[template.span]
        return template.get(codes) or template.add(codes, message)
    return template or _looked_at(message, shape)


def _looked_at(message: str, shape: bytes) -> Hashable:
    if (message[:1] == "{" or FRAME in message) and (found := _structure(message)) is not None:
        return found
    if b"0" not in shape:
        template = mask(message, digits=not message.isascii())
        remember(CONSTANTS, message, template)
        return template
    template = mask(message)
    spans = code_spans(message)
    remember(_shapes, shape, CodedShape(spans) if spans else template)
    return template


class CodedShape(dict[str, str]):
    """Templates of messages that differ in their digits, some of which are a code: by the part
    of the message in which its codes stand."""

    __slots__ = ("span",)

    def __init__(self, spans: tuple[slice, ...]) -> None:
        self.span = slice(spans[0].start, spans[-1].stop)

    def add(self, codes: str, message: str) -> str:
        """Codes are few, but there may be something else between two of them."""
        template = mask(message)
        remember(self, codes, template, most=_MAX_CODES)
        return template


def _structure(message: str) -> Hashable | None:
    """What tells a message apart that is a JSON object or holds a traceback; None for others."""
    if message[:1] == "{" and (said := json_message(message)) is not None:
        text, _, trace = said
        if (found := traced(trace)) is not None:
            return found._replace(template=mask(text))
        return mask(text)
    if FRAME in message[-MAX_TRACEBACK:]:
        return LIVE if live_error(message) is not None else traced(message)
    return None


def json_message(message: str) -> tuple[str, dict[str, Any], str] | None:
    """The text of a JSON object that is a log line, its other fields, and of these the
    traceback; None for others. Whoever wrote the line may have written all of it: nothing but the
    text is believed."""
    if len(message) > MAX_TEXT:
        return None
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    for key in ("event", "message", "msg"):
        if isinstance(event.get(key), (str, int, float)):
            text = str(event.pop(key))
            traces = (each for each in map(event.get, JSON_TRACEBACKS) if type(each) is str)
            return text, event, next(traces, "")
    return None
