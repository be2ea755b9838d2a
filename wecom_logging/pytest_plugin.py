"""The fixture `wecom_simulator`; pytest finds this module once the package is installed.

It imports nothing of the simulator before the fixture is used, so that it costs test suites
nothing that do not need it, and breaks none that lack its extra.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wecom_logging.simulator import Simulator


@pytest.fixture
def wecom_simulator(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """A local WeCom on a free port, with the environment variables that lead to it.

    A `WeComHandler()` without arguments finds it as an application; parametrized
    indirectly with "robot", as a group robot. State is kept in memory, not in files.
    """
    kind = getattr(request, "param", "app")
    try:
        from wecom_logging.simulator import Simulator
    except ModuleNotFoundError as error:
        needed = f"the fixture wecom_simulator needs {error.name}"
        pytest.fail(f'{needed}: pip install "wecom-logging[simulator]"', pytrace=False)
    with Simulator() as simulator:
        for name in [name for name in os.environ if name.startswith("WECOM_")]:
            monkeypatch.delenv(name)
        for name, value in {**simulator.env(kind), "WECOM_STORE": "memory"}.items():
            monkeypatch.setenv(name, value)
        yield simulator
