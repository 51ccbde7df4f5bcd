"""What the server promises about appending, reading, following and read models, over plain HTTP.

usage: http_contract.py BINARY LOG
"""
import concurrent.futures
import gzip
import hashlib
import http.client
import json
import re
import subprocess
import sys
import threading
import time
import uuid
from urllib.parse import quote

import zstandard

from serving import Checks, Server, event

ONE, MANY, LINES = ("application/cloudevents+json", "application/cloudevents-batch+json",
                    "application/x-ndjson")

# Events that the server looks at before others have their turn.
TURN_EVENTS = 1 << 18


def main():
    binary, log = sys.argv[1:3]
    checks = Checks()
    server = Server(binary, log, "--insecure")
    try:
        appending(checks, server)
        conditions(checks, server)
        limits(checks, server)
        reading(checks, server, binary, log)
        pipelining(checks, server)
        following(checks, server)
        cursors(checks, server)
        read_models(checks, server)
        seeking(checks, server)
        checks.same(server.stop(), 0, "the exit status")
    finally:
        server.process.kill()
    sound = subprocess.run([binary, "check", "--log", log], capture_output=True)
    checks.same(sound.returncode, 0, "ascolto check")
    checks.end()


def post(server, content, kind=LINES, query=""):
    body = content if isinstance(content, (str, bytes)) else json.dumps(content)
    status, fields, body = server.request(
        "POST", "/v1/events" + query, body, {"Content-Type": kind})
    return status, fields, json.loads(body)


def appending(checks, server):
    one = event(stream="a/1")
    status, fields, answer = post(server, one, ONE)
    checks.same((status, answer["appended"]), (201, 1), "a first append")
    position = answer["first"]
    checks.same(fields["location"], f"/v1/events/{position}", "its place")
    status, _, answer = post(server, one, ONE)
    checks.same((status, answer["first"], answer["already_appended"]), (200, position, 1), "a retry")
    status, _, answer = post(server, {**one, "data": {"n": 2}}, ONE)
    checks.same((status, answer["ids"], answer["position"]), (422, [one["id"]], position),
                "the id with other content")
    status, fields, answer = post(server, {**one, "type": ""}, ONE)
    checks.same((status, fields["content-type"], answer["status"]),
                (400, "application/problem+json", 400), "an event without a type")
    for what, text in {"no JSON": b"{", "no UTF-8": b'{"a":"\xff"}', "nothing": b"",
                       "a list": b"[]", "a position": json.dumps({**one, "position": "1"})}.items():
        checks.same(post(server, text, ONE)[0], 400, what)
    checks.same(post(server, one, "text/plain")[0], 415, "another content type")
    checks.same(post(server, one, ONE.upper() + "; charset=UTF-8")[0], 200, "parameters of a type")

    three = [event(stream="a/2") for _ in range(3)]
    status, _, answer = post(server, three, MANY)
    checks.same((status, answer["last"] - answer["first"], answer["appended"]), (201, 2, 3),
                "a batch")
    checks.same(post(server, three, MANY)[0], 200, "a batch again")
    checks.same(post(server, [three[0], event()], MANY)[0], 422, "a batch of old and new")
    status, _, answer = post(server, [event(), {**event(), "subject": ""}], MANY)
    checks.same((status, answer["event"]), (400, 1), "a batch with a bad event")
    checks.same(post(server, [], MANY)[0], 422, "an empty batch")

    lines = [event(stream="a/3") for _ in range(2)]
    text = "\n".join([json.dumps(lines[0]), "", "{", json.dumps(lines[1]), json.dumps(
        {**one, "data": 7})]) + "\n"
    status, _, answer = post(server, text)
    checks.same((status, answer["appended"], answer["refused"]), (422, 2, 2), "lines, two of them bad")
    checks.same([line["line"] for line in answer["lines"]], [3, 5], "the lines that were refused")
    checks.same(answer["lines"][1]["position"], position, "where the other content stands")
    status, _, answer = post(server, "\n".join(map(json.dumps, lines)))
    checks.same((status, answer["already_appended"]), (200, 2), "lines again")
    status, _, answer = post(server, json.dumps(event()) + "\n{\n", query="?lines=together")
    checks.same((status, answer["line"]), (400, 2), "lines together, one of them bad")
    status, _, answer = post(
        server, "\n".join(json.dumps(event(stream="a/4")) for _ in range(3)), query="?lines=together")
    checks.same((status, answer["last"] - answer["first"]), (201, 2), "lines together")
    untold = post(server, {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "x",
                           "type": "contact.abandoned", "subject": "contact/1",
                           "data": {}}, ONE)[2]
    checks.same(untold.get("without_schema"), 1, "an event of ours without a schema is noted")
    refused = post(server, {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "x",
                            "type": "contact.received", "subject": "contact/1", "schema": 1,
                            "data": {"channel": "smoke"}}, ONE)
    checks.same(refused[0], 400, "an event of ours that no projection could read")
    impossible(checks, server)
    # A body that comes slowly and in chunks.
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)

    def pieces():
        for byte in json.dumps(event()).encode():
            yield bytes([byte])
    connection.request("POST", "/v1/events", pieces(), {"Content-Type": ONE}, encode_chunked=True)
    checks.same(connection.getresponse().status, 201, "a body in chunks of one byte")
    connection.close()


def impossible(checks, server):
    """What cannot follow where its stream stands is refused, and named; a retry is none of that."""
    stream = f"contact/{uuid.uuid4()}"

    def step(kind, **data):
        return {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "x", "schema": 1,
                "type": f"contact.{kind}", "subject": stream, "data": data}
    first = step("received", channel="phone", direction="in")
    waits, answered = step("queued", queueId="tax"), step("connected", operatorId="o1")
    status, _, answer = post(server, waits, ONE)
    checks.same((status, answer["type"], answer["rule"]),
                (422, "/problems#impossible-step", "received_first"), "before the first")
    resumed = step("resumed")
    status, _, answer = post(server, [first, resumed], MANY)
    checks.same((status, answer["stream"], answer["ids"]), (422, stream, [resumed["id"]]),
                "a batch, of which the second cannot follow")
    checks.same(post(server, [first, waits], MANY)[0], 201, "nothing of that batch was there")
    status, _, answer = post(server, answered, ONE)
    checks.that(status == 422 and "it waits in the queue tax" in answer["detail"],
                f"the state in words: {answer}")
    checks.same(post(server, [first, waits], MANY)[0], 200, "a retry, of which the time is past")
    lines = [step("left_queue", queueId="tax", reason="answered"), step("queued", queueId="tax"),
             answered]
    status, _, answer = post(server, "\n".join(map(json.dumps, lines)))
    checks.same((status, answer["appended"], [line["line"] for line in answer["lines"]]),
                (422, 2, [2]), "lines, of which the second cannot follow")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        stream = f"contact/{uuid.uuid4()}"
        many = list(pool.map(lambda one: post(server, one, ONE)[0], [
            step("received", channel="phone", direction="in") for _ in range(16)]))
    checks.same(sorted(many), [201] + [422] * 15, "of many at once, one is the first")


def conditions(checks, server):
    def ask(query, stream="c/1", tags=""):
        fields = {"tags": tags} if tags else {}
        return post(server, event(stream=stream, **fields), ONE, query)
    checks.same(ask("?expect_revision=c/1=none")[0], 201, "a stream that is not there")
    status, _, answer = ask("?expect_revision=c/1=none")
    checks.same((status, answer["stream"], answer["revision"]), (409, "c/1", 0), "one that is")
    checks.that("position" in answer and "revision 0" in answer["detail"], "the conflict in words")
    checks.same(ask("?expect_revision=c%2F1=0")[0], 201, "the right revision")
    checks.same(ask("?expect_revision=c/1=0")[0], 409, "a revision that has passed")
    checks.same(ask("?expect_revision=c/1=any")[0], 201, "any revision")
    checks.same(ask("?expect_revision=c/9=any")[0], 409, "a stream that must be there")
    first = ask("", tags="room:1")[2]["first"]
    query = "?fail_if_match=tags=room%253A1%20types=test.happened"
    status, _, answer = ask(query)
    checks.same((status, answer["position"], answer["event_type"]), (409, first, "test.happened"),
                "a query that something matches")
    checks.same(ask(f"{query}&after={first}")[0], 201, "nothing behind what was seen")
    checks.same(ask("?fail_if_match=tags=room:2&fail_if_match=stream=c/7")[0], 201, "two queries")
    checks.same(ask("?fail_if_match=tags=room:2&fail_if_match=stream=c/1")[0], 409, "one of two")
    for query in ("?expect_revision=c/1", "?expect_revision=c/1=x", "?fail_if_match=", "?after=1",
                  "?fail_if_match=foo=1", "?expect_revision=a=1&expect_revision=a=2", "?nope=1",
                  "?lines=maybe", "?lines=each&lines=each", "?after=%zz", "?fail_if_match=types=%25z"):
        status, _, answer = ask(query)
        checks.same((status, answer["type"]), (400, "/problems#bad-parameter"), query)
    # Of many who claim the same, one succeeds.
    taken = []

    def claim():
        taken.append(ask("?expect_revision=claim/1=none", stream="claim/1")[0])
    threads = [threading.Thread(target=claim) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checks.same(sorted(taken), [201] + [409] * 11, "twelve who claim one stream")


def limits(checks, server):
    large = event(data={"text": "x" * (1 << 20)})
    status, _, answer = post(server, large, ONE)
    checks.same(status, 400, "data over 1 MiB")
    checks.that("1048576" in answer["detail"] or "MiB" in answer["detail"], "the limit is named")
    checks.same(post(server, event(data={"text": "x" * ((1 << 20) - 64)}), ONE)[0], 201,
                "data of almost 1 MiB")
    checks.same(post(server, b"x" * (3 << 20), ONE)[0], 413, "a body over the limit")
    checks.same(post(server, json.dumps([event()] * 2), MANY)[0], 422, "an id twice in a batch")
    checks.same(post(server, [event() for _ in range(10_001)], MANY)[0], 413, "too many events")
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    connection.request("GET", "/v1/head", headers={"X-Long": "x" * 20_000})
    checks.that(connection.getresponse().status in (400, 431), "fields that are too long")
    connection.close()
    for method, path, status, allow in [
            ("PATCH", "/v1/events", 405, "POST, GET, HEAD"),
            ("DELETE", "/v1/events/1", 405, "GET, HEAD"), ("HEAD", "/v1/subscription", 405, "GET"),
            ("GET", "/v1/events/0?x=1", 400, None), ("GET", "/v1/events/-0", 400, None),
            ("GET", "/readyz?x=1", 400, None), ("GET", "/v1/head?" + "x" * 9_000, 414, None),
            ("GET", "/v1/nothing", 404, None), ("GET", "/v1/events/", 404, None),
            ("GET", "/v1/events/x", 400, None), ("GET", "/v1/events/99999999", 404, None),
            ("GET", "/v1/events/18446744073709551616", 400, None)]:
        found, fields, _ = server.request(method, path)
        checks.same((found, fields["allow"]), (status, allow), f"{method} {path}")
    # The good line before one that is too long is appended.
    good = event(stream="long/1")
    status, _, answer = post(server, json.dumps(good) + "\n" + "x" * (3 << 20) + "\n")
    checks.same(status, 413, "a line that is too long")
    checks.same(post(server, good, ONE)[0], 200, "the line before it")
    # A refusal reaches a client that is still sending.
    status, _, answer = post(server, b"x" * (2_500_000), ONE, "?nope=1")
    checks.same((status, answer["type"]), (400, "/problems#bad-parameter"), "a refusal of a long body")


def lines_of(server, path, fields=None):
    status, answer, body = server.request("GET", path, fields=fields)
    return status, answer, [json.loads(line) for line in body.splitlines()]


def reading(checks, server, binary, log):
    # Enough for blocks, and for several pages.
    for part in range(12):
        text = "\n".join(json.dumps(event(
            stream=f"r/{number % 7}", kind=f"kind.{number % 3}", tags=f"part:{part} mod:{number % 5}",
            time=f"2026-11-{1 + number % 20:02}T10:00:00Z")) for number in range(1_000))
        checks.same(post(server, text)[0], 201, "lines to be read")
    everything = lines_of(server, "/v1/events")[2]
    size = len(everything)
    checks.same([one["position"] for one in everything], [str(n) for n in range(size)], "all of it")
    exported = server.request("GET", "/v1/export")[2]
    printed = subprocess.run([binary, "export", "--log", log], capture_output=True).stdout
    checks.that(exported == printed, "the export is that of the command line")

    def wanted(keep):
        return [one["id"] for one in everything if keep(one)]

    def same(query, keep, what):
        found = [one["id"] for one in lines_of(server, "/v1/events?" + query)[2]]
        checks.that(found == wanted(keep), f"{what}: {len(found)}, not {len(wanted(keep))}")
    at = lambda one: int(one["position"])
    tags = lambda one: one.get("tags", "").split()
    same("from=5000&to=5999", lambda one: 5000 <= at(one) < 6000, "a range")
    same("stream=r/3", lambda one: one["subject"] == "r/3", "a stream")
    same("type=kind.1&type=kind.2", lambda one: one["type"] in ("kind.1", "kind.2"), "two types")
    same("tag=part:3&tag=mod:1", lambda one: {"part:3", "mod:1"} <= set(tags(one)), "two tags")
    same("since=2026-11-05T00:00:00Z&until=2026-11-07T00:00:00%2B01:00",
         lambda one: "2026-11-05" <= one.get("time", "")[:10] <= "2026-11-06", "event time")
    same("stream=r/3&as_of=6000", lambda one: one["subject"] == "r/3" and at(one) <= 6000, "as of")
    moment = everything[3000]["recorded"]
    same(f"recorded_until={moment}", lambda one: one["recorded"] < moment, "recorded before")
    same(f"as_of={moment}", lambda one: one["recorded"] <= moment, "as of a moment")
    backward = [at(one) for one in lines_of(server, "/v1/events?order=backward&limit=5000")[2]]
    checks.same(backward, list(range(size - 1, size - 5001, -1)), "backward")
    checks.same(len(lines_of(server, "/v1/events?stream=r/1&limit=7")[2]), 7, "a limit")
    status, fields, body = server.request(
        "GET", "/v1/events?from=10&to=12", fields={"Accept": MANY})
    checks.same([one["position"] for one in json.loads(body)], ["10", "11", "12"], "an array")
    checks.same(json.loads(server.request("GET", "/v1/events?stream=none",
                                          fields={"Accept": MANY})[2]), [], "an empty array")
    checks.same(server.request("GET", "/v1/events", fields={"Accept": "text/html"})[0], 406,
                "a format that is not made")
    checks.same(server.request("GET", "/v1/events?as_of=99999999")[0], 404, "as of what is not yet")
    checks.same(server.request("GET", "/v1/events?since=yesterday")[0], 400, "a time that is none")

    for name, decode in (("gzip", gzip.decompress),
                         ("zstd", lambda raw: zstandard.ZstdDecompressor().decompressobj()
                          .decompress(raw))):
        _, fields, body = server.request("GET", "/v1/export", fields={"Accept-Encoding": name})
        checks.same(fields["content-encoding"], name, f"{name} is used")
        checks.that(decode(body) == exported and len(body) < len(exported) / 3, f"{name} is right")
    _, fields, body = server.request("GET", "/v1/export?to=9",
                                     fields={"Accept-Encoding": "gzip;q=0, br"})
    checks.same(fields["content-encoding"], None, "no coding that is liked")

    for path in ("/v1/events/17", "/v1/events?from=3&to=9", "/v1/head", "/v1/export?to=99",
                 "/v1/events?stream=r/1"):
        _, fields, _ = server.request("GET", path)
        status, again, body = server.request("HEAD", path)
        checks.same((status, body, again["etag"]), (200, b"", fields["etag"]), f"HEAD {path}")
        known = {"If-None-Match": fields["etag"]}
        status, again, body = server.request("GET", path, fields=known)
        checks.same((status, body, again["etag"]), (304, b"", fields["etag"]), f"{path} unchanged")
    before = server.request("GET", "/v1/head")[1]["etag"]
    whole = server.request("GET", "/v1/events?stream=r/1&limit=1")[1]["etag"]
    range_tag = server.request("GET", "/v1/export?to=99")[1]["etag"]
    post(server, event(stream="r/1"), ONE)
    checks.that(server.request("GET", "/v1/head")[1]["etag"] != before, "another head, another tag")
    checks.that(server.request("GET", "/v1/events?stream=r/1&limit=1")[1]["etag"] != whole,
                "what may have changed has another tag")
    checks.same(server.request("GET", "/v1/export?to=99")[1]["etag"], range_tag,
                "what cannot change keeps its tag")

    head = json.loads(server.request("GET", "/v1/head")[2])
    tree = Tree()
    for line in server.request("GET", "/v1/export")[2].splitlines():
        end = line.index(b'"datahash":"') + 12 + 64 + 1
        tree.add(line[:end] + b"}")
    checks.same((head["size"], head["root"]), (tree.count, tree.root()), "the root of the export")
    streams = json.loads(server.request("GET", "/v1/streams?prefix=r/")[2])
    checks.same({one["stream"] for one in streams}, {f"r/{n}" for n in range(7)}, "streams")
    pages(checks, server)


def pages(checks, server):
    """All streams, page by page, are what the log says when it is read."""
    for query in ("", "&prefix=r/", "&as_of=20", "&prefix=none/"):
        prefix = query[8:] if query.startswith("&prefix=") else ""
        as_of = query[1:] if query.startswith("&as_of=") else ""
        known = {}
        for line in server.request("GET", "/v1/events?" + as_of)[2].splitlines():
            read = json.loads(line)
            name, position = read["subject"], int(read["position"])
            if name.startswith(prefix):
                stream = known.setdefault(
                    name, {"stream": name, "events": 0, "first": position, "last": position})
                stream.update(events=stream["events"] + 1, last=position)
        path, found = "/v1/streams?limit=2" + query, []
        while path:
            _, fields, body = server.request("GET", path)
            page = json.loads(body)
            checks.that(len(page) <= 2, "streams of a page")
            found += page
            link = re.fullmatch(r'<(.*)>; rel="next"', fields.get("Link", ""))
            path = link[1] if link else None
        checks.same(found, list(known.values()), f"streams by pages {query}")
    for wrong in ("limit=0", "limit=1001", "from=x", "as_of=999999"):
        checks.that(server.request("GET", "/v1/streams?" + wrong)[0] in (400, 404), wrong)


def positions(batch):
    """Where the events of a batch stand; the text itself where it is none."""
    try:
        return [int(read["position"]) for read in json.loads(batch)]
    except ValueError:
        return batch[:200]


def seeking(checks, server):
    """What is rare in a log of more events than are looked at in one turn, both ways."""
    wanted = []
    for part in range(3):
        _, _, answer = post(server, event(stream="rare/1", kind="rare.happened"), ONE)
        wanted.append(answer["first"])
        for _ in range(7):
            lines = "\n".join(json.dumps(event(stream=f"many/{part}")) for _ in range(20_000))
            checks.same(post(server, lines)[0], 201, "many events")
    last = json.loads(server.request("GET", "/v1/head")[2])["size"] - 1
    bounds = f"&from={wanted[0] + 1}&to={last}"
    for query, found in (
            ("type=rare.happened", wanted), ("type=rare.happened&order=backward", wanted[::-1]),
            ("type=rare.happened&limit=2", wanted[:2]),
            ("type=rare.happened&limit=2&order=backward", wanted[:0:-1]),
            ("type=rare.happened" + bounds, wanted[1:]),
            ("type=rare.happened&order=backward" + bounds, wanted[:0:-1]),
            ("stream=rare/1", wanted), ("type=never.happened", []),
            (f"from={last - 300_000}&limit=3&order=backward", [last, last - 1, last - 2]),
            (f"from={last}&order=backward", [last])):
        lines = server.request("GET", "/v1/events?" + query)[2].splitlines()
        checks.same([int(json.loads(line)["position"]) for line in lines], found, query)
    # The last event of a turn, and the first of the next.
    for beside in (TURN_EVENTS - 1, TURN_EVENTS):
        start, end = wanted[2] - beside, wanted[0] + beside
        for query, found in (
                (f"from={start}", [place for place in wanted if place >= start]),
                (f"order=backward&to={end}", [place for place in wanted[::-1] if place <= end])):
            body = server.request("GET", "/v1/events?type=rare.happened&" + query,
                                  fields={"Accept": MANY})[2]
            checks.same(positions(body), found, "at the edge of a turn: " + query)
    for query, found in (("type=rare.happened", wanted), ("type=never.happened", []),
                         (f"type=rare.happened&from={wanted[0] + 1}", wanted[1:]),
                         (f"stream=rare/1&order=backward&to={last}", wanted[::-1])):
        body = server.request("GET", "/v1/events?" + query, fields={"Accept": MANY})[2]
        checks.same(positions(body), found, "a batch of " + query)
    path, found, empty = "/v1/streams?prefix=many/2&as_of=" + str(last), [], 0
    while path:
        _, fields, body = server.request("GET", path)
        found += json.loads(body)
        empty += body == b"[]\n"
        path = re.fullmatch(r'<(.*)>; rel="next"', fields.get("Link", "<>; rel=\"next\""))[1]
    checks.same([(one["stream"], one["events"], one["last"]) for one in found],
                [("many/2", 140_000, last)], "a stream behind pages without one")
    checks.that(empty > 0, "pages without a stream")
    count = server.request("GET", "/v1/events?order=backward&type=test.happened")[2].count(b"\n")
    checks.that(count >= 420_000, f"{count} of many events backward")


class Tree:
    """The root of a growing list, by RFC 6962."""

    def __init__(self):
        self.stack, self.count = [], 0

    def add(self, leaf):
        node = hashlib.sha256(b"\0" + leaf).digest()
        self.count += 1
        rest = self.count
        while rest % 2 == 0:
            node = hashlib.sha256(b"\1" + self.stack.pop() + node).digest()
            rest //= 2
        self.stack.append(node)

    def root(self):
        node = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            node = hashlib.sha256(b"\1" + left + node).digest()
        return node.hex()


def pipelining(checks, server):
    """Requests that are sent without waiting are answered in their order."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    connection.connect()
    wanted, sent = [], b""
    for number in range(60):
        if number % 3 == 2:
            sent += b"GET /v1/events/0 HTTP/1.1\r\nHost: x\r\n\r\n"
            wanted.append(b"200 OK")
        elif number % 7 == 3:
            sent += b"GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
            wanted.append(b"404 Not Found")
        else:
            body = json.dumps(event(stream="p/1")).encode()
            sent += (b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: " + ONE.encode()
                     + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            wanted.append(b"201 Created")
    connection.sock.sendall(sent)
    found, received = [], b""
    while len(found) < len(wanted):
        head, separator, rest = received.partition(b"\r\n\r\n")
        if separator:
            length = int([field for field in head.split(b"\r\n")
                          if field.lower().startswith(b"content-length")][0].split(b":")[1])
            if len(rest) >= length:
                found.append(head.split(b" ", 1)[1].split(b"\r\n")[0])
                received = rest[length:]
                continue
        piece = connection.sock.recv(1 << 16)
        if not piece:
            break
        received += piece
    checks.same(found, wanted, "the order of answers")
    revisions = [int(one["revision"]) for one in lines_of(server, "/v1/events?stream=p/1")[2]]
    checks.same(revisions, list(range(len(revisions))), "the order of appends")
    connection.close()


class Follower(threading.Thread):
    """Reads a subscription until it is told to end."""

    def __init__(self, server, query="", fields=None):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        self.connection.request("GET", "/v1/subscription" + query, headers=fields or {})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.events = []
        if self.status == 200:
            self.start()

    def run(self):
        try:
            while line := self.answer.readline():
                if line.startswith(b"data: "):
                    line = line[6:]
                if line.startswith(b"{"):
                    self.events.append(json.loads(line))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass

    def wait(self, count):
        end = time.time() + 20
        while len(self.events) < count and time.time() < end:
            time.sleep(0.01)
        return self.events

    def close(self):
        self.connection.sock.shutdown(2)
        self.join(5)
        self.answer.close()
        self.connection.close()


def following(checks, server):
    size = json.loads(server.request("GET", "/v1/head")[2])["size"]
    everybody = Follower(server, "?from=0")
    later = Follower(server, fields={"Accept": LINES})
    some = Follower(server, "?stream=f/1&type=test.happened", {"Accept": LINES})
    again = Follower(server, fields={"Last-Event-ID": "99"})
    checks.same(everybody.answer.headers["content-type"], "text/event-stream", "what a browser reads")
    for number in range(50):
        post(server, event(stream=f"f/{number % 2}"), ONE)
    checks.same([int(one["position"]) for one in everybody.wait(size + 50)],
                list(range(size + 50)), "from the beginning, and on")
    checks.same([int(one["position"]) for one in later.wait(50)],
                list(range(size, size + 50)), "from now on")
    checks.same(len(some.wait(25)), 25, "a filter")
    checks.same([int(one["position"]) for one in again.wait(size - 50)],
                list(range(100, size + 50)), "behind the last one seen")
    for follower in (everybody, later, some, again):
        follower.close()
    for query, fields, status in [("?from=x", {}, 400), ("?from=1&cursor=c", {}, 400),
                                  ("?cursor=%2F", {}, 400), ("?cursor=", {"Last-Event-ID": "0"}, 400), ("", {"Last-Event-ID": "x"}, 400),
                                  ("?nope=1", {}, 400), ("", {"Accept": "image/png"}, 406)]:
        checks.same(server.request("GET", "/v1/subscription" + query, fields=fields)[0], status,
                    f"/v1/subscription{query} {fields}")


def cursors(checks, server):
    def move(next_position, name="billing", **other):
        return server.request("PUT", f"/v1/cursors/{name}",
                              json.dumps({"next": next_position, **other}))[0]
    checks.same(move(5), 404, "a cursor that nobody has made")
    follower = Follower(server, "?cursor=billing&type=test.happened")
    follower.wait(3)
    checks.same(Follower(server, "?cursor=billing").status, 409, "a second consumer")
    checks.same(move(40), 200, "how far it has come")
    checks.same(move(30), 409, "back")
    checks.same(server.request("DELETE", "/v1/cursors/billing")[0], 409, "one in use")
    follower.close()
    end = time.time() + 20
    while time.time() < end:
        resumed = Follower(server, "?cursor=billing")
        if resumed.status == 200:
            break
        time.sleep(0.05)
    checks.same(int(resumed.wait(1)[0]["position"]), 40, "where it goes on")
    resumed.close()
    time.sleep(0.3)
    checks.same(move(3, reset=True), 200, "back, when that is meant")
    found = json.loads(server.request("GET", "/v1/cursors/billing")[2])
    checks.same((found["next"], found["position"]), (3, 2), "where it stands")
    checks.same([one["name"] for one in json.loads(server.request("GET", "/v1/cursors")[2])],
                ["billing"], "all cursors")
    for body in ("", "{", "[]", '{"next":-1}', '{"next":"1"}', '{"next":1.5}',
                 '{"next":1,"reset":{}}', '{"next":1,"reset":null}'):
        checks.same(server.request("PUT", "/v1/cursors/billing", body)[0], 400, f"a move {body!r}")
    checks.same(move(1 << 40, reset=True), 409, "a place beyond the log")
    checks.same(server.request("DELETE", "/v1/cursors/billing")[0], 204, "forgotten")
    checks.same(server.request("GET", "/v1/cursors/billing")[0], 404, "gone")


def read_models(checks, server):
    for minute in range(40):
        contact = f"contact/{minute}"
        start = f"2026-11-02T09:{minute:02}:00Z"
        for kind, data in [("contact.received", {"channel": "phone", "direction": "in"}),
                           ("contact.queued", {"queueId": "tax"})]:
            status, _, answer = post(server, event(
                stream=contact, kind=kind, time=start, schema=1, data=data), ONE)
            checks.same(status, 201, f"{kind}: {answer}")
    size = json.loads(server.request("GET", "/v1/head")[2])["size"]
    end = time.time() + 30
    while time.time() < end:
        models = json.loads(server.request("GET", "/v1/projections")[2])
        if all(model["position"] == size - 1 for model in models):
            break
        time.sleep(0.1)
    checks.same({model["lag_events"] for model in models}, {0}, "read models that have caught up")
    described = json.loads(server.request("GET", "/v1/projections/operator-queues")[2])
    tables = {table["name"] for table in described["tables"]}
    checks.that({"queues", "days"} <= tables, "the tables of a read model")
    path = "/v1/projections/operator-queues"
    for table in tables:
        checks.same(server.request("GET", f"{path}/tables/{table}?limit=3")[0], 200, table)
    rows = json.loads(server.request("GET", f"{path}/tables/queues?where=queue%3D'tax'")[2])
    checks.same((len(rows["rows"]), rows["rows"][0]["queue"], rows["position"]),
                (1, "tax", size - 1), "a row")

    def sql(text, query="", kind="application/sql"):
        status, _, body = server.request("POST", f"{path}/query{query}", text,
                                         {"Content-Type": kind})
        return status, json.loads(body)
    status, answer = sql("SELECT 1 AS a, 'x' AS b, NULL AS c, 1.5 AS d, x'00ff' AS e")
    checks.same(answer["rows"], [{"a": 1, "b": "x", "c": None, "d": 1.5, "e": "00ff"}], "values")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999) " \
        "SELECT i FROM n"
    status, answer = sql(numbers)
    checks.same((len(answer["rows"]), answer["more"]), (1000, True), "a page")
    status, answer = sql(numbers, "?limit=10000&offset=4990")
    checks.same(([row["i"] for row in answer["rows"]], answer["more"]),
                (list(range(4990, 5000)), False), "the last page")
    for wrong in ("", "SELECT", "DROP TABLE queues", "DELETE FROM queues", "SELECT * FROM nowhere",
                  "SELECT 1; SELECT 2", "ATTACH '/etc/passwd' AS p", "PRAGMA hard_heap_limit=1",
                  "INSERT INTO queues DEFAULT VALUES RETURNING *", "VACUUM INTO '/tmp/x'",
                  "SELECT load_extension('x')", "EXPLAIN PRAGMA hard_heap_limit=1",
                  "SELECT 1; PRAGMA hard_heap_limit=100000", "SELECT * FROM pragma_database_list",
                  "SELECT zeroblob(2000000000)", "/* PRAGMA */ VALUES (1)", "SELECT 1 AS a, 2 AS a", "\0", "BEGIN"):
        status, answer = sql(wrong)
        checks.same((status, answer["type"]), (400, "/problems#bad-query"), f"SQL {wrong!r}")
    for wrong in ("1); PRAGMA hard_heap_limit=100000; --", "zeroblob(2000000000)", "1) --"):
        checks.same(server.request("GET", f"{path}/tables/queues?where={quote(wrong)}")[0], 400,
                    f"where={wrong}")
    checks.same(server.request("GET", "/readyz")[0], 200, "bad SQL makes nobody ill")
    status, answer = sql("WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c LIMIT 500) "
                         "SELECT zeroblob(1000000) AS z FROM c")
    checks.that(status == 200 and answer["more"] and len(answer["rows"]) < 50, "bytes of rows")
    checks.same(sql("SELECT 1", kind="text/plain")[0], 415, "a query of another type")
    start = time.time()
    status, answer = sql("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) "
                         "SELECT count(*) FROM n")
    checks.same((status, answer["type"]), (400, "/problems#too-slow"), "a query without an end")
    checks.that(time.time() - start < 20, "it is broken off in time")
    checks.same(sql("SELECT 1 AS a")[0], 200, "and the next one is answered")
    checks.same(server.request("GET", "/v1/projections/nothing")[0], 404, "no such projection")
    checks.same(server.request("GET", f"{path}/tables/nothing")[0], 404, "no such table")
    checks.same(server.request("GET", f"{path}/tables/queues?where=nope")[0], 400, "no such column")
    checks.same(server.request("GET", f"{path}/tables/queues?limit=0")[0], 400, "a limit of nothing")


main()
