#!/usr/bin/env python3
"""Who answered beside whom the policies would choose, held against an implementation of the
section "Beside what happened" of Routing.md that shares nothing with ours.

usage: assignments.py ASCOLTO [--seed N] [--rounds N]

The bank's calls of January ($ASCOLTO_SHARED/data, else ../shared/data beside the package) are
imported, its own routing is described as far as the calls show it, and all that `redecide
--assignments` tells for three cuts is computed again from the export. How far the described policy
is from the bank's own routing is printed; where the calls are absent, that they are. Then random
small logs with what imports tell and what they leave out, each held in several ranges and cuts.
"""
import argparse
import bisect
import collections
import contextlib
import datetime
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import uuid

from serving import Checks

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--rounds", type=int, default=30)
options = parser.parse_args()
checks, rng = Checks(), random.Random(options.seed)
counts = collections.Counter()
scratch = tempfile.mkdtemp(prefix="assignments-")
PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SHARED = os.environ.get("ASCOLTO_SHARED") or os.path.join(PACKAGE, "..", "shared")
CALLS = os.path.join(SHARED, "data", "technion_bank_calls_1999-01.tsv.gz")
SECOND = 10**6
MINUTE = 60 * SECOND
POINT_US, ASK_AGAIN_US = 30 * 86_400 * SECOND, 30 * SECOND
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def micros(text):
    passed = datetime.datetime.fromisoformat(text) - EPOCH
    return (passed.days * 86_400 + passed.seconds) * SECOND + passed.microseconds


def moment(us):
    whole = (EPOCH + datetime.timedelta(seconds=us // SECOND)).strftime("%Y-%m-%dT%H:%M:%S")
    return whole + (f".{us % SECOND:06}".rstrip("0") if us % SECOND else "") + "Z"


def done(log, *arguments, data=None):
    ended = subprocess.run(
        [options.ascolto, *arguments], input=data, capture_output=True, timeout=120,
        env={**os.environ, "ASCOLTO_LOG": log})
    if ended.returncode:
        raise SystemExit(f"seed {options.seed}: {arguments}: {ended.stderr.decode()}"
                         f"{ended.stdout.decode()[:2000]}")
    return ended.stdout.decode()


AT_WORK = ("operator.logged_in", "operator.logged_out", "operator.status_changed")


def exported(log):
    """The events of a log, each with the moment `at` which it counts.

    A clock that ran backward within a stream stood still; what was said of the organisation, also
    in the stream of an operator, is no part of what happened, and has a time of its own.
    """
    events = [json.loads(line) for line in done(log, "export").splitlines()]
    clocks = {}
    for position, event in enumerate(events):
        assert int(event["position"]) == position
        event["at"] = micros(event.get("time") or event["recorded"])
        event["kind"], _, event["name"] = event["subject"].partition("/")
        event.setdefault("data", {})
        if event["kind"] == "contact" or event["type"] in AT_WORK:
            event["at"] = max(event["at"], clocks.get(event["subject"], event["at"]))
            clocks[event["subject"]] = event["at"]
    return events


# --- the organisation --------------------------------------------------------------------------

WORDS = {  # type: (section, part, the member that names the part, whether it is there from then)
    "routing.policy_published": ("routing_policies", "", None, True),
    "routing.policy_withdrawn": ("routing_policies", "", None, False),
    "org.queue_created": ("queues", "", None, True),
    "org.queue_changed": ("queues", "", None, True),
    "org.queue_retired": ("queues", "", None, False),
    "operator.hired": ("operators", "", None, True),
    "operator.role_changed": ("operators", "", None, True),
    "operator.left": ("operators", "", None, False),
    "operator.skill_granted": ("operators", "skills", "skill", True),
    "operator.skill_revised": ("operators", "skills", "skill", True),
    "operator.skill_revoked": ("operators", "skills", "skill", False),
    "operator.queue_joined": ("operators", "queues", "queueId", True),
    "operator.queue_left": ("operators", "queues", "queueId", False),
    "operator.capacity_changed": ("operators", "capacity", "channel", True),
    "operator.capacity_withdrawn": ("operators", "capacity", "channel", False),
}


class Organisation:
    """What events before the end of a range told of it, by the moments from which it holds."""

    def __init__(self, events):
        words = []
        for position, event in enumerate(events):
            if event["type"] in WORDS:
                section, part, member, there = WORDS[event["type"]]
                name = urllib.parse.unquote(event["name"].split("/")[-1])
                from_then = event["data"].get("effectiveFrom")
                words.append((
                    micros(from_then) if from_then else event["at"], position,
                    (section, name, part, event["data"][member] if member else ""),
                    event["data"] if there else None))
        self.words = sorted(words, key=lambda word: word[:2])
        self.moments = [word[0] for word in self.words]
        self.cached = {}

    def at(self, now):
        """Policies, queues, operators, and by queue the names of its members."""
        number = bisect.bisect_right(self.moments, now)
        if number not in self.cached:
            found = {"routing_policies": {}, "queues": {}, "operators": {}}
            for _, _, (section, name, part, which), data in self.words[:number]:
                things = found[section]
                if not part and data is None:
                    things.pop(name, None)
                elif data is None:
                    things.get(name, {}).pop((part, which), None)
                else:
                    things.setdefault(name, {})[part, which] = data
            members = collections.defaultdict(list)
            for name, parts in found["operators"].items():
                for part, which in parts:
                    if part == "queues":
                        members[which].append(name)
            self.cached[number] = found, members
        return self.cached[number]


# --- contacts and operators --------------------------------------------------------------------

class Contact:
    def __init__(self):
        self.phase, self.channel, self.waiting, self.hand = "absent", None, False, None
        self.queue, self.queued, self.entered, self.began = None, 0, 0, 0
        self.priority, self.needs, self.visited = 0, [], set()
        self.rejected, self.decided, self.speaker = {}, False, None


class Operator:
    def __init__(self):
        self.at_work, self.status, self.connected = False, "available", 0
        self.hand, self.free = {}, (-1, 0)


class Floor:
    """Who waits, who is at work, and what is at hand; `where` is a place in the order and a time.
    """

    def __init__(self):
        self.contacts, self.waiting = collections.defaultdict(Contact), {}
        self.operators = collections.defaultdict(Operator)

    def drop(self, stream, where):
        contact = self.contacts[stream]
        if contact.hand is not None:
            operator = self.operators[contact.hand]
            operator.hand.pop(stream, None)
            contact.hand = None
            if not operator.hand:
                operator.free = where

    @contextlib.contextmanager
    def as_if_not_offered(self, stream):
        """A contact that waits, in nobody's hand."""
        contact = self.contacts[stream]
        name, phase = contact.hand, contact.phase
        if not contact.waiting or name is None:
            yield
            return
        held = self.operators[name].hand.pop(stream)
        contact.hand, contact.phase = None, "waiting"
        yield
        contact.hand, contact.phase = name, phase
        self.operators[name].hand[stream] = held

    def take(self, stream, name, where):
        if self.contacts[stream].hand != name:
            self.drop(stream, where)
        self.contacts[stream].hand = name
        self.operators[name].hand[stream] = self.contacts[stream].phase

    def let_go(self, operator, where, phases):
        for stream, phase in list(operator.hand.items()):
            if phase in phases and not self.contacts[stream].waiting:
                self.contacts[stream].phase = "over"
                self.drop(stream, where)

    def log_in(self, name, where):
        operator = self.operators[name]
        self.let_go(operator, where, ("offered", "accepted", "connected", "disconnected"))
        operator.at_work, operator.status, operator.connected = True, "available", 0
        operator.free = where

    def log_out(self, name, where):
        self.operators[name].at_work = False
        self.let_go(self.operators[name], where, ("offered", "accepted", "disconnected"))

    def turn(self, name, status, where):
        operator = self.operators[name]
        was_available = operator.at_work and operator.status == "available"
        operator.at_work, operator.status = True, status
        if status == "available":
            self.let_go(operator, where, ("disconnected",))
            if not was_available and not operator.hand:
                operator.free = where

    def apply(self, event, where):
        what, data, stream = event["type"], event["data"], event["subject"]
        if event["kind"] == "operator":
            name = urllib.parse.unquote(event["name"])
            if what == "operator.logged_in":
                self.log_in(name, where)
            elif what == "operator.logged_out":
                self.log_out(name, where)
            elif what == "operator.status_changed":
                self.turn(name, data["to"], where)
        elif what == "routing.decided":
            self.contacts[stream].decided = True
        elif event["kind"] == "contact" and what.startswith("contact."):
            contact = self.contacts[stream]
            getattr(self, what.replace("contact.", "on_"), lambda *_: None)(
                stream, contact, data, where)

    def on_received(self, stream, contact, data, where):
        contact.phase, contact.channel = "received", data["channel"]

    def on_queued(self, stream, contact, data, where):
        keeps = data.get("enqueueReason") in ("overflow", "requeue") and contact.visited
        self.drop(stream, where)
        if not keeps:
            contact.began, contact.visited = where[1], set()
        contact.visited = contact.visited | {data["queueId"]}
        contact.queue, contact.queued, contact.entered = data["queueId"], where[0], where[1]
        contact.priority = data.get("priority") or 0
        contact.needs = data.get("requiredSkills") or []
        contact.phase, contact.waiting, contact.rejected = "waiting", True, {}
        contact.decided = False
        self.waiting[stream] = contact

    def on_left_queue(self, stream, contact, data, where):
        contact.waiting, contact.phase = False, data["reason"]
        self.waiting.pop(stream, None)
        if data["reason"] != "answered":
            self.drop(stream, where)

    def on_offer_made(self, stream, contact, data, where):
        contact.phase = "offered"
        self.take(stream, data["operatorId"], where)

    def on_offer_accepted(self, stream, contact, data, where):
        contact.phase = "accepted"
        self.take(stream, data["operatorId"], where)

    def on_offer_missed(self, stream, contact, data, where):
        contact.rejected[data["operatorId"]] = where[1]
        self.on_offer_rescinded(stream, contact, data, where)

    on_offer_declined = on_offer_missed

    def on_offer_rescinded(self, stream, contact, data, where):
        contact.phase = "waiting"
        self.drop(stream, where)

    def on_connected(self, stream, contact, data, where):
        contact.phase, contact.speaker = "connected", data.get("operatorId")
        name = data.get("operatorId") or contact.hand
        if name is not None:
            self.take(stream, name, where)
            self.operators[name].connected += 1

    def on_transferred(self, stream, contact, data, where):
        contact.phase = "transferred"
        self.drop(stream, where)

    def on_disconnected(self, stream, contact, data, where):
        contact.phase = "over" if contact.hand is None else "disconnected"
        if contact.hand is not None:
            self.take(stream, contact.hand, where)

    def on_after_work_ended(self, stream, contact, data, where):
        named = data.get("operatorId")
        if named is not None and contact.speaker not in (None, named):
            return  # whoever handed it on
        if contact.phase == "disconnected":
            contact.phase = "over"
            self.drop(stream, where)

    def on_abandoned(self, stream, contact, data, where):
        if contact.phase != "connected":
            self.drop(stream, where)
        contact.phase = "abandoned"


# --- decisions ---------------------------------------------------------------------------------

def level_of(parts, skill, now):
    held = parts.get(("skills", skill))
    if held is None or held.get("expiresAt") and micros(held["expiresAt"]) <= now:
        return None
    return held["level"]


class Decider:
    """Decides at one moment of a floor."""

    def __init__(self, floor, organisation, now):
        self.floor, self.now = floor, now
        self.things, self.members = organisation.at(now)

    def policy_of(self, contact):
        queue = self.things["queues"].get(contact.queue, {}).get(("", ""))
        name = (queue or {}).get("policyId")
        return queue, name and self.things["routing_policies"].get(name, {}).get(("", ""))

    def urgency(self, contact, policy):
        """The lower, the sooner."""
        point = policy.get("ageEveryUs") or POINT_US
        return contact.began - contact.priority * point, contact.queued

    def needed(self, contact, queue, policy):
        here = self.now - contact.entered
        for need in (queue.get("requiredSkills") or []) + contact.needs:
            lower = max([step["lowerBy"] for step in policy.get("relaxation") or []
                         if step["afterUs"] <= here
                         and step.get("skill") in (None, need["skill"])], default=0)
            yield need["skill"], need["minLevel"] - lower

    def reasons(self, name, contact, queue, policy):
        """Why an operator cannot take a contact, by names; none where they can."""
        if name not in self.members[contact.queue]:
            return {"not_a_member"}
        parts, operator = self.things["operators"][name], self.floor.operators[name]
        result = set()

        def room(channel):
            return (parts.get(("capacity", channel)) or {}).get("maxConcurrent", 1)

        channels = [self.floor.contacts[stream].channel for stream in operator.hand]
        if not operator.at_work:
            result.add("not_logged_in")
        elif operator.status not in ("available", "on_contact", "ringing"):
            result.add("paused")
        elif channels and any(room(each) == 1 for each in channels + [contact.channel]) \
                or not channels and operator.status != "available":
            result.add("on_contact")
        elif channels.count(contact.channel) >= room(contact.channel):
            result.add("capacity_full")
        for skill, level in self.needed(contact, queue, policy):
            have = level_of(parts, skill, self.now)
            if level >= 0 and (have is None or have < level):
                result.add("missing_skill")
        waits = [rule.get("afterUs") or 0 for rule in policy.get("roles") or []
                 if rule["role"] == parts["", ""]["role"]]
        if policy.get("roles") and (
                not waits or self.now - contact.entered < min(waits)):
            result.add("role")
        again = policy.get("askAgainUs")
        asked = contact.rejected.get(name)
        if asked is not None and self.now - asked < (ASK_AGAIN_US if again is None else again):
            result.add("agent_rejected_recently")
        return result

    def key(self, criterion, name, contact, needs):
        """The lower, the sooner."""
        parts, operator = self.things["operators"][name], self.floor.operators[name]
        if criterion == "tier":
            return parts["queues", contact.queue].get("tier") or 0
        if criterion in ("skill", "least_skilled"):
            levels = [level_of(parts, skill, self.now) for skill, _ in needs]
            total = sum(-1 if level is None else level for level in levels)
            return -total if criterion == "skill" else total
        if criterion == "longest_idle":
            return operator.free[1]
        return {"fewest_contacts": operator.connected, "least_busy": len(operator.hand)}[criterion]

    def decide(self, stream):
        """What is chosen, and who could take it; nothing where nothing is to be decided."""
        contact = self.floor.contacts[stream]
        queue, policy = self.policy_of(contact)
        if contact.phase != "waiting" or not policy:
            return None
        able = [name for name in self.members[contact.queue]
                if not self.reasons(name, contact, queue, policy)]
        if able:
            needs = list(self.needed(contact, queue, policy))
            chosen = min(able, key=lambda name: (
                [self.key(each, name, contact, needs) for each in policy.get("rank") or []],
                self.floor.operators[name].free[0]))
            return ("operator", chosen), able
        own = self.urgency(contact, policy)
        ahead = sum(self.urgency(other, policy) < own for other in self.floor.waiting.values()
                    if other.queue == contact.queue)
        for rule in queue.get("overflow") or []:
            late = rule.get("afterUs") is not None and self.now - contact.entered >= rule["afterUs"]
            long = rule.get("length") is not None and not contact.decided \
                and ahead >= rule["length"]
            if (late or long) and rule["to"] not in contact.visited:
                return ("overflow", rule["to"]), able
        return ("nobody", None), able

    def is_out_of_turn(self, stream, name):
        contact = self.floor.contacts[stream]
        own = self.policy_of(contact)[1]
        if not contact.waiting or not own:
            return False
        own = self.urgency(contact, own)
        for other in self.floor.waiting.values():
            if other is not contact and other.phase == "waiting":
                queue, policy = self.policy_of(other)
                if policy and self.urgency(other, policy) < own \
                        and not self.reasons(name, other, queue, policy):
                    return True
        return False


# --- beside what happened ----------------------------------------------------------------------

ENDS = ("contact.disconnected", "contact.after_work_ended", "contact.transferred")


def conversations(events):
    """Who answered what left its queue at a position, and all conversations by operators.

    What is next for a contact is next in its stream.
    """
    answers, talks, decided, left, talking = {}, collections.defaultdict(list), {}, {}, {}
    for position, event in enumerate(events):
        what, stream, data = event["type"], event["subject"], event["data"]
        if event["kind"] != "contact":
            continue
        if what == "contact.queued":
            decided.pop(stream, None)
            left.pop(stream, None)
            talking.pop(stream, None)
        elif what == "routing.decided":
            decided[stream] = data["selected"] == "operator" and data["selectedId"]
        elif what == "contact.left_queue":
            left.pop(stream, None)
            if data["reason"] == "answered":
                left[stream] = position
        elif what == "contact.connected":
            talking.pop(stream, None)
            at, name = left.pop(stream, None), data.get("operatorId")
            if name is None:
                continue
            if at is not None and decided.get(stream) != name:
                answers[at] = name
            begin = position if at is None else at
            talk = {"stream": stream, "operator": name, "from": begin, "begin": events[begin]["at"],
                    "to": begin, "end": events[begin]["at"], "disconnected": None, "after": False}
            talking[stream] = talk
            talks[name].append(talk)
        elif what in ENDS and stream in talking:
            talk = talking[stream]
            named = what == "contact.after_work_ended" and event["data"].get("operatorId")
            if named and named != talk["operator"]:
                continue  # whoever handed it on
            talk["to"], talk["end"] = position, event["at"]
            if what == "contact.disconnected":
                talk["disconnected"], talk["after"] = position, False
            talk["after"] |= what == "contact.after_work_ended"
    return answers, talks


def spells(talks, cut):
    """When one operator is at work: from talk to talk, but for gaps that are longer than the cut.
    """
    result = []
    for talk in sorted(talks, key=lambda talk: (talk["begin"], talk["from"])):
        if result and talk["begin"] - result[-1]["end"] <= cut:
            if talk["end"] >= result[-1]["end"]:
                result[-1]["end"], result[-1]["to"] = talk["end"], talk["to"]
        else:
            result.append(dict(talk))
    return result


def figures(events, first, end, cut):
    """What `redecide --assignments` is to tell of a range."""
    events = events[:end]
    answers, talks = conversations(events)
    told = {urllib.parse.unquote(event["name"]) for event in events
            if event["kind"] == "operator" and event["type"] in AT_WORK}
    inferred = [name for name in talks if name not in told]
    # Those at work are so from the begin of the moment, and until its end.
    order = [(event["at"], 1, position, 0, event) for position, event in enumerate(events)
             if event["kind"] in ("contact", "operator")]
    for name in inferred:
        for spell in spells(talks[name], cut):
            order.append((spell["begin"], 0, spell["from"], 0, ("log_in", name)))
            order.append((spell["end"], 2, spell["to"], 0, ("log_out", name)))
        for talk in talks[name]:
            if talk["disconnected"] is not None and not talk["after"]:
                position = talk["disconnected"]
                order.append((events[position]["at"], 1, position, 1, {
                    "kind": "contact", "type": "contact.after_work_ended",
                    "subject": talk["stream"], "data": {}}))
    order.sort(key=lambda each: each[:4])
    floor, organisation = Floor(), Organisation(events)
    result = collections.Counter()
    hindrances, differences, by_lot = collections.Counter(), [], 0
    for number, (now, _, position, extra, event) in enumerate(order):
        where = number, now
        if isinstance(event, tuple):
            getattr(floor, event[0])(event[1], where)
            continue
        if position in answers and not extra and position >= first:
            name, stream = answers[position], event["subject"]
            decider = Decider(floor, organisation, now)
            with floor.as_if_not_offered(stream):
                decision = decider.decide(stream)
                verdict, chosen = "unrouted", None
                if decision:
                    (verdict, chosen), able = decision
                    if verdict == "operator":
                        verdict = "same" if chosen == name else "other"
                    contact = floor.contacts[stream]
                    reasons = decider.reasons(name, contact, *decider.policy_of(contact))
                    hindrances.update(reasons)
                    if len(able) > 1:
                        result["choices"] += 1
                        result["same_of_choices"] += verdict == "same"
                        by_lot += (name in able) / len(able)
                result["out_of_turn"] += decider.is_out_of_turn(stream, name)
            result["assignments"] += 1
            result[verdict] += 1
            if verdict != "same" and len(differences) < 100:
                differences.append({
                    "position": position, "time": moment(now), "contact": stream,
                    "operator": name, "verdict": verdict, "chosen": chosen})
        floor.apply(event, where)
    return {**{name: result[name] for name in (
                "assignments", "same", "other", "nobody", "overflow", "unrouted", "choices",
                "same_of_choices")},
            "by_lot": by_lot, "out_of_turn": result["out_of_turn"],
            "hindrances": dict(hindrances), "inferred_operators": len(inferred),
            "idle_cut_us": cut, "differences": differences}


def compare(log, events, what, first=None, last=None, cut=None):
    """The answer for a range and a cut must be what comes out here, member by member."""
    words = [] if first is None else ["--from", str(first)]
    words += [] if last is None else ["--to", str(last)]
    words += [] if cut is None else ["--idle-cut", f"{cut // SECOND}s"]
    found = json.loads(done(log, "redecide", "--assignments", "--format", "json", *words))
    wanted = figures(events, first or 0, len(events) if last is None else last + 1,
                     15 * MINUTE if cut is None else cut)
    what = f"{what} {' '.join(words)}"
    told = [(each["reason"], each["assignments"]) for each in found["hindrances"]]
    checks.same(told, sorted(wanted["hindrances"].items(), key=lambda each: (-each[1], each[0])),
                f"{what}: hindrances")
    checks.that(abs(found["by_lot"] - wanted["by_lot"]) <= 0.000501,
                f"{what}: by lot {found['by_lot']}, not {wanted['by_lot']}")
    for name in wanted.keys() - {"hindrances", "by_lot", "differences"}:
        checks.same(found[name], wanted[name], f"{what}: {name}")
    checks.same(sorted(found), sorted(wanted), f"{what}: members")
    if found["differences"] != wanted["differences"]:
        others = [each for each in zip(found["differences"] + [None] * 100,
                                       wanted["differences"] + [None] * 100) if each[0] != each[1]]
        checks.that(False, f"{what}: of differences {len(others)}, first {others[0]}")
    else:
        checks.that(True, f"{what}: differences")
    for name in ("same", "other", "nobody", "overflow", "unrouted", "choices", "out_of_turn"):
        counts[name] += wanted[name]
    for name, number in wanted["hindrances"].items():
        counts[f"hindered: {name}"] += number
    return wanted


# --- the bank ----------------------------------------------------------------------------------

def bank(events):
    """The bank's own routing, as far as a month of answers shows it.

    An operator serves the queues of which they answered 20 calls or which are 2 % of theirs. The
    documentation tells neither groups of operators nor an order among them: expert of a queue is
    here whose answers are from it half as often again as all operators' are. It does tell that
    calls of priority 2 count as having come a minute and a half before they did.
    """
    answers, _ = conversations(events)
    by = collections.Counter((name, events[at]["data"]["queueId"]) for at, name in answers.items())
    of_operator, of_queue = collections.Counter(), collections.Counter()
    for (name, queue), number in by.items():
        of_operator[name] += number
        of_queue[queue] += number
    everything = sum(by.values())
    operators = {}
    for name, total in sorted(of_operator.items()):
        serves = {}
        for queue in sorted(of_queue):
            number = by[name, queue]
            if number >= 20 or number >= 0.02 * total:
                expert = number / total >= 1.5 * of_queue[queue] / everything
                serves[queue] = 0 if expert else 1
        operators[name] = {"role": "operator_l1", "centre_id": "bank", "queues": serves}
    return {
        "centres": {"bank": {"name": "Anonymous Bank"}},
        "routing_policies": {
            "experts first": {"version": 1, "rank": ["tier", "longest_idle"],
                              "age_every_us": 90 * SECOND}},
        "queues": {queue: {"centre_id": "bank", "policy_id": "experts first"}
                   for queue in sorted(of_queue)},
        "operators": operators}


def mapping():
    """The bank's mapping, and the priority of calls besides."""
    with open(os.path.join(PACKAGE, "Tools/mappings/technion.yaml"), encoding="utf-8") as file:
        text = file.read()
    for old, new in [
            ("  operator: {column: server,",
             '  priority: {column: priority, absent: ["0", "1"], map: {"2": 1}}\n'
             "  operator: {column: server,"),
            ('    data: {queueId: "{queue}"}\n',
             '    data: {queueId: "{queue}", priority: "{priority}"}\n')]:
        checks.same(text.count(old), 1, f"the mapping says once {old!r}")
        text = text.replace(old, new)
    path = os.path.join(scratch, "technion.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def hold_january():
    if not os.path.exists(CALLS):
        print("without the bank's calls of January: they are not in $ASCOLTO_SHARED/data")
        return
    log = os.path.join(scratch, "january")
    done(log, "init")
    done(log, "import", "csv", "--mapping", mapping(), CALLS)
    # JSON is YAML.
    done(log, "org", "apply", "-", "--from", "1998-12-31T00:00:00Z",
         data=json.dumps(bank(exported(log))).encode())
    events = exported(log)
    print("The bank's calls of January 1999 (Guedj and Mandelbaum, Technion), its own routing\n"
          "beside a policy that is derived from who answered what:")
    for minutes in (5, 15, 30):
        found = compare(log, events, "January", cut=minutes * MINUTE)
        choices = max(1, found["choices"])
        print(f"  idle cut {minutes} min:",
              ", ".join(f"{name} {found[name]}" for name in (
                  "assignments", "same", "other", "nobody", "overflow", "unrouted", "choices",
                  "same_of_choices", "out_of_turn", "inferred_operators")))
        print(f"    of choices the policy chooses who answered in "
              f"{100 * found['same_of_choices'] / choices:.1f} %, a lot in "
              f"{100 * found['by_lot'] / choices:.1f} % ({found['by_lot']:.3f});",
              "hindrances:", dict(sorted(found["hindrances"].items())))


# --- random logs -------------------------------------------------------------------------------

START = 1_772_438_400 * SECOND  # 2026-03-02T08:00:00Z
QUEUES, SKILLS = ["front", "second", "unrouted one"], ["registry", "taxes"]
NAMES = ["op-1", "op-2", "Ada B", "50%", "é", "op-6", "op-7", "op-8"]
RANKS = ["longest_idle", "skill", "tier", "fewest_contacts"]


def chance(share):
    return rng.random() < share


def seconds(low, high):
    """On a grid, so that moments are equal often."""
    return rng.randrange(low, high + 1, 5) * SECOND


def encoded(name):
    return re.sub(r"[\s%/]", lambda found: urllib.parse.quote(found[0], safe=""), name)


def needs(share):
    return [{"skill": skill, "min_level": rng.randrange(3)} for skill in SKILLS if chance(share)]


def described(names):
    policies = {}
    for name in ("one", "other"):
        policy = {"version": 1, "rank": rng.sample(RANKS, rng.randrange(1, 4))}
        if chance(0.2):
            roles = [{"role": "operator_l1"}, {"role": "operator_l2", "after_us": seconds(5, 30)}]
            policy["roles"] = roles[:rng.randrange(1, 3)]
        if chance(0.3):
            policy["relaxation"] = [{"after_us": seconds(5, 40), "lower_by": rng.randrange(1, 3)}]
        if chance(0.5):
            policy["age_every_us"] = seconds(5, 30)
        if chance(0.3):
            policy["ask_again_us"] = seconds(0, 60)
        policies[name] = policy
    queues = {
        "front": {"centre_id": "c", "policy_id": "one", "required_skills": needs(0.2)},
        "second": {"centre_id": "c", "policy_id": rng.choice(["one", "other"]),
                   "required_skills": needs(0.3)},
        "unrouted one": {"centre_id": "c"}}
    for name, other in (("front", "second"), ("second", "front")):
        if chance(0.4):
            queues[name]["overflow"] = [
                {"to": other, **rng.choice([{"after_us": seconds(5, 30)}, {"length": 1}])}]
        if not queues[name]["required_skills"]:
            del queues[name]["required_skills"]
    operators = {}
    for name in names:
        if chance(0.08):
            continue  # answers, and nobody has described them
        operators[name] = {
            "role": rng.choice(["operator_l1", "operator_l1", "operator_l2"]), "centre_id": "c",
            "skills": {skill: rng.randrange(1, 4) for skill in SKILLS if chance(0.85)},
            "queues": {queue: rng.randrange(2) for queue in QUEUES if chance(0.9)},
            "capacity": {"chat": rng.choice([2, 3])} if chance(0.4) else {}}
    return {"skills": {skill: {"name": skill} for skill in SKILLS}, "centres": {"c": {}},
            "routing_policies": policies, "queues": queues, "operators": operators}


class Story:
    """The events of one stream, in the order in which they happened."""

    def __init__(self, stream, at):
        self.stream, self.at, self.events = stream, at, []

    def tell(self, kind, after=0, **data):
        self.at += after
        self.events.append({
            "specversion": "1.0", "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "source": "urn:test:import", "type": kind, "schema": 1,
            "subject": self.stream, "time": moment(self.at), "data": data})

    def queued(self, queue, after, **data):
        if chance(0.3):
            data["priority"] = rng.randrange(-2, 4)
        if chance(0.15):
            data["requiredSkills"] = [{"skill": rng.choice(SKILLS), "minLevel": rng.randrange(4)}]
        self.tell("contact.queued", after, queueId=queue, **data)


def ring(story, names, queue):
    """Offers that came to nothing."""
    while chance(0.15):
        name = rng.choice(names)
        if chance(0.5):
            story.tell("contact.offer_made", seconds(0, 5), operatorId=name)
        story.tell(rng.choice(["contact.offer_missed", "contact.offer_declined",
                               "contact.offer_rescinded"]), seconds(0, 10), operatorId=name)
    if chance(0.08):
        story.tell("routing.decided", seconds(0, 5), **decided(queue, rng.choice(names)))
    if chance(0.06):
        story.tell(rng.choice(["contact.offer_made", "contact.offer_accepted"]),
                   operatorId=rng.choice(names))


def decided(queue, name):
    selected = {"selected": "operator", "selectedId": name} if chance(0.7) else {"selected": "none"}
    return {"trigger": "contact_arrived", "alsoKnew": 0, "policyId": "one", "policyVersion": 1,
            "policyHash": "0" * 64, "engineVersion": 1, "queueId": queue, "waitedUs": 0,
            "points": 0, "inQueue": 1, "ahead": 0, "candidatesTotal": 1,
            "candidatesEligible": 1, **selected}


def contact_story(number, at, names):
    """What became of one contact, mostly by the book."""
    story = Story(f"contact/{number}", at)
    channel = rng.choice(["phone", "phone", "chat"])
    story.tell("contact.received", channel=channel, direction="in")
    if chance(0.2):
        story.tell("contact.self_service_ended", seconds(0, 20), result="to_operator")
        story.at -= 5 * SECOND if chance(0.5) else 0
    queue = rng.choice(QUEUES[:2] * 4 + QUEUES[2:])
    again = {}
    while True:
        story.queued(queue, seconds(0, 5), **again)
        ring(story, names, queue)
        if chance(0.1):
            story.tell("contact.left_queue", seconds(0, 40), queueId=queue, reason="abandoned")
            story.tell("contact.abandoned", stage="queue")
            break
        if chance(0.08):
            story.tell("contact.left_queue", seconds(0, 40), queueId=queue, reason="overflowed")
            queue = "second" if queue == "front" else "front"
            again = {"enqueueReason": "overflow"}
            continue
        if chance(0.03):
            break  # waits for ever
        story.tell("contact.left_queue", seconds(0, 40), queueId=queue, reason="answered")
        if chance(0.06):  # the clock of who connects is behind
            story.at -= 5 * SECOND
        story.tell("contact.connected", seconds(0, 5), **(
            {} if chance(0.1) else {"operatorId": rng.choice(names)}))
        if chance(0.1):  # to another operator, without a queue
            story.tell("contact.transferred", seconds(5, 40), mode="warm")
            story.tell("contact.connected", seconds(0, 5), operatorId=rng.choice(names))
        if chance(0.15):
            if chance(0.7):
                story.tell("contact.transferred", seconds(5, 40), mode="blind")
                if chance(0.2):
                    story.tell("contact.after_work_ended", seconds(0, 20))
            queue, again = rng.choice(QUEUES), {"enqueueReason": "transfer"}
            continue
        if chance(0.03):
            break  # nobody tells the end
        if chance(0.1):
            story.tell("contact.after_work_ended", seconds(0, 20), operatorId=rng.choice(names))
        story.tell("contact.disconnected", seconds(0, 40), by="citizen")
        if chance(0.4):
            story.tell("contact.after_work_ended", seconds(0, 30), **(
                {} if chance(0.6) else {"operatorId": rng.choice(names)}))
        if chance(0.08):  # comes anew under the same name, which only imports tell
            story.tell("contact.received", seconds(5, 100), channel=channel, direction="in")
            queue, again = rng.choice(QUEUES), {}
            continue
        break
    return story.events


def operator_story(name):
    story = Story(f"operator/{encoded(name)}", START + seconds(0, 60))
    if chance(0.8):
        story.tell("operator.logged_in")
    status = "available"
    for _ in range(rng.randrange(5)):
        to = rng.choice(["available", "available", "break", "on_contact", "after_work"])
        story.tell("operator.status_changed", seconds(5, 120), **{"from": status, "to": to})
        status = to
        if chance(0.15):
            story.tell("operator.logged_out", seconds(5, 60))
            story.tell("operator.logged_in", seconds(5, 60))
            status = "available"
    if chance(0.4) or not story.events:
        story.tell("operator.logged_out", seconds(60, 400))
    return story.events


def shuffled_in(stories):
    """Streams one after the other, or mixed; each of them in its own order."""
    rng.shuffle(stories)
    if chance(0.5):
        return [event for story in stories for event in story]
    places = [number for number, story in enumerate(stories) for _ in story]
    if chance(0.5):
        rng.shuffle(places)
        queues = [collections.deque(story) for story in stories]
        return [queues[number].popleft() for number in places]
    told = []
    for story in stories:
        clock = ""
        for event in story:
            clock = max(clock, event["time"])
            told.append((clock, event))
    return [event for _, event in sorted(told, key=lambda each: each[0])]


def hold_random(number):
    what = f"seed {options.seed}, round {number}"
    log = os.path.join(scratch, f"log-{number}")
    done(log, "init")
    names = NAMES[:rng.randrange(3, 9)]
    description = described(names)
    start = moment(START - 3600 * SECOND)

    def settle(at):
        done(log, "org", "apply", "-", "--from", at, data=json.dumps(description).encode())

    def bring(events):
        answer = json.loads(done(log, "import", "ndjson", "-", "--format", "json",
                                 data="\n".join(map(json.dumps, events)).encode()))
        checks.same(answer["rejected"], 0, f"{what}: import")

    last = chance(0.2)
    if not last:
        settle(start)
    stories = [contact_story(each, START + seconds(0, 1200), names)
               for each in range(rng.randrange(15, 45))]
    stories += [operator_story(name) for name in names if chance(0.4)]
    bring(shuffled_in(stories))
    if last:
        settle(start)
    for _ in range(rng.randrange(3)):  # something else from some moment on, perhaps within
        for operator in description["operators"].values():
            if chance(0.3):
                operator["queues"] = {queue: rng.randrange(2) for queue in QUEUES if chance(0.8)}
                operator["skills"] = {skill: rng.randrange(6) for skill in SKILLS if chance(0.8)}
        if chance(0.3):
            description["queues"]["second"].pop("policy_id", None)
        settle(moment(START + seconds(0, 1200)))
    events = exported(log)
    for first, end in [(None, None), (rng.randrange(len(events)), None),
                       (None, rng.randrange(len(events))),
                       tuple(sorted(rng.sample(range(len(events)), 2)))]:
        cut = rng.choice([None, 0, 5, 20, 60, 120, 300])
        compare(log, events, what, first, end, None if cut is None else cut * SECOND)
    shutil.rmtree(log)


try:
    began = time.monotonic()
    hold_january()
    january = time.monotonic() - began
    for number in range(options.rounds):
        hold_random(number)
finally:
    shutil.rmtree(scratch)
print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))
print(f"{january:.1f} s for January, {time.monotonic() - began:.1f} s in all")
checks.end()
