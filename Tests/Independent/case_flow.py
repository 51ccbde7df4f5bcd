"""Counts how the cases of a public data set went, from its rows alone.

usage: case_flow.py SET FILE...

Prints {table: {key: {column: value}}}; a table of one row has the key "". Means and medians are in
microseconds, rounded to the nearest one.
"""
import collections
import csv
import datetime
import fractions
import gzip
import json
import statistics
import sys
import zoneinfo


def rows(file):
    with gzip.open(file, "rt", encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text)


def microseconds(length):
    return (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds


def summary(lengths):
    """How many are known and not negative, their mean and their median."""
    known = [microseconds(length) for length in lengths
             if length is not None and length >= datetime.timedelta(0)]
    if not known:
        return 0, None, None
    mean = fractions.Fraction(sum(known), len(known))
    return len(known), int(mean + fractions.Fraction(1, 2)), int(
        fractions.Fraction(statistics.median([fractions.Fraction(one) for one in known]))
        + fractions.Fraction(1, 2))


def figures(name, lengths):
    keys = "cases_%s", "mean_%s_us", "median_%s_us"
    return {key % name: figure for key, figure in zip(keys, summary(lengths))}


def incidents(file):
    cases = collections.defaultdict(list)
    for row in rows(file):
        cases[row["SR Number"]].append(row)
    total = collections.Counter()
    changes = collections.Counter()
    lengths = collections.defaultdict(list)
    services = collections.Counter()
    for steps in cases.values():
        steps.sort(key=lambda row: datetime.datetime.fromisoformat(row["Change Date+Time"]))
        begin = datetime.datetime.fromisoformat(steps[0]["Change Date+Time"])
        services[steps[0]["Product"]] += 1
        line = team = before = None
        reopened = 0
        up = down = top = 0
        own = last = None
        ended = None
        closed = False
        first = {}
        for row in steps:
            now = datetime.datetime.fromisoformat(row["Change Date+Time"])
            status, sub = row["Status"], row["Sub Status"]
            level = {"L1": 1, "L2": 2, "L3": 3}.get(row["ST Level"])
            if status in ("Accepted", "Queued") and ended is not None:
                reopened += 1
                ended, closed = None, False
            if level is not None:
                if line is not None and level != line:
                    changes["%d %d" % (line, level)] += 1
                    if level > line:
                        up += 1
                    else:
                        down += 1
                line = level
                top = max(top, level)
            # A team whose line is not said leaves it open at which line the case is.
            if level is not None or row["Involved ST"] != team:
                own = level
            if team is not None and row["Involved ST"] != team:
                total["handovers"] += 1
                if row["Involved ST"] == before:
                    total["returns"] += 1
                before = team
            team = row["Involved ST"]
            if status == "Accepted" and sub in ("In Progress", "Assigned"):
                first.setdefault("to_first_touch", now)
            if status == "Completed":
                ended = ended or now
                last = own
                if sub in ("Resolved", "In Call"):
                    first.setdefault("to_first_resolved", now)
                    first["to_last_resolved"] = now
                else:
                    closed = True
                    first["to_closed"] = now
        if not closed:
            first.pop("to_closed", None)
        for name in ("to_first_touch", "to_first_resolved", "to_last_resolved", "to_closed"):
            lengths[name].append(first[name] - begin if name in first else None)
        total["cases"] += 1
        total["closed"] += closed
        total["open"] += not closed
        total["reopenings"] += reopened
        total["reopened_cases"] += reopened > 0
        total["escalations"] += up
        total["escalated_cases"] += up > 0
        total["step_backs"] += down
        total["stepped_back_cases"] += down > 0
        total["ended_at_first_line"] += ended is not None and last == 1 and top == 1
        total["taken_in_charge"] += "to_first_touch" in first
        total["resolved"] += "to_first_resolved" in first
    for name, known in lengths.items():
        total.update(figures(name, known))
    return {
        "totals": {"": dict(total)},
        "line_changes": {key: {"changes": count} for key, count in changes.items()},
        "services": {service: {"cases": count} for service, count in services.items()}}


def permits(file):
    words = {"Internet": "web_form", "Desk": "counter", "Post": "letter", "e-mail": "email"}
    cases = {}
    activities = collections.Counter()
    for row in rows(file):
        case = cases.setdefault(row["case:concept:name"], {
            "channel": words.get(row["case:channel"], row["case:channel"]),
            "begin": datetime.datetime.fromisoformat(row["case:startdate"]),
            "end": row["case:enddate"] and datetime.datetime.fromisoformat(row["case:enddate"]),
            "by": row["case:deadline"] and datetime.datetime.fromisoformat(row["case:deadline"])})
        if row["concept:name"] == "Confirmation of receipt":
            done = datetime.datetime.fromisoformat(row["time:timestamp"])
            case["taken"] = min(case.get("taken", done), done)
        else:
            activities[row["concept:name"]] += 1
    channels = {}
    for channel in {case["channel"] for case in cases.values()}:
        mine = [case for case in cases.values() if case["channel"] == channel]
        taken = [case["taken"] - case["begin"] for case in mine if "taken" in case]
        ended = [case["end"] - case["begin"] for case in mine if case["end"]]
        channels[channel] = {
            "cases": len(mine), "taken_in_charge": sum("taken" in case for case in mine),
            "closed": sum(bool(case["end"]) for case in mine),
            "ended_by_target": sum(
                bool(case["end"] and case["by"]) and case["end"] <= case["by"] for case in mine),
            **figures("to_first_touch", taken), **figures("to_closed", ended)}
    return {
        "channels": channels,
        "activities": {name: {"events": count} for name, count in activities.items()}}


def boston(file):
    zone = zoneinfo.ZoneInfo("America/New_York")

    def local(text):
        return text and datetime.datetime.strptime(
            text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=zone)

    openers = collections.defaultdict(collections.Counter)
    lengths = collections.defaultdict(list)
    days = collections.defaultdict(collections.Counter)
    for row in rows(file):
        opened, target, closed = (
            local(row[name]) for name in ("OPEN_DT", "TARGET_DT", "CLOSED_DT"))
        by_staff = row["Source"] in ("Employee Generated", "City Worker App")
        opener = "operator" if by_staff else "unknown"
        total = openers[opener]
        total["cases"] += 1
        total["closed"] += bool(closed)
        total["open"] += not closed
        total["with_target"] += bool(target)
        total["ended_by_target"] += bool(closed and target) and closed <= target
        total["breached"] += row["OnTime_Status"] == "OVERDUE"
        total["ended_before_opened"] += bool(closed) and closed < opened
        if closed:
            utc = datetime.UTC
            lengths[opener].append(closed.astimezone(utc) - opened.astimezone(utc))
        days[opened.date()]["opened"] += 1
        if closed:
            # A case leaves the backlog no earlier than it enters it.
            days[max(opened, closed).date()]["closed"] += 1
    table = {}
    backlog, day = 0, min(days)
    while day <= max(days):
        backlog += days[day]["opened"] - days[day]["closed"]
        table[day.isoformat()] = {
            "opened": days[day]["opened"], "closed": days[day]["closed"], "open": backlog}
        day += datetime.timedelta(days=1)
    for opener, total in openers.items():
        total.update(figures("to_closed", lengths[opener]))
    citizens = dict(openers["unknown"], opened_by_staff=openers["operator"]["cases"])
    return {"totals": {"": citizens}, "openers": openers, "days": table}


SETS = {"bpi-2013-incidents": incidents, "wabo-receipt": permits, "boston-311": boston}
print(json.dumps(SETS[sys.argv[1]](sys.argv[2])))
