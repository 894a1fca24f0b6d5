"""
One engine under faults: workers killed and frozen, the broker bounced, events coming in all the while.

Every engine goes through the same schedule. Dead workers are started again after a second, as any supervisor would.
At the end the engine gets time to catch up, and its figures are compared with what the events come to.
"""

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.peers import cluster
from bench.peers.check import compare
from bench.peers.engines import Engine
from bench.peers.load import Generator
from bench.peers.outputs import Outputs, recompute
from bench.peers.peer import Peer, Place
from bench.peers.speed import make_topics

RATE = 1_500.0  # Events a second: even the slowest engine keeps up when nothing is wrong.
ROUND_SECONDS = 50.0
FREEZE_SECONDS = 12.0  # Twice the session: the group has given the member up when it thaws.
START_SECONDS = 8.0  # Of quiet before the first fault, so that every engine is at work.
RESTART_SECONDS = 1.0
LOOK_SECONDS = 0.1
CATCH_UP_SECONDS = 120.0
GIVE_UP_SECONDS = 70.0  # Without progress: longer than the default transaction time-out of any client, 60 s.

Say = Callable[[str], None]


def schedule(rounds: int, workers: int) -> list[tuple[float, str, int]]:
    """Return (seconds since the start, what happens, to which worker), in order of time."""
    steps = (
        (0.0, "kill", 0),
        (6.0, "kill", 1),
        (12.0, "freeze", 0),
        (12.0 + FREEZE_SECONDS, "thaw", 0),
        (32.0, "kill broker", 0),
        (42.0, "bounce broker", 0),
    )
    return [
        (START_SECONDS + number * ROUND_SECONDS + at, what, (worker + number) % workers)
        for number in range(rounds)
        for at, what, worker in steps
    ]


def run(engine: Engine, rounds: int, skus: int, say: Say) -> dict[str, Any]:
    """Put an engine on a broker of its own through the schedule; return counts of what happened and what is wrong."""
    with tempfile.TemporaryDirectory(prefix="onhand-peer-") as folder, cluster.fresh() as broker:
        place = Place(broker.bootstrap_servers, "faults", Path(folder))
        make_topics(broker, engine, place)
        crew = _Crew([Peer(engine, place, number, faults=True) for number in range(engine.workers)])
        generator = Generator(place.bootstrap_servers, place.input, skus, seed=1)
        outputs = Outputs(place.bootstrap_servers, place.output)
        try:
            happened = _through(broker, crew, generator, rounds, lambda said: say(f"{engine.name}: {said}"))
            finished = _catch_up(crew, outputs, generator.sent)
            crew.stop()
            outputs.read()
            recomputed = recompute(place.bootstrap_servers, place.input)
            verdict = compare(recomputed.stocks(), outputs.stocks(), outputs.versions_backwards)
        finally:
            crew.stop()
            generator.close()
            outputs.close()
    say(f"{engine.name}: {verdict.wrong_skus} of {verdict.skus} SKUs wrong")
    return {
        **happened,
        "deaths": crew.deaths,
        "events": recomputed.events,
        "finished": finished,
        **asdict(verdict),
    }


class _Crew:
    """The workers of an engine, and the supervisor that starts dead ones again."""

    def __init__(self, peers: list[Peer]) -> None:
        self.peers = peers
        self.deaths = 0
        """How often a worker ended without having been killed: it was fenced, or could not go on."""
        self._died_at: dict[int, float] = {}
        self._stopping = threading.Event()
        self._killed: set[int] = set()
        for peer in peers:
            peer.start()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._supervisor.start()

    def kill(self, number: int) -> None:
        self._killed.add(number)
        self.peers[number].kill()

    def stop(self) -> None:
        """Stop to supervise, then the workers."""
        self._stopping.set()
        self._supervisor.join()
        for peer in self.peers:
            peer.thaw()
            peer.stop()

    def _supervise(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for number, peer in enumerate(self.peers):
                if not peer.running:
                    self._see_to(number, peer)

    def _see_to(self, number: int, peer: Peer) -> None:
        now = time.monotonic()
        if number not in self._died_at:
            self._died_at[number] = now
            self.deaths += number not in self._killed
            self._killed.discard(number)
        elif now - self._died_at[number] >= RESTART_SECONDS:
            del self._died_at[number]
            peer.start()


def _through(
    broker: cluster.Cluster, crew: _Crew, generator: Generator, rounds: int, say: Say
) -> dict[str, int]:
    actions: dict[str, Callable[[int], None]] = {
        "kill": crew.kill,
        "freeze": lambda number: crew.peers[number].freeze(),
        "thaw": lambda number: crew.peers[number].thaw(),
        "kill broker": lambda _: broker.bounce(kill=True),
        "bounce broker": lambda _: broker.bounce(kill=False),
    }
    happened = {"kills": 0, "freezes": 0, "bounces": 0}
    counted = {"kill": "kills", "freeze": "freezes", "kill broker": "bounces", "bounce broker": "bounces"}
    started = time.monotonic()
    generator.begin(RATE, START_SECONDS + rounds * ROUND_SECONDS)
    for at, what, number in schedule(rounds, len(crew.peers)):
        time.sleep(max(0.0, started + at - time.monotonic()))
        say(f"{time.monotonic() - started:5.1f} s: {what}" + ("" if "broker" in what else f" {number}"))
        actions[what](number)
        if what in counted:
            happened[counted[what]] += 1
    generator.finish()
    return happened


def _catch_up(crew: _Crew, outputs: Outputs, events: int) -> bool:
    assert crew.peers, "there are workers"
    return outputs.wait(events, CATCH_UP_SECONDS, GIVE_UP_SECONDS)
