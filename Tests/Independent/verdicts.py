"""Reads one family a line, `reference_favourable reference_total favourable total ...`, and prints
the four-fifths verdicts: two-sided p-values of the log ratio against 0.8, adjusted by the Holm
procedure of statsmodels. Groups without a favourable unit have a p-value of 1."""

import math
import sys

from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

for line in sys.stdin:
    numbers = list(map(int, line.split()))
    pairs = list(zip(numbers[::2], numbers[1::2]))
    (other_count, other_total), groups = pairs[0], pairs[1:]
    verdicts = ["insufficient_data"] * len(groups)
    tested = [i for i, (_, total) in enumerate(groups) if total >= 30 and other_total >= 30]
    p_values, above = [], []
    for i in tested:
        count, total = groups[i]
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
