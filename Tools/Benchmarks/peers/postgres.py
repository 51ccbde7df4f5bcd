"""PostgreSQL 15 from Debian: a cluster of its own, and an append function in postgres.sql.

fsync, full_page_writes and synchronous_commit are on. Appenders are clients of pgbench, which is
written in C, each with a connection of its own over a Unix socket; bulk is one call of a function
with arrays of 1,000 events, from psycopg; replay is COPY of the whole table in order to psql,
which throws it away.
"""
import json
import os
import pwd
import re
import shutil
import subprocess
import time

import psycopg

from events import SizedLines

BINARIES = "/usr/lib/postgresql/15/bin"
HERE = os.path.dirname(os.path.realpath(__file__))
# One event of the other systems' kind, taken apart into the columns of the table. Colons in texts
# are escaped, since pgbench would take what follows for a variable.
ONE_EVENT = r"""\set stream random(1, 1000000000)
SELECT append_event(gen_random_uuid(), 'contact/1-' || :stream, 'contact.received',
    U&'SOURCE', U&'TIME', '', U&'DATA');
"""


class PostgreSQL:
    name = "PostgreSQL 15, append function"
    client = "pgbench (C); psycopg for bulk"

    def __init__(self, directory):
        os.makedirs(directory)
        self.directory = directory
        self.data = os.path.join(directory, "cluster")
        self.prefix = []
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            user = pwd.getpwnam("postgres")
            os.chown(directory, user.pw_uid, user.pw_gid)
            self.prefix = ["runuser", "-u", "postgres", "--"]
        self.run(f"{BINARIES}/initdb", "-D", self.data, "-A", "trust", "-U", "bench",
                 "--no-instructions", "--locale=C.UTF-8")
        options = (f"-c listen_addresses='' -c unix_socket_directories={directory}"
                   " -c fsync=on -c synchronous_commit=on -c full_page_writes=on"
                   " -c max_connections=80 -c shared_buffers=512MB -c max_wal_size=4GB")
        self.run(f"{BINARIES}/pg_ctl", "-D", self.data, "-w", "-l",
                 os.path.join(directory, "server"), "-o", options, "start")
        self.address = ["-h", directory, "-U", "bench"]
        self.main = psycopg.connect(
            host=directory, user="bench", dbname="postgres", autocommit=True)
        with open(os.path.join(HERE, "postgres.sql"), encoding="utf-8") as script:
            self.main.execute(script.read())
        self.script = os.path.join(directory, "append.sql")
        with open(self.script, "w", encoding="utf-8") as file:
            event = json.loads(SizedLines(1).next()[4])
            script = ONE_EVENT
            for name in ("source", "time", "data"):
                value = event[name] if name != "data" else json.dumps(event[name])
                script = script.replace(name.upper(), value.replace(":", r"\003A"))
            file.write(script)

    def run(self, *command):
        result = subprocess.run(
            [*self.prefix, *command], capture_output=True, text=True, cwd=self.directory)
        if result.returncode != 0:
            raise SystemExit(f"{command[0]}: {result.stderr or result.stdout}")
        return result.stdout

    @staticmethod
    def version():
        text = subprocess.run(
            [f"{BINARIES}/postgres", "--version"], capture_output=True, text=True).stdout
        return "PostgreSQL " + text.split()[2]

    def stop(self):
        self.main.close()
        self.run(f"{BINARIES}/pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")

    def append(self, appenders, seconds, _lines):
        seconds = max(1, round(seconds))
        text = self.run(
            shutil.which("pgbench") or f"{BINARIES}/pgbench", *self.address, "-n", "-M", "prepared",
            "-c", str(appenders), "-j", str(min(2, appenders)), "-T", str(seconds),
            "-f", self.script, "postgres")
        return float(re.search(r"tps = ([0-9.]+) \(without", text).group(1))

    def bulk(self, events, per_append):
        calls = []
        for start in range(0, len(events), per_append):
            portion = [event for event, _, _ in events[start:start + per_append]]
            calls.append((
                [event["id"] for event in portion], [event["subject"] for event in portion],
                [event["type"] for event in portion], [event["source"] for event in portion],
                [event["time"] for event in portion],
                [event.get("tags", "") for event in portion],
                [json.dumps(event["data"]) for event in portion]))
        statement = ("SELECT append_events(%s::uuid[], %s::text[], %s::text[], %s::text[],"
                     " %s::timestamptz[], %s::text[], %s::jsonb[])")
        start = time.monotonic()
        for call in calls:
            self.main.execute(statement, call)
        return len(events) / (time.monotonic() - start)

    def replay(self):
        (events,) = self.main.execute("SELECT count(*) FROM events").fetchone()
        start = time.monotonic()
        with open(os.devnull, "wb") as nothing:
            subprocess.run(
                ["psql", *self.address, "-q", "-c",
                 "COPY (SELECT * FROM events ORDER BY position) TO STDOUT", "postgres"],
                check=True, stdout=nothing)
        return events, events / (time.monotonic() - start)

    def files(self):
        self.main.execute("VACUUM FREEZE events")
        self.main.execute("CHECKPOINT")
        (path,) = self.main.execute("SELECT current_setting('data_directory')").fetchone()
        rows = self.main.execute(
            "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relname LIKE 'events%'"
            " AND relkind IN ('r', 'i')").fetchall()
        return [os.path.join(path, row[0]) for row in rows]
