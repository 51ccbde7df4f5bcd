"""Appends an event with the official CloudEvents package, once more as a retry, and reads it back.

usage: first_event.py URL [TOKEN]        needs: pip install cloudevents
"""
import json
import sys
import urllib.error
import urllib.request
import uuid

from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent

url = sys.argv[1].rstrip("/")
fields = {"Authorization": f"Bearer {sys.argv[2]}"} if len(sys.argv) > 2 else {}

# The subject is the stream. The id is what makes a retry safe: keep it for as long as you try.
event = CloudEvent(
    {
        "id": str(uuid.uuid4()), "type": "contact.received", "source": "urn:example:desk",
        "subject": "contact/7f3a", "schema": 1, "tags": "centre:rome queue:tax",
    },
    {"channel": "phone", "direction": "in", "queueId": "tax"},
)
message = to_structured_event(event)


def send(method, path, body=None, **more):
    """The status and the body of an answer, whether it is good news or not."""
    request = urllib.request.Request(url + path, body, {**fields, **more}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


for attempt in ("appended", "already appended"):
    status, body = send("POST", "/v1/events", message.body, **message.headers)
    if status not in (200, 201):
        sys.exit(f"{status}: {json.loads(body)['detail']}")
    print(status, attempt, "at position", json.loads(body)["first"])
print(send("GET", "/v1/events?stream=contact/7f3a&order=backward&limit=1")[1].decode(), end="")
