"""What `make test` runs: the checks, then the suite on every Python that is here.

The oldest and the newest one run all of it, from the built wheel, with the source out of the
way: the oldest with the lowest versions that `pyproject.toml` claims, the newest with the
newest. The others run what depends on the version of Python.

    nox                       all of it
    nox -s suite-3.13 -- -k exit
    nox -s lint
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.reuse_existing_virtualenvs = True
nox.options.stop_on_first_error = False
nox.options.sessions = ["lint", "package", "versions", "suite"]
nox.options.default_venv_backend = "venv"

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")

#: What `make` installs with npm, where it is here.
NODE_MODULES = ROOT / ".venv" / "node" / "node_modules"
MODULES = {"NODE_PATH": str(NODE_MODULES)}

#: What tests read beside the package.
SUITE = (
    "tests", "examples", "benchmarks", "docs", "pyproject.toml", "Makefile", "README.md",
    "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "mkdocs.yml",
    ".github",
)  # fmt: skip

#: What looks at bytecodes, at what is imported or at microseconds sees coverage itself.
UNMEASURED = (
    "tests/unit/test_hot_path.py",
    "tests/redaction/test_redaction.py::test_what_is_imported_is_the_standard_library",
    "tests/senders/test_imports.py::test_the_light_modules_import_no_requests",
    "tests/stores/test_opening.py::test_nothing_is_imported_that_is_not_needed",
    "tests/unit/test_breadcrumbs.py::test_a_record_below_costs_little",
)

#: What looks at pages, pictures and types, on which the version of Python has no say: once.
ONCE = (
    "tests/docs/test_pictures.py", "tests/docs/test_site.py", "tests/simulator/test_browser.py",
    "tests/typing",
)  # fmt: skip

#: Where the version of Python matters most.
VERSION_TESTS = (
    "tests/processes/test_exit.py",
    "tests/processes/test_fork.py",
    "tests/processes/test_dictconfig.py",
    "tests/unit/test_grouping.py",
    "tests/unit/test_capture.py",
)

# Half of the time of a test of processes is waiting: twice as many as the usual two cores.
PARALLEL = ("-n", "4", "--dist", "loadgroup")

# Tests start hundreds of interpreters: they read what is compiled, whatever the shell says of
# writing it, and compiling what nobody imports is a quarter of an installation.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PIP_NO_COMPILE"] = "1"


def _is_here(version: str) -> bool:
    # Asked, not only looked for: pyenv has a name for each version, and some that do not run.
    program = shutil.which(f"python{version}")
    return program is not None and not subprocess.run([program, "-c", ""], check=False).returncode


HERE = [version for version in nox.project.python_versions(PROJECT) if _is_here(version)]
ENDS = sorted({HERE[0], HERE[-1]}, key=HERE.index) if HERE else []
BETWEEN = [version for version in HERE if version not in ENDS]

BUILT: list[Path] = []


@nox.session(python=HERE[-1:] or None)
def lint(session: nox.Session) -> None:
    """Rules, format and types."""
    session.install("-e", ".[redis,simulator]", *_group("lint"), *_group("test"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check", "wecom_logging", "tests")
    session.run("mypy")


@nox.session(python=HERE[-1:] or None)
def package(session: nox.Session) -> None:
    """What would be published, as an index would check it, and whether all of it has types."""
    session.install("twine")
    wheel = _wheel(session)
    session.run("twine", "check", "--strict", *map(str, wheel.parent.iterdir()))
    pyright = NODE_MODULES / "pyright" / "index.js"
    if not pyright.exists():
        session.log("npm is not here: pyright's --verifytypes skips")
        return
    session.install(f"{wheel}[redis,simulator]")
    # It asks the `python` of the PATH where the package is.
    check = ("--verifytypes", "wecom_logging", "--ignoreexternal")
    session.run("node", str(pyright), *check, external=True, silent=True)


@nox.session(python=ENDS)
def suite(session: nox.Session) -> None:
    """All tests, from the wheel."""
    wheel = _wheel(session)
    lowest = session.python == HERE[0] and len(HERE) > 1
    more = ("-c", "tests/lowest.txt") if lowest else _group("docs")
    session.install(f"{wheel}[redis,simulator]", *_group("test"), *more)
    session.install("--force-reinstall", "--no-deps", str(wheel))  # the version is the same
    _copy_suite(session)
    elsewhere = [f"--ignore={each}" for each in ONCE] if lowest else []
    session.run("python", "-m", "pytest", *PARALLEL, *elsewhere, *session.posargs, env=MODULES)


@nox.session(python=HERE[-1:] or None)
def coverage(session: nox.Session) -> None:
    """How much of the package, and of each way through it, the tests take.

    Not one of those that run by default: measuring takes half as long again. A test may fail
    of it, for which `suite` is the place; here the figure counts.
    """
    session.install("-e", ".[redis,simulator]", *_group("test"), *_group("docs"))
    session.run("coverage", "erase")
    session.run(
        "coverage", "run", "-m", "pytest", "-q", *PARALLEL,
        *(f"--deselect={each}" for each in UNMEASURED), *session.posargs,
        env=MODULES, success_codes=[0, 1],
    )  # fmt: skip
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(python=BETWEEN)
def versions(session: nox.Session) -> None:
    """What depends on the version of Python."""
    session.install("-e", ".[redis,simulator]", *_group("test-versions"))
    session.run("python", "-m", "pytest", "-q", *PARALLEL, *session.posargs, *VERSION_TESTS)


def _group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


def _wheel(session: nox.Session) -> Path:
    """The wheel, made from the source distribution, once for all sessions of a run."""
    if not BUILT:
        place = Path(session.create_tmp()) / "dist"
        shutil.rmtree(place, ignore_errors=True)
        session.install("build")
        session.run("python", "-m", "build", "--outdir", str(place), silent=True)
        BUILT.extend(place.resolve().glob("*.whl"))
    return BUILT[0]


def _copy_suite(session: nox.Session) -> None:
    """Leave the source: what is tested is what was installed."""
    copy = Path(session.create_tmp()) / "suite"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in SUITE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    session.chdir(copy)
