"""Loading a program's own logging configuration, as the server that runs it would."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import logging.config
import os
import re
import runpy
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wecom_logging._cli import CommandError
from wecom_logging.handler import WeComHandler

#: A server, and the logger that is told of the failures of what it runs.
SERVERS = {"gunicorn": "gunicorn.error", "uvicorn": "uvicorn.error", "celery": "celery.app.trace"}

#: The loggers that a configuration keeps from propagating. Others were kept so in code.
KEPT_APART: set[str] = set()

#: Handlers of ours that configurations have made, whether a logger has them or not.
CONFIGURED: set[str] = set()

#: What gunicorn reads beside its command line, in the directory where it is started.
_GUNICORN_CONF = "gunicorn.conf.py"

#: What gunicorn puts below its `logconfig_dict`: each of these entries counts where that has none.
_GUNICORN_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"generic": {"format": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stdout",
        },
        "error_console": {"class": "logging.StreamHandler", "formatter": "generic"},
    },
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["error_console"], "propagate": True},
        "gunicorn.access": {"level": "INFO", "handlers": ["console"], "propagate": True},
    },
}

_UVICORNS_WORKER = re.compile(r"Uvicorn\w*Worker")
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']""")


class Program:
    """A program that is loaded here to see where its errors go, as `servers` would (none: as
    whatever is found to run it). gunicorn and uvicorn: uvicorn's workers under gunicorn."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._commands = list(servers) or list(_running())
        #: What gunicorn's own configuration file sets.
        self.gunicorn = _gunicorn_conf()
        self._left: dict[str, object] = {}
        conf = self.gunicorn or {}
        written = os.environ.get("GUNICORN_CMD_ARGS", "").split()
        written += [word for command in _commands() for word in command]
        self._is_preloaded = bool(conf.get("preload_app")) or "--preload" in written
        workers = [*written, str(conf.get("worker_class"))]
        if "gunicorn" in self.servers() and any(map(_UVICORNS_WORKER.search, workers)):
            self._commands.append("uvicorn")

    def load(self, spec: str | None) -> None:
        """Apply the configuration `module:NAME`, call `module:NAME()`, or just import `module`;
        None: set Django up with DJANGO_SETTINGS_MODULE, and load its views.

        Raises:
            CommandError: It cannot be loaded; the text says why.
        """
        if spec is not None:
            module_name, _, attribute = spec.partition(":")
            self._run(f"--app {spec}", lambda: _configure(module_name, attribute))
        elif os.environ.get("DJANGO_SETTINGS_MODULE"):
            self._run("--django", _set_up_django)
        else:
            raise CommandError(
                "--django: DJANGO_SETTINGS_MODULE is not set",
                fix="Set it as the server has it: DJANGO_SETTINGS_MODULE="
                f"{_settings_of_project()} wecom-logging check --django",
            )

    def servers(self) -> list[str]:
        """The servers that run it: by the command, or because its configuration knows them."""
        found = set(self._commands)
        if self.gunicorn is not None:
            found.add("gunicorn")
        if "celery" in sys.modules:
            found.add("celery")
        for name, left in self._left.items():
            if _state(name) != left:
                found.add(name.partition(".")[0])
        return [name for name in SERVERS if name in found]

    def is_in_master(self) -> bool:
        """Whether gunicorn's master has a configuration: its own, or by loading the program."""
        return self._is_preloaded or bool((self.gunicorn or {}).get("logconfig_dict"))

    def _run(self, what: str, step: Callable[[], object]) -> None:
        sys.path.insert(0, os.getcwd())
        logging.config.dictConfigClass = _Configurator
        self._leave_as_servers_do()
        if not self._is_preloaded:
            self._make_uvicorns_worker()
        try:
            step()
        except (Exception, SystemExit) as error:
            fix = ""
            if isinstance(error, ModuleNotFoundError) and what.startswith(f"--app {error.name}"):
                fix = "It is the path of a module, as in shop.main:app, from where you are."
            raise CommandError(f"{what}: {_explained(error)}", 1, fix) from None
        if self._is_preloaded:
            self._make_uvicorns_worker()
        elif self._is_of_both() and not self.is_in_master():
            # Its worker was not known to be uvicorn's: what is configured holds for both loggers.
            for handler in logging.getLogger("uvicorn.error").handlers:
                logging.getLogger("gunicorn.error").addHandler(handler)

    def _is_of_both(self) -> bool:
        return {"gunicorn", "uvicorn"} <= set(self.servers())

    def _make_uvicorns_worker(self) -> None:
        """uvicorn's worker for gunicorn gives both loggers one list of handlers, as it is made:
        before the worker loads the program, but after the master has preloaded it."""
        if self._is_of_both():
            errors, shared = (logging.getLogger(SERVERS[each]) for each in ("uvicorn", "gunicorn"))
            errors.handlers = shared.handlers
            errors.setLevel(shared.level)
            errors.propagate = False

    def _leave_as_servers_do(self) -> None:
        """Servers configure their loggers before they load the program."""
        # By itself uvicorn configures its top logger. Its worker for gunicorn leaves that alone.
        top = "uvicorn.error" if "gunicorn" in self.servers() else "uvicorn"
        names = (top, "uvicorn.access", "gunicorn.error", "gunicorn.access")
        for name in names:
            logger = logging.getLogger(name)
            logger.propagate = False
            logger.addHandler(logging.NullHandler())
        self._left = {name: _state(name) for name in (*names, "uvicorn", "uvicorn.error")}
        if config := (self.gunicorn or {}).get("logconfig_dict"):
            try:
                logging.config.dictConfig({**_GUNICORN_LOGGING, **config})
            except Exception as error:
                what = f"{_GUNICORN_CONF}: logconfig_dict: {_explained(error)}"
                raise CommandError(what, 1) from None


class _Configurator(logging.config.DictConfigurator):
    """Notes of which loggers it is the configuration that keeps them from propagating."""

    def configure(self) -> None:
        super().configure()
        for name, made in self.config.get("handlers", {}).items():
            if isinstance(made, WeComHandler):
                CONFIGURED.add(name)
        for name, entry in self.config.get("loggers", {}).items():
            if not entry.get("propagate", True):
                KEPT_APART.add(name)


def _configure(module_name: str, attribute: str) -> None:
    module = importlib.import_module(module_name)
    if attribute.endswith("()"):
        getattr(module, attribute[:-2])()
        return
    found = getattr(module, attribute) if attribute else getattr(module, "LOGGING", None)
    if isinstance(found, Mapping):
        logging.config.dictConfig(dict(found))
    # Otherwise an application, or nothing: to import it was to configure it.


def _set_up_django() -> None:
    importlib.import_module("django").setup()
    settings: Any = importlib.import_module("django.conf").settings
    if getattr(settings, "ROOT_URLCONF", ""):
        importlib.import_module(settings.ROOT_URLCONF)  # with it come the views' loggers


def _settings_of_project() -> str:
    try:
        found = _SETTINGS.search(Path("manage.py").read_text("utf-8"))
    except OSError:
        found = None
    return found[1] if found else "shop.settings"


def _gunicorn_conf() -> dict[str, Any] | None:
    if not os.path.exists(_GUNICORN_CONF):
        return None
    try:
        sys.path.insert(0, os.getcwd())
        return runpy.run_path(_GUNICORN_CONF)
    except (Exception, SystemExit) as error:
        raise CommandError(f"{_GUNICORN_CONF}: {_explained(error)}", 1) from None
    finally:
        sys.path.remove(os.getcwd())


def _state(name: str) -> object:
    """What a configuration changes of a logger that it names."""
    logger = logging.getLogger(name)
    return logger.propagate, tuple(map(id, logger.handlers))


def _running() -> Iterator[str]:
    """Servers that are running from this directory."""
    for command in _commands():
        first = os.path.basename(command[0]).partition(":")[0]  # "gunicorn: master [shop]"
        script = os.path.basename(command[1]) if len(command) > 1 else ""
        module = command[2] if script == "-m" and len(command) > 2 else ""
        yield from {first, script, module} & SERVERS.keys()


def _commands() -> Iterator[list[str]]:
    """The command lines of this directory's processes, where the system shows them."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == os.getcwd():
                command = (process / "cmdline").read_bytes().decode("utf-8", "replace")
                if command:
                    yield command.rstrip("\0").split("\0")
        except OSError:
            continue  # ended, or another user's


def _explained(error: BaseException) -> str:
    cause = error.__cause__ or error  # dictConfig's own text says only which handler it was
    return f"{type(cause).__name__}: {cause}"


def is_library(logger_name: str) -> bool:
    """Whether a logger belongs to what is installed, not to the program."""
    top = logger_name.partition(".")[0]
    # py.warnings; and servers, whose loggers are made here, installed or not.
    if top in ("wecom_logging", "py", *SERVERS):
        return True
    try:
        module = sys.modules.get(top)
        spec = getattr(module, "__spec__", None) or importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    if spec is None:
        return False
    places = [spec.origin or "", *(spec.submodule_search_locations or ())]
    return spec.origin in ("built-in", "frozen") or any(map(_is_installed, places))


def _is_installed(place: str) -> bool:
    if "site-packages" in place or "dist-packages" in place:
        return True
    return any(
        place.startswith(sysconfig.get_path(each) + os.sep) for each in ("stdlib", "platstdlib")
    )
