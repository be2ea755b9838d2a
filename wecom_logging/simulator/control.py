"""The control API below `/_simulator/`: what arrived, and what shall go wrong."""

from __future__ import annotations

from typing import Any, Protocol

from flask import Blueprint, Response, abort, jsonify, request

from wecom_logging.simulator import views
from wecom_logging.simulator.api import download
from wecom_logging.simulator.faults import Fault, Faults
from wecom_logging.simulator.world import World


class Controlled(Protocol):
    """What the control API needs of the simulator."""

    world: World
    faults: Faults

    def env(self, kind: str = ...) -> dict[str, str]: ...

    def say(self, *args: Any, **kwargs: Any) -> Any: ...

    def press(self, *args: Any, **kwargs: Any) -> Any: ...

    def enter(self, *args: Any, **kwargs: Any) -> Any: ...


Answer = Response | tuple[Response, int]


def create_control(simulator: Controlled) -> Blueprint:
    """JSON over HTTP for everything that the `Simulator` object does in Python."""
    world, faults = simulator.world, simulator.faults
    control = Blueprint("control", __name__, url_prefix="/_simulator")
    _messages(control, world)
    _settings(control, world)
    _faults(control, world, faults)
    _chats(control, simulator)

    @control.get("/state")
    def state() -> Answer:
        return jsonify(views.state(world, faults))

    @control.get("/env/<kind>")
    def show_env(kind: str) -> Answer:
        if kind not in ("app", "robot", "bot"):
            abort(404)
        return jsonify(simulator.env(kind))

    @control.post("/reset")
    def reset() -> Answer:
        faults.clear()
        world.reset()
        return jsonify({})

    @control.errorhandler(ValueError)
    def wrong(error: ValueError) -> Answer:
        return jsonify({"error": str(error)}), 400

    return control


def _messages(control: Blueprint, world: World) -> None:
    @control.get("/messages")
    def messages() -> Answer:
        after, wait = _number("after", 0), min(_number("wait", 0), 60.0)
        with world.changed:
            world.changed.wait_for(lambda: world.inbox.last_message > after, wait)
            found = [each for each in world.inbox.messages() if each.id > after]
        fate = request.args.get("fate")
        return jsonify({
            "messages": [views.message(each, world) for each in found if fate in (None, each.fate)],
            "last": world.inbox.last_message,
        })  # fmt: skip

    @control.get("/messages/<int:message_id>")
    def message(message_id: int) -> Answer:
        found = [each for each in world.inbox.messages() if each.id == message_id]
        return jsonify(views.message(found[0], world)) if found else abort(404)

    @control.delete("/messages")
    def clear_messages() -> Answer:
        world.inbox.clear()
        return jsonify({})

    @control.get("/files/<media_id>")
    def file(media_id: str) -> Response:
        found = world.media.find(media_id)
        return download(found) if found else abort(404)

    @control.get("/calls")
    def calls() -> Answer:
        return jsonify(views.calls(world))


def _settings(control: Blueprint, world: World) -> None:
    @control.get("/tokens")
    def tokens() -> Answer:
        return jsonify(views.tokens(world))

    @control.delete("/tokens")
    def withdraw() -> Answer:
        world.tokens.withdraw(int(_number("errcode", 42001)))
        world.inbox.touch()
        return jsonify({})

    @control.get("/budgets")
    def budgets() -> Answer:
        return jsonify(views.budgets(world))

    @control.get("/clock")
    def clock() -> Answer:
        return jsonify(views.clock(world))

    @control.post("/clock")
    def advance() -> Answer:
        seconds = _body().get("advance")
        if not isinstance(seconds, (int, float)):
            raise ValueError(f"advance: {seconds!r} is no number of seconds")
        world.clock.advance(seconds)
        world.inbox.touch()
        return jsonify(views.clock(world))

    @control.get("/switches")
    def switches() -> Answer:
        return jsonify(views.switches(world))

    @control.patch("/switches")
    def switch() -> Answer:
        world.switch(**_body())
        return jsonify(views.switches(world))


def _faults(control: Blueprint, world: World, faults: Faults) -> None:
    @control.get("/faults")
    def active() -> Answer:
        return jsonify(views.faults(faults))

    @control.post("/faults")
    def add() -> Answer:
        try:
            fault = Fault(**_body())
        except TypeError as error:
            raise ValueError(f"no fault can be made of this: {error}") from None
        return jsonify({"id": faults.add(fault)}), 201

    @control.delete("/faults")
    def clear_faults() -> Answer:
        faults.clear()
        return jsonify({})

    @control.delete("/faults/<int:fault_id>")
    def remove(fault_id: int) -> Answer:
        return jsonify({}) if faults.remove(fault_id) else abort(404)


def _chats(control: Blueprint, simulator: Controlled) -> None:
    @control.post("/say")
    def say() -> Answer:
        words = _only(_body(), "text", "user", "chat", "quote")
        text = words.pop("text", None)
        if not isinstance(text, str) or not text.strip():
            raise ValueError("text: there is none")
        return jsonify({"told": simulator.say(text, **words)})

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
        return jsonify({"told": simulator.press(message, key, lists, user)})

    @control.post("/enter")
    def enter() -> Answer:
        return jsonify({"told": simulator.enter(**_only(_body(), "user"))})


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
