"""A web server of the lab: Python's own, on one address; it says its name, and logs nothing."""

import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, ADDRESS = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    """Answers any path with the name; `/slow` bit by bit, over one connection, until the caller hangs up."""

    def do_GET(self):
        """One request."""
        slow = self.path == "/slow"
        self.send_response(200)
        if not slow:
            self.send_header("Content-Length", str(len(NAME)))
        self.end_headers()
        self.wfile.write(NAME.encode())
        while slow:
            time.sleep(0.05)
            self.wfile.write(b".")

    def log_message(self, *_):
        """Nothing."""


class Server(ThreadingHTTPServer):
    """Of the address' family, and as many may wait as ask."""

    address_family = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
    request_queue_size = 128
    daemon_threads = True


def serve():
    """Waits for the address: it may still be looked for among the neighbours."""
    for _ in range(200):
        try:
            return Server((ADDRESS, 80), Handler).serve_forever()
        except OSError:
            time.sleep(0.1)


serve()
