#!/usr/bin/env python3
"""Measures our kernel of simulations beside SimPy and Ciw in turns; `kernel` starts it.

All simulate M/M/10 at a load of 0.9 from an empty centre, with other seeds in each turn, and as
many customers as make a turn last; ours five times 500,000. What is timed is the simulation alone:
what it is made of is built before, and ours and SimPy get gaps and services that were drawn before.
Ciw draws its own, which is about 3 % of its time. Each is used as its documentation has it: SimPy
with a process for each customer that requests a Resource; Ciw with a network, without trackers, of
which the records are read after the clock has stopped.
"""
import argparse
import datetime
import importlib.metadata
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time

import ciw
import simpy

import machine
from ours import Ours

SERVERS = 10
LOAD = 0.9
# Services last 1 on average, so Erlang C is in services.
ARRIVAL_RATE = SERVERS * LOAD
THEORY = 0.668731524


def say(text):
    print(text, file=sys.stderr, flush=True)


class AscoltoKernel:
    name = "Ascolto"

    def __init__(self, options, scratch):
        self.ours = Ours(os.environ["ASCOLTO_BINARY"], scratch)

    def turn(self, seed):
        # Of each round another seed, counted on from the first.
        figures = self.ours.bench("--only", "kernel", "--rounds", 5, "--seed", 1000 * seed)
        return figures["kernel_contacts_per_second"], figures["kernel_mean_wait"]


class SimPy:
    name = f"SimPy {importlib.metadata.version('simpy')}"

    def __init__(self, options, scratch):
        self.customers = options.simpy

    def turn(self, seed):
        numbers = random.Random(seed)
        draws = [(numbers.expovariate(ARRIVAL_RATE), numbers.expovariate(1.0))
                 for _ in range(self.customers)]
        environment = simpy.Environment()
        servers = simpy.Resource(environment, capacity=SERVERS)
        waits = []

        def customer(service):
            arrival = environment.now
            with servers.request() as request:
                yield request
                waits.append(environment.now - arrival)
                yield environment.timeout(service)

        def source():
            for gap, service in draws:
                yield environment.timeout(gap)
                environment.process(customer(service))

        environment.process(source())
        start = time.perf_counter()
        environment.run()
        seconds = time.perf_counter() - start
        return len(waits) / seconds, statistics.fmean(waits)


class Ciw:
    name = f"Ciw {importlib.metadata.version('ciw')}"

    def __init__(self, options, scratch):
        self.customers = options.ciw

    def turn(self, seed):
        ciw.seed(seed)
        simulation = ciw.Simulation(ciw.create_network(
            arrival_distributions=[ciw.dists.Exponential(rate=ARRIVAL_RATE)],
            service_distributions=[ciw.dists.Exponential(rate=1.0)],
            number_of_servers=[SERVERS]))
        start = time.perf_counter()
        simulation.simulate_until_max_customers(self.customers)
        seconds = time.perf_counter() - start
        waits = [record.waiting_time for record in simulation.get_all_records()]
        return len(waits) / seconds, statistics.fmean(waits)


SIMULATORS = [AscoltoKernel, SimPy, Ciw]


def row(cells):
    return "| " + " | ".join(cells) + " |"


def shown_wait(waits):
    """The mean over turns, with its standard error where that can be told."""
    mean = f"{statistics.fmean(waits):.3f}"
    if len(waits) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(waits) / len(waits) ** 0.5:.3f}"


def report(figures, rounds, scratch):
    medians = {name: statistics.median(rate for rate, _ in turns)
               for name, turns in figures.items()}
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    turns = "One turn" if rounds == 1 else f"Medians of {rounds} turns"
    python = sys.version.split()[0]
    print(f"{today}, {machine.describe(scratch)}; Python {python}. M/M/{SERVERS} at a load of "
          f"{LOAD}, each on one core. {turns} in one run; waits are means over all turns, in "
          f"services, with their standard errors. Erlang C says {THEORY}.")
    print()
    print(row(["simulator", "contacts/s", "Ascolto's, divided by it", "mean wait", "theory"]))
    print(row(["---"] + ["---:"] * 4))
    for name, median in medians.items():
        ratio = medians[AscoltoKernel.name] / median
        print(row([
            name, f"{median:,.0f}", "–" if name == AscoltoKernel.name else f"{ratio:,.1f}",
            shown_wait([mean for _, mean in figures[name]]), f"{THEORY:.3f}"]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", default=".")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--simpy", type=int, default=200_000, metavar="CUSTOMERS")
    parser.add_argument("--ciw", type=int, default=60_000, metavar="CUSTOMERS")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scratch = tempfile.mkdtemp(prefix="ascolto-kernel-", dir=os.path.abspath(options.dir))
    try:
        simulators = [simulator(options, scratch) for simulator in SIMULATORS]
        figures = {simulator.name: [] for simulator in simulators}
        for turn in range(options.rounds):
            say(f"turn {turn + 1} of {options.rounds}")
            for simulator in simulators:
                rate, mean = simulator.turn(seed=turn + 1)
                say(f"  {simulator.name}: {rate:,.0f} contacts/s, mean wait {mean:.3f}")
                figures[simulator.name].append((rate, mean))
        report(figures, options.rounds, scratch)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
