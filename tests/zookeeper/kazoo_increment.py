"""Increments the number in a file under kazoo's Lock, and logs each contender that held it.

usage: kazoo_increment.py HOSTS LOCK_PATH NUMBER_FILE LOG_FILE NAME COUNT
Writes "ready" when connected, begins when a line comes in.
"""

import sys

from kazoo.client import KazooClient

hosts, lock_path, number_file, log_file, name, count = sys.argv[1:]
client = KazooClient(hosts=hosts)
client.start()
print("ready", flush=True)
sys.stdin.readline()
lock = client.Lock(lock_path, name)
for _ in range(int(count)):
    with lock:
        with open(number_file) as file:
            number = int(file.read())
        with open(number_file, "w") as file:
            file.write(str(number + 1))
        with open(log_file, "a") as file:
            file.write("%s %s\n" % (name, lock.node))
client.stop()
client.close()
