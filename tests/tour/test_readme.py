"""What the READMEs say of the code is what the code says: settings, layers, files."""

import re
import subprocess
from pathlib import Path

import pytest
from support.contract import ROOT
from support.service import BINARY

READMES = ("README.md", "README.zh-CN.md")
API = ROOT / "api"


def rows(name: str, *headers: str) -> list[list[str]]:
    """The cells of the table whose first column is called so."""
    lines = (ROOT / name).read_text().splitlines()
    start = next((i for i, line in enumerate(lines) if any(line.startswith(f"| {h} |") for h in headers)), None)
    assert start is not None, f"{name} has lost its table {headers[0]}"
    found = []
    for line in lines[start + 2:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def settings() -> list[tuple[str, str]]:
    """Environment and default of each row of the program's one table, in its order."""
    table = (API / "config.c").read_text().split("settings[] = {", 1)[1].split("};", 1)[0]
    found = []
    for row in re.findall(r"\{AT\(.*?\},\n", table, re.S):
        name = re.search(r"AT\((\w+)\)", row).group(1)
        environment = re.search(r'\.environment = "(\w+)"', row)
        default = re.search(r'\.fallback = "([^"]*)"', row).group(1)
        found.append((environment.group(1) if environment else f"WHISTLED_{name.upper()}", default))
    assert len(found) > 30
    return found


@pytest.mark.parametrize("name", READMES)
def test_table_of_settings_is_the_programs(name):
    told = [(row[0].strip("`"), row[1].strip("`–")) for row in rows(name, "variable", "变量")]
    assert told == settings()


def test_help_knows_every_setting():
    done = subprocess.run([str(BINARY), "--help"], capture_output=True, text=True, timeout=20)
    missing = [environment for environment, _ in settings() if environment not in done.stdout]
    assert not missing


def layers(name: str) -> list[list[str]]:
    """Names of files, upper layer first."""
    return [re.findall(r"`([\w/]+)`", row[1]) for row in rows(name, "layer", "层")]


def layer_of(path: Path, table: list[list[str]]) -> int:
    """By the longest name: encode_value.c is encode's, token_cache.c is named itself."""
    stem = str(path.relative_to(API).with_suffix(""))
    found = [
        (len(name), i) for i, names in enumerate(table) for name in names
        if stem == name or stem.startswith(f"{name}_") or name.endswith("/") and stem.startswith(name)
    ]
    assert found, f"api/{stem} is in no layer of the README"
    return max(found)[1]


def test_no_file_includes_a_layer_above():
    table = layers(READMES[0])
    upward = []
    for path in sorted([*API.glob("*.[ch]"), *API.glob("ops/*.[ch]")]):
        own = layer_of(path, table)
        for included in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            target = next((p for p in ((path.parent / included).resolve(), API / included) if p.exists()), None)
            if target is not None and target.is_relative_to(API) and layer_of(target, table) < own:
                upward.append(f"{path.name} includes {included}")
    assert not upward


def test_both_draw_the_same_layers():
    assert layers(READMES[0]) == layers(READMES[1])


@pytest.mark.parametrize("name", READMES)
def test_named_files_exist(name):
    text = (ROOT / name).read_text()
    named = re.findall(r"\]\(([\w./-]+)\)", text)
    tree = re.search(r"^```\n(openapi\.yaml .*?)^```", text, re.M | re.S).group(1)
    folder = ""
    for indent, path in re.findall(r"^(  )?([\w./]+)\s{2,}", tree, re.M):
        folder = folder if indent else path
        named.append(folder + path if indent else path)
    missing = [path for path in named if not (ROOT / path).exists()]
    assert not missing
