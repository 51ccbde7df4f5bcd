#!/usr/bin/env python3
"""Measures us beside our peers in turns and prints tables; `run` prepares and starts it."""
import argparse
import datetime
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

import events
import machine
from ours import Ours
from postgres import PostgreSQL
from sqlite_events import SQLiteEvents
from uma import UmaDB

PEERS = [UmaDB, SQLiteEvents, PostgreSQL]
RAW = "raw LMDB in C"
MANY = 64
PER_APPEND = 1000
SCENARIOS = [
    ("one", "1 appender, events/s"),
    ("many", f"{MANY} appenders, events/s"),
    ("bulk", f"bulk of {PER_APPEND:,}, events/s"),
    ("replay", "full replay, events/s"),
    ("bytes", "bytes per event"),
]


def say(text):
    print(text, file=sys.stderr, flush=True)


class Figures:
    """What was measured, per system and scenario; the median counts."""

    def __init__(self):
        self.values = {}

    def add(self, system, scenario, value):
        say(f"  {system}: {scenario} {value:,.1f}")
        self.values.setdefault((system, scenario), []).append(value)

    def median(self, system, scenario):
        values = self.values.get((system, scenario))
        return statistics.median(values) if values else None


def measure_peer(peer, figures, scratch, options, lines_of, recorded):
    """One turn of one peer: both append scenarios, and a fresh store for bulk and replay."""
    store = peer(os.path.join(scratch, f"appends-{peer.__name__}"))
    try:
        figures.add(peer.name, "one", store.append(1, options.seconds, lines_of))
        figures.add(peer.name, "many", store.append(MANY, options.seconds, lines_of))
    finally:
        store.stop()
    shutil.rmtree(os.path.join(scratch, f"appends-{peer.__name__}"))
    store = peer(os.path.join(scratch, f"bulk-{peer.__name__}"))
    try:
        figures.add(peer.name, "bulk", store.bulk(recorded, PER_APPEND))
        count, rate = store.replay()
        if count != len(recorded):
            raise SystemExit(f"{peer.name} gave back {count} of {len(recorded)} events")
        figures.add(peer.name, "replay", rate)
        files = store.files()
        if peer is PostgreSQL:
            figures.add(peer.name, "bytes", machine.bytes_on_disk(files) / count)
    finally:
        store.stop()
    if peer is not PostgreSQL:
        figures.add(peer.name, "bytes", machine.bytes_on_disk(files) / count)
    shutil.rmtree(os.path.join(scratch, f"bulk-{peer.__name__}"))


def measure_ours(ours, figures, path, count, turn):
    appends = ours.appends(seed=turn + 1)
    for scenario, number in (("one", 1), ("many", MANY)):
        figures.add(ours.name, scenario, appends[f"appends_per_second_{number}"])
        figures.add(RAW, scenario, appends[f"raw_lmdb_appends_per_second_{number}"])
    calls = ours.calls(path, count)
    figures.add(ours.name, "bulk", calls["bulk_events_per_second"])
    figures.add(ours.name, "replay", calls["replay_events_per_second"])
    figures.add(ours.name, "bytes", calls["bytes_per_event"])
    figures.add(RAW, "bulk", calls["raw_lmdb_bulk_events_per_second"])
    figures.add(RAW, "replay", calls["raw_lmdb_scan_events_per_second"])
    figures.add(RAW, "bytes", calls["raw_lmdb_bytes_per_event"])


def compressed_bytes(path, scratch):
    target = os.path.join(scratch, "events.zst")
    subprocess.run(["zstd", "-q", "-f", "-19", path, "-o", target], check=True)
    return os.path.getsize(target)


def shown(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def tables(figures, systems):
    """Figures, and ours as a multiple of each system's: above 1 we are faster, or smaller."""
    header = [row(["system"] + [title for _, title in SCENARIOS]),
              row(["---"] + ["---:" for _ in SCENARIOS])]
    plain, ratios = list(header), list(header)
    for name, note in systems:
        medians = [figures.median(name, scenario) for scenario, _ in SCENARIOS]
        plain.append(row([f"{name} ({note})" if note else name] + [shown(m) for m in medians]))
        if name == Ours.name:
            continue
        cells = []
        for (scenario, _), other in zip(SCENARIOS, medians):
            mine = figures.median(Ours.name, scenario)
            if other is None or mine is None:
                cells.append("–")
            else:
                cells.append(f"{other / mine if scenario == 'bytes' else mine / other:.2f}")
        ratios.append(row([f"Ascolto against {name}"] + cells))
    return "\n".join(plain), "\n".join(ratios)


def report(figures, source, count, options, scratch, ours):
    systems = [(Ours.name, Ours.client), (RAW, "keys and 256-byte values only; replay is a walk")]
    systems += [(peer.name, peer.client) for peer in PEERS]
    systems.append(("zstd -19 of the NDJSON", "a file, not a store"))
    plain, ratios = tables(figures, systems)
    versions = subprocess.run(
        ["zstd", "--version"], capture_output=True, text=True).stdout.split(",")[0].split()[-1]
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    kept = ours.bench("--only", "calls", "--events", 1000)
    print(f"{today}, {machine.describe(scratch)}; LMDB {kept['lmdb_version']}, "
          + ", ".join(peer.version() for peer in PEERS) + f", zstd {versions.lstrip('v')}. "
          f"{'One turn' if options.rounds == 1 else f'Medians of {options.rounds} turns'} in one run; every acknowledged event is on disk. "
          f"Appenders send one event of 256 bytes and wait; bulk, replay and size are of {count:,} "
          f"events: {source}.")
    print()
    print(plain)
    print()
    print("How many times as fast as theirs ours is, and how many times as small:")
    print()
    print(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", default=".")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--input")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scratch = tempfile.mkdtemp(prefix="ascolto-peers-", dir=os.path.abspath(options.dir))
    # The user that PostgreSQL runs as has to pass.
    os.chmod(scratch, 0o711)
    try:
        run(options, scratch)
    finally:
        shutil.rmtree(scratch)


def run(options, scratch):
    binary, root = os.environ["ASCOLTO_BINARY"], os.environ["ASCOLTO_ROOT"]
    path = os.path.join(scratch, "events.ndjson")
    if options.input:
        shutil.copyfile(options.input, path)
        source = "of a file"
    else:
        source = events.make_file(binary, root, os.environ["ASCOLTO_SHARED"], scratch, path)
        shutil.rmtree(os.path.join(scratch, "source-log"))
    recorded = events.read_file(path)
    say(f"{len(recorded):,} events: {source}")
    figures = Figures()
    figures.add("zstd -19 of the NDJSON", "bytes",
                compressed_bytes(path, scratch) / len(recorded))
    ours = Ours(binary, scratch)
    seeds = iter(range(1, 1 << 30))
    for turn in range(options.rounds):
        say(f"turn {turn + 1} of {options.rounds}")
        measure_ours(ours, figures, path, len(recorded), turn)
        for peer in PEERS:
            measure_peer(
                peer, figures, scratch, options,
                lambda _number: events.SizedLines(next(seeds)), recorded)
    report(figures, source, len(recorded), options, scratch, ours)


if __name__ == "__main__":
    main()
