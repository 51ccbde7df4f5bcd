#!/usr/bin/env python3
"""Witnesses: what they refuse, what they remember through kills, and what they make impossible.

usage: witnessing.py BINARY VERIFIER [--kills N] [--seed N]
"""
import argparse
import base64
import concurrent.futures
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from nacl.signing import SigningKey, VerifyKey

from serving import Checks, event

parser = argparse.ArgumentParser()
parser.add_argument("binary")
parser.add_argument("verifier")
parser.add_argument("--kills", type=int, default=8)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
checks, rng = Checks(), random.Random(options.seed)
scratch = tempfile.mkdtemp(prefix="witness-")


def h(data):
    return hashlib.sha256(data).digest()


class Tree:
    """A log of this script's own, with proofs by the definition of RFC 6962."""

    def __init__(self, origin, seed=7):
        self.origin, self.key = origin, SigningKey(bytes([seed]) * 32)
        public = b"\1" + bytes(self.key.verify_key)
        identity = h(origin.encode() + b"\n" + public)[:4]
        self.identity = identity
        self.vkey = f"{origin}+{identity.hex()}+{base64.b64encode(public).decode()}"
        self.leaves = []

    def grow(self, count, salt=b""):
        start = len(self.leaves)
        self.leaves += [h(b"\0" + b"%d" % n + salt) for n in range(start, start + count)]

    def root(self, leaves=None):
        leaves = self.leaves if leaves is None else leaves
        if len(leaves) < 2:
            return leaves[0] if leaves else h(b"")
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        return h(b"\1" + self.root(leaves[:split]) + self.root(leaves[split:]))

    def proof(self, old, leaves=None, complete=True):
        leaves = self.leaves if leaves is None else leaves
        if old == len(leaves):
            return [] if complete else [self.root(leaves)]
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        if old <= split:
            return self.proof(old, leaves[:split], complete) + [self.root(leaves[split:])]
        return self.proof(old - split, leaves[split:], False) + [self.root(leaves[:split])]

    def note(self, text=None, key=None):
        text = text or (f"{self.origin}\n{len(self.leaves)}\n"
                        f"{base64.b64encode(self.root()).decode()}\n")
        signature = (key or self.key).sign(text.encode()).signature
        blob = base64.b64encode(self.identity + signature).decode()
        return f"{text}\n\u2014 {self.origin} {blob}\n"

    def request(self, old, proof=None, note=None):
        proof = self.proof(old) if proof is None and old else proof or []
        lines = "".join(base64.b64encode(part).decode() + "\n" for part in proof)
        return f"old {old}\n{lines}\n{note or self.note()}".encode()


class WitnessProcess:
    def __init__(self, name, *keys, directory=None):
        self.directory = directory or os.path.join(scratch, name)
        self.name, self.keys = name, keys
        self.begin()

    prefix = ""

    def command(self):
        return ["witness", "serve", "--dir", self.directory, "--name",
                f"witness.example/{self.name}", "--listen", "127.0.0.1:0", "--log-key", *self.keys]

    def begin(self):
        self.words = tempfile.TemporaryFile()
        self.process = subprocess.Popen([options.binary, *self.command()], stderr=self.words)
        end = time.time() + 30
        while True:
            # Without moving the offset, at which the witness writes.
            said = os.pread(self.words.fileno(), 1 << 20, 0).decode()
            found = re.search(r"witness key: (\S+)\nlistening on http://.*:(\d+)", said)
            if found:
                self.vkey, self.port = found[1], int(found[2])
                return
            if self.process.poll() is not None or time.time() > end:
                raise SystemExit(f"the witness did not begin: {said}")
            time.sleep(0.01)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def ask(self, body, path="/add-checkpoint", method="POST"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, self.prefix + path, body)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers["content-type"]
        finally:
            connection.close()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)


class ServedWitness(WitnessProcess):
    """A server of a log of its own that is a witness as well."""

    prefix = "/witness"

    def command(self):
        logs = os.path.join(scratch, self.name + ".logs")
        with open(logs, "w") as file:
            file.write("\n".join(self.keys) + "\n")
        return ["serve", "--log", os.path.join(scratch, self.name + "-log"), "--listen",
                "127.0.0.1:0", "--insecure", "--witness-dir", self.directory, "--witness-name",
                f"witness.example/{self.name}", "--witness-logs", logs]


def cosigned(lines, text, vkey):
    """By PyNaCl: whether the lines are one cosignature of the witness; when it was made."""
    name, identity, blob = vkey.split("+", 2)
    dash, found, signature = lines.decode().rstrip("\n").split(" ")
    raw = base64.b64decode(signature, validate=True)
    public = base64.b64decode(blob)
    assert dash == "\u2014" and found == name and raw[:4].hex() == identity and public[0] == 4
    seconds = int.from_bytes(raw[4:12], "big")
    VerifyKey(public[1:]).verify(f"cosignature/v1\ntime {seconds}\n".encode() + text.encode(),
                                 raw[12:])
    return seconds


def statuses(kind):
    """Every answer that C2SP tlog-witness knows."""
    log = Tree("log.example/a")
    other = Tree("log.example/b", 8)
    witness = kind(kind.__name__.lower(), log.vkey)
    ask = lambda *arguments: witness.ask(*arguments)[0]

    def text(tree):
        return tree.note().split("\n\n")[0] + "\n"

    log.grow(5)
    path = "/" + h(log.origin.encode()).hex() + "/checkpoint"
    checks.same(witness.ask(None, path, "GET")[0], 404, "nothing was cosigned yet")
    checks.same(ask(log.request(0, proof=[h(b"x")])), 422, "a proof from nothing")
    checks.same(witness.ask(log.request(3))[:2], (409, b"0\n"), "an old size that never was")
    status, lines, media = witness.ask(log.request(0))
    checks.same((status, media), (200, "text/plain; charset=utf-8"), "the first checkpoint")
    seconds = cosigned(lines, text(log), witness.vkey)
    checks.that(abs(seconds - time.time()) < 60, "the time of the cosignature")
    checks.same(ask(log.request(5)), 200, "the same checkpoint again")
    log.grow(8)
    status, body, media = witness.ask(log.request(0))
    checks.same((status, body, media), (409, b"5\n", "text/x.tlog.size"), "an old size of before")
    checks.same(ask(log.request(5, proof=[h(b"x")] * len(log.proof(5)))), 422, "a wrong proof")
    checks.same(ask(log.request(5, proof=log.proof(5)[:-1])), 422, "a proof too short")
    checks.same(ask(log.request(5, proof=log.proof(5) + [h(b"x")])), 422, "a proof too long")
    fork = Tree(log.origin)
    fork.grow(5, salt=b"!")
    checks.same(ask(fork.request(5)), 422, "the same size with another root")
    fork.grow(9, salt=b"!")
    checks.same(ask(fork.request(5)), 422, "a fork")
    checks.same(ask(log.request(5, note=log.note(key=SigningKey(bytes(32))))), 403,
                "a signature by another key")
    altered = log.note().replace("\n13\n", "\n14\n")
    checks.same(ask(log.request(5, note=altered)), 403, "a text that was not signed")
    other.grow(2)
    checks.same(ask(other.request(0)), 404, "a log that nobody knows")
    checks.same(ask(log.request(14, proof=[h(b"x")])), 400, "an old size beyond the new one")
    for body in (b"", b"old\n\n", b"old 05\n\n" + log.note().encode(), b"old 5\nxx\n\n",
                 b"old 5\n" + b"A" * 70_000, b"old 5\n\n", b"old 5\n\nnothing\n",
                 log.request(5, note="log.example/a\n1\n\n")):
        checks.that(ask(body) in (400, 403, 413), f"{body[:30]}: {ask(body)}")
    checks.same(ask(log.request(5, proof=[h(b"%d" % n) for n in range(64)])), 400, "64 hashes")
    checks.same(ask(log.request(5)), 200, "and it goes on")
    # Lines that others add, or that claim to be by the witness, do not come into its memory.
    name, identity, _ = witness.vkey.split("+", 2)
    forged = base64.b64encode(bytes.fromhex(identity) + bytes(72)).decode()
    junk = log.note() + f"\u2014 {name} {forged}\n" + "".join(
        f"\u2014 junk{n} AAAAAAA=\n" for n in range(97))
    checks.same(ask(log.request(13, proof=[], note=junk)), 200, "a note with 98 lines of others")
    kept = witness.ask(None, path, "GET")[1]
    checks.same(kept.count(b"\n\xe2\x80\x94 "), 2, "the log's signature and the witness's")
    witness.stop()
    witness.begin()
    checks.same(witness.ask(None, path, "GET")[1], kept, "what it remembers")
    status, note, _ = witness.ask(None, path, "GET")
    checks.that(status == 200 and note.decode().startswith(text(log)), "what was cosigned last")
    done = subprocess.run([options.binary, "witness", "serve", "--dir", witness.directory,
                           "--log-key", log.vkey, "--listen", "127.0.0.1:0"], capture_output=True)
    checks.same(done.returncode, 4, "another witness in the same directory")
    checks.same(witness.stop(), 0, "the exit status")

    # What it has cosigned stands on disk; without it, it does not begin.
    saved = os.path.join(witness.directory, h(log.origin.encode()).hex())
    checks.that(os.path.exists(saved), "what was cosigned is in the witness's directory")
    with open(saved, "r+b" if os.path.exists(saved) else "w+b") as file:
        file.seek(3)
        file.write(b"\0")
    done = subprocess.run([options.binary, "witness", "serve", "--dir", witness.directory,
                           "--log-key", log.vkey, "--listen", "127.0.0.1:0"], capture_output=True)
    checks.same(done.returncode, 5, f"a damaged memory: {done.stderr.decode()}")


def kills():
    """Killed while two histories race for its cosignature, it never cosigns both."""
    good, fork = Tree("log.example/k"), Tree("log.example/k")
    good.grow(3)
    fork.grow(3)
    witness = WitnessProcess("killed", good.vkey)
    witness.ask(good.request(0))
    seen, size = {}, 3

    def push(tree, old):
        try:
            return tree, len(tree.leaves), witness.ask(tree.request(old))
        except (OSError, http.client.HTTPException):
            return tree, len(tree.leaves), None

    for number in range(options.kills):
        fork.leaves = list(good.leaves)
        good.grow(2)
        fork.grow(2, salt=b"fork")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            racing = [pool.submit(push, rng.choice((good, fork)), size) for _ in range(16)]
            time.sleep(rng.random() * 0.02)
            if number % 2:
                witness.stop(signal.SIGKILL)
            answers = [racer.result() for racer in racing]
        for tree, count, answer in answers:
            if answer and answer[0] == 200:
                seen.setdefault(count, set()).add(tree.root())
        if number % 2:
            witness.begin()
        note = witness.ask(None, "/" + h(good.origin.encode()).hex() + "/checkpoint", "GET")[1]
        size = int(note.split(b"\n")[1])
        root = base64.b64decode(note.split(b"\n")[2])
        for count, roots in seen.items():
            checks.same(len(roots), 1, f"seed {options.seed}: two histories of {count} cosigned")
            checks.that(count <= size, f"seed {options.seed}: {count} was cosigned and forgotten")
        if size in seen:
            checks.that(root in seen[size], f"seed {options.seed}: another root is remembered")
        # The history that was cosigned is the one that goes on.
        winner = next(tree for tree in (good, fork) if tree.root(tree.leaves[:size]) == root)
        good.leaves = list(winner.leaves[:size])
    checks.that(len(seen) >= options.kills // 2, f"only {len(seen)} were cosigned")
    witness.stop()


def run(*arguments, log, data=None, expect=0):
    done = subprocess.run([options.binary, *arguments, "--log", log], input=data,
                          capture_output=True)
    checks.same(done.returncode, expect, f"{arguments}: {done.stderr.decode()}")
    return done


def quorum():
    """A log under witnesses: what auditors can demand, and what a fork comes to."""
    log = os.path.join(scratch, "log")
    key = json.loads(run("keys", "generate", log=log).stdout)["verifier_key"]
    append = lambda where, count: run(
        "append", log=where,
        data="\n".join(json.dumps(event(f"s/{n}")) for n in range(count)).encode())
    append(log, 300)
    first, second = ServedWitness("one", key), WitnessProcess("two", key)
    urls, keys = [first.url, second.url], [first.vkey, second.vkey]
    cosign = lambda where, *more, expect=0: run(
        "checkpoint", "--witness", *urls, "--witness-key", *keys, *more, log=where, expect=expect)
    note = cosign(log).stdout
    checks.same(note.decode().count("\u2014"), 3, "one signature and two cosignatures")
    append(log, 100)
    cosign(log)

    def verify(*arguments, expect):
        done = subprocess.run(
            [options.verifier, *arguments, "--key", key, "--witness-key", *keys],
            capture_output=True)
        checks.same(done.returncode, expect, f"{arguments}: {done.stderr.decode()}")
        return done

    receipt, tiles = os.path.join(scratch, "receipt"), os.path.join(scratch, "tiles")
    run("prove", "17", "--out", receipt, log=log)
    verify("--receipt", receipt, "--quorum", "2", expect=0)
    run("tiles", "--out", tiles, log=log)
    verify("--tiles", tiles, "--quorum", "2", expect=0)

    # One of the two is away: enough for a policy of one, not for one of two.
    second.stop()
    append(log, 1)
    done = cosign(log, "--quorum", "1")
    checks.that(b"does not answer" in done.stderr, "who is away is named")
    done = cosign(log, expect=1)
    checks.that(b"2 are demanded" in done.stderr, f"too few: {done.stderr}")
    run("tiles", "--out", tiles, log=log)
    verify("--tiles", tiles, "--quorum", "1", expect=0)
    done = verify("--tiles", tiles, "--quorum", "2", expect=1)
    checks.that(b"cosigned by 1" in done.stderr, f"too few: {done.stderr}")

    # An older copy of everything: the witness has seen more.
    older = os.path.join(scratch, "older")
    shutil.copytree(log, older)
    append(log, 50)
    cosign(log, "--quorum", "1")
    done = cosign(older, "--quorum", "1", expect=1)
    checks.that(b"older copy" in done.stderr, f"a rollback: {done.stderr}")
    # It goes on otherwise: two histories, of which witnesses cosign one.
    append(older, 90)
    done = cosign(older, "--quorum", "1", expect=1)
    checks.that(b"two of it" in done.stderr, f"a fork: {done.stderr}")
    second.begin()
    urls[1] = second.url
    done = cosign(older, "--quorum", "1", expect=1)
    checks.that(b"two of it" in done.stderr, f"a fork shown to both: {done.stderr}")
    fork = os.path.join(scratch, "fork")
    run("tiles", "--out", fork, log=older)
    verify("--tiles", fork, "--quorum", "2", expect=1)
    # Whoever compares what the two have cosigned sees both histories.
    originals = [witness.ask(None, "/" + h(key.split("+")[0].encode()).hex() + "/checkpoint",
                             "GET")[1] for witness in (first, second)]
    checks.that(originals[0].split(b"\n")[2] != originals[1].split(b"\n")[2], "two histories")
    old = os.path.join(scratch, "seen")
    with open(old, "wb") as file:
        file.write(originals[0])
    done = verify("--tiles", fork, "--old", old, "--quorum", "0", expect=1)
    checks.that(b"two of it" in done.stderr, f"what one has seen against the other: {done.stderr}")
    first.stop()
    second.stop()


try:
    statuses(WitnessProcess)
    statuses(ServedWitness)
    kills()
    quorum()
finally:
    shutil.rmtree(scratch, ignore_errors=True)
checks.end()
