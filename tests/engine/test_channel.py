"""The Faust side: a pump feeds the agent one batch at a time and commits what it has applied."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.engine.channel import Pump, StockApp, agent_of

WAIT_SECONDS = 10.0


class Engine:
    """Gives numbers for batches, notes what becomes of them, and tells when none is left."""

    def __init__(self, batches: int) -> None:
        self.left = list(range(batches))
        self.steps: list[str] = []
        self.on_idle: Callable[[], object] = lambda: None

    def start(self) -> None:
        self.steps.append("start")

    def next_batch(self, _timeout_seconds: float) -> Any:
        if self.left:
            return self.left.pop(0)
        self.on_idle()
        return None

    def commit(self, batch: int) -> None:
        self.steps.append(f"commit {batch}")

    def close(self) -> None:
        self.steps.append("close")


async def run(engine: Engine, apply: Callable[[Any], None]) -> list[BaseException]:
    """Run an app around an engine until it has no batches left or the pump has ended; return what ended it."""
    failures: list[BaseException] = []
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    engine.on_idle = lambda: loop.call_soon_threadsafe(over.set)

    def on_failure(error: BaseException) -> None:
        failures.append(error)
        over.set()

    app = StockApp("channel-test", broker="kafka://127.0.0.1:9", store="memory://", web_enabled=False)
    channel = app.channel()
    app.agent(channel, name="test")(agent_of(apply))
    await app.start()
    app.flow_control.resume()
    await app.add_runtime_dependency(Pump(engine, channel, lambda: None, on_failure))  # type: ignore[arg-type] # All that it calls is there.
    await asyncio.wait_for(over.wait(), WAIT_SECONDS)
    await app.stop()
    return failures


async def test_each_batch_is_applied_then_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, one after the other; and nothing is written into the working directory."""
    monkeypatch.chdir(tmp_path)
    engine = Engine(3)
    failures = await run(engine, lambda batch: engine.steps.append(f"apply {batch}"))
    applied = [step for number in range(3) for step in (f"apply {number}", f"commit {number}")]
    assert (engine.steps, failures) == (["start", *applied, "close"], [])
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - what is there, not what it is.


async def test_a_batch_that_can_not_be_applied_ends_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent is not started anew over it, as Faust would: nothing is committed, the failure is told."""
    monkeypatch.chdir(tmp_path)
    engine = Engine(2)

    def apply(batch: int) -> None:
        raise ZeroDivisionError(str(batch))

    failures = await run(engine, apply)
    assert [(type(failure), str(failure)) for failure in failures] == [(ZeroDivisionError, "0")]
    assert engine.steps == ["start", "close"]
