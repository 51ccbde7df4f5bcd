"""A server that a test starts on a free port, and the least that it takes to talk to it."""
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import uuid


class Server:
    """Runs `ascolto serve` until `stop`; what it says is kept for when something goes wrong."""

    def __init__(self, binary, log, *arguments, host="127.0.0.1", environment=None):
        self.words = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [binary, "serve", "--log", log, "--listen", f"{host}:0", *arguments],
            stdout=subprocess.DEVNULL, stderr=self.words,
            env={**os.environ, **(environment or {})})
        self.host = host
        end = time.time() + 30
        while True:
            found = re.search(r"listening on (https?)://.*:(\d+)", self.said())
            if found:
                self.port = int(found[2])
                return
            if self.process.poll() is not None or time.time() > end:
                raise SystemExit(f"the server did not begin: {self.said()}")
            time.sleep(0.01)

    def said(self):
        # Without moving the offset, at which the server writes.
        size = os.fstat(self.words.fileno()).st_size
        return os.pread(self.words.fileno(), size, 0).decode(errors="replace")

    def stop(self, number=signal.SIGTERM):
        """Ends it, and returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def request(self, method, path, body=None, fields=None, token=None):
        """One request on a connection of its own: status, fields and body of the answer."""
        fields = dict(fields or {})
        if token:
            fields["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def append(self, event, query="", token=None):
        return self.request(
            "POST", "/v1/events" + query, json.dumps(event),
            {"Content-Type": "application/cloudevents+json"}, token)


def event(stream="test/1", kind="test.happened", **members):
    """An event of no meaning."""
    return {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "urn:test", "type": kind,
            "subject": stream, "data": {"n": 1}, **members}


def merged(value, patch):
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result


class Checks:
    """Says what does not hold, and whether anything does not."""

    def __init__(self):
        self.count = 0
        self.wrong = []

    def that(self, holds, what):
        self.count += 1
        if not holds:
            self.wrong.append(what)
            print("wrong:", what)

    def same(self, found, wanted, what):
        self.that(found == wanted, f"{what}: {found!r}, not {wanted!r}")

    def end(self):
        print(f"{self.count} checks, {len(self.wrong)} wrong")
        raise SystemExit(1 if self.wrong or not self.count else 0)
