"""A real PostgreSQL in a temporary folder, one per test run, gone afterwards."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

PORT = 5432  # only names the socket file: there is no TCP listener


def binaries() -> Path:
    """The newest server that Debian installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[4]))
    if not found:
        raise RuntimeError("no PostgreSQL server under /usr/lib/postgresql: run script/test, which installs it")
    return found[-1].parent


def unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root: the words that start a command as somebody else."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


class Postgres:
    """A cluster with the roles that the service needs: `whistled_owner` migrates, `whistled` serves."""

    def __init__(self, durable: bool = False, settings: dict[str, str] | None = None):
        self.settings = settings or {}
        self.folder = Path(tempfile.mkdtemp(prefix="whistled-pg-"))
        atexit.register(self.remove)
        self.data = self.folder / "data"
        self.durable = durable
        self.process: subprocess.Popen | None = None
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.folder.chmod(0o755)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--lc-collate=C")

    def _run(self, program: str, *arguments: str) -> None:
        command = unprivileged() + [str(binaries() / program), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}")

    def start(self) -> None:
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self.folder),
            "max_connections": "100",
            "fsync": "on" if self.durable else "off",
        } | self.settings
        command = unprivileged() + [str(binaries() / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.log = open(self.folder / "log", "ab")
        self.process = None
        deadline = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
            # After a kill the last backends hold the shared memory for a moment, and a new server does not start beside them.
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd="/")
            select_pause()

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres", "postgres")):
                return True
        except psycopg.OperationalError:
            return False

    def kill(self) -> None:
        """As a power cut: no time to clean up."""
        # Only the postmaster is signalled; its children notice that it is gone.
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}&port={PORT}"

    def create_database(self, name: str) -> None:
        with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
            roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in {"whistled_owner", "whistled"} - roles:
                connection.execute(f"CREATE ROLE {role} LOGIN")
            connection.execute(f"CREATE DATABASE {name} OWNER whistled_owner")
        with psycopg.connect(self.url("postgres", name), autocommit=True) as connection:
            for extension in ("postgis", "btree_gist"):
                connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")


def select_pause() -> None:
    """Between two looks at something outside this process that has no way to call back."""
    time.sleep(0.02)


def until(condition) -> None:
    for _ in range(1500):
        if condition():
            return
        select_pause()
    raise AssertionError("it did not happen in time")
