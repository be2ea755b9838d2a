"""Command lines: options that say nothing by their name, and words that stand in a certain place.

`mysql -pX`, `docker login -p X`, `curl -u bob:X`, also as a list of arguments. Options with
a telling name (`--password X`) are names like others (`places.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple

from .findings import Secret
from .keys import Rule

PASSWORD = Rule("password")


class _Option(NamedTuple):
    """How an option holds a secret."""

    #: `-pX`
    glued: bool = False
    #: `-p X`
    apart: bool = False
    #: What stands between user and secret, where both are one word: `bob:X`.
    after: str = ""


_GLUED, _APART, _BOTH = _Option(glued=True), _Option(apart=True), _Option(glued=True, apart=True)
_USER = _Option(glued=True, apart=True, after=":")


# Names of programs. `login` is that of docker, podman, helm, az and others.
_PROGRAMS: dict[str, dict[str, _Option]] = {}
for _options, _names in (
    ({"-p": _GLUED},
     "mysql mysqldump mysqladmin mysqlimport mysqlsh mysqlcheck mysqlbinlog mysqlslap mysqlpump"
     " mydumper mariadb mariadb-dump mariadb-admin xtrabackup 7z 7za 7zr"),
    ({"-p": _BOTH},
     "sshpass mongo mongosh mongodump mongorestore mongoexport mongoimport cqlsh rdesktop login"
     " zabbix_sender"),
    ({"-w": _BOTH, "-s": _APART, "-a": _APART},
     "ldapsearch ldapmodify ldapadd ldapdelete ldappasswd ldapwhoami"),
    ({"-N": _APART, "-P": _APART}, "ssh-keygen"),
    ({"-a": _BOTH}, "redis-cli redis-benchmark valkey-cli keydb-cli"),
    ({"-P": _BOTH},
     "unzip zip sqlcmd bcp tsql isql ipmitool mosquitto_pub mosquitto_sub vncviewer"),
    (dict.fromkeys(("-u", "--user", "-U", "--proxy-user", "-a", "--auth", "--basic"), _USER),
     "curl http https httpie xh wget etcdctl ab siege hey"),
    ({"-u": _Option(glued=True, apart=True, after=",")}, "lftp"),
    ({"-U": _Option(glued=True, apart=True, after="%")},
     "smbclient rpcclient net winexe smbget"),
    (dict.fromkeys(("--creds", "--src-creds", "--dest-creds"), _USER), "skopeo buildah"),
    (dict.fromkeys(("-passin", "-passout", "-pass"), _Option(apart=True, after=":"))
     | {"-k": _APART, "-K": _APART}, "openssl"),
    ({"-A": _APART, "-X": _APART}, "snmpwalk snmpget snmpset snmpbulkwalk"),
    ({"/p:": _GLUED, "-p": _BOTH}, "xfreerdp wfreerdp"),
):  # fmt: skip
    _PROGRAMS |= dict.fromkeys(_names.split(), _options)
#: What is in every command line that matters, in lower case: a short name is in other words too.
HINTS = tuple(
    name.lower() + sign for name in _PROGRAMS for sign in (" \t\"'.\\" if len(name) < 6 else ("",))
)

_PROGRAM = lazy.regex(
    rf"(?<![\w.=-])(?P<program>{'|'.join(sorted(_PROGRAMS, key=len, reverse=True))})"
    r"(?:\.exe)?(?P<listed>\\{0,4}[\"'],)?(?=[\s\"'])"
)
# A word of a shell, with the quotes in it; a word of a list, without.
_WORD = lazy.regex(
    r"""[ \t]{1,8}(?P<word>(?:[^\s"'|]+|"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z)"""
    r"""|'[^'\n]*(?:'|(?=\n)|\Z)|["'|])+)"""
)
_LISTED = lazy.regex(
    r"""\s{0,8}\\{0,4}["'](?P<word>(?:[^"'\\\n]|\\(?!\\{0,3}["'])){0,2048})(?:\\{0,4}["'],?|(?=\n)|\Z)"""
)
_MOST_WORDS = 100
#: How each of the options begins.
_SIGNS = ("-", "/")


def secrets_in(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Which words of a command line hold a secret, and from where in the word."""
    options: dict[str, _Option] = {}
    waiting: _Option | None = None
    for i, word in enumerate(words):
        if waiting and not word.startswith("-"):
            yield from _of(waiting, i, word, 0)
            waiting = None
            continue
        waiting = None
        if more := _PROGRAMS.get(word.rpartition("/")[2]):
            options = {**options, **more}
        for name, option in options.items() if word.startswith(_SIGNS) else ():
            if word == name:
                waiting = option if option.apart else None
            elif option.glued and word.startswith(name):
                yield from _of(option, i, word, len(name))


def _of(option: _Option, i: int, word: str, start: int) -> Iterator[tuple[int, int]]:
    if option.after:
        at = word.find(option.after, start)
        if at < 0 or "://" in word:
            return
        start = at + 1
    # `-p=X`, `--user=bob:X`
    start += word.startswith("=", start)
    if start < len(word):
        yield i, start


def secrets_of_commands(text: str) -> Iterator[Secret]:
    at = 0
    while match := _PROGRAM.search(text, at):
        words = list(_words(text, match))
        at = max([match.end(), *(start + len(word) for start, word in words)])
        listed = [match["program"], *(word for _, word in words)]
        for i, offset in secrets_in(listed):
            if i:
                start, word = words[i - 1]
                begin, end = _inside(text, start + offset, start + len(word))
                if not text.startswith("[redacted:", begin):
                    yield begin, end, PASSWORD, "on a command line"


def _words(text: str, program: re.Match[str]) -> Iterator[tuple[int, str]]:
    """The words that follow the name of a program, and where they begin."""
    pattern = _LISTED if program["listed"] else _WORD
    at = program.end()
    for _ in range(_MOST_WORDS):
        match = pattern.match(text, at)
        if not match:
            return
        yield match.start("word"), match["word"]
        at = match.end()


def _inside(text: str, start: int, end: int) -> tuple[int, int]:
    """A value without the quotes around it, and without those of the whole line."""
    while end > start and text[end - 1] in "\"',;)`]":
        end -= 1
    while start < end and text[start] in "\"'":
        start += 1
    return start, end
