"""The control API below `/_simulator/`: what arrived, and what shall go wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, request

from wecom_logging.simulator import views
from wecom_logging.simulator.api import download
from wecom_logging.simulator.faults import Fault, Faults
from wecom_logging.simulator.world import World

if TYPE_CHECKING:
    from wecom_logging.simulator.server import Simulator

#: What Flask writes as JSON, perhaps with a status.
Answer = Any


def create_control(simulator: Simulator) -> Blueprint:
    """JSON over HTTP for everything that the `Simulator` object does in Python."""
    world, faults = simulator.world, simulator.faults
    control = Blueprint("control", __name__, url_prefix="/_simulator")
    shown: dict[str, Callable[[], Answer]] = {
        "state": partial(views.state, world, faults),
        "calls": partial(views.calls, world),
        "tokens": partial(views.tokens, world),
        "budgets": partial(views.budgets, world),
        "clock": partial(views.clock, world),
        "switches": partial(views.switches, world),
        "faults": partial(views.faults, faults),
    }
    for name, view in shown.items():
        control.add_url_rule(f"/{name}", name, view)
    _messages(control, world)
    _settings(control, world)
    _faults(control, faults)
    _chats(control, simulator)

    @control.get("/env/<kind>")
    def show_env(kind: str) -> Answer:
        return simulator.env(kind) if kind in ("app", "robot", "bot") else abort(404)

    @control.post("/reset")
    def reset() -> Answer:
        simulator.reset()
        return {}

    @control.errorhandler(ValueError)
    def wrong(error: ValueError) -> Answer:
        return {"error": str(error)}, 400

    return control


def _messages(control: Blueprint, world: World) -> None:
    @control.get("/messages")
    def messages() -> Answer:
        after, wait = _number("after", 0), min(_number("wait", 0), 60.0)
        with world.changed:
            world.changed.wait_for(lambda: world.inbox.last_message > after, wait)
            found = [each for each in world.inbox.messages() if each.id > after]
        fate = request.args.get("fate")
        return {
            "messages": [views.message(each, world) for each in found if fate in (None, each.fate)],
            "last": world.inbox.last_message,
        }

    @control.get("/messages/<int:message_id>")
    def message(message_id: int) -> Answer:
        found = [each for each in world.inbox.messages() if each.id == message_id]
        return views.message(found[0], world) if found else abort(404)

    @control.delete("/messages")
    def clear_messages() -> Answer:
        world.inbox.clear()
        return {}

    @control.get("/files/<media_id>")
    def file(media_id: str) -> Response:
        found = world.media.find(media_id)
        return download(found) if found else abort(404)


def _settings(control: Blueprint, world: World) -> None:
    @control.delete("/tokens")
    def withdraw() -> Answer:
        world.tokens.withdraw(int(_number("errcode", 42001)))
        world.inbox.touch()
        return {}

    @control.post("/clock")
    def advance() -> Answer:
        seconds = _body().get("advance")
        if not isinstance(seconds, (int, float)):
            raise ValueError(f"advance: {seconds!r} is no number of seconds")
        world.clock.advance(seconds)
        world.inbox.touch()
        return views.clock(world)

    @control.patch("/switches")
    def switch() -> Answer:
        world.switch(**_body())
        return views.switches(world)


def _faults(control: Blueprint, faults: Faults) -> None:
    @control.post("/faults")
    def add() -> Answer:
        try:
            fault = Fault(**_body())
        except TypeError as error:
            raise ValueError(f"no fault can be made of this: {error}") from None
        return {"id": faults.add(fault)}, 201

    @control.delete("/faults")
    def clear_faults() -> Answer:
        faults.clear()
        return {}

    @control.delete("/faults/<int:fault_id>")
    def remove(fault_id: int) -> Answer:
        return {} if faults.remove(fault_id) else abort(404)


def _chats(control: Blueprint, simulator: Simulator) -> None:
    @control.post("/say")
    def say() -> Answer:
        words = _only(_body(), "text", "user", "chat", "quote")
        text = words.pop("text", None)
        if not isinstance(text, str) or not text.strip():
            raise ValueError("text: there is none")
        return {"told": simulator.say(text, **words)}

    @control.post("/press")
    def press() -> Answer:
        body = _body()
        message, key, selected = (body.pop(each, None) for each in ("message", "key", "selected"))
        if type(message) is not int or not isinstance(key, str):
            raise ValueError("message, key: an id and the key of a button")
        if not isinstance(selected, (dict, type(None))):
            raise ValueError("selected: lists of options by question")
        lists = {str(q): [str(o) for o in ids] for q, ids in (selected or {}).items()}
        user = _only(body, "user").get("user")
        return {"told": simulator.press(message, key, lists, user)}

    @control.post("/enter")
    def enter() -> Answer:
        return {"told": simulator.enter(**_only(_body(), "user"))}


def _only(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """The named strings of a body; a `ValueError` about any other thing in it."""
    for name, value in body.items():
        if name not in names or not isinstance(value, str):
            raise ValueError(f"{name}: is not known here, or no text")
    return body


def _number(name: str, default: float) -> float:
    text = request.args.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise ValueError(f"{name}: {text!r} is no number") from None


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")
    return body
