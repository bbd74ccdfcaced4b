"""The peers in Python: answers to the same words as a process of the bench `store`.

    python3 python.py --part PART PEER FOLDER NUMBERS...    see ../src/part.rs
    python3 python.py --importable                          whether the peers are installed
"""

import os
import random
import statistics
import sys
import time

if "--importable" in sys.argv:
    import diskcache
    import joblib
    import numpy

    sys.exit(0)


def value_of(n, size):
    """The value of `n`: no two are alike, and none can be compressed."""
    return random.Random(n).randbytes(size)


PREPARED = {}
COMPUTED = 0


def made(n, size):
    """What joblib caches. Values that are to be put lie ready."""
    global COMPUTED
    COMPUTED += 1
    return PREPARED.pop(n)


class Diskcache:
    def __init__(self, folder, size):
        import diskcache

        self.cache = diskcache.Cache(os.path.join(folder, "cache"), size_limit=1 << 40)

    def put(self, n, value):
        self.cache.set(n, value)

    def hit(self, n):
        return self.cache.get(n)


class Joblib:
    def __init__(self, folder, size):
        import joblib

        self.size = size
        self.call = joblib.Memory(os.path.join(folder, "cache"), verbose=0).cache(made)

    def put(self, n, value):
        PREPARED[n] = value
        self.call(n, self.size)
        assert n not in PREPARED, "there was an entry already"

    def hit(self, n):
        before = COMPUTED
        value = self.call(n, self.size)
        assert COMPUTED == before, "it was computed"
        return value


PEERS = {"diskcache": Diskcache, "joblib": Joblib}


def nanos(started):
    return time.perf_counter_ns() - started


def timed_put(cache, n, size):
    value = value_of(n, size)
    started = time.perf_counter_ns()
    cache.put(n, value)
    return nanos(started)


def timed_hit(cache, n, size):
    started = time.perf_counter_ns()
    value = cache.hit(n)
    took = nanos(started)
    assert value == value_of(n, size), f"{n} is not there, or wrong"
    return took


def fill(open_cache, size, first, last):
    cache = open_cache()
    return [statistics.fmean(timed_put(cache, n, size) for n in range(first, last))]


def hits(open_cache, size, entries, count):
    numbers = random.sample(range(entries), min(entries, count))
    started = time.perf_counter_ns()
    cache = open_cache()
    opened = nanos(started)
    times = [timed_hit(cache, n, size) for n in numbers]
    return [opened, times[0], statistics.median(times[1:])]


def sweep(open_cache, size, entries):
    cache = open_cache()
    return [statistics.fmean(timed_hit(cache, n, size) for n in range(entries))]


def big(open_cache, size, count):
    cache = open_cache()
    puts = [timed_put(cache, n, size) for n in range(count + 1)][1:]
    cache = open_cache()
    found = [timed_hit(cache, n, size) for n in range(count + 1)][1:]
    return [statistics.median(puts), statistics.median(found)]


def read(open_cache, size, entries, millis):
    cache = open_cache()
    numbers = random.sample(range(entries), entries)
    for n in numbers[:1000]:
        timed_hit(cache, n, size)
    print("ready", flush=True)
    sys.stdin.readline()
    started, count = time.perf_counter_ns(), 0
    while nanos(started) < millis * 1_000_000:
        assert cache.hit(numbers[count % entries]) is not None
        count += 1
    return [count / (nanos(started) / 1e9)]


PARTS = {"fill": fill, "hits": hits, "sweep": sweep, "big": big, "read": read}


def main():
    _, part, peer, folder, size, *numbers = sys.argv[1:]
    size = int(size)
    figures = PARTS[part](lambda: PEERS[peer](folder, size), size, *map(int, numbers))
    print(*figures)


main()
