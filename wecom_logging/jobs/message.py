"""What people read about a command that has failed, or works again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wecom_logging._config.options import Options
from wecom_logging._model.text import ELLIPSIS, columns, cut_columns, neutralise
from wecom_logging._rendering.dialects import Markdown, Pen, Text
from wecom_logging._rendering.labels import LABELS
from wecom_logging._rendering.times import TimeFormatter
from wecom_logging.jobs.history import History
from wecom_logging.jobs.labels import JOB_LABELS
from wecom_logging.redaction import redactor

if TYPE_CHECKING:
    from wecom_logging._senders.application import AppSender
    from wecom_logging._senders.robot import WebhookSender

#: Columns of the first line that a phone's notification shows.
_HEADLINE = 64
#: Bytes of the command line, and of one line of its output.
_COMMAND, _LINE = 300, 300
#: Lines of output: as many as a phone shows.
_LINES = 20
#: Stands for the output before those.
_EARLIER = f"> {ELLIPSIS}"


@dataclass(frozen=True)
class Outcome:
    """How a command has ended."""

    name: str
    command: str
    #: The exit status, as a shell has it.
    status: int
    #: Seconds since the epoch, and how many it took.
    began: float
    seconds: float
    #: The end of what it has written.
    output: str
    #: The name of the signal that killed it.
    killed_by: str = ""
    #: Ended by Ctrl-C: somebody is there and knows.
    interrupted: bool = False


def failure_message(
    outcome: Outcome, history: History, options: Options, sender: AppSender | WebhookSender
) -> str:
    """The alert: how it failed, how often by now, and as much of its output as fits."""
    outcome = _redacted(outcome, options, sender)
    page = _JobMessage(options, sender, outcome)
    how = page.words.ended(outcome.status, outcome.killed_by)
    often = page.words.in_a_row(history.failures) if history.failures > 1 else ""
    top = [
        page.headline("🔴", _joined(how, often)),
        page.facts(),
        page.dialect.code(page.pen.place(outcome.command, _COMMAND)),
    ]
    foot = page.past(history)
    bottom = [page.dialect.grey(foot)] if foot else []
    return "\n".join([*top, *page.output(outcome.output, [*top, *bottom]), *bottom])


def recovery_message(
    outcome: Outcome, history: History, options: Options, sender: AppSender | WebhookSender
) -> str:
    """The all-clear after failures that were told."""
    outcome = _redacted(outcome, options, sender)
    page = _JobMessage(options, sender, outcome)
    return "\n".join([page.headline("✅", page.words.works_again(history.owed)), page.facts()])


class _JobMessage:
    """A message in the making: its dialect, its limit, and what every message says."""

    def __init__(
        self, options: Options, sender: AppSender | WebhookSender, outcome: Outcome
    ) -> None:
        text = options.msgtype == "text"
        self.dialect = Text() if text else Markdown()
        self.pen = Pen()
        self._max_bytes = sender.limits.max_bytes["text" if text else "markdown"]
        self._options = options
        self._outcome = outcome
        self.words = JOB_LABELS[options.language]
        self._labels = LABELS[options.language]  # type: ignore[index]
        end = outcome.began + outcome.seconds
        offset = options.timezone is None
        self.times = TimeFormatter(end, options.timezone, self._labels, show_offset=offset)

    def headline(self, marker: str, news: str) -> str:
        """Without markup, and with the news whole: the name is what gives way."""
        name = neutralise(" ".join(filter(None, (self._outcome.name, self._options.environment))))
        room = max(8, _HEADLINE - columns(news) - len(f"{marker}   · "))
        return f"{marker} {cut_columns(name, room)} · {news}"

    def facts(self) -> str:
        began, seconds = self._outcome.began, self._outcome.seconds
        took = self._labels.duration(seconds) if seconds >= 1 else f"{seconds * 1000:.0f} ms"
        span = self.times.span(began, began + seconds)
        host = self.pen.name(self._options.host, 100)
        return self.dialect.quote(_joined(host, took, span))

    def past(self, history: History) -> str:
        """What came before, if it is not the first failure."""
        if history.failures <= 1:
            return ""
        success, untold = history.last_success, history.untold - 1
        return _joined(
            self.words.last_success(self.times.minute(success))
            if success
            else self.words.no_success,
            self.words.untold(untold) if untold else "",
        )

    def output(self, text: str, others: list[str]) -> list[str]:
        """The last lines of the output that fit beside the other lines."""
        # What a progress bar has overwritten is gone from the terminal as well.
        lines = [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n")]
        said = [self.dialect.quote(self.pen.say(line, _LINE)) for line in lines if line.strip()]
        if not said:
            return ["", self.dialect.quote(self.words.no_output)]
        left = self._max_bytes - sum(len(line.encode()) + 1 for line in (*others, "", _EARLIER))
        shown: list[str] = []
        for line in reversed(said[-_LINES:]):
            left -= len(line.encode()) + 1
            if left < 0:
                break
            shown.insert(0, line)
        earlier = [self.dialect.quote(ELLIPSIS)] if len(shown) < len(said) else []
        return ["", *earlier, *shown]


def _redacted(outcome: Outcome, options: Options, sender: AppSender | WebhookSender) -> Outcome:
    """What it shows without secrets: commands get passwords as arguments, and print them."""
    redact = redactor(options.redact, sender.secrets)  # type: ignore[arg-type]
    shown = {"name": outcome.name, "command": outcome.command, "output": outcome.output}
    redacted = redact(None, "error", shown)
    return Outcome(**{**vars(outcome), **{key: str(redacted[key]) for key in shown}})


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))
