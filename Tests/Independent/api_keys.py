"""API keys as those who make and use them see them: `tokens create|list|revoke`.

usage: api_keys.py BINARY DIR

Takes about five seconds. What each role may do is in access_matrix.py.
"""
import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

from serving import Checks, Server, event

ROLES = ["appender", "operator", "supervisor", "auditor", "analyst", "internal_analyst",
         "privacy_officer", "administrator"]


def main():
    checks = Checks()
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    binary, log = sys.argv[1], str(Path(sys.argv[2]) / "keys")
    run(binary, "init", log=log)
    secrets(checks, binary, log)
    used(checks, binary, log)
    refused(checks, binary, log)
    checks.end()


def run(binary, *words, log):
    return subprocess.run([binary, *words, "--log", log], capture_output=True, text=True)


def create(binary, log, *words):
    made = run(binary, "tokens", "create", "--format", "json", *words, log=log)
    return json.loads(made.stdout)


def secrets(checks, binary, log):
    """A key is shown once, and nobody but its owner may read what is kept of it."""
    made = {form: run(binary, "tokens", "create", "--name", form, "--role", "appender",
                      "--format", form, log=log) for form in ("table", "json", "csv", "ndjson")}
    shown = []
    for form, found in made.items():
        shown += re.findall(r"ascolto_[a-z0-9]{10}_[0-9a-f]{64}", found.stdout)
        checks.same((found.returncode, found.stderr), (0, ""), f"create --format {form}")
    checks.same(len(shown), 4, "each form shows a key once")
    kept = "".join(path.read_text() for path in Path(log, "tokens").iterdir())
    for form in made:
        kept += run(binary, "tokens", "list", "--format", form, log=log).stdout
    for secret in shown:
        checks.that(secret.rsplit("_", 1)[1] not in kept, "a secret is kept, or listed")
    checks.same([one["name"] for one in listed(binary, log)], list(made), "all keys, in order")
    modes = {stat.S_IMODE(os.stat(path).st_mode) for path in Path(log, "tokens").iterdir()}
    checks.same((stat.S_IMODE(os.stat(Path(log, "tokens")).st_mode), modes), (0o700, {0o600}),
                "who may read keys")


def used(checks, binary, log):
    """Limits and revocations hold on a running server."""
    scope = create(binary, log, "--name", "scope", "--role", "appender", "auditor", "--centre",
                   "rome", "milan", "--type", "contact.*", "test.happened")
    checks.same((scope["roles"], scope["centres"], scope["types"]), (
        ["appender", "auditor"], ["milan", "rome"], ["contact.*", "test.happened"]), "limits")
    server = Server(binary, log)
    for one, status in ((event(tags="centre:rome"), 201), (event(tags="centre:bari"), 403),
                        (event(tags="centre:rome", kind="case.opened"), 403)):
        checks.same(server.append(one, token=scope["token"])[0], status, f"limited: {one}")
    one = create(binary, log, "--name", "brief", "--role", "appender")
    time.sleep(2)
    checks.same(server.append(event(), token=one["token"])[0], 201, "a key of a running server")
    found = run(binary, "tokens", "revoke", one["id"], log=log)
    checks.same((found.returncode, one["token"] in found.stdout), (0, False), "revoke")
    time.sleep(2)
    status, fields, body = server.append(event(), token=one["token"])
    checks.same((status, "revoked" in body.decode()), (401, True), "a key 2 s after it is revoked")
    revoked = {key["name"]: key["revoked"] for key in listed(binary, log)}
    checks.that(revoked["brief"] and not revoked["scope"], f"list shows it: {revoked}")
    again = run(binary, "tokens", "revoke", one["id"], log=log)
    checks.same((again.returncode, json.loads(again.stdout)["revoked"]), (0, revoked["brief"]),
                "revoked again")
    checks.same(server.stop(), 0, "the exit status")


def refused(checks, binary, log):
    """What cannot be a key is refused, with what it should be."""
    role = ("--role", "auditor")
    for words, status, word in (
            (("--name", "x", "--role", "king"), 2, ROLES), (("--name", "x"), 2, ["--role"]),
            (role, 2, ["--name"]), (("--name", "a b", *role), 2, ["a name has"]),
            (("--name", "x", *role, "--type", "*"), 2, ["--type", "contact.*"]),
            (("--name", "x", *role, "--expires", "soon"), 2, ["--expires"]),
            (("--name", "x", *role, "--centre", "a b"), 2, ["--centre"]),
            (("--name", "x", *role, "--centre", ""), 2, ["--centre"])):
        found = run(binary, "tokens", "create", *words, log=log)
        checks.that(found.returncode == status and all(one in found.stderr for one in word),
                    f"create {words}: {found.returncode} {found.stderr[:200]}")
    found = run(binary, "tokens", "revoke", "nobody", log=log)
    checks.same((found.returncode, "tokens list" in found.stderr), (1, True), "revoke nobody")
    found = run(binary, "tokens", "create", "--name", "x", *role, log=log + "none")
    checks.same((found.returncode, "ascolto init" in found.stderr), (1, True), "keys of no log")


def listed(binary, log):
    return json.loads(run(binary, "tokens", "list", "--format", "json", log=log).stdout)


main()
