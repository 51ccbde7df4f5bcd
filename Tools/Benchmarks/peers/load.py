#!/usr/bin/env python3
"""The clients of `Tools/Benchmarks/serve`: a process of their own that prints one JSON object.

usage: load.py KIND SYSTEM URL SERVER [--clients N] [--connections N] [--processes N]
               [--seconds T] [--rate R] [--batches N] [--seed N] [--together] [--lives]

SYSTEM is `ours` or `uma`; SERVER is the id of its process, whose use of processors is told too.

  appends     closed loop: each client sends an event and waits for its acknowledgement
  batches     the same with 1,000 events; `--batches` sends so many and ends
  latency     open loop: each event has its moment, and its latency counts from there on, however
              late the client came to send it
  export      reads all events, again and again: of ours the export, of UmaDB everything
  pages       reads all events of ours, 1,000 with each request
  follow      subscribers that throw away what comes, for the soak

Clients are threads of Python. Sockets, and UmaDB's native client, release the interpreter while
they send and wait; requests are made before the clock starts, but for `latency`, where each is made
before its moment. `--connections` fewer than clients lets these share them (UmaDB only).
"""
import argparse
import array
import collections
import gc
import json
import math
import multiprocessing
import socket
import sys
import threading
import time
import urllib.parse

import events
import processes

PER_BATCH = 1000
# Prepared for each second: more than any system has managed.
APPENDS_PREPARED, BATCHES_PREPARED = 25_000, 200
# Of one run; none of its events are those of a run with another seed.
SEEDS = 1024
RECEIVE_BYTES = 1 << 20
MICROSECONDS = 1_000_000


class Lines(events.SizedLines):
    """Lines of 256 bytes with room for longer streams, since there are more of them."""

    source = "urn:ascolto:bench"


class Lives(events.SizedLines):
    """Contacts that come, wait, are answered and end, as the read models know them."""

    STEPS = [
        ("contact.received", '{"channel":"phone","direction":"in","queueId":"q%d"}'),
        ("contact.queued", '{"queueId":"q%d"}'),
        ("contact.left_queue", '{"queueId":"q%d","reason":"answered"}'),
        ("contact.connected", '{"operatorId":"o%d"}'),
        ("contact.disconnected", '{"by":"citizen","queue":"%d"}'),
    ]

    def next(self):
        identifier = self.random.getrandbits(122)
        life, step = divmod(self.made, 5)
        kind, data = self.STEPS[step]
        text = f"{identifier:032x}"
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = (
            f'{{"specversion":"1.0","id":"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-'
            f'{text[20:]}","source":"urn:ascolto:synthetic:soak","type":"{kind}",'
            f'"subject":"contact/{self.seed:x}-{life}","time":"{moment}","schema":1,'
            f'"data":{data % (life % 20)}}}')
        self.made += 1
        return None, None, step, kind, line


class Connection:
    """One connection to our server."""

    def __init__(self, url):
        self.socket = socket.create_connection((url.hostname, url.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(RECEIVE_BYTES)

    @staticmethod
    def head(content_type, length, query=""):
        return (b"POST /v1/events%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/%s\r\n"
                b"Content-Length: %d\r\n\r\n" % (query.encode(), content_type.encode(), length))

    def single(self, line):
        return self.head("cloudevents+json", len(line)) + line.encode()

    def batch(self, lines, together):
        body = "\n".join(lines).encode()
        query = "?lines=together" if together else ""
        return self.head("x-ndjson", len(body), query) + body

    def append(self, request):
        self.socket.sendall(request)
        answer = self.socket.recv(4096)
        while not self.is_whole(answer):
            more = self.socket.recv(4096)
            if not more:
                raise SystemExit(f"the server closed a connection: {answer!r}")
            answer += more
        if not answer.startswith(b"HTTP/1.1 201 "):
            raise SystemExit(f"an append was answered {answer!r}")

    @staticmethod
    def is_whole(answer):
        head, end, body = answer.partition(b"\r\n\r\n")
        if not end:
            return False
        at = head.lower().index(b"content-length:") + 15
        return len(body) >= int(head[at:].split(b"\r\n", 1)[0])

    def get(self, target):
        """Throws an answer away, and tells how many bytes it had.

        A JSON line has no CR, so an answer in chunks ends where these bytes come last.
        """
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        view = memoryview(self.buffer)
        length = self.socket.recv_into(view)
        while (end := self.buffer.find(b"\r\n\r\n", 0, length)) < 0:
            length += self.socket.recv_into(view[length:])
        head = bytes(view[:end]).lower()
        if not head.startswith(b"http/1.1 200 "):
            raise SystemExit(f"{target} was answered {head!r}")
        if b"transfer-encoding: chunked" not in head:
            at = head.index(b"content-length:") + 15
            missing = int(head[at:].split(b"\r\n", 1)[0]) - (length - end - 4)
            while missing > 0:
                count = self.receive(target)
                length, missing = length + count, missing - count
            return length
        tail = bytes(view[max(end + 2, length - 7):length])
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            count = self.receive(target)
            tail = (tail + bytes(view[max(0, count - 7):count]))[-7:]
            length += count
        return length

    def receive(self, target):
        count = self.socket.recv_into(self.buffer)
        if not count:
            raise SystemExit(f"{target}: the answer broke off")
        return count


class Ours:
    def __init__(self, options):
        self.url = urllib.parse.urlsplit(options.url)
        self.together = options.together

    def connect(self, _number):
        return Connection(self.url)

    def single(self, connection, line):
        return connection.single(line)

    def batch(self, connection, lines):
        return connection.batch(lines, self.together)

    def read_all(self, connection, kind):
        size = self.size(connection)
        if kind == "export":
            return size, connection.get("/v1/export")
        return size, sum(
            connection.get(f"/v1/events?from={start}&limit={PER_BATCH}")
            for start in range(0, size, PER_BATCH))

    @staticmethod
    def size(connection):
        connection.socket.sendall(b"GET /v1/head HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = connection.socket.recv(4096)
        while not connection.is_whole(answer):
            answer += connection.socket.recv(4096)
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])["size"]


class Uma:
    def __init__(self, options):
        # Elsewhere it may be missing.
        import umadb

        import uma
        self.event = lambda line: uma.UmaDB.event(json.loads(line))
        self.open = lambda: umadb.Client(options.url)
        self.most = options.connections or options.clients
        self.connections = []

    def connect(self, number):
        if len(self.connections) < self.most:
            self.connections.append(self.open())
        return self.connections[number % self.most]

    def single(self, _connection, line):
        return [self.event(line)]

    def batch(self, _connection, lines):
        return [self.event(line) for line in lines]

    @staticmethod
    def read_all(connection, _kind):
        count = 0
        response = connection.read()
        while batch := response.next_batch():
            count += len(batch)
        return count, 0


def in_threads(connections, work):
    """Runs `work(number, connection)` in a thread each; the first failure is raised."""
    failures = []

    def guarded(number, connection):
        try:
            work(number, connection)
        except BaseException as error:  # noqa: BLE001: raised by the main thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=pair, daemon=True)
               for pair in enumerate(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def prepare(options, system, share, seed):
    """Connections, and what they will send, drawn from one queue by all of them."""
    connections = [system.connect(number) for number in range(share)]
    source = Lines(seed)
    if options.kind == "appends":
        count = math.ceil(options.seconds * APPENDS_PREPARED / options.processes)
        requests = (system.single(connections[0], source.next()[4]) for _ in range(count))
    else:
        count = options.batches or math.ceil(options.seconds * BATCHES_PREPARED)
        requests = (
            system.batch(connections[0], [source.next()[4] for _ in range(PER_BATCH)])
            for _ in range(count))
    return connections, collections.deque(requests)


def closed_loop(options, system, barrier, results, number):
    """One process of clients; tells how many requests it made, in which time, at what cost."""
    processes.end_with_parent()
    share = options.clients // options.processes
    connections, requests = prepare(options, system, share, options.seed * SEEDS + number)
    counts = [0] * share
    gc.disable()
    barrier.wait()
    start, cpu = time.monotonic(), time.process_time()
    end = math.inf if options.batches else start + options.seconds

    def work(client, connection):
        while time.monotonic() < end:
            try:
                request = requests.popleft()
            except IndexError:
                return
            connection.append(request)
            counts[client] += 1

    in_threads(connections, work)
    results.put((sum(counts), time.monotonic() - start, time.process_time() - cpu))


def run_closed_loop(options, system):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(options.processes + 1), context.SimpleQueue()
    children = [
        context.Process(
            target=closed_loop, args=(options, system, barrier, results, number), daemon=True)
        for number in range(options.processes)]
    for child in children:
        child.start()
    waiting = threading.Thread(target=barrier.wait, daemon=True)
    waiting.start()
    while waiting.is_alive():
        waiting.join(0.1)
        if any(child.exitcode for child in children):
            raise SystemExit("a process of clients failed")
    before = processes.cpu_seconds(options.server)
    found = []
    while len(found) < options.processes:
        if not results.empty():
            found.append(results.get())
        elif any(child.exitcode for child in children):
            raise SystemExit("a process of clients failed")
        else:
            time.sleep(0.005)
    server = processes.cpu_seconds(options.server) - before
    for child in children:
        child.join()
    each = 1 if options.kind == "appends" else PER_BATCH
    return report(sum(one[0] for one in found) * each, max(one[1] for one in found),
                  sum(one[2] for one in found), server)


def report(count, seconds, client, server, **others):
    return {
        "count": count, "seconds": seconds, "per_second": count / seconds,
        "client_us": client * MICROSECONDS / count, "server_us": server * MICROSECONDS / count,
        **others}


def percentiles(values):
    ordered = sorted(values) or [math.nan]
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * part))] * MICROSECONDS
            for name, part in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999),
                               ("max_us", 1))}


def run_latency(options, system):
    """Client c has the moments c, c + clients, …; of a late one the next ones wait."""
    connections = [system.connect(number) for number in range(options.clients)]
    count = math.ceil(options.rate * options.seconds)
    make = Lives if options.lives else Lines
    latencies, lateness = array.array("d"), array.array("d")
    gc.disable()
    before, cpu = processes.cpu_seconds(options.server), time.process_time()
    start = time.monotonic() + 0.5

    def work(client, connection):
        source = make(options.seed * SEEDS + client)
        for number in range(client, count, options.clients):
            request = system.single(connection, source.next()[4])
            moment = start + number / options.rate
            free = time.monotonic()
            if free < moment:
                time.sleep(moment - free)
                lateness.append(time.monotonic() - moment)
            connection.append(request)
            latencies.append(time.monotonic() - moment)

    in_threads(connections, work)
    seconds = time.monotonic() - start
    late = percentiles(lateness)
    return report(
        len(latencies), seconds, time.process_time() - cpu,
        processes.cpu_seconds(options.server) - before, **percentiles(latencies),
        client_late_p50_us=late["p50_us"], client_late_p99_us=late["p99_us"],
        client_late_max_us=late["max_us"])


def run_reading(options, system):
    connection = system.connect(0)
    system.read_all(connection, options.kind)
    before, cpu, start = (
        processes.cpu_seconds(options.server), time.process_time(), time.monotonic())
    count = size = 0
    while (seconds := time.monotonic() - start) < options.seconds:
        some, length = system.read_all(connection, options.kind)
        count, size = count + some, size + length
    return report(count, seconds, time.process_time() - cpu,
                  processes.cpu_seconds(options.server) - before, bytes_per_event=size / count)


def run_follow(options, system):
    """Subscribers of ours, half of them for each format, until the time is over."""
    total = [0] * options.clients
    end = time.monotonic() + options.seconds

    def work(client, connection):
        media = ("text/event-stream", "application/x-ndjson")[client % 2]
        connection.socket.settimeout(5)
        connection.socket.sendall(
            f"GET /v1/subscription HTTP/1.1\r\nHost: x\r\nAccept: {media}\r\n\r\n".encode())
        while time.monotonic() < end:
            try:
                total[client] += connection.receive("/v1/subscription")
            except TimeoutError:
                pass

    in_threads([system.connect(number) for number in range(options.clients)], work)
    return {"bytes_least": min(total), "bytes_most": max(total)}


KINDS = {
    "appends": run_closed_loop, "batches": run_closed_loop, "latency": run_latency,
    "export": run_reading, "pages": run_reading, "follow": run_follow}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("system", choices=["ours", "uma"])
    parser.add_argument("url")
    parser.add_argument("server", type=int)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--batches", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--lives", action="store_true")
    options = parser.parse_args()
    processes.end_with_parent()
    system = {"ours": Ours, "uma": Uma}[options.system](options)
    print(json.dumps(KINDS[options.kind](options, system)))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
