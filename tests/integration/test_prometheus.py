"""A real Prometheus watches a running Onhand: every panel has data, and what goes wrong is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy.grafana.build import BOARDS
from deploy.grafana.panels import Panel
from deploy.prometheus.targets import DELIVER, INGRESS, of_job, targets_of
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.connectors.ingress.conftest import RunningIngress
from tests.connectors.ingress.senders import SECRETS, written
from tests.integration.prometheus_server import PROGRAM, PrometheusServer
from tests.integration.running import OnhandUp
from tests.integration.trickle import Trickle
from tests.integration.webhooks import Webhooks
from tests.processes import wait_until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        PROGRAM is None, reason="prometheus is not installed (Debian: apt-get install prometheus)"
    ),
]

RATE_INTERVAL = "20s"  # Grafana would make it four scrapes; more, so that a busy machine leaves no hole.
DATA_SECONDS = 90.0
TOLD_SECONDS = 60.0
RIGHTLY_EMPTY = {
    "Time to restore one partition": "nothing is restored while everything runs: restores end before the first scrape",
    "SKUs whose figure at the channel has drifted": "a channel that takes JSON over HTTP can't be read back",
    "SKUs read back by result": "the same",
    "Age of the latest change that a polled channel was asked about": "no channel here is polled",
    "Windows polled by result": "the same",
}
"""Panels that may have nothing to show in a healthy run, and why."""


class Channel(BaseHTTPRequestHandler):
    """A channel that takes whatever it is sent."""

    def do_POST(self) -> None:
        """Answer that all is well."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so.
        """Say nothing."""


@pytest.fixture
def channel_url() -> Iterator[str]:
    """Where a channel listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Channel)
    thread = Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/stock"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def delivering(run_onhand: RunOnhand, running: OnhandUp, url: str) -> Iterator[str]:
    """A delivery to the channel web; yields host:port of its metrics."""
    settings = Settings(
        bootstrap_servers=running.said["bootstrap_servers"], redis_url=running.said["redis_url"]
    )
    options = ("http", "--channel", "web", "--url", url, "--rate", "20/s")
    process = run_onhand("deliver", settings, *options).wait_ready()
    yield f"127.0.0.1:{process.port}"
    assert process.stop() == 0, process.log


@contextmanager
def taking(monkeypatch: pytest.MonkeyPatch, running: OnhandUp, folder: Path) -> Iterator[str]:
    """An ingress that is sent webhooks; yields host:port of its metrics."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    folder.mkdir()
    settings = Settings(
        bootstrap_servers=running.said["bootstrap_servers"], redis_url=running.said["redis_url"]
    )
    ingress = RunningIngress(settings, written(folder))
    try:
        ingress.process.wait_ready()
        with Webhooks(ingress):
            yield f"127.0.0.1:{ingress.process.port}"
        assert ingress.process.stop() == 0, ingress.process.log
    finally:
        ingress.close()


def panel_queries() -> list[tuple[str, str]]:
    """Every query of every panel as Grafana would send it."""
    return [
        (panel.title, query.expression.replace("$__rate_interval", RATE_INTERVAL))
        for board in BOARDS
        for panel in board.panels
        if isinstance(panel, Panel)
        for query in panel.queries
    ]


def test_every_panel_of_a_running_system_has_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_onhand: RunOnhand, channel_url: str
) -> None:
    """Every query that a dashboard sends, every rule; and the faults that the load contains are told."""
    monkeypatch.setenv("ONHAND_CATALOGUE", "strict")
    monkeypatch.setenv("ONHAND_RETRY_ATTEMPTS", "1")
    monkeypatch.setenv("ONHAND_RETRY_DELAY_SECONDS", "0.5")
    with (
        PrometheusServer(tmp_path / "prometheus") as prometheus,
        OnhandUp(tmp_path / "up", workers=1) as running,
        delivering(run_onhand, running, channel_url) as delivery,
        taking(monkeypatch, running, tmp_path / "ingress") as ingress,
        Trickle(running.said["bootstrap_servers"]) as load,
    ):
        prometheus.watch([*targets_of(running.said), of_job(DELIVER, delivery), of_job(INGRESS, ingress)])
        missing = dict.fromkeys(query for query in panel_queries() if query[0] not in RIGHTLY_EMPTY)

        def all_have_data() -> bool:
            for query in list(missing):
                if prometheus.values(query[1]):
                    del missing[query]
            return not missing

        try:
            wait_until(all_have_data, DATA_SECONDS, "every panel has data")
        except AssertionError as error:
            raise AssertionError(f"{error}: {list(missing)}") from None
        assert prometheus.broken_rules() == {}
        assert prometheus.values("min(up)") == [1.0]
        (staleness,) = prometheus.values(f'onhand_source_staleness_seconds{{source="{load.source_id}"}}')
        assert staleness < TOLD_SECONDS
        told = {"OnhandDeadLetters", "OnhandOversell"}
        wait_until(lambda: told <= prometheus.firing(), TOLD_SECONDS, f"{told} fire")
        silent = {"OnhandNoWorker", "OnhandProcessDown", "OnhandWorkerFlapping", "OnhandLagGrowing"}
        assert not silent & prometheus.firing()
    assert RIGHTLY_EMPTY.keys() <= {title for title, _ in panel_queries()}, "a reason for no panel at all"
