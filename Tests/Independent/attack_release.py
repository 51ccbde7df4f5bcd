"""Plays a reader of the table `release`, given as JSON, who wants to know what is hidden.

For each outcome a linear programme knows that the groups of every attribute add up to the same
row of all, that favourable and unfavourable units add up to units, and every figure that is
shown. Prints how many counts are hidden and those that it can tell more exactly than by a range
of ten.
"""
import collections
import json
import sys

import numpy
from scipy.optimize import linprog

tables = collections.defaultdict(lambda: collections.defaultdict(list))
for row in json.load(sys.stdin):
    tables[row["outcome"]][row["attribute"]].append(row)


def attack(outcome, attributes):
    """The hidden counts of one outcome, and those of them that are told."""
    names, limits, told = [], [], []

    def counts(row, attribute):
        units, good = row["units"], row["favourable"]
        both = units is not None and good is not None
        if row["rate"] is not None and not both:
            told.append([outcome, attribute, row["part"], "rate"])
        for name, known in (("favourable", good), ("other", units - good if both else None),
                            ("units", units)):
            names.append([outcome, attribute, row["part"], name])
            limits.append((0, None) if known is None else (known, known))
        return len(limits) - 3

    totals = [row for rows in attributes.values() for row in rows if row["kind"] == "total"]
    shown = {(row["units"], row["favourable"]) for row in totals}
    assert len(shown) == 1, f"the sums of {outcome} differ by attribute: {shown}"
    starts = [counts(totals[0], "")]
    sums = []
    for attribute, rows in attributes.items():
        groups = [counts(row, attribute) for row in rows if row["kind"] != "total"]
        starts += groups
        sums += [([start + column for start in groups], starts[0] + column) for column in range(3)]
    sums += [([start, start + 1], start + 2) for start in starts]
    matrix = numpy.zeros((len(sums), len(limits)))
    for line, (parts, whole) in enumerate(sums):
        matrix[line, parts] = 1
        matrix[line, whole] = -1
    hidden = [index for index, (low, high) in enumerate(limits) if low != high]
    for index in hidden:
        found = []
        for sign in (1, -1):
            goal = numpy.zeros(len(limits))
            goal[index] = sign
            answer = linprog(
                goal, A_eq=matrix, b_eq=numpy.zeros(len(sums)), bounds=limits, method="highs")
            assert answer.status in (0, 3), answer.message
            found.append(float("inf") if answer.status == 3 else sign * answer.fun)
        if found[1] < float("inf") and round(found[1]) - round(found[0]) < 10:
            told.append(names[index] + found)
    return len(hidden), told


attacks = [attack(outcome, attributes) for outcome, attributes in tables.items()]
print(json.dumps({
    "hidden": sum(hidden for hidden, _ in attacks), "told": sum((told for _, told in attacks), []),
}))
