"""Prints the events of XES files, one a line: stream, time and activity, in no particular order.

It shares nothing with our reader: the XML reader is Python's, which builds whole trees.
"""
import datetime
import gzip
import re
import sys
import xml.etree.ElementTree as tree


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def value(element, key):
    for child in element:
        if child.get("key") == key:
            return child.get("value")
    return None


def encoded(name):
    """White space, control characters, % and / as % and digits, as in the names of streams."""
    return re.sub(
        r"[\s\x00-\x1f\x7f-\x9f%/]",
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def utc(text):
    if text is None:
        return "-"
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    moment = moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return moment.isoformat() + "Z"


for path in sys.argv[1:]:
    opened = gzip.open(path) if path.endswith(".gz") else open(path, "rb")
    for trace in tree.parse(opened).getroot():
        if local(trace) != "trace":
            continue
        name = encoded(value(trace, "concept:name"))
        events = [event for event in trace if local(event) == "event"]
        start = value(trace, "time:timestamp")
        if start is None and events:
            start = value(events[0], "time:timestamp")
        print(f"case/{name}", utc(start), "case.opened", sep="\t")
        for event in events:
            print(
                f"case/{name}", utc(value(event, "time:timestamp")),
                value(event, "concept:name"), sep="\t")
