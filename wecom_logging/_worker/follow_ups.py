"""What follows a message: the file with the whole report, and a call for somebody.

It is decided before its message is sent, written down when that was accepted, since the samples are
gone then, and done by whichever process the store hands it to when nothing else is due.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from wecom_logging._model.digest import Digest
from wecom_logging._rendering import Rendered, Style, report_text
from wecom_logging._senders.protocol import Sender
from wecom_logging._stores.protocol import FollowUp, Store
from wecom_logging._worker.cooldowns import Cooldowns
from wecom_logging._worker.frozen import body_of

if TYPE_CHECKING:
    from wecom_logging._worker.mentions import Mentions

#: An upload, and the message that shows what was uploaded.
FILE_SLOTS = 2

#: A group has its file once in so many seconds, and all together so many files in them.
INTERVAL = 3600.0
FILES = 6

#: An overview that leaves kinds out counts as a group of its own.
_OVERVIEW = "overview"

#: More groups in one file are not asked for each by itself.
_MAX_ASKED = 10


class FollowUpPlan:
    """What one digest's message is going to be followed by."""

    def __init__(self) -> None:
        self.file = False
        #: Whom to call.
        self.call: tuple[str, ...] = ()
        #: The file is announced in the message itself, and its slots are taken.
        self.announced = False
        self.cooldowns: list[Cooldowns] = []

    @property
    def slots(self) -> int:
        """How many requests it takes."""
        return FILE_SLOTS * self.file + bool(self.call)

    def keep(self) -> None:
        """The message was delivered."""
        for each in self.cooldowns:
            each.keep()

    def leave(self) -> None:
        """It was not, so nothing follows it."""
        for each in self.cooldowns:
            each.leave()


class FollowUps:
    """Decides and writes what follows the messages of one handler.

    Args:
        sender: Where they go; its limits say what is possible.
        style: How the report is written.
        attach: Whether there are files.
        mentions: None: nobody is called.
    """

    def __init__(
        self, sender: Sender, style: Style, *, attach: bool = True, mentions: Mentions | None = None
    ) -> None:
        self._style, self._mentions = style, mentions
        self._attach = attach and sender.limits.files
        self._scope = f"{sender.destination} {style.app} {style.environment}"

    def plan(self, store: Store, digest: Digest, rendered: Rendered) -> FollowUpPlan:
        """What shall follow a message, as far as it has not happened lately."""
        plan = FollowUpPlan()
        if self._attach:
            asked = Cooldowns(store, self._scope)
            plan.file = file_wanted(digest, rendered, asked)
            plan.cooldowns.append(asked)
            if not plan.file:
                asked.leave()
        if self._mentions is not None:
            asked = Cooldowns(store, self._scope)
            plan.call = self._mentions.called(digest, asked)
            plan.cooldowns.append(asked)
            if not plan.call:
                asked.leave()
        return plan

    def written(
        self, digest: Digest, plan: FollowUpPlan, rendered: Rendered | None, *, called: bool
    ) -> list[FollowUp]:
        """What follows, ready to be sent by whoever it is handed to, the more urgent first.
        The file is drawn from what the message was, if that is there."""
        found = []
        if plan.call and not called and self._mentions is not None:
            message = self._mentions.message(digest, self._style, plan.call)
            found.append(FollowUp("call", body_of(message)))
        if plan.file:
            name = file_name(digest, self._style)
            drawn_from = rendered.context if rendered else None
            text = report_text(digest, self._style, drawn_from, name=name)
            found.append(FollowUp("file", text, FILE_SLOTS))
        return found


# -- the file: when there is one, and what it is called ----------------------------------------


def file_wanted(digest: Digest, rendered: Rendered, cooldowns: Cooldowns) -> bool:
    """Whether the file has something that matters, and neither the message nor a file of the last
    hour."""
    # Two digits of an id: so the cooldowns are few for good. That two groups share them, and
    # both have a file within an hour, is rare enough.
    asked = [group[:2] for group in _reasons(digest, rendered)[:_MAX_ASKED]]
    unsaid = [group for group in asked if cooldowns.take(f"file {group}", INTERVAL)]
    return bool(unsaid) and any(cooldowns.take(f"file no {n}", INTERVAL) for n in range(FILES))


def _reasons(digest: Digest, rendered: Rendered) -> list[str]:
    """Ids of the groups that need a file: new or CRITICAL, and their frames or texts did not
    fit."""
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
