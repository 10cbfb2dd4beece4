"""A stream of events as a client that reads it line by line."""

import json
import queue
import socket
import threading
from urllib.parse import urlencode

from .client import Client


class Stream:
    """Opens /v1/events; `get` waits for what comes. Each event's data is held against the contract."""

    def __init__(self, client: Client, last: str | None = None, read: bool = True, **params):
        self.client, self.events, self.ended = client, queue.Queue(), threading.Event()
        self.last_id, self.comments, self.retry = last, 0, None
        host, port = client.base.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        query = urlencode({k: v for k, v in params.items() if v is not None}, doseq=True)
        headers = {"Host": host, "Accept": "text/event-stream", "Authorization": f"Bearer {client.token}",
                   "Accept-Language": "en"} | ({"Last-Event-ID": last} if last else {})
        lines = [f"GET /v1/events?{query} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name] = value
        body = b"" if self.status == 200 else self.file.read(int(self.headers["Content-Length"]))
        self.json = json.loads(body) if body else None
        client.contract.check("GET", "/v1/events", self.status, self.headers, body)
        self.thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200 and read:
            self.thread.start()

    def _read(self) -> None:
        kind, data, new_id = "message", [], None
        try:
            for raw in self.file:
                line = raw.decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if not line:
                    self.last_id = new_id or self.last_id
                    if data:
                        self._take(kind, new_id, json.loads("\n".join(data)))
                    kind, data, new_id = "message", [], None
                elif line.startswith(":"):
                    self.comments += 1
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    new_id = value
                elif name == "event":
                    kind = value
                elif name == "retry":
                    self.retry = int(value)
                else:
                    raise AssertionError(f"no such line: {line!r}")
        except (OSError, ValueError):
            pass
        finally:
            self.ended.set()

    def _take(self, kind: str, event_id: str, data: dict) -> None:
        if kind == "message":
            faults = self.client.contract.errors({"$ref": "#/components/schemas/Event"}, data)
            assert not faults, faults
        self.events.put((kind, event_id, data))

    def read(self) -> None:
        """Of one that was opened without reading."""
        self.thread.start()

    def get(self, timeout: float = 20):
        return self.events.get(timeout=timeout)

    def ready(self) -> "Stream":
        kind, _, data = self.get()
        assert kind == "ready", (kind, data)
        self.resumed = data["resumed"]
        return self

    def until(self, wanted) -> list[dict]:
        """All events up to the first that is wanted."""
        found = []
        while not found or not wanted(found[-1]):
            kind, _, data = self.get()
            assert kind == "message", (kind, data)
            found.append(data)
        return found

    def none(self) -> bool:
        return self.events.empty()

    def close(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
