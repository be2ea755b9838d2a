"""What people did to alerts, and how it ended, for the logger `wecom_logging.audit`.

At INFO, never an alert: a handler of ours takes what a thread logs that delivers for an echo.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from wecom_logging._model.digest import Digest
from wecom_logging._runtime.echo_guard import delivering

_LOGGER = logging.getLogger("wecom_logging.audit")


def audit(
    what: str,
    app: str,
    *,
    who: str,
    where: str = "",
    why: str = "",
    until: str = "",
    seconds: float = 0.0,
) -> None:
    """Write down one act, or its end. Names and reasons are quoted: each is one line."""
    facts = {"app": app, "who": who, "from": where, "until": until, "why": why}
    said = [f"{key}={value!r}" for key, value in facts.items() if value]
    if seconds:
        said.append(f"seconds={seconds:.0f}")
    with delivering():
        _LOGGER.info("%s", " ".join((what, *said)))


def audit_ends(digest: Digest, told: Collection[str], app: str) -> None:
    """Write down what a message has ended: silences of groups that it told of, and quiet."""
    for report in digest.reports:
        silence, taken = report.silence, report.taken
        if report.identity.id not in told:
            continue
        if silence is not None:
            what = f"silence of {report.short_id} ended"
            seconds = silence.until - silence.since
            why = f"{silence.ended} {silence.release}".strip() or "its time"
            audit(what, app, who=silence.by, why=why, seconds=seconds)
        if taken is not None and taken.lapsed:
            audit(f"{report.short_id} is nobody's any more", app, who=taken.by)
    if digest.quiet is not None and told:
        since, until = digest.quiet
        audit("quiet ended", app, who="", seconds=until - since)
