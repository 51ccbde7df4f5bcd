"""Kills a server again and again while clients write and follow, and counts what they were told.

usage: kill_server.py BINARY LOGDIR [--kills K] [--seed S]

Each round starts `BINARY serve` on the same log and kills it without warning 0.1 to 1 s after it is
ready, or while it starts. Writers append single events, batches and lines; what was under way at a
kill is sent again with the same ids, and so is some of what was acknowledged. Subscribers go on
where they were: by Last-Event-ID, by `from`, and by a cursor that the server keeps. What must hold:

- what was acknowledged stays: sent again, it is answered with 200 and the same positions;
- what was under way can be sent again, and is in the log once;
- each subscriber gets each event that it wants once, in order, and as `export` has it; the one
  with the cursor may get events again after a kill, from the position that it saved last;
- the log is gapless, holds no id twice, and `check` passes.

Prints one JSON object; exits with 1 where a promise was broken.
"""

import argparse
import collections
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
import zlib

HOST = "127.0.0.1"
EVENT, BATCH, LINES = ("application/cloudevents+json", "application/cloudevents-batch+json",
                       "application/x-ndjson")
WRITERS = ["event", "event", "event", "batch", "lines"]
CURSOR = "consumer"
CATCH_UP_SECONDS = 60
FAILURES_MAX = 30
POSITION = re.compile(rb'"position":"(\d+)"')


class Run:
    def __init__(self, options):
        self.options = options
        self.up = threading.Event()
        self.writing = threading.Event()
        self.writing.set()
        self.over = threading.Event()
        self.round = 0
        self.failures = []
        self.counts = collections.Counter()
        self.lock = threading.Lock()

    def fail(self, what):
        with self.lock:
            self.failures.append(f"round {self.round}: {what}")
            if len(self.failures) <= FAILURES_MAX:
                print("failure:", self.failures[-1], file=sys.stderr, flush=True)

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number


def event(rng, type):
    id = str(uuid.UUID(int=rng.getrandbits(128)))
    return id, json.dumps({
        "specversion": "1.0", "id": id, "source": "urn:kill", "type": type,
        "subject": f"kill/{rng.randrange(20)}", "data": {"text": "x" * rng.randrange(200)}})


class Request:
    """One append and what has become of it."""

    def __init__(self, kind, ids, body):
        self.kind, self.ids, self.body = kind, ids, body
        # First and last position; None until it was acknowledged.
        self.range = None

    @property
    def media(self):
        return {"event": EVENT, "batch": BATCH, "lines": LINES}[self.kind]


class Writer(threading.Thread):
    """Appends while there is a server, and remembers what it was told."""

    def __init__(self, run, number, kind):
        super().__init__(daemon=True)
        self.run_, self.kind = run, kind
        self.random = random.Random(f"{run.options.seed}:writer {number}")
        self.acknowledged = []
        self.unknown = []
        self.name = f"{kind} {number}"

    def run(self):
        while not self.run_.over.is_set():
            if not self.run_.up.wait(0.1):
                continue
            connection = http.client.HTTPConnection(HOST, self.run_.options.port, timeout=30)
            try:
                self.go_on(connection)
                if not self.run_.writing.is_set() and not self.unknown:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
            finally:
                connection.close()

    def go_on(self, connection):
        for request in list(self.unknown):
            if self.send(connection, request, (200, 201)):
                self.unknown.remove(request)
                self.run_.count("sent_again")
        sample = self.acknowledged[-3:] + self.random.sample(
            self.acknowledged, min(5, len(self.acknowledged)))
        for request in sample:
            before = request.range
            if self.send(connection, request, (200,)):
                self.run_.count("acknowledged_again")
                if request.range != before:
                    self.run_.fail(f"{request.ids[0]} was acknowledged at {before}, and sent again "
                                   f"at {request.range}")
        while self.run_.writing.is_set() and not self.run_.over.is_set():
            request = self.new()
            self.unknown.append(request)
            if self.send(connection, request, (201,)):
                self.unknown.remove(request)
                self.acknowledged.append(request)
                self.run_.count("appends")
                self.run_.count("events", len(request.ids))

    def new(self):
        rng = self.random
        number = {"event": 1, "batch": rng.randrange(1, 20),
                  "lines": rng.choice([1, 20, 50, 2_000])}[self.kind]
        ids, events = zip(*(event(rng, f"kill.{self.kind}") for _ in range(number)))
        match self.kind:
            case "event": body = events[0]
            case "batch": body = "[" + ",".join(events) + "]"
            case "lines": body = "\n".join(events)
        return Request(self.kind, ids, body.encode())

    def send(self, connection, request, wanted):
        """Whether it is in the log now; raises where nothing is known."""
        connection.request(
            "POST", "/v1/events", request.body, {"Content-Type": request.media})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status == 503:
            self.run_.count("refused_503")
            time.sleep(0.01)
            return False
        if answer.status not in wanted:
            self.run_.fail(f"{self.name}: {answer.status} instead of {wanted} to {request.ids[0]}: "
                           f"{content[:300]!r}")
            # It is not sent for ever.
            return True
        said = json.loads(content)
        number = said["appended"] + said["already_appended"]
        if number != len(request.ids):
            self.run_.fail(f"{self.name}: {len(request.ids)} events are said to be {said!r}")
        if answer.status == 200 and said["appended"]:
            self.run_.fail(f"{self.name}: 200, and yet appended: {said!r}")
        if request.kind != "lines" and said["last"] - said["first"] + 1 != len(request.ids):
            self.run_.fail(f"{self.name}: one append with gaps: {said!r}")
        request.range = said["first"], said["last"]
        if request in self.unknown and wanted == (200, 201):
            self.acknowledged.append(request)
        return True


class Stream:
    """The body of a subscription, piece by piece."""

    def __init__(self, port, target, fields):
        self.sock = socket.create_connection((HOST, port), timeout=30)
        lines = [f"GET {target} HTTP/1.1", f"Host: {HOST}", *fields]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        self.status = int(head.split(b" ")[1])
        self.head = head

    def more(self):
        self.sock.settimeout(25)
        piece = self.sock.recv(1 << 18)
        if not piece:
            raise ConnectionError("the connection has ended")
        self.data += piece

    def piece(self):
        """The next chunk; empty behind the last."""
        while True:
            end = self.data.find(b"\r\n")
            if end >= 0:
                size = int(self.data[:end], 16)
                if len(self.data) >= end + 2 + size + 2:
                    piece = self.data[end + 2:end + 2 + size]
                    self.data = self.data[end + 2 + size + 2:]
                    return piece
            self.more()

    def close(self):
        self.sock.close()


class Subscriber(threading.Thread):
    """Follows, and goes on where it was whenever there is a server again."""

    def __init__(self, run, name, style, query=""):
        super().__init__(daemon=True)
        self.run_, self.name, self.style, self.query = run, name, style, query
        # Position and checksum of the line, in the order in which they came.
        self.received = []
        self.next = 0
        self.last_event_id = None

    def run(self):
        while not self.run_.over.is_set():
            if not self.run_.up.wait(0.1):
                continue
            stream = None
            try:
                stream = self.open()
                if stream.status != 200:
                    self.run_.fail(f"{self.name}: {stream.head[:100]!r} {stream.data[:300]!r}")
                    time.sleep(0.1)
                    continue
                self.run_.count("subscriptions")
                self.follow(stream)
            except TimeoutError:
                # The server says at least every 15 s that it is alive.
                self.run_.fail(f"{self.name}: silence")
            except OSError:
                time.sleep(0.005)
            finally:
                if stream:
                    stream.close()

    def open(self):
        accept = "text/event-stream" if self.style == "sse" else LINES
        fields, target = [f"Accept: {accept}"], "/v1/subscription?from=0"
        if self.style == "sse" and self.last_event_id is not None:
            fields.append(f"Last-Event-ID: {self.last_event_id}")
        if self.style == "lines":
            target = f"/v1/subscription?from={self.next}"
        return Stream(self.run_.options.port, target + self.query, fields)

    def follow(self, stream):
        rest, end = b"", b"\n\n" if self.style == "sse" else b"\n"
        while piece := stream.piece():
            *whole, rest = (rest + piece).split(end)
            for text in whole:
                if self.style == "sse":
                    self.take_block(text)
                elif text:
                    self.take(text)
            self.dealt_with()

    def take_block(self, text):
        line = None
        for part in text.split(b"\n"):
            if part.startswith(b"id: "):
                self.last_event_id = int(part[4:])
            elif part.startswith(b"data: "):
                line = part[6:]
            elif part and not part.startswith(b":"):
                self.run_.fail(f"{self.name}: not server-sent events: {part[:100]!r}")
        if line is not None:
            position = self.take(line)
            if position != self.last_event_id:
                self.run_.fail(f"{self.name}: id {self.last_event_id} of position {position}")

    def take(self, line):
        position = int(POSITION.search(line)[1])
        if position < self.next or (position > self.next and not self.query):
            self.run_.fail(f"{self.name}: position {position} where {self.next} was to come")
        self.received.append((position, zlib.crc32(line)))
        self.next = position + 1
        return position

    def dealt_with(self):
        pass


class Consumer(Subscriber):
    """Keeps its position with the server, behind the work."""

    def __init__(self, run):
        super().__init__(run, "cursor", "lines")
        self.seen = {}
        # What the server has acknowledged as saved, and what may have been saved.
        self.saved = self.attempted = 0
        self.connection = None
        # Where a subscription that has begun may begin.
        self.beginnings = None

    def open(self):
        self.beginnings = self.saved, max(self.saved, self.attempted)
        if self.connection:
            self.connection.close()
        self.connection = http.client.HTTPConnection(HOST, self.run_.options.port, timeout=30)
        return Stream(self.run_.options.port, f"/v1/subscription?cursor={CURSOR}",
                      [f"Accept: {LINES}"])

    def take(self, line):
        position = int(POSITION.search(line)[1])
        if self.beginnings:
            lowest, highest = self.beginnings
            if not lowest <= position <= highest:
                self.run_.fail(f"cursor: begins at {position}, saved was {lowest}, and perhaps "
                               f"{highest}")
            self.run_.count("seen_again", self.next - position)
            self.beginnings = None
        elif position != self.next:
            self.run_.fail(f"cursor: position {position} where {self.next} was to come")
        sum = zlib.crc32(line)
        if self.seen.setdefault(position, sum) != sum:
            self.run_.fail(f"cursor: position {position} is another event than before")
        self.next = position + 1

    def dealt_with(self):
        if self.next <= self.saved:
            return
        self.attempted = self.next
        self.connection.request("PUT", f"/v1/cursors/{CURSOR}", json.dumps({"next": self.next}))
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status == 200 and json.loads(content)["next"] == self.next:
            self.saved = self.next
            self.run_.count("cursor_saved")
        elif answer.status != 503:
            self.run_.fail(f"cursor: {answer.status} to {self.next}: {content[:300]!r}")


# The server.

def start(options, errors):
    return subprocess.Popen(
        [options.binary, "serve", "--log", options.log, "--insecure", "--listen",
         f"{HOST}:{options.port}"], stderr=errors, stdout=subprocess.DEVNULL)


def wait_until_ready(options, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        connection = http.client.HTTPConnection(HOST, options.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    return False


def abandon(processes):
    """Who is told to end leaves no server behind."""
    for process in processes[-1:]:
        process.kill()
    os._exit(1)


def rounds(run, errors):
    """Starts and kills; gives the process that is left running, or None."""
    options, rng, starts = run.options, random.Random(f"{run.options.seed}:kills"), []
    processes = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: abandon(processes))
    for run.round in range(options.kills + 1):
        begun = time.monotonic()
        process = start(options, errors)
        processes.append(process)
        if run.round < options.kills and rng.random() < 0.15:
            time.sleep(rng.uniform(0, 0.3))
            run.count("kills_while_starting")
        else:
            if not wait_until_ready(options, process):
                run.fail(f"the server does not start: {process.poll()}")
                process.kill()
                process.wait()
                return None, starts
            starts.append(time.monotonic() - begun)
            run.up.set()
            if run.round == options.kills:
                return process, starts
            time.sleep(rng.uniform(0.1, 1))
        if process.poll() is not None:
            run.fail(f"the server ended by itself with {process.poll()}")
        process.send_signal(signal.SIGKILL)
        process.wait()
        run.up.clear()
        run.count("kills")
        if len(run.failures) > FAILURES_MAX:
            return None, starts


def finish(run, process, writers, subscribers):
    """Lets writers send what is unknown and subscribers catch up, and ends the server."""
    time.sleep(0.5)
    run.writing.clear()
    for writer in writers:
        writer.join(60)
        if writer.is_alive():
            run.fail(f"{writer.name}: {len(writer.unknown)} appends are still not answered")
    # The last of each type, by which a subscriber knows that it has all; those who want all types
    # wait for the very last.
    marks, marker = {}, Writer(run, "marker", "event")
    connection = http.client.HTTPConnection(HOST, run.options.port, timeout=30)
    for subscriber in sorted(subscribers, key=lambda subscriber: not subscriber.query):
        id, text = event(marker.random, subscriber.query.removeprefix("&type=") or "kill.event")
        mark = Request("event", [id], text.encode())
        marker.send(connection, mark, (201,))
        marks[subscriber] = mark.range[1] + 1
    connection.close()
    deadline = time.monotonic() + CATCH_UP_SECONDS
    for subscriber in subscribers:
        while subscriber.next < marks[subscriber]:
            if time.monotonic() > deadline:
                run.fail(f"{subscriber.name}: is at {subscriber.next} of {marks[subscriber]}")
                break
            time.sleep(0.02)
    # What should not come has had time to come.
    time.sleep(0.5)
    run.over.set()
    process.send_signal(signal.SIGTERM)
    try:
        if process.wait(40) != 0:
            run.fail(f"SIGTERM: ended with {process.returncode}")
    except subprocess.TimeoutExpired:
        run.fail("SIGTERM: still running after 40 s")
        process.kill()
        process.wait()


def examine(run, writers, subscribers):
    """Compares the log with what everybody was told."""
    options = run.options
    done = subprocess.run([options.binary, "check", "--log", options.log], capture_output=True)
    if done.returncode != 0:
        run.fail(f"check: {done.returncode} {done.stdout[:500]!r} {done.stderr[:500]!r}")
    places, sums, types = {}, [], []
    export = subprocess.Popen(
        [options.binary, "export", "--log", options.log], stdout=subprocess.PIPE)
    for index, line in enumerate(export.stdout):
        event = json.loads(line)
        if int(event["position"]) != index:
            run.fail(f"export: position {event['position']} in line {index}")
        if event["id"] in places:
            run.fail(f"export: {event['id']} stands twice")
        places[event["id"]] = index
        sums.append(zlib.crc32(line.rstrip(b"\n")))
        types.append(event["type"])
    if export.wait() != 0:
        run.fail(f"export: {export.returncode}")
    for writer in writers:
        for request in writer.acknowledged:
            found = [places.get(id) for id in request.ids]
            if None in found:
                run.fail(f"lost: {request.ids[found.index(None)]} was acknowledged in "
                         f"{request.range}")
            elif request.kind != "lines" and found != list(range(*bounds(request))):
                run.fail(f"misplaced: {request.ids[0]} was acknowledged at {request.range}")
            elif not all(request.range[0] <= place <= request.range[1] for place in found):
                run.fail(f"misplaced: {request.ids[0]} was acknowledged within {request.range}")
    for subscriber in subscribers:
        wanted = [(index, sum) for index, sum in enumerate(sums)
                  if not subscriber.query or subscriber.query == f"&type={types[index]}"]
        received = (sorted(subscriber.seen.items()) if isinstance(subscriber, Consumer)
                    else subscriber.received)
        if received != wanted:
            at = next((n for n, (a, b) in enumerate(zip(received, wanted)) if a != b),
                      min(len(received), len(wanted)))
            run.fail(f"{subscriber.name}: received {len(received)} of {len(wanted)}; differs first "
                     f"at {at}: {received[at:at + 2]} for {wanted[at:at + 2]}")
    return len(sums)


def bounds(request):
    return request.range[0], request.range[1] + 1


def free_port():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("log")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", default=str(time.time_ns()))
    options = parser.parse_args()
    options.port = free_port()
    run = Run(options)
    writers = [Writer(run, number, kind) for number, kind in enumerate(WRITERS)]
    subscribers = [
        Subscriber(run, "sse", "sse"), Subscriber(run, "lines", "lines"), Consumer(run),
        Subscriber(run, "sse of one type", "sse", "&type=kill.batch"),
        Subscriber(run, "lines of one type", "lines", "&type=kill.lines")]
    for thread in writers + subscribers:
        thread.start()
    begun = time.monotonic()
    with open(options.log.rstrip("/") + ".stderr", "w") as errors:
        process, starts = rounds(run, errors)
        if process:
            finish(run, process, writers, subscribers)
    run.over.set()
    for thread in writers + subscribers:
        thread.join(2)
    events = examine(run, writers, subscribers)
    print(json.dumps({
        "seed": options.seed, "seconds": round(time.monotonic() - begun, 1), **run.counts,
        "events_in_log": events, "start_s_max": round(max(starts, default=0), 3),
        "start_s_mean": round(sum(starts) / max(1, len(starts)), 3),
        "received": {subscriber.name: len(getattr(subscriber, "seen", subscriber.received))
                     for subscriber in subscribers},
        "failed": len(run.failures), "failures": run.failures[:FAILURES_MAX]}, indent=1))
    sys.stdout.flush()
    os._exit(1 if run.failures else 0)


if __name__ == "__main__":
    main()
