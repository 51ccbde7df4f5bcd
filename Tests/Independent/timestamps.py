#!/usr/bin/env python3
"""Timestamps of an authority that OpenSSL plays: what is stamped, believed and found out by them.

usage: timestamps.py BINARY [--mutations N] [--seed N]

Our requests are read by OpenSSL and rfc3161-client, the answers that we keep verified by both. An
authority that answers wrongly leaves nothing in the log; times that were altered are found out by
the anchors, in a log and in an export.
"""
import argparse
import base64
import datetime
import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
import time

import rfc3161_client
from cryptography import x509
from nacl.signing import SigningKey

from authority import DAY, NOW, STAMPING, Authority, Workshop
from serving import Checks, Server, event

parser = argparse.ArgumentParser()
parser.add_argument("binary")
parser.add_argument("--mutations", type=int, default=60)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
checks, rng = Checks(), random.Random(options.seed)
scratch = tempfile.mkdtemp(prefix="stamps-")
workshop = Workshop(scratch)
stamp, certificate = workshop.stamp, workshop.certificate


def place(name):
    return os.path.join(scratch, name)


def write(name, content):
    with open(place(name), "wb") as file:
        file.write(content)
    return place(name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


root = certificate("root")
certificate("other-root")
certificate("authority", root, purpose=STAMPING)
certificate("stranger", certificate("strange-root"), purpose=STAMPING)
certificate("expired", root, since=NOW - 9 * DAY, until=NOW - DAY, purpose=STAMPING)
authority = Authority(stamp)
URL = authority.url


def ascolto(*arguments, log="log", data=b"", clock=None):
    environment = {**os.environ, **({"ASCOLTO_CLOCK": clock} if clock else {})}
    return subprocess.run([options.binary, *arguments, "--log", place(log)], input=data,
                          capture_output=True, env=environment)


def done(*arguments, **more):
    run = ascolto(*arguments, **more)
    if run.returncode:
        raise SystemExit(f"{arguments}: {run.returncode}: {run.stderr.decode()}")
    return run.stdout


def size(log="log"):
    return json.loads(done("stats", log=log))["events"]


def ask(*more, log="log", roots="root", clock=None):
    return ascolto("timestamp", "--timestamp-authority", URL, "--timestamp-ca",
                   place(f"{roots}.pem"), *more, log=log, clock=clock)


def append(count, log="log", clock=None):
    lines = "\n".join(json.dumps(event()) for _ in range(count))
    done("append", data=lines.encode(), log=log, clock=clock)


def verify(*arguments, log="log", roots="root"):
    run = ascolto("verify", *arguments, "--timestamp-ca", place(f"{roots}.pem"), log=log)
    return run.returncode, json.loads(run.stdout or b"{}"), run.stderr.decode()


def openssl_accepts(checkpoint, response, roots="root"):
    run = subprocess.run(
        ["openssl", "ts", "-verify", "-data", checkpoint, "-in", response, "-CAfile",
         place(f"{roots}.pem")], capture_output=True)
    return run.returncode == 0


def client_accepts(checkpoint, response):
    verifier = rfc3161_client.VerifierBuilder(roots=[
        x509.load_pem_x509_certificate(read(place("root.pem")))]).build()
    try:
        return verifier.verify_message(
            rfc3161_client.decode_timestamp_response(response), checkpoint)
    except (rfc3161_client.VerificationError, ValueError):
        return False


def exchange():
    """What is asked, kept and verified where all is well."""
    append(20)
    run = ask("--out", place("out"))
    checks.same(run.returncode, 0, f"timestamp: {run.stderr.decode()}")
    told = json.loads(run.stdout)
    key = json.loads(done("stats"))["verifier_key"]
    content_type, query = authority.queries[-1]
    checks.same((content_type, len(query)), ("application/timestamp-query", 69), "the request")
    note, response = place(f"out/{told['position']}.checkpoint"), place(
        f"out/{told['position']}.tsr")
    shown = subprocess.run(["openssl", "ts", "-query", "-in", write("q", query), "-text"],
                           capture_output=True).stdout.decode()
    for words in ("Version: 1", "Hash Algorithm: sha256", "Certificate required: yes", "Nonce: 0x"):
        checks.that(words in shown, f"OpenSSL reads our request: {words} is not in {shown}")
    checks.that(hashlib.sha256(read(note)).digest() in query, "the digest of the checkpoint")
    checks.that(openssl_accepts(note, response), "OpenSSL accepts what was kept")
    checks.that(client_accepts(read(note), read(response)), "rfc3161-client accepts what was kept")
    line = json.loads(done("read", "--from", str(told["position"]), "--limit", "1"))
    checks.same(line["type"], "meta.checkpoint_timestamped", "the anchor's type")
    checks.same(line["data"]["checkpoint"].encode(), read(note), "the anchor's checkpoint")
    checks.same(base64.b64decode(line["data"]["response"]), read(response), "its response")
    certified = rfc3161_client.decode_timestamp_response(read(response)).tst_info.gen_time
    at = datetime.datetime.fromisoformat(line["time"])
    checks.that(abs((at - certified).total_seconds()) < 1, f"the time: {at}, not {certified}")
    checks.same(told["size"], told["position"], "everything before the anchor is covered")
    append(5)
    done("checkpoint")
    status, found, said = verify("--key", key)
    checks.same(status, 0, f"the log with its anchor: {said}")
    checks.same([stamp["position"] for stamp in found["timestamps"]], [told["position"]],
                "the anchors that were verified")
    write("export", done("export"))
    write("checkpoint", done("checkpoint"))
    of_export = ("--export", place("export"), "--checkpoint", place("checkpoint"), "--key", key)
    status, found, said = verify(*of_export)
    checks.same(status, 0, f"the export with its anchor: {said}")
    checks.same(len(found["timestamps"]), 1, "the anchors of the export")
    status, found, said = verify("--key", key, roots="other-root")
    checks.same(status, 1, "an authority that nobody trusts")
    checks.that("certificate" in said and found["position"] == told["position"],
                f"an authority that nobody trusts: {said}")
    piped = subprocess.run(
        ["bash", "-c", '"$0" verify --export <(cat "$1") --checkpoint "$2" --key "$3" '
         '--timestamp-ca "$4"', options.binary, place("export"), place("checkpoint"), key,
         place("root.pem")], capture_output=True)
    checks.that(piped.returncode == 2 and b"twice" in piped.stderr,
                f"an export from a pipe: {piped.stderr.decode()}")
    status, _, said = verify(*of_export, roots="other-root")
    checks.that(status == 1 and f"position {told['position']}" in said, f"of the export: {said}")
    # A producer cannot pretend to be the log.
    forged = event(kind="meta.checkpoint_timestamped", data=line["data"])
    checks.same(ascolto("append", data=json.dumps(forged).encode()).returncode, 3, "forged anchor")
    return key


def certificate_that_runs_out(key):
    """What was stamped while a certificate was good stays so when it has run out."""
    certificate("short", root, until=NOW + datetime.timedelta(
        seconds=(datetime.datetime.now(datetime.timezone.utc) - NOW).total_seconds() + 4),
        purpose=STAMPING)
    authority.answer = lambda query: stamp(query, by="short")
    run = ask("--out", place("short"), log="log")
    checks.same(run.returncode, 0, f"a certificate that soon runs out: {run.stderr.decode()}")
    position = json.loads(run.stdout)["position"]
    while openssl_accepts(place(f"short/{position}.checkpoint"), place(f"short/{position}.tsr")):
        time.sleep(0.5)
    done("checkpoint")
    status, found, said = verify("--key", key)
    checks.same(status, 0, f"after its certificate has run out: {said}")
    authority.answer = stamp


def wrong_answers():
    """Nothing is appended where an answer is wrong, and what is wrong is told."""
    old = stamp(authority.queries[0][1])
    other = bytearray(authority.queries[0][1])
    other[30] ^= 1

    def rejecting(_):
        # status rejection (2), failure badAlg (bit 0)
        return bytes.fromhex("3009" "3007" "020102" "03020780")

    cases = {
        "an answer to another request": (lambda query: old, "mismatch"),
        "an answer for other bytes": (
            lambda query: stamp(query[:26] + bytes([query[26] ^ 1]) + query[27:]), "imprint"),
        "an answer without our nonce": (
            lambda query: stamp(bytes([0x30, query[1] - 10]) + query[2:56] + query[66:]), "nonce"),
        "another nonce": (
            lambda query: stamp(query[:62] + bytes([query[62] ^ 1]) + query[63:]), "nonce"),
        "an authority that nobody trusts": (
            lambda query: stamp(query, by="stranger"), "certificate"),
        "a certificate that had run out": (lambda query: stamp(query, by="expired"), "expired"),
        "a rejection": (rejecting, "rejection"),
        "nothing": (lambda query: b"", "no response of a timestamping authority"),
        "text": (lambda query: b"<html>", "no response of a timestamping authority"),
        "something behind it": (lambda query: stamp(query) + b"\0", "no response"),
    }
    before = size()
    for name, (answer, words) in cases.items():
        authority.answer = answer
        run = ask()
        checks.that(run.returncode == 1 and words in run.stderr.decode(),
                    f"{name}: {run.returncode}, {run.stderr.decode()}")
    authority.answer = stamp
    for name, status, content_type, words in (
            ("an error", 503, "text/plain", "answers 503"),
            ("a page", 200, "text/html; charset=utf-8", "text/html")):
        authority.status, authority.content_type = status, content_type
        run = ask()
        checks.that(run.returncode == 1 and words in run.stderr.decode(),
                    f"{name}: {run.returncode}, {run.stderr.decode()}")
    authority.status, authority.content_type = 200, "application/timestamp-reply"
    run = ascolto("timestamp", "--timestamp-authority", "http://127.0.0.1:9/", "--timestamp-ca",
                  place("root.pem"))
    checks.that(run.returncode == 1 and "does not answer" in run.stderr.decode(),
                f"nobody there: {run.stderr.decode()}")
    run = ascolto("timestamp", "--timestamp-authority", URL, "--timestamp-ca", place("root.key"))
    checks.that(run.returncode == 2 and "no certificate" in run.stderr.decode(),
                f"no certificate: {run.stderr.decode()}")
    bundle = read(place("other-root.pem")).replace(b"MI", b"??", 1) + read(place("root.pem"))
    for name, content, words in (("a damaged one", bundle, "certificate 1 in it is damaged"),
                                 ("nothing", b"", "no certificate")):
        run = ascolto("verify", "--key", KEY, "--timestamp-ca", write("bundle.pem", content))
        checks.that(run.returncode == 2 and words in run.stderr.decode(),
                    f"certificates, {name}: {run.returncode}, {run.stderr.decode()}")
    write("bundle.pem", read(place("other-root.pem")) + read(place("root.pem")))
    for roots in ("bundle", "authority"):
        status, _, said = verify("--key", KEY, roots=roots)
        checks.same(status, 0, f"trusted in {roots}: {said}")
    run = ascolto("timestamp", "--timestamp-authority", URL.replace("//", "//user:secret@"),
                  "--timestamp-ca", place("root.pem"))
    checks.that(run.returncode == 2 and "without a user" in run.stderr.decode(),
                f"a password in the URL: {run.stderr.decode()}")
    append(1, log="unstamped")
    done("checkpoint", log="unstamped")
    status, _, said = verify("--key", json.loads(done("stats", log="unstamped"))["verifier_key"],
                             log="unstamped")
    checks.that(status == 1 and "no anchor" in said, f"without an anchor: {said}")
    # Who sends a byte now and then is not waited for longer than who sends none.
    authority.drip = True
    begun = time.time()
    run = ask()
    checks.that(run.returncode == 1 and "does not answer" in run.stderr.decode()
                and time.time() - begun < 25, f"a dripping authority: {run.stderr.decode()}")
    authority.drip = False
    run = ascolto("timestamp", "--timestamp-ca", place("root.pem"))
    checks.same(run.returncode, 2, "no authority named")
    checks.same(size(), before, "events after the wrong answers")
    run = ascolto("timestamp", "--timestamp-authority", URL + "?token=secret", "--timestamp-ca",
                  place("root.pem"))
    checks.same(json.loads(run.stdout)["authority"], URL, "what is kept of a URL")


def mutations(count):
    """An answer with another byte is refused, or tells the same moment."""
    refused = 0
    for _ in range(count):
        made = {}

        def changed(query):
            answer = stamp(query)
            made["time"] = rfc3161_client.decode_timestamp_response(answer).tst_info.gen_time
            index = rng.randrange(len(answer))
            made["index"] = index
            return answer[:index] + bytes([answer[index] ^ 1 << rng.randrange(8)]) + answer[
                index + 1:]

        authority.answer = changed
        before = size()
        run = ask()
        if run.returncode == 1:
            refused += 1
            checks.same(size(), before, f"byte {made['index']}: events")
        else:
            checks.same(run.returncode, 0, f"byte {made['index']}: {run.stderr.decode()}")
            told = datetime.datetime.fromisoformat(json.loads(run.stdout)["time"])
            checks.that(abs((told - made["time"]).total_seconds()) < 1,
                        f"seed {options.seed}, byte {made['index']}: another moment is believed")
    authority.answer = stamp
    checks.that(refused * 2 > count, f"{refused} of {count} changed answers were refused")
    print(f"{count} answers with another byte: {refused} refused, the others tell the same moment")


def leaf(line):
    return line[:line.index(b',"datahash":"') + 78] + b"}"


def tree_root(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


class Forger:
    """Who holds the signing key, and writes a history of their own."""

    def __init__(self):
        private = read(place("log/keys/signing.key")).decode().strip()
        _, _, self.name, identity, secret = private.split("+", 4)
        self.identity = bytes.fromhex(identity)
        self.key = SigningKey(base64.b64decode(secret)[1:])

    def note(self, lines):
        hashed = [hashlib.sha256(b"\0" + leaf(line)).digest() for line in lines]
        text = f"{self.name}\n{len(lines)}\n{base64.b64encode(tree_root(hashed)).decode()}\n"
        signature = self.key.sign(text.encode()).signature
        blob = base64.b64encode(self.identity + signature).decode()
        return f"{text}\n\u2014 {self.name} {blob}\n".encode()

    def anchor(self, note, response, pattern, recorded, moment):
        """An anchor's line in the place of another's."""
        data = json.dumps({"authority": "http://forged", "checkpoint": note.decode(),
                           "response": base64.b64encode(response).decode()},
                          ensure_ascii=False, separators=(",", ":")).encode()
        line = json.loads(pattern)
        text = pattern[:pattern.index(b',"datahash":"')]
        text = text.replace(line["recorded"].encode(), recorded.encode())
        text = text.replace(line["time"].encode(), moment.encode())
        digest = hashlib.sha256(data).hexdigest().encode()
        return text + b',"datahash":"' + digest + b'","data":' + data + b"}"


def query_of(note):
    return bytes.fromhex("3039020101" "3031300d060960864801650304020105000420") + hashlib.sha256(
        note).digest() + bytes.fromhex("0101ff")


def forgeries(key):
    """Times that were altered, by whom the anchors are made too, are found out."""
    forger = Forger()
    lines = done("export").splitlines()
    index = next(i for i, line in enumerate(lines) if b"meta.checkpoint_timestamped" in line)
    pattern, lines = lines[index], lines[:index]

    def judge(name, forged, *words):
        export = write("forged", b"\n".join(forged) + b"\n")
        note = write("forged-note", forger.note(forged))
        of_export = ("--export", export, "--checkpoint", note, "--key", key)
        plain = ascolto("verify", *of_export)
        checks.same(plain.returncode, 0, f"{name}, without anchors: {plain.stderr.decode()}")
        status, _, said = verify(*of_export)
        checks.that(status == 1 and all(word in said for word in words),
                    f"{name}: {status}, {said}")

    def refused_alone(name, forged, *words):
        """Times out of order are no times of a log, anchors or none."""
        export = write("forged", b"\n".join(forged) + b"\n")
        note = write("forged-note", forger.note(forged))
        run = ascolto("verify", "--export", export, "--checkpoint", note, "--key", key)
        checks.that(run.returncode == 1 and all(
            word in run.stderr.decode() for word in words + ("times were altered",)),
            f"{name}: {run.stderr.decode()}")

    def renumbered(line, position, moment):
        number = json.loads(line)["position"].encode()
        return at(line, moment).replace(
            b'"position":"' + number, b'"position":"' + str(position).encode())

    def at(line, moment):
        recorded = json.loads(line)["recorded"].encode()
        return line.replace(b'"recorded":"' + recorded, b'"recorded":"' + moment.encode())

    def moment_of(response):
        told = rfc3161_client.decode_timestamp_response(response).tst_info.gen_time
        digits = response[response.index(told.strftime("%Y%m%d%H%M%S").encode()) + 14:]
        fraction = digits[:digits.index(b"Z")].decode()
        return told.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"

    def anchored(forged, recorded, moment=None, stamped=None):
        note = forger.note(forged)
        response = stamp(query_of(stamped or note))
        moment = moment or moment_of(response)
        return forged + [forger.anchor(note, response, pattern, recorded, moment)]

    recorded = json.loads(pattern)["recorded"]
    back = [at(line, "2020-01-01T00:00:00Z") for line in lines]
    judge("times set back", anchored(back, "2020-01-01T00:00:00Z"), f"position {index}", "set back")
    ahead = lines[:-1] + [at(lines[-1], "2090-01-01T00:00:00Z")]
    judge("times set ahead", anchored(ahead, "2090-01-01T00:00:00Z"), f"position {index}", "later")
    middle = lines[:4] + [at(lines[4], "2090-01-01T00:00:00Z")] + lines[5:]
    refused_alone("an event in the middle set ahead", anchored(middle, recorded), "position 5:")
    behind = anchored(lines, recorded) + [renumbered(lines[5], index + 1, "2020-01-01T00:00:00Z")]
    refused_alone("an event behind an anchor set back", behind, f"position {index + 1}:")
    judge("a timestamp of other bytes", anchored(lines, recorded, stamped=b"other"), "imprint")
    judge("another moment beside it", anchored(lines, recorded, moment="2026-01-01T00:00:00Z"),
          "2026-01-01T00:00:00Z")
    altered = lines[:5] + [lines[5].replace(b"test.happened", b"test.never_was")] + lines[6:]
    judge("an event altered before its anchor", altered + [pattern], "history was rewritten")
    # An honest clock that is wrong: no anchor is made that would accuse it for ever.
    append(3, log="slow", clock="2020-01-01T00:00:00Z")
    run = ask(log="slow", clock="2020-01-01T00:00:00Z")
    checks.that(run.returncode == 1 and "set the clock" in run.stderr.decode(),
                f"a clock that is behind: {run.stderr.decode()}")
    # A clock that is set back again does not make what is recorded decrease.
    append(2, log="slow", clock="2026-01-01T00:00:00Z")
    append(2, log="slow", clock="2021-01-01T00:00:00Z")
    times = [json.loads(line)["recorded"] for line in done("export", log="slow").splitlines()]
    checks.same(times, sorted(times), "recorded never decreases")
    checks.same(times[-1], "2026-01-01T00:00:00Z", "recorded after the clock was set back")


def wait_for(what, condition):
    end = time.time() + 30
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.1)
    checks.that(False, what)
    return False


def served():
    """A server asks by itself, goes on where the authority fails, and rests where nothing is new."""
    environment = {"ASCOLTO_TIMESTAMP_AUTHORITY": URL, "ASCOLTO_TIMESTAMP_CA": place("root.pem")}
    run = subprocess.run(
        [options.binary, "serve", "--log", place("keyless"), "--listen", "127.0.0.1:0",
         "--insecure"], capture_output=True, env={**os.environ, **environment}, timeout=60)
    for seconds in ("0", "9223372036854775807", "often"):
        refused = subprocess.run(
            [options.binary, "serve", "--log", place("keyless"), "--insecure",
             f"--timestamp-every={seconds}"], capture_output=True,
            env={**os.environ, **environment}, timeout=60)
        checks.same(refused.returncode, 2, f"every {seconds} seconds")
    checks.that(run.returncode == 2 and b"keys generate" in run.stderr,
                f"without a key: {run.stderr.decode()}")
    append(1, log="served")
    done("checkpoint", log="served")
    server = Server(options.binary, place("served"), "--insecure", "--timestamp-every", "1",
                    environment=environment)

    def anchors():
        lines = done("read", "--type", "meta.checkpoint_timestamped", log="served")
        return len(lines.splitlines())

    try:
        wait_for("the first timestamp", lambda: anchors() == 1)
        asked = len(authority.queries)
        time.sleep(3)
        checks.same(len(authority.queries), asked, "requests while nothing happens")
        authority.status = 503
        server.append(event())
        wait_for("trouble is logged", lambda: "no timestamp" in server.said())
        checks.same(anchors(), 1, "timestamps while the authority is down")
        authority.status = 200
        wait_for("the second timestamp", lambda: anchors() == 2)
        run = ask(log="served")
        checks.that(run.returncode == 4 and b"--timestamp-authority" in run.stderr,
                    f"timestamp beside a server: {run.stderr.decode()}")
        # An authority that is slow does not keep the server from ending.
        authority.delay = 5
        asked = len(authority.queries)
        server.append(event())
        wait_for("the slow authority is asked", lambda: len(authority.queries) > asked)
    finally:
        authority.delay = 0
        begun = time.time()
        checks.same(server.stop(), 0, "the server ends")
        checks.that(time.time() - begun < 5, "the server waits for the authority")
    done("check", log="served")
    key = json.loads(done("stats", log="served"))["verifier_key"]
    status, found, said = verify("--key", key, log="served")
    checks.that(status == 0 and len(found["timestamps"]) >= 2, f"the served log: {said}")


try:
    key = KEY = exchange()
    wrong_answers()
    certificate_that_runs_out(key)
    mutations(options.mutations)
    forgeries(key)
    served()
finally:
    authority.end()
    shutil.rmtree(scratch)
checks.end()
