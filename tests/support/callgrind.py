"""What programs of ours cost in instructions: callgrind counts them, however busy the machine is."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .postgres import Postgres, binaries, unprivileged
from .service import Service

TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
COST = re.compile(r"\s*([\d,]+) \(.*?\)\s+\S*?:(\S+)(?: \[(.*)\])?$")
# The processor's own instructions for hashing and copying would make the count depend on the machine.
PLAIN_PROCESSOR = {"OPENSSL_ia32cap": "0", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-ERMS,-FSRM"}


class Dumps:
    """The files that a process leaves when asked; each tells what happened since the one before."""

    def __init__(self, folder: Path):
        self.folder, self.seen = folder, set()

    def next(self, process_id: int) -> Path:
        """That of the busiest thread."""
        subprocess.run(["callgrind_control", f"--vgdb-prefix={self.folder}/gdb", "--dump=count", str(process_id)],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        new = set(self.folder.glob("out*")) - self.seen
        self.seen |= new
        return max((path for path in new if TOTAL.search(path.read_text())), key=total)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def total(dump: Path) -> int:
    """All instructions of a dump."""
    return int(TOTAL.search(dump.read_text())[1])


class CountedService(Service):
    """The service under callgrind, its threads apart."""

    patience_s = 120

    def start(self) -> "CountedService":
        self.dumps = Dumps(Path(tempfile.mkdtemp(prefix="whistled-callgrind-")))
        return super().start()

    def command(self) -> list[str]:
        return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.dumps.folder}/out", f"--vgdb-prefix={self.dumps.folder}/gdb",
                "--separate-threads=yes", *super().command()]

    def environ(self) -> dict:
        return super().environ() | PLAIN_PROCESSOR

    def dump(self) -> Path:
        """Of the busiest thread, the worker, since the last call."""
        return self.dumps.next(self.process.pid)


def costs(dump: Path, inclusive: bool = False) -> dict[tuple[str, str], int]:
    """Instructions by function and object (the file's name); inclusive: with what it called."""
    command = ["callgrind_annotate", "--threshold=100", *(["--inclusive=yes"] if inclusive else []), str(dump)]
    found: dict[tuple[str, str], int] = {}
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        # A thread's first functions are given with all that it did.
        if (row := COST.match(line)) and row[2] not in ("clone", "start_thread"):
            key = row[2], Path(row[3] or "").name
            found[key] = found.get(key, 0) + int(row[1].replace(",", ""))
    return found


def count_backend(postgres: Postgres, database: str, commands: list[str], dump: Path) -> None:
    """PostgreSQL in single-user mode, on the data of a server that is stopped, does these and ends; the dump tells what all of it cost."""
    # setpriv and env become what they start.
    words = [f"{name}={value}" for name, value in PLAIN_PROCESSOR.items()]
    command = [*unprivileged(), "env", *words, "valgrind", "--tool=callgrind", f"--callgrind-out-file={dump}", str(binaries() / "postgres"),
               "--single", "-j", "-D", str(postgres.data), "-c", "jit=off", "-c", "exit_on_error=on", database]
    lines = ("\n".join(line for line in text.splitlines() if line.strip()) for text in commands)
    done = subprocess.run(command, input="".join(f"{line};\n\n" for line in lines).encode(), capture_output=True, cwd="/")
    if done.returncode != 0 or b"ERROR" in done.stderr:
        raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
