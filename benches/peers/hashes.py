"""The peers in Python of the bench `hash`: how long they take for the same numbers and the same arguments.

    python3 hashes.py MEGABYTES       a line each: name, median and lowest in nanoseconds, extra bytes of memory
    python3 hashes.py --importable    whether the peers are installed
"""

import statistics
import sys
import time

import blake3
import dask.base
import joblib
import numpy
import xxhash

if "--importable" in sys.argv:
    sys.exit(0)

ROUNDS = 5
MANY = 2000


def peak():
    """The most bytes of memory that the process had."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass


def say(name, work, times=1):
    taken, extra = [], 0
    for _ in range(ROUNDS):
        reset_peak()
        before = peak()
        started = time.perf_counter_ns()
        for _ in range(times):
            work()
        taken.append((time.perf_counter_ns() - started) / times)
        extra = max(extra, peak() - before)
    print(name, statistics.median(taken), min(taken), extra, sep="\t", flush=True)


def main():
    count = int(sys.argv[1]) * 125_000
    values = numpy.arange(count, dtype=numpy.float64) * 0.5
    plain = values.view(numpy.uint8)
    strided = values.reshape(-1, 10_000).T if count % 10_000 == 0 else values[::-1]
    threads = blake3.blake3.AUTO
    say("joblib.hash", lambda: joblib.hash(values))
    say("joblib.hash, transposed", lambda: joblib.hash(strided))
    say("dask.tokenize", lambda: dask.base.tokenize(values))
    say("dask.tokenize, transposed", lambda: dask.base.tokenize(strided))
    say("xxhash.xxh3_128", lambda: xxhash.xxh3_128(plain.data).digest())
    say("blake3, one thread", lambda: blake3.blake3(plain).digest())
    say("blake3, all threads", lambda: blake3.blake3(plain, max_threads=threads).digest())
    image = (numpy.arange(3000 * 4000 * 3) * 7 >> 3).astype(numpy.uint8).reshape(3000, 4000, 3)
    say("joblib.hash of an image", lambda: joblib.hash(image))
    options = {
        "window": 30, "rate": 0.1, "station": "north", "depth": 4, "seed": 42,
        "verbose": False, "low": -1.0, "high": 1.0, "mode": 2, "step": -3,
    }
    say("joblib.hash of 7", lambda: joblib.hash(7), MANY)
    say("dask.tokenize of 7", lambda: dask.base.tokenize(7), MANY)
    say("joblib.hash of ten fields", lambda: joblib.hash(options), MANY)
    say("dask.tokenize of ten fields", lambda: dask.base.tokenize(options), MANY)


main()
