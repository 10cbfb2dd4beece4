"""The demonstration street, as script/server would show it to a newcomer."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.contract import ROOT
from support.postgres import Postgres
from support.service import BINARY, Service


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with var/tokens.env, as script/server leaves it."""
    folder = tmp_path_factory.mktemp("tour")
    (folder / "var").mkdir()
    running = os.environ.get("WHISTLED_TOUR_TOKENS")
    if running:
        shutil.copy(running, folder / "var" / "tokens.env")
        yield folder
        return
    postgres = Postgres()
    postgres.start()
    try:
        postgres.create_database("main")
        service = demonstration(postgres)
        try:
            (folder / "var" / "tokens.env").write_text(tokens(service))
            yield folder
        finally:
            assert service.stop() == 0, service.log_text()[-4000:]
    finally:
        postgres.remove()


def demonstration(postgres: Postgres) -> Service:
    service = Service(postgres, "main", test_clock=0, signing_kid="demo")
    key = Path(service.environment["WHISTLED_KEY_DIR"]) / "demo.hs256"
    key.write_bytes(b"the secret of the tour alone, long enough")
    key.chmod(0o600)
    assert service.run("migrate").returncode == 0
    subprocess.run([str(ROOT / "script" / "demo")], env=service.environ(), check=True, timeout=120)
    return service.start()


def tokens(service: Service) -> str:
    done = subprocess.run([str(ROOT / "script" / "tokens")], env=service.environ() | {"WHISTLED": str(BINARY)},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
