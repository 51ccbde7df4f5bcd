"""Reads one published table a line, as JSON rows that end with their sum (the last row holds the
sums of columns), null where an entry is hidden, true where it is but is known to be at least 1.
Prints, for each hidden entry in order, the lowest
and highest value that scipy's linear programme finds possible; nil where there is no highest."""

import json
import sys

import numpy
from scipy.optimize import linprog

for line in sys.stdin:
    table = json.loads(line)
    rows, columns = len(table), len(table[0])
    equations = []
    for row in range(rows):
        equations.append([(row, column) for column in range(columns)])
    for column in range(columns):
        equations.append([(row, column) for row in range(rows)])
    matrix, values = [], []
    for cells in equations:
        coefficients = numpy.zeros(rows * columns)
        for cell in cells[:-1]:
            coefficients[cell[0] * columns + cell[1]] = 1
        coefficients[cells[-1][0] * columns + cells[-1][1]] = -1
        matrix.append(coefficients)
        values.append(0)
    known = {None: (0, None), True: (1, None)}
    limits = [known[x] if x is None or x is True else (x, x) for row in table for x in row]
    answers = []
    for index, (low, high) in enumerate(limits):
        if low == high:
            continue
        objective = numpy.zeros(rows * columns)
        for sign in (1, -1):
            objective[index] = sign
            found = linprog(objective, A_eq=matrix, b_eq=values, bounds=limits, method="highs")
            assert found.status in (0, 3), found.message
            answers.append("nil" if found.status == 3 else str(round(sign * found.fun)))
    print(*answers)
