"""What to verify: names of topics and groups, given from outside."""

from collections.abc import Mapping
from dataclasses import dataclass

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Names of everything that is verified.

    inputs: records that each input topic takes, policies included; dead_letters and retries: by input topic;
    availability: topic by channel_id.
    """

    inputs: Mapping[str, frozenset[str]]
    dead_letters: Mapping[str, str]
    retries: Mapping[str, str]
    policies: str
    policies_in_force: str
    items_in_force: str
    sources: str
    feeds: str
    levels: str
    movements: str
    holds: str
    results: str
    availability: Mapping[str, str]
    group_id: str
    retry_group_id: str
    retry_attempts: int
    lateness_horizon_hours: int
    waiting_days: int
    promise_horizon_days: int

    def topics(self) -> list[str]:
        """Return every topic that is read."""
        return [
            *self.inputs,
            *self.dead_letters.values(),
            *self.retries.values(),
            self.policies_in_force,
            self.items_in_force,
            self.sources,
            self.feeds,
            self.levels,
            self.movements,
            self.holds,
            self.results,
            *self.availability.values(),
        ]
