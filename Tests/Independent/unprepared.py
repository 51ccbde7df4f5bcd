"""Writes a table that no mapping was prepared for, and tells what is in it.

usage: unprepared.py FILE

The table is a register of counters as an office program exports it: three lines of heading,
fields between pipes and padded with spaces, windows-1252, CRLF, clock times of Rome without an
offset, durations, decimal commas, euros. Prints as JSON the figures that read models should have,
counted from what was written.
"""
import collections
import datetime
import json
import random
import sys
import zoneinfo

ROME = zoneinfo.ZoneInfo("Europe/Rome")
OFFICES = ["Anagrafe – Città", "Tributi", "Servizi «Sociali»"]
ZONES = ["Centro", "Nord", "Sud", "Periferia è"]
PEOPLE = ["Bianchi Zoë", "Rossi Anna", "Verdi José"]
HEAD = ["Data ora", "Ufficio", "Ticket", "Attesa", "Addetto", "Lavoro (ore)", "Esito", "Voto",
        "Zona", "Diritti €"]
numbers = random.Random(20260329)


def instant(local):
    """The first of two, and what the gap skips is shifted forward."""
    return local.replace(tzinfo=ROME, fold=0).astimezone(datetime.timezone.utc)


def clock(local):
    return local.strftime("%d.%m.%Y %Hh%M").replace(" 0", " ")


rows = []
for number in range(600):
    day = [datetime.date(2026, 3, 28), datetime.date(2026, 3, 29), datetime.date(2026, 10, 25),
           datetime.date(2026, 11, 2)][number % 4]
    minute = numbers.randrange(1440)
    local = datetime.datetime.combine(day, datetime.time(minute // 60, minute % 60))
    wait = numbers.randrange(1, 3600)
    served = numbers.random() < 0.85
    rows.append({
        "local": local, "office": numbers.choice(OFFICES), "ticket": f"T{number:04}",
        "wait": wait, "person": numbers.choice(PEOPLE) if served else "",
        "quarters": numbers.randrange(1, 60) if served else None,
        "outcome": "evaso" if served else "rinuncia",
        "vote": numbers.choice(["1", "2", "3", "4", "5", "n.d."]) if served else "",
        "zone": numbers.choice(ZONES + [""]),
        "cents": numbers.choice([0, 1250, 1600, 5]) if served else None})


def fields(row):
    hours = "" if row["quarters"] is None else f"{row['quarters'] / 4:.2f}".replace(".", ",")
    euros = "" if row["cents"] is None else f"{row['cents'] / 100:.2f}".replace(".", ",")
    return [clock(row["local"]), row["office"], row["ticket"],
            f"{row['wait'] // 60}:{row['wait'] % 60:02}", row["person"], hours, row["outcome"],
            row["vote"], row["zone"], euros]


table = [fields(row) for row in rows]
# What such files have: no key, a day that does not exist, a short line, a value beyond the scale, a
# negative duration; and the same row twice.
table[10][2] = ""
table[20][0] = "31.02.2026 9h15"
table[30] = table[30][:5]
table[40][7] = "9"
broken_work = next(i for i in range(60, 600) if rows[i]["quarters"])
table[broken_work][5] = "-3,00"
bad = [10, 20, 30, 40, broken_work]
table.insert(50, table[49])

lines = ["Registro degli sportelli", "Comune di Prova", ""]
lines += [" | ".join(line) for line in [HEAD] + table]
with open(sys.argv[1], "wb") as file:
    file.write(("\r\n".join(lines) + "\r\n").encode("windows-1252"))

good = [row for index, row in enumerate(rows) if index not in bad]
cases = collections.Counter()
votes = collections.defaultdict(collections.Counter)
days = collections.Counter()
groups = collections.defaultdict(lambda: [0, 0])
waits = []
for row in good:
    begun = instant(row["local"])
    days[begun.astimezone(ROME).date().isoformat()] += 1
    cases["cases"] += 1
    good_end = False
    if row["outcome"] == "evaso":
        cases["taken_in_charge"] += 1
        cases["closed"] += 1
        waits.append(row["wait"])
        good_end = datetime.timedelta(
            seconds=row["wait"], minutes=15 * row["quarters"]) <= datetime.timedelta(hours=4)
    else:
        cases["open"] += 1
    if row["vote"] in "12345" and row["vote"]:
        votes[row["office"]]["responses"] += 1
        votes[row["office"]]["top_two"] += row["vote"] in "45"
    groups[row["zone"] or "unknown"][0] += good_end
    groups[row["zone"] or "unknown"][1] += 1
events = cases["cases"] + 2 * cases["closed"] + sum(v["responses"] for v in votes.values())
print(json.dumps({
    "bad_lines": sorted(index + 5 + (index >= 50) for index in bad),
    "rows": len(table), "events": events, "cents": sum(row["cents"] or 0 for row in good),
    "cases": cases | {"mean_to_first_touch_us": round(sum(waits) * 1_000_000 / len(waits))},
    "votes": votes, "days": days,
    "zones": {name: {"favourable": y, "units": n} for name, (y, n) in groups.items()},
    "local": sorted(instant(row["local"]).strftime("%Y-%m-%dT%H:%M:%SZ") for row in good)}))
