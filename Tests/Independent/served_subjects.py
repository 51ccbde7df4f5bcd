#!/usr/bin/env python3
"""Persons over HTTP: keys, erasure, retention and epochs, beside appends and read models.

usage: served_subjects.py ASCOLTO [--kills N]

Starts servers of its own. What is asked of them is asked again on the command line, or looked for
in the files.
"""
import argparse
import concurrent.futures
import fcntl
import http.client
import json
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
import uuid

from serving import Checks, Server, event

parser = argparse.ArgumentParser()
parser.add_argument("ascolto")
parser.add_argument("--kills", type=int, default=6)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
checks = Checks()
scratch = tempfile.mkdtemp(prefix="served-subjects-")
NAME, NUMBER, COMMENT = "Zefirina Quagliarulo-Wxyz", "+39 06 5551 7788", "la coda mai finita qwzx"
SECRETS = [NAME, NUMBER, COMMENT, "QGLZFR80A41H501X"]
BASIS = {"basis": "GDPR 17(1)(b)"}


def place(name):
    return os.path.join(scratch, name)


def run(*arguments, log, data=b"", environment=None):
    return subprocess.run([options.ascolto, *arguments, "--log", place(log)], input=data,
                          capture_output=True, env={**os.environ, **(environment or {})})


def done(*arguments, log, data=b"", environment=None):
    ended = run(*arguments, log=log, data=data, environment=environment)
    if ended.returncode:
        raise SystemExit(f"{arguments}: {ended.returncode}: {ended.stderr.decode()}")
    return ended.stdout


def call(subject):
    return event(stream=f"contact/{uuid.uuid4()}", kind="contact.received", schema=1, data={
        "channel": "phone", "direction": "in", "citizenRef": subject, "callerName": NAME,
        "callerNumber": NUMBER})


def opinion(subject):
    return event(stream=f"survey/{uuid.uuid4()}", kind="survey.answered", schema=1, data={
        "surveyId": "s1", "citizenRef": subject, "answers": [{"q": "csat", "value": 4}],
        "comment": COMMENT})


def ask(server, method, path, body=None, token=None):
    """Status and body of an answer, as JSON."""
    text = None if body is None else json.dumps(body)
    status, fields, answer = server.request(method, path, text, token=token)
    problem = fields["content-type"] == "application/problem+json"
    checks.that(problem == (status >= 400), f"{method} {path}: {status}, {answer}")
    return status, json.loads(answer)


def make(server, identifier):
    status, answer = ask(server, "POST", "/v1/subjects", {"identifier": identifier})
    checks.same(status, 200, f"a reference: {answer}")
    return answer["subject"]


def search(folder):
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                content = file.read()
            found += [(text, name) for text in SECRETS if text.encode() in content]
    return found


def comments(server):
    answer = ask(server, "GET", "/v1/projections/survey-comments/tables/comments?limit=10000")[1]
    return [(row["state"], row["comment"]) for row in answer.get("rows", [])]


def wait(holds, what):
    end = time.time() + 20
    while not holds():
        if time.time() > end:
            return checks.that(False, f"{what}: not within 20 s")
        time.sleep(0.05)
    checks.that(True, what)


def from_nothing():
    """A log without a vault gets one while it is served, by either way."""
    for way in ("http", "command"):
        log = f"new-{way}"
        server = Server(options.ascolto, place(log), "--insecure")
        status, answer = ask(server, "GET", "/v1/subjects/" + "0" * 32)
        checks.that(status == 404 and "no vault" in answer["detail"], f"no vault: {answer}")
        status, _, body = server.append(call("0" * 32))
        checks.that(status == 400 and b"only sealed" in body, f"without a vault: {body}")
        if way == "http":
            subject = make(server, SECRETS[3])
            checks.that("keep a copy apart" in server.said(), "of the root key nothing is said")
        else:
            subject = json.loads(done("subject", "create", data=b"A\n", log=log))["subject"]
            wait(lambda: server.append(call(subject))[0] == 201, "a vault that was made beside it")
        with open(f"/proc/{server.process.pid}/limits", encoding="utf-8") as limits:
            core = next(line for line in limits if line.startswith("Max core file size"))
        checks.same(core.split()[4:6], ["0", "0"], "core files, which would hold keys")
        checks.same(server.append(call(subject))[0], 201, "an event of a person")
        status, answer = ask(server, "POST", "/v1/subject-lookup",
                             {"identifier": SECRETS[3] if way == "http" else "A"})
        checks.same((status, answer), (200, {"subject": subject}), "found by the identifier")
        checks.same(server.stop(), 0, "the exit status")
        checks.same(search(place(log)), [], "clear text")


def lived():
    """One person from the first event to the last epoch."""
    done("init", log="s")
    server = Server(options.ascolto, place("s"), "--insecure")
    subject, other = make(server, SECRETS[3]), make(server, "somebody else")
    checks.same(make(server, SECRETS[3]), subject, "the same identifier")
    nobody = [ask(server, "POST", "/v1/subjects", {"anonymous": True})[1]["subject"]
              for _ in range(2)]
    checks.that(nobody[0] != nobody[1], "two to whom no identifier leads")
    sent = [call(subject), opinion(subject), opinion(other)]
    for one in sent:
        checks.same(server.append(one)[0], 201, "an event of a person")
    for kind, text in (
            ("application/x-ndjson", "\n".join(map(json.dumps, (call(subject), call(other))))),
            ("application/cloudevents-batch+json", json.dumps([call(subject), call(other)]))):
        status, _, body = server.request("POST", "/v1/events", text, {"Content-Type": kind})
        checks.same(status, 201, f"{kind}: {body}")
    checks.same(server.append(sent[0])[0], 200, "a retry")
    status, _, body = server.append(call("1" * 32))
    checks.that(status == 400 and b"no subject" in body, f"nobody: {body}")
    wait(lambda: comments(server) == [("open", COMMENT)] * 2, "what citizens wrote")
    paged(server, subject)
    refused(server, subject)
    status, before = ask(server, "GET", f"/v1/subjects/{subject}")
    checks.same(({key["state"] for key in before["keys"]}, before["events"], before["told"]),
                ({"active"}, 4, []), "before")
    checks.that(search(place("s/projections")), "this search finds what was written")
    # Repeated, also at once, it is done once.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda _: ask(server, "POST", f"/v1/subjects/{subject}/erasure", BASIS), range(16)))
    checks.same({status for status, _ in answers}, {200}, "erased by many at once")
    told = [(fact["type"], fact["basis"], fact["executor"]) for fact in answers[0][1]["told"]]
    checks.same(told, [(kind, BASIS["basis"], "everybody") for kind in (
        "subject.erasure_requested", "subject.erased")], "what the log tells")
    checks.same(ask(server, "GET", f"/v1/subjects/{subject}")[1]["told"], answers[0][1]["told"],
                "and no more than once")
    checks.same(comments(server), [("erased", None), ("open", COMMENT)], "what is left of comments")
    checks.same(json.loads(done("subject", "status", subject, log="s")),
                ask(server, "GET", f"/v1/subjects/{subject}")[1], "on the command line")
    rows = ask(server, "GET", f"/v1/subjects/{subject}/data")[1]
    checks.same({(row["state"], row["data"]) for row in rows}, {("erased", None)}, "what is shown")
    checks.same(server.append(sent[0])[0], 200, "a retry of an erased person's")
    status, _, body = server.append(call(subject))
    checks.that(status == 422 and b"were erased" in body, f"anew: {body}")
    checks.same(ask(server, "POST", "/v1/subject-lookup", {"identifier": SECRETS[3]})[0], 404,
                "the way from the identifier")
    # The last copies die with the epoch.
    status, answer = ask(server, "POST", "/v1/epoch")
    checks.same((status, answer), (200, {"destroyed_epoch": 1, "epoch": 2}), "a new epoch")
    keys = ask(server, "GET", f"/v1/subjects/{subject}")[1]["keys"]
    checks.same({key["beyond_recovery"] for key in keys}, {True}, "beyond recovery")
    checks.same(server.append(call(other))[0], 201, "somebody else, in the new epoch")
    # Back again.
    path = f"/v1/subjects/{subject}/authorisation"
    status, answer = ask(server, "POST", path, {"basis": "came back"})
    checks.same({key["state"] for key in answer["keys"]}, {"authorised_anew"}, "authorised")
    checks.same(ask(server, "POST", path, BASIS)[0], 409, "authorised twice")
    checks.same(server.append(opinion(subject))[0], 201, "what comes since")
    wait(lambda: comments(server) == [
        ("erased", None), ("open", COMMENT), ("open", COMMENT)], "comments since")
    # Retention.
    keep = {"keep": {"opinion": 0}}
    status, listed = ask(server, "POST", "/v1/retention", {**keep, "dry_run": True})
    checks.same(({row["subject"] for row in listed} >= {subject, other},
                 {row["erased"] for row in listed}), (True, {False}), "what would be erased")
    checks.same(len(ask(server, "GET", f"/v1/subjects/{other}")[1]["told"]), 0, "in a dry run")
    status, gone = ask(server, "POST", "/v1/retention", keep)
    checks.same([{**row, "erased": True} for row in listed], gone, "what was erased")
    checks.same(ask(server, "POST", "/v1/retention", keep), (200, []), "run again")
    checks.same({state for state, _ in comments(server)}, {"erased"}, "comments, in the end")
    checks.same(server.stop(), 0, "the exit status")
    checks.same(search(place("s")), [], "clear text in any file")
    live = done("projections", log="s")
    done("project", "--rebuild", log="s")
    names = ("name", "digest", "rows")
    checks.same([[row[name] for name in names] for row in json.loads(live)],
                [[row[name] for name in names] for row in json.loads(done("projections", log="s"))],
                "read models that were served, and rebuilt ones")
    done("check", log="s")


def paged(server, subject):
    whole = ask(server, "GET", f"/v1/subjects/{subject}/data")[1]
    checks.same([row["state"] for row in whole], ["open"] * 4, "all that is kept")
    checks.same(whole[0]["data"], {"callerNumber": NUMBER, "callerName": NAME}, "of a call")
    checks.same(whole, json.loads(done("subject", "show", subject, log="s")), "as typed")
    found, path = [], f"/v1/subjects/{subject}/data?limit=1"
    while path:
        _, fields, body = server.request("GET", path)
        found += json.loads(body)
        link = fields.get("Link")
        path = link[1:link.index(">")] if link else None
    checks.same(found, whole, "page by page")


def refused(server, subject):
    """What is wrong is refused, and says what it should be."""
    at = f"/v1/subjects/{subject}"
    for path, body, wanted, words in (
            ("/v1/subjects", {}, 400, "identifier"),
            ("/v1/subjects", {"identifier": ""}, 400, "1 to 512"),
            ("/v1/subjects", {"identifier": "x" * 513}, 400, "1 to 512"),
            ("/v1/subjects", {"identifier": "a\nb"}, 400, "one line"),
            ("/v1/subjects", {"identifier": " a"}, 400, "white space"),
            ("/v1/subjects", {"identifier": 7}, 400, "must be a text"),
            ("/v1/subjects", {"identifier": "a", "anonymous": True}, 400, "must be like"),
            ("/v1/subjects", {"identifer": NAME}, 400, "must be like"),
            ("/v1/subjects", [], 400, "an object"),
            ("/v1/subjects", {"identifier": "x" * 20_000}, 413, "16384"),
            ("/v1/subject-lookup", {"anonymous": True}, 400, "must be like"),
            ("/v1/subject-lookup", {"identifier": "never seen"}, 404, "nobody"),
            (at + "/erasure", {}, 400, "basis"),
            (at + "/erasure", {"basis": ""}, 400, "1 to 1024"),
            (at + "/erasure", {"basis": "a\u0007"}, 400, "control characters"),
            (at + "/erasure", {**BASIS, "clases": ["opinion"]}, 400, "no member"),
            (at + "/erasure", {**BASIS, "classes": []}, 400, "empty"),
            (at + "/erasure", {**BASIS, "classes": ["opinoin"]}, 400, "no data of"),
            (at + "/erasure", {**BASIS, "classes": "opinion"}, 400, "a list"),
            (at + "/authorisation", BASIS, 409, "was not erased"),
            ("/v1/subjects/" + "0" * 32 + "/erasure", BASIS, 404, "no subject"),
            ("/v1/subjects/" + "0" * 32 + "/authorisation", BASIS, 404, "no subject"),
            ("/v1/subjects/" + "0" * 31 + "/erasure", BASIS, 400, "32 hexadecimal"),
            ("/v1/retention", {}, 400, "must be like"),
            ("/v1/retention", {"keep": {"opinoin": 3}}, 400, "contact, opinion"),
            ("/v1/retention", {"keep": {"opinion": -1}}, 400, "0 to 100000"),
            ("/v1/retention", {"keep": {"opinion": 1.5}}, 400, "whole number"),
            ("/v1/retention", {"keep": {"opinion": 1}, "dryrun": True}, 400, "no member")):
        status, answer = ask(server, "POST", path, body)
        checks.that(status == wanted and words in answer["detail"],
                    f"POST {path} {str(body)[:60]}: {status}, {answer}")
    for path in (at + "/data?limit=0", at + "/data?form=1", at + "?as_of=1", "/v1/subjects/" + NAME):
        checks.same(server.request("GET", path.replace(" ", "%20"))[0], 400, path)


def beside():
    """Appends, new persons, erasures and rotations at once: nothing fails, and each is whole."""
    done("init", log="b")
    server = Server(options.ascolto, place("b"), "--insecure")
    persons = [make(server, f"person {number}") for number in range(12)]
    doomed = persons[:6]

    def appends(person):
        statuses = [server.append(opinion(person))[0] for _ in range(20)]
        return person, statuses

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        appended = [pool.submit(appends, person) for person in persons]
        made = [pool.submit(make, server, f"later {number}") for number in range(20)]
        rotated = [pool.submit(ask, server, "POST", "/v1/epoch") for _ in range(5)]
        erased = [pool.submit(ask, server, "POST", f"/v1/subjects/{person}/erasure", BASIS)
                  for person in doomed]
        for future in appended:
            person, statuses = future.result()
            allowed = {201, 422} if person in doomed else {201}
            checks.that(set(statuses) <= allowed, f"appends beside erasures: {set(statuses)}")
        later = [future.result() for future in made]
        checks.same({future.result()[0] for future in rotated + erased}, {200}, "all at once")
    for person in later:
        checks.same(server.append(call(person))[0], 201, "one made beside a rotation")
    checks.same(server.stop(), 0, "the exit status")
    for person in persons:
        states = {row["state"] for row in json.loads(done("subject", "show", person, log="b"))}
        checks.that(states <= {"erased"} if person in doomed else states == {"open"},
                    f"what is left: {states}")
    done("project", log="b")
    live = json.loads(done("query", "survey-comments", log="b"))
    done("project", "--rebuild", log="b")
    checks.same(live, json.loads(done("query", "survey-comments", log="b")), "live and rebuilt")
    done("check", log="b")


def gone_away():
    """Who goes away, or is cut off by a kill, leaves nothing half done."""
    done("init", log="k")
    seeded = random.Random(options.seed)
    server = Server(options.ascolto, place("k"), "--insecure")
    persons = [make(server, f"person {number}") for number in range(2 * options.kills)]
    for person in persons:
        for one in (call(person), opinion(person)):
            checks.same(server.append(one)[0], 201, "an event of a person")
    wait(lambda: len(comments(server)) == len(persons), "comments")
    for person in persons[:options.kills]:
        connection = http.client.HTTPConnection(server.host, server.port)
        connection.request("POST", f"/v1/subjects/{person}/erasure", json.dumps(BASIS))
        time.sleep(seeded.random() * 0.004)
        connection.close()
    # One that was read is carried out; one that was not is not begun.
    checks.same(ask(server, "POST", "/v1/epoch")[0], 200, "behind all of them")
    for person in persons[:options.kills]:
        answer = ask(server, "GET", f"/v1/subjects/{person}")[1]
        checks.that(len(answer["told"]) in (0, 2), f"who went away: {answer['told']}")
    for person in persons[options.kills:]:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(
                server.request, "POST", f"/v1/subjects/{person}/erasure", json.dumps(BASIS))
            time.sleep(seeded.random() * 0.03)
            server.process.kill()
            server.process.wait()
            answered = asked.exception() is None
        server = Server(options.ascolto, place("k"), "--insecure")
        answer = ask(server, "GET", f"/v1/subjects/{person}")[1]
        states = {key["state"] for key in answer["keys"]}
        whole = (states, len(answer["told"]))
        checks.that(whole == ({"erased"}, 2) or not answered and whole == ({"active"}, 0),
                    f"killed, {'answered' if answered else 'not answered'}: {whole}")
        ask(server, "POST", f"/v1/subjects/{person}/erasure", BASIS)
    for person in persons:
        ask(server, "POST", f"/v1/subjects/{person}/erasure", BASIS)
    checks.same({state for state, _ in comments(server)}, {"erased"}, "comments, in the end")
    checks.same(server.stop(), 0, "the exit status")
    checks.same(search(place("k")), [], "clear text in any file")


def in_use():
    """Where somebody reads what is to forget, it is not shown from the moment when keys are gone,
    nobody else waits, and it forgets when they are gone."""
    done("init", log="u")
    server = Server(options.ascolto, place("u"), "--insecure")
    subject, other, old = (make(server, name) for name in ("A", "B", "C"))
    for person in (subject, other, old):
        checks.same(server.append(opinion(person))[0], 201, "an opinion")
    checks.same(server.append(call(old))[0], 201, "a call")
    wait(lambda: len(comments(server)) == 3, "comments")
    reader = sqlite3.connect(place("u/projections/survey-comments.sqlite"))
    reader.execute("BEGIN")
    checks.same(reader.execute("SELECT count(*) FROM written").fetchone(), (3,), "a reader")
    table = "/v1/projections/survey-comments/tables/comments"
    told = lambda person: ask(server, "GET", f"/v1/subjects/{person}")[1]["told"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask, server, "POST", f"/v1/subjects/{subject}/erasure", BASIS)
        wait(lambda: len(told(subject)) == 2, "the first one's keys")
        checks.same(server.request("GET", table)[0], 503, "what is being erased is not shown")
        second = pool.submit(ask, server, "POST", f"/v1/subjects/{other}/erasure", BASIS)
        wait(lambda: len(told(other)) == 2, "the second one's keys")
        terms = pool.submit(ask, server, "POST", "/v1/retention",
                            {"keep": {"contact": 0, "opinion": 0}})
        wait(lambda: len(told(old)) == 4, "both terms")
        checks.that(not first.done(), "the first one was answered before the reader was waited for")
        checks.same(ask(server, "POST", "/v1/epoch")[0], 200, "an epoch does not wait")
        later = make(server, "D")
        checks.same(server.append(opinion(later))[0], 201, "appends go on")
        path = f"/v1/subjects/{subject}/authorisation"
        checks.same(ask(server, "POST", path, BASIS)[0], 200, "neither does an authorisation")
        begun = time.time()
        again = [pool.submit(ask, server, "POST", f"/v1/subjects/{subject}/erasure", BASIS)
                 for _ in range(3)]
        checks.same({asked.result()[0] for asked in again}, {202}, "asked again")
        checks.that(time.time() - begun < 20, "each waits for the others' readers")
        for asked, person in ((first, subject), (second, other)):
            status, answer = asked.result()
            checks.same((status, answer["finished"], answer["subject"]), (202, False, person),
                        "accepted")
        status, gone = terms.result()
        checks.same((status, [(row["subject"], row["class"]) for row in gone][-2:]),
                    (202, [(old, "contact"), (old, "opinion")][-2:]), "terms accepted")
    checks.same(server.request("GET", table)[0], 503, "what is left is not shown")
    checks.same(server.append(event())[0], 201, "the last event of all")
    wait(lambda: all(row["lag_events"] == 0 for row in ask(server, "GET", "/v1/projections")[1]
                     if row["name"] != "survey-comments"), "others are read up to date")
    checks.same(ask(server, "GET", f"/v1/subjects/{later}")[1]["finished"], True, "others")
    server.process.kill()
    server.process.wait()
    server = Server(options.ascolto, place("u"), "--insecure")
    checks.same(server.request("GET", table)[0], 503, "nor behind a crash")
    reader.close()
    wait(lambda: ask(server, "GET", f"/v1/subjects/{subject}")[1]["finished"], "by itself")
    wait(lambda: server.request("GET", table)[0] == 200, "shown again")
    wait(lambda: comments(server) == [("erased", None)] * 3 + [("open", COMMENT)], "what is left")
    checks.same(server.stop(), 0, "the exit status")


def left_to_project():
    """Where no server goes on with it, the command line makes it anew, and shows nothing before."""
    done("init", log="p")
    done("append", data=json.dumps(event()).encode(), log="p")
    subject = json.loads(done("subject", "create", data=b"A\n", log="p"))["subject"]
    done("append", data=json.dumps(opinion(subject)).encode(), log="p")
    done("project", log="p")
    other = os.open(place("p/projections"), os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    ended = run("subject", "erase", subject, "--basis", "b", log="p")
    checks.same((ended.returncode, json.loads(ended.stdout)["finished"]), (4, False), "in use")
    os.close(other)
    ended = run("query", "survey-comments", log="p")
    checks.that(ended.returncode == 4 and b"ascolto project" in ended.stderr and not ended.stdout,
                f"a query before it was made anew: {ended}")
    rows = json.loads(done("project", "survey-comments", log="p"))
    checks.same(len(rows), 1, "made anew")
    rows = json.loads(done("query", "survey-comments", log="p"))
    checks.same([(row["state"], row["comment"]) for row in rows], [("erased", None)], "then shown")
    checks.same(json.loads(done("subject", "status", subject, log="p"))["finished"], True, "done")
    checks.same(search(place("p")), [], "clear text in any file")


def destroyed_late():
    """A rotation whose old key cannot be destroyed is not told as done, and goes on by itself."""
    done("init", log="d")
    server = Server(options.ascolto, place("d"), "--insecure")
    subject = make(server, "A")
    checks.same(ask(server, "POST", f"/v1/subjects/{subject}/erasure", BASIS)[0], 200, "erased")
    old = place("d/vault/epoch-1.key")
    os.rename(old, place("aside.key"))
    os.mkdir(old)
    checks.that(ask(server, "POST", "/v1/epoch")[0] >= 500, "a key that cannot be destroyed")
    keys = ask(server, "GET", f"/v1/subjects/{subject}")[1]["keys"]
    checks.same({key["beyond_recovery"] for key in keys}, {False}, "while it is there")
    os.rmdir(old)
    os.rename(place("aside.key"), old)
    wait(lambda: not os.path.exists(old), "destroyed after all")
    keys = ask(server, "GET", f"/v1/subjects/{subject}")[1]["keys"]
    checks.same({key["beyond_recovery"] for key in keys}, {True}, "then it is beyond recovery")
    wait(lambda: done("read", "--type", "subject.key_epoch_destroyed", log="d"), "and told")
    checks.same(server.stop(), 0, "the exit status")


def brought_back():
    """A vault of before is put back, and another process projects: nothing of it is shown."""
    done("init", log="o")
    server = Server(options.ascolto, place("o"), "--insecure")
    subject = make(server, "A")
    checks.same(server.append(opinion(subject))[0], 201, "an opinion")
    wait(lambda: len(comments(server)) == 1, "comments")
    server.stop()
    shutil.copytree(place("o/vault"), place("kept"))
    done("subject", "erase", subject, "--basis", "b", log="o")
    shutil.rmtree(place("o/vault"))
    shutil.copytree(place("kept"), place("o/vault"))
    done("project", "--rebuild", log="o")
    path = place("o/projections/survey-comments.sqlite")
    checks.that(COMMENT.encode() in open(path, "rb").read(), "the older vault opens it again")
    other = os.open(place("o/projections"), os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    table = "/v1/projections/survey-comments/tables/comments"
    for guard in ({"ASCOLTO_VAULT_ROOT_COMMAND": "false"}, {}, {}):
        server = Server(options.ascolto, place("o"), "--insecure", environment=guard)
        checks.same(server.request("GET", table)[0], 503, "what came back is not shown")
        answer = ask(server, "GET", f"/v1/subjects/{subject}")[1]
        checks.same(({key["state"] for key in answer["keys"]}, answer["finished"]),
                    ({"erased"}, False), "erased anew, also without the root")
        server.process.kill()
        server.process.wait()
    os.close(other)
    server = Server(options.ascolto, place("o"), "--insecure")
    wait(lambda: server.request("GET", table)[0] == 200, "shown again")
    checks.same(comments(server), [("erased", None)], "and erased anew")
    server.stop()
    checks.same(search(place("o")), [], "clear text in any file")


def locked():
    """While the root cannot be asked, only what is personal waits, and nobody else for it."""
    with open(place("guard"), "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\ntest -e {place('away')} && sleep 3 && exit 124\nrev\n")
    os.chmod(place("guard"), 0o700)
    guard = {"ASCOLTO_VAULT_ROOT_COMMAND": place("guard")}
    done("init", log="g")
    server = Server(options.ascolto, place("g"), "--insecure", environment=guard)
    subject, doomed = make(server, "A"), make(server, "B")
    checks.same(server.append(opinion(doomed))[0], 201, "an opinion")
    wait(lambda: len(comments(server)) == 1, "comments")
    server.stop()
    open(place("away"), "w", encoding="utf-8").close()
    server = Server(options.ascolto, place("g"), "--insecure", environment=guard)
    wait(lambda: "ended with 124" in server.said(), "the guard's own exit code is told")
    waited = []
    for _ in range(8):
        begun = time.time()
        checks.same(server.append(event())[0], 201, "what is not personal")
        checks.same(server.append(call(subject))[0], 503, "what is personal")
        for method, path, body in (
                ("POST", "/v1/subjects", {"identifier": "C"}),
                ("POST", "/v1/subject-lookup", {"identifier": "A"}),
                ("GET", f"/v1/subjects/{subject}/data", None), ("POST", "/v1/epoch", None),
                ("POST", f"/v1/subjects/{subject}/authorisation", BASIS)):
            checks.same(ask(server, method, path, body)[0], 503, f"{path} needs the root")
        checks.same(ask(server, "GET", f"/v1/subjects/{subject}")[0], 200, "the status does not")
        waited.append(time.time() - begun)
        time.sleep(0.5)
    checks.that(max(waited) < 1, f"who waited for the guard: {waited}")
    checks.same(server.said().count("the vault is locked"), 1, "one trouble is told once")
    # To destroy a key nobody needs the root; to make anew what others wrote, somebody does.
    status, answer = ask(server, "POST", f"/v1/subjects/{doomed}/erasure", BASIS)
    checks.same((status, {key["state"] for key in answer["keys"]}, len(answer["told"])),
                (200, {"erased"}, 2), "erased without the root")
    os.unlink(place("away"))
    wait(lambda: server.append(call(subject))[0] == 201, "the guard is back")
    # Away again behind the first key: who asks it for an epoch keeps nobody else waiting.
    open(place("away"), "w", encoding="utf-8").close()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        epoch = pool.submit(ask, server, "POST", "/v1/epoch")
        time.sleep(0.3)
        begun = time.time()
        status = ask(server, "POST", f"/v1/subjects/{subject}/erasure", BASIS)[0]
        checks.that(status == 200 and time.time() - begun < 2, f"beside a rotation: {status}")
        checks.same(epoch.result()[0], 503, "an epoch without the root")
    os.unlink(place("away"))
    checks.same(ask(server, "POST", "/v1/epoch")[1]["epoch"], 2, "an epoch with it")
    wait(lambda: comments(server) == [("erased", None)], "comments")
    checks.same(server.stop(), 0, "the exit status")


def rotating():
    """Rotations beside a run of retention and erasures: no key is lost, and no server waits."""
    done("init", log="w")
    server = Server(options.ascolto, place("w"), "--insecure")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        old = list(pool.map(lambda _: ask(server, "POST", "/v1/subjects", {"anonymous": True})[1][
            "subject"], range(300)))
    kept = make(server, "kept")
    time.sleep(0.01)
    checks.same(server.append(call(kept))[0], 201, "an event")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        terms = pool.submit(ask, server, "POST", "/v1/retention", {"keep": {"opinion": 0}})
        epochs = []
        while not terms.done():
            epochs.append(pool.submit(ask, server, "POST", "/v1/epoch"))
            begun = time.time()
            checks.same(ask(server, "POST", f"/v1/subjects/{old.pop()}/erasure", BASIS)[0], 200,
                        "an erasure beside them")
            checks.that(time.time() - begun < 10, "it waited for all who had expired")
            time.sleep(0.1)
        checks.same({one.result()[0] for one in epochs}, {200}, "rotations")
    checks.that(len(epochs) > 1, f"{len(epochs)} rotations")
    names = sorted(os.listdir(place("w/vault")))
    checks.same([name for name in names if name.startswith("epoch-")],
                [f"epoch-{len(epochs) + 1}.key"], "the one key that is left")
    checks.same(server.append(call(kept))[0], 201, "an event, with the last key")
    checks.same(server.stop(), 0, "the exit status")
    rows = json.loads(done("subject", "show", kept, log="w"))
    checks.same({row["state"] for row in rows}, {"open"}, "as another process reads it")
    listed = run("subject", "retention", "run", "--keep", "contact=0", "--dry-run", log="nowhere")
    checks.that(listed.returncode == 1 and not os.path.exists(place("nowhere")),
                "a dry run where there is no log")


def hanging():
    """A root that does not answer keeps no server from starting, and no other request."""
    with open(place("slow"), "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\ntest -e {place('hang')} && sleep 8\nrev\n")
    os.chmod(place("slow"), 0o700)
    guard = {"ASCOLTO_VAULT_ROOT_COMMAND": place("slow")}
    done("init", log="h")
    server = Server(options.ascolto, place("h"), "--insecure", environment=guard)
    subject = make(server, "A")
    server.stop()
    open(place("hang"), "w", encoding="utf-8").close()
    begun = time.time()
    server = Server(options.ascolto, place("h"), "--insecure", environment=guard)
    checks.same(server.append(event())[0], 201, "what is not personal")
    checks.same(server.append(call(subject))[0], 503, "what is personal")
    checks.that(time.time() - begun < 5, "the root was waited for")
    wait(lambda: server.append(call(subject))[0] == 201, "the root has answered")
    # One that leaves something running behind its answer is not waited for.
    with open(place("slow"), "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nsetsid sleep 20 2>/dev/null &\nrev\n")
    begun = time.time()
    done("subject", "create", data=b"A\n", log="h", environment=guard)
    checks.that(time.time() - begun < 10, "what the guard has left running was waited for")
    checks.same(server.stop(), 0, "the exit status")


def allowed():
    """Each look at a person's data is recorded with whose they are; an erasure names the token."""
    done("init", log="a")
    tokens = {}
    for role in ("appender", "privacy_officer", "supervisor", "analyst"):
        tokens[role] = json.loads(done("tokens", "create", "--name", role, "--role", role,
                                       "--format", "json", log="a"))["token"]
    server = Server(options.ascolto, place("a"))
    subject = ask(server, "POST", "/v1/subjects", {"identifier": "A"},
                  tokens["appender"])[1]["subject"]
    checks.same(server.append(opinion(subject), token=tokens["appender"])[0], 201, "an opinion")
    officer = tokens["privacy_officer"]
    rows = ask(server, "GET", f"/v1/subjects/{subject}/data", token=officer)[1]
    checks.same([row["data"] for row in rows], [{"comment": COMMENT}], "for the officer")
    table = "/v1/projections/survey-comments/tables/comments"
    wait(lambda: server.request("GET", table, token=tokens["supervisor"])[0] == 200, "a table")
    checks.same(server.request("GET", table, token=tokens["analyst"])[0], 403, "an analyst")
    checks.same(server.request("GET", f"/v1/subjects/{subject}/data",
                               token=tokens["appender"])[0], 403, "an appender")
    # Nobody hides a look behind many others.
    for number in range(1_200):
        status = server.request("GET", f"/v1/subjects/{number:032x}/data", token=officer)[0]
        checks.same(status, 404, "nobody's data")
    server.request("GET", f"/v1/subjects/{subject}/data", token=officer)
    told = ask(server, "POST", f"/v1/subjects/{subject}/erasure", BASIS, officer)[1]["told"]
    checks.same({fact["executor"] for fact in told}, {"privacy_officer"}, "who did it")
    checks.same(server.stop(), 0, "the exit status")
    looks = [json.loads(line)["data"] for line in done(
        "read", "--type", "meta.audit_query_run", log="a").splitlines()]
    found = [(look["who"], look["what"], look.get("subject") or look.get("projection"))
             for look in looks]
    checks.same(found.count(("privacy_officer", "subjectData", subject)), 2, "looks at a person")
    checks.that(("supervisor", "readTable", "survey-comments") in found, f"looks: {found}")


try:
    from_nothing()
    lived()
    beside()
    gone_away()
    in_use()
    left_to_project()
    destroyed_late()
    brought_back()
    locked()
    rotating()
    hanging()
    allowed()
finally:
    shutil.rmtree(scratch)
checks.end()
