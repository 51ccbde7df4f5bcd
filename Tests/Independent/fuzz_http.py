"""Sends malformed and hostile requests to a server and watches what becomes of it.

usage: fuzz_http.py BINARY LOGDIR [--requests N] [--seed S] [--only KIND,…] [--without KIND,…]
                    [--cases NUMBER,…]

Starts `BINARY serve` on a new log. Each case is a conversation on one connection, or a few, that
follows from the seed and its number alone, so that --cases tells it again. Meanwhile another client
appends and reads as a good one does. What must hold:

- the process lives, and answers nothing with 5xx but 503;
- answers are well-formed and come in the order of the requests, and each whole request has one;
- the good client has its answers within 5 s, also while the server is attacked;
- anonymous memory stays within 200 MB of where it is after the first tenth of the requests;
- descriptors come back to where they were once all connections are closed;
- SIGTERM ends the process with 0 within 40 s, though connections hang in the air;
- `check` passes, and `export` holds each acknowledged event once, where it was said to be, and
  with the data that were sent.

Prints one JSON object; exits with 1 where a promise was broken.
"""

import argparse
import collections
import gzip
import json
import os
import random
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
import zlib

HOST = "127.0.0.1"
WORKERS = 32
HEALTHY_SECONDS = 5
# A whole request has its answer within this, also on a machine with other work to do.
ANSWER_SECONDS = 10
# Queries wait for one another: two at a time, each for 10 s at most, and four behind them.
QUERY_SECONDS = 40
GROWTH_MAX_KB = 200 << 10
DESCRIPTOR_SECONDS = 100
DRAIN_SECONDS = 40
# Kinds that have failed so often are passed over, so that the others have their turn.
KIND_FAILURES_MAX = 5
FAILURES_MAX = 60
EVENT, BATCH, LINES = (b"application/cloudevents+json", b"application/cloudevents-batch+json",
                       b"application/x-ndjson")


# What a server says.

class Malformed(Exception):
    pass


class Answers:
    """The answers on one connection, as they arrive."""

    def __init__(self, methods):
        self.methods = methods
        self.data = bytearray()
        self.all = []
        self.interim = 0
        # How far the chunks of the answer that is arriving have been read, and what they held.
        self.at, self.pieces = 0, []

    def feed(self, piece):
        self.data += piece
        while self.data:
            whole = self.next(False)
            if not whole:
                return
            if whole[0] < 200:
                self.interim += 1
            else:
                self.all.append(whole)

    def finish(self):
        """The connection has ended; what began must be whole, or end with it."""
        if self.data:
            whole = self.next(True)
            if whole:
                self.all.append(whole)

    def next(self, ended):
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            if not b"HTTP/1.".startswith(self.data[:7]):
                raise Malformed(f"no answer begins with {bytes(self.data[:80])!r}")
            return None
        first, *lines = bytes(self.data[:end]).split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.[01] ([1-5]\d\d) [ -~]*", first)
        if not match:
            raise Malformed(f"no answer begins with {first[:80]!r}")
        status = int(match[1])
        fields = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise Malformed(f"not a field: {line[:80]!r}")
            name = name.lower()
            if name in fields and name in (b"content-length", b"transfer-encoding"):
                raise Malformed(f"{name!r} stands twice")
            fields[name] = value.strip()
        start = end + 4
        index = len(self.all)
        method = self.methods[index] if index < len(self.methods) else b"GET"
        if status < 200 or status in (204, 304) or method == b"HEAD":
            length = 0
        elif b"transfer-encoding" in fields:
            if fields[b"transfer-encoding"].lower() != b"chunked" or b"content-length" in fields:
                raise Malformed(f"framed as {fields!r}")
            content = self.dechunk(start)
            if content is None:
                return None
            return status, fields, self.decompress(fields, content)
        elif b"content-length" in fields:
            length = int(fields[b"content-length"])
        elif ended:
            length = len(self.data) - start
        else:
            return None
        if len(self.data) < start + length:
            return None
        body = bytes(self.data[start:start + length])
        del self.data[:start + length]
        return status, fields, self.decompress(fields, body)

    @staticmethod
    def decompress(fields, content):
        """Content in clear; what cannot be decompressed here is passed over."""
        match fields.pop(b"content-encoding", b""):
            case b"": return content
            case b"gzip":
                try:
                    return gzip.decompress(content)
                except (OSError, EOFError, zlib.error) as error:
                    raise Malformed(f"not gzip: {error}") from None
            case _:
                fields.pop(b"content-type", None)
                return b""

    def dechunk(self, start):
        """The content of the chunks that begin there; goes on where it found no more before."""
        data, at = self.data, self.at or start
        while True:
            end = data.find(b"\r\n", at)
            if end < 0:
                return None
            try:
                size = int(data[at:end], 16)
            except ValueError:
                raise Malformed(f"not a chunk's size: {bytes(data[at:end][:40])!r}") from None
            first = end + 2
            if len(data) < first + size + 2:
                return None
            if data[first + size:first + size + 2] != b"\r\n":
                raise Malformed("a chunk that does not end with its line")
            if size == 0:
                content = b"".join(self.pieces)
                del data[:first + 2]
                self.at, self.pieces = 0, []
                return content
            self.pieces.append(bytes(data[first:first + size]))
            at = self.at = first + size + 2


# What a client sends.

def request(method, target, fields=(), body=None, version=b"HTTP/1.1"):
    lines = [b"%s %s %s" % (method, target, version), b"Host: x"]
    lines += [b"%s: %s" % field for field in fields]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def get(target, *fields):
    return request(b"GET", target, fields)


def append(body, media=EVENT, query=b"", *fields):
    return request(b"POST", b"/v1/events" + query, ((b"Content-Type", media),) + fields, body)


def chunked(body, sizes, media=EVENT):
    pieces, at = [], 0
    for size in sizes:
        piece = body[at:at + size]
        if piece:
            pieces.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        at += size
    if body[at:]:
        pieces.append(b"%x\r\n%s\r\n" % (len(body[at:]), body[at:]))
    return request(b"POST", b"/v1/events", (
        (b"Content-Type", media), (b"Transfer-Encoding", b"chunked"),
    )) + b"".join(pieces) + b"0\r\n\r\n"


TIMES = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z",
         "2026-02-28T23:59:60Z", "2024-02-29T12:00:00+14:00", "2026-03-29T02:30:00+01:00"]
DOMAIN = [
    ("contact.received", "contact", {"channel": "phone", "direction": "in", "queue": "anagrafe"}),
    ("operator.logged_in", "operator", {}),
    ("case.opened", "case", {"channel": "email", "serviceCode": "tari", "areaCode": "centro"}),
    ("case.assigned", "case", {"ownerKind": "team", "ownerId": "t1"}),
    ("case.resolved", "case", {"ownerId": "t2"}),
    ("case.reopened", "case", {}),
    ("case.closed", "case", {}),
    ("survey.invited", "survey", {"surveyId": "s", "contactId": "1"}),
    ("survey.answered", "survey", {"surveyId": "s", "answers": [{"q": "a", "value": 5}]}),
]
# None of these begins a stream.
LATER = [
    ("contact.queued", {"queueId": "anagrafe"}),
    ("contact.left_queue", {"queueId": "anagrafe", "reason": "answered"}),
    ("contact.connected", {"operatorId": "o1"}),
    ("contact.disconnected", {"by": "citizen"}),
    ("contact.after_work_ended", {"operatorId": "o1"}),
    ("contact.abandoned", {"stage": "queue"}),
    ("operator.status_changed", {"from": "offline", "to": "available"}),
    ("operator.logged_out", {}),
]
SCALARS = [0, -1, 1, 2 ** 31, -2 ** 63, 2 ** 63 - 1, 2 ** 63, 2 ** 64, 1e308, 0.1, True, None, "",
           "x", "\u0000", "\ud83d\ude00", "é", "a" * 300, [], {}, [[]], {"a": 1}]
NUMBERS = [b"1e400", b"-0", b"1" * 400, b"0.1e-999", b"01", b"+1", b".5", b"1.", b"NaN",
           b"Infinity",
           b"0x10", b"1e", b"-", b"9223372036854775808", b"18446744073709551616"]
TEXTS = [b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"',
         b'"\xf4\x90\x80\x80"', b'"\\x41"', b'"\\u12"', b'"a', b'"\x01"', b'"\\u0000"', b"'a'"]


class Maker:
    """What the cases are made of: everything follows from the seed and the case's number."""

    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}:{number}")
        self.number = number

    def id(self):
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def bytes(self, most):
        return self.random.randbytes(self.random.randrange(most))

    def event(self):
        """A valid event and its id."""
        rng, id = self.random, self.id()
        event = {"specversion": "1.0", "id": id, "source": "urn:fuzz", "type": "fuzz.sent",
                 "subject": f"fuzz/{rng.randrange(50)}", "tags": f"n:{rng.randrange(9)}",
                 "data": {"n": self.number, "text": "è ☎ \U0001f600", "f": 0.25, "a": [1, None]}}
        if rng.random() < 0.3:
            type, stream, data = rng.choice(DOMAIN)
            event |= {"type": type, "schema": 1, "subject": f"{stream}/{rng.randrange(20)}",
                      "data": dict(data)}
            if stream in ("contact", "operator"):
                event["subject"] = f"{stream}/{id}"
            if rng.random() < 0.5:
                event["time"] = rng.choice([TIMES[0], TIMES[1], TIMES[2], TIMES[4], TIMES[5]])
        if rng.random() < 0.1:
            event["data"]["long"] = "x" * rng.randrange(20_000)
        return id, json.dumps(event, ensure_ascii=rng.random() < 0.5).encode()

    def mutated(self, text):
        """Valid text with a few of its bytes changed."""
        rng, text = self.random, bytearray(text)
        for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
            at = rng.randrange(len(text))
            match rng.randrange(7):
                case 0 | 1 | 2: text[at] ^= 1 << rng.randrange(8)
                case 3: del text[at:at + rng.randrange(1, 9)]
                case 4: text[at:at] = rng.randbytes(rng.randrange(1, 9))
                case 5: text[at:at] = text[at:at + rng.randrange(1, 40)]
                case 6: text[at] = rng.choice(b'{}[]",:\\0123456789 \x00\xff\n')
            if not text:
                text += b"{"
        return bytes(text)


class Case:
    """One conversation: what is done, and what has to come of it.

    `must` is "answers", one for each of `checks`; "react", an answer or the end of the connection;
    or "nothing".
    """

    def __init__(self, must="react"):
        self.must = must
        self.steps = []
        self.checks = []
        self.methods = []
        self.requests = 1
        self.patience = ANSWER_SECONDS
        self.closes = False
        self.kind = ""
        self.number = 0
        self.others = []

    def send(self, data, check=None, method=None):
        self.steps.append(("send", data))
        if check:
            self.checks.append(check)
            self.methods.append(method or data.split(b" ", 1)[0])
        return self

    def then(self, *step):
        self.steps.append(step)
        return self


# Checks of single answers: they give what is wrong.

def status(*wanted):
    def check(answer, run):
        if answer[0] not in wanted + (503,):
            return f"{answer[0]} instead of {wanted}: {answer[2][:200]!r}"
    return check


def anything(answer, run):
    return None


def says(text, *wanted):
    """An answer that can be told from those to all other requests."""
    def check(answer, run):
        if answer[0] != 503 and (answer[0] not in wanted or text not in answer[2]):
            return f"the answer to another request: {text!r} is not in {answer[:1] + answer[2:]!r}"
    return check


def acknowledged(*ids):
    """All of one append, with consecutive positions."""
    def check(answer, run):
        if answer[0] == 503:
            return None
        if answer[0] not in (200, 201):
            return f"a valid event was refused: {answer[0]} {answer[2][:300]!r}"
        said = json.loads(answer[2])
        if said["last"] - said["first"] + 1 != len(ids):
            return f"{len(ids)} events are said to be {said!r}"
        for index, id in enumerate(ids):
            run.acknowledge(id, said["first"] + index)
    return check


def taken(*ids):
    """Lines, each an append of its own."""
    def check(answer, run):
        if answer[0] == 503:
            return None
        if answer[0] not in (200, 201):
            return f"valid lines were refused: {answer[0]} {answer[2][:300]!r}"
        for id in ids:
            run.acknowledge(id, None)
    return check


def perhaps(sent):
    """Where changed bytes are still an event, it is what was sent."""
    def check(answer, run):
        if answer[0] in (200, 201):
            said = json.loads(answer[2])
            if said["first"] is not None and said["first"] == said["last"]:
                run.mutants[said["first"]] = sent
    return check


# Kinds of cases. Their names are those of the functions.

def known(make):
    """One valid request whose answer can be told from all others."""
    rng = make.random
    match rng.randrange(8):
        case 0 | 1 | 2:
            id, event = make.event()
            return append(event), acknowledged(id)
        case 3:
            events = [make.event() for _ in range(rng.randrange(1, 5))]
            body = b"[" + b",".join(text for _, text in events) + b"]"
            return append(body, BATCH), acknowledged(*(id for id, _ in events))
        case 4:
            events = [make.event() for _ in range(rng.randrange(1, 5))]
            body = b"\n".join(text for _, text in events)
            return append(body, LINES), taken(*(id for id, _ in events))
        case 5:
            number = b"%d" % rng.randrange(10 ** 15, 10 ** 18)
            field = (b"Accept-Encoding", rng.choice([b"gzip", b"gzip;q=0.5, identity", b""]))
            return get(b"/v1/events/" + number, field), says(number, 404)
        case 6:
            name = b"none-%x" % rng.getrandbits(64)
            return get(b"/v1/cursors/" + name), says(name, 404)
        case 7:
            name = b"p%x" % rng.getrandbits(64)
            return get(b"/v1/head?%s=1" % name), says(name, 400)


def pipeline(make):
    """Requests that do not wait for each other, cut anywhere, perhaps with garbage behind them."""
    rng, case = make.random, Case("answers")
    count = rng.choice([2, 3, 4, 6, 12])
    data = b""
    for _ in range(count):
        text, check = known(make)
        case.checks.append(check)
        case.methods.append(text.split(b" ", 1)[0])
        data += text
    case.requests = count
    ending = rng.randrange(4)
    if ending == 0:
        data += rng.choice([b"\x00\x01garbage\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                            b"GET / HTTP/1.1\r\nHost: x\r\na b: c\r\n\r\n",
                            b"\x16\x03\x01\x02\x00"])
        case.checks.append(status(400))
        case.methods.append(b"GET")
        case.closes = True
        case.requests += 1
    cuts = sorted(rng.randrange(len(data)) for _ in range(rng.choice([0, 0, 1, 3, 8])))
    for start, end in zip([0] + cuts, cuts + [len(data)]):
        case.send(data[start:end])
        if rng.random() < 0.3:
            case.then("sleep", 0.001)
    if ending == 1:
        case.then("half")
        case.closes = True
    return case


def flood(make):
    """More requests than may wait on one connection."""
    case, data = Case("answers"), []
    for _ in range(make.random.choice([65, 100, 300])):
        text, check = known(make)
        case.checks.append(check)
        case.methods.append(text.split(b" ", 1)[0])
        data.append(text)
    case.requests = len(data)
    return case.send(b"".join(data))


def sequence(make):
    """Requests one after the other on one connection."""
    case = Case("answers")
    for _ in range(make.random.randrange(2, 9)):
        text, check = known(make)
        case.send(text, check).then("answer")
    case.requests = len(case.checks)
    return case


def request_line(make):
    rng = make.random
    line = rng.choice([
        b"GET", b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 x", b" GET / HTTP/1.1",
        b"get /livez HTTP/1.1", b"GET /livez HTTP/1.1\r", b"GET\t/livez\tHTTP/1.1", b"",
        b"GET /livez HTTP/1.", b"GET /livez HTTP/11", b"GET /livez HTTP/0.9", b"GET /livez HTTP/2",
        b"GET /livez http/1.1", b"GET /livez ICE/1.0", b"G\x00T /livez HTTP/1.1",
        b"GET /\x00 HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET livez HTTP/1.1", b"GET * HTTP/1.1",
        b"GET http://a@b:c/livez HTTP/1.1", b"GET //livez HTTP/1.1", b"GET /%00 HTTP/1.1",
        b"GET /../../etc/passwd HTTP/1.1", b"GET /v1/events/%2e%2e HTTP/1.1",
        b"CONNECT x:1 HTTP/1.1",
        b"OPTIONS * HTTP/1.1", b"TRACE / HTTP/1.1", b"GET /#a?b HTTP/1.1", b"GET /?#? HTTP/1.1",
        b"GET /" + b"a" * rng.choice([8_000, 16_000, 70_000, 200_000]) + b" HTTP/1.1",
        b"X" * rng.choice([30, 20_000, 200_000]) + b" / HTTP/1.1",
        b"GET /?" + b"&".join([b"a=b"] * 4_000) + b" HTTP/1.1",
        make.mutated(b"GET /v1/events?from=0 HTTP/1.1"), make.bytes(200)])
    return Case("nothing").send(line + rng.choice([
        b"\r\nHost: x\r\n\r\n", b"\nHost: x\n\n", b"\r\n\r\n", b"\r\rHost: x\r\r", b"\r\n" * 40]))


def fields(make):
    rng = make.random
    length = rng.choice([b"-1", b"+5", b"5 5", b"5,5", b"5, 6", b"0x5", b"5.0", b"", b" ", b"1e2",
                         b"99999999999999999999999", b"18446744073709551615",
                         b"9223372036854775807",
                         b"9223372036854775808", b"\xd9\xa5", b"00000000000000000000000005"])
    coding = rng.choice([b"chunked, chunked", b"gzip", b"gzip, chunked", b"identity",
                         b"chunked;a=b",
                         b" chunked", b"chunked\x0b", b"CHUNKED", b"xchunked", b"chunked, identity",
                         b""])
    lines = rng.choice([
        [b"Content-Length: " + length], [b"Content-Length: 5", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        [b"Transfer-Encoding: " + coding],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Content-Length : 5"], [b"Content-Length\x00: 5"], [b"a: b\x00c"], [b"a: b\r\n folded"],
        [b" a: b"], [b": b"], [b"a"], [b"a b: c"], [b"a\xff: b"], [b"a: \xff\xfe"], [b"a: b\rc: d"],
        [b"a: b\nc: d"], [b"a: " + b"b" * rng.choice([9_000, 17_000, 100_000])],
        [b"b" * rng.choice([9_000, 17_000, 100_000]) + b": a"],
        [b"a%d: b" % n for n in range(rng.choice([90, 101, 1_000, 5_000]))],
        [b"Host: y"], [b"Connection: " + rng.choice([b"close, close", b"Close", b"upgrade", b"\x01",
                                                     b"content-length", b"keep-alive, close"])],
        [b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk"],
        [b"If-None-Match: " + rng.choice([b"*", b'W/"', b"," * 5_000, b"\x80"])],
        [b"Accept: " + rng.choice([b"*/*;q=0", b"text/event-stream;q=nan", b";,;,", b"*/*;q=1e999",
                                   b"," * 9_000, b"application/x-ndjson;q=-1"])],
        [b"Last-Event-ID: " + rng.choice([b"-1", b"x", b"9223372036854775807", b"+5", b"",
                                          b"18446744073709551615", b"\x00", b"9" * 5_000])],
        [b"Authorization: " + rng.choice([b"", b"Bearer ", b"Bearer x", b"Basic eDp4",
                                          b"Bearer a.b.c",
                                          make.bytes(60).replace(b"\n", b"")])],
        [b"Accept-Encoding: " + rng.choice(CODINGS)], [b"Cookie: a=b"] * 99,
        [make.mutated(b"Content-Type: application/cloudevents+json")]])
    method, target = rng.choice([(b"GET", b"/livez"), (b"POST", b"/v1/events"),
                                 (b"GET", b"/v1/head"),
                                 (b"POST", b"/v1/projections/operator-queues/query"),
                                 (b"GET", b"/v1/subscription"), (b"PUT", b"/v1/cursors/a")])
    head = [b"%s %s HTTP/1.1" % (method, target), b"Host: x"]
    media = b"Content-Type: " + rng.choice([EVENT, BATCH, LINES, b"application/sql"])
    head += rng.choice([[media] + lines, lines + [media], lines])
    return Case("nothing").send(b"\r\n".join(head) + b"\r\n\r\n" + b"{}\r\n\r\n")


def chunks(make):
    """Chunked bodies, of which some are right."""
    rng = make.random
    if rng.random() < 0.3:
        id, event = make.event()
        media = rng.choice([EVENT, LINES])
        sizes = [rng.randrange(1, 200) for _ in range(rng.randrange(30))]
        check = acknowledged(id) if media == EVENT else taken(id)
        return Case("answers").send(chunked(event, sizes, media), check)
    _, event = make.event()
    body = rng.choice([
        b"zz\r\n" + event, b"-5\r\nabcde\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n" + event,
        b"7fffffffffffffff\r\n" + event, b"ffffffffffffffff\r\n" + event, b"\r\n" + event,
        b"%x\r\n%s0\r\n\r\n" % (len(event), event), b"5\nabcde\n0\n\n",
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(event) - 3, event), b"5\r\nabcdefgh\r\n0\r\n\r\n",
        b"5;" + b"a" * rng.choice([100, 20_000, 300_000]) + b"\r\nabcde\r\n0\r\n\r\n",
        b"5;a=\"\x00\"\r\nabcde\r\n0\r\n\r\n", b"0\r\n" + b"a: b\r\n" * 5_000 + b"\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\n\x00\r\n\r\n", b"0" * 5_000 + b"5\r\nabcde\r\n",
        b"%x\r\n%s\r\n" % (len(event), event), b"1\r\n{\r\n" * 500 + b"0\r\n\r\n",
        make.mutated(b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event))])
    return Case("nothing").send(request(b"POST", b"/v1/events", (
        (b"Content-Type", rng.choice([EVENT, BATCH, LINES])), (b"Transfer-Encoding", b"chunked"))
    ) + body)


def truncated(make):
    """A request that is never whole; its connection is cut, halved or left."""
    rng = make.random
    text = known(make)[0]
    case = Case("nothing").send(text[:rng.randrange(1, len(text))])
    match rng.randrange(4):
        case 0:
            # The server need not wait for what will not come.
            case.must = "react"
            case.then("half")
        case 1: case.then("reset")
        case 2: case.then("sleep", 0.02)
    return case


def half(make):
    """The client has sent all that it has to send, and listens."""
    text, check = known(make)
    case = Case("answers").send(text, check).then("half")
    case.closes = True
    return case


def reset(make):
    """The client is gone before its answer."""
    rng, case = make.random, Case("nothing")
    text = b"".join(known(make)[0] for _ in range(rng.randrange(1, 4)))
    if rng.random() < 0.3:
        text = get(b"/v1/export")
    return case.send(text).then("sleep", rng.choice([0, 0, 0.0005, 0.002])).then("reset")


def slow(make):
    """A few bytes at a time."""
    rng, case = make.random, Case("answers")
    text, check = known(make)
    text = text[:2_000] if len(text) < 2_000 else text
    size = 1 if len(text) < 400 else len(text) // 300 + 1
    case.then("trickle", text, size, rng.choice([0, 0.0002, 0.001]))
    case.checks.append(check)
    case.methods.append(text.split(b" ", 1)[0])
    return case


def content_type(make):
    rng = make.random
    media = rng.choice([b"application/json", b"text/plain", b"", b"application/cloudevents",
                        b"x" * 5_000,
                        b"application/cloudevents+xml", b"multipart/form-data; boundary=a", b"\xff",
                        b"application/x-www-form-urlencoded", b"application/cloudevents+json, a/b"])
    return Case("answers").send(append(make.event()[1], media), status(415, 400))


def broken_json(make):
    rng = make.random
    value = rng.choice([
        rng.choice(NUMBERS), rng.choice(TEXTS), b"[" * rng.choice([63, 64, 65, 1_000, 200_000]),
        b'{"a":' * rng.choice([65, 50_000]), b"[" * 5_000 + b"]" * 5_000, b"", b"nul", b"tru",
        b"{,}",
        b'{"a":1,"a":2}', b'{"a":1,}', b"[1,]", b'{"a"}', b"{1:2}", b"//a", b"\xef\xbb\xbf1",
        b"\x00",
        b"[" * 60 + b"]" * 60])
    event = (b'{"specversion":"1.0","id":"%s","type":"a.b","source":"s","subject":"a/b","data":%s}'
             % (make.id().encode(), value))
    match rng.randrange(5):
        case 0: text, media = event, EVENT
        case 1: text, media = value, rng.choice([EVENT, BATCH, LINES])
        case 2: text, media = b"[" + event + b"]", BATCH
        case 3: text, media = event + b"\n" + event + b"\n\n \r\n" + event, LINES
        case 4:
            media = EVENT
            text = event.replace(b"data", rng.choice([b"data_base64", b"x", b"id"]))
    query = rng.choice([b"", b"", b"?lines=together"]) if media == LINES else b""
    check = perhaps(text) if media == EVENT else anything
    return Case("answers").send(append(text, media, query), check)


def attributes(make):
    """Valid JSON with one attribute that may be anything."""
    rng = make.random
    event = json.loads(make.event()[1])
    name = rng.choice([
        "specversion", "id", "type", "source", "subject", "time", "tags", "schema", "causationid",
        "correlationid", "data", "data_base64", "datacontenttype", "dataschema", "traceparent",
        "position", "revision", "recorded", "datahash", "Upper", "a" * 300, "", "x-y", "é", "x"])
    event[name] = rng.choice(SCALARS + [rng.choice(TIMES), "meta.log_created", "a/b", "k:v k:v",
                                        "text/plain", "x" * 70_000, "=" * 5, "AAAA", "a b", "%%%"])
    if rng.random() < 0.1:
        event |= {f"x{n}": "y" * rng.choice([1, 300]) for n in range(rng.choice([15, 17, 200]))}
    if rng.random() < 0.2:
        event.pop(rng.choice(list(event)))
    text = json.dumps(event).encode()
    return Case("answers").send(append(text), perhaps(text))


def binary(make):
    """Attributes in fields, data in the body."""
    rng, (id, event) = make.random, make.event()
    event = json.loads(event)
    chosen = [(b"Content-Type", rng.choice(
        [b"application/json"] * 5 + [b"text/plain", b"\xff", b""]))]
    for name in ("specversion", "id", "source", "type", "subject", "tags", "time", "schema"):
        if name in event:
            chosen.append((b"ce-" + name.encode(), str(event[name]).encode()))
    body = json.dumps(event["data"]).encode()
    if rng.random() < 0.3 and chosen[0][1] == b"application/json":
        return Case("answers").send(request(b"POST", b"/v1/events", chosen, body), acknowledged(id))
    match rng.randrange(4):
        case 0: body = make.mutated(body)
        case 1: chosen.pop(rng.randrange(len(chosen)))
        case 2: chosen.append((b"ce-" + rng.choice([b"id", b"x", b"data", b"data_base64", b"schema",
                                                   b"position", b"a" * 900]), rng.choice(VALUES)))
        case 3: chosen[-1] = chosen[-1][0], rng.choice(VALUES + [b"%", b"%ff", b"", b"%00"])
    return Case("react").send(request(b"POST", b"/v1/events", chosen, body))


def mutated(make):
    rng = make.random
    text = make.mutated(make.event()[1])
    match rng.randrange(4):
        case 0 | 1: return Case("answers").send(append(text), perhaps(text))
        case 2:
            body = make.mutated(b"[%s,%s]" % (make.event()[1], make.event()[1]))
            return Case("answers").send(append(body, BATCH), anything)
        case 3:
            body = b"\n".join(make.mutated(make.event()[1]) for _ in range(5))
            return Case("answers").send(append(body, LINES), anything)


TARGETS = [b"/v1/events", b"/v1/events/0", b"/v1/subscription", b"/v1/export?to=999", b"/v1/streams",
           b"/v1/head", b"/v1/cursors", b"/v1/cursors/c", b"/v1/projections",
           b"/v1/projections/operator-queues", b"/v1/projections/case-flow/tables/totals",
           b"/v1/projections/operator-queues/tables/queues", b"/livez", b"/readyz",
           b"/openapi.yaml",
           b"/", b"/problems", b"/v1/projections/operator-queues/query", b"/v1", b"/v1/",
           b"/metrics"]
PARAMETERS = [b"from", b"to", b"limit", b"offset", b"as_of", b"at", b"since", b"until", b"type",
              b"recorded_since", b"recorded_until", b"tag", b"stream", b"prefix", b"order",
              b"where",
              b"cursor", b"lines", b"after", b"expect_revision", b"fail_if_match", b"x", b"",
              b"%66rom"]
VALUES = [b"0", b"1", b"-1", b"+1", b"9223372036854775807", b"9223372036854775808", b"", b"a", b"%",
          b"%0", b"%zz", b"%00", b"%ff", b"%C3%A8", b"a+b", b"1e3", b"0x1", b"9" * 400, b"\xc3\xa8",
          b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59Z", b"2026-01-01T00:00:00+01:00", b"10000",
          b"2026-01-01T00:00:00%2B25:00", b"0000-00-00T00:00:00Z", b"2026-13-01", b"forward",
          b"backward", b"k:v", b"n:1", b"fuzz/1", b"contact/", b"fuzz.sent", b"a" * 3_000,
          b"fuzz/1=0", b"=", b"fuzz/1=any", b"types%3Da", b"types%3Da%20tags%3Dn:1%20stream%3Dx",
          b"types%3D%25%32", b"together", b"each", b"..", b"../../x", b"1)--",
          b"18446744073709551615"]


CODINGS = [b"gzip", b"zstd", b"*", b"gzip;q=0", b"identity;q=0", b"gzip, zstd;q=0.1", b"br", b",,",
           b"gzip;q=1e999", b"gzip;q=", b"\xff", b"gzip," * 900]


def query(make):
    """Parameters of all kinds on all paths."""
    rng = make.random
    target = rng.choice(TARGETS)
    between = [b"=", b"=", b"=", b"", b"=="]
    pairs = [rng.choice(PARAMETERS) + rng.choice(between) + rng.choice(VALUES)
             for _ in range(rng.choice([1, 1, 2, 3, 40]))]
    if rng.random() < 0.2:
        pairs += pairs
    target = target.split(b"?")[0] + b"?"
    target += rng.choice([b"&", b"&", b"&", b"&&", b";"]).join(pairs)
    if target.startswith(b"/v1/subscription"):
        return Case("react").send(get(target[:7_000])).then("sleep", 0.005)
    if rng.random() < 0.2:
        target = b"/v1/events?" + b"&".join(pairs)
        media = rng.choice([EVENT, EVENT, BATCH, LINES])
        body = make.event()[1] if media != BATCH else b"[" + make.event()[1] + b"]"
        return Case("react").send(append(body, media, target[10:7_000]))
    return Case("react").send(get(target[:7_000]))


def read(make):
    """Parameters that fit, with values at the edges."""
    rng = make.random
    number = lambda: rng.choice([b"0", b"1", b"255", b"256", b"4095", b"4096", b"1000000",
                                 b"9223372036854775807", b"%d" % rng.randrange(3_000)])
    pairs = [b"limit=" + rng.choice([b"0", b"1", b"3", b"50"])]
    for name, value in [
        (b"from", number()), (b"to", number()), (b"as_of", rng.choice([number(), VALUES[19],
                                                                       VALUES[20]])),
        (b"order", rng.choice([b"forward", b"backward"])), (b"stream", b"fuzz%2F1"),
        (b"type", b"fuzz.sent"), (b"tag", b"n:%d" % rng.randrange(9)), (b"since", VALUES[19]),
        (b"until", VALUES[20]), (b"recorded_since", VALUES[19]), (b"recorded_until", VALUES[20]),
    ]:
        if rng.random() < 0.3:
            pairs.append(name + b"=" + value)
    chosen = [(b"Accept", rng.choice([LINES, BATCH, b"*/*", b"application/*"]))]
    if rng.random() < 0.4:
        chosen.append((b"Accept-Encoding", rng.choice(CODINGS)))
    return Case("answers").send(
        get(b"/v1/events?" + b"&".join(pairs), *chosen), status(200, 404))


def cursors(make):
    rng = make.random
    name = rng.choice([b"c%d" % rng.randrange(6)] * 6 + [
        b"..", b"%2e%2e", b"..%2f..%2fdata.mdb", b"a%00b", b"a" * 65, b".hidden", b"-", b"%ff", b"",
        b"a/b", b"a%2Fb", b"CON", b"a b", b"%20"])
    target = b"/v1/cursors/" + name
    body = rng.choice([
        b'{"next":0}', b'{"next":1}', b'{"next":1,"reset":true}', b'{"next":0,"reset":true}',
        b'{"next":9223372036854775807}', b'{"next":9223372036854775807,"reset":true}',
        b'{"next":-1}', b'{"next":1.5}', b'{"next":"1"}', b'{"next":null}', b"{}", b"[]", b"", b"{",
        b'{"next":1,"next":2}', b'{"next":1e400}', b'{"next":99999999999999999999}', b"\xff",
        b'{"next":' + b"[" * 5_000, b" " * 70_000 + b"{}"])
    match rng.randrange(6):
        case 0: text = get(target)
        case 1: text = request(b"DELETE", target)
        case 2: text = get(b"/v1/cursors")
        case 3:
            # A subscription creates it, and has it for as long as it runs.
            return Case("react").send(get(b"/v1/subscription?cursor=" + name)).then(
                "sleep", rng.choice([0.002, 0.02]))
        case _: text = request(b"PUT", target, (), body)
    return Case("answers").send(text, anything)


# Rows without end.
NUMBERED = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) "


def sql(make):
    rng = make.random
    text = rng.choice([
        "", ";", ";;", "--", "/*", "SELECT", "SELECT 1; SELECT 2", "SELECT ?", "SELECT :a, $b, @c",
        "SELECT * FROM nothing", "DROP TABLE totals", "DELETE FROM totals RETURNING *", "BEGIN",
        "COMMIT", "END", "ROLLBACK", "SAVEPOINT a", "VACUUM", "VACUUM INTO 'x'", "REINDEX",
        "ATTACH '/etc/passwd' AS a", "DETACH main", "ANALYZE", "SELECT load_extension('x')",
        "SELECT writefile('x', 'y')", "SELECT readfile('/etc/passwd')", "SELECT 9e999, -9e999",
        "SELECT CAST(x'ff00fe' AS TEXT) AS a", "SELECT x'00ff' AS a", "SELECT 1 AS a, 2 AS a",
        "SELECT abs(-9223372036854775808) AS a", "SELECT * FROM json_each('{')",
        "VALUES (1,2),(3,4)",
        "SELECT sum(9223372036854775807) AS a FROM (SELECT 1 UNION ALL SELECT 2)",
        "SELECT 'a' MATCH 'b'",
        "SELECT 'a' LIKE 'b' ESCAPE 'cc'", "SELECT likelihood(1, 2)", "SELECT RAISE(ABORT, 'a')",
        "SELECT " + "(" * 2_000 + "1" + ")" * 2_000, "SELECT " + "+".join(["1"] * 20_000),
        "SELECT " + ",".join(f"{n} AS c{n}" for n in range(2_500)),
        "SELECT '" + "a" * 60_000 + "' AS a",
        "SELECT 1 AS a " + "UNION ALL SELECT 1 " * 3_000, "SELECT * FROM totals " + ", totals" * 70,
        NUMBERED + "SELECT x FROM c LIMIT 100000",
        "SELECT a.* FROM sqlite_master a", "EXPLAIN SELECT * FROM totals",
        "INSERT INTO totals VALUES(1)",
        "EXPLAIN QUERY PLAN SELECT * FROM queues", "SELECT printf('%.*c', 1000, 'x') AS a",
        "SELECT substr('abc', -9223372036854775808, 9223372036854775807) AS a", "SELECT \x00 1",
        "SELECT '\x00' AS a", "SELECT 1 AS \"\x01\"", "SELECT 1 AS 'è'",
        "SELECT * FROM totals WHERE 0",
        "SELECT group_concat(x'ff', '') AS a", "SELECT json_extract('[1]', '$[99999999999]') AS a",
        "SELECT strftime('%s', 9e99) AS a", "SELECT round(1e308, 400) AS a", "SELECT char(-1) AS a",
        "SELECT sqlite_compileoption_get(1) AS a", "SELECT quote(zeroblob(9)) AS a",
        "SELECT fts3_tokenizer('simple')", "SELECT rtreecheck('a')", "SELECT dbstat.* FROM dbstat"])
    body = text.encode()
    match rng.randrange(4):
        case 0: body = make.mutated(body) if body else b"\xff"
        case 1:
            text = rng.choice(["1) --", "1 --", "0)) UNION SELECT 1", "offered > 0", "?", ":at",
                               "\x00",
                               "offered = 9e999", "x'ff'", "(SELECT 1)", "1 ORDER BY 2", "", "'",
                               text])
            limit = rng.choice(["", "&limit=1", "&limit=0", "&limit=100001", "&offset=1", "&at=x",
                                "&offset=9223372036854775807", "&at=9999-12-31T23:59:59Z"])
            target = "/v1/projections/operator-queues/tables/" + rng.choice(
                ["totals", "queues", "half_hours", "operators", "waiting", "none", "sqlite_master"])
            target += "?where=" + urllib.parse.quote(text)[:6_000] + limit
            return query_case(get(target.encode()), anything)
    target = b"/v1/projections/" + rng.choice([b"operator-queues"] * 5 + [b"case-flow", b"none"])
    media = rng.choice([b"application/sql"] * 9 + [b"text/plain"])
    return query_case(request(
        b"POST", target + b"/query", ((b"Content-Type", media),), body[:65_536]), anything)


def query_case(data, check):
    case = Case("answers").send(data, check)
    case.patience = QUERY_SECONDS
    return case


def sql_pragma(make):
    """Statements that change how the process goes on, if they may."""
    name = make.random.choice([
        "hard_heap_limit=1000", "hard_heap_limit(1000)", "soft_heap_limit=1", "soft_heap_limit(1)",
        "locking_mode=EXCLUSIVE", "journal_mode=DELETE", "wal_checkpoint(TRUNCATE)", "query_only=0",
        "writable_schema=1", "temp_store_directory='/'", "mmap_size=99999999999", "threads=99",
        "cache_size=-9999999", "busy_timeout=99999999", "trusted_schema=1", "user_version=9",
        "integrity_check", "quick_check", "optimize", "incremental_vacuum", "shrink_memory",
        "table_list", "database_list", "function_list", "compile_options", "analysis_limit=0",
        "case_sensitive_like=1", "recursive_triggers=1", "data_store_directory='/'", "key='a'"])
    return query_case(sql_request("PRAGMA " + name), status(200, 400, 403))


def sql_large(make):
    """Statements whose values or rows are large."""
    text = make.random.choice([
        "SELECT zeroblob(1000000001) AS a", "SELECT length(zeroblob(2000000000)) AS a",
        "SELECT length(hex(zeroblob(400000000))) AS a", "SELECT hex(zeroblob(90000000)) AS a",
        "SELECT printf('%.*c', 900000000, 'x') AS a", "SELECT randomblob(100000000) AS a",
        "SELECT replace(hex(zeroblob(50000)), '0', hex(zeroblob(9000))) AS a",
        NUMBERED + "SELECT group_concat(hex(zeroblob(10000)), '') AS a FROM "
                   "(SELECT x FROM c LIMIT 40000)",
        NUMBERED + "SELECT json_group_array(hex(zeroblob(1000))) AS a FROM "
                   "(SELECT x FROM c LIMIT 200000)",
        NUMBERED + "SELECT x, hex(zeroblob(100000)) AS y FROM c",
        NUMBERED + "SELECT a FROM (SELECT hex(x) AS a FROM c LIMIT 3000000) ORDER BY a DESC",
        NUMBERED + "SELECT count(*) AS a FROM (SELECT x, zeroblob(1000) AS y FROM c "
                   "LIMIT 2000000) ORDER BY y"])
    return query_case(sql_request(text), status(200, 400, 413))


def sql_slow(make):
    """More statements without end than there are threads for them, whose clients do not wait."""
    text = make.random.choice([
        NUMBERED + "SELECT count(*) AS a FROM c", NUMBERED + "SELECT x FROM c WHERE x < 0",
        "SELECT count(*) AS a FROM " + ", ".join(f"sqlite_master {name}" for name in "abcdefghi")])
    case = Case("nothing").send(sql_request(text)).then("sleep", 1.5)
    case.others = [sql_request(text)] * 7
    case.requests = 8
    return case


def sql_request(text):
    return request(b"POST", b"/v1/projections/operator-queues/query",
                   ((b"Content-Type", b"application/sql"),), text.encode())


def other_protocol(make):
    """TLS, HTTP/2, SSH and whatever else comes to an open port."""
    rng = make.random
    hello = bytes.fromhex("16030100c8010000c40303") + rng.randbytes(180)
    data = rng.choice([
        hello, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"SSH-2.0-OpenSSH_9.2\r\n", b"\x80\x2e\x01\x00\x02", b"\x00" * 300, b"\xff" * 300,
        b"EHLO a\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(b"/livez"),
        b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
        b"\x05\x01\x00", b"*1\r\n$4\r\nPING\r\n", b"\r\n" * 2_000, b"\n" * 2_000, b" " * 50_000,
        rng.randbytes(rng.choice([1, 5, 500, 50_000]))])
    return Case("nothing").send(data)


def compressed(make):
    rng, (_, event) = make.random, make.event()
    body = rng.choice([gzip.compress(event), gzip.compress(b" " * 500_000),
                       b"\x1f\x8b" + make.bytes(90),
                       event])
    coding = rng.choice([b"gzip", b"deflate", b"br", b"gzip, gzip", b"x" * 900])
    return Case("answers").send(append(
        body, rng.choice([EVENT, BATCH, LINES]), b"", (b"Content-Encoding", coding)), anything)


def expect(make):
    rng, (id, event) = make.random, make.event()
    field = (b"Expect", rng.choice([b"100-continue", b"100-Continue", b"100-continue"]))
    media = rng.choice([EVENT, BATCH])
    text = append(event if media == EVENT else b"[" + event + b"]", media, b"", field)
    at = text.index(b"\r\n\r\n") + 4
    match rng.randrange(4):
        case 0: return Case("answers").send(text, acknowledged(id))
        case 1:
            case = Case("answers").send(text[:at], acknowledged(id)).then("interim")
            return case.send(text[at:])
        case 2:
            # The body never comes.
            case = Case("nothing").send(text[:at]).then("interim")
            return case.then(*rng.choice([("half",), ("reset",), ("sleep", 0.005)]))
        case 3: return Case("answers").send(append(
            event, media, b"", (b"Expect", make.bytes(9).hex().encode() or b"x")), anything)


def endpoints(make):
    """Every path with every method."""
    rng = make.random
    target = rng.choice(TARGETS + [b"/v1/events/" + rng.choice(VALUES), b"/v1/cursors/x%y"])
    target = target.replace(b"\xc3\xa8", b"")
    method = rng.choice([b"GET", b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS",
                         b"PROPFIND", b"M-SEARCH", b"TRACE"])
    if target == b"/v1/subscription" and method == b"GET":
        return Case("react").send(get(target))
    fields = rng.choice([(), ((b"Accept", b"text/html"),), ((b"If-None-Match", b"*"),),
                         ((b"Range", b"bytes=0-5"),), ((b"Accept", b"application/json;q=0.1"),)])
    body = rng.choice([None, b"", b"{}", b"x" * 1_000]) if method != b"TRACE" else None
    number = b"%d" % rng.randrange(10 ** 15, 10 ** 18)
    case = Case("answers").send(request(method, target, fields, body), anything, method)
    case.then("answer").send(get(b"/v1/events/" + number), says(number, 404))
    case.requests = 2
    return case


def head(make):
    """RFC 9110 section 9.3.2: no content follows, or it would be taken for the next answer."""
    number = b"%d" % make.random.randrange(10 ** 15, 10 ** 18)
    case = Case("answers").send(request(b"HEAD", make.random.choice(TARGETS)), anything)
    case.then("answer").send(get(b"/v1/events/" + number), says(number, 404))
    case.requests = 2
    return case


def version_10(make):
    """HTTP/1.0 knows neither chunks nor connections that are kept."""
    target = make.random.choice([b"/livez", b"/v1/head", b"/v1/export?to=9", b"/v1/events?limit=3"])
    case = Case("answers").send(
        request(b"GET", target, (), None, b"HTTP/1.0"), without_chunks)
    case.closes = True
    return case


def without_chunks(answer, run):
    if b"transfer-encoding" in answer[1]:
        return "an answer in chunks to a client of HTTP/1.0"


def host(make):
    """RFC 9112 section 3.2: 400 where there is no Host, or more than one, or a bad one."""
    lines = make.random.choice([b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nhost: a\r\n"])
    return Case("answers").send(b"GET /livez HTTP/1.1\r\n" + lines + b"\r\n", status(400))


def close(make):
    """Who asks for the end of the connection has it, behind the answer."""
    rng = make.random
    field = (b"Connection", rng.choice([b"close", b"Close", b"CLOSE", b"foo, close"]))
    if rng.random() < 0.5:
        id, event = make.event()
        case = Case("answers").send(append(event, EVENT, b"", field), acknowledged(id))
    else:
        number = b"%d" % rng.randrange(10 ** 15, 10 ** 18)
        case = Case("answers").send(get(b"/v1/events/" + number, field), says(number, 404))
    case.closes = True
    return case


def subscribe(make):
    """Subscribers that come and go, and some that do not read."""
    rng = make.random
    target = b"/v1/subscription?from=" + rng.choice([b"0", b"0", b"5", b"9223372036854775807"])
    if rng.random() < 0.3:
        target = b"/v1/subscription"
    target += rng.choice([b"", b"", b"&type=fuzz.sent", b"&tag=n:1", b"&stream=fuzz%2F1"]
                         ) if b"?" in target else b""
    chosen = [(b"Accept", rng.choice([b"text/event-stream", LINES, b"*/*"]))]
    if rng.random() < 0.2:
        chosen.append((b"Accept-Encoding", rng.choice(CODINGS)))
    case = Case("react").send(get(target, *chosen))
    match rng.randrange(4):
        case 0: case.then("half")
        case 1: case.then("sleep", rng.choice([0.01, 0.1])).then("reset")
        case 2: case.send(get(b"/livez"))
        case 3: case.then("sleep", 0.02)
    return case


def unread(make):
    """Answers that nobody reads."""
    rng = make.random
    text = rng.choice([get(b"/v1/export") * 20, get(b"/livez") * 2_000, get(b"/v1/events") * 50,
                       get(b"/v1/projections") * 100])
    case = Case("nothing").send(text).then("sleep", rng.choice([0.01, 0.1]))
    return case.then(*rng.choice([("reset",), ("half",), ("sleep", 0)]))


def big(make):
    """Bodies beyond what is taken."""
    rng = make.random
    match rng.randrange(8):
        case 7:
            type, data = rng.choice(LATER)
            event = json.dumps({"specversion": "1.0", "id": make.id(), "source": "s", "type": type,
                                "subject": f"later/{make.id()}", "schema": 1, "data": data})
            return Case("answers").send(append(event.encode()), status(422))
        case 6:
            # One that is taken.
            id = make.id()
            event = json.dumps({"specversion": "1.0", "id": id, "source": "s", "type": "fuzz.big",
                                "subject": "a/b", "data": "y" * 900_000}).encode()
            return Case("answers").send(append(event), acknowledged(id))
        case 0: return Case("answers").send(append(b"x" * (3 << 20)), status(413))
        case 1:
            body = rng.choice([b"[" * (33 << 20), b"[" + b"0," * (15 << 20) + b"0]",
                               b"[" + b" " * (31 << 20) + b"]"])
            return Case("answers").send(append(body, BATCH), status(400, 413, 422))
        case 2: return Case("answers").send(append(b"x" * (3 << 20), LINES), status(413))
        case 3: return Case("answers").send(sql_request("x" * 70_000), status(413))
        case 4:
            event = json.dumps({"specversion": "1.0", "id": make.id(), "source": "s", "type": "a.b",
                                "subject": "a/b", "data": "y" * (1 << 20)}).encode()
            return Case("answers").send(append(event), status(400, 413, 422))
        case 5:
            _, event = make.event()
            return Case("answers").send(append(
                b"[" + b",".join([event] * 10_001) + b"]", BATCH), status(413, 422))


def many_lines(make):
    """Lines that are right, wrong, repeated and empty, in one body that goes through them all."""
    rng, ids, lines = make.random, [], []
    for _ in range(rng.choice([10, 300])):
        match rng.randrange(4):
            case 0: lines.append(make.mutated(make.event()[1]).replace(b"\n", b""))
            case 1: lines.append(rng.choice([b"", b" ", b"\r", b"{}", b"[]", b"\xff"]))
            case _:
                id, event = make.event()
                ids.append((id, len(lines) + 1))
                lines.append(event)

    def check(answer, run):
        if answer[0] not in (200, 201, 422, 503):
            return f"{answer[0]} to lines: {answer[2][:200]!r}"
        said = json.loads(answer[2])
        refused = {line["line"] for line in said.get("lines", [])}
        if answer[0] == 503 or said.get("refused", 0) > len(refused):
            return None
        for id, line in ids:
            if line in refused:
                return f"line {line} is valid and was refused: {said!r}"
            run.acknowledge(id, None)
    return Case("answers").send(append(b"\n".join(lines), LINES), check)


KINDS = {
    pipeline: 8, flood: 0.2, sequence: 6, request_line: 8, fields: 12, chunks: 6, truncated: 5,
    half: 4, reset: 5, slow: 0.7, content_type: 2, broken_json: 8, attributes: 8, binary: 4,
    mutated: 10, query: 10, read: 5, cursors: 4, sql: 6, sql_pragma: 0.4, sql_large: 0.03,
    sql_slow: 0.008, other_protocol: 3, compressed: 2, expect: 3, endpoints: 6, head: 0.5,
    version_10: 1, host: 0.5, close: 2, subscribe: 3, unread: 0.4, big: 0.08, many_lines: 0.5,
}
# Of these one at a time: they take much of the client's memory too.
ALONE = {"big", "sql_large"}


# The run.

class Run:
    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.alone = threading.Lock()
        self.numbers = iter(options.cases) if options.cases else iter(range(1 << 40))
        self.requests = self.passed_over = 0
        self.cases = 0
        self.statuses = collections.Counter()
        self.kinds = collections.Counter()
        self.failures = []
        self.failed_kinds = collections.Counter()
        self.acknowledged = {}
        self.mutants = {}
        self.in_flight = {}
        self.over = threading.Event()
        self.healthy_max = 0.0
        self.healthy_count = 0
        self.due = threading.Event()

    def fail(self, what, case=None):
        with self.lock:
            kind = case.kind if case else what.split(":")[0]
            self.failed_kinds[kind] += 1
            if self.failed_kinds[kind] <= KIND_FAILURES_MAX and not self.over.is_set():
                failure = {"what": what}
                if case:
                    failure |= {"case": case.number, "kind": case.kind,
                                "steps": [describe(step) for step in case.steps[:6]]}
                self.failures.append(failure)
                print("failure:", json.dumps(failure), file=sys.stderr, flush=True)
            if sum(self.failed_kinds.values()) >= FAILURES_MAX:
                self.over.set()

    def acknowledge(self, id, position):
        self.acknowledged[id] = position

    def next_case(self):
        with self.lock:
            if self.requests >= self.options.requests or self.over.is_set():
                return None
            number = next(self.numbers, None)
        if number is None:
            return None
        case = make_case(self.options, number)
        with self.lock:
            self.requests += case.requests
            self.cases += 1
            self.kinds[case.kind] += 1
            if self.requests // 100 != (self.requests - case.requests) // 100:
                self.due.set()
        return case

    def work(self, worker):
        while (case := self.next_case()) is not None:
            if self.failed_kinds[case.kind] >= KIND_FAILURES_MAX:
                self.passed_over += case.requests
                continue
            self.in_flight[worker] = f"{case.number} {case.kind}"
            try:
                if case.kind in ALONE:
                    with self.alone:
                        Talk(self, case).run()
                else:
                    Talk(self, case).run()
            except Exception as error:
                if not self.over.is_set():
                    self.fail(f"the client failed: {error!r}", case)
        self.in_flight.pop(worker, None)


def describe(step):
    if step[0] in ("send", "trickle"):
        text = repr(step[1])
        if len(text) >= 900:
            text = f"{text[:600]} … {len(step[1])} bytes … {text[-150:]}"
        return text
    return list(step)


def make_case(options, number):
    make = Maker(options.seed, number)
    kind = make.random.choices(options.kinds, [KINDS[kind] for kind in options.kinds])[0]
    case = kind(make)
    case.kind, case.number = kind.__name__, number
    return case


class Talk:
    """Has one conversation."""

    def __init__(self, run, case):
        self.run_, self.case = run, case
        self.answers = Answers(case.methods)
        self.ended = None

    def run(self):
        others = []
        try:
            for text in self.case.others:
                others.append(connect(self.run_.options.port))
                others[-1].sendall(text)
            with connect(self.run_.options.port) as self.sock:
                self.sock.settimeout(self.case.patience)
                self.have()
        except Malformed as error:
            self.run_.fail(f"an answer that is not HTTP: {error}", self.case)
        except ConnectionRefusedError:
            if not self.run_.over.is_set():
                self.run_.fail("refused: a connection", self.case)
                self.run_.over.set()
        finally:
            for other in others:
                other.close()
        self.judge()

    def have(self):
        answered = 0
        for step in self.case.steps:
            match step:
                case ("send", data): self.send(data)
                case ("trickle", data, size, pause):
                    for at in range(0, len(data), size):
                        self.send(data[at:at + size])
                        if pause:
                            time.sleep(pause)
                case ("sleep", seconds): time.sleep(seconds)
                case ("half",):
                    try:
                        self.sock.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass
                case ("reset",):
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
                    self.ended = "reset"
                    return
                case ("answer",):
                    answered += 1
                    self.read(lambda: len(self.answers.all) >= answered)
                case ("interim",):
                    self.read(lambda: self.answers.interim or self.answers.all)
        match self.case.must:
            case "answers":
                wanted = len(self.case.checks)
                self.read(lambda: len(self.answers.all) >= wanted)
                if self.case.closes:
                    self.read(lambda: False)
            case "react":
                # The head of an answer is enough: some answers have no end.
                self.read(lambda: self.answers.all or b"\r\n\r\n" in self.answers.data)
            case "nothing": self.read(lambda: self.answers.all, 0.03)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            # Whoever is refused may be told so and cut off before the end of what it says.
            pass

    def read(self, is_enough, seconds=None):
        deadline = time.monotonic() + (seconds or self.case.patience)
        while not is_enough() and self.ended is None:
            left = deadline - time.monotonic()
            if left <= 0 or self.run_.over.is_set():
                return
            self.sock.settimeout(left)
            try:
                piece = self.sock.recv(1 << 18)
            except TimeoutError:
                return
            except OSError as error:
                self.ended = type(error).__name__
                self.answers.finish()
                return
            if piece:
                self.answers.feed(piece)
            else:
                self.ended = "end"
                self.answers.finish()

    def judge(self):
        case, run, answers = self.case, self.run_, self.answers.all
        if run.over.is_set():
            return
        for code, fields, body in answers:
            run.statuses[code] += 1
            if code >= 500 and code != 503:
                run.fail(f"{code}: {body[:300]!r}", case)
            if code == 503 and b"about to end" in body:
                run.fail("503: the server thinks that it is to end", case)
            media = fields.get(b"content-type", b"")
            if body and media.endswith(b"json") and media != LINES:
                try:
                    json.loads(body)
                except ValueError as error:
                    run.fail(f"an answer that is not JSON: {error}: {body[:300]!r}", case)
        if case.must == "answers":
            for answer, check in zip(answers, case.checks):
                problem = check(answer, run)
                if problem:
                    run.fail(problem, case)
            if len(answers) < len(case.checks):
                run.fail(f"{len(answers)} answers to {len(case.checks)} requests, then "
                         f"{self.ended or 'silence'}", case)
            elif len(answers) > len(case.checks):
                run.fail(f"{len(answers)} answers to {len(case.checks)} requests", case)
            elif case.closes and self.ended is None:
                run.fail("the connection stays open", case)
        elif case.must == "react" and not answers and not self.answers.data and not self.ended:
            run.fail("neither an answer nor an end", case)


def connect(port):
    for attempt in range(50):
        try:
            return socket.create_connection((HOST, port), timeout=ANSWER_SECONDS)
        except OSError as error:
            # Ports of connections that have just ended.
            if error.errno != 99 or attempt == 49:
                raise
            time.sleep(0.1)


# The good client.

class Healthy(threading.Thread):
    """Appends and reads all the time, and measures how long that takes."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_ = run
        self.sock = None
        self.round = 0

    def run(self):
        try:
            self.go_on()
        finally:
            if self.sock:
                self.sock.close()

    def go_on(self):
        while not self.run_.over.is_set():
            self.run_.due.wait(0.25)
            self.run_.due.clear()
            if self.run_.over.is_set():
                return
            try:
                self.once()
            except (OSError, Malformed) as error:
                if not self.run_.over.is_set():
                    self.run_.fail(f"healthy: {error!r}")
                if self.sock:
                    self.sock.close()
                self.sock = None

    def once(self):
        make = Maker(self.run_.options.seed, f"healthy {self.round}")
        make.number = self.round
        self.round += 1
        id, event = make.event()
        if self.round % 5 == 0 and self.sock:
            self.sock.close()
            self.sock = None
        self.ask("append", append(event), acknowledged(id))
        position = self.run_.acknowledged.get(id)
        match self.round % 4:
            case 0: self.ask("ready", get(b"/readyz"), self.ready)
            case 1 if position is not None:
                self.ask("read", get(b"/v1/events/%d" % position), says(id.encode(), 200))
            case 2:
                events = [make.event() for _ in range(5)]
                body = b"[" + b",".join(text for _, text in events) + b"]"
                self.ask("batch", append(body, BATCH), acknowledged(*(id for id, _ in events)))
            case 3:
                events = [make.event() for _ in range(5)]
                body = b"\n".join(text for _, text in events)
                self.ask("lines", append(body, LINES), taken(*(id for id, _ in events)))

    @staticmethod
    def ready(answer, run):
        if answer[0] != 200:
            return f"not ready: {answer[0]} {answer[2][:300]!r}"

    def ask(self, what, text, check):
        start = time.monotonic()
        if self.sock is None:
            self.sock = connect(self.run_.options.port)
        self.sock.settimeout(60)
        self.sock.sendall(text)
        answers = Answers([text.split(b" ", 1)[0]])
        while not answers.all:
            piece = self.sock.recv(1 << 16)
            if not piece:
                raise ConnectionError(f"{what}: the connection ended without an answer")
            answers.feed(piece)
        seconds = time.monotonic() - start
        self.run_.healthy_max = max(self.run_.healthy_max, seconds)
        self.run_.healthy_count += 1
        code = answers.all[0][0]
        self.run_.statuses[code] += 1
        if seconds > HEALTHY_SECONDS:
            self.run_.fail(f"healthy: {what} took {seconds:.1f} s")
        problem = check(answers.all[0], self.run_)
        if problem or code >= 500:
            self.run_.fail(f"healthy: {what}: {problem or code}")


# The server.

class Server:
    def __init__(self, options):
        self.errors = open(options.log.rstrip("/") + ".stderr", "w+")
        self.process = subprocess.Popen(
            [options.binary, "serve", "--log", options.log, "--insecure", "--listen",
             f"{HOST}:{options.port}"], stderr=self.errors, stdout=subprocess.DEVNULL)
        self.options = options
        signal.signal(signal.SIGTERM, self.abandon)
        signal.signal(signal.SIGINT, self.abandon)

    def abandon(self, number, frame):
        """Who is told to end leaves no server behind."""
        self.process.kill()
        os._exit(1)

    def wait_until_ready(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection((HOST, self.options.port), timeout=2) as sock:
                    sock.sendall(get(b"/readyz"))
                    if b" 200 " in sock.recv(1_000):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit(f"the server does not start: {self.tail()}")

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"RssAnon:\s+(\d+)", file.read())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def tail(self):
        self.errors.flush()
        with open(self.errors.name) as file:
            text = file.read()
        told = [line for line in text.splitlines() if "listening" not in line]
        crash = next((n for n, line in enumerate(told) if " crashed" in line), 0)
        return "\n".join(told[:4] + told[crash:crash + 14])[:3_000]


def warm_up(port):
    """Opens once what stays open: the files of read models, the connections between threads."""
    for target in TARGETS:
        if target == b"/v1/subscription":
            continue
        with connect(port) as sock:
            sock.sendall(get(target, (b"Connection", b"close")))
            while sock.recv(1 << 16):
                pass
    with connect(port) as sock:
        sock.sendall(get(b"/v1/subscription?from=0"))
        sock.recv(1_000)
    time.sleep(2)


def attack(run, server):
    """Has all conversations; gives what was measured meanwhile."""
    level, samples, most_descriptors = None, [], 0
    start = server.memory()
    workers = [threading.Thread(target=run.work, args=(n,), daemon=True) for n in range(WORKERS)]
    healthy = Healthy(run)
    healthy.start()
    for worker in workers:
        worker.start()
    died = False
    while any(worker.is_alive() for worker in workers):
        time.sleep(0.05)
        try:
            if server.process.poll() is not None:
                raise ProcessLookupError
            samples.append(server.memory())
            most_descriptors = max(most_descriptors, server.descriptors())
        except (OSError, TypeError):
            died = True
            in_flight = sorted(run.in_flight.values())
            break
        if level is None and run.requests >= run.options.requests / 10:
            level = statistics.median(samples)
            samples_before = len(samples)
    if died:
        server.process.wait()
        run.fail(f"died: the process ended with {server.process.returncode}; one of {in_flight}; "
                 f"{server.tail()}")
    run.over.set()
    for worker in workers:
        worker.join(5)
    healthy.join(60)
    memory = {"start_kb": start, "level_kb": level, "max_kb": max(samples, default=0)}
    if level is not None:
        after = max(samples[samples_before:], default=level)
        if after > level + GROWTH_MAX_KB:
            run.over.clear()
            run.fail(f"memory: grew from {level} kB to {after} kB")
            run.over.set()
    return not died, memory, most_descriptors


def settle(run, server, level):
    """Waits until the server has closed what it need not keep open."""
    start = time.monotonic()
    while (now := server.descriptors()) > level and time.monotonic() < start + DESCRIPTOR_SECONDS:
        time.sleep(0.2)
    seconds = time.monotonic() - start
    if now > level:
        names = collections.Counter()
        for number in os.listdir(f"/proc/{server.process.pid}/fd"):
            try:
                names[re.sub(r"\d+", "N", os.path.basename(
                    os.readlink(f"/proc/{server.process.pid}/fd/{number}")))] += 1
            except OSError:
                pass
        run.fail(f"descriptors: {now} instead of {level} after {seconds:.0f} s: {dict(names)}")
    return now, seconds


def end(run, server, port):
    """Ends the server while connections hang in the air."""
    hanging = []
    for text in [
        b"", b"GET", b"GET /livez HTTP/1.1\r\nHost: x\r\n", get(b"/livez"), get(b"/v1/export") * 50,
        append(b"{" * 500)[:-100], append(b"{" * 500, LINES)[:-100],
        append(b"[" * 500, BATCH)[:-100],
        get(b"/v1/subscription?from=0"), get(b"/v1/subscription"), get(b"/livez") * 500,
    ]:
        hanging.append(connect(port))
        hanging[-1].sendall(text)
    hanging.append(connect(port))
    hanging[-1].sendall(get(b"/livez"))
    hanging[-1].shutdown(socket.SHUT_WR)
    time.sleep(0.5)
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    try:
        code = server.process.wait(DRAIN_SECONDS)
        if code != 0:
            run.fail(f"end: the process ended with {code}: {server.tail()}")
    except subprocess.TimeoutExpired:
        run.fail(f"end: still running {DRAIN_SECONDS} s after SIGTERM")
        server.process.kill()
        server.process.wait()
    return time.monotonic() - start


def examine(run):
    """What is in the log, against what was said to be in it."""
    options = run.options
    done = subprocess.run([options.binary, "check", "--log", options.log], capture_output=True)
    if done.returncode != 0:
        run.fail(f"check: {done.returncode} {done.stdout[:500]!r} {done.stderr[:500]!r}")
    export = subprocess.Popen(
        [options.binary, "export", "--log", options.log], stdout=subprocess.PIPE)
    places, mutants = {}, 0
    for index, line in enumerate(export.stdout):
        event = json.loads(line)
        if int(event["position"]) != index:
            run.fail(f"export: position {event['position']} in line {index}")
        if event["id"] in places:
            run.fail(f"export: {event['id']} stands twice")
        places[event["id"]] = index
        if index in run.mutants:
            mutants += 1
            compare(run, run.mutants[index], event)
    if export.wait() != 0:
        run.fail(f"export: {export.returncode}")
    for id, position in run.acknowledged.items():
        if id not in places:
            run.fail(f"lost: {id} was acknowledged at {position}")
        elif position is not None and places[id] != position:
            run.fail(f"misplaced: {id} was acknowledged at {position} and is at {places[id]}")
    return len(places), mutants


def compare(run, sent, event):
    """An event whose bytes were changed, but not so that it was refused."""
    try:
        meant = json.loads(sent)
    except ValueError as error:
        return run.fail(f"accepted: no JSON ({error}): {sent[:500]!r}")
    for name in ("type", "source", "subject", "tags"):
        if name in meant and name in event and meant[name] != event[name] and name != "tags":
            run.fail(f"accepted: {name} {meant[name]!r} became {event[name]!r}")
    if isinstance(meant.get("id"), str) and meant["id"].lower() != event["id"]:
        run.fail(f"accepted: id {meant['id']!r} became {event['id']!r}")
    if "data" in meant and "data" in event and meant["data"] != event["data"]:
        run.fail(f"accepted: other data than were sent: {sent[:500]!r}")


def free_port():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("log")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", default=str(time.time_ns()))
    parser.add_argument("--only", default="")
    parser.add_argument("--without", default="")
    parser.add_argument("--cases", default="")
    options = parser.parse_args()
    options.port = free_port()
    options.cases = [int(number) for number in options.cases.split(",") if number]
    only, without = options.only.split(","), options.without.split(",")
    # A case is another one where there are other kinds to choose from: give the same again.
    options.kinds = [kind for kind in KINDS if kind.__name__ not in without
                     and (not options.only or kind.__name__ in only)]
    run, server = Run(options), Server(options)
    began = time.monotonic()
    server.wait_until_ready()
    warm_up(options.port)
    level = server.descriptors()
    lives, memory, most = attack(run, server)
    attacked = time.monotonic() - began
    # From here on failures count again.
    run.over.clear()
    report = {
        "seed": options.seed, "requests": run.requests - run.passed_over,
        "passed_over": run.passed_over, "cases": run.cases,
        "seconds": round(attacked, 1), "requests_per_second": round(run.requests / attacked),
        "statuses": dict(sorted(run.statuses.items())),
        "classes": dict(sorted(collections.Counter(
            f"{code // 100}xx" for code in run.statuses.elements()).items())),
        "healthy_requests": run.healthy_count, "healthy_max_s": round(run.healthy_max, 3)}
    if lives:
        left, seconds = settle(run, server, level)
        memory["end_kb"] = server.memory()
        report["descriptors"] = {"start": level, "max": most, "end": left,
                                 "settled_s": round(seconds, 1)}
        report["end_s"] = round(end(run, server, options.port), 1)
    report["memory"] = memory
    events, mutants = examine(run)
    report |= {"acknowledged": len(run.acknowledged), "events": events, "mutants_taken": mutants,
               "kinds": dict(sorted(run.kinds.items())),
               "failed": dict(run.failed_kinds), "failures": run.failures}
    print(json.dumps(report, indent=1, ensure_ascii=False))
    # Threads may still wait for a server that is no more.
    sys.stdout.flush()
    os._exit(1 if run.failed_kinds else 0)


if __name__ == "__main__":
    main()
