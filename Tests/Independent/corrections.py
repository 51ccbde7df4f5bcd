#!/usr/bin/env python3
"""Corrections, held against a log in which everything was right from the start.

usage: corrections.py ASCOLTO [--rounds N] [--seed N]

Events of a synthetic town are corrected, voided and set right again in random order, some over a
server. After each round the events as they should have been, made by a merge of RFC 7396 that
shares nothing with ours, go into a log of their own: every read model of both must have the same
rows. Read models as of before must be what they were, and with hindsight what that log's are.
"""
import argparse
import copy
import json
import os
import random
import shutil
import subprocess
import tempfile
import uuid

import yaml
from serving import Checks, Server, merged

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("--rounds", type=int, default=6)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
checks, rng = Checks(), random.Random(options.seed)
scratch = tempfile.mkdtemp(prefix="corrections-")
LOG = os.path.join(scratch, "log")
TABLES = [
    ("operator-queues", "totals"), ("operator-queues", "queues"), ("operator-queues", "operators"),
    ("case-flow", "cases"), ("case-flow", "days"), ("case-flow", "waits"),
    ("citizen-satisfaction", "scores"), ("citizen-satisfaction", "responses"),
    ("equity-and-access", "attributes"), ("equity-and-access", "coverage")]


def run(*arguments, log=None, data=None):
    return subprocess.run([options.ascolto, *arguments], input=data, capture_output=True,
                          env={**os.environ, "ASCOLTO_LOG": log or LOG})


def done(*arguments, log=None, data=None):
    ended = run(*arguments, log=log, data=data)
    if ended.returncode:
        raise SystemExit(f"seed {options.seed}: {arguments}: {ended.stderr.decode()}")
    return ended.stdout.decode()


def events():
    return [json.loads(line) for line in done("export").splitlines()]


def position(event):
    return int(event["position"])


def ideal(history, known):
    """The events as they should have been, by the corrections at positions below `known`."""
    by_id = {event["id"]: event for event in history}
    said = [event for event in history if event["type"].startswith("meta.event_")
            and position(event) < known and "target" in (event.get("data") or {})]
    said = [event for event in said if event["data"]["target"] in by_id
            and by_id[event["data"]["target"]]["subject"] == event["subject"]
            and position(by_id[event["data"]["target"]]) < position(event)]
    void = set()
    for event in reversed(said):
        if event["id"] not in void and event["type"] == "meta.event_voided":
            void.add(event["data"]["target"])
    result = []
    for event in history:
        if event["id"] in void or event["type"].startswith("meta."):
            continue
        event = copy.deepcopy(event)
        for word in said:
            if word["data"]["target"] != event["id"] or word["id"] in void:
                continue
            if word["type"] == "meta.event_corrected":
                if "fieldPatch" in word["data"]:
                    event["data"] = merged(event.get("data"), word["data"]["fieldPatch"])
                event["time"] = word["data"].get("time", event.get("time"))
        result.append(event)
    return result


def rows_of(log, *more):
    found = {}
    for name, table in TABLES:
        ended = run("query", name, table, "--format", "json", *more, log=log)
        if ended.returncode:
            raise SystemExit(f"{name} {table}: {ended.stderr.decode()}")
        rows = json.loads(ended.stdout)
        for row in rows:
            for column in [column for column in row if "position" in column]:
                del row[column]
        found[name, table] = sorted(map(json.dumps, rows))
    return found


def right_log(number, made):
    """A log of the events that should have been."""
    log = os.path.join(scratch, f"right-{number}")
    done("init", log=log)
    lines = []
    for event in made:
        for member in ("position", "revision", "recorded", "datahash", "root"):
            event.pop(member, None)
        lines.append(json.dumps(event))
    ended = run("import", "ndjson", "-", log=log, data="\n".join(lines).encode())
    if ended.returncode:
        raise SystemExit(ended.stderr.decode())
    done("project", log=log)
    return log


def later(time, seconds):
    moment, _, _ = time.rstrip("Z").partition(".")
    hour, minute, second = map(int, moment[11:].split(":"))
    total = (hour * 3600 + minute * 60 + second + seconds) % 86_400
    return f"{moment[:11]}{total // 3600:02}:{total // 60 % 60:02}:{total % 60:02}Z"


PATCHES = {
    "contact.received": [{"channel": "chat"}, {"queueId": None}, {"direction": "out"}],
    "contact.queued": [{"queueId": "other"}, {"enqueueReason": "transfer"}],
    "contact.left_queue": [{"reason": "abandoned"}, {"reason": "other", "otherText": "storm"}],
    "contact.connected": [{"operatorId": "operator-x"}, {"operatorId": None}],
    "contact.disconnected": [{"by": "system"}, {"by": None}],
    "case.opened": [{"serviceCode": "other"}, {"areaCode": "north"}],
    "case.resolved": [{"resolution": "denied"}],
    "survey.answered": [{"answers": [{"q": "courtesy", "value": 1}]}],
}
WORDS = ["--reason", "a clock of the desk", "--authority", "office 4", "--by", "desk"]


def change(history, *server, chance=0.2):
    """One correction, by some chance of another one; whether something was appended."""
    if rng.random() < chance:
        said = [event for event in history if event["type"].startswith("meta.event_")]
        if said:
            answer = json.loads(done("void", str(position(rng.choice(said))), *WORDS, *server))
            return answer["appended"]
    own = [event for event in history if not event["type"].startswith(("meta.", "subject."))]
    event = rng.choice(own)
    which = rng.choice([str(position(event)), event["id"]])
    kind = rng.random()
    if kind < 0.3:
        answer = json.loads(done("void", which, *WORDS, *server))
    else:
        arguments = []
        if event["type"] in PATCHES and kind < 0.8:
            arguments += ["--patch", json.dumps(rng.choice(PATCHES[event["type"]]))]
        if not arguments or rng.random() < 0.3:
            arguments += ["--time", later(event["time"], rng.randrange(1, 4_000))]
        ended = run("correct", which, *arguments, *WORDS, *server)
        if ended.returncode == 2 and b"is void" in ended.stderr:
            return 0
        if ended.returncode:
            raise SystemExit(f"{event}: {arguments}: {ended.stderr.decode()}")
        answer = json.loads(ended.stdout)
    return answer["appended"]


def walk():
    done("generate", "--days", "2", "--contacts-per-day", "70", "--seed", str(options.seed))
    done("project")
    seen = {}
    for number in range(options.rounds):
        size = len(events())
        seen[size] = rows_of(LOG)
        # One alone, often of a correction, and many at once.
        many = rng.choice([1, 1, rng.randrange(2, 12)])
        for _ in range(many):
            change(events(), chance=0.7 if many == 1 else 0.2)
        history = events()
        what = f"seed {options.seed}, round {number}"
        told = json.loads(done("project", "--format", "json"))
        if len(history) > size:
            checks.that(all(row["rebuilt"] for row in told), f"{what}: {told}")
        now = rows_of(LOG)
        log = right_log(number, ideal(history, len(history)))
        for key, rows in rows_of(log).items():
            checks.same(now[key], rows, f"{what}: {key}")
        checks.that(now["operator-queues", "queues"], f"{what}: no rows")
        digests = {row["name"]: row["digest"] for row in json.loads(done("projections", "--format", "json"))}
        done("project", "--rebuild")
        again = {row["name"]: row["digest"] for row in json.loads(done("projections", "--format", "json"))}
        checks.same(again, digests, f"{what}: rebuilt")
        checks.same(done("check", "--format", "json") != "", True, f"{what}: check")
        for earlier in rng.sample(list(seen), 1):
            then = rows_of(LOG, "--as-of", str(earlier - 1))
            checks.same(then, seen[earlier], f"{what}: as of {earlier - 1}")
            hindsight = rows_of(LOG, "--as-of", str(earlier - 1), "--corrected")
            log = right_log(f"{number}-{earlier}", [
                event for event in ideal(history, len(history)) if position(event) < earlier])
            checks.same(hindsight, rows_of(log), f"{what}: as of {earlier - 1}, corrected")


def copies():
    """An export of corrections, imported, is the same history."""
    log = os.path.join(scratch, "copy")
    done("init", log=log)
    ended = run("import", "ndjson", "-", log=log, data=done("export").encode())
    checks.same(ended.returncode, 0, f"a copy: {ended.stderr.decode()}")
    done("project", log=log)
    checks.same(rows_of(log), rows_of(LOG), "rows of a copy")


def numbers():
    """A patch keeps its bytes: no number becomes another, or nothing."""
    line = {"specversion": "1.0", "source": "urn:test", "type": "x.fact", "subject": "x/1",
            "data": {"n": 1, "keep": 2, "text": "Citta\u0300"}}
    first = json.loads(done("append", data=json.dumps(line).encode()))["first"]
    for patch in ('{"n":123456789012345678901234567890}', '{"keep":1e400}', '{"text":"Citt\u00e0"}',
                  '{"n":123456789012345678901234567891}', '{"n":0.1000000000000000000001}'):
        answer = json.loads(done("correct", str(first), "--patch", patch, *WORDS))
        checks.same(answer["appended"], 1, f"{patch} is a change")
        told = done("read", "--from", str(answer["position"]))
        checks.that(f'"fieldPatch":{patch}' in told, f"{patch} is kept: {told}")
        checks.same(json.loads(done("correct", str(first), "--patch", patch, *WORDS))["appended"], 0,
                    f"{patch} again")


def organisation():
    """Who changed what stays true when it is corrected, and what never happened is still told."""
    described = yaml.safe_load(done("org", "show", "--format", "table"))
    described["decision"] = {"ref": "D 1", "sponsor": "S"}
    described["centres"]["c"] = {}
    described["queues"]["q"] = {"centre_id": "c", "capacity": 2}
    described["metric_definitions"] = {"m": {"version": 1, "formula": "a"}}
    text = yaml.safe_dump(described)
    first = json.loads(done("org", "apply", "-", "--by", "clerk", data=text.encode()))["first"]
    told = {json.loads(line)["type"]: json.loads(line)["position"]
            for line in done("read", "--from", str(first)).splitlines()}
    queue, metric = str(told["org.queue_created"]), str(told["org.metric_definition_published"])
    done("correct", queue, "--patch", '{"capacity":20}', "--reason", "a slip", "--authority", "Director")
    row, = json.loads(done("org", "history", "queues.q", "--format", "json"))
    checks.that("capacity: 20" in row["change"] and "a slip, by Director" in row["change"]
                and row["by"] == "clerk", f"corrected: {row}")
    ended = run("correct", metric, "--patch", '{"formula":"b"}', *WORDS)
    checks.that(ended.returncode == 2 and b"publish another" in ended.stderr, f"{ended.stderr}")
    done("void", queue, "--reason", "never", "--authority", "Director")
    row, = json.loads(done("org", "history", "queues.q", "--format", "json"))
    checks.that("void: + queues.q: " in row["change"]
                and "never, by Director" in row["change"], f"voided: {row}")
    told = json.loads(done("explain", "decision", "D 1", "--format", "json"))
    checks.same(len(told["changes"]), 2, f"changes of the decision: {told}")


def refusals():
    history = events()
    one = next(event for event in history if event["type"] == "contact.left_queue")
    size = len(history)
    for verb, hint, code in [
        (["correct", "0", "--time", "2026-01-01T00:00:00Z"], "the log's own", 2),
        (["correct", "999999", "--time", "2026-01-01T00:00:00Z"], "no event", 1),
        (["correct", "here", "--time", "2026-01-01T00:00:00Z"], "a position or an id", 2),
        (["correct", one["id"], "--patch", "[]"], "JSON object", 2),
        (["correct", one["id"], "--patch", "{"], "--patch", 2),
        (["correct", one["id"], "--patch", '{"queueId":null}'], "queueId", 2),
        (["correct", one["id"], "--patch", '{"reason":"mood"}'], "abandoned", 2),
        (["correct", one["id"], "--patch", '{"citizenRef":"' + "0" * 32 + '"}'], "personal", 2),
        (["correct", one["id"], "--patch", '{"sealed":null}'], "personal", 2),
        (["correct", one["id"]], "--patch", 2),
        (["void", one["id"], "--reason", ""], "say something", 2),
        (["void", one["id"], "--authority", " "], "say something", 2),
        (["void", one["id"], "--authority", "a\tb"], "control characters", 2),
        (["void", "0"], "the log's own", 2),
    ]:
        ended = run(*verb[:2], *WORDS, *verb[2:])
        said = ended.stderr.decode()
        checks.that(ended.returncode in (code, 64 if code == 2 else code) and hint in said,
                    f"{verb}: {ended.returncode} {said}")
    answer = json.loads(done("correct", one["id"], "--patch", json.dumps(one["data"]), *WORDS))
    checks.same(answer, {"position": None, "appended": 0}, "a correction that changes nothing")
    checks.same(len(events()), size, "events after what was refused")
    for data, hint in [({"target": one["id"], "reason": "x", "authority": "y"}, "fieldPatch"),
                       ({"target": "7", "fieldPatch": {}, "reason": "x", "authority": "y"}, "UUID"),
                       ({"target": one["id"], "fieldPatch": {"callerName": "Mario"}, "reason": "x",
                         "authority": "y"}, "personal")]:
        line = json.dumps({"specversion": "1.0", "source": "urn:test", "schema": 1,
                           "type": "meta.event_corrected", "subject": one["subject"], "data": data})
        ended = run("append", data=line.encode())
        checks.that(ended.returncode == 3 and hint in ended.stderr.decode(),
                    f"{data}: {ended.stderr.decode()}")
    # What stands in another stream corrects nothing.
    before = rows_of(LOG)
    line = json.dumps({"specversion": "1.0", "source": "urn:test", "schema": 1,
                       "type": "meta.event_voided", "subject": "contact/elsewhere",
                       "data": {"target": one["id"], "reason": "x", "authority": "y"}})
    done("append", data=line.encode())
    done("project")
    checks.same(rows_of(LOG), before, "voided from another stream")


def stories():
    """What was known, what is known, and that the machine lets a stream go on that was corrected."""
    lines = []
    for number, (kind, data) in enumerate([
            ("received", {"channel": "phone", "direction": "in"}), ("queued", {"queueId": "q"}),
            ("left_queue", {"queueId": "q", "reason": "answered"}), ("connected", {}),
            ("disconnected", {"by": "citizen"})]):
        lines.append(json.dumps({
            "specversion": "1.0", "source": "urn:test", "type": f"contact.{kind}", "schema": 1,
            "subject": "contact/told", "time": f"2026-05-04T10:0{number}:00Z", "data": data}))
    first = json.loads(done("append", data="\n".join(lines).encode()))["first"]
    more = json.dumps({"specversion": "1.0", "source": "urn:test", "type": "contact.transferred",
                       "schema": 1, "subject": "contact/told", "time": "2026-05-04T10:06:00Z",
                       "data": {}}).encode()
    checks.same(run("append", data=more).returncode, 3, "transferred behind the end")
    end = json.loads(done("void", str(first + 4), "--reason", "the line was kept", "--authority",
                          "office 4"))["position"]
    done("correct", str(first + 2), "--time", "2026-05-04T10:05:00Z", "--reason", "clock",
         "--authority", "office 4")
    story = json.loads(done("explain", "contact", "told", "--format", "json"))
    remarks = {row["position"]: row["remark"] for row in story["story"]}
    checks.that("never happened" in (remarks[first + 4] or "") and "the line was kept" in
                remarks[first + 4], f"{remarks}")
    checks.that("clock, by office 4" in (remarks[first + 2] or ""), f"{remarks}")
    checks.same(story["waited_us"], 240_000_000, "the wait by the corrected time")
    checks.same(story["ending"], "the citizen speaks with an operator", "the ending")
    texts = {row["position"]: row["text"] for row in story["story"]}
    checks.that(f"position {first + 4} says never happened" in texts[end], f"{texts}")
    # One that is voided, one of itself, and one of what comes later.
    line = lambda target: json.dumps({
        "specversion": "1.0", "source": "urn:test", "type": "meta.event_voided", "schema": 1,
        "subject": "contact/told", "id": ids[1], "time": "2026-05-04T10:09:00Z",
        "data": {"target": target, "reason": "self", "authority": "a"}}).encode()
    ids = [str(uuid.uuid4()) for _ in range(2)]
    own = json.loads(done("append", data=line(ids[1])))["first"]
    gone = json.loads(done("void", str(first), "--reason", "slip", "--authority", "office 4"))["position"]
    back = json.loads(done("void", str(gone), "--reason", "no slip", "--authority", "office 4"))["position"]
    story = json.loads(done("explain", "contact", "told", "--format", "json"))
    remarks = {row["position"]: row["remark"] for row in story["story"]}
    checks.that("changes nothing" in (remarks[own] or ""), f"of itself: {remarks}")
    checks.that(f"holds no more, as position {back}" in (remarks[gone] or ""), f"voided: {remarks}")
    checks.same(remarks[first], None, "what was voided and is back")
    then = json.loads(done("explain", "contact", "told", "--as-of", str(first + 4), "--format", "json"))
    checks.same((then["waited_us"], then["ending"]), (60_000_000, "the conversation is over"), "then")
    checks.same(run("append", data=more).returncode, 0, "transferred, since the end is void")


def beside_a_server():
    key = json.loads(done("tokens", "create", "--name", "desk", "--role", "appender"))["token"]
    other = os.path.join(scratch, "other")
    done("init", log=other)
    server = Server(options.ascolto, LOG)
    try:
        os.environ["ASCOLTO_TOKEN"] = key
        url = ["--server", f"http://127.0.0.1:{server.port}"]
        count = len(events())
        appended = sum(change(events(), *url) for _ in range(6))
        checks.same(len(events()) - appended >= count, True, "corrections through a server")
        done("append", log=other, data=json.dumps({
            "specversion": "1.0", "source": "urn:test", "type": "a.b", "subject": "s"}).encode())
        ended = run("void", "1", *WORDS, *url, log=other)
        checks.that(ended.returncode == 1 and b"another log" in ended.stderr,
                    f"another log: {ended.returncode} {ended.stderr.decode()}")
    finally:
        os.environ.pop("ASCOLTO_TOKEN", None)
        server.stop()
    done("project")
    history = events()
    log = right_log("served", ideal(history, len(history)))
    now = rows_of(LOG)
    for table, rows in rows_of(log).items():
        checks.same(now[table], rows, f"behind a server: {table}")


try:
    walk()
    copies()
    organisation()
    refusals()
    stories()
    beside_a_server()
    # Python would make other numbers of them.
    LOG = os.path.join(scratch, "numbers")
    done("init")
    numbers()
finally:
    shutil.rmtree(scratch)
checks.end()
