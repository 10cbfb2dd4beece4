#!/usr/bin/python3
"""The contract compiler: openapi.yaml, db/ and api/errors.def become C tables, or a list of what is wrong with them."""

import argparse
import re
import sys
from pathlib import Path

from catalogue import load_errors
from document import Broken, Document, Faults
from embed import check_migrations, checksum, embedded_text, load_files
from operations import Operation, Operations, check_work
from statements import Statement, load_statements, type_internal
from tables import Contract, Tables


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the project's folder")
    parser.add_argument("--version", required=True, help="of the program")
    parser.add_argument("--tables", type=Path, required=True, help="C file to write: the contract")
    parser.add_argument("--embedded", type=Path, required=True, help="C file to write: migrations and procedures")
    parser.add_argument("--depfile", type=Path, help="for ninja: what was read")
    return parser.parse_args()


def _packed(sql: str) -> str:
    """The same with its one row in one column. What a function answers is a row already: taken as it is, PostgreSQL need not set up each column."""
    called = re.fullmatch(r"SELECT \* FROM (\w+\([^()]*\))", sql)
    return f"SELECT {called[1]} AS answer" if called else f"SELECT ROW(answer.*) FROM ({sql}) AS answer"


def _finish_statements(
    statements: dict[str, Statement], operations: list[Operation], faults: Faults
) -> list[Statement]:
    used = {operation.statement.name for operation in operations if operation.statement}
    # Lists, and what C code looks at by the names of its columns.
    unpacked = {operation.statement.name for operation in operations
                if operation.statement and (operation.handler or operation.encoder and operation.encoder.shape != "object")}
    kept = []
    for name in sorted(statements, key=str.encode):
        statement = statements[name]
        if statement.internal:
            type_internal(statement, faults)
        elif name not in used:
            faults.add(statement.path, "is used by no operation; what C calls is listed in db/queries/internal.txt.")
            continue
        statement.index = len(kept)
        if name in used - unpacked:
            statement.packed = _packed(statement.sql)
        kept.append(statement)
    return kept


def load(root: Path, version: str, faults: Faults):
    document = Document(root / "openapi.yaml")
    errors = load_errors(root / "api" / "errors.def", faults)
    statements = load_statements(root / "db" / "queries", root, faults)
    operations = Operations(document, statements, faults).load()
    check_work(operations, faults)
    migrations, procedures = load_files(root / "db" / "migrations"), load_files(root / "db" / "procedures")
    check_migrations(migrations, faults)
    contract = Contract(
        version=version,
        operations=operations,
        statements=_finish_statements(statements, operations, faults),
        errors=errors,
        openapi=document.published(),
        procedures_checksum=checksum(procedures),
    )
    return contract, migrations, procedures


def write_depfile(path: Path, target: Path, root: Path) -> None:
    """Folders too: a file that comes or goes changes them."""
    read = [root / "openapi.yaml", root / "api" / "errors.def"]
    for folder in ("migrations", "parts", "procedures", "queries"):
        top = root / "db" / folder
        if not top.is_dir():
            continue
        read += [top, *(p for p in sorted(top.rglob("*")) if p.is_dir() or p.suffix in (".sql", ".txt"))]
    words = " ".join(str(p).replace(" ", "\\ ") for p in read)
    path.write_text(f"{target}: {words}\n", encoding="utf-8")


def main() -> int:
    arguments = _arguments()
    faults = Faults()
    try:
        contract, migrations, procedures = load(arguments.root, arguments.version, faults)
    except Broken as error:
        faults.add("contract", str(error))
    if faults.sentences:
        print("\n".join(faults.sentences), file=sys.stderr)
        print(f"The contract has {len(faults.sentences)} fault(s).", file=sys.stderr)
        return 1
    arguments.tables.write_text(Tables(contract).text(), encoding="utf-8")
    arguments.embedded.write_text(embedded_text(migrations, procedures), encoding="utf-8")
    if arguments.depfile:
        write_depfile(arguments.depfile, arguments.tables, arguments.root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
