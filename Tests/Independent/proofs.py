#!/usr/bin/env python3
"""What a log gives out to prove its history, judged by Go's checksum database, pymerkle and PyNaCl.

usage: proofs.py ASCOLTO ASCOLTO_VERIFY LOG [--go CHECK_TREE] [--mutations N] [--seed N]

LOG is a log with events and no signing key yet. Whole, everything must be accepted by all; after any
change of one byte, ours must refuse it, and of the others each that reads the byte. What only a
remembered checkpoint shows (an older copy, another history) must be shown by one.
"""
import argparse
import base64
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey
from pymerkle import InmemoryTree, verify_consistency

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("verifier")
parser.add_argument("log")
parser.add_argument("--go")
parser.add_argument("--mutations", type=int, default=300)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
rng = random.Random(options.seed)
scratch = tempfile.mkdtemp(prefix="proofs-")
wrong = []


def place(name):
    return os.path.join(scratch, name)


def run(*command, data=None):
    return subprocess.run(command, input=data, capture_output=True)


def ascolto(*arguments, log=None, data=None, expect=0):
    done = run(options.ascolto, *arguments, "--log", log or options.log, data=data)
    if done.returncode != expect:
        raise SystemExit(f"{arguments}: {done.returncode}, not {expect}: {done.stderr.decode()}")
    return done.stdout


def expect(condition, what):
    if not condition:
        wrong.append(what)


def verify(*arguments):
    """Whether both of our verifiers, which must agree, accept; and what the small one says."""
    small = run(options.verifier, *arguments)
    large = run(options.ascolto, "verify", *arguments, "--format", "json")
    expect(small.returncode in (0, 1) and small.returncode == large.returncode,
           f"{arguments}: ascolto-verify says {small.returncode}, ascolto verify {large.returncode}:"
           f" {small.stderr.decode()} {large.stderr.decode()}")
    told = json.loads(large.stdout)
    expect(told["verified"] == (large.returncode == 0), f"{arguments}: {told}")
    return small.returncode == 0, small.stderr.decode() + small.stdout.decode()


def go(*arguments):
    """Whether Go accepts; None where there is no Go."""
    return run(options.go, *arguments).returncode == 0 if options.go else None


def note_is_signed(note, key):
    """By PyNaCl: whether a line of the note is the signature of the key of its text."""
    name, identity, blob = key.split("+", 2)
    public = base64.b64decode(blob)
    text, _, signatures = note.rpartition(b"\n\n")
    for line in signatures.split(b"\n"):
        parts = line.split(b" ")
        if len(parts) != 3 or parts[0] != "\u2014".encode() or parts[1] != name.encode():
            continue
        try:
            signature = base64.b64decode(parts[2], validate=True)
        except ValueError:
            continue
        if base64.b64encode(signature) != parts[2] or signature[:4].hex() != identity:
            continue
        try:
            VerifyKey(public[1:]).verify(text + b"\n", signature[4:])
            return True
        except CryptoError:
            return False
    return False


def leaves(export):
    for line in export.splitlines():
        end = line.index(b',"datahash":"') + 78
        yield line[:end] + b"}"


def write(name, content):
    with open(place(name), "wb") as file:
        file.write(content)
    return place(name)


def mutated(content):
    """The content with one other byte, and where."""
    index = rng.randrange(len(content))
    changed = bytearray(content)
    changed[index] ^= 1 << rng.randrange(8)
    return bytes(changed), index


def files_below(folder):
    return sorted(os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)


def roots_by_pymerkle(export, *sizes):
    tree, roots = InmemoryTree(algorithm="sha256"), {}
    for leaf in leaves(export):
        tree.append_entry(leaf)
    for size in sizes:
        roots[size] = tree.get_root(size)
    return tree, roots


def whole():
    """Everything as it was given out is accepted by all."""
    first = ascolto("checkpoint")
    key = json.loads(ascolto("stats"))["verifier_key"]
    mode = os.stat(os.path.join(options.log, "keys", "signing.key")).st_mode
    expect(mode & 0o077 == 0, f"the signing key has the mode {mode:o}")
    old = write("old", first)
    event = {"specversion": "1.0", "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "source": "urn:t",
             "type": "t.happened", "subject": "s/1", "data": {"n": 1}}
    ascolto("append", data=json.dumps(event).encode())
    note = ascolto("checkpoint")
    size, root = int(note.split(b"\n")[1]), base64.b64decode(note.split(b"\n")[2])
    old_size, old_root = int(first.split(b"\n")[1]), base64.b64decode(first.split(b"\n")[2])
    expect(size == old_size + 1, "the checkpoint covers the event that came")
    checkpoint, export = write("checkpoint", note), ascolto("export")
    write("export", export)
    ascolto("tiles", "--out", place("tiles"))
    expect(note_is_signed(note, key) and note_is_signed(first, key), "PyNaCl: a signature is wrong")
    tree, roots = roots_by_pymerkle(export, old_size, size)
    expect(roots == {old_size: old_root, size: root}, "pymerkle has another root")
    verify_consistency(old_root, root, tree.prove_consistency(old_size, size))
    accepted, said = verify("--tiles", place("tiles"), "--key", key, "--old", old)
    expect(accepted, f"our tiles: {said}")
    accepted, said = verify(
        "--export", place("export"), "--checkpoint", checkpoint, "--key", key, "--old", old)
    expect(accepted, f"our export: {said}")
    expect(go("tiles", place("tiles"), key, old) is not False, "Go refuses the tiles")
    lines = export.splitlines()
    for position in [0, size - 1] + [rng.randrange(size) for _ in range(20)]:
        receipt = write("receipt", ascolto("prove", str(position)))
        line = write("line", lines[position] + b"\n")
        accepted, said = verify("--receipt", receipt, "--key", key, "--event", line)
        expect(accepted, f"receipt of {position}: {said}")
        expect(go("receipt", receipt, key) is not False, f"Go refuses the receipt of {position}")
    print(f"{size} events: accepted by all")
    return key, size


def mutations(key, count):
    """One other byte anywhere is refused by ours, and by each of the others that reads it."""
    tiles, checkpoint, export = place("tiles"), place("checkpoint"), place("export")
    by = {"ours": 0, "go": 0, "nacl": 0, "pymerkle": 0}
    for number in range(count):
        kind = ("tiles", "tiles", "export", "receipt", "checkpoint")[number % 5]
        if kind == "tiles":
            path = rng.choice(files_below(tiles))
            with open(path, "rb") as file:
                content = file.read()
            changed, index = mutated(content)
            with open(path, "wb") as file:
                file.write(changed)
            accepted, said = verify("--tiles", tiles, "--key", key)
            others = {"go": go("tiles", tiles, key)}
            with open(path, "wb") as file:
                file.write(content)
            what = f"{os.path.relpath(path, tiles)} byte {index}"
            expect(path.endswith("checkpoint") or os.path.relpath(path, tiles) in said
                   or "tile/" in said, f"{what} is not named: {said}")
        elif kind == "export":
            with open(export, "rb") as file:
                changed, index = mutated(file.read())
            path = write("changed", changed)
            accepted, said = verify("--export", path, "--checkpoint", checkpoint, "--key", key)
            named, naming = verify("--export", path, "--tiles", tiles, "--key", key)
            position = changed[:index].count(b"\n")
            expect(not named and f"position: {position}\n" in naming,
                   f"export byte {index}: position {position} is not named: {naming}")
            others = {"pymerkle": pymerkle_accepts(changed)}
            what = f"export byte {index}"
        elif kind == "receipt":
            content = ascolto("prove", str(rng.randrange(int(open(checkpoint).readlines()[1]))))
            changed, index = mutated(content)
            path = write("changed", changed)
            accepted, said = verify("--receipt", path, "--key", key)
            others = {"go": go("receipt", path, key)}
            what = f"receipt byte {index}"
        else:
            with open(checkpoint, "rb") as file:
                changed, index = mutated(file.read())
            path = write("changed", changed)
            accepted, said = verify("--export", export, "--checkpoint", path, "--key", key)
            others = {"nacl": note_is_signed(changed, key)}
            what = f"checkpoint byte {index}"
        expect(not accepted, f"seed {options.seed}: {what} passed")
        by["ours"] += not accepted
        for judge, judgement in others.items():
            if judgement is None:
                continue
            expect(not judgement, f"seed {options.seed}: {what} passed {judge}")
            by[judge] += not judgement
    print(f"{count} changes of one byte: refused by {by}")


def pymerkle_accepts(export):
    """Whether an export still has the root that was signed, with leaves and data as they say."""
    try:
        for line in export.splitlines():
            end = line.index(b',"datahash":"') + 78
            data = line[end:]
            if not data.startswith(b',"data":') or not line.endswith(b"}"):
                return False
            if hashlib.sha256(data[8:-1]).hexdigest().encode() != line[end - 65:end - 1]:
                return False
        if not export.endswith(b"\n"):
            return False
        with open(place("checkpoint"), "rb") as file:
            lines = file.read().split(b"\n")
        tree, _ = roots_by_pymerkle(export)
        return tree.get_size() == int(lines[1]) and tree.get_root() == base64.b64decode(lines[2])
    except ValueError:
        return False


def refused(arguments, *words, by):
    """Both of ours refuse, and say what was found against what."""
    accepted, said = verify(*arguments)
    expect(not accepted, f"{by}: accepted")
    for word in words:
        expect(word in said, f"{by}: {word!r} is not in {said!r}")


def rollback(key):
    """An older copy of the whole directory, a log cut off, forks, a history signed anew."""
    older, later = place("older"), place("later")
    shutil.copytree(options.log, older)
    event = {"specversion": "1.0", "id": "7c9e6679-7425-40de-944b-e07fc1f90aff", "source": "urn:t",
             "type": "t.happened", "subject": "s/1", "data": {"n": 2}}
    ascolto("append", data=json.dumps(event).encode())
    remembered = write("remembered", ascolto("checkpoint"))
    shutil.copytree(options.log, later)
    size = int(open(remembered).readlines()[1])

    # The operator restores an older copy, its head file and keys too: in itself it is sound.
    ascolto("check", log=older)
    ascolto("tiles", "--out", place("older-tiles"), log=older)
    accepted, said = verify("--tiles", place("older-tiles"), "--key", key)
    expect(accepted, f"an older directory alone is sound: {said}")
    expect(go("tiles", place("older-tiles"), key) is not False, "Go refuses an older directory")
    refused(("--tiles", place("older-tiles"), "--key", key, "--old", remembered),
            f"had {size}", by="rollback")
    expect(go("tiles", place("older-tiles"), key, remembered) is not True, "Go accepts a rollback")
    done = run(options.ascolto, "verify", "--log", older, "--key", key, "--old", remembered)
    expect(done.returncode == 1 and b"older copy" in done.stderr, f"rollback: {done.stderr}")

    # An older checkpoint in the place of the newest, over the tiles of the newest.
    ascolto("tiles", "--out", place("later-tiles"), log=later)
    shutil.copy(os.path.join(place("older-tiles"), "checkpoint"), place("later-tiles"))
    refused(("--tiles", place("later-tiles"), "--key", key), "is missing", by="old checkpoint")

    # The data alone are replaced by older ones: the head file remembers.
    cut = place("cut")
    shutil.copytree(later, cut)
    shutil.copy(os.path.join(older, "data.mdb"), cut)
    for verb in (["append"], ["checkpoint"], ["stats"], ["tiles", "--out", place("no")]):
        done = run(options.ascolto, *verb, "--log", cut, data=b"")
        expect(done.returncode == 5 and b"restore" in done.stderr, f"{verb}: {done}")

    # From the older copy the operator goes on otherwise, and signs it with the same key.
    event["id"], event["data"] = "7c9e6679-7425-40de-944b-e07fc1f90abb", {"n": 3}
    ascolto("append", data=json.dumps(event).encode(), log=older)
    forged = write("forged", ascolto("checkpoint", log=older))
    ascolto("tiles", "--out", place("fork-tiles"), log=older)
    accepted, said = verify("--tiles", place("fork-tiles"), "--key", key)
    expect(accepted, f"a fork alone is sound: {said}")
    refused(("--tiles", place("fork-tiles"), "--key", key, "--old", remembered),
            "history was rewritten, or there are two", by="fork")
    expect(go("tiles", place("fork-tiles"), key, remembered) is not True, "Go accepts a fork")
    done = run(options.ascolto, "tiles", "--out", place("later-tiles"), "--log", older)
    expect(done.returncode == 0, f"tiles of an older checkpoint can be extended: {done.stderr}")
    ascolto("tiles", "--out", place("whole-tiles"), log=later)
    done = run(options.ascolto, "tiles", "--out", place("whole-tiles"), "--log", older)
    expect(done.returncode == 1 and b"two of it" in done.stderr, f"tiles over a fork: {done}")
    accepted, said = verify("--export", write("fork-export", ascolto("export", log=older)),
                            "--checkpoint", forged, "--key", key, "--old", remembered)
    expect(not accepted, "an export of a fork passes a remembered checkpoint")

    # History is written anew, with one event altered, and signed with the stolen key.
    rewritten = place("rewritten")
    lines = [json.loads(line) for line in ascolto("export", log=later).splitlines()[1:]]
    origin = json.loads(ascolto("stats", log=later))["origin"]
    # Another type might be refused, where a contact cannot have done what comes next without it.
    lines[len(lines) // 2]["source"] = "urn:t:never"
    for line in lines:
        for member in ("position", "revision", "recorded", "datahash"):
            del line[member]
    ascolto("init", "--origin", origin, log=rewritten)
    ascolto("append", log=rewritten, data="\n".join(map(json.dumps, lines)).encode())
    shutil.copytree(os.path.join(later, "keys"), os.path.join(rewritten, "keys"))
    ascolto("tiles", "--out", place("rewritten-tiles"), log=rewritten)
    accepted, said = verify("--tiles", place("rewritten-tiles"), "--key", key)
    expect(accepted, f"a rewritten history alone is sound: {said}")
    refused(("--tiles", place("rewritten-tiles"), "--key", key, "--old", remembered),
            "history was rewritten", by="rewritten history")
    print("rollback, truncation, fork and rewritten history: detected against what was remembered")


def rotation(key):
    """A rotation is an event, and a checkpoint that both keys have signed."""
    before = write("before", ascolto("checkpoint"))
    told = json.loads(ascolto("keys", "rotate"))
    new = told["verifier_key"]
    expect(told["previous_verifier_key"] == key and new != key, f"rotation: {told}")
    both = write("both", told["checkpoint"].encode())
    with open(both, "rb") as file:
        note = file.read()
    expect(note_is_signed(note, key) and note_is_signed(note, new), "PyNaCl: not both have signed")
    event = json.loads(ascolto("read", "--from", str(told["position"]), "--limit", "1"))
    expect(event["type"] == "meta.signing_key_rotated"
           and event["data"] == {"previous": key, "next": new}, f"rotation: {event}")
    ascolto("tiles", "--out", place("tiles"))
    accepted, said = verify("--tiles", place("tiles"), "--key", key)
    expect(accepted, f"the old key with the checkpoint that covers the rotation: {said}")
    happened = {"specversion": "1.0", "id": "7c9e6679-7425-40de-944b-e07fc1f90add",
                "source": "urn:t", "type": "t.happened", "subject": "s/1", "data": {}}
    ascolto("append", data=json.dumps(happened).encode())
    ascolto("tiles", "--out", place("tiles"))
    refused(("--tiles", place("tiles"), "--key", key), "not signed by", by="the old key alone")
    accepted, said = verify("--tiles", place("tiles"), "--key", new, "--old", both)
    expect(accepted, f"after a rotation: {said}")
    accepted, said = verify("--tiles", place("tiles"), "--key", new, key, "--old", before)
    expect(accepted, f"after a rotation, with both keys: {said}")
    forged = {"specversion": "1.0", "id": "7c9e6679-7425-40de-944b-e07fc1f90acc", "source": "urn:t",
              "type": "meta.signing_key_rotated", "subject": "s/1",
              "data": {"previous": new, "next": key}}
    ascolto("append", data=json.dumps(forged).encode(), expect=3)
    os.chmod(os.path.join(options.log, "keys", "signing.key"), 0o640)
    done = run(options.ascolto, "append", "--log", options.log, data=b"")
    expect(done.returncode == 1 and b"chmod 600" in done.stderr, f"an open key: {done}")
    os.chmod(os.path.join(options.log, "keys", "signing.key"), 0o600)
    print("rotation: an event, and a checkpoint by both keys")


try:
    key, size = whole()
    mutations(key, options.mutations)
    rollback(key)
    rotation(key)
finally:
    shutil.rmtree(scratch)
for what in wrong[:40]:
    print("wrong:", what)
print(f"{len(wrong)} wrong")
sys.exit(1 if wrong else 0)
