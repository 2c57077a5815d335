"""The agent on Python's own http.server: the same protocol as server.py, and no package.

Everything that server.py says of its surroundings holds here too. It starts in a fraction of
Flask's time: what a run spends on starts is then mostly containerd's and the runtime's.
"""

import os
import sys

# As in server.py, and before any import for the same reasons: a module of its own would be one.
_barrier = os.environ.get("ILUVATAR_BENCH_BARRIER")
if _barrier:
    _fifo = os.open(_barrier, os.O_RDONLY)
    print("iluvatar-bench: waiting at the barrier", file=sys.stderr, flush=True)
    os.read(_fifo, 1)
    os.close(_fifo)

import json  # noqa: E402
import socketserver  # noqa: E402
from http import HTTPStatus  # noqa: E402
from http.server import BaseHTTPRequestHandler  # noqa: E402

from main import main  # noqa: E402


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        known = self.path == "/"
        self._answer({"status": "Running"} if known else {}, known)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/invoke":
            return self._answer({}, False)
        try:
            arguments = json.loads(body or b"{}")
        except ValueError:
            arguments = {}
        try:
            answer, failed = {"body": main(arguments or {})}, False
        except Exception:
            import traceback

            answer, failed = {"error": traceback.format_exc()}, True
        return self._answer(answer, True, failed)

    def _answer(self, document, known, failed=False):
        content = json.dumps(document).encode()
        status = HTTPStatus.OK if known else HTTPStatus.NOT_FOUND
        self.send_response(HTTPStatus.INTERNAL_SERVER_ERROR if failed else status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def address_string(self):
        # At a unix socket the other side has no address, and http.server would ask for one.
        return self.client_address[0] if self.client_address else "unix"


# Not http.server's own server, which asks the name service for the host's name as it binds.
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class LocalServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    socket = os.environ.get("ILUVATAR_BENCH_SOCKET")
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    with LocalServer(socket, Handler) if socket else Server((host, port), Handler) as server:
        print(f"Running on {socket or f'http://{host}:{port}'}", file=sys.stderr, flush=True)
        server.serve_forever()
