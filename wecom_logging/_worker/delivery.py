"""One digest: rendered, sent, and settled or released. On the worker's thread."""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict
from typing import cast

from wecom_logging._model.schedule import pause_after
from wecom_logging._rendering import Shape, Style, render
from wecom_logging._runtime.diagnostics import reset, warn_rarely
from wecom_logging._senders.protocol import Message, Receipt, RoutedSender, Sender
from wecom_logging._stores.protocol import Claim, Failure, Store
from wecom_logging._stores.token_lease import Wire
from wecom_logging._worker.follow_ups import FollowUpPlan, FollowUps
from wecom_logging.errors import (
    ContentError,
    DeliveryError,
    RateLimitedError,
    SetupError,
    TokenError,
)
from wecom_logging.stats import StatsRecorder

#: Each is for when the one before it was refused for its content.
SHAPES: tuple[Shape, ...] = ("full", "short", "text", "bare")

#: Failed attempts in a row after which trouble that passes by itself is worth a line.
PATIENCE = 3


class Delivery:
    """Brings digests to one destination."""

    def __init__(
        self, sender: Sender, style: Style, follow_ups: FollowUps, recorder: StatsRecorder
    ) -> None:
        self._sender = sender
        self._style = style
        self._follow_ups = follow_ups
        self._recorder = recorder
        #: Shapes whose content was refused before the budget was short.
        self._refused = 0

    def deliver(self, store: Store, claim: Claim) -> bool:
        """One message, and what comes with it.

        Returns whether it was delivered. Errors of the sender end here.
        """
        wire = Wire(self._sender, store)
        plan = self._plan(store, claim)
        message = self._send(store, claim, plan, wire)
        if message is None:
            self._follow_ups.cancel(store, plan)
            return False
        self._follow_ups.follow(claim.digest, store, plan, message, wire)
        return True

    def _send(self, store: Store, claim: Claim, plan: FollowUpPlan, wire: Wire) -> Message | None:
        """One message; plainer ones in its place as long as its content is refused."""
        digest_id = claim.digest.id
        route = _route(self._sender)
        first = self._refused
        for refused, shape in enumerate(SHAPES[first:], first):
            if refused > first and not store.renew(digest_id):
                self._refused = refused  # the next claim goes on here, and not from the start
                store.release(digest_id, Failure("content refused, no slot free", pause=1.0))
                return None
            if claim.body is not None and refused == first:
                message = message_from(claim.body)
            else:
                message = self._message(claim, shape, plan)
            store.freeze(digest_id, json.dumps(asdict(message)))
            try:
                receipt = _attempt(store, digest_id, wire, message)
            except ContentError as error:
                self._note(error)
            except DeliveryError as error:
                self._release(store, claim, error, at_once=_route(self._sender) != route)
                return None
            except Exception as error:
                self._release(store, claim, _foreign(error))
                return None
            else:
                store.settle(digest_id)
                _tell_missed(receipt)
                self._recorder.add(messages=1)
                self._refused = 0
                reset(self._trouble)
                return message
        self._lose(store, claim)
        return None

    def _plan(self, store: Store, claim: Claim) -> FollowUpPlan:
        try:
            return self._follow_ups.plan(claim, store)
        except Exception:
            return FollowUpPlan()  # `_message` meets the same trouble, and says it

    def _message(self, claim: Claim, shape: Shape, plan: FollowUpPlan) -> Message:
        try:
            return self._follow_ups.message(claim.digest, shape, plan)
        except Exception as error:
            warn_rarely(
                f"render {type(error).__name__}",
                f"a message could not be rendered ({where(error)}); sent as counts only",
            )
            return render(claim.digest, self._style, shape="bare").message

    def _release(
        self, store: Store, claim: Claim, error: DeliveryError, *, at_once: bool = False
    ) -> None:
        """`at_once`: the attempt has shown another secret, which is to be tried."""
        self._note(error)
        pause = 0.0 if at_once else pause_after(error, claim.failures + 1, random.random())  # noqa: S311
        strict = isinstance(error, RateLimitedError)
        failure = Failure(error.text, pause, strict=strict, unclear=error.unclear)
        store.release(claim.digest.id, failure)
        if isinstance(error, (SetupError, TokenError)) or claim.failures >= PATIENCE:
            kind = f"{self._trouble} {getattr(error, 'errcode', type(error).__name__)}"
            warn_rarely(kind, f"{error} — everything stays pending, trying again")

    def _lose(self, store: Store, claim: Claim) -> None:
        self._refused = 0
        store.settle(claim.digest.id, lost=True)
        count = sum(report.count for report in claim.digest.reports)
        warn_rarely(
            f"lost {claim.digest.id}",
            f"{count:,} errors are lost: WeCom refuses the content in every form"
            f" ({self._recorder.last_error})",
        )

    def _note(self, error: DeliveryError) -> None:
        self._recorder.add(failures=1)
        self._recorder.write(last_error=str(error))

    @property
    def _trouble(self) -> str:
        """How complaints about this destination begin."""
        return f"trouble {self._sender.destination}"


def _attempt(store: Store, digest_id: str, wire: Wire, message: Message) -> Receipt | None:
    """One request; one more, which costs a slot as well, if the access token was stale."""
    try:
        return wire.send(message)
    except TokenError:
        if not wire.renews_tokens:
            raise
    if not store.renew(digest_id):
        raise RateLimitedError(45009, "no slot free for another attempt")
    return wire.send(message)


def _route(sender: Sender) -> str:
    return cast("RoutedSender", sender).route if sender.limits.route else ""


def _tell_missed(receipt: object) -> None:
    """Delivered, but not to all: said once for each set of names."""
    if isinstance(receipt, Receipt) and receipt.missed:
        missed = sorted(receipt.missed.items())
        names = "; ".join(f"{field}: {', '.join(sorted(who))}" for field, who in missed)
        warn_rarely(f"missed {names}", f"delivered, but not to everybody ({names})", once=True)


def _foreign(error: Exception) -> DeliveryError:
    """An error that a sender should not raise: nobody knows whether the message arrived."""
    return DeliveryError(f"the sender raised {type(error).__name__}", unclear=True)


def message_from(body: str) -> Message:
    """The message that was frozen as `body`."""
    fields = json.loads(body)
    fields["mentions"] = tuple(fields.get("mentions", ()))
    return Message(**fields)


def where(error: BaseException) -> str:
    """Where an error came from, without its text: that may hold anything."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    if tb is None:
        return type(error).__name__
    code = tb.tb_frame.f_code
    return f"{type(error).__name__} at {os.path.basename(code.co_filename)}:{tb.tb_lineno}"
