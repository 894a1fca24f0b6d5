"""
`make bench-peers`: Onhand and its peers side by side, or, with --faults, under the same faults.

Engines take turns: each repeat runs every engine once, beginning with another one each time. An engine that fails
or can't run here loses nobody else's figures, which are written after every run.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.peers import chart, cluster, faults, markdown, report, results, speed
from bench.peers.engines import ENGINES, Engine
from bench.peers.environments import Skipped
from bench.peers.speed import Run, Size
from bench.peers.whole_agent import WholeAgent

RATES = (500, 5_000)
SECONDS, WARM_UP_SECONDS = 4.0, 1.0  # The process has drained a backlog already.
WHOLE_AGENT = "Onhand, whole agent"
FILE_WIDTH = 140

console = Console(stderr=True)


@dataclass
class Contestant:
    """An engine in a run: what it is called, how it is run once, and what has been found of it."""

    name: str
    version: str
    guarantee: str
    run: Callable[[str, int], Run]
    runs: list[Run] = field(default_factory=list)
    out_of_it: bool = False


def peers(
    events: Annotated[int, typer.Option(min=1_000, help="Events of the backlog.")] = 150_000,
    skus: Annotated[int, typer.Option(min=1, help="SKUs that they are spread over.")] = 20_000,
    repeats: Annotated[int, typer.Option(min=1, help="How often every engine is run.")] = 5,
    seconds: Annotated[
        float, typer.Option(min=1.0, help="Seconds of latency measured at each rate.")
    ] = SECONDS,
    only: Annotated[str, typer.Option(help="Only engines whose names contain one of these, by comma.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="With --faults: rounds of 50 s.")] = 2,
    *,
    under_faults: Annotated[
        bool, typer.Option("--faults", help="Kill, freeze and bounce instead of measuring time.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Run nothing: print what was measured last, as Markdown.")
    ] = False,
) -> None:
    """Measure Onhand and its peers on the same work; each result is checked before its time counts."""
    if show:
        _show()
    elif under_faults:
        _under_faults(_chosen(ENGINES, only), rounds, skus)
    else:
        _side_by_side(Size(events, skus, RATES, seconds, WARM_UP_SECONDS), repeats, only)


def _side_by_side(size: Size, repeats: int, only: str) -> None:
    with cluster.fresh() as broker:
        contestants = _chosen([*_engines(broker, size), _whole_agent(broker, size)], only)
        with _progress() as progress:
            task = progress.add_task("starting", total=len(contestants) * repeats)
            for repeat in range(repeats):
                for contestant in _rotated(contestants, repeat):
                    progress.update(task, description=f"repeat {repeat + 1}: {contestant.name}")
                    _run_once(contestant, size, repeat)
                    progress.advance(task)
    records = results.read(results.PEERS)
    _print(report.speed_table(records), report.costs_table(records))
    if chart.draw(records, results.CHART):
        console.print(f"chart: {results.CHART}")
    else:
        console.print("no chart: matplotlib is not installed (pip install 'onhand[bench]')")
    console.print(f"records: {results.PEERS}")


def _show() -> None:
    speeds, faulty = results.read(results.PEERS), results.read(results.FAULTS)
    typer.echo(f"{markdown.speed(speeds)}\n\n{markdown.faults(faulty)}")
    if speeds:
        chart.draw(speeds, results.CHART)


def _run_once(contestant: Contestant, size: Size, repeat: int) -> None:
    if contestant.out_of_it:
        return
    about = (contestant.name, contestant.version, contestant.guarantee)
    try:
        run = contestant.run(f"r{repeat}-{time.time_ns() // 1_000_000:x}", repeat + 1)
    except Skipped as reason:
        contestant.out_of_it = True
        console.print(f"{contestant.name}: skipped: {reason}")
        results.keep(results.PEERS, results.skipped(*about, str(reason)))
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, the others' results count.
        console.print(f"{contestant.name}: failed: {error}", markup=False)
        if not contestant.runs:
            results.keep(results.PEERS, results.skipped(*about, f"failed: {error}"))
        return
    contestant.runs.append(run)
    results.keep(results.PEERS, results.record_of(*about, size, contestant.runs))
    console.print(_line(contestant.name, run), highlight=False)


def _line(name: str, run: Run) -> str:
    latencies = ", ".join(
        f"{found.p50_ms:.0f}/{found.p99_ms:.0f} ms at {rate}/s" for rate, found in run.latencies.items()
    )
    assert run.verdict is not None, "every run is checked"
    return f"{name}: {run.events_per_second:,.0f}/s, {latencies}, {run.verdict.wrong_skus} wrong SKUs"


def _engines(broker: cluster.Cluster, size: Size) -> Iterator[Contestant]:
    for engine in ENGINES:

        def run(name: str, seed: int, engine: Engine = engine) -> Run:
            return speed.run(broker, engine, size, name, seed)

        yield Contestant(engine.name, engine.version, engine.guarantee, run)


def _whole_agent(broker: cluster.Cluster, size: Size) -> Contestant:
    made: list[WholeAgent] = []

    def run(_: str, seed: int) -> Run:
        if not made:
            made.append(WholeAgent(broker, size.skus))
        return made[0].run(size, seed)

    ours = ENGINES[0]
    return Contestant(WHOLE_AGENT, ours.version, ours.guarantee, run)


def _under_faults(engines: Sequence[Engine], rounds: int, skus: int) -> None:
    with _progress() as progress:
        task = progress.add_task("starting", total=len(engines))
        for engine in engines:
            progress.update(task, description=engine.name)
            about = (engine.name, engine.version, engine.fault_guarantee or engine.guarantee)
            try:
                findings = faults.run(engine, rounds, skus, lambda said: console.print(said, highlight=False))
                record = results.fault_record(*about, engine.workers, findings)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others' results count.
                record = results.skipped(*about, str(error))
            results.keep(results.FAULTS, record)
            progress.advance(task)
    _print(report.faults_table(results.read(results.FAULTS)))
    console.print(f"records: {results.FAULTS}")


def _chosen(engines: Sequence[Any], only: str) -> list[Any]:
    wanted = [part.strip().lower() for part in only.split(",") if part.strip()]
    chosen = [
        engine for engine in engines if not wanted or any(part in engine.name.lower() for part in wanted)
    ]
    if not chosen:
        raise typer.BadParameter(f"no engine's name contains {only!r}", param_hint="--only")
    return chosen


def _rotated(contestants: Sequence[Contestant], repeat: int) -> list[Contestant]:
    """Return the engines beginning with another one each time, so that none always runs on the coolest machine."""
    first = repeat % len(contestants)
    return [*contestants[first:], *contestants[:first]]


def _print(*tables: Table) -> None:
    """Print to standard output; in a file there is room for every column."""
    out = Console()
    if not out.is_terminal:
        out = Console(width=FILE_WIDTH)
    for table in tables:
        out.print(table)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


if __name__ == "__main__":
    typer.run(peers)
