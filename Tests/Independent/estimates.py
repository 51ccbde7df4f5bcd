"""Reads lines `favourable total reference_favourable reference_total` and prints, for each, the
limits of the Wilson, Newcombe and log-ratio intervals by statsmodels; the word nil where a limit
does not exist.

statsmodels sums 1/count - 1/total in floating point, which loses the digits of the variance where
nearly all units of both are favourable; there the same formula in fractions takes its place."""

import math
import sys
import warnings
from fractions import Fraction

from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

warnings.simplefilter("ignore")


def limits_in_fractions(count, total, other_count, other_total):
    """The limits of the log ratio, or None where statsmodels is exact enough."""
    parts = Fraction(1, count) + Fraction(1, other_count)
    variance = parts - Fraction(1, total) - Fraction(1, other_total)
    if variance * 10_000 > parts:
        return None
    logarithm = math.log(float(Fraction(count * other_total, total * other_count)))
    half = norm.isf(0.025) * math.sqrt(variance)
    return [math.exp(logarithm - half), math.exp(logarithm + half)]


for line in sys.stdin:
    count, total, other_count, other_total = map(int, line.split())
    limits = list(proportion_confint(count, total, method="wilson"))
    for method, compare in [("newcomb", "diff"), ("log", "ratio")]:
        if compare == "ratio" and 0 in (count, other_count):
            limits += [None, None]
            continue
        exact = compare == "ratio" and limits_in_fractions(count, total, other_count, other_total)
        limits += exact or confint_proportions_2indep(
            count, total, other_count, other_total, method=method, compare=compare
        )
    print(*("nil" if x is None or math.isnan(x) else repr(float(x)) for x in limits))
