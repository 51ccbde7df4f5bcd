"""Follows a server with many subscribers at once while events are appended, and measures how late
each of them hears of an event.

usage: follow_live.py URL [--subscribers N] [--rate R] [--seconds T] [--connections C] [--token T]

Half of the subscribers ask for server-sent events and half for lines. An event carries the time at
which it was sent; a subscriber compares it with the time at which it has read the event, for the
first, the middle and the last event of each piece that arrives. So the latency holds all of it: the
append, the server, the network and this client, whose share `client` tells.

It is checked that all subscribers of a format get the same bytes, and that these are the appended
events, each once, in the order of gapless positions. Prints one JSON object; exits with 1 where
something was missing, doubled or out of order.
"""

import argparse
import array
import asyncio
import collections
import json
import os
import re
import resource
import sys
import time
import urllib.parse
import uuid

MARK = b'"t":'
DIGITS = 16
POSITION = re.compile(rb'"position":"(\d+)"')
NUMBER = re.compile(rb'"n":(\d+)')
FORMATS = {"sse": ("text/event-stream", b"\n\n"), "lines": ("application/x-ndjson", b"\n")}
PACE_SECONDS = 0.002
PATIENCE_SECONDS = 60


def now():
    return time.time_ns() // 1_000


class Reference:
    """All that the subscribers of one format have got, kept once; its events are read once."""

    def __init__(self, run, name):
        self.run, self.name = run, name
        self.media, self.end = FORMATS[name]
        self.bytes = bytearray()
        self.numbers = []
        self.next = run.start

    def extend(self, record):
        """Takes an event that nobody had before."""
        position = int(POSITION.search(record)[1])
        if position != self.next:
            self.run.fail(f"{self.name}: position {position} where {self.next} was to come")
        if self.name == "sse" and not record.startswith(b"id: %d\ndata: {" % position):
            self.run.fail(f"sse: another id than the position {position}: {record[:60]!r}")
        self.next = position + 1
        self.numbers.append(int(NUMBER.search(record)[1]))
        self.bytes += record


class Subscriber(asyncio.BufferedProtocol):
    # One for all: what is in it is taken out at once.
    buffer = memoryview(bytearray(1 << 18))

    def __init__(self, run, reference):
        self.run, self.reference = run, reference
        self.transport = None
        self.data = b""
        self.is_open = False
        # What belongs to a record that is not whole yet.
        self.rest = b""
        # How much of the reference this one has got.
        self.offset = 0
        self.pieces = 0
        self.latencies = array.array("I")

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.run.head(
            "GET", f"/v1/subscription?from={self.run.start}",
            f"Accept: {self.reference.media}") + b"\r\n")

    def get_buffer(self, hint):
        return self.buffer

    def buffer_updated(self, count):
        data = self.data + bytes(self.buffer[:count]) if self.data else bytes(self.buffer[:count])
        at = 0
        if not self.is_open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.data = data
                return
            if b" 200 " not in data[:end].split(b"\r\n", 1)[0]:
                self.run.fail(f"a subscription was refused: {data[:300]!r}")
                self.transport.abort()
                return
            self.is_open = True
            self.run.opened += 1
            at = end + 4
        while True:
            line = data.find(b"\r\n", at)
            if line < 0:
                break
            size = int(data[at:line], 16)
            if len(data) < line + 2 + size + 2:
                break
            if size:
                self.take(data[line + 2:line + 2 + size])
            at = line + 2 + size + 2
        self.data = data[at:]

    def take(self, piece):
        if self.rest:
            piece = self.rest + piece
            self.rest = b""
        reference = self.reference
        if piece.endswith(reference.end) and reference.bytes.startswith(piece, self.offset):
            self.offset += len(piece)
        else:
            *records, self.rest = piece.split(reference.end)
            for record in records:
                if not record or record.startswith(b":") or MARK not in record:
                    continue
                record += reference.end
                if self.offset == len(reference.bytes):
                    reference.extend(record)
                elif not reference.bytes.startswith(record, self.offset):
                    self.run.fail(f"{reference.name}: a subscriber got {record[:150]!r} where "
                                  f"others got {bytes(reference.bytes[self.offset:][:150])!r}")
                    self.transport.abort()
                    return
                self.offset += len(record)
        last = piece.rfind(MARK)
        if last < 0:
            return
        self.pieces += 1
        moment = now()
        for at in {piece.find(MARK), piece.find(MARK, len(piece) // 2), last}:
            if at >= 0:
                digits = piece[at + len(MARK):at + len(MARK) + DIGITS]
                if len(digits) == DIGITS:
                    self.latencies.append(max(0, moment - int(digits)))

    def connection_lost(self, error):
        if not self.run.is_over:
            self.run.fail(f"a subscription ended: {error!r}")


class Appender(asyncio.Protocol):
    """One connection that appends one event at a time."""

    def __init__(self, run):
        self.run = run
        self.data = b""
        self.sent = 0

    def connection_made(self, transport):
        self.transport = transport
        self.run.free.append(self)

    def append(self, number):
        self.sent = now()
        body = (b'{"specversion":"1.0","id":"%s","source":"urn:live","type":"live.sent","subject":'
                b'"live/%d","data":{"n":%d,"text":"%s","t":%d}}' % (
                    str(uuid.uuid4()).encode(), number % 500, number, b"x" * 40, self.sent))
        self.transport.write(self.run.append_head + b"%d\r\n\r\n" % len(body) + body)

    def data_received(self, data):
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        length = re.search(rb"content-length: (\d+)", self.data[:end].lower())
        if len(self.data) < end + 4 + int(length[1]):
            return
        if b" 201 " in self.data[:end].split(b"\r\n", 1)[0]:
            self.run.appended += 1
            self.run.append_latencies.append(now() - self.sent)
        else:
            self.run.fail(f"an append was refused: {self.data[:300]!r}")
        self.data = b""
        self.run.free.append(self)

    def connection_lost(self, error):
        if not self.run.is_over:
            self.run.fail(f"a connection for appends ended: {error!r}")


class Run:
    def __init__(self, options):
        self.options = options
        url = urllib.parse.urlsplit(options.url)
        self.host, self.port = url.hostname, url.port or 80
        self.failures = []
        self.failure_count = 0
        self.is_over = False
        self.opened = self.appended = 0
        self.free = collections.deque()
        self.append_latencies = array.array("I")
        self.lags = array.array("I")
        self.start = 0
        self.append_head = self.head(
            "POST", "/v1/events", "Content-Type: application/cloudevents+json"
        ) + b"Content-Length: "

    def fail(self, what):
        self.failure_count += 1
        if len(self.failures) < 20:
            self.failures.append(what)

    def head(self, method, target, *fields):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", *fields]
        if self.options.token:
            lines.append(f"Authorization: Bearer {self.options.token}")
        return "\r\n".join(lines).encode() + b"\r\n"

    async def read_size(self):
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(self.head("GET", "/v1/head", "Connection: close") + b"\r\n")
        answer = await reader.read()
        writer.close()
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])["size"]

    async def watch(self):
        """How late this client itself is."""
        while not self.is_over:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            self.lags.append(int((time.monotonic() - before - 0.01) * 1e6))

    async def pace(self):
        """Sends at the asked rate; gives how many were sent, and how long that took."""
        start, sent = time.monotonic(), 0
        while (elapsed := time.monotonic() - start) < self.options.seconds:
            due = int(elapsed * self.options.rate)
            while sent < due and self.free:
                self.free.popleft().append(sent)
                sent += 1
            await asyncio.sleep(PACE_SECONDS)
        return sent, time.monotonic() - start

    async def go(self):
        options, loop = self.options, asyncio.get_running_loop()
        self.start = await self.read_size()
        references = [Reference(self, name) for name in FORMATS]
        subscribers = []
        began = time.monotonic()
        for number in range(options.subscribers):
            _, subscriber = await loop.create_connection(
                lambda: Subscriber(self, references[number % 2]), self.host, self.port)
            subscribers.append(subscriber)
        while self.opened < options.subscribers and not self.failures:
            await asyncio.sleep(0.01)
        opening = time.monotonic() - began
        appenders = [
            (await loop.create_connection(lambda: Appender(self), self.host, self.port))[0]
            for _ in range(options.connections)]
        watcher = asyncio.ensure_future(self.watch())
        cpu = time.process_time()
        sent, seconds = await self.pace()
        cpu = time.process_time() - cpu
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and not self.failures and (
                self.appended < sent or not self.is_complete(references, subscribers, sent)):
            await asyncio.sleep(0.02)
        draining = PATIENCE_SECONDS - (deadline - time.monotonic())
        self.is_over = True
        watcher.cancel()
        self.judge(references, subscribers, sent)
        for transport in appenders + [subscriber.transport for subscriber in subscribers]:
            transport.abort()
        return self.report(subscribers, sent, seconds, opening, draining, cpu)

    @staticmethod
    def is_complete(references, subscribers, sent):
        used = {subscriber.reference for subscriber in subscribers}
        return (all(len(reference.numbers) >= sent for reference in references
                    if reference in used)
                and all(subscriber.offset == len(subscriber.reference.bytes)
                        for subscriber in subscribers))

    def judge(self, references, subscribers, sent):
        if self.appended != sent:
            self.fail(f"{self.appended} of {sent} appends were acknowledged")
        for reference in references:
            behind = [subscriber for subscriber in subscribers if subscriber.reference is reference
                      and subscriber.offset != len(reference.bytes)]
            if behind:
                self.fail(f"{reference.name}: {len(behind)} subscribers have not got all")
            if any(subscriber.reference is reference for subscriber in subscribers) and (
                    sorted(reference.numbers) != list(range(sent))):
                self.fail(f"{reference.name}: {len(reference.numbers)} events instead of {sent}, "
                          f"{len(set(reference.numbers))} different ones")

    def report(self, subscribers, sent, seconds, opening, draining, cpu):
        def figures(values):
            values = sorted(values)
            if not values:
                return None
            return {name: round(values[min(len(values) - 1, int(len(values) * part))] / 1_000, 2)
                    for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1))}

        each = [figures(subscriber.latencies) for subscriber in subscribers]
        each = [one for one in each if one]
        by_format = {
            name: figures([latency for subscriber in subscribers
                           if subscriber.reference.name == name
                           for latency in subscriber.latencies]) for name in FORMATS}
        pieces = sum(subscriber.pieces for subscriber in subscribers)
        return {
            "subscribers": len(subscribers), "opened_in_s": round(opening, 2),
            "rate_asked": self.options.rate, "rate": round(sent / seconds, 1),
            "seconds": round(seconds, 2), "appended": self.appended,
            "deliveries": sum(len(subscriber.reference.numbers) for subscriber in subscribers
                              if subscriber.offset == len(subscriber.reference.bytes)),
            "events_per_piece": round(sent * len(subscribers) / max(1, pieces), 1),
            "drained_in_s": round(draining, 2),
            "latency_ms": figures([latency for subscriber in subscribers
                                   for latency in subscriber.latencies]),
            "latency_ms_by_format": by_format,
            "worst_subscriber_ms": {
                name: max((one[name] for one in each), default=None)
                for name in ("p50", "p99", "max")},
            "best_subscriber_ms": {
                name: min((one[name] for one in each), default=None)
                for name in ("p50", "p99", "max")},
            "append_ms": figures(self.append_latencies),
            "client": {"cpu": round(cpu / seconds, 2), "lag_ms": figures(self.lags)},
            "complete": self.failure_count == 0, "failed": self.failure_count,
            "failures": self.failures}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--token")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = options.subscribers + options.connections + 100
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    report = asyncio.run(Run(options).go())
    print(json.dumps(report, indent=1))
    sys.stdout.flush()
    os._exit(0 if report["complete"] else 1)


if __name__ == "__main__":
    main()
