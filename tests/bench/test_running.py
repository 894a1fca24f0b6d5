"""How a comparison is run: who takes part, in which order, through which faults, and who can't."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import typer

from bench.peers import environments
from bench.peers.__main__ import Contestant, _chosen, _rotated, _run_once
from bench.peers.check import Verdict
from bench.peers.engines import ENGINES
from bench.peers.environments import Skipped, kafka_streams_command
from bench.peers.faults import FREEZE_SECONDS, schedule
from bench.peers.peer import SESSION_MS
from bench.peers.results import read
from bench.peers.speed import Run, Size

SIZE = Size(1_000, 100, (), 1.0, 0.0)


def contestant(name: str, *outcomes: Run | Exception) -> Contestant:
    """Return one whose runs end as told."""
    left = iter(outcomes)

    def once(_name: str, _seed: int) -> Run:
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Contestant(name, "1", "none", once)


def right_run() -> Run:
    """Return a run that went well."""
    return Run(1_000.0, 1.0, 1.0, 1.0, verdict=Verdict(100, 0, 0, 0, 0))


def test_engines_take_turns_beginning() -> None:
    """Whoever runs first in each repeat would have the coolest machine."""
    engines = [contestant(name) for name in "abc"]
    firsts = [_rotated(engines, repeat)[0].name for repeat in range(4)]
    assert firsts == ["a", "b", "c", "a"]


def test_only_chooses_by_parts_of_names() -> None:
    """As people type them."""
    assert [engine.name for engine in _chosen(ENGINES, "faust, bytewax")] == ["Bytewax", "Faust"]
    with pytest.raises(typer.BadParameter, match="storm"):
        _chosen(ENGINES, "storm")


def test_a_failure_loses_neither_the_others_figures_nor_its_own_earlier_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records are written after every run; one that can't run says why and is not asked again."""
    path = tmp_path / "peers.json"
    monkeypatch.setattr("bench.peers.results.PEERS", path)
    flaky = contestant("flaky", right_run(), RuntimeError("no more"))
    absent = contestant("absent", Skipped("needs a JDK"))
    for repeat in range(2):
        for one in (flaky, absent):
            _run_once(one, SIZE, repeat)
    records = {record["engine"]: record for record in read(path)}
    assert records["flaky"]["events_per_second"]["median"] == 1_000.0
    assert records["absent"]["reason"] == "needs a JDK"


def test_kafka_streams_is_skipped_without_a_jdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Skipped, match="java, javac and mvn"):
        kafka_streams_command()


def test_an_environment_that_failed_half_way_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a virtual environment must not be taken for a whole one."""
    monkeypatch.setenv("ONHAND_CACHE_DIR", str(tmp_path))
    source = tmp_path / "requirements.txt"
    source.write_text("one==1\n")
    made: list[Path] = []

    def make(directory: Path) -> None:
        assert not directory.exists()
        directory.mkdir()
        made.append(directory)
        if len(made) == 1:
            raise Skipped("the network is down")

    with pytest.raises(Skipped):
        environments._made("peer", [source], make)
    assert environments._made("peer", [source], make) == made[0]
    assert environments._made("peer", [source], make) == made[0]
    assert len(made) == 2
    source.write_text("one==2\n")
    assert environments._made("peer", [source], make) != made[0]


def test_every_requirement_of_a_peer_is_pinned() -> None:
    """Two runs of one commit compare the same versions; each says why it is there."""
    for path in environments.HERE.glob("*/requirements.txt"):
        lines = path.read_text("utf-8").splitlines()
        assert lines
        assert all("==" in line for line in lines), path
        assert "#" in lines[0], path


@pytest.mark.parametrize("workers", [1, 2])
def test_every_round_kills_freezes_and_bounces(workers: int) -> None:
    """In order of time, each worker in turn, frozen for longer than its session."""
    steps = schedule(2, workers)
    assert [at for at, _, _ in steps] == sorted(at for at, _, _ in steps)
    counted = Counter(what for _, what, _ in steps)
    assert counted == {"kill": 4, "freeze": 2, "thaw": 2, "kill broker": 2, "bounce broker": 2}
    assert {worker for _, what, worker in steps if what == "freeze"} == set(range(workers))
    assert FREEZE_SECONDS * 1_000 > SESSION_MS
