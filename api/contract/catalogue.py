"""errors.def: every refusal a client can see, with its status and its sentence in both languages."""

import re
from dataclasses import dataclass
from pathlib import Path

from document import Broken, Faults

_TEXT = r'"((?:[^"\\]|\\["\\])*)"'
_ROW = re.compile(rf"ERROR\(\s*([a-z][a-z0-9_]*)\s*,\s*([0-9]{{3}})\s*,\s*{_TEXT}\s*,\s*{_TEXT}\s*\)")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass
class Error:
    code: str
    status: int
    zh: str
    en: str


def _unescape(text: str) -> str:
    return text.replace('\\"', '"').replace("\\\\", "\\")


def load_errors(path: Path, faults: Faults) -> list[Error]:
    try:
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Broken(f"{path.name}: cannot be read: {error.strerror}.") from error
    errors: dict[str, Error] = {}
    for code, status, zh, en in _ROW.findall(text):
        if code in errors:
            faults.add(path.name, f"the code {code} stands twice.")
        if not 400 <= int(status) <= 599:
            faults.add(path.name, f"the code {code} has the status {status}, which is no refusal.")
        if not zh or not en:
            faults.add(path.name, f"the code {code} lacks a sentence.")
        errors[code] = Error(code, int(status), _unescape(zh), _unescape(en))
    rest = _ROW.sub("", text).strip()
    if rest:
        faults.add(path.name, f"cannot be read from here on: {rest.splitlines()[0][:80]}")
    return [errors[code] for code in sorted(errors)]
