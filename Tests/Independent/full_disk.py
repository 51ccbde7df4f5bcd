"""Lets the disk under a server get full, and finds out who is told what, and what is kept.

usage: full_disk.py BINARY DIR

Needs root, to mount a small tmpfs in DIR; else says `skipped:` and exits with 77. There is room
again, the disk is full again, and the server ends and begins on it. The events are too few for a
block; what making these needs is in little_room.py. Takes about ten seconds.
"""
import base64
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from serving import Checks, Server, event

ONE, MANY, LINES = ("application/cloudevents+json", "application/cloudevents-batch+json",
                    "application/x-ndjson")
CONTACT = {"kind": "contact.received", "schema": 1,
           "data": {"channel": "phone", "direction": "in", "queueId": "tax"}}
ASK = {"Content-Type": "application/sql"}
MODEL = "/v1/projections/operator-queues"


@contextlib.contextmanager
def small_disk(directory, mib):
    """A disk of so many MiB, as long as it is needed."""
    disk = Path(directory).resolve() / "disk"
    disk.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        print("skipped: needs root and the right to mount a tmpfs")
        raise SystemExit(77)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def main():
    checks = Checks()
    with small_disk(sys.argv[2], 6) as disk:
        story = Story(checks, sys.argv[1], disk)
        try:
            story.tell()
        finally:
            story.server.process.kill()
    checks.end()


class Follower(threading.Thread):
    """Reads a subscription; in `positions` is what it has got."""

    def __init__(self, server, query="from=0"):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        self.connection.request("GET", "/v1/subscription?" + query, headers={"Accept": LINES})
        self.answer = self.connection.getresponse()
        self.positions = []
        self.start()

    def run(self):
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            while line := self.answer.readline():
                if line.startswith(b"{"):
                    self.positions.append(int(json.loads(line)["position"]))

    def close(self):
        self.connection.sock.shutdown(2)
        self.join(5)
        self.connection.close()


class Story:
    def __init__(self, checks, binary, disk):
        self.checks, self.binary, self.disk = checks, binary, disk
        self.log = str(disk / "log")
        # By id: where those events are that were acknowledged, and those that were refused; of
        # lines that are appended each by itself, the latter may be there all the same.
        self.kept, self.refused, self.maybe = {}, {}, set()
        self.details = set()
        random.seed(7)
        self.fill("ballast", 3 << 20)
        subprocess.run([binary, "init", "--log", self.log], check=True, capture_output=True)
        self.begin()

    def begin(self):
        self.server = Server(self.binary, self.log, "--insecure")
        self.follower = Follower(self.server)

    def tell(self):
        checks = self.checks
        self.first = event("contact/1", **CONTACT)
        self.send([self.first])
        self.wait("read models that have caught up", self.models_are_even)
        Follower(self.server, "cursor=desk").close()
        self.fill_up()
        self.while_full("full")
        self.room()
        self.sent_again("room again")
        self.fill("ballast", 3 << 20)
        self.fill_up()
        checks.same(self.server.stop(), 0, "the exit status of a server that ends on a full disk")
        self.inspect("after the end")
        self.begin()
        self.fill_up()
        self.while_full("full, begun anew")
        self.room()
        self.sent_again("begun anew")
        checks.same(self.server.stop(), 0, "the exit status at last")
        self.inspect("at last")

    def room(self):
        for name in ("more", "ballast"):
            (self.disk / name).unlink(missing_ok=True)

    def free(self):
        return shutil.disk_usage(self.disk).free

    def fill(self, name, bytes_max=1 << 30):
        """A file of so many bytes, or as many as there is room for."""
        with open(self.disk / name, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.tell() < bytes_max:
                file.write(bytes(4_096))

    def ask(self, path, method="GET", body=None, fields=None):
        """Status, fields and body of an answer; JSON is parsed."""
        status, fields, body = self.server.request(method, path, body, fields)
        is_json = fields["content-type"] in ("application/json", "application/problem+json")
        return status, fields, json.loads(body) if is_json else body

    def wait(self, what, holds, seconds=20):
        end = time.time() + seconds
        while not holds() and time.time() < end:
            time.sleep(0.05)
        self.checks.that(holds(), f"{what}, within {seconds} s")

    def models_are_even(self):
        status, _, models = self.ask("/v1/projections")
        return status == 200 and all(model["lag_events"] == 0 for model in models)

    def send(self, events, kind=ONE):
        """Appends, remembers what became of it, and answers the status."""
        text = {ONE: lambda: json.dumps(events[0]), MANY: lambda: json.dumps(events),
                LINES: lambda: "\n".join(map(json.dumps, events))}[kind]()
        status, fields, answer = self.ask("/v1/events", "POST", text, {"Content-Type": kind})
        for one in events:
            self.refused[one["id"]] = one
        self.maybe.update(one["id"] for one in events if kind == LINES)
        if status in (200, 201) and answer["last"] - answer["first"] == len(events) - 1:
            for offset, one in enumerate(events):
                self.kept[one["id"]] = answer["first"] + offset
                self.refused.pop(one["id"])
        elif status == 503:
            self.checks.same(answer["type"], "/problems#unavailable", f"the problem ({kind})")
            self.details.add(answer["detail"])
            self.checks.that((fields["retry-after"] or "").isdigit(), f"a Retry-After ({kind})")
        else:
            is_told = kind == LINES and status == 422 and "disk is full" in str(answer["lines"])
            self.checks.that(is_told, f"{kind} on a full disk: {status} {answer}")
        return status

    def fill_up(self):
        """Appends of all kinds until all are refused, with nothing but answers in between."""
        for size, count in ((60_000, 1), (9_000, 3)):
            refusals = 0
            for _ in range(400):
                kind = random.choice([ONE, MANY, LINES])
                events = [event(f"big/{number}", data={"text": base64.b64encode(
                              random.randbytes(size * 3 // 4)).decode()})
                          for number in range(1 if kind == ONE else count)]
                refusals += self.send(events, kind) not in (200, 201)
                if refusals == 6:
                    break
            self.fill("more")
        for detail in self.details:
            self.checks.that("disk is full" in detail, f"it says why: {detail}")
            self.checks.that(re.search("room|space|again|retry|free", detail),
                             f"{detail!r} tells what to do, as openapi.yaml says of `detail`")
        self.checks.that(refusals == 6 and self.refused, "at last appends are refused")

    def while_full(self, when):
        checks = self.checks
        checks.same(self.ask("/livez")[0], 200, f"{when}: /livez")
        status, _, answer = self.ask("/readyz")
        checks.that(status == 503 and "disk" in str(answer),
                    f"{when}: /readyz says that the log cannot be written, and why: {answer}")
        self.same_events(when)
        checks.same(self.send([self.first]), 200, f"{when}: a retry of what is there")
        for path in ("/v1/head", "/v1/streams", "/v1/export?to=9", "/v1/cursors", "/metrics",
                     "/v1/projections", MODEL, f"{MODEL}/tables/queues", "/", "/problems"):
            if path != f"{MODEL}/tables/queues":
                checks.same(self.ask(path)[0], 200, f"{when}: {path}")
        # Where nobody has a read model open, the index of its write-ahead log takes 32 KiB.
        for what, answer in (
                ("a table", self.ask(f"{MODEL}/tables/queues")),
                ("SQL", self.ask(MODEL + "/query", "POST", "SELECT count(*) AS n FROM queues",
                                 ASK))):
            checks.that(answer[0] == 200 or answer[0] == 503 and "no room" in answer[2]["detail"],
                        f"{when}: {what}: {answer[0]} {answer[2]}")
        metrics = self.ask("/metrics")[2].decode()
        failed = re.search(r'appends_total\{outcome="failed"\} (\d+)', metrics)
        checks.that(int(failed[1]) > 0 or "anew" in when, f"{when}: failed appends are counted")
        status, _, answer = self.ask("/v1/cursors/desk", "PUT", '{"next":3}')
        checks.that(status == 200 or (status, answer["type"]) == (503, "/problems#unavailable"),
                    f"{when}: moving a cursor: {status} {answer}")
        answer = self.ask("/v1/cursors/desk")[2]
        checks.that(answer.get("next") in range(4), f"{when}: where the cursor is: {answer}")
        made = subprocess.run(
            [self.binary, "tokens", "create", "--log", self.log, "--name", "x", "--role",
             "auditor"], capture_output=True, text=True)
        checks.that(made.returncode == 0 or made.returncode == 4 and "disk is full" in made.stderr,
                    f"{when}: tokens create: {made.returncode} {made.stderr}")

    def same_events(self, when):
        """All that was acknowledged is there, where it was said to be, and nothing refused."""
        checks = self.checks
        status, _, body = self.ask("/v1/events")
        found = [json.loads(line) for line in body.splitlines()]
        checks.same(status, 200, f"{when}: reading")
        checks.same([int(one["position"]) for one in found], list(range(len(found))),
                    f"{when}: positions")
        found = {one["id"]: int(one["position"]) for one in found}
        lost = [one for one, position in self.kept.items() if found.get(one) != position]
        checks.same(lost, [], f"{when}: acknowledged and not there")
        half = [one for one in self.refused if one in found and one not in self.maybe]
        checks.same(half, [], f"{when}: refused and there")
        self.wait(f"{when}: a follower has all of it",
                  lambda: self.follower.positions == list(range(len(found))), 5)

    def sent_again(self, when):
        """What was refused is appended with the same ids, without anybody's help."""
        for one in list(self.refused.values()):
            status = self.send([one])
            self.checks.that(status in (200, 201), f"{when}: {status} for what was refused: "
                             f"{self.details}, {self.free()} bytes free")
        self.same_events(when)
        self.wait(f"{when}: /readyz", lambda: self.ask("/readyz")[0] == 200, 5)
        self.wait(f"{when}: read models catch up", self.models_are_even)

    def inspect(self, when):
        found = subprocess.run([self.binary, "check", "--log", self.log], capture_output=True,
                               text=True)
        self.checks.same(found.returncode, 0, f"check {when}: {found.stdout} {found.stderr}")


if __name__ == "__main__":
    main()
