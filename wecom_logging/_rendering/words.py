"""What a logged text says, without what others have put around it.

A formatter puts time, level and process before it; frameworks have sentences of their own
about an error that is shown anyway; libraries explain where to read more. Plain functions on
untrusted text, each in time proportional to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from wecom_logging._model.text import strip_ansi
from wecom_logging._runtime import lazy

#: Of a longer text only the start is looked at.
_LONG = 16384


def without_frame(text: str, known: Collection[str]) -> str:
    """What happened, out of a line that a formatter or renderer has made: JSON, logfmt or plain.

    `known` is what the event itself says of logger, process, thread and call site.
    """
    text = strip_ansi(text[:_LONG]) + text[_LONG:]
    return _from_json(text) or _from_logfmt(text) or _without_prefix(text, known)


# -- time, level, process --------------------------------------------------------------

_TOKEN = lazy.regex(
    r"""[\s\[(<{|]*
    (?: (?P<time> \d{4}[-/.]\d\d[-/.]\d\d (?:[T\ ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?)?
                  (?:\ ?(?:Z\b|UTC\b|[+-]\d\d:?\d\d))?
                | \d\d:\d\d:\d\d(?:[.,]\d{1,9})? )
      | (?P<word> [^\s\[\](){}<>|:,;]{1,200}) )
    (?P<end> \s{0,20}[\])>}:|,;-]{0,5}(?=\s|[\[(<{|]|[^\W\d]|\d|$)) \s*""",
    re.VERBOSE,
)
_BRACKET = lazy.regex(r"\s*\[[^\]\s]{1,100}\]:?\s*")
_LEVELS = frozenset({"debug", "info", "warn", "warning", "error", "critical", "fatal"})


def _without_prefix(text: str, known: Collection[str]) -> str:
    end = place = words = 0
    told_level = told_time = marked = False
    while True:
        if (told_time or told_level) and (bracket := _BRACKET.match(text, place)):
            place = end = bracket.end()
        token = _TOKEN.match(text, place)
        if token is None:
            break
        word = (token["word"] or "").rpartition("=")[2]
        ends = token["end"].strip()
        is_level = word.lower() in _LEVELS and bool(word.isupper() or ends)
        if token["time"] or is_level or (word and word in known):
            place = end = token.end()
            words += 1
            told_time |= bool(token["time"])
            told_level |= is_level
            marked |= bool(ends)
        elif word in ("in", "at", "-") and words:  # "ERROR in views: …"
            place = token.end()
        else:
            break
    is_frame = told_time or (told_level and (words > 1 or marked))
    return text[end:].lstrip(" \t-:|>") or text if is_frame else text


# -- pairs of keys and values ----------------------------------------------------------

_PAIR = lazy.regex(r"""\s*([\w.@-]{1,60})=("(?:[^"\\]|\\.)*"|[^\s"]*)(?=\s|$)""")
_EVENT_KEYS = ("event", "message", "msg")

#: Keys under which loggers say when, how bad and by whom.
_FRAME_KEYS = frozenset((
    "asctime", "caller", "created", "exc_info", "exception", "file", "filename", "func",
    "func_name", "funcName", "function", "hostname", "level", "levelname", "levelno", "line",
    "lineno", "logger", "loglevel", "lvl", "module", "name", "pathname", "pid", "process",
    "processName", "severity", "stack_info", "taskName", "thread", "threadName", "thread_name",
    "time", "timestamp", "ts", "@timestamp", "@version",
))  # fmt: skip


def _from_json(text: str) -> str:
    if text[:1] != "{" or len(text) > _LONG:
        return ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return _of_pairs(found) if isinstance(found, dict) else ""


def _from_logfmt(text: str) -> str:
    found: dict[str, str] = {}
    place = 0
    while pair := _PAIR.match(text, place):
        found[pair[1]] = pair[2][1:-1].replace('\\"', '"') if pair[2][:1] == '"' else pair[2]
        place = pair.end()
    return _of_pairs(found) if len(found) > 1 and not text[place:].strip() else ""


def _of_pairs(pairs: Mapping[str, object]) -> str:
    """The message among the pairs, then those that say something about it; "" without one."""
    key = next((key for key in _EVENT_KEYS if isinstance(pairs.get(key), str)), "")
    said = [str(pairs.get(key))]
    for name, value in pairs.items():
        is_plain = type(value) in (str, int, float, bool) and value != ""
        if is_plain and name != key and name not in _FRAME_KEYS:
            said.append(f"{name}={value}")
    return " ".join(said).strip() if key else ""


# -- sentences of frameworks -----------------------------------------------------------

#: What frameworks say about an exception that is shown anyway: how it begins, and the rest, whose
#: groups are facts that perhaps nobody else knows.
_SENTENCES = tuple(
    (start, lazy.regex(rest, re.DOTALL))
    for start, rest in (
        ("Internal Server Error: ", r"(?P<path>/\S*)"),
        ("Exception on ", r"(?P<path>\S+) \[(?P<method>[A-Z]+)\]"),
        ("Exception in ASGI application", r"\s*"),
        ("Exception while serving ", r"(?P<path>/\S*)"),
        ("Exception occurred while handling uri: ", r"(?P<path>\S+)"),
        ("Error handling request", r"(?: from [\d.:a-f]+)?(?: (?P<path>/\S*))?"),
        ("Unhandled exception", r"(?: in .{0,80})?[.!]?"),
        ("Uncaught exception", r"(?: (?P<method>[A-Z]+) (?P<path>/\S*)(?: .*)?)?"),
        ("Task ", r"(?P<task>[\w.]+)(?:\[(?P<task_id>[\w-]+)\])? raised unexpected: .*"),
        ("Task handler raised error: ", r".*"),
        ("Task ", r"(?:exception was never retrieved|failed with exception)\b.*"),
        ("Future exception was never retrieved", r"\b.*"),
        ("Exception in callback ", r".*"),
        ("exception calling callback ", r".*"),
        ("Exception calling application: ", r".*"),
        ("Exception in worker process", r"\s*"),
        ("Exception inside application: ", r".*"),
        ("Unhandled ", r"(?:E|e)rror(?: in Deferred:?)?\s*"),
        ("Spider error processing ", r"<(?P<method>[A-Z]+) (?P<path>[^>\s]+)>.*"),
        ("Error downloading ", r"<(?P<method>[A-Z]+) (?P<path>[^>\s]+)>.*"),
        (
            "[Job ",
            r"(?P<job>[\w-]+)\]: exception raised while executing \((?P<task>[\w.]+)\).*",
        ),
        ("Failed to process message ", r"(?P<task>[\w.]+)\(.*\) with unhandled exception\."),
        ("Unhandled exception in task ", r"(?P<task_id>[\w-]+)\."),
        ('Job "', r'(?P<job>[^"]+)" raised an exception\s*'),
    )
)
_STARTS = tuple(start for start, _ in _SENTENCES)


def framework_facts(text: str) -> dict[str, str] | None:
    """What a framework's own sentence about an exception knows; None for any other text."""
    for start, rest in _SENTENCES if text.startswith(_STARTS) else ():
        if text.startswith(start) and (found := rest.fullmatch(text[:_LONG], len(start))):
            facts = {name: value for name, value in found.groupdict().items() if value}
            if "task_id" in facts:
                facts["task_id"] = facts["task_id"][:8]
            if "job" in facts:
                facts["job"] = facts["job"].partition(" (")[0]
            return facts
    return None


# -- boilerplate of libraries ----------------------------------------------------------

#: What stands in a text that has some, what it looks like, and what is left of it.
_BOILERPLATE = tuple(
    (hint, lazy.regex(pattern, re.MULTILINE), instead)
    for hint, pattern, instead in (
        ("For further information", r"\n? *For further information visit \S+", ""),
        ("For more information", r"\n? *For more information check: \S+", ""),
        ("(Background on", r"\n?\(Background on this error at: \S+\)", ""),
        ("(Session info", r"\n? *\(Session info: .{0,200}\)", ""),
        ("\n  ", r"^(\S{1,80})\n {2}(?=\S)", r"\1: "),
        (
            "[type=",
            r" \[type=\w{1,80}, (input_value=.{0,200}?), input_type=\w{1,80}\]$",
            r" (\1)",
        ),
        ("Max retries", r": Max retries exceeded with url: (?=/)", ""),
        ("matching query", r"^\w{1,80} matching query does not exist\.$", ""),  # Django
        (" object at 0x", r"<?[\w.]{1,120} object at 0x[0-9a-f]{1,16}>?: ", ""),
        (" at 0x", r"(?: object)? at 0x[0-9a-f]{6,16}", ""),
        (" of RPC", r"^<\w{1,80} of RPC that terminated with:\n", ""),
        ("(", r"^\(\w{1,40}(?:\.\w{1,40}){1,3}\) (?=\S)", ""),  # SQLAlchemy: the driver's type
        ("(configured timeouts", r" \(configured timeouts: [^()\n]{0,200}\)", ""),
        ("Connection(", r"\bHTTPS?Connection\(host='[^'\n]{0,250}', port=\d{1,5}\): ", ""),
        (
            "ConnectionPool(",
            r"\bHTTPS?ConnectionPool\(host='([^'\n]{0,250})', port=(\d{1,5})\)",
            r"\1:\2",
        ),
        ("Failed to establish", r"\bFailed to establish a new connection: ", ""),
    )
)

#: Where the rest of a text is the same for everybody, or said by the chain.
_ENDS = (
    (" (Caused by ", ")"),
    ("\nStacktrace:\n", ""),
    (" You might want to try:\n", ""),
    (", Topology Description: ", ">"),
    ("\n\tdebug_error_string = ", ">"),
)


def without_boilerplate(text: str) -> str:
    """What a library says about an error, without what it says every time."""
    head, tail = text[:_LONG], text[_LONG:]
    for start, end in _ENDS:
        place = head.find(start)
        if place > 0 and text.endswith(end):
            head, tail = head[:place], ""
    for hint, pattern, instead in _BOILERPLATE:
        if hint in head:
            head = pattern.sub(instead, head)
    return (head + tail).strip()


_ERRNO = lazy.regex(r"^\[(?:Errno|WinError) [^\]]{1,10}\] ")
_STRERROR = lazy.regex(r"^[A-Z][a-z ]{3,60}: (?=')")


def without_errno(text: str) -> str:
    """`No space left on device` of `[Errno 28] No space left on device`."""
    return _ERRNO.sub("", text)


def without_strerror(text: str) -> str:
    """The file of an error whose type says what is wrong with it."""
    return _STRERROR.sub("", text)


# -- the same, and something else -------------------------------------------------------

_VARIABLE = lazy.regex(r"[0-9a-fA-F]{8,}|\d+")


def outline(text: str) -> str:
    """A text without its numbers: two that differ in nothing else say the same."""
    return _VARIABLE.sub("0", text)


_PLACEHOLDER = lazy.regex(r"%(?:\(\w{1,60}\))?[-#0+]?[\d.]{0,6}[a-zA-Z]|\*")


def of_template(template: str) -> str:
    """A text of which only the template is known."""
    return _PLACEHOLDER.sub("…", template)


def bounded(text: str) -> str:
    """Both ends of a text that is longer than any message."""
    return text if len(text) <= _LONG else f"{text[: _LONG // 2]} … {text[-_LONG // 2 :]}"


def flattened(text: str) -> str:
    """A text without line breaks and the signs of a list."""
    lines = [line.strip().removeprefix("- ").removeprefix("* ") for line in text.splitlines()]
    return " ".join(filter(None, lines))


def joined(by: str, *parts: str | None) -> str:
    """The parts that are not empty."""
    return by.join(filter(None, parts))


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip()


#: A word of letters, or a sign by itself: between others than those, any place ends a word.
_WORD = lazy.regex(r"[a-z0-9_]+|\S")


def contains(text: str, part: str) -> bool:
    """Whether a reader of `text` has read `part` already, word by word."""
    whole, words = (" ".join(_WORD.findall(each.casefold())) for each in (text, part))
    return not words or f" {words} " in f" {whole} "


def repeats(text: str, part: str) -> bool:
    """Whether `part` is a line of `text`, all of it, or what a line ends with after a colon: a
    few words in the midst of others are not the same as a line of their own."""
    wanted = " ".join(part.split()).casefold()
    lines = (" ".join(line.split()).casefold() for line in [text, *text.splitlines()])
    return any(f": {line}".endswith(f": {wanted}") for line in lines)


def others(texts: Iterable[str]) -> Iterator[str]:
    """Those that are unlike the first one and each other in more than numbers."""
    seen: set[str] = {""}
    for index, text in enumerate(texts):
        if (known := outline(text)) not in seen:
            seen.add(known)
            if index:
                yield text
