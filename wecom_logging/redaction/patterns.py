"""Secrets inside of text: what looks like one, and what stands behind a telling name.

Every pattern takes time in proportion to the text. Repetitions either cannot fail once they
have begun (they end at the end of the text, too, which also covers what was cut off there)
or are bounded, and no two neighbours in a pattern can match the same character.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from wecom_logging._model.text import strip_hidden
from wecom_logging._runtime import lazy

from . import keys, personal
from .keys import Rule, mask, rule_for


def redact_text(text: str, *, personal_data: bool = True) -> str:
    """`text` without secrets and, unless told otherwise, with personal data shown in part.

    Also without colours and invisible characters: they would tear a secret from its name.
    """
    text = strip_hidden(text)
    return Steps(text, personal_data=personal_data).take(text)


class Steps:
    """What has to be done with some texts, of which a first look at all together has found
    hints: most of what a redaction costs is looking for two hundred hints, and the two dozen
    texts of an event have one or none of them.

    Args:
        texts: All that will be redacted, without hidden characters; None if that cannot be
            said.
        personal_data: Whether personal data are shown in part only.
    """

    def __init__(self, texts: str | None, *, personal_data: bool) -> None:
        found = _HINTS if texts is None else frozenset(filter(texts.lower().__contains__, _HINTS))
        self._personal_data = personal_data
        self._before = [step for step in _STEPS if not found.isdisjoint(step.hints)]
        self._names = tuple(found.intersection(_ALL_NAMES if personal_data else keys.HINTS))
        self._after = [step for step in _SHAPES if not found.isdisjoint(step.hints)]
        self._numbers = personal_data and (texts is None or personal.may_occur(texts))

    def take(self, text: str) -> str:
        """One of the texts, redacted."""
        occurs = text.lower().__contains__
        for step in self._before:
            if any(map(occurs, step.hints)):
                text = step.apply(text)
        if any(map(occurs, self._names)):
            text = _redact_named(text, personal_data=self._personal_data)
        for step in self._after:
            if any(map(occurs, step.hints)):
                text = step.apply(text)
        return personal.redact_personal(text) if self._numbers else text


_ALL_NAMES = keys.HINTS + keys.PERSONAL_HINTS


class _Step(NamedTuple):
    """A pattern that is looked for if one of `hints` (lower case) occurs at all."""

    hints: tuple[str, ...]
    pattern: Callable[[], re.Pattern[str]]
    replacement: str | Callable[[re.Match[str]], str]

    def apply(self, text: str) -> str:
        return self.pattern().sub(self.replacement, text)


# --- by shape ------------------------------------------------------------------------


def _shape(label: str, prefixes: str, body: str, shortest: int) -> _Step:
    """Keys that a provider begins with a prefix so that they can be recognised.

    At the end of a text a part with a digit is enough: the rest may have been cut off.
    """
    hints = tuple(prefix.replace("\\", "").lower() for prefix in prefixes.split("|"))
    cut_off = rf"(?=\D{{0,99}}\d){body}{{4,}}\Z"
    pattern = rf"(?<![0-9A-Za-z])(?:{prefixes})(?:{body}{{{shortest},}}|{cut_off})"
    return _Step(hints, lazy.regex(pattern, re.A), mask(label))


_SCHEMES = {"bearer": "bearer token", "basic": "basic credentials", "token": "token"}

_SHAPES = [
    _shape("aws key", "AKIA|ASIA|AROA|AIDA|ABIA|ACCA", "[A-Z0-9]", 16),
    _shape("github token", "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_", r"\w", 20),
    _shape("gitlab token", "glpat-|gldt-|glrt-|glptt-|glcbt-|glft-|glsoat-", r"[\w.-]", 16),
    _shape("slack token", "xoxa-|xoxb-|xoxe-|xoxo-|xoxp-|xoxr-|xoxs-|xapp-", r"[\w.-]", 10),
    _shape("slack webhook", r"hooks\.slack\.com/", r"[\w/-]", 10),
    _shape("stripe key", "sk_live_|sk_test_|rk_live_|rk_test_|whsec_", r"\w", 10),
    _shape("api key", "sk-proj-|sk-ant-|sk-svcacct-|sk-admin-|sk-or-", r"[\w-]", 16),
    _shape("api key", "sk-", "[A-Za-z0-9]", 20),
    _shape("google key", r"AIza|GOCSPX-|ya29\.", r"[\w-]", 20),
    _shape("aliyun key", r"LTAI|STS\.N", "[A-Za-z0-9]", 12),
    _shape("tencent cloud key", "AKID", r"[\w-]", 13),
    _shape("volcengine key", "AKLT", "[A-Za-z0-9]", 20),
    _shape("npm token", "npm_", "[A-Za-z0-9]", 30),
    _shape("pypi token", "pypi-", r"[\w-]", 50),
    _shape("hugging face token", "hf_", "[A-Za-z0-9]", 30),
    _shape("vault token", r"hvs\.|hvb\.", r"[\w-]", 20),
    _shape("sendgrid key", r"SG\.", r"[\w.-]", 40),
    _shape("feishu webhook", r"open-apis/bot/v2/hook/", r"[\w-]", 8),
    _shape("discord webhook", r"discord\.com/api/webhooks/", r"[\w/-]", 8),
    _shape("jwt", "eyJ", r"[\w-]{5,2000}\.[\w.-]", 1),
    _Step(
        ("bearer", "basic", "token"),
        lazy.regex(
            r"\b((?i:Bearer|Basic|Token))([ ]{1,4})"
            # Prose goes on with a word; a token has a digit, an inner capital or is long.
            r"(?=[A-Za-z._~+/-]{0,512}\d|[\w.~+/-]{0,64}[a-z][A-Z]|[\w.~+/-]{32})"
            r"[\w.~+/-]{8,}=*",
            re.ASCII,
        ),
        lambda found: f"{found[1]}{found[2]}{mask(_SCHEMES[found[1].lower()])}",
    ),
    # A token that was cut off before its first dot is still a token.
    _Step(("eyj",), lazy.regex(r"(?<![0-9A-Za-z])eyJ[\w-]{8,}\Z", re.A), mask("jwt")),
]

_STEPS = [
    _Step(
        ("private key",),
        lazy.regex(
            r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?s:.*?)"
            r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|\Z)"
        ),
        mask("private key"),
    ),
    # scheme://user:password@host. A password may hold unescaped "@" and, where no port
    # is meant, "/". What was cut off before its "@" is known by not being a port.
    _Step(
        ("://",),
        lazy.regex(
            r"(?<![\w+.-])([a-zA-Z][\w+.-]{0,40}://[^\s/?#@:\[\]\"'<>]{0,256}:)"
            r"(?!\[redacted)"
            r"(?:[^\s/?#\"'<>]{1,512}@"
            r"|(?!\d{1,5}(?![0-9A-Za-z_%]))[^\s\"'<>]{1,512}?(?:@|\Z))"
        ),
        rf"\1{mask('password')}@",
    ),
    # https://token@host
    _Step(
        ("://",),
        lazy.regex(r"(?<![\w+.-])(https?://)[^\s/?#@:\[\]\"'<>]{16,512}@", re.I),
        rf"\1{mask('token')}@",
    ),
    _Step(
        ("webhook/send",),
        lazy.regex(r"(webhook/send\\{0,4}\?(?:[\w-]{1,20}=[\w-]{0,40}&){0,5}key=)[\w-]+", re.I),
        rf"\1{mask('robot key')}",
    ),
    _Step(
        ("key=", "sig=", "signature=", "code=", "ticket=", "sid="),
        lazy.regex(
            r"([?&](?:[\w-]{1,20}-)?(?:key|sig|signature|code|ticket|sid)=)[\w%+/=.~-]{16,}", re.I
        ),
        rf"\1{mask('key in url')}",
    ),
    # Command lines: the option is glued to its value, or says nothing by its name.
    _Step(
        ("mysql", "mariadb", "sshpass", "redis-cli", "curl"),
        lazy.regex(
            r"(\b(?:(?:mysql|mariadb)\w{0,10}\b[^\n:]{0,256}?[\s'\"]-p"
            r"|sshpass\b[^\n]{0,20}?[\s'\"]-p(?:[\s'\",]{1,4})?"
            r"|redis-cli\b[^\n]{0,256}?[\s'\"]-a[\s'\",]{1,4}"
            r"|curl\b[^\n]{0,256}?[\s'\"](?:-u|--user)[\s'\",=]{0,4}[^\s:'\"]{1,64}:))"
            r"(?!\[redacted)[^\s'\"]+",
            re.ASCII,
        ),
        rf"\1{mask('password')}",
    ),
    # A pair of user and password, in requests and in Go's way to name a database.
    _Step(
        ("auth",),
        lazy.regex(r"(\bauth ?= ?\(|\bHTTP[A-Z][a-z]{1,9}Auth\()(?!\[redacted)[^()\n]{1,256}"),
        rf"\1{mask('credential')}",
    ),
    _Step(
        ("@tcp(", "@unix("),
        lazy.regex(r"((?<![\w.-])[\w.-]{1,64}:)[^\s'\"@\[]{1,128}(?=@(?:tcp|unix)\()"),
        rf"\1{mask('password')}",
    ),
    # Prose. In English only what has a digit and a letter is taken for a password.
    _Step(
        ("password",),
        lazy.regex(
            r"((?i:\bpassword(?: is| was)?) )"
            r"(?=[!-~]{0,64}\d)(?=[!-~]{0,64}[A-Za-z])(?=[!-~]{6})[\w$!#%^+.~-]+(?![\w(/=])"
        ),
        rf"\1{mask('password')}",
    ),
    _Step(
        ("密码", "口令", "密钥", "令牌", "验证码"),
        lazy.regex(r"((?:密码|口令|密钥|令牌|验证码)(?:是|为)[ ]?)(?!\[redacted)[!-~]{4,}"),
        rf"\1{mask('password')}",
    ),
    _Step(
        ("identified by", "password '"),
        lazy.regex(
            r"\b(identified (?:with [\w'\"]{1,40} )?by"
            r"|(?:role|user|with|encrypted) [\w \"]{0,80}?password)"
            r"([ ]{1,4}')(?!\[redacted)(?:[^'\\]|\\.|'')*(?:'|\Z)",
            re.I,
        ),
        rf"\1\2{mask('password')}'",
    ),
]

_HINTS = frozenset(_ALL_NAMES).union(*(step.hints for step in (*_STEPS, *_SHAPES)))

# --- by name -------------------------------------------------------------------------

# A name with its separator, in any notation: `key=value`, "key": "value", `Key: value`,
# escaped JSON, `key => value`, `key: str = value`, and on a command line `--key value`.
# Names are found at their beginning only, so that no text is read twice.
_NAME = lazy.regex(
    r"""
    (?<![\w-]) (?: (?<!\\) | (?!\\|u[0-9a-fA-F]{4}) ) (?P<dashes>-+)?
    (?P<name>(?:\w|\\{1,8}u[0-9a-fA-F]{4})(?:[\w-]|\\{1,8}u[0-9a-fA-F]{4})*)
    (?:
        (?:\\{0,8}["']|%22)? [ \t]{0,8}
        (?P<sign>
            (?::[ ]?(?:str|bytes)\b[^=\n]{0,20})? ={1,2}>? | :=? (?!:|//) | ： | ＝ | %3[aAdD]
        )
        [ \t]{0,8}
    |
        # The value of an option: `--password x`, or ['--password', 'x'].
        (?(dashes) (?: ["'],[ ]? | [ ]{1,4} ) (?=[^\s-]) | (?!) )
    )
    """,
    re.VERBOSE,
)
# More notations, which need their end as well to be told from ordinary text: pairs,
# elements of XML, {"name": …, "value": …}, and what pydantic says about a field.
_PAIR = lazy.regex(
    r"""([(\[]\ {0,2}b?\\{0,4}(?P<quote>["'])(?P<name>[\w-]{1,64})\\{0,4}(?P=quote),\s{0,4}
        b?\\{0,4}(?P<quote2>["']))(?P<value>(?:(?!(?P=quote2))[^\\\n]|\\.)*)
        (?P<end>(?P=quote2)\s{0,4}[)\]]|\Z)""",
    re.VERBOSE,
)
_ELEMENT = lazy.regex(
    r"(<(?:\w{1,20}:)?(?P<name>[A-Za-z_][\w.-]{0,63})(?:\s[^<>]{0,256})?>(?:<!\[CDATA\[)?)"
    r"(?P<value>[^<>\]\s][^<>\]]*)(?P<end></|\]\]>|\Z)"
)
_NAME_VALUE = lazy.regex(
    r"""(["']name["']:\s?["'](?P<name>[\w-]{1,64})["'],\s?["']value["']:\s?(?P<quote>["']))
        (?P<value>(?:(?!(?P=quote))[^\\\n]|\\.)*)(?P<end>)""",
    re.VERBOSE,
)
_FIELD = lazy.regex(
    r"^((?P<name>[\w.]{1,128})\n {2}[^\n]{0,256}?input_value=)"
    r"(?P<value>[^\n]*?)(?P<end>, input_type=|$)",
    re.MULTILINE,
)
_NOTATIONS = ((",", _PAIR), ("<", _ELEMENT), ("value", _NAME_VALUE), ("input_value=", _FIELD))

# Values. The end of a quoted one is also the end of its line or of the text.
_QUOTED = lazy.regex(
    r"""(?P<open>[bBfFrRuU]{0,2}(?P<quote>\"{3}|'{3}|["']))
        (?P<inside>(?:\\.|[^\\\n]|\\)*?)
        (?P<close>(?P=quote)|(?=\n)|\Z)""",
    re.VERBOSE,
)
_ESCAPED = lazy.regex(
    r"""(?P<open>(?P<quote>\\{1,8}["']))
        (?P<inside>[^\n]*?)
        (?P<close>(?<!\\)(?P=quote)|(?=\n)|\Z)""",
    re.VERBOSE,
)
# Without quotes: up to a space, or a delimiter that is one and not part of a password.
_BARE = lazy.regex(
    r"""(?:\[redacted:[^\]\n]{1,40}\]
        | [^\s&;,'"\\<，。；、！？”’）】」》]
        | <(?!/)
        | \\(?!\\{0,8}["'])
        | ["'](?=\w)
        | [&;,](?![\s"'\\]|[\w.%-]{1,40}[=:]|\Z)
        )+""",
    re.VERBOSE,
)
# Authorization and cookies have spaces in them: all of the line, or of the quoted string.
_LINE = lazy.regex(
    r"""(?:[^\n"'\\]|\\(?!\\{0,8}["'])|(?<=\w=)"[^"\n]{0,512}(?:"|$))*""", re.MULTILINE
)
_LINES = frozenset({"authorization", "cookie"})
_CALL = lazy.regex(r"(?:[A-Za-z_][\w.]{0,80})?[(\[{]")
_EMPTY_CALL = lazy.regex(r"[A-Za-z_][\w.]{0,80}\(\)(?!\w)")
_BRACKET = lazy.regex(
    r"""\"(?:\\.|[^"\\\n])*(?:"|\\?$)|'(?:\\.|[^'\\\n])*(?:'|\\?$)|[(\[{]|[)\]}]""", re.MULTILINE
)
_MASKED = lazy.regex(r"\[redacted: [^\]\n]{1,40}\]")

# What stands behind a name without being its value: nothing, a type, a placeholder, prose.
_NO_SECRET = lazy.regex(
    r"""(?:
        none | null | nil | true | false | undefined | nan | str | int | bytes | bool | string
        | optional | any | object | type | field | value | required | missing | invalid | expired
        | incorrect | wrong | empty | unset | set | not | no | is | was | are | has | this | that
        | the | a | an | too | must | may | cannot | can | should | please | expected | unexpected
        | failed | failure | denied | ok | yes | error | unknown | unsupported | redacted | hidden
        | filtered | masked | for | of | in | and | or | bad | could | unable | got | at | with
        | to | %[sr] | %\(\w+\)[sr] | \? | \$\d+ | :\w+ | \$?\{+[\w. ]*\}+ | \*+ | <[\w. -]*>
        | \.{3,} | …
        )
        # ... and only if that is all: `no.Way-22` is a password.
        (?= \Z | [\s\\<] | [)\]}'".:!]+ (?:[\s,;&\\]|\Z)
          | [,;&](?:[\s"'\\]|[\w.%-]{1,40}[=:]|\Z) )""",
    re.VERBOSE | re.IGNORECASE,
)
# `InvalidToken: padding` and `unexpected token: EOF` name a failure and then describe it.
_FAULT = lazy.regex(
    r"(?:invalid|expired|missing|wrong|incorrect|bad|unexpected|unknown|illegal)[ _-]?"
    r"[A-Za-z]+: [A-Za-z]+(?![\w-])",
    re.IGNORECASE,
)
_LONGEST_FAULT = len("unexpected ")


def _redact_named(text: str, *, personal_data: bool) -> str:
    def between(match: re.Match[str]) -> str:
        rule = rule_for(match["name"], personal_data=personal_data)
        if not rule or _NO_SECRET().fullmatch(match["value"]):
            return match[0]
        return match[1] + _masked(rule, match["value"]) + match["end"]

    for hint, notation in _NOTATIONS:
        if hint in text:
            text = notation().sub(between, text)
    pieces: list[str] = []
    done = 0
    for start, end, instead in _named_values(text, personal_data):
        pieces += text[done:start], instead
        done = end
    return "".join([*pieces, text[done:]])


def _named_values(text: str, personal_data: bool) -> list[tuple[int, int, str]]:
    """Where values stand behind a telling name, and what to put there instead."""
    found = []
    position = 0
    while match := _NAME().search(text, position):
        position = match.end()
        rule = _rule_at(text, match, personal_data)
        if rule:
            start, end = _value(text, position, rule)
            # `password=self.password` is a line of source code.
            if start < end and not text.endswith(f".{match['name']}", start, end):
                found.append((start, end, _masked(rule, text[start:end])))
                position = end
    return found


def _rule_at(text: str, match: re.Match[str], personal_data: bool) -> Rule | None:
    name, start = match["name"], match.start("name")
    rule = rule_for(name, personal_data=personal_data)
    if not rule and text[start - 1 : start] == "\\" and name[0] in "nrt":
        # A line break that `repr` or JSON has written as `\n` is no part of the name.
        rule = rule_for(name[1:], personal_data=personal_data)
    if rule and rule.secret and rule.label not in _LINES and match["sign"] == ":":
        return None if _is_failure(text, start) else rule
    return rule


def _is_failure(text: str, start: int) -> bool:
    """Whether the name at `start` is part of an error's name, or the end of a URL's path."""
    fault = _FAULT().search(text, max(start - _LONGEST_FAULT, 0), start + 200)
    return text[start - 1 : start] == "/" or bool(fault and fault.start() <= start < fault.end())


def _value(text: str, start: int, rule: Rule) -> tuple[int, int]:
    """Where the value that begins at `start` has its inside; an empty span for no value."""
    nothing = (start, start)
    quoted = _QUOTED().match(text, start) or _ESCAPED().match(text, start)
    if quoted:
        return quoted.span("inside")
    if any(pattern().match(text, start) for pattern in (_MASKED, _NO_SECRET, _EMPTY_CALL)):
        return nothing
    bare = (_LINE if rule.label in _LINES else _BARE)().match(text, start)
    if not bare or not bare[0]:
        return nothing
    call = _CALL().match(text, start)
    if call and rule.secret:
        return start, max(_closing(text, call.end() - 1), bare.end())
    value = bare[0].rstrip(" ,.)}>" if "[redacted: " in bare[0] else " ,.)]}>")
    if not rule.secret or any(map(str.isalnum, value)) or len(value) > 3:
        return start, start + len(value)
    return nothing


def _masked(rule: Rule, value: str) -> str:
    """`value` according to `rule`; nothing to hide in what is empty or masked already."""
    if not value or _MASKED().fullmatch(value) or not value.strip("*"):
        return value
    return rule.apply(value)


def _closing(text: str, start: int) -> int:
    """Where the bracket that opens at `start` is closed; the end of the text if it is not."""
    depth = 0
    for bracket in _BRACKET().finditer(text, start):
        if bracket[0] in "([{":
            depth += 1
        elif bracket[0] in ")]}":
            depth -= 1
            if not depth:
                return bracket.end()
    return len(text)
