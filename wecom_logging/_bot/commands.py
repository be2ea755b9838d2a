"""What somebody wrote, as a command: forgiving about signs, widths, blanks and order.

Nothing is guessed that would act: an id is whole or none, a command without an id, a quote or
a name of something never means everything.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from wecom_logging._model import spans
from wecom_logging._model.spans import Span, SpanError

Name = Literal[
    "open", "show", "silence", "unsilence", "take", "untake", "quiet", "unquiet", "undo",
    "report", "help", "pair", "yes", "unknown",
]  # fmt: skip

#: All words of each command; the first of either language is the one that help shows.
WORDS: dict[Name, tuple[str, ...]] = {
    "open": (
        "未恢复", "列表", "告警列表", "告警", "有什么", "还有什么", "状态", "现状",
        "open", "list", "ls", "groups", "status",
    ),
    "show": ("详情", "查看", "看看", "详细", "show", "details", "detail"),
    "silence": (
        "静默", "屏蔽", "静音", "忽略", "别吵", "别报", "silence", "mute", "snooze", "ignore",
    ),
    "unsilence": (
        "取消静默", "解除静默", "结束静默", "取消屏蔽", "解除屏蔽", "取消静音", "恢复告警",
        "unsilence", "unmute", "unsnooze",
    ),
    "take": (
        "我来处理", "我来", "认领", "接手", "我处理", "我看看", "处理",
        "take", "ack", "claim", "mine",
    ),
    "untake": ("放手", "取消认领", "不管了", "释放", "untake", "unack", "release", "drop"),
    "quiet": ("免打扰", "勿扰", "安静", "quiet", "dnd"),
    "unquiet": ("取消免打扰", "结束免打扰", "关闭免打扰", "取消勿扰", "unquiet"),
    "undo": ("撤销", "撤回", "反悔", "undo"),
    "report": ("报告", "日报", "汇总", "总结", "report", "summary"),
    "help": ("帮助", "命令", "怎么用", "用法", "help", "?", "usage"),
    "pair": ("绑定", "配对", "pair", "bind"),
    "yes": ("确认", "确定", "是的", "yes", "confirm"),
}  # fmt: skip

_NAMES: dict[str, Name] = {word: name for name, words in WORDS.items() for word in words}

#: Stand for the bot's name where nobody knows it.
_PLACEHOLDERS = ("bot", "机器人")

#: Ids in one command; more are no answer to anything.
MAX_IDS = 50
_MAX_WHY = 200

# Whole: not a part of a longer number, a version, a path or a time.
_EDGE = r"[0-9A-Za-z_.:/\-]"
_GROUP = rf"(?<!{_EDGE})#?\d{{5,6}}\??(?!{_EDGE})"
_MESSAGE = rf"(?<!{_EDGE})m-[0-9a-f]{{4,16}}(?![0-9A-Za-z_\-])"
# The ids that a command is about stand together; a number in a reason is only a number.
_IDS = re.compile(rf"(?:{_GROUP}|{_MESSAGE})(?:(?:\s|&|和|与|and)*(?:{_GROUP}|{_MESSAGE}))*", re.I)
_GROUP_ID = re.compile(r"(?<![0-9a-f-])(\d{5,6})(\?)?(?![0-9a-f])", re.I)
_MESSAGE_ID = re.compile(r"m-[0-9a-f]{4,16}", re.I)
_CODE = re.compile(r"(?<!\d)\d(?:[ -]?\d){5}(?!\d)")
_RELEASE = re.compile(
    r"(?<![a-z])until (?:the )?(?:next )?(?:release|version)(?![a-z])"
    r"|直?到\s*(?:下一?个?|新)\s*(?:版本?|发布)(?:上线|发布|为止)?",
    re.I,
)
_OPENING, _CLOSING = "「『【《〈“‘(\\[\"'`", "」』】》〉”’)\\]\"'`"
#: What is left of signs around something that was taken out.
_EMPTY = re.compile(rf"[{_OPENING}]\s*[{_CLOSING}]")
# In an alert an id stands behind its sign; other numbers of five digits are only numbers.
_QUOTED = re.compile(rf"(?<!{_EDGE})#(\d{{5,6}})(\?)?(?!\d)")


@dataclass(frozen=True)
class Command:
    """What is wanted. `unknown`: nobody can tell."""

    name: Name
    #: Groups, by their ids; and messages, which stand for their groups.
    ids: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    #: The ids come from a quote.
    quoted: bool = False
    #: An id is one of a process that had lost its store (`#40871?`): it stands for nothing.
    doubtful: bool = False
    span: Span | None = None
    #: Of "silence": or until a release that nobody has seen yet, if that is sooner.
    until_release: bool = False
    #: The words that are left: a place, type or app, or a reason.
    rest: str = ""
    #: A time that cannot be.
    wrong: SpanError | None = None
    #: Of "pair".
    code: str = ""
    #: Of "unknown": the commands that come nearest, nearest first.
    nearest: tuple[Name, ...] = ()
    #: It was called by another name than the one that we know.
    renamed: bool = False
    chinese: bool | None = None


def parse(text: str, quote: str = "", *, name: str = "") -> Command:
    """What a message and the one that it quotes mean. In groups the text begins with the bot's
    name there, which may have blanks in it."""
    called, known = normal(text), normal(name)
    words = _unquoted(_addressed(called, known))
    chinese = _is_chinese(words)
    found, rest = _command(words)
    if found is None and _IDS.fullmatch(rest.strip()):
        found = "show"
    if found is None:
        renamed = called.startswith("@") and not (known and _mention(known).match(called))
        written = _IDS.search(words)
        ids, _, doubtful = _ids(written[0] if written else "")
        # A doubtful one stands for nothing, and must not come back as one that does.
        return Command(
            "unknown", () if doubtful else ids, rest=rest, nearest=_nearest(words),
            renamed=renamed, chinese=chinese,
        )  # fmt: skip
    if found == "pair":
        code = _CODE.search(rest)
        digits = re.sub(r"\D", "", code[0]) if code else ""
        return Command("pair", code=digits, chinese=chinese)
    return _with_arguments(found, rest, normal(quote), chinese)


def taught_name(text: str) -> str:
    """What the bot is called, from `@静默 助手 绑定 483920`; "" if the text does not say."""
    words = normal(text)
    found = re.match(r"@(.{1,64}?)\s*(?:绑定|配对|pair|bind)\s*:?\s*\d", words, re.I)
    if not found:
        return ""
    first, *others = (each.strip() for each in found[1].split("@"))
    # Somebody has picked the name and pasted a line that has it once more, or a word for it.
    known = {first.casefold(), *_PLACEHOLDERS}
    return first if all(each.casefold() in known for each in others) else ""


def normal(text: str) -> str:
    """Half-width, single blanks, nothing invisible; line breaks and commas are blanks."""
    text = unicodedata.normalize("NFKC", text)
    seen = "".join(" " if sign.isspace() else sign for sign in text if _visible(sign))
    return " ".join(re.sub("[,;!、。]", " ", seen).split())


def _visible(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _is_chinese(words: str) -> bool | None:
    """The language of a text; None: it has none."""
    if any("\u4e00" <= sign <= "\u9fff" for sign in words):
        return True
    return False if re.search("[a-z]{2}", words, re.I) else None


def _addressed(words: str, name: str) -> str:
    """The text without `@name` in front of it or behind it."""
    if name:
        words = _mention(name).sub("", words)
    if words.startswith("@"):  # a name that we were not told, or one that has changed
        first, _, rest = words.partition(" ")
        words = rest or (first[1:] if first[1:].lower() in _NAMES else "")
    return words


def _mention(name: str) -> re.Pattern[str]:
    return re.compile(rf"^@{re.escape(name)}(?![a-z0-9])\s*|\s*@{re.escape(name)}$", re.I)


def _unquoted(words: str) -> str:
    """A command that was copied with the signs in which we showed it."""
    found = re.fullmatch(rf"[{_OPENING}]\s*([^{_OPENING}{_CLOSING}]*)[{_CLOSING}]", words)
    return found[1].strip() if found else words


def _command(words: str) -> tuple[Name | None, str]:
    """The command and the rest: at the beginning, or behind its ids and times."""
    for word in _LONGEST_FIRST:
        found = _PATTERNS[word].match(words)
        if found:
            return _NAMES[word], words[found.end() :].strip(" :")
    for word in _LONGEST_FIRST:
        found = _PATTERNS[word].search(words)
        # `40871 静默 2h` is a command, and `40871 谁在处理` is a question. Before a chat is
        # paired nobody knows how much of the text is the bot's name.
        if found and (_NAMES[word] == "pair" or _only_arguments(words[: found.start()])):
            return _NAMES[word], f"{words[: found.start()]} {words[found.end() :]}".strip(" :")
    return None, words


def _only_arguments(words: str) -> bool:
    try:
        timed = spans.find(_IDS.sub(" ", words))
    except SpanError:
        return False
    return not (timed.rest if timed else _IDS.sub(" ", words)).strip()


def _pattern(word: str) -> re.Pattern[str]:
    if word == "?":
        return re.compile(r"^\?+$")
    if word.isascii():
        return re.compile(rf"(?<![a-z0-9_.\-/]){re.escape(word)}(?![a-z0-9_.\-/])", re.I)
    return re.compile(r"\s*".join(word))


_LONGEST_FIRST = sorted(_NAMES, key=len, reverse=True)
_PATTERNS = {word: _pattern(word) for word in _NAMES}


def _with_arguments(name: Name, rest: str, quote: str, chinese: bool | None) -> Command:
    found = _IDS.search(rest)
    ids, messages, doubtful = _ids(found[0] if found else "")
    rest = f"{rest[: found.start()]} {rest[found.end() :]}" if found else rest
    quoted = not found and bool(quote)
    if quoted:
        signed = " ".join(f"{each}{mark}" for each, mark in _QUOTED.findall(quote))
        ids, messages, doubtful = _ids(signed or " ".join(_MESSAGE_ID.findall(quote)))
        quoted = bool(ids or messages)
    span, wrong, until_release = None, None, False
    if name == "silence":
        rest, found_release = _RELEASE.subn(" ", rest)
        until_release = found_release > 0
    if name in ("silence", "quiet"):
        try:
            timed = spans.find(rest)
        except SpanError as error:
            timed, wrong = None, error
        if timed:
            span, rest = timed
    rest = " ".join(_EMPTY.sub(" ", rest).split())[:_MAX_WHY]
    return Command(
        name, ids, messages, quoted, doubtful, span, until_release, rest, wrong, chinese=chinese
    )


def _ids(words: str) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Ids of groups and of messages, and whether one of them is doubtful."""
    groups = _GROUP_ID.findall(words)
    ids = dict.fromkeys(each for each, _ in groups)
    messages = dict.fromkeys(each.lower() for each in _MESSAGE_ID.findall(words))
    return tuple(ids)[:MAX_IDS], tuple(messages)[:MAX_IDS], any(mark for _, mark in groups)


def _nearest(words: str) -> tuple[Name, ...]:
    """The three commands whose words are most like these, but none that stands there."""
    looked_at = words[:40].lower()
    parts = [looked_at, *looked_at.split()[:4], looked_at[:2], looked_at[:4]]

    def likeness(name: Name) -> float:
        return max(
            difflib.SequenceMatcher(None, part, word).ratio() + 0.1 * (part[:1] == word[0])
            for word in WORDS[name]
            for part in parts
        )

    offered: Iterator[Name] = (name for name in WORDS if name not in ("pair", "yes"))
    ranked = sorted(offered, key=likeness, reverse=True)
    # Like nothing at all: what most people want.
    fallback: list[Name] = ["open", "silence", "help"]
    found = ranked if likeness(ranked[0]) >= 0.4 else fallback
    return tuple(name for name in found if not _ends_with(words, name))[:3]


def _ends_with(words: str, name: Name) -> bool:
    ends = (found.end() for word in WORDS[name] for found in _PATTERNS[word].finditer(words))
    return len(words) in ends
