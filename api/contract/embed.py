"""Migrations and procedures go into the program, so that a release is one file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from document import Faults
from parts import read_sql
from tables import c_lines, c_string

# Transition tables stand in a folder of their own; types come before them, whatever uses them after.
FOLDER_PREFIX = {"transitions": "15_transitions"}
CHECKSUM_DIGITS = 12


@dataclass
class File:
    name: str
    text: str
    sha256: str


def load_files(folder: Path) -> list[File]:
    """In the order in which they are to be run."""
    files = []
    for path in sorted(folder.rglob("*.sql"), key=lambda path: _order(path.relative_to(folder))):
        text = read_sql(path)
        name = str(path.relative_to(folder))
        files.append(File(name=name, text=text, sha256=hashlib.sha256(text.encode()).hexdigest()))
    return files


def _order(path: Path) -> tuple[str, ...]:
    return tuple(FOLDER_PREFIX.get(part, part) for part in path.parts)


def check_migrations(files: list[File], faults: Faults) -> None:
    for number, file in enumerate(files, start=1):
        if not file.name.startswith(f"{number:04d}_"):
            faults.add(f"db/migrations/{file.name}", f"should begin with {number:04d}_: numbers have no gaps.")


def checksum(files: list[File]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.text}\0".encode())
    return digest.hexdigest()[:CHECKSUM_DIGITS]


def _table(name: str, files: list[File]) -> str:
    texts = [f"static const char {name}_{i}[] =\n{c_lines(file.text)};" for i, file in enumerate(files)]
    rows = [
        f"    {{.name = {c_string(file.name)}, .text = {name}_{i}, .sha256 = {c_string(file.sha256)}}},"
        for i, file in enumerate(files)
    ]
    return "\n\n".join(
        [
            *texts,
            f"const struct embedded_file embedded_{name}[] = {{\n" + "\n".join([*rows, "    {.name = NULL},"]) + "\n};",
            f"const size_t n_embedded_{name} = {len(files)};",
        ]
    )


def embedded_text(migrations: list[File], procedures: list[File]) -> str:
    return "\n\n".join(
        [
            "/* Made by api/contract/compile.py from db/migrations and db/procedures. */",
            '#include "embedded.h"',
            '#pragma GCC diagnostic ignored "-Woverlength-strings"',
            _table("migrations", migrations),
            _table("procedures", procedures),
        ]
    ) + "\n"  # fmt: skip
