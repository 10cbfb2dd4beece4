"""The receivers of docs/webhooks.md, run as they stand there: they believe the service and what its curl sample signs, and nobody else."""

import os
import re
import subprocess
import threading

import pytest
import requests
from support.asking import whistled
from support.contract import ROOT, Contract
from support.hooks import wait
from support.service import free_port

GUIDE = (ROOT / "docs" / "webhooks.md").read_text()


def sample(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.M | re.S)
    return text


class Sample:
    """A receiver of the guide in a process of its own."""

    def __init__(self, folder, language: str, secret: str, port: int):
        name, command = {"js": ("receiver.mjs", "node"), "python": ("receiver.py", "/usr/bin/python3")}[language]
        path = folder / name
        path.write_text(sample(language))
        self.url, self.lines = f"http://127.0.0.1:{port}/", []
        self.process = subprocess.Popen([command, str(path)], env=os.environ | {"SECRET": secret, "PORT": str(port)}, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True).start()
        wait(self.listens, "the sample")

    def listens(self) -> bool:
        try:
            return requests.post(self.url, data=b"{}", timeout=5).status_code == 401
        except requests.ConnectionError:
            assert self.process.poll() is None
            return False

    def heard(self) -> list[str]:
        return [line.strip() for line in self.lines]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.mark.parametrize("language", ["js", "python"])
def test_a_receiver_of_the_guide(street, hooks, tmp_path, language):
    port = free_port()
    hook = hooks.subscribe(street.city, ["ticket.issued", "ticket.signed"], receiver=type("At", (), {"url": f"http://127.0.0.1:{port}/"}))
    receiver = Sample(tmp_path, language, hook.secret, port)
    try:
        case = whistled(street)
        number = street.dispatcher.get(f"/v1/tickets/{case['tickets'][0]['id']}")["number"]
        wait(lambda: receiver.heard() == [f"ticket.issued {number}"], "the message")
        message = hook.ended(hook.deliveries()[0]["id"])
        assert (message["state"], message["last_status"]) == ("delivered", 204)
        # Again, under its id: it is known. With two signatures while the secret changes: one of them fits.
        assert street.city.post(f"{hook.path}/deliveries/{message['id']}/redeliver").status == 200
        hook.until(message["id"], lambda d: d["attempt_count"] == 2)
        hook.act("rotate-secret")
        street.city.ticket(case["tickets"][0]["id"], "sign")
        wait(lambda: receiver.heard() == [f"ticket.issued {number}", f"ticket.signed {number}"], "the second message")
        # The former secret is over: 401, and the message waits for its next try.
        hook.act("rotate-secret", grace_s=0)
        ping = hook.ended(hook.ping()["id"])
        assert (ping["last_status"], ping["last_error"]) == (401, "status")
        by_hand(receiver, hook.secret, number)
    finally:
        receiver.stop()


def by_hand(receiver: Sample, secret: str, number: str) -> None:
    def send(key: str, more: str = "") -> str:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", sample("sh") + more], capture_output=True, text=True, timeout=30,
                              env=os.environ | {"SECRET": key, "RECEIVER": receiver.url, "no_proxy": "*"})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    before = len(receiver.heard())
    assert send(secret) == "204"
    wait(lambda: len(receiver.heard()) == before + 1, "the message by hand")
    assert receiver.heard()[-1].startswith("webhook.ping try-")
    assert send("whsec_" + "A" * 43 + "=") == "401"


def test_the_guide_tells_what_holds(street):
    """Numbers and lists in the guide are those of the service."""
    contract = Contract().document["components"]["schemas"]
    assert {"case.closed", "ticket.*", "case.*", "*"} <= set(contract["WebhookEventType"]["enum"])
    procedures = (ROOT / "db" / "procedures")
    job = (procedures / "69_webhook_job.sql").read_text()
    words = re.search(r"'\{(5 seconds.*?)\}'", job).group(1)
    pauses = re.findall(r"(\d+) (second|minute|hour)s", words)
    assert len(pauses) == 9
    units = {"second": ("s", "秒"), "minute": ("min", "分"), "hour": ("h", "时")}
    assert "after " + ", ".join(f"{n} {units[u][0]}" for n, u in pauses[:-1]) + f" and {pauses[-1][0]} h more" in " ".join(GUIDE.split())
    assert "、".join(f"{n} {units[u][1]}" for n, u in pauses) in GUIDE
    described = street.contract.document["info"]["description"]
    assert ", ".join(f"{n} {units[u][0]}" for n, u in pauses) in " ".join(described.split())
    config = (ROOT / "api" / "config.c").read_text()
    assert 'AT(webhook_ports), .kind = TEXT, .fallback = "443,8443"' in config and "443 and 8443" in GUIDE
    assert '.fallback = "20000"' in config and "within 20 seconds" in GUIDE
