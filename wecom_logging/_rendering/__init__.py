"""From a `Digest` to a `Message`: what somebody reads on a phone at three in the morning.

    sample      what a captured event says, read with suspicion
    sections    what is drawn as one
    folding     which groups that is, and in which order
    headline    line 1 and line 2
    rows        one group in a line, the line over one, and its history
    blocks      one group at length
    card        the same on a template card
    layout      what gets into the bytes
    dialects    markdown, text, markdown_v2: the forms, and the pen that makes texts inert
    labels      the words, in English and Chinese
    report      everything, as plain text for the attached file

Plain functions over plain values; the only time is the digest's own. What is shown has been
through redaction before.
"""

from __future__ import annotations

import json

from wecom_logging._model.digest import Digest, Report
from wecom_logging._rendering.card import card
from wecom_logging._rendering.context import DETAIL_LEVELS, RenderContext, Rendered
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.headline import facts, headline
from wecom_logging._rendering.layout import Layout, size
from wecom_logging._rendering.report import group_text, report_text
from wecom_logging._rendering.style import Language, Shape, Style
from wecom_logging._rendering.words import joined
from wecom_logging._runtime.values import replace
from wecom_logging._senders.protocol import Message

__all__ = ["Language", "Rendered", "Shape", "Style", "group_text", "render", "report_text"]

#: What text or markdown may hold, at any destination (WeCom API documents 90236 and 91770).
_TEXT_BYTES = 2048


def render(
    digest: Digest,
    style: Style,
    *,
    shape: Shape = "full",
    file_follows: bool = False,
    again: RenderContext | None = None,
) -> Rendered:
    """The message that tells a digest.

    `shape` says how plain: the next one each time that the destination refuses the content.
    `again` is the context that the same digest was drawn from before.
    """
    if style.msgtype == "card":
        drawn = _card(digest, style, file_follows, again) if shape == "full" else None
        style = style._replace(msgtype="markdown", max_bytes=_TEXT_BYTES)
        return drawn or render(digest, style, shape=shape, file_follows=file_follows, again=again)
    style = _plainer(style, shape)
    shown = _without_logged_text(digest) if shape == "bare" else digest
    if again is None or shape == "bare" or again.style != style:
        again = RenderContext.of(shown, style)
    context = again._replace(file_follows=file_follows)
    pen = Pen()
    head = "\n".join([headline(context), *facts(context, pen)]) + "\n\n"
    file = context.labels.file_follows if file_follows else ""
    foot = joined(" · ", file, pen.name(digest.message_id, 16))
    levels = () if shape == "bare" else DETAIL_LEVELS
    layout = Layout(context, style.max_bytes - size(head), foot, levels)
    body = layout.body()
    return Rendered(
        Message(style.msgtype, head + layout.text(body)),
        kinds_left_out=sum(len(section.reports) for section in body.hidden),
        left_out=tuple(body.left_out(context)),
        context=context,
    )


def _card(
    digest: Digest, style: Style, file_follows: bool, again: RenderContext | None
) -> Rendered | None:
    """None where it would lead nowhere."""
    if again is None or again.style != style:
        again = RenderContext.of(digest, style)
    context = again._replace(file_follows=file_follows)
    if (drawn := card(context)) is None:
        return None
    return Rendered(
        Message("card", json.dumps(drawn, ensure_ascii=False, separators=(",", ":"))),
        kinds_left_out=sum(section.kinds for section in context.sections[1:]),
        # Always: a traceback has no place on it.
        left_out=tuple(r.identity.id for r in context.sections[0].reports if r.samples),
        context=context,
    )


def _plainer(style: Style, shape: Shape) -> Style:
    if shape == "full":
        return style
    if shape == "short":
        return style._replace(max_bytes=style.max_bytes // 2)
    max_bytes = min(style.max_bytes, _TEXT_BYTES) // 2
    return style._replace(msgtype="text", max_bytes=max_bytes, links=())


def _without_logged_text(digest: Digest) -> Digest:
    """Only what the program's own code says: types, places, names of loggers, counts. Names
    and reasons that people gave are as free a text as what is logged."""
    outage = digest.outage and digest.outage._replace(reason="")
    return digest._replace(reports=tuple(map(_anonymous, digest.reports)), outage=outage)


def _anonymous(report: Report) -> Report:
    silence = report.silence and report.silence._replace(by="", why="")
    identity = report.identity._replace(template="", text="")
    return replace(report, identity=identity, samples=(), silence=silence, taken=None)
