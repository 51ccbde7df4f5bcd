#!/usr/bin/env python3
"""The JSON Schemas of the types against what an import takes and refuses, judged by `jsonschema_rs`.

usage: schemas.py ASCOLTO [--examples N] [--seed N]

Data are made for each type from its schema: good ones, and ones with one thing wrong. What the
schema allows must be taken, what it forbids refused, by the same member.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile
import uuid

import jsonschema_rs

from serving import Checks, event

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("--examples", type=int, default=120)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
checks, rng = Checks(), random.Random(options.seed)
scratch = tempfile.mkdtemp(prefix="schemas-")
LOG = os.path.join(scratch, "log")
NAMES = ["tributi", "Anagrafe è qui", "a|b", "名前", "x" * 200, "\u2028", " space "]
WRONG = [None, True, 1, 7.5, "", "no\u0007", [], {}, "other", "nobody", "2026-13-01T00:00:00Z",
         [1], [{"q": "a"}], "0" * 32]


def run(*arguments, data=None):
    return subprocess.run([options.ascolto, *arguments], input=data, capture_output=True)


def done(*arguments):
    ended = run(*arguments)
    if ended.returncode:
        raise SystemExit(f"{arguments}: {ended.stderr.decode()}")
    return ended.stdout


def good(schema, name):
    """A value that the schema of a member allows."""
    if "enum" in schema:
        return rng.choice([word for word in schema["enum"] if word is not None])
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "integer":
        low, high = schema["minimum"], schema["maximum"]
        return rng.choice([low, high] + [n for n in (0, 1, 5, -3) if low <= n <= high])
    if kind == "object":
        return rng.choice([{}, {"by": "system"}, {"a": {"b": None}}])
    if schema.get("pattern", "").startswith("^[0-9a-fA-F]{8}"):
        return str(uuid.UUID(int=rng.getrandbits(128)))
    if kind == "number":
        return rng.choice([0, 0.8, -3, 1e-9, 12345678.25])
    if kind == "array" and "enum" in schema["items"]:
        words = schema["items"]["enum"]
        return rng.sample(words, rng.randrange(len(words) + 1))
    if kind == "array" and schema["items"]["type"] == "string":
        return rng.sample(NAMES, rng.randrange(4))
    if kind == "array" and name != "answers":
        return [data(schema["items"]) for _ in range(rng.randrange(4))]
    if kind == "array":
        questions = rng.sample(range(100), rng.randrange(4))
        return [{**data(schema["items"]), "q": f"q{number}"} for number in questions]
    if schema.get("format") == "date-time":
        return rng.choice(["2026-12-23T18:00:00+01:00", "2026-01-01T00:00:00Z",
                           "2026-06-30T23:59:59.123456-08:00"])
    if schema.get("format") == "date":
        return f"2{rng.randrange(1000):03}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    if name in ("from", "to") and "pattern" in schema and ":" in schema["pattern"]:
        return f"{rng.randrange(24):02}:{rng.randrange(60):02}"
    if name == "to" and rng.random() < 0.2:
        return "24:00"
    return rng.choice(["Europe/Rome", "America/Sao_Paulo"] if name == "zone" else NAMES)


def data(schema):
    """Data that the schema allows: what is required, some of the rest, what `other` asks for."""
    required = schema.get("required", [])
    made = {name: good(member, name) for name, member in schema.get("properties", {}).items()
            if isinstance(member, dict) and not personal(schema, name)
            and (name in required or rng.random() < 0.5)}
    for condition in schema.get("allOf", []):
        (name, _), = condition["if"]["properties"].items()
        if made.get(name) == "other":
            (text, _), = condition["then"]["properties"].items()
            made[text] = rng.choice(NAMES)
    return made


def personal(schema, name):
    """Whether a member is personal, or the reference of the person."""
    member = schema["properties"][name]
    return "x-retention" in member or "vault" in member.get("description", "")


def spoilt(schema, made):
    """The same with one thing wrong, or right in another way; and which member that is."""
    made = dict(made)
    names = [name for name, member in schema.get("properties", {}).items()
             if not isinstance(member, dict) or not personal(schema, name)]
    for condition in schema.get("allOf", []):
        names += condition["then"]["properties"]
    name = rng.choice(names or ["callerName"])
    if rng.random() < 0.3:
        made.pop(name, None)
    else:
        made[name] = rng.choice(WRONG)
    return made, name


SECTIONS = {
    "service": "services", "skill": "skills", "opening_hours": "calendars", "centre": "centres",
    "node": "centres", "channel": "centres", "queue": "queues", "entry_point": "entry_points",
    "team": "teams", "sla": "slas", "metric_definition": "metric_definitions",
    "monitoring": "monitoring_agreements", "change": "decision"}


def stream_of(kind):
    """What the stream of an event of the type must begin with, if anything."""
    group, name = kind.split(".")
    if group == "staffing":
        return "operator/"
    if group == "routing":
        return "org/routing_policies/" if name.startswith("policy") else "contact/"
    if group != "org":
        return group + "/"
    return f"org/{next(SECTIONS[word] for word in SECTIONS if name.startswith(word))}/"


def judged(kind, version, payloads):
    """Whether an import takes them, and what it says of those that it does not.

    It takes events as they come, where `append` would ask what has happened before them.
    """
    lines = [json.dumps(event(stream=f"{stream_of(kind)}{number}", kind=kind, schema=version,
                              data=payload)) for number, payload in enumerate(payloads)]
    ended = run("import", "ndjson", "-", "--log", LOG, data="\n".join(lines).encode())
    checks.that(ended.returncode in (0, 3), f"{kind}: {ended.returncode} {ended.stderr.decode()}")
    said = {}
    for line in ended.stderr.decode().splitlines():
        head, _, text = line.partition(": ")
        if head.startswith("-:"):
            said[int(head[2:]) - 1] = text
    return [(number not in said, said.get(number, "")) for number in range(len(payloads))]


def listed(value):
    return value if isinstance(value, list) else []


def overlap(payload, exceptions):
    """Whether hours may begin before others have ended; told apart no further."""
    return len(listed(payload.get("weekly"))) > 1 or any(
        len(listed(exception.get("hours"))) > 1 for exception in exceptions)


def beyond(kind, payload):
    """Whether it is wrong or right in what no schema can say."""
    answers = payload.get("answers")
    questions = [answer.get("q") for answer in (answers if isinstance(answers, list) else [])
                 if isinstance(answer, dict)]
    exceptions = [hours for hours in listed(payload.get("exceptions")) if isinstance(hours, dict)]
    hours = listed(payload.get("weekly")) + [
        hours for exception in exceptions for hours in listed(exception.get("hours"))]
    dates = [str(exception.get("date")) for exception in exceptions]
    own = listed(payload.get("ownHolidays"))
    keys = {"roles": "role", "languages": "language", "boosts": "ruleId", "teamCaps": "teamId"}
    named = {name: [str(rule.get(key)) for rule in listed(payload.get(name))
                    if isinstance(rule, dict)] for name, key in keys.items()}
    return (overlap(payload, exceptions)
            or "target" in payload and payload.get("fieldPatch") is None
            and payload.get("time") is None
            or any(isinstance(each, dict) and each.get("from") == each.get("to") for each in hours)
            or len(set(dates)) < len(dates)
            or any(len(set(names)) < len(names) for names in named.values())
            or "random" in listed(payload.get("rank"))[:-1]
            or "windowStart" in payload and "windowEnd" in payload
            or ("holidaysSet" in payload or "holidaysVersion" in payload)
            or any(isinstance(day, dict) and day.get("day", 0) > 28 for day in own)
            or len(set(map(str, questions))) < len(questions)
            or isinstance(payload.get("zone"), str) and "/" not in payload["zone"])


def main():
    done("init", "--log", LOG)
    listed = json.loads(done("schema", "--format", "json"))
    checks.that(len(listed) > 20, f"{len(listed)} types")
    counts = {True: 0, False: 0}
    versions = [(row, version) for row in listed for version in range(1, row["schema"] + 1)]
    checks.that(len(versions) > len(listed), "a type has a version that is no longer written")
    for row, version in versions:
        kind = row["type"]
        schema = json.loads(done("schema", kind, "--version", str(version)))
        checks.same(schema["$id"], f"urn:ascolto:event:{kind}:{version}", "the version")
        if version == row["schema"]:
            checks.same(schema, json.loads(done("schema", kind)), f"{kind}: what is written")
        jsonschema_rs.Draft202012Validator(
            json.loads('{"$ref": "https://json-schema.org/draft/2020-12/schema"}')).validate(schema)
        checks.same((schema["title"], schema["description"]), (kind, row["meaning"]), kind)
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        payloads = [data(schema) for _ in range(options.examples)]
        for payload in payloads:
            checks.that(validator.is_valid(payload), f"{kind}: not good by its schema: {payload}")
        payloads += [spoilt(schema, payload)[0] for payload in payloads]
        for payload, (taken, said) in zip(payloads, judged(kind, version, payloads)):
            if beyond(kind, payload):
                continue
            allowed = validator.is_valid(payload)
            counts[allowed] += 1
            checks.same(taken, allowed, f"seed {options.seed}, {kind} {version} "
                        f"{payload}: {said}, taken")
        wholes = [7, "text", [], [{}], True]
        for whole, (taken, said) in zip(wholes, judged(kind, version, wholes)):
            checks.same((taken, validator.is_valid(whole)), (False, False), f"{kind} {whole}: {said}")
    checks.that(min(counts.values()) > 5 * options.examples, f"allowed and not: {counts}")
    for version in ("0", "3", "65535"):
        ended = run("schema", "routing.decided", "--version", version)
        checks.that(ended.returncode == 1 and b"there are: 1, 2" in ended.stderr, "no version")
    ended = run("schema", "contact.teleported")
    checks.that(ended.returncode == 1 and b"contact.received" in ended.stderr, "an unknown type")
    for machine in ("contact", "queue_visit", "operator"):
        text = done("schema", "--states", machine).decode()
        checks.that(text.startswith("stateDiagram-v2\n"), f"a diagram: {text}")


try:
    main()
finally:
    shutil.rmtree(scratch)
checks.end()
