"""Python's `eventsourcing` on SQLite: the library's own recorder, in this process.

64 appenders are 64 threads that share its pool of connections; SQLite has one writer at a time and
knows no group commit, so they queue. The journal is a WAL, as the library sets it, and
synchronous is FULL, SQLite's default: each commit is synced. The state of an event is its line.
"""
import os
import time

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

import closed_loop


class SQLiteEvents:
    name = "eventsourcing on SQLite"
    client = "in process, threads of Python"

    def __init__(self, directory):
        os.makedirs(directory)
        self.path = os.path.join(directory, "events.sqlite")
        self.store = SQLiteDatastore(
            self.path, lock_timeout=60, pool_size=4, pool_timeout=60, originator_id_type="text")
        self.recorder = SQLiteApplicationRecorder(self.store)
        self.recorder.create_table()
        with self.store.transaction(commit=False) as cursor:
            cursor.execute("PRAGMA synchronous")
            if cursor.fetchone()[0] != 2:
                raise SystemExit("eventsourcing: SQLite does not sync each commit")

    @staticmethod
    def version():
        import sqlite3
        from importlib.metadata import version
        return f"eventsourcing {version('eventsourcing')}, SQLite {sqlite3.sqlite_version}"

    def stop(self):
        self.store.close()

    def append(self, appenders, seconds, lines):
        def prepare(number, count):
            source = lines(number)
            events = []
            for _ in range(count):
                _, stream, revision, kind, line = source.next()
                events.append([StoredEvent(stream, revision, kind, line.encode())])
            return self.recorder.insert_events, events

        return closed_loop.run(appenders, seconds, prepare)

    def bulk(self, events, per_append):
        portions = [
            [
                StoredEvent(event["subject"], revision, event["type"], line.encode())
                for event, revision, line in events[start:start + per_append]
            ]
            for start in range(0, len(events), per_append)
        ]
        start = time.monotonic()
        for portion in portions:
            self.recorder.insert_events(portion)
        return len(events) / (time.monotonic() - start)

    def replay(self):
        start = time.monotonic()
        events, position = 0, 1
        while batch := self.recorder.select_notifications(start=position, limit=1000):
            events += len(batch)
            position = batch[-1].id + 1
        return events, events / (time.monotonic() - start)

    def files(self):
        return [self.path]
