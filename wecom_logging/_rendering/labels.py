"""The words of a message, in English and in Chinese, side by side.

Everything that is ours to say is said here. Chinese is as written on the mainland, with a space
between Han and digits. `{}` are values, `{s}` makes the plural of the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from wecom_logging._rendering.style import Language

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Phrase(str):
    """A text; called, with these values in it."""

    __slots__ = ()

    def __call__(self, *values: object, **named: object) -> str:
        one = values[:1] == (1,)
        return self.format(*values, **named, s="" if one else "s", es="" if one else "es")


class Said:
    """A phrase in both languages: read from a vocabulary, it is in that one's."""

    def __init__(self, english: str, chinese: str) -> None:
        self._in: dict[Language, Phrase] = {"en": Phrase(english), "zh": Phrase(chinese)}

    def __get__(self, words: Vocabulary, owner: object = None) -> Phrase:
        return self._in[words.language]


class SaidOf:
    """The same for phrases that go by a name."""

    def __init__(self, **phrases: tuple[str, str]) -> None:
        self._in: dict[Language, dict[str, Phrase]] = {
            "en": {name: Phrase(english) for name, (english, _) in phrases.items()},
            "zh": {name: Phrase(chinese) for name, (_, chinese) in phrases.items()},
        }

    def __get__(self, words: Vocabulary, owner: object = None) -> Mapping[str, Phrase]:
        return self._in[words.language]


class Vocabulary:
    """Phrases of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language


class Labels(Vocabulary):
    """What messages say."""

    states = SaidOf(
        new=("NEW", "新出现"),
        again=("AGAIN", "再次出现"),
        still=("STILL", "仍在发生"),
        over=("OVER", "已平息"),
        silenced=("SILENCED", "静默结束"),
    )
    recovered = Said("OVER", "已恢复")
    columns = Said("state kind count where", "状态 类型 次数 位置")
    units = Said("s min h d", "秒 分钟 小时 天")
    comma = Said(", ", "、")
    clause = Said(", ", "，")
    headline_comma = Said(" · ", " ")
    brackets = Said(" ({})", "（{}）")

    # -- what, and how often
    errors = Said("{:,} error{s}", "{:,} 个错误")
    #: What the notification says of a count.
    times = Said("{:,} error{s}", "{:,}次")
    others = Said("others", "其他")
    varying = Said("varying messages here", "此处内容多变")
    no_message = Said("no message", "无消息内容")
    #: Of so many more, which makes so many.
    and_routes = Said("+{0:,} route{s}", "等 {1:,} 个路由")
    and_kinds = Said("+{0:,} kind{s}", "等 {1:,} 类")
    and_names = Said("and {}", "及 {}")
    and_more_names = Said("and {} +{:,}", "及 {}，另有 {:,} 个")
    more_kinds = Said("+ {:,} more kind{s} ×{:,}", "另有 {:,} 类 ×{:,}")
    more_over = Said("+ {:,} more OVER", "另有 {:,} 类已平息")
    in_places = Said("in {:,} place{s}", "{:,} 处同因")
    hosts = Said("{:,} hosts", "{:,} 台主机")
    release = Said("release {}", "版本 {}")
    up = Said("up {}", "已运行 {}")

    # -- since when
    since = Said("{:,} since {}", "{1} 起共 {0:,} 次")
    last = Said("last {}", "最近一次 {}")
    again = Said("last {}, {:,} since {}", "上次 {0}，{2} 起共 {1:,} 次")
    in_all = Said("{:,} in all", "共 {:,} 次")
    lasted = Said("{:,} in {}", "历时 {1}，共 {0:,} 次")
    #: Chinese says it beside the state.
    over = Said("OVER", "已平息（{}未再出现）")
    silent = Said("none for {}", "")
    works_after = Said("works again after {:,} failure{s}", "失败 {:,} 次后恢复正常")
    works_again = Said("{}, {}", "{}，历时 {}")
    #: Said of a group whose last errors are told in the same message.
    ended = Said("over: none for {}", "此后 {}未再出现，已平息")
    trend = Said("{0} {1}/{3}, before {2}/{3}", "{0} 每{3} {1} 次，之前 {2} 次")
    #: Said of errors that were left to a later message.
    left = Said("earlier: {:,}", "此前留下 {:,} 次")

    # -- in which release
    new_in = Said("in {}", "{} 新出现")
    back_in = Said("back in {}, last seen in {}", "{} 再次出现，上次见于 {}")
    last_in = Said("last in {}", "上次见于 {}")
    seen_in = Said("seen in {} and {}", "见于 {} 和 {}")

    # -- why, and what led up to it
    because = Said("← ", "原因：")
    caused_by = Said("caused by", "原因：")
    while_handling = Said("while handling", "发生在处理此异常时：")
    in_the_text = Said("in the text: ", "文本中：")
    note = Said("note: ", "备注：")
    also = Said("also: ", "还有：")
    left_out = Said("not captured: ", "未采集：")
    repeated = Said("repeated {:,} times", "重复 {:,} 次")
    repeated_at_least = Said("repeated {:,}+ times", "重复 {:,} 次以上")

    # -- what people have done
    silenced = Said("silenced {}–{}", "静默 {}–{}")
    by = Said(" by {}", "（{}）")
    silence_ended = SaidOf(
        storm=("ended by a storm", "因错误激增提前结束"),
        undone=("ended by hand", "已手动结束"),
        exit=("ended with the process", "随进程结束"),
        release=("ended by release {}", "因 {} 发布而结束"),
    )
    taken = Said("taken by {} {}", "{} {} 接手")
    lapsed = Said("taken by {} {}, not any more", "{} {} 接手，已过期")
    quiet = Said(
        "quiet {}–{}: only what could not wait was told", "免打扰 {}–{}：期间只通知了紧急的"
    )

    # -- how the message got here
    doubtful = Said("of these, {:,} may have been told before", "其中 {:,} 个可能已经通知过")
    outage = Said(
        "late: WeCom could not be reached since {}{}", "通知延迟：{} 起无法连接企业微信{}"
    )
    lost = Said("{} lost before anybody could be told", "另有 {}未能通知，已丢失")
    fallback = Said("fallback: {} fails{}", "备用通道：{}失效{}")
    failing = SaidOf(
        robot=("the group robot", "群机器人"),
        application=("the application", "应用"),
        sender=("the destination", "发送目标"),
    )
    from_then = Said("since {}", "{} 起")
    by_fallback = Said(
        "{errors} of {span} {were} told by {name}", "{span} 的 {count:,} 次已由{name}送出"
    )
    named = Said("{}", " {} ")
    the_fallback = Said("the fallback", "备用通道")

    # -- links and the file
    logs = Said("logs", "查看日志")
    runbook = Said("runbook", "手册")
    file_follows = Said("whole report in the file below", "完整内容见下方文件")
    seen = Said("Messages seen", "出现过的消息")
    traceback = Said("Traceback, most recent call last", "调用栈（最近的调用在最后）")
    stack = Said("Stack", "日志调用栈")
    before = Said("What led up to it", "此前的日志")
    output = Said("output", "输出")
    like_these = Said("{:,} more like these", "另有 {:,} 层与上面相同")
    not_described = Said("{:,} more in the list above only", "另有 {:,} 类仅列于上方清单")

    def in_brackets(self, text: str) -> str:
        return self.brackets(text) if text else ""

    def duration(self, seconds: float) -> str:
        """In the largest unit of which there are at least two, or minutes from one."""
        sizes = (1, _MINUTE, _HOUR, _DAY)
        unit = sum(seconds >= least for least in (_MINUTE, 2 * _HOUR, 2 * _DAY))
        return f"{int(seconds / sizes[unit])} {self.unit(unit)}"

    def unit(self, which: int) -> str:
        return self.units.split()[which]

    def date(self, day: datetime, *, year: bool) -> str:
        if self.language == "zh":
            return f"{day.year}年{day.month}月{day.day}日" if year else f"{day.month}月{day.day}日"
        name = _MONTHS[day.month - 1]
        return f"{day.day} {name} {day.year}" if year else f"{day.day} {name}"


LABELS: dict[Language, Labels] = {"en": Labels("en"), "zh": Labels("zh")}
