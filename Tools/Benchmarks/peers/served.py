"""Us and UmaDB as servers on loopback, and the loads that other processes put on them."""
import json
import os
import shutil
import signal
import subprocess
import sys

import processes
from serving import Server
from uma import UmaDB

HERE = os.path.dirname(os.path.realpath(__file__))
FOLLOW = os.path.join(HERE, "..", "..", "..", "Tests", "Independent", "follow_live.py")
MICROSECONDS = 1_000_000


class OursServed:
    name, system = "Ascolto", "ours"

    def __init__(self, binary, directory):
        self.directory = directory
        self.server = Server(binary, directory, "--insecure")
        self.process = self.server.process.pid
        self.url = f"http://127.0.0.1:{self.server.port}"

    def events(self):
        return json.loads(self.server.request("GET", "/v1/head")[2])["size"]

    def stop(self):
        end(self.server.process)
        self.server.words.close()
        shutil.rmtree(self.directory)


class UmaServed:
    name, system = UmaDB.name, "uma"

    def __init__(self, _binary, directory):
        self.directory = directory
        self.store = UmaDB(directory)
        self.process = self.store.server.pid
        self.url = self.store.url

    def events(self):
        return self.store.main.head() or 0

    def stop(self):
        try:
            self.store.stop()
        finally:
            end(self.store.server)
            shutil.rmtree(self.directory)


def end(process):
    """Ends a process that we started, kindly at first."""
    try:
        process.send_signal(signal.SIGTERM)
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def arguments_of(options):
    arguments = []
    for name, value in options.items():
        if value is True:
            arguments.append(f"--{name}")
        elif value is not None:
            arguments += [f"--{name}", str(value)]
    return arguments


def start_load(served, kind, **options):
    return subprocess.Popen(
        [sys.executable, os.path.join(HERE, "load.py"), kind, served.system, served.url,
         str(served.process), *arguments_of(options)], stdout=subprocess.PIPE)


def result_of(child, what, failing=()):
    """What a process prints as JSON; it is ended whatever happens."""
    try:
        output = child.communicate()[0]
    finally:
        end(child)
    if child.returncode not in (0, *failing):
        raise SystemExit(f"{what} failed with {child.returncode}")
    return json.loads(output)


def load(served, kind, **options):
    return result_of(start_load(served, kind, **options), f"{kind} of {served.name}")


def appends(served, how, seconds, seed):
    """Single events; what the server still does afterwards is told too, for each append."""
    before = served.events()
    if how is None:
        found = appends_of_wrk(served, seconds, seed)
    else:
        found = load(served, "appends", clients=64, seconds=seconds, seed=seed, **how)
    return checked(served, before, found)


def checked(served, before, found):
    later = processes.cpu_after(served.process)
    grown = served.events() - before
    if grown < found["count"]:
        raise SystemExit(
            f"{served.name} acknowledged {found['count']} events and has {grown} of them")
    found["server_later_us"] = later * MICROSECONDS / found["count"]
    return found


def appends_of_wrk(served, seconds, seed):
    threads = max(1, min(2, os.cpu_count() // 2))
    before = processes.cpu_seconds(served.process)
    child = subprocess.Popen(
        ["wrk", "-t", str(threads), "-c", "64", "-d", f"{max(1, round(seconds))}s",
         "--timeout", "30s", "-s", os.path.join(HERE, "append.lua"), served.url,
         "--", str(seed)], stdout=subprocess.PIPE, text=True)
    try:
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        child.stdout.close()
        if child.returncode is None:
            end(child)
    if child.returncode != 0:
        raise SystemExit(f"wrk failed: {output}")
    found = json.loads(output.splitlines()[-1])
    if found.pop("errors"):
        raise SystemExit(f"some appends were not answered with success: {output}")
    server = processes.cpu_seconds(served.process) - before
    client = usage.ru_utime + usage.ru_stime
    return {
        **found, "per_second": found["count"] / found["seconds"],
        "client_us": client * MICROSECONDS / found["count"],
        "server_us": server * MICROSECONDS / found["count"]}


def live(served, seconds):
    """1,000 subscribers, as the test of them measures it; `complete` is false where one missed."""
    before = processes.cpu_seconds(served.process)
    child = subprocess.Popen(
        [sys.executable, FOLLOW, served.url, "--subscribers", "1000", "--rate", "1000",
         "--seconds", str(seconds)], stdout=subprocess.PIPE)
    found = result_of(child, "follow_live.py", failing=(1,))
    cpu = processes.cpu_seconds(served.process) - before
    if not found["complete"]:
        print(f"follow_live.py: {found['failures'][:3]}", file=sys.stderr)
    return {
        "per_second": found["rate"],
        **{f"{part}_us": found["latency_ms"][part] * 1000 for part in ("p50", "p99", "max")},
        "append_p50_us": found["append_ms"]["p50"] * 1000,
        "append_p99_us": found["append_ms"]["p99"] * 1000,
        "client_late_p99_us": found["client"]["lag_ms"]["p99"] * 1000,
        "client_cores": found["client"]["cpu"], "server_cores": cpu / found["seconds"],
        "complete": int(found["complete"])}
