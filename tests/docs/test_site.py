"""The site builds without a warning and fetches nothing; its generated pages are the code's."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import wecom_logging
from tests.helpers.support import missing
from wecom_logging._config.options import OPTIONS, read_options
from wecom_logging._config.validators import level_number
from wecom_logging._senders.errcodes import table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# The site is built once.
pytestmark = pytest.mark.xdist_group("site")


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program that writes pages, as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    import generate

    return generate


# -- the site ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.version_info < (3, 11):
        pytest.skip("the site is built on 3.11 and later: its generator has no fitting versions")
    for package in ("material", "mkdocs_static_i18n", "mkdocstrings_handlers"):
        if not find_spec(package):
            missing(package)
    place = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


def test_it_builds_without_a_warning_in_both_languages(site: Path) -> None:
    english = {page.name for page in site.glob("*.html")} - {"404.html"}
    assert english == {page.name for page in (site / "zh-CN").glob("*.html")}
    assert english >= {f"{page.name.split('.')[0]}.html" for page in DOCS.glob("*.md")}


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """No script, style, picture or font of another host."""
    for page in site.rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page.read_text("utf-8"))
        assert tags
        for tag in tags:
            assert not re.search(r'(?:src|href)="?(?:https?:)?//', tag), (page.name, tag)
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text("utf-8"))


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    text = (site / "api.html").read_text("utf-8")
    anchors = {each.rpartition(".")[2] for each in re.findall(r'id="(wecom_logging[\w.]+)"', text)}
    assert anchors >= set(wecom_logging.__all__) - {"__version__"}


def test_a_page_that_the_site_fills_says_so_in_the_repository_alone(site: Path) -> None:
    filled = [
        p for p in DOCS.glob("*.md") if re.search(r"^(:::|--8<--) ", p.read_text("utf-8"), re.M)
    ]
    assert len(filled) == 3
    for page in filled:
        (said,) = re.findall(r"^> .*`make docs`.*$", page.read_text("utf-8"), re.M)
        for link in re.findall(r"\]\((.+?)\)", said):
            assert (DOCS / link).exists()
        text = (site / page.with_suffix(".html").name).read_text("utf-8")
        assert "the site (" not in text.lower()
        assert len(text) > 20_000


# -- generated pages -----------------------------------------------------------------------


def test_generated_pages_are_what_the_code_says(generate: Any) -> None:
    for name, text in generate.pages().items():
        written = (DOCS / name).read_text("utf-8")
        assert written == text, "python docs/generate.py writes it anew"


def test_the_docstring_describes_every_option_of_the_table(generate: Any) -> None:
    described = generate.described()
    assert set(described) == {"level", *OPTIONS}
    assert all(described.values())


def test_every_option_has_an_example_and_a_place(generate: Any) -> None:
    names = [name for section, _ in generate.SECTIONS for name in section]
    assert len(names) == len(set(names))
    assert set(names) == set(generate.EXAMPLES) == set(generate.CHINESE) == {"level", *OPTIONS}


#: What completes the option of an example to a destination.
ROBOT = {"webhook_key": "693a91f6-7a2c-4bc4-97a0-0ec2sifa5aaa"}
APPLICATION = {
    "corpid": "ww51a1a70f51a1a70f",
    "corpsecret": "an-example-of-a-secret-43-characters-long-0",
    "agentid": 1000002,
    "touser": "zhangsan",
}


@pytest.mark.filterwarnings("ignore:link is called links:DeprecationWarning")
@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_the_example_of_an_option_works(name: str, generate: Any) -> None:
    """As an argument and as a variable, with the same result, which is not the default."""
    value = ast.literal_eval(generate.EXAMPLES[name])
    option = OPTIONS[name]
    if option.read is None:  # an object of the reader's own program
        assert "ext://" in generate.EXAMPLES[name]
        return
    given = option.check(value, name)
    written = option.read(generate.variable_text(value))
    assert _shown(option.check(written, name)) == _shown(given)
    assert given != option.default
    base = APPLICATION if name in APPLICATION or name in ("toparty", "totag") else ROBOT
    read_options({**base, name: value}, {})
    line = f"export WECOM_{name.upper()}="
    assert line in (DOCS / "options.md").read_text("utf-8")


def _shown(value: Any) -> Any:
    """To be compared: a secret by what it holds."""
    return getattr(value, "value", value)


def test_the_example_of_the_level_works(generate: Any) -> None:
    assert level_number(ast.literal_eval(generate.EXAMPLES["level"]), "level") == 30


@pytest.mark.parametrize("page", ["operations.md", "operations.zh-CN.md"])
def test_every_errcode_is_explained(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    found: set[int] = set()
    for cell in re.findall(r"^\| ([-\d, –]+) \|", text, re.M):
        for part in cell.split(", "):
            first, _, last = part.partition("–")
            found.update(range(int(first), int(last or first) + 1))
    assert found >= set(table())


def test_what_to_do_is_said_in_chinese() -> None:
    """No advice of the Chinese page is left in English."""
    text = (DOCS / "operations.zh-CN.md").read_text("utf-8")
    rows = re.findall(r"^\| (-?\d.*?) \|.*\| (.*?) \|$", text, re.M)
    assert len(rows) > 30
    for codes, todo in rows:
        assert re.search(r"[\u4e00-\u9fff]{4}", todo), codes


# -- the threat model ----------------------------------------------------------------------


def test_every_claim_of_the_threat_model_names_tests_that_exist() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 30
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert not name or name in functions, f"{path}::{name}"
    # A claim is a line of a list that begins in bold letters.
    for claim in re.findall(r"^- \*\*(?:.*\n)(?:  .*\n)*", text, re.M):
        if "A proxy" not in claim and "Redaction cannot" not in claim:
            assert "::test_" in claim, claim


def test_the_changelog_tells_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[{re.escape(wecom_logging.__version__)}\]", text, re.MULTILINE)
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_what_is_published_says_where_its_source_is(tmp_path: Path) -> None:
    tomllib = pytest.importorskip("tomllib")  # 3.11
    yaml = pytest.importorskip("yaml")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    workflow = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text("utf-8"))
    steps = workflow["jobs"]["build"]["steps"]
    added = next(n for n, step in enumerate(steps) if "REPOSITORY" in step.get("env", {}))
    assert added < next(n for n, step in enumerate(steps) if "-m build" in step.get("run", ""))
    env = os.environ | {"REPOSITORY": "https://forge.test/a/b", "GITHUB_REF_NAME": "v1.2.3"}
    subprocess.run(["bash", "-ec", steps[added]["run"]], cwd=tmp_path, env=env, check=True)
    assert tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))["project"]["urls"] == {
        "Source": "https://forge.test/a/b",
        "Issues": "https://forge.test/a/b/issues",
        "Changelog": "https://forge.test/a/b/blob/v1.2.3/CHANGELOG.md",
    }
