"""The file that follows a message: when there is one, and what it is called.

Plain functions over a digest and what of it was shown.
"""

from __future__ import annotations

import re
from datetime import datetime

from wecom_logging._model.digest import Digest
from wecom_logging._rendering import Rendered, Style
from wecom_logging._worker.cooldowns import Cooldowns

#: A group has its file once in so many seconds, and all together so many files in them.
INTERVAL = 3600.0
FILES = 6

#: An overview that leaves kinds out counts as a group of its own.
_OVERVIEW = "overview"

#: More groups in one file are not asked for each by itself.
_MAX_ASKED = 10


def wanted(digest: Digest, rendered: Rendered, cooldowns: Cooldowns) -> bool:
    """Whether the file says something that matters, that the message does not, and that
    no file has said in the last hour."""
    # Two digits of an id: so the cooldowns are few for good. That two groups share them, and
    # both have a file within an hour, is rare enough.
    asked = [group[:2] for group in reasons(digest, rendered)[:_MAX_ASKED]]
    unsaid = [group for group in asked if cooldowns.take(f"file {group}", INTERVAL)]
    return bool(unsaid) and any(cooldowns.take(f"file no {n}", INTERVAL) for n in range(FILES))


def reasons(digest: Digest, rendered: Rendered) -> list[str]:
    """Ids of the groups that need a file: new or CRITICAL ones whose own frames or texts
    did not fit."""
    cut = frozenset(rendered.left_out)
    found = [
        report.identity.id
        for report in digest.reports
        if report.identity.id in cut and (report.state == "new" or report.identity.critical)
    ]
    return [*found, _OVERVIEW] if rendered.kinds_left_out else found


def file_name(digest: Digest, style: Style) -> str:
    """A name by which it can be found later: `payments-prod-20260304-140311-KeyError.txt`."""
    moment = datetime.fromtimestamp(digest.now, style.timezone)
    kind = next((r.identity.type for r in digest.reports if r.identity.type), "errors")
    parts = (style.app, style.environment, f"{moment:%Y%m%d-%H%M%S}", kind)
    return f"{'-'.join(filter(None, map(_tame, parts)))[:100]}.txt"


def _tame(part: str) -> str:
    return re.sub(r"[^\w.-]+", "-", part)[:40].strip("-.")
