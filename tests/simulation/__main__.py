"""Replay one schedule: `python -m tests.simulation counting --seed 42`."""

from __future__ import annotations

import argparse
import logging
import sys

from tests.simulation.scenarios import SCENARIOS
from tests.simulation.world import SimulationFailed, simulate


def main() -> int:
    """Run one seed and print all that happened; return 1 when it broke a rule."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("--seed", type=int, required=True, help="the seed that a failure has printed")
    parser.add_argument("--verbose", action="store_true", help="show the log of the engine too")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.CRITICAL, format="         %(message)s"
    )
    try:
        world = simulate(SCENARIOS[arguments.scenario](), arguments.seed)
    except SimulationFailed as failure:
        print(failure)
        return 1
    print("\n".join(world.trace))
    print(f"seed {arguments.seed} keeps every rule")
    return 0


if __name__ == "__main__":
    sys.exit(main())
