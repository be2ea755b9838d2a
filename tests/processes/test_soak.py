"""A soak of seconds; the long one is `make soak`."""

from __future__ import annotations

import sys

import pytest

from tests.chaos.soak import soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is measured in /proc")


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_nothing_grows_and_the_account_is_exact(store: str) -> None:
    wrong, seen = soak(6.0, store)
    assert not wrong, seen
