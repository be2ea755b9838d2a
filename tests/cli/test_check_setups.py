"""`wecom-logging check` as a deployment gate: sound and broken set-ups, each with its verdict.

Where the advice is a line to change in the configuration, it is followed word by word, and the
set-up is checked again.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from wecom_logging.simulator import Simulator

Steps = dict[str, dict[str, Any]]

PROGRAM = """
import logging
{before}
LOGGING = {config!r}
{after}
"""

CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"long": {"format": "An error has happened in the shop; look: %(message)s"}},
    "filters": {},
    "handlers": {
        "console": {"class": "logging.StreamHandler"},
        "wecom": {"class": "wecom_logging.WeComHandler", "level": "ERROR"},
    },
    "loggers": {},
    "root": {"handlers": ["console", "wecom"], "level": "INFO"},
}  # fmt: skip

QUEUE = {"class": "logging.handlers.QueueHandler", "queue": {"()": "queue.Queue"}}
IN_MASTER = {"gunicorn.conf.py": "from shop_settings import LOGGING as logconfig_dict"}
EXAMPLE = Path(__file__).parents[2] / "examples" / "gunicorn_conf.py"
IN_EXAMPLE = {"gunicorn.conf.py": EXAMPLE.read_text("utf-8")}
#: The example's file, with the workers told in it or by `check`'s option.
IN_MASTER_TOO = IN_EXAMPLE["gunicorn.conf.py"]
UVICORNS_WORKERS = ("--server", "uvicorn")
UVICORNS = 'worker_class = "uvicorn_worker.UvicornWorker"\n'
PRELOADED = "preload_app = True\n"
BOTH = {"handlers": ["console", "wecom"]}
ALONE = {**BOTH, "propagate": False}
QUEUE_IMPORTS = """
import logging.config, logging.handlers, queue
from wecom_logging import WeComHandler
"""
MODULE_LOGGER = "log = logging.getLogger('shop.db')"


def config(**changes: Any) -> dict[str, Any]:
    """The sound configuration, with some of its entries merged with others."""
    return merged(CONFIG, changes)


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(old)
    for key, value in new.items():
        inner = isinstance(value, dict) and isinstance(old.get(key), dict)
        both[key] = merged(old[key], value) if inner else value
    return both


@dataclass(frozen=True)
class Setup:
    """A program, and what is said of it: "sound", or the step that names what is wrong."""

    name: str
    verdict: str = "sound"
    status: str = "failed"
    said: str = ""
    advice: str = ""
    config: dict[str, Any] = field(default_factory=config)
    before: str = MODULE_LOGGER
    after: str = ""
    spec: str = "shop_settings:LOGGING"
    arguments: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    #: A program in which the advice was followed, where it is about code.
    mended: Mapping[str, Any] | None = None
    needs: str = ""
    since: tuple[int, int] = (3, 10)

    def __str__(self) -> str:
        return self.name


STRUCTLOG = """
import structlog
structlog.configure(
    processors=[{more}structlog.dev.ConsoleRenderer()], logger_factory={factory}())
"""
IN_CODE = "logging.config.dictConfig(LOGGING)\n"

SOUND = [
    Setup("a root handler"),
    Setup("gunicorn and uvicorn are installed, and not used", needs="gunicorn"),
    Setup("loggers of libraries that are kept quiet",
          config=config(loggers={"urllib3": {"propagate": False},
                                 "asyncio": {"level": "CRITICAL"}})),
    Setup("a handler on the package's logger alone, and on root",
          config=config(loggers={"shop": {"handlers": ["wecom"], "propagate": False}})),
    Setup("gunicorn with its logger propagating", arguments=("--server", "gunicorn"),
          config=config(loggers={"gunicorn.error": {"propagate": True}}), after="",
          files={"gunicorn.conf.py": "preload_app = True"}),
    Setup("gunicorn with the configuration in its master",
          files=IN_MASTER,
          config=config(loggers={"gunicorn.error": {"propagate": True}})),
    Setup("gunicorn with the example's configuration in its master", files=IN_EXAMPLE),
    Setup("uvicorn with the handler in its logger", arguments=("--server", "uvicorn"),
          config=config(loggers={"uvicorn.error": {"handlers": ["wecom"]}})),
    Setup("uvicorn with the handler beside a console",
          config=config(loggers={"uvicorn": {"handlers": ["console", "wecom"]}})),
    Setup("uvicorn through root, which has a console",
          config=config(loggers={"uvicorn": {"propagate": True}})),
    Setup("uvicorn's workers with a console under gunicorn", files=IN_EXAMPLE,
          config=config(loggers={"uvicorn.error": {"handlers": ["console", "wecom"]}})),
    Setup("uvicorn's workers through root under gunicorn", files=IN_EXAMPLE,
          config=config(loggers={"uvicorn": {"propagate": True},
                                 "uvicorn.error": {"propagate": True}})),
    *(Setup(f"uvicorn's workers with {name}{' that are preloaded' * bool(conf)}",
            arguments=UVICORNS_WORKERS, files={"gunicorn.conf.py": IN_MASTER_TOO + conf},
            config=config(loggers=loggers))
      for name, conf, loggers in [
          ("the handler at gunicorn", "", {"gunicorn.error": ALONE}),
          ("the handler at gunicorn", PRELOADED, {"gunicorn.error": ALONE}),
          ("uvicorn named", "", {"uvicorn": {"level": "INFO"}}),
          ("propagation", "", {"uvicorn.error": {"propagate": True}}),
      ]),
    Setup("no console at all, and no server",
          config=config(root={"handlers": ["wecom"]})),
    Setup("a logger that is not meant to alert", arguments=("--except", "audit"),
          config=config(loggers={"audit": {"handlers": ["console"], "propagate": False},
                                 "audit.login": {"level": "INFO"}})),
    Setup("configured when imported", spec="shop_settings", before="import logging.config",
          after=IN_CODE + MODULE_LOGGER),
    Setup("configured by a function", spec="shop_settings:configure()",
          before="import logging.config", after=f"def configure():\n    {IN_CODE}"),
    Setup("a queue whose listener runs", spec="shop_settings:configure()", config=config(root={}),
          before=QUEUE_IMPORTS,
          after="""
def configure():
    records = queue.Queue()
    logging.getLogger().addHandler(logging.handlers.QueueHandler(records))
    global listener
    listener = logging.handlers.QueueListener(records, WeComHandler())
    listener.start()
"""),
    Setup("install()", spec="shop_settings", after="import wecom_logging\nwecom_logging.install()"),
    Setup("a buffer in front", config=config(
        handlers={"buffer": {"class": "logging.handlers.MemoryHandler", "capacity": 10,
                             "target": "wecom"}},
        root={"handlers": ["buffer"]})),
    Setup("structlog over logging",
          before=STRUCTLOG.format(more="", factory="structlog.stdlib.LoggerFactory")),
    Setup("structlog that prints, with the processor",
          before="import wecom_logging" + STRUCTLOG.format(
              more="wecom_logging.structlog_processor(), ",
              factory="structlog.PrintLoggerFactory")),
    Setup("loguru with the handler as a sink", spec="shop_settings", needs="loguru",
          before="from loguru import logger\nfrom wecom_logging import WeComHandler",
          after='logger.add(WeComHandler(), level="ERROR", format="{message}")'),
    Setup("structlog alone, as the README has it", spec="shop_settings",
          before="import wecom_logging" + STRUCTLOG.format(
              more="wecom_logging.structlog_processor(), ",
              factory="structlog.PrintLoggerFactory"),
          after="del LOGGING"),
    Setup("loguru alone", spec="shop_settings", needs="loguru",
          before="from loguru import logger\nfrom wecom_logging import WeComHandler",
          after='logger.add(WeComHandler(), level="ERROR", format="{message}")\ndel LOGGING'),
    Setup("one package that is meant to alert", arguments=("--except", "root"),
          config=config(root={"handlers": ["console"]}, loggers={"shop": BOTH})),
    Setup("a program that prints while it is loaded", before="print('starting')"),
    Setup("a console on stdout", config=config(
        handlers={"console": {"stream": "ext://sys.stdout"}})),
]  # fmt: skip

BROKEN = [
    Setup("a logger that does not propagate", "shop", said="end at 'shop'",
          config=config(loggers={"shop": {"propagate": False}})),
    Setup("one with a console of its own", "shop", said="end at 'shop'",
          config=config(loggers={"shop": {"handlers": ["console"], "propagate": False}})),
    Setup("one that the program keeps apart in code", "shop", advice="does this in code",
          spec="shop_settings", before="import logging.config",
          config=config(loggers={"shop": {"level": "INFO"}}),
          after=IN_CODE + "logging.getLogger('shop').propagate = False", mended={"after": IN_CODE}),
    Setup("loggers disabled by the configuration", "shop.db", said="disables it",
          config=config(disable_existing_loggers=True)),
    Setup("a level on a logger", "shop.db", said="the level of 'shop' is CRITICAL",
          config=config(loggers={"shop": {"level": "CRITICAL"}})),
    Setup("a level on root", "root", said="the level of root is CRITICAL",
          config=config(root={"level": "CRITICAL"})),
    Setup("a level on the handler", "root", said="level of the handler 'wecom'",
          config=config(handlers={"wecom": {"level": "CRITICAL"}})),
    Setup("a handler that hangs nowhere", "root", said="no WeComHandler",
          config=config(root={"handlers": ["console"]})),
    Setup("a filter", "root", said="a filter of the handler 'wecom'",
          config=config(filters={"others": {"name": "elsewhere"}},
                        handlers={"wecom": {"filters": ["others"]}})),
    Setup("a filter that raises", "root", said="raises ZeroDivisionError",
          before="class Broken:\n    def filter(self, record):\n        return 1 / 0\n",
          config=config(filters={"broken": {"()": "shop_settings.Broken"}},
                        handlers={"wecom": {"filters": ["broken"]}}), mended={"config": CONFIG}),
    Setup("logging switched off", "root", said="logging.disable() is in force",
          before=MODULE_LOGGER + "\nlogging.disable()", mended={"before": MODULE_LOGGER}),
    Setup("a queue without a listener", "root", said="nobody takes records",
          before="import logging.handlers, queue",
          config=config(handlers={"queue": {**QUEUE, "class": "shop_settings.Queue"}},
                        root={"handlers": ["queue"]}),
          after="class Queue(logging.handlers.QueueHandler):\n    def __init__(self, queue):\n"
                "        super().__init__(__import__('queue').Queue())",
          mended={"config": CONFIG}),
    Setup("a listener that nobody started", "root", said="is not started",
          spec="shop_settings:configure()",
          before=QUEUE_IMPORTS,
          after="""
def configure():
    records = queue.Queue()
    handler = logging.handlers.QueueHandler(records)
    handler.set_name("queue")
    logging.getLogger().addHandler(handler)
    global listener
    listener = logging.handlers.QueueListener(records, WeComHandler())
""",
          mended={"after": """
def configure():
    records = queue.Queue()
    handler = logging.handlers.QueueHandler(records)
    handler.set_name("queue")
    logging.getLogger().addHandler(handler)
    global listener
    listener = logging.handlers.QueueListener(records, WeComHandler())
    listener.start()
"""}),
    Setup("a listener of dictConfig that nobody started", "root", said="is not started",
          before="import logging.config", spec="shop_settings:configure()", since=(3, 12),
          config=config(handlers={"queue": {"class": "logging.handlers.QueueHandler",
                                            "handlers": ["wecom"]}},
                        root={"handlers": ["console", "queue"]}),
          after=f"def configure():\n    {IN_CODE}",
          mended={"after": f"def configure():\n    {IN_CODE}    "
                           'logging.getHandlerByName("queue").listener.start()\n'}),
    Setup("the handler in two places", "handler wecom", status="warning", said="twice",
          config=config(loggers={"shop": {"handlers": ["wecom"]}})),
    Setup("a formatter with everything before the message", "formatter", status="warning",
          said="pushes the message out",
          config=config(handlers={"wecom": {"formatter": "long"}})),
    Setup("gunicorn", "gunicorn.error", said="end at 'gunicorn.error'",
          arguments=("--server", "gunicorn"), files={"gunicorn.conf.py": "preload_app = True"}),
    Setup("gunicorn whose master is not configured", "gunicorn's master", status="warning",
          said="does not load the application", arguments=("--server", "gunicorn"),
          config=config(loggers={"gunicorn.error": {"propagate": True}}),
          mended={"files": IN_MASTER}),
    Setup("gunicorn that is running here", "gunicorn.error", said="end at 'gunicorn.error'",
          files={"running": "gunicorn: master [shop]"}, status="warning",
          mended={"config": config(loggers={"gunicorn.error": {"propagate": True}}),
                  "files": {"running": "/usr/bin/gunicorn --preload shop:app"}}),
    Setup("gunicorn with uvicorn's workers, as the README has it", "gunicorn's master",
          status="warning", said="time-outs", arguments=("--server", "gunicorn"),
          config=config(loggers={"uvicorn.error": {"handlers": ["console", "wecom"],
                                                   "level": "INFO"}}),
          mended={"files": IN_EXAMPLE}),
    *(Setup(f"uvicorn's workers with {name}{' that are preloaded' * bool(conf)}", "uvicorn.error",
            said="under gunicorn it has the handlers of 'gunicorn.error'",
            files={"gunicorn.conf.py": IN_MASTER_TOO + UVICORNS + conf},
            config=config(loggers=loggers))
      for name, conf, loggers in [
          ("root alone", "", {}),
          ("root alone", PRELOADED, {}),
          ("gunicorn that propagates", "", {"gunicorn.error": {"propagate": True}}),
          ("gunicorn that propagates", PRELOADED, {"gunicorn.error": {"propagate": True}}),
          ("gunicorn configured last", "", {"uvicorn.error": BOTH,
                                            "gunicorn.error": {"propagate": True}}),
          ("uvicorn named", PRELOADED, {"uvicorn": {"level": "INFO"}}),
          ("propagation", PRELOADED, {"uvicorn.error": {"propagate": True}}),
          ("handlers of its own", PRELOADED, {"uvicorn.error": BOTH}),
      ]),
    Setup("uvicorn's workers on gunicorn's command line", "uvicorn.error",
          said="under gunicorn it has the handlers of 'gunicorn.error'",
          files={**IN_EXAMPLE, "running": "gunicorn -k uvicorn_worker.UvicornWorker shop:app"}),
    *(Setup(f"uvicorn's workers that are only named, with {name}", verdict, status="warning",
            advice=advice, arguments=("--server", "gunicorn", *UVICORNS_WORKERS),
            config=config(loggers={"gunicorn.error": ALONE, **loggers}),
            mended={"config": config(loggers={"gunicorn.error": ALONE}), "files": IN_EXAMPLE})
      for name, verdict, advice, loggers in [
          ("the handler at gunicorn", "gunicorn's master", "logconfig_dict", {}),
          ("uvicorn's entry after it", "gunicorn's console", 'without an entry "uvicorn.error"',
           {"uvicorn.error": {"handlers": ["wecom"]}}),
      ]),
    Setup("uvicorn", "uvicorn.error", said="end at 'uvicorn'", arguments=("--server", "uvicorn")),
    Setup("uvicorn whose console the handler replaces", "uvicorn's console", status="warning",
          said="what 'uvicorn.error' logs is printed nowhere",
          config=config(loggers={"uvicorn": {"handlers": ["wecom"]}})),
    Setup("uvicorn whose console is cut off", "uvicorn's console", status="warning",
          said="printed nowhere",
          config=config(loggers={"uvicorn.error": {"handlers": ["wecom"], "propagate": False}})),
    Setup("uvicorn's workers with the handler alone", "uvicorn's console", status="warning",
          said="printed nowhere", files=IN_EXAMPLE,
          config=config(loggers={"uvicorn.error": {"handlers": ["wecom"]}})),
    Setup("uvicorn through a root without a console", "uvicorn's console", status="warning",
          said="printed nowhere",
          config=config(root={"handlers": ["wecom"]}, loggers={"uvicorn": {"propagate": True}}),
          mended={"config": config(loggers={"uvicorn": {"propagate": True}})}),
    Setup("gunicorn whose console the handler replaces", "gunicorn's console", status="warning",
          said="what 'gunicorn.error' logs is printed nowhere",
          files={"gunicorn.conf.py": "preload_app = True"},
          config=config(loggers={"gunicorn.error": {"handlers": ["wecom"], "propagate": False}})),
    Setup("structlog over logging, with the processor and no handler", "root",
          spec="shop_settings", said="no WeComHandler is on its way",
          before="import wecom_logging" + STRUCTLOG.format(
              more="wecom_logging.structlog_processor(), ",
              factory="structlog.stdlib.LoggerFactory"),
          after="del LOGGING",
          mended={"after": "", "spec": "shop_settings:LOGGING"}),
    Setup("a handler that no logger has, beside structlog's", "root",
          said="no WeComHandler is on its way", config=config(root={"handlers": ["console"]}),
          before="import wecom_logging" + STRUCTLOG.format(
              more="wecom_logging.structlog_processor(), ",
              factory="structlog.PrintLoggerFactory")),
    Setup("structlog that prints", "structlog", said="never pass through logging",
          before=STRUCTLOG.format(more="", factory="structlog.PrintLoggerFactory"),
          mended={"before": "import wecom_logging" + STRUCTLOG.format(
              more="wecom_logging.structlog_processor(), ",
              factory="structlog.PrintLoggerFactory")}),
    Setup("loguru", "loguru", said="did not reach", needs="loguru",
          before="from loguru import logger",
          mended={"before": "from loguru import logger\nfrom wecom_logging import WeComHandler\n"
                            'logger.add(WeComHandler(), level="ERROR", format="{message}")'}),
    Setup("an off handler", "root", said="is off by enabled, or WECOM_ENABLED",
          config=config(handlers={"wecom": {"enabled": False}}), mended={"config": CONFIG}),
    Setup("no handler", "configuration", said="no logger has a WeComHandler",
          config={**CONFIG, "handlers": {"console": CONFIG["handlers"]["console"]},
                  "root": {"handlers": ["console"]}}, mended={"config": CONFIG}),
    Setup("an option that does not exist", "configuration", said="group_wait",
          config=config(handlers={"wecom": {"group_wiat": 1}}), mended={"config": CONFIG}),
    Setup("a program that ends when imported", "configuration", said="SystemExit",
          before="import sys; sys.exit(3)", mended={"before": MODULE_LOGGER}),
]  # fmt: skip


def check(setup: Setup, place: Path, sim: Simulator) -> tuple[int, Steps]:
    """`check --json` in a directory with the program; the exit status and the steps by name."""
    program = {"config": setup.config, "before": setup.before, "after": setup.after}
    (place / "shop_settings.py").write_text(PROGRAM.format(**program), "utf-8")
    for name, text in setup.files.items():
        (place / name).write_text(text, "utf-8")
    with running(setup.files.get("running", ""), place):
        done = subprocess.run(
            [sys.executable, "-m", "wecom_logging", "check", "--json", "--app", setup.spec,
             *setup.arguments],
            cwd=place, env={**os.environ, **sim.env("robot")}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    assert "Traceback" not in done.stderr
    data = json.loads(done.stdout)
    assert data["ok"] is (done.returncode == 0)
    return done.returncode, {step["name"]: step for step in data["steps"]}


@contextmanager
def running(command: str, place: Path) -> Iterator[None]:
    """A process in this directory that looks as if it were started by a command."""
    if not command:
        yield
        return
    words = [command] if command.startswith("gunicorn:") else command.split()
    program = "import time; print(flush=True); time.sleep(60)"  # until it is killed
    process = subprocess.Popen(
        [words[0], "-c", program, *words[1:]],
        executable=sys.executable, cwd=place, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONHOME": sys.base_prefix},
    )  # fmt: skip
    try:
        assert process.stdout
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


def need(setup: Setup) -> None:
    if setup.needs and not find_spec(setup.needs):
        pytest.skip(f"needs {setup.needs}")
    if sys.version_info < setup.since:
        pytest.skip(f"since Python {setup.since[0]}.{setup.since[1]}")


def is_sound(status: int, steps: Steps) -> None:
    """Nothing to mend, and a message has arrived."""
    wrong = [step for step in steps.values() if step["status"] in ("failed", "warning")]
    assert not wrong
    assert status == 0
    assert steps["test errors"]["text"] == "delivered"
    assert "what happens next" in steps


@pytest.mark.parametrize("setup", SOUND, ids=str)
def test_a_sound_set_up(setup: Setup, tmp_path: Path, sim: Simulator) -> None:
    """Passes, and one message shows that it does."""
    need(setup)
    is_sound(*check(setup, tmp_path, sim))
    assert sim.messages


@pytest.mark.parametrize("setup", BROKEN, ids=str)
def test_a_broken_set_up(setup: Setup, tmp_path: Path, sim: Simulator) -> None:
    """Is named for what it is, and is sound once the advice has been followed."""
    need(setup)
    status, steps = check(setup, tmp_path, sim)
    step = steps[setup.verdict]
    assert (step["status"], status) == (setup.status, int(setup.status == "failed"))
    assert setup.said in step["text"]
    assert setup.advice in step["fix"]
    # Below a ✘ no "delivered" without a word about those that are not.
    assert status == 0 or steps.get("test errors", {}).get("text") != "delivered"
    # A tick only where each of them has arrived, and then what comes of an error is known.
    arrived = steps.get("test errors", {}).get("status") not in ("warning", "failed")
    assert arrived or re.search("reach(ed)? (no|a) handler", steps["test errors"]["text"])
    assert ("what happens next" in steps) is (status == 0 and arrived)
    if setup.mended is None:
        changed = followed(setup.config, step["fix"])
        assert changed != setup.config
        mended: Mapping[str, Any] = {"config": changed}
    else:
        mended = setup.mended
    is_sound(*check(Setup(**{**setup.__dict__, **mended}), tmp_path, sim))


ADVICE: list[tuple[str, Callable[..., dict[str, Any]]]] = [
    (r'Add "([\w.]+)": (\{.*\}) to "loggers"', lambda a, b: {"loggers": {a: ast.literal_eval(b)}}),
    (r'Add "disable_existing_loggers": False', lambda: {"disable_existing_loggers": False}),
    (r'Set "level": "(\w+)" in "root"', lambda a: {"root": {"level": a}}),
    (r'Set "level": "(\w+)" in "(\w+)" of "handlers"',
     lambda a, b: {"handlers": {b: {"level": a}}}),
    (r'Set "(level|propagate)": (\S+) in "([\w.]+)" of "loggers"',
     lambda a, b, c: {"loggers": {c: {a: ast.literal_eval(b)}}}),
    (r'Add "(\w+)" to "handlers" of "root"', lambda a: {"root": {"handlers": [a]}}),
    (r'Add "(\w+)" to "handlers" of "([\w.]+)" in "loggers"',
     lambda a, b: {"loggers": {b: {"handlers": sorted({"console", "wecom", a})}}}),
    (r'Take "(\w+)" out of "handlers" of "([\w.]+)" in "loggers"',
     lambda a, b: {"loggers": {b: {"handlers": []}}}),
    (r'Take "formatter" out of "(\w+)" of "handlers"',
     lambda a: {"handlers": {a: {"formatter": None}}}),
    (r'Correct its "filters"', lambda: {"handlers": {"wecom": {"filters": []}}}),
]  # fmt: skip


def followed(old: Mapping[str, Any], advice: str) -> dict[str, Any]:
    """The configuration with a piece of advice followed to the letter."""
    for pattern, change in ADVICE:
        if found := re.fullmatch(pattern + r"\.", advice):
            return merged(old, change(*found.groups()))
    raise AssertionError(f"no way to follow: {advice}")
