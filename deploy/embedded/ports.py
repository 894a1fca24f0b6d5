"""Free ports on the loopback address, remembered so that a resumed stack keeps its addresses."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below every system's range for outgoing connections: a client that keeps trying to reach a stopped broker
# could otherwise be given the broker's own port as its source, connect to itself, and keep the port taken.
FIRST_PORT = 20_000
LAST_PORT = 32_000
PORT_ATTEMPTS_TOTAL = 200


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a loopback port right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: connections that linger after a stop must not make the port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(avoid: Sequence[int] = ()) -> int:
    """
    Return a port that nobody listens on and that is not in `avoid`.

    Random, so that stacks started at the same moment do not choose the same. Raises OSError when none is
    found.
    """
    # Seeded by the system on purpose: a seeded test run must not make two processes choose alike.
    source = random.SystemRandom()
    for _ in range(PORT_ATTEMPTS_TOTAL):
        port = source.randint(FIRST_PORT, LAST_PORT)
        if port not in avoid and is_free(port):
            return port
    raise OSError(f"no free port between {FIRST_PORT} and {LAST_PORT}")


def remembered_ports(path: Path, names: Sequence[str]) -> dict[str, int]:
    """
    Return one free port per name: those of an earlier run that `path` remembers, where still free.

    What is returned is remembered in `path`.
    """
    remembered = _read(path)
    ports: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        usable = port is not None and port not in ports.values() and is_free(port)
        ports[name] = port if port is not None and usable else free_port(tuple(ports.values()))
    if ports != remembered:
        path.write_text(json.dumps(ports), encoding="utf-8")
    return ports


def _read(path: Path) -> dict[str, int]:
    """Read remembered ports; absent or damaged ones are none, and merely chosen anew."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): int(port) for name, port in content.items()}
    except (OSError, ValueError, AttributeError):
        return {}
