"""One line of a procedure made wrong in the database that runs, and made right again."""

from contextlib import contextmanager

from .contract import ROOT

PROCEDURES = ROOT / "db" / "procedures"


def source(function: str) -> str:
    """The text that makes this function, from its CREATE to the end of its body."""
    lines = [line for file in sorted(PROCEDURES.glob("*.sql")) for line in file.read_text(encoding="utf-8").splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith(f"CREATE FUNCTION {function}("))
    quotes = 0
    for end, line in enumerate(lines[start:], start):
        quotes += line.count("$$")
        if line.endswith(";") and quotes in (0, 2):
            return "\n".join(lines[start:end + 1]).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    raise ValueError(function)


@contextmanager
def mutated(db, function: str, right: str, wrong: str):
    text = source(function)
    assert text.count(right) == 1, f"{function}: {right} stands there {text.count(right)} times"
    db.execute(text.replace(right, wrong))
    try:
        yield
    finally:
        db.execute(text)
