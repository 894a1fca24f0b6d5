"""A stand-in for the `onhand` program: every command only serves 200 on its port until SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Always(BaseHTTPRequestHandler):
    """Answers every question with the command that was started."""

    def do_GET(self) -> None:
        """Answer 200."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(" ".join(sys.argv[1:]).encode())


if __name__ == "__main__":
    # Threads would be needed to end the server in order; a stand-in has nothing to put in order.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    port = int(
        sys.argv[sys.argv.index("--port") + 1] if "--port" in sys.argv else os.environ["ONHAND_METRICS_PORT"]
    )
    HTTPServer(("127.0.0.1", port), Always).serve_forever()
