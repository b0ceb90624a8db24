"""Reads through kazoo, when told to.

usage: kazoo_reads.py HOSTS PATH
Takes lines "sequential MS" and "pipelined MS"; answers each with the reads a second.
"""

import sys
import time

from kazoo.client import KazooClient

# How many reads are under way at once when pipelined; read_loop.mjs has the same number.
BATCH = 100

hosts, path = sys.argv[1:]
client = KazooClient(hosts=hosts, timeout=30)
client.start()


def sequential(for_s):
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < for_s:
        client.get(path)
        count += 1
    return count / (time.perf_counter() - start)


def pipelined(for_s):
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < for_s:
        for answer in [client.get_async(path) for _ in range(BATCH)]:
            answer.get()
        count += BATCH
    return count / (time.perf_counter() - start)


print("ready", flush=True)
for line in sys.stdin:
    how, ms = line.split()
    rate = (pipelined if how == "pipelined" else sequential)(int(ms) / 1000)
    print(rate, flush=True)
client.stop()
client.close()
