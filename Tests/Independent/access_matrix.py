"""Who may do what: every endpoint as every role, and with every kind of token that is not good.

usage: access_matrix.py BINARY LOG

The table below is written down here by hand, so that a change of the server's own table shows.
"""
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from serving import Checks, Server, event

ROLES = ["appender", "operator", "supervisor", "auditor", "analyst", "internal_analyst",
         "privacy_officer", "administrator"]
EVERY = set(ROLES)
READERS = {"appender", "auditor", "internal_analyst", "privacy_officer"}
CURSORS = {"appender", "auditor", "internal_analyst"}
ANALYSTS = {"auditor", "analyst", "internal_analyst"}
SQL = ("SELECT 1 AS one", {"Content-Type": "application/sql"})
MOVE = ('{"next":0}', {"Content-Type": "application/json"})

MAKERS = {"appender", "privacy_officer"}
NOBODY = "/v1/subjects/" + "0" * 32
BASIS = ('{"basis":"GDPR 17"}', {})

# What is asked, and by whom it may be.
TABLE = [
    ("POST", "/v1/events", None, {"appender"}),
    ("GET", "/v1/events?limit=1", None, READERS),
    ("GET", "/v1/events/0", None, READERS),
    ("GET", "/v1/subscription?from=0", None, READERS),
    ("GET", "/v1/export?to=0", None, {"auditor", "internal_analyst"}),
    ("GET", "/v1/streams", None, READERS),
    ("GET", "/v1/head", None, EVERY),
    ("GET", "/checkpoint", None, EVERY),
    ("GET", "/tile/0/000.p/1", None, EVERY),
    ("GET", "/tile/entries/000.p/1", None, {"auditor", "internal_analyst"}),
    ("GET", "/v1/events/0/receipt", None, READERS),
    ("GET", "/v1/consistency?from=1&to=1", None, EVERY),
    ("GET", "/v1/cursors", None, CURSORS | {"administrator"}),
    ("GET", "/v1/cursors/c", None, CURSORS | {"administrator"}),
    ("PUT", "/v1/cursors/c", MOVE, CURSORS),
    ("DELETE", "/v1/cursors/never", None, CURSORS | {"administrator"}),
    ("GET", "/v1/projections", None,
     ANALYSTS | {"operator", "supervisor", "administrator"}),
    ("GET", "/v1/projections/case-flow", None,
     ANALYSTS | {"operator", "supervisor", "administrator"}),
    ("GET", "/v1/projections/operator-queues/tables/queues", None,
     ANALYSTS | {"operator", "supervisor"}),
    ("GET", "/v1/projections/case-flow/tables/services", None, ANALYSTS | {"supervisor"}),
    ("GET", "/v1/projections/citizen-satisfaction/tables/scores", None, {"internal_analyst"}),
    ("GET", "/v1/projections/equity-and-access/tables/outcomes", None, {"internal_analyst"}),
    ("POST", "/v1/projections/operator-queues/query", SQL, ANALYSTS),
    ("POST", "/v1/projections/equity-and-access/query", SQL, {"internal_analyst"}),
    ("GET", "/v1/projections/survey-comments/tables/comments", None,
     {"supervisor", "internal_analyst"}),
    ("POST", "/v1/projections/survey-comments/query", SQL, {"internal_analyst"}),
    ("POST", "/v1/subjects", ('{"identifier":"A"}', {}), MAKERS),
    ("POST", "/v1/subject-lookup", ('{"identifier":"A"}', {}), MAKERS),
    ("GET", NOBODY, None, {"auditor", "privacy_officer"}),
    ("GET", NOBODY + "/data", None, {"privacy_officer"}),
    ("POST", NOBODY + "/erasure", BASIS, {"privacy_officer"}),
    ("POST", NOBODY + "/authorisation", BASIS, {"privacy_officer"}),
    ("POST", "/v1/retention", ('{"keep":{"contact":100000}}', {}), {"privacy_officer"}),
    ("POST", "/v1/epoch", None, {"privacy_officer"}),
    ("GET", "/metrics", None, {"administrator"}),
    ("POST", "/witness/add-checkpoint", ("", {}), None),
    ("GET", "/witness/" + "0" * 64 + "/checkpoint", None, None),
    ("GET", "/livez", None, None),
    ("GET", "/readyz", None, None),
    ("GET", "/openapi.yaml", None, None),
    ("GET", "/", None, None),
    ("GET", "/problems", None, None),
]


def main():
    binary, log = sys.argv[1:3]
    checks = Checks()
    subprocess.run([binary, "init", "--log", log], check=True, stdout=subprocess.DEVNULL)
    keys = Keys(log)
    server = Server(binary, log, "--jwt-keys", keys.path, "--jwt-issuer", "https://id.example",
                    "--jwt-audience", "ascolto")
    wait_for_read_models(server, create(binary, log, "root", ["administrator"])[0])

    api = {role: create(binary, log, role, [role])[0] for role in ROLES}
    time.sleep(1.2)
    for role in ROLES:
        for token, form in ((api[role], "key"), (keys.token(roles=[role]), "jwt")):
            for method, path, content, allowed in TABLE:
                status = ask(server, method, path, content, token)
                wanted = allowed is None or role in allowed
                checks.that(
                    (status not in (401, 403)) == wanted and status < 500,
                    f"{method} {path} as {role} ({form}): {status}")
    not_let_in(checks, server, binary, log, keys)
    limited(checks, server, binary, log, keys)
    rotated(checks, server, keys)
    checks.same(server.stop(), 0, "the exit status")
    recorded(checks, binary, log, list(api.values()), server)
    checks.end()


def ask(server, method, path, content, token):
    """The status of one request; of a subscription only the head is waited for."""
    body, fields = content or (None, {})
    if (method, path) == ("POST", "/v1/events"):
        body, fields = json.dumps(event()), {"Content-Type": "application/cloudevents+json"}
    if path.startswith("/v1/subscription"):
        import http.client
        connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        connection.request(method, path, None, {"Authorization": f"Bearer {token}"})
        status = connection.getresponse().status
        connection.close()
        return status
    return server.request(method, path, body, fields, token)[0]


def create(binary, log, name, roles, *options, clock=None):
    environment = {**os.environ, "ASCOLTO_CLOCK": clock} if clock else None
    made = subprocess.run(
        [binary, "tokens", "create", "--log", log, "--format", "json", "--name", name,
         "--role", *roles, *options], check=True, capture_output=True, text=True,
        env=environment)
    made = json.loads(made.stdout)
    return made["token"], made["id"]


def wait_for_read_models(server, token):
    for _ in range(200):
        time.sleep(0.1)
        models = json.loads(server.request("GET", "/v1/projections", token=token)[2] or "[]")
        if isinstance(models, list) and all(model["lag_events"] is not None for model in models):
            return
    raise SystemExit("the read models were not made in 20 s")


def not_let_in(checks, server, binary, log, keys):
    """Tokens that are none, or none any more."""
    good, known = create(binary, log, "good", ["appender"])
    expired, _ = create(binary, log, "expired", ["appender"], "--expires", "2026-01-01T00:00:00Z",
                        clock="2025-12-01T00:00:00Z")
    for years in (1e13, 1e300):
        checks.same(server.append(event(), token=keys.token(exp=years))[0], 201,
                    f"a JWT until {years}")
    officer = keys.token(roles=["privacy_officer"])
    checks.same(ask(server, "GET", "/v1/subscription?from=0", None, officer), 200, "following")
    checks.same(ask(server, "GET", "/v1/subscription?cursor=c", None, officer), 403,
                "following by a cursor, without the right to one")
    revoked, identifier = create(binary, log, "revoked", ["appender"])
    time.sleep(1.2)
    checks.same(server.append(event(), token=revoked)[0], 201, "a key before it is revoked")
    subprocess.run([binary, "tokens", "revoke", "--log", log, identifier], check=True,
                   stdout=subprocess.DEVNULL)
    time.sleep(1.2)
    other = "0" if good[-1] != "0" else "1"
    public = keys.public("rsa")
    bad = {
        "no token": None,
        "an expired key": expired,
        "a revoked key": revoked,
        "a key with another last digit": good[:-1] + other,
        "a key with another id": good.replace(known, "aaaaaaaaaa"),
        "half a key": good[:30],
        "an empty token": "",
        "a JWT that has expired": keys.token(exp=time.time() - 1),
        "a JWT without an end": keys.token(exp=None),
        "a JWT from later": keys.token(nbf=time.time() + 3600),
        "a JWT of another issuer": keys.token(iss="https://evil.example"),
        "a JWT for somebody else": keys.token(aud="other"),
        "a JWT without a key id": keys.token(kid=None),
        "a JWT with an unknown key id": keys.token(kid="nobody"),
        "a JWT signed by another key": keys.token(key=rsa.generate_private_key(65537, 2048)),
        "a JWT signed by another of our keys": keys.token(key=keys.private["ec"], alg="ES256",
                                                          kid="rsa"),
        "a JWT with alg none": unsigned("none", keys.claims()),
        "a JWT with alg None": unsigned("None", keys.claims()),
        "a JWT with alg none and our key id": unsigned("none", keys.claims(), "rsa"),
        "a JWT with HS256 and our public key as its secret":
            forged("HS256", "rsa", keys.claims(), public),
        "a JWT with HS256 under an RSA key in DER":
            forged("HS256", "rsa", keys.claims(), keys.public("rsa", "DER")),
        "a JWT whose signature was cut": keys.token().rsplit(".", 1)[0] + ".",
        "a JWT with other claims under the same signature":
            swapped(keys.token(roles=["operator"]), keys.claims(roles=["appender"])),
        "a JWT with a key of its own": keys.token(
            key=rsa.generate_private_key(65537, 2048), kid="rsa", jwk=True),
    }
    for what, token in bad.items():
        status, fields, body = server.append(event(), token=token)
        checks.same(status, 401, what)
        checks.that("www-authenticate" in fields, f"{what}: the answer says how to come in")
        checks.that(not token or token.encode() not in body, f"{what}: the answer repeats it")
    for form in ("Basic dTpw", "Bearer", "bearer  " + good[::-1]):
        status = server.request("GET", "/v1/head", fields={"Authorization": form})[0]
        checks.same(status, 401, f"Authorization: {form[:8]}…")
    for name in ("rsa", "ec", "ed"):
        checks.same(server.append(event(), token=keys.token(name=name))[0], 201, f"a {name} JWT")


def limited(checks, server, binary, log, keys):
    """Tokens for some centres and types only."""
    key, _ = create(binary, log, "rome", ["appender", "auditor"], "--centre", "rome", "--type",
                    "contact.*", "test.happened")
    time.sleep(1.2)
    signed = keys.token(roles=["appender", "auditor"], centres=["rome"],
                        types=["contact.*", "test.happened"])
    for form, token in (("key", key), ("jwt", signed)):
        mine = event(tags="centre:rome", stream=f"scope/{form}")
        checks.same(server.append(mine, token=token)[0], 201, f"{form}: an event of its centre")
        for what, outside in {
                "of another centre": event(tags="centre:milan"),
                "of no centre": event(),
                "of a centre that begins alike": event(tags="centre:rome2"),
                "of another type": event(kind="case.opened", tags="centre:rome"),
                "of a type that begins alike": event(kind="contacts.x", tags="centre:rome"),
        }.items():
            checks.same(server.append(outside, token=token)[0], 403, f"{form}: an event {what}")
            status, _, body = server.request(
                "POST", "/v1/events", json.dumps(event(tags="centre:rome")) + "\n"
                + json.dumps(outside), {"Content-Type": "application/x-ndjson"}, token)
            found = json.loads(body)
            checks.same((status, found.get("appended"), found.get("refused")), (422, 1, 1),
                        f"{form}: a line {what}")
            checks.same(server.request(
                "POST", "/v1/events", json.dumps([event(tags="centre:rome"), outside]),
                {"Content-Type": "application/cloudevents-batch+json"}, token)[0], 403,
                f"{form}: a batch with an event {what}")
        lines = server.request("GET", "/v1/events", token=token)[2].splitlines()
        seen = [json.loads(line) for line in lines]
        checks.that(seen and all("centre:rome" in one.get("tags", "").split() for one in seen),
                    f"{form}: reads only its centre")
        checks.same(server.request("GET", "/v1/events/0", token=token)[0], 403,
                    f"{form}: position 0")
        for path in ("/v1/export", "/v1/streams", "/v1/projections/case-flow/tables/services",
                     NOBODY):
            checks.same(server.request("GET", path, token=token)[0], 403, f"{form}: {path}")


def rotated(checks, server, keys):
    """New keys are taken up while the server runs, and old ones are given up."""
    old = keys.token(name="ec")
    checks.same(server.append(event(), token=old)[0], 201, "before the keys change")
    keys.rotate("ec")
    new = keys.token(name="ec")
    deadline = time.time() + 10
    while time.time() < deadline and server.append(event(), token=new)[0] != 201:
        time.sleep(0.2)
    checks.same(server.append(event(), token=new)[0], 201, "a token of the new key")
    checks.same(server.append(event(), token=old)[0], 401, "a token of the old key")
    # A file that is not whole changes nothing.
    with open(keys.path, "w") as file:
        file.write('{"keys":[')
    time.sleep(1.5)
    checks.same(server.append(event(), token=new)[0], 201, "while the keys are being written")
    time.sleep(1.5)
    server.append(event(), token=new)
    checks.same(server.said().count("but the old ones hold"), 1, "warnings of keys that are none")


def recorded(checks, binary, log, tokens, server):
    """Denials and looks are events; secrets are nowhere."""
    lines = subprocess.run([binary, "read", "--log", log, "--stream", "access"], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    data = [(one["type"], one["data"]) for one in map(json.loads, lines)]
    denied = [entry for kind, entry in data if kind == "meta.access_denied"]
    reasons = {entry["reason"] for entry in denied}
    checks.same(reasons, {"no_token", "bad_token", "expired_token", "revoked_token", "other_role",
                          "limited_scope", "outside_scope"}, "the reasons of denials")
    checks.that({"who": "operator", "what": "exportEvents"}.items()
                <= next(entry for entry in denied if entry["who"] == "operator"
                        and entry["what"] == "exportEvents").items(), "who was denied what")
    looks = {(entry["who"], entry["what"]) for kind, entry in data
             if kind == "meta.audit_query_run"}
    checks.that({("auditor", "exportEvents"), ("auditor", "readEvents"),
                 ("privacy_officer", "followEvents")} <= looks, "looks are recorded")
    everything = server.said() + "".join(lines)
    checks.that(not any(token in everything for token in tokens), "no secret is written")
    kept = b"".join(open(os.path.join(log, "tokens", name), "rb").read()
                    for name in os.listdir(os.path.join(log, "tokens")))
    checks.that(not any(token.split("_")[2].encode() in kept for token in tokens),
                "of a key only its hash is kept")


class Keys:
    """An identity provider: private keys of its own, and the file of public ones."""

    ALGORITHMS = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}

    def __init__(self, log):
        self.path = os.path.join(log, "keys.jwks")
        self.private = {
            "rsa": rsa.generate_private_key(65537, 2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }
        self.write()

    def rotate(self, name):
        self.private[name] = ec.generate_private_key(ec.SECP256R1())
        self.write()

    def jwk(self, name, key=None):
        key = key or self.private[name]
        algorithm = jwt.get_algorithm_by_name(self.ALGORITHMS[name])
        public = algorithm.to_jwk(key.public_key(), as_dict=True)
        return {**{field: value for field, value in public.items() if field != "key_ops"},
                "kid": name, "alg": self.ALGORITHMS[name], "use": "sig"}

    def write(self):
        aside = self.path + ".new"
        with open(aside, "w") as file:
            json.dump({"keys": [self.jwk(name) for name in self.private]}, file)
        os.replace(aside, self.path)

    def public(self, name, form="PEM"):
        return self.private[name].public_key().public_bytes(
            getattr(serialization.Encoding, form), serialization.PublicFormat.SubjectPublicKeyInfo)

    def claims(self, roles=("appender",), **other):
        claims = {"sub": "jwt-" + "-".join(roles), "iss": "https://id.example", "aud": "ascolto",
                  "exp": time.time() + 600, "roles": list(roles), **other}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, name="rsa", key=None, alg=None, kid="", jwk=False, **claims):
        fields = {} if kid is None else {"kid": kid or name}
        if jwk:
            fields["jwk"] = self.jwk(name, key)
        return jwt.encode(self.claims(**claims), key or self.private[name],
                          alg or self.ALGORITHMS[name], headers=fields)


def encoded(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(algorithm, claims, kid=None):
    header = {"alg": algorithm, "typ": "JWT", **({"kid": kid} if kid else {})}
    return f"{encoded(header)}.{encoded(claims)}."


def forged(algorithm, kid, claims, secret):
    start = f"{encoded({'alg': algorithm, 'kid': kid})}.{encoded(claims)}"
    return f"{start}.{encoded(hmac.new(secret, start.encode(), hashlib.sha256).digest())}"


def swapped(token, claims):
    head, _, signature = token.split(".")
    return f"{head}.{encoded(claims)}.{signature}"


main()
