"""Counts, intervals and verdicts of equity-and-access from the raw files, by statsmodels.

Usage: equity.py boston-311 FILE | equity.py buenos-aires-147 FILE...
Prints JSON: outcome -> attribute -> group -> figures.
"""
import collections
import csv
import datetime
import gzip
import json
import math
import sys

from scipy.stats import norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

MAPS = {
    "GCS Web": "web_form", "App BA 147": "app", "App Denuncia Vial": "app", "Boti": "messaging",
    "Comuna": "counter", "Cercania": "counter", "Call Center": "phone", "Mail 147": "email"}


def rows(files, delimiter):
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8-sig", newline="") as text:
            yield from csv.DictReader(text, delimiter=delimiter)


def boston(files):
    for row in rows(files, ","):
        if not row["OnTime_Status"] or row["Source"] in ("Employee Generated", "City Worker App"):
            continue
        yield row["OnTime_Status"] == "ONTIME", {
            "neighbourhood": row["neighborhood"].strip(), "source": row["Source"]}, row["Source"]


def buenos_aires(files):
    def moment(row, name):
        day, clock = row["fecha_" + name], row["hora_" + name]
        return day and datetime.datetime.strptime(day + " " + clock, "%d/%m/%Y %H:%M:%S")

    for row in rows(files, ";"):
        begun = moment(row, "ingreso")
        closed = moment(row, "cierre_contacto")
        # No clock changes between them: Argentina keeps one offset.
        good = bool(closed) and datetime.timedelta() <= closed - begun <= datetime.timedelta(7)
        yield good, {
            "gender": row["genero"].lower(), "comuna": row["domicilio_comuna"],
            "channel": MAPS.get(row["canal"], "other")}, row["canal"]


def judge(cells, reference, tests):
    """E-1 to E-3 for every group; adds a test of the log ratio for each that has a verdict."""
    found = {}
    y0, n0 = cells[reference]
    for name, (y, n) in cells.items():
        low, high = proportion_confint(y, n, method="wilson")
        figures = {"units": n, "favourable": y, "rate": y / n, "rate_low": low, "rate_high": high}
        found[name] = figures
        if name in (reference, ""):
            continue
        difference = confint_proportions_2indep(y, n, y0, n0, compare="diff", method="newcomb")
        figures.update(
            difference=y / n - y0 / n0, difference_low=difference[0],
            difference_high=difference[1], verdict="insufficient_data")
        ratio = None
        if y:
            ratio = math.log(y / n / (y0 / n0))
            error = math.sqrt(1 / y - 1 / n + 1 / y0 - 1 / n0)
            z = norm.ppf(0.975)
            figures.update(
                ratio=math.exp(ratio), ratio_low=math.exp(ratio - z * error),
                ratio_high=math.exp(ratio + z * error))
        if n >= 30 and n0 >= 30:
            figures["verdict"] = "inconclusive"
            away = abs(ratio - math.log(0.8)) / error if y else 0
            tests.append((2 * norm.sf(away), figures, ratio))
    return found


def table(units, references):
    cells = {name: collections.defaultdict(lambda: [0, 0]) for name in references}
    blanks = {name: collections.defaultdict(lambda: [0, 0]) for name in references}
    for good, groups, channel in units:
        for name in references:
            cells[name][groups[name]][0] += good
            cells[name][groups[name]][1] += 1
            blanks[name][channel][0] += not groups[name]
            blanks[name][channel][1] += 1
    found = {}
    family = []
    for name, reference in references.items():
        tests = []
        found[name] = judge(cells[name], reference, tests)
        if not any(n >= 30 and 2 * blank > n for blank, n in blanks[name].values()):
            family += tests
            continue
        for figures in found[name].values():
            if "verdict" in figures:
                figures["verdict"] = "not_comparable"
    # All groups of the scheme are one family; E-4.
    rejected = multipletests([test[0] for test in family], alpha=0.05, method="holm")[0]
    for is_rejected, (_, figures, ratio) in zip(rejected, family):
        if is_rejected:
            figures["verdict"] = "below" if ratio < math.log(0.8) else "meets"
    return found


SETS = {
    "boston-311": (
        boston, {"neighbourhood": "Dorchester", "source": "Constituent Call"}),
    "buenos-aires-147": (
        buenos_aires, {"gender": "masculino", "comuna": "1", "channel": "app"})}
read, references = SETS[sys.argv[1]]
print(json.dumps(table(read(sys.argv[2:]), references)))
