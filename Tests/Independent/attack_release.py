"""Plays a reader of the table `release`, given as JSON, who wants to know what is hidden.

Usage: attack_release.py [opposite:A:B | nested:A:B]...
One linear programme of all outcomes knows that the groups of every attribute add up to the same
row of all, that favourable and unfavourable units add up to units, that a group that is named has a
unit, and every figure that is shown. It also knows that what outcome A counts as favourable B
counts as the others (`opposite`), or that B is A with a longer term (`nested`), by how many units
the two differ included.

Prints how many counts are hidden and those that it can tell more exactly than by a range of ten.
"""
import collections
import json
import sys

import numpy
from scipy.optimize import linprog

COLUMNS = ("favourable", "other", "units")


class Release:
    def __init__(self, rows):
        self.names, self.limits, self.sums, self.told = [], [], [], []
        # outcome -> attribute -> kind and part -> the places of its three counts
        self.places = collections.defaultdict(lambda: collections.defaultdict(dict))
        tables = collections.defaultdict(lambda: collections.defaultdict(list))
        for row in rows:
            tables[row["outcome"]][row["attribute"]].append(row)
        for outcome, attributes in tables.items():
            self.add(outcome, attributes)

    def add(self, outcome, attributes):
        totals = [row for rows in attributes.values() for row in rows if row["kind"] == "total"]
        shown = {(row["units"], row["favourable"]) for row in totals}
        assert len(shown) == 1, f"the sums of {outcome} differ by attribute: {shown}"
        whole = self.counts(totals[0], "")
        self.places[outcome][""] = {("total", "all"): whole}
        for attribute, rows in attributes.items():
            groups = {
                (row["kind"], row["part"]): self.counts(row, attribute)
                for row in rows if row["kind"] != "total"}
            self.places[outcome][attribute] = groups
            for column in range(3):
                parts = [(1, places[column]) for places in groups.values()]
                self.sums.append(parts + [(-1, whole[column])])

    def counts(self, row, attribute):
        units, good = row["units"], row["favourable"]
        both = units is not None and good is not None
        where = [row["outcome"], attribute, row["part"]]
        if (row["rate"] is not None or row["verdict"] is not None) and not both:
            self.told.append(where + ["rate or verdict"])
        known = (good, units - good if both else None, units)
        places = [self.variable(where + [name], count) for name, count in zip(COLUMNS, known)]
        if units is None and row["kind"] in ("group", "unknown"):
            self.limits[places[2]] = (1, None)
        self.sums.append([(1, places[0]), (1, places[1]), (-1, places[2])])
        return places

    def nothing(self):
        """The counts of a group that a table does not name."""
        return [self.variable(["nothing"], 0) for _ in COLUMNS]

    def variable(self, name, known=None):
        self.names.append(name)
        self.limits.append((0, None) if known is None else (known, known))
        return len(self.limits) - 1

    def relate(self, word, first, second):
        for attribute, groups in self.places[first].items():
            others = self.places[second][attribute]
            for key in groups.keys() | others.keys():
                good, bad, units = groups.get(key) or self.nothing()
                other_good, other_bad, other_units = others.get(key) or self.nothing()
                if word == "opposite":
                    self.sums.append([(1, good), (-1, other_bad)])
                    self.sums.append([(1, bad), (-1, other_good)])
                    continue
                # Each difference is a count of units of its own.
                for name, more, less in (
                        ("decided later", other_good, good), ("pending", units, other_units)):
                    place = self.variable([first, second, attribute, key[1], name])
                    self.sums.append([(1, less), (1, place), (-1, more)])

    def attack(self):
        """The hidden counts, and those of them that are told."""
        matrix = numpy.zeros((len(self.sums), len(self.limits)))
        for line, parts in enumerate(self.sums):
            for factor, place in parts:
                matrix[line, place] += factor
        hidden = [place for place, (low, high) in enumerate(self.limits) if low != high]
        for place in hidden:
            found = []
            for sign in (1, -1):
                goal = numpy.zeros(len(self.limits))
                goal[place] = sign
                answer = linprog(
                    goal, A_eq=matrix, b_eq=numpy.zeros(len(self.sums)), bounds=self.limits,
                    method="highs")
                assert answer.status in (0, 3), answer.message
                found.append(float("inf") if answer.status == 3 else sign * answer.fun)
            if found[1] == float("inf"):
                continue
            low, high = round(found[0]), round(found[1])
            if len(self.names[place]) == 5:
                # A difference that is shown is told; all that matters is that it is not small.
                is_told = low == high and 0 < low < 10
            else:
                is_told = high - low < 10
            if is_told:
                self.told.append(self.names[place] + found)
        return len(hidden), self.told


release = Release(json.load(sys.stdin))
for relation in sys.argv[1:]:
    release.relate(*relation.split(":"))
hidden, told = release.attack()
print(json.dumps({"hidden": hidden, "told": told}))
