"""Leaves a server room for what is appended, but none for the block that is made of it.

usage: little_room.py BINARY DIR

Every 256 events are made into a block behind the scenes, which takes about as much room as they
did. Where there is less, that has to wait, and appends, read models and
the rest of the disk must not suffer. Needs root, to mount a small tmpfs in DIR; without it this
says `skipped:` and exits with 77. Takes about ten seconds.
"""
import base64
import json
import random
import subprocess
import sys
import threading
import time

from full_disk import CONTACT, Story, small_disk
from serving import Checks, event

EVENT_BYTES, MIB = 40_000, 1 << 20


def main():
    checks = Checks()
    with small_disk(sys.argv[2], 24) as disk:
        story = Story(checks, sys.argv[1], disk)
        try:
            tell(checks, story)
        finally:
            story.server.process.kill()
    checks.end()


class Least:
    """The least room that the disk had meanwhile."""

    def __init__(self, story):
        self.story, self.bytes = story, story.free()
        self.is_over = False
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.is_over:
            self.bytes = min(self.bytes, self.story.free())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()


def append(checks, story, what):
    """One event that cannot be made much smaller."""
    text = base64.b64encode(random.randbytes(EVENT_BYTES * 3 // 4)).decode()
    status, _, body = story.server.append(event("big/1", data={"text": text}))
    checks.same(status, 201, f"{what}: {body.decode()}, {story.free()} bytes are free")


def statistics(story):
    found = subprocess.run([story.binary, "stats", "--log", story.log, "--format", "json"],
                           capture_output=True, text=True)
    return json.loads(found.stdout)


def tell(checks, story):
    for _ in range(240):
        append(checks, story, "while there is room")
    before = statistics(story)
    checks.same(before["blocks"], 0, "blocks, before the test begins")
    # 3 MiB are left: less than the block takes, more than what is appended.
    story.fill("more", story.free() - 3 * MIB)
    with Least(story) as least:
        for number in range(30):
            append(checks, story, f"with little room, number {number}")
        # Made behind the scenes, a block would come within this time.
        time.sleep(2)
        story.send([event("contact/late", **CONTACT)])
        time.sleep(0.5)
    checks.that(least.bytes > MIB, f"the disk was never filled in vain: {least.bytes} bytes free")
    now = statistics(story)
    told = f"{now['unused_bytes']} bytes of data.mdb are unused, {story.free()} of the disk free"
    checks.that(story.free() > MIB, f"1 MiB of 3 was appended, some are left: {told}")
    grown = now["data_file_bytes"] - before["data_file_bytes"]
    checks.that(grown < 2 * MIB, f"data.mdb grew by what was appended, not by {grown}")
    story.wait(f"read models catch up ({told})", story.models_are_even, 5)
    checks.same(story.ask("/v1/projections")[2][0].get("problem"), None, "a read model's problem")
    story.same_events("with little room")
    story.room()

    def a_block_is_made():
        append(checks, story, "with room again")
        return statistics(story)["blocks"] > 0
    story.wait("a block is made", a_block_is_made, 15)
    story.wait("read models catch up, with room again", story.models_are_even, 5)
    checks.same(story.server.stop(), 0, "the exit status")
    story.inspect("at last")


main()
