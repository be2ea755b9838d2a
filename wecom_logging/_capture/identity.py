"""What a group is known by outside this process: in stores, in messages, across releases.

On the worker's thread, once for each tally.
"""

from __future__ import annotations

import logging
from hashlib import blake2b
from typing import Any

from wecom_logging._capture.code_location import (
    below_root,
    below_root_by_name,
    is_library,
    is_library_by_name,
    qualname,
)
from wecom_logging._capture.keys import EXPLICIT, OTHER_KEYS, OVERFLOW, Job
from wecom_logging._capture.sanitize import name_of
from wecom_logging._capture.tally import GroupSeed
from wecom_logging._capture.template import ANSI, HEAD
from wecom_logging._capture.text_traceback import Traced
from wecom_logging._model.digest import VARYING, Identity, others, type_name
from wecom_logging._runtime import lazy


def identify(origin: GroupSeed) -> Identity:
    """The stable identity of a group: no line numbers, no absolute paths, no `hash()`."""
    if origin.key in OTHER_KEYS:
        return others(critical=origin.level >= logging.CRITICAL)
    level = level_name(origin.level)
    if len(origin.key) == 3 and isinstance(origin.key[2], Job):
        name, every = origin.key[2]
        more: dict[str, Any] = {"job": True, "library": False, "every": every}
        return _identity(origin, level, ("job", name), name[:HEAD], **more)
    if len(origin.key) == 3:
        chosen = _written(origin.key[2])
        parts = (EXPLICIT, str(origin.key[1]), chosen)
        return _identity(origin, level, parts, chosen[:HEAD])
    if origin.types:
        return _exception_identity(origin, level)
    site = (origin.logger, level, below_root(origin.pathname), origin.function)
    template = origin.key[-1]
    if template is OVERFLOW:
        return _identity(origin, level, (*site, VARYING), VARYING).varying
    if isinstance(template, Traced):
        return _text_identity(origin, level, site, template)
    text = template if isinstance(template, str) else getattr(template, "__qualname__", "")
    return _identity(origin, level, (*site, text), text[:HEAD])


def level_name(level: int) -> str:
    """What a level is called in an identity: the usual ones by their own names, whatever
    `addLevelName` makes of them for a console (colours, translations)."""
    if level >= logging.CRITICAL:
        return "critical"
    return _LEVELS.get(level) or ANSI.sub("", logging.getLevelName(level)).lower()


_LEVELS = {40: "error", 30: "warning", 20: "info", 10: "debug"}


def _written(chosen: object) -> str:
    """A fingerprint of the application's own, as it is: two that differ are two groups."""
    return chosen if isinstance(chosen, str) else _ADDRESS.sub(" at *", repr(chosen))


_ADDRESS = lazy.regex(r" at 0x[0-9a-fA-F]+")


def _identity(
    origin: GroupSeed, level: str, parts: tuple[str, ...], template: str, **more: Any
) -> Identity:
    path = below_root(origin.pathname)
    more.setdefault("place", _spoken(path, origin.function))
    more.setdefault("library", is_library_by_name(origin.pathname))
    # A type that is made of somebody's answer may have a name of megabytes.
    more = {key: name_of(each) if isinstance(each, str) else each for key, each in more.items()}
    return Identity(
        id=_digest(parts),
        logger=name_of(origin.logger),
        level=level,
        template=template,
        site=_digest((level, path, origin.function) if path else (level, origin.logger)),
        changing=origin.changing,
        **more,
    )


def _exception_identity(origin: GroupSeed, level: str) -> Identity:
    places = [_spoken(below_root(c.co_filename), qualname(c)) for c in origin.codes]
    site = (origin.logger, level, below_root(origin.pathname), origin.function)
    shown = places[-1] if places else _spoken(site[2], site[3])
    names, bare, codes = list[str](), list[str](), [""]
    for kind, code in origin.types:
        bare.append(name := f"{kind.__module__}.{kind.__qualname__}")
        path, nul, function = code.partition("\0")
        if nul:  # where it failed in another process
            shown = code = _spoken(below_root_by_name(path), function)
        elif code:
            codes.append(code)
        names.append(f"{name} {code}".strip())
    first = origin.types[0][0]
    return _identity(
        origin,
        level,
        (*site, *names, *places),
        "",
        type=type_name(first.__module__, first.__qualname__),
        place=shown,
        cause=_digest((*names, *places[:1])),
        code=next(filter(None, codes), ""),
        bare="" if names == bare else _digest((*site, *bare, *places)),
        library=all(is_library(c.co_filename) for c in origin.codes)
        and is_library_by_name(origin.pathname),
    )


def _text_identity(
    origin: GroupSeed, level: str, site: tuple[str, ...], traced: Traced
) -> Identity:
    frames = (traced.inner, traced.own)
    places = [_spoken(below_root_by_name(f[0]), f[2]) for f in frames if f is not None]
    return _identity(
        origin,
        level,
        (*site, "text", traced.template or "", traced.type, *places),
        (traced.template or "")[:HEAD],
        type=traced.type,
        place=places[-1],
        from_text=traced.template is not None,
        library=traced.own is None and is_library_by_name(origin.pathname),
    )


def _spoken(path: str, function: str) -> str:
    return f"{path} {function.replace('<locals>.', '')}".strip()


def _digest(parts: tuple[str, ...]) -> str:
    text = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=8).hexdigest()
