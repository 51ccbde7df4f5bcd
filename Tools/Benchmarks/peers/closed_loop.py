"""Appenders that wait for each acknowledgement before they send the next event."""
import threading
import time


# Events that are made before the clock starts, for all appenders together.
PREPARED = 80_000


def run(appenders, seconds, prepare):
    """Events per second of so many threads for so long.

    `prepare(number, count)` is called in each thread before the clock starts; it returns the
    function that appends one event durably, and `count` events for it. Threads of Python run one
    at a time outside the calls into a peer's native client, which release the interpreter: what
    the client costs is part of the figure.
    """
    ready = threading.Barrier(appenders + 1)
    counts = [0] * appenders
    failures = []

    def work(number):
        try:
            append, events = prepare(number, PREPARED // appenders)
            ready.wait()
            end = time.monotonic() + seconds
            for event in events:
                append(event)
                counts[number] += 1
                if time.monotonic() > end:
                    break
        except Exception as error:  # noqa: BLE001: raised by the main thread
            failures.append(error)
            ready.abort()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(appenders)]
    for thread in threads:
        thread.start()
    try:
        ready.wait()
    except threading.BrokenBarrierError:
        pass
    start = time.monotonic()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(counts) / (time.monotonic() - start)
