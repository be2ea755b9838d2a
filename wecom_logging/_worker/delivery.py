"""From a claim to what becomes of it: rendered, frozen, sent, and settled or released.

On the worker's thread. The store is the cycle's, which lends it for one delivery.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from wecom_logging._model.digest import Digest
from wecom_logging._model.schedule import pause_after
from wecom_logging._rendering import Rendered, Style, render
from wecom_logging._runtime.diagnostics import reset, warn_rarely
from wecom_logging._runtime.native import monotonic
from wecom_logging._runtime.values import replace
from wecom_logging._senders.protocol import (
    ConnectingSender,
    Message,
    Receipt,
    RoutedSender,
    Sender,
    TokenSender,
)
from wecom_logging._stores.protocol import FOLLOW_UP_ATTEMPTS, Claim, Failure, FollowUp, Store
from wecom_logging._stores.records import RANDOM
from wecom_logging._worker import parts
from wecom_logging._worker.follow_ups import FollowUpPlan, FollowUps
from wecom_logging._worker.frozen import body_of, read_body
from wecom_logging._worker.parts import Part
from wecom_logging.errors import (
    ApiError,
    ContentError,
    DeliveryError,
    RateLimitedError,
    SetupError,
    TokenError,
    WeComError,
)
from wecom_logging.stats import StatsRecorder

if TYPE_CHECKING:
    from wecom_logging._worker.tokens import Tokens

#: Requests in a minute, and seconds, that are spent at once on refused content: less than half
#: of the budget, which is for what is new. The rest is told later, one part at a time.
MOST_RETRIES = 8
RETRY_FOR = 5.0

#: Failed attempts in a row after which trouble that passes by itself is worth a line.
PATIENCE = 3

_FOLLOW_UPS = {"file": "the file with the whole report", "call": "the call for somebody"}

T = TypeVar("T")


class _NoSlot(DeliveryError):
    """The budget does not allow another request just now."""


class Delivery:
    """Brings what was claimed to one destination. Errors of the sender end here."""

    def __init__(
        self,
        sender: Sender,
        style: Style,
        follow_ups: FollowUps,
        recorder: StatsRecorder,
        *,
        has_fallback: bool = False,
    ) -> None:
        self._sender, self._style, self._follow_ups = sender, style, follow_ups
        self._recorder, self._has_fallback = recorder, has_fallback
        #: What is still to be sent of a digest whose content was refused, for want of a slot.
        self._refused: list[Part] = []
        #: When content was last sent again because it was refused.
        self._retried: deque[float] = deque(maxlen=MOST_RETRIES)
        self._tokens: Tokens | None = None
        if sender.limits.token:
            from wecom_logging._worker.tokens import Tokens

            self._tokens = Tokens(cast("TokenSender", sender))

    @property
    def route(self) -> str:
        """By which route the next attempt gets there."""
        sender = self._sender
        return cast("RoutedSender", sender).route if sender.limits.route else ""

    @property
    def prepares(self) -> bool:
        """Whether there is anything to make ready."""
        return self._sender.limits.token or self._sender.limits.connects

    def prepare(self, store: Store) -> None:
        """Have a connection, and a token, ready for what is about to be claimed."""
        if self._tokens is not None and not self._tokens.prepare(store):
            return
        if self._sender.limits.connects:
            cast("ConnectingSender", self._sender).connect()

    # -- a digest ----------------------------------------------------------------------

    def deliver(self, store: Store, claim: Claim, *, leaving: bool = False) -> list[str]:
        """One message; several where one of its groups is refused. Returns the groups told.

        Args:
            leaving: The process ends, and what follows may never come: no file is announced,
                and a message that shall call somebody is a text, which does it by itself.
        """
        work = _Work(store, claim, self._refused, self._style)
        self._refused = []
        work.plan = self._plan(work, announce=not leaving)
        if leaving and work.plan.call and (size := self._sender.limits.max_bytes.get("text")):
            work.style = work.style._replace(msgtype="text", max_bytes=size)
            work.rendered = None
        route, began = self.route, monotonic()
        while True:
            message = self._frozen(work)
            try:
                receipt = self._call(store, claim.id, self._sender.send, message)
            except ContentError as error:
                self._note(error)
                self._go_plainer(work)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # of a sender that is not ours, a SystemExit say
                known = _known(error)
                self._release(work, known, way=known.way or self.route != route)
                return work.told
            else:
                self._settle(work, message)
                _tell_missed(receipt)
            if not work.parts:
                return work.told
            if not (self._may_retry(began) and store.renew(claim.id)):
                self._put_off(work)
                return work.told

    def _plan(self, work: _Work, *, announce: bool) -> FollowUpPlan:
        """What follows the message. While the destination fails nothing is announced: each attempt
        would take its slots anew."""
        try:
            work.rendered = render(work.digest, self._style)
            plan = self._follow_ups.plan(work.store, work.digest, work.rendered)
        except Exception:
            return FollowUpPlan()  # `_message` meets the same trouble, and says it
        plan.announced = plan.file and announce and not work.claim.failures and not work.again
        return plan

    def _frozen(self, work: _Work) -> Message:
        """The next message, as it is kept for whoever may have to repeat it."""
        if work.again is not None:
            return work.again
        plan = work.plan
        groups = () if work.is_whole else work.parts[0].groups
        message = self._message(work)
        extra = plan.slots if plan.announced and not work.reserved else 0
        if work.store.freeze(work.claim.id, body_of(message, groups), extra=extra):
            work.reserved = plan.announced
            return message
        plan.announced = False
        return self._frozen(work)

    def _message(self, work: _Work) -> Message:
        part, digest, whole = work.parts[0], work.digest, work.is_whole
        # All there is, in the groups' own words: nothing has to be taken out of it.
        if not whole or part.shape == "bare":
            digest = parts.told_by(part, digest, first=not work.told)
        try:
            rendered = work.rendered
            if rendered is None or part.shape != "full" or not whole:
                rendered = render(digest, work.style, shape=part.shape)
            if work.plan.announced and whole:
                rendered = render(
                    digest, work.style, shape=part.shape, file_follows=True, again=rendered.context
                )
        except Exception as error:
            warn_rarely(
                f"render {type(error).__name__}",
                f"a message could not be rendered ({where(error)}); sent as counts only",
            )
            bare = parts.told_by(part._replace(shape="bare"), digest, first=not work.told)
            rendered = render(bare, work.style, shape="bare")
        if work.plan.call and not work.called and rendered.message.msgtype == "text":
            return replace(rendered.message, mentions=work.plan.call)  # it calls by itself
        return rendered.message

    def _settle(self, work: _Work, message: Message) -> None:
        """The message was accepted: what it told is told, and the rest still claimed."""
        part, *rest = work.parts
        work.told += part.groups
        work.parts, work.again = parts.accepted(rest), None
        work.called |= bool(message.mentions)
        self._recorder.add(messages=1)
        reset(self._trouble)
        if rest:
            work.store.settle(work.claim.id, groups=part.groups)
            return
        follow_ups, work.rendered = self._written(work), None  # of a thousand kinds: megabytes
        work.store.settle(work.claim.id, *follow_ups)
        work.plan.keep()

    def _written(self, work: _Work) -> list[FollowUp]:
        try:
            return self._follow_ups.written(
                work.digest, work.plan, work.rendered, called=work.called
            )
        except Exception as error:
            warn_rarely(f"follow-up {type(error).__name__}", f"nothing follows: {where(error)}")
            return []

    def _may_retry(self, began: float) -> bool:
        now = monotonic()
        few = len(self._retried) < MOST_RETRIES or now - self._retried[0] > 60.0
        if not few or now - began >= RETRY_FOR:
            return False
        self._retried.append(now)
        return True

    def _go_plainer(self, work: _Work) -> None:
        part, *rest = work.parts
        work.parts, work.again = parts.plainer(part, rest), None
        if not parts.is_lost(part):
            return
        work.store.settle(work.claim.id, groups=part.groups, lost=True)
        if not rest:
            work.plan.leave()
        count = sum(r.count for r in work.digest.reports if r.identity.id in part.groups)
        warn_rarely(
            f"lost {work.claim.id}",
            f"{count:,} errors are lost: WeCom refuses the content in every form"
            f" ({self._recorder.last_error})",
        )

    def _put_off(self, work: _Work) -> None:
        """The next claim goes on here, and not from the start."""
        self._refused = parts.put_off(work.parts)
        work.store.release(work.claim.id, Failure("content refused, no slot free", pause=0.2))
        work.plan.leave()

    def _release(self, work: _Work, error: DeliveryError, *, way: bool) -> None:
        work.plan.leave()
        if isinstance(error, _NoSlot):
            work.store.release(work.claim.id, Failure(error.text, pause=1.0))
            return
        self._note(error)
        failure = _failure(error, work.claim.failures + 1, way=way)
        work.store.release(work.claim.id, failure)
        if failure.setup or work.claim.failures >= PATIENCE:
            what = error.errcode if isinstance(error, ApiError) else type(error).__name__
            told = failure.setup and self._has_fallback
            meanwhile = "the fallback tells it meanwhile" if told else "everything stays pending"
            warn_rarely(f"{self._trouble} {what}", f"{error} — {meanwhile}, trying again")

    def _note(self, error: DeliveryError) -> None:
        self._recorder.add(failures=1)
        self._recorder.write(last_error=str(error))

    @property
    def _trouble(self) -> str:
        """How complaints about this destination begin."""
        return f"trouble {self._sender.destination}"

    # -- what follows one --------------------------------------------------------------

    def follow(self, store: Store, follow_up: FollowUp) -> None:
        """A file or a call. The message it belongs to is delivered, whatever becomes of it."""
        try:
            self._send_follow_up(store, follow_up)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            known = _known(error)
            # One that may have arrived is not repeated, since nobody would recognise it as a
            # repetition; nor one that is refused for what it says.
            final = known.unclear or isinstance(known, ContentError)
            if final:
                store.settle(follow_up.id)
            else:
                store.release(follow_up.id, _failure(known, follow_up.attempt, way=known.way))
            if final or follow_up.attempt >= FOLLOW_UP_ATTEMPTS:
                what = _FOLLOW_UPS[follow_up.kind]
                # Only the errors of this package have texts without secrets.
                reason = str(error) if isinstance(error, WeComError) else type(error).__name__
                warn_rarely(f"follow-up {what}", f"{what} could not be sent: {reason}")
        else:
            store.settle(follow_up.id)

    def _send_follow_up(self, store: Store, follow_up: FollowUp) -> None:
        if follow_up.kind == "file":
            name, _, text = follow_up.body.partition("\n")
            media_id = self._uploaded(store, follow_up.id, name, text)
            self._call(store, follow_up.id, self._sender.send, Message("file", media_id))
        elif follow_up.kind == "call" and (frozen := read_body(follow_up.body)):
            self._call(store, follow_up.id, self._sender.send, frozen.message)

    def _uploaded(self, store: Store, claim_id: str, name: str, text: str) -> str:
        try:
            data = text.encode("utf-8", "replace")
            return self._call(store, claim_id, self._sender.upload, name, data)
        except DeliveryError as error:
            error.unclear = False  # nobody is shown what was only uploaded
            raise

    # -- both --------------------------------------------------------------------------

    def _call(self, store: Store, claim_id: str, method: Callable[..., T], *what: object) -> T:
        """One request, with a token if the sender takes one; a second one, for a slot, if it was
        stale."""
        if self._tokens is None:
            return method(*what)
        key, token = self._tokens.for_call(store)
        try:
            return method(*what, token)
        except TokenError:
            self._tokens.drop(store, key, token)
        if not store.renew(claim_id):
            raise _NoSlot("no slot free for another attempt")
        return method(*what, self._tokens.for_call(store)[1])


class _Work:
    """How far one digest has come."""

    def __init__(self, store: Store, claim: Claim, refused: list[Part], style: Style) -> None:
        # What the destination may have taken is told by the fallback as what it is.
        again = claim.body if not claim.fallback else None
        frozen = read_body(again) if again is not None else None
        unreadable = claim.body is not None and frozen is None
        self.store, self.claim, self.style = store, claim, style
        self.digest: Digest = parts.doubtful(claim.digest) if unreadable else claim.digest
        groups = parts.groups_of(self.digest)
        self.groups = len(groups)
        #: What an earlier attempt, of whoever it was, may have delivered: sent as it is.
        self.again: Message | None = frozen and frozen.message
        #: Still to be told, the next one first.
        self.parts = parts.parts_of(self.digest, refused)
        if frozen is not None:
            first = frozen.groups or groups
            rest = tuple(group for group in groups if group not in first)
            self.parts = [Part(first), *([Part(rest)] if rest else [])]
        self.told: list[str] = []
        self.plan = FollowUpPlan()
        #: The whole of it, without a file that follows; None: it could not be rendered.
        self.rendered: Rendered | None = None
        #: The slots of what was announced are taken.
        self.reserved = False
        #: A message has called somebody by itself.
        self.called = False

    @property
    def is_whole(self) -> bool:
        """Whether the next message tells all of it."""
        return len(self.parts[0].groups) == self.groups


def _failure(error: DeliveryError, failures: int, *, way: bool) -> Failure:
    pause = pause_after(error, failures, RANDOM.random())
    strict = isinstance(error, RateLimitedError)
    setup = isinstance(error, (SetupError, TokenError))
    return Failure(error.text, pause, strict, unclear=error.unclear, way=way, setup=setup)


def _tell_missed(receipt: object) -> None:
    """Delivered, but not to all: said once for each set of names."""
    if isinstance(receipt, Receipt) and receipt.missed:
        missed = sorted(receipt.missed.items())
        names = "; ".join(f"{field}: {', '.join(sorted(who))}" for field, who in missed)
        warn_rarely(f"missed {names}", f"delivered, but not to everybody ({names})", once=True)


def _known(error: BaseException) -> DeliveryError:
    """After one that a sender should not raise nobody knows whether the message arrived."""
    if isinstance(error, DeliveryError):
        return error
    return DeliveryError(f"the sender raised {type(error).__name__}", unclear=True)


def where(error: BaseException) -> str:
    """Where an error came from, without its text: that may hold anything."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    if tb is None:
        return type(error).__name__
    code = tb.tb_frame.f_code
    return f"{type(error).__name__} at {os.path.basename(code.co_filename)}:{tb.tb_lineno}"
