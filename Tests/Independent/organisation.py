#!/usr/bin/env python3
"""The organisation over random descriptions, held against a model that shares nothing with ours.

usage: organisation.py ASCOLTO [--rounds N] [--seed N]

Descriptions are applied one after the other, each a change of the one before, some from other
moments than now, some wrong. What `org show` prints as of any position and at any moment must be
what the model has; what is wrong must be refused, with its line, and change nothing.
"""
import argparse
import copy
import datetime
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import zoneinfo

import holidays
import yaml

from serving import Checks, Server, event

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("--rounds", type=int, default=60)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
checks, rng = Checks(), random.Random(options.seed)
scratch = tempfile.mkdtemp(prefix="organisation-")
LOG = os.path.join(scratch, "walk")
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)

SECTIONS = ["services", "skills", "calendars", "centres", "queues", "entry_points", "teams",
            "operators", "slas", "metric_definitions", "monitoring_agreements"]
# The parts of things: whether there are several, and the member that may stand alone.
PARTS = {
    "centres": {"typology": (False, "typology"), "nodes": (True, "body"),
                "channels": (True, "services")},
    "operators": {"team": (False, "team_id"), "skills": (True, "level"), "queues": (True, "tier"),
                  "capacity": (True, "max_concurrent"), "shifts": (False, "weekly")},
}
# Members that name things, also within lists.
NAMED = {"calendar_id": "calendars", "centre_id": "centres", "queue_id": "queues",
         "services": "services", "lead": "operators", "team_id": "teams", "centres": "centres"}
NAMED_WITHIN = {"required_skills": ("skill", "skills"), "overflow": ("to", "queues")}
PARTS_NAMED = {("operators", "skills"): "skills", ("operators", "queues"): "queues"}
PUBLISHED = ["calendars", "slas", "metric_definitions"]
NAMES = ["a", "b/c", "à la carte", "100%", "true", "007", "x: y", "#4", "é"]


def moment(seconds):
    return (START + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(*arguments, at=0, data=None):
    return subprocess.run(
        [options.ascolto, *arguments], input=data, capture_output=True,
        env={**os.environ, "ASCOLTO_CLOCK": moment(at), "ASCOLTO_LOG": LOG})


def done(*arguments, at=0, data=None):
    ended = run(*arguments, at=at, data=data)
    if ended.returncode:
        raise SystemExit(f"seed {options.seed}: {arguments}: {ended.stderr.decode()}")
    return ended.stdout.decode()


# --- descriptions ------------------------------------------------------------------------------

def some(section, description, most=2):
    """Names of things of a section."""
    names = list(description.get(section, {}))
    return rng.sample(names, min(len(names), rng.randrange(most + 1)))


def one(section, description):
    names = list(description.get(section, {}))
    return rng.choice(names) if names else None


def hours():
    first = rng.randrange(2, 20)
    return [f"{first:02}:00-{first + 2:02}:30"] + (["23:00-01:00"] if rng.random() < 0.2 else [])


def week():
    return rng.choice([{"mon-fri": hours()}, {"mon-sun": hours(), }, {"sat": hours()},
                       {"mon": hours(), "wed-thu": hours()}])


def optional(**members):
    return {name: value for name, value in members.items()
            if value not in (None, []) and rng.random() < 0.7}


def thing(section, d):
    """A thing that means things of the description, or nothing where what it needs is missing."""
    centre = one("centres", d)
    if section == "services":
        return optional(name="Name: of it", office="a, b", legal_term_days=rng.randrange(100))
    if section == "skills":
        return optional(name="null")
    if section == "calendars":
        return {"version": 1, "weekly": week(),
                **optional(zone=rng.choice(["Europe/Rome", "America/New_York"]),
                           exceptions={f"2026-0{rng.randrange(1, 10)}-1{rng.randrange(10)}":
                                       rng.choice([[], hours()])},
                           own_holidays=[{"name": "ours", "month": rng.randrange(1, 13),
                                          "day": rng.randrange(1, 29)}]),
                **rng.choice([{}, {"holidays_set": "it", "holidays_version": 1}])}
    if section == "centres":
        return {**optional(name="c", zone="Europe/Rome", calendar_id=one("calendars", d)),
                **optional(typology={"typology": "networked", **optional(rationale="why\nnot")},
                           nodes={name: {"body": "B", **optional(services=some("services", d))}
                                  for name in rng.sample(NAMES, 2)},
                           channels={name: optional(services=some("services", d))
                                     for name in rng.sample(["phone", "chat", "email"], 2)})}
    if section == "metric_definitions":
        return {"version": 1, "formula": rng.choice(["a / b", "a\n/ b", "1"])}
    if section == "slas":
        return {"version": 1, "metric_id": "S-1", "target": rng.choice([0.8, 20, 1e-3, -2.5]),
                **optional(threshold_us=rng.randrange(10**9), calendar_id=one("calendars", d))}
    if centre is None:
        return None
    if section == "queues":
        skill = one("skills", d)
        return {"centre_id": centre, **optional(
            name="q", services=some("services", d), capacity=rng.randrange(100),
            required_skills=[{"skill": skill, "min_level": 3}] if skill else [],
            overflow=[{"to": to, **optional(after_us=rng.randrange(10**9), length=3)}
                      for to in some("queues", d)])}
    if section == "entry_points":
        return {"kind": rng.choice(["desk", "url", "free_number"]), "centre_id": centre,
                **optional(address="800", queue_id=one("queues", d), lines=3,
                           accessible_features=["loop", "ramp"])}
    if section == "teams":
        return {"centre_id": centre, **optional(name="t", lead=one("operators", d))}
    if section == "monitoring_agreements":
        return {"body": "P", **optional(centres=some("centres", d), metrics=["S-1"])}
    team = one("teams", d)
    return {"role": rng.choice(["operator_l1", "supervisor"]), "centre_id": centre,
            **optional(fte_milli=500, team={"team_id": team} if team else None,
                       skills={name: {"level": rng.randrange(6)} for name in some("skills", d)},
                       queues={name: optional(tier=rng.randrange(3)) for name in some("queues", d)},
                       capacity={"phone": {"max_concurrent": 1}},
                       shifts={"weekly": week(), **optional(zone="Europe/Rome")})}


def changed(description):
    """Another description, which differs in a few things."""
    made = copy.deepcopy(description)
    for _ in range(rng.randrange(1, 8)):
        section = rng.choice(SECTIONS)
        things = made.setdefault(section, {})
        if things and rng.random() < 0.3:
            del things[rng.choice(list(things))]
        else:
            name = rng.choice(NAMES)
            new = thing(section, made)
            if new is not None:
                things[name] = new
    return made


def flat(description):
    """By section, thing, part and name of the part: its members."""
    settings = {}
    for section, things in description.items():
        for name, members in (things or {}).items():
            members = dict(members or {})
            for part, (several, alone) in PARTS.get(section, {}).items():
                value = members.pop(part, None)
                if value is None:
                    continue
                if not several:
                    settings[section, name, part, ""] = spread(value, alone)
                    continue
                if isinstance(value, list):
                    value = {each: {} for each in value}
                for each, setting in value.items():
                    settings[section, name, part, each] = spread(setting, alone)
            settings[section, name, "", ""] = members
    return settings


def spread(value, alone):
    if value is None:
        return {}
    return value if isinstance(value, dict) else {alone: value}


def same(left, right):
    return json.dumps(canonical(left), sort_keys=True) == json.dumps(canonical(right), sort_keys=True)


def canonical(value):
    """The same for what means the same: hours day by day, numbers as numbers."""
    if isinstance(value, dict):
        if value and all(re.fullmatch(r"[a-z]{3}(-[a-z]{3})?", str(key)) for key in value):
            days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            by_day = {}
            for key, each in value.items():
                first, *last = key.split("-")
                for day in days[days.index(first):days.index(last[0] if last else first) + 1]:
                    by_day[day] = each
            return {day: each for day, each in by_day.items() if each}
        return {str(key): canonical(each) for key, each in value.items() if each not in ([], None)
                or re.match("20", str(key))}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    return float(value) if isinstance(value, (int, float)) else value


def dangling(settings):
    """Names of things that are not there."""
    there = {(section, name) for section, name, part, _ in settings if part == ""}
    found = set()

    def look(key, section, name):
        if (section, name) not in there:
            found.add((key, section, name))
    for key, members in settings.items():
        if (key[0], key[1]) not in there:
            continue
        if (key[0], key[2]) in PARTS_NAMED:
            look(key, PARTS_NAMED[key[0], key[2]], key[3])
        for member, value in members.items():
            if member in NAMED:
                for name in value if isinstance(value, list) else [value]:
                    look(key, NAMED[member], name)
            if member in NAMED_WITHIN:
                inner, section = NAMED_WITHIN[member]
                for each in value:
                    look(key, section, each[inner])
    return found


class Model:
    """Every word on every setting, as (from when, which apply, setting or None)."""

    def __init__(self):
        self.words = {}
        self.versions = {}

    def at(self, seconds, known):
        """What is in force: with a thing, its parts have ended."""
        def in_force(key):
            return [word for word in self.words.get(key, [])
                    if word[0] <= seconds and word[1] <= known]
        settings = {}
        for key in self.words:
            ends = [word[:2] for word in in_force((*key[:2], "", "")) if word[2] is None]
            words = [word for word in in_force(key) if not ends or word[:2] >= max(ends)]
            if words and (setting := max(words, key=lambda word: word[:2])[2]) is not None:
                settings[key] = setting
        return settings

    def published(self, key, setting):
        """A version under which the same was published."""
        for _, _, known in self.words.get(key, []):
            if known and same({**known, "version": 0}, {**setting, "version": 0}):
                return known["version"]
        return None

    def moments(self, start):
        return sorted({word[0] for words in self.words.values() for word in words
                       if word[0] > start})

    def take(self, number, start, before, after, sections):
        steps = 0
        for key in sorted(set(before) | set(after)):
            if key[0] not in sections or same(before.get(key), after.get(key)):
                continue
            whole = (*key[:2], "", "")
            if key not in after and whole not in before and whole not in after:
                continue
            self.words.setdefault(key, []).append((start, number, after.get(key)))
            steps += 1
            if key[0] in PUBLISHED and key in after:
                self.versions[key] = max(self.versions.get(key, 0), after[key]["version"])
        return steps


def later_loose(model, number, start, before, after, sections):
    """Names of things that would not be there when what is planned holds."""
    planned = copy.deepcopy(model)
    planned.take(number, start, before, after, sections)
    for later in model.moments(start):
        loose = dangling(planned.at(later, number)) - dangling(model.at(later, number))
        if loose:
            return loose
    return set()


def shown(text):
    return yaml.load(text, Loader=yaml.BaseLoader) or {}


def as_read(settings):
    """A setting as a loader has it that takes all scalars for texts, numbers as numbers."""
    if isinstance(settings, dict):
        return {str(key): as_read(value) for key, value in settings.items()}
    if isinstance(settings, list):
        return [as_read(value) for value in settings]
    try:
        return float(settings)
    except (TypeError, ValueError):
        return settings


def walk():
    model, ends, description = Model(), [], {}
    now = 0
    for number in range(options.rounds):
        now += rng.randrange(1, 100)
        start = now + rng.choice([0, 0, 0, rng.randrange(1, 400), -rng.randrange(1, now + 1)])
        if rng.random() < 0.3:
            description = unflat(model.at(start, number))
        description = changed(description)
        before = model.at(start, number)
        sections = rng.choice([SECTIONS, rng.sample(SECTIONS, 4)])
        written = {section: description.get(section, {}) for section in sections}
        after_all = flat(written)
        wrong_version = None
        for key, setting in after_all.items():
            if key[0] not in PUBLISHED or key[2]:
                continue
            if same({**setting, "version": 0}, {**before.get(key, {}), "version": 0}):
                setting["version"] = before[key]["version"]
            elif (again := model.published(key, setting)) and rng.random() < 0.5:
                setting["version"] = again
            else:
                setting["version"] = model.versions.get(key, 0) + 1
                if key in model.versions and rng.random() < 0.1:
                    setting["version"] -= 1
                    known = [word[2] for word in model.words[key]
                             if word[2] and word[2]["version"] == setting["version"]]
                    wrong_version = None if known and same(known[-1], setting) else key
            description[key[0]][key[1]]["version"] = setting["version"]
        result = {key: value for key, value in before.items() if key[0] not in sections}
        result.update(after_all)
        loose = {found for found in dangling(result)
                 if found not in dangling(before) or found[0] in after_all}
        if not loose and not wrong_version:
            loose = later_loose(model, number, start, before, after_all, sections)
        text = yaml.dump({section: written[section] for section in sections}, allow_unicode=True,
                         sort_keys=False)
        path = os.path.join(scratch, "described.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        arguments = ["org", "apply", path, "--by", "office"]
        if start != now:
            arguments += ["--from", moment(start)]
        what = f"seed {options.seed}, round {number}"
        size = json.loads(done("stats", at=now))["events"] if number else None
        dry = run(*arguments, "--dry-run", at=now)
        ended = run(*arguments, at=now)
        if wrong_version or loose:
            checks.same(ended.returncode, 2, f"{what}: {loose or wrong_version}: {ended.stdout}")
            said = ended.stderr.decode()
            named = any(f"'{name}'" in said for _, _, name in loose) or (
                "give it the version" in said)
            checks.that(named, f"{what}: {said} does not say {loose or wrong_version}")
            checks.that(not re.search(r"line \d+", said) or path in said, f"{what}: {said}")
            if number:
                checks.same(json.loads(done("stats", at=now))["events"], size, f"{what}: events")
            description = unflat(model.at(now, number))
            ends.append(ends[-1] if ends else 0)
            continue
        checks.same(ended.returncode, 0, f"{what}: {ended.stderr.decode()}\n{text}")
        steps = model.take(number, start, before, after_all, sections)
        answer, foreseen = json.loads(ended.stdout), json.loads(dry.stdout)
        checks.same(answer["appended"], steps, f"{what}: events")
        checks.that(foreseen["events"] == answer["events"] and foreseen["appended"] == 0,
                    f"{what}: the dry run differs")
        ends.append(answer["last"] if steps else ends[-1] if ends else 0)
        again = json.loads(done(*arguments, at=now))
        checks.same(again["events"], [], f"{what}: applied again")
        look(model, ends, what, now)
    text = done("org", "show", at=now)
    again = json.loads(done("org", "apply", "-", "--dry-run", at=now, data=text.encode()))
    checks.same(again["events"], [], "applying what is shown")
    history = json.loads(done("org", "history", "--format", "json", at=now))
    checks.same(len(history), sum(map(len, model.words.values())), "changes of the history")


def unflat(settings):
    description = {}
    for (section, name, part, each), members in settings.items():
        if (section, name, "", "") not in settings:
            continue
        thing = description.setdefault(section, {}).setdefault(name, {})
        if not part:
            thing.update(copy.deepcopy(members))
        elif each:
            thing.setdefault(part, {})[each] = copy.deepcopy(members)
        else:
            thing[part] = copy.deepcopy(members)
    return description


def look(model, ends, what, now):
    """What is printed as of a position and at a moment."""
    known = rng.randrange(len(ends))
    seconds = rng.randrange(-5, now + 500)
    text = done("org", "show", "--as-of", str(ends[known]), "--at", moment(seconds), at=now)
    found = flat(shown(text))
    expected = model.at(seconds, known)
    expected = {key: value for key, value in expected.items() if (*key[:2], "", "") in expected}
    checks.same({key: canonical(as_read(value)) for key, value in found.items()},
                {key: canonical(as_read(value)) for key, value in expected.items()},
                f"{what}: as of {ends[known]} at {seconds}")
    listed = json.loads(done("org", "show", "--as-of", str(ends[known]), "--at", moment(seconds),
                             "--format", "json", at=now))
    checks.same(canonical(as_read(listed)), canonical(as_read(shown(text))), f"{what}: as JSON")


# --- what a description may not say -------------------------------------------------------------

WRONG = [
    ("queues:\n  q: {centre_id: nowhere}\n", 2, "there is no centre 'nowhere'"),
    ("queus: {}\n", 1, "did you mean 'queues'?"),
    ("skills:\n  a: {nam: x}\n", 2, "did you mean 'name'?"),
    ("centres:\n  c:\n    typology: grand\n", 3, "networked"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {mon-fri: [8-20]}\n", 4, "08:00-20:00"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {fri-mon: [08:00-20:00]}\n", 4, "mon-fri"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {mon-fri: [08:00-12:00, 11:00-13:00]}\n", 4,
     "when those before them have ended"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {mon-fri: [08:00-12:00], tue: []}\n", 4, "twice"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {mon,tue: [08:00-12:00]}\n", 4, "[] where it is"),
    ("calendars:\n  k:\n    version: 1\n    weekly:\n      mon: [20:00-06:00]\n      tue: [05:00-12:00]\n",
     5, "also on the next day"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {}\n    holidays_set: it\n", 3,
     "needs the key 'holidays_version'"),
    ("skills: {a: , b: }\ncentres: {c: }\nqueues:\n  q:\n    centre_id: c\n    required_skills:\n"
     "    - {skill: a, min_level: 1}\n    - skill: b\n      min_level: 9\n", 9, "0 to 5"),
    ("skills: {a: }\ncentres: {c: }\nqueues:\n  q:\n    centre_id: c\n    required_skills:\n"
     "    - {skill: a, min_level: 1}\n    - skill: a\n", 8, "needs the key 'min_level'"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {}\n    zone: Europe/Roma\n", 5, "Europe/Roma"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {}\n    exceptions: {2026-02-30: []}\n", 5,
     "2026-12-24"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {}\n    holidays_set: it\n"
     "    holidays_version: 9\n", 6, "it 1"),
    ("calendars:\n  k:\n    version: 1\n    weekly: {}\n    own_holidays:\n"
     "    - {name: x, month: 2, day: 29}\n    - name: y\n      month: 2\n      day: 30\n", 9, "1 to 29"),
    ("calendars:\n  k: {weekly: {}}\n", 2, "needs the key 'version'"),
    ("centres: {c: }\noperators:\n  o:\n    role: chief\n    centre_id: c\n", 4, "supervisor"),
    ("centres: {c: }\noperators:\n  o:\n    role: backoffice\n    centre_id: c\n"
     "    skills: {magic: 3}\n", 6, "there is no skill 'magic'"),
    ("skills: {s: }\ncentres: {c: }\noperators:\n  o:\n    role: backoffice\n    centre_id: c\n"
     "    skills: {s: 6}\n", 7, "0 to 5"),
    ("centres: {c: }\noperators:\n  o:\n    role: backoffice\n    centre_id: c\n"
     "    capacity: {telepathy: 3}\n", 6, "phone"),
    ("slas:\n  s: {version: 1, metric_id: m, target: high}\n", 2, "a number"),
    ("decision: {ref: 1, expected_effects: [{metric_id: m, direction: sideways}]}\n", 1, "up, down"),
    ("decision: {sponsor: me}\n", 1, "needs the key 'ref'"),
    ("services:\n  a: {legal_term_days: ten}\n", 2, "a number"),
    ("services:\n  a: {legal_term_days: 1.5}\n", 2, "a whole number"),
    ("services:\n  a: 3\n", 2, "keys with values"),
    ("services:\n  a: {}\n  a: {}\n", 2, "twice"),
    ("services: [\n", None, "YAML"),
    ("services:\n  \"a\\u0007\": {}\n", 2, "control characters"),
    ("services:\n  " + "n" * 250 + ": {}\n", 2, "stream"),
]


def refusals():
    size = json.loads(done("stats"))["events"]
    for text, line, hint in WRONG:
        for mode in [["--dry-run"], []]:
            ended = run("org", "apply", "-", *mode, at=10**6, data=text.encode())
            said = ended.stderr.decode()
            checks.same(ended.returncode, 2, f"{text!r}: {said} {ended.stdout}")
            checks.that(hint in said, f"{text!r}: {said} does not say {hint}")
            found = re.search(r"line (\d+)", said)
            if line:
                checks.same(int(found[1]) if found else None, line, f"{text!r}: the line in {said}")
    checks.same(json.loads(done("stats"))["events"], size, "events after what was refused")
    for arguments in (["org", "history", "queues.none"], ["org", "hours", "none"],
                      ["explain", "decision", "none"]):
        checks.same(run(*arguments).returncode, 1, f"{arguments}")


# --- decisions, hours and servers ---------------------------------------------------------------

def decisions(at=10**6):
    """Who changed the opening hours, when, on whose decision, expecting what."""
    first = ("decision:\n  ref: act 1/2026\n  sponsor: mayor\n  objectives: [evenings]\n"
             "  expected_effects: [{metric_id: S-4, direction: up, amount: 0.05}]\n"
             "  review_at: 2027-01-31\ncalendars:\n  hall: {version: 1, weekly: {mon-fri: ['08:00-18:00']}}\n")
    done("org", "apply", "-", "--by", "registry", at=at, data=first.encode())
    second = first.replace("act 1", "act 2").replace("version: 1", "version: 2").replace(
        "18:00", "20:00").replace("mayor", "council")
    done("org", "apply", "-", "--by", "desk 4", "--from", moment(at + 10**6), at=at + 5,
         data=second.encode())
    rows = json.loads(done("org", "history", "calendars.hall", "--format", "json", at=at))
    checks.same([(row["by"], row["decision"], row["sponsor"], row["effective"]) for row in rows],
                [("registry", "act 1/2026", "mayor", moment(at)),
                 ("desk 4", "act 2/2026", "council", moment(at + 10**6))], "who and when")
    checks.that("08:00-18:00" in rows[1]["change"] and "08:00-20:00" in rows[1]["change"]
                and "version 1 → 2" in rows[1]["change"], f"what: {rows[1]['change']}")
    told = json.loads(done("explain", "decision", "act 2/2026", "--format", "json", at=at))
    checks.same(told["expected_effects"], [{"metric_id": "S-4", "direction": "up", "amount": 0.05}],
                "expecting what")
    checks.same((told["sponsor"], told["review_at"], [each["position"] for each in told["changes"]],
                 told["by"]), ("council", "2027-01-31", [rows[1]["position"]], "desk 4"), "the decision")
    ended = run("org", "apply", "-", at=at + 9, data=second.replace("mayor", "x").replace(
        "evenings", "mornings").encode())
    checks.that(ended.returncode == 2 and "in other words" in ended.stderr.decode(),
                f"a decision in other words: {ended.stderr.decode()}")
    words = done("explain", "decision", "act 2/2026", "--format", "table", at=at)
    checks.that("S-4 goes up, by 0.05" in words and "council" in words, words)


def opening_hours(at=2 * 10**6):
    """Ten years of hours, over the changes of clocks, against zoneinfo and `holidays`."""
    # The first Sunday of November is kept without a law that closes anything.
    italy = {date for date, name in holidays.country_holidays(
        "IT", years=range(2024, 2036), language="en_US").items() if name != "National Unity Day"}
    text = ("calendars:\n  long:\n    version: 1\n    zone: Europe/Rome\n"
            "    weekly: {mon-sat: ['08:30-12:00', '14:00-18:15'], sun: ['20:00-04:00']}\n"
            "    holidays_set: it\n    holidays_version: 1\n"
            "    exceptions: {2026-03-28: ['22:00-03:30'], 2026-12-24: [], 2026-11-16: "
            "['02:00-24:00']}\n")
    done("org", "apply", "-", "--from", "2024-01-01T00:00:00+01:00", at=at, data=text.encode())
    text = text.replace("version: 1\n    zone", "version: 2\n    zone").replace("14:00", "15:00")
    done("org", "apply", "-", "--from", "2027-06-01T00:00:00+02:00", at=at + 1, data=text.encode())
    done("org", "hours", "long", "--since", "9999-12-25", at=at)
    rows = json.loads(done("org", "hours", "long", "--since", "2023-12-30", "--until", "2034-12-31",
                           "--format", "json", at=at))
    rome, open_days, until = zoneinfo.ZoneInfo("Europe/Rome"), 0, 0
    for row in rows:
        day = datetime.date.fromisoformat(row["date"])
        # That of November begins while Sunday's hours have not ended.
        exceptions = {"2026-03-28": ["22:00-03:30"], "2026-12-24": [],
                      "2026-11-16": ["02:00-24:00"]}
        afternoon = "15:00" if day >= datetime.date(2027, 6, 1) else "14:00"
        if day.year < 2024:
            expected = []
        elif row["date"] in exceptions:
            expected = exceptions[row["date"]]
        elif day in italy:
            expected = []
        else:
            expected = (["20:00-04:00"] if day.weekday() == 6
                        else ["08:30-12:00", f"{afternoon}-18:15"])
        checks.same(row["hours"], expected, f"hours of {day}")
        length = 0
        for each in expected:
            opens, closes = (datetime.time.fromisoformat(end.replace("24:00", "00:00"))
                             for end in each.split("-"))
            later = day + datetime.timedelta(days=closes <= opens)
            ends = [datetime.datetime.combine(date, time, rome).timestamp()
                    for date, time in ((day, opens), (later, closes))]
            length += max(0, round((ends[1] - max(ends[0], until)) * 1e6))
            until = max(until, ends[1])
        checks.same(row["open_us"], length, f"open time of {day}")
        open_days += length > 0
    checks.that(open_days > 3_000, f"{open_days} open days")


def told(kind, stream, data, **more):
    return json.dumps(event(stream=stream, kind=kind, **{
        "schema": 1, "time": moment(10), **more}, data=data)).encode()


def events_of_others():
    """What other tools append: refused, passed over aloud, or shown so that apply takes it."""
    for kind, stream, data, hint in [
            ("org.queue_created", "queue/q", {"centreId": "c"}, "org/queues/"),
            ("org.queue_created", "org/queues/", {"centreId": "c"}, "org/queues/"),
            ("org.change_decided", "org/A2", {}, "org/decision/"),
            ("operator.skill_granted", "op/1", {"skill": "s", "level": 1}, "operator/"),
            ("org.opening_hours_published", "org/calendars/k", {"version": 1, "weekly": [
                {"weekday": "monday", "from": "14:00", "to": "18:00"},
                {"weekday": "monday", "from": "09:00", "to": "13:00"}]}, "have ended")]:
        ended = run("append", data=told(kind, stream, data), at=10)
        checks.that(ended.returncode == 3 and hint in ended.stderr.decode(),
                    f"{kind} of {stream}: {ended.returncode} {ended.stderr.decode()}")
    for kind, data in [("operator.skill_granted", {"skill": "s", "level": 3}),
                       ("operator.hired", {"role": "backoffice", "centreId": "c"}),
                       ("operator.left", {}), ("operator.hired", {"role": "quality", "centreId": "c"})]:
        done("append", data=told(kind, "operator/a", data), at=10)
    done("append", data=told("operator.skill_granted", "operator/stray", {"skill": "s", "level": 1}),
         at=10)
    text = done("org", "show", at=20)
    checks.same(shown(text), {"operators": {"a": {"role": "quality", "centre_id": "c"}}},
                "who came again has nothing left over")
    again = json.loads(done("org", "apply", "-", "--dry-run", at=20, data=(
        "centres: {c: }\n" + text).encode()))
    checks.same([each["type"] for each in again["events"]], ["org.centre_opened"], "what is shown")
    for number, sponsor in enumerate(("x", "y")):
        done("append", data=told("org.change_decided", "org/decision/A1", {"sponsor": sponsor}), at=20)
        done("org", "apply", "-", at=20 + number, data=(
            f"decision: {{ref: A1, sponsor: {sponsor}}}\nservices: {{s{number}: }}\n").encode())
    rows = json.loads(done("org", "history", "--format", "json", at=30))
    checks.same([row["sponsor"] for row in rows if "services.s" in row["change"]],
                ["x", "y", "y"], "whose decision it was then")
    words = done("explain", "decision", "A1", "--format", "table", at=30)
    checks.that("decided by x" in words and "decided by y" in words, words)
    done("append", data=told("org.queue_created", "org/queues/later", {}, schema=2), at=30)
    ended = run("org", "show", at=30)
    checks.that(ended.returncode == 0 and b"1 event of the organisation not understood" in ended.stderr,
                f"a later version: {ended.stderr.decode()}")
    ended = run("org", "apply", "-", at=30, data=b"services: {}\n")
    checks.that(ended.returncode == 1 and b"nothing is applied" in ended.stderr, f"{ended.stderr}")
    size = json.loads(done("stats"))["events"]
    done("void", str(size - 1), "--reason", "too new", "--authority", "office", at=31)
    done("org", "apply", "-", at=32, data=b"services: {}\n")
    checks.that("services" not in shown(done("org", "show", at=33)), "after what was voided")


def plans():
    """What is planned for later, and what is said of it."""
    def apply(text, *more, at):
        return run("org", "apply", "-", "--format", "table", *more, at=at, data=text.encode())
    apply("centres: {x: {name: A}, y: }\nqueues: {q: {centre_id: x}}\n", at=10)
    apply("queues: {q: {centre_id: x}, q2: {centre_id: y}}\n", "--from", moment(1000), at=20)
    ended = apply("centres: {x: {name: A}}\n", at=30)
    said = ended.stderr.decode()
    checks.that(ended.returncode == 2 and moment(1000) in said and "'y'" in said, f"a plan: {said}")
    ended = apply("centres: {x: {name: B}, y: }\n", "--from", moment(5), at=40)
    words = ended.stdout.decode()
    checks.that(f"until {moment(10)} only" in words, f"a change of before: {words}")
    checks.that("by nobody that is named" in words and "on no decision" in words, words)
    ended = apply("decision: {ref: D}\ncentres: {x: {name: C}, y: }\n", "--by", "desk", at=50)
    words = ended.stdout.decode()
    checks.that("by desk, on the decision D" in words and "left: 1" in words, words)
    rows = shown(done("org", "show", at=60))
    checks.same(rows["centres"]["x"], {"name": "C"}, "what holds")


def beside_a_server():
    """Through the server that writes the log; and two who change it at once."""
    key = json.loads(done("tokens", "create", "--name", "desk", "--role", "appender"))["token"]
    server = Server(options.ascolto, LOG)
    try:
        url = f"http://127.0.0.1:{server.port}"
        env = {**os.environ, "ASCOLTO_LOG": LOG, "ASCOLTO_TOKEN": key}

        def apply(text, token=key, *arguments):
            return subprocess.run(
                [options.ascolto, "org", "apply", "-", "--server", url, *arguments],
                input=text.encode(), capture_output=True, env={**env, "ASCOLTO_TOKEN": token})
        size = json.loads(done("stats"))["events"]
        ended = apply("skills: {sent: , 'à %/': }\n")
        checks.same(ended.returncode, 0, f"sent: {ended.stderr.decode()}")
        answer = json.loads(ended.stdout)
        checks.that(answer["first"] >= size and answer["appended"] >= 2, f"{answer}")
        shown_now = shown(done_now("org", "show"))
        checks.same(sorted(shown_now["skills"]), sorted(["sent", "à %/"]), "what is shown of it")
        checks.same(json.loads(apply("skills: {sent: , 'à %/': }\n").stdout)["appended"], 0, "again")
        other = os.path.join(scratch, "other")
        for here, code, hint in [(other, 1, "there is no log"), (other, 1, "another log")]:
            ended = subprocess.run(
                [options.ascolto, "org", "apply", "-", "--server", url], input=b"skills: {x: }\n",
                capture_output=True, env={**env, "ASCOLTO_LOG": here})
            checks.that(ended.returncode == code and hint in ended.stderr.decode(),
                        f"another log: {ended.returncode} {ended.stderr.decode()}")
            subprocess.run([options.ascolto, "init"], env={**env, "ASCOLTO_LOG": other},
                           capture_output=True)
        for wrong in ("127.0.0.1:80", "ftp://a", "http://a?b=c"):
            ended = subprocess.run(
                [options.ascolto, "org", "apply", "-", "--server", wrong], input=b"skills: {}\n",
                capture_output=True, env=env)
            checks.same(ended.returncode, 2, f"--server {wrong}: {ended.stderr.decode()}")
        ended = apply("skills: {}\n", "wrong")
        checks.same(ended.returncode, 1, f"a wrong token: {ended.stderr.decode()}")
        locked = subprocess.run([options.ascolto, "org", "apply", "-"], input=b"skills: {x: }\n",
                                capture_output=True, env=env)
        checks.same(locked.returncode, 4, f"without --server: {locked.stderr.decode()}")
        started = [subprocess.Popen(
            [options.ascolto, "org", "apply", "-", "--server", url], env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(6)]
        for number, process in enumerate(started):
            process.stdin.write(f"skills: {{only-{number}: }}\n".encode())
            process.stdin.close()
        ends = [(process.wait(60), process.stderr.read().decode(), process.stdout.read())
                for process in started]
        for code, said, _ in ends:
            checks.that(code == 0 or code == 1 and "changed meanwhile" in said, f"{code}: {said}")
        left = list(shown(done_now("org", "show"))["skills"])
        checks.same(len(left), 1, f"after six who were each to leave one: {left}")
        winners = [number for number, (code, _, _) in enumerate(ends) if code == 0]
        checks.that(int(left[0].split("-")[1]) in winners, f"{left} of {winners}")
    finally:
        server.stop()


def done_now(*arguments):
    ended = subprocess.run([options.ascolto, *arguments], capture_output=True,
                           env={**os.environ, "ASCOLTO_LOG": LOG})
    if ended.returncode:
        raise SystemExit(f"{arguments}: {ended.stderr.decode()}")
    return ended.stdout.decode()


try:
    walk()
    for part in (refusals, decisions, opening_hours, events_of_others, plans, beside_a_server):
        LOG = os.path.join(scratch, part.__name__)
        done("init")
        part()
finally:
    shutil.rmtree(scratch)
checks.end()
