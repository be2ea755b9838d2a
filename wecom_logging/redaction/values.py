"""Values: where one ends that begins here, and whether it looks like what its name promises.

Every pattern here is matched at one place, and what is looked at is either taken (and never
looked at again) or bounded.
"""

from __future__ import annotations

import re

from wecom_logging._runtime import lazy

from .keys import ANYTHING, CODE, RANDOM, VALUE, Rule

# --- how a value looks ----------------------------------------------------------------

#: For a verbose pattern.
MASK = r"\[redacted:[ ][^\]\n]{1,200}\]"
MASKED = lazy.regex(MASK, re.VERBOSE)

# What stands behind a name without being its value: nothing, a type, a placeholder, prose.
_PROSE_WORDS = """
    a absent accepted active an and any are array at authentication bad be between boolean bool
    bytes can cannot changed cleared confirmed contains correct could created deleted denied
    disabled does empty enabled error exceeded exceeds exhausted expected expired expires expiring
    failed failure false field file filtered for found from generated given got had has hidden if in
    inactive incorrect invalid is issued it length link malformed masked match matched matches
    mismatch mismatched missing must nan needs nil no none not null object ok off of on only option
    optional or out page passed please policy present protected provided received redacted refreshed
    refused rejected removed renewed rejects require required requires reset revoked rotated
    rotation sent set should str string success that the this to too true type unable undefined
    unexpected unknown unset unsupported updated use used valid value verified was were will with
    wrong yes
"""
_NO_SECRET = rf"""(?:
        (?i:{"|".join(_PROSE_WORDS.split())})
        | %[sr] | %\(\w+\)[sr] | \? | \$\d+ | :\w+ | \$?\{{+[\w. ]*\}}+ | \$\w+ | \*+ | <[\w. -]*>
        | \.{{3,}} | … | x{{3,}} | X{{3,}} | [=~_-]+ | int | \d{{4}}-\d\d-\d\d\b\S{{0,20}}
        )
        # ... and only if that is all: `no.Way-22` is a password.
        (?= \Z | [\s\\<，。；] | [)\]}}'".:!?]+ (?:[\s,;&\\]|\Z)
          | [,;&](?:[\s"'\\]|[\w.%-]{{1,40}}[=:]|\Z) )"""
NO_SECRET = lazy.regex(_NO_SECRET, re.VERBOSE)
# A text that goes on: `password: entered value is too short`.
PROSE = lazy.regex(
    r"[A-Z]?[a-z']{1,20},? (?![a-z_]{1,40}[=:])[\"'(]?[a-z']{1,20}(?:[ .,;:!\"')-]|\Z)"
)
# Other names of the same thing, in a line of source code.
_REFERENCE = (
    r"(?:self|cls|settings|config|conf|cfg|os|env|environ|request|req|form|data|args|opts|options|user"
    r"|account|params|payload|kwargs|app|ctx|this|credentials|secrets|parser|session|client)"
    r"(?:\.[A-Za-z_]\w{0,60}){1,5}(?=[\s,)\]}(\[;]|\Z)"
)
_COUNT = lazy.regex(r"\d{1,3}|\d{1,9}(?:\.\d+)?%|\d+(?:\.\d+)?(?:ms|s|m|h|d|k|K|KB|MB|us)")
_CODE = lazy.regex(r"(?=[A-Za-z-]{0,8}\d)[A-Za-z0-9-]{4,10}")
_WORD = lazy.regex(r"[A-Za-z]{1,11}|[\u4e00-\u9fff]+")
_RUN = lazy.regex(r"[A-Za-z0-9]{8,}")
_CHUNK = lazy.regex(r"\d+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_HEX = lazy.regex(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_UUID = lazy.regex(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
#: More of a value than this is not looked at to find out how it looks.
_LOOK = 256


def looks(value: str, needs: str) -> bool:
    """Whether a value is what a name that `needs` it to be something promises."""
    if needs == ANYTHING:
        return True
    if needs == VALUE:
        return not (_COUNT.fullmatch(value) or _WORD.fullmatch(value))
    if needs == CODE:
        return bool(_CODE.fullmatch(value)) or is_random(value)
    return is_random(value) or (needs == RANDOM and bool(_UUID.fullmatch(value)))


def is_random(value: str) -> bool:
    """Whether a machine has made it: letters and digits in no order that a person gives them.

    `order-list-3`, `checkout2` and `orderList3Page` are names; `Zx9kQ2vL` is not.
    """
    if _UUID.fullmatch(value):
        return False
    return any(map(_is_random_run, _RUN.findall(value[:_LOOK])))


def _is_random_run(run: str) -> bool:
    if run.isalpha():
        return len(run) >= 32 or (len(run) >= 16 and 2 * len(_CHUNK.findall(run)) > len(run))
    if run.isdigit():
        return False
    chunks = len(_CHUNK.findall(run))
    if _HEX.fullmatch(run) or len(run) >= 24:
        return chunks >= 3
    return chunks >= 4 and len(run) < 2.9 * chunks


_TECHNICAL = lazy.regex(
    r"(?i)sha\d{3}|pbkdf2|argon2|bcrypt2|scrypt2|base\d\d|oauth2|utf8mb4|rfc\d{4}|[rhe]s\d{3}|aes\d{3}"
    r"|pkcs\d{1,2}|x25519"
)
_SHORT_CODE = lazy.regex(r"\d{4,8}|(?=[a-z]{0,3}\d)(?=\d{0,3}[a-z])[a-z0-9]{4}")
_IN_PROSE = lazy.regex(
    r"(?=[^\d\s]{0,64}\d)(?=[^A-Za-z\s]{0,64}[A-Za-z])[!-~]{6,}"
    # A number of which only a part is shown is masked already.
    r"|(?!\d{1,6}\*{4})(?=[A-Za-z0-9]{1,64}[!#$%^&*@])[!-~]{8,}"
)


def believable(value: str, needs: str) -> bool:
    """Whether a word that follows a name in a sentence is its value and no other word."""
    if needs == ANYTHING:
        return bool(_IN_PROSE.fullmatch(value)) and not _TECHNICAL.fullmatch(value)
    if needs == CODE:
        return bool(_SHORT_CODE.fullmatch(value)) or is_random(value)
    return is_random(value)


# --- where a value ends ---------------------------------------------------------------

#: Where a value begins and ends, and whether it is quoted, and so a value whatever it says.
Span = tuple[int, int, bool]

# The end of a quoted one is also the end of its line or of the text.
_QUOTED = lazy.regex(
    r"""(?x)[bBfFrRuU]{0,2}(?P<quote>\"{3}|'{3}|["'`])(?P<plain>(?:\\.|[^\\\n]|\\)*?)
        (?:(?P=quote)|(?=\n)|\Z)
    | (?P<escape>\\{1,8}["'])(?P<escaped>[^\n]*?)(?:(?<!\\)(?P=escape)|(?=\n)|\Z)
    | [“「『【（](?P<chinese>[^”」』】）\n]{1,256})(?:[”」』】）]|(?=\n)|\Z)"""
)
_PLAIN = r"""[^\s&;,'"\\<\[，。；、！？”’）】」》]{0,512}"""
# Without quotes: up to a space, or a delimiter that is one and not part of a password.
BARE = lazy.regex(
    rf"""(?x){_PLAIN}(?: (?: {MASK} | \[ | <(?!/)
        | \\(?!\\{{0,8}}["'])(?!r?\\?n)
        | ["'](?=\w)
        | &(?!amp;|lt;|gt;)(?![\s"'\\]|[\w.%-]{{1,40}}[=:]|\Z)
        | [;,](?![\s"'\\]|[\w.%-]{{1,40}}[=:]|\Z)
        ) {_PLAIN} ){{0,256}}"""
)
# Authorization and cookies have spaces in them: all of the line, or of the quoted string.
_LINE = lazy.regex(r"""(?m)(?:[^\n"'\\]|\\(?!\\{0,8}["'])|(?<=\w=)"[^"\n]{0,512}(?:"|$))*""")
LINES = frozenset({"authorization", "cookie"})
# A value with brackets (a call, a list) is no token, but all of it a password's.
_TAKEN_WHOLE = frozenset({ANYTHING, VALUE})
_CALL = lazy.regex(r"(?:[A-Za-z_][\w.]{0,80})?[(\[{]")
# `token: Bearer x`
_SCHEME = lazy.regex(r"(?:bearer|basic|token|digest)[ ]{1,4}(?=[^\s:=])", re.I)
# A sentence: `密码：不能为空`.
_CHINESE = lazy.regex(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+[.!?]?")
# What stands there instead of a value: a mask, no secret, `f()`, `self.password`, and
# `Field(min_length=8)` or `jwt.encode(payload, key)`, in which no value is written down.
_NO_VALUE = lazy.regex(
    rf"""(?x){MASK} | {_NO_SECRET} | {_REFERENCE} | [A-Za-z_][\w.]{{0,80}}\(
        (?: \)(?!\w) | (?:[A-Za-z_.]+(?![A-Za-z_.])|\d+(?!\d)|[\s,=*\[\]]){{0,40}}
            \)(?=[\s,)\]}}]|\Z) )"""
)
# Twelve words and more, as wallets give them.
_PHRASE = lazy.regex(r"[a-z]{3,8}(?:[ ,]{1,2}[a-z]{3,8}){11,23}")
_BRACKET = lazy.regex(
    r"""(?m)\"(?:\\.|[^"\\\n])*(?:"|\\?$)|'(?:\\.|[^'\\\n])*(?:'|\\?$)|[(\[{]|[)\]}]"""
)


def quoted(text: str, start: int) -> Span | None:
    """The inside of the quotes that begin at `start`."""
    match = _QUOTED.match(text, start)
    return (*match.span(match.lastgroup or 0), True) if match else None


def value_at(text: str, start: int, rule: Rule) -> Span | None:
    """Where the value that begins at `start` has its inside; None for no value."""
    if found := quoted(text, start):
        return found
    if rule.label == "seed phrase" and (phrase := _PHRASE.match(text, start)):
        return (*phrase.span(), False)
    is_line = rule.label in LINES
    if not is_line:
        start = end_of(_SCHEME, text, start)
    if _NO_VALUE.match(text, start):
        return None
    end = end_of(_LINE, text, start) if is_line else bare_end(text, start, rule.needs)
    if end == start:
        return None
    if rule.secret and rule.needs in _TAKEN_WHOLE and (call := _CALL.match(text, start)):
        return start, max(_closing(text, call.end() - 1), end), False
    bare = text[start:end]
    if rule.secret and _CHINESE.fullmatch(bare):
        return None
    value = bare.rstrip(" ,.)}>" if "[redacted: " in bare else " ,.)]}>")
    if not rule.secret or any(map(str.isalnum, value)) or len(value) > 3:
        return start, start + len(value), False
    return None


def bare_end(text: str, start: int, needs: str) -> int:
    """Where a value without quotes ends. What may turn out to be none is looked at for a
    bounded way only, because the next name may begin within it."""
    end = end_of(BARE, text, start)
    value = text[start:end]
    if len(value) >= 256 and looks(value, needs) and not _CHINESE.fullmatch(value):
        while (further := end_of(BARE, text, end)) > end:
            end = further
    return end


def end_of(pattern: re.Pattern[str], text: str, start: int = 0) -> int:
    """Where a match that begins at `start` ends; `start` if there is none."""
    match = pattern.match(text, start)
    return match.end() if match else start


def _closing(text: str, start: int) -> int:
    """Where the bracket that opens at `start` is closed; the end of the text if it is not."""
    depth = 0
    for bracket in _BRACKET.finditer(text, start):
        if bracket[0] in "([{":
            depth += 1
        elif bracket[0] in ")]}":
            depth -= 1
            if not depth:
                return bracket.end()
    return len(text)
