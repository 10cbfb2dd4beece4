"""Tokens as the street's identity provider would issue them. HS256 by hand: a test of the verifier must not trust a library's idea of a token."""

import base64
import hashlib
import hmac
import json
import time

SECRET = b"a secret of the tests alone, 32+ bytes long"
KID = "tests"
ISSUER, AUDIENCE = "https://id.example", "whistled"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header: dict | str, claims: dict | str, secret: bytes = SECRET) -> str:
    """Header and claims may be given as text, to say what json.dumps would not."""
    head = header if isinstance(header, str) else json.dumps(header)
    body = claims if isinstance(claims, str) else json.dumps(claims)
    signed = f"{b64(head.encode())}.{b64(body.encode())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def claims(subject: str, roles: list[str], tenant: str, **more) -> dict:
    now = int(time.time())
    base = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 86400, "tenant": tenant}
    return base | {"roles": roles} | more


def mint(subject: str, roles: list[str], tenant: str, **more) -> str:
    return sign({"alg": "HS256", "typ": "JWT", "kid": KID}, claims(subject, roles, tenant, **more))
