"""A local WeCom to test alerts against (extra `simulator`)."""

from __future__ import annotations

from wecom_logging.simulator.clock import Clock
from wecom_logging.simulator.config import App, Robot, SimulatorConfig, Switches
from wecom_logging.simulator.faults import Fault
from wecom_logging.simulator.inbox import Call, Message
from wecom_logging.simulator.server import Simulator, serve

__all__ = [
    "App",
    "Call",
    "Clock",
    "Fault",
    "Message",
    "Robot",
    "Simulator",
    "SimulatorConfig",
    "Switches",
    "serve",
]
