"""What stands between the service and PostgreSQL, and cuts a connection between a commit and its answer."""

import socket
import threading
from pathlib import Path

CRASHED = b"SFATAL\0VFATAL\0C08P01\0Mserver conn crashed?\0\0"
READY = b"Z\0\0\0\x05I"


class Lossy:
    """Listens like a PostgreSQL in `folder`. Once `lose` names a statement, the answer to its next run is taken from the server to its
    end and handed to nobody."""

    def __init__(self, folder: Path, server: Path):
        self.server, self.wanted, self.words, self.lost = server, None, b"", threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / ".s.PGSQL.5432"))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def lose(self, statement: str, like_a_pooler: bool = False) -> None:
        """A pooler says goodbye in the server's place."""
        self.words = b"E" + (len(CRASHED) + 4).to_bytes(4, "big") + CRASHED if like_a_pooler else b""
        self.wanted = statement.encode() + b"\0"

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.server / ".s.PGSQL.5432"))
            doomed = threading.Event()
            threading.Thread(target=self.ask, args=(client, server, doomed), daemon=True).start()
            threading.Thread(target=self.answer, args=(client, server, doomed), daemon=True).start()

    def ask(self, client, server, doomed) -> None:
        try:
            while data := client.recv(65536):
                if self.wanted and self.wanted in data:
                    self.wanted = None
                    doomed.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def answer(self, client, server, doomed) -> None:
        try:
            while data := server.recv(65536):
                if not doomed.is_set():
                    client.sendall(data)
                elif data.endswith(READY):
                    self.lost.set()
                    client.sendall(self.words)
                    break
            client.shutdown(socket.SHUT_RDWR)
            server.close()
        except OSError:
            pass
