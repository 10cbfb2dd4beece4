"""The tour of both READMEs, block by block, as a newcomer would paste it, against the demonstration street.

By default on a service of its own. WHISTLED_TOUR_TOKENS names the tokens.env of one that runs already, such as the containers'."""

import os
import re
import subprocess

import pytest
from support.contract import ROOT

READMES = ("README.md", "README.zh-CN.md")
# Between blocks, so that a failure names the block and each must leave the shell usable for the next.
MARK = "=== block %d ==="


def blocks(name: str) -> list[str]:
    text = (ROOT / name).read_text()
    found = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
    assert len(found) >= 7, f"{name} has lost its tour"
    return found


def test_both_tell_the_same_tour():
    """The words differ, the commands do not; comments are words."""
    plain = [[re.sub(r"\s*# .*", "", block) for block in blocks(name)] for name in READMES]
    assert plain[0] == plain[1]


@pytest.mark.parametrize("name", READMES)
def test_tour(name, folder):
    script = ["set -euo pipefail"]
    for number, block in enumerate(blocks(name), start=1):
        script += [f"echo '{MARK % number}'", block]
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, capture_output=True, text=True, timeout=120,
                          env=os.environ | {"NO_PROXY": "*", "no_proxy": "*"})
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr}"
    parts = re.split(r"=== block \d+ ===\n", done.stdout)[1:]
    assert '"state":"issued"' in parts[3] or '"state":"whistled"' in parts[3]
    assert '"state":"evaluating"' in parts[6]
    assert '"state":"closed"' in parts[7] and "→ closed" in parts[7]
    assert "null" not in re.sub(r'"comment":null', "", parts[3].splitlines()[1]), "the department was not woken"
