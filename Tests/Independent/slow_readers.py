"""Clients that read slowly, and one that does not read.

usage: slow_readers.py BINARY LOGDIR

Starts a server on a new log of some 20 MB. A client that takes 4 KB a second of an export keeps its
connection for longer than one that takes nothing, which is closed after a minute. A third asks for
more and more, and reads no answer: the server stops to listen. Takes two minutes, nearly all of
them asleep.
"""
import json
import socket
import sys
import time

from serving import Checks, Server, event

LINES = {"Content-Type": "application/x-ndjson"}
SECONDS = 110


def main():
    checks = Checks()
    binary, log = sys.argv[1], sys.argv[2]
    server = Server(binary, log, "--insecure")
    try:
        for batch in range(20):
            lines = "\n".join(json.dumps(event(f"test/{batch}", data="x" * 900))
                              for _ in range(1_000))
            checks.same(server.request("POST", "/v1/events", lines, LINES)[0], 201, "events")
        ahead(checks, server)
        watch(checks, server)
        checks.same(server.stop(), 0, "the end")
    finally:
        server.process.kill()
    checks.end()


def ahead(checks, server):
    """Requests that are refused at once, of which nobody reads the answers."""
    connection = socket.create_connection((server.host, server.port))
    connection.settimeout(2)
    wrong = (b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/cloudevents+json"
             b"\r\nContent-Length: 1\r\n\r\n{") * 1_000
    sent = 0
    try:
        while sent < 100 << 20:
            sent += connection.send(wrong)
    except TimeoutError:
        pass
    checks.that(sent < 50 << 20, f"{sent} bytes of requests were read, and no answer was taken")
    connection.close()


def ask(server):
    connection = socket.socket()
    # The smaller what the systems keep, the sooner the server notices.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
    connection.connect((server.host, server.port))
    connection.sendall(b"GET /v1/export HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection


def is_open(server, connection):
    """Whether the server still has the connection, by what the system says of it."""
    port = connection.getsockname()[1]
    with open(f"/proc/{server.process.pid}/net/tcp", encoding="ascii") as lines:
        rows = [line.split() for line in lines][1:]
    # Its side of the connection, established.
    return any(row[2].endswith(f":{port:04X}") and row[1].endswith(f":{server.port:04X}")
               and row[3] == "01" for row in rows)


def watch(checks, server):
    slow, silent = ask(server), ask(server)
    start, taken, closed = time.time(), 0, None
    while time.time() < start + SECONDS:
        time.sleep(0.5)
        piece = slow.recv(2_000)
        taken += len(piece)
        if not piece:
            break
        if closed is None and not is_open(server, silent):
            closed = time.time() - start
    checks.that(taken > 4_000 * SECONDS * 0.7, f"the slow reader was given {taken} bytes only")
    checks.that(is_open(server, slow), "the slow reader was cut off")
    checks.that(closed is not None and 55 < closed < 75,
                f"the silent reader was closed after {closed} s")


main()
