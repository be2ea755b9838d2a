"""A local WeCom to test alerts against (extra `simulator`)."""

from __future__ import annotations

from wecom_logging.simulator.clock import Clock
from wecom_logging.simulator.config import App, Bot, Chat, Robot, SimulatorConfig, Switches
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.inbox import Call, Message
from wecom_logging.simulator.server import Simulator, serve

__all__ = [
    "App",
    "Bot",
    "Call",
    "Chat",
    "Clock",
    "Fault",
    "Message",
    "Robot",
    "Simulator",
    "SimulatorConfig",
    "Switches",
    "serve",
]
