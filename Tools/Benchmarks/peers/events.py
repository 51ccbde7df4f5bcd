"""The events that all systems are given, as CloudEvents lines."""
import json
import os
import random
import subprocess
import uuid

LINE_BYTES = 256
LOG_MEMBERS = ("position", "revision", "recorded", "datahash")


class SizedLines:
    """Lines of 256 bytes, like those of `ascolto bench`: five in a row are of one stream."""

    source = "urn:ascolto:synthetic:bench"

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.made = 0

    def next(self):
        """The next event: (id, stream, revision, type, line)."""
        identifier = uuid.UUID(int=self.random.getrandbits(128), version=4)
        stream = f"contact/{self.seed:x}-{self.made // 5}"
        line = (
            f'{{"specversion":"1.0","id":"{identifier}","source":"{self.source}",'
            f'"type":"contact.received","subject":"{stream}",'
            f'"time":"2026-03-02T09:00:{self.made % 60:02}Z","schema":1,'
            f'"data":{{"channel":"phone","direction":"in","note":"'
        )
        missing = LINE_BYTES - len(line) - 3
        line += f"{self.random.getrandbits(4 * missing):0{missing}x}" + '"}}'
        revision = self.made % 5
        self.made += 1
        return identifier, stream, revision, "contact.received", line


def make_file(ascolto, root, shared, directory, path):
    """Writes real or generated contacts to `path`, with random ids; returns what they are."""
    log = os.path.join(directory, "source-log")
    months = [f"{shared}/data/technion_bank_calls_1999-{month}.tsv.gz" for month in ("01", "02")]
    if all(map(os.path.exists, months)):
        mapping = os.path.join(root, "Tools/mappings/technion.yaml")
        arguments = ["import", "csv", "--mapping", mapping, *months]
        name = 'two months of calls of the "Anonymous Bank" (Technion)'
    else:
        arguments = ["generate", "--days", "60", "--seed", "1"]
        name = "60 generated days of a municipality"
    subprocess.run(
        [ascolto, *arguments, "--log", log], check=True, stdout=subprocess.DEVNULL)
    numbers = random.Random(1)
    export = subprocess.Popen(
        [ascolto, "export", "--log", log], stdout=subprocess.PIPE, text=True)
    with open(path, "w", encoding="utf-8") as file:
        for line in export.stdout:
            event = json.loads(line)
            if event["type"].startswith("meta."):
                continue
            for member in LOG_MEMBERS:
                event.pop(member, None)
            # Ids that a producer draws at random cannot be compressed, by nobody.
            event["id"] = str(uuid.UUID(int=numbers.getrandbits(128), version=4))
            file.write(json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n")
    if export.wait() != 0:
        raise SystemExit("ascolto export failed")
    return name


def read_file(path):
    """The lines of a file with what each says."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    revisions = {}
    events = []
    for line in lines:
        event = json.loads(line)
        stream = event["subject"]
        revision = revisions.get(stream, 0)
        revisions[stream] = revision + 1
        events.append((event, revision, line))
    return events
