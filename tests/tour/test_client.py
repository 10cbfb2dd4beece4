"""A client in TypeScript: types made from openapi.yaml, compiled strictly, and through the whole loop against the service."""

import os
import re
import subprocess

import pytest
from support.contract import ROOT

GUIDES = ("docs/client.md", "docs/client.zh-CN.md")


@pytest.fixture(scope="module")
def compiled():
    """Where script/client leaves what it made."""
    done = subprocess.run([str(ROOT / "script" / "client")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "var" / "client"


@pytest.fixture(scope="module")
def environment(folder):
    found = dict(re.findall(r"^export (\w+)=(.*)$", (folder / "var" / "tokens.env").read_text(), re.M))
    return os.environ | found | {"NO_PROXY": "*", "no_proxy": "*"}


def test_the_whole_loop(compiled, environment):
    done = subprocess.run(["node", "out/loop.js"], cwd=compiled, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"MS\d{8}-\d{6} closed \d+ events\n", done.stdout)


def test_every_reply_and_every_body_has_a_name(compiled):
    """What has no name in the contract has none in a program either."""
    types = (compiled / "schema.d.ts").read_text()
    operations = types[types.index("export interface operations {"):]
    unnamed = re.findall(r'"application/(?:json|x-ndjson)": (?!components)(.*)', operations)
    assert [kind for kind in unnamed if kind != "{"] == []
    # The document itself is the one reply without a schema of its own.
    assert len(unnamed) == 1


@pytest.mark.parametrize("name", GUIDES)
def test_guide(name, compiled, environment):
    """Its program is a program: it compiles as it stands there, and runs."""
    [program] = re.findall(r"^```ts\n(.*?)^```$", (ROOT / name).read_text(), re.M | re.S)
    source = compiled / "guide.ts"
    source.write_text(program)
    tsc = ["node", "node_modules/typescript/bin/tsc", "-p", ".", "--outDir", "out"]
    try:
        done = subprocess.run(tsc, cwd=compiled, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout
        done = subprocess.run(["node", "out/guide.js"], cwd=compiled, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        source.unlink()


def test_guides_tell_the_same():
    plain = [re.sub(r" *//.*", "", "".join(re.findall(r"^```\w+\n(.*?)^```$", (ROOT / name).read_text(), re.M | re.S)))
             for name in GUIDES]
    assert plain[0] == plain[1]
