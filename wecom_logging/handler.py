"""`WeComHandler`: counts each error in the line that logs it, and leaves the rest to a worker."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import finalize

from wecom_logging._capture import grouping
from wecom_logging._capture.keys import OTHER_KEYS, Key
from wecom_logging._capture.once import on_the_way, seen_at
from wecom_logging._capture.sanitize import sanitized
from wecom_logging._capture.tally import GroupSeed, PerSecond, Tally
from wecom_logging._capture.variety import Tallies
from wecom_logging._config.advice import refuse_unknown, warn_of_limits
from wecom_logging._config.defaults import process_start
from wecom_logging._config.options import OPTIONS, Options, read_options
from wecom_logging._config.validators import level_number
from wecom_logging._runtime import fork, shutdown
from wecom_logging._runtime.diagnostics import speak, warn_rarely
from wecom_logging._runtime.echo_guard import DELIVERING
from wecom_logging._runtime.native import monotonic
from wecom_logging.errors import ConfigurationError
from wecom_logging.stats import Stats

if TYPE_CHECKING:
    from wecom_logging._model.digest import Event
    from wecom_logging._senders.protocol import Sender
    from wecom_logging._worker.components import Components
    from wecom_logging._worker.worker import Worker

#: Per second, over all groups: samples, and errors searched for something new (5 to 10 µs each).
SAMPLES_PER_SECOND, LOOKS_PER_SECOND = 50, 1000


class WeComHandler(logging.Handler):
    """Reports errors to people in WeCom: once, at once and in full.

    Each record is counted where it is logged, by one atomic step. A background thread
    groups, schedules and delivers: a new kind of error at once, a storm as one message and
    then one after each pause, with exact counts. While WeCom is down everything stays
    pending; afterwards one overview reports it. `emit` waits for nothing and never raises.

    Threads may log at any time. A forked child starts with an empty account, its own
    thread and connection; what is pending stays the parent's. At exit what is new or due is
    delivered within `close_timeout`, and what could not be is said on stderr; the rest waits
    in the store for the next process, or is delivered as well where the store is memory.

    Every option but `level`, `sender`, `fingerprint` and `processors` can come from the
    environment as `WECOM_<OPTION>`; an argument wins. Durations are in seconds.

    Args:
        level: The lowest level that is reported.
        webhook_key: A group robot: the key or its whole URL.
        corpid: An application, with `corpsecret`, `agentid` and recipients.
        corpsecret: The application's Secret.
        agentid: The application's AgentId, an int or digits.
        touser: User ids as "a|b" or a list; "@all" for everybody who sees the app. At most 1000
            (WeCom API document 90236).
        toparty: Ids of parties as "2|3" or a list, at most 100.
        totag: Ids of tags as "2|3" or a list, at most 100.
        app: Name of the program, shown in the headline. Default: `OTEL_SERVICE_NAME`, the package
            of `DJANGO_SETTINGS_MODULE`, the program's or the directory's name.
        environment: Like "prod"; shown in the headline.
        release: Version of the program, shown in each message. Default: `SENTRY_RELEASE`,
            `GIT_SHA`, `service.version` of `OTEL_RESOURCE_ATTRIBUTES`.
        language: Language of the labels in messages: "en", "zh".
        store: Where groups, counts, schedule, budget and token live. "auto": a SQLite file of this
            host and user, or memory where no private directory can be had; "memory";
            "sqlite:///relative", "sqlite:////absolute"; "redis://…", "rediss://…" for many hosts.
        sender: An object that implements the `Sender` protocol, in place of a destination.
        enabled: True: no destination is an error. False: off and silent. Default: off without a
            destination, and said once.
        api_base: Scheme, host, port and prefix of a private deployment, gateway or simulator.
        timeout: Seconds to connect and to read, (3, 8).
        proxies: As requests takes them; default: those of the environment.
        host: Name of this host in messages.
        timezone: Zone name for the times in messages; default: the local zone.
        group_wait: How long a new kind of error waits for others to share its message, 1.0.
            CRITICAL does not wait.
        group_interval: Shortest time between two messages with news, 15.0. Not for CRITICAL.
        repeat_intervals: Pauses between messages about what goes on, (60, 300, 900, 3600).
        quiet_after: A group is over after so long without errors, 600.
        forget_after: A group is forgotten after so long without errors, 90000.
        quiet_hours: Hours in which only what cannot wait is sent: CRITICAL, and a new kind with 100
            errors in five minutes. "22:00-08:00", "Mon-Fri 22:00-08:00", "Sat,Sun", or a list of
            such, in `timezone` (in the environment with ";" between); one overview at their end.
        recovery: How it is reported that a group is over. "auto": in a message of its own if it
            was CRITICAL or reported at least twice, else in the next message; "always": in one of
            its own; "fold": in the next message; "off": not at all.
        rate_limit: (attempts, seconds) windows, ((18, 60), (900, 3600)). WeCom takes 20 a minute
            from a robot (document 91770), 30 a minute and 1000 an hour from an application to a
            member (document 90312), and drops the rest in silence.
        max_groups: Groups kept apart at once, 1000; errors beyond are counted as "others". A line
            of code makes at most ten groups of values that change and a hundred of constant texts;
            a tenth of all is kept for lines that have none.
        fingerprint: Called with each record; returns what tells groups apart.
        processors: structlog processors, run on each captured event before the redaction.
        redact: What is masked. True: secrets and personal data; "secrets"; False: nothing. A
            mapping is True with changes: {"names": [...], "patterns": [...]} are masked as well,
            the names in {"keep": [...]} are not.
        uncaught: Also report uncaught exceptions of the program and its threads.
        show_source: Show source lines.
        show_locals: Show local variables of the application's own frames; redacted.
        msgtype: "markdown", or "text" for people who read inside WeChat; robots also "markdown_v2".
            "card": a template card with the count as a figure; it needs `links`, a tap opens the
            first of them, up to three more stand below; the whole report follows as a file.
        links: What a group leads to, by name, or one URL: templates with the fields {id}, {logger},
            {type}, {request_id}, {trace_id}, {from} and {to}, the last two in epoch milliseconds. A
            link whose field has no value is left out. A mini-program, {"appid": …, "pagepath": …},
            is shown where cards are. extra={"runbook": "https://…"} adds one.
        link: Deprecated, goes with 0.3: one URL for `links`.
        attach: Send the whole report as a file with a new or CRITICAL group whose own frames did
            not fit, or when kinds were left out; six an hour at most.
        mention: Robots only: user ids, mobile numbers or "@all" to mention for a new group, and
            again for one that has gone on for 15 minutes and nobody has taken. A mapping mentions
            the owner: {"pay/": "zhangsan", "orders.*": ["lisi"], "*": "@all"}, by the place as the
            message shows it, or the logger; the longest match. The second time everybody in the
            mapping is mentioned.
        mention_level: The lowest level that is worth a mention: CRITICAL, with a mapping of owners
            ERROR.
        fallback: Where errors go that the destination refuses until its set-up is mended, or has
            not accepted for `fallback_after` seconds: another destination as a mapping of its
            options, or a logging.Handler, as an object or in dictConfig by its name,
            `cfg://handlers.mail_admins`.
        fallback_after: How long the destination must have accepted nothing, 300.
        breadcrumbs: How many earlier records of the same request, task or thread to show with an
            error, 0. The loggers must let them through. `level` and `setLevel` stay the level of
            alerts (`alert_level`); the level that logging sees becomes the lower one of both.
        breadcrumb_level: The lowest level of these, INFO.
        close_timeout: How long flush, close and exit may take to deliver, 5.0.

    Raises:
        ConfigurationError: An option has a value that cannot work. The constructor touches
            no network, makes no file and starts no thread.
    """

    level: int

    #: True for a handler that is attached to no logger: its owner calls `handle`.
    standalone = False

    def __init__(
        self,
        level: int | str = "ERROR",
        *,
        webhook_key: str | None = None,
        corpid: str | None = None,
        corpsecret: str | None = None,
        agentid: int | str | None = None,
        touser: str | Sequence[str] | None = None,
        toparty: str | Sequence[str | int] | None = None,
        totag: str | Sequence[str | int] | None = None,
        app: str | None = None,
        environment: str | None = None,
        release: str | None = None,
        language: str | None = None,
        store: str | None = None,
        sender: Sender | None = None,
        enabled: bool | None = None,
        api_base: str | None = None,
        timeout: float | Sequence[float] | None = None,
        proxies: Mapping[str, str] | None = None,
        host: str | None = None,
        timezone: str | None = None,
        group_wait: float | None = None,
        group_interval: float | None = None,
        repeat_intervals: Sequence[float] | None = None,
        quiet_after: float | None = None,
        forget_after: float | None = None,
        quiet_hours: str | Sequence[str] | None = None,
        recovery: str | None = None,
        rate_limit: Sequence[Sequence[float]] | None = None,
        max_groups: int | None = None,
        fingerprint: Callable[[logging.LogRecord], Hashable] | None = None,
        processors: Sequence[Callable[[Any, str, Any], Any]] | None = None,
        redact: bool | str | Mapping[str, Sequence[str]] | None = None,
        uncaught: bool | None = None,
        show_source: bool | None = None,
        show_locals: bool | None = None,
        msgtype: str | None = None,
        links: str | Mapping[str, str | Mapping[str, str]] | None = None,
        link: str | None = None,
        attach: bool | None = None,
        mention: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
        mention_level: int | str | None = None,
        fallback: Mapping[str, Any] | logging.Handler | None = None,
        fallback_after: float | None = None,
        breadcrumbs: int | None = None,
        breadcrumb_level: int | str | None = None,
        close_timeout: float | None = None,
    ) -> None:
        arguments = {k: v for k, v in locals().items() if k not in ("self", "level", "__class__")}
        # Everything that can fail comes before `Handler.__init__`: a half-made handler is
        # called again by `logging.shutdown`, after the message that mattered.
        self._set_up(read_options(arguments), level_number(level, "level"))

    def __new__(cls, *_: Any, **options: Any) -> WeComHandler:
        if cls.__init__ is WeComHandler.__init__:  # a subclass may have options of its own
            refuse_unknown(options, ("level", *OPTIONS))
        return super().__new__(cls)

    # `inspect`, `help` and editors show what the constructor takes.
    __new__.__wrapped__ = __init__  # type: ignore[attr-defined]  # for `inspect`

    @classmethod
    def of(cls, options: Options, level: int = logging.ERROR) -> WeComHandler:
        """A handler with options that were gathered elsewhere. For our commands alone."""
        handler = cls.__new__(cls)
        handler._set_up(options, level)
        return handler

    def _set_up(self, options: Options, number: int) -> None:
        components = _components(options)
        warn_of_limits(options)
        super().__init__(number)
        #: Whether there is a destination. A handler that is off ignores every record.
        self.enabled: bool = components is not None
        self._options = options
        #: What messages call the program, and where it runs ("" if nobody has said).
        self.app: str = options.app
        self.environment: str = options.environment
        #: The lowest level that is reported.
        self.alert_level: int = number
        if components is None:
            self.handle = lambda record: False  # type: ignore[method-assign]  # no destination
            return
        self._components: Components = components
        #: Where a record is one error, by however many ways it comes there.
        self._place = (components.sender.destination, options.app, options.environment)
        self._fingerprint: Callable[[logging.LogRecord], Any] = grouping.fingerprint
        if options.fingerprint is not None:
            self._fingerprint = _chosen(options.fingerprint)
        self._begin()
        shutdown.register_handler(self)
        if options.uncaught:
            from wecom_logging._capture import uncaught as hooks

            self._fingerprint = hooks.marking(self._fingerprint)
            hooks.report_to(self)
        if options.breadcrumbs:
            self._lay_breadcrumbs()
        from wecom_logging.contrib import celery

        celery.stay(self)

    def _lay_breadcrumbs(self) -> None:
        from wecom_logging import contrib
        from wecom_logging._capture import breadcrumbs

        self._leave = breadcrumbs.leave
        contrib.watch_beginnings(breadcrumbs.begin)
        # Chosen here, so that it costs nothing where it is off.
        self.emit = self._emit_and_remember  # type: ignore[method-assign]  # see above
        self.setLevel(self.alert_level)

    def _begin(self) -> None:
        """An empty account and a worker of this process."""
        from wecom_logging._worker.worker import Worker

        self._tallies = Tallies(self._options.max_groups)
        self._known: dict[Key, Tally] = self._tallies.known
        # For records that cannot be told apart: counted by a call into C, which works even
        # where the stack is used up.
        self._unknown = self._known[OTHER_KEYS[0]] = Tally(GroupSeed(_NOBODY, OTHER_KEYS[0]))
        self._capturing: set[int] = set()
        self._rousing = self._tallies.rousing
        self._samples = PerSecond(SAMPLES_PER_SECOND)
        self._looks = PerSecond(LOOKS_PER_SECOND)
        self._pid = os.getpid()
        self._worker: Worker = Worker(self._components, self._tallies)
        # A handler that is dropped without `close` has its errors delivered all the same.
        finalize(self, self._worker.close).atexit = False

    # -- the line that logs ------------------------------------------------------------

    def handle(self, record: logging.LogRecord) -> bool:
        """Count a record, without the handler's lock: many threads would queue up at it.

        The level is checked here as well, because by default a QueueListener does not.
        """
        try:
            if record.levelno < self.level:
                return False
        except Exception:  # made by hand: a word, or nothing
            record = sanitized(record)
            if record.levelno < self.level:
                return False
        if self.filters:
            passed = self.filter(record)
            if not passed:
                return False
            if isinstance(passed, logging.LogRecord):  # since 3.12
                record = passed
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record: a fingerprint, a look-up, one atomic step."""
        if DELIVERING and self._is_echo(record):
            return  # what the delivery itself logs would become an alert about an alert
        try:
            key = self._fingerprint(record)
            tally = self._known.get(key)
            if tally is None:
                tally = self._first_seen(key, record)
        except RecursionError:
            tally = self._unknown
        except Exception:  # a fingerprint's own `__eq__`, a record with odd attributes …
            tally = self._tally_of_sanitized(record)
        next(tally)
        if tally.needs_wakeup:
            try:
                self._notify_worker(tally, record)
            except RecursionError:
                pass  # not even that call fits on the stack; it is counted

    def _first_seen(self, key: Key, record: logging.LogRecord) -> Tally:
        """The tally of an error of a kind that is not known."""
        if grouping.learn(record):
            key = self._fingerprint(record)
        return self._tallies.add(key, record)

    def _tally_of_sanitized(self, record: logging.LogRecord) -> Tally:
        """The tally of a record that cannot be told apart as it is."""
        try:
            record = sanitized(record)
            key = self._fingerprint(record)
            return self._known.get(key) or self._first_seen(key, record)
        except Exception:
            return self._unknown

    def handle_once(self, record: logging.LogRecord) -> bool:
        """`handle` where a record may arrive by several ways: the first to take it counts it."""
        seen = seen_at(self._place)
        if record in seen:
            return False
        passed = type(self).handle(self, record)
        if passed:
            seen.add(record)
        return passed

    def _look_for_other_ways(self, record: logging.LogRecord) -> None:
        """Whether this record will come here again, or to a handler of the same place. Looked
        for when a group has slept, so that it costs nothing where each record comes once."""
        ours = [each for each in on_the_way(record.name) if isinstance(each, WeComHandler)]
        ways = [each for each in ours if each.enabled and each._place == self._place]
        if len(ways) > 1:
            seen_at(self._place).add(record)
            for handler in ways:
                handler.handle = handler.handle_once  # type: ignore[method-assign]  # for good

    def _emit_and_remember(self, record: logging.LogRecord) -> None:
        """`emit` where breadcrumbs are on: also records below the alert level come here."""
        if record.levelno >= self.alert_level:
            type(self).emit(self, record)
        try:
            self._leave(record, self._options.breadcrumbs)
        except Exception:
            pass  # the stack is used up; what matters has been counted

    def _is_echo(self, record: logging.LogRecord) -> bool:
        """Whether a delivering thread of this process logs. A record that came from another
        process, by a queue or socket, may bear the same thread id."""
        thread = record.thread or threading.get_ident()
        return thread in DELIVERING and (record.process is None or record.process == self._pid)

    def _notify_worker(self, tally: Tally, record: logging.LogRecord) -> None:
        """The first error of a group since the worker has looked: capture it and wake the worker.
        Or one of the next, which may say something new."""
        try:
            if os.getpid() != self._pid:  # a fork that Python's hooks did not see (uWSGI)
                fork.notice()
                type(self).emit(self, record)
                return
            if tally.roused:
                self._look(tally, record)
                return
            # Of several threads that come here at once one captures and then wakes the worker:
            # `setdefault` is atomic.
            me = threading.get_ident()
            if self._rousing.setdefault(tally, me) != me:
                return
            try:
                tally.roused = True
                if "handle" not in self.__dict__:
                    self._look_for_other_ways(record)
                sample = self._sample(tally, record, in_turn=True)
            finally:
                # Before the wake-up: whoever finds the entry relies on one that is yet to come.
                self._rousing.pop(tally, None)
            if not self._worker.notify(tally, sample):
                tally.roused = False  # no thread is to be had: the next error tries again
        except Exception:
            tally.roused = False
        except BaseException:  # of a signal handler, as Ctrl-C: it goes on
            tally.roused = False
            raise

    def _look(self, tally: Tally, record: logging.LogRecord) -> None:
        """An error that the worker will read anyway: told out of turn if it says something new."""
        self._tallies.come_again(tally, record)
        if tally.looks <= 0 or not self._looks.take(monotonic()):
            # The first one after the worker has read it is looked at again.
            tally.needs_wakeup = False
            if not tally.roused:  # it has read it meanwhile: the next error wakes it again
                tally.needs_wakeup = True
            return
        tally.looks -= 1
        if sample := self._sample(tally, record, in_turn=False):
            self._worker.notify(tally, sample)

    def _sample(self, tally: Tally, record: logging.LogRecord, *, in_turn: bool) -> Event | None:
        """A captured event, if one is wanted: in its turn, or because it says something new."""
        new = self._says_something_new(tally, record)
        now = monotonic()
        if in_turn and now >= tally.sample_at:
            # Of a new group, and after a message, there is one in any case.
            return self._capture(tally, record, now, in_any_case=not tally.sample_at)
        if not new or tally.turns <= 0:
            return None
        tally.turns -= 1
        return self._capture(tally, record, now, in_any_case=True)

    def _says_something_new(self, tally: Tally, record: logging.LogRecord) -> bool:
        try:
            crowd = tally.origin.is_crowd
            said = hash(self._fingerprint(record)) if crowd else self._components.said(record)
            return tally.is_new(said, monotonic())
        except Exception:
            return False

    def _capture(
        self, tally: Tally, record: logging.LogRecord, now: float, *, in_any_case: bool
    ) -> Event | None:
        """A whole event, so many a second; a glimpse of what there is no time for."""
        thread = threading.get_ident()
        if thread in self._capturing:
            return None  # logged by a `__str__` that we have called: counted, not captured
        capture = self._components.capture
        if not self._samples.take(now):
            if not in_any_case:
                return None
            capture = self._components.glimpse
        tally.sampled(now)
        self._capturing.add(thread)
        try:
            try:
                return capture(record, self.formatter)
            except Exception:
                return capture(sanitized(record), self.formatter)
        except Exception:
            return None  # told without texts
        finally:
            self._capturing.discard(thread)

    # -- for everybody -----------------------------------------------------------------

    def setLevel(self, level: int | str) -> None:  # noqa: N802 - logging's own name
        """Set the level of alerts. With breadcrumbs, logging sees the lower one of both."""
        super().setLevel(level)
        self.alert_level = self.level
        if self.enabled and self._options.breadcrumbs:
            self.level = min(self.level, self._options.breadcrumb_level)

    def tell_tasks_apart(self) -> None:
        """In a Celery worker: a group for each failed task."""
        from wecom_logging.contrib.celery import per_task

        self._fingerprint = per_task(self._fingerprint)

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # it says more
        """Send everything that is pending now, due or not, within the rate limit.

        Waits up to `timeout` seconds (None: `close_timeout`), but never while the calling
        thread owns logging's module lock, as in `dictConfig`.

        Returns:
            Whether nothing is pending any more, but for what is silenced or held back by quiet.
        """
        if not self.enabled or not (self._worker.has_work() or self._worker.cycle.may_find()):
            return True
        return self._flush(self._options.close_timeout if timeout is None else timeout)

    def end_job(self, record: logging.LogRecord) -> None:
        """The group of a record is over, which is told if a failure was. For `jobs` alone."""
        key = self._fingerprint(record)
        tally = self._known.get(key) or self._tallies.add(key, record)
        if tally.origin.key == key:  # and not beyond `max_groups`
            self._worker.end_group(tally)

    def _flush(self, timeout: float, *, leaving: bool = False) -> bool:
        worker = self._worker
        if owns_logging_lock():
            worker.wake()
            return worker.is_done()
        if not shutdown.exiting.begun:
            return worker.wait(worker.request_flush(monotonic() + timeout, leaving=leaving))
        with shutdown.exiting.waiting():
            worker.wait(worker.request_flush(monotonic() + shutdown.exiting.left(timeout)))
        return worker.is_done()

    def close(self) -> None:
        """Deliver what is pending, within `close_timeout`, and end the thread.

        A handler that is closed and still attached goes on as if it had not been: uvicorn
        and Celery close handlers that they did not make.
        """
        self._close()

    def close_after_job(self) -> None:
        """As `close`, but what is not due yet is left to the next process, if the store keeps it.

        For a job whose process ends without exit hooks, as RQ's do; `alerts` and `on_failure`
        do it themselves. Without a store that outlives the process everything is delivered.
        """
        self._close(leaving=True)

    def _close(self, *, leaving: bool = False) -> None:
        if self.enabled:
            timeout = self._options.close_timeout
            delivered = not self._worker.has_work() or self._flush(timeout, leaving=leaving)
            self._worker.close()
            if shutdown.exiting.begun and not owns_logging_lock():
                if not delivered:
                    shutdown.declare_lost(self._worker)
                if shutdown.exiting.last_call:
                    self._worker.end()
        super().close()

    def stats(self) -> Stats:
        """This handler's account, in one consistent reading, without I/O."""
        return self._worker.cycle.stats() if self.enabled else Stats()

    def after_fork(self) -> None:
        """In a forked child: the parent's errors, thread, locks and connection are its own."""
        if self.enabled:
            self._begin()

    def look_for_children(self) -> None:
        """At the exit of a process that had children: look for what they left in the store."""
        if self.enabled and self._worker.cycle.may_find():
            shutdown.register_worker(self._worker)

    def __repr__(self) -> str:
        name = self._components.sender.destination if self.enabled else "off"
        return f"<{type(self).__name__} {name} ({logging.getLevelName(self.level)})>"


def owns_logging_lock() -> bool:
    """Whether this thread is inside `dictConfig`, `basicConfig(force=True)` and the like.

    They flush and close handlers while they hold logging's module lock, which the worker needs
    whenever its HTTP library logs: waiting for it there would be a deadlock.
    """
    lock = getattr(logging, "_lock", None)
    is_owned = getattr(lock, "_is_owned", None)
    return True if is_owned is None else bool(is_owned())


def _components(options: Options) -> Components | None:
    """What the worker needs; None if the handler is off. Imports all that it will use."""
    if options.enabled is False:
        return None
    speak(options.language)
    if not options.kind:
        if options.enabled:
            raise ConfigurationError(
                "enabled",
                "True, but there is no destination: set webhook_key, or corpid, corpsecret"
                " and agentid",
            )
        warn_rarely(
            "off",
            "no destination (webhook_key, or corpid, corpsecret and agentid), so no alerts;"
            " enabled=False says that this is meant",
            once=True,
        )
        return None
    from wecom_logging._worker.components import make_components

    return make_components(options, process_start())


def _chosen(choose: Callable[[logging.LogRecord], Hashable]) -> Callable[[logging.LogRecord], Any]:
    """The user's fingerprint; the built-in one where that fails or a record has its own."""

    def fingerprint(record: logging.LogRecord) -> Any:
        if "fingerprint" in record.__dict__:
            return grouping.fingerprint(record)
        try:
            return grouping.explicit(choose(record), record)
        except Exception:
            return grouping.fingerprint(record)

    return fingerprint


# Not by the application's record factory, which may not expect it.
_NOBODY = logging.LogRecord("", logging.ERROR, "", 0, "", (), None)
