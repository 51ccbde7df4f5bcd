"""What a figure was measured on, without naming anyone's machine."""
import os
import platform
import subprocess


def cpu():
    for line in subprocess.run(["lscpu"], capture_output=True, text=True).stdout.splitlines():
        if line.startswith("Model name:"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def file_system(path):
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    found = "unknown"
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == number:
                found = fields[fields.index("-") + 1]
    return found


def describe(path):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
            f"Linux {platform.release().split('-')[0]}, {file_system(path)}")


def bytes_on_disk(paths):
    """Bytes of the blocks of files, without a reserve of zeros at a file's end."""
    return sum(min(os.stat(path).st_blocks * 512, bytes_used(path)) for path in paths)


def bytes_used(path):
    """Bytes of a file up to the last one that is not zero, in whole pages."""
    page = 4096
    zeros = bytes(1 << 20)
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - len(zeros))
            file.seek(start)
            part = file.read(end - start)
            if part != zeros[:len(part)]:
                used = start + len(part.rstrip(b"\0"))
                return -(-used // page) * page
            end = start
    return 0
