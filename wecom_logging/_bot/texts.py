"""What the bot says, in Chinese and English. What was logged or written comes in inert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo

from wecom_logging._bot.commands import WORDS, Command, Name
from wecom_logging._model import spans, text
from wecom_logging._stores.marks import KnownGroup, Verb

#: Lines of an answer in a group: what is longer hides the conversation.
GROUP_LINES = 15
#: Bytes of a message; WeCom's limit is 20,480.
MAX_BYTES = 20_000
_NAME, _PLACE, _TEXT, _WHY = 60, 90, 160, 200
#: Characters of a line of a report; in the file it is whole.
MAX_LINE = 600

#: Chinese, English. Fields are inert when they are filled in.
_PHRASES: dict[str, tuple[str, str]] = {
    "how to pair": (
        "这个会话还没有绑定。在服务器上运行 `wecom-logging bot --pair`，"
        "再把它显示的六位数字发到这里：{at}绑定 123456",
        "This chat is not paired. Run `wecom-logging bot --pair` on the server and write the six"
        " digits that it shows here: {at}pair 123456"),
    "all apps": ("所有应用", "all apps"),
    "paired": ("已绑定：{scope}。试试「帮助」。", "Paired: {scope}. Try “help”."),
    "wrong code": ("绑定码不对，或已过十分钟。重新运行 `wecom-logging bot --pair` 取一个新的。",
        "That is not the code, or its ten minutes are over. `wecom-logging bot --pair` shows a new"
        " one."),
    "not allowed": ("{user} 不在 WECOM_BOT_USERS 名单里，什么也没有做。",
        "{user} is not in WECOM_BOT_USERS: nothing was done."),
    "late": (
        "这条消息来得太晚（{at} 发出），什么也没有做。请再发一次；若总是这样，请校准服务器时间。",
        "That came too late (it was sent at {at}): nothing was done. Please say it again; if this"
        " happens every time, the server's clock is wrong."),
    "store away": ("暂时连不上存储，什么也没有做，或不知道是否做了。请稍后发「未恢复」查看。",
        "The store cannot be reached: nothing was done, or nobody knows. Ask “open” in a while."),
    "trouble": ("出错了（{kind}），详情在机器人的 stderr 里。",
        "Something went wrong here ({kind}); the bot's stderr has the details."),
    "no list": ("单聊里的命令需要设置 WECOM_BOT_USERS，什么也没有做。放不下的内容可以发到这里。",
        "Commands in private need WECOM_BOT_USERS, which is not set: nothing was done. What is too"
        " long for a group I can send you here from now on."),
    "too many": ("消息太多，什么也没有做；一分钟内再发的可能没有答复。",
        "Too many messages: nothing was done. More of them may get no answer for a minute."),
    "renamed": ("我在这里的名字变了？请重新绑定。", "Is this a new name of mine? Then pair again."),
    "was until": ("{ids} 原来静默至 {until}", "{ids} was until {until}"),
    "not understood": ("没有看懂。你是想：{options}", "Not understood. Did you mean: {options}"),
    "doubtful": ("带「?」的编号是进程连不上存储时临时给的，不能操作。",
        "An id with “?” comes from a process that had lost its store: it cannot be acted on."),
    "unknown ids": ("没有 {ids}，什么也没有做。「未恢复」列出现有的。",
        "There is no {ids}: nothing was done. “open” lists what there is."),
    "no match": ("没有未恢复的告警与「{target}」相符，什么也没有做。",
        "Nothing that is open matches “{target}”: nothing was done."),
    "which": ("哪一个？例如：{example}", "Which one? For example: {example}"),
    "only critical": ("只剩 CRITICAL，它们要按编号单独静默，最长 1 小时：静默 {id} 1h",
        "Only CRITICAL is left, which is silenced by its own id, for 1 h at most: silence {id} 1h"),
    "critical left": ("CRITICAL 不在内：{ids}，要按编号单独静默",
        "Without the CRITICAL {ids}: silence them by their own ids"),
    "too long": ("太长了，最多 {limit}：{again}。什么也没有做。",
        "Too long, {limit} at most: {again}. Nothing was done."),
    "no such time": ("看不懂这个时间，什么也没有做。可以写 30m、2小时、半小时、到9点、到早上。",
        "That is no time: nothing was done. 30m, 2h, 1d, until 9:00 would be."),
    "ask": ("将静默 {number} 类：{ids}。两分钟内回复「确认」执行。",
        "This would silence {number} kinds: {ids}. Say “yes” within two minutes to do it."),
    "nothing asked": ("没有等待确认的操作。", "Nothing waits for a yes."),
    "done silence": ("{who} 静默 {what}，至 {until}（{length}）",
        "{who} silenced {what} until {until} ({length})"),
    "until release": ("下个版本，最晚 {until}", "the next release, {until} at the latest"),
    "needs reason": ("到下个版本可能长达 7 天，请写原因：静默 {id} 到下个版本 原因。什么也没有做。",
        "That may be 7 days, so say why: silence {id} until release why. Nothing was done."),
    "refused no release": ("{ids}：应用没有设置 release，不知道什么时候是下个版本",
        "{ids}: the application does not say its release, so nobody would see the next one"),
    "done unsilence": ("{who} 取消静默 {what}", "{who} ended the silence of {what}"),
    "done take": ("{who} 接手 {what}", "{who} has taken {what}"),
    "handed over": ("{who} 从 {before} 接手 {what}", "{who} has taken {what} over from {before}"),
    "done untake": ("{who} 放手 {what}", "{who} has let go of {what}"),
    "done quiet": (
        "{who} 对 {what} 开启免打扰，至 {until}（{length}），只有 CRITICAL 和大量新错误会提醒",
        "{who} made {what} quiet until {until} ({length}): only CRITICAL and floods of something"
        " new are told"),
    "done unquiet": ("{who} 结束 {what} 的免打扰", "{who} ended the quiet of {what}"),
    "default time": ("没写时间，按 1 小时。", "No time given: one hour."),
    "why": ("原因：{why}", "Reason: {why}"),
    "counted": ("期间照常计数，结束时告知。", "All is counted meanwhile, and told at the end."),
    "how to undo": ("撤销：10 分钟内发「撤销」{later}",
        "To take it back: “undo” within 10 minutes{later}"),
    "or later": ("，之后发「{command}」", ", later “{command}”"),
    "nothing to undo": ("你在最近十分钟里没有可撤销的操作。",
        "You have done nothing in the last ten minutes that could be undone."),
    "nothing done": ("什么也没有做。", "Nothing was done."),
    "undone": ("{who} 撤销了：{what}", "{who} took back: {what}"),
    "refused unknown": ("{ids} 已经不在", "{ids} is gone"),
    "refused over": ("{ids} 已平息，不用处理", "{ids} is over: nothing was done"),
    "refused too long": ("{ids}：时间太长", "{ids}: for too long"),
    "refused nothing": ("{ids} 没有可以结束的静默或认领，什么也没有做",
        "{ids}: there is nothing to end, so nothing was done"),
    "none open": ("没有未恢复的告警。", "Nothing is open."),
    "open": ("未恢复 {number} 类：", "{number} kinds are open:"),
    "one open": ("未恢复 1 类：", "One kind is open:"),
    "more kinds": ("另有 {number} 类", "{number} more kinds"),
    "written": ("{store} · 最后写入 {at}", "{store} · last written to {at}"),
    "never written": ("{store} · 从未有错误写入，也许不是应用在用的那个存储",
        "{store} · has never seen an error: this may not be the store that the application uses"),
    "in private": ("其余见单聊。", "The rest is in our private chat."),
    "write first": ("{who}：请先在与我的单聊里发一句话，我才能把全文发给你。",
        "{who}: write to me in private once, so that I can send you the rest."),
    "can send": ("从现在起，其余的我可以发到这里。", "From now on I can send you the rest here."),
    "from private": ("{line}（单聊）", "{line} (in private)"),
    "since": ("{at} 起", "since {at}"),
    "taken by": ("{who} {at} 接手", "taken by {who} {at}"),
    "silent until": ("静默至 {until}", "silenced until {until}"),
    "over": ("已平息", "over"),
    "welcome": ("我是告警助手。发「帮助」看能做什么。", "I answer for alerts. Try “help”."),
    # Of cards.
    "card title": ("{number} 类新错误", "{number} new kinds of error"),
    "card one": ("新错误", "A new error"),
    "card critical": ("CRITICAL", "CRITICAL"),
    "button take": ("我来处理", "I take it"),
    "button silence": ("静默", "Silence"),
    "list title": ("静默时长", "Silence for"),
    "choice 1h": ("1 小时", "1 hour"),
    "choice 9": ("到 09:00", "till 09:00"),
    "choice 24h": ("24 小时", "24 hours"),
    "fact take": ("{who} {at} 接手", "Taken by {who} {at}"),
    "fact silence": ("{who} {at} 静默，原定至 {until}",
        "Silenced by {who} {at}, then meant to last until {until}"),
    "fact over": ("{at} 已平息", "Over by {at}"),
    "fact already": ("{at} 时已被 {who} 静默", "Already silenced by {who} at {at}"),
}  # fmt: skip

#: How each command is used, in Chinese and English.
USAGE: dict[Name, tuple[str, str]] = {
    "open": ("未恢复", "open"), "show": ("40871", "40871"),
    "silence": ("静默 40871 2h 原因", "silence 40871 2h why"),
    "unsilence": ("取消静默 40871", "unsilence 40871"),
    "take": ("我来 40871", "take 40871"), "untake": ("放手 40871", "untake 40871"),
    "quiet": ("免打扰 30m", "quiet 30m"), "unquiet": ("取消免打扰", "unquiet"),
    "undo": ("撤销", "undo"), "report": ("报告", "report"), "help": ("帮助", "help"),
}  # fmt: skip

_HELP: dict[Name, tuple[str, str]] = {
    "open": ("现在还有哪些告警", "what is open now"),
    "show": ("一类错误的完整内容", "the whole report about one kind"),
    "silence": (
        "不再提醒，最长 24 小时；也可写 gateway.py、类型或应用名，或引用一条告警",
        "not told until then, 24 h at most; also by file, type or app, or by quoting an alert",
    ),
    "unsilence": ("提前结束静默", "end a silence"),
    "take": ("由你处理，少打扰别人", "you have it: others hear less of it"),
    "untake": ("不再由你处理", "somebody else has to"),
    "quiet": ("一段时间内只报 CRITICAL 和大量新错误", "only CRITICAL and floods for a while"),
    "unquiet": ("提前结束免打扰", "end that"),
    "undo": ("撤销你十分钟内的上一个操作", "take back your last act of ten minutes"),
    "report": ("日报", "the daily report"),
}


class Texts:
    """The bot's words in one language and time zone."""

    def __init__(self, chinese: bool, zone: tzinfo | None = None) -> None:
        self.chinese = chinese
        self._side = 0 if chinese else 1
        self.zone = zone

    def say(self, phrase: str, **fields: object) -> str:
        return _PHRASES[phrase][self._side].format(**fields)

    # Times.

    def clock(self, at: float, now: float) -> str:
        """`05:16`, with the date if it is not today's."""
        try:
            moment = datetime.fromtimestamp(at, self.zone)
            today = datetime.fromtimestamp(now, self.zone).date()
        except (ValueError, OverflowError, OSError):
            return "?"  # what a damaged store says
        if moment.date() == today:
            return f"{moment:%H:%M}"
        if self.chinese:
            return f"{moment.month}月{moment.day}日 {moment:%H:%M}"
        return f"{moment.day} {moment:%b %H:%M}"

    def until(self, at: float, now: float, release: bool) -> str:
        end = self.clock(at, now)
        return self.say("until release", until=end) if release else end

    def length(self, seconds: float) -> str:
        return spans.said(seconds, self.chinese)

    # Groups.

    def ids(self, ids: Iterable[str]) -> str:
        return " ".join(f"#{each}" for each in ids)

    def kinds(self, groups: Sequence[KnownGroup], most: int = 5) -> str:
        """`#40871 ConnectTimeout, #52210 KeyError`."""
        shown = [f"#{each.id} {title(each, 40)}" for each in groups[:most]]
        if len(groups) > most:
            shown.append(self.say("more kinds", number=len(groups) - most))
        return ("、" if self.chinese else ", ").join(shown)

    def row(self, group: KnownGroup, now: float) -> str:
        critical = "CRITICAL " if group.critical else ""
        parts = [
            f"**#{group.id}** {critical}{title(group)} **×{group.count:,}**",
            place(group.place),
            self.say("since", at=self.clock(group.first, now)),
            self.state(group, now),
        ]
        return "- " + " · ".join(filter(None, parts))

    def state(self, group: KnownGroup, now: float) -> str:
        parts = [self.say("over") if group.state == "over" else ""]
        if group.taken_by and group.taken_at is not None:
            at = self.clock(group.taken_at, now)
            parts.append(self.say("taken by", who=name(group.taken_by), at=at))
        if group.silenced_until is not None and group.silenced_until > now:
            until = self.until(group.silenced_until, now, group.until_release)
            parts.append(self.say("silent until", until=until))
        return " · ".join(filter(None, parts))

    def refused(self, refused: Mapping[str, str]) -> list[str]:
        lines = []
        for obstacle in ("unknown", "over", "nothing", "too long", "no release"):
            ids = [each for each, reason in refused.items() if reason == obstacle]
            if ids:
                lines.append(self.say(f"refused {obstacle}", ids=self.ids(ids)))
        return lines

    def shortened(self, groups: Sequence[KnownGroup], until: float, now: float) -> list[str]:
        """Which of these were silenced for longer than until then."""
        longer = [(each, each.silenced_until) for each in groups if each.silenced_until]
        return [
            self.say("was until", ids=f"#{each.id}", until=self.until(end, now, each.until_release))
            for each, end in longer
            if end > until
        ][:5]

    # Whole answers.

    def usage(self, command: Name, ids: Sequence[str] = ()) -> str:
        """How it is written, for these ids or for an example."""
        usage = USAGE[command][self._side]
        return usage.replace("40871", " ".join(ids[:3])) if ids else usage

    def help(self) -> str:
        lines = [f"- `{self.usage(name)}` {about[self._side]}" for name, about in _HELP.items()]
        other = " · ".join(WORDS[name][0] for name in _HELP if name != "show")
        return "\n".join([*lines, "" if self.chinese else other]).rstrip()

    def not_understood(self, command: Command) -> str:
        """What may have been meant, with the ids that were written."""
        usages = (self.usage(each, command.ids) for each in command.nearest)
        said = self.say("not understood", options=" · ".join(f"`{usage}`" for usage in usages))
        return f"{said}\n\n{self.say('renamed')}" if command.renamed else said

    def undoing(self, verb: Verb, ids: Sequence[str]) -> str:
        """How to take an act back, now and later."""
        opposite: dict[Verb, Name] = {"silence": "unsilence", "take": "untake", "quiet": "unquiet"}
        later = ""
        if verb in opposite:
            command = self.usage(opposite[verb], ids)
            later = self.say("or later", command=command)
        return self.say("how to undo", later=later)


def title(group: KnownGroup, most: int = _NAME) -> str:
    """What a group is called: its type, or its message."""
    return inert(group.type or group.text, most)


def place(words: str) -> str:
    """A place, in a code span."""
    shown = text.code(text.shorten_middle(words[:1000], _PLACE))
    return f"`{shown}`" if shown else ""


def code(line: str) -> str:
    """A line of a report, indented as it stands there, to stand between fences."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * min(indent, 12) + text.code(line[indent : indent + MAX_LINE])


def fenced(lines: Sequence[str]) -> list[str]:
    """Lines that stay lines: nobody says whether WeCom keeps a single line break elsewhere."""
    return ["```", *lines, "```"] if lines else []


def name(words: str) -> str:
    return inert(words, _NAME)


def why(words: str) -> str:
    return inert(words, _WHY)


def inert(words: str, most: int = _TEXT) -> str:
    """A text of others, harmless in a message and no longer than so many bytes."""
    shown = text.cut_bytes(text.neutralise(words[: 2 * most + 400]), most)
    return text.neutralise(shown)  # a cut can bring something to an end that means something


def shown(line: str) -> str:
    """A line for a terminal: one, with nothing in it that a terminal would handle."""
    return " ".join(text.strip_hidden(line[:1000]).split())


def fitted(message: str) -> str:
    """A message within WeCom's limit."""
    return text.cut_bytes(message, MAX_BYTES)
