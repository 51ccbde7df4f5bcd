#!/usr/bin/env python3
"""The router, held against an implementation of Routing.md that shares nothing with ours.

usage: routing.py ASCOLTO [--rounds N] [--seed N] [--mutations M] [--generated DAYS]

Random organisations and a random life of contacts and operators, with `route --once` at fixed
clocks. Every decision of the exported log is made again here from the events that it knew, and
all its members must be the same; what `route` appends beside decisions must follow from them, the
most urgent contact must be first, and nothing may be left undone. `redecide` must say that all
are the same. Then one thing of the log is changed, and `redecide` of what is left must name
exactly the decisions that come out otherwise here, each with its cause.

The decisions in days of a generated municipality, which are a simulation's, are held to the same.
"""
import argparse
import collections
import copy
import datetime
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import urllib.parse
import uuid
import zoneinfo

from serving import Checks, merged

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("--rounds", type=int, default=6)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--mutations", type=int, default=200, help="in all rounds together")
parser.add_argument("--generated", type=int, default=2, metavar="DAYS")
options = parser.parse_args()
checks, rng = Checks(), random.Random(options.seed)
counts = collections.Counter()
scratch = tempfile.mkdtemp(prefix="routing-")
LOG = os.path.join(scratch, "log")
SECOND = 10**6
PATIENCE = 10  # seconds that one call may take
START = 1_772_438_400 * SECOND  # 2026-03-02T08:00:00Z
POINT_US, ASK_AGAIN_US, LISTED, REASONS = 30 * 86_400 * SECOND, 30 * SECOND, 20, 8
ENGINES = (1, 2, 3, 4)  # 1 compares languages letter by letter, 3 heeds people, 4 opening hours
FIRST_NAMES = {"boost": "", "relaxation": "relaxation", "role": "roles", "language": "languages",
               "overflow": "overflow", "callback": "callback"}
LATER = ("role", "agent_rejected_recently", "cap_per_team")  # behind skills, in version 1
CALL_AGAIN_US = 600 * SECOND
HASHED = ["version", "rank", "relaxation", "roles", "languages", "ageEveryUs", "boosts", "teamCaps",
          "ringUs", "askAgainUs", "callbackAfterUs", "callbackWithinUs", "callAttemptsMax",
          "callAgainUs"]
KEEPING = ("callback", "overflow", "requeue")  # reasons by which a callback stays one
PATIENT = ("contact.wait_announced", "contact.left_queue", "contact.offer_made",
           "contact.offer_accepted", "contact.offer_declined", "contact.offer_missed",
           "contact.offer_rescinded", "contact.callback_attempted", "contact.callback_failed",
           "contact.disconnected", "contact.outcome_recorded")
LOG_SET = ("position", "revision", "recorded", "datahash", "root")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def micros(text):
    moment = datetime.datetime.fromisoformat(text) - EPOCH
    return (moment.days * 86_400 + moment.seconds) * SECOND + moment.microseconds


def moment(us):
    whole = (EPOCH + datetime.timedelta(seconds=us // SECOND)).strftime("%Y-%m-%dT%H:%M:%S")
    return whole + (f".{us % SECOND:06}Z" if us % SECOND else "Z")


def run(*arguments, at=None, log=None, data=None):
    clock = {"ASCOLTO_CLOCK": moment(at)} if at is not None else {}
    try:
        return subprocess.run(
            [options.ascolto, *arguments], input=data, capture_output=True, timeout=PATIENCE,
            env={**os.environ, "ASCOLTO_LOG": log or LOG, **clock})
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(
            arguments, -1, b"", f"had not ended after {PATIENCE} s".encode())


def done(*arguments, at=None, log=None, data=None):
    ended = run(*arguments, at=at, log=log, data=data)
    if ended.returncode:
        raise SystemExit(f"seed {options.seed}: {arguments}: {ended.stderr.decode()}"
                         f"{ended.stdout.decode()[:2000]} {(data or b'').decode()[:6000]}")
    return ended.stdout.decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def digest(value):
    return hashlib.sha256(value.encode()).hexdigest()


# --- the organisation --------------------------------------------------------------------------

WORDS = {  # type: (section, part, the member that names the part, whether the part is there)
    "routing.policy_published": ("routing_policies", "", None, True),
    "routing.policy_withdrawn": ("routing_policies", "", None, False),
    "org.queue_created": ("queues", "", None, True),
    "org.queue_changed": ("queues", "", None, True),
    "org.queue_retired": ("queues", "", None, False),
    "org.opening_hours_published": ("calendars", "", None, True),
    "operator.hired": ("operators", "", None, True),
    "operator.role_changed": ("operators", "", None, True),
    "operator.left": ("operators", "", None, False),
    "operator.team_assigned": ("operators", "team", None, True),
    "operator.team_left": ("operators", "team", None, False),
    "operator.skill_granted": ("operators", "skills", "skill", True),
    "operator.skill_revised": ("operators", "skills", "skill", True),
    "operator.skill_revoked": ("operators", "skills", "skill", False),
    "operator.queue_joined": ("operators", "queues", "queueId", True),
    "operator.queue_left": ("operators", "queues", "queueId", False),
    "operator.capacity_changed": ("operators", "capacity", "channel", True),
    "operator.capacity_withdrawn": ("operators", "capacity", "channel", False),
}


class Organisation:
    """What is settled, by what was said of it and what was corrected since."""

    def __init__(self):
        self.said, self.meta, self.words, self.cached = [], [], None, {}

    def apply(self, position, event):
        if event["type"] in WORDS:
            self.said.append((position, event))
        elif event["type"].startswith("meta.event_"):
            self.meta.append(event)
        else:
            return
        self.words, self.cached = None, {}

    def heard(self):
        """The words in force by the moments from which they hold."""
        void = set()
        for word in reversed(self.meta):
            if word["id"] not in void and word["type"] == "meta.event_voided":
                void.add(word["data"]["target"])
        result = []
        for position, event in self.said:
            if event["id"] in void:
                continue
            data, time = event.get("data") or {}, event["time"]
            for word in self.meta:
                if (word["data"]["target"], word["subject"]) == (event["id"], event["subject"]) \
                        and word["id"] not in void and word["type"] == "meta.event_corrected":
                    data = merged(data, word["data"].get("fieldPatch", {}))
                    time = word["data"].get("time", time)
            section, part, member, there = WORDS[event["type"]]
            name = urllib.parse.unquote(event["subject"].split("/", 1 if section == "operators"
                                                               else 2)[-1])
            key = (section, name, part, data[member] if member else "")
            result.append((micros(data.get("effectiveFrom") or time), position, key,
                           data if there else None))
        return sorted(result, key=lambda word: word[:2])

    def at(self, now):
        """By section, thing, part and name of the part: its members."""
        if self.words is None:
            self.words = self.heard()
        number = sum(word[0] <= now for word in self.words)
        if number not in self.cached:
            found, ended = {}, {}
            for effective, position, key, data in self.words[:number]:
                found[key] = (effective, position), data
                if not key[2] and data is None:
                    ended[key[:2]] = effective, position
            things = collections.defaultdict(lambda: collections.defaultdict(dict))
            for (section, name, part, which), (when, data) in found.items():
                there = found.get((section, name, "", ""), (None, None))[1] is not None
                if data is not None and there and when >= ended.get((section, name), (0, 0)):
                    things[section][name][part, which] = data
            self.cached = {number: things}
        return self.cached[number]


# --- contacts and operators --------------------------------------------------------------------

class Contact:
    def __init__(self, stream):
        self.stream, self.phase, self.channel, self.language = stream, "absent", "phone", None
        self.tags, self.queue, self.queued, self.entered, self.began = set(), None, 0, 0, 0
        self.priority, self.needs, self.reason, self.visited = 0, [], None, set()
        # The override as position and choice, priorities as position and value; of what people say.
        self.override, self.changes, self.decision, self.said = None, [], None, []
        self.waiting, self.offer, self.hand, self.rejected = False, None, None, {}
        self.gone = False  # whom it is offered to has logged out
        self.left = False  # that who speaks, or did last, has logged out
        self.agreed = False  # that it is to be called back, with an operator
        self.talking, self.speaker = False, None  # who speaks with the citizen, or did last
        self.busies = "phone"  # the channel in which it takes the operator's time
        self.since, self.callback, self.told = None, None, False  # since when; owed; offered it
        self.unreached = False  # nothing is owed any more, and the line is closed again and again
        self.decisions, self.decided, self.decided_at, self.ended = 0, False, -1, False


class Operator:
    def __init__(self, name):
        self.name, self.logged_in, self.status, self.connected = name, False, "available", 0
        # What is at hand, where and when it was no more, and where anything last went.
        self.hand, self.free, self.room = {}, (-1, 0), (-1, 0)


class Callback:
    """What is owed to who is to be called back."""

    def __init__(self, position, queue, kept, due, end):
        self.position, self.queue, self.kept, self.due, self.end = position, queue, kept, due, end
        self.failures, self.taken = 0, False


class State:
    """What events told of contacts and operators."""

    def __init__(self, organisation):
        self.contacts, self.operators, self.organisation = {}, {}, organisation

    def operator(self, name):
        return self.operators.setdefault(name, Operator(name))

    def take(self, contact, name, phase, where):
        if contact.hand != name:
            self.drop(contact, where)
            contact.busies = contact.channel
        if contact.override is not None and contact.override[1] == ("operator", name):
            contact.override = None
        contact.hand, contact.gone = name, False
        self.operator(name).hand[contact.stream] = phase

    def drop(self, contact, where):
        if contact.hand is not None:
            operator = self.operator(contact.hand)
            operator.hand.pop(contact.stream, None)
            contact.hand = None
            operator.room = where
            if not operator.hand:
                operator.free = where

    def let_go(self, operator, where, phases):
        """What is over, or whose end nobody told, is at hand no longer."""
        for stream, phase in list(operator.hand.items()):
            contact = self.contacts[stream]
            if phase in phases and not contact.waiting:
                if not contact.talking:
                    contact.phase = "over" if contact.callback is None else "to call"
                self.drop(contact, where)
                if contact.callback is not None:
                    contact.callback.taken = False

    def end_after_work(self, operator, where):
        for stream, phase in list(operator.hand.items()):
            if phase == "after":
                contact = self.contacts[stream]
                contact.phase = "over" if contact.callback is None else "to call"
                self.drop(contact, where)

    def apply(self, position, event):
        kind, _, name = event["subject"].partition("/")
        what, data = event["type"], event.get("data") or {}
        where = position, micros(event.get("time") or event["recorded"])
        if kind == "operator" and what in ("operator.logged_in", "operator.logged_out",
                                           "operator.status_changed"):
            self.operator_event(what, data, self.operator(urllib.parse.unquote(name)), where)
        elif kind == "contact":
            contact = self.contacts.setdefault(event["subject"], Contact(event["subject"]))
            contact.tags |= set(filter(None, event.get("tags", "").split(" ")))
            if what == "routing.decided":
                contact.decisions += 1
                contact.decided, contact.decided_at, contact.ended = True, position, False
                contact.decision = event["id"]
            elif what == "routing.overridden":
                contact.said.append((position, event))
                if contact.waiting:
                    contact.override = position, self.chosen(contact, data)
            elif what == "routing.priority_changed":
                contact.said.append((position, event))
                contact.changes.append((position, data["priority"]))
            elif what.startswith("meta.event_"):
                contact.said.append((position, event))
                self.correct_interventions(contact)
            elif what.startswith("contact."):
                if what not in PATIENT and data.get("enqueueReason") not in KEEPING:
                    contact.unreached = False
                getattr(self, what.replace("contact.", "on_"), lambda *_: None)(
                    contact, data, where)

    @staticmethod
    def chosen(contact, data):
        choice = data["newSelection"], data["newSelectionId"]
        return None if choice == ("operator", contact.hand) else choice

    def correct_interventions(self, contact):
        """What people said of where it goes holds as it has been corrected."""
        named, void, words = {event["id"]: position for position, event in contact.said}, set(), []
        for position, event in reversed(contact.said):
            target = named.get((event.get("data") or {}).get("target"), position)
            if event["type"].startswith("meta.") and position not in void and target < position:
                if event["type"] == "meta.event_voided":
                    void.add(target)
                words.append((target, event))
        for position, event in contact.said:
            if event["type"].startswith("meta."):
                continue
            data = dict(event["data"])
            for target, word in reversed(words):
                if target == position and word["type"] == "meta.event_corrected":
                    data |= word["data"].get("fieldPatch") or {}
            holds = position not in void
            if contact.override is not None and contact.override[0] == position:
                contact.override = position, self.chosen(contact, data) if holds else None
            contact.changes = [
                (place, value if place != position else data["priority"] if holds else None)
                for place, value in contact.changes]

    def operator_event(self, what, data, operator, where):
        if what == "operator.logged_in":
            self.let_go(operator, where, ("offered", "accepted", "connected", "after"))
            operator.logged_in, operator.status, operator.connected = True, "available", 0
            operator.free = where
        elif what == "operator.logged_out":
            operator.logged_in = False
            self.let_go(operator, where, ("offered", "accepted", "after"))
            for stream, phase in operator.hand.items():
                self.contacts[stream].gone = self.contacts[stream].waiting
                self.contacts[stream].left |= phase == "connected"
        else:
            before, operator.status = operator.status, data["to"]
            before, operator.logged_in = before if operator.logged_in else None, True
            if operator.status == "available":
                self.end_after_work(operator, where)
                if before != "available" and not operator.hand:
                    operator.free = where

    def terms(self, queue, now):
        """The policy of a queue; nothing where it has none."""
        things = self.organisation.at(now)
        name = (things["queues"].get(queue, {}).get(("", "")) or {}).get("policyId")
        return (things["routing_policies"].get(name, {}).get(("", "")) if name else None) or {}

    def on_wait_announced(self, contact, data, where):
        contact.told = contact.told or "callback" in (data.get("alternativesOffered") or [])

    def is_finishing(self, contact):
        return contact.hand is not None \
            and self.operator(contact.hand).hand.get(contact.stream) == "after"

    def on_callback_requested(self, contact, data, where):
        if not contact.talking and not self.is_finishing(contact):
            self.drop(contact, where)
        if not contact.talking:
            contact.phase = "to call"
            contact.channel = "phone"
        contact.waiting, contact.offer = False, None
        contact.agreed = contact.talking or self.is_finishing(contact)
        due = max(micros(data["windowStart"]) if data.get("windowStart") else where[1], where[1])
        within = self.terms(data["queueId"], where[1]).get("callbackWithinUs")
        end = micros(data["windowEnd"]) if data.get("windowEnd") else \
            None if within is None else due + within
        contact.callback = Callback(
            where[0], data["queueId"], data.get("place") != "anew", due, end)
        contact.since = where[1] if contact.since is None else contact.since
        self.let_gone_go(contact, where)

    def let_gone_go(self, contact, where):
        """Nobody who has logged out finishes anything."""
        if contact.callback is not None and self.is_finishing(contact) and contact.left:
            self.drop(contact, where)

    def on_callback_attempted(self, contact, data, where):
        contact.phase, contact.waiting = "dialled", False
        if contact.callback is not None:
            contact.callback.taken = True
        if data.get("operatorId") is not None:
            self.take(contact, data["operatorId"], "accepted", where)

    def on_callback_reached(self, contact, data, where):
        contact.phase, contact.callback = "answered", None

    def on_callback_failed(self, contact, data, where):
        contact.phase, contact.waiting = "to call", False
        self.drop(contact, where)
        owed = contact.callback
        if owed is not None:
            policy = self.terms(owed.queue, where[1])
            again = policy.get("callAgainUs")
            owed.failures, owed.taken = owed.failures + 1, False
            owed.due = where[1] + (CALL_AGAIN_US if again is None else again)
            if owed.failures >= (policy.get("callAttemptsMax") or 1):
                contact.callback, contact.phase = None, "unreached"
                contact.unreached = True

    def on_callback_expired(self, contact, data, where):
        if contact.talking:
            contact.callback = None
            return
        contact.phase, contact.waiting, contact.callback = "over", False, None
        self.give_up(contact, where)

    def give_up(self, contact, where):
        """Whoever has something left to do goes on with that."""
        if self.is_finishing(contact):
            contact.phase = "finishing"
        else:
            self.drop(contact, where)

    def on_received(self, contact, data, where):
        contact.phase, contact.channel = "received", data["channel"]
        contact.language = data.get("languageOffered")

    def on_queued(self, contact, data, where):
        reason, owed, contact.talking = data.get("enqueueReason"), contact.callback, False
        keeps = owed is not None and owed.kept if reason == "callback" else \
            reason in ("overflow", "requeue")
        self.drop(contact, where)
        if reason not in KEEPING:
            contact.callback = None
        elif owed is not None:
            owed.taken = False
        contact.began = contact.since if keeps and contact.since is not None else where[1]
        contact.since, contact.told = contact.began, False
        contact.visited = (contact.visited if keeps else set()) | {data["queueId"]}
        contact.queue, contact.queued, contact.entered = data["queueId"], where[0], where[1]
        contact.priority = data.get("priority") or 0
        contact.override = None
        if reason not in KEEPING:
            contact.changes = []
        contact.needs = data.get("requiredSkills") or []
        contact.reason, contact.phase, contact.waiting = data.get("enqueueReason"), "waiting", True
        contact.offer, contact.rejected, contact.decided, contact.ended = None, {}, False, False

    def on_left_queue(self, contact, data, where):
        contact.waiting, contact.offer = False, None
        contact.phase = "answered" if data["reason"] == "answered" else \
            "gave_up" if data["reason"] == "abandoned" else "redirected"
        if contact.callback is not None:
            contact.callback.taken = data["reason"] == "answered"
            if data["reason"] == "abandoned":
                contact.callback = None
            else:
                contact.phase = "taken" if contact.callback.taken else "to call"
        if data["reason"] != "answered":
            self.drop(contact, where)

    def on_offer_made(self, contact, data, where):
        contact.phase = "offered"
        contact.offer = {**data, "time": where[1]}
        self.take(contact, data["operatorId"], "offered", where)

    def on_offer_accepted(self, contact, data, where):
        contact.phase, contact.offer = "accepted", None
        self.take(contact, data["operatorId"], "accepted", where)

    def offer_ended(self, contact, data, where):
        contact.phase, contact.offer, contact.ended = "waiting", None, True
        self.drop(contact, where)

    def on_offer_declined(self, contact, data, where):
        contact.rejected.pop(data["operatorId"], None)
        contact.rejected[data["operatorId"]] = where[1]
        self.offer_ended(contact, data, where)

    on_offer_missed, on_offer_rescinded = on_offer_declined, offer_ended

    def on_connected(self, contact, data, where):
        contact.phase, contact.waiting, contact.callback = "connected", False, None
        contact.since, contact.visited = None, set()
        contact.talking, contact.speaker, contact.left = True, data.get("operatorId"), False
        name = data.get("operatorId") or contact.hand
        if name is not None:
            self.take(contact, name, "connected", where)
            self.operator(name).connected += 1

    def on_blocked(self, contact, data, where):
        contact.phase, contact.callback = "blocked", None

    def on_held(self, contact, data, where):
        contact.phase = "held"

    def on_resumed(self, contact, data, where):
        contact.phase = "connected"

    def on_closed(self, contact, data, where):
        contact.phase, contact.waiting, contact.callback = "closed", False, None
        self.drop(contact, where)

    def on_transferred(self, contact, data, where):
        contact.phase, contact.callback, contact.talking = "transferred", None, False
        self.drop(contact, where)

    def on_disconnected(self, contact, data, where):
        talked, contact.talking = contact.talking, False
        if contact.callback is not None:
            contact.channel = "phone"
        if talked and contact.hand is not None:
            self.take(contact, contact.hand, "after", where)
            self.let_gone_go(contact, where)
        if talked:
            contact.phase = "to call" if contact.callback is not None else \
                "disconnected" if contact.hand is not None else "over"
        elif contact.callback is None and not contact.unreached:
            # Else the line is closed on which it was asked for, or nobody was reached.
            contact.phase = "over"

    def on_after_work_ended(self, contact, data, where):
        name = data.get("operatorId")
        if self.is_finishing(contact) and (name is None or contact.speaker in (None, name)):
            contact.phase = "over" if contact.callback is None else "to call"
            self.drop(contact, where)

    def on_abandoned(self, contact, data, where):
        contact.phase = "abandoned_in_conversation" if contact.talking else "abandoned"
        if not contact.talking:
            contact.callback = None
            self.give_up(contact, where)


# --- decisions ---------------------------------------------------------------------------------

def role_waits(policy):
    """By role, the shortest wait after which it takes contacts; nothing where all do."""
    waits = {}
    for rule in policy.get("roles") or []:
        after = rule.get("afterUs") or 0
        waits[rule["role"]] = min(after, waits.get(rule["role"], after))
    return waits


def applied_boosts(contact, policy):
    """For each boost the group that it read, or nothing."""
    there = {urllib.parse.unquote(tag) for tag in contact.tags}
    for boost in policy.get("boosts") or []:
        yield boost, next((group for group in sorted(boost["groups"])
                           if f"group.{boost['attribute']}:{group}" in there), None)


def heeded(contact, engine=ENGINES[-1]):
    """The priority as somebody has changed it last, or as it was declared."""
    told = [value for _, value in contact.changes if value is not None]
    return told[-1] if told and engine > 2 else contact.priority


def points_of(contact, policy, engine=ENGINES[-1]):
    return heeded(contact, engine) + sum(
        boost["add"] for boost, read in applied_boosts(contact, policy) if read is not None)


def urgency(contact, policy, engine=ENGINES[-1]):
    """The lower, the sooner."""
    point = policy.get("ageEveryUs") or POINT_US
    return contact.began - points_of(contact, policy, engine) * point, contact.queued


def needed(contact, queue, policy, now, engine):
    """What is asked for, as skill and level; below 0 where it is needed no more."""
    here = now - contact.entered
    for need in (queue.get("requiredSkills") or []) + contact.needs:
        lower = max([step["lowerBy"] for step in policy.get("relaxation") or []
                     if step["afterUs"] <= here and step.get("skill") in (None, need["skill"])],
                    default=0)
        yield need["skill"], need["minLevel"] - lower
    asked = language_of(contact, policy, engine)
    if asked is not None:
        yield asked["skill"], asked["minLevel"]


def language_of(contact, policy, engine):
    """What the policy says of the language that is asked for: engine 2 looks tags up."""
    listed = policy.get("languages") or []
    if contact.language is None:
        return None
    if engine == 1:
        return next((each for each in listed if each["language"] == contact.language), None)
    spans = folded(contact.language).split("-")
    while spans:
        found = [each for each in listed if folded(each["language"]) == "-".join(spans)]
        if found:
            return found[0]
        spans.pop()
        if len(spans) > 1 and len(spans[-1].encode()) == 1:
            spans.pop()
    return None


def folded(tag):
    return "".join(each.lower() if each.isascii() else each for each in tag)


class Member:
    """An operator of a queue, as one contact sees them."""

    def __init__(self, state, parts, name):
        self.operator = state.operators.get(name) or Operator(name)
        self.role, self.team = parts["", ""]["role"], (parts.get(("team", "")) or {}).get("teamId")
        self.parts, self.name = parts, name

    def capacity(self, channel):
        return (self.parts.get(("capacity", channel)) or {}).get("maxConcurrent", 1)

    def level(self, skill, now):
        held = self.parts.get(("skills", skill))
        if held is None or held.get("expiresAt") and micros(held["expiresAt"]) <= now:
            return None
        return held["level"]

    def hindrance(self, state, contact):
        """What of being at work and at hand keeps them from it."""
        operator = self.operator
        if not operator.logged_in:
            return {"reason": "not_logged_in"}
        if operator.status not in ("available", "on_contact", "ringing"):
            return {"reason": "paused", "of": operator.status}
        channels = [state.contacts[stream].busies for stream in operator.hand]
        if not channels and operator.status != "available":
            return {"reason": "on_contact", "of": operator.status}
        if channels and any(
                self.capacity(channel) == 1 for channel in channels + [contact.channel]):
            first = next(iter(operator.hand)).removeprefix("contact/")
            return {"reason": "on_contact", "contactId": first, "have": len(channels)}
        if (number := channels.count(contact.channel)) >= self.capacity(contact.channel):
            return {"reason": "capacity_full", "need": self.capacity(contact.channel),
                    "have": number}
        return None

    def reasons(self, state, contact, needs, policy, teams, now):
        if (first := self.hindrance(state, contact)) is not None:
            yield first
        waits = role_waits(policy)
        if waits and self.role not in waits:
            yield {"reason": "role", "of": self.role}
        elif waits and now - contact.entered < waits[self.role]:
            yield {"reason": "role", "of": self.role,
                   "until": moment(contact.entered + waits[self.role])}
        asked = contact.rejected.get(self.name)
        again = policy.get("askAgainUs")
        again = ASK_AGAIN_US if again is None else again
        if asked is not None and now - asked < again:
            yield {"reason": "agent_rejected_recently", "until": moment(asked + again)}
        for cap in policy.get("teamCaps") or []:
            if cap["teamId"] == self.team and teams[self.team] >= cap["most"]:
                yield {"reason": "cap_per_team", "of": self.team, "need": cap["most"],
                       "have": teams[self.team]}
        for skill, level in needs:
            have = self.level(skill, now)
            if level >= 0 and (have is None or have < level):
                yield {"reason": "missing_skill", "of": skill, "need": level,
                       **({} if have is None else {"have": have})}

    def score(self, criterion, queue, needs, now):
        if criterion == "tier":
            return self.parts["queues", queue].get("tier") or 0
        if criterion in ("skill", "least_skilled"):
            levels = [self.level(skill, now) for skill, _ in needs]
            return sum(-1 if level is None else level for level in levels)
        if criterion == "longest_idle":
            return now - self.operator.free[1]
        if criterion == "fewest_contacts":
            return self.operator.connected
        return len(self.operator.hand)


def is_open(organisation, queue, now):
    """Whether a queue is open, as its calendar says it."""
    things = organisation.at(now)
    name = (things["queues"].get(queue, {}).get(("", "")) or {}).get("calendarId")
    calendar = things["calendars"].get(name, {}).get(("", "")) if name else None
    if calendar is None:
        return True
    zone = zoneinfo.ZoneInfo(calendar.get("zone") or "Europe/Rome")
    local = (EPOCH + datetime.timedelta(microseconds=now)).astimezone(zone).replace(tzinfo=None)
    first = min(word[0] for word in organisation.words if word[2][:2] == ("calendars", name))
    first = (EPOCH + datetime.timedelta(microseconds=first)).astimezone(zone).date()
    for back in (0, 1):
        date = local.date() - datetime.timedelta(days=back)
        hours = [each for each in calendar.get("weekly") or []
                 if each["weekday"] == date.strftime("%A").lower()]
        for exception in calendar.get("exceptions") or []:
            if exception["date"] == date.isoformat():
                hours = exception.get("hours") or []
        for each in hours if date >= first else []:
            start, end = (
                datetime.datetime.combine(date, datetime.time()) + datetime.timedelta(
                    **dict(zip(("hours", "minutes"), map(int, each[edge].split(":")))))
                for edge in ("from", "to"))
            if start <= local < end + datetime.timedelta(days=end <= start):
                return True
    return False


def trace(contact, policy, queue, here, overflow, closed, offered, engine):
    for boost, read in applied_boosts(contact, policy):
        yield {"rule": "boost", "name": boost["ruleId"],
               "result": "matched" if read is not None else "skipped",
               **({} if read is None else {"read": f"{boost['attribute']}:{read}"})}
    for kind, rule in (("relaxation", "relaxation"), ("role", "roles")):
        for number, step in enumerate(policy.get(rule) or []):
            yield {"rule": kind, "place": number,
                   "result": "matched" if (step.get("afterUs") or 0) <= here else "skipped"}
    if policy.get("languages") and contact.language is not None:
        asked = language_of(contact, policy, engine)
        yield {"rule": "language", "result": "skipped" if asked is None else "matched",
               "read": contact.language}
    for number in closed + ([] if overflow is None else [overflow]):
        rule = queue["overflow"][number]
        yield {"rule": "overflow", "place": number, "to": rule["to"],
               "result": "matched" if number == overflow else "skipped",
               **{name: rule[name] for name in ("afterUs", "length")
                  if rule.get(name) is not None}}
    if offered:
        yield {"rule": "callback", "result": "matched"}


def bounded(candidate):
    """Without the reasons that are too many."""
    reasons = candidate.get("reasonsExcluded", [])
    if len(reasons) <= REASONS:
        return candidate
    return {**candidate, "reasonsExcluded": reasons[:REASONS], "reasonsTotal": len(reasons)}


def policy_of(organisation, contact, now):
    """The queue, the name of its policy and that, where it is routed."""
    things = organisation.at(now)
    queue = things["queues"].get(contact.queue, {}).get(("", ""))
    name = (queue or {}).get("policyId")
    policy = things["routing_policies"].get(name, {}).get(("", "")) if name else None
    return (queue, name, policy) if policy else None


def overridden(state, organisation, contact, now):
    """What somebody has chosen for a contact that waits, as long as that can be."""
    if contact.override is None or contact.override[1] is None or not contact.waiting:
        return None
    kind, name = contact.override[1]
    things = organisation.at(now)
    if kind == "operator":
        operator, parts = state.operator(name), things["operators"].get(name, {})
        holds = ("", "") in parts and operator.logged_in \
            and operator.status in ("available", "on_contact", "ringing") \
            and Member(state, parts, name).capacity(contact.channel) > 0
    else:
        policy = (things["queues"].get(name, {}).get(("", "")) or {}).get("policyId")
        holds = name != contact.queue and things["routing_policies"].get(policy, {}).get(("", ""))
    return contact.override[1] if holds else None


def can_be_done(state, organisation, contact, now):
    """Whether what somebody has chosen can be done at once, if nobody else is asked."""
    chosen = overridden(state, organisation, contact, now)
    if chosen is None or chosen[0] == "queue":
        return chosen is not None
    member = Member(state, organisation.at(now)["operators"][chosen[1]], chosen[1])
    return member.hindrance(state, contact) is None


def decide(state, organisation, contact, now, engine=ENGINES[-1]):
    """What is to be decided about a contact at a moment; nothing where nothing is."""
    routed = contact.phase == "waiting" and contact.waiting and policy_of(
        organisation, contact, now)
    if not routed or engine > 2 and overridden(state, organisation, contact, now):
        return None
    queue, policy_name, policy = routed
    things = organisation.at(now)
    here = now - contact.entered
    needs = list(needed(contact, queue, policy, now, engine))
    teams = collections.Counter()
    for name, parts in things["operators"].items():
        if ("team", "") in parts and name in state.operators:
            teams[parts["team", ""]["teamId"]] += len(state.operators[name].hand)
    rank = policy.get("rank") or []
    compared = [criterion for criterion in rank if criterion != "random"]
    able, unable = [], []
    for name, parts in things["operators"].items():
        if ("queues", contact.queue) not in parts:
            continue
        member = Member(state, parts, name)
        reasons = list(member.reasons(state, contact, needs, policy, teams, now))
        if reasons:
            unable.append((name.encode(), {"operatorId": name, "reasonsExcluded": reasons}))
            continue
        scores = [member.score(criterion, contact.queue, needs, now) for criterion in compared]
        key = [-score if criterion in ("skill", "longest_idle") else score
               for criterion, score in zip(compared, scores)]
        able.append((key, member.operator.free[0], {"operatorId": name, **(
            {"scoreParts": [{"name": criterion, "value": score}
                            for criterion, score in zip(compared, scores)]} if compared else {})}))
    able.sort(key=lambda each: each[:2])
    unable.sort(key=lambda each: each[0])
    candidates = [each[-1] for each in able + unable]
    hashed = {name: policy[name] for name in HASHED if name in policy}
    made = {"policyId": policy_name, "policyVersion": policy["version"],
            "policyHash": digest(compact(hashed)), "engineVersion": engine,
            "queueId": contact.queue, "waitedUs": max(0, here),
            "points": points_of(contact, policy, engine), "candidatesTotal": len(candidates),
            "candidatesEligible": len(able), "selected": "none"}
    there = [each for each in state.contacts.values()
             if each.waiting and each.queue == contact.queue]
    made["inQueue"] = len(there)
    made["ahead"] = sum(urgency(each, policy, engine) < urgency(contact, policy, engine)
                        for each in there)
    overflow, closed, freed = None, [], False
    if able:
        equals = [each for each in able if each[0] == able[0][0]]
        chosen = able[0]
        made["selected"] = "operator"
        if len(able) == 1:
            made["decidedBy"] = "only_one"
        elif len(equals) == 1:
            made["decidedBy"] = next(
                criterion for criterion, one, other in zip(compared, able[0][0], able[1][0])
                if one != other)
        elif "random" in rank:
            key = f"{made['policyHash']} {contact.stream} {contact.decisions}"
            draw = int(digest(key), 16) >> (256 - 53)
            made |= {"decidedBy": "draw", "drawKey": key, "draw": draw}
            chosen = equals[draw * len(equals) >> 53]
        else:
            made["decidedBy"] = "freed_earlier"
        made["selectedId"] = chosen[-1]["operatorId"]
        chosen_one = state.operator(made["selectedId"])
        freed = max(chosen_one.free[0], chosen_one.room[0]) > contact.decided_at
    else:
        for number, rule in enumerate(queue.get("overflow") or []):
            late = rule.get("afterUs") is not None and here >= rule["afterUs"]
            long = rule.get("length") is not None and not contact.decided \
                and made["ahead"] >= rule["length"]
            if (late or long) and rule["to"] not in contact.visited:
                if engine > 3 and not is_open(organisation, rule["to"], now):
                    closed.append(number)
                    continue
                overflow = number
                made |= {"selected": "overflow_queue", "selectedId": rule["to"]}
                break
    after = policy.get("callbackAfterUs")
    if made["selected"] == "none" and after is not None and here >= after \
            and contact.channel == "phone" and contact.callback is None and not contact.told:
        made["selected"] = "callback"
    made["trigger"] = trigger(contact, freed)
    counts["overflow to a closed queue"] += len(closed)
    rules = list(trace(contact, policy, queue, here, overflow, closed,
                       made["selected"] == "callback", engine))
    made |= {"ruleTrace": rules} if rules else {}
    made |= {"candidates": candidates} if candidates else {}
    return made


def recorded(made, schema):
    """What a version of the schema holds of a decision that says everything."""
    if schema == 1:
        made = first_version(made)
    candidates = made.get("candidates", [])
    listed = [bounded(each) if schema > 1 else each for each in candidates[:LISTED]]
    if listed == candidates:
        return made
    counts["records bounded by reasons"] += any("reasonsTotal" in each for each in listed)
    return {**made, "candidates": listed,
            "candidatesDigest": digest("".join(map(compact, candidates)))}


def first_version(made):
    made = copy.deepcopy(made)
    for candidate in made.get("candidates", []):
        reasons = candidate.get("reasonsExcluded", [])
        for reason in reasons:
            if "contactId" in reason:
                del reason["contactId"], reason["have"]
        reasons.sort(key=lambda reason: reason["reason"] in LATER)  # stable
    rules = [{"ruleId": FIRST_NAMES[rule["rule"]] + (f"[{rule['place']}]" if "place" in rule
                                                     else "") or rule["name"],
              **{name: rule[name] for name in ("result", "read") if name in rule}}
             for rule in made.get("ruleTrace", [])]
    return {**made, **({"ruleTrace": rules} if rules else {})}


def trigger(contact, freed):
    """What made it be decided: of several things the one that is told first here."""
    if not contact.decided:
        if contact.reason == "callback" and contact.callback is not None:
            return "callback"
        return "overflow" if contact.reason == "overflow" else "contact_arrived"
    if contact.ended:
        return "offer_ended"
    return "operator_freed" if freed else "timer"


def callback_step(state, contact, now):
    """What a router has to do about a callback: to queue it, to have it expire, or nothing."""
    owed = contact.callback
    if owed is None or contact.hand is not None or contact.talking:
        return None
    if owed.end is not None and owed.end <= now:
        return "expire"
    if owed.taken or contact.waiting or not state.terms(owed.queue, now):
        return None
    return "queue" if owed.due <= now else None


def comes_to_something(state, organisation, contact, now):
    made = decide(state, organisation, contact, now)
    return made is not None and (not contact.decided or made["selected"] != "none")


# --- what a log says, made again ---------------------------------------------------------------

class Book:
    """A log, event by event."""

    def __init__(self, events=()):
        self.organisation, self.size = Organisation(), 0
        self.state = State(self.organisation)
        for position, event in events:
            self.apply(position, event)

    def apply(self, position, event):
        self.size += 1
        self.organisation.apply(position, event)
        self.state.apply(position, event)


UNKNOWN = "does not stand"


def again(events, watch=None, whole=False):
    """For each decision its position, itself, and what comes out here."""
    places = {event["id"]: position for position, event in enumerate(events)}
    book = Book()
    for position, event in enumerate(events):
        if event["type"] == "routing.decided":
            data = event["data"]
            knew = places.get(data.get("knewUpTo"), -1)
            first = position - data["alsoKnew"]
            if data["engineVersion"] not in ENGINES:
                made = None
            elif knew < 0 or knew >= first:
                made = UNKNOWN
            else:
                known = book if knew + 1 == first else Book(
                    (place, each) for place, each in enumerate(events[:position])
                    if place <= knew or place >= first)
                contact = known.state.contacts.get(event["subject"]) or Contact(event["subject"])
                made = decide(known.state, known.organisation, contact, micros(event["time"]),
                              data["engineVersion"])
                made = made and (made if whole else recorded(made, event["schema"]))
                if watch is not None:
                    watch(known, contact, position, event)
            yield position, event, made
        book.apply(position, event)


def differing(recorded, made):
    """The members that are not the same."""
    recorded = {name: value for name, value in recorded.items()
                if name not in ("knewUpTo", "alsoKnew") and value is not None}
    return sorted(name for name in recorded.keys() | made.keys()
                  if recorded.get(name) != made.get(name))


# --- random organisations ----------------------------------------------------------------------

CHANNELS, LANGUAGES = ["phone", "chat", "email", "video"], ["en", "ar", "x y"]
ASKED = LANGUAGES + ["EN", "en-GB", "ar-Arab-x-a", "aR-u-nu", "-", "e"]
GROUPS = [("age", "65+"), ("age", "18-24"), ("area", "north 4"), ("language", "ar")]
RARE = [f"rare {number}" for number in range(REASONS + 3)]
SKILLS, TEAMS = ["tax", "english", "à/b", "law"], ["red", "blue", "green"]
QUEUES, POLICIES = ["front", "second", "a/b c", "last"], ["p1", "p 2", "p3"]
CALENDARS = ["day", "è/night", "rest"]
ROLES = ["operator_l1", "operator_l2", "supervisor"]
CRITERIA = ["tier", "skill", "least_skilled", "longest_idle", "fewest_contacts", "least_busy"]


def some(things, most=None):
    return rng.sample(things, rng.randrange((most or len(things)) + 1))


def chance(share):
    return rng.random() < share


def seconds(*choices):
    return rng.choice(choices) * SECOND


def random_policy(version, skills, teams):
    policy = {"version": version, "rank": some(CRITERIA, 4) + ["random"] * chance(0.5)}
    if chance(0.5):
        policy["roles"] = [
            {"role": role, **({"after_us": seconds(10, 30, 60)} if chance(0.6) else {})}
            for role in ROLES[:2] + ROLES[2:] * chance(0.3)]
    if chance(0.7):
        policy["relaxation"] = [
            {"after_us": seconds(0, 20, 40, 60), "lower_by": rng.randrange(1, 5),
             **({"skill": rng.choice(skills)} if chance(0.4) else {})}
            for _ in range(rng.randrange(1, 4))]
    if chance(0.6):
        policy["languages"] = [{"language": each, "skill": rng.choice(skills),
                                "min_level": rng.randrange(3)} for each in some(LANGUAGES)]
    if chance(0.6):
        policy["age_every_us"] = seconds(1, 10, 60)
    if chance(0.7):
        policy["boosts"] = []
        for number in range(rng.randrange(1, 4)):
            attribute = rng.choice(GROUPS)[0]
            policy["boosts"].append({
                "rule_id": f"rule {number}", "attribute": attribute, "add": rng.randrange(-5, 9),
                "groups": [each[1] for each in rng.sample(GROUPS, 4) if each[0] == attribute]})
    if chance(0.4):
        policy["team_caps"] = [{"team_id": team, "most": rng.randrange(4)} for team in some(teams)]
    if chance(0.8):
        policy["ring_us"] = seconds(10, 20, 30)
    if chance(0.6):
        policy["ask_again_us"] = seconds(0, 20, 60)
    for member, share, values in (
            ("callback_after_us", 0.7, (0, 15, 30, 60)), ("callback_within_us", 0.7, (30, 90, 300)),
            ("call_again_us", 0.7, (0, 10, 30))):
        if chance(share):
            policy[member] = seconds(*values)
    if chance(0.7):
        policy["call_attempts_max"] = rng.randrange(1, 4)
    return policy


def random_needs(skills):
    return [{"skill": skill, "min_level": rng.randrange(5)} for skill in some(skills, 2)]


def random_skills(skills, now):
    return {skill: {"level": rng.randrange(6), **(
        {"expires_at": moment(now + seconds(60, 300, 600, 90_000))} if chance(0.2) else {})}
        for skill in skills if chance(0.7)}


def random_operator(d, now):
    queues = list(d["queues"])
    made = {"role": rng.choices(ROLES, [6, 3, 1])[0], "centre_id": "c",
            "queues": {queue: {"tier": rng.randrange(3)} if chance(0.5) else {}
                       for queue in queues if chance(0.7)},
            "skills": random_skills(list(d["skills"]), now),
            "capacity": {"phone": 1, "chat": rng.choice([0, 2, 2, 3, 3])}}
    if chance(0.3):
        made["capacity"]["email"] = rng.randrange(4)
    if chance(0.1):
        made["capacity"]["phone"] = 2
    if chance(0.8):
        made["team"] = rng.choice(list(d["teams"]))
    return made


def random_queue(d, policy):
    made = {"centre_id": "c", "required_skills": random_needs(list(d["skills"]))}
    if chance(0.1):  # more reasons than a record holds
        d["skills"] |= {name: {} for name in RARE}
        made["required_skills"] = [{"skill": name, "min_level": rng.randrange(5)}
                                   for name in RARE]
    if policy is not None:
        made["policy_id"] = policy
    if chance(0.6):
        made["calendar_id"] = rng.choice(list(d["calendars"]))
    return made


def random_calendar():
    """Hours that begin and end within the minutes that a history lasts."""
    zone = rng.choice(["Europe/Rome", "America/New_York", "Asia/Kathmandu", None])
    local = (EPOCH + datetime.timedelta(microseconds=START)).astimezone(
        zoneinfo.ZoneInfo(zone or "Europe/Rome"))

    def clock(minutes):
        return (local + datetime.timedelta(minutes=minutes)).strftime("%H:%M")

    cuts = sorted(rng.sample(range(-2, 25), rng.choice([2, 4])))
    hours = [f"{clock(start)}-{clock(end)}" for start, end in zip(cuts[::2], cuts[1::2])]
    made = {"version": 1, "weekly": {"mon": hours}} if chance(0.7) else \
        {"version": 1, "weekly": {"mon-fri": ["03:00-03:10"]},
         "exceptions": {local.date().isoformat(): hours if chance(0.7) else []}}
    if zone:
        made["zone"] = zone
    return made


def random_overflow(queues, own):
    others = [queue for queue in queues if queue != own or chance(0.1)]
    rules = []
    for _ in range(rng.randrange(3)):
        rule = {"to": rng.choice(others)} if others else None
        if rule is not None:
            if chance(0.7):
                rule["after_us"] = seconds(15, 30, 60, 120)
            if "after_us" not in rule or chance(0.3):
                rule["length"] = rng.randrange(4)
            rules.append(rule)
    return rules


def described(now, many):
    """A random description of an organisation."""
    d = {"skills": {name: {} for name in SKILLS[:rng.randrange(2, 5)]}, "centres": {"c": {}},
         "teams": {name: {"centre_id": "c"} for name in TEAMS[:rng.randrange(2, 4)]}}
    d["calendars"] = {name: random_calendar() for name in CALENDARS}
    policies = POLICIES[:rng.randrange(1, 4)]
    d["routing_policies"] = {
        name: random_policy(1, list(d["skills"]), list(d["teams"])) for name in policies}
    names = QUEUES[:rng.randrange(2, 5)]
    d["queues"] = {}
    for name in names:
        d["queues"][name] = random_queue(d, rng.choice(policies))
    if chance(0.7):
        d["queues"]["unrouted"] = random_queue(d, None)
    for name, queue in d["queues"].items():
        queue["overflow"] = random_overflow(list(d["queues"]), name)
    number = rng.randrange(25, 41) if many else rng.randrange(3, 13)
    d["operators"] = {name: random_operator(d, now)
                      for name in ["è 7/b"] + [f"op-{each}" for each in range(1, number)]}
    return d


def redescribed(d, now):
    """Another description of the same things, in which a few are otherwise."""
    d = copy.deepcopy(d)
    for _ in range(rng.randrange(1, 6)):
        what = rng.randrange(6)
        operator = rng.choice(list(d["operators"].values()))
        queue = rng.choice(list(d["queues"].values()))
        if what == 0:
            policy = rng.choice(list(d["routing_policies"]))
            version = d["routing_policies"][policy]["version"] + 1
            d["routing_policies"][policy] = random_policy(
                version, list(d["skills"]), list(d["teams"]))
        elif what == 1:
            operator["skills"] = random_skills(list(d["skills"]), now)
        elif what == 2:
            operator["queues"] = random_operator(d, now)["queues"]
        elif what == 3:
            operator["capacity"] = random_operator(d, now)["capacity"]
        elif what == 4:
            queue["required_skills"] = random_needs(list(d["skills"]))
            queue["calendar_id"] = rng.choice(list(d["calendars"]))
        elif chance(0.3):
            queue.pop("policy_id", None)
        else:
            queue["policy_id"] = rng.choice(list(d["routing_policies"]))
    return d


# --- a random life -----------------------------------------------------------------------------

def made_event(kind, subject, time, data=None, tags=()):
    event = {"specversion": "1.0", "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
             "source": "urn:test", "type": kind, "schema": 1, "subject": subject,
             "time": moment(time)}
    if tags:
        event["tags"] = " ".join(tags)
    if data is not None:
        event["data"] = data
    return event


def encoded(text):
    return re.sub(r"[\s%\x00-\x1f\x7f]", lambda found: urllib.parse.quote(found[0]), text)


def stream_of(operator):
    return "operator/" + encoded(operator).replace("/", "%2F")


class Life:
    """Appends what may follow, as the book of the log so far tells it."""

    def __init__(self, description, now):
        self.description, self.now, self.book, self.arrived = description, now, Book(), 0
        self.events, self.versions = [], {}

    def read(self):
        for line in done("export", "--from", str(len(self.events))).splitlines():
            self.events.append(json.loads(line))
            self.book.apply(len(self.events) - 1, self.events[-1])

    def tell(self, *events):
        """Appends each, and keeps the book."""
        done("append", at=self.now, data="\n".join(map(json.dumps, events)).encode())
        self.read()

    def event(self, kind, contact, data=None, operator=None, tags=()):
        tags = [*tags, *([f"operator:{encoded(operator)}"] if operator is not None else [])]
        time = self.now - rng.choice([0, 0, 0, 0, SECOND, 3 * SECOND, 250_000])
        return made_event(kind, contact, time, data, tags)

    def queued(self, stream, queue, reason=None):
        data = {"queueId": queue}
        if reason:
            data["enqueueReason"] = reason
        if chance(0.4):
            data["priority"] = rng.randrange(-2, 6)
        if chance(0.4):
            data["requiredSkills"] = [{"skill": each["skill"], "minLevel": each["min_level"]}
                                      for each in random_needs(list(self.description["skills"]))]
        return self.event("contact.queued", stream, data)

    def called_back(self, stream, queue=None):
        data = {"queueId": queue or self.queue()}
        start, end = seconds(-10, 0, 10, 30), seconds(10, 40, 120)
        if chance(0.4):
            data["windowStart"] = moment(self.now + start)
        if chance(0.4):
            data["windowEnd"] = moment(self.now + max(start, end))
        if chance(0.5):
            data["place"] = rng.choice(["kept", "anew", "anew"])
        return self.event("contact.callback_requested", stream, data)

    def queue(self):
        return rng.choice([*self.description["queues"]] * 10 + ["nowhere"])

    def arrival(self):
        self.arrived += 1
        stream = f"contact/{self.arrived}" + rng.choice(["", "", "é"])
        data = {"channel": rng.choice(["phone", "phone", "chat", "chat", "email", "video"]),
                "direction": "in"}
        if chance(0.4):
            data["languageOffered"] = rng.choice(ASKED)
        tags = [f"group.{attribute}:" + (encoded(group) if chance(0.5)
                                         else urllib.parse.quote(group, safe=""))
                for attribute, group in some(GROUPS, 2)] if chance(0.6) else []
        yield self.event("contact.received", stream, data, tags=tags)
        if chance(0.1):
            yield self.called_back(stream)
        elif chance(0.95):
            yield self.queued(stream, self.queue(), rng.choice([None, "first"]))

    def operator_turn(self):
        name = rng.choice(list(self.description["operators"]))
        callers = [each.hand for each in self.book.state.contacts.values()
                   if each.phase in ("taken", "dialled") and each.hand is not None]
        if callers and chance(0.3):
            name = rng.choice(callers)
        operator, stream = self.book.state.operator(name), stream_of(name)
        if not operator.logged_in:
            yield self.event("operator.logged_in", stream, operator=name)
        elif chance(0.4 if name in callers else 0.15):
            yield self.event("operator.logged_out", stream, operator=name)
        else:
            to = rng.choice(["available"] * 4 + ["on_contact", "after_work", "ringing", "break"])
            if operator.status != "available" and chance(0.6):
                to = "available"
            if to != operator.status:
                yield self.event("operator.status_changed", stream,
                                 {"from": operator.status, "to": to}, name)

    def contact_turn(self, contact):
        """What comes next of one contact."""
        stream, name, queue = contact.stream, contact.hand, contact.queue
        anybody = rng.choice(list(self.description["operators"]))

        def say(kind, data=None, operator=name):
            return self.event("contact." + kind, stream, data, operator)

        def leaves(reason):
            return say("left_queue", {"queueId": queue, "reason": reason})

        def connects(who=name):
            return say("connected", {"operatorId": who}, who)
        if not contact.talking and (contact.callback is not None or contact.phase == "unreached"):
            return self.callback_turn(contact, say, leaves)
        others = [say("after_work_ended", {"operatorId": anybody}, anybody)] * (
            contact.speaker not in (None, anybody))
        if contact.phase == "received":
            return [say("blocked", {"reason": "queue_full"})] if chance(0.1) else \
                [self.queued(stream, self.queue())]
        if contact.phase == "blocked":
            return rng.choice([[], [self.called_back(stream)], [say("closed")],
                               [say("disconnected", {"by": "system"})]])
        if contact.phase == "waiting" and chance(0.5 if contact.told else 0.05):
            return [leaves("callback_accepted"), self.called_back(stream, queue)]
        if contact.phase == "waiting":
            return rng.choice([[]] * 6 + [
                [leaves("abandoned"), say("abandoned", {"stage": "queue"})],
                [leaves("transferred"), self.queued(stream, self.queue(), "transfer")],
                [leaves("timeout"), self.queued(stream, self.queue(), "requeue")],
                [leaves("answered"), connects(anybody)]])
        if contact.phase == "offered":
            return rng.choice([[]] * 2 + [[say("offer_accepted", {"operatorId": name})]] * 4 + [
                [say("offer_declined", {"operatorId": name})],
                [say("offer_missed", {"operatorId": name})],
                [say("offer_rescinded", {"operatorId": name})],
                [leaves("answered"), connects()], [leaves("answered"), connects()],
                [leaves("abandoned"), say("abandoned", {"stage": "ringing"})],
                [leaves("transferred"), self.queued(stream, self.queue(), "transfer")]])
        if contact.phase == "accepted":
            return rng.choice([[]] + [[leaves("answered"), connects()]] * 4 + [
                [leaves("answered")], [say("offer_rescinded", {"operatorId": name})],
                [leaves("abandoned"), say("abandoned", {"stage": "queue"})]])
        if contact.phase == "answered":
            return rng.choice([[connects()], [say("abandoned", {"stage": "ringing"})],
                               [self.queued(stream, self.queue(), "requeue")]])
        if contact.phase == "connected":
            return rng.choice([[]] * 2 + [[say("disconnected", {"by": "citizen"})]] * 5 + [
                [say("transferred", {"mode": "warm"})],
                [self.queued(stream, self.queue(), "transfer")], [say("held")], [say("held")],
                [say("outcome_recorded", {"kind": "information_given"})],
                [say("abandoned", {"stage": "hold"})], [self.called_back(stream)], others])
        if contact.phase == "held":
            return rng.choice([[]] + [[say("resumed")]] * 3 + [
                [self.called_back(stream)], [self.called_back(stream), say("callback_expired")],
                [say("disconnected", {"by": "citizen"})], [say("transferred", {"mode": "blind"})],
                [self.queued(stream, self.queue(), "transfer")],
                [say("abandoned", {"stage": "hold"})]])
        if contact.phase == "transferred":
            return rng.choice([[self.queued(stream, self.queue(), "transfer")],
                               [self.called_back(stream)],
                               [connects(anybody)], [say("disconnected", {"by": "citizen"})]])
        if contact.phase == "disconnected":
            return rng.choice([[], [say("after_work_ended", {"operatorId": name})],
                               others, [self.called_back(stream)],
                               [say("outcome_recorded", {"kind": "unresolved"})],
                               [say("closed")]])
        if contact.phase == "finishing" and chance(0.5):
            return [say("after_work_ended", {"operatorId": name})]
        if contact.phase in ("abandoned", "gave_up") and chance(0.05):
            return [say("closed")]
        if contact.phase == "abandoned_in_conversation":
            return [say("disconnected", {"by": "citizen"})]
        return []

    def intervention(self, contact):
        """Somebody changes where a contact goes, or when."""
        if chance(0.3):
            return self.event("routing.priority_changed", contact.stream,
                              {"priority": rng.randrange(-5, 6), "reason": "at risk"})
        kind = rng.choice(["operator"] * 4 + ["queue"])
        at_work = [name for name, each in self.book.state.operators.items() if each.logged_in]
        name = rng.choice(at_work or list(self.description["operators"])) \
            if kind == "operator" else self.queue()
        return self.event("routing.overridden", contact.stream, {
            "decisionId": contact.decision, "newSelection": kind, "newSelectionId": name,
            "overriddenBy": "lead", "justification": "knows the case"})

    def callback_turn(self, contact, say, leaves):
        """What comes next of a contact that is to be called back."""
        stream, name = contact.stream, contact.hand
        caller = name or rng.choice(list(self.description["operators"]))
        calls = say("callback_attempted", {"operatorId": caller}, caller)
        gives_up = say("abandoned", {"stage": "queue"})
        back = self.queued(stream, self.queue(), rng.choice(["requeue", "callback"]))
        if contact.phase == "unreached":
            return rng.choice([[]] * 9 + [[self.called_back(stream)], [
                say("disconnected", {"by": "citizen"})]])
        if contact.phase == "waiting":
            return rng.choice([[]] * 12 + [
                [leaves("abandoned"), gives_up], [leaves("answered"), calls], [leaves("key_exit")],
                [leaves("timeout"), back], [say("wait_announced", {})]])
        if contact.phase == "offered":
            return rng.choice([[]] + [[say("offer_accepted", {"operatorId": name})]] * 3 + [
                [say("offer_declined", {"operatorId": name})], [leaves("answered")],
                [leaves("answered"), calls], [leaves("abandoned"), gives_up]])
        if contact.phase == "accepted":
            return rng.choice([[]] + [[leaves("answered")]] * 3 + [
                [leaves("answered"), calls], [say("offer_rescinded", {"operatorId": name})]])
        if self.book.state.is_finishing(contact) and chance(0.5):
            return [say("after_work_ended", rng.choice([{}, {"operatorId": name}]))]
        hangs_up = say("disconnected", {"by": "citizen"})
        if contact.phase in ("to call", "taken") and chance(0.1):
            return [hangs_up]
        if contact.phase == "taken":
            return rng.choice([[], [back], [gives_up]] + [[calls]] * 6)
        if contact.phase == "dialled":
            return rng.choice([[]] + [[say("callback_failed", {"outcome": "busy"})]] * 4 + [
                [say("callback_reached", {}), say("connected", {"operatorId": caller}, caller)],
                [say("callback_reached", {})]] * 2)
        return rng.choice([[]] * 12 + [[gives_up], [calls], [back], [self.called_back(stream)]])

    def step(self):
        self.now += rng.choice([1, 2, 5, 5, 10, 10, 20, 30]) * SECOND + 500_000 * chance(0.2)
        told = [self.intervention(contact) for contact in self.book.state.contacts.values()
                if contact.waiting and contact.decision and chance(0.06)]
        for _ in range(rng.randrange(3)):
            told += self.arrival()
        for contact in list(self.book.state.contacts.values()):
            if chance(0.35):
                told += self.contact_turn(contact)
        if chance(0.8):
            told += self.operator_turn()
        if told:
            self.tell(*told)

    def reorganise(self):
        changed = redescribed(self.description, self.now)
        shift = rng.choice([None, None, seconds(20, 60, 120), -seconds(20, 60)])
        ended = run("org", "apply", "-", "--by", "desk",
                    *([] if shift is None else ["--from", moment(self.now + shift)]),
                    at=self.now, data=json.dumps({
                        "decision": {"ref": f"act {len(self.events)}"}, **changed}).encode())
        if ended.returncode:
            raise SystemExit(f"seed {options.seed}: org apply: {ended.stderr.decode()}"
                             f"{json.dumps(changed)}")
        self.description = changed
        self.read()

    def correct(self, *kinds):
        """An event was otherwise, or never happened; where it can be, of a contact that waits."""
        void = {event["data"]["target"] for event in self.events
                if event["type"] == "meta.event_voided"}
        found = [event for event in self.events
                 if event["type"] in kinds and event["id"] not in void]
        if not found:
            return
        waiting = [event for event in found if event["subject"].startswith("contact/")
                   and self.book.state.contacts[event["subject"]].waiting]
        event = rng.choice(waiting or found)
        patch = {"operator.skill_granted": {"level": rng.randrange(6)},
                 "operator.queue_joined": {"tier": 3}, "contact.queued": {"priority": 7},
                 "operator.logged_in": {"site": "home"},
                 "routing.priority_changed": {"priority": rng.randrange(-5, 6)},
                 "routing.overridden": {
                     "newSelectionId": rng.choice(list(self.description["operators"]))}}
        words = ["--reason", "a slip", "--authority", "office"]
        done(*(["correct", event["id"], "--patch", json.dumps(patch[event["type"]])]
               if chance(0.7) else ["void", event["id"]]), *words, at=self.now)
        self.read()

    def tally(self):
        """Who waits, and about whom no router can do anything."""
        state, organisation = self.book.state, self.book.organisation
        waiting = [each for each in state.contacts.values() if each.waiting]
        routed = [each for each in waiting if policy_of(organisation, each, self.now)]
        served = {name for parts in organisation.at(self.now)["operators"].values()
                  for part, name in parts if part == "queues"}
        staffed = {queue for name, parts in organisation.at(self.now)["operators"].items()
                   for part, queue in parts
                   if part == "queues" and name in state.operators
                   and state.operators[name].logged_in}
        return {"left_aside": 0, "waiting": len(waiting),
                "waiting_without_policy": len(waiting) - len(routed),
                "waiting_unserved": sum(each.queue not in served for each in routed),
                "waiting_unstaffed": sum(each.queue in served - staffed for each in routed),
                "queues_without_policy": sorted({each.queue for each in waiting
                                                 if each not in routed}, key=str.encode)}

    def route(self):
        """As often as it likes; the second time nothing is left to do."""
        for name in ["1", "2"][:rng.randrange(1, 3)]:
            size = len(self.events)
            ended = run("route", "--once", "--name", name, at=self.now)
            self.read()
            checks.that(ended.returncode == 0, f"{self.where()}: route: {ended.stderr.decode()}")
            if ended.returncode:
                return
            answer = json.loads(ended.stdout)
            new = self.events[size:]
            checks.that(all(event["source"] == f"urn:ascolto:router:{name}" for event in new),
                        f"{self.where()}: sources of {new}")
            checks.same(answer, {"decisions": sum(event["type"] == "routing.decided"
                                                  for event in new), "conflicts": 0,
                                 **self.tally()}, f"{self.where()}: the answer")
            if name == "2":
                checks.same(new, [], f"{self.where()}: what a second router appends")
        self.nothing_left()

    def where(self):
        return f"{WHAT}, event {len(self.events)} at {moment(self.now)}"

    def nothing_left(self):
        """After `route`: nothing is left to decide or to end, and nobody has too much at hand."""
        state, organisation = self.book.state, self.book.organisation
        for contact in state.contacts.values():
            checks.that(callback_step(state, contact, self.now) is None,
                        f"{self.where()}: {contact.stream} is not called back in time")
            checks.that(not comes_to_something(state, organisation, contact, self.now),
                        f"{self.where()}: {contact.stream} is left, "
                        f"{decide(state, organisation, contact, self.now)}")
            chosen = overridden(state, organisation, contact, self.now)
            if chosen is not None:
                checks.that(contact.phase == "accepted" or not can_be_done(
                    state, organisation, contact, self.now),
                            f"{self.where()}: {contact.stream} was to go to {chosen}")
                counts["overrides that wait"] += 1
            if contact.offer is not None:
                rings = contact.offer.get("ringUs")
                checks.that(rings is None or self.now < contact.offer["time"] + rings,
                            f"{self.where()}: {contact.stream} still rings")
                checks.that(state.operator(contact.hand).logged_in,
                            f"{self.where()}: {contact.stream} rings with who has logged out")


# --- what the router appended ------------------------------------------------------------------

def follows(events):
    """Offers, overflow and ends of offers by the router, held against its decisions."""
    book = Book()
    for position, event in enumerate(events):
        what = f"{WHAT}, event {position}"
        by_router = event["source"].startswith("urn:ascolto:router:")
        contact = book.state.contacts.get(event["subject"])
        now, data = micros(event["time"]), event.get("data") or {}
        rest = events[position + 1:]
        if event["type"] == "routing.decided":
            counts["decided " + data["selected"]] += 1
            counts[f"trigger {data['trigger']}"] += 1
            counts[f"told by {data.get('decidedBy')}"] += 1
            routed = policy_of(book.organisation, contact, now)
            checks.that(f"operator:{encoded(data['selectedId'])}" in event["tags"].split(" ")
                        if data["selected"] == "operator" else True, f"{what}: its tags")
            if data["selected"] == "operator":
                next_one = rest[0] if rest else {}
                ring = (routed or [{}] * 3)[2].get("ringUs")
                checks.same((next_one.get("type"), next_one.get("subject"), next_one.get("data")),
                            ("contact.offer_made", event["subject"],
                             {"operatorId": data["selectedId"], "decisionId": event["id"],
                              **({} if ring is None else {"ringUs": ring})}),
                            f"{what}: what follows from it")
            elif data["selected"] == "overflow_queue":
                said = [(each["type"], each["subject"], each["data"]) for each in rest[:2]]
                kept = {"queueId": data["selectedId"], "enqueueReason": "overflow"}
                if contact.priority:
                    kept["priority"] = contact.priority
                if contact.needs:
                    kept["requiredSkills"] = contact.needs
                if len(said) == 2 and said[1][2].get("priority") == 0:
                    kept["priority"] = 0
                checks.same(said, [
                    ("contact.left_queue", event["subject"],
                     {"queueId": data["queueId"], "reason": "overflowed"}),
                    ("contact.queued", event["subject"], kept)], f"{what}: what follows from it")
            elif data["selected"] == "callback":
                said = [(each["type"], each["subject"], each["data"]) for each in rest[:1]]
                checks.same(said, [("contact.wait_announced", event["subject"], {
                    "alternativesOffered": ["callback"], "decisionId": event["id"]})],
                    f"{what}: what follows from it")
        elif by_router:
            counts["appended " + event["type"]] += 1
            if event["type"] == "contact.offer_made":
                checks.that(contact.phase == "waiting" and contact.hand is None,
                            f"{what}: a second offer of {contact.stream}")
                things = book.organisation.at(now)["operators"].get(data["operatorId"], {})
                hand = book.state.operator(data["operatorId"]).hand
                same = sum(book.state.contacts[each].busies == contact.channel for each in hand)
                most = (things.get(("capacity", contact.channel)) or {}).get("maxConcurrent", 1)
                checks.that(same < most, f"{what}: {same} at hand of {most}")
                if "decisionId" in data:
                    checks.same((events[position - 1]["type"], events[position - 1]["id"]),
                                ("routing.decided", data["decisionId"]), f"{what}: its decision")
                else:
                    checks.same(overridden(book.state, book.organisation, contact, now),
                                ("operator", data["operatorId"]), f"{what}: who wants it")
                    counts["overrides followed"] += 1
                tags = event["tags"].split(" ")
                checks.that(f"operator:{encoded(data['operatorId'])}" in tags, f"{what}: its tags")
            elif event["type"] in ("contact.offer_missed", "contact.offer_rescinded"):
                offer = contact.offer or {}
                checks.same(data.get("operatorId"), contact.hand, f"{what}: whose offer")
                gone = contact.gone
                late = offer.get("ringUs") is not None and now >= offer["time"] + offer["ringUs"]
                chosen = contact.phase == "offered" and can_be_done(
                    book.state, book.organisation, contact, now)
                counts["offers rescinded by overrides"] += chosen
                checks.that(gone or chosen if event["type"].endswith("rescinded") else late,
                            f"{what}: {event['type']} of {offer}, logged out: {gone}")
            elif event["type"] == "contact.wait_announced":
                checks.same((events[position - 1]["type"], events[position - 1]["id"]),
                            ("routing.decided", data["decisionId"]), f"{what}: its decision")
            elif event["type"] == "contact.queued" and data["enqueueReason"] == "callback":
                kept = {"queueId": contact.callback.queue if contact.callback else None,
                        "enqueueReason": "callback",
                        **({"priority": contact.priority} if contact.priority else {}),
                        **({"requiredSkills": contact.needs} if contact.needs else {})}
                checks.same((callback_step(book.state, contact, now), data), ("queue", kept),
                            f"{what}: a callback is queued")
                counts["callbacks agreed upon in conversations"] += contact.agreed
                checks.that(not any(
                    other.callback and other.callback.position < contact.callback.position
                    and callback_step(book.state, other, now) == "queue"
                    for other in book.state.contacts.values()),
                    f"{what}: it was promised later than another one")
            elif event["type"] == "contact.callback_expired":
                left = events[position - 1]
                has_left = (left["type"], left["subject"], left["source"]) == (
                    "contact.left_queue", event["subject"], event["source"])
                checks.that(has_left or callback_step(book.state, contact, now) == "expire",
                            f"{what}: a callback expires")
            elif event["type"] == "contact.left_queue" and data["reason"] == "timeout":
                checks.same((callback_step(book.state, contact, now), contact.waiting,
                             rest[0]["type"], rest[0]["subject"], data["queueId"]),
                            ("expire", True, "contact.callback_expired", event["subject"],
                             contact.queue), f"{what}: what expires leaves its queue")
            else:
                checks.that(event["type"] in ("contact.left_queue", "contact.queued")
                            and (any(each["type"] == "routing.decided"
                                     and each["subject"] == event["subject"]
                                     for each in events[position - 2:position])
                                 or contact.override is not None and contact.override[1]
                                 and contact.override[1][0] == "queue"),
                            f"{what}: {event['type']} without a decision")
        book.apply(position, event)


def most_urgent(known, contact, position, event):
    """Nobody who could have been decided instead comes before the one who was."""
    now, state, organisation = micros(event["time"]), known.state, known.organisation
    what = f"{WHAT}, event {position}"
    checks.that(comes_to_something(state, organisation, contact, now),
                f"{what}: a decision that comes to nothing new")
    own = policy_of(organisation, contact, now)
    for other in state.contacts.values():
        if own and other is not contact and comes_to_something(state, organisation, other, now):
            policy = policy_of(organisation, other, now)[2]
            checks.that(urgency(contact, own[2]) < urgency(other, policy),
                        f"{what}: {contact.stream} is decided before {other.stream}, "
                        f"{urgency(contact, own[2])} {urgency(other, policy)}")


def told_apart(name, found, wanted):
    if name in ("candidates", "ruleTrace") and found and wanted and len(found) == len(wanted):
        found, wanted = zip(*(each for each in zip(found, wanted) if each[0] != each[1]))
    return f"{name}: {compact(found)}, not {compact(wanted)}"


def hold(events):
    """Every decision, made again here."""
    for position, event, made in again(events, most_urgent):
        what = f"{WHAT}, event {position}, decision of {event['subject']}"
        counts["decisions"] += 1
        if not isinstance(made, dict):
            checks.that(False, f"{what}: {made} here")
            continue
        names = differing(event["data"], made)
        checks.that(not names, f"{what}: " + "; ".join(
            told_apart(name, event["data"].get(name), made.get(name)) for name in names))


def hold_generated():
    """What the simulation of a municipality with centres of all types decides."""
    done("generate", "--days", str(options.generated), "--contacts-per-day", "300", "--centres",
         "4", "--seed", str(options.seed))
    events = [json.loads(line) for line in done("export").splitlines()][1:]
    hold(events)
    follows(events)
    kinds = collections.Counter(event["type"] for event in events)
    checks.that(kinds["contact.transferred"] and counts["decided overflow_queue"],
                f"{WHAT}: second level and overflow: {kinds}")
    return sum(event["type"] == "routing.decided" for event in events)


def redecided(log=None):
    ended = run("redecide", "--format", "json", log=log)
    if ended.returncode not in (0, 1):
        raise SystemExit(f"{WHAT}: redecide: {ended.returncode} {ended.stderr.decode()}")
    return ended.returncode, json.loads(ended.stdout)


# --- why a contact waited ------------------------------------------------------------------------

def standing(book, subject, now):
    """How a contact waits: in which queue, since when there and at all, with how many points."""
    contact = book.state.contacts.get(subject)
    if contact is None or not contact.waiting:
        return None
    own = policy_of(book.organisation, contact, now)
    points = points_of(contact, own[2]) if own else heeded(contact)
    return contact.queue, contact.entered, contact.began, points


def waits_here(events, subject):
    """The waits of a contact, with who left its queue meanwhile, or was offered to somebody."""
    book, told, current = Book(), [], None
    for position, event in enumerate(events):
        now = micros(event["time"])
        if current and event["subject"] != subject and event["type"] in (
                "contact.left_queue", "contact.offer_made"):
            own, other = standing(book, subject, now), standing(book, event["subject"], now)
            if own and other and own[0] == other[0]:
                turn = "earlier" if other[2] < own[2] else \
                    "more_points" if other[3] > own[3] else "out_of_turn"
                current["offered"] = [each for each in current["offered"]
                                      if each[1] != event["subject"]]
                found = position, event["subject"], turn, other[3]
                if event["type"] == "contact.offer_made":
                    current["offered"].append(found)
                elif event["data"]["reason"] == "answered":
                    current["answered"].append(found)
                else:
                    current["left_unanswered"] += 1
        book.apply(position, event)
        if event["subject"] != subject:
            continue
        after = standing(book, subject, now)
        if current and (after is None or after[:2] != current["key"]):
            told.append({**current, "ended": position})
            current = None
        if current is None and after is not None:
            current = {"key": after[:2], "begun": position, "ended": None, "answered": [],
                       "offered": [], "left_unanswered": 0, "points": after[3]}
    return told + ([current] if current else [])


def hold_waits(events):
    """What is told of waits is what happened, and what operators did fills them."""
    now = max(micros(event["time"]) for event in events) + SECOND
    subjects = sorted({event["subject"] for event in events if event["type"] == "contact.queued"})
    for subject in rng.sample(subjects, min(6, len(subjects))):
        told = json.loads(done("explain", "contact", subject.partition("/")[2], "--why", "--format",
                               "json", at=now))
        found = [(wait["queue"], wait["begun"], wait["ended"], wait["points"],
                  *[[(each["position"], each["contact"], each["turn"], each["points"])
                     for each in wait[how]] for how in ("answered", "offered")],
                  wait["left_unanswered"])
                 for wait in told["waits"]]
        wanted = [(wait["key"][0], wait["begun"], wait["ended"], wait["points"], wait["answered"],
                   wait["offered"], wait["left_unanswered"]) for wait in waits_here(events, subject)]
        counts["waits"] += len(found)
        counts["others answered in them"] += sum(len(wait[4]) for wait in found)
        checks.same(found, wanted, f"{WHAT}: waits of {subject}")
        for wait in told["waits"]:
            for operator in wait["operators"]:
                spent = sum(operator["occupations"].values())
                checks.that(0 < spent <= wait["waited_us"],
                            f"{WHAT}: {operator} in {wait['waited_us']} µs of {subject}")
        # Routing goes by what was said then; the story, by what has been said since.
        corrected = any(event["subject"] == subject and event["type"].startswith("meta.")
                        for event in events)
        if told["waits"] and told["waits"][-1]["ended"] is None and not corrected:
            checks.same(told["waiting_us"], told["waits"][-1]["waited_us"],
                        f"{WHAT}: how long {subject} has waited")


def hold_untold(events):
    """Whom a record does not tell of, is told of all the same."""
    bounded_ones = [event for event in events if event["type"] == "routing.decided"
                    and event["data"]["candidatesTotal"] > LISTED]
    for event in rng.sample(bounded_ones, min(2, len(bounded_ones))):
        made = next(made for _, each, made in again(events, whole=True) if each is event)
        for candidate in rng.sample(made["candidates"][LISTED:], 1) + made["candidates"][:1]:
            told = json.loads(done("explain", "decision", event["id"], "--operator",
                                   candidate["operatorId"], "--format", "json"))
            checks.that(told["serves_queue"] and told["chosen"] == (
                made.get("selectedId") == candidate["operatorId"]), f"{WHAT}: {told}")
            words = candidate.get("reasonsExcluded", [])
            parts = 0 if told["text"].startswith("could take it") else told["text"].count(", ") + 1
            checks.that(bool(words) == bool(parts), f"{WHAT}: {told['text']}, not {words}")
            counts["untold told"] += 1


# --- one thing changed -------------------------------------------------------------------------

def sub(value, other):
    """Another value of the same kind."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value + rng.choice([1, 1, 2, 7])
    return other


def change_decision(events):
    """Something that a decision says of itself."""
    event = rng.choice([each for each in events if each["type"] == "routing.decided"])
    data = event["data"]
    listed = data.get("candidates") or []
    scored = [each for each in listed if each.get("scoreParts")]
    hindered = [each for each in listed if each.get("reasonsExcluded")]
    what = rng.choice([
        "selected", "selectedId", "draw", "drawKey", "score", "reason", "no reason", "need",
        "policyHash", "policyVersion", "policyId", "queueId", "waitedUs", "points", "inQueue",
        "ahead", "candidatesTotal", "candidatesEligible", "candidatesDigest", "decidedBy",
        "trigger", "ruleTrace", "order", "candidate", "less", "engineVersion", "alsoKnew",
        "knewUpTo", "knewUpTo"])
    if what == "selected":
        kind = rng.choice([each for each in ("operator", "overflow_queue", "none", "callback")
                           if each != data["selected"]])
        data["selected"] = kind
    elif what == "selectedId" and "selectedId" in data:
        data["selectedId"] = rng.choice([each["operatorId"] for each in listed] + ["front", "x"])
    elif what == "score" and scored:
        part = rng.choice(rng.choice(scored)["scoreParts"])
        part["value"] += rng.choice([-1, 1])
    elif what == "reason" and hindered:
        reason = rng.choice(rng.choice(hindered)["reasonsExcluded"])
        reason["reason"] = rng.choice(["role", "paused", "on_contact", "not_logged_in"])
    elif what == "no reason" and hindered:
        each = rng.choice(hindered)
        each["reasonsExcluded"].pop()
        if not each["reasonsExcluded"]:
            del each["reasonsExcluded"]
    elif what == "need" and hindered:
        reason = rng.choice(rng.choice(hindered)["reasonsExcluded"])
        reason["need"] = (reason.get("need") or 0) + 1
    elif what == "order" and len(listed) > 1:
        listed.reverse()
    elif what == "candidate" and listed:
        rng.choice(listed)["operatorId"] = "somebody"
    elif what == "less" and listed:
        listed.remove(rng.choice(listed))
    elif what == "ruleTrace" and data.get("ruleTrace"):
        rule = rng.choice(data["ruleTrace"])
        member = rng.choice(["result", *rule])
        if member == "result":
            rule["result"] = "skipped" if rule["result"] == "matched" else "matched"
        elif member == "rule":
            rule["rule"] = rng.choice([kind for kind in FIRST_NAMES if kind != rule["rule"]])
        else:
            rule[member] = sub(rule[member], f"{rule[member]}x")
    elif what == "trigger":
        data[what] = rng.choice(["contact_arrived", "overflow", "callback", "offer_ended",
                                 "operator_freed", "timer"])
    elif what == "decidedBy" and what in data:
        data[what] = rng.choice(["only_one", "draw", "tier", "freed_earlier"])
    elif what in ("policyHash", "candidatesDigest", "drawKey") and what in data:
        data[what] = data[what][:-1] + ("0" if data[what][-1] != "0" else "1")
    elif what == "knewUpTo":
        place = next(number for number, each in enumerate(events)
                     if each["id"] == data["knewUpTo"])
        data[what] = events[max(0, place - rng.randrange(1, 9))]["id"]
    elif what in data:
        data[what] = sub(data[what], data[what] + "x" if isinstance(data[what], str) else None)
    else:
        return None
    return f"{what} of the decision {event['id']}"


def pick(events, *kinds):
    found = [each for each in events if each["type"] in kinds]
    return rng.choice(found) if found else None


def change_policy(events):
    event = pick(events, "routing.policy_published")
    data = event["data"]
    what = rng.choice(["ageEveryUs", "ringUs", "askAgainUs", "rank", "boosts", "version", "roles",
                       "callbackAfterUs"])
    if what == "rank":
        data["rank"] = rng.sample(CRITERIA, 2) + ["random"]
    elif what == "boosts":
        data["boosts"] = [{"ruleId": "new", "attribute": "age", "groups": ["65+"], "add": 3}]
    elif what == "roles":
        data["roles"] = [{"role": "operator_l2"}]
    else:
        data[what] = (data.get(what) or 0) + 1
    return f"{what} of the policy {event['subject']}"


def change_skill(events):
    event = pick(events, "operator.skill_granted", "operator.skill_revised")
    if rng.random() < 0.8 or "expiresAt" not in event["data"]:
        event["data"]["level"] = rng.choice([each for each in range(6)
                                             if each != event["data"]["level"]])
    else:
        del event["data"]["expiresAt"]
    return f"the skill {event['data']} of {event['subject']}"


def change_settled(events):
    """Tiers, capacities, teams, roles and queues."""
    event = pick(events, "operator.queue_joined", "operator.capacity_changed",
                 "operator.team_assigned", "operator.hired", "org.queue_created",
                 "org.queue_changed")
    data = event["data"]
    if event["type"] == "operator.queue_joined":
        data["tier"] = (data.get("tier") or 0) + rng.choice([1, 2])
    elif event["type"] == "operator.capacity_changed":
        data["maxConcurrent"] = rng.choice([each for each in range(4)
                                            if each != data["maxConcurrent"]])
    elif event["type"] == "operator.team_assigned":
        data["teamId"] = rng.choice(TEAMS)
    elif event["type"] == "operator.hired":
        data["role"] = rng.choice(ROLES)
    elif chance(0.3) and data.get("policyId"):
        del data["policyId"]
    elif chance(0.2):
        data["calendarId"] = rng.choice(CALENDARS)
    elif chance(0.5):
        data["requiredSkills"] = [{"skill": rng.choice(SKILLS), "minLevel": rng.randrange(4)}]
    else:
        data["overflow"] = [{"to": rng.choice(QUEUES), "afterUs": seconds(5, 20)}]
    return f"{event['type']} of {event['subject']}: {data}"


def change_arrival(events):
    event = pick(events, "contact.received", "contact.queued")
    data = event["data"]
    if event["type"] == "contact.received":
        if chance(0.6):
            attribute, group = rng.choice(GROUPS)
            tags = f"group.{attribute}:{encoded(group)}"
            event["tags"] = tags if chance(0.5) else event.get("tags", tags)
            if event["tags"] == tags and chance(0.3):
                del event["tags"]
        elif chance(0.5):
            data["languageOffered"] = rng.choice(ASKED)
        else:
            data["channel"] = rng.choice(CHANNELS)
    elif chance(0.6):
        data["priority"] = (data.get("priority") or 0) + rng.choice([-3, 1, 8])
    elif chance(0.5):
        data["requiredSkills"] = [{"skill": rng.choice(SKILLS), "minLevel": rng.randrange(4)}]
    else:
        event["time"] = moment(micros(event["time"]) - seconds(1, 60))
    return f"{event['type']} of {event['subject']}: {data} {event.get('tags')}"


def change_offer(events):
    event = pick(events, "contact.offer_made")
    if event is None:
        return None
    names = [each["subject"].partition("/")[2] for each in events
             if each["type"] == "operator.hired"]
    other = urllib.parse.unquote(rng.choice(names))
    if other == event["data"]["operatorId"]:
        return None
    event["data"]["operatorId"] = other
    return f"the operator of the offer of {event['subject']} ({event['id']}): {other}"


def remove(events):
    event = pick(events, "operator.logged_in", "operator.logged_out", "operator.status_changed",
                 "contact.disconnected", "contact.after_work_ended", "contact.offer_missed",
                 "contact.offer_declined", "contact.offer_made", "routing.decided",
                 "operator.skill_granted", "operator.queue_joined", "operator.team_assigned",
                 "routing.overridden", "routing.priority_changed",
                 "contact.abandoned", "contact.wait_announced", "contact.wait_announced",
                 "contact.callback_requested", "contact.callback_failed",
                 "contact.callback_attempted")
    events.remove(event)
    return f"without {event['type']} of {event['subject']} ({event['id']})"


def insert(events):
    """What an operator did, somewhere: also between what a router knew and what it decided."""
    hired = pick(events, "operator.hired")
    at = rng.randrange(len(events) // 2, len(events))
    if chance(0.6):
        decided = [number for number, each in enumerate(events)
                   if each["type"] == "routing.decided" and each["data"]["alsoKnew"] == 0]
        at = rng.choice(decided)
    kind = rng.choice(["operator.logged_in", "operator.logged_out", "operator.status_changed"])
    name = urllib.parse.unquote(hired["subject"].partition("/")[2])
    data = {"from": "available", "to": rng.choice(["break", "available", "on_contact"])} \
        if kind.endswith("changed") else None
    events.insert(at, made_event(kind, hired["subject"], micros(events[at]["time"]), data,
                                 [f"operator:{encoded(name)}"]))
    return f"with {kind} of {hired['subject']} {data} at {at}"


CHANGES = [change_decision] * 4 + [
    change_policy, change_skill, change_settled, change_arrival, change_offer, remove, remove,
    insert]
CAUSES = {  # a word that says of which member it is, where it is the only one that differs
    "draw": "draw", "policyHash": "policy", "policyVersion": "policy", "policyId": "policy",
    "selected": "select", "selectedId": "select", "trigger": "trigger", "points": "points",
    "queueId": "queue", "inQueue": "queue", "ruleTrace": "rule", "follows": "what follows"}


def is_followed(events, position):
    """Whether right behind a decision stands what follows from it."""
    event, data = events[position], events[position]["data"]
    said = [(each["type"], each["subject"], each.get("data") or {})
            for each in events[position + 1:position + 3]]
    if data["selected"] == "operator":
        return any((kind, subject, then.get("decisionId"), then.get("operatorId")) == (
            "contact.offer_made", event["subject"], event["id"], data.get("selectedId"))
            for kind, subject, then in said[:1])
    if data["selected"] == "overflow_queue":
        return [(kind, subject, then.get("queueId"), then.get("reason"), then.get("enqueueReason"))
                for kind, subject, then in said] == [
            ("contact.left_queue", event["subject"], data["queueId"], "overflowed", None),
            ("contact.queued", event["subject"], data.get("selectedId"), None, "overflow")]
    if data["selected"] == "callback":
        return [(kind, subject, then) for kind, subject, then in said[:1]] == [
            ("contact.wait_announced", event["subject"],
             {"alternativesOffered": ["callback"], "decisionId": event["id"]})]
    return True


def in_first_version(events):
    """The same log, had its decisions been told in version 1 of their schema."""
    twin = copy.deepcopy(events)
    for position, event, _ in again(events):
        twin[position]["schema"] = 1
        twin[position]["data"]["engineVersion"] = 1
    # The rules of then, where they come to the same.
    for position, event, made in again(copy.deepcopy(twin)):
        if any(made.get(name) != events[position]["data"].get(name)
               for name in ("selected", "selectedId")):
            twin[position]["data"]["engineVersion"] = ENGINES[-1]
        counts["told by the first rules"] += twin[position]["data"]["engineVersion"] == 1
    for position, event, made in again(twin):
        knew = {name: event["data"][name] for name in ("knewUpTo", "alsoKnew")
                if name in event["data"]}
        event["data"] = knew | made
    return twin


def imported(events, log):
    """A log of these events; what is wrong is told, and then there is none."""
    lines = [json.dumps({name: value for name, value in event.items() if name not in LOG_SET})
             for event in events]
    ended = run("import", "ndjson", "-", log=log, data="\n".join(lines).encode())
    if ended.returncode == 0 and not json.loads(ended.stdout)["rejected"]:
        return True
    checks.that(False, f"{WHAT}: import: {ended.returncode} {ended.stderr.decode()}")
    return False


def hold_first_version(events):
    """Decisions that were told in version 1 are the same ones; nobody else's are."""
    log = os.path.join(scratch, "first")
    if imported(events, log):
        checks.same(redecided(log), (0, {
            "same": sum(event["type"] == "routing.decided" for event in events), "differ": 0,
            "other_engine": 0, "other_schema": 0, "differences": []}),
            f"{WHAT}: redecide of version 1")
        for event in events:
            if event["type"] == "routing.decided":
                told = json.loads(done("explain", "decision", event["id"], "--format", "json",
                                       log=log))
                checks.same([rule["rule"] for rule in told["rules"]],
                            [rule["ruleId"] for rule in event["data"].get("ruleTrace", [])],
                            f"{WHAT}: rules of {event['id']}")
                break
        shutil.rmtree(log)


def mutations(number, events, many):
    """One thing of the log changed: `redecide` names what comes out otherwise here."""
    lines = [json.dumps({name: value for name, value in event.items() if name not in LOG_SET})
             for event in events]
    for each in range(many):
        changed = list(map(json.loads, lines))
        how = rng.choice(CHANGES)
        said = how(changed)
        if said is None:
            continue
        what = f"{WHAT}, change {each}: {said}"
        log = os.path.join(scratch, f"changed-{number}-{each}")
        if not imported(changed, log):
            continue
        counts[f"changes by {how.__name__}"] += 1
        same, other_engine, wanted = 0, 0, {}
        for position, event, made in again(changed):
            if event["data"]["engineVersion"] not in ENGINES:
                other_engine += 1
                continue
            if isinstance(made, dict):
                made = differing(event["data"], made) \
                    + ["follows"] * (not is_followed(changed, position))
            if made == []:
                same += 1
            else:
                wanted[position] = made
        code, told = redecided(log)
        found = {each["position"]: each["causes"] for each in told["differences"]}
        counts["changed decisions"] += len(wanted)
        ids = {each["position"]: (each["decision"], each["contact"])
               for each in told["differences"]}
        checks.same(sorted(found), sorted(wanted), f"{what}: what differs, by causes {found}, "
                    f"here {wanted}")
        checks.same((told["same"], told["differ"], told["other_engine"], code),
                    (same, len(wanted), other_engine, int(bool(wanted or other_engine))),
                    f"{what}: counts")
        for position in found.keys() & wanted.keys():
            checks.same(ids[position], (changed[position]["id"], changed[position]["subject"]),
                        f"{what}: whose it is")
            causes = " ".join(found[position])
            checks.that(found[position] and all(found[position]), f"{what}: without a cause")
            names = wanted[position]
            if names is None:
                words = ["nothing was to be decided"]
            elif names == UNKNOWN:
                words = [UNKNOWN]
            elif "nothing was to be decided" in causes:
                checks.that(False, f"{what}: {names} differ at {position}, and the contact waits; "
                            f"told is: {causes}")
                continue
            else:
                words = [CAUSES[name] for name in names if name in CAUSES
                         and (name != "follows" or names == ["follows"])]
            for word in words:
                checks.that(word in causes, f"{what}: {word!r} is not told of {names}: {causes}")
        shutil.rmtree(log)


# --- rounds ------------------------------------------------------------------------------------

def walk(number):
    now = START
    done("init", at=now)
    description = described(now, many=number % 3 == 2)
    life = Life(description, now)
    done("org", "apply", "-", at=now, data=json.dumps(description).encode())
    life.read()
    names = list(description["operators"])
    life.tell(*(life.event("operator.logged_in", stream_of(name), operator=name)
                for name in rng.sample(names, (len(names) * 4 + 4) // 5)))
    for step in range(30):
        life.step()
        if step in (10, 14, 20):
            life.reorganise()
        if step in (12, 22) and chance(0.7):
            life.correct("operator.skill_granted", "operator.queue_joined")
        if step in (25, 29):
            life.correct(rng.choice(["contact.queued", "contact.queued", "operator.logged_in"]))
        if step > 5 and chance(0.3):
            life.correct("routing.overridden", "routing.priority_changed")
        if chance(0.9) or step == 29:
            life.route()
    return life.events


try:
    for number in range(options.rounds):
        WHAT = f"seed {options.seed}, round {number}"
        LOG = os.path.join(scratch, f"log-{number}")
        events = walk(number)
        hold(events)
        follows(events)
        checks.same(redecided(), (0, {
            "same": sum(event["type"] == "routing.decided" for event in events), "differ": 0,
            "other_engine": 0, "other_schema": 0, "differences": []}), f"{WHAT}: redecide")
        hold_waits(events)
        hold_untold(events)
        first = in_first_version(events)
        hold_first_version(first)
        many = (number + 1) * options.mutations // options.rounds \
            - number * options.mutations // options.rounds
        mutations(number, events, many - many // 3)
        WHAT += ", told in version 1"
        mutations(number, first, many // 3)
    if options.generated:
        WHAT, LOG = f"seed {options.seed}, generated", os.path.join(scratch, "generated")
        expected = hold_generated()
        checks.same(redecided(), (0, {
            "same": expected, "differ": 0, "other_engine": 0, "other_schema": 0,
            "differences": []}),
            f"{WHAT}: redecide")
finally:
    shutil.rmtree(scratch)
if options.rounds > 1:
    checks.that(counts["callbacks agreed upon in conversations"] > 0, "none was agreed upon")
print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))
checks.end()
