"""The calls below `/cgi-bin/` over HTTP, and the faults that strike them."""

from __future__ import annotations

import io
import json
from typing import Any

from flask import Blueprint, Response, request, send_file

from wecom_logging.simulator import wire
from wecom_logging.simulator.errcodes import Refusal
from wecom_logging.simulator.faults import Fault, Faults
from wecom_logging.simulator.inbox import Call
from wecom_logging.simulator.media import MediaFile, Upload
from wecom_logging.simulator.world import Body, Request, World

_PAGE = """<html>
<head><title>{status} {reason}</title></head>
<body>
<center><h1>{status} {reason}</h1></center>
<hr><center>nginx</center>
</body>
</html>
"""


def create_api(world: World, faults: Faults) -> Blueprint:
    """The calls that clients of WeCom know."""
    api = Blueprint("cgi-bin", __name__, url_prefix="/cgi-bin")

    @api.route("/<path:name>", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    def call(name: str) -> Response:
        fault = faults.take(name)
        if name not in world.operations and fault is None:
            return Response(b"", 404, content_type=None)
        return _answer(world, _read(name, fault), fault)

    return api


def _read(name: str, fault: Fault | None) -> Request:
    upload = None
    if request.mimetype == "multipart/form-data":
        # The documents name the part `media`; WeCom takes the first file, whatever its name is.
        part = next(iter(request.files.values()), None)
        upload = Upload(part.filename or "", part.read()) if part else None
    return Request(
        call=name,
        method=request.method,
        query=request.args.to_dict(),
        ip=request.remote_addr or "",
        body=b"" if upload else request.get_data(),
        upload=upload,
        drop=fault is not None and fault.kind == "drop",
    )


def _answer(world: World, call: Request, fault: Fault | None) -> Response:
    if fault is not None and fault.kind == "dead_token" and call.call != "gettoken":
        world.tokens.withdraw(fault.errcode or 42001, [call.query.get("access_token", "")])
    decided: Body | MediaFile | None = None
    if (fault is None or fault.processes) and call.call in world.operations:
        decided = world.answer(call)
    if fault is not None and fault.kind == "dead_token" and call.call == "gettoken":
        world.tokens.withdraw(fault.errcode or 42001)
    response = _plain(decided) if fault is None else _faulty(world, call, fault, decided)
    _record(world, call, fault, decided, response)
    return response


def _plain(decided: Body | MediaFile | None) -> Response:
    if isinstance(decided, MediaFile):
        return download(decided)
    body = {"errcode": 0, "errmsg": "ok"} if decided is None else decided
    text = json.dumps(body, ensure_ascii=False)
    response = Response(
        text.encode("utf-8", "replace"), content_type="application/json; charset=UTF-8"
    )
    if body["errcode"]:
        errmsg = str(body["errmsg"]).replace("\n", " ").replace("\r", " ")
        response.headers["Error-Code"] = str(body["errcode"])
        response.headers["Error-Msg"] = errmsg.encode("latin-1", "replace").decode("latin-1")
    return response


def download(file: MediaFile) -> Response:
    """A file to be saved, never to be shown: what is in it is nobody's promise."""
    response = send_file(
        io.BytesIO(file.data),
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=file.name or "file",
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _faulty(
    world: World, call: Request, fault: Fault, decided: Body | MediaFile | None
) -> Response:
    if fault.kind == "status":
        reason = Response(status=fault.status).status.partition(" ")[2].title()
        return Response(_PAGE.format(status=fault.status, reason=reason), fault.status)
    if fault.kind == "empty":
        return Response(b"", fault.status)
    if fault.kind == "redirect":
        # The discard port: whoever follows is refused at once.
        return Response(b"", 301, {"Location": "http://127.0.0.1:9/"})
    if fault.kind == "garbage":
        return Response(b'{"errcode":0,"errmsg":"ok', content_type="application/json")
    if fault.kind == "flood":
        return Response(b" " * fault.size, content_type="application/json")
    if fault.kind == "errcode":
        refusal = Refusal(fault.errcode, fault.errmsg)
        ip = world.config.client_ip or call.ip
        return _plain(refusal.body(world.clock.now(), ip))
    request.environ[wire.FAULT] = fault  # the rest is for `wire`, which sends the answer
    return _plain(decided)


def _record(
    world: World,
    call: Request,
    fault: Fault | None,
    decided: Body | MediaFile | None,
    response: Response,
) -> None:
    body: dict[str, Any] = decided if isinstance(decided, dict) else {}
    errcode = None if decided is None else int(body.get("errcode", 0))
    errmsg = str(body.get("errmsg", ""))
    told = errcode
    if fault is not None and fault.kind == "errcode":
        told, errmsg = fault.errcode, str(response.get_json()["errmsg"])
    elif fault is not None and fault.kind not in ("slow", "drip", "dead_token", "drop"):
        told = None
    world.inbox.record(
        Call(
            time=world.clock.now(),
            name=call.call,
            method=call.method,
            ip=call.ip,
            errcode=errcode,
            errmsg=errmsg,
            told=told,
            fault=fault.kind if fault else "",
        )
    )
