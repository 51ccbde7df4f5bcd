#!/usr/bin/env python3
"""Personal data: sealed as the format says, erased for ever, and the proofs none the worse for it.

usage: vault.py ASCOLTO ASCOLTO_VERIFY [--kills N]

What was sealed is opened here with `cryptography` and `lmdb`, by the page that defines the format.
After an erasure every file is searched; an erasure is killed at each of its system calls.
"""
import argparse
import concurrent.futures
import hashlib
import hmac
import json
import os
import shutil
import struct
import subprocess
import tempfile
import uuid

import lmdb
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from serving import Checks, event

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("verifier")
parser.add_argument("--kills", type=int, default=400)
options = parser.parse_args()
checks = Checks()
scratch = tempfile.mkdtemp(prefix="vault-")
NAME, NUMBER, COMMENT = "Zefirina Quagliarulo-Wxyz", "+39 06 5551 7788", "la coda mai finita qwzx"
SECRETS = [NAME, NUMBER, COMMENT, "QGLZFR80A41H501X"]


def place(name):
    return os.path.join(scratch, name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def run(*arguments, data=b"", log="log", environment=None):
    return subprocess.run([options.ascolto, *arguments, "--log", place(log)], input=data,
                          capture_output=True, env={**os.environ, **(environment or {})})


def done(*arguments, **more):
    ended = run(*arguments, **more)
    if ended.returncode:
        raise SystemExit(f"{arguments}: {ended.returncode}: {ended.stderr.decode()}")
    return ended.stdout


def create(identifier, log="log", **more):
    return json.loads(done("subject", "create", data=identifier.encode() + b"\n", log=log,
                           **more))["subject"]


def call(subject, **members):
    members = {"time": "2026-11-23T09:00:00Z", **members}
    return event(stream=f"contact/{uuid.uuid4()}", kind="contact.received", schema=1, data={
        "channel": "phone", "direction": "in", "citizenRef": subject, "callerName": NAME,
        "callerNumber": NUMBER}, **members)


def opinion(subject):
    return event(stream="survey/1", kind="survey.answered", schema=1, data={
        "surveyId": "s1", "citizenRef": subject, "answers": [{"q": "csat", "value": 4}],
        "comment": COMMENT})


def append(*events, log="log"):
    return json.loads(done("append", data="\n".join(map(json.dumps, events)).encode(), log=log))


def part(data):
    return struct.pack(">I", len(data)) + data


class Reader:
    """Opens the vault of a log by what its format page says."""

    def __init__(self, log="log"):
        self.folder = place(log + "/vault")
        root = bytes.fromhex(read(place(log + "/root.key")).decode().strip())
        self.epochs = {}
        for name in os.listdir(self.folder):
            if name.startswith("epoch-"):
                wrapped = bytes.fromhex(read(os.path.join(self.folder, name)).decode().strip())
                key = AESGCM(root).decrypt(wrapped[:12], wrapped[12:], None)
                self.epochs[int(name[6:-4])] = key
        self.records = {}
        environment = lmdb.open(self.folder, readonly=True, max_dbs=8, lock=False)
        with environment.begin() as transaction:
            keys = environment.open_db(b"keys", transaction, create=False)
            for name, value in transaction.cursor(keys):
                self.records[(name[:16].hex(), name[16:].decode())] = value
        environment.close()

    def key(self, subject, retention):
        """Its id and bytes, and how they lie wrapped."""
        record = self.records[(subject, retention)]
        version, state, generation = struct.unpack_from("<BBI", record)
        identity = record[6:22]
        epoch, length = struct.unpack_from("<IB", record, 22)
        wrapped = record[27:27 + length]
        key = keywrap.aes_key_unwrap(self.epochs[epoch], wrapped)
        commitment = record[27 + length:59 + length]
        checks.same((version, state, generation), (1, 1, 1), "the record")
        checks.same(hmac.new(key, b"key-id" + identity, "sha256").digest(), commitment,
                    "the key's commitment")
        return identity, key, wrapped

    def open(self, line, retention):
        data = line["data"]
        sealed = bytes.fromhex(data["sealed"])
        subject = bytes.fromhex(data["citizenRef"])
        identity, key, _ = self.key(data["citizenRef"], retention)
        version, named, salt, commitment, tag, box = (
            sealed[0], sealed[1:17], sealed[17:49], sealed[49:81], sealed[81:97], sealed[97:])
        checks.same((version, named), (1, identity), "the sealed value's head")
        derivation = part(uuid.UUID(line["id"]).bytes) + part(b"sealed")
        derived = HKDF(hashes.SHA256(), 76, salt,
                       b"log-seal/v1" + identity + derivation).derive(key)
        checks.same(derived[44:], commitment, "the commitment")
        where = (part(uuid.UUID(line["id"]).bytes) + part(line["type"].encode())
                 + part(struct.pack(">H", line["schema"])) + part(line["subject"].encode())
                 + part(line["source"].encode()) + part(subject) + part(b"sealed"))
        padded = AESGCM(derived[:32]).decrypt(derived[32:44], box + tag, where)
        salting = HKDF(hashes.SHA256(), 32, None, b"log-seal/v1 salt").derive(key)
        checks.same(hmac.new(salting, derivation + padded, "sha256").digest(), salt, "the salt")
        length = struct.unpack_from(">I", padded)[0]
        checks.that(len(padded) & (len(padded) - 1) == 0 and not any(padded[4 + length:]), "padding")
        return json.loads(padded[4:4 + length])


def files(*folders):
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in names:
                yield os.path.join(path, name)


def search(needles, *folders):
    """Which files hold one of these, as bytes, as hexadecimal digits or compressed with zstd."""
    found = []
    for path in files(*folders):
        content = read(path)
        if path.endswith(".zst"):
            content = subprocess.run(["zstd", "-dc", path], capture_output=True).stdout
        for name, needle in needles.items():
            if needle in content or needle.hex().encode() in content:
                found.append((name, os.path.relpath(path, scratch)))
    return found


def sealed():
    """What comes in is sealed, what was sealed is opened by another program, and no text leaks."""
    subject = create("QGLZFR80A41H501X")
    checks.same(create("QGLZFR80A41H501X"), subject, "the same identifier")
    sent = [call(subject), opinion(subject), call(subject)]
    told = append(*sent)
    checks.same(append(*sent)["already_appended"], 3, "a retry")
    lines = [json.loads(line) for line in done("export").splitlines()[told["first"]:]]
    reader = Reader()
    checks.same(reader.open(lines[0], "contact"), {"callerNumber": NUMBER, "callerName": NAME},
                "opened by another program")
    checks.same(reader.open(lines[1], "opinion"), {"comment": COMMENT}, "an opinion")
    checks.that(lines[0]["data"]["sealed"] != lines[2]["data"]["sealed"], "two events look alike")
    checks.that(f"subject:{subject}" in lines[0]["tags"].split(), "the subject's tag")
    checks.same(lines[0]["data"]["channel"], "phone", "what is not personal stays")
    shown = json.loads(done("subject", "show", subject))
    checks.same([row["data"] for row in shown], [
        {"callerNumber": NUMBER, "callerName": NAME}, {"comment": COMMENT},
        {"callerNumber": NUMBER, "callerName": NAME}], "all that is kept of a person")
    for name, wrong, words in (
            ("nobody", {**call(subject)["data"], "citizenRef": "0" * 32}, "has no subject"),
            ("no reference", {k: v for k, v in call(subject)["data"].items() if k != "citizenRef"},
             "need the reference"),
            ("a name for a reference", {**call(subject)["data"], "citizenRef": NAME}, "32 hex"),
            ("only a name for a reference", {"channel": "phone", "direction": "in",
                                             "citizenRef": NAME}, "32 hex"),
            ("clear text as if it were sealed", {"channel": "phone", "direction": "in",
                                                 "citizenRef": subject, "sealed": NAME},
             "must be a sealed value"),
            ("clear beside sealed", {**call(subject)["data"], "sealed": "01" + "0" * 400},
             "only sealed"),
            ("no text", {**call(subject)["data"], "callerName": 7}, "must be a string")):
        refused = run("append", data=json.dumps({**call(subject), "data": wrong}).encode())
        checks.that(refused.returncode == 3 and words in refused.stderr.decode(),
                    f"{name}: {refused.returncode}, {refused.stderr.decode()}")
        checks.that(NAME not in refused.stderr.decode(), f"{name}: a name in a message")
    named = {"channel": "phone", "direction": "in", "citizenRef": subject}
    told_of = append({**call(subject), "data": named})["first"]
    line = json.loads(done("read", "--from", str(told_of)))
    checks.that(f"subject:{subject}" in line["tags"], "the tag of an event that only names one")
    for kind, data in (("case.opened", {"callerName": NAME}),
                       ("contact.queued", {"queueId": "q", "comment": COMMENT})):
        refused = run("append", data=json.dumps(event(kind=kind, schema=1, data=data)).encode())
        checks.that(refused.returncode == 3 and b"has no place" in refused.stderr,
                    f"a personal member in {kind}: {refused.stderr.decode()}")
    for odd in (b"Nicol\xf2\n", b"\n", b" A\n", b"A\nB\n"):
        checks.same(run("subject", "create", data=odd).returncode, 2, f"the identifier {odd}")
    refused = run("append", data=json.dumps(call(subject)).encode(), log="without")
    checks.that(refused.returncode == 3 and b"enters the log only sealed" in refused.stderr,
                f"without a vault: {refused.stderr.decode()}")
    for schema in (0, 2):
        other = call(subject)
        other["schema"] = schema
        if schema == 0:
            del other["schema"]
        done("append", data=json.dumps(other).encode())
        refused = run("append", data=json.dumps(other).encode(), log="without")
        checks.same(refused.returncode, 3, f"in clear with the schema {schema}")
    # A copy elsewhere has no keys: it keeps what was sealed, and can tell it from what was erased.
    done("import", "ndjson", write_export("copy.ndjson"), log="copy")
    create("other", log="copy")
    rows = json.loads(done("subject", "show", subject, log="copy"))
    checks.same({row["state"] for row in rows}, {"closed"}, "in a copy elsewhere")
    for name, moved in (("in another event", {**call(subject), "data": lines[0]["data"]}),
                        ("of another kind", {**opinion(subject), "data": {
                            **opinion(subject)["data"], "sealed": lines[1]["data"]["sealed"]}})):
        moved["data"].pop("comment", None)
        refused = run("append", data=json.dumps(moved).encode())
        checks.that(refused.returncode == 3 and b"cannot be opened" in refused.stderr,
                    f"a sealed value {name}: {refused.returncode}, {refused.stderr.decode()}")
    checks.same(search({text: text.encode() for text in SECRETS}, place("log")), [],
                "clear text in the log's files")
    return sent


def write_export(name):
    with open(place(name), "wb") as file:
        file.write(done("export"))
    return place(name)


def comments(log):
    rows = json.loads(done("query", "survey-comments", log=log))
    return [(row["state"], row["comment"]) for row in rows]


def erased():
    """All that was given out before stays byte for byte, and what was erased is nowhere."""
    subject = create("QGLZFR80A41H501X", log="e")
    other = create("somebody else", log="e")
    sent = [call(subject), opinion(subject), call(other), opinion(other)]
    append(*sent, log="e")
    note = done("checkpoint", log="e")
    key = json.loads(done("stats", log="e"))["verifier_key"]
    receipts = [done("prove", str(n), log="e") for n in range(5)]
    export = done("export", log="e")
    done("project", log="e")
    digests = {m["name"]: m["digest"] for m in json.loads(done("projections", log="e"))}
    checks.same(comments("e"), [("open", COMMENT), ("open", COMMENT)], "what citizens wrote")
    model = place("e/projections/survey-comments.sqlite")
    checks.same(os.stat(model).st_mode & 0o777, 0o600, "who may read it")
    checks.that(COMMENT.encode() in read(model), "this search finds what was written")
    reader = Reader("e")
    _, secret, wrapped = reader.key(subject, "contact")
    _, kept, _ = reader.key(other, "contact")
    epoch = reader.epochs[1]
    wrapped_epoch = read(place("e/vault/epoch-1.key")).strip()
    status = json.loads(done("subject", "status", subject, log="e"))
    shutil.copytree(place("e/vault"), place("e-before"))
    done("backup", place("e-before.backup"), log="e")
    for arguments, words in ((["--retention", "opinoin"], "no data of the retention class"),
                             (["--basis", "x" * 1025], "1 to 1024 bytes"),
                             (["--basis", ""], "1 to 1024 bytes"),
                             (["--executor", "a\nb"], "control characters")):
        base = [] if "--basis" in arguments else ["--basis", "17"]
        ended = run("subject", "erase", subject, *base, *arguments, log="e")
        checks.that(ended.returncode == 2 and words in ended.stderr.decode(),
                    f"{arguments}: {ended.returncode}, {ended.stderr.decode()}")
    told = json.loads(done("subject", "erase", subject, "--basis", "GDPR 17(1)(b)", "--executor",
                           "dpo", log="e"))
    checks.same([key["state"] for key in told["keys"]], ["erased"] * 2, "the keys")
    checks.same([fact["type"] for fact in told["told"]],
                ["subject.erasure_requested", "subject.erased"], "what the log tells")
    last = json.loads(done("export", log="e").splitlines()[-1])
    checks.same((last["data"]["basis"], last["data"]["executor"], last["data"]["subject"]),
                ("GDPR 17(1)(b)", "dpo", subject), "the event")
    checks.same([(k["class"], k["key"], k["commitment"]) for k in last["data"]["keys"]],
                [(k["class"], k["key"], k["commitment"]) for k in status["keys"]], "its keys")
    # Whoever has a copy of the key shows it by the commitment in the log.
    made = hmac.new(secret, b"key-id" + bytes.fromhex(status["keys"][0]["key"]), "sha256")
    checks.same(made.hexdigest(), last["data"]["keys"][0]["commitment"], "the key's commitment")
    size = last["position"]
    # Read models: what was written is gone with the erasure, and nothing else has changed.
    checks.same(comments("e"), [("erased", None), ("open", COMMENT)], "what is left of comments")
    shutil.copytree(place("e"), place("e-rebuilt"))
    done("project", "--rebuild", log="e-rebuilt")
    done("project", log="e")
    live, rebuilt = ({m["name"]: m["digest"] for m in json.loads(done("projections", log=log))}
                     for log in ("e", "e-rebuilt"))
    checks.same(live, rebuilt, "read models that grew, and rebuilt ones")
    changed = {name for name in digests if live[name] != digests[name]}
    checks.same(changed, {"survey-comments"}, "read models that an erasure changes")
    again = json.loads(done("subject", "erase", subject, "--basis", "once more", log="e"))
    checks.same(again["told"], told["told"], "erased twice")
    checks.same(json.loads(done("export", log="e").splitlines()[-1])["position"], size, "its events")
    # Proofs.
    checks.same(done("export", log="e")[:len(export)], export, "the lines of before")
    for name, content in (("note", note), ("export", export), ("now", done("checkpoint", log="e"))):
        with open(place(name), "wb") as file:
            file.write(content)
    for position, receipt in enumerate(receipts):
        with open(place("receipt"), "wb") as file:
            file.write(receipt)
        with open(place("line"), "wb") as file:
            file.write(export.splitlines()[position] + b"\n")
        checks.same(subprocess.run(
            [options.verifier, "--receipt", place("receipt"), "--event", place("line"), "--key",
             key], capture_output=True).returncode, 0, f"the receipt of {position}")
    checks.same(subprocess.run(
        [options.verifier, "--export", place("export"), "--checkpoint", place("note"), "--key",
         key], capture_output=True).returncode, 0, "the export of before")
    checks.same(run("verify", "--key", key, "--old", place("note"), log="e").returncode, 0,
                "the checkpoint of before")
    # Reading is total: nothing fails, and what is not personal is what it was.
    then = {m["name"]: m["digest"] for m in json.loads(
        done("projections", "--as-of", "4", log="e"))}
    checks.same({name for name in then if then[name] != digests[name]}, {"survey-comments"},
                "read models of before")
    rows = json.loads(done("subject", "show", subject, log="e"))
    checks.same({(row["state"], row["data"]) for row in rows}, {("erased", None)}, "what is shown")
    rows = json.loads(done("subject", "show", other, log="e"))
    checks.same([row["state"] for row in rows], ["open", "open"], "somebody else")
    # Retries, and what comes anew.
    checks.same(append(*sent, log="e")["already_appended"], 4, "a retry of an erased person's")
    refused = run("append", data=json.dumps(call(subject)).encode(), log="e")
    checks.that(refused.returncode == 3 and b"were erased" in refused.stderr, "anew")
    refused = run("append", data=json.dumps(
        {**sent[0], "data": {**sent[0]["data"], "channel": "chat"}}).encode(), log="e")
    checks.same(refused.returncode, 3, "a retry with other content")
    ended = run("subject", "find", data=b"QGLZFR80A41H501X\n", log="e")
    checks.same(ended.returncode, 1, "the way from the identifier")
    # The last copies die with the epoch.
    checks.that(not told["keys"][0]["beyond_recovery"], "recoverable until the epoch ends")
    before = search({"wrapped key": wrapped}, place("e"))
    checks.that(before, "this search finds a wrapped key where there is one")
    done("subject", "rotate-epoch", log="e")
    told = json.loads(done("subject", "status", subject, log="e"))
    checks.that(all(k["beyond_recovery"] for k in told["keys"]), "beyond recovery")
    done("backup", place("e.backup"), log="e")
    with open(place("e.export"), "wb") as file:
        file.write(done("export", log="e"))
    done("compact", log="e")
    os.mkdir(place("given-out"))
    for name in ("e.backup", "e.export"):
        shutil.move(place(name), place("given-out"))
    # The other opinion reads the same, and the search would find it.
    done("subject", "erase", other, "--basis", "17", "--retention", "opinion", log="e")
    done("project", log="e")
    needles = {text: text.encode() for text in SECRETS}
    needles |= {"the key": secret, "the epoch's key": epoch, "the epoch, wrapped": wrapped_epoch}
    checks.same(search(needles, place("e"), place("given-out")), [], "what is left in any file")
    checks.that(read(place("given-out/e.backup")).find(kept) < 0, "a key in a backup")
    reader = Reader("e")
    lines = [json.loads(line) for line in export.splitlines()]
    checks.same(reader.open(lines[3], "contact")["callerName"], NAME, "somebody else, after it")
    # A vault put back from before brings nobody back; a log from before tells it again.
    shutil.move(place("e/vault"), place("newest"))
    shutil.copytree(place("e-before"), place("e/vault"))
    done("append", data=b"", log="e")
    rows = json.loads(done("subject", "show", subject, log="e"))
    checks.same({row["state"] for row in rows}, {"erased"}, "an older vault put back")
    checks.same(comments("e"), [("erased", None)] * 2, "comments, then")
    done("subject", "erase", subject, "--basis", "once more", log="e")
    done("subject", "rotate-epoch", log="e")
    shutil.rmtree(place("e/vault"))
    shutil.move(place("newest"), place("e/vault"))
    shutil.copytree(place("e"), place("e2"))
    done("restore", place("e-before.backup"), "--replace", log="e2")
    again = json.loads(done("subject", "erase", subject, "--basis", "told again", log="e2"))
    checks.same([fact["type"] for fact in again["told"]],
                ["subject.erasure_requested", "subject.erased"], "a log from before")
    # Authorised anew.
    done("subject", "authorise", subject, "--basis", "came back", log="e")
    checks.same(append(*sent, log="e")["already_appended"], 4, "old retries after that")
    append(call(subject), log="e")
    rows = json.loads(done("subject", "show", subject, log="e"))
    checks.same([row["state"] for row in rows], ["erased", "erased", "open"], "what came since")
    for forged in ("subject.erased", "subject.erasure_requested", "subject.authorised",
                   "subject.key_epoch_destroyed"):
        checks.same(run("append", data=json.dumps(event(kind=forged)).encode(), log="e").returncode,
                    3, f"{forged} by a producer")
    done("check", log="e")


def guarded():
    """A root that a command guards."""
    with open(place("guard"), "w") as file:
        # Reverses what it is given: enough to see that it was asked.
        file.write("#!/bin/sh\necho \"$1\" >> \"$0.log\"\nrev\n")
    os.chmod(place("guard"), 0o700)
    guard = {"ASCOLTO_VAULT_ROOT_COMMAND": place("guard")}
    done("init", log="g")
    subject = create("A", log="g", environment=guard)
    done("append", data=json.dumps(call(subject)).encode(), log="g", environment=guard)
    rows = json.loads(done("subject", "show", subject, log="g", environment=guard))
    checks.same(rows[0]["data"]["callerName"], NAME, "opened by a guarded root")
    checks.that(not os.path.exists(place("g/root.key")), "a root key in a file all the same")
    asked = read(place("guard.log")).split()
    checks.that(asked[0] == b"wrap" and b"unwrap" in asked, f"what the guard was asked: {asked}")
    for name, environment in (("another root", {}), (
            "a guard that fails", {"ASCOLTO_VAULT_ROOT_COMMAND": "false"}), (
            "a guard that talks", {"ASCOLTO_VAULT_ROOT_COMMAND": "echo no; true"})):
        ended = run("subject", "show", subject, log="g", environment=environment)
        checks.that(ended.returncode in (1, 4), f"{name}: {ended.returncode} {ended.stderr}")


def retained():
    """What is older than its class allows goes, and nothing else."""
    old, new, mixed = (create(name, log="r") for name in ("old", "new", "mixed"))
    append(call(old, time="2020-01-01T00:00:00Z"), call(mixed, time="2020-01-01T00:00:00Z"),
           call(mixed, time="2026-11-20T00:00:00Z"), opinion(old), log="r")
    keep = ["subject", "retention", "run", "--keep", "contact=365", "opinion=365"]
    expired = json.loads(done(*keep, "--dry-run", log="r"))
    checks.same([(row["subject"], row["class"], row["erased"]) for row in expired],
                [(old, "contact", False)], "what would be erased")
    checks.same(json.loads(done("subject", "status", old, log="r"))["told"], [], "in a dry run")
    done(*keep, log="r")
    states = {key["class"]: key["state"] for key in json.loads(
        done("subject", "status", old, log="r"))["keys"]}
    checks.same(states, {"contact": "erased", "opinion": "active"}, "by class")
    checks.same(json.loads(done("subject", "find", data=b"old\n", log="r"))["subject"], old,
                "who has data left is known")
    checks.same(json.loads(done(*keep, log="r")), [], "run again")
    checks.same([row["state"] for row in json.loads(done("subject", "show", old, log="r"))],
                ["erased", "open"], "what is left")
    for subject in (new, mixed):
        checks.same(json.loads(done("subject", "status", subject, log="r"))["told"], [], "others")
    checks.same(run("subject", "retention", "run", "--keep", "none=1", log="r").returncode, 2,
                "a class that nobody declared")
    # Who came back is not sent away for what is long gone.
    done("subject", "authorise", old, "--basis", "came back", log="r")
    checks.same(json.loads(done(*keep, log="r")), [], "after who came back")
    append(call(old), log="r")


MAPPING = """
namespace: urn:example:calls
source: urn:example:pbx
times: {format: "yyyy-MM-dd HH:mm:ss", zone: Europe/Rome}
key: [call, leg]
stream: "contact/{call}"
values:
  call: {column: call}
  at: {time: at}
  citizen: {column: tax, as: subject}
  name: {column: name}
  number: {column: number}
events:
  - name: received
    type: contact.received
    time: at
    data: {channel: phone, direction: in, citizenRef: "{citizen}", callerName: "{name}",
           callerNumber: "{number}"}
"""
ZEFIRINA, MARIO = ("QGLZFR80A41H501X", NAME, NUMBER), (
    "RSSMRA80A01H501U", "Mario Rossi", "+39 06 555 1")
ROWS = [("1", "1", "2026-11-01 09:00:00", *ZEFIRINA), ("2", "1", "2026-11-01 09:01:00", *MARIO),
        ("3", "1", "2026-11-01 09:02:00", *ZEFIRINA), ("4", "1", "2026-11-01 09:03:00", *ZEFIRINA),
        ("4", "2", "2026-11-01 09:03:00", *MARIO), ("5", "1", "2026-11-01 09:04:00", "", "", "")]


def write(name, text):
    with open(place(name), "w", encoding="utf-8") as file:
        file.write(text)
    return place(name)


def imports(rows, log, *more, mapping=MAPPING):
    table = "".join(",".join(row) + "\n" for row in [("call", "leg", "at", "tax", "name", "number"), *rows])
    return run("import", "csv", "--mapping", write("mapping.yaml", mapping),
               write("rows.csv", table), *more, log=log)


def imported():
    """History with persons in it: sealed as it comes, and imported again it brings nobody back."""
    tried = imports(ROWS, "i", "--dry-run")
    checks.same((tried.returncode, json.loads(tried.stdout)["events"]), (0, 6), "a dry run")
    checks.that(not os.path.exists(place("i")), "a dry run makes something")
    first = json.loads(imports(ROWS, "i").stdout)
    checks.same((first["events"], first["rejected"]), (6, 0), "imported")
    lines = [json.loads(line) for line in done("export", log="i").splitlines()][1:]
    reader = Reader("i")
    checks.same(reader.open(lines[0], "contact"), {"callerNumber": NUMBER, "callerName": NAME},
                "opened by another program")
    subject, other = lines[0]["data"]["citizenRef"], lines[1]["data"]["citizenRef"]
    checks.same([line["data"].get("citizenRef") for line in lines],
                [subject, other, subject, subject, other, None], "whose they are")
    checks.same(json.loads(done("subject", "find", data=b"QGLZFR80A41H501X\n", log="i"))["subject"],
                subject, "found by the identifier")
    checks.same(json.loads(imports(ROWS, "i").stdout)["already_appended"], 6, "imported again")
    checks.same(search({text: text.encode() for text in SECRETS}, place("i")), [], "clear text")
    # An id tells nothing of a person: it is the same for another one.
    luigi = ("VRDLGI80A01H501U", "Luigi Verdi", "+39 06 555 2")
    others = [(*row[:3], *luigi) if row[3] else row for row in ROWS]
    checks.same(json.loads(imports(others, "i-others").stdout)["events"], 6, "others")
    checks.same([json.loads(line)["id"] for line in done("export", log="i-others").splitlines()][1:],
                [line["id"] for line in lines], "ids")
    # Erased, nobody comes back with the file; who calls again is somebody new.
    done("subject", "erase", subject, "--basis", "17", log="i")
    checks.same(json.loads(imports(ROWS, "i").stdout)["already_appended"], 6, "after an erasure")
    checks.same(run("subject", "find", data=b"QGLZFR80A41H501X\n", log="i").returncode, 1,
                "who was erased, in the vault")
    anew = json.loads(imports([*ROWS, ("6", "1", "2026-11-02 09:00:00", *ZEFIRINA)], "i").stdout)
    checks.same((anew["events"], anew["already_appended"], anew["rejected"]), (1, 6, 0), "a new call")
    last = json.loads(done("export", log="i").splitlines()[-1])
    checks.that(last["data"]["citizenRef"] not in (subject, other), "the same person as before")
    checks.same(json.loads(imports(ROWS, "i").stdout)["already_appended"], 6, "and once more")
    # A row that names another person than before is another row: it is told, and filed nowhere.
    taken = imports([("2", "1", "2026-11-01 09:01:00", *luigi)], "i")
    checks.that(taken.returncode == 3 and b"other content" in taken.stderr
                and json.loads(taken.stdout)["events"] == 0, f"another person: {taken}")
    rows = json.loads(done("subject", "show", other, log="i"))
    checks.same({row["data"]["callerName"] for row in rows}, {"Mario Rossi"}, "what is filed")
    done("check", log="i")
    refused_mappings()
    # What cannot be sealed refuses its row, without saying whose it is.
    ended = imports([("7", "1", "2026-11-01 09:00:00", "", NAME, NUMBER),
                     ("8", "1", "2026-11-01 09:00:00", NAME * 40, NAME, NUMBER)], "i")
    checks.that(ended.returncode == 3 and json.loads(ended.stdout)["rejected"] == 2
                and b"need the reference" in ended.stderr and b"1 to 512 bytes" in ended.stderr
                and NAME.encode() not in ended.stderr, f"rows: {ended.stderr.decode()}")
    ended = imports(ROWS, "i", mapping=MAPPING.replace(
        "{column: name}", "{column: name, map: {nobody: nobody}}"))
    checks.that(ended.returncode == 3 and b"is not one of" in ended.stderr
                and NAME.encode() not in ended.stderr, f"a map: {ended.stderr.decode()}")
    # Lines, too.
    subject = create("lines", log="i")
    sent = call(subject)
    bare = {name: value for name, value in sent.items() if name != "id"}
    ended = run("import", "ndjson", write("lines", json.dumps(sent) + "\n" + json.dumps(bare)),
                log="i")
    checks.that(ended.returncode == 3 and json.loads(ended.stdout)["events"] == 1
                and b"an id of its own" in ended.stderr, f"lines: {ended}")
    line = json.loads(done("export", log="i").splitlines()[-1])
    checks.same(Reader("i").open(line, "contact")["callerName"], NAME, "a line, opened")
    checks.that(f"subject:{subject}" in line["tags"], "the tag of a line")
    ended = run("import", "ndjson", place("lines"), log="i")
    checks.same(json.loads(ended.stdout)["already_appended"], 1, "the line again")
    checks.same(search({text: text.encode() for text in SECRETS}, place("i")), [],
                "clear text of lines")


def refused_mappings():
    """What tells of a person may stand nowhere else."""
    for what, old, new in (
            ("in the key", "[call, leg]", "[call, number]"),
            ("without a key", "key: [call, leg]", ""),
            ("in a time", "at: {time: at}", 'at: {time: number}'),
            ("in a condition", "line: {", 'line: {when: {name: [x]}, '),
            ("in a condition of an event", "    time: at", "    time: at\n    when: {number: [x]}"),
            ("by a text that means absent", "line: {", 'line: {when: {present: rare}, '),
            ("by a text that means absent, in another value", "line: {",
             'line: {when: {absent: either}, '),
            ("by an entry that is absent", "line: {", 'line: {when: {present: known}, '),
            ("what leads to one, compared", "line: {", 'line: {when: {citizen: [x]}, '),
            ("what leads to one, by a text that means absent", "line: {",
             'line: {when: {present: rarer}, '),
            ("by a first row", "line: {", 'line: {when: {present: new}, '),
            ("in a rule", "events:", "skip: {odd: {number: [x]}}\nevents:"),
            ("in a reason", "events:",
             'refuse: [{when: {call: [x]}, reason: "not {name}"}]\nevents:'),
            ("in the stream", "contact/{call}", "contact/{number}"),
            ("in a tag", "    time: at", '    time: at\n    tags: ["number:{number}"]'),
            ("in another member", "channel: phone", 'channel: phone, queueId: "{number}"'),
            ("by way of a text", "channel: phone", 'channel: phone, queueId: "{line}"'),
            ("what leads to one", "channel: phone", 'channel: phone, queueId: "{code}"')):
        mapping = MAPPING.replace("events:", '  line: {text: "n {number}"}\n'
                                  "  code: {column: tax}\n"
                                  '  rare: {column: name, absent: ["", Mario Rossi]}\n'
                                  "  either: {first_of: [name, rare]}\n"
                                  "  known: {column: name, map: {Mario: yes}, otherwise: null}\n"
                                  '  rarer: {column: tax, as: subject, absent: ["", RSS]}\n'
                                  "  new: {first: [name]}\nevents:").replace(old, new)
        ended = imports(ROWS, "never", mapping=mapping)
        checks.that(ended.returncode == 2 and (b"tells of a person" in ended.stderr
                                               or b"needs a 'key'" in ended.stderr),
                    f"{what}: {ended.returncode}, {ended.stderr.decode()}")
    checks.that(not os.path.exists(place("never")), "a mapping that is refused leaves a log")
    emptiness = MAPPING.replace("    time: at", "    time: at\n    when: {present: name}")
    checks.same(imports(ROWS, "empty", mapping=emptiness).returncode, 0, "whether one is empty")
    checks.same(done("export", log="empty").count(b"contact.received"), 5, "those with a name")


def together():
    """Many at once: one vault, and no key lost."""
    done("init", log="t")
    done("append", data=json.dumps(event()).encode(), log="t")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: create(f"first {n % 4}", log="t"), range(16)))
        checks.same(len(set(made)), 4, "subjects of those who began together")
        rotating = pool.submit(lambda: [done("subject", "rotate-epoch", log="t")
                                        for _ in range(8)])
        made += list(pool.map(lambda n: create(f"later {n}", log="t"), range(40)))
        rotating.result()
    for subject in made:
        append(call(subject), log="t")
        rows = json.loads(done("subject", "show", subject, log="t"))
        checks.same(rows[-1]["state"], "open", "a subject made beside a rotation")
    checks.same([name for name in os.listdir(place("t/vault")) if name.startswith("epoch-")],
                ["epoch-9.key"], "epochs that are left")


def killed(most):
    """Killed at any system call that writes, an erasure or rotation is whole after the next verb."""
    subject = create("K", log="k")
    append(call(subject), opinion(subject), log="k")
    done("project", log="k")
    shutil.copytree(place("k"), place("k-before"))
    kills = 0
    for verb in (["subject", "erase", subject, "--basis", "17"], ["subject", "rotate-epoch"]):
        for calls in ("pwrite64", "fdatasync,fsync", "rename,unlink,unlinkat", "write,pwritev,msync"):
            for number in range(1, most):
                shutil.rmtree(place("k"))
                shutil.copytree(place("k-before"), place("k"))
                ended = subprocess.run(
                    ["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                     f"inject={calls}:signal=KILL:when={number}", options.ascolto, *verb, "--log",
                     place("k")], capture_output=True)
                if ended.returncode == 0:
                    break
                kills += 1
                judge_killed(subject, verb, f"{verb[1]}, {calls} {number}")
    print(f"{kills} kills of erasures and rotations")
    checks.that(kills > 15, f"only {kills} kills")


def judge_killed(subject, verb, what):
    before = json.loads(done("subject", "status", subject, log="k"))
    done("append", log="k")
    after = json.loads(done("subject", "status", subject, log="k"))
    told = [fact["type"] for fact in after["told"]]
    states = {key["state"] for key in after["keys"]}
    if verb[1] == "erase":
        checks.that((states, told) in (
            ({"active"}, []),
            ({"erased"}, ["subject.erasure_requested", "subject.erased"])),
            f"{what}: {states}, {told}")
        wanted = ("erased", None) if states == {"erased"} else ("open", COMMENT)
        checks.same(comments("k"), [wanted], f"{what}: what is left of comments")
        left = search({"the comment": COMMENT.encode()}, place("k"))
        checks.same(len(left), 0 if states == {"erased"} else 1, f"{what}: files with it")
        # What was done before the kill is not taken back.
        checks.that(not ({key["state"] for key in before["keys"]} == {"erased"}
                         and states != {"erased"}), f"{what}: the keys are back")
        done(*verb, log="k")
        after = json.loads(done("subject", "status", subject, log="k"))
        checks.same([fact["type"] for fact in after["told"]],
                    ["subject.erasure_requested", "subject.erased"], f"{what}: in the end")
    else:
        epochs = [name for name in os.listdir(place("k/vault")) if name.startswith("epoch-")]
        checks.same(len(epochs), 1, f"{what}: epochs")
        rows = json.loads(done("subject", "show", subject, log="k"))
        checks.same([row["state"] for row in rows], ["open", "open"], f"{what}: what was sealed")
        destroyed = [json.loads(line)["data"]["epoch"] for line in done(
            "read", "--type", "subject.key_epoch_destroyed", log="k").splitlines()]
        checks.same(destroyed, list(range(1, int(epochs[0][6:-4]))), f"{what}: epochs told")
    done("check", "--quick", log="k")


try:
    for log in ("log", "e", "k", "r"):
        done("init", log=log)
    sealed()
    erased()
    guarded()
    retained()
    imported()
    together()
    killed(options.kills)
finally:
    shutil.rmtree(scratch)
checks.end()
