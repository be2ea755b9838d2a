"""The words of a message, in English and in Chinese.

Everything that is ours to say is said here; a language is a subclass of `Labels`.
"""

from __future__ import annotations

from datetime import datetime

from wecom_logging._model.digest import State
from wecom_logging._rendering.style import Language

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Labels:
    """English."""

    states: dict[State, str] = {  # noqa: RUF012 - a constant, replaced as a whole
        "new": "NEW",
        "again": "AGAIN",
        "still": "STILL",
        "over": "OVER",
        "silenced": "SILENCED",
    }
    units = ("s", "min", "h", "d")
    others = "others"
    varying = "varying messages here"
    no_message = "no message"
    logs = "logs"
    runbook = "runbook"
    caused_by = "caused by "
    while_handling = "while handling "
    because = "← "
    also = "also: "
    in_the_text = "in the text: "
    headline_comma = " · "
    note = "note: "
    left_out = "not captured: "
    seen = "Messages seen"
    traceback = "Traceback, most recent call last"
    stack = "Stack"
    before = "What led up to it"
    output = "output"
    recovered = "OVER"
    file_follows = "whole report in the file below"
    columns = ("state", "kind", "count", "where")
    comma = ", "

    def errors(self, count: int) -> str:
        return f"{count:,} error" if count == 1 else f"{count:,} errors"

    def times(self, count: int) -> str:
        """What the notification says of a count."""
        return self.errors(count)

    def and_routes(self, more: int) -> str:
        return f"+{more:,} route{'s' * (more != 1)}"

    def and_names(self, names: str, more: int) -> str:
        return f"and {names}{(more and f' +{more:,}') or ''}"

    def and_kinds(self, more: int) -> str:
        return f"+{more:,} kind" if more == 1 else f"+{more:,} kinds"

    def more_kinds(self, kinds: int, count: int) -> str:
        return f"+ {kinds:,} more kind{'s' * (kinds != 1)} ×{count:,}"

    def more_over(self, kinds: int) -> str:
        return f"+ {kinds:,} more {self.states['over']}"

    def in_places(self, places: int) -> str:
        return f"in {places:,} place{'s' * (places != 1)}"

    def hosts(self, hosts: int) -> str:
        return f"{hosts:,} hosts"

    def release(self, release: str) -> str:
        return f"release {release}"

    def up(self, seconds: float) -> str:
        return f"up {self.duration(seconds)}"

    def in_brackets(self, text: str) -> str:
        return f" ({text})"

    def since(self, total: int, time: str) -> str:
        return f"{total:,} since {time}"

    def again(self, last: str, total: int, first: str) -> str:
        return f"last {last}, {total:,} since {first}"

    def lasted(self, total: int, seconds: float) -> str:
        return f"{total:,} in {self.duration(seconds)}" if seconds >= 1 else f"{total:,} in all"

    def over(self, seconds: float) -> tuple[str, str]:
        """The state, and how long there has been nothing, where that is said apart."""
        return self.states["over"], f"none for {self.duration(seconds)}"

    def works_after(self, failures: int) -> str:
        """Said of a job."""
        return f"works again after {failures:,} failure{'s' * (failures != 1)}"

    def works_again(self, failures: int, seconds: float) -> str:
        return f"{self.works_after(failures)}, {self.duration(seconds)}"

    def ended(self, seconds: float) -> str:
        """Said of a group whose last errors are told in the same message."""
        return f"over: none for {self.duration(seconds)}"

    def trend(self, arrow: str, now: str, before: str, unit: int) -> str:
        return f"{arrow} {now}/{self.units[unit]}, before {before}/{self.units[unit]}"

    def left(self, count: int) -> str:
        """Said of errors that were left to a later message."""
        return f"earlier: {count:,}"

    def part(self, name: str, count: int) -> str:
        return f"{name} {count:,}"

    def link_of(self, *, is_cause: bool) -> str:
        """What stands before an exception in a chain."""
        return self.caused_by if is_cause else self.while_handling

    def like_these(self, frames: int) -> str:
        return f"{frames:,} more like these"

    def last(self, time: str) -> str:
        return f"last {time}"

    def not_described(self, groups: int) -> str:
        return f"{groups:,} more in the list above only"

    def repeated(self, times: int, *, at_least: bool) -> str:
        return f"repeated {times:,}{'+' * at_least} times"

    def doubtful(self, count: int) -> str:
        return f"of these, {count:,} may have been told before"

    def outage(self, time: str, reason: str) -> str:
        return f"late: WeCom could not be reached since {time}{reason and f' ({reason})'}"

    def lost(self, count: int) -> str:
        return f"{self.errors(count)} lost before anybody could be told"

    def fallback(self, instead_of: str, reason: str, time: str) -> str:
        """Why a message comes by the fallback."""
        what = {"robot": "the group robot", "application": "the application"}.get(
            instead_of, "the destination"
        )
        facts = ", ".join(filter(None, (reason, time and f"since {time}")))
        return f"fallback: {what} fails{facts and f' ({facts})'}"

    def by_fallback(self, span: str, count: int, name: str) -> str:
        """What the destination is not told any more."""
        were = "was" if count == 1 else "were"
        return f"{self.errors(count)} of {span} {were} told by {name or 'the fallback'}"

    def duration(self, seconds: float) -> str:
        amount, unit = _in_units(seconds)
        return f"{amount} {self.units[unit]}"

    def date(self, day: datetime, *, year: bool) -> str:
        name = _MONTHS[day.month - 1]
        return f"{day.day} {name} {day.year}" if year else f"{day.day} {name}"


class Chinese(Labels):
    """Chinese as written on the mainland, with a space between Han and digits."""

    states = {  # noqa: RUF012 - as above
        "new": "新出现",
        "again": "再次出现",
        "still": "仍在发生",
        "over": "已平息",
        "silenced": "静默结束",
    }
    units = ("秒", "分钟", "小时", "天")
    others = "其他"
    varying = "此处内容多变"
    no_message = "无消息内容"
    logs = "查看日志"
    runbook = "手册"
    caused_by = "原因："
    while_handling = "发生在处理此异常时："
    note = "备注："
    left_out = "未采集："
    seen = "出现过的消息"
    traceback = "调用栈（最近的调用在最后）"
    stack = "日志调用栈"
    before = "此前的日志"
    because = "原因："
    also = "还有："
    in_the_text = "文本中："
    headline_comma = " "
    output = "输出"
    recovered = "已恢复"
    file_follows = "完整内容见下方文件"
    columns = ("状态", "类型", "次数", "位置")
    comma = "、"

    def errors(self, count: int) -> str:
        return f"{count:,} 个错误"

    def times(self, count: int) -> str:
        return f"{count:,}次"

    def and_routes(self, more: int) -> str:
        return f"等 {more + 1:,} 个路由"

    def and_names(self, names: str, more: int) -> str:
        return f"及 {names}{f'，另有 {more:,} 个' if more else ''}"

    def and_kinds(self, more: int) -> str:
        return f"等 {more + 1:,} 类"

    def more_kinds(self, kinds: int, count: int) -> str:
        return f"另有 {kinds:,} 类 ×{count:,}"

    def more_over(self, kinds: int) -> str:
        return f"另有 {kinds:,} 类{self.states['over']}"

    def in_places(self, places: int) -> str:
        return f"{places:,} 处同因"

    def hosts(self, hosts: int) -> str:
        return f"{hosts:,} 台主机"

    def release(self, release: str) -> str:
        return f"版本 {release}"

    def up(self, seconds: float) -> str:
        return f"已运行 {self.duration(seconds)}"

    def in_brackets(self, text: str) -> str:
        return f"（{text}）"

    def since(self, total: int, time: str) -> str:
        return f"{time} 起共 {total:,} 次"

    def again(self, last: str, total: int, first: str) -> str:
        return f"上次 {last}，{first} 起共 {total:,} 次"

    def lasted(self, total: int, seconds: float) -> str:
        lasted = f"历时 {self.duration(seconds)}，" if seconds >= 1 else ""
        return f"{lasted}共 {total:,} 次"

    def over(self, seconds: float) -> tuple[str, str]:
        return f"{self.states['over']}（{self.duration(seconds)}未再出现）", ""

    def works_after(self, failures: int) -> str:
        return f"失败 {failures:,} 次后恢复正常"

    def works_again(self, failures: int, seconds: float) -> str:
        return f"{self.works_after(failures)}，历时 {self.duration(seconds)}"

    def ended(self, seconds: float) -> str:
        return f"此后 {self.duration(seconds)}未再出现，已平息"

    def trend(self, arrow: str, now: str, before: str, unit: int) -> str:
        return f"{arrow} 每{self.units[unit]} {now} 次，之前 {before} 次"

    def left(self, count: int) -> str:
        return f"此前留下 {count:,} 次"

    def like_these(self, frames: int) -> str:
        return f"另有 {frames:,} 层与上面相同"

    def last(self, time: str) -> str:
        return f"最近一次 {time}"

    def not_described(self, groups: int) -> str:
        return f"另有 {groups:,} 类仅列于上方清单"

    def repeated(self, times: int, *, at_least: bool) -> str:
        return f"重复 {times:,} 次{'以上' * at_least}"

    def doubtful(self, count: int) -> str:
        return f"其中 {count:,} 个可能已经通知过"

    def outage(self, time: str, reason: str) -> str:
        return f"通知延迟：{time} 起无法连接企业微信{reason and f'（{reason}）'}"

    def lost(self, count: int) -> str:
        return f"另有 {self.errors(count)}未能通知，已丢失"

    def fallback(self, instead_of: str, reason: str, time: str) -> str:
        what = {"robot": "群机器人", "application": "应用"}.get(instead_of, "发送目标")
        facts = "，".join(filter(None, (reason, time and f"{time} 起")))
        return f"备用通道：{what}失效{facts and f'（{facts}）'}"

    def by_fallback(self, span: str, count: int, name: str) -> str:
        by = f" {name} " if name else "备用通道"
        return f"{span} 的 {count:,} 次已由{by}送出"

    def date(self, day: datetime, *, year: bool) -> str:
        return f"{day.year}年{day.month}月{day.day}日" if year else f"{day.month}月{day.day}日"


LABELS: dict[Language, Labels] = {"en": Labels(), "zh": Chinese()}

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _in_units(seconds: float) -> tuple[int, int]:
    """`seconds` in the largest unit of which there are at least two, or minutes from one."""
    if seconds < _MINUTE:
        return int(seconds), 0
    if seconds < 2 * _HOUR:
        return int(seconds / _MINUTE), 1
    if seconds < 2 * _DAY:
        return int(seconds / _HOUR), 2
    return int(seconds / _DAY), 3
