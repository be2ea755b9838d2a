"""WeCom's own libraries for bots take the simulator for WeCom.

Where they are not installed the tests skip; in CI they have to be.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.support import missing
from wecom_logging.simulator import Simulator

SDKS = Path(__file__).with_name("sdks")
#: Where `make` installs what comes from npm, unless node's own variable says otherwise.
MODULES = Path(os.environ.get("NODE_PATH") or SDKS.parents[2] / ".venv" / "node" / "node_modules")


def test_the_library_for_node(sim: Simulator) -> None:
    node = shutil.which("node")
    if node is None or not (MODULES / "@wecom" / "aibot-node-sdk").is_dir():
        missing("node and @wecom/aibot-node-sdk", "nodejs npm")
    converse(sim, [str(node), str(SDKS / "client.cjs")], "node")


def test_the_library_for_python(sim: Simulator) -> None:
    if importlib.util.find_spec("aibot") is None:
        missing("wecom-aibot-python-sdk")
    warnings = ["-W", "ignore"]  # theirs, about a name of websockets that will go
    converse(sim, [sys.executable, *warnings, str(SDKS / "client.py")], "python")


def converse(sim: Simulator, command: list[str], name: str) -> None:
    """Subscribe, be written to, answer, push a card, be pressed, change the card."""
    with started(command, sim) as program:
        sim.wait_until(lambda: sim.world.bots.connected(sim.world.config.bot.id), 30.0)
        assert sim.say("hello")
        sim.wait_until(lambda: len(sim.messages) == 2, 30.0)
        answer, card = sim.messages
        assert answer.content == f"heard @{sim.world.config.bot.name} hello"
        assert card.shown["card_type"] == "button_interaction"
        assert sim.press(card, "take")
        sim.wait_until(lambda: sim.messages[1].shown["card_type"] == "text_notice", 30.0)
        out, _ = program.communicate(timeout=60)
    assert out.split() == ["subscribed", "answered", "pushed", "updated"]
    assert {call.told for call in sim.calls()} == {0}


@contextmanager
def started(command: list[str], sim: Simulator) -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, **sim.env("bot"), "NODE_PATH": str(MODULES)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.kill()
