"""What people have done to groups, as a message says it: dated facts, with names as text."""

from __future__ import annotations

from collections.abc import Iterator

from wecom_logging._model.digest import Holder, SilenceEnd
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.sections import Section

#: Bytes of a name, and of a reason.
_NAME, _WHY = 40, 100

_ENGLISH = {
    "silenced": "silenced {from_}–{to}",
    "by": " by {by}",
    "and": ", ",
    "storm": "ended by a storm",
    "undone": "ended by hand",
    "exit": "ended with the process",
    "release": "ended by release {release}",
    "taken": "taken by {by} {at}",
    "lapsed": "taken by {by} {at}, not any more",
    "quiet": "quiet {from_}–{to}: only what could not wait was told",
}
_CHINESE = {
    "silenced": "静默 {from_}–{to}",
    "by": "（{by}）",
    "and": "，",
    "storm": "因错误激增提前结束",
    "undone": "已手动结束",
    "exit": "随进程结束",
    "release": "因 {release} 发布而结束",
    "taken": "{by} {at} 接手",
    "lapsed": "{by} {at} 接手，已过期",
    "quiet": "免打扰 {from_}–{to}：期间只通知了紧急的",
}


def _words(context: RenderContext) -> dict[str, str]:
    return _CHINESE if context.style.language == "zh" else _ENGLISH


def marks(section: Section, context: RenderContext) -> Iterator[str]:
    """How a silence of the group was, and who has taken it."""
    for report in section.reports[:1]:
        if report.silence is not None:
            yield _silence(report.silence, context)
        if report.taken is not None:
            yield _taken(report.taken, context)


def quiet(context: RenderContext) -> Iterator[str]:
    """That the app was quiet before this message."""
    if context.digest.quiet is not None:
        since, until = map(context.times.minute, context.digest.quiet)
        yield _words(context)["quiet"].format(from_=since, to=until)


def _silence(end: SilenceEnd, context: RenderContext) -> str:
    words, pen = _words(context), Pen()
    since, until = context.times.minute(end.since), context.times.minute(end.until)
    said = words["silenced"].format(from_=since, to=until)
    if end.by:
        said += words["by"].format(by=pen.name(end.by, _NAME))
    how = words.get(end.ended, "").format(release=pen.name(end.release, _NAME))
    facts = (how, pen.say(end.why, _WHY))
    return words["and"].join(filter(None, (said, *facts)))


def _taken(holder: Holder, context: RenderContext) -> str:
    words = _words(context)["lapsed" if holder.lapsed else "taken"]
    return words.format(by=Pen().name(holder.by, _NAME), at=context.times.minute(holder.at))
