"""The cookbook, block by block in one shell, as its reader would paste it; what it says comes out does come out."""

import os
import re
import subprocess

import pytest
from support.contract import ROOT

BOOKS = ("docs/cookbook.md", "docs/cookbook.zh-CN.md")
MARK = "=== block %d ==="


def blocks(name: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / name).read_text(), re.M | re.S)


def promised(block: str) -> list[str]:
    """What stands behind the arrows: whole lines, in this order."""
    return re.findall(r"# → (.*)$", block, re.M)


def test_both_have_the_same_recipes():
    """The words differ, the commands and what comes out do not; other comments are words."""
    plain = [[re.sub(r"(?m)(^| +)# (?!→).*", "", block) for block in blocks(name)] for name in BOOKS]
    assert len(plain[0]) >= 15
    assert plain[0] == plain[1]


@pytest.mark.parametrize("name", BOOKS)
def test_contents_lead_somewhere(name):
    """A heading's anchor as web pages make it: lower case, no punctuation, hyphens for blanks."""
    text = (ROOT / name).read_text()
    anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^## (.*)$", text, re.M)}
    named = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert named and named == anchors


@pytest.mark.parametrize("name", BOOKS)
def test_recipes(name, folder, tmp_path):
    script = ["set -euo pipefail"]
    for number, block in enumerate(blocks(name)):
        script += [f"echo '{MARK % number}'", block]
    (tmp_path / "var").symlink_to(folder / "var")
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                          env=os.environ | {"NO_PROXY": "*", "no_proxy": "*"})
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr}"
    parts = re.split(r"^=== block \d+ ===\n", done.stdout, flags=re.M)[1:]
    for number, (block, part) in enumerate(zip(blocks(name), parts, strict=True)):
        lines = iter(line.rstrip() for line in part.splitlines())
        for line in promised(block):
            assert line in lines, f"block {number} does not print {line}:\n{part}"
