"""Tokens: good ones of every algorithm, and those that people forge. Nothing here uses the service's own idea of a token."""

import base64
import hmac
import json
import re
import time

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from support import tokens
from support.client import Client
from support.postgres import select_pause
from support.service import Service

HEADER = {"alg": "HS256", "typ": "JWT", "kid": tokens.KID}
PROBE = "/v1/me"


def ask(service, token: str, **headers) -> requests.Response:
    return requests.get(f"{service.base}{PROBE}", headers={"Authorization": f"Bearer {token}"} | headers, timeout=20)


def claims(**more) -> dict:
    return tokens.claims("dispatcher", ["dispatcher"], "street") | more


def without(*names: str) -> dict:
    return {name: value for name, value in claims().items() if name not in names}


def public_pem(key) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def keys(service, rsa_key, ec_key):
    """Two public keys join the folder while the service runs; it takes them up by itself."""
    folder = service.folder / "keys"
    (folder / "rsa.rs256.pem").write_bytes(public_pem(rsa_key))
    (folder / "ec.es256.pem").write_bytes(public_pem(ec_key))
    token = jwt.encode(claims(), rsa_key, "RS256", {"kid": "rsa"})
    wait_for(service, token, 200)
    yield
    (folder / "rsa.rs256.pem").unlink()
    (folder / "ec.es256.pem").unlink()
    wait_for(service, token, 401)


def wait_for(service, token: str, status: int) -> None:
    """Each worker looks at its keys on its own, so all have to say so: several connections, several times."""
    deadline, streak = time.monotonic() + 30, 0
    while streak < 16:
        streak = streak + 1 if ask(service, token).status_code == status else 0
        assert time.monotonic() < deadline
        if not streak:
            select_pause()


def test_every_algorithm(service, keys, rsa_key, ec_key):
    assert ask(service, tokens.sign(HEADER, claims())).status_code == 200
    assert ask(service, jwt.encode(claims(), rsa_key, "RS256", {"kid": "rsa"})).status_code == 200
    assert ask(service, jwt.encode(claims(), ec_key, "ES256", {"kid": "ec"})).status_code == 200
    for key, name, kid in ((rsa_key, "RS256", "rsa"), (ec_key, "ES256", "ec"), (tokens.SECRET, "HS256", tokens.KID)):
        token = jwt.encode(claims(), key, name, {"kid": kid, "typ": "at+jwt"})
        assert ask(service, token).status_code == 200, name
    assert ask(service, tokens.sign(HEADER, claims()), Authorization=f"bEaReR {tokens.sign(HEADER, claims())}").ok


def test_no_token_is_told_without_an_error(service, anonymous):
    reply = anonymous.get(PROBE)
    assert (reply.status, reply.code) == (401, "unauthorized")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer") and "error" not in reply.headers["WWW-Authenticate"]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_with(header, payload, signature: bytes) -> str:
    head = header if isinstance(header, str) else json.dumps(header)
    body = payload if isinstance(payload, str) else json.dumps(payload)
    return f"{b64(head.encode())}.{b64(body.encode())}.{b64(signature)}"


def sign_bytes(payload: bytes) -> str:
    signed = f"{b64(json.dumps(HEADER).encode())}.{b64(payload)}"
    return f"{signed}.{b64(hmac.digest(tokens.SECRET, signed.encode(), 'sha256'))}"


def forged_headers(rsa_public: bytes):
    good = claims()
    for name in ("none", "None", "NONE", "nOnE", "", "hs256", "HS384", "HS512", "RS256", "HS256 "):
        yield f"alg {name!r}", tokens.sign(HEADER | {"alg": name}, good)
        yield f"alg {name!r}, unsigned", signed_with(HEADER | {"alg": name}, good, b"")
        yield f"alg {name!r}, two parts", signed_with(HEADER | {"alg": name}, good, b"")[:-1]
    for value in (None, 7, ["HS256"], {"HS256": 1}, True):
        yield f"alg {value!r}", tokens.sign(HEADER | {"alg": value}, good)
    for kid in ("", "other", "../tests", "tests.hs256", "../../../../dev/null", "TESTS", "k" * 300, "tests\x00", "' OR 1=1 --"):
        yield f"kid {kid[:20]!r}", tokens.sign(HEADER | {"kid": kid}, good)
        yield f"kid {kid[:20]!r}, empty key", tokens.sign(HEADER | {"kid": kid}, good, b"")
    for kid in (None, 7, [tokens.KID], {}):
        yield f"kid {kid!r}", tokens.sign(HEADER | {"kid": kid}, good)
    for secret in (b"", b"secret", tokens.SECRET[:-1], tokens.SECRET + b"\n", b"\0" * 32, rsa_public, rsa_public.strip()):
        yield f"secret {secret[:20]!r}", tokens.sign(HEADER, good, secret)
        yield f"secret {secret[:20]!r} for RSA's kid", tokens.sign(HEADER | {"kid": "rsa"}, good, secret)
        yield f"secret {secret[:20]!r} as RS256", tokens.sign(HEADER | {"kid": "rsa", "alg": "RS256"}, good, secret)
    for name, value in (("crit", ["exp"]), ("crit", []), ("b64", False), ("typ", "dpop+jwt"), ("typ", 7), ("typ", None)):
        yield f"{name} {value!r}", tokens.sign(HEADER | {name: value}, good)
    text = json.dumps(HEADER)[:-1]
    yield "alg twice", tokens.sign('{"alg": "none", ' + text[1:] + "}", good)
    yield "kid twice", tokens.sign(text + ', "kid": "tests"}', good)
    yield "deep header", tokens.sign(text + ', "x": ' + "[" * 1500 + "]" * 1500 + "}", good)
    yield "header is a list", tokens.sign(f"[{json.dumps(HEADER)}]", good)
    yield "header and more", tokens.sign(json.dumps(HEADER) + "{}", good)
    yield "no header", tokens.sign("", good)


def forged_claims():
    text = json.dumps(claims())[:-1]
    now = int(time.time())
    for name in ("iss", "aud", "sub", "exp", "tenant"):
        yield f"no {name}", tokens.sign(HEADER, without(name))
        yield f"{name} null", tokens.sign(HEADER, claims(**{name: None}))
        yield f"{name} {{}}", tokens.sign(HEADER, claims(**{name: {}}))
        yield f"{name} empty", tokens.sign(HEADER, claims(**{name: ""}))
        yield f"{name} twice", tokens.sign(HEADER, text + f', "{name}": {json.dumps(claims()[name])}}}')
    for exp in (str(now + 60), 0, -1, now - 60, now * 1000, 10**18, True, [now + 60], 2**63 - 1, 1e300):
        yield f"exp {exp!r}", tokens.sign(HEADER, claims(exp=exp))
    for raw in ("1e999", "99999999999999999999", "NaN", "Infinity", "0x7fffffff", "+1", "1_000"):
        yield f"exp {raw}", tokens.sign(HEADER, json.dumps(without("exp"))[:-1] + f', "exp": {raw}}}')
    for name in ("nbf", "iat"):
        for value in (now + 120, str(now), -1, True, 1e300):
            yield f"{name} {value!r}", tokens.sign(HEADER, claims(**{name: value}))
    for iss in (tokens.ISSUER + "/", tokens.ISSUER.upper(), [tokens.ISSUER], "https://evil.example"):
        yield f"iss {iss!r}", tokens.sign(HEADER, claims(iss=iss))
    for aud in ("other", "Whistled", ["other"], [], [["whistled"]], ["whistled", 7], {"whistled": True}):
        yield f"aud {aud!r}", tokens.sign(HEADER, claims(aud=aud))
    for sub in (7, ["dispatcher"], "a\nb", "\x7f", "s" * 256, "\x1b[2J"):
        yield f"sub {str(sub)[:10]!r}", tokens.sign(HEADER, claims(sub=sub))
    for roles in (7, {"dispatcher": 1}, [["dispatcher"]], [7], True):
        yield f"roles {roles!r}", tokens.sign(HEADER, claims(roles=roles))
    yield "jti 7", tokens.sign(HEADER, claims(jti=7))
    yield "org 7", tokens.sign(HEADER, claims(org=7))
    yield "areas {}", tokens.sign(HEADER, claims(areas={}))
    yield "deep payload", tokens.sign(HEADER, text + ', "x": ' + "[" * 1500 + "]" * 1500 + "}")
    yield "no object", tokens.sign(HEADER, "[]")
    for name, junk in (("bad UTF-8", b"\xff"), ("half a surrogate pair", b"\xed\xa0\x80"), ("overlong slash", b"\xc0\xaf")):
        yield name, sign_bytes(text.encode() + b', "x": "' + junk + b'"}')
    yield "NUL", tokens.sign(HEADER, text + ', "x": "\\u0000"}')
    yield "something behind", tokens.sign(HEADER, text + "}}")


def forged_signatures(rsa_key, ec_key):
    rs = {"alg": "RS256", "typ": "JWT", "kid": "rsa"}
    es = {"alg": "ES256", "typ": "JWT", "kid": "ec"}
    for size in (0, 1, 31, 32, 33, 64, 255, 256, 257, 512):
        for header in (HEADER, rs, es, rs | {"typ": "at+jwt"}, es | {"typ": "at+jwt"}, HEADER | {"typ": "at+jwt"}):
            yield f"{size} zeros for {header['kid']}", signed_with(header, claims(), b"\0" * size)
    yield "r = s = order", signed_with(es, claims(), bytes.fromhex(
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551") * 2)
    other, other_ec = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    yield "another RSA key", jwt.encode(claims(), other, "RS256", {"kid": "rsa"})
    yield "another EC key", jwt.encode(claims(), other_ec, "ES256", {"kid": "ec"})
    yield "PS256", jwt.encode(claims(), rsa_key, "PS256", {"kid": "rsa"})
    yield "RS512", jwt.encode(claims(), rsa_key, "RS512", {"kid": "rsa"})
    yield "key in the header", jwt.encode(claims(), other, "RS256", {
        "kid": "rsa", "jwk": json.loads(RSAAlgorithm.to_jwk(other.public_key()))})
    der = ec_key.sign(b"x", ec.ECDSA(hashes.SHA256()))
    yield "a DER signature", signed_with(es, claims(), der)


def mangled(good: str):
    head, body, signature = good.split(".")
    for text in ("", ".", "..", "...", "x", head, f"{head}.{body}", f"{head}.{body}.", f".{body}.{signature}",
                 f"{good}.", f"{good}.{signature}", f".{good}", f"{good}=", f"{good}==", f"{good}!!!!", f"{good}A",
                 good[:-1], f"{head}=.{body}.{signature}", f"{head}.{body}\u00a0.{signature}".encode().decode("latin-1"),
                 f"{head}.{body}.{signature[:10]}%{signature[10:]}", f"{head}.{body}.{signature[:10]} {signature[10:]}",
                 good + "," + good, good.replace(".", "..", 1), "a.b.c.d.e", "A" * 8200, head + "." + "A" * 9000 + "." + signature):
        yield f"{text[:12]}…{len(text)}", text
    # 32 bytes leave two spare bits in the last character.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for bits in (1, 2, 3):
        yield f"spare bits {bits}", good[:-1] + alphabet[alphabet.index(good[-1]) + bits]
    for at in range(0, len(good), 5):
        yield f"character {at}", good[:at] + ("B" if good[at] == "A" else "A") + good[at + 1:]


def test_forged(service, contract, keys, rsa_key, ec_key):
    """Each is refused, none is repeated, and none costs the service more than a refusal."""
    good = tokens.sign(HEADER, claims())
    assert ask(service, good).status_code == 200, "a good token is known while the forged ones try"
    corpus = [*forged_headers(public_pem(rsa_key)), *forged_claims(), *forged_signatures(rsa_key, ec_key), *mangled(good)]
    assert len(corpus) > 300
    with requests.Session() as session:
        for name, token in corpus:
            reply = session.get(f"{service.base}{PROBE}", timeout=20,
                                headers={"Authorization": b"Bearer " + token.encode("latin-1", "replace")})
            if not token.strip() or any(ord(c) > 126 for c in token):
                assert reply.status_code in (400, 401), name
                continue
            assert reply.status_code in (401, 431), f"{name}: {reply.status_code} {reply.text[:300]}"
            contract.check("GET", PROBE, reply.status_code, reply.headers, reply.content)
            if reply.status_code == 431:
                continue
            assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"], name
            assert reply.json()["code"] == "invalid_token", name
            if len(token) > 40:
                assert token[-40:] not in reply.text + str(reply.headers), name
    assert ask(service, good).status_code == 200
    signature = good.rsplit(".", 1)[1]
    assert signature not in service.log_text(), "no token stands in the log"


def test_token_without_roles_is_known_but_may_nothing(service):
    for roles in ([], "", ["offline_access"], "openid profile"):
        reply = ask(service, tokens.sign(HEADER, claims(roles=roles)))
        assert reply.status_code == 403, roles
        assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]
    assert ask(service, tokens.sign(HEADER, without("roles"))).status_code == 403


def test_leeway_and_kinds_of_numbers(service):
    now = int(time.time())
    for more in ({"exp": now - 20}, {"exp": now + 60.5}, {"nbf": now + 20}, {"iat": now + 20}, {"aud": ["x", "whistled"]},
                 {"roles": "dispatcher openid"}, {"jti": "x"}, {"org": None}, {"areas": None}, {"org": "office"}):
        assert ask(service, tokens.sign(HEADER, claims(**more))).status_code == 200, more


def test_a_token_ends_when_it_expires(service):
    """Also one that is remembered: it is asked for until it is refused."""
    token = tokens.sign(HEADER, claims(exp=int(time.time()) - 28))
    assert ask(service, token).status_code == 200
    deadline = time.monotonic() + 20
    while ask(service, token).status_code == 200:
        assert time.monotonic() < deadline
        select_pause()


def test_mint_and_inspect(service):
    minted = service.run("token", "mint", "--sub", "grid1", "--tenant", "street", "--role", "grid_worker", "--ttl=30m")
    assert minted.returncode == 0, minted.stderr
    token = minted.stdout.strip()
    reply = ask(service, token)
    assert reply.status_code == 200 and reply.json()["subject"] == "grid1"
    told = service.run("token", "inspect", token)
    assert told.returncode == 0 and "would take" in told.stdout and "REFUSED" not in told.stdout
    assert re.search(r'"sub" +"grid1"', told.stdout)
    assert service.run("token", "inspect", "-", input=f" {token}\n").stdout == told.stdout
    bad = service.run("token", "inspect", tokens.sign(HEADER, claims(exp=1, aud="x", sub="a\x1bb"), b"wrong"))
    assert bad.returncode == 1 and "would refuse" in bad.stdout and "\x1b" not in bad.stdout
    for word in ("signature", "exp", "aud", "sub"):
        assert re.search(rf"{word} +REFUSED", bad.stdout), bad.stdout
    assert service.run("token", "inspect", "junk").returncode == 1


@pytest.mark.parametrize("arguments", [
    [], ["mint"], ["mint", "--sub", "a", "--tenant", "t"], ["mint", "--sub", "a", "--tenant", "t", "--role", "king"],
    ["mint", "--sub", "a", "--tenant", "t", "--role", "citizen", "--ttl", "8"],
    ["mint", "--sub", "a", "--tenant", "t", "--role", "citizen", "--ttl", "400d"],
    ["mint", "--sub", "a", "--tenant", "t", "--role", "citizen", "--colour", "red"],
    ["mint", "--sub", "a", "--sub", "b", "--tenant", "t", "--role", "citizen"],
    ["mint", "--sub", "a", "--tenant", "t", "--role", "citizen", "--role"], ["inspect"], ["inspect", "a", "b"], ["forge"],
])
def test_misused_tool_says_so(service, arguments):
    done = service.run("token", *arguments)
    assert done.returncode == 2 and done.stderr and not done.stdout
    assert service.run("token", "mint", "--help").returncode == 0


def test_mint_without_a_fitting_key(service):
    some = ["token", "mint", "--sub", "a", "--tenant", "t", "--role", "citizen"]
    done = service.run(*some, "--kid", "nobody")
    assert done.returncode == 1 and "no key of that kid" in done.stderr
    done = service.run(*some, "--key-dir", "/nowhere")
    assert done.returncode == 1 and "cannot be read" in done.stderr
    done = service.run("token", "mint", "--sub", "a\x07", "--tenant", "t", "--role", "citizen")
    assert done.returncode == 1 and not done.stdout and "would not take it" in done.stderr


@pytest.fixture(scope="module")
def outside(postgres, service, rsa_key, ec_key, tmp_path_factory):
    """A second instance that trusts an identity provider by its JWKS, with that provider's names of claims."""
    keys = [
        json.loads(RSAAlgorithm.to_jwk(rsa_key.public_key())) | {"kid": "2024-11", "use": "sig", "alg": "RS256"},
        json.loads(ECAlgorithm.to_jwk(ec_key.public_key())) | {"kid": "ec-1", "use": "sig"},
        json.loads(RSAAlgorithm.to_jwk(rsa_key.public_key())) | {"kid": "encryption", "use": "enc"},
        {"kty": "oct", "kid": "shared", "k": b64(b"x" * 32)},
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(b"x" * 32)},
    ]
    path = tmp_path_factory.mktemp("jwks") / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    settings = {"jwks_file": path, "key_dir": "", "claim_roles": "realm_access.roles", "claim_tenant": "street.code"}
    instance = Service(postgres, "main", **settings)
    yield instance.start()
    assert instance.stop() == 0


def test_identity_provider(outside, contract, rsa_key, ec_key):
    base = {n: v for n, v in claims().items() if n not in ("roles", "tenant")}
    good = base | {"realm_access": {"roles": ["offline_access", "dispatcher"]}, "street": {"code": "street"}}
    for key, name, kid in ((rsa_key, "RS256", "2024-11"), (ec_key, "ES256", "ec-1")):
        token = jwt.encode(good, key, name, {"kid": kid, "typ": "at+jwt"})
        reply = Client(outside.base, contract, token).get(PROBE)
        assert reply.status == 200 and reply["roles"] == ["dispatcher"]
    refused = [
        jwt.encode(good, rsa_key, "RS256", {"kid": "encryption"}),
        jwt.encode(good, b"x" * 32, "HS256", {"kid": "shared"}),
        jwt.encode(good, rsa_key, "RS256"),
        jwt.encode(good, rsa_key, "RS256", {"kid": "ec-1"}),
        jwt.encode(base | {"roles": ["dispatcher"], "tenant": "street"}, rsa_key, "RS256", {"kid": "2024-11"}),
        tokens.sign(HEADER, claims()),
    ]
    for token in refused:
        assert ask(outside, token).status_code == 401
    flat = base | {"realm_access.roles": ["dispatcher"], "street.code": "street"}
    assert ask(outside, jwt.encode(flat, ec_key, "ES256", {"kid": "ec-1"})).status_code == 200
