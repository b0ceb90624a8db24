"""Starts one member the lab's way: lock, read the registry, start mariadbd, poll, register, unlock.

usage: lab.py HOSTS ROOT ADDRESS SOCKET OPTION_FILE INITIALISE...
Stops its mariadbd at SIGTERM. A baseline to measure against: no
restarts, no lost sessions, no partitions.
"""

import signal
import subprocess
import sys
import time

from kazoo.client import KazooClient

hosts, root, address, socket, option_file = sys.argv[1:6]
initialise = sys.argv[6:]
POLL_S = 2


def status():
    """Asks as the lab does, by a mysql process; the local state besides, to wait for Synced."""
    asked = subprocess.run(
        ["mysql", "--no-defaults", "--socket=" + socket, "-N", "-e",
         "SHOW STATUS LIKE 'wsrep_cluster_status'; SHOW STATUS LIKE 'wsrep_local_state'"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return dict(line.split("\t") for line in asked.stdout.splitlines())


client = KazooClient(hosts=hosts)
client.start()
with client.Lock(root + "/bootstrap", address):
    client.ensure_path(root + "/nodes")
    others = client.get_children(root + "/nodes")
    if others:
        how = "--wsrep-cluster-address=gcomm://" + ",".join(others)
    else:
        subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL)
        how = "--wsrep-new-cluster"
    # It ends with us, also when we are killed.
    server = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "mariadbd",
                               "--defaults-file=" + option_file, how])
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    wanted = {"wsrep_cluster_status": "Primary", "wsrep_local_state": "4"}
    while status() != wanted:
        if server.poll() is not None:
            sys.exit("mariadbd ended with %s" % server.returncode)
        time.sleep(POLL_S)
    client.create(root + "/nodes/" + address, ephemeral=True)
sys.exit(server.wait())
