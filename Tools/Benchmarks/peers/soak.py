"""A mixed load for long, and whether the server's memory, descriptors and threads stay as they are.

Contacts that come and end are appended at 2,000 events a second over 64 connections; 20 subscribers
follow, half of them in each format; each second a page of 1,000 events is read from a place drawn
at random, and a read model is asked with SQL.
"""
import contextlib
import http.client
import json
import random
import sys
import time

import processes
from served import end, result_of, start_load

RATE, CONNECTIONS, FOLLOWERS, PAGE = 2000, 64, 20, 1000
QUERY = "SELECT queue, service_level FROM queues ORDER BY 2 LIMIT 10"
SAMPLE_SECONDS, SAMPLES_LEAST, ROWS_SHOWN = 10, 20, 40
# What a fit over the second half may tell of growth, as a part of the mean, before it counts.
GROWTH_ALLOWED = 0.05


class Asker:
    """Reads a page and asks a read model, once each time."""

    def __init__(self, served):
        self.port = served.server.port
        self.connection = None
        self.random = random.Random(1)
        self.asked, self.failures, self.slowest = 0, [], {"page": 0, "query": 0}

    def ask(self, what, method, target, body=None, fields=None):
        """The body of an answer; what is not a success is a failure, and is kept."""
        start = time.monotonic()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            self.connection.request(method, target, body, fields or {})
            answer = self.connection.getresponse()
            text = answer.read()
            self.asked += 1
            if answer.status != 200:
                raise OSError(f"{what}: {answer.status} {text[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{what}: {error!r}")
            self.close()
            return None
        if what in self.slowest:
            self.slowest[what] = max(self.slowest[what], time.monotonic() - start)
        return text

    def turn(self):
        """How many events there are."""
        head = self.ask("head", "GET", "/v1/head")
        size = json.loads(head)["size"] if head else 0
        start = self.random.randrange(max(1, size - PAGE))
        self.ask("page", "GET", f"/v1/events?from={start}&limit={PAGE}")
        self.ask("query", "POST", "/v1/projections/operator-queues/query", QUERY,
                 {"Content-Type": "application/sql"})
        return size

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def run(served, minutes):
    """Samples of the server, and what the loads say in the end."""
    seconds = minutes * 60
    interval = min(SAMPLE_SECONDS, seconds / SAMPLES_LEAST)
    asker = Asker(served)
    before = {"minutes": 0.0, "events": served.events(), **processes.sizes(served.process)}
    with contextlib.ExitStack() as stack:
        loads = {
            "appends": start_load(
                served, "latency", rate=RATE, clients=CONNECTIONS, seconds=seconds, lives=True),
            "followers": start_load(served, "follow", clients=FOLLOWERS, seconds=seconds)}
        for child in loads.values():
            stack.callback(end, child)
        stack.callback(asker.close)
        samples, start, turns = [], time.monotonic(), 0
        while (elapsed := time.monotonic() - start) < seconds:
            size = asker.turn()
            if elapsed >= (len(samples) + 1) * interval:
                sample = {"minutes": elapsed / 60, "events": size,
                          **processes.sizes(served.process)}
                samples.append(sample)
                print("  " + ", ".join(f"{name} {value:,.1f}" if name == "minutes" else
                                       f"{name} {value:,}" for name, value in sample.items()),
                      file=sys.stderr, flush=True)
            for name, child in loads.items():
                if child.poll():
                    raise SystemExit(f"the load of {name} failed: see above")
            turns += 1
            time.sleep(max(0, start + turns - time.monotonic()))
        found = {name: result_of(child, name) for name, child in loads.items()}
    processes.cpu_after(served.process)
    after = {"minutes": (time.monotonic() - start) / 60, "events": served.events(),
             **processes.sizes(served.process)}
    return {
        "seconds": seconds, "before": before, "samples": samples, "after": after,
        "appends": found["appends"], "followers": found["followers"], "asked": asker.asked,
        "slowest_page_ms": asker.slowest["page"] * 1000,
        "slowest_query_ms": asker.slowest["query"] * 1000,
        "failures": len(asker.failures), "first_failures": asker.failures[:5],
        "verdict": verdict(samples)}


def fit(points):
    """Slope of the line with the least squares, and the mean."""
    count = len(points)
    middle, mean = (sum(values) / count for values in zip(*points))
    spread = sum((x - middle) ** 2 for x, _ in points)
    slope = sum((x - middle) * (y - mean) for x, y in points) / spread if spread else 0
    return slope, mean


def verdict(samples):
    half = [one for one in samples if one["minutes"] >= samples[-1]["minutes"] / 2]
    slope, mean = fit([(one["minutes"], one["anon_kb"]) for one in half])
    minutes = half[-1]["minutes"] - half[0]["minutes"]
    events = half[-1]["events"] - half[0]["events"]
    return {
        "anon_kb_per_minute": slope, "anon_kb_mean": mean,
        "anon_bytes_per_event": slope * minutes * 1024 / events if events else 0,
        "is_steady": slope * minutes <= GROWTH_ALLOWED * mean,
        "descriptors": [pick(one["descriptors"] for one in samples) for pick in (min, max)],
        "threads": [pick(one["threads"] for one in samples) for pick in (min, max)]}


def table(found):
    """The samples, thinned out, and the verdict."""
    samples = found["samples"]
    step = -(-len(samples) // ROWS_SHOWN)
    rows = [("before", found["before"])]
    rows += [(f"{one['minutes']:.1f}", one) for one in samples[::step]]
    rows.append(("after", found["after"]))
    lines = ["| minute | events | RSS, MB | RssAnon, MB | descriptors | threads |",
             "|---|---:|---:|---:|---:|---:|"]
    for name, one in rows:
        lines.append(
            f"| {name} | {one['events']:,} | {one['rss_kb'] / 1024:,.1f} | "
            f"{one['anon_kb'] / 1024:,.1f} | {one['descriptors']} | {one['threads']} |")
    end_of, appends = found["verdict"], found["appends"]
    lines += [
        "",
        f"RssAnon, a line through the second half: {end_of['anon_kb_per_minute']:+,.0f} KB/minute "
        f"({end_of['anon_bytes_per_event']:+,.1f} bytes for each appended event), mean "
        f"{end_of['anon_kb_mean'] / 1024:,.1f} MB: "
        + ("steady" if end_of["is_steady"] else "IT GROWS"),
        "descriptors {} to {}, threads {} to {}".format(
            *end_of["descriptors"], *end_of["threads"]),
        f"appends {appends['per_second']:,.0f}/s: p50 {appends['p50_us'] / 1000:.2f} ms, p99 "
        f"{appends['p99_us'] / 1000:.2f} ms, max {appends['max_us'] / 1000:.1f} ms; "
        f"slowest page {found['slowest_page_ms']:.0f} ms, slowest query "
        f"{found['slowest_query_ms']:.0f} ms; {found['failures']} failures"]
    lines += [f"failed: {one}" for one in found["first_failures"]]
    return "\n".join(lines)
