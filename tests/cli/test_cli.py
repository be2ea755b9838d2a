"""The command line: its front, `send`, `simulator`, and what all commands share."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

import wecom_logging
from wecom_logging._cli import demo, simulator
from wecom_logging._cli.main import main
from wecom_logging._cli.terminal import Terminal, wants_colour
from wecom_logging.simulator import Simulator

COMMANDS = (
    "check", "send", "run", "groups", "silence", "unsilence", "take", "untake", "undo", "quiet",
    "bot", "redact", "demo", "simulator",
)  # fmt: skip

Cli = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call the command line; returns exit status, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(arguments)
        except SystemExit as end:  # argparse's own errors
            status = int(str(end.code))
        return (status, *capsys.readouterr())

    return call


@pytest.fixture
def app(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A simulator, and the environment of an application that leads to it."""
    for name, value in sim.env("app").items():
        monkeypatch.setenv(name, value)
    return sim


@pytest.fixture
def robot(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A simulator, and the environment of a group robot that leads to it."""
    for name, value in sim.env("robot").items():
        monkeypatch.setenv(name, value)
    return sim


# -- the front -------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(cli: Cli, command: str) -> None:
    """Each command says what it does, in lines that fit a terminal."""
    status, out, _ = cli(command, "--help")
    assert status == 0
    assert "usage: wecom-logging " + command in out
    assert max(map(len, out.splitlines())) <= 110


def test_help_names_every_command_and_the_variables(cli: Cli) -> None:
    """The first help says what there is and where messages go."""
    out = cli("--help")[1]
    assert all(command in out for command in COMMANDS)
    assert "WECOM_WEBHOOK_KEY" in out


@pytest.mark.parametrize(
    "arguments", [(), ("nope",), ("send", "--nope"), ("simulator", "--port", "x")]
)
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    """What cannot be understood is exit status 2 and named on stderr."""
    status, out, err = cli(*arguments)
    assert (status, out) == (2, "")
    assert "error:" in err
    assert "Traceback" not in err


def test_no_command_takes_a_secret_as_an_argument(cli: Cli) -> None:
    """`ps` shows arguments to everybody on the machine."""
    for command in COMMANDS:
        assert not any(
            word in cli(command, "--help")[1] for word in ("--key", "--secret", "--corpsecret")
        )


def test_help_imports_no_dependency() -> None:
    """Reading the help needs neither the extra nor the time to load it."""
    code = (
        "import sys; from wecom_logging._cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(bool({'flask', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0


# -- send --------------------------------------------------------------------------------


def test_send_text(cli: Cli, app: Simulator) -> None:
    """A text arrives as text, and nothing is printed."""
    assert cli("send", "disk is full") == (0, "", "")
    (message,) = app.messages
    assert (message.msgtype, message.content) == ("text", "disk is full")


def test_send_to_a_robot(cli: Cli, robot: Simulator) -> None:
    """The robot's key alone is enough."""
    assert cli("send", "disk is full")[0] == 0
    assert robot.messages[0].source == "robot"


def test_send_keeps_what_is_written_literal(cli: Cli, app: Simulator) -> None:
    """Neither a link nor a control character comes out of a piped log."""
    cli("send", "see <a href='https://x.example'>this</a>\n\tindented \x1b[31mred\x1b[0m")
    lines = app.messages[0].content.split("\n")
    assert "<a" not in lines[0]
    assert lines[1] == "\u00a0\u00a0\u00a0\u00a0indented red"


def test_send_reads_stdin(cli: Cli, app: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is stdin, whatever bytes come."""
    stdin = io.TextIOWrapper(io.BytesIO(b"line 1\nline \xff 2\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert cli("send", "-")[0] == 0
    assert app.messages[0].content == "line 1\nline � 2"


def test_send_markdown_level_and_recipients(cli: Cli, app: Simulator) -> None:
    """The options change what arrives and with whom."""
    cli("send", "--markdown", "--level", "warning", "--to", "LiSi|WangWu", "**hot**")
    (message,) = app.messages
    headline, text = message.content.split("\n")
    assert headline.startswith("🔶 WARNING · ")
    assert text == "**hot**"
    assert message.delivered_to == ("LiSi", "WangWu")


def test_send_file(cli: Cli, app: Simulator, tmp_path: Path) -> None:
    """A file comes after the text."""
    (tmp_path / "report.txt").write_text("all of it")
    assert cli("send", "--file", str(tmp_path / "report.txt"), "see below")[0] == 0
    text, file = app.messages
    assert text.content == "see below"
    assert file.file is not None
    assert (file.file.name, file.file.data) == ("report.txt", b"all of it")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "nothing to send"),
        (("",), 2, "the text is empty"),
        ((" \n",), 2, "the text is empty"),
        (("x" * 2049,), 1, "2049 bytes of text, WeCom takes 2048"),
        (("--markdown", "界" * 700), 1, "2100 bytes of markdown"),
        (("--file", "/nonexistent/x"), 2, "cannot read /nonexistent/x"),
        (("--file", "/"), 2, "cannot read /"),
        (("--to", "nobody at all", "x"), 2, "'nobody at all' is not a user id"),
        (("--to", "nobody", "x"), 1, "81013"),
        (("--level", "loud", "x"), 2, "invalid choice: 'loud'"),
    ],
)
def test_send_what_cannot_be_sent(
    cli: Cli, app: Simulator, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """One clear line, a status that a script can use, and nothing is sent."""
    found, out, err = cli("send", *arguments)
    assert (found, out) == (status, "")
    assert said in err
    assert "Traceback" not in err
    assert not app.messages


def test_send_names_those_who_did_not_get_it(cli: Cli, app: Simulator) -> None:
    """errcode 0 does not mean everybody."""
    status, _, err = cli("send", "--to", "LiSi|gone", "hello")
    assert status == 0
    assert "not delivered to gone (invaliduser)" in err


def test_send_when_wecom_is_not_there(cli: Cli, app: Simulator) -> None:
    """The reason is said, without the secret."""
    with app.down():
        status, _, err = cli("send", "hello")
    assert status == 1
    assert "cannot connect" in err
    assert app.world.config.app.secret not in err


def test_nowhere_to_send_to(cli: Cli) -> None:
    """Without a destination the variables are named."""
    status, _, err = cli("send", "hello")
    assert status == 2
    assert "WECOM_WEBHOOK_KEY" in err


def test_half_a_destination(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named."""
    monkeypatch.setenv("WECOM_CORPID", "ww1")
    assert "corpsecret" in cli("send", "hello")[2].lower()


def test_a_robot_has_no_recipients(cli: Cli, robot: Simulator) -> None:
    """`--to` would be ignored, so it is refused."""
    assert cli("send", "--to", "LiSi", "x")[0] == 2


# -- the env file ------------------------------------------------------------------------


def test_env_file(cli: Cli, sim: Simulator, tmp_path: Path) -> None:
    """Cron has no environment: a file stands in for it."""
    file = tmp_path / "wecom.env"
    lines = [f"export {name}='{value}'" for name, value in sim.env("app").items()]
    file.write_text("\ufeff# destination\n\n" + "\n".join(lines) + "\n")
    assert cli("send", "--env-file", str(file), "hello")[0] == 0
    assert sim.messages[0].content == "hello"


@pytest.mark.parametrize("content", [b"WECOM_WEBHOOK_KEY s3cr3t", b"\xff\xfe"])
def test_env_file_that_is_none(cli: Cli, tmp_path: Path, content: bytes) -> None:
    """The line is named, not what stands in it."""
    file = tmp_path / "wecom.env"
    file.write_bytes(content)
    status, _, err = cli("send", "--env-file", str(file), "hello")
    assert status == 2
    assert "--env-file" in err
    assert "s3cr3t" not in err


# -- simulator, and the extra ------------------------------------------------------------


def test_simulator_prints_where_it_is_and_ends_with_ctrl_c() -> None:
    """Address and export lines first; one line at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wecom_logging", "simulator", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    assert any("Ctrl-C" in line for line in process.stdout), process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped" in out
    assert err == ""


def test_simulator_on_a_port_that_is_taken(cli: Cli) -> None:
    """The port is named, and who has it keeps it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = cli("simulator", "--port", str(port))
    assert status == 2
    assert f"{port}" in err
    assert "in use" in err


def test_simulator_on_a_port_that_cannot_be(cli: Cli) -> None:
    """Numbers that are no port."""
    assert cli("simulator", "--port", "99999")[0] == 2


@pytest.mark.parametrize("command", ["simulator", "demo"])
def test_without_the_extra(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """What to install is named."""
    for name in [name for name in sys.modules if name.startswith("wecom_logging.simulator")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flask", None)
    status, _, err = cli(command)
    assert status == 2
    assert 'pip install "wecom-logging[simulator]"' in err


def test_no_browser(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a browser the address is said, and all else goes on."""
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    simulator.open_inbox(sim)
    assert sim.url in capsys.readouterr().err


def test_ctrl_c_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback, and the exit status of shells."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "open_shop", interrupted)
    status, _, err = cli("demo")
    assert (status, err.strip()) == (130, "wecom-logging: interrupted")


# -- the terminal ------------------------------------------------------------------------


MARKDOWN = (
    "🔴 shop · 1 error\n> web-1\n**NEW** Error **×1**\n`a.py:1 f` [logs](https://x.example)"
    '\n<font color="comment">#7f3a</font>'
)


def test_markdown_for_a_plain_terminal() -> None:
    """Without colours, all markup goes and all text stays."""
    lines = list(Terminal(colour=False).styled(MARKDOWN))
    assert lines == [
        "🔴 shop · 1 error",
        "▏ web-1",
        "NEW Error ×1",
        "a.py:1 f logs (https://x.example)",
        "#7f3a",
    ]


def test_markdown_for_a_terminal_with_colours() -> None:
    """Bold is bold, code has a colour, grey is dim."""
    text = "\n".join(Terminal(colour=True).styled(MARKDOWN))
    assert "\x1b[1mNEW\x1b[0m Error \x1b[1m×1\x1b[0m" in text
    assert "\x1b[36ma.py:1 f\x1b[0m" in text
    assert "\x1b[2m#7f3a\x1b[0m" in text


@pytest.mark.parametrize(
    ("environ", "wanted"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_only_where_they_are_wanted(environ: dict[str, str], wanted: bool) -> None:
    """A terminal, and nobody who says no."""
    reader, writer = os.openpty()
    with open(writer, "w") as terminal:
        assert wants_colour(terminal, environ) is wanted
    os.close(reader)
    with open(os.devnull, "w") as file:
        assert not wants_colour(file, {})


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"wecom-logging {wecom_logging.__version__}\n"
    assert version("wecom-logging") == wecom_logging.__version__
