#!/usr/bin/env python3
"""Prints, as one JSON object, how many callers waited at once at most on each day.

usage: waiting_max.py CALLS.tsv.gz…

Counts from the rows of the Technion call records alone. A call waits from the moment it is offered,
included, to the moment it leaves the queue, excluded; over midnight it counts on both days. A day
is told where a call was offered, or arrived and never was.
"""
import csv
import gzip
import io
import json
import sys
from collections import defaultdict
from datetime import datetime, timedelta

DAY = timedelta(days=1)


def moment(date, clock, entered=None):
    at = datetime.strptime("19" + date + " " + clock, "%Y%m%d %H:%M:%S")
    return at + DAY if entered and entered - at > DAY / 2 else at


def waits(paths):
    """For each call, when it was offered and left; where it never was, its arrival and None."""
    for path in paths:
        with gzip.open(path) as file:
            rows = csv.DictReader(io.TextIOWrapper(file, "latin-1", newline=""), delimiter="\t")
            for row in rows:
                if row["outcome"] == "PHANTOM":
                    continue
                date = row["date"]
                entered = moment(date, row["vru_entry"])
                if row["q_start"] != "0:00:00":
                    yield (moment(date, row["q_start"], entered),
                           moment(date, row["q_exit"], entered))
                elif row["outcome"] == "AGENT":
                    offered = moment(date, row["vru_exit"], entered)
                    yield offered, offered
                else:
                    yield entered, None


def main():
    days, changes = set(), defaultdict(int)
    for begin, end in waits(sys.argv[1:]):
        days.add(begin.date())
        if end is not None and end > begin:
            changes[begin] += 1
            changes[end] -= 1
    most, waiting, today = defaultdict(int), 0, None
    for at in sorted(changes):
        while today is not None and today < at.date():
            today += DAY
            # Who waits at midnight waits on the new day, unless this is the moment of leaving.
            midnight = changes.get(datetime(today.year, today.month, today.day), 0)
            most[today] = max(most[today], waiting + midnight)
        today = at.date()
        waiting += changes[at]
        most[today] = max(most[today], waiting)
    print(json.dumps({str(day): most[day] for day in sorted(days)}))


if __name__ == "__main__":
    main()
