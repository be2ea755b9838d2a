"""Directories and paths that are this user's alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from wecom_logging._runtime import private


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_every_directory_on_the_way_is_this_users_alone(tmp_path: Path) -> None:
    private.make_directories(str(tmp_path / "a" / "b" / "c"))
    for path in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o700


def test_those_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o755)
    private.make_directories(str(tmp_path / "a" / "b"))
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    private.make_directories(str(tmp_path / "a" / "b"))


def test_a_file_in_the_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(OSError, match="a"):
        private.make_directories(str(tmp_path / "a" / "b"))


def test_links_of_others_are_named_and_ones_own_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "dangling.db").symlink_to("nowhere")
    through = str(tmp_path / "link" / "x.db")
    assert private.foreign_link(through) is None
    monkeypatch.setattr(os, "lstat", lambda path, lstat=os.lstat: _owned(lstat(path), 4711))
    assert private.foreign_link(through) == str(tmp_path / "link")
    dangling = str(tmp_path / "real" / "dangling.db")
    assert private.foreign_link(dangling) == dangling
    assert private.foreign_link(str(tmp_path / "real" / "x.db")) is None


def _owned(found: os.stat_result, owner: int) -> os.stat_result:
    values = list(found)
    values[stat.ST_UID] = owner
    return os.stat_result(values)
