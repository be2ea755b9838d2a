"""What the simulated WeCom consists of: a corporation, its applications, robots and bots.

Everything here is a frozen value. A running simulator is changed by giving it another one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Whoever reads these in a file sees that they open nothing.
DEFAULT_CORPID = "ww51a1a70f51a1a70f"
DEFAULT_CORPSECRET = "simulator-corp-secret-opens-nothing-0000001"
DEFAULT_ROBOT_KEY = "51a1a70f-0000-4000-8000-000000000001"
DEFAULT_BOT_ID = "aib51a1a70f51a1a70f51a1a70f51a1a70f"
DEFAULT_BOT_SECRET = "simulator-bot-secret-opens-nothing-00000001"  # noqa: S105  # as it says
DEFAULT_CHATID = "wr51a1a70f51a1a70f51a1a70f51a1a7"
DEFAULT_USERS = ("ZhangSan", "LiSi", "WangWu")


@dataclass(frozen=True)
class App:
    """An application: what `message/send` sends from."""

    agentid: int = 1000002
    secret: str = field(default=DEFAULT_CORPSECRET, repr=False)
    name: str = "Alerts"
    #: User ids that can see the application; None: everybody.
    visible: tuple[str, ...] | None = None
    #: Stopped by its administrator.
    disabled: bool = False
    #: Addresses its calls may come from (企业可信IP); None: from anywhere, as for
    #: applications made before 2022-06-20.
    trusted_ips: tuple[str, ...] | None = None
    #: Whether a callback URL is set; cards with buttons need one.
    callback: bool = False


@dataclass(frozen=True)
class Robot:
    """A group robot: what `webhook/send` sends from."""

    key: str = field(default=DEFAULT_ROBOT_KEY, repr=False)
    name: str = "On-call"
    #: Answers every message with this errcode, as 93004 for a robot that is switched off.
    errcode: int = 0


@dataclass(frozen=True)
class Bot:
    """A 智能机器人: what a program answers as, over the long connection."""

    id: str = DEFAULT_BOT_ID
    secret: str = field(default=DEFAULT_BOT_SECRET, repr=False)
    #: As people have to write it behind `@` in a group.
    name: str = "On-call bot"
    #: Made by a super administrator; else it gets encrypted user ids.
    plain_userids: bool = True


@dataclass(frozen=True)
class Chat:
    """A group that the bots are in."""

    id: str = DEFAULT_CHATID
    name: str = "On call"
    #: Somebody has written to the bots there, so that they may write without being asked.
    open: bool = True


def _choice(*values: bool | int | str, about: str) -> Any:
    """A switch with these positions; the first is the safe assumption and the default."""
    return field(default=values[0], metadata={"choices": values, "about": about})


@dataclass(frozen=True)
class Switches:
    """Points that no public source settles, or that differ between installations.

    Each default is what a careful client has to expect.
    """

    # fmt: off
    over_long_markdown: str = _choice("45002", "40058", "truncate",
        about="An application's markdown beyond 2048 bytes.")
    over_long_text: str = _choice("truncate", "45002",
        about="An application's text beyond 2048 bytes.")
    truncation: str = _choice("character", "byte",
        about="Where an over-long text is cut; by bytes, a character may break.")
    textcard_unit: str = _choice("bytes", "characters",
        about="What a text card's 128 (title) and 512 (description) count.")
    robot_text_limit: int = _choice(2048, 5120, about="Bytes of a robot's text message.")
    robot_window: str = _choice("sliding", "fixed",
        about="How a robot's 20 messages a minute are counted.")
    member_limit: str = _choice("drop", "45009",
        about="A member's message beyond 30 a minute or 1000 an hour.")
    daily_limit_errcode: int = _choice(45009, 45033,
        about="Answer beyond the person-times that an application has a day.")
    duplicate_errcode: int = _choice(0, 45035,
        about="Answer to a message that the duplicate check holds back.")
    illegal_characters: str = _choice("reject", "accept",
        about="Control characters and lone surrogates: 40033, or let through.")
    touser_array: str = _choice("reject", "accept", about="Recipients as a JSON array.")
    agentid_warning: bool = _choice(True, False,
        about="Whether an agentid written as a string draws the JSON warning.")
    empty_invalid_fields: bool = _choice(False, True,
        about='Whether "invaliduser" and the like are there when they are empty.')
    same_token: bool = _choice(True, False,
        about="Whether gettoken repeats a token that is still valid.")
    old_token_survives: bool = _choice(True, False,
        about="Whether a token goes on working when a newer one was issued.")
    expires_in: str = _choice("normal", "missing", "zero",
        about="What gettoken says; private deployments leave it out.")
    gettoken_checks_ip: bool = _choice(False, True,
        about="Whether gettoken, too, refuses untrusted addresses (60020).")
    disabled_app_errcode: int = _choice(40001, 50003,
        about="What gettoken answers for a stopped application.")
    image_limit_mb: int = _choice(5, 10, about="Size of an image, in MiB.")
    bot_update_card_action: str = _choice("required", "optional",
        about="A bot's update of a card that lacks card_action: 42045, or fine.")
    italic: bool = _choice(False, True, about="Whether the page shows *italic* in markdown.")
    hex_colours: bool = _choice(False, True,
        about='Whether the page honours <font color="#ff0000"> in markdown.')
    escapes: bool = _choice(False, True, about="Whether the page honours backslash escapes.")
    # fmt: on

    def changed(self, **changes: Any) -> Switches:
        """These switches with some in another position; a `ValueError` names a wrong one."""
        fields = {each.name: each for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in fields:
                raise ValueError(f"there is no switch {name!r}; there are {', '.join(fields)}")
            choices = fields[name].metadata["choices"]
            # True == 1 in Python; a switch of numbers is not set by a boolean.
            if (type(value), value) not in {(type(choice), choice) for choice in choices}:
                raise ValueError(f"{name}: {value!r} is not one of {choices!r}")
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class SimulatorConfig:
    """One corporation, its people, applications and robots, and how strict WeCom is."""

    corpid: str = DEFAULT_CORPID
    apps: tuple[App, ...] = (App(),)
    robots: tuple[Robot, ...] = (Robot(),)
    bots: tuple[Bot, ...] = (Bot(),)
    #: Groups that bots are in; alone with a bot is every member.
    chats: tuple[Chat, ...] = (Chat(),)
    users: tuple[str, ...] = DEFAULT_USERS
    parties: Mapping[int, tuple[str, ...]] = field(
        default_factory=lambda: {1: DEFAULT_USERS, 2: ("LiSi", "WangWu")}
    )
    tags: Mapping[int, tuple[str, ...]] = field(default_factory=lambda: {7: ("ZhangSan", "LiSi")})
    #: Members without a licence for the basic API.
    unlicensed: frozenset[str] = frozenset()
    #: The address that WeCom says it sees; None: the one that connects.
    client_ip: str | None = None
    #: Life of an access token, in seconds.
    token_life: float = 7200
    #: Accounts of the corporation: an application has 200 person-times a day for each.
    accounts: int = 500
    #: Wrong secrets in an hour after which an address is refused for an hour.
    wrong_secrets: int = 20
    #: Messages kept, oldest out first.
    max_messages: int = 1000
    #: Bytes of files kept, and of requests kept with the messages, oldest out first.
    max_file_bytes: int = 64 * 1024 * 1024
    switches: Switches = Switches()

    @property
    def app(self) -> App:
        """The first application."""
        return self.apps[0]

    @property
    def robot(self) -> Robot:
        """The first robot."""
        return self.robots[0]

    @property
    def bot(self) -> Bot:
        """The first bot."""
        return self.bots[0]
