"""Short forms for talking to the simulated WeCom, without and with HTTP."""

from __future__ import annotations

import json
from typing import Any

import requests

from wecom_logging.simulator import Clock, Simulator, SimulatorConfig
from wecom_logging.simulator.app_calls import APP_CALLS
from wecom_logging.simulator.media import Upload
from wecom_logging.simulator.robot_calls import ROBOT_CALLS
from wecom_logging.simulator.world import Request, World

IP = "192.0.2.1"


class Direct:
    """Calls a `World` itself, on a clock that stands still until it is moved."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self.clock = Clock(start=1_800_000_000.0, frozen=True)
        self.world = World(config or SimulatorConfig(), self.clock, {**APP_CALLS, **ROBOT_CALLS})

    def call(
        self,
        name: str,
        body: bytes | dict[str, Any] = b"",
        *,
        method: str = "POST",
        ip: str = IP,
        upload: Upload | None = None,
        **query: str,
    ) -> dict[str, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.world.answer(Request(name, method, query, ip, raw, upload))
        assert isinstance(answer, dict)
        return answer

    def gettoken(self, **query: Any) -> dict[str, Any]:
        config = self.world.config
        query = {"corpid": config.corpid, "corpsecret": config.app.secret, **query}
        ip = query.pop("ip", IP)
        return self.call("gettoken", method="GET", ip=ip, **query)

    @property
    def token(self) -> str:
        return str(self.gettoken()["access_token"])

    def send(self, raw: bytes | None = None, **fields: Any) -> dict[str, Any]:
        """`message/send` to ZhangSan; a field that is None is left out."""
        body = {"touser": "ZhangSan", "agentid": 1000002, **fields}
        body = {key: value for key, value in body.items() if value is not None}
        return self.call("message/send", raw or body, access_token=self.token)

    def text(self, content: str = "hello", **fields: Any) -> dict[str, Any]:
        return self.send(msgtype="text", text={"content": content}, **fields)

    def hook(self, **body: Any) -> dict[str, Any]:
        """`webhook/send` with the first robot's key."""
        return self.call("webhook/send", body, key=self.world.config.robot.key)

    def upload(
        self, data: bytes = b"traceback", name: str = "a.txt", **query: Any
    ) -> dict[str, Any]:
        query = {"type": "file", "access_token": self.token, **query}
        return self.call("media/upload", upload=Upload(name, data), **query)


class Http:
    """Calls a `Simulator` over HTTP, as an application does."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        options = {"timeout": 10, "allow_redirects": False, **options}
        return self.session.request(method, self.simulator.url + path, **options)

    def token(self) -> str:
        env = self.simulator.env()
        query = {"corpid": env["WECOM_CORPID"], "corpsecret": env["WECOM_CORPSECRET"]}
        return str(self.get("/cgi-bin/gettoken", params=query).json()["access_token"])

    def send(
        self, content: str = "hello", token: str | None = None, **options: Any
    ) -> requests.Response:
        text = {"content": content}
        body = {"touser": "ZhangSan", "agentid": 1000002, "msgtype": "text", "text": text}
        query = {"access_token": token or self.token()}
        return self.request("POST", "/cgi-bin/message/send", params=query, json=body, **options)

    def hook(self, content: str = "hello", **options: Any) -> requests.Response:
        body = {"msgtype": "text", "text": {"content": content}}
        query = {"key": self.simulator.env("robot")["WECOM_WEBHOOK_KEY"]}
        return self.request("POST", "/cgi-bin/webhook/send", params=query, json=body, **options)

    def close(self) -> None:
        self.session.close()
