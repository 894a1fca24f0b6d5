"""A small Maven mirror on this machine, for tests of downloads: it knows ranges, and can hang up early."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from deploy.embedded.lock import Jar


def fake_jar(name: str, content: bytes) -> Jar:
    """Return the lock entry of a jar with the given content."""
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))


def publish(root: Path, jar: Jar, content: bytes) -> Path:
    """Put a jar's content where a Maven repository below `root` has it."""
    path = root / jar.repository_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class Mirror:
    """What the server serves, what it was asked, and after how many bytes it hangs up, once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self.ranges_asked: list[str | None] = []
        self.hang_up_after_bytes: int | None = None

    def take_hang_up(self) -> int | None:
        """Return after how many bytes this answer ends early; only the first asker gets it."""
        after_bytes, self.hang_up_after_bytes = self.hang_up_after_bytes, None
        return after_bytes


@contextmanager
def serve(root: Path) -> Iterator[Mirror]:
    """Serve a directory over HTTP on a free port."""
    mirror = Mirror(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(mirror))
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            mirror.ranges_asked.append(asked)
            path = mirror.root / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            content = path.read_bytes()
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            hang_up = mirror.take_hang_up()
            self.wfile.write(content[start:] if hang_up is None else content[start : start + hang_up])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing: what was asked is kept in the mirror."""

    return Handler
