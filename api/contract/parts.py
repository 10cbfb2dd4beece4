"""SQL that several statements and procedures share, taken in as psql does it: a line `\\ir FILE`, from the file's own folder."""

import re
from pathlib import Path

from document import Broken

_INCLUDE = re.compile(r"^[ \t]*\\ir[ \t]+(\S+)[ \t]*$", re.MULTILINE)


def read_sql(path: Path) -> str:
    """The file's text with its parts in place; a part has none of its own."""
    try:
        return _INCLUDE.sub(lambda match: _read(path.parent / match[1]).rstrip("\n"), _read(path))
    except UnicodeDecodeError:
        raise Broken(f"{path}: is not UTF-8.") from None
    except FileNotFoundError as error:
        raise Broken(f"{path}: there is no {error.filename}.") from None


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
