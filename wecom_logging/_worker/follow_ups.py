"""What comes with a message: the file with the whole report, and a call for somebody.

Both are extras: they take a slot of the rate limit for each request, never from its second
half, and when one fails the message has been delivered all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from wecom_logging._model.digest import Digest
from wecom_logging._rendering import Rendered, Shape, Style, render, report_text
from wecom_logging._runtime.diagnostics import complain
from wecom_logging._senders.protocol import Message, Sender
from wecom_logging._stores.protocol import Claim, Store
from wecom_logging._worker import attachment
from wecom_logging._worker.cooldowns import Marks, Turns
from wecom_logging._worker.mentions import Mentions
from wecom_logging.errors import WeComError

#: An upload, and the message that shows what was uploaded.
_REQUESTS_OF_A_FILE = 2


@dataclass(eq=False, repr=False)
class Company:
    """What one digest's message is going to be followed by."""

    #: None: it could not be rendered.
    rendered: Rendered | None = None
    #: Set if a file shall follow, or somebody be called.
    file: Turns | None = None
    call: Turns | None = None
    #: The file is announced in the message itself, and its slots are taken.
    announced: bool = False


class Extras:
    """Decides and sends the extras of one handler. For one thread at a time.

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
        self._marks = Marks(f"{sender.destination} {style.app} {style.environment}")

    def company(self, claim: Claim, store: Store) -> Company:
        """What shall come with a message. Raises what rendering raises.

        While the destination fails no slots are taken in advance: each attempt would take
        them anew. Nor for a message that is repeated as it is.
        """
        digest = claim.digest
        rendered = render(digest, self._style)
        company = Company(rendered)
        if self._attach:
            turns = Turns(self._marks, store)
            company.file = _if(attachment.wanted(digest, rendered, turns), turns)
            at_once = not claim.failures and claim.body is None
            company.announced = company.file is not None and at_once and _take(store)
        if self._mentions is not None:
            turns = Turns(self._marks, store)
            company.call = _if(self._mentions.wanted(digest, turns), turns)
        return company

    def message(self, digest: Digest, shape: Shape, company: Company) -> Message:
        """The message itself; it calls people where its dialect can."""
        rendered = company.rendered
        if rendered is None or shape != "full" or company.announced:
            rendered = render(digest, self._style, shape=shape, file_follows=company.announced)
        message = rendered.message
        if company.call and self._mentions is not None and message.msgtype == "text":
            return replace(message, mentions=self._mentions.who)
        return message

    def cancel(self, store: Store, company: Company) -> None:
        """The message was not delivered, so nothing follows it."""
        if company.announced:
            _give_back(store)
        for turns in (company.file, company.call):
            if turns is not None:
                turns.leave()

    def follow(self, digest: Digest, store: Store, company: Company, message: Message) -> None:
        """`message` was delivered; never raises."""
        if company.call is not None:
            if message.mentions:
                company.call.keep()
            else:
                self._call(digest, store, company.call)
        if company.file is not None:
            company.file.keep()  # also if it fails: it was tried, and that is enough for a while
            if company.announced or _take(store):
                _try("the file with the whole report", lambda: self._send_file(digest))
                _give_back(store)

    def _call(self, digest: Digest, store: Store, turns: Turns) -> None:
        mentions = self._mentions
        if mentions is None or not store.take_slot("extra"):
            turns.leave()  # the next message may find a slot
            return
        turns.keep()
        _try(
            "the call for somebody",
            lambda: self._sender.send(mentions.message(digest, self._style)),
        )
        store.give_back()

    def _send_file(self, digest: Digest) -> None:
        data = report_text(digest, self._style).encode("utf-8", "replace")
        media_id = self._sender.upload(attachment.file_name(digest, self._style), data)
        self._sender.send(Message("file", media_id))


def _if(wanted: bool, turns: Turns) -> Turns | None:
    if wanted:
        return turns
    turns.leave()
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


def _try(what: str, act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as error:
        # Only the errors of this package have texts without secrets.
        reason = str(error) if isinstance(error, WeComError) else type(error).__name__
        complain(f"extra {what}", f"{what} could not be sent: {reason}")
