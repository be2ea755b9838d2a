"""What stays the same in a message that arrives already rendered: its template.

A template tells kinds of errors apart, so what is different each time goes out of it (numbers,
ids, names of people and files), and what says which failure it is stays (codes of HTTP, errno,
SQLSTATE and exits; words in quotes). Runs in the line that logs, for texts that have not been
seen: everything takes time in proportion to the text, of which the first 400 and the last 200
characters are looked at.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from itertools import pairwise

from wecom_logging._runtime import lazy

#: How much of a message is looked at. A log line of 10 MB costs no more than that.
HEAD, TAIL = 400, 200
WHOLE = HEAD + TAIL
# Those that few texts need are compiled by the first one that does, see `mask`.
ANSI = lazy.regex(r"\x1b\[[0-?]*[ -/]*[@-~]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEVEL = r"(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|CRITICAL|FATAL|EXCEPTION|[DIWEC])"

#: What a formatter puts before a message: it begins with a time, or is `basicConfig`'s own.
_PREFIX = lazy.regex(
    rf"""
    \s*(?:
      [\[(]?\d{{4}}[-/]\d\d[-/]\d\d[T\ ]\d\d:\d\d(?::\d\d(?:[.,]\d{{1,9}})?)?
        (?:Z|\ ?[+-]\d\d:?\d\d)?[\])]?
      (?: [\s|:·-]{{1,4}} (?:
            [\[(<]?{_LEVEL}\s*[\])>]?(?=[\s|:\]-])          # level
          | [\[(<][^\])>\n]{{1,60}}[\])>]                   # [pid 12], [shop.pay], (MainThread)
          | \d{{1,9}}(?=[\s|:-])                            # process
          | [\w.]{{1,80}}(?:[:.]\d{{1,6}})?(?=\ ?(?:-|\||:)\ )  # logger, file and line
      )){{0,6}}
      [\s|:·-]{{1,4}}
    | {_LEVEL}:[\w.-]{{1,80}}:
    )
    """,
    re.VERBOSE,
)

#: Codes that say which failure it is.
_CODES = lazy.regex(
    r"""
    \b(?:https?|status|response)(?:/\d(?:\.\d)?)?
      (?:[\s_:=(\[<"'-]|code|status|error|response){0,6}[45]\d\d\b
    | \b[45]\d\d(?=[\s:-]{1,3}(?P<reason>[a-z]+(?:[ -][a-z]+)?))
    | \b(?:errno|winerror)[\s_:=]{0,3}-?\d{1,5}\b
    | \bsqlstate[\s_:=(\[<"'-]{0,4}[0-9a-z]{5}\b
    | \b(?:exit\w{0,4}|signal|status|return\s?code|returned)
      (?:[\s_:=(\[<#"'-]|code|status|with|of|signal|non-zero|exit|was|is){0,12}-?\d{1,3}\b
    | <signals\.sig\w+:\ \d+>
    """,
    re.VERBOSE | re.IGNORECASE,
)

#: How reason phrases of HTTP begin: two words at most.
_PHRASES = frozenset(
    " ".join(status.phrase.lower().replace("-", " ").split(" ")[:2])
    for status in HTTPStatus
    if status >= 400
) | {"client error", "server error"}

_REASON = re.compile(r"[45]\d\d[\s:-]{1,3}[a-z]")
# Digits that are kept stand in Unicode's private area while the others are masked.
_KEEP = {ord("0") + digit: 0xE000 + digit for digit in range(10)}
_FOURS = {ord("0") + digit: "4" for digit in range(10)}
_KEPT = {private: digit for digit, private in _KEEP.items()}

_WARNED = lazy.regex(r"(?<![\w./\\-])([\w./\\-]+):\d+: (?=\w*Warning: )")

_MAIL = lazy.regex(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")

_FILE = lazy.regex(r"(?<![\w./\\~-])[\w./\\~:-]*[\w~-]\.([A-Za-z0-9]{1,7})(?![\w-]|\.\w)")
_EXTENSIONS = _words(
    """
    7z apk avi avro bak bin bmp bz2 cfg conf crt css csv dat db dmg doc docx dump env eps
    flac gif gz h5 heic htm html ico ini ipa iso jpeg jpg json jsonl key lock log m4a md mkv
    mov mp3 mp4 npy npz orc parquet pdf pem pkl png ppt pptx psd rar rst sql sqlite sqlite3
    srt svg tar tgz tif tiff tmp toml tsv txt wav webm webp whl xls xlsx xml xz yaml yml zip
    zst
    """
)

#: Quoted parts that are too short to be a word.
_QUOTED = lazy.regex(r"""(?<!\w)(["'])[^"'\n]{0,2}\1(?!\w)""")

#: After these words comes somebody's name, unless it is one of the words below.
_PERSON = lazy.regex(
    r"\b(user(?:[_ ]?name)?|login|account|customer|member|client|owner|author|nickname)"
    r"(\s?[=:]\s?[\"']?|\s[\"']?)([^\W\d][\w.@-]{0,63})",
    re.IGNORECASE,
)
_NO_NAMES = _words(
    """
    a account accounts agent already and api are at attribute attributes balance blocked but
    by cache can cannot code could count created creation data database db deleted deletion
    details did disabled do does email error errors exists expired export failed file for
    found from group groups had has have id ids import in info input invalid is key limit
    list locked login logout lookup manager may missing model must name names no not number
    object of on or page password pool profile query record records registration request
    role service session sessions settings side signup status store support sync table that
    the timed timeout to token tokens type unknown update updated was were who will with
    would
    """
)

_NO_NAME_ENDINGS = ("ed", "ing", "ion", "ment", "ly", "able")
_PREPOSITIONS = _words("for of by from to as with")
#: Ids of random letters: nanoid, base64.
_TOKEN = re.compile(r"(?<![\w+/=-])[A-Za-z0-9_+/-]{10,}={0,2}")

_UNIT = (
    r"ms|µs|μs|us|ns|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?"
    r"|[kKMGT]i?[Bb]|[Bb]|bytes?|%|毫秒|微秒|秒钟?|分钟?|小时|天"
)
_NUMBERS = lazy.regex(
    rf"""
    \b[0-9a-fA-F]{{6,}}(?:-[0-9a-fA-F]{{2,}})*\b              # hex, UUIDs
    | (?:\d{{1,3}}(?:[\ \xa0\u202f,.']\d{{3}})+(?:[.,]\d+)?(?![\d.,]*\d) | \d[\w.:-]*)
      (?:\s?(?:{_UNIT})(?!\w))?                              # numbers, IPs, times, what hangs on
    """,
    re.VERBOSE,
)

_DIGIT = re.compile(r"\d")
#: One row, five rows.
_PLURAL = lazy.regex(r"(?<=\* )(?!(?:as|does|has|is|its|less|plus|this|us|was)\b)([a-z]+)s\b")
_MANY = lazy.regex(r"(?:(?<=ss)|(?<=x)|(?<=ch)|(?<=sh))e$")

#: Family names: those that hardly begin another word, and more after 用户 and the like.
_SURNAMES = (
    "王李张刘陈杨赵吴徐孙胡朱郭罗郑梁谢宋唐韩冯邓曹彭曾肖董袁潘蒋蔡"
    "杜苏魏吕丁沈姚卢姜崔钟谭陆汪范廖贾"
)
_MORE_SURNAMES = (
    f"{_SURNAMES}黄周林何高马许田叶程余夏江史方石白熊孟秦邱侯尹薛雷龙陶贺毛郝顾龚邵万钱戴严武向汤"
)
_CHINESE = lazy.regex(
    rf"""
    (第)[〇零一二两三四五六七八九十百千万亿\d]+
    | ()[〇零一二两三四五六七八九十百千万亿]+(?=[次个条天秒分小页行名人台元块笔份张位岁年月日号])
    | ((?:用户|会员|客户|员工|账号|账户|帐号|联系人|收件人|昵称|姓名)名?
        (?:\s?[:：=]\s?|\s)?["'“「]?)
      (?:[{_MORE_SURNAMES}][\u4e00-\u9fff]{{1,2}}?
          (?=[^\u4e00-\u9fff]|$|的|未|不|没|无|已|登|下单|支付|付款|提交|注册|请求|上传|下载|创建
            |更新|删除|操作|认证|验证|绑定|余额|在|被|因|与|和))
    | (?:(?<=[^\u4e00-\u9fff])|^)()[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}(?=[^\u4e00-\u9fff]|$)
    """,
    re.VERBOSE,
)


def mask(message: str, *, digits: bool = True) -> str:
    """The template of a rendered message. `digits`: whether it may have any."""
    if len(message) > WHOLE:
        message = f"{message[:HEAD]} … {message[-TAIL:]}"
    if "\x1b" in message:
        message = ANSI.sub("", message)
    if digits or ":" in message:
        message = without_prefix(message)
    # Looking for a word takes a hundredth of the time of the expression that it stands for.
    if not message.isascii():
        message = _CHINESE.sub(_without_name, message)
    if "." in message:
        message = _without_files(message)
    if "'" in message or '"' in message:
        message = _QUOTED.sub("*", message)
    lower = message.lower()
    has_capitals = message[1:] != lower[1:]
    if _has_person(lower):
        message = _PERSON.sub(_without_person, message)
    kept = message
    if digits and _may_have_code(lower):
        kept = _CODES.sub(_keep_code, message)
    # Without digits and capitals nothing is random.
    masked = _TOKEN.sub(_without_id, kept) if digits or has_capitals else kept
    if digits and _DIGIT.search(masked) is not None:
        masked = _NUMBERS.sub("*", masked)
    if "* " in masked:
        masked = _PLURAL.sub(_one, masked)
    return masked if kept is message else masked.translate(_KEPT)


def code_spans(message: str) -> tuple[slice, ...]:
    """Where the digits of a message may be a code, whatever they are."""
    found = _CODES.finditer(message.translate(_FOURS)) if _may_have_code(message.lower()) else ()
    return tuple(slice(*each.span()) for each in found if _is_code(each))


def _has_person(lower: str) -> bool:
    return (
        "user" in lower
        or "login" in lower
        or "account" in lower
        or "customer" in lower
        or "member" in lower
        or "client" in lower
        or "owner" in lower
        or "author" in lower
        or "nickname" in lower
    )


def _may_have_code(lower: str) -> bool:
    """Whether a message, in lower case, may hold a code whose digits say something."""
    return (
        "http" in lower
        or "status" in lower
        or "response" in lower
        or "errno" in lower
        or "winerror" in lower
        or "sqlstate" in lower
        or "exit" in lower
        or "signal" in lower
        or "return" in lower
        or _REASON.search(lower) is not None
    )


def _without_files(message: str) -> str:
    if "Warning: " in message:
        message = _WARNED.sub(r"\1: ", message)
    if "@" in message:
        message = _MAIL.sub("*", message)
    return _FILE.sub(_without_file, message)


def without_prefix(message: str) -> str:
    """A message without the time, level, process and logger that a formatter has put there."""
    begin = message.lstrip()[:10]
    is_level = begin[:1] in "DINWECF" and ":" in begin
    if not (is_level or begin[:1] in "[(" or begin[:1].isdecimal()):
        return message
    found = _PREFIX.match(message)
    return message[found.end() :] if found and found.end() < len(message) else message


def _without_name(found: re.Match[str]) -> str:
    return f"{found[found.lastindex or 0] if found.lastindex else ''}*"


def _without_file(found: re.Match[str]) -> str:
    return "*" if found[1].lower() in _EXTENSIONS else found[0]


def _without_person(found: re.Match[str]) -> str:
    label, separator, name = found.groups()
    if separator == " " and not _is_name(found, name.lower()):
        return found[0]
    return f"{label}{separator}*"


def _is_name(found: re.Match[str], word: str) -> bool:
    """Whether a bare word after "user" is a name: it is no verb, and it is "for user bob", or
    something is said of it ("user bob has no address", but "account suspended")."""
    if word in _NO_NAMES or word.endswith(_NO_NAME_ENDINGS):
        return False
    before = found.string[max(0, found.start() - 8) : found.start()].split()
    after = found.string[found.end() : found.end() + 2].strip()
    return bool(after[:1].isalnum() or (before and before[-1].lower() in _PREPOSITIONS))


def _keep_code(found: re.Match[str]) -> str:
    return found[0].translate(_KEEP) if _is_code(found) else found[0]


def _is_code(found: re.Match[str]) -> bool:
    """Whether what follows a number is a reason phrase, where that makes it a code."""
    reason = found["reason"]
    if reason is None:
        return True
    words = reason.lower().replace("-", " ")
    return words in _PHRASES or words.partition(" ")[0] in _PHRASES


def _without_id(found: re.Match[str]) -> str:
    return "*" if is_random(found[0]) else found[0]


def is_random(token: str) -> bool:
    """Whether letters and digits change too often for words: `V1StGXR8_Z5jdHi6B-myT`."""
    if len(token) < 10:
        return False
    kinds = [("a" if c.islower() else "A" if c.isupper() else "0") for c in token if c.isalnum()]
    changes = sum(a != b for a, b in pairwise(kinds))
    parts = token.count("_") + token.count("-") + token.count("/") + token.count("+")
    length = len(kinds) - 1 - parts  # what a separator stands between is no change
    often = changes - parts > 0.4 * length
    return often or ("0" in kinds and changes - parts >= 5 and changes - parts >= length / 4)


def _one(found: re.Match[str]) -> str:
    word = found[1]  # without its last letter, which is an s
    if word.endswith("ie"):
        return f"{word[:-2]}y"
    return f"{word}s" if word.endswith("s") else _MANY.sub("", word)
