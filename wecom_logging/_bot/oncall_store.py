"""The bot's store: what `stores.oncall` knows and does, in the bot's words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo

from wecom_logging._bot.store import App
from wecom_logging._model.links import Link
from wecom_logging._rendering import Language, Style, group_text
from wecom_logging._rendering.context import RenderContext
from wecom_logging._rendering.daily import daily_report
from wecom_logging._rendering.links import links_of
from wecom_logging._rendering.sections import Section
from wecom_logging._rendering.words import joined
from wecom_logging._stores.leases import FOR_GOOD
from wecom_logging._stores.marks import Act, Done, KnownGroup
from wecom_logging._stores.oncall import OnCall, Undone


class OnCallStore:
    """A `BotStore` on the store of a destination. From one thread at a time.

    Times in reports are those of `zone` (None: the machine's).
    """

    def __init__(
        self,
        store: OnCall,
        zone: tzinfo | None = None,
        links: tuple[Link, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._zone, self._links, self._clock = store, zone, links, clock

    # -- alerts ------------------------------------------------------------------------

    def groups(self) -> Sequence[KnownGroup]:
        return [group for app in self._store.known() for group in app.groups]

    def news(self, after: float) -> Sequence[KnownGroup]:
        return [
            group
            for app in self._store.known()
            if app.quiet_until is None
            for group in app.groups
            if (group.news_at or 0.0) > after and group.state != "over"
        ]

    def apps(self) -> Sequence[App]:
        return [App(*names) for names in self._store.apps()]

    def mark(self, act: Act, apps: Sequence[App] = ()) -> Done:
        for app in apps:
            self._store.mark(act, app)
        return Done() if apps else self._store.mark(act)

    def undo(self, act: Act, within: float) -> Undone | None:
        undone = self._store.undo(act, within)
        return undone and undone._replace(apps=tuple(App(*names) for names in undone.apps))

    def report(self, apps: Sequence[App], chinese: bool) -> str:
        known = [each for each in self._store.known() if App(each.app, each.environment) in apps]
        return daily_report(known, self._clock(), language=_language(chinese), zone=self._zone)

    def detail(self, group: str, chinese: bool) -> str:
        context = self._whole(group, chinese)
        return "" if context is None else group_text(context)

    def links(self, group: str, chinese: bool) -> Sequence[Link]:
        context = self._whole(group, chinese)
        # Not a section of its own: what is beyond the groups that are told apart has none.
        return [] if context is None else links_of(Section(context.digest.reports), context)

    def cause(self, group: str) -> str:
        context = self._whole(group, chinese=False)
        section = context and Section(context.digest.reports)
        return joined(": ", section.type, *section.why) if section and section.why else ""

    def _whole(self, group: str, chinese: bool) -> RenderContext | None:
        found = self._store.whole(group)
        if found is None:
            return None
        (app, environment), digest = found
        style = Style(app, environment, language=_language(chinese), timezone=self._zone)
        return RenderContext.of(digest, style._replace(links=self._links))

    def written(self) -> float | None:
        times = (app.written for app in self._store.known())
        return max((at for at in times if at is not None), default=None)

    def name(self) -> str:
        return self._store.name

    # -- notes -------------------------------------------------------------------------

    def read(self, key: str) -> str | None:
        return self._store.note("read", key)

    def write(self, key: str, value: str, seconds: float | None = None) -> None:
        self._store.note("write", key, value, FOR_GOOD if seconds is None else seconds)

    def erase(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._store.note("erase", key)

    def hold(self, key: str, owner: str, seconds: float) -> bool:
        return self._store.note("hold", key, owner, seconds) == owner

    def leave(self, key: str, owner: str) -> None:
        self._store.note("leave", key, owner)


def _language(chinese: bool) -> Language:
    return "zh" if chinese else "en"
