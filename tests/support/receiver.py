"""A department's server that webhooks are posted to: keeps what came, answers as it is told, in this process."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WAIT_S = 30


@dataclass
class Received:
    id: str
    timestamp: int
    signature: str
    body: bytes
    path: str
    headers: dict
    status: int | None = None  # answered
    json: dict = field(init=False)

    def __post_init__(self):
        self.json = json.loads(self.body)

    @property
    def type(self) -> str:
        return self.json["type"]

    @property
    def ticket(self) -> str | None:
        ticket = self.json["data"].get("ticket")
        return ticket and ticket["id"]


def signature(secret: str, message_id: str, timestamp, body: bytes) -> str:
    """By hand: a test of the signer must not trust its idea of a signature."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


class Receiver:
    """`answer(received)` gives a status, or (status, headers, body); None: the line is cut without a word."""

    def __init__(self, answer=lambda received: 204, certificate: ssl.SSLContext | None = None, host: str = "127.0.0.1"):
        self.answer, self.host = answer, host
        self.got: list[Received] = []
        self.changed = threading.Condition()
        self.certificate, self.connections = certificate, set()
        self.scheme = "https" if certificate else "http"
        self.start(0)

    def start(self, port: int) -> None:
        self.server = ThreadingHTTPServer((self.host, port), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        if self.certificate:
            self.server.socket = self.certificate.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/hook"

    def _handler(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                received = Received(headers["webhook-id"], int(headers["webhook-timestamp"]), headers["webhook-signature"],
                                    body, self.path, headers)
                receiver.note(received)
                answer = receiver.answer(received)
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, more, content = answer if isinstance(answer, tuple) else (answer, {}, b"")
                received.status = status
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                try:
                    self.wfile.write(content)
                except OSError:
                    pass  # it had enough

            def do_GET(self):  # nobody has business here
                receiver.note(Received("GET", 0, "", b"{}", self.path, {}))
                self.send_error(405)

            def log_message(self, *arguments):
                pass

            def handle(self):
                receiver.connections.add(self.connection)
                try:
                    super().handle()
                except OSError:
                    pass
                receiver.connections.discard(self.connection)

        return Handler

    def note(self, received: Received) -> None:
        with self.changed:
            self.got.append(received)
            self.changed.notify_all()

    def wait(self, condition, what: str = "it") -> None:
        """Until the condition holds over what came."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.got), WAIT_S), f"{what} did not come; {len(self.got)} did"

    def wait_for(self, n: int) -> list[Received]:
        self.wait(lambda got: len(got) >= n, f"number {n}")
        return self.got[:n]

    def ids(self) -> list[str]:
        return [r.id for r in self.got]

    def kill(self) -> None:
        """As a server that dies: nobody listens, and every open line is cut."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    stop = kill

    def revive(self) -> None:
        self.start(self.port)
