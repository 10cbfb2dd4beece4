"""SQL that several statements and procedures share, taken in as psql does it: a line `\\ir FILE`, from the file's own folder.

`\\ir_row FILE` takes columns in without the names that end their lines, for a row constructor."""

import re
from pathlib import Path

from document import Broken

_INCLUDE = re.compile(r"^[ \t]*\\ir(_row)?[ \t]+(\S+)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r" AS \w+(?=,|$)", re.MULTILINE)


def read_sql(path: Path) -> str:
    """The file's text with its parts in place."""
    try:
        return _INCLUDE.sub(lambda match: _part(path.parent / match[2], unnamed=bool(match[1])), _read(path))
    except UnicodeDecodeError:
        raise Broken(f"{path}: is not UTF-8.") from None
    except FileNotFoundError as error:
        raise Broken(f"{path}: there is no {error.filename}.") from None


def _part(path: Path, unnamed: bool) -> str:
    text = read_sql(path).rstrip("\n")
    return _NAME.sub("", text) if unnamed else text


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
