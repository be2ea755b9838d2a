"""The calls of applications: token, message, files, the application itself."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets

from wecom_logging.simulator.budgets import HOUR, Daily, Window
from wecom_logging.simulator.config import App
from wecom_logging.simulator.content import APP_CHECKS, Content, check_content
from wecom_logging.simulator.errcodes import Refusal, parameter
from wecom_logging.simulator.inbox import Fate
from wecom_logging.simulator.media import MIB, TYPES, MediaFile, Upload, check_upload
from wecom_logging.simulator.recipients import Recipients, resolve
from wecom_logging.simulator.world import Body, Operation, Request, Sent, World

WARNING = "ok. Warning: wrong json format. "
#: Seconds: the longest interval of the duplicate check.
_LONGEST = 4 * HOUR


def gettoken(world: World, request: Request) -> Body:
    """`GET gettoken`: a token for corpid and corpsecret."""
    config, now = world.config, world.clock.now()
    if now < world.banned.get(request.ip, 0.0):
        raise Refusal(45009)
    secret, corpid = request.query.get("corpsecret"), request.query.get("corpid")
    if not secret:
        raise Refusal(41004)
    if not corpid:
        raise Refusal(41002)
    if corpid != config.corpid:
        raise Refusal(40013)
    app = next((each for each in config.apps if each.secret == secret), None)
    if app is None:
        _count_wrong_secret(world, request.ip, now)
        raise Refusal(40001)
    if config.switches.gettoken_checks_ip:
        world.check_ip(app, request)
    if app.disabled:
        raise Refusal(config.switches.disabled_app_errcode)
    return _token(world, app, now)


def _count_wrong_secret(world: World, ip: str, now: float) -> None:
    window = world.wrong_secrets.setdefault(ip, Window(world.config.wrong_secrets, HOUR))
    window.add(now)
    if window.full(now):
        world.banned[ip] = now + HOUR


def _token(world: World, app: App, now: float) -> Body:
    switches = world.config.switches
    token = world.tokens.issue(
        app.agentid,
        now,
        world.config.token_life,
        same=switches.same_token,
        survives=switches.old_token_survives,
    )
    body: Body = {"errcode": 0, "errmsg": "ok", "access_token": token.value}
    if switches.expires_in != "missing":
        # Rounded up: a token about to end still counts as a second.
        left = 0 if switches.expires_in == "zero" else -int(-(token.expires - now) // 1)
        body["expires_in"] = left
    return body


def message_send(world: World, request: Request) -> Body:
    """`POST message/send`: a message to members of the corporation."""
    app = _own_app(world, request)
    recipients = resolve(request.json, app, world.config)
    rules = world.rules("corp", APP_CHECKS, callback=app.callback, safe=request.json.get("safe"))
    content = check_content(request.json.get("msgtype"), request.json, rules)
    now, key = world.clock.now(), None
    if request.json.get("enable_duplicate_check") == 1:
        key = app.agentid, hashlib.sha256(request.body).digest()
    if key in world.sent and now < (sent := world.sent[key]).time + _interval(request.json):
        if errcode := world.config.switches.duplicate_errcode:
            raise Refusal(errcode)
        return _accept(world, request, app, recipients, content, sent.msgid, fate="duplicate")
    reached, dropped = _reach(world, request, app, recipients)
    msgid = secrets.token_urlsafe(48)
    if key is not None:
        lately = now - _LONGEST
        world.sent = {k: each for k, each in world.sent.items() if each.time >= lately}
        world.sent[key] = Sent(now, msgid)
    fate: Fate = "delivered" if reached else "dropped"
    return _accept(world, request, app, recipients, content, msgid, fate, reached, dropped)


def _interval(body: Body) -> float:
    asked = body.get("duplicate_check_interval")
    return min(asked if isinstance(asked, int) and asked > 0 else 1800.0, _LONGEST)


def _own_app(world: World, request: Request) -> App:
    """The application that is named by both the token and the body."""
    _, app = world.authorise(request)
    if len(request.body) > MIB:
        raise Refusal(40206)
    agentid = request.json.get("agentid")
    if agentid in (None, ""):
        raise Refusal(41011)
    return _same_app(world, app, agentid)


def _same_app(world: World, app: App, agentid: object) -> App:
    if isinstance(agentid, str) and agentid.strip().isdecimal():
        agentid = int(agentid)
    if type(agentid) is not int or world.app(agentid) is None:
        raise Refusal(40056)
    if agentid != app.agentid:
        raise Refusal(301002)
    return app


def _accept(
    world: World,
    request: Request,
    app: App,
    recipients: Recipients,
    content: Content,
    msgid: str,
    fate: Fate,
    reached: tuple[str, ...] = (),
    dropped: tuple[str, ...] = (),
) -> Body:
    """Put the message into the inbox; the answer."""
    odd = isinstance(request.json["agentid"], str) and world.config.switches.agentid_warning
    errmsg = WARNING if odd or not request.parsed[1] else "ok"
    body: Body = {"errcode": 0, "errmsg": errmsg, **recipients.invalid, "msgid": msgid}
    return world.keep(
        request,
        content,
        body,
        source="app",
        sender=app.name,
        destination=str(app.agentid),
        recipients=recipients.asked,
        delivered_to=reached,
        dropped_for=dropped,
        fate=fate,
    )


def _reach(
    world: World, request: Request, app: App, recipients: Recipients
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Members who get it, and members for whom WeCom drops it without a word."""
    now, users = world.clock.now(), recipients.users
    daily = world.daily.setdefault(app.agentid, Daily())
    if daily.used(now) + len(users) > world.config.accounts * 200:
        raise Refusal(world.config.switches.daily_limit_errcode)
    full = {user for user in users if world.quota(app.agentid, user).full(now)}
    if full and world.config.switches.member_limit == "45009":
        raise Refusal(45009)
    daily.add(now, len(users))
    if request.drop:
        return (), users
    reached = tuple(user for user in users if user not in full)
    for user in reached:
        world.quota(app.agentid, user).add(now)
    return reached, tuple(user for user in users if user in full)


def message_recall(world: World, request: Request) -> Body:
    """`POST message/recall`: take a message back within 24 hours."""
    _, app = world.authorise(request)
    msgid = request.json.get("msgid")
    for message in reversed(world.inbox.messages()):
        own = message.source == "app" and message.destination == str(app.agentid)
        if own and msgid and message.answer.get("msgid") == msgid:
            if world.clock.now() > message.time + 24 * HOUR:
                raise Refusal(42052)
            world.inbox.replace(dataclasses.replace(message, fate="recalled"))
            return {"errcode": 0, "errmsg": "ok"}
    raise parameter("msgid is invalid")


def media_upload(world: World, request: Request) -> Body:
    """`POST media/upload`: a file, for three days."""
    world.authorise(request)
    upload = uploaded(request)
    kind = request.query.get("type", "")
    if kind not in TYPES:
        raise Refusal(40005)
    check_upload(upload, kind, world.config.switches.image_limit_mb * MIB)
    return stored(world, upload, kind, "corp")


def uploaded(request: Request) -> Upload:
    """The file of a request; a `Refusal` if there is none."""
    if request.upload is None or not request.upload.data:
        raise Refusal(44001)
    return request.upload


def stored(world: World, upload: Upload, kind: str, owner: str) -> Body:
    """Keep the file; the answer with its media id."""
    file = world.media.store(upload, kind, owner, world.clock.now())
    created = str(int(file.created))
    return {"errcode": 0, "errmsg": "ok", "type": kind, "media_id": file.id, "created_at": created}


def media_get(world: World, request: Request) -> MediaFile:
    """`GET media/get`: a file back."""
    world.authorise(request, "GET")
    return world.media.use(request.query.get("media_id"), None, "corp", world.clock.now())


def agent_get(world: World, request: Request) -> Body:
    """`GET agent/get`: the application's name, state and visible range."""
    _, app = world.authorise(request, "GET")
    agentid = request.query.get("agentid")
    if not agentid:
        raise Refusal(41011)
    app = _same_app(world, app, agentid)
    users = world.config.users if app.visible is None else app.visible
    parties = list(world.config.parties) if app.visible is None else []
    return {
        "errcode": 0, "errmsg": "ok",
        "agentid": app.agentid, "name": app.name, "square_logo_url": "", "description": "",
        "allow_userinfos": {"user": [{"userid": user} for user in users]},
        "allow_partys": {"partyid": parties},
        "allow_tags": {"tagid": list(world.config.tags) if app.visible is None else []},
        "close": int(app.disabled),
        "redirect_domain": "", "report_location_flag": 0, "isreportenter": 0, "home_url": "",
    }  # fmt: skip


APP_CALLS: dict[str, Operation] = {
    "gettoken": gettoken,
    "message/send": message_send,
    "message/recall": message_recall,
    "media/upload": media_upload,
    "media/get": media_get,
    "agent/get": agent_get,
}
