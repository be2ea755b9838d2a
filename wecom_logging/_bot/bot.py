"""The one who answers: who may say something, what it is about, and what comes of trouble.

What its methods return is to be sent. Nothing here raises: whatever a frame or the store
holds, the worst that comes of it is a line that says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import tzinfo

from wecom_logging._bot import commands
from wecom_logging._bot.card_handler import CardHandler, CardPolicy
from wecom_logging._bot.command_handler import CommandHandler, Request
from wecom_logging._bot.commands import Command
from wecom_logging._bot.frames import Callback, Entered, Message, Press
from wecom_logging._bot.outgoing import EVENT, Outgoing, answer, push
from wecom_logging._bot.pairing import Chat, Pairings, Scope
from wecom_logging._bot.rate_limits import RateLimits
from wecom_logging._bot.session import Answered
from wecom_logging._bot.store import App, BotStore
from wecom_logging._bot.texts import Texts, inert, shown
from wecom_logging._bot.users import Users
from wecom_logging._stores.protocol import StoreError

#: Seconds after which what happened is too old to be acted on, by WeCom's clock and ours.
LATE = 60.0
#: The errcode of a chat in which nobody has written to the bot yet.
NOT_OPEN = 93006
#: People who are remembered to have been asked for something.
_MOST_ASKED = 100


class Bot:
    """Answers whoever may ask. For one thread.

    It speaks Chinese, or not, where nobody has chosen a language by writing in it. `say` gets a
    line about each thing that was done, or went wrong.
    """

    def __init__(
        self,
        store: BotStore,
        users: Users,
        *,
        chinese: bool = False,
        zone: tzinfo | None = None,
        card_policy: CardPolicy = "news",
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._users = users
        self._texts = {
            None: Texts(chinese, zone),
            True: Texts(True, zone),
            False: Texts(False, zone),
        }
        self._say = say
        self._pairings = Pairings(store)
        self._rate_limits = RateLimits()
        #: Who was asked to write in private and has not done so yet.
        self._asked: deque[str] = deque(maxlen=_MOST_ASKED)
        #: Chats that were paired when we last looked: too many frames come to look each time.
        self._known: set[str] = set()
        self._command_handler = CommandHandler(store, self._announce, say)
        self._card_handler = CardHandler(store, card_policy, self._texts[None], say)

    def handle(self, event: Message | Press | Entered, now: float) -> list[Outgoing]:
        """What to send after something has happened in a chat."""
        alone = event.single and self._users.allowed(event.user, single=True)
        stranger = event.chat not in self._known and not alone
        if not self._rate_limits.take(event.chat, now, stranger=stranger):
            return self._too_many(event, now, stranger)
        try:
            if isinstance(event, Message):
                return self._written(event, now)
            return self._pressed(event, now) if isinstance(event, Press) else self._entered(event)
        except StoreError as error:
            self._say(f"the store is away: {shown(str(error))}")
            return self._instead(event, "store away")
        except Exception as error:
            # A bug of ours, or a store that holds nonsense: no chat may end us with it.
            self._unexpected(error)
            return self._instead(event, "trouble", kind=type(error).__name__)

    def answered(self, answered: Answered) -> list[Outgoing]:
        """What to send after WeCom has taken a frame, or not."""
        out = answered.about
        if not isinstance(out, Outgoing):
            return []
        if out.upload is not None:
            return self._command_handler.uploaded(out, out.upload, answered)
        if answered.errcode == 0:
            if out.asks and out.asks not in self._asked:
                self._asked.append(out.asks)
            return list(out.then)
        # Of somebody who has to write first, `otherwise` tells where it matters.
        if answered.errcode != NOT_OPEN or not out.otherwise:
            reason = "no answer" if answered.errcode is None else f"errcode {answered.errcode}"
            self._say(shown(f"{out.cmd} was not taken: {reason} {answered.errmsg}"))
        return list(out.otherwise)

    def poll(self, now: float) -> list[Outgoing]:
        """Cards for what is new. Called every few seconds while the bot is heard."""
        try:
            chats = self._pairings.chats()
            self._known = {chat.id for chat in chats}
            return self._card_handler.next_cards(chats, now)
        except StoreError:
            return []  # said when somebody asks for something
        except Exception as error:
            self._unexpected(error)
            return []

    # Messages.

    def _written(self, message: Message, now: float) -> list[Outgoing]:
        chat = self._pairings.find(message.chat)
        command = commands.parse(message.text, message.quote, name=chat.name if chat else "")
        texts = self._texts[command.chinese]
        if command.name == "pair":
            return [answer(message, self._pair(message, command, texts, now))]
        if message.single and command.name == "unknown" and message.user in self._asked:
            self._asked.remove(message.user)
            return [answer(message, texts.say("can send"))]
        chats = [chat] if chat else self._private(message)
        # Without a list a private chat cannot be paired either: that it is not is no help.
        listed = self._users.named or not message.single
        refusal = self._refusal(message, texts, now) if chats or not listed else ""
        if not chats and not refusal:
            at = "" if message.single else "@… "
            refusal = texts.say("how to pair", at=at)
        elif command.name == "unknown":
            refusal = refusal or texts.not_understood(command)
        elif command.name == "help":
            refusal = refusal or texts.help()
        if refusal:
            return [answer(message, refusal)]
        who = self._users.name(message.user)

        def covers(app: App) -> bool:
            return any(chat.scope.covers(app) for chat in chats)

        request = Request(message, command, texts, covers, who, now)
        return self._command_handler.handle(request)

    def _private(self, message: Message) -> list[Chat]:
        """Alone with somebody who is named, the bot speaks for whatever it is paired with."""
        alone = message.single and self._users.allowed(message.user, single=True)
        return self._pairings.chats() if alone else []

    def _refusal(self, event: Callback, texts: Texts, now: float) -> str:
        """Why this person, or this moment, is not listened to; "" if it is."""
        if not self._users.allowed(event.user, single=event.single):
            phrase = "not allowed" if self._users.named else "no list"
            return texts.say(phrase, user=inert(event.user, 64))
        if event.at is not None and now - event.at > LATE:
            return texts.say("late", at=texts.clock(event.at, now))
        return ""

    def _pair(self, message: Message, command: Command, texts: Texts, now: float) -> str:
        # Without a list nobody is allowed in private, and in a group whoever knows the code.
        refusal = self._refusal(message, texts, now)
        if refusal:
            return refusal
        scope = self._pairings.redeem(command.code, now) if command.code else None
        if scope is None:
            return texts.say("wrong code")
        called = commands.taught_name(message.text)
        chat = Chat(message.chat, scope, called, message.user, now, message.single)
        self._pairings.add(chat)
        self._card_handler.begin(chat, now)
        self._say(shown(f"paired with {message.chat} for {scope}, by {message.user}"))
        speaks_for = texts.say("all apps") if scope == Scope() else inert(str(scope), 200)
        return texts.say("paired", scope=speaks_for)

    def _announce(self, request: Request, line: str, apps: Sequence[App]) -> list[Outgoing]:
        """What was done in private, in the chats that are about these apps."""
        if not request.message.single:
            return []
        words = self._texts[None].say("from private", line=line)
        return [
            push(chat.id, words, single=chat.single)
            for chat in self._pairings.chats()
            if chat.id != request.message.chat and any(map(chat.scope.covers, apps))
            if self._rate_limits.take(chat.id, request.now)
        ]

    # Events.

    def _entered(self, event: Entered) -> list[Outgoing]:
        if self._pairings.find(event.chat) is None:
            return []
        body = {"msgtype": "text", "text": {"content": self._texts[None].say("welcome")}}
        return [Outgoing("aibot_respond_welcome_msg", body, event.req_id, EVENT)]

    def _pressed(self, press: Press, now: float) -> list[Outgoing]:
        chat = self._pairings.find(press.chat)
        if chat is None or not self._card_handler.has_button(press, chat):
            return []
        refusal = self._refusal(press, self._texts[None], now)
        if refusal:
            return [push(chat.id, refusal, single=chat.single)]
        return self._card_handler.handle_press(press, chat, self._users.name(press.user), now)

    def _too_many(self, event: Callback, now: float, stranger: bool) -> list[Outgoing]:
        """Who cannot be answered is not obeyed either, and is told so once in a minute."""
        if not self._rate_limits.take_notice("" if stranger else event.chat, now):
            return []
        where = "chats that are not paired" if stranger else event.chat
        self._say(shown(f"too many messages from {where}: nothing was done"))
        return [] if stranger else self._instead(event, "too many")

    def _instead(self, event: Callback, phrase: str, **fields: str) -> list[Outgoing]:
        words = self._texts[None].say(phrase, **fields)
        if isinstance(event, Message):
            return [answer(event, words)]
        return [push(event.chat, words, single=event.single)] if isinstance(event, Press) else []

    def _unexpected(self, error: Exception) -> None:
        self._say(shown(f"unexpected {type(error).__name__}: {error}"))
