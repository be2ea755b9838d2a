"""Where a group leads to: the links of the options, and the runbook that came with the error."""

from __future__ import annotations

from wecom_logging._model.links import MARGIN, Link, filled, page
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.headline import started
from wecom_logging._rendering.sections import Section

#: What the instrumentations of others call the id of a trace.
_TRACE_IDS = ("trace_id", "otelTraceID", "dd.trace_id")


def links_of(section: Section, context: RenderContext) -> list[Link]:
    """The links that lead somewhere, each target once."""
    labels, links = context.labels, context.style.links
    known = filled(links, _values(section, context)) if links else []
    found = [Link(link.name or labels.logs, link.target) for link in known]
    if url := runbook(section):
        found.append(Link(labels.runbook, url))
    return list({link.target: link for link in reversed(found)}.values())[::-1]


def runbook(section: Section) -> str:
    """The page that an error says will help; "" if it says none, or nothing that is a page."""
    return page(section.sample.context.get("runbook", ""))


def _values(section: Section, context: RenderContext) -> dict[str, str]:
    lead, known = section.lead, section.sample.context
    # Where there is no span, all of them write zeros or nothing.
    trace_ids = (known.get(name, "") for name in _TRACE_IDS)
    start = min(started(report, context.digest.now) for report in section.reports)
    return {
        "id": lead.short_id.rstrip("?") or lead.identity.id,
        "logger": lead.identity.logger,
        "type": section.type,
        "request_id": known.get("request_id", ""),
        "trace_id": next((each for each in trace_ids if each.strip("0")), ""),
        "from": str(int((start - MARGIN) * 1000)),
        "to": str(int((section.last + MARGIN) * 1000)),
    }
