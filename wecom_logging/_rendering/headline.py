"""The first lines of a message: what the notification shows, and the facts for all groups."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wecom_logging._model.digest import ByFallback, Report
from wecom_logging._model.text import ELLIPSIS, columns, cut_columns
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.words import flattened, joined

#: Columns of line 1: what a phone shows of a notification.
_WIDTH = 64
#: Columns that the last part keeps when the app has a long name.
_SUBJECT = 24
_APP, _ENVIRONMENT = 8, 16
#: Columns without which the start of a message or of a reason says nothing.
_TEXT = 12
#: Characters and bytes of a text that are looked at.
_LONG = 400
#: Nobody asks whether it has shortened anything.
_PEN = Pen()
#: Uptime is told for the first hour: that an error came with a release is news by then.
_FRESH = 3600.0


def headline(context: RenderContext) -> str:
    """Line 1, without markup. What is cut is the last part, then the app, never the count."""
    comma = context.labels.headline_comma
    start = f"{marker(context)} {'CRITICAL ' if _critical(context) else ''}"
    count = context.labels.times(context.errors)
    state, said, more = _subject(context)
    wanted = columns(comma + joined(" ", state, ": ".join(said), more)) if said else 0
    app = _sender(context, _WIDTH - columns(start + comma + count) - min(wanted, _SUBJECT))
    line = start + joined(comma, app, count)
    room = _WIDTH - columns(comma.join((line, joined(" ", state, "-", more)))) + 1
    if said and room >= 6:
        line += comma + joined(" ", state, _fitted(said, room), more)
    return line


def facts(context: RenderContext, pen: Pen) -> list[str]:
    """Line 2 (hosts, release, time) and what else concerns the message as a whole."""
    labels, digest = context.labels, context.digest
    told = joined(" · ", hosts(context, pen), _release(context, pen), span(context))
    lines = [why_elsewhere(context), told]
    if doubtful := sum(report.doubtful for report in digest.reports):
        lines.append(labels.doubtful(doubtful))
    if digest.by_fallback:
        lines.append(_told_elsewhere(context, pen, digest.by_fallback))
    if digest.outage and not context.style.instead_of:
        reason = pen.say(_in_language(digest.outage.reason, context), 120)
        since = context.times.minute(digest.outage.since)
        lines.append(labels.outage(since, labels.in_brackets(reason)))
    if digest.lost:
        lines.append(labels.lost(labels.errors(digest.lost)))
    if digest.quiet:
        lines.append(labels.quiet(*map(context.times.minute, digest.quiet)))
    return [context.dialect.quote(line) for line in lines if line]


def why_elsewhere(context: RenderContext) -> str:
    """Of a message for the fallback: why it comes this way."""
    outage, labels, facts = context.digest.outage, context.labels, ""
    if not context.style.instead_of:
        return ""
    if outage:
        # The errcode, which can be looked up, or what was said.
        code = re.search(r"\berrcode (\d+)", outage.reason)
        reason = code[1] if code else _PEN.say(_in_language(outage.reason, context), 80)
        facts = joined(labels.clause, reason, labels.from_then(context.times.minute(outage.since)))
    what = labels.failing.get(context.style.instead_of, labels.failing["sender"])
    return labels.fallback(what, labels.in_brackets(facts))


def _in_language(reason: str, context: RenderContext) -> str:
    """Why WeCom was not reached, as stderr says it."""
    if context.style.language == "en":
        return reason
    # Loaded by whoever has chosen the language: no thread of ours imports anything.
    from wecom_logging._rendering.sentences import in_language

    return in_language(reason, context.style.language)


def _told_elsewhere(context: RenderContext, pen: Pen, told: ByFallback) -> str:
    """From when to when a fallback told how much, and which one."""
    labels = context.labels
    since, until = map(context.times.minute, (told.since, told.until))
    name = pen.name(told.name, 40)
    return labels.by_fallback(
        errors=labels.errors(told.errors),
        count=told.errors,
        were="was" if told.errors == 1 else "were",
        span=since if since == until else f"{since}–{until}",
        name=labels.named(name) if name else labels.the_fallback,
    )


def started(report: Report, now: float) -> float:
    """When the first of the errors happened that a message newly reports."""
    if report.state == "over":
        return report.since
    return report.first or max(report.since, now - report.span)


def title(section: Section, context: RenderContext) -> str:
    """What a group is called: type, or message, or wherever it came from."""
    return (
        section.type
        or section.name
        or (context.labels.varying if section.varying else "")
        or section.lead.identity.logger
        or context.labels.no_message
    )


def summary(section: Section, context: RenderContext) -> list[str]:
    """What a group is called, and what it says."""
    return section.said or [title(section, context)]


def marker(context: RenderContext) -> str:
    """The sign in front: something new, only what is known, only what is over, late."""
    if context.late and not context.style.instead_of:
        return "⚪"
    if any(map(_is_news, context.digest.reports)) or _critical(context):
        return "🔴"
    return "🔶" if context.errors or context.digest.lost else "✅"


def _critical(context: RenderContext) -> bool:
    return any(r.identity.critical and _goes_on(r) for r in context.digest.reports)


def _is_news(report: Report) -> bool:
    return report.state == "new" or (report.news and _goes_on(report))


def _goes_on(report: Report) -> bool:
    """False for a group that is over, or whose silence has ended without an error."""
    return report.state != "over" and report.count > 0


def _sender(context: RenderContext, width: int) -> str:
    """App and environment; what is cut is the app, for "prod" is no detail."""
    environment = _PEN.within(context.style.environment, _ENVIRONMENT)
    width -= columns(f" {environment}") if environment else 0
    return joined(" ", _PEN.within(context.style.app, max(width, _APP)), environment)


def _subject(context: RenderContext) -> tuple[str, list[str], str]:
    """The last part of line 1: the first kind with what it says, and how many more."""
    labels = context.labels
    failing = [each for each in context.sections if not (each.over or each.works_again)]
    told = failing or [each for each in context.sections if not each.over] or context.sections
    if not told:
        return "", [labels.others] if context.others else [], ""
    state, words_of = labels.states["over"] if told[0].over else "", summary
    if told[0].works_again:
        state, words_of = labels.recovered, _recovery
    kinds = sum(section.kinds for section in told)
    more = labels.and_kinds(kinds - 1, kinds) if kinds > 1 else ""
    return state, [words[:_LONG] for words in words_of(told[0], context) if _inert(words)], more


def _recovery(section: Section, context: RenderContext) -> list[str]:
    """A job, and that it works again: how it failed last is no news any more."""
    name = section.lead.identity.logger or title(section, context)
    return [_PEN.within(name, _SUBJECT), context.labels.works_after(section.total)]


def _fitted(said: Sequence[str], width: int) -> str:
    """Type, message and reason in so many columns. What has to go: the module, which stands in
    the heading; all lines but the first; what is between message and reason; the end of the
    message, where the reason is short (`KeyError: import of supplier… 'sku'`); the reason."""
    whole = [_inert(flattened(words)) for words in said]
    if columns(": ".join(whole)) <= width:
        return ": ".join(whole)
    begun = [_inert(_first_line(words)) for words in said]
    owner, _, bare = begun[0].rpartition(".")
    name = bare if owner.islower() and bare.isidentifier() else begun[0]
    ends = [name, *begun[1:2], *begun[2:][-1:]]
    for texts in ([name, *whole[1:]], [name, *begun[1:]], ends):
        if columns(": ".join(texts)) <= width:
            return ": ".join(texts)
    if len(ends) == 3:
        start, reason = ": ".join(ends[:2]), f" {ends[2]}"
        cut = _PEN.within(start, width - columns(reason))
        if cut == start or columns(cut) - columns(name) >= _TEXT:
            return cut + reason
        if columns(start) + _TEXT > width:
            ends = [f"{start}{ELLIPSIS}"]
    cut = _PEN.within(": ".join(ends), width)
    # Half a word says more than a bare type.
    return cut if columns(cut) > columns(name) + 1 else cut_columns(": ".join(ends), width)


def _inert(words: str) -> str:
    return _PEN.start(words, _LONG)


def _first_line(words: str) -> str:
    first, _, more = words.strip().partition("\n")
    return f"{first.rstrip(' :')}{ELLIPSIS}" if more else first


def hosts(context: RenderContext, pen: Pen, most: int = 60) -> str:
    """The host, or how many."""
    if len(context.hosts) > 1:
        return context.labels.hosts(len(context.hosts))
    return pen.name(context.hosts[0], most) if context.hosts else ""


def _release(context: RenderContext, pen: Pen) -> str:
    labels, style = context.labels, context.style
    if not style.release:
        return ""
    age, release = context.digest.now - style.started, labels.release(pen.name(style.release, 60))
    is_fresh = style.started and 0 <= age < _FRESH
    return release + labels.in_brackets(labels.up(labels.duration(age))) if is_fresh else release


def span(context: RenderContext, most: int = _WIDTH) -> str:
    """From when to when; without the seconds where they have no room."""
    now, times, reports = context.digest.now, context.times, context.digest.reports
    told = [report for report in reports if report.count] or reports
    if not told:
        return ""
    first, last = min(started(r, now) for r in told), max(r.last for r in told)
    found = times.span(first, last)
    return found if len(found) <= most else f"{times.minute(first)}–{times.minute(last)}"
