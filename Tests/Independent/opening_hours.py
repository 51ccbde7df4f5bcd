#!/usr/bin/env python3
"""Opening hours and holidays, worked out with zoneinfo and the package `holidays`.

usage: opening_hours.py FILE

Each line of FILE has either a date with the holidays that we say fall on it, or calendars with
intervals of time and how long we say that it is open in each.
"""
import datetime
import json
import sys
import zoneinfo

import holidays

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
DAY = datetime.timedelta(days=1)


def micros(moment):
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def clock(date, text, zone):
    """The moment at which a clock shows it; of two the first, and a skipped one shifted forward."""
    hour, minute = map(int, text.split(":"))
    if hour == 24:
        date, hour = date + DAY, 0
    local = datetime.datetime.combine(date, datetime.time(hour, minute), zone)
    return micros(local.replace(fold=0).astimezone(UTC))


def hours_of(version, date, italian):
    exceptions = version["exceptions"]
    if date.isoformat() in exceptions:
        return exceptions[date.isoformat()]
    patron = version.get("patron")
    if version["holidays"] and date in italian or patron == f"{date.month:02}-{date.day:02}":
        return []
    return version["week"][date.weekday()]


def intervals(versions, first, last, italian):
    found = []
    date = first
    while date <= last:
        force = [version for version in versions if version["first"] <= date.isoformat()]
        if force:
            version = force[-1]
            zone = zoneinfo.ZoneInfo(version["zone"])
            for text in hours_of(version, date, italian):
                opens, closes = text.split("-")
                end = date + DAY if closes <= opens else date
                found.append((clock(date, opens, zone), clock(end, closes, zone)))
        date += DAY
    return found


def measured(found, start, end):
    """By a sweep over all borders, and not by sums."""
    borders = sorted({start, end} | {border for pair in found for border in pair
                                     if start < border < end})
    return sum(after - before for before, after in zip(borders, borders[1:])
               if any(opens <= before and after <= closes for opens, closes in found))


def main():
    italian = {date: name for date, name in holidays.country_holidays(
        "IT", years=range(2015, 2041), language="en_US").items()
        # Law 54 of 1977 moved it to a Sunday, which closes nobody.
        if name != "National Unity Day"}
    checked = wrong = 0
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if "date" in row:
                checked += 1
                date = datetime.date.fromisoformat(row["date"])
                if (date in italian) != bool(row["holidays"]):
                    wrong += 1
                    print(f"wrong: {date}: {row['holidays']}, not {italian.get(date)}")
                continue
            for start, end, open_us in row["intervals"]:
                checked += 1
                days = [(EPOCH + datetime.timedelta(microseconds=moment)).date()
                        for moment in (start, end)]
                found = intervals(row["versions"], days[0] - 3 * DAY, days[1] + 3 * DAY, italian)
                wanted = measured(found, start, end)
                if open_us != wanted:
                    wrong += 1
                    print(f"wrong: {row['versions']}, {start} to {end}: {open_us}, not {wanted}")
    print(f"{checked} checks, {wrong} wrong")
    sys.exit(1 if wrong or not checked else 0)


main()
