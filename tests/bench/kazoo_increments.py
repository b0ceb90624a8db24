"""Adds one to the number in a file, many times, each time under kazoo's lock.

usage: kazoo_increments.py HOSTS LOCK_PATH FILE COUNT
Says "ready" when connected, begins at a line, says when it began and ended in seconds since 1970.
"""

import sys
import time

from kazoo.client import KazooClient

hosts, lock_path, path, count = sys.argv[1:]
client = KazooClient(hosts=hosts, timeout=30)
client.start()
lock = client.Lock(lock_path)
print("ready", flush=True)
sys.stdin.readline()
began = time.time()
for _ in range(int(count)):
    with lock:
        with open(path) as file:
            number = int(file.read())
        with open(path, "w") as file:
            file.write(str(number + 1))
print(began, time.time(), flush=True)
client.stop()
client.close()
