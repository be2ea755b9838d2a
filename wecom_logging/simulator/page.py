"""The inbox page: its static files, and the stream of events that keeps it live."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, request, send_from_directory

from wecom_logging.simulator import views
from wecom_logging.simulator.faults import Faults
from wecom_logging.simulator.world import World

_STATIC = Path(__file__).with_name("static")
#: Nothing from elsewhere, nothing inline, nobody around it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: The shortest and the longest time between two accounts of the state, in seconds: tokens
#: and budgets also change while nothing happens.
_STATE_PAUSE = 0.25
_STATE_REPEAT = 5.0
_PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def create_page(world: World, faults: Faults, stopping: threading.Event) -> Blueprint:
    """The page at `/`, and what it loads; its streams end when `stopping` is set."""
    page = Blueprint("page", __name__)

    @page.get("/")
    def inbox() -> Response:
        return send_from_directory(_STATIC, "inbox.html")

    @page.get("/_simulator/static/<name>")
    def static(name: str) -> Response:
        return send_from_directory(_STATIC, name)

    @page.get("/_simulator/docs")
    def docs() -> Response:
        return Response(_documentation())

    @page.get("/_simulator/pictures/<media_id>")
    def picture(media_id: str) -> Response:
        file = world.media.find(media_id)
        kind = file and next((v for k, v in _PICTURES.items() if file.data.startswith(k)), None)
        return Response(file.data, content_type=kind) if file and kind else abort(404)

    @page.get("/_simulator/events")
    def events() -> Response:
        seen = request.headers.get("Last-Event-ID", "")
        stream = _events(world, faults, stopping, seen)
        return Response(stream, content_type="text/event-stream; charset=utf-8")

    @page.after_app_request
    def protect(response: Response) -> Response:
        if not request.path.startswith("/cgi-bin/"):
            response.headers["Content-Security-Policy"] = _POLICY
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cache-Control"] = "no-store"
        return response

    return page


def _events(world: World, faults: Faults, stopping: threading.Event, seen: str) -> Iterator[bytes]:
    """New messages as they arrive, and the state whenever it has changed.

    `seen` is the id of the last event that the reader has got: generation and message. One
    of another generation (before a `clear`, of an earlier process) begins anew.
    """
    generation, after = (
        int(part) if part.isdecimal() else 0 for part in (seen + "-").split("-")[:2]
    )
    version = -1
    yield b"retry: 500\n\n"  # milliseconds until the browser asks again
    while not stopping.is_set():
        with world.changed:
            _wait(world, stopping, version)
            version = world.inbox.version
            anew = generation != world.inbox.generation
            generation, after = world.inbox.generation, 0 if anew else after
            new = [each for each in world.inbox.messages() if each.id > after]
        if anew:
            yield _event("reset", {})
        if new:
            after = new[-1].id
            data = [views.message(each, world) for each in new]
            yield _event("messages", data, f"{generation}-{after}")
        yield _event("state", views.state(world, faults))
        stopping.wait(_STATE_PAUSE)  # a storm is told in a few large steps


def _wait(world: World, stopping: threading.Event, version: int) -> None:
    """Wait for something newer than `version`, or until the state is due again."""

    def newer() -> bool:
        return stopping.is_set() or world.inbox.version != version

    world.changed.wait_for(newer, _STATE_REPEAT)


def _event(name: str, data: Any, number: str = "") -> bytes:
    # ASCII only, so that no character can be a line break to the browser.
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n".encode("ascii")


def _documentation() -> str:
    """The page about the JSON API, from its source in markdown."""
    from markdown_it import MarkdownIt

    source = (_STATIC / "api.md").read_text(encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(source)
    frame = (_STATIC / "docs.html").read_text(encoding="utf-8")
    return frame.replace("{{ body }}", body)
