r"""Places: where a name and its value meet in a text.

A text is looked through for parts of names that matter (`keys.HINTS`). Around each the whole
name is read, and if it says something, the places are tried in order: each says with one
pattern how a value can follow a name (`password=x`, `"password": "x"`, `<password>x`,
`Content-Disposition: form-data; name="password"`). The first one that fits tells where the
value begins; `values.py` knows where it ends and whether it looks like one.

Names are found from left to right, no name is read twice, and what a place skips between
name and value is bounded: so the time grows with the text and no faster.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple

from .findings import Secret, most_in
from .hints import Hit
from .keys import ANYTHING, LONGEST_NAME, QUERY, Rule, Rules
from .values import (
    BARE,
    LINES,
    MASK,
    MASKED,
    NO_SECRET,
    PROSE,
    Span,
    bare_end,
    believable,
    end_of,
    is_random,
    looks,
    quoted,
    value_at,
)

# --- names ----------------------------------------------------------------------------


class Name(NamedTuple):
    """A name in a text, and what it says."""

    text: str
    start: int
    end: int
    rule: Rule
    #: The name, with the words before it that belong to it.
    called: str

    @property
    def left(self) -> str:
        """A bounded look at what stands before the name, in lower case."""
        return self.text[max(0, self.start - 64) : self.start].lower()


_RIGHT = lazy.regex(r"(?:[^\W\u2e80-\u9fff]|-|\\{1,8}u[0-9a-fA-F]{4})*")
# The same for reversed text, so that it can be matched to the left.
_LEFT = lazy.regex(r"(?:[0-9a-fA-F]{4}u\\{1,8}|[^\W\u2e80-\u9fff]|-)*")
_LEFT_CHINESE = lazy.regex(r"[\u4e00-\u9fff]{0,16}")
_CHINESE = lazy.regex(r"[\u4e00-\u9fff]")
_FULL_WIDTH = lazy.regex(r"[\uff21-\uff5a]")
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# The word before, where a name is written in two: `API key: x`, `tls.key: x`.
_WORD_BEFORE = lazy.regex(r"[ .]([\w-]{1,24})(?:[ .]([\w-]{1,24}))?")
_WORD_AFTER = lazy.regex(r" ([A-Za-z]{2,8})(?![\w-])")


def lowered(text: str) -> str:
    """`text` in lower case, full-width letters as others, each character in its place."""
    if not text.isascii():
        text = text.replace("İ", "I")  # the one that two would come of
        if _FULL_WIDTH.search(text):
            text = text.translate(_NARROW)
    return text.lower()


def names(text: str, hits: Iterable[Hit], rules: Rules) -> Iterator[Name]:
    """The names in `text` that say something, from left to right."""
    done = 0
    has_masks = _MASK in text
    for at, hint in hits:
        if at < done:
            continue
        if has_masks and (end := end_of_mask(text, at)):
            done = end
            continue
        before = text[max(done, at - LONGEST_NAME) : at][::-1]
        if _CHINESE.match(hint):  # `密码` in `密码错误` is followed by no value
            start, end = at - end_of(_LEFT_CHINESE, before), at + len(hint)
        else:
            start, end = at - end_of(_LEFT, before), end_of(_RIGHT, text, at)
        done = max(end, at + 1)
        if found := _named(text, start, end, rules):
            yield found


_MASK = "[redacted: "


def end_of_mask(text: str, at: int) -> int:
    """Where the mask ends that `at` is in; 0 if it is in none."""
    start = text.rfind(_MASK, max(0, at - 48), at + len(_MASK))
    mask = MASKED.match(text, start) if start >= 0 else None
    return mask.end() if mask and mask.end() > at else 0


def _named(text: str, start: int, end: int, rules: Rules) -> Name | None:
    before = text[start - 1 : start]
    name = text[start:end]
    if before == "%" and len(name) > 2:  # the end of `%5B`
        start, name = start + 2, name[2:]
    stripped = name.lstrip("-")
    start += len(name) - len(stripped)
    name = stripped.rstrip("-_") or stripped
    end = start + len(name)
    rule = rules.rule_for(name)
    if before == "\\" and name[:1] in "nrt" and (not rule or rule.needs == QUERY):
        # A line break that `repr` or JSON has written as `\n` is no part of the name.
        start, name = start + 1, name[1:]
        rule = rules.rule_for(name)
    if rules.is_kept(name):
        return None
    called = name
    if not rule or rule.needs == QUERY:
        called, rule = _with_words_before(text, start, name, rules) or (name, rule)
    if not rule and (after := _WORD_AFTER.match(text, end)):
        called, end = f"{name} {after[1]}", after.end()
        rule = rules.rule_for(called)
    return Name(text, start, end, rule, called) if rule else None


def _with_words_before(text: str, start: int, name: str, rules: Rules) -> tuple[str, Rule] | None:
    words = _WORD_BEFORE.match(text[max(0, start - 50) : start][::-1])
    for word in filter(None, words.groups()) if words else ():
        name = f"{word[::-1]} {name}"
        rule = rules.rule_for(name)
        if rule and rule.secret and rule.needs != QUERY:
            return name, rule
    return None


# --- values ---------------------------------------------------------------------------


def _written(name: Name, after: re.Match[str]) -> Span | None:
    """What stands there, if it looks like what the name promises."""
    span = value_at(name.text, after.end(), name.rule)
    return span if span and _believed(name, name.text[span[0] : span[1]]) else None


def _marked(name: Name, after: re.Match[str]) -> Span | None:
    """The same of what the place knows both ends of."""
    return (*after.span("value"), True) if _believed(name, after["value"]) else None


def _sure(name: Name, after: re.Match[str]) -> Span | None:
    """The same where nothing else can stand."""
    return (*after.span("value"), True)


def _believed(name: Name, value: str) -> bool:
    return not name.rule.secret or bool(MASKED.match(value)) or looks(value, name.rule.needs)


def _behind_sign(name: Name, after: re.Match[str]) -> Span | None:
    """What stands behind a sign, which is also how sentences and programs are written."""
    sign = after["sign"]
    if sign == ":" and name.rule.secret and name.rule.label not in LINES and _is_failure(name):
        return None
    span = _written(name, after)
    if not span or span[2] or not name.rule.secret:
        return span
    goes_on = sign in (":", "：") and PROSE.match(name.text, after.end())
    if goes_on and name.rule.label != "seed phrase":
        return None
    return None if _is_code(name, name.text[span[0] : span[1]]) else span


def _is_code(name: Name, value: str) -> bool:
    """`password=self.password` and `token=new_token` are lines of source code."""
    if value.startswith("/") and name.called.lower().endswith("pwd"):
        return True  # the working directory
    if len(value) >= 200:
        return False
    is_variable = _VARIABLE.fullmatch(value) and value.endswith(f"_{name.called}")
    return bool(value == name.called or value.endswith(f".{name.called}") or is_variable)


_VARIABLE = lazy.regex(r"[a-z]+(?:_[a-z]+)+")
# `InvalidToken: padding` and `unexpected token: EOF` name a failure and then describe it;
# `/oauth/token: 401` is the end of a path.
_FAULT = lazy.regex(
    r"(?i)(?:invalid|expired|missing|wrong|incorrect|bad|unexpected|unknown|illegal)[ _-]?"
    r"[A-Za-z]+: [A-Za-z]+(?![\w-])"
)
_LONGEST_FAULT = len("unexpected ")


def _is_failure(name: Name) -> bool:
    start = name.start
    fault = _FAULT.search(name.text, max(start - _LONGEST_FAULT, 0), start + 64)
    path = name.left.rpartition(" ")[2]
    is_path = path.endswith("/") and (path.startswith(("/", "./")) or "://" in path)
    return is_path or bool(fault and fault.start() <= start < fault.end())


def _on_next_line(name: Name, after: re.Match[str]) -> Span | None:
    span = value_at(name.text, after.end(), name.rule)
    return span if span and (span[2] or is_random(name.text[span[0] : span[1]])) else None


def _behind_option(name: Name, after: re.Match[str]) -> Span | None:
    return None if name.called.lower().startswith(("no-", "no_")) else _written(name, after)


def _told(name: Name, after: re.Match[str]) -> Span | None:
    """A word of a sentence that can be nothing but the value."""
    text, start, needs = name.text, after.end(), name.rule.needs
    sign = text[start : start + 1]
    if sign in "\"'“「『`":
        return _told_in_quotes(name, start)
    if not name.rule.secret or sign in "(<":
        return None
    start += sign in "【（"
    value = _ascii(text[start : end_of(BARE, text, start)])
    if "://" in value or not believable(value, needs) or _CALL.match(text, start):
        return None
    return start, start + len(_ascii(text[start : bare_end(text, start, needs)])), False


def _ascii(text: str) -> str:
    return text[: end_of(_ASCII, text)].rstrip(".,:;!?)]}>")


_CALL = lazy.regex(r"[A-Za-z_][\w.]{0,80}[(=]")
_ASCII = lazy.regex(r"[!-~]*")


def _told_in_quotes(name: Name, start: int) -> Span | None:
    """What is in quotes, if that is one word."""
    span = quoted(name.text, start)
    value = name.text[span[0] : span[1]] if span else ""
    if len(value) < 3 or any(map(str.isspace, value)) or NO_SECRET.fullmatch(value):
        return None
    needs = name.rule.needs
    if name.rule.label == "password":
        return span
    if needs == ANYTHING:  # `secret "db-credentials" not found` names one
        return span if believable(value, ANYTHING) else None
    return span if looks(value, needs) and any(map(str.isdigit, value)) else None


# --- places ---------------------------------------------------------------------------


class _Place:
    """How a value follows its name.

    Args:
        what: Called so in findings.
        value: Finds the value.
        first: The characters that `after` can begin with, "" for all: most places are ruled out
            by the one that follows the name.
        after: Matched where the name ends; ends where the value begins, or has it as its group.
        before: Searched for in what stands before the name.
    """

    def __init__(
        self,
        what: str,
        value: Callable[[Name, re.Match[str]], Span | None],
        first: str,
        after: str,
        before: str = "",
    ) -> None:
        self.what, self.first = what, first
        self._value, self._after = value, lazy.regex(after)
        self._before = lazy.regex(before) if before else None

    @property
    def is_believed(self) -> bool:
        return self._value in (_written, _marked, _behind_sign, _behind_option)

    def find(self, name: Name) -> Span | None:
        if self._before and not self._before.search(name.left):
            return None
        after = self._after.match(name.text, name.end)
        span = self._value(name, after) if after else None
        return span if span and span[0] < span[1] else None


# What closes a name: a quote, also escaped or of a URL, a bracket, or both.
_CLOSE = r"""(?:\.pem)?(?:\\{0,8}["'`”’]|%22|%27)?(?:\\{0,8}["']?[\])]|%5[dD])?"""
_SIGN = r"""
    [ \t]{0,8}
    (?P<sign>
        (?::[ ]?(?:str|bytes|Optional|SecretStr)\b[^=\n]{0,20})? ={1,3}>? | :=? (?!:|//)
        | ： | ＝ | %3[aAdD] | -> | :=  | [为是][：:]?
    )
    [ \t]{0,8}
"""
_KEYS = (
    r"(?:key|name|field|param|parameter|header|attribute|variable|option|property|setting"
    r"|(?<![a-z])(?:loc|type|id|k))"  # `invalid` is none
)
_VALUES = r"(?i:[a-z]{0,12}value|val|input|input_value|content|default|rejected[ _]?value|v)"
_NAMED_SO = (
    rf"""{_KEYS}(?:\\{{0,4}}["'])?\s?(?:[=:]|=>)?\s{{0,2}}"""
    r"""(?:[(\[](?:["'][\w-]{1,40}["'],\ ?){0,3})?\\{0,4}["']?\Z"""
)

# What is inside of an element: to where it ends, unless `<password> is missing` and no end.
_INSIDE = (
    r"\s{0,8}(?P<value>(?=\s{0,256}[^\s<&\]])(?:[^<>&\]]|&(?!lt;)|\](?!\]>))+(?=[<>]|&lt;|\]\]>)"
    r"|(?:[^<>&\]\s]|&(?!lt;)|\](?!\]>))+\Z)"
)

PLACES = (
    _Place("in a pair", _marked, "\\\"'",  # which its end tells from a longer list
        r"""(?x)\\{0,4}["'],\s{0,4}b?(?P<quote>\\{0,4}["'])
            (?P<value>(?:(?!(?P=quote))(?:\\.|[^\\\n]))*)
            (?:(?P=quote)\s{0,4}[)\]]|(?P=quote)?\Z)""",
        before=r"[(\[]\s{0,4}b?\\{0,4}[\"']\Z"),
    _Place("in an element", _marked, "\"'>& \t\r\n",
        rf"[\"']?(?:\s[^<>]{{0,256}})?(?:>|&gt;)(?:<!\[CDATA\[)?{_INSIDE}",
        before=r"(?:<|&lt;)(?:[\w.-]{1,20}:)?(?:[\w.-]{1,64}\s[^<>]{0,40}=[\"'])?\Z"),
    _Place("in the next element", _marked, "<\"'",
        r"(?i)(?:</(?:key|name)>|[\"'][^<>]{0,200}>)\s{0,16}(?:<(?!/)[\w:]{1,20}>\s{0,16}){1,3}"
        + _INSIDE,
        before=r"(?i)(?:<(?:key|name)>|name=[\"'])\Z"),
    _Place("in a part of a body", _sure, "\\\";\r\n",
        r"\\?\"?(?:;[^\r\n\\]{0,200})?(?P<line>\r?\n|(?:\\r)?\\n)"
        r"(?:[\w-]{1,40}: ?[^\r\n\\]{0,200}(?P=line)){0,4}(?P=line)"
        r"(?P<value>(?:(?!(?P=line)--)[\s\S])*)",
        before=r"name=\\?\"?\Z"),
    _Place("beside its name", _written, "\\\"',)];/: \t\r\n",
        rf"""(?x)(?:\\{{0,4}}["'])?[,)\]]{{0,3}}(?=[\s,;/:])
            (?:[^{{}}<>\n]|\n(?!\s{{0,40}}-\ )){{0,200}}?
            (?<!\w)(?=[\\"'a-zA-Z])\\{{0,4}}["']?{_VALUES}\\{{0,4}}["']?
            (?P<sign>\s?(?:=>|[:=])\s?|\s(?=\[))""",
        before=_NAMED_SO),
    _Place("in a block", _sure, "\"':",
        r"""["']?:[ ]{0,4}[|>][+-]?\d?[ ]{0,4}\r?\n"""
        r"(?P<value>[ \t]+[^\n]*(?:\n[ \t]+[^\n]*)*)"),
    _Place("on the next line", _on_next_line, "\"':：",
        r"""["']?(?P<sign>[:：])[ \t]{0,8}\r?\n[ \t]{1,40}(?:-[ ]{1,4})?"""
        r"""(?![\w."'-]{1,64}[:=])"""),
    _Place("of a field", _sure, "\n",
        r"\n {2}[^\n]{0,256}?input_value=(?P<value>[^\n]{0,1024}?)(?=, input_type=|\n|\Z)"),
    _Place("behind a sign", _behind_sign, ".\\\"'`”’%]) \t:=：＝-为是", "(?x)" + _CLOSE + _SIGN),
    _Place("in a condition", _told, "\"'`] \t\n",
        r"""(?i)["'`\]]?\s{1,4}(?:not\s)?(?:in|i?like)\s{0,4}\(?\s{0,4}(?=')"""),
    _Place("of an option", _behind_option, "\"' ",
        r"""(?:["'],[ ]?|[ ]{1,4})(?=[^\s-])""",
        before=r"(?<![\w-])--?\Z"),
    _Place("of a call", _told, "(", r"""\((?:[bru]?(?=["'])|(?=[^\s()"']{1,128}\)))"""),
    _Place("in a sentence", _told, "\"'” \t",
        r"""(?x)["'”]?[ \t](?:(?i:for|of)\ (?:(?:the|user|account|login|role|admin)\ ){0,2}
            (?:["'][^"'\n]{1,128}["']|[\w.@-]{1,64})(?:@["'][\w.%-]{1,64}["'])?
            (?:\ (?:is|was|=):?|:)[ ]
            |(?i:is|was|as|(?:set\ )?to|value|provided|supplied|given|entered|received|used)?:?
            \ {0,2}(?:is\ )?)(?=\S)"""),
)  # fmt: skip

CHINESE_PLACES = (
    _Place("in a sentence", _sure, "",
        r"[ “「『【（'\"]{0,2}(?P<value>(?!\[redacted)[!-~]{3,128}?)[ ”」』】）'\"]{0,2}"
        r"(?=错误|不正确|无效|有误|不对|不匹配|不符)"),
    _Place("behind a sign", _behind_sign, "",
        r"(?:错误|不正确|无效|有误|不对|[（(][^）)\n]{1,12}[）)])?(?:\\{0,8}[\"'”]|%22)?"
        r"[ ]{0,2}(?P<sign>[:：=＝]|%3[aAdD]|=>|->|是[：:]?"
        r"|(?:已|被|已被)?(?:重置|重设|修改|更改|设置|更新|变更)?为[：:]?)[ ]{0,2}"),
    _Place("in a sentence", _told, "", r" {0,2}(?=[!-~“「『【（])"),
)  # fmt: skip

# A name whose value is masked already, by its shape or in an earlier pass.
_IS_MASKED = lazy.regex(
    rf"""(?x)(?:\\{{0,8}}["'\])])? [ \t]{{0,8}} (?:[:=：＝]|[=-]>|%3[aAdD]|[是为][：:]?)
    [ \t]{{0,8}} (?:{MASK} | b?(?P<quote>\\{{0,8}}["']){MASK}(?P=quote))"""
)

#: How many names without a value are looked at in a portion of a text.
_MOST_IN_VAIN = 384


def secrets_under(text: str, hits: Sequence[Hit], rules: Rules) -> Iterator[Secret]:
    """The values that stand behind telling names.

    Of a text with very many names that have none the rest is looked at only for something that
    could be a value, and goes from there on: `token, token, …` stays, `key=key=…` does not.
    """
    done = in_vain = 0
    most = most_in(text, _MOST_IN_VAIN)
    outside = (hit for hit in hits if hit[0] >= done)  # of the values that were found until then
    for name in names(text, outside, rules):
        if in_vain == most:
            start = _first_suspicion(text, name.start, hits)
            yield start, len(text), Rule("text"), "too many names"
            return
        if name.start < done or _IS_MASKED.match(text, name.end):
            continue
        span, what = _value_before(name, done) or _value_behind(name)
        if span and span[0] >= done:
            yield span[0], span[1], name.rule, f"{name.called} {what}"
            done = span[1]
        else:
            in_vain += 1


# An option, or a sign or an opening mark behind a name; and what is no word of a sentence.
_MARK_BEHIND = lazy.regex(
    r"(?<=-)[\w-]{1,48}\s{1,4}(?=[^\s\[])"
    r"|[\w-]{1,48}?[\"'\])]{0,3}\s{0,4}(?=(?!\[redacted: )[^\w\s.,;!?)\]-]|->|[是为])"
)
_ODD_WORD = lazy.regex(
    r"(?<!\S)(?:(?=[^\s\d]{0,24}\d)(?=[^\sa-zA-Z]{0,24}[a-zA-Z])\S{6}|[^\s=]{1,24}=|\S{24})"
)
_NEAR = 80


def _first_suspicion(text: str, start: int, hits: Iterable[Hit]) -> int:
    """Where from `start` on something may be a value; the end of the text if nothing may be."""
    places = [at for at, _ in hits if at >= start]
    marks = (mark.end() for at in places if (mark := _MARK_BEHIND.match(text, at)))
    words = (word.start() for word in _ODD_WORD.finditer(text, start))
    odd = (at for at in words if _is_near(text, at, places))
    return min(next(marks, len(text)), next(odd, len(text)))


def _is_near(text: str, at: int, places: list[int]) -> bool:
    """Whether one of `places` is a little before, on the same line."""
    before = places[max(0, bisect_left(places, at) - 1)]
    return before < at <= before + _NEAR and "\n" not in text[before:at]


def _value_behind(name: Name) -> tuple[Span | None, str]:
    places = CHINESE_PLACES if _CHINESE.match(name.text, name.end - 1) else PLACES
    following = name.text[name.end : name.end + 1]
    is_elsewhere = name.rule.needs == QUERY and not _IN_QUERY.search(name.left)
    for place in places:
        if (following not in place.first and place.first) or (is_elsewhere and place.is_believed):
            continue
        if span := place.find(name):
            return span, place.what
    return None, ""


_IN_QUERY = lazy.regex(r"(?:[?&;]|%26|%3f|u0026|amp;)(?:[\w-]{1,20}-)?\Z")


# {"Value": "x", "Key": "Password"}: the value comes first.
_KEY_LAST = lazy.regex(rf"""["'][a-z]{{0,12}}?{_KEYS}\\{{0,4}}["']\s?:\s?\\{{0,4}}["']\Z""")
_VALUE_FIRST = lazy.regex(
    rf"""(?i)["']{_VALUES}(?P<close>\\{{0,4}}["'])\s?:\s?\\{{0,4}}["'](?P<value>[^"'\\\n]{{1,256}})\\{{0,4}}["'],\s{{0,16}}"""
    rf"""\\{{0,4}}["'][a-z]{{0,12}}?{_KEYS}(?P=close)\s?:\s?\\{{0,4}}["']\Z"""
)


def _value_before(name: Name, done: int) -> tuple[Span, str] | None:
    text, end = name.text, name.start
    if text[end - 1 : end] not in ('"', "'") or not _KEY_LAST.search(name.left):
        return None
    match = _VALUE_FIRST.search(text, max(done, end - 400), end)
    span = _marked(name, match) if match else None
    return (span, "before its name") if span else None
