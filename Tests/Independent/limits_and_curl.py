"""Limits of a server, and what the documents show with curl.

usage: limits_and_curl.py BINARY DIR

The walk of the README has a test of its own; here are the commands of Operate.md, the examples of
openapi.yaml, sent with curl, and all other examples with curl that there may be. Takes about 45
seconds, as slow requests are closed after 30.
"""
import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import yaml

from serving import Checks, Server, event

ONE, MANY, LINES = "cloudevents+json", "cloudevents-batch+json", "x-ndjson"
ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20


def main():
    binary, directory = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    checks, log = Checks(), str(directory / "log")
    run(binary, "init", log=log)
    server = Server(binary, log, "--insecure")
    slow = slow_requests(server)
    sizes(checks, server)
    with_curl(checks, server, directory)
    rates(checks, binary, str(directory / "rates"))
    connections(checks, binary, str(directory / "few"))
    operate(checks, binary, directory)
    closed_in_time(checks, slow)
    checks.same(server.stop(), 0, "the exit status")
    checks.end()


def run(binary, *words, log):
    return subprocess.run([binary, *words, "--log", log], capture_output=True, text=True)


# Limits.

def slow_requests(server):
    """Requests that have begun and do not end."""
    body = b"POST /v1/events HTTP/1.1\r\nHost: x\r\n" + b"Content-Type: application/cloudevents+json\r\nContent-Length: 100\r\n\r\n{"
    found = {}
    for what, sent in (("half a body", body),):
        connection = socket.create_connection((server.host, server.port))
        connection.sendall(sent)
        found[what] = (connection, time.time())
    return found


def closed_in_time(checks, slow):
    for what, (connection, start) in slow.items():
        connection.settimeout(max(0.1, start + 40 - time.time()))
        try:
            while connection.recv(4_096):
                pass
            is_closed = True
        except OSError as error:
            is_closed = not isinstance(error, TimeoutError)
        checks.that(is_closed, f"{what}: the connection is closed after 30 s")


def raw(server, fields):
    """The answer to a request with these fields, until the connection is closed."""
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        try:
            connection.sendall(f"GET /livez HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode())
            found = b""
            while piece := connection.recv(4_096):
                found += piece
            return found, True
        except TimeoutError:
            return found, False


def sizes(checks, server):
    """The table of limits in Operate.md, at both of their sides."""
    for what, fields in (("101 fields", "".join(f"X-{n}: 1\r\n" for n in range(100))),
                         ("fields of 17 KiB", f"X-Long: {'x' * (17 << 10)}\r\n")):
        answer, is_closed = raw(server, fields)
        checks.that(answer.startswith(b"HTTP/1.1 400 ") and is_closed,
                    f"{what}: 400, and closed: {answer[:80]} {is_closed}")
    for what, fields in (("99 fields", "".join(f"X-{n}: 1\r\n" for n in range(98))),
                         ("fields of 15 KiB", f"X-Long: {'x' * (15 << 10)}\r\n")):
        answer = raw(server, fields + "Connection: close\r\n")[0]
        checks.that(answer.startswith(b"HTTP/1.1 200 "), f"{what}: {answer[:80]}")

    def post(body, kind, query="", path="/v1/events"):
        status, _, answer = server.request("POST", path + query, body,
                                           {"Content-Type": "application/" + kind})
        return status, json.loads(answer)
    data = "x" * 1_000_000
    many = [event(data=data) for _ in range(17)]
    space = json.dumps(event()) + " " * (2 * MIB - 400)
    for what, wanted, body, kind, query, word in (
            ("an event of 2 MiB", 201, space, ONE, "", None),
            ("an event over 2 MiB", 413, space + " " * 500, ONE, "", "2097152"),
            ("10,000 events", 201, json.dumps([event() for _ in range(10_000)]), MANY, "", None),
            ("10,001 events", 413, json.dumps([event() for _ in range(10_001)]), MANY, "", "10000"),
            ("15 MB in a batch", 201, json.dumps(many[:15]), MANY, "", None),
            ("17 MB in a batch", 413, json.dumps(many), MANY, "", "16777216"),
            ("17 MB in lines together", 413, "\n".join(map(json.dumps, many)), LINES,
             "?lines=together", "16777216"),
            ("a batch over 32 MiB", 413, json.dumps([event()]) + " " * 32 * MIB, MANY, "",
             "33554432"),
            ("17 MB in lines, each by itself", 201,
             "\n".join(json.dumps(event(data=data)) for _ in range(17)), LINES, "", None)):
        status, answer = post(body, kind, query)
        checks.same(status, wanted, f"{what}: {str(answer)[:200]}")
        if word:
            said = answer["detail"].replace(",", "").replace("10 000", "10000")
            checks.that(word in said or re.search(r"\d+ MiB", said),
                        f"{what}: the limit is named: {answer['detail']}")
            checks.same(answer["type"], "/problems#too-large", what)
    path = "/v1/projections/operator-queues/query"
    for text, wanted in (("SELECT 1 AS a --" + "x" * (65_536 - 16), 200),
                         ("SELECT 1 AS a --" + "x" * 65_536, 413), ("VALUES (1)", 200),
                         ("DELETE FROM queues", 400), ("EXPLAIN SELECT 1 AS a", 400)):
        status, answer = post(text, "sql", path=path)
        checks.same(status, wanted, f"SQL {text[:30]!r} of {len(text)}: {answer.get('detail')}")
    for limit, wanted in ((100_000, 200), (100_001, 400)):
        status = post("SELECT 1 AS a", "sql", f"?limit={limit}", path)[0]
        checks.same(status, wanted, f"limit={limit}")


def rates(checks, binary, log):
    """One client asks too often; others do not notice."""
    run(binary, "init", log=log)
    first, second = (json.loads(run(
        binary, "tokens", "create", "--format", "json", "--name", name, "--role", "appender",
        log=log).stdout)["token"] for name in ("busy", "calm"))
    server = Server(binary, log, "--requests-per-second", "5")
    answers = [server.request("GET", "/v1/head", token=first) for _ in range(12)]
    statuses = [status for status, _, _ in answers]
    checks.same(statuses[:5], [200] * 5, "as many as are allowed in a second")
    checks.that(429 in statuses[5:] and set(statuses) == {200, 429}, f"then 429: {statuses}")
    _, fields, body = next(answer for answer in answers if answer[0] == 429)
    answer = json.loads(body)
    checks.same((answer["type"], fields["content-type"]),
                ("/problems#too-many-requests", "application/problem+json"), "what is answered")
    checks.that((fields["retry-after"] or "").isdigit(), f"Retry-After {fields['retry-after']}")
    checks.same(server.append(event(), token=first)[0], 429, "an append")
    checks.same(server.request("GET", "/v1/head", token=second)[0], 200, "another client")
    checks.same({server.request("GET", "/livez")[0] for _ in range(10)}, {200}, "/livez")
    time.sleep(int(fields["retry-after"] or 1))
    checks.same(server.append(event(), token=first)[0], 201, "after the time that was told")
    checks.same(server.stop(), 0, "the exit status")
    for value in ("0", "-1", "x"):
        found = run(binary, "serve", f"--requests-per-second={value}", log=log)
        checks.same(found.returncode, 2, f"--requests-per-second {value}: {found.stderr}")


def connections(checks, binary, log):
    """More connections than there may be wait for those before them."""
    run(binary, "init", log=log)
    server = Server(binary, log, "--insecure", "--connections-max", "3")
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    held = []
    for _ in range(4):
        connection = socket.create_connection((server.host, server.port), timeout=1)
        connection.sendall(request)
        held.append(connection)
        if len(held) < 4:
            checks.that(connection.recv(99).startswith(b"HTTP/1.1 200"), "one of three")
    found = None
    with contextlib.suppress(TimeoutError):
        found = held[3].recv(99)
    checks.same(found, None, "the fourth waits")
    held[0].close()
    held[3].settimeout(5)
    with contextlib.suppress(TimeoutError):
        found = held[3].recv(99)
    checks.that(found and found.startswith(b"HTTP/1.1 200"), "the fourth, when the first is gone")
    checks.same(server.stop(), 0, "the exit status while connections are held")


# What the documents show.

def curl(*words, body=None):
    found = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *words], input=body,
                           capture_output=True, text=True, timeout=30)
    answer, _, status = found.stdout.rpartition("\n")
    return int(status), answer


def with_curl(checks, server, directory):
    address = f"http://{server.host}:{server.port}"
    text = (ROOT / "Sources/Server/openapi.yaml").read_text()
    checks.same(curl(address + "/openapi.yaml"), (200, text), "the description")
    described = yaml.safe_load(text)
    subject = json.loads(curl("-d", '{"identifier":"A"}', address + "/v1/subjects")[1])["subject"]
    count = 0
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if method == "parameters" or "{cursor}" in path:
                continue
            for kind, media in operation.get("requestBody", {}).get("content", {}).items():
                for name, example in media.get("examples", {}).items():
                    if reference := example.get("$ref"):
                        example = described["components"]["examples"][reference.split("/")[-1]]
                    url = address + path.replace("{projection}", "operator-queues").replace(
                        "{subject}", subject)
                    value = example["value"]
                    status, answer = curl(
                        "-X", method.upper(), url, "-H", f"Content-Type: {kind}", "--data-binary",
                        "@-", body=value if isinstance(value, str) else json.dumps(value))
                    checks.that(status in (200, 201), f"{method} {path} {name}: {status} {answer}")
                    count += 1
    checks.that(count > 3, f"{count} examples")
    for document in [*ROOT.glob("Sources/**/*.md"), *ROOT.glob("Projections/**/*.md"),
                     *ROOT.glob("Tools/*/*.md"), ROOT / "README.md",
                     ROOT / "Sources/Server/openapi.yaml"]:
        shown = document.read_text()
        if document == ROOT / "README.md":
            shown = re.sub(r"```sh\n.*?```", "", shown, flags=re.DOTALL)
        for line in re.sub(r"\\\n\s*", "", shown).splitlines():
            if re.match(r"\s*(\$ )?curl ", line):
                line = line.strip().removeprefix("$ ").replace("http://127.0.0.1:8080", address)
                found = subprocess.run(["bash", "-c", line.replace("curl ", "curl -f ", 1)],
                                       capture_output=True, text=True, cwd=directory, timeout=30)
                checks.same(found.returncode, 0, f"{document}: {line}: {found.stderr}")


def operate(checks, binary, directory):
    """The commands of Operate.md, as they stand there."""
    log = str(directory / "operated")
    run(binary, "init", log=log)
    shown = (ROOT / "Sources/Server/Server.docc/Operate.md").read_text()
    commands = [line.split() for line in shown.splitlines() if line.startswith("    ascolto ")]
    checks.that(len(commands) >= 2, f"{len(commands)} commands")
    for words in commands:
        words = [log if word == "DIR" else word for word in words[1:]]
        if words[0] == "serve":
            server = Server(binary, log, *words[3:])
            checks.same(server.stop(), 0, f"{words}")
        else:
            found = subprocess.run([binary, *words], capture_output=True, text=True)
            checks.same(found.returncode, 0, f"{words}: {found.stderr}")


main()
