"""The calls of group robots: a message, a file. The key in the URL is all they need."""

from __future__ import annotations

from wecom_logging.simulator.app_calls import WARNING, stored, uploaded
from wecom_logging.simulator.content import ROBOT_CHECKS, check_content
from wecom_logging.simulator.errcodes import Refusal, parameter
from wecom_logging.simulator.media import MIB, check_upload
from wecom_logging.simulator.world import Body, Operation, Request, World


def webhook_send(world: World, request: Request) -> Body:
    """`POST webhook/send`: a message to the robot's group."""
    robot = world.robot(request.query.get("key"))
    if robot.errcode:
        raise Refusal(robot.errcode)
    if request.method != "POST":
        raise parameter("http method should be POST")
    now, gate = world.clock.now(), world.gate(robot)
    if gate.closed(now):
        raise Refusal(45009)
    rules = world.rules(robot.key, ROBOT_CHECKS)
    content = check_content(request.json.get("msgtype"), request.json, rules)
    gate.window.add(now)
    body: Body = {"errcode": 0, "errmsg": "ok" if request.parsed[1] else WARNING}
    return world.keep(
        request,
        content,
        body,
        source="robot",
        sender=robot.name,
        destination=robot.key[-4:],
        recipients={},
        delivered_to=() if request.drop else (robot.name,),
        dropped_for=(robot.name,) if request.drop else (),
        fate="dropped" if request.drop else "delivered",
    )


def webhook_upload(world: World, request: Request) -> Body:
    """`POST webhook/upload_media`: a file for this robot, for three days."""
    upload = uploaded(request)  # looked at before the key
    try:
        robot = world.robot(request.query.get("key"))
    except Refusal:
        raise parameter("key is invalid") from None
    kind = request.query.get("type", "")
    if kind not in ("file", "voice"):
        raise Refusal(40005)
    check_upload(upload, kind, 2 * MIB)
    return stored(world, upload, kind, robot.key)


ROBOT_CALLS: dict[str, Operation] = {
    "webhook/send": webhook_send,
    "webhook/upload_media": webhook_upload,
}
