"""What a command does, and what is said about it: who, until when, how to take it back."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wecom_logging._bot.commands import Command
from wecom_logging._bot.frames import Message
from wecom_logging._bot.outgoing import Outgoing, answer, push, send
from wecom_logging._bot.selection import NoSelection, longest_name, select
from wecom_logging._bot.session import Answered
from wecom_logging._bot.store import App, BotStore, app_of
from wecom_logging._bot.texts import (
    GROUP_LINES,
    MAX_BYTES,
    MAX_LINE,
    Texts,
    code,
    fenced,
    inert,
    name,
    shown,
    why,
)
from wecom_logging._bot.uploads import Upload
from wecom_logging._model import spans
from wecom_logging._model.spans import SpanError
from wecom_logging._stores.marks import Act, KnownGroup

#: Seconds: for a yes, and for an undo.
CONFIRM, UNDO = 120.0, 600.0
#: Questions that wait for a yes.
_MOST_PENDING = 100

#: Says a line where it concerns others.
Announce = Callable[["Request", str, Sequence[App]], list[Outgoing]]


@dataclass(frozen=True)
class Request:
    """A command, and who gives it where."""

    message: Message
    command: Command
    texts: Texts
    #: Whether an app is this chat's business.
    covers: Callable[[App], bool]
    who: str
    #: Seconds since the epoch.
    now: float

    def act(self, verb: Any, **fields: Any) -> Act:
        message = self.message
        where = "private" if message.single else message.chat
        return Act(verb, message.msgid, self.who, message.user, where, **fields)

    def refuse(self, phrase: str, **fields: object) -> NoSelection:
        return NoSelection(self.texts.say(phrase, **fields))


@dataclass(frozen=True)
class _Pending:
    """An act that waits for a yes."""

    asked: float
    act: Act
    groups: tuple[KnownGroup, ...]


class CommandHandler:
    """Does what commands want. What was done in private is announced; `say` gets a line about
    each act."""

    def __init__(self, store: BotStore, announce: Announce, say: Callable[[str], None]) -> None:
        self._store = store
        self._announce = announce
        self._say = say
        self._pending: OrderedDict[tuple[str, str], _Pending] = OrderedDict()

    def handle(self, request: Request) -> list[Outgoing]:
        """Do it and say so, or say why not.

        Raises:
            StoreError: The store cannot be reached.
        """
        try:
            if request.command.wrong is not None:
                raise request.refuse("no such time")
            return _HANDLERS[request.command.name](self, request)
        except NoSelection as no:
            return [answer(request.message, str(no))]

    def uploaded(self, out: Outgoing, upload: Upload, answered: Answered) -> list[Outgoing]:
        """The next step of a file, at the end the file, or what there is instead of it."""
        step = upload.next(answered.errcode, answered.body or {})
        if step is None:
            self._say(f"the upload of {upload.name} failed: errcode {answered.errcode}")
            return list(out.otherwise)
        if isinstance(step, str):
            media = {"media_id": step}
            file = send(upload.user, "file", media, single=True, otherwise=out.otherwise)
            return [dataclasses.replace(file, then=out.then)]
        return [Outgoing(*step, otherwise=out.otherwise, then=out.then, upload=upload)]

    # Reading.

    def _open(self, request: Request) -> list[Outgoing]:
        groups = [group for group in self._groups(request) if group.state != "over"]
        groups.sort(key=lambda group: (not group.critical, -group.count, group.first))
        most = len(groups) if request.message.single else GROUP_LINES - 4
        texts = request.texts
        phrase = ("none open", "one open", "open")[min(len(groups), 2)]
        lines = [texts.say(phrase, number=len(groups))]
        lines += [texts.row(group, request.now) for group in groups[:most]]
        if len(groups) > most:
            lines.append(texts.say("more kinds", number=len(groups) - most))
        # Without the empty line it would be a part of the last row.
        return [answer(request.message, "\n".join([*lines, "", self._last_written(request)]))]

    def _show(self, request: Request) -> list[Outgoing]:
        group = select(request.command, self._groups(request), request.texts).groups[0]
        state = request.texts.state(group, request.now)
        head = [request.texts.row(group, request.now)] if state else []
        report = self._store.detail(group.id, request.texts.chinese)
        return self._at_length(request, head, report, f"{group.id}.txt")

    def _report(self, request: Request) -> list[Outgoing]:
        apps = list(filter(request.covers, self._store.apps()))
        report = self._store.report(apps, request.texts.chinese)
        return self._at_length(request, [], report, "report.txt")

    def _at_length(
        self, request: Request, head: list[str], report: str, file: str
    ) -> list[Outgoing]:
        """A text of any length: in a group its beginning, the rest in private."""
        texts, message = request.texts, request.message
        lines = [line for line in report.splitlines() if line.strip()]
        body = [code(line) for line in lines]
        foot = self._last_written(request)
        whole = "\n".join([*head, *fenced(body), foot])
        fits = len(whole.encode("utf-8", "replace")) <= MAX_BYTES
        short = fits and all(len(line) <= MAX_LINE for line in lines)
        room = GROUP_LINES - len(head) - 3
        if short and (message.single or len(body) <= room):
            return [answer(message, whole)]
        write_first = texts.say("write first", who=request.who)
        if short:
            rest = push(message.user, whole, single=True)
        else:
            upload = Upload(file, report.encode("utf-8", "replace"), message.user)
            rest = Outgoing(*upload.start(), upload=upload)
        if message.single:
            return [dataclasses.replace(rest, otherwise=(push(message.chat, write_first),))]

        def first(where: str, asks: str = "") -> tuple[Outgoing, ...]:
            lines = [*head, *fenced(body[: room - 1]), where, foot]
            return (dataclasses.replace(answer(message, "\n".join(lines)), asks=asks),)

        # Where the rest is, is known only when WeCom has taken it.
        done, failed = first(texts.say("in private")), first(write_first, message.user)
        return [dataclasses.replace(rest, then=done, otherwise=failed)]

    def _last_written(self, request: Request) -> str:
        """The last line of every list: which store this is, and whether it is alive."""
        name = self._store.name()
        # Of a file not its folders: a chat is no place for a server's paths, and has little room.
        place = name.rpartition("/")[2] if name.startswith("/") else name
        at, store = self._store.written(), inert(place, 80)
        if at is None:
            return request.texts.say("never written", store=store)
        return request.texts.say("written", store=store, at=request.texts.clock(at, request.now))

    # Acting.

    def _silence(self, request: Request) -> list[Outgoing]:
        texts = request.texts
        choice = select(request.command, self._groups(request), texts)
        # Whoever names no ids does not know what is among them.
        left = [] if choice.named else [group for group in choice.groups if group.critical]
        groups = [group for group in choice.groups if group not in left]
        if not groups:
            raise request.refuse("only critical", id=left[0].id)
        critical = any(group.critical for group in groups)
        release = request.command.until_release
        if release and not choice.why:
            raise request.refuse("needs reason", id=groups[0].id)
        if release:
            until = request.now + (spans.CRITICAL_LIMIT if critical else spans.TERMINAL_LIMIT)
        else:
            limit = spans.CRITICAL_LIMIT if critical else spans.PHONE_LIMIT
            until = self._until(request, limit, groups[0].id)
        seconds, ids = until - request.now, _ids(groups)
        act = request.act(
            "silence", ids=ids, seconds=seconds, until_release=release, why=choice.why
        )
        if choice.to_be_asked:
            return self._ask(request, act, groups)
        note = texts.say("critical left", ids=texts.ids(_ids(left))) if left else ""
        return self._do(request, act, groups, note=note)

    def _until(self, request: Request, limit: float, example: str) -> float:
        span = request.command.span or spans.Span(spans.DEFAULT)
        until = span.end(request.now, request.texts.zone)
        try:
            spans.within(until, request.now, limit)
        except SpanError as error:
            problem = error.problem
        else:
            return until
        if problem != "too long":
            raise request.refuse("no such time")
        usage = request.texts.usage(request.command.name).split()
        again = [usage[0], *([example] if example else []), f"{limit / spans.HOUR:.0f}h"]
        raise request.refuse("too long", limit=request.texts.length(limit), again=" ".join(again))

    def _ask(self, request: Request, act: Act, groups: Sequence[KnownGroup]) -> list[Outgoing]:
        key = (request.message.chat, request.message.user)
        self._pending.pop(key, None)
        self._pending[key] = _Pending(request.now, act, tuple(groups))
        if len(self._pending) > _MOST_PENDING:
            self._pending.popitem(last=False)
        ids = request.texts.kinds(groups, GROUP_LINES)
        return [answer(request.message, request.texts.say("ask", number=len(groups), ids=ids))]

    def _yes(self, request: Request) -> list[Outgoing]:
        pending = self._pending.pop((request.message.chat, request.message.user), None)
        if pending is None or pending.asked + CONFIRM < request.now:
            raise request.refuse("nothing asked")
        # Exactly what was shown: not what would match by now, nor what is no longer ours.
        ours = _ids(self._groups(request))
        groups = [group for group in pending.groups if group.id in ours]
        left = pending.act.seconds - (request.now - pending.asked)
        act = pending.act._replace(ids=_ids(groups), seconds=left, key=request.message.msgid)
        return self._do(request, act, groups)

    def _mark(self, request: Request) -> list[Outgoing]:
        """unsilence, take, untake."""
        choice = select(request.command, self._groups(request), request.texts)
        act = request.act(request.command.name, ids=_ids(choice.groups), why=choice.why)
        return self._do(request, act, choice.groups)

    def _quiet(self, request: Request) -> list[Outgoing]:
        """quiet, unquiet."""
        apps = list(filter(request.covers, self._store.apps()))

        def called(target: str) -> list[App]:
            return [
                app
                for app in apps
                if target.casefold() in (app.app.casefold(), str(app).casefold())
            ]

        named, reason = longest_name(request.command.rest, called)
        apps = named or apps
        if not apps:
            raise request.refuse("none open")
        verb, seconds = request.command.name, 0.0
        if verb == "quiet":
            seconds = self._until(request, spans.PHONE_LIMIT, "") - request.now
        return self._do(request, request.act(verb, seconds=seconds, why=reason), apps=apps)

    def _undo(self, request: Request) -> list[Outgoing]:
        undone = self._store.undo(request.act("undo"), UNDO)
        if undone is None:
            raise request.refuse("nothing to undo")
        act, apps = undone.act, () if undone.act.ids else tuple(App(*each) for each in undone.apps)
        groups = [group for group in self._store.groups() if group.id in act.ids]
        what = _line(request.texts, act, undone.wall, groups, apps, request.now)
        line = request.texts.say("undone", who=request.who, what=what)
        self._say(shown(f"{request.who} undid {act.verb} of {_what(act.ids, apps)}"))
        touched = [app_of(group) for group in groups] or apps
        return [answer(request.message, line), *self._announce(request, line, touched)]

    def _do(
        self,
        request: Request,
        act: Act,
        groups: Sequence[KnownGroup] = (),
        apps: Sequence[App] = (),
        note: str = "",
    ) -> list[Outgoing]:
        texts, now = request.texts, request.now
        done = self._store.mark(act, apps)
        changed = [group for group in groups if group.id in done.ids]
        refused = texts.refused(done.refused)
        if not changed and not apps:
            return [answer(request.message, "\n".join(refused) or texts.say("nothing done"))]
        self._say(account(act, _what(done.ids, apps), now, texts))
        line = _line(texts, act, now, changed, apps, now)
        lines = [line, *refused, *filter(None, [note])]
        if act.seconds:
            timed = request.command.span or act.until_release
            lines += [] if timed else [texts.say("default time")]
            lines += [texts.say("why", why=why(act.why))] if act.why else []
            lines += texts.shortened(changed, now + act.seconds, now)
            lines.append(texts.say("counted"))
        lines.append(texts.undoing(act.verb, done.ids))
        touched = [app_of(group) for group in changed] or apps
        return [answer(request.message, "\n".join(lines)), *self._announce(request, line, touched)]

    def _groups(self, request: Request) -> list[KnownGroup]:
        return [group for group in self._store.groups() if request.covers(app_of(group))]


_HANDLERS: dict[str, Callable[[CommandHandler, Request], list[Outgoing]]] = {
    "open": CommandHandler._open,
    "show": CommandHandler._show,
    "report": CommandHandler._report,
    "silence": CommandHandler._silence,
    "unsilence": CommandHandler._mark,
    "take": CommandHandler._mark,
    "untake": CommandHandler._mark,
    "quiet": CommandHandler._quiet,
    "unquiet": CommandHandler._quiet,
    "undo": CommandHandler._undo,
    "yes": CommandHandler._yes,
}


def _line(
    texts: Texts,
    act: Act,
    at: float,
    groups: Sequence[KnownGroup],
    apps: Sequence[App],
    now: float,
) -> str:
    """One line about what was done at that time; `groups` as they were before it."""
    what = texts.kinds(groups) or ", ".join(inert(str(app), 60) for app in apps)
    what = what or texts.ids(act.ids)
    who = name(act.who)
    if act.seconds:
        until = texts.until(at + act.seconds, now, act.until_release)
        length = texts.length(act.seconds)
        return texts.say(f"done {act.verb}", who=who, what=what, until=until, length=length)
    holders = sorted({group.taken_by for group in groups} - {"", act.who})
    if act.verb == "take" and holders:
        return texts.say("handed over", who=who, what=what, before=", ".join(map(name, holders)))
    return texts.say(f"done {act.verb}", who=who, what=what)


def account(act: Act, what: str, now: float, texts: Texts) -> str:
    """The line for whoever runs the bot."""
    english = Texts(False, texts.zone)
    until = f" until {english.clock(now + act.seconds, now)}" if act.seconds else ""
    return shown(f"{act.who} ({act.user}): {act.verb} {what}{until}, from {act.where}")


def _what(ids: Sequence[str], apps: Sequence[App]) -> str:
    return " ".join(f"#{each}" for each in ids) or ", ".join(map(str, apps))


def _ids(groups: Sequence[KnownGroup]) -> tuple[str, ...]:
    return tuple(group.id for group in groups)
