"""Tokens and cursors."""

import base64
import hashlib
import hmac
import json
import os
import time
from pathlib import Path

from things import Refusal

LEEWAY_S = 30


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Auth:
    """Tokens are verified once and kept by their digest until they expire, as whistled does."""

    def __init__(self, cursor_key: bytes):
        self.key, self.cursor_key = Path(os.environ["BENCH_KEY_FILE"]).read_bytes(), cursor_key
        self.issuer, self.audience = os.environ["BENCH_ISSUER"], os.environ["BENCH_AUDIENCE"]
        self.verified: dict[bytes, dict] = {}

    def check(self, header: str | None) -> dict:
        if not header:
            raise Refusal("unauthorized", bearer='Bearer realm="whistled"')
        text = header.removeprefix("Bearer ")
        digest = hashlib.sha256(text.encode()).digest()
        token = self.verified.get(digest)
        if token is None and (token := self.verify(text)):
            self.verified[digest] = token
        if token is None or time.time() - LEEWAY_S >= token["exp"]:
            raise Refusal("invalid_token", bearer='Bearer realm="whistled", error="invalid_token"')
        return token

    def verify(self, text: str) -> dict | None:
        try:
            head, payload, signature = text.split(".")
            if not hmac.compare_digest(hmac.digest(self.key, f"{head}.{payload}".encode(), "sha256"), decode(signature)):
                return None
            header, token = json.loads(decode(head)), json.loads(decode(payload))
        except ValueError:
            return None
        audience = token.get("aud") if isinstance(token.get("aud"), list) else [token.get("aud")]
        begun = time.time() + LEEWAY_S >= token.get("nbf", 0)
        good = header.get("alg") == "HS256" and token.get("iss") == self.issuer and self.audience in audience and begun and token.get("exp")
        return token if good else None

    def seal(self, call, payload: bytes) -> bytes:
        """HMAC over operation, tenant, subject, the sum of the filters' digests, and the payload."""
        total = 0
        for name, value in call.request.query_params.multi_items():
            if name not in ("cursor", "limit", "count", "updated_after"):
                total += int.from_bytes(hashlib.sha256(f"{name}\0{value}\0".encode()).digest(), "little")
        text = f"tickets.list\0{call.tenant}\0{call.subject}\0".encode() + (total % (1 << 256)).to_bytes(32, "little")
        return hmac.digest(self.cursor_key, text + payload, "sha256")[:16]

    def seal_cursor(self, call, payload: str) -> str:
        return base64.urlsafe_b64encode(self.seal(call, payload.encode()) + payload.encode()).rstrip(b"=").decode()

    def open_cursor(self, call, cursor: str) -> str:
        try:
            data = decode(cursor)
        except ValueError:
            raise Refusal("cursor_invalid") from None
        if not hmac.compare_digest(data[:16], self.seal(call, data[16:])):
            raise Refusal("cursor_invalid")
        return data[16:].decode()
