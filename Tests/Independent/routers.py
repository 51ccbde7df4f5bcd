#!/usr/bin/env python3
"""Several routers at work, killed and started again, held against what the log says afterwards.

usage: routers.py ASCOLTO [--seconds N] [--seed N] [--keep DIR]

A telephone exchange in threads sends contacts, log-ins and log-outs, statuses, answers to offers
and ends of conversations over HTTP, and reads from the log what three routers decide. Routers are
killed with SIGKILL, ended with SIGTERM and stopped for a moment, the server is killed with
SIGKILL, and the organisation changes. What was not answered is sent again with the same ids. Then,
without a server, a router that writes by itself is killed in the midst of hundreds of decisions.

From the exported log alone, by an implementation of Routing.md that shares nothing with ours:
no contact has two open offers; whoever gets an offer can take the contact at that very place of
the log (at work, capacity, team's cap, skills, role, not asked lately); each offer stands behind
its decision, each decision is followed by what it says; offers end as missed when they have rung,
and as rescinded when the operator has gone; each contact that waited was decided, once where it
came to nothing; at quiet moments nobody is left waiting whom somebody could take. What was
acknowledged is where it was said to be, a refusal has a cause, `check` passes, `redecide` says
that all are the same, and SIGTERM ends a router with status 0 and true counts.
"""
import argparse
import collections
import datetime
import heapq
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid

from serving import Checks, Server

SECOND = 10**6
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
ASK_AGAIN_US = 30 * SECOND
QUIET = 4.5  # seconds: longer than any term of the organisation by more than one
UNDECIDED_MAX = 4  # seconds that a contact may wait for its first decision, outages included
KILLS = 3  # of the router that writes by itself: so often early, and so often in the middle
SOURCE = "urn:ascolto:router:"
AT_WORK = ("available", "on_contact", "ringing")
ATTENTION = 0.3  # seconds until a process that was started listens to signals
ROUTERS = ["left", "right", "3"]
EVENT, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


def micros(text):
    moment = datetime.datetime.fromisoformat(text) - EPOCH
    return (moment.days * 86_400 + moment.seconds) * SECOND + moment.microseconds


def now_text():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encoded(text):
    return re.sub(r"[\s%\x00-\x1f\x7f]", lambda found: urllib.parse.quote(found[0]), text)


def stream_of(operator):
    return "operator/" + encoded(operator).replace("/", "%2F")


def made(kind, subject, data=None, operator=None, tags=()):
    """An event of the exchange, tagged with the operator whom it is about."""
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "urn:exchange", "type": kind,
             "schema": 1, "subject": subject, "time": now_text(), "data": data or {}}
    tags = [*tags, *([f"operator:{encoded(operator)}"] if operator else [])]
    return {**event, "tags": " ".join(tags)} if tags else event


# --- the organisation --------------------------------------------------------------------------

CRITERIA = ["tier", "skill", "least_skilled", "longest_idle", "fewest_contacts", "least_busy"]


def random_policy(rng, version, caps):
    return {"version": version, "rank": rng.sample(CRITERIA, rng.randrange(4))
            + ["random"] * (rng.random() < 0.5),
            "roles": [{"role": "operator_l1"}, {"role": "operator_l2", "after_us": SECOND}],
            "relaxation": [{"after_us": 3 * SECOND // 2, "lower_by": 1}],
            "languages": [{"language": "en", "skill": "english", "min_level": 1}],
            "age_every_us": rng.choice([SECOND, 10 * SECOND]),
            "boosts": [{"rule_id": "elderly", "attribute": "age", "groups": ["65+"], "add": 3}],
            "team_caps": caps, "ring_us": rng.choice([1, 2, 3]) * SECOND,
            "ask_again_us": rng.choice([0, 500_000, SECOND])}


def described(rng, number, caps):
    """An organisation with `number` operators; the last thing that it says is simple to see."""
    operators = {}
    for name in ["è 7/b", *(f"op-{each}" for each in range(1, number))]:
        queues = ["front", "second", "a/b c"]
        operators[name] = {
            "role": rng.choices(["operator_l1", "operator_l2"], [4, 1])[0], "centre_id": "c",
            "team": rng.choice(["red", "blue", "green"]),
            "skills": {"tax": rng.randrange(5), **({"english": 2} if rng.random() < 0.6 else {})},
            "queues": {queue: {"tier": rng.randrange(3)}
                       for queue in rng.sample(queues, rng.randrange(1, 4))},
            "capacity": {"phone": 1, "chat": rng.choice([2, 3])}}
    return {
        "skills": {"tax": {}, "english": {}}, "centres": {"c": {}},
        "teams": {team: {"centre_id": "c"} for team in ("red", "blue", "green")},
        "routing_policies": {name: random_policy(rng, 1, caps) for name in ("p 1", "p2")},
        "queues": {
            "front": {"centre_id": "c", "policy_id": "p 1",
                      "overflow": [{"to": "second", "after_us": 5 * SECOND // 2},
                                   {"to": "a/b c", "length": 30}]},
            "second": {"centre_id": "c", "policy_id": "p2",
                       "required_skills": [{"skill": "tax", "min_level": 2}]},
            "a/b c": {"centre_id": "c", "policy_id": "p 1"},
            "desk": {"centre_id": "c"}},
        "operators": operators}


# --- what events tell --------------------------------------------------------------------------

class Contact:
    def __init__(self, stream):
        self.stream, self.phase, self.channel, self.language = stream, "absent", None, None
        self.queue, self.entered, self.needs, self.visited = None, 0, [], set()
        self.offer, self.hand, self.rejected, self.decided, self.nones = None, None, {}, False, 0


class Operator:
    def __init__(self, name):
        self.name, self.logged_in, self.status, self.hand = name, False, "available", set()
        self.role, self.team, self.skills, self.queues, self.capacity = None, None, {}, set(), {}


class Book:
    """A log as far as it was read: organisation, contacts, operators."""

    def __init__(self):
        self.contacts, self.operators, self.queues, self.policies = {}, {}, {}, {}
        self.size, self.revisions = 0, {}
        self.at_hand = collections.Counter()  # by team, which is settled before anybody works

    def operator(self, name):
        return self.operators.setdefault(name, Operator(name))

    def apply(self, event):
        self.size += 1
        self.revisions[event["subject"]] = int(event["revision"])
        kind, _, name = event["subject"].partition("/")
        what, data = event["type"], event.get("data") or {}
        now = micros(event.get("time") or event["recorded"])
        if kind == "contact":
            contact = self.contacts.setdefault(event["subject"], Contact(event["subject"]))
            if what == "routing.decided":
                contact.decided = True
                contact.nones += data["selected"] == "none"
            else:
                getattr(self, what.replace("contact.", "on_"))(contact, data, now)
        elif kind == "operator":
            self.of_operator(what.replace("operator.", ""), data,
                             self.operator(urllib.parse.unquote(name)))
        elif what in ("org.queue_created", "org.queue_changed"):
            self.queues[urllib.parse.unquote(event["subject"].split("/", 2)[2])] = data
        elif what == "routing.policy_published":
            name = urllib.parse.unquote(event["subject"].split("/", 2)[2])
            self.policies[name, data["version"]] = self.policies[name, None] = data

    def of_operator(self, what, data, operator):
        if what == "logged_in":
            operator.logged_in, operator.status = True, "available"
        elif what == "logged_out":
            operator.logged_in = False
        elif what == "status_changed":
            operator.status = data["to"]
        elif what in ("hired", "role_changed"):
            operator.role = data["role"]
        elif what == "team_assigned":
            operator.team = data["teamId"]
        elif what in ("skill_granted", "skill_revised"):
            operator.skills[data["skill"]] = data["level"]
        elif what == "queue_joined":
            operator.queues.add(data["queueId"])
        elif what == "capacity_changed":
            operator.capacity[data["channel"]] = data["maxConcurrent"]
        ended = ()
        if what == "logged_out" or (what, data.get("to")) == ("status_changed", "available"):
            ended = ("after_work",)
        elif what == "logged_in":
            # How conversations came out nobody has told, though the exchange goes on with them.
            ended = ("answered", "connected", "after_work")
        for contact in [self.contacts[stream] for stream in operator.hand]:
            if contact.phase in ended:
                self.drop(contact, "over")

    def take(self, contact, name, phase):
        if contact.hand != name:
            self.drop(contact, phase)
        operator = self.operator(name)
        self.at_hand[operator.team] += contact.stream not in operator.hand
        operator.hand.add(contact.stream)
        contact.hand, contact.phase = name, phase

    def drop(self, contact, phase):
        contact.phase = phase
        if contact.hand is not None:
            operator = self.operator(contact.hand)
            operator.hand.remove(contact.stream)
            self.at_hand[operator.team] -= 1
            contact.hand = None

    def on_received(self, contact, data, now):
        contact.phase, contact.channel = "received", data["channel"]
        contact.language = data.get("languageOffered")

    def on_queued(self, contact, data, now):
        self.drop(contact, "waiting")
        keeps = data.get("enqueueReason") in ("overflow", "requeue")
        contact.visited = (contact.visited if keeps else set()) | {data["queueId"]}
        contact.queue, contact.entered = data["queueId"], now
        contact.needs = data.get("requiredSkills") or []
        contact.rejected, contact.decided, contact.nones = {}, False, 0

    def on_left_queue(self, contact, data, now):
        contact.offer = None
        if data["reason"] == "answered":
            contact.phase = "answered"
        else:
            self.drop(contact, "gone")

    def on_offer_made(self, contact, data, now):
        contact.offer = {**data, "time": now}
        self.take(contact, data["operatorId"], "offered")

    def on_offer_accepted(self, contact, data, now):
        contact.offer = None
        self.take(contact, data["operatorId"], "accepted")

    def on_offer_declined(self, contact, data, now):
        contact.rejected[data["operatorId"]] = now
        self.on_offer_rescinded(contact, data, now)

    def on_offer_rescinded(self, contact, data, now):
        contact.offer = None
        self.drop(contact, "waiting")

    on_offer_missed = on_offer_declined

    def on_connected(self, contact, data, now):
        self.take(contact, data["operatorId"], "connected")

    def on_transferred(self, contact, data, now):
        self.drop(contact, "transferred")

    def on_disconnected(self, contact, data, now):
        contact.phase = "over" if contact.hand is None else "after_work"

    def on_after_work_ended(self, contact, data, now):
        self.drop(contact, "over")

    def on_abandoned(self, contact, data, now):
        if contact.hand is None:
            contact.phase = "over"

    # What Routing.md makes of it.

    def policy(self, contact, version=None):
        return self.policies.get((self.queues[contact.queue].get("policyId"), version))

    def needed(self, contact, policy, now):
        here = now - contact.entered
        lower = max((step["lowerBy"] for step in policy.get("relaxation") or []
                     if step["afterUs"] <= here), default=0)
        for need in (self.queues[contact.queue].get("requiredSkills") or []) + contact.needs:
            if need["minLevel"] >= lower:
                yield need["skill"], need["minLevel"] - lower
        for each in policy.get("languages") or []:
            if each["language"] == contact.language:
                yield each["skill"], each["minLevel"]

    def hindrances(self, contact, operator, policy, now):
        """Why the operator cannot take it."""
        if contact.queue not in operator.queues:
            yield "no member of the queue"
        if not operator.logged_in:
            yield "not logged in"
        if operator.status not in AT_WORK:
            yield f"paused: {operator.status}"
        if not operator.hand and operator.status != "available":
            yield f"on contact: {operator.status}"
        channels = [self.contacts[stream].channel for stream in operator.hand]
        if channels and any(operator.capacity.get(channel, 1) == 1
                            for channel in [*channels, contact.channel]):
            yield f"on contact: {channels} for a {contact.channel}"
        if channels.count(contact.channel) >= operator.capacity.get(contact.channel, 1):
            yield f"capacity: {channels}"
        for skill, level in self.needed(contact, policy, now):
            if operator.skills.get(skill, -1) < level:
                yield f"skill: {skill} {level}"
        waits = {rule["role"]: rule.get("afterUs") or 0 for rule in policy.get("roles") or []}
        if waits and now - contact.entered < waits.get(operator.role, 1 << 62):
            yield f"role: {operator.role}"
        again = policy.get("askAgainUs")
        again = ASK_AGAIN_US if again is None else again
        if now - contact.rejected.get(operator.name, -1 << 62) < again:
            yield "asked lately"
        for cap in policy.get("teamCaps") or []:
            if cap["teamId"] == operator.team and self.at_hand[operator.team] >= cap["most"]:
                yield f"cap of {operator.team}: {self.at_hand[operator.team]} of {cap['most']}"

    def takers(self, contact, now):
        if policy := self.policy(contact):
            for operator in self.operators.values():
                if not any(self.hindrances(contact, operator, policy, now)):
                    yield operator.name

    def overflows(self, contact, now):
        return [rule["to"] for rule in self.queues[contact.queue].get("overflow") or []
                if self.policy(contact) and rule.get("afterUs") is not None
                and now - contact.entered >= rule["afterUs"] and rule["to"] not in contact.visited]


# --- processes ---------------------------------------------------------------------------------

class Stage:
    """A log, those who work on it, and what they were told."""

    def __init__(self, options, checks, name):
        self.options, self.checks = options, checks
        self.log = os.path.join(options.scratch, name)
        self.rng, self.counts = random.Random(f"{options.seed}:{name}"), collections.Counter()
        self.lock = threading.RLock()
        self.acknowledged = {}
        self.what = f"seed {options.seed}, {name}"
        self.done("init")

    def wrong(self, what):
        with self.lock:
            self.checks.that(False, f"{self.what}: {what}")

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def run(self, *arguments, data=None):
        return subprocess.run([self.options.ascolto, *arguments, "--log", self.log], input=data,
                              capture_output=True, timeout=120)

    def done(self, *arguments, data=None):
        ended = self.run(*arguments, data=data)
        if ended.returncode:
            raise SystemExit(f"{self.what}: {arguments}: {ended.returncode} "
                             f"{ended.stderr.decode()}{ended.stdout.decode()[:2000]}")
        return ended.stdout.decode()

    def apply(self, description, *more):
        return self.run("org", "apply", "-", "--by", "desk", *more,
                        data=json.dumps(description).encode())

    def popen(self, *arguments):
        return subprocess.Popen([self.options.ascolto, *arguments, "--log", self.log],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Router:
    """One process that routes under a name, and the next one when it has ended."""

    def __init__(self, stage, name):
        self.stage, self.name, self.process, self.stopped = stage, name, None, False
        self.runs, self.begun, self.again_at = [], 0, 0

    def start(self):
        self.begun = time.time()
        self.process = self.stage.popen("route", "--server", self.stage.url, "--name", self.name)
        self.stage.count("routers started")

    def tell(self, number):
        self.process.send_signal(number)
        self.stopped = number == signal.SIGSTOP

    def kill(self):
        self.tell(signal.SIGKILL)
        self.process.communicate()
        self.stage.count("routers killed")

    def end(self, number=signal.SIGTERM):
        """Ends it as an operator of the machine would: with status 0 and its counts."""
        downs = self.stage.downs
        self.tell(number)
        try:
            told, words = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.stage.wrong(f"router {self.name}: still there 10 s after signal {number}")
            return self.kill()
        # It says so where a server that was killed did not answer.
        others = [line for line in words.splitlines() if not line.startswith(b"ascolto: 127.0.0.1")]
        self.stage.checks.same((self.process.returncode, others), (0, []),
                               f"{self.stage.what}: router {self.name} after signal {number}")
        self.stage.count("routers ended")
        if self.process.returncode:
            return None
        try:
            told = json.loads(told)
            self.runs.append((self.begun, time.time(), told["decisions"], told["conflicts"], downs))
        except (ValueError, KeyError) as error:
            self.stage.wrong(f"router {self.name} told no counts: {told!r} {error!r}")

    def look(self):
        """Starts it again where it has ended by itself, which it may where no server is."""
        if self.process.poll() is None or time.time() < self.again_at:
            return
        if self.again_at:
            self.again_at = 0
            return self.start()
        told, words = self.process.communicate()
        said = re.sub(r"\d{4,}", "N", words.decode().strip())
        away = time.time() - self.stage.down_last < 2 or not self.stage.up.is_set()
        if self.process.returncode != 4 or not away:
            self.stage.wrong(f"router {self.name} ended by itself, {self.process.returncode}, "
                             f"a server was {'not ' * away}there: {said} {told!r}")
        self.stage.count(f"routers that ended with {self.process.returncode}: {said}")
        self.again_at = time.time() + self.stage.options.again


class Person:
    """An operator, as the exchange knows from itself."""

    def __init__(self):
        self.lock, self.status = threading.Lock(), None


class Live(Stage):
    """An exchange, a server and its routers."""

    def __init__(self, options, checks):
        super().__init__(options, checks, "live")
        caps = [{"team_id": team, "most": self.rng.randrange(4, 8)} for team in ("red", "blue")]
        self.description = described(self.rng, 20, caps)
        ended = self.apply(self.description)
        if ended.returncode:
            raise SystemExit(f"{self.what}: org apply: {ended.stderr.decode()}")
        self.caps, self.book, self.agenda, self.number = caps, Book(), [], 0
        self.staff = {name: Person() for name in self.description["operators"]}
        self.mode, self.over, self.up = "live", threading.Event(), threading.Event()
        self.last_event, self.busy, self.contact_number = time.time(), 0, 0
        self.down_last, self.downs, self.tail, self.server = 0, 0, None, None
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.serve()
        self.threads = [threading.Thread(target=self.follow, daemon=True)]
        self.threads += [threading.Thread(target=self.work, daemon=True) for _ in range(10)]
        for thread in self.threads:
            thread.start()
        self.routers = [Router(self, name) for name in ROUTERS]

    # The server, and what is sent to it.

    def serve(self):
        self.server = Server(self.options.ascolto, self.log, "--insecure", "--listen",
                             f"127.0.0.1:{self.port}")
        self.up.set()

    def kill_server(self):
        self.downs += 1
        self.up.clear()
        self.down_last = time.time()
        self.server.stop(signal.SIGKILL)
        self.count("servers killed")

    def send(self, *events, seen=None, conditional=False):
        """Whether they are in the log; sent until somebody knows.

        Who has seen a stream at some revision may be too late, with a condition or without.
        Nobody else has a say in the others.
        """
        query = ""
        if conditional:
            query = "?" + urllib.parse.urlencode({"expect_revision": f"{seen[0]}={seen[1]}"})
        body = json.dumps(events if len(events) > 1 else events[0]).encode()
        media, sent, begun = BATCH if len(events) > 1 else EVENT, 0, time.time()
        while not self.over.is_set():
            if time.time() - begun > 40:
                self.wrong(f"no answer for 40 s to {events}")
                return False
            self.up.wait(1)
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("POST", "/v1/events" + query, body, {"Content-Type": media})
                sent += 1
                answer = connection.getresponse()
                status, told = answer.status, json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                self.count("sent again")
                time.sleep(0.02)
                continue
            finally:
                connection.close()
            if status == 503:
                time.sleep(0.02)
                continue
            return self.answered(events, status, told, sent, seen, conditional)
        return False

    def answered(self, events, status, told, sent, seen, conditional):
        if status in (200, 201):
            if status == 200 and sent == 1:
                self.wrong(f"200 to what was never sent before: {told} {events}")
            with self.lock:
                self.acknowledged |= {event["id"]: told["first"] + number
                                      for number, event in enumerate(events)}
            return True
        refusal = told.get("type", "").partition("#")[2]
        if seen and (status, refusal) == ((409, "conflict") if conditional else
                                          (422, "impossible-step")):
            self.count(f"exchange overtaken: {refusal} {told.get('rule', '')}".rstrip())
            end = time.time() + 5
            while self.book.revisions[seen[0]] == seen[1]:
                if time.time() > end:
                    self.wrong(f"refused, and nothing had come since: {told} {events}")
                    break
                time.sleep(0.02)
        else:
            self.wrong(f"{status}: {told} to {events}")
        return False

    # What others append, and what the exchange does about it.

    def follow(self):
        while not self.over.is_set():
            self.tail = self.popen("tail", "--from", str(self.book.size))
            for line in self.tail.stdout:
                event = json.loads(line)
                with self.lock:
                    if int(event["position"]) != self.book.size:
                        self.wrong(f"tail: {event['position']}, not {self.book.size}")
                    self.book.apply(event)
                    self.last_event = time.time()
                    self.react(event)
            if not self.over.is_set():
                self.wrong(f"tail ended: {self.tail.wait()} {self.tail.stderr.read().decode()}")

    def later(self, seconds, what, *arguments):
        with self.lock:
            self.number += 1
            heapq.heappush(self.agenda, (time.time() + seconds, self.number, what, arguments))

    def work(self):
        while not self.over.is_set():
            with self.lock:
                due = self.agenda and self.agenda[0][0] <= time.time()
                if due:
                    _, _, what, arguments = heapq.heappop(self.agenda)
                    self.busy += 1
            if not due:
                time.sleep(0.005)
                continue
            try:
                what(*arguments)
            except Exception as error:
                self.wrong(f"the exchange: {what.__name__}{arguments}: {error!r}")
            with self.lock:
                self.busy -= 1

    def react(self, event):
        """Under the lock."""
        contact = self.book.contacts.get(event["subject"])
        step = event["type"].removeprefix("contact.")
        if contact is None or step not in ("queued", "offer_made", "offer_accepted", "connected",
                                           "disconnected"):
            return
        rng = random.Random(f"{self.options.seed}:{event['subject']}:{event['revision']}")
        live = self.mode == "live"
        if step == "queued" and live and rng.random() < 0.15:
            self.later(rng.uniform(0.05, 3), self.abandon, contact, rng.random() < 0.5)
        elif step == "offer_made":
            self.later(rng.uniform(0.01, 0.5), self.answer, contact, event["data"]["operatorId"],
                       rng.random() if live else 0.0, rng.random() < 0.5)
        elif step == "offer_accepted":
            self.later(rng.uniform(0, 0.2), self.connect, contact, event["data"]["operatorId"],
                       rng.random() if live else 0.5)
        elif step == "connected" and self.mode != "hold":
            self.later(rng.uniform(0.05, 1), self.finish, contact, self.seen(contact),
                       rng.random() if live else 0.0)
        elif step == "disconnected" and contact.hand is not None:
            self.later(rng.uniform(0, 0.4), self.after_work, contact, contact.hand, rng.random())

    def seen(self, contact):
        return contact.stream, self.book.revisions[contact.stream]

    def abandon(self, contact, conditional):
        with self.lock:
            if contact.phase not in ("waiting", "offered", "accepted"):
                return
            seen = self.seen(contact)
            stage = "ringing" if contact.hand else "queue"
            events = [made("contact.left_queue", contact.stream,
                           {"queueId": contact.queue, "reason": "abandoned"}, contact.hand),
                      made("contact.abandoned", contact.stream, {"stage": stage}, contact.hand)]
        self.send(*events, seen=seen, conditional=conditional)

    def answer(self, contact, name, kind, conditional):
        with self.lock:
            if contact.phase != "offered" or contact.offer["operatorId"] != name:
                return
            seen = self.seen(contact)
        if kind < 0.7:
            self.send(made("contact.offer_accepted", contact.stream, {"operatorId": name}, name),
                      seen=seen, conditional=conditional)
        elif kind < 0.8:
            self.send(*self.connection(contact, name), seen=seen, conditional=True)
        elif kind < 0.88:
            self.send(made("contact.offer_declined", contact.stream, {"operatorId": name}, name),
                      seen=seen, conditional=conditional)
        elif kind < 0.92:
            self.abandon(contact, conditional)
        # Else it rings.

    def connection(self, contact, name):
        return [made("contact.left_queue", contact.stream,
                     {"queueId": contact.queue, "reason": "answered"}, name),
                made("contact.connected", contact.stream, {"operatorId": name}, name)]

    def connect(self, contact, name, kind):
        with self.lock:
            if (contact.phase, contact.hand) != ("accepted", name):
                return
            seen, events = self.seen(contact), self.connection(contact, name)
        if kind < 0.1:
            self.abandon(contact, True)
        elif kind < 0.2:
            self.send(made("contact.offer_rescinded", contact.stream, {"operatorId": name}, name),
                      seen=seen, conditional=True)
        elif kind < 0.8:
            self.send(*events, seen=seen, conditional=True)
        elif self.send(events[0], seen=seen, conditional=True):
            self.send(events[1])

    def finish(self, contact, seen, kind):
        with self.lock:
            if self.seen(contact) != seen:
                return
            name = contact.hand
        ends = made("contact.disconnected", contact.stream, {"by": "citizen"}, name)
        if kind < 0.8:
            self.send(ends)
        elif kind < 0.85:
            self.send(made("contact.abandoned", contact.stream, {"stage": "hold"}, name))
            self.send(ends)
        elif self.send(made("contact.transferred", contact.stream, {"mode": "warm"}, name)):
            self.send(self.queued(contact.stream, "transfer"))

    def after_work(self, contact, name, kind):
        with self.lock:
            if (contact.phase, contact.hand) != ("after_work", name):
                return
            seen = self.seen(contact)
        if kind < 0.4 and self.staff[name].status is not None:
            self.change(name, "after_work")
            time.sleep(0.05)
            self.change(name, "available")
        else:
            # The operator may have become available meanwhile, which ended it.
            self.send(made("contact.after_work_ended", contact.stream, {"operatorId": name}, name),
                      seen=seen, conditional=True)

    def change(self, name, to):
        """To another status, or to none, which is to log out; whoever has none logs in."""
        person = self.staff[name]
        with person.lock:
            if person.status == to:
                return
            kind, data = "status_changed", {"from": person.status, "to": to}
            if None in (person.status, to):
                kind, data = "logged_out" if to is None else "logged_in", None
                to = to and "available"
            self.send(made(f"operator.{kind}", stream_of(name), data, name))
            person.status = to

    def queued(self, stream, reason="first"):
        rng = random.Random(f"{self.options.seed}:{stream}:{reason}")
        data = {"queueId": rng.choices(["front", "second", "a/b c", "desk"], [6, 3, 3, 0.3])[0],
                "enqueueReason": reason}
        if rng.random() < 0.3:
            data["priority"] = rng.randrange(-2, 5)
        if rng.random() < 0.2:
            data["requiredSkills"] = [{"skill": "tax", "minLevel": rng.randrange(4)}]
        return made("contact.queued", stream, data)

    def arrive(self, number):
        rng = random.Random(f"{self.options.seed}:arrival {number}")
        stream = f"contact/{self.options.seed}-{number}"
        data = {"channel": rng.choices(["phone", "chat", "email"], [4, 5, 1])[0],
                "direction": "in", **({"languageOffered": "en"} if rng.random() < 0.2 else {})}
        tags = ["group.age:65+"] if rng.random() < 0.2 else []
        events = [made("contact.received", stream, data, tags=tags), self.queued(stream)]
        self.count("contacts")
        if rng.random() < 0.7:
            self.send(*events)
        elif self.send(events[0]):
            self.send(events[1])

    def arrivals(self, number):
        for _ in range(number):
            self.contact_number += 1
            self.later(0, self.arrive, self.contact_number)

    def shift(self, name):
        """What an operator does now and then."""
        if self.mode != "live":
            return
        kind, pause = random.random(), 0
        if self.staff[name].status != "available":
            self.change(name, "available")
        elif kind < 0.4:
            pause = 0.5
            self.change(name, None if kind < 0.15 else "break" if kind < 0.32 else "on_contact")
        self.later(pause + 2 * kind, self.shift, name)

    # What goes wrong meanwhile.

    def disturb(self):
        rng, options = self.rng, self.options
        end = time.time() + options.seconds
        kills = sorted(time.time() + options.seconds * share for share in (0.3, 0.7))
        change, next_disturbance, pace = time.time() + options.seconds / 2, 0, time.time()
        waking = {}
        while time.time() < end:
            time.sleep(0.02)
            while pace < time.time():
                # Little and much by turns.
                pace += rng.expovariate(options.rate * (0.4 if pace // 4 % 2 < 1 else 1.6))
                self.arrivals(1)
            for router in self.routers:
                if router.stopped and time.time() > waking[router]:
                    router.tell(signal.SIGCONT)
                router.look()
            if kills and time.time() > kills[0]:
                kills.pop(0)
                self.kill_server()
                back = time.time() + rng.uniform(0.2, 1.2)
                while time.time() < back:
                    time.sleep(0.02)
                    for router in self.routers:
                        router.look()
                self.serve()
                self.down_last = time.time()
            if change and time.time() > change:
                change = None
                self.reorganise()
            if time.time() > next_disturbance:
                next_disturbance = time.time() + rng.uniform(0.3, 1.5)
                for router in rng.sample(self.routers, rng.choice([1, 1, 1, 2, 3])):
                    if router.process.poll() is None and not router.stopped:
                        kind = rng.random()
                        if kind < 0.25:
                            router.tell(signal.SIGSTOP)
                            waking[router] = time.time() + rng.uniform(0.1, 1)
                        elif kind < 0.5 and time.time() - router.begun > ATTENTION:
                            router.end(rng.choice([signal.SIGTERM, signal.SIGINT]))
                            router.start()
                        else:
                            router.kill()
                            router.start()
        for router in self.routers:
            if router.stopped:
                router.tell(signal.SIGCONT)

    def reorganise(self):
        self.description["routing_policies"] = {
            name: random_policy(self.rng, 2, self.caps) for name in ("p 1", "p2")}
        ended = self.apply(self.description, "--server", self.url)
        self.checks.same((ended.returncode, ended.stderr), (0, b""), f"{self.what}: org apply")

    def calm(self, marker):
        """Waits until nothing happens any more, and marks the place."""
        end = time.time() + 60
        while time.time() < end:
            time.sleep(0.05)
            for router in self.routers:
                router.look()
            with self.lock:
                if not self.busy and not self.agenda and time.time() - self.last_event > QUIET:
                    return self.send(made("test.quiet", "test/quiet", {"is": marker}))
        self.wrong(f"{marker}: no quiet for 60 s: {len(self.agenda)} {self.busy}")

    def everybody(self):
        for name in self.staff:
            self.change(name, "on_contact")
            self.change(name, "available")

    def each_alone(self):
        """Each router decides while the others are stopped, also those who saw a server go."""
        for router in self.routers:
            for other in self.routers:
                if other is not router:
                    other.tell(signal.SIGSTOP)
            stream = f"contact/{self.options.seed}-alone-{router.name}"
            self.send(made("contact.received", stream, {"channel": "chat", "direction": "in"}),
                      made("contact.queued", stream, {"queueId": "front"}))
            end = time.time() + 3
            while not self.book.contacts.get(stream, Contact(stream)).decided:
                if time.time() > end:
                    self.wrong(f"router {router.name} alone decides nothing in 3 s, it is of "
                               f"{time.time() - router.begun:.1f} s ago")
                    break
                time.sleep(0.01)
            for other in self.routers:
                if other is not router:
                    other.tell(signal.SIGCONT)

    def play(self):
        for number, name in enumerate(self.description["operators"]):
            self.later(0.02 * number, self.shift, name)
        for router in self.routers:
            router.start()
        begun = time.time()
        self.disturb()
        self.seconds = time.time() - begun
        # More than all of them can take: each is filled up, and stays so.
        self.mode = "hold"
        self.everybody()
        self.arrivals(100)
        self.calm("full")
        # And all is brought to an end.
        self.mode = "drain"
        with self.lock:
            for contact in self.book.contacts.values():
                if contact.phase == "connected":
                    self.later(self.rng.uniform(0, 1), self.finish, contact,
                               self.seen(contact), 0.0)
                elif contact.phase == "after_work":
                    self.later(0, self.after_work, contact, contact.hand, 0.0)
                elif contact.phase in ("offered", "answered", "accepted"):
                    self.wrong(f"{contact.stream} is {contact.phase} in a full house")
        self.everybody()
        self.calm("empty")
        self.each_alone()
        self.calm("end")
        for router in self.routers:
            router.end()
        self.over.set()
        self.tail.terminate()
        self.checks.same(self.server.stop(), 0, f"{self.what}: the server's end")

    def abort(self):
        for process in [self.tail, self.server and self.server.process,
                        *(router.process for router in self.routers)]:
            if process and process.poll() is None:
                process.kill()


# --- without a server --------------------------------------------------------------------------

class Alone(Stage):
    """A router that writes by itself, and dies of it."""

    def play(self):
        caps = [{"team_id": "red", "most": 60}]
        description = described(self.rng, 150, caps)
        ended = self.apply(description)
        self.checks.same(ended.returncode, 0, f"{self.what}: org apply: {ended.stderr.decode()}")
        self.append([made("operator.logged_in", stream_of(name), None, name)
                     for name in description["operators"]])
        self.book, self.number, self.middles = Book(), 0, 0
        for number in range(KILLS):
            self.arrive(400)
            self.killed(self.rng.uniform(0.03, 0.3))
            self.arrive(2_500)
            # Behind the first append of many.
            tail = self.popen("tail", "--from", str(self.book.size), "--type", "routing.decided")
            self.killed(self.rng.uniform(0, 0.25), tail, "append" if number == 0 else None)
        self.checks.that(self.middles, f"{self.what}: never killed in the middle")
        time.sleep(QUIET)
        self.live()
        self.arrive(350)
        begun = time.time()
        told = json.loads(self.done("route", "--once"))
        took = time.time() - begun
        self.checks.same(told["conflicts"], 0, f"{self.what}: conflicts of the only one")
        size = self.book.size
        self.read()
        self.once = told["decisions"], took
        self.append([made("test.quiet", "test/quiet", {
            "is": "once", "at": int(begun * SECOND), "from": size,
            "decisions": told["decisions"]})])
        self.read()

    def killed(self, seconds, tail=None, other_writer=None):
        """A router, killed so long after it began, or after others saw a decision of it."""
        process = self.popen("route")
        if tail:
            watch = threading.Timer(20, tail.kill)
            watch.start()
            self.checks.that(tail.stdout.readline(), f"{self.what}: nothing is decided in 20 s")
            watch.cancel()
        if other_writer:
            ended = self.run(other_writer, data=json.dumps(made("test.x", "test/1")).encode())
            self.checks.same(ended.returncode, 4, f"{self.what}: {other_writer} beside it")
        time.sleep(seconds)
        self.checks.same(process.poll(), None, f"{self.what}: a router that ended by itself")
        for each in filter(None, (process, tail)):
            each.kill()
            each.communicate()
        self.count("routers killed")
        decided, waiting = self.read()
        self.middles += bool(decided and waiting)
        self.checks.same(self.run("check", "--quick").returncode, 0, f"{self.what}: check")
        self.live()

    def append(self, events):
        """One append of all; acknowledged where it says so."""
        answer = json.loads(self.done("append", "--atomic",
                                      data="\n".join(map(json.dumps, events)).encode()))
        self.acknowledged |= {event["id"]: answer["first"] + number
                              for number, event in enumerate(events)}

    def read(self):
        """How many decisions are new, and how many contacts still wait for their first one."""
        decided = 0
        for line in self.done("export", "--from", str(self.book.size)).splitlines():
            event = json.loads(line)
            decided += event["type"] == "routing.decided"
            self.book.apply(event)
        return decided, sum(contact.phase == "waiting" and not contact.decided
                            for contact in self.book.contacts.values())

    def arrive(self, number):
        events = []
        for self.number in range(self.number + 1, self.number + number + 1):
            stream = f"contact/{self.number}"
            data = {"queueId": self.rng.choice(["front", "front", "second", "a/b c"])}
            events += [made("contact.received", stream, {
                "channel": self.rng.choice(["phone", "chat", "chat"]), "direction": "in"}),
                made("contact.queued", stream, data)]
        self.append(events)

    def live(self):
        """Most offers are answered, most conversations end."""
        events = []
        for contact in self.book.contacts.values():
            name, kind = contact.hand, self.rng.random()
            if contact.phase == "offered" and kind < 0.6:
                events += [made("contact.offer_accepted", contact.stream,
                                {"operatorId": name}, name),
                           made("contact.left_queue", contact.stream,
                                {"queueId": contact.queue, "reason": "answered"}, name),
                           made("contact.connected", contact.stream, {"operatorId": name}, name)]
            elif contact.phase == "offered" and kind < 0.7:
                events.append(made("contact.offer_declined", contact.stream,
                                   {"operatorId": name}, name))
            elif contact.phase == "connected" and kind < 0.8:
                events += [made("contact.disconnected", contact.stream, {"by": "citizen"}, name),
                           made("contact.after_work_ended", contact.stream,
                                {"operatorId": name}, name)]
            elif contact.phase == "waiting" and kind < 0.7:
                events += [made("contact.left_queue", contact.stream,
                                {"queueId": contact.queue, "reason": "abandoned"}),
                           made("contact.abandoned", contact.stream, {"stage": "queue"})]
        if events:
            self.append(events)
        self.read()


# --- what must hold ----------------------------------------------------------------------------

class Examination:
    """The exported log, event by event."""

    def __init__(self, stage, sources):
        self.stage, self.checks, self.sources = stage, stage.checks, sources
        self.book, self.events = Book(), []
        self.decided_at, self.latencies, self.free, self.late = [], [], {}, []
        self.first_waits, self.undecided, self.quiet = [], {}, {}

    def that(self, holds, what):
        self.checks.that(holds, f"{self.stage.what}, position {self.position}: {what}")

    def same(self, found, wanted, what):
        self.checks.same(found, wanted, f"{self.stage.what}, position {self.position}: {what}")

    def examine(self):
        lines = self.stage.done("export").splitlines()
        self.events = [json.loads(line) for line in lines]
        for self.position, event in enumerate(self.events):
            self.same(int(event["position"]), self.position, "its number")
            contact = self.book.contacts.get(event["subject"])
            before = self.before(event, contact) if contact else None
            if event["type"] == "test.quiet":
                self.at_quiet(event)
            self.book.apply(event)
            self.after(event, before)
        self.position = len(self.events)
        self.that(not self.open_decision(), "the last decision lacks what follows")
        places = {event["id"]: number for number, event in enumerate(self.events)}
        self.same(len(places), len(self.events), "ids that differ")
        for id, place in self.stage.acknowledged.items():
            self.same(places.get(id), place, f"where {id} is, which was acknowledged")
        ended = self.stage.run("check")
        self.same(ended.returncode, 0, f"check: {ended.stdout.decode()} {ended.stderr.decode()}")
        ended = self.stage.run("redecide", "--format", "json")
        told = json.loads(ended.stdout or "null")
        decisions = sum(event["type"] == "routing.decided" for event in self.events)
        self.same((ended.returncode, told), (0, {
            "same": decisions, "differ": 0, "other_engine": 0, "other_schema": 0,
            "differences": []}), "redecide")

    def open_decision(self):
        return self.events[-1]["type"] == "routing.decided" \
            and self.events[-1]["data"]["selected"] != "none"

    def before(self, event, contact):
        """What an event of a contact is about to do; gives what the contact is."""
        step, data = event["type"].removeprefix("contact."), event.get("data") or {}
        now = micros(event.get("time") or event["recorded"])
        by_router = event["source"].startswith(SOURCE)
        if by_router:
            self.that(event["source"].removeprefix(SOURCE) in self.sources, event["source"])
        if event["type"] == "routing.decided":
            self.decision(event, contact)
        elif step == "offer_made":
            self.offer(event, contact, data, now)
        elif step in ("offer_accepted", "offer_declined", "offer_missed", "offer_rescinded"):
            asked = contact.hand if contact.phase in ("offered", "accepted") else None
            self.same(data["operatorId"], asked, f"whose offer has ended, by {step}")
            if by_router:
                self.offer_ended(contact, step, now)
        elif by_router:
            made_by = self.events[self.position - (1 if step == "left_queue" else 2)]
            self.that((made_by["type"], made_by["subject"], made_by["data"].get("selected"))
                      == ("routing.decided", contact.stream, "overflow_queue"),
                      f"a router appended {step} without a decision")
        if step == "queued":
            self.that(contact.offer is None, "queued with an open offer")
        return contact.phase, contact.offer

    def decision(self, event, contact):
        data, rest = event["data"], self.events[self.position + 1:self.position + 3]
        self.decided_at.append(micros(event["recorded"]))
        self.stage.count(f"selected {data['selected']}")
        self.same(contact.phase, "waiting", "the phase of who is decided")
        self.same(data["queueId"], contact.queue, "the queue of the decision")
        self.that(self.book.queues[contact.queue].get("policyId"), "decided without a policy")
        policy = self.book.policy(contact, data["policyVersion"])
        told = [(each["type"], each["subject"], each["source"], each["data"]) for each in rest]
        if data["selected"] == "operator":
            offer = {"operatorId": data["selectedId"], "decisionId": event["id"],
                     "ringUs": policy["ringUs"]}
            self.same(told[:1], [("contact.offer_made", contact.stream, event["source"], offer)],
                      "what follows from an offer's decision")
        elif data["selected"] == "overflow_queue":
            left = {"queueId": contact.queue, "reason": "overflowed"}
            self.same([each[:3] for each in told],
                      [(kind, contact.stream, event["source"])
                       for kind in ("contact.left_queue", "contact.queued")], "an overflow")
            self.same((told[0][3], told[1][3]["queueId"], told[1][3]["enqueueReason"]),
                      (left, data["selectedId"], "overflow"), "where it goes")
            self.that(data["selectedId"] not in contact.visited, "it was there before")
        else:
            self.that(not contact.decided, "decided again, and it comes to nothing")
        if contact.stream in self.undecided:
            self.first_waits.append(micros(event["recorded"]) - self.undecided.pop(contact.stream))

    def offer(self, event, contact, data, now):
        self.that(event["source"].startswith(SOURCE), "an offer that no router made")
        self.same((contact.phase, contact.offer, contact.hand), ("waiting", None, None),
                  "phase, open offer and hand of what is offered")
        decision = self.events[self.position - 1]
        self.same((decision["type"], decision["id"], decision["data"].get("selectedId")),
                  ("routing.decided", data["decisionId"], data["operatorId"]), "its decision")
        if decision["type"] == "routing.decided":
            policy = self.book.policy(contact, decision["data"]["policyVersion"])
            operator = self.book.operators[data["operatorId"]]
            self.same(list(self.book.hindrances(contact, operator, policy, now)), [],
                      f"why {operator.name} cannot take {contact.stream}")
        if contact.stream in self.free:
            self.latencies.append(micros(event["recorded"]) - self.free.pop(contact.stream))

    def offer_ended(self, contact, step, now):
        if step == "offer_rescinded":
            self.that(not self.book.operators[contact.hand].logged_in, "rescinded without a cause")
            self.stage.count("offers rescinded by routers")
        else:
            self.same(step, "offer_missed", "how a router ends an offer")
            over = now - contact.offer["time"] - contact.offer["ringUs"]
            self.that(over >= 0, f"missed {-over} µs too early")
            self.late.append(over)

    def after(self, event, before):
        recorded = micros(event["recorded"])
        contact = self.book.contacts.get(event["subject"])
        if contact and event["type"] == "contact.queued" and self.book.policy(contact):
            self.undecided[contact.stream] = recorded
            if isinstance(self.stage, Live):
                self.free[contact.stream] = recorded
        for stream, since in list(self.undecided.items()):
            waiting = self.book.contacts[stream].phase == "waiting"
            late = recorded - since > UNDECIDED_MAX * SECOND and isinstance(self.stage, Live)
            if late:
                self.that(False, f"{stream} had not been decided after {UNDECIDED_MAX} s")
            if late or not waiting:
                del self.undecided[stream]
                self.stage.count("contacts that left before a decision", not waiting)
        for stream in list(self.free):
            one = self.book.contacts[stream]
            if one.phase != "waiting" or not any(self.book.takers(one, recorded)):
                del self.free[stream]

    def at_quiet(self, event):
        """Nobody is left whom somebody could take, by a clock of a second ago."""
        name = event["data"]["is"]
        now = event["data"].get("at") or micros(event["recorded"]) - SECOND
        for contact in self.book.contacts.values():
            if contact.phase == "offered":
                rung = contact.offer["time"] + contact.offer["ringUs"] <= now
                self.that(not rung, f"{name}: {contact.stream} still rings")
                self.that(self.book.operators[contact.hand].logged_in,
                          f"{name}: {contact.stream} rings with who has gone")
            if contact.phase == "waiting" and self.book.policy(contact):
                self.that(contact.decided, f"{name}: {contact.stream} was never decided")
                takers = list(self.book.takers(contact, now))
                self.same(takers, [], f"{name}: who could take {contact.stream}, which waits in "
                          f"{contact.queue}")
                if not takers:
                    self.same(self.book.overflows(contact, now), [],
                              f"{name}: where {contact.stream} could go over")
        phases = collections.Counter(
            "waiting without a policy" if contact.phase == "waiting" and
            not self.book.policy(contact) else contact.phase
            for contact in self.book.contacts.values())
        self.quiet[name] = {phase: number for phase, number in phases.items()
                            if phase not in ("over", "gone")}
        if name == "full":
            self.that(phases["waiting"] > 0, "full: nobody waits, so that it says nothing")
        elif name != "once":
            stuck = set(self.quiet[name]) - {"waiting", "waiting without a policy"}
            self.that(not stuck, f"{name}: {stuck}")
        if "decisions" in event["data"]:
            self.same(sum(each["type"] == "routing.decided"
                          for each in self.events[event["data"]["from"]:self.position]),
                      event["data"]["decisions"], "decisions of route --once")


def counted(live, events):
    """What routers said at their end that they did, where no server was killed meanwhile."""
    found = collections.defaultdict(list)
    for event in events:
        if event["type"] == "routing.decided":
            found[event["source"]].append(micros(event["recorded"]) / SECOND)
    decisions = conflicts = 0
    for router in live.routers:
        for begun, ended, told, overtaken, downs in router.runs:
            seen = sum(begun <= each <= ended for each in found[SOURCE + router.name])
            decisions, conflicts = decisions + told, conflicts + overtaken
            if downs == 0 or begun > live.down_last:
                live.checks.same(told, seen, f"{live.what}: decisions of router {router.name} "
                                 f"from {begun} to {ended}")
    return decisions, conflicts


def milliseconds(values, share=None):
    if not values:
        return "none"
    values = sorted(values)
    value = statistics.median(values) if share is None else values[int(len(values) * share)]
    return f"{value / 1000:.1f}"


def report(name, examination):
    stage = examination.stage
    seconds = collections.Counter(each // SECOND for each in examination.decided_at)
    print(f"{name}: {len(examination.events)} events, {len(examination.decided_at)} decisions, "
          f"most in a second {max(seconds.values(), default=0)}, in the middle second that has "
          f"any {statistics.median(seconds.values()) if seconds else 0}")
    if isinstance(stage, Live):
        for what, values in (("from queued to offer while somebody was free",
                              examination.latencies),
                             ("to the first decision", examination.first_waits),
                             ("too late that offers were missed", examination.late)):
            print(f"  ms {what}: median {milliseconds(values)}, 90 % {milliseconds(values, 0.9)}, "
                  f"longest {milliseconds(values, 0.9999)}, of {len(values)}")
    print(f"  at quiet moments: {examination.quiet}")
    for what, number in sorted(stage.counts.items()):
        print(f"  {what}: {number}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ascolto")
    parser.add_argument("--seconds", type=float, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=10, help="contacts a second")
    parser.add_argument("--again", type=float, default=0.1,
                        help="seconds until a router that ended by itself is started again")
    parser.add_argument("--keep", help="a directory in which the logs stay")
    options = parser.parse_args()
    options.scratch = options.keep or tempfile.mkdtemp(prefix="routers-")
    os.makedirs(options.scratch, exist_ok=True)
    checks = Checks()
    try:
        live = Live(options, checks)
        try:
            live.play()
        finally:
            live.abort()
        examination = Examination(live, ROUTERS)
        examination.examine()
        report("three routers and a server", examination)
        decisions, conflicts = counted(live, examination.events)
        print(f"  routers that told their counts: {decisions} decisions, overtaken {conflicts} "
              f"times; {len(live.acknowledged)} events of the exchange acknowledged")
        alone = Alone(options, checks, "alone")
        alone.play()
        examination = Examination(alone, ["1"])
        examination.examine()
        report("without a server", examination)
        print(f"  route --once: {alone.once[0]} decisions in {alone.once[1]:.3f} s, "
              f"{alone.middles} of {2 * KILLS} kills in the middle")
    finally:
        if not options.keep:
            shutil.rmtree(options.scratch)
    if checks.wrong:
        print(f"seed {options.seed}")
    checks.end()


if __name__ == "__main__":
    main()
