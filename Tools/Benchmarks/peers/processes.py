"""What processes cost, as /proc tells it."""
import ctypes
import os
import signal
import time

TICK = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
# In half a second of a process that has nothing to do.
IDLE_TICKS = 2


def end_with_parent():
    """The calling process is killed when the thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def cpu_seconds(process):
    """Time of processors that a process has used, in itself and in the kernel; ticks of 10 ms."""
    with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu_after(process, patience=30):
    """What a process still uses until it was idle for 1.5 s; read models are a second late."""
    start = last = cpu_seconds(process)
    end = time.monotonic() + patience
    idle = 0
    while idle < 3 and time.monotonic() < end:
        time.sleep(0.5)
        now = cpu_seconds(process)
        idle = idle + 1 if now - last <= IDLE_TICKS / TICK else 0
        last = now
    return last - start


class Others:
    """How much of all processors' time others use while we measure.

    Counts as ours: this process, its children that have ended, and those that run and are named.
    """

    def __init__(self, running):
        self.running = running
        self.start = self.now()

    def now(self):
        """All time, what of it was used, and what of that was ours."""
        with open("/proc/stat", encoding="utf-8") as file:
            fields = [int(field) / TICK for field in file.readline().split()[1:9]]
        # The fourth and the fifth are idle, without and with something to wait for.
        used = sum(fields) - fields[3] - fields[4]
        ours = sum(os.times()[:4]) + sum(map(cpu_seconds, self.running))
        return sum(fields), used, ours

    def share(self):
        time_of_all, used, ours = (
            now - before for now, before in zip(self.now(), self.start))
        return max(0, used - ours) / time_of_all


def sizes(process):
    """KB of memory, the number of descriptors, and of threads."""
    found = {}
    with open(f"/proc/{process}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in ("VmRSS", "RssAnon", "RssFile", "Threads"):
                found[name] = int(value.split()[0])
    return {
        "rss_kb": found["VmRSS"], "anon_kb": found["RssAnon"], "file_kb": found["RssFile"],
        "descriptors": len(os.listdir(f"/proc/{process}/fd")), "threads": found["Threads"]}
