"""Calls that a type checker has to refuse. Never run.

mypy is strict about an ignored error that is none: each `type: ignore` of this file says which
mistake has to be found in its line, and the test takes them away and looks.
"""

# pyright: basic

from __future__ import annotations

import logging

import wecom_logging
from wecom_logging import AppSender, Limits, Message, WebhookSender, WeComHandler
from wecom_logging.testing import RecordingSender

WeComHandler(webhook="…")  # type: ignore[call-arg] # no such option
WeComHandler(group_intervall=5)  # type: ignore[call-arg] # misspelt
WeComHandler("ERROR", "key")  # type: ignore[call-arg] # options go by name
WeComHandler(group_wait="soon")  # type: ignore[arg-type] # seconds are numbers
WeComHandler(repeat_intervals=60)  # type: ignore[arg-type] # there are several
WeComHandler(rate_limit=(18, 60))  # type: ignore[arg-type] # a window stands in a list of them
WeComHandler(uncaught="yes")  # type: ignore[arg-type] # a truth
WeComHandler(fingerprint=len)  # type: ignore[arg-type] # it is called with a record
WeComHandler(fingerprint=lambda record: [record.name])  # type: ignore[arg-type, return-value] # hash
WeComHandler(touser=7)  # type: ignore[arg-type] # ids of people are texts
WeComHandler(redact={"names": 7})  # type: ignore[dict-item] # a list of names
WeComHandler(sender=print)  # type: ignore[arg-type] # a function is no sender
WeComHandler().stats().delivered  # type: ignore[attr-defined] # it is called `reported`
WeComHandler().flush("now")  # type: ignore[arg-type] # seconds


class Deaf:
    destination: str = "nowhere"
    limits: Limits = Limits({"text": 500})


WeComHandler(sender=Deaf())  # type: ignore[arg-type] # it cannot send

wecom_logging.install("ERROR", "shop")  # type: ignore[call-arg] # options go by name
wecom_logging.install(webhook="…")  # type: ignore[call-arg] # no such option
wecom_logging.install(group_wait="soon")  # type: ignore[arg-type] # seconds are numbers
wecom_logging.structlog_processor(lang="zh")  # type: ignore[call-arg] # it is called `language`
wecom_logging.alerts()  # type: ignore[call-arg] # a job has a name
wecom_logging.watch_loop(logging.getLogger())  # type: ignore[arg-type] # the loop comes first

WebhookSender()  # type: ignore[call-arg] # no key
WebhookSender("…").text(7)  # type: ignore[arg-type] # a text
WebhookSender("…").send("down")  # type: ignore[arg-type] # a `Message`
AppSender("ww1", "…")  # type: ignore[call-arg] # no agentid
Message("html", "down")  # type: ignore[arg-type] # no such type of message
Message("text", "down").content = "up"  # type: ignore[misc] # it is frozen
Limits({"html": 500})  # type: ignore[dict-item] # no such type of message
RecordingSender().fail(OSError("down"))  # type: ignore[arg-type] # a `DeliveryError`
