"""Subscriptions of a test's own: each with a server behind it, retired when the test ends."""

import time

from .postgres import select_pause
from .receiver import Receiver, signature

PATIENCE_S = 30


class Hook:
    def __init__(self, hooks: "Hooks", client, reply, receiver: Receiver | None):
        self.hooks, self.client, self.receiver = hooks, client, receiver
        self.id, self.secret = reply["id"], reply.json.get("secret")
        self.path = f"/v1/webhooks/{self.id}"

    def read(self):
        return self.client.get(self.path)

    def act(self, action: str, expect: int = 200, **body):
        reply = self.client.post(f"{self.path}/{action}", body, self.read().etag)
        assert reply.status == expect, reply
        return reply

    def edit(self, expect: int = 200, **body):
        reply = self.client.patch(self.path, body, self.read().etag)
        assert reply.status == expect, reply
        return reply

    def ping(self):
        reply = self.client.post(f"{self.path}/ping")
        assert reply.status == 201, reply
        return reply

    def deliveries(self, **filters) -> list[dict]:
        return self.client.get(f"{self.path}/deliveries", limit=200, **filters)["items"]

    def delivery(self, delivery_id: str):
        return self.client.get(f"{self.path}/deliveries/{delivery_id}")

    def until(self, delivery_id: str, condition):
        """The delivery, once the condition holds of it."""
        return wait(lambda: (d := self.delivery(delivery_id)) and condition(d) and d, f"delivery {delivery_id}")

    def ended(self, delivery_id: str):
        return self.until(delivery_id, lambda d: d["state"] != "pending")

    def tried(self, delivery_id: str, n: int):
        return self.until(delivery_id, lambda d: d["attempt_count"] >= n)

    def verify(self, received) -> None:
        expected = signature(self.secret, received.id, received.timestamp, received.body)
        assert expected in received.signature.split(" "), received

    def hasten(self) -> None:
        """As if the time of the next tries had come."""
        hasten(self.hooks.db, self.id)


class Hooks:
    def __init__(self, db):
        self.db, self.all, self.receivers = db, [], []

    def receiver(self, *arguments, **options) -> Receiver:
        self.receivers.append(Receiver(*arguments, **options))
        return self.receivers[-1]

    def subscribe(self, client, types=("*",), answer=lambda received: 204, receiver=None, **body) -> Hook:
        receiver = receiver or self.receiver(answer)
        reply = client.post("/v1/webhooks", {"url": receiver.url, "event_types": list(types)} | body)
        assert reply.status == 201, reply
        self.all.append(Hook(self, client, reply, receiver))
        return self.all[-1]

    def end(self) -> None:
        for hook in self.all:
            if hook.read()["retired_at"] is None:
                hook.act("retire")
        for receiver in self.receivers:
            receiver.stop()


def hasten(db, webhook_id: str, tries: int = 10) -> None:
    """Moves what is due later to now, but for what has failed so often."""
    db.execute("UPDATE webhook_messages SET not_before = clock_timestamp() - interval '1 ms' WHERE id IN ("
               "SELECT id FROM webhook_messages WHERE webhook_id = %s AND head AND not_before > clock_timestamp() "
               "AND tries < %s FOR UPDATE SKIP LOCKED)", (webhook_id, tries))
    db.execute("UPDATE webhooks SET paused_until = NULL WHERE id = %s AND paused_until IS NOT NULL", (webhook_id,))


def wait(condition, what: str = "it"):
    """What the condition answers, once it is something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        select_pause()
    return found
