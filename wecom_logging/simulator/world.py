"""The simulated WeCom itself: its state, and `answer`, which every call goes through.

Nothing here knows HTTP or Flask; time comes from the clock that is passed in.
"""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from wecom_logging.simulator.bots import Bots
from wecom_logging.simulator.budgets import HOUR, MINUTE, Counter, Daily, Gate, Quota, Window
from wecom_logging.simulator.chats import Chats
from wecom_logging.simulator.clock import Clock
from wecom_logging.simulator.config import App, Robot, SimulatorConfig
from wecom_logging.simulator.content import Check, Content, Rules
from wecom_logging.simulator.errcodes import Refusal, parameter
from wecom_logging.simulator.inbox import Inbox, Message
from wecom_logging.simulator.media import Media, MediaFile, Upload
from wecom_logging.simulator.tokens import Token, Tokens

#: Bytes of a request's JSON.
MAX_BODY = 4 * 1024 * 1024

Body = dict[str, Any]
Operation = Callable[["World", "Request"], "Body | MediaFile"]


@dataclass(frozen=True)
class Request:
    """One call, as far as WeCom looks at it."""

    #: Path below `/cgi-bin/`.
    call: str
    method: str
    query: Mapping[str, str] = field(repr=False)
    ip: str
    body: bytes = field(default=b"", repr=False)
    #: The part named `media` of a multipart body.
    upload: Upload | None = None
    #: A fault wants the message to vanish: errcode 0, and nobody gets it.
    drop: bool = False

    @cached_property
    def parsed(self) -> tuple[Body, bool]:
        """The JSON object, and whether it was proper JSON."""
        return parse(self.body)

    @property
    def json(self) -> Body:
        return self.parsed[0]


class Sent(NamedTuple):
    """A message that the same request would repeat."""

    time: float
    msgid: str


class World:
    """Corporation, tokens, budgets, files and inbox. All of it under one lock."""

    def __init__(
        self, config: SimulatorConfig, clock: Clock, operations: Mapping[str, Operation]
    ) -> None:
        self.operations = operations
        self.clock = clock
        self.changed: threading.Condition = threading.Condition(threading.RLock())
        self.config: SimulatorConfig = config
        self.inbox: Inbox = Inbox(self.changed, config.max_messages, config.max_file_bytes)
        self.reset()

    def reset(self) -> None:
        """Begin anew: no messages, files or tokens, nothing counted, nobody banned."""
        with self.changed:
            self.tokens: Tokens = Tokens()
            self.media: Media = Media(self.config.max_file_bytes)
            self.quotas: dict[tuple[int, str], Quota] = {}
            self.daily: dict[int, Daily] = {}
            self.gates: dict[str, Gate] = {}
            #: By agentid and digest of the body: what asked for the duplicate check.
            self.sent: dict[tuple[int, bytes] | None, Sent] = {}
            self.wrong_secrets: dict[str, Window] = {}
            self.banned: dict[str, float] = {}
            self._frequency: dict[tuple[str, str], tuple[Counter, Counter]] = {}
            self._debug = Gate(Window(5, MINUTE))
            self.bots: Bots = Bots(self)
            self.chats: Chats = Chats(self, self.bots)
            self.inbox.clear()

    def answer(self, request: Request) -> Body | MediaFile:
        """What WeCom answers; a file for `media/get`, else the JSON object."""
        with self.changed:
            request = dataclasses.replace(request, ip=self.config.client_ip or request.ip)
            now = self.clock.now()
            try:
                self._check_frequency(request, now)
                if len(request.body) > MAX_BODY:
                    raise Refusal(40206)
                return self.operations[request.call](self, request)
            except Refusal as refusal:
                warning = bool(request.body) and not request.parsed[1]
                return refusal.body(now, request.ip, warning=warning)

    def configure(self, **changes: Any) -> None:
        """Change the configuration of the running world, as in `users=("LiSi",)`."""
        with self.changed:
            self.config = dataclasses.replace(self.config, **changes)
            self.inbox.touch()

    def change_app(self, agentid: int | None = None, **changes: Any) -> None:
        """Change one application (None: the first), as in `disabled=True`."""
        self._change("apps", "agentid", agentid, changes)

    def change_robot(self, key: str | None = None, **changes: Any) -> None:
        """Change one robot (None: the first), as in `errcode=93004`."""
        self._change("robots", "key", key, changes)

    def _change(self, kind: str, name: str, value: object, changes: Mapping[str, Any]) -> None:
        known = getattr(self.config, kind)
        chosen = getattr(known[0], name) if value is None else value
        self.configure(**{
            kind: tuple(
                dataclasses.replace(each, **changes) if getattr(each, name) == chosen else each
                for each in known
            )
        })  # fmt: skip

    def switch(self, **changes: Any) -> None:
        """Put switches into another position; a `ValueError` names a wrong one."""
        with self.changed:
            self.configure(switches=self.config.switches.changed(**changes))
            if "robot_window" in changes:
                self.gates.clear()

    # What the calls have in common.

    def app(self, agentid: int) -> App | None:
        return next((each for each in self.config.apps if each.agentid == agentid), None)

    def robot(self, key: str | None) -> Robot:
        """The robot of that key; a `Refusal` if there is none."""
        for each in self.config.robots:
            if key and each.key == key:
                return each
        raise Refusal(93000)

    def gate(self, robot: Robot) -> Gate:
        """The 20 messages a minute of a robot."""
        fixed = self.config.switches.robot_window == "fixed"
        return self.gates.setdefault(robot.key, Gate(Window(20, MINUTE, fixed=fixed)))

    def quota(self, agentid: int, user: str) -> Quota:
        """What this member may still get from that application."""
        return self.quotas.setdefault((agentid, user), Quota())

    def authorise(self, request: Request, method: str = "POST") -> tuple[Token, App]:
        """Token, address, application and method, in this order, before any parameter."""
        token = self.tokens.check(request.query.get("access_token"), self.clock.now())
        app = self.app(token.agentid)
        if app is None:  # it was taken away meanwhile
            raise Refusal(40014)
        self.check_ip(app, request)
        if app.disabled:
            raise Refusal(50003)
        if request.method != method:
            raise parameter(f"http method should be {method}")
        return token, app

    def check_ip(self, app: App, request: Request) -> None:
        """60020 unless the address is one of the application's trusted ones."""
        if app.trusted_ips is not None and request.ip not in app.trusted_ips:
            raise Refusal(60020)

    def rules(
        self, owner: str, checks: Mapping[str, Check], *, callback: bool = False, safe: Any = None
    ) -> Rules:
        """Those for what the owner of some files sends."""
        now = self.clock.now()
        return Rules(self.config.switches, checks, self.media, owner, now, callback, safe)

    def keep(self, request: Request, content: Content, answer: Body, **fields: Any) -> Body:
        """Put a message of an application or a robot into the inbox; the answer."""
        self.inbox.add(
            Message(
                time=self.clock.now(),
                msgtype=str(request.json["msgtype"]),
                request=request.json,
                raw=request.body,
                answer=answer,
                **vars(content),
                **fields,
            )
        )
        return answer

    def _check_frequency(self, request: Request, now: float) -> None:
        if request.query.get("debug") == "1" and self._debug.closed(now):
            raise Refusal(45009)
        if request.query.get("debug") == "1":
            self._debug.window.add(now)
        if request.call in ("message/send", "webhook/send"):
            return  # messages have limits of their own
        for scope, minute, hour in (("corp", 10_000, 150_000), (request.ip, 20_000, 600_000)):
            counters = self._frequency.setdefault(
                (scope, request.call), (Counter(minute, MINUTE), Counter(hour, HOUR))
            )
            taken = [counter.take(now) for counter in counters]
            if not all(taken):
                raise Refusal(45009)


# -- reading JSON as forgivingly as WeCom does ---------------------------------------------------

# A string is matched first, so that a comma inside one is left alone.
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


def parse(body: bytes) -> tuple[dict[str, Any], bool]:
    """The object in a request's body, and whether it was proper JSON in UTF-8.

    Raw line breaks in strings, trailing commas, a byte order mark, text behind the object
    and bytes that are no UTF-8 are forgiven; a body that still is no object counts as empty.
    """
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        value = _forgiving(body)
        return (value if isinstance(value, dict) else {}), False
    return (value, True) if isinstance(value, dict) else ({}, False)


def _forgiving(body: bytes) -> Any:
    text = body.decode("utf-8-sig", "replace").strip()
    text = _TRAILING_COMMA.sub(lambda match: match[1] or "", text)
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None
