"""Clients that go away in the middle, ask too much, or are met by the end of the server.

usage: broken_off.py BINARY LOGDIR

Starts servers on a new log, and checks that nobody's place is kept after they have gone, that what
was asked when the server is told to end is answered, that a condition reaches no other table, and
that no answer is larger than it may be. Takes about ten seconds.
"""
import json
import socket
import struct
import sys
import time
import uuid
from urllib.parse import quote

from serving import Checks, Server, event

ONE = b"application/cloudevents+json"
BINARY = {"Content-Type": "application/json", "ce-specversion": "1.0", "ce-source": "urn:test",
          "ce-type": "test.happened", "ce-subject": "binary/1"}
MODEL = "/v1/projections/operator-queues"


def main():
    checks = Checks()
    binary, log = sys.argv[1], sys.argv[2]
    server = Server(binary, log, "--insecure")
    try:
        contact = event(f"contact/{uuid.uuid4()}", "contact.received", schema=1, data={
            "channel": "phone", "direction": "in", "queueId": "tax"})
        checks.same(server.append(contact)[0], 201, "an event")
        leaving(checks, server)
        asking(checks, server)
        nothing_new(checks, server)
        injected(checks, server)
        counted(checks, server)
        held(checks, server)
        ending(checks, server)
    finally:
        server.process.kill()
    checks.end()


def connect(server):
    return socket.create_connection((server.host, server.port), timeout=10)


def subscribers(server):
    text = server.request("GET", "/metrics")[2].decode()
    return [int(line.split()[1]) for line in text.splitlines()
            if line.startswith("ascolto_subscribers ")][0]


def leaving(checks, server):
    """Whoever resets the connection at once has no place among the subscribers any more."""
    before = subscribers(server)
    for _ in range(300):
        connection = connect(server)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(b"GET /v1/subscription HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.close()
    end = time.time() + 10
    while subscribers(server) > before and time.time() < end:
        time.sleep(0.05)
    checks.same(subscribers(server), before, "subscribers, once they have gone")


def asking(checks, server):
    """A condition asks about the columns of its table, and of no other."""
    def where(text):
        return server.request("GET", f"{MODEL}/tables/queues?where={quote(text)}")[0]
    end = time.time() + 10
    while where("queue = 'tax'") != 200 and time.time() < end:
        time.sleep(0.1)
    for good in ("queue = 'tax'", "queue IN ('tax', 'select ion')", "offered in (1, 2)"):
        wanted = 400 if "select" in good else 200
        checks.same(where(good), wanted, good)
    for wrong in ("0) UNION ALL SELECT * FROM queues WHERE (1", "queue IN queues",
                  "EXISTS (SELECT 1 FROM latest)", "queue in/**/queues", "(sElEcT 1)",
                  "queue IN \"queues\""):
        checks.same(where(wrong), 400, wrong)
    name = "n" * 60_000
    text = ("WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c LIMIT 100000) "
            f'SELECT NULL AS "{name}" FROM c')
    status, _, body = server.request(
        "POST", f"{MODEL}/query?limit=100000", text, {"Content-Type": "application/sql"})
    checks.same((status, json.loads(body).get("more")), (200, True), "rows of a long name")
    checks.that(len(body) < 10 << 20, f"an answer of {len(body)} bytes")
    # What gathers values looks at its length at the end only.
    text = text.replace(f'NULL AS "{name}"', "json_group_array(hex(zeroblob(1000))) AS a")
    status, _, body = server.request(
        "POST", f"{MODEL}/query", text, {"Content-Type": "application/sql"})
    checks.same((status, b"more memory" in body), (400, True), f"gathered values: {body[:200]!r}")


def nothing_new(checks, server):
    """That nothing was there is not taken for what comes later."""
    size = json.loads(server.request("GET", "/v1/head")[2])["size"]
    path = f"/v1/events?from={size + 1}&to={size + 2}"
    tag = server.request("GET", path)[1]["ETag"]
    for number in range(4):
        server.append(event("test/tag"))
    status, _, body = server.request("GET", path, fields={"If-None-Match": tag})
    checks.same((status, len(body.splitlines())), (200, 2), "events that were not there before")


def injected(checks, server):
    """The data of an event in binary mode stay data."""
    fields = {**BINARY, "ce-id": "01890a5d-ac96-774b-bcce-b302099a8099"}
    status, _, body = server.request(
        "POST", "/v1/events", '1,"subject":"other","tags":"a:b"', fields)
    checks.same(status, 400, f"data that are more than a value: {body!r}")
    checks.same(server.request("POST", "/v1/events", '{"n":1}', fields)[0], 201, "data")


def counted(checks, server):
    """More events than an append may have are counted before they are made."""
    lines = {"Content-Type": "application/x-ndjson"}
    status = server.request("POST", "/v1/events?lines=together", b"\n" * (31 << 20), lines)[0]
    checks.that(status in (400, 422), f"line ends only: {status}")
    batch = {"Content-Type": "application/cloudevents-batch+json"}
    status = server.request("POST", "/v1/events", b"[" + b"1," * (15 << 20) + b"1]", batch)[0]
    checks.same(status, 413, "a batch of too many")
    checks.that(memory(server) < 200_000, f"memory: {memory(server)} kB")


def memory(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as lines:
        return [int(line.split()[1]) for line in lines if line.startswith("RssAnon")][0]


def held(checks, server):
    """Bodies of many have bounds together; small ones are taken beside them."""
    sending = []
    for _ in range(8):
        connection = connect(server)
        connection.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/"
                           b"cloudevents-batch+json\r\nContent-Length: 30000000\r\n\r\n[")
        sending.append(connection)
    refused = []
    for connection in sending:
        try:
            connection.sendall(b" " * 29_000_000)
        except OSError:
            pass
    for connection in sending:
        connection.settimeout(1)
        try:
            refused.append(connection.recv(2_000))
        except TimeoutError:
            pass
    checks.same(len(refused), 6, "large bodies that are refused beside two others")
    for answer in refused:
        checks.that(b" 503 " in answer[:20] and b"etry-after" in answer.lower(),
                    f"without room: {answer[:200]!r}")
    checks.same(server.append(event("test/held"))[0], 201, "a small body beside large ones")
    large = event("test/held", data="x" * 900_000)
    checks.same(server.append(large)[0], 201, "an event that still has room")
    checks.that(memory(server) < 300_000, f"memory: {memory(server)} kB")
    for connection in sending:
        connection.close()
    end = time.time() + 10
    lines = {"Content-Type": "application/cloudevents-batch+json"}
    text = b"[" + b" " * 29_000_000 + json.dumps(event("test/held")).encode() + b"]"
    status = None
    while status != 201 and time.time() < end:
        status = server.request("POST", "/v1/events", text, lines)[0]
    checks.same(status, 201, "a large body, once there is room again")


def ending(checks, server):
    """Whoever has begun to send an event when the server is told to end gets an answer."""
    body = json.dumps(event("test/end")).encode()
    connection = connect(server)
    connection.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: " + ONE
                       + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:20])
    time.sleep(0.3)
    start = time.time()
    server.process.terminate()
    time.sleep(0.3)
    connection.sendall(body[20:])
    checks.that(connection.recv(1_000).startswith(b"HTTP/1.1 201 "), "an event at the end")
    checks.same(server.process.wait(60), 0, "the exit status")
    checks.that(time.time() - start < 10, "the end takes no longer than the request")


main()
