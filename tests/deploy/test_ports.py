"""Ports are free, outside the range of outgoing connections, and remembered."""

from __future__ import annotations

import socket
from pathlib import Path

from deploy.embedded.ports import FIRST_PORT, LAST_PORT, free_port, is_free, remembered_ports


def test_port_that_someone_listens_on_is_not_free() -> None:
    """A port is free again at once after its server has gone."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
    assert is_free(port)
    assert FIRST_PORT <= port <= LAST_PORT


def test_remembered_ports_are_kept_while_free_and_replaced_when_taken(tmp_path: Path) -> None:
    """A resumed stack keeps its addresses, unless somebody else has them now."""
    memory = tmp_path / "ports.json"
    first = remembered_ports(memory, ("client", "controller"))
    assert remembered_ports(memory, ("client", "controller")) == first
    with socket.create_server(("127.0.0.1", first["client"])):
        second = remembered_ports(memory, ("client", "controller"))
    assert second["client"] != first["client"]
    assert second["controller"] == first["controller"]
    assert remembered_ports(memory, ("client", "controller")) == second


def test_damaged_memory_only_costs_new_ports(tmp_path: Path) -> None:
    """Half a file, as a full disk leaves it, must not stop a start."""
    memory = tmp_path / "ports.json"
    for damage in ("", "{", "[1]", '{"client": "x"}'):
        memory.write_text(damage)
        assert set(remembered_ports(memory, ("client",))) == {"client"}
