"""Queries that take as long as they may, beside all others.

usage: slow_queries.py BINARY LOGDIR

Starts a server on a new log, keeps both threads for queries busy for ten seconds, twice, and checks
that meanwhile events are appended and read at once, that read models go on, and that the end leaves
each as one plain file. Takes about half a minute.
"""
import glob
import json
import sys
import threading
import time
import uuid

from serving import Checks, Server, event

SLOW = ("SELECT count(*) AS a FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
        " SELECT x FROM c), (SELECT name FROM sqlite_schema), {table}")
TABLES = {"operator-queues": "queues", "case-flow": "activities"}
PATIENCE = 2


def main():
    checks = Checks()
    binary, log = sys.argv[1], sys.argv[2]
    server = Server(binary, log, "--insecure")
    try:
        for models in ["operator-queues", "case-flow"], ["case-flow", "case-flow"]:
            beside(checks, server, models)
        checks.same(server.stop(), 0, "the end")
    finally:
        server.process.kill()
    files = sorted(glob.glob(log + "/**/*.sqlite*", recursive=True))
    checks.same(len(files), 5, f"files of read models: {files}")
    for file in files:
        with open(file, "rb") as database:
            # 1 is a rollback journal, 2 a write-ahead log.
            checks.same(database.read(20)[18:20], b"\x01\x01", f"how {file} is kept")
    checks.end()


def beside(checks, server, models):
    answers = []

    def ask(model):
        answers.append(server.request(
            "POST", f"/v1/projections/{model}/query", SLOW.format(table=TABLES[model]),
            {"Content-Type": "application/sql"}))

    checks.same(server.append(contact())[0], 201, "an event before")
    caught_up(checks, server)
    threads = [threading.Thread(target=ask, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    end = time.time() + 4
    while time.time() < end:
        in_time(checks, "an append", lambda: server.append(contact())[0], 201)
        for path in ("/readyz", "/v1/head", "/v1/events?limit=3", "/v1/projections", "/metrics"):
            in_time(checks, path, lambda: server.request("GET", path)[0], 200)
        caught_up(checks, server)
        time.sleep(0.2)
    checks.same(answers, [], "slow queries that were answered already")
    for thread in threads:
        thread.join()
    for answer in answers:
        checks.same((answer[0], json.loads(answer[2])["type"]), (400, "/problems#too-slow"), "slow")


def contact():
    return event(f"contact/{uuid.uuid4()}", "contact.received", schema=1, data={
        "channel": "phone", "direction": "in", "queueId": "tax"})


def in_time(checks, what, ask, wanted):
    start = time.time()
    checks.same(ask(), wanted, what)
    taken = time.time() - start
    checks.that(taken < PATIENCE, f"{what} took {taken:.1f} s beside slow queries")


def caught_up(checks, server):
    """Read models are looked after once a second."""
    end = time.time() + 2 * PATIENCE
    lags = {}
    while time.time() < end:
        lags = {model["name"]: model["lag_events"]
                for model in json.loads(server.request("GET", "/v1/projections")[2])}
        if set(lags.values()) == {0}:
            return
        time.sleep(0.05)
    checks.that(False, f"read models stay behind: {lags}")


main()
