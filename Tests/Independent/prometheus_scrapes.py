"""Lets Prometheus itself scrape a server, and asks it what it has understood.

usage: prometheus_scrapes.py BINARY DIR

Needs Debian's `prometheus`, which is started with data in DIR and on a free port; without it this
says `skipped:` and exits with 77. One server asks for a token, another does not. Takes about 15
seconds.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from serving import Checks, Server, event

MANY = "application/cloudevents-batch+json"
OPERATE = Path(__file__).resolve().parents[2] / "Sources/Server/Server.docc/Operate.md"
CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: open
    static_configs: [{{targets: ["127.0.0.1:{open}"]}}]
  - job_name: token
    authorization: {{credentials_file: {directory}/administrator}}
    static_configs: [{{targets: ["127.0.0.1:{closed}"]}}]
  - job_name: other_role
    authorization: {{credentials_file: {directory}/appender}}
    static_configs: [{{targets: ["127.0.0.1:{closed}"]}}]
  - job_name: nobody
    static_configs: [{{targets: ["127.0.0.1:{closed}"]}}]
"""


class Prometheus:
    """Prometheus with a configuration, until `stop`."""

    def __init__(self, directory, configuration):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        path = directory / "prometheus.yml"
        path.write_text(configuration)
        self.words = open(directory / "prometheus.log", "w+")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address={self.address}", "--storage.tsdb.wal-segment-size=10MB",
             "--storage.tsdb.retention.time=1h", "--log.level=warn"],
            stdout=self.words, stderr=subprocess.STDOUT, cwd=directory,
            env={**os.environ, "GOMEMLIMIT": "200MiB", "GOMAXPROCS": "1"})

    def ask(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query):
        """The value of a query with one result; None where there is another number of them."""
        found = self.ask("query", query=query)["result"]
        return float(found[0]["value"][1]) if len(found) == 1 else None

    def targets(self):
        """The targets by their jobs."""
        try:
            active = self.ask("targets", state="active")["activeTargets"]
        except OSError:
            return {}
        return {target["labels"]["job"]: target for target in active}

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.words.seek(0)
        return self.words.read()


def wait(holds, seconds):
    end = time.time() + seconds
    while time.time() < end:
        if holds():
            return True
        time.sleep(0.2)
    return False


def main():
    binary, directory = sys.argv[1], Path(sys.argv[2]).resolve()
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        print("skipped: needs prometheus and promtool; Tools/prepare --with-tests installs them")
        raise SystemExit(77)
    directory.mkdir(parents=True, exist_ok=True)
    checks, running = Checks(), []
    try:
        for name in ("open", "closed"):
            log = str(directory / name)
            subprocess.run([binary, "init", "--log", log], check=True, stdout=subprocess.DEVNULL)
            if name == "closed":
                tokens = {role: create(binary, log, directory, role)
                          for role in ("administrator", "appender")}
            running.append(Server(binary, log, *(["--insecure"] if name == "open" else [])))
        watch(checks, *running, tokens, directory, running)
        for server in running[:2]:
            checks.same(server.stop(), 0, "the exit status of a server")
    finally:
        for one in running:
            if one.process.poll() is None:
                one.process.kill()
    checks.end()


def create(binary, log, directory, role):
    made = subprocess.run(
        [binary, "tokens", "create", "--log", log, "--format", "json", "--name", role, "--role",
         role], check=True, capture_output=True, text=True)
    token = json.loads(made.stdout)["token"]
    (directory / role).write_text(token)
    return token


def watch(checks, free, closed, tokens, directory, running):
    prometheus = Prometheus(directory, CONFIGURATION.format(
        open=free.port, closed=closed.port, directory=directory))
    running.append(prometheus)
    scraped = wait(lambda: len(prometheus.targets()) == 4 and all(
        target["health"] != "unknown" for target in prometheus.targets().values()), 20)
    checks.that(scraped, "Prometheus scrapes all targets within 20 s")
    for server, token in ((free, None), (closed, tokens["appender"])):
        append(checks, server, token)
    time.sleep(4)
    targets = prometheus.targets()
    for job in ("open", "token"):
        checks.same((targets[job]["health"], targets[job]["lastError"]), ("up", ""), f"job {job}")
        values(checks, prometheus, f'job="{job}"', 3 if job == "token" else 0)
    for job, status in (("other_role", "403"), ("nobody", "401")):
        checks.same(targets[job]["health"], "down", f"job {job}")
        checks.that(status in targets[job]["lastError"],
                    f"job {job} is told {status}: {targets[job]['lastError']}")
    checks.that(prometheus.value('ascolto_http_requests_total{endpoint="metrics",status="401"}'),
                "scrapes that were refused are counted")
    checks.same(prometheus.value('ascolto_log_events{job="open"}'), 24, "events in the log")
    checks.that(prometheus.value('ascolto_log_events{job="token"}') >= 24,
                "events in the log, those of denials included")
    kinds(checks, prometheus, free)
    said = prometheus.stop()
    checks.same([line for line in said.splitlines() if "SIGTERM" not in line], [],
                "what Prometheus warns of")
    for server, token in ((free, None), (closed, tokens["administrator"])):
        lint(checks, server, token)


def append(checks, server, token):
    """20 events and a batch of 3 are appended, 5 are there, 2 meet a conflict, 1 is rejected."""
    events = [event() for _ in range(20)]
    for one in events:
        checks.same(server.append(one, token=token)[0], 201, "an append")
        time.sleep(0.02)
    status = server.request("POST", "/v1/events", json.dumps([event(), event(), event()]),
                            {"Content-Type": MANY}, token)[0]
    checks.same(status, 201, "a batch")
    for one in events[:5]:
        checks.same(server.append(one, token=token)[0], 200, "a retry")
    for _ in range(2):
        status = server.append(event(), "?expect_revision=test/1=none", token)[0]
        checks.same(status, 409, "a condition that does not hold")
    checks.same(server.append({**events[0], "data": {"n": 2}}, token=token)[0], 422,
                "a known id with other content")
    checks.same(server.request("GET", "/v1/nothing", token=token)[0], 404, "no such path")


def values(checks, prometheus, job, journal):
    """What was appended and asked is what Prometheus knows; the server appends denials itself."""
    for outcome, count in (("appended", 21), ("already_appended", 5), ("conflict", 2),
                           ("rejected", 1), ("failed", 0)):
        query = f'ascolto_appends_total{{{job},outcome="{outcome}"}}'
        value, more = prometheus.value(query), journal if outcome == "appended" else 0
        checks.that(count <= value <= count + more, f"{query}: {value}, not {count}")
    for status, count in ((201, 21), (200, 5), (409, 2), (422, 1)):
        query = f'ascolto_http_requests_total{{{job},endpoint="appendEvents",status="{status}"}}'
        checks.same(prometheus.value(query), count, query)
    query = f'sum(ascolto_http_requests_total{{{job},status="404"}})'
    checks.same(prometheus.value(query), 1, query)
    for name, labels, highest in (("commit_seconds", "", 10), ("commit_appends", "", 4_096),
                                  ("http_request_seconds", ',endpoint="appendEvents"', 10)):
        series = f"ascolto_{name}_bucket{{{job}{labels}}}"
        for share in (0.5, 0.99):
            value = prometheus.value(f"histogram_quantile({share}, {series})")
            checks.that(value is not None and 0 < value <= highest,
                        f"{share} of {series} is a number: {value}")
        whole = prometheus.value(f'ascolto_{name}_bucket{{{job}{labels},le="+Inf"}}')
        count = prometheus.value(f"ascolto_{name}_count{{{job}{labels}}}")
        checks.that(whole == count and count > 0, f"{series}: {whole} in all, count {count}")
        total = prometheus.value(f"ascolto_{name}_sum{{{job}{labels}}}")
        checks.that(total is not None and 0 < total <= highest * count, f"{name}: sum {total}")
    checks.same(prometheus.value(f"ascolto_http_request_seconds_count"
                                 f'{{{job},endpoint="appendEvents"}}'), 29, "requests in seconds")
    checks.that(prometheus.value(f"rate(ascolto_commit_seconds_count{{{job}}}[30s])"), "a rate")
    for query, wanted in ((f"sum(ascolto_projection_up{{{job}}})", 5),
                          (f"sum(ascolto_projection_lag_events{{{job}}})", 0),
                          (f"ascolto_append_queue_bytes{{{job}}}", 0),
                          (f"sum(up{{{job}}})", 1),
                          (f"max(resets(ascolto_http_requests_total{{{job}}}[1m]))", 0)):
        checks.same(prometheus.value(query), wanted, query)
    series = prometheus.value(f"max(max_over_time(scrape_samples_scraped{{{job}}}[1m]))")
    checks.that(0 < series < 1_000, f"a scrape has {series} samples")


def kinds(checks, prometheus, server):
    """Each metric that is documented is there, of a kind and with a text, and no other."""
    table = OPERATE.read_text().split("| metric | meaning |", 1)[1]
    known = set(re.findall(r"`(ascolto_\w+)`", table))
    found = {name: entries[0] for name, entries in prometheus.ask("metadata").items()
             if name.startswith("ascolto_")}
    checks.same(set(found), known, "metrics, and those of Operate.md")
    for name, entry in found.items():
        checks.that(entry["type"] in ("counter", "gauge", "histogram") and entry["help"],
                    f"{name}: {entry}")
        checks.same(entry["type"] == "counter", name.endswith("_total"), f"{name} is a counter")
    fields = server.request("GET", "/metrics")[1]
    checks.that(fields["content-type"].startswith("text/plain; version=0.0.4"),
                f"the content type: {fields['content-type']}")


def lint(checks, server, token):
    text = server.request("GET", "/metrics", token=token)[2]
    found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    said = (found.stdout + found.stderr).decode()
    checks.same((found.returncode, said), (0, ""), "promtool check metrics")


main()
