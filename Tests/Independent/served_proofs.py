#!/usr/bin/env python3
"""Proofs over HTTP: what a server gives out is verified by the auditor's program, and by hand.

usage: served_proofs.py BINARY LOG VERIFIER
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

from serving import Checks, Server, event

checks = Checks()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def grown(old, new, hashes, old_root, new_root):
    """RFC 9162, section 2.1.4.2."""
    if old & (old - 1) == 0:
        hashes = [old_root] + hashes
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    one, two = hashes[0], hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            one, two = node(sibling, one), node(sibling, two)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            two = node(two, sibling)
        first, last = first >> 1, last >> 1
    return one == old_root and two == new_root and last == 0


def parsed(note):
    lines = note.decode().split("\n")
    return int(lines[1]), base64.b64decode(lines[2])


def main():
    binary, log, verifier = sys.argv[1:4]
    key = json.loads(subprocess.run(
        [binary, "keys", "generate", "--log", log], check=True, capture_output=True).stdout)
    key = key["verifier_key"]
    scratch = tempfile.mkdtemp(prefix="served-")
    server = Server(binary, log, "--insecure")

    def get(path, status=200, **fields):
        found = server.request("GET", path, fields=fields)
        checks.same(found[0], status, f"GET {path}")
        return found

    def verify(*arguments):
        return subprocess.run([verifier, *arguments, "--key", key], capture_output=True)

    def write(name, content):
        path = os.path.join(scratch, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    # The last events before a pause are signed within a second or two, without being asked.
    lines = b"".join(json.dumps(event(f"s/{n % 7}")).encode() + b"\n" for n in range(700))
    server.request("POST", "/v1/events", lines, {"Content-Type": "application/x-ndjson"})
    end = time.time() + 20
    while parsed(get("/checkpoint")[2])[0] < 701 and time.time() < end:
        time.sleep(0.05)
    status, fields, note = get("/checkpoint")
    checks.same(fields["content-type"], "text/plain; charset=utf-8", "what a checkpoint is")
    checks.same(parsed(note)[0], 701, "the newest events are signed")
    get("/checkpoint", 304, **{"If-None-Match": fields["etag"]})
    old = write("old", note)

    # Receipts at once, many at a time; each is verified alone.
    said = server.append(event("s/1"))
    position = json.loads(said[2])["first"]
    receipts = {}

    def fetch(number):
        receipts[number] = server.request("GET", f"/v1/events/{number}/receipt")

    threads = [threading.Thread(target=fetch, args=(n,)) for n in (0, 1, 255, 256, 700, position)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (status, fields, receipt) in receipts.items():
        checks.same(status, 200, f"the receipt of {number}")
        line = write("line", get(f"/v1/events/{number}")[2])
        done = verify("--receipt", write("receipt", receipt), "--event", line)
        checks.same(done.returncode, 0, f"the receipt of {number}: {done.stderr.decode()}")
    get("/v1/events/100000/receipt", 404)
    get("/v1/events/x/receipt", 400)

    # A directory of tiles, fetched as a C2SP client does.
    note = get("/checkpoint")[2]
    size, root = parsed(note)
    write("tiles/checkpoint", note)
    count, level = size, 0
    while count:
        for index in range((count + 255) // 256):
            width = min(256, count - 256 * index)
            name = f"{index:03}" + (f".p/{width}" if width < 256 else "")
            for path in [f"tile/{level}/{name}"] + ([f"tile/entries/{name}"] if not level else []):
                fields, content = get("/" + path)[1:]
                checks.same(fields["content-type"], "application/octet-stream", path)
                get("/" + path, 304, **{"If-None-Match": fields["etag"]})
                write("tiles/" + path, content)
        count, level = count // 256, level + 1
    done = verify("--tiles", os.path.join(scratch, "tiles"), "--old", old)
    checks.same(done.returncode, 0, f"the tiles: {done.stderr.decode()}")
    for path in ("/tile/0/999", "/tile/0/002.p/255", "/tile/0/0", "/tile/64/000", "/tile/0/000.p/0",
                 "/tile/entries/999", "/tile/entries/x", "/tile/0/x001/000", "/tile/entries"):
        get(path, 404)
    checks.same(get("/tile/0/000.p%2F7")[2], get("/tile/0/000")[2][:7 * 32], "a partial tile")

    # Growth, verified by hand.
    with open(old, "rb") as file:
        before, before_root = parsed(file.read())
    proof = json.loads(get(f"/v1/consistency?from={before}&to={size}")[2])
    hashes = [base64.b64decode(text) for text in proof["hashes"]]
    checks.that(grown(before, size, hashes, before_root, root), "the log has grown")
    checks.that(not grown(before, size, hashes, root, before_root), "and not the other way")
    get(f"/v1/consistency?from={size}&to={before}", 400)
    get(f"/v1/consistency?from=1&to={size + 10}", 404)

    # The command line sees what the server signs, while the server writes.
    done = subprocess.run([binary, "checkpoint", "--log", log], capture_output=True)
    checks.same(parsed(done.stdout), (size, root), "the checkpoint, from the command line")
    done = subprocess.run([binary, "prove", "7", "--log", log], capture_output=True)
    checks.same(verify("--receipt", write("r", done.stdout)).returncode, 0, "a receipt, too")
    done = subprocess.run([binary, "keys", "rotate", "--log", log], capture_output=True)
    checks.same(done.returncode, 4, "a rotation beside the server")
    checks.same(server.stop(), 0, "the exit status")
    limited(binary, log)
    checks.end()


def limited(binary, log):
    """Who sees some centres only gets no receipts of others, and no entries at all."""
    def token(*arguments):
        done = subprocess.run(
            [binary, "tokens", "create", "--log", log, "--role", "auditor", *arguments],
            check=True, capture_output=True)
        return json.loads(done.stdout)["token"]

    roma, everything = token("--name", "roma", "--centre", "roma"), token("--name", "all")
    subprocess.run(
        [binary, "append", "--log", log], check=True, capture_output=True,
        input=json.dumps(event("s/9", tags="centre:roma")).encode())
    server = Server(binary, log)
    last = json.loads(server.request("GET", "/v1/head", token=everything)[2])["size"] - 1
    for position, status in ((last, 200), (1, 403)):
        found = server.request("GET", f"/v1/events/{position}/receipt", token=roma)[0]
        checks.same(found, status, f"the receipt of {position} for one centre")
    for who, status in ((roma, 403), (everything, 200)):
        found = server.request("GET", "/tile/entries/000", token=who)[0]
        checks.same(found, status, "entries")
    checks.same(server.request("GET", "/checkpoint", token=roma)[0], 200, "a checkpoint")
    checks.same(server.request("GET", "/checkpoint")[0], 401, "a checkpoint without a token")
    checks.same(server.stop(), 0, "the exit status")


main()
