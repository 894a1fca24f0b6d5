"""`onhand stock` and `onhand view rebuild` against a real view, and the projector's health endpoint."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable

import httpx
import pytest
import typer
from typer.testing import CliRunner

from streams.cli.errors import UserError
from streams.cli.stock import stock
from streams.cli.view import view_app
from streams.health import HealthServer
from streams.settings import Settings
from tests.processes import OnhandProcess, wait_until
from tests.view.conftest import View, Writer, availability, level, running_projector

app = typer.Typer()
app.command()(stock)
app.add_typer(view_app, name="view")
NOWHERE = "redis://127.0.0.1:9/0"


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command and return its exit code, output and error output."""
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.kafka
async def test_stock_shows_locations_and_channels(settings: Settings, writer: Writer, view: View) -> None:
    """The table and the JSON carry every figure, with available worked out for each location."""
    writer.levels(("Ünit-1", level("Ünit-1", 4, 1_200)))
    writer.write("availability-pos", ("Ünit-1", availability("Ünit-1", "pos", 4, 1_199)))
    async with running_projector(settings):
        await view.shows("Ünit-1", 1_200)
    arguments = ("--redis-url", settings.redis_url)
    code, output, _ = await asyncio.to_thread(run, "stock", " Ünit-1", *arguments, "--json")
    shown = json.loads(output)
    assert code == 0
    assert shown["locations"][0]["available"] == 1_199
    assert shown["version"] == 4
    code, output, _ = await asyncio.to_thread(run, "stock", "Ünit-1", *arguments)
    assert code == 0
    assert "1,200" in output
    assert "store-london" in output


@pytest.mark.kafka
async def test_stock_prints_names_as_they_are(settings: Settings, writer: Writer, view: View) -> None:
    """What looks like markup is none, nothing steers the terminal, and a long name hides no figure."""
    sku, location_id = "[/sku] 🛒", "[bold]\x1b[2J" + "l" * 200
    writer.levels((sku, level(sku, 1, 1_234_567, location_id)))
    async with running_projector(settings):
        await view.shows(sku, 1_234_567)
    code, output, _ = await asyncio.to_thread(run, "stock", sku, "--redis-url", settings.redis_url)
    assert code == 0
    assert f"{sku} (version 1)" in output
    assert "[bold]\\x1b" in output
    assert "\x1b" not in output
    assert "1,234,567" in output, "on hand"
    assert "1,234,566" in output, "available"


@pytest.mark.kafka
async def test_projector_process_becomes_ready_and_ends_on_request(
    settings: Settings, writer: Writer, view: View, run_onhand: Callable[..., OnhandProcess]
) -> None:
    """`onhand projector` shows what is there, says that it is ready, and ends with 0 on SIGTERM."""
    writer.levels(("process", level("process", 1, 3)))
    process = run_onhand("projector", settings)
    await asyncio.to_thread(process.wait_ready)
    await view.shows("process", 3)
    assert await asyncio.to_thread(process.stop) == 0, process.log


@pytest.mark.kafka
def test_unknown_sku_is_said_plainly(settings: Settings) -> None:
    """A SKU that no event has named gives exit code 1 and a sentence, before a view and with one."""
    run(
        "view",
        "rebuild",
        "--bootstrap-servers",
        settings.bootstrap_servers,
        "--redis-url",
        settings.redis_url,
    )
    code, output, error = run("stock", "nobody", "--redis-url", settings.redis_url)
    assert (code, output) == (1, "")
    assert "'nobody' is unknown" in error


@pytest.mark.kafka
async def test_rebuild_builds_a_view_from_nothing(settings: Settings, writer: Writer, view: View) -> None:
    """One command makes a complete view without any projector, and says what it did."""
    writer.levels(("from-nothing", level("from-nothing", 1, 5)))
    arguments = ("--bootstrap-servers", settings.bootstrap_servers, "--redis-url", settings.redis_url)
    code, output, error = await asyncio.to_thread(run, "view", "rebuild", *arguments)
    assert code == 0
    assert "was rebuilt" in output
    assert "100%" in error
    assert await view.on_hand("from-nothing") == 5


def test_stock_without_redis_says_what_to_do() -> None:
    """With Redis down there is one sentence and exit code 1."""
    code, output, error = run("stock", "a", "--redis-url", NOWHERE)
    assert (code, output) == (1, "")
    assert "does not answer" in error
    assert "--redis-url" in error


def test_rebuild_without_redis_says_what_to_do() -> None:
    """With Redis down the rebuild names the option to check."""
    with pytest.raises(UserError, match="--redis-url"):
        run("view", "rebuild", "--redis-url", NOWHERE)


def test_health_endpoint_tells_readiness_apart_from_life() -> None:
    """/live answers while the process is there, /ready only once it is ready, /metrics always tells that too."""
    ready = False
    with HealthServer(0, lambda: ready) as health:
        base = health.url.removesuffix("/metrics")
        assert httpx.get(f"{base}/live").status_code == httpx.codes.OK
        assert httpx.get(f"{base}/ready").status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert "onhand_ready 0.0" in httpx.get(health.url).text
        ready = True
        assert httpx.get(f"{base}/ready").status_code == httpx.codes.OK
        assert "onhand_ready 1.0" in httpx.get(health.url).text
        assert "onhand_view_records_total" in httpx.get(health.url).text
        assert httpx.get(f"{base}/elsewhere").status_code == httpx.codes.NOT_FOUND


def _requests_under_way() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "process_request" in thread.name]


def test_a_prober_that_hangs_up_leaves_no_trace_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    """A log that is read for errors must not fill with what every probe does."""
    with HealthServer(0, lambda: True) as health:
        with socket.create_connection(("127.0.0.1", health.port)) as prober:
            prober.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
            assert prober.recv(8) == b"HTTP/1.1"
            # Closing with a reset, as a kernel does for whoever has not read all that came.
            prober.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until(lambda: not _requests_under_way(), 5.0, "the request to end")
    written = capfd.readouterr().err.splitlines()
    # Clients of earlier tests, whose broker is gone by now, may say so meanwhile; librdkafka's lines begin like that.
    assert [line for line in written if not line.startswith("%")] == []
