"""Statements: files of SQL with parameters called by name (`@case_id`), which become $1, $2, …"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from document import Faults
from parts import read_sql

TYPES = {
    "bool": 16, "boolean": 16, "bytea": 17, "bigint": 20, "integer": 23, "text": 25, "json": 114, "float8": 701,
    "double precision": 701, "date": 1082, "timestamptz": 1184, "uuid": 2950, "jsonb": 3802, "bool[]": 1000,
    "integer[]": 1007, "text[]": 1009, "bigint[]": 1016, "float8[]": 1022, "date[]": 1182, "timestamptz[]": 1185,
    "uuid[]": 2951,
}  # fmt: skip

# What every statement may ask for, whatever its operation declares.
RESERVED = {
    "tenant": "text", "actor": "text", "roles": "text[]", "op_roles": "text[]", "org": "text", "areas": "text[]",
    "action": "text", "id": "uuid", "idempotency_key": "text", "fingerprint": "text", "if_match": "bigint[]",
    "request_id": "text", "lang": "text", "now": "timestamptz", "cursor": "text", "limit": "integer", "body": "jsonb",
    "secret_hash": "bytea", "key_hash": "bytea", "base_url": "text", "contact": "text",
}  # fmt: skip

# Called from C by name. All in db/queries/system are too, and what db/queries/internal.txt lists.
INTERNAL = {"people.check", "people.wake_keys", "events.begin"}

_TOKEN = re.compile(
    r"""
      (?P<line_comment>--[^\n]*)
    | (?P<block_comment>/\*)
    | (?P<escape_string>\b[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<identifier>"(?:[^"]|"")*")
    | (?P<dollar>(?<![A-Za-z0-9_$])\$(?P<tag>[A-Za-z_][A-Za-z0-9_]*)?\$.*?\$(?P=tag)\$
                |(?<![A-Za-z0-9_$])\$\$.*?\$\$)
    | (?P<parameter>(?<![A-Za-z0-9_@<>=!~|&\#*+/^%?$-])@(?P<name>[A-Za-z][A-Za-z0-9_]*))
    | (?P<positional>(?<![A-Za-z0-9_$])\$[0-9]+)
    | (?P<glued>=@[A-Za-z][A-Za-z0-9_]*)
    """,
    re.VERBOSE | re.DOTALL,
)
_DECLARED = re.compile(r"@([A-Za-z][A-Za-z0-9_]*)\s+((?:double precision|[a-z0-9]+)(?:\[\])?)")


@dataclass
class Statement:
    name: str
    path: str  # as the author knows it: db/queries/cases/list.sql
    sql: str  # with $n
    parameters: list[str]
    declared: dict[str, str]  # of the first line: name → type
    internal: bool = False
    packed: str | None = None  # the same with its one row in one column
    types: list[str] = field(default_factory=list)
    index: int = -1


def _skip_block_comment(text: str, start: int) -> int:
    """They nest in PostgreSQL, which no regular expression can follow."""
    depth, position = 1, start + 2
    while depth and position < len(text):
        if text.startswith("/*", position):
            depth, position = depth + 1, position + 2
        elif text.startswith("*/", position):
            depth, position = depth - 1, position + 2
        else:
            position += 1
    return position


def number_parameters(text: str) -> tuple[str, list[str], list[str]]:
    """Returns the text with $n for @name and without comments, the names in order, and what is wrong with it."""
    parts, names, wrong, position = [], [], [], 0
    while match := _TOKEN.search(text, position):
        parts.append(text[position : match.start()])
        position = match.end()
        if match["line_comment"] is not None:
            continue
        if match["block_comment"] is not None:
            position = _skip_block_comment(text, match.start())
            parts.append(" ")
        elif match["parameter"] is not None:
            if match["name"] not in names:
                names.append(match["name"])
            parts.append(f"${names.index(match['name']) + 1}")
        elif match["positional"] is not None:
            wrong.append(f"uses {match[0]}; parameters have names here.")
        elif match["glued"] is not None:
            wrong.append(f"PostgreSQL reads {match[0]} as an operator; put a blank before the @.")
        else:
            parts.append(match[0])
    parts.append(text[position:])
    lines = [line.rstrip() for line in "".join(parts).splitlines()]
    return "\n".join(line for line in lines if line).strip().rstrip(";").rstrip(), names, wrong


def declared_parameters(text: str) -> dict[str, str]:
    """`-- @a text, @b uuid[]` on the first line; a line without types declares nothing."""
    first = text.split("\n", 1)[0]
    if not first.startswith("--"):
        return {}
    found = dict(_DECLARED.findall(first))
    return {name: kind for name, kind in found.items() if kind in TYPES}


def load_statements(folder: Path, root: Path, faults: Faults) -> dict[str, Statement]:
    internal = INTERNAL | _listed(folder / "internal.txt")
    statements = {}
    for path in sorted(folder.rglob("*.sql")):
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        shown = str(path.relative_to(root))
        text = read_sql(path)
        sql, names, wrong = number_parameters(text)
        for sentence in wrong:
            faults.add(shown, sentence)
        if not sql:
            faults.add(shown, "holds no statement.")
        statements[name] = Statement(
            name=name,
            path=shown,
            sql=sql,
            parameters=names,
            declared=declared_parameters(text),
            internal=name.startswith("system.") or name in internal,
        )
    for name in sorted(internal - INTERNAL - set(statements)):
        faults.add("db/queries/internal.txt", f"lists {name}, of which there is no file.")
    return statements


def _listed(path: Path) -> set[str]:
    if not path.exists():
        return set()
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line}


def type_internal(statement: Statement, faults: Faults) -> None:
    """A statement called from C: all its own names in the order of the first line, or only reserved ones."""
    if statement.declared and set(statement.parameters) - set(RESERVED):
        _number_as_declared(statement)
    known = statement.declared or RESERVED
    for name in statement.parameters:
        kind = known.get(name) or RESERVED.get(name)
        if kind is None:
            faults.add(
                statement.path,
                f"uses @{name}, which nothing supplies; a statement called from C declares its parameters "
                "with their types on its first line.",
            )
        statement.types.append(kind or "text")


def _number_as_declared(statement: Statement) -> None:
    """C passes values in the order that the first line shows, not in the order of first use."""
    order = [name for name in statement.declared if name in statement.parameters]
    order += [name for name in statement.parameters if name not in statement.declared]
    place = {str(i + 1): order.index(name) + 1 for i, name in enumerate(statement.parameters)}
    pieces = []
    position = 0
    for match in _TOKEN.finditer(statement.sql):
        if match["positional"] is not None:
            pieces.append(statement.sql[position : match.start()] + f"${place[match[0][1:]]}")
            position = match.end()
    statement.sql = "".join(pieces) + statement.sql[position:]
    statement.parameters = order
