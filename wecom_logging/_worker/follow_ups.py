"""What comes with a message: the file with the whole report, and a call for somebody.

Both are follow_ups: they take a slot of the rate limit for each request, never from its second
half, and when one fails the message has been delivered all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from wecom_logging._model.digest import Digest
from wecom_logging._rendering import Rendered, Shape, Style, render, report_text
from wecom_logging._runtime.diagnostics import warn_rarely
from wecom_logging._senders.protocol import Message, Sender
from wecom_logging._stores.protocol import Claim, Store
from wecom_logging._stores.token_lease import Wire
from wecom_logging._worker import attachment
from wecom_logging._worker.cooldowns import Cooldowns, CooldownSet
from wecom_logging._worker.mentions import Mentions
from wecom_logging.errors import WeComError

#: An upload, and the message that shows what was uploaded.
_REQUESTS_OF_A_FILE = 2


@dataclass(eq=False, repr=False)
class FollowUpPlan:
    """What one digest's message is going to be followed by."""

    #: None: it could not be rendered.
    rendered: Rendered | None = None
    #: Set if a file shall follow, or somebody be called.
    file: CooldownSet | None = None
    call: CooldownSet | None = None
    #: The file is announced in the message itself, and its slots are taken.
    announced: bool = False


class FollowUps:
    """Decides and sends the follow_ups of one handler. For one thread at a time.

    Args:
        sender: Where they go; its limits say what is possible.
        style: How the report is written.
        attach: Whether there are files.
        mentions: None: nobody is called.
    """

    def __init__(
        self, sender: Sender, style: Style, *, attach: bool = True, mentions: Mentions | None = None
    ) -> None:
        self._sender = sender
        self._style = style
        self._attach = attach and sender.limits.files
        self._mentions = mentions
        self._cooldowns = Cooldowns(f"{sender.destination} {style.app} {style.environment}")

    def plan(self, claim: Claim, store: Store) -> FollowUpPlan:
        """What shall come with a message. Raises what rendering raises.

        While the destination fails no slots are taken in advance: each attempt would take
        them anew. Nor for a message that is repeated as it is.
        """
        digest = claim.digest
        rendered = render(digest, self._style)
        plan = FollowUpPlan(rendered)
        if self._attach:
            cooldowns = CooldownSet(self._cooldowns, store)
            plan.file = _if(attachment.wanted(digest, rendered, cooldowns), cooldowns)
            at_once = not claim.failures and claim.body is None
            plan.announced = plan.file is not None and at_once and _take(store)
        if self._mentions is not None:
            cooldowns = CooldownSet(self._cooldowns, store)
            plan.call = _if(self._mentions.wanted(digest, cooldowns), cooldowns)
        return plan

    def message(self, digest: Digest, shape: Shape, plan: FollowUpPlan) -> Message:
        """The message itself; it calls people where its dialect can."""
        rendered = plan.rendered
        if rendered is None or shape != "full" or plan.announced:
            rendered = render(digest, self._style, shape=shape, file_follows=plan.announced)
        message = rendered.message
        if plan.call and self._mentions is not None and message.msgtype == "text":
            return replace(message, mentions=self._mentions.who)
        return message

    def cancel(self, store: Store, plan: FollowUpPlan) -> None:
        """The message was not delivered, so nothing follows it."""
        if plan.announced:
            _give_back(store)
        for cooldowns in (plan.file, plan.call):
            if cooldowns is not None:
                cooldowns.leave()

    def follow(
        self, digest: Digest, store: Store, plan: FollowUpPlan, message: Message, wire: Wire
    ) -> None:
        """`message` was delivered; never raises."""
        if plan.call is not None:
            if message.mentions:
                plan.call.keep()
            else:
                self._call(digest, store, plan.call, wire)
        if plan.file is not None:
            plan.file.keep()  # also if it fails: it was tried, and that is enough for a while
            if plan.announced or _take(store):
                _try("the file with the whole report", lambda: self._send_file(digest, wire))
                _give_back(store)

    def _call(self, digest: Digest, store: Store, cooldowns: CooldownSet, wire: Wire) -> None:
        mentions = self._mentions
        if mentions is None or not store.take_slot("extra"):
            cooldowns.leave()  # the next message may find a slot
            return
        cooldowns.keep()
        _try(
            "the call for somebody",
            lambda: wire.send(mentions.message(digest, self._style)),
        )
        store.give_back()

    def _send_file(self, digest: Digest, wire: Wire) -> None:
        data = report_text(digest, self._style).encode("utf-8", "replace")
        media_id = wire.upload(attachment.file_name(digest, self._style), data)
        wire.send(Message("file", media_id))


def _if(wanted: bool, cooldowns: CooldownSet) -> CooldownSet | None:
    if wanted:
        return cooldowns
    cooldowns.leave()
    return None


def _take(store: Store) -> bool:
    """The slots of a file: all or, as far as anybody waits for them, none."""
    for taken in range(_REQUESTS_OF_A_FILE):
        if not store.take_slot("extra"):
            for _ in range(taken):
                store.give_back()
            return False
    return True


def _give_back(store: Store) -> None:
    for _ in range(_REQUESTS_OF_A_FILE):
        store.give_back()


def _try(what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Exception as error:
        # Only the errors of this package have texts without secrets.
        reason = str(error) if isinstance(error, WeComError) else type(error).__name__
        warn_rarely(f"extra {what}", f"{what} could not be sent: {reason}")
