"""What the pages of docs/ need to be a site, being written to be read in the repository too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent

#: The line below a title that leads to the other language; the site has a switch for it.
_SWITCH = re.compile(r"^\[(?:中文|English)\]\([^)]*\)\n\n?", re.MULTILINE)

#: The line that says to a reader of the file what the site has in its place.
_FILLED = re.compile(r"^> .*`make docs`.*\n(?:> .*\n)*\n?", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """The examples are part of the site, so that links to them lead somewhere."""
    for path in sorted((ROOT / "examples").iterdir()):
        if path.is_file():
            files.append(File.generated(config, f"examples/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links out of docs/ become links inside the site."""
    text = _FILLED.sub("", _SWITCH.sub("", markdown))
    if page.file.src_uri == "api.zh-CN.md":
        # To the other language's page of the same name: mkdocs knows no link for that.
        text = re.sub(r"\[([^]]+)\]\(api\.md\)", r'<a href="../api.html">\1</a>', text)
    text = text.replace("](../examples/", "](examples/")
    text = re.sub(r"\]\(\.\./README(?:\.zh-CN)?\.md", "](index.md", text)
    text = text.replace("](../SECURITY.md", "](security.md")
    return re.sub(r"\]\(([\w-]+)\.zh-CN\.md", r"](\1.md", text)
