"""Where a webhook may not lead, however its address is written or its name resolves; and whose certificates are believed.
The service here may call 127.0.0.2 and nothing else that is not public; whatever is called on 127.0.0.1 or ::1 has broken out."""

import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.contract import Contract
from support.hooks import Hooks
from support.receiver import Receiver
from support.service import Service
from support.world import Clock, Street, build_world

INSIDE = "127.0.0.2"


class Trap:
    """Listens on loopback and counts who comes: nobody may."""

    def __init__(self):
        self.calls, self.sockets = [], []
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        self.listen(first)
        try:
            self.listen(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        except OSError:
            pass  # a machine without IPv6

    def listen(self, server: socket.socket) -> None:
        self.sockets.append(server)
        threading.Thread(target=self.run, args=(server,), daemon=True).start()

    def run(self, server: socket.socket) -> None:
        while True:
            try:
                connection, peer = server.accept()
            except OSError:
                return
            self.calls.append((peer, connection.recv(4096)))
            connection.close()

    def close(self) -> None:
        for server in self.sockets:
            server.close()


class Authority:
    """Certificates, good and bad."""

    def __init__(self, folder):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The tests' authority")])
        self.root = self.issue(self.name, self.key, ca=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.root.public_bytes(serialization.Encoding.PEM))

    def issue(self, subject, key, ca=False, alternative=None, days=30) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=60))
                   .not_valid_after(now + timedelta(days=days)).add_extension(x509.BasicConstraints(ca, None), critical=True))
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, alternative, days=30) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.issue(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A receiver")]), key, False, alternative, days)
        path = self.folder / f"{certificate.serial_number}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def closed(postgres, authority):
    """A service with a database of its own: the session's one, which allows more, must not send for it."""
    postgres.create_database("addresses")
    service = Service(postgres, "addresses", webhook_allow=f"{INSIDE}/32", webhook_ports="1-65535", webhook_ca_file=authority.file,
                      webhook_timeout_ms=3000)
    service.environment |= {"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9"}
    assert service.run("migrate").returncode == 0
    build_world(postgres.url("whistled_owner", "addresses"), "street")
    service.start()
    yield service
    assert service.stop() == 0, service.log_text()[-4000:]


@pytest.fixture
def trap():
    found = Trap()
    yield found
    found.close()
    assert not found.calls, "somebody broke out"


@pytest.fixture
def here(closed, postgres):
    """The street and its subscriptions, in that service."""
    street = Street(closed, Contract(), Clock(), "street")
    with psycopg.connect(postgres.url("whistled_owner", "addresses"), autocommit=True) as db:
        db.execute("SET search_path = whistled, public")
        street.hooks = Hooks(db)
        yield street
        street.hooks.end()


def at(url: str):
    return type("At", (), {"url": url, "stop": lambda self: None})()


def result(here, url: str) -> str:
    """What becomes of a ping to an address that came past the first check: by a name, or by an older service's hand."""
    hook = here.hooks.subscribe(here.admin, ["case.voided"], receiver=at("https://hooks.example/"))
    here.hooks.db.execute("UPDATE webhooks SET url = %s WHERE id = %s", (url, hook.id))
    ping = hook.ended(hook.ping()["id"])
    hook.act("retire")
    assert ping["last_status"] is None
    return ping["last_error"]


def test_addresses_that_came_past_the_first_check(here, trap):
    """The second one stands where the socket is made."""
    for host in ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "017700000001", "0x7f.0x0.0x0.0x1", "127.0.0.1.",
                 "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "0", "0.0.0.0", "[::]",
                 "127.0.0.3", "169.254.169.254", "10.0.0.1", "100.64.0.1", "192.168.0.1", "172.31.0.1", "[fe80::1]", "[fd00::1]",
                 "[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "224.0.0.1", "255.255.255.255", "localhost", "LOCALHOST", "a.localhost",
                 socket.gethostname()):
        for scheme in ("http", "https"):
            error = result(here, f"{scheme}://{host}:{trap.port}/")
            assert error in ("refused_address", "dns"), f"{scheme}://{host}: {error}"
            assert error == "refused_address" or host not in ("127.0.0.1", "localhost", "[::1]", "2130706433", socket.gethostname())


def test_other_protocols_and_names_inside(here, trap):
    for url in (f"file:///etc/passwd", f"ftp://127.0.0.1:{trap.port}/", f"gopher://127.0.0.1:{trap.port}/_x", f"dict://127.0.0.1:{trap.port}/",
                f"telnet://127.0.0.1:{trap.port}/", f"http://a:b@{INSIDE}:{trap.port}/", f"http://{INSIDE}:1@127.0.0.1:{trap.port}/",
                f"127.0.0.1:{trap.port}", "http://"):
        assert result(here, url) == "refused_address", url
    # Plain http is for the networks that the operator lists.
    assert result(here, "http://8.8.8.8:80/") == "refused_address"


def test_names_are_accepted_and_judged_later(here, trap):
    """Nobody resolves a name when it is subscribed; what it resolves to is seen when it is called."""
    for name in ("localhost", socket.gethostname()):
        hook = here.hooks.subscribe(here.city, ["ticket.issued"], receiver=at(f"https://{name}:{trap.port}/"))
        ping = hook.ended(hook.ping()["id"])
        assert (ping["last_error"], ping["state"]) == ("refused_address", "failed")


def test_a_redirect_inside(here, trap):
    receiver = Receiver(lambda received: (302, {"Location": f"http://127.0.0.1:{trap.port}/"}, b""), host=INSIDE)
    hook = here.hooks.subscribe(here.city, ["ticket.issued"], receiver=receiver)
    ping = hook.ended(hook.ping()["id"])
    assert (ping["last_error"], ping["last_status"]) == ("redirect", 302)
    receiver.stop()


def test_the_operators_network_is_called_without_a_proxy(here, trap):
    receiver = Receiver(host=INSIDE)
    hook = here.hooks.subscribe(here.city, ["ticket.issued"], receiver=receiver)
    assert hook.ended(hook.ping()["id"])["state"] == "delivered"
    (received,) = receiver.got
    hook.verify(received)
    assert set(received.headers) == {"host", "user-agent", "content-type", "content-length", "webhook-id", "webhook-timestamp",
                                     "webhook-signature"}, "nothing of ours goes out but this"
    receiver.stop()


def test_certificates(here, authority, tmp_path):
    stranger = Authority(tmp_path)
    good = x509.IPAddress(ip_address(INSIDE))
    for context, error in ((authority.server(good), None), (authority.server(x509.IPAddress(ip_address("127.0.0.9"))), "tls"),
                           (authority.server(x509.DNSName("hooks.example")), "tls"), (authority.server(good, days=-1), "tls"),
                           (stranger.server(good), "tls")):
        receiver = Receiver(certificate=context, host=INSIDE)
        hook = here.hooks.subscribe(here.city, ["ticket.issued"], receiver=receiver)
        ping = hook.ended(hook.ping()["id"])
        assert ping["last_error"] == error and len(receiver.got) == (0 if error else 1)
        receiver.stop()
