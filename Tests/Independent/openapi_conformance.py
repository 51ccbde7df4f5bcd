"""Holds a running server against its description, Sources/Server/openapi.yaml.

usage: openapi_conformance.py URL [--token TOKEN] [--seed N] [--examples N]
                              [--without OPERATION_ID,…] [--description FILE]

The requests are made from the description by schemathesis (PyPI): examples, boundaries, random
ones that the description allows, random ones that it forbids, and chains of requests. Each answer
must have a status, a content type, fields and a body that the description knows; what it allows
must be taken, what it forbids refused; nothing may be answered with 500. Lines of events are held
against the description one by one, and a subscription is followed while events are appended.

The server's log is written to: take a new one. The requests follow from the seed and from what
the log holds. With a token, one that has the roles appender, internal_analyst, privacy_officer and
administrator, requests without it must be refused. Exits with 1 where a promise was broken.
"""

import argparse
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

DESCRIPTION = pathlib.Path(__file__).parents[2] / "Sources/Server/openapi.yaml"
NAMES = "OPENAPI_CONFORMANCE_NAMES"
LINES = "application/x-ndjson"
SUBJECTS = []
CURSORS, SPARE_CURSOR = ["conformance", "desk"], "spare"
VALIDATORS = []
# What the description allows and the server may still refuse, since no schema can say it: which
# SQL is right, which ids are in the log, whether a condition holds, which size is the greater one.
REFUSABLE = {
    "addCheckpoint": ["2xx", "400", "403", "404", "409", "422", "429", "503"],
    "witnessedCheckpoint": ["2xx", "404", "429", "503"],
    "findSubject": ["2xx", "401", "403", "404", "429", "503"],
    "subjectStatus": ["2xx", "401", "403", "404", "429", "503"],
    "eraseSubject": ["2xx", "401", "403", "404", "429", "503"],
    "authoriseSubject": ["2xx", "401", "403", "404", "409", "429", "503"],
    "consistency": ["2xx", "304", "400", "401", "403", "404", "429", "503"],
    "appendEvents": ["2xx", "401", "403", "409", "422", "429", "503"],
    "readTable": ["2xx", "400", "401", "403", "404", "429", "503"],
    "queryProjection": ["2xx", "400", "401", "403", "404", "429", "503"],
}


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("url")
    parser.add_argument("--token")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=80)
    parser.add_argument("--without", default="")
    parser.add_argument("--description", type=pathlib.Path, default=DESCRIPTION)
    options = parser.parse_args()
    server = Server(options.url.rstrip("/"), options.token)
    began = time.monotonic()
    play(server)
    problems = follow(server)
    is_good = run(server, options)
    problems += attack(server)
    for problem in problems:
        print("  " + problem)
    is_good = is_good and not problems
    print(f"{'conforms' if is_good else 'does not conform'}, "
          f"seed {options.seed}, {time.monotonic() - began:.0f} s")
    sys.exit(0 if is_good else 1)


class Server:
    """What this script itself asks."""

    def __init__(self, url, token):
        self.url, self.token = url, token

    def open(self, path, body=None, **fields):
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        if self.token:
            fields["Authorization"] = "Bearer " + self.token
        request = urllib.request.Request(self.url + path, body, fields)
        return urllib.request.urlopen(request, timeout=20)

    def status(self, path, body=None, **fields):
        try:
            with self.open(path, body, **fields) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    def json(self, path):
        with self.open(path) as response:
            return json.load(response)

    def append(self, stream, kind="note.taken", data=None, **attributes):
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "urn:example:test",
                 "type": kind, "subject": stream, **attributes}
        body = json.dumps(event | ({"data": data} if data else {})).encode()
        with self.open("/v1/events", body, Content_Type="application/cloudevents+json") as answer:
            return json.load(answer)["first"]

    def make_subject(self, identifier):
        with self.open("/v1/subjects", json.dumps({"identifier": identifier}).encode()) as answer:
            return json.load(answer)["subject"]

    def heap_limit(self, path):
        """What SQLite may hold in all of the server's process; 0 where nobody limits it."""
        query = b"SELECT soft_heap_limit FROM pragma_soft_heap_limit"
        try:
            with self.open(path, query, Content_Type="application/sql") as response:
                return json.load(response)["rows"][0]["soft_heap_limit"]
        except urllib.error.HTTPError:
            # Not to be told is as good.
            return 0

    def tables(self):
        names = [row["name"] for row in self.json("/v1/projections")]
        return {name: [table["name"] for table in self.json("/v1/projections/" + name)["tables"]]
                for name in names}


def play(server):
    """Appends what read models have rows of."""
    for number in range(3):
        for minute, (kind, data) in enumerate([
                ("contact.received", {"channel": "phone", "direction": "in", "queueId": "tributi"}),
                ("contact.queued", {"queueId": "tributi"}),
                ("contact.left_queue", {"queueId": "tributi", "reason": "answered"}),
                ("contact.connected", {"operatorId": "o1"}), ("contact.disconnected", None)]):
            server.append(f"contact/{number}", kind, data, schema=1,
                          time=f"2026-11-23T09:{10 * number + minute:02}:00+01:00")
    for minute, kind in enumerate(["case.opened", "case.taken_in_charge", "case.resolved"]):
        server.append("case/1", kind, {}, schema=1, time=f"2026-11-23T10:0{minute}:00Z")
    for number in range(3):
        SUBJECTS.append(server.make_subject(f"person {number}"))
        server.append(f"survey/{number}", "survey.answered", {
            "surveyId": "s", "answers": [{"q": "csat", "value": 4}], "comment": "a long queue",
            "citizenRef": SUBJECTS[-1]}, schema=1)


# A subscription never ends, so it is followed here for as long as there is something to expect.


def follow(server):
    problems = []
    expected = [server.append("note/before") for _ in range(3)]
    path = f"/v1/subscription?from={expected[0]}&type=note.taken"
    with server.open(path) as events, server.open(path, Accept=LINES) as lines:
        for response, media in (events, "text/event-stream"), (lines, LINES):
            if response.headers["Content-Type"] != media:
                problems.append(f"{response.headers['Content-Type']} where {media} was asked for")
        expected += [server.append("note/after") for _ in range(3)]
        for name, found in ("events", positions_of_events(events)), ("lines", positions(lines)):
            found = list(itertools.islice(found, len(expected)))
            if found != expected:
                problems.append(f"{name} at {found} where {expected} were appended")
    with server.open(path, Last_Event_ID=str(expected[3])) as events:
        found = next(positions_of_events(events), None)
        if found != expected[4]:
            problems.append(f"position {found} behind the last one seen, {expected[3]}")
    for cursor in CURSORS + [SPARE_CURSOR]:
        path = "/v1/subscription?cursor=" + cursor
        with server.open(path):
            if (status := server.status(path)) != 409:
                problems.append(f"{status} for a cursor that another has, not 409")
    if (status := server.status("/v1/subscription", Accept="text/html")) != 406:
        problems.append(f"{status} for text/html, not 406")
    return problems


def positions(lines):
    for line in lines:
        if line.strip():
            yield int(json.loads(line)["position"])


def positions_of_events(stream):
    """Reads server-sent events; each must carry its position as its id."""
    position = None
    for line in stream:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            position = int(value)
        elif name == "data":
            found = int(json.loads(value)["position"])
            yield found if found == position else None


def attack(server):
    """Asks what must harm nobody else."""
    problems = []
    base = "/v1/projections/operator-queues/"
    for number, statement in enumerate(HOSTILE, 1_000_000_000):
        statement = statement.replace("LIMIT", f"PRAGMA soft_heap_limit = {number}")
        path, body = base + "query", statement.encode()
        if statement.startswith("where="):
            path = base + "tables/queues?where=" + urllib.parse.quote(statement[len("where="):])
            body = None
        try:
            status = server.status(path, body, Content_Type="application/sql")
            ready = server.status("/readyz")
            is_limited = server.heap_limit(base + "query") == number
        except OSError as error:
            return problems + [f"no answer to {statement}: {error}"]
        if status not in (200, 400) or ready != 200:
            problems.append(f"{status} for {statement}, then {ready} for /readyz")
        if is_limited:
            problems.append(f"{statement} changed how all of the process uses SQLite")
    return problems


# All else is the work of schemathesis, which loads this file once more for `extend`.


def run(server, options):
    without = [name for name in options.without.split(",") if name]
    with tempfile.TemporaryDirectory() as directory:
        configuration = os.path.join(directory, "configuration.toml")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write("\n".join(settings(server)))
        command = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", configuration, "run",
            str(options.description.resolve()), "--url", server.url, "--seed", str(options.seed),
            "--max-examples", str(options.examples), "--continue-on-failure",
            "--warnings", "off"]
        for name in without:
            command += ["--exclude-operation-id", name]
        environment = dict(os.environ, SCHEMATHESIS_HOOKS=os.path.abspath(__file__),
                           NO_COLOR="1", COLUMNS="100")
        environment[NAMES] = json.dumps(server.tables())
        done = subprocess.run(command, cwd=directory, env=environment, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    summary = done.stdout.rpartition("= SUMMARY =")[2]
    for line in done.stdout.splitlines() if done.returncode != 0 else summary.splitlines()[1:]:
        if line.strip("= "):
            print("  " + line)
    return done.returncode == 0


def settings(server):
    """The configuration of schemathesis as lines of TOML."""
    tables = server.tables()
    yield from [
        "[generation]", 'database = "none"',
        f"with-security-parameters = {json.dumps(server.token is not None)}",
        "[cache]", "enabled = false",
        "[dictionaries.projections]", f"values = {json.dumps(list(tables))}",
        "[dictionaries.tables]",
        f"values = {json.dumps(sorted({name for names in tables.values() for name in names}))}",
        "[dictionaries.cursors]", f"values = {json.dumps(CURSORS)}",
        "[dictionaries.subjects]", f"values = {json.dumps(SUBJECTS)}",
        "[dictionaries.positions]", "values = [0, 1, 2, 3, 20, 21, 22]",
        "[dictionaries.conditions]", f"values = {json.dumps(CONDITIONS)}",
        "[parameters]"]
    for name, dictionary in [
            ("path.projection", "projections"), ("path.table", "tables"),
            ("path.cursor", "cursors"), ("path.subject", "subjects"), ("query.where", "conditions"), ("query.from", "positions"),
            ("query.to", "positions"), ("query.after", "positions"), ("body.next", "positions")]:
        yield f'"{name}" = {{dictionary = "{dictionary}", probability = 0.7}}'
    # 413 is a refusal too, of more events than an append may have.
    statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429]
    yield from ["[checks.negative_data_rejection]", f"expected-statuses = {statuses}"]
    if server.token:
        yield from ["[auth.openapi.bearerAuth]", f"bearer = {json.dumps(server.token)}"]
    else:
        yield from ["[checks.ignored_auth]", "enabled = false"]
    # An answer that never ends is read for at most a second, or until it has shown an event.
    yield from ["[[operations]]", 'include-operation-id = "followEvents"', "request-timeout = 1",
                "max-stream-events = 1", "generation.max-examples = 25"]
    for name, statuses in REFUSABLE.items():
        yield from ["[[operations]]", f'include-operation-id = "{name}"',
                    f"checks.positive_data_acceptance.expected-statuses = {json.dumps(statuses)}"]


CONDITIONS = ["1", "queue = 'anagrafe'", "1 = 0 --", "nothing", "1) OR (1", "abs('x') > ?", "'"]
STATEMENTS = [
    "SELECT 1", "SELECT count(*) AS n FROM sqlite_schema", "SELECT 1 AS a, 2 AS a", "VALUES (1)",
    "SELECT x'00ff' AS bytes, 1e999 AS number, NULL AS nothing", "SELECT 1; SELECT 2", "SELECT",
    "SELECT name FROM pragma_table_list", "CREATE TABLE t (a)", "DELETE FROM read_model", "--",
    "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c LIMIT 2000) SELECT x FROM c"]

# LIMIT counts as reading, takes effect when it is compiled, and does so for the whole process.
HOSTILE = ["LIMIT", "EXPLAIN LIMIT", "EXPLAIN QUERY PLAN LIMIT", "SELECT 1; LIMIT", "-- a\nLIMIT",
           "/* a */ LIMIT", "where=1); LIMIT; --", "SELECT zeroblob(2000000000) AS bytes",
           "where=zeroblob(2000000000)"]


def extend():
    """Tells schemathesis what the description only says in words."""
    import schemathesis
    from hypothesis import strategies as st
    from schemathesis.openapi.checks import RejectedPositiveData

    name = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
    quoted = name.map(lambda text: urllib.parse.quote(text, safe=""))
    revision = st.sampled_from(["none", "any"]) | st.integers(0, 2**64 - 1).map(str)
    expectation = st.builds("{}={}".format, name, revision)
    parts = {
        "types": st.lists(quoted, min_size=1, max_size=3).map(",".join),
        "tags": st.builds("k{}:{}".format, quoted, quoted),
        "stream": quoted}
    query = st.lists(st.sampled_from(list(parts)), min_size=1, unique=True).flatmap(
        lambda names: st.tuples(*(parts[part].map((part + "={}").format) for part in names)))
    schemathesis.openapi.format("stream-expectation", expectation)
    schemathesis.openapi.format("event-query", query.map(" ".join))
    event = st.fixed_dictionaries(
        {"specversion": st.just("1.0"), "source": st.just("urn:example:test"), "type": name,
         "subject": name},
        optional={"id": st.uuids().map(str), "data": st.dictionaries(name, st.integers()),
                  "tags": st.just("a:1 b:2"), "position": st.just("1")})
    line = event.map(json.dumps) | st.text(max_size=20) | st.just("")
    schemathesis.openapi.media_type(
        LINES, st.lists(line, max_size=5).map("\n".join).map(str.encode))
    schemathesis.openapi.media_type(
        "application/sql", (st.sampled_from(STATEMENTS) | st.text()).map(str.encode))

    @schemathesis.hook
    def before_load_schema(context, raw_schema):
        append = raw_schema["paths"]["/v1/events"]["post"]
        for parameter in append["parameters"]:
            if parameter["name"] == "expect_revision":
                parameter["schema"]["items"]["format"] = "stream-expectation"
            if parameter["name"] == "fail_if_match":
                parameter["schema"]["items"]["format"] = "event-query"
        ask = raw_schema["paths"]["/v1/projections/{projection}/query"]["post"]
        for content in append["requestBody"]["content"], ask["requestBody"]["content"]:
            for media, body in content.items():
                if media in (LINES, "application/sql"):
                    for example in body["examples"].values():
                        example["value"] = example["value"].encode()

    @schemathesis.hook
    def map_path_parameters(context, path_parameters):
        path_parameters = path_parameters or {}
        # Most tables would be asked of a projection that does not have them.
        wanted = json.loads(os.environ[NAMES]).get(path_parameters.get("projection"))
        table = path_parameters.get("table")
        if wanted and table not in wanted and re.fullmatch("[a-z_]+", str(table)):
            path_parameters["table"] = wanted[len(table) % len(wanted)]
        return path_parameters

    @schemathesis.hook
    def before_call(context, case, kwargs):
        # What others are to find is not removed.
        if case.operation.method == "delete" and case.path_parameters.get("cursor") in CURSORS:
            case.path_parameters["cursor"] = SPARE_CURSOR

    @schemathesis.hook
    def filter_failure(context, failure, case, response):
        return not (isinstance(failure, RejectedPositiveData) and breaks_words(case))

    @schemathesis.deserializer(LINES)
    def text(context, response):
        return response.content.decode("utf-8")

    @schemathesis.check
    def lines_are_events(context, response, case):
        if response.headers.get("content-type") != [LINES]:
            return
        assert response.content == b"" or response.content.endswith(b"\n"), "no end of line"
        for line in response.content.splitlines():
            error = next(event_validator(case).iter_errors(json.loads(line)), None)
            assert error is None, f"{error.message} in {line.decode()}"


def breaks_words(case):
    """Whether a request is against what the description says beyond its schemas."""
    if isinstance(case.body, bytes):
        # Lines and SQL, of which a schema says nothing.
        return True
    query = case.query or {}
    if "from" in query and "cursor" in query or "after" in query and not query.get("fail_if_match"):
        return True
    streams = [text.rpartition("=")[0] for text in listed(query.get("expect_revision"))]
    up_to_128 = [*listed(query.get("type")), *listed(query.get("tag"))]
    up_to_256 = [*listed(query.get("stream")), *streams]
    up_to_512, up_to_1024 = [], []
    for body in listed(case.body):
        if isinstance(body, dict):
            tags = str(body.get("tags")).split(" ")
            up_to_128 += [body.get("type"), *tags]
            up_to_256 += [body.get("subject")]
            up_to_512 += [body.get("identifier")]
            up_to_1024 += [body.get("basis")]
            # 1.0 is an integer to a schema, but not to one who reads strictly.
            whole = [value for name, value in body.items() if name != "data"]
            whole += body["keep"].values() if isinstance(body.get("keep"), dict) else []
            if len(set(tags)) < len(tags) or any(isinstance(value, float) for value in whole):
                return True
    # Limits are in bytes, where a schema counts characters.
    return (len(set(streams)) < len(streams)
            or any(len(str(text).encode()) > 128 for text in up_to_128)
            or any(len(str(text).encode()) > 256 for text in up_to_256)
            or any(len(str(text).encode(errors="replace")) > 512 for text in up_to_512)
            or any(len(str(text).encode(errors="replace")) > 1024 for text in up_to_1024))


def listed(value):
    return value if isinstance(value, list) else [value] if value is not None else []


def event_validator(case):
    import jsonschema_rs

    if not VALIDATORS:
        schemas = case.operation.schema.raw_schema["components"]["schemas"]
        VALIDATORS.append(jsonschema_rs.Draft202012Validator(
            {"$ref": "#/components/schemas/Event", "components": {"schemas": schemas}},
            validate_formats=True))
    return VALIDATORS[0]


if __name__ == "__main__":
    main()
else:
    extend()
