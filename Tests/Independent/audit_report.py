#!/usr/bin/env python3
"""A report for the audit: whether its commands do what they say, and its proofs hold by others.

usage: audit_report.py ASCOLTO ASCOLTO_VERIFY DEFINITIONS [--mutations N] [--seed N]

Every command of a report is typed into a shell, and what it prints compared with the report. Its
proofs are verified here by the definitions of RFC 9162 and by PyNaCl.
"""
import argparse
import base64
import datetime
import hashlib
import html.parser
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from authority import STAMPING, Authority, Workshop
from serving import Checks, event

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("verifier")
parser.add_argument("definitions")
parser.add_argument("--mutations", type=int, default=60)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
checks, rng = Checks(), random.Random(options.seed)
scratch = tempfile.mkdtemp(prefix="report-")
workshop = Workshop(scratch)
workshop.certificate("authority", workshop.certificate("root"), purpose=STAMPING)
workshop.certificate("other")
authority = Authority(workshop.stamp)
# The names that the commands use.
os.mkdir(workshop.place("bin"))
os.symlink(os.path.abspath(options.ascolto), workshop.place("bin/ascolto"))
os.symlink(os.path.abspath(options.verifier), workshop.place("bin/ascolto-verify"))
ENVIRONMENT = {**os.environ, "ASCOLTO_LOG": workshop.place("log"),
               "PATH": workshop.place("bin") + ":" + os.environ["PATH"]}


def shell(command, folder=scratch):
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True,
                          env=ENVIRONMENT)


def run(*arguments, data=b""):
    return subprocess.run(["ascolto", *arguments], input=data, capture_output=True,
                          env=ENVIRONMENT, cwd=scratch)


def done(*arguments, data=b""):
    ended = run(*arguments, data=data)
    if ended.returncode:
        raise SystemExit(f"{arguments}: {ended.returncode}: {ended.stderr.decode()}")
    return ended.stdout


def append(*events):
    return json.loads(done("append", data="\n".join(map(json.dumps, events)).encode()))


def stamp():
    done("timestamp", "--timestamp-authority", authority.url, "--timestamp-ca",
         workshop.place("root.pem"))


def of_contact(name, kind, at, **data):
    return event(stream=f"contact/{name}", kind=kind, schema=1, time=f"2026-11-23T{at}Z", data=data)


def digest(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def grows(old_size, old_root, new_size, new_root, proof):
    """RFC 9162, 2.1.4.2."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if not proof or old_size == 0:
        return False
    if old_size & (old_size - 1) == 0:
        proof = [old_root] + proof
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for hash_ in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = digest(b"\1", hash_, fr), digest(b"\1", hash_, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = digest(b"\1", sr, hash_)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


def is_in(leaf, index, size, root, proof):
    """RFC 9162, 2.1.3.2."""
    fn, sn, r = index, size - 1, digest(b"\0", leaf)
    for hash_ in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = digest(b"\1", hash_, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = digest(b"\1", r, hash_)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def judged_by_others(report):
    """The proofs of a report, by nothing of ours."""
    note = report["head"]["checkpoint"]
    text, _, signatures = note.rpartition("\n\n")
    origin, size, root, _ = (text + "\n").split("\n")
    size, root = int(size), base64.b64decode(root)
    name, identity, blob = report["log"]["verifier_key"].split("+", 2)
    signature = base64.b64decode(signatures.split(" ")[2])
    try:
        VerifyKey(base64.b64decode(blob)[1:]).verify((text + "\n").encode(), signature[4:])
        signed = signature[:4].hex() == identity and origin == name
    except CryptoError:
        signed = False
    checks.that(signed, "PyNaCl: the checkpoint's signature")
    checks.same((report["head"]["size"], report["head"]["root"]), (size, root.hex()), "the head")
    checks.same(report["log"]["origin"], origin, "the origin")
    for beginning in [report["as_of"]] + report["timestamps"]:
        checks.that(
            grows(beginning["size"], bytes.fromhex(beginning["root"]), size, root,
                  [base64.b64decode(hash_) for hash_ in beginning["consistency"]]),
            f"what was signed begins with the first {beginning['size']} events")
    for item in report["events"] + report["timestamps"]:
        head, _, below = item["receipt"].partition("\n\n")
        lines = head.split("\n")
        line = item["line"].encode()
        leaf = line[:line.index(b',"datahash":"') + 78] + b"}"
        checks.same(below, note, "the receipt's checkpoint")
        checks.that(
            lines[2] == f"index {item['position']}" and is_in(
                leaf, item["position"], size, root, [base64.b64decode(h) for h in lines[3:]]),
            f"the receipt of {item['position']}")


class Page(html.parser.HTMLParser):
    """What a page shows, what it loads, and whether what was opened is closed again."""
    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.loaded, self.shown, self.script = [], [], "", ""
        self.feed(text)
        checks.same(self.open, [], "elements that are not closed")

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        self.loaded += [value for name, value in attributes if name in ("src", "href", "style")]

    def handle_endtag(self, tag):
        checks.that(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}")
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.script += data
        else:
            self.shown += data


def prepare():
    """A log with a story, an odd one, and anchors on both sides of a moment."""
    done("generate", "--days", "1", "--contacts-per-day", "60", "--seed", "3")
    done("keys", "generate")
    stamp()
    odd = "<script>alert('x')</script>"
    told = append(
        of_contact("told", "contact.received", "09:00:00", channel="phone", direction="in",
                   queueId="tax"),
        of_contact("told", "contact.queued", "09:00:05", queueId="tax", enqueueReason="first"),
        of_contact("told", "routing.failed", "09:02:00", policyId="longest-idle", selected={
            "kind": "operator", "id": "op7"}, reasonText=odd),
        of_contact("told", "contact.left_queue", "09:02:35", queueId="tax", reason="answered"),
        of_contact("told", "contact.connected", "09:02:35", operatorId="op7"),
        of_contact("told", "contact.disconnected", "09:06:35", by="citizen"),
        event(stream=f"contact/{odd}", kind="contact.received", schema=1,
              time="2026-11-23T10:00:00Z", data={"channel": "chat", "direction": "in"}))
    broken = event(stream="contact/told", kind="contact.left_queue", schema=1,
                   time="2026-11-23T09:01:00Z", data={"queueId": "other", "reason": "timeout"})
    # No service could append it, so it comes as history.
    done("import", "ndjson", "-", data=(json.dumps(broken) + "\n").encode())
    late = {"first": told["last"] + 1, "last": told["last"] + 1}
    stamp()
    append(event(), event())
    done("checkpoint")
    return told, late, odd


def stories(told, late, odd):
    """What was so is said; what cannot be so is said beside it."""
    story = json.loads(done("explain", "contact", "told"))
    words = [sentence["text"] for sentence in story["story"]]
    for index, text in enumerate((
            "the citizen reached the centre by phone and asked for the queue tax",
            "began to wait in the queue tax: for the first time",
            "routing.failed, schema 1, which this version only passes on: policyId longest-idle, "
            'selected {"kind": "operator", "id": "op7"}, reasonText ' + odd,
            "left the queue tax after 2 min 30 s: an operator answers",
            "the operator op7 answered", "the conversation ended, by the citizen, after 4 min",
            "left the queue other, of which it is not told that it was entered: it had waited as "
            "long as is allowed")):
        checks.same(words[index], text, f"sentence {index}")
    checks.same([sentence["position"] for sentence in story["story"]],
                list(range(told["first"], told["first"] + 6)) + [late["first"]], "positions")
    remarks = [sentence["remark"] for sentence in story["story"]]
    checks.same(remarks[:6], [None] * 6, "remarks where nothing is odd")
    checks.that("before the event above" in remarks[6] and "nothing_after_end" in remarks[6],
                f"the remark: {remarks[6]}")
    checks.same((story["waited_us"], story["talked_us"]), (150_000_000, 240_000_000), "durations")
    earlier = json.loads(done("explain", "contact", "told", "--as-of", str(told["first"] + 1)))
    checks.same((earlier["events"], earlier["ending"]), (2, "it waits in the queue tax"),
                "as it was known while the citizen waited")
    line = done("explain", "contact", "told", "--format", "table").decode()
    checks.that("! by its clock" in line and "In queues 2 min 30 s, with operators 4 min" in line,
                f"for people: {line}")
    for arguments in (["nobody"], ["told", "--as-of", "3"]):
        ended = run("explain", "contact", *arguments)
        checks.that(ended.returncode == 1 and b"there is no contact" in ended.stderr,
                    f"{arguments}: {ended.stderr.decode()}")


def prefixes(position):
    """--as-of of the verbs that read, by the lines themselves."""
    lines = done("export").splitlines(keepends=True)
    known = lines[:position + 1]
    checks.same(done("export", "--as-of", str(position)), b"".join(known), "export --as-of")
    checks.same(done("read", "--as-of", str(position)), b"".join(known), "read --as-of")
    checks.same(done("export", "--as-of", str(position), "--from", "7", "--to", "9"),
                b"".join(lines[7:10]), "export --as-of --from --to")
    recorded = json.loads(known[-1])["recorded"]
    checks.same(json.loads(done("export", "--as-of", recorded).splitlines()[-1])["recorded"],
                recorded, "export as of a moment")
    checks.same(done("export", "--as-of", "2001-01-01T00:00:00Z"), b"", "export before the log")
    stack = []
    for number, line in enumerate(known, 1):
        hash_ = digest(b"\0", line[:line.index(b',"datahash":"') + 78] + b"}")
        while number % 2 == 0:
            hash_, number = digest(b"\1", stack.pop(), hash_), number // 2
        stack.append(hash_)
    root = stack.pop()
    while stack:
        root = digest(b"\1", stack.pop(), root)
    told = json.loads(done("stats", "--as-of", str(position)))
    checks.same((told["events"], told["root"], told["last_recorded"]),
                (position + 1, root.hex(), recorded), "stats --as-of")
    done("project")
    newest = json.loads(done("projections"))
    again = json.loads(done("projections", "--as-of", str(newest[0]["position"])))
    checks.same([(model["name"], model["digest"]) for model in again],
                [(model["name"], model["digest"]) for model in newest], "projections --as-of")
    for verb in ("export", "stats", "projections", "streams"):
        checks.same(run(verb, "--as-of", "99999999").returncode, 1, f"{verb} beyond the log")


def reported(told, odd):
    """A report as of a moment before the last events, and all of its commands."""
    arguments = ["--as-of", str(told["last"]), "--contact", "told", odd, "--position", "11",
                 "--table", "operator-queues/queues"]
    answer = json.loads(done("audit", "report", *arguments, "--out", "."))
    checks.same((answer["position"], answer["proven_events"]), (told["last"], 9), "the answer")
    report = json.loads(open(workshop.place("report.json")).read())
    printed = json.loads(done("audit", "report", *arguments))
    checks.same(printed, report, "what is printed and what is written")
    judged_by_others(report)
    checks.same([stamp["bound"] for stamp in report["timestamps"]], ["after", "before"],
                "anchors on both sides")
    checks.that(report["timestamps"][0]["position"] < told["first"]
                and report["timestamps"][1]["position"] > told["last"], "which they are")
    shutil.copy(workshop.place("root.pem"), workshop.place("authority.pem"))
    printed = {}
    for command in report["commands"]:
        ended = shell(command["command"])
        checks.same(ended.returncode, 0, f"{command}: {ended.stderr.decode()}")
        printed[command["command"]] = ended.stdout
    checks.same(len(report["commands"]), 11, "commands")

    def of(words):
        return [text for command, text in printed.items() if command.startswith(words)][0]

    stamped = [text.decode() for command, text in printed.items() if "Time stamp" in command]
    checks.same(len(stamped), 2, "commands that show what an authority says")
    for text, stamp in zip(stamped, report["timestamps"]):
        certified = datetime.datetime.strptime(
            text[text.index("Time stamp: ") + 12:].split(".")[0], "%b %d %H:%M:%S")
        checks.that(certified.strftime("%m-%dT%H:%M:%S") in stamp["time"], f"{text}: {stamp['time']}")
    checks.same(json.loads(of("ascolto stats"))["root"], report["as_of"]["root"], "its root")
    found = {model["name"]: model["digest"] for model in json.loads(of("ascolto projections"))}
    # What depends on keys is in no report, which must repeat to the last byte.
    checks.that(found.pop("survey-comments"), "the read model that keys open")
    checks.same(found, {model["name"]: model["digest"] for model in report["read_models"]},
                "its digests")
    checks.same(json.loads(of("ascolto explain"))["story"],
                report["stories"][0]["story"], "its story")
    tables = {f"{model['name']}/{table['name']}": table for model in report["read_models"]
              for table in model["tables"]}
    checks.same(tables["operator-queues/queues"]["values"],
                json.loads(done("query", "operator-queues", "queues", "--as-of",
                                str(told["last"]))), "its rows")
    checks.that(tables["operator-queues/days"]["values"] is None, "rows that nobody asked for")
    checks.that(all(column["meaning"] for table in tables.values() for column in table["columns"]),
                "every column has a definition")
    page = Page(open(workshop.place("report.html")).read())
    checks.same(json.loads(page.script), report, "the report within the page")
    checks.same(page.loaded, [], "what the page loads")
    for words in (odd, report["as_of"]["root"], "began to wait in the queue tax", "cmp report.json",
                  report["read_models"][0]["digest"], report["log"]["verifier_key"]):
        checks.that(words in page.shown, f"the page shows {words}")
    return arguments, report


def mutations(report, count):
    """A change of what is proven is refused."""
    key = report["log"]["verifier_key"]

    def verdict(changed):
        path = workshop.write("changed.json", json.dumps(changed).encode())
        return run("verify", "--report", path, "--key", key).returncode

    checks.same(verdict(report), 0, "the report, unchanged")
    for number in range(count):
        changed = json.loads(json.dumps(report))
        holder, name = [
            (changed["head"], "checkpoint"), (changed["as_of"], "root"),
            (rng.choice(changed["events"]), "line"), (rng.choice(changed["events"]), "receipt"),
            (rng.choice(changed["timestamps"]), "root"),
            (rng.choice(changed["timestamps"]), "line"),
            (rng.choice(changed["timestamps"]), "time"),
            (rng.choice(changed["timestamps"]), "receipt"),
            (changed["as_of"], "last_recorded"), (changed["head"], "root"),
        ][number % 10]
        text = holder[name]
        index = rng.randrange(len(text))
        other = chr(ord(text[index]) ^ 1 << rng.randrange(7))
        holder[name] = text[:index] + other + text[index + 1:]
        # A hexadecimal digit in capitals is the same.
        if name == "root" and holder[name].lower() == text:
            continue
        checks.same(verdict(changed), 1, f"seed {options.seed}: {name}, character {index}")
    def lie(name, change, words=""):
        changed = json.loads(json.dumps(report))
        change(changed)
        path = workshop.write("changed.json", json.dumps(changed).encode())
        ended = run("verify", "--report", path, "--key", key)
        checks.that(ended.returncode == 1 and words in ended.stderr.decode(),
                    f"{name}: {ended.returncode}, {ended.stderr.decode()}")

    def swap(changed):
        first, second = changed["events"][:2]
        first["line"], second["line"] = second["line"], first["line"]

    lie("a proof that lacks a hash", lambda changed: changed["as_of"]["consistency"].pop())
    lie("another size", lambda changed: changed["as_of"].update(size=changed["as_of"]["size"] + 1))
    lie("another position", lambda changed: changed["as_of"].update(position=7), "contradicts")
    lie("another head", lambda changed: changed["head"].update(size=3), "contradicts")
    lie("another origin", lambda changed: changed["log"].update(origin="other"), "contradicts")
    lie("lines in each other's place", swap)
    lie("another position of an event", lambda changed: changed["events"][1].update(position=99))
    lie("no events", lambda changed: changed.update(events=[]), "is missing")
    lie("an event of a story left out", lambda changed: changed["events"].pop(3), "a story tells")
    lie("another authority", lambda changed: changed["timestamps"][0].update(authority="x"))
    lie("after for before", lambda changed: changed["timestamps"][1].update(bound="after"),
        "does not stand before")
    lie("before for after", lambda changed: changed["timestamps"][0].update(bound="before"),
        "does not cover")
    checks.same(run("verify", "--report", workshop.write("same.json", json.dumps(report).encode()),
                    "--key", key, "--timestamp-ca", "authority.pem").returncode, 0, "timestamps")
    ended = run("verify", "--report", "same.json", "--key", key, "--timestamp-ca", "other.pem")
    checks.that(ended.returncode == 1 and b"certificate" in ended.stderr, "an authority not trusted")
    twice = json.dumps(report)[:-1] + ', "events": []}'
    for text in (b"", b"{}", b"[]", b'{"format":"other"}', b'{"format":"ascolto-audit-report/1"}',
                 twice.encode()):
        path = workshop.write("none.json", text)
        ended = run("verify", "--report", path, "--key", key)
        checks.that(ended.returncode == 1 and b"no report" in ended.stderr,
                    f"{text}: {ended.stderr.decode()}")


def refusals(told):
    """What cannot be reported, and why."""
    other = event()
    for arguments, status, words in (
            (["--as-of", "999999"], 1, "does not exist yet"),
            (["--as-of", "2001-01-01T00:00:00Z"], 1, "nothing was recorded by then"),
            (["--as-of", "30", "--contact", "nobody"], 1, "there is no contact nobody"),
            (["--as-of", "30", "--table", "operator-queues/none"], 2, "operator-queues/days"),
            (["--as-of", "30", "--table", "none"], 2, "is invalid for"),
            (["--as-of", "30", "--position", "31"], 1, "31 is not among"),
            (["--as-of", str(told["last"]), "--checkpoint", "early"], 1, "not among"),
            (["--as-of", "5", "--checkpoint", "foreign"], 1, "the checkpoint is of the log"),
            (["--as-of", "5", "--checkpoint", "forged"], 1, "rewritten")):
        ended = run("audit", "report", *arguments)
        checks.that(ended.returncode == status and words in ended.stderr.decode(),
                    f"{arguments}: {ended.returncode}, {ended.stderr.decode()}")
    checks.same(run("append", "--log", "keyless", data=json.dumps(other).encode()).returncode, 0,
                "a log without a key")
    ended = run("audit", "report", "--as-of", "1", "--log", "keyless")
    checks.that(ended.returncode == 1 and b"keys generate" in ended.stderr,
                f"without a key: {ended.stderr.decode()}")


def settings():
    """What a report was made with, it repeats, wherever that was set."""
    own = {**ENVIRONMENT, "ASCOLTO_SERVICE_THRESHOLD": "33"}
    shutil.copy(options.definitions, workshop.place("mine.yaml"))
    odd = event(stream="contact/-x", kind="contact.received", schema=1,
                data={"channel": "chat", "direction": "out", "queueId": "tax"})
    last = append(odd)["last"]
    os.mkdir(workshop.place("sub"))
    ended = subprocess.run(
        ["ascolto", "audit", "report", "--as-of", str(last), "--contact=-x", "--definitions",
         "../mine.yaml", "--out", "."], cwd=workshop.place("sub"), env=own, capture_output=True)
    checks.same(ended.returncode, 0, ended.stderr.decode())
    report = json.loads(open(workshop.place("sub/report.json")).read())
    checks.same(report["definitions"], open(workshop.place("mine.yaml")).read(), "definitions")
    os.remove(workshop.place("mine.yaml"))
    shutil.copy(workshop.place("root.pem"), workshop.place("sub/authority.pem"))
    for command in report["commands"]:
        ended = shell(command["command"], workshop.place("sub"))
        checks.same(ended.returncode, 0, f"{command}: {ended.stderr.decode()}")
    # Who has a backup only has no key, and is told to give it.
    done("backup", "kept.backup")
    shell("ascolto restore kept.backup --log restored")
    again = ("audit", "report", "--log", "restored", "--as-of", "20", "--checkpoint",
             "sub/head.checkpoint")
    ended = run(*again)
    checks.that(ended.returncode == 1 and b"--key" in ended.stderr
                and b"generate" not in ended.stderr, ended.stderr.decode())
    checks.same(run(*again, "--key", report["log"]["verifier_key"]).returncode, 0, "with the key")


def after_rotation(arguments):
    """Under an old checkpoint and its old key, the same bytes."""
    done("keys", "rotate")
    append(event())
    done("audit", "report", *arguments, "--checkpoint", "head.checkpoint", "--out", "rotated")
    checks.same(open(workshop.place("rotated/report.json")).read(),
                open(workshop.place("report.json")).read(), "the report after a rotation")


try:
    told, late, odd = prepare()
    shell("ascolto init --log other && ascolto checkpoint --log other --out foreign")
    stories(told, late, odd)
    prefixes(told["last"])
    arguments, report = reported(told, odd)
    note = json.loads(report["timestamps"][0]["line"])["data"]["checkpoint"]
    workshop.write("early", note.encode())
    size = note.split("\n")[1]
    workshop.write("forged", note.replace(f"\n{size}\n", f"\n{int(size) - 1}\n").encode())
    refusals(told)
    mutations(report, options.mutations)
    settings()
    after_rotation(arguments)
finally:
    authority.end()
    shutil.rmtree(scratch)
checks.end()
