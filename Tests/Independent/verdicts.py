"""Reads one family a line, four numbers for each group: `favourable total reference_favourable
reference_total`. Prints the four-fifths verdicts: two-sided p-values of the log ratio against 0.8,
adjusted by the Holm procedure of statsmodels. Groups without a favourable unit have a p-value of
1."""

import math
import sys

from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

for line in sys.stdin:
    numbers = list(map(int, line.split()))
    groups = list(zip(*[iter(numbers)] * 4))
    verdicts = ["insufficient_data"] * len(groups)
    tested = [i for i, (_, total, _, other) in enumerate(groups) if min(total, other) >= 30]
    p_values, above = [], []
    for i in tested:
        count, total, other_count, other_total = groups[i]
        if 0 in (count, other_count):
            p_values.append(1.0)
            above.append(False)
            continue
        ratio = (count / total) / (other_count / other_total)
        error = math.sqrt(1 / count - 1 / total + 1 / other_count - 1 / other_total)
        above.append(ratio > 0.8)
        distance = abs(math.log(ratio / 0.8))
        p_values.append(2 * norm.sf(distance / error) if error > 1e-9 else 0.0)
    if tested:
        rejected = multipletests(p_values, alpha=0.05, method="holm")[0]
        for i, reject, high in zip(tested, rejected, above):
            verdicts[i] = ("meets" if high else "below") if reject else "inconclusive"
    print(*verdicts)
