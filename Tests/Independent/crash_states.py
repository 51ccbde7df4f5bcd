"""Cuts the power under a log on ext4, on a disk that loses and reorders sectors.

A FUSE file plays the disk: it keeps each block write and each flush, in order, with the time. A loop
device over it carries ext4, where an appender works and tells its acknowledgements with the time.
A crash state is then any disk that those writes allow: all writes up to some flush, and of the writes
up to the next flush a random part of their 512-byte sectors, in random order. The state is mounted
(ext4 replays its journal, and is checked where it must be), the log is checked, and all that was
acknowledged by then must be in it.

usage: crash_states.py ASCOLTO APPENDER SEED STATES REQUESTS SHAPE WIDTH [PRELOAD]

PRELOAD is a library that takes the appender's syncs away, for the control that must lose data. Prints
one JSON object; `failures` says for each state that broke a promise which one.
"""

import ctypes
import ctypes.util
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import mfusepy as fuse

DISK_BYTES = 48 << 20
BLOCK, SECTOR = 4096, 512
RUNS = 10
HEAD_MAGIC = b"ascolto1"
RECORD = struct.Struct("<cQQQ")


class Disk(fuse.Operations):
    """One file, kept in memory, that writes down everything that is done to it."""

    use_ns = True

    def __init__(self, image, journal):
        self.content = bytearray(image)
        self.journal = open(journal, "wb", buffering=0)

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": 0o40755, "st_nlink": 2}
        if path == "/disk":
            return {"st_mode": 0o100600, "st_nlink": 1, "st_size": len(self.content)}
        raise fuse.FuseOSError(2)

    def readdir(self, path, fh):
        return [".", "..", "disk"]

    def open(self, path, flags):
        return 1

    def read(self, path, size, offset, fh):
        return bytes(self.content[offset : offset + size])

    def write(self, path, data, offset, fh):
        self.content[offset : offset + len(data)] = data
        self.journal.write(RECORD.pack(b"W", time.monotonic_ns(), offset, len(data)) + data)
        return len(data)

    def fsync(self, path, datasync, fh):
        self.journal.write(RECORD.pack(b"F", time.monotonic_ns(), 0, 0))
        return 0


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{words}: exit {done.returncode}: {done.stderr}")
    return done.stdout


class Mounted:
    """An image as a mounted ext4, unmounted at the end of the block."""

    def __init__(self, image, folder):
        self.image, self.folder = image, folder

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        self.loop = run("losetup", "--find", "--show", self.image).strip()
        try:
            try:
                self.mount()
            except RuntimeError:
                # A torn superblock is the file system's own affair: its check puts back a copy, and
                # may leave the rest to a second look.
                for _ in range(2):
                    subprocess.run(
                        ["e2fsck", "-f", "-y", self.loop], capture_output=True, timeout=120)
                self.mount()
        except BaseException:
            run("losetup", "--detach", self.loop)
            raise
        return self.folder

    def mount(self):
        run("mount", "-t", "ext4", "-o", "noatime", self.loop, self.folder)

    def __exit__(self, *_):
        run("umount", self.folder)
        run("losetup", "--detach", self.loop)


def serve(image, journal, folder):
    """Starts the disk in a process of its own and waits for it."""
    os.makedirs(folder, exist_ok=True)
    child = os.fork()
    if child == 0:
        fuse.FUSE(Disk(image, journal), folder, foreground=True, nothreads=True)
        os._exit(0)
    for _ in range(500):
        if os.path.exists(f"{folder}/disk"):
            return child
        time.sleep(0.01)
    raise RuntimeError("the disk does not come up")


def recorded(journal):
    """The writes of each epoch, and when the flush that ended it began."""
    epochs, ends, writes = [], [], []
    with open(journal, "rb") as file:
        while head := file.read(RECORD.size):
            kind, moment, offset, length = RECORD.unpack(head)
            if kind == b"W":
                writes.append((offset, file.read(length)))
            elif writes:
                epochs.append(writes)
                ends.append(moment)
                writes = []
            elif ends:
                ends[-1] = moment
    epochs.append(writes)
    ends.append(1 << 63)
    return epochs, ends


def has_head(writes):
    """Whether a slot of the head file begins in one of the file system's blocks."""
    return any(
        data.startswith(HEAD_MAGIC, start) for _, data in writes
        for start in range(0, len(data), BLOCK))


def apply(writes, disk):
    for offset, data in writes:
        disk[offset : offset + len(data)] = data


def torn(writes, disk, chance):
    """A random part of the sectors of these writes, in random order."""
    sectors = []
    for offset, data in writes:
        for start in range(0, len(data), SECTOR):
            sectors.append((offset + start, data[start : start + SECTOR]))
    kept = chance.choice([0, 0.1, 0.5, 0.9, 1])
    sectors = [sector for sector in sectors if chance.random() < kept]
    chance.shuffle(sectors)
    apply(sectors, disk)


class Harness:
    def __init__(self, words, work):
        self.ascolto, self.appender = words[0:2]
        self.seed, self.states = int(words[2]), int(words[3])
        self.requests, (self.shape, self.width) = int(words[4]), words[5:7]
        self.preload = words[7] if len(words) > 7 else None
        self.work = work
        self.chance = random.Random(self.seed)

    def append(self, log, requests, environment=None):
        words = [
            self.appender, log, str(self.seed), str(requests.start), str(requests.stop),
            self.shape, self.width]
        return run(*words, env={**os.environ, **(environment or {})})

    def prepare(self):
        """A disk with an empty log, all of it flushed."""
        image = f"{self.work}/base"
        with open(image, "wb") as file:
            file.truncate(DISK_BYTES)
        run("mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", image)
        with Mounted(image, f"{self.work}/mnt") as folder:
            run(self.ascolto, "init", "--log", f"{folder}/log")
        with open(image, "rb") as file:
            return file.read()

    def record(self, base):
        """Appends on the recording disk; returns its epochs and the acknowledgements."""
        folder, journal = f"{self.work}/fuse", f"{self.work}/journal"
        server = serve(base, journal, folder)
        try:
            with Mounted(f"{folder}/disk", f"{self.work}/mnt") as mounted:
                preload = {"LD_PRELOAD": self.preload} if self.preload else {}
                told, self.begun = "", time.monotonic_ns()
                # Each run opens and closes the log, which are moments of their own.
                each = -(-self.requests // RUNS)
                for first in range(0, self.requests, each):
                    requests = range(first, min(first + each, self.requests))
                    told += self.append(f"{mounted}/log", requests, preload)
        finally:
            run("umount", folder)
            os.waitpid(server, 0)
        epochs, ends = recorded(journal)
        acknowledged = []
        for line in told.splitlines():
            request, _, first, last, moment = line.split()
            acknowledged.append((int(request), int(first), int(last), int(moment)))
        return epochs, ends, acknowledged

    def judge(self, log, owed, again):
        """What is wrong with a log that owes these acknowledgements; None where nothing is."""
        words = [self.ascolto, "check", "--log", log]
        check = subprocess.run(words, capture_output=True, text=True, timeout=120)
        if check.returncode != 0:
            return f"check: exit {check.returncode}: {check.stderr.strip()}"
        export = run(self.ascolto, "export", "--log", log)
        kept = [line[27:63] for line in export.splitlines()]
        if len(set(kept)) != len(kept):
            return "an event is there twice"
        for request, first, last, _ in owed:
            for position in range(first, last + 1):
                number = f"{self.seed:016x}{request << 16 | position - first:016x}"
                name = "-".join(
                    number[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
                if position >= len(kept) or kept[position] != name:
                    return f"request {request} at {first} to {last} is lost"
        if again:
            all_again = self.append(log, range(self.requests))
            told = {line.split()[0]: line.split()[1:4] for line in all_again.splitlines()}
            for request, first, last, _ in owed:
                if told[str(request)] != ["already", str(first), str(last)]:
                    return f"request {request} is answered {told[str(request)]}"
        return None

    def choose(self, epochs, ends):
        """Where to cut: half of the times anywhere, else where the head file was under way.

        Mounting comes before, and is the file system's affair.
        """
        anywhere = [n for n, end in enumerate(ends) if n > 0 and end > self.begun]
        heads = [number for number in anywhere if has_head(epochs[number])]
        return sorted(
            self.chance.choice(heads if heads and number % 2 else anywhere)
            for number in range(self.states))

    def run(self):
        base = self.prepare()
        epochs, ends, acknowledged = self.record(base)
        disk = bytearray(base)
        applied = 0
        failures, lost_by = [], []
        chosen = self.choose(epochs, ends)
        image = f"{self.work}/state"
        for number, flushed in enumerate(chosen):
            while applied < flushed:
                apply(epochs[applied], disk)
                applied += 1
            state = bytearray(disk)
            torn(epochs[flushed], state, self.chance)
            owed = [each for each in acknowledged if each[3] < ends[flushed]]
            with open(image, "wb") as file:
                file.write(state)
            try:
                with Mounted(image, f"{self.work}/mnt") as folder:
                    wrong = self.judge(f"{folder}/log", owed, number % 4 == 0)
            except RuntimeError as error:
                wrong = f"the disk cannot be used: {error}"
            if wrong:
                failures.append(f"state {number}, {flushed} flushes, {len(owed)} owed: {wrong}")
                if keep := os.environ.get("CRASH_STATES_KEEP"):
                    shutil.copy(image, f"{keep}/state-{self.seed}-{number}")
        return {
            "flushes": len(epochs) - 1, "head_writes": sum(map(has_head, epochs)), "writes": sum(map(len, epochs)),
            "acknowledged": len(acknowledged), "states": len(chosen), "failures": failures,
        }


def main():
    # Nobody else sees the mounts, and none outlives this process.
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(0x00020000) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    work = tempfile.mkdtemp(prefix="ascolto-crash-")
    try:
        run("mount", "-t", "tmpfs", "-o", "size=512m", "none", work)
        print(json.dumps(Harness(sys.argv[1:], work).run()))
        run("umount", work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
