"""Latency of the ingress: from when a signed webhook is due to be sent to its answer, after Kafka has stored it."""

import asyncio
import hmac
import json
import random
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench.stack import fresh_cluster
from bench.worker import Worker
from deploy.embedded.ports import free_port
from streams.settings import Settings

SECONDS = 20.0
WARM_UP_SECONDS = 5.0
CONNECTIONS = 50  # More than requests are ever under way: 500/s of 50 ms each are 25.
LINES = 3  # Of an order; real ones have 1 to 4.
SKUS = 20_000
SECRET = "bench-secret"  # noqa: S105 - of this run's own account
ACCOUNTS = """
[accounts.shop]
kind = "shopify"
channel_id = "web"
secrets = ["env:BENCH_SECRET"]
default_location_id = "dc-leeds"
limits = { requests_per_second = 100_000, burst_requests = 100_000 }
"""


def run(rate: float, seconds: float = SECONDS) -> dict[str, float]:
    """Measure one rate on a new Kafka; milliseconds."""
    with fresh_cluster() as settings, _running_ingress(settings) as (worker, port):
        asyncio.run(_send(port, rate, WARM_UP_SECONDS))
        used, started = worker.processor_seconds, time.perf_counter()
        latencies = asyncio.run(_send(port, rate, seconds))
        used = (worker.processor_seconds - used) / (time.perf_counter() - started)
    percentiles = quantiles(latencies, n=1000, method="inclusive")
    return {
        "requests_per_second": rate,
        "answered": len(latencies),
        "p50_ms": percentiles[499],
        "p99_ms": percentiles[989],
        "p999_ms": percentiles[998],
        "maximum_ms": max(latencies),
        "ingress_processors": used,
    }


@contextmanager
def _running_ingress(settings: Settings) -> Iterator[tuple[Worker, int]]:
    """Run an ingress with one Shopify account; yield it and its port."""
    with tempfile.TemporaryDirectory(prefix="onhand-bench-") as folder:
        accounts, port = Path(folder) / "accounts.toml", free_port()
        accounts.write_text(ACCOUNTS, "utf-8")
        arguments = ("ingress", "--accounts", str(accounts), "--port", str(port))
        worker = Worker(settings, Path(folder) / "ingress.log", arguments, {"BENCH_SECRET": SECRET})
        try:
            worker.wait_ready()
            yield worker, port
        finally:
            worker.stop()


async def _send(port: int, rate: float, seconds: float) -> list[float]:
    """Send orders at a steady rate, each when it is due; return milliseconds from then to its answer."""
    due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    latencies: list[float] = []
    senders = [asyncio.create_task(_sender(port, due, latencies)) for _ in range(CONNECTIONS)]
    orders, started = _orders(), time.perf_counter()
    for number in range(int(rate * seconds)):
        at = started + number / rate
        request = next(orders)
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.put_nowait((at, request))
    for _ in senders:
        due.put_nowait(None)
    await asyncio.gather(*senders)
    return latencies


async def _sender(
    port: int, due: "asyncio.Queue[tuple[float, bytes] | None]", latencies: list[float]
) -> None:
    """Send what is due over one connection. A request that waits for a free connection waits on the clock."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (item := await due.get()) is not None:
        at, request = item
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.split(b":")[1]))
        assert head.startswith(b"HTTP/1.1 200 "), (head, body)
        assert json.loads(body)["orders"] == 1, body
        latencies.append((time.perf_counter() - at) * 1_000)
    writer.close()


def _orders() -> Iterator[bytes]:
    """Yield requests with an order each, as Shopify signs them; bodies of about 2 kB."""
    draw, run_id = random.Random(1), time.time_ns() // 1_000
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    number = 0
    while True:
        number += 1
        body = json.dumps(_order(draw, run_id + number, moment)).encode()
        signature = b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
        head = (
            f"POST /in/shop HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"X-Shopify-Topic: orders/create\r\nX-Shopify-Hmac-Sha256: {signature}\r\n"
            f"X-Shopify-Webhook-Id: {number}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _order(draw: random.Random, order_id: int, moment: str) -> dict[str, Any]:
    lines = [
        {
            "id": order_id * 10 + line,
            "sku": f"SKU-{draw.randrange(SKUS):07d}",
            "variant_id": draw.randrange(10**9),
            "quantity": draw.randint(1, 3),
            "title": "A thing that is sold",
            "price": "12.50",
            "properties": [],
            "tax_lines": [{"price": "2.00", "rate": 0.19, "title": "VAT"}],
        }
        for line in range(LINES)
    ]
    address = {
        "name": "Somebody",
        "address1": "A street 1",
        "city": "A town",
        "zip": "00000",
        "country": "Utopia",
    }
    return {
        "id": order_id,
        "created_at": moment,
        "updated_at": moment,
        "email": "somebody@people.example",
        "total_price": "37.50",
        "billing_address": address,
        "shipping_address": address,
        "line_items": lines,
        "fulfillments": [],
        "refunds": [],
    }
