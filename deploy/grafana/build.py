"""
Write the dashboards' JSON from what `boards` says.

    python -m deploy.grafana.build            write the files
    python -m deploy.grafana.build --check    exit 1 if they are not up to date
"""

import json
import sys
from pathlib import Path

from deploy.grafana.boards import channels, dead_letters, engine, kafka, stock_sync
from deploy.grafana.panels import Board, as_json

DASHBOARDS = Path(__file__).with_name("dashboards")
BOARDS: tuple[Board, ...] = (
    stock_sync.BOARD,
    dead_letters.BOARD,
    channels.BOARD,
    engine.BOARD,
    kafka.BOARD,
)


def contents() -> dict[Path, str]:
    """Return each dashboard's file and what it must hold."""
    return {
        DASHBOARDS / f"{board.uid}.json": json.dumps(as_json(board), indent=1, ensure_ascii=False) + "\n"
        for board in BOARDS
    }


def stale() -> list[Path]:
    """Return the files that are missing, out of date, or of no dashboard."""
    wanted = contents()
    there = {path: path.read_text(encoding="utf-8") for path in DASHBOARDS.glob("*.json")}
    return sorted(path for path in wanted.keys() | there.keys() if wanted.get(path) != there.get(path))


def main() -> None:
    """Write or check the files, as the command line says."""
    outdated = stale()
    if sys.argv[1:] == ["--check"]:
        for path in outdated:
            print(f"{path.name} is out of date: run python -m deploy.grafana.build")
        sys.exit(bool(outdated))
    wanted = contents()
    for path in outdated:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
        print(f"wrote {path.name}" if path in wanted else f"removed {path.name}")


if __name__ == "__main__":
    main()
