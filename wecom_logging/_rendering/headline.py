"""The first lines of a message: what the notification shows, and the facts for all groups."""

from __future__ import annotations

from wecom_logging._model.digest import Report
from wecom_logging._model.text import columns, cut_bytes, cut_columns
from wecom_logging._rendering.context import Page
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.sections import Item

#: Columns of line 1: what a phone shows of a notification.
_WIDTH = 64
#: Columns that the last part keeps when the app has a long name.
_SUBJECT = 24
_APP, _ENVIRONMENT = 8, 16

#: Uptime is told for the first hour: that an error came with a release is news by then.
_FRESH = 3600.0


def headline(page: Page) -> str:
    """Line 1, without markup. What is cut is the last part, then the app, never the count."""
    count = page.labels.errors(page.errors)
    start = f"{_marker(page)} {'CRITICAL ' if _critical(page) else ''}"
    room = _WIDTH - columns(f"{start} · {count}")
    subject, more = _subject(page)
    wanted = columns(f" · {_words(subject, more)}") if subject else 0
    app = _sender(page, room - min(wanted, _SUBJECT))
    room -= columns(app)
    parts = [part for part in (app, count) if part]
    if subject and room >= columns(f" · {more}") + 6:
        subject = _cut(subject, room - columns(_words(" · ", more)))
        parts.append(_words(subject, more))
    return start + " · ".join(parts)


def facts(page: Page, pen: Pen) -> list[str]:
    """Line 2 (hosts, release, time) and what else concerns the message as a whole."""
    labels, digest = page.labels, page.digest
    lines = [" · ".join(filter(None, (_hosts(page, pen), _release(page, pen), _span(page))))]
    if doubtful := sum(report.doubtful for report in digest.reports):
        lines.append(labels.doubtful(doubtful))
    if digest.outage:
        reason = pen.say(digest.outage.reason, 120)
        lines.append(labels.outage(page.calendar.minute(digest.outage.since), reason))
    if digest.lost:
        lines.append(labels.lost(digest.lost))
    return [page.dialect.quote(line) for line in lines if line]


def started(report: Report, now: float) -> float:
    """When the first of the errors happened that a message newly reports."""
    if report.state == "over":
        return report.since
    return report.first or max(report.since, now - report.span)


def title(item: Item, page: Page) -> str:
    """What a group is called: type, or message, or wherever it came from."""
    if item.varying:
        return page.labels.varying
    return item.type or item.message or item.lead.identity.logger or page.labels.no_message


def _marker(page: Page) -> str:
    if page.late:
        return "⚪"
    if _critical(page) or any(map(_is_news, page.digest.reports)):
        return "🔴"
    return "🟠" if page.errors or page.digest.lost else "🟢"


def _critical(page: Page) -> bool:
    return any(r.identity.critical and r.state != "over" for r in page.digest.reports)


def _is_news(report: Report) -> bool:
    return report.state == "new" or (report.news and report.state != "over")


def _sender(page: Page, width: int) -> str:
    """App and environment; what is cut is the app, for "prod" is no detail."""
    environment = _cut(page.style.environment, _ENVIRONMENT)
    width -= columns(f" {environment}") if environment else 0
    return _words(_cut(page.style.app, max(width, _APP)), environment)


def _subject(page: Page) -> tuple[str, str]:
    """The last part of line 1: the first kind, and how many more."""
    labels = page.labels
    told = [item for item in page.items if not item.over] or page.items
    if not told:
        return labels.others if page.others else "", ""
    subject = title(told[0], page)[: 4 * _WIDTH]
    if told[0].over or told[0].works_again:
        subject = f"{labels.states['over']} {subject}"
    return subject, labels.and_kinds(len(told) - 1) if len(told) > 1 else ""


def _hosts(page: Page, pen: Pen) -> str:
    if len(page.hosts) > 1:
        return page.labels.hosts(len(page.hosts))
    return pen.name(page.hosts[0], 60) if page.hosts else ""


def _release(page: Page, pen: Pen) -> str:
    age = page.digest.now - page.style.started
    up = page.labels.up(age) if page.style.started and 0 <= age < _FRESH else ""
    if not page.style.release:
        return up
    release = page.labels.release(pen.name(page.style.release, 60))
    return release + (up and page.labels.in_brackets(up))


def _span(page: Page) -> str:
    reports = page.digest.reports
    told = [report for report in reports if report.count] or reports
    if not told:
        return ""
    start = min(started(report, page.digest.now) for report in told)
    return page.calendar.span(start, max(report.last for report in told))


def _cut(words: str, width: int) -> str:
    # Characters without width would be free of charge: bytes bound them.
    return cut_bytes(cut_columns(Pen().say(words, 400), width), 3 * max(width, 0))


def _words(*words: str) -> str:
    return " ".join(filter(None, words))
