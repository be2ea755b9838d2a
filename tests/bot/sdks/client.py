"""A bot with WeCom's library for Python, that does what `client.cjs` does."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aibot
from aibot import ws

# It wants TLS whatever the address says; the simulator has none.
ws._SSL_CONTEXT = None


class Quiet:
    def debug(self, *words: object) -> None: ...

    info = warn = error = debug


def card(**more: Any) -> dict[str, Any]:
    return {
        "main_title": {"title": "A new error"}, "task_id": "task-of-python",
        "card_action": {"type": 1, "url": "https://example.com/"}, **more,
    }  # fmt: skip


def said(step: str) -> None:
    print(step, flush=True)


async def main() -> None:
    env = os.environ
    options = aibot.WSClientOptions(
        bot_id=env["WECOM_BOT_ID"],
        secret=env["WECOM_BOT_SECRET"],
        ws_url=env["WECOM_BOT_URL"],
        logger=Quiet(),
    )
    client = aibot.WSClient(options)
    pressed = asyncio.Event()

    async def heard(frame: dict[str, Any]) -> None:
        text = frame["body"]["text"]["content"]
        await client.reply_stream(frame, "stream-of-python", f"heard {text}", True)
        said("answered")
        buttons = [{"text": "Take", "key": "take"}]
        question = card(card_type="button_interaction", button_list=buttons)
        message = {"msgtype": "template_card", "template_card": question}
        await client.send_message(env["WECOM_BOT_CHATID"], message)
        said("pushed")

    async def press(frame: dict[str, Any]) -> None:
        fact = card(card_type="text_notice", sub_title_text="taken")
        await client.update_template_card(frame, fact)
        said("updated")
        pressed.set()

    client.on("authenticated", lambda: said("subscribed"))
    client.on("message.text", heard)
    client.on("event.template_card_event", press)
    await client.connect()
    await asyncio.wait_for(pressed.wait(), 60)
    client.disconnect()


asyncio.run(main())
