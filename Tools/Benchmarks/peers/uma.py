"""UmaDB: its server from the wheel, on loopback, and its client for Python (native inside).

64 appenders are 64 threads with a connection each; the client releases the interpreter while it
waits. An event is a type, tags (the stream and those of the event), an id, metadata and the
payload.
"""
import json
import os
import socket
import subprocess
import sys
import time
import uuid

import umadb

import closed_loop


class UmaDB:
    name = "UmaDB"
    client = "its native client, threads of Python"

    def __init__(self, directory):
        os.makedirs(directory)
        self.path = os.path.join(directory, "uma.db")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        program = os.path.join(os.path.dirname(sys.executable), "umadb")
        self.server = subprocess.Popen(
            [sys.executable, program, "--listen", f"127.0.0.1:{port}", "--db-path", self.path],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.clients = []
        deadline = time.monotonic() + 30
        while True:
            try:
                self.main = self.connect()
                self.main.head()
                return
            except Exception:
                if time.monotonic() > deadline or self.server.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.1)

    @staticmethod
    def version():
        from importlib.metadata import version
        return f"UmaDB {version('umadb')}"

    def connect(self):
        client = umadb.Client(self.url)
        self.clients.append(client)
        return client

    def stop(self):
        for client in self.clients:
            client.close()
        self.server.terminate()
        self.server.wait(30)

    @staticmethod
    def event(event):
        data = json.dumps(event["data"], separators=(",", ":")).encode()
        metadata = {"source": event["source"], "time": event["time"]}
        tags = [event["subject"]] + event.get("tags", "").split()
        return umadb.Event(event["type"], data, tags, uuid.UUID(event["id"]), metadata)

    def append(self, appenders, seconds, lines):
        def prepare(number, count):
            client = self.main if appenders == 1 else self.connect()
            source = lines(number)
            events = [[self.event(json.loads(source.next()[4]))] for _ in range(count)]
            return client.append, events

        return closed_loop.run(appenders, seconds, prepare)

    def bulk(self, events, per_append):
        portions = [
            [self.event(event) for event, _, _ in events[start:start + per_append]]
            for start in range(0, len(events), per_append)
        ]
        start = time.monotonic()
        for portion in portions:
            self.main.append(portion)
        return len(events) / (time.monotonic() - start)

    def replay(self):
        start = time.monotonic()
        events = 0
        response = self.main.read()
        while batch := response.next_batch():
            events += len(batch)
        return events, events / (time.monotonic() - start)

    def files(self):
        return [self.path]
