"""Connects a bridge's management socket to a controller's TCP listener, as if the bridge had called: bridges in
namespaces of their own cannot. Arguments: the socket's path, host, port. Prints `closed by SIDE` and ends when one does."""

import select
import socket
import sys

bridge = socket.socket(socket.AF_UNIX)
bridge.connect(sys.argv[1])
controller = socket.create_connection((sys.argv[2], int(sys.argv[3])))
other = {bridge: controller, controller: bridge}
while True:
    for side in select.select(list(other), [], [])[0]:
        try:
            data = side.recv(65536)
            if data:
                other[side].sendall(data)
                continue
        except OSError:
            pass
        print("closed by", "bridge" if side is bridge else "controller", flush=True)
        sys.exit(0)
