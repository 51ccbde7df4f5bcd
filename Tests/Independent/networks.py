#!/usr/bin/env python3
"""Networks of queues, simulated with Ciw.

usage: networks.py [NAME…]

Prints one JSON object: of each network, or of those that are named, its parameters and, by
measure, one figure for each replication. Durations are in seconds; services are exponential, and
last a second on average. A network starts empty; customers come until its horizon, as Poisson
processes, and everybody is followed until they are gone. So nothing is left out, and who counts
the same in another simulation counts the same customers. A wait lasts from the arrival until the
service begins or the customer gives up, through all nodes.

Where simulations could differ and still be right, this is what Ciw does, as its source has it:

- At the end of a phase all its servers go off duty, also where the next one has more. Who is idle
  is gone at once; who is busy finishes the customer at hand, takes no other, and is gone. As many
  new servers as the next phase has begin at once, beside those who still finish something, and
  take who waits. In terms of shifts: each phase has servers of its own.
- Who goes over to another node stands at the end of its line, and patience there begins anew. The
  discipline `by_first_arrival` puts them instead before all who have come, to whatever node, after
  they had. Patience is drawn for the second node alone: in the first, nobody gives up before they
  go over.
- A lower number of priority is served first. No service is interrupted.
"""
import json
import math
import statistics
import sys

import ciw

REPLICATIONS = 24
SERVICE_RATE = 1.0
# Ciw tells when nothing happens any more by this moment that never comes; but schedules go on.
LONG_AFTER = 1000.0

# Each node has phases that come again in turns. A flow's customers come to one node; of those with
# a patience, which is exponential with this mean, some give up.
NETWORKS = {
    "reneging": {
        "horizon": 1400.0,
        "nodes": [{"phases": [{"servers": 10, "lasts": 1400.0}]}],
        "flows": [{"name": "all", "node": 0, "rate": 12.0, "patience": 2.0, "priority": 0}],
    },
    "priorities": {
        "horizon": 8000.0,
        "nodes": [{"phases": [{"servers": 3, "lasts": 8000.0}]}],
        "flows": [
            {"name": "urgent", "node": 0, "rate": 0.9, "priority": 0},
            {"name": "other", "node": 0, "rate": 1.6, "patience": 4.0, "priority": 1},
        ],
    },
    # Short phases, so that what happens at their ends weighs much.
    "schedule": {
        "horizon": 3000.0,
        "nodes": [{
            "phases": [
                {"servers": 4, "lasts": 20.0}, {"servers": 9, "lasts": 20.0},
                {"servers": 2, "lasts": 20.0},
            ],
        }],
        "flows": [{"name": "all", "node": 0, "rate": 5.0, "patience": 3.0, "priority": 0}],
    },
    "overflow": {
        "horizon": 3000.0,
        "nodes": [
            {"phases": [{"servers": 4, "lasts": 3000.0}], "overflow": {"after": 0.8, "to": 1}},
            {"phases": [{"servers": 3, "lasts": 3000.0}]},
        ],
        "flows": [
            {"name": "A", "node": 0, "rate": 4.5, "patience": 2.0, "priority": 0},
            {"name": "B", "node": 1, "rate": 1.5, "patience": 2.0, "priority": 0},
        ],
    },
}


class UntilHorizon(ciw.dists.Exponential):
    """Gaps between arrivals, of which none comes at the horizon or later."""

    def __init__(self, rate, horizon):
        super().__init__(rate)
        self.horizon = horizon

    def sample(self, t=None, ind=None):
        gap = super().sample(t, ind)
        return gap if t + gap < self.horizon else math.inf


class OverTo(ciw.routing.Leave):
    """Who was served leaves; who waits no longer goes over to another node."""

    def __init__(self, node):
        self.target = node

    def next_node_for_jockeying(self, ind):
        return self.simulation.nodes[self.target + 1]


def first_arrival(customer):
    """When somebody came to the first of their nodes, who waits in any of them."""
    records = customer.data_records
    return records[0].arrival_date if records else customer.arrival_date


def by_first_arrival(waiting, _now):
    return min(waiting, key=first_arrival)


def servers(node):
    phases = node["phases"]
    if len(phases) == 1:
        return phases[0]["servers"]
    ends, end = [], 0.0
    for phase in phases:
        end += phase["lasts"]
        ends.append(end)
    return ciw.Schedule([phase["servers"] for phase in phases], ends, preemption=False)


def waiting_ends(flow, node):
    """When a customer of a flow stops waiting in a node; None for never."""
    if "overflow" in node:
        return ciw.dists.Deterministic(node["overflow"]["after"])
    return ciw.dists.Exponential(1 / flow["patience"]) if "patience" in flow else None


def made(network):
    """The network as Ciw has it, with a class of customers for each flow."""
    nodes, flows, horizon = network["nodes"], network["flows"], network["horizon"]
    targets = {node["overflow"]["to"] for node in nodes if "overflow" in node}
    routers = [OverTo(node["overflow"]["to"]) if "overflow" in node else ciw.routing.Leave()
               for node in nodes]
    return ciw.create_network(
        arrival_distributions={
            flow["name"]: [UntilHorizon(flow["rate"], horizon) if flow["node"] == place else None
                           for place in range(len(nodes))]
            for flow in flows},
        service_distributions={
            flow["name"]: [ciw.dists.Exponential(SERVICE_RATE) for _ in nodes]
            for flow in flows},
        reneging_time_distributions={
            flow["name"]: [waiting_ends(flow, node) for node in nodes] for flow in flows},
        routing={flow["name"]: ciw.routing.NetworkRouting(routers) for flow in flows},
        priority_classes={flow["name"]: flow["priority"] for flow in flows},
        number_of_servers=[servers(node) for node in nodes],
        service_disciplines=[
            by_first_arrival if place in targets else ciw.disciplines.FIFO
            for place in range(len(nodes))])


class Customer:
    """What became of a customer."""

    def __init__(self, individual):
        first, last = individual.data_records[0], individual.data_records[-1]
        self.flow = individual.customer_class
        self.arrival = first.arrival_date
        self.was_served = last.record_type == "service"
        end = last.service_start_date if self.was_served else last.exit_date
        self.wait = end - self.arrival
        self.went_over = len(individual.data_records) > 1


def replication(network, seed):
    ciw.seed(seed)
    simulation = ciw.Simulation(made(network))
    simulation.simulate_until_max_time(network["horizon"] + LONG_AFTER)
    gone = simulation.nodes[-1].all_individuals
    if len(gone) != simulation.nodes[0].number_of_individuals:
        raise SystemExit("somebody is still there long after the last arrival")
    return [Customer(individual) for individual in gone]


def phase_of(customer, phases):
    rest = customer.arrival % sum(phase["lasts"] for phase in phases)
    for place, phase in enumerate(phases):
        rest -= phase["lasts"]
        if rest < 0:
            return place
    return len(phases) - 1


def share(customers, is_meant):
    return sum(map(is_meant, customers)) / len(customers)


def measures(network, customers):
    """Of each flow, and of those who came in each phase where there are several."""
    found = {}
    for flow in network["flows"]:
        own = [customer for customer in customers if customer.flow == flow["name"]]
        node = network["nodes"][flow["node"]]
        groups = {flow["name"]: own}
        if len(node["phases"]) > 1:
            for place in range(len(node["phases"])):
                groups[f"{flow['name']}, phase {place}"] = [
                    customer for customer in own if phase_of(customer, node["phases"]) == place]
        for name, group in groups.items():
            found[f"{name}: wait"] = statistics.fmean(customer.wait for customer in group)
            found[f"{name}: served"] = sum(customer.was_served for customer in group)
            if "patience" in flow:
                found[f"{name}: gave up"] = share(group, lambda one: not one.was_served)
            if "overflow" in node:
                found[f"{name}: went over"] = share(group, lambda one: one.went_over)
    return found


def main():
    output = {}
    for number, (name, network) in enumerate(NETWORKS.items()):
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        figures = [
            measures(network, replication(network, seed=1000 * number + turn))
            for turn in range(REPLICATIONS)]
        output[name] = {
            "parameters": network,
            "measures": {measure: [one[measure] for one in figures] for measure in figures[0]},
        }
    print(json.dumps(output, indent=1))


main()
