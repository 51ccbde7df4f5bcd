"""Says what the rows of a public data set must have become, and compares an export with it.

usage: ascolto export | public_sets.py SET FILE...

Prints {"rows", "events", "anomalies"} and exits 0 where every stream of the export has exactly the
events that the rows tell, in their order; else it names the first stream that differs.
"""
import collections
import csv
import datetime
import gzip
import json
import sys
import zoneinfo

UTC = datetime.timezone.utc


def rows(files, delimiter=","):
    for number, file in enumerate(files):
        opened = gzip.open if file.endswith(".gz") else open
        with opened(file, "rt", encoding="utf-8-sig", newline="") as text:
            for line, row in enumerate(csv.DictReader(text, delimiter=delimiter)):
                yield (number, line), row


def local(text, form, zone):
    if not text.strip():
        return None
    return datetime.datetime.strptime(text, form).replace(tzinfo=zoneinfo.ZoneInfo(zone))


class Told:
    """Events of one row in their life cycle; the latest time so far decides their order."""

    def __init__(self):
        self.events = []
        self.anomalies = collections.Counter()

    def tell(self, stream, told, place):
        latest = None
        for kind, rank, time, facts in told:
            if time is not None:
                time = time.astimezone(UTC)
                if latest is not None and time < latest:
                    self.anomalies["backward_clock." + kind.split(".")[1].replace(
                        "activity_recorded", "activity")] += 1
                latest = time if latest is None else max(latest, time)
            order = (latest or datetime.datetime.min.replace(tzinfo=UTC), rank, place)
            self.events.append((order, stream, kind, time, facts))

    def count(self, name, holds):
        if holds:
            self.anomalies[name] += 1

    def streams(self):
        streams = collections.defaultdict(list)
        for _, stream, kind, time, facts in sorted(self.events, key=lambda event: event[0]):
            streams[stream].append((kind, time, facts))
        return streams


def buenos_aires(files, told):
    zone, form = "America/Argentina/Buenos_Aires", "%d/%m/%Y %H:%M:%S"
    channels = {
        "GCS Web": "web_form", "App BA 147": "app", "App Denuncia Vial": "app",
        "Boti": "messaging", "Comuna": "counter", "Cercania": "counter", "Call Center": "phone",
        "Mail 147": "email"}
    for place, row in rows(files, ";"):
        received = local(row["fecha_ingreso"] + " " + row["hora_ingreso"], form, zone)
        closed = local(row["fecha_cierre_contacto"] + " " + row["hora_cierre_contacto"], form, zone)
        told.count("gender_missing", not row["genero"])
        told.count("comuna_missing", not row["domicilio_comuna"])
        told.count("closed_before_received", closed is not None and closed < received)
        facts = {
            "channel": channels.get(row["canal"], "other"), "entryPointId": row["canal"],
            "areaCode": row["domicilio_comuna"] or None,
            "serviceCode": row["prestacion"].lower(),
            "group.gender": row["genero"].lower() or None}
        events = [("contact.received", 0, received, facts)]
        if closed:
            events.append(("contact.closed", 1, closed, {}))
        told.tell(place, events, place)


def boston(files, told):
    zone, form = "America/New_York", "%m/%d/%Y %I:%M:%S %p"
    channels = {
        "Constituent Call": "phone", "Citizens Connect App": "app", "City Worker App": "app",
        "Self Service": "web_form", "Twitter": "social"}
    for place, row in rows(files):
        opened, target, closed = (
            local(row[name], form, zone) for name in ("OPEN_DT", "TARGET_DT", "CLOSED_DT"))
        told.count("closed_before_opened", closed is not None and closed < opened)
        told.count("target_before_opened", target is not None and target < opened)
        told.count("term_not_judged", not row["OnTime_Status"])
        told.count("neighbourhood_missing", not row["neighborhood"].strip())
        events = [("case.opened", 0, opened, {
            "channel": channels.get(row["Source"], "other"), "entryPointId": row["Source"],
            "areaCode": row["neighborhood"].strip() and row["neighborhood"] or None,
            "serviceCode": row["TYPE"],
            "slaId": "boston-311" if row["OnTime_Status"] else None,
            "openedBy": "operator"
            if row["Source"] in ("Employee Generated", "City Worker App") else None})]
        if row["OnTime_Status"] == "OVERDUE":
            events.append(("sla.breached", 1, target, {}))
        if closed:
            events.append(("case.closed", 2, closed, {}))
        told.tell("case/" + row["CASE_ENQUIRY_ID"], events, place)


def bpi(files, told):
    seen = set()
    for place, row in rows(files):
        time = datetime.datetime.fromisoformat(row["Change Date+Time"])
        status, step = row["Status"], row["Sub Status"]
        line = {"L1": "1", "L2": "2", "L3": "3"}.get(row["ST Level"])
        told.count("line_unknown", line is None)
        told.count("status_unmatched", status == "Unmatched")
        if status == "Queued":
            kind = "case.assigned"
        elif status == "Accepted":
            working = step in ("In Progress", "Assigned")
            kind = "case.taken_in_charge" if working else "case.waiting_started"
        elif status == "Completed":
            kind = "case.resolved" if step in ("Resolved", "In Call") else "case.closed"
        else:
            kind = "case.activity_recorded"
        events = []
        if row["SR Number"] not in seen:
            seen.add(row["SR Number"])
            events.append(("case.opened", 0, time, {"serviceCode": row["Product"]}))
        events.append((kind, 1, time, {"ownerId": row["Involved ST"], "lineLevel": line}))
        told.tell("case/" + row["SR Number"], events, place)


def wabo(files, told):
    seen = set()
    channels = {
        "Internet": "web_form", "Desk": "counter", "Post": "letter", "e-mail": "email"}
    for place, row in rows(files):
        case = row["case:concept:name"]
        start, done = (
            datetime.datetime.fromisoformat(row[name])
            for name in ("case:startdate", "time:timestamp"))
        end = row["case:enddate"] and datetime.datetime.fromisoformat(row["case:enddate"])
        told.count("done_before_the_case_started", done < start)
        told.count("done_after_the_case_ended", end and end < done)
        events = []
        if case not in seen:
            events.append(("case.opened", 0, start, {
                "channel": channels.get(row["case:channel"], "other"),
                "entryPointId": row["case:channel"]}))
        if row["concept:name"] == "Confirmation of receipt":
            events.append(("case.taken_in_charge", 1, done, {"activity": row["concept:name"]}))
        else:
            events.append(("case.activity_recorded", 1, done, {"activity": row["concept:name"]}))
        if case not in seen and end:
            events.append(("case.closed", 2, end, {}))
        seen.add(case)
        told.tell("case/" + case, events, place)


def fines(files, told):
    seen = set()
    for place, row in rows(files):
        time = local(row["timestamp"], "%Y-%m-%d %H:%M:%S", "Europe/Rome")
        events = []
        if row["case_id"] not in seen:
            seen.add(row["case_id"])
            events.append(("case.opened", 0, time, {"serviceCode": row["article"] or None}))
        events.append(("case.activity_recorded", 1, time, {"activity": row["activity"]}))
        told.tell("case/" + row["case_id"], events, place)


def kansas_city(files, told):
    questions = {
        "sat_311_service": 0, "sat_311_ease_by_phone": 1, "sat_311_ease_by_web_or_app": 2,
        "sat_311_courtesy_call_takers": 3, "sat_311_issue_resolved": 4,
        "sat_overall_city_services": 5}
    ages = {"1": "18-24", "2": "25-34", "3": "35-44", "4": "45-54", "5": "55-64", "6": "65+"}
    for place, row in rows(files):
        answers = [
            {"q": question, "value": int(row[question])} for question in questions
            if row[question] not in ("", "9", "NA")]
        age = ages.get(row["age_1_18_24_2_25_34_3_35_44_4_45_54_5_55_64_6_65plus"])
        told.count("age_missing", age is None)
        told.count(
            "nothing_said_about_311",
            all(answer["q"] == "sat_overall_city_services" for answer in answers))
        told.tell("survey/%s-%s" % (row["survey_wave"], row["row"]), [
            ("survey.answered", 0, None, {
                "channel": {"Web": "web_form", "Mail": "letter", "Phone": "phone"}[
                    row["survey_mode"]],
                "answers": answers or None, "group.age": age})], place)


SETS = {
    "buenos-aires-147": buenos_aires, "boston-311": boston, "bpi-2013-incidents": bpi,
    "wabo-receipt": wabo, "traffic-fines": fines, "kansas-city-survey": kansas_city}


def main():
    name, files = sys.argv[1], sys.argv[2:]
    told = Told()
    SETS[name](files, told)
    expected = told.streams()
    anonymous = name == "buenos-aires-147"
    found = collections.defaultdict(list)
    first_facts = {}
    kinds = collections.Counter()
    for line in sys.stdin.buffer:
        event = json.loads(line)
        if event["position"] == "0":
            continue
        kinds[event["type"]] += 1
        time = event.get("time")
        time = time and datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
        facts = dict(event["data"])
        for tag in event.get("tags", "").split():
            key, value = tag.split(":", 1)
            facts[key] = value
        found[event["subject"]].append((event["type"], time, facts))
    if anonymous:
        # Rows have no name here, and two may say the same: what counts is how many say what.
        def summary(streams):
            return collections.Counter(
                tuple((kind, time) for kind, time, _ in events)
                + (json.dumps({key: events[0][2].get(key) for key in (
                    "channel", "entryPointId", "areaCode", "serviceCode", "group.gender")}),)
                for events in streams)
        wanted, got = summary(expected.values()), summary(found.values())
        if wanted != got:
            sys.exit("differs: %r" % (next(iter((wanted - got) or (got - wanted))),))
    else:
        for stream in expected.keys() | found.keys():
            wanted, got = expected.get(stream, []), found.get(stream, [])
            agree = len(wanted) == len(got) and all(
                one[0] == other[0] and one[1] == other[1]
                and all(other[2].get(key) == value for key, value in one[2].items())
                for one, other in zip(wanted, got))
            if not agree:
                sys.exit("%s differs:\n%r\n%r" % (stream, wanted, got))
    print(json.dumps({
        "rows": sum(1 for _ in rows(files, ";" if anonymous else ",")),
        "events": sum(kinds.values()), "anomalies": dict(told.anomalies)}))


main()
