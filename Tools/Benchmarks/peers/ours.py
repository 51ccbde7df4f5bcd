"""Ascolto, embedded, and LMDB alone: `ascolto bench` measures both in turns."""
import json
import subprocess


class Ours:
    name = "Ascolto"
    client = "in process, Swift tasks"

    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory

    def bench(self, *arguments):
        result = subprocess.run(
            [self.binary, "bench", "--dir", self.directory, "--format", "json",
             *map(str, arguments)],
            stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(result.stdout)

    def appends(self, seed):
        """Both append scenarios; the seed makes other events each time."""
        return self.bench("--only", "appends", "--rounds", 5, "--seed", seed)

    def calls(self, path, events):
        return self.bench("--only", "calls", "--input", path, "--events", events)
