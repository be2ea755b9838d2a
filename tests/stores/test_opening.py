"""The option `store`: where the automatic file is, and when there is none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.support import Watched
from wecom_logging import ConfigurationError, WeComHandler
from wecom_logging._stores import location
from wecom_logging._stores.factory import password
from wecom_logging._stores.failover import FailoverStore
from wecom_logging._stores.memory import MemoryStore
from wecom_logging._stores.protocol import Store

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"


def opened(**options: Any) -> Store:
    handler = WeComHandler(webhook_key=KEY, app="shop", **options)
    store = handler._components.open_store()
    handler.close()
    return store


def primary(store: object) -> Any:
    assert isinstance(store, FailoverStore)
    return store._primary


def test_the_constructor_makes_no_file(tmp_path: Path) -> None:
    WeComHandler(webhook_key=KEY).close()
    WeComHandler(webhook_key=KEY, store=f"sqlite:///{tmp_path}/x.db").close()
    assert list(tmp_path.iterdir()) == []


def test_automatic_is_a_file_below_the_state_directory(tmp_path: Path) -> None:
    path = Path(primary(opened())._path)
    assert path.parent == tmp_path / "state" / "wecom-logging"
    assert KEY not in str(path)
    assert Path(primary(opened())._path) == path
    other = WeComHandler(webhook_key=KEY, api_base="https://wecom.example", app="shop")
    assert primary(other._worker.cycle._opened())._path != str(path)


def test_without_a_state_directory_it_is_the_home_then_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert primary(opened())._path.startswith(f"{tmp_path}/home/.local/state/wecom-logging/")
    (tmp_path / "no-home").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "no-home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    path = Path(primary(opened())._path)
    assert path.parent == tmp_path / f"wecom-logging-{os.geteuid()}"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_files_of_destinations_that_are_gone_are_removed(tmp_path: Path) -> None:
    for name, days in (("old.db", 91), ("old.db-wal", 95), ("used.db", 200), ("used.db-wal", 1)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9, 1e9 - days * 86400))
    location.sweep(str(tmp_path), 1e9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used.db", "used.db-wal"]


@pytest.mark.parametrize("trap", ["link", "file", "remote"])
def test_without_a_private_directory_it_is_memory_and_nothing_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trap: str,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("state", "home/.local/state", "tmp"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    for path in location.candidates(os.environ):
        if trap == "link":
            os.symlink(tmp_path / "elsewhere", path)
        elif trap == "file":
            Path(path).touch()
    if trap == "remote":
        monkeypatch.setattr(location, "is_remote", lambda path: True)
    assert isinstance(opened(), MemoryStore)
    assert capsys.readouterr().err == ""


def test_a_network_file_system_is_not_to_be_had(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "21 20 0:30 / /home rw - nfs4 server:/home rw\n"
        "22 21 8:2 / /home/with\\040space rw - xfs /dev/sdb1 rw\n"
        "23 20 0:31 / /mnt rw - fuse.sshfs there rw\n"
    )
    remote = {path: location.is_remote(path, str(mounts)) for path in (
        "/home/ann/x", "/home", "/homestead", "/home/with space/x", "/mnt/x", "/var")}  # fmt: skip
    assert remote == {
        "/home/ann/x": True, "/home": True, "/homestead": False, "/home/with space/x": False,
        "/mnt/x": True, "/var": False,
    }  # fmt: skip
    assert not location.is_remote("/home", str(tmp_path / "none"))


def test_in_kubernetes_every_pod_alerts_for_itself_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    for _ in range(2):
        assert isinstance(opened(), MemoryStore)
    assert capsys.readouterr().err.count("every pod alerts for itself") == 1
    assert isinstance(opened(store="memory"), MemoryStore)
    assert capsys.readouterr().err == ""


def test_paths_are_relative_or_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert primary(opened(store="sqlite:///rel/a.db"))._path == f"{tmp_path}/rel/a.db"
    assert primary(opened(store=f"sqlite:///{tmp_path}/a.db"))._path == f"{tmp_path}/a.db"


@pytest.mark.parametrize(
    "value",
    ["disk", "sqlite://", "sqlite:///", "redis://", "redis:///0", "redis://h:port/0",
     "redis://me:topsecret@h:99999/0", "redis://me:topsecret@h/name", "http://me:topsecret@h"],
)  # fmt: skip
def test_what_is_no_store_is_refused_without_its_password(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^store: ") as refused:
        WeComHandler(webhook_key=KEY, store=value)
    assert "topsecret" not in str(refused.value)


def test_the_url_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store"
    path.write_text(f"sqlite:///{tmp_path}/a.db\n")
    monkeypatch.setenv("WECOM_STORE_FILE", str(path))
    assert primary(opened())._path == f"{tmp_path}/a.db"
    assert isinstance(opened(store="memory"), MemoryStore)
    path.write_text("redis://me:topsecret@")
    with pytest.raises(ConfigurationError, match="WECOM_STORE_FILE") as refused:
        opened()
    assert "topsecret" not in str(refused.value)


def test_the_url_and_a_file_with_one_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the secrets: nobody could say which of the two is meant."""
    monkeypatch.setenv("WECOM_STORE", "redis://me:topsecret@h/0")
    monkeypatch.setenv("WECOM_STORE_FILE", "/run/secrets/store")
    with pytest.raises(ConfigurationError, match="WECOM_STORE_FILE: and WECOM_STORE") as refused:
        opened()
    assert "topsecret" not in str(refused.value)
    assert isinstance(opened(store="memory"), MemoryStore)  # an argument wins over both


def test_a_redis_password_is_a_secret() -> None:
    assert "p@ss word" in password("redis://me:p%40ss%20word@h/0")
    handler = WeComHandler(webhook_key=KEY, store="redis://me:topsecret@h:1/0")
    assert "topsecret" not in repr(handler) + repr(handler._options)
    text = {"event": "redis://me:topsecret@h failed"}
    assert "topsecret" not in handler._components.redact(None, "", text)["event"]
    handler.close()


def test_nothing_is_imported_that_is_not_needed() -> None:
    program = f"""
import sys, wecom_logging
wecom_logging.WeComHandler(enabled=False)
assert not {{"sqlite3", "redis", "ctypes"}} & set(sys.modules), sys.modules.keys()
wecom_logging.WeComHandler(webhook_key="{KEY}", store="memory")
assert not {{"sqlite3", "redis"}} & set(sys.modules)
wecom_logging.WeComHandler(webhook_key="{KEY}")
assert "sqlite3" in sys.modules and "redis" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_missing_client_is_said_in_the_constructor() -> None:
    program = f"""
import sys
sys.modules["redis"] = None
import wecom_logging
try:
    wecom_logging.WeComHandler(webhook_key="{KEY}", store="redis://h/0")
except wecom_logging.ConfigurationError as error:
    assert "wecom-logging[redis]" in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_store_is_not_opened_through_a_link_of_somebody_else(
    tmp_path: Path,
    watch: Callable[..., Watched],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "wecom_logging._runtime.private.foreign_link", lambda path: f"{tmp_path}/planted"
    )
    w = watch(store=f"sqlite:///{tmp_path}/planted/x.db", group_wait=0.0)
    w.log.error("told all the same")
    assert w.flush()
    assert "planted is a symbolic link of another user" in capsys.readouterr().err


@pytest.mark.parametrize(("url", "checked"), [("rediss://h/0", True), ("redis://h/0", None)])
def test_a_certificate_has_to_be_that_of_the_host(url: str, checked: bool | None) -> None:
    redis = pytest.importorskip("wecom_logging._stores.redis")
    options = redis._options(url)
    assert options.get("ssl_check_hostname") is checked
    redis.redis.Redis.from_url(url, **options).connection_pool.make_connection()
