"""Clients of WeCom that we did not write work with the simulator as they are."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.helpers.ports import free_port
from tests.helpers.support import missing
from wecom_logging.simulator import Simulator

ALERTMANAGER = shutil.which("prometheus-alertmanager")

CONFIG = """
global:
  wechat_api_url: {url}/cgi-bin/
  wechat_api_corp_id: {corpid}
  wechat_api_secret: {secret}
route:
  receiver: wecom
  group_wait: 0s
  group_interval: 1s
receivers:
  - name: wecom
    wechat_configs:
      - agent_id: "{agentid}"
        to_user: {touser}
        message_type: markdown
        message: '**{{{{ .CommonLabels.alertname }}}}** {{{{ .CommonAnnotations.summary }}}}'
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def alertmanager(simulator: Simulator, tmp_path: Path) -> Iterator[str]:
    """The address of an Alertmanager that sends to the simulator."""
    if ALERTMANAGER is None:
        missing("Alertmanager", "prometheus-alertmanager")
    env = simulator.env()
    config = tmp_path / "alertmanager.yml"
    config.write_text(
        CONFIG.format(
            url=simulator.url,
            corpid=env["WECOM_CORPID"],
            secret=env["WECOM_CORPSECRET"],
            agentid=env["WECOM_AGENTID"],
            touser=env["WECOM_TOUSER"],
        )
    )
    address = f"127.0.0.1:{free_port()}"
    command = [
        ALERTMANAGER,
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Listening on" in line or "TLS is disabled" in line:
                break
        yield f"http://{address}"
        process.kill()


def test_an_alert_of_alertmanager_arrives(simulator: Simulator, alertmanager: str) -> None:
    alert = {
        "labels": {"alertname": "DiskFull", "instance": "web-3"},
        "annotations": {"summary": "/var is at 97 %"},
    }
    answer = requests.post(f"{alertmanager}/api/v2/alerts", json=[alert], timeout=10)
    assert answer.status_code == 200
    (message,) = simulator.wait_for(1, timeout=20)
    assert message.content == "**DiskFull** /var is at 97 %"
    assert (message.msgtype, message.delivered_to) == ("markdown", ("ZhangSan",))
    assert len(simulator.calls("gettoken")) == 1


@pytest.fixture
def wechatpy(simulator: Simulator) -> Any:
    """wechatpy's client of WeCom, the most used one in Python, pointed at the simulator."""
    try:
        from wechatpy.enterprise import WeChatClient
    except ImportError:
        missing("wechatpy[cryptography]")

    class Client(WeChatClient):  # type: ignore[misc]  # wechatpy comes without types
        API_BASE_URL = f"{simulator.url}/cgi-bin/"

        def fetch_access_token(self) -> Any:  # the one address that it does not take from there
            query = {"corpid": self.corp_id, "corpsecret": self.secret}
            return self._fetch_access_token(f"{self.API_BASE_URL}gettoken", query)

    env = simulator.env()
    return Client(env["WECOM_CORPID"], env["WECOM_CORPSECRET"])


def test_wechatpy_sends_text_markdown_and_files(simulator: Simulator, wechatpy: Any) -> None:
    wechatpy.message.send_text(1000002, ["ZhangSan", "LiSi"], content="hello")
    wechatpy.message.send_markdown(1000002, "ZhangSan", "**bold**")
    file = wechatpy.media.upload("file", ("report.txt", io.BytesIO(b"the whole report")))
    wechatpy.message.send_file(1000002, "ZhangSan", media_id=file["media_id"])
    assert wechatpy.agent.get(1000002)["name"] == "Alerts"
    text, markdown, report = simulator.messages
    assert (text.content, text.delivered_to) == ("hello", ("ZhangSan", "LiSi"))
    assert (markdown.msgtype, markdown.content) == ("markdown", "**bold**")
    assert report.file is not None
    assert report.file.data == b"the whole report"
    assert len(simulator.calls("gettoken")) == 1


def test_wechatpy_survives_an_expired_token_and_understands_a_refusal(
    simulator: Simulator, wechatpy: Any
) -> None:
    from wechatpy.exceptions import WeChatClientException

    wechatpy.message.send_text(1000002, "ZhangSan", content="before")
    simulator.expire_tokens()
    wechatpy.message.send_text(1000002, "ZhangSan", content="after")
    assert [each.content for each in simulator.messages] == ["before", "after"]
    with pytest.raises(WeChatClientException) as refusal:
        wechatpy.message.send_text(1000002, "nobody", content="lost")
    assert refusal.value.errcode == 81013
