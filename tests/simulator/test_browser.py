"""The inbox page in a real browser."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait
from websockets.sync.client import connect

from tests.helpers.simulator_client import Http
from tests.helpers.support import PATIENCE, missing
from wecom_logging import WeComHandler
from wecom_logging.simulator import Simulator

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (BROWSER and DRIVER):
    missing("a browser and its driver", "chromium chromium-driver")

# One browser for all of them.
pytestmark = pytest.mark.xdist_group("browser")

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--lang=en", "--window-size=1280,900",
    "--force-prefers-reduced-motion",  # what is still fading in has no text to a driver
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    assert BROWSER, "chromium is missing"
    assert DRIVER, "chromedriver is missing"
    options = Options()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for option in OPTIONS:
        options.add_argument(option)
    profile: Path = tmp_path_factory.mktemp("profile")
    options.add_argument(f"--user-data-dir={profile}")
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def http(server: Simulator) -> Iterator[Http]:
    server.reset()
    client = Http(server)
    yield client
    client.close()


class Page:
    """The inbox page, opened and live."""

    def __init__(self, driver: webdriver.Chrome, simulator: Simulator) -> None:
        self.driver = driver
        storage = {"origin": simulator.url, "storageTypes": "local_storage"}
        driver.execute_cdp_cmd("Storage.clearDataForOrigin", storage)
        driver.get(simulator.url)
        self.until(lambda: self.one("#live").text == "live")

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        # Elements may be drawn anew between being found and being read.
        wait = WebDriverWait(self.driver, seconds, 0.02, [StaleElementReferenceException])
        return wait.until(lambda _: condition())

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def bubbles(self) -> list[str]:
        found = self.script(
            "return [...document.querySelectorAll('.bubble')].map((each) => each.innerText.trim())"
        )
        return list(found)

    def wait_for_bubbles(self, number: int, seconds: float = PATIENCE) -> list[str]:
        self.until(lambda: len(self.bubbles()) == number, seconds)
        return self.bubbles()

    def script(self, code: str) -> Any:
        return self.driver.execute_script(code)


def _told(chromium: Any) -> Any:
    """What the browser has written to its console since it was asked last."""
    return chromium.get_log("browser")


@pytest.fixture
def page(chromium: webdriver.Chrome, server: Simulator, http: Http) -> Page:
    _told(chromium)
    return Page(chromium, server)


def robot(http: Http, msgtype: str, **content: Any) -> dict[str, Any]:
    key = http.simulator.env("robot")["WECOM_WEBHOOK_KEY"]
    body = {"msgtype": msgtype, msgtype: content}
    answer = http.request("POST", f"/cgi-bin/webhook/send?key={key}", json=body)
    return dict(answer.json())


def test_a_message_appears_without_reload(page: Page, http: Http) -> None:
    assert page.one("#empty").is_displayed()
    assert "export WECOM_CORPID=" in page.one("#connect").text
    http.send("payment failed")
    assert page.wait_for_bubbles(1) == ["payment failed"]
    http.hook("second")
    assert page.wait_for_bubbles(2) == ["second", "payment failed"]
    assert "14 / 2,048 bytes" in page.all(".facts")[1].text
    page.all("summary.facts")[1].click()
    page.until(lambda: '"touser": "ZhangSan"' in page.all(".message")[1].text)
    assert '"errmsg": "ok"' in page.all(".message")[1].text


def test_what_a_handler_sends_appears_at_once(
    page: Page, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**http.simulator.env(), "WECOM_STORE": "memory"}.items():
        monkeypatch.setenv(name, value)
    handler = WeComHandler(app="shop")
    logger = logging.getLogger("wecom_logging_tests.browser")
    logger.addHandler(handler)
    try:
        logger.critical("payment %d failed", 8841)
        http.simulator.wait_for(1)
        (bubble,) = page.wait_for_bubbles(1)
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert bubble.startswith("🔴 CRITICAL shop · 1 error · payment 8841 failed")


def test_a_fault_switched_on_in_the_page_makes_the_next_call_fail(page: Page, http: Http) -> None:
    Select(page.one("#fault-kind")).select_by_value("status")
    Select(page.one("#fault-call")).select_by_value("webhook/send")
    page.one("#fault-add").click()
    page.until(lambda: page.all(".active-fault"))
    assert http.hook().status_code == 502
    page.until(lambda: "struck 1×" in page.one(".active-fault").text)
    page.one(".active-fault button").click()
    page.until(lambda: not page.all(".active-fault"))
    assert http.hook().json()["errcode"] == 0


HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
    "[click](javascript:window.hacked=1) <a href='javascript:window.hacked=1'>click</a>"
    "<style>body{display:none}</style><iframe src=/></iframe>\u202e</div></article>"
)


@pytest.mark.parametrize("msgtype", ["text", "markdown", "markdown_v2"])
def test_a_hostile_message_runs_no_script(page: Page, http: Http, msgtype: str) -> None:
    assert robot(http, msgtype, content=HOSTILE)["errcode"] == 0
    (bubble,) = page.wait_for_bubbles(1)
    assert "<script>window.hacked=1</script>" in bubble
    for link in page.all(".message .bubble a, .message .bubble span"):
        link.click()
    assert page.script("return window.hacked") is None
    assert not page.all(".bubble script, .bubble img, .bubble iframe, .bubble style")
    assert not page.all("a[href^='javascript']")
    assert page.one("body").is_displayed()


def test_hostile_names_and_cards_do_nothing_either(page: Page, http: Http) -> None:
    article = {"title": HOSTILE, "url": "https://example.com/", "picurl": "https://example.com/p"}
    robot(http, "news", articles=[article])
    card = {
        "card_type": "text_notice",
        "main_title": {"title": HOSTILE},
        "card_action": {"type": 1, "url": "javascript:window.hacked=1"},
    }
    robot(http, "template_card", **card)
    token = http.token()
    files = {"media": ("<img src=x onerror=window.hacked=1>.html", b"<script>window.hacked=1")}
    query = {"access_token": token, "type": "file"}
    upload = http.request("POST", "/cgi-bin/media/upload", params=query, files=files).json()
    body = {"touser": "@all", "agentid": 1000002, "msgtype": "file",
            "file": {"media_id": upload["media_id"]}}  # fmt: skip
    http.request("POST", "/cgi-bin/message/send", params=query, json=body)
    page.wait_for_bubbles(3)
    assert page.script("return window.hacked") is None
    file = http.get(f"/_simulator/files/{upload['media_id']}")
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["X-Content-Type-Options"] == "nosniff"


def test_a_card_shows_where_it_leads(page: Page, http: Http) -> None:
    """Every part of it, the page that a tap opens, and jumps to pages and mini-programs."""
    card = {
        "card_type": "text_notice",
        "source": {"desc": "payments prod", "desc_color": 2},
        "main_title": {"title": "🔴 NEW KeyError", "desc": "pay/gateway.py:41 post"},
        "emphasis_content": {"title": "353", "desc": "errors"},
        "sub_title_text": "order 8841 is not paid\n← TimeoutError",
        "horizontal_content_list": [{"keyname": "id", "value": "#40871 ×353"}],
        "jump_list": [
            {"title": "runbook", "type": 1, "url": "https://wiki.example/KeyError"},
            {"title": "order", "type": 2, "appid": "wx12", "pagepath": "pages/order?id=7"},
        ],
        "card_action": {"type": 1, "url": "https://logs.example/?q=ab12"},
    }
    assert robot(http, "template_card", **card)["errcode"] == 0
    (bubble,) = page.wait_for_bubbles(1)
    assert list(filter(None, bubble.split("\n"))) == [
        *("payments prod", "🔴 NEW KeyError", "pay/gateway.py:41 post", "353", "errors"),
        *("order 8841 is not paid", "← TimeoutError", "id", "#40871 ×353"),
        *("runbook", "https://wiki.example/KeyError"),
        *("order", "mini-program wx12 pages/order?id=7"),
        *("A tap opens", "https://logs.example/?q=ab12"),
    ]
    links = [each.get_attribute("href") for each in page.all(".bubble a")]
    assert links == ["https://wiki.example/KeyError", "https://logs.example/?q=ab12"]
    Select(page.one("#level")).select_by_value("NEW")
    page.wait_for_bubbles(1)


def test_the_content_security_policy_is_strict(page: Page, http: Http) -> None:
    for path in ("/", "/_simulator/docs", "/_simulator/state", "/_simulator/static/inbox.js"):
        answer = http.get(path)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
    page.script("const s = document.createElement('script'); s.text = 'window.inline = 1';"
                "document.body.append(s)")  # fmt: skip
    assert page.script("return window.inline") is None
    assert any("Content Security Policy" in str(each) for each in _told(page.driver))


def test_nothing_is_loaded_from_elsewhere_and_nothing_complains(page: Page, http: Http) -> None:
    http.send()
    page.wait_for_bubbles(1)
    loaded = page.script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert loaded
    assert all(each.startswith(f"{http.simulator.url}/_simulator/") for each in loaded)
    assert _told(page.driver) == []


def test_search_filters_and_clear(page: Page, http: Http) -> None:
    http.send("🔴 payments CRITICAL")
    http.send("🟠 orders AGAIN")
    http.hook("🟠 orders from a robot")
    page.wait_for_bubbles(3)
    page.one("#search").send_keys("orders")
    assert len(page.wait_for_bubbles(2)) == 2
    Select(page.one("#sender")).select_by_value("app 1000002")
    assert page.wait_for_bubbles(1) == ["🟠 orders AGAIN"]
    page.one("#search").clear()
    page.one("#search").send_keys(" ")
    Select(page.one("#level")).select_by_value("CRITICAL")
    assert page.wait_for_bubbles(1) == ["🔴 payments CRITICAL"]
    page.one("#clear").click()
    page.wait_for_bubbles(0)
    page.until(lambda: page.one("#empty").is_displayed())
    assert http.simulator.accepted == []


def test_silently_dropped_and_cut_messages_are_in_plain_sight(page: Page, http: Http) -> None:
    http.simulator.faults.add("drop", times=1)
    http.hook("nobody sees this")
    http.send("长" * 700)
    page.wait_for_bubbles(2)
    assert "Dropped in silence" in page.one(".message.dropped").text
    assert "WeCom cuts here: 2,048 of 2,100 bytes" in page.one(".cut").text
    page.until(lambda: page.one(".tile.dropped b").text == "1")
    for section, text in (
        ("budgets", "1 / 30 per min"),
        ("tokens", "h left"),
        ("calls", "message/send"),
    ):
        page.until(lambda: text in page.one(f"#section-{section}").text)  # noqa: B023 - it is called at once


def test_chinese_and_dark(page: Page, http: Http) -> None:
    http.send()
    page.wait_for_bubbles(1)
    light = page.script("return getComputedStyle(document.body).backgroundColor")
    page.one("#theme").click()
    assert page.script("return getComputedStyle(document.body).backgroundColor") != light
    page.one("#language").click()
    assert page.one(".brand b").text == "企业微信模拟器"
    page.until(lambda: "故障" in page.one("#panel").text)
    page.driver.refresh()
    page.until(lambda: page.one("#live").text == "实时")
    assert page.script("return document.documentElement.dataset.theme") == "dark"


#: The page's own words, wherever they stand, without what was sent and names of the API.
WORDS = """
const skipped = ".bubble, code, pre, svg, select[aria-label=errcode], #fault-call, .who b,"
  + " #language, #section-switches select, #place, .refusal, .kind";
const found = [];
for (const each of document.querySelectorAll("body *")) {
  if (each.closest(skipped)) continue;
  for (const name of ["title", "aria-label", "placeholder"]) found.push(each.getAttribute(name));
  for (const node of each.childNodes) if (node.nodeType === 3) found.push(node.data);
}
return found.filter((text) => text && /[A-Za-z]{2,}/.test(text));
"""
#: Names that are the same in every language.
NAMES = {
    "errcode", "JSON", "HTTP", "Alerts", "On-call", "ZhangSan", "LiSi", "WangWu", "API", "IP",
    "MiB", "markdown", "text", "gettoken", "agentid", "invaliduser", "font", "color", "ff",
    "On", "call", "bot", "cmd", "card", "action",
}  # fmt: skip


def test_the_language_switch_reaches_every_word(page: Page, http: Http) -> None:
    """Also what is drawn once or later: levels, units, whether it is live."""
    http.send("长" * 700)
    http.hook("hello")
    page.wait_for_bubbles(2)
    http.simulator.faults.add("slow", times=3, delay=0.01)
    page.one("#language").click()
    page.until(lambda: page.one("#live").text == "实时")
    page.until(lambda: "已触发" in page.one("#active").text)
    left = {word for text in page.script(WORDS) for word in re.findall(r"[A-Za-z-]{2,}", text)}
    assert left <= NAMES
    page.one("#language").click()
    page.until(lambda: page.one("#live").text == "live")


def test_the_level_filter_goes_by_the_state(page: Page, http: Http) -> None:
    """Not by the words of a message."""
    http.send("🔴 shop · 1,000 errors · OSError")
    http.send("🔴 支付 · 353 个错误\n\n**新出现** OSError **×353** #40871")
    http.send("✅ shop · 0 errors · no ERROR is NEW\n\n**OVER** OSError")
    page.wait_for_bubbles(3)
    for level, shown in (("ERROR", 2), ("NEW", 1), ("OVER", 1), ("CRITICAL", 0), ("", 3)):
        Select(page.one("#level")).select_by_value(level)
        page.wait_for_bubbles(shown)


def test_it_works_at_390_pixels(page: Page, http: Http) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        http.send("a_very_long_name_without_any_space_" * 20)
        robot(http, "markdown_v2", content="|" + "wide|" * 30 + "\n|" + "-|" * 30 + "\n")
        page.wait_for_bubbles(2)
        assert page.script("return document.documentElement.scrollWidth") == 390
        assert not page.one("#panel").is_displayed()
        page.one(".tabs [data-tab=panel]").click()
        assert page.one("#fault-add").is_displayed()
        assert page.script("return document.documentElement.scrollWidth") == 390
        for button in page.all("#fault-add, .tabs button, #clear"):
            assert button.size["height"] >= 36
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_begins_anew_after_a_restart(page: Page, http: Http) -> None:
    http.send("before")
    page.wait_for_bubbles(1)
    with http.simulator.down():
        page.until(lambda: page.one("#live").text == "not connected")
    page.until(lambda: page.one("#live").text == "live")
    http.send("after")
    assert page.wait_for_bubbles(2) == ["after", "before"]


def test_a_storm_does_not_stop_it(page: Page, http: Http) -> None:
    http.simulator.configure(users=tuple(f"user{number}" for number in range(40)))
    token = http.token()
    for number in range(300):
        body = {"touser": f"user{number % 40}", "agentid": 1000002, "msgtype": "text",
                "text": {"content": f"error {number}"}}  # fmt: skip
        http.request("POST", "/cgi-bin/message/send", params={"access_token": token}, json=body)
    page.until(lambda: page.one("#count").get_attribute("textContent") == "300")
    assert page.bubbles()[0] == "error 299"
    page.one("#more").click()
    page.until(lambda: len(page.all(".message")) == 200)


def test_a_chat_with_a_bot_and_the_buttons_of_its_card(page: Page, server: Simulator) -> None:
    bot = server.world.config.bot
    with connect(server.bot_url, proxy=None) as socket:

        def send(cmd: str, req_id: str = "r", **body: Any) -> None:
            socket.send(json.dumps({"cmd": cmd, "headers": {"req_id": req_id}, "body": body}))
            assert json.loads(socket.recv(10.0))["errcode"] == 0

        send("aibot_subscribe", bot_id=bot.id, secret=bot.secret)
        page.until(lambda: page.one("#chat-bot").text == f"{bot.name} is connected")
        page.one("#chat-text").send_keys("open\n")
        assert page.wait_for_bubbles(1) == ["open"]
        said = json.loads(socket.recv(10.0))
        assert said["body"]["text"]["content"] == f"@{bot.name} open"
        answer = {"msgtype": "markdown", "markdown": {"content": "- **#40871** KeyError"}}
        send("aibot_respond_msg", said["headers"]["req_id"], **answer)
        assert page.wait_for_bubbles(2)[0] == "#40871 KeyError"
        options = [{"id": "1h", "text": "1 hour"}, {"id": "24h", "text": "24 hours"}]
        card = {
            "card_type": "button_interaction", "main_title": {"title": "A new error"},
            "button_list": [{"text": "Take", "key": "take"}], "task_id": "t",
            "button_selection": {"question_key": "q", "option_list": options},
            "card_action": {"type": 2, "appid": "wx1", "pagepath": "a"},
        }  # fmt: skip
        chat = server.env("bot")["WECOM_BOT_CHATID"]
        send("aibot_send_msg", chatid=chat, msgtype="template_card", template_card=card)
        page.wait_for_bubbles(3)
        assert "wx1" in page.bubbles()[0]
        page.one(".controls select").send_keys("24 hours")
        page.one('.controls [data-key="take"]').click()
        pressed = json.loads(socket.recv(10.0))
        event = pressed["body"]["event"]["template_card_event"]
        assert event["selected_items"]["selected_item"][0]["option_ids"] == {"option_id": ["24h"]}
        fact = {
            **card, "card_type": "text_notice", "sub_title_text": "taken", "button_list": [],
            "button_selection": None, "card_action": {"type": 1, "url": "https://example.com"},
        }  # fmt: skip
        update = {"response_type": "update_template_card", "template_card": fact}
        send("aibot_respond_update_msg", pressed["headers"]["req_id"], **update)
        page.until(lambda: "taken" in page.bubbles()[0])
        assert page.all(".controls") == []
    page.until(lambda: page.one("#chat-bot").text.startswith(f"{bot.name} is not connected"))
