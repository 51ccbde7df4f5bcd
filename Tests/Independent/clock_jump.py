"""Lets the clock of a server jump, and finds out what is recorded and what is refused.

usage: clock_jump.py BINARY DIR

Nobody's clock is set: a small library, made with the C compiler, tells the server another time of
day and leaves its other clocks alone. Without `cc` this says `skipped:` and exits with 77.
"""
import datetime
import http.client
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from serving import Checks, Server, event

ONE, MANY, LINES = ("application/cloudevents+json", "application/cloudevents-batch+json",
                    "application/x-ndjson")
HOUR, DAY = 3_600, 86_400


# Debian's libfaketime shifts timers of monotonic clocks, too, which no jump of a real clock does,
# and moves the environment, beside which Swift looks for a program's arguments.
SHIFT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
static volatile long long *ahead; /* seconds */

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("CLOCK_AHEAD"), O_RDONLY);
    ahead = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *ahead;
    return result;
}
"""


class Clock:
    """The clock of the programs that run with `environment`."""

    def __init__(self, directory):
        directory = Path(directory).resolve()
        self.file, library = directory / "ahead", directory / "shift.so"
        self.file.write_bytes(bytes(8))
        self.ahead = 0
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, "-x", "c", "-", "-ldl"],
                       input=SHIFT.encode(), check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(self.file)}

    def jump(self, seconds):
        """From now on the clock is so many seconds ahead of the right time."""
        with open(self.file, "r+b") as file:
            file.write(struct.pack("=q", seconds))
        self.ahead = seconds

    @property
    def now(self):
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.ahead)


class Story:
    def __init__(self, checks, binary, directory, clock):
        self.checks, self.binary, self.clock = checks, binary, clock
        self.log = str(Path(directory) / "log")
        self.verb("init")
        self.token = self.create("desk", "appender", "auditor")
        hour = (self.clock.now + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.brief = self.create("brief", "appender", "--expires", hour)
        self.begin()
        self.followed = []
        self.follow()

    def verb(self, *words, text=None):
        """One run of the command line under the clock."""
        return subprocess.run([self.binary, *words, "--log", self.log], input=text, text=True,
                              capture_output=True, env={**os.environ, **self.clock.environment})

    def create(self, name, *roles):
        made = self.verb("tokens", "create", "--format", "json", "--name", name, "--role", *roles)
        return json.loads(made.stdout)["token"]

    def begin(self, *options):
        self.server = Server(self.binary, self.log, *options, environment=self.clock.environment)

    def end(self, what):
        self.checks.same(self.server.stop(), 0, f"the exit status {what}")

    def follow(self):
        """Keeps the ids that a subscriber gets."""
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)
        connection.request("GET", "/v1/subscription?type=test.happened", headers={
            "Accept": LINES, "Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()

        def run():
            while line := answer.readline():
                if line.startswith(b"{"):
                    self.followed.append(json.loads(line)["id"])
        threading.Thread(target=run, daemon=True).start()

    def ask(self, path, token=None):
        status, _, body = self.server.request("GET", path, token=token or self.token)
        return status, body.decode()

    def newest(self):
        line = self.ask("/v1/events?type=test.happened&order=backward&limit=1")[1]
        return datetime.datetime.fromisoformat(json.loads(line)["recorded"])

    def accepted(self, what, one=None):
        """An append is done, and when it was recorded is the answer."""
        one = one or event()
        status, _, body = self.server.append(one, token=self.token)
        self.checks.same(status, 201, f"{what}: {body.decode()}")
        return self.newest()

    def is_now(self, moment, what):
        seconds = abs((moment - self.clock.now).total_seconds())
        self.checks.that(seconds < 5, f"{what}: recorded at {moment}, not {self.clock.now}")

    def refused(self, what):
        """Appends of every kind are refused as documented; answers the events."""
        checks, events = self.checks, [event(), event(), event()]
        before = json.loads(self.ask("/v1/head")[1])["size"]
        for kind, text in ((ONE, json.dumps(events[0])), (MANY, json.dumps(events[1:2])),
                           (LINES, json.dumps(events[2]))):
            status, fields, body = self.server.request(
                "POST", "/v1/events", text, {"Content-Type": kind}, self.token)
            answer = json.loads(body)
            checks.same((status, answer["type"]), (503, "/problems#clock-jumped"),
                        f"{what} ({kind}): {answer}")
            checks.that((fields["retry-after"] or "").isdigit(), f"{what} ({kind}): Retry-After")
            checks.that("--accept-clock" in answer["detail"], f"{what} ({kind}): {answer}")
        checks.same(json.loads(self.ask("/v1/head")[1])["size"], before, f"{what}: the size")
        for path in ("/livez", "/v1/events?limit=1", "/v1/export?to=1"):
            checks.same(self.ask(path)[0], 200, f"{what}: {path}")
        status, text = self.ask("/readyz")
        checks.that(status == 503 and "clock" in text,
                    f"{what}: /readyz says whether the log can be written: {status} {text}")
        checks.that("clock-jumped" in self.server.said(), f"{what}: the server's own log says so")
        return events

    def tell(self):
        checks, clock = self.checks, self.clock
        self.is_now(self.accepted("a right clock"), "a right clock")

        clock.jump(300)
        ahead = self.accepted("5 minutes ahead")
        self.is_now(ahead, "5 minutes ahead")
        clock.jump(0)
        checks.same(self.accepted("right again"), ahead, "what is recorded does not go back")

        clock.jump(2 * HOUR)
        waiting = self.refused("2 hours ahead")
        checks.same(self.server.append(event(), token=self.brief)[0], 401,
                    "a key whose time is over on this clock")
        clock.jump(0)
        for one in waiting:
            self.accepted("the same again, once the clock is right", one)
        checks.same((self.server.append(event(), token=self.brief)[0], self.ask("/readyz")[0]),
                    (201, 200), "a key whose time is not over any more, and /readyz")

        self.last = last = self.newest()
        clock.jump(-3 * HOUR)
        checks.same((self.accepted("3 hours behind"), self.ask("/readyz")[0]), (last, 200),
                    "what is recorded stays, and /readyz")
        # The clock is right, but has gone faster than time since the last append.
        clock.jump(0)
        status, _, body = self.server.append(event(), token=self.token)
        checks.that(status == 201, f"right again after 3 hours behind: {status} {body.decode()}")
        count = len(self.ask("/v1/events?type=test.happened")[1].splitlines())
        time.sleep(0.5)
        checks.same((len(self.followed), len(set(self.followed))), (count, count),
                    "what a follower got over all jumps")
        self.end("after all jumps")
        self.restarts()
        self.inspect()

    def restarts(self):
        """The clock jumps while no server runs."""
        checks, clock = self.checks, self.clock
        self.begin("--accept-clock")
        checks.same(self.accepted("right, and accepted"), self.last, "what is recorded stays")
        self.end("with --accept-clock")

        clock.jump(DAY)
        run = self.verb("append", text=json.dumps(event()) + "\n")
        checks.that(run.returncode != 0 and "--accept-clock" in run.stderr,
                    f"append a day ahead: {run.returncode} {run.stderr}")
        self.begin()
        self.refused("begun a day ahead")
        self.end("a day ahead")
        self.begin("--accept-clock")
        self.is_now(self.accepted("a day ahead, accepted"), "a day ahead, accepted")
        self.end("a day ahead, accepted")
        self.begin()
        ahead = self.accepted("a day ahead, accepted before")
        self.is_now(ahead, "a day ahead, accepted before")
        self.end("a day ahead, accepted before")

        clock.jump(0)
        self.begin()
        later = self.accepted("begun a day behind the log") - ahead
        checks.that(0 <= later.total_seconds() < 5, f"what is recorded stays: {later} later")
        said = [line for line in self.server.said().splitlines() if "listening" not in line]
        checks.that(said, "a server whose clock is a day behind the log says so")
        self.end("a day behind the log")

    def inspect(self):
        checks = self.checks
        lines = [json.loads(line) for line in self.verb("export").stdout.splitlines()]
        recorded = [datetime.datetime.fromisoformat(one["recorded"]) for one in lines]
        checks.that(all(a <= b for a, b in zip(recorded, recorded[1:])),
                    "recorded never decreases")
        denied = [one["data"].get("reason") for one in lines if one["type"] == "meta.access_denied"]
        checks.same(denied, ["expired_token"], "what was denied while nothing could be written")
        found = self.verb("check")
        checks.same(found.returncode, 0, f"check: {found.stdout} {found.stderr}")


def main():
    binary, directory = sys.argv[1:3]
    if not shutil.which("cc"):
        print("skipped: needs a C compiler, cc")
        raise SystemExit(77)
    Path(directory).mkdir(parents=True, exist_ok=True)
    checks = Checks()
    story = Story(checks, binary, directory, Clock(directory))
    try:
        story.tell()
    finally:
        story.server.process.kill()
    checks.end()


main()
