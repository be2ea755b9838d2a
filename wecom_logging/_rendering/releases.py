"""In which releases the errors of a group happened, where that is worth a word."""

from __future__ import annotations

from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.dialects import Pen
from wecom_logging._rendering.sections import Section

#: Bytes of a name, and how many of them stand in one line.
_NAME, _MOST = 40, 3

_ENGLISH = {
    "new": "in {release}",
    "back": "back in {release}, last seen in {before}",
    "last": "last in {release}",
    "seen": "seen in {others} and {release}",
    "comma": ", ",
}
_CHINESE = {
    "new": "见于 {release}",
    "back": "见于 {release}，上次见于 {before}",
    "last": "上次见于 {release}",
    "seen": "见于 {others} 和 {release}",
    "comma": "、",
}


def releases(section: Section, context: RenderContext, pen: Pen) -> str:
    """A release is news of a new group and of one that is back in another one; else it is
    said where line 2, which names that of the sending process, would be wrong about it."""
    found = list(dict.fromkeys(each for report in section.reports for each in report.releases))
    words = _CHINESE if context.style.language == "zh" else _ENGLISH
    if not found or section.over:
        return ""
    first, *others = (pen.name(each, _NAME) for each in found[:_MOST])
    before = next((report.back_from for report in section.reports if report.back_from), "")
    if before:
        return words["back"].format(release=first, before=pen.name(before, _NAME))
    if others:
        *rest, last = first, *others
        return words["seen"].format(others=words["comma"].join(rest), release=last)
    if section.state == "new":
        return words["new"].format(release=first)
    return words["last"].format(release=first) if found[0] != context.style.release else ""
