"""The group coordinator of the memory log: static members, generations, eager rebalances, offsets."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from streams.engine.errors import FencedError
from streams.engine.log import Partition

NO_GENERATION = -1


@dataclass(frozen=True, slots=True)
class Membership:
    """Group metadata: proof of membership as of one assignment. An empty member_id names no member."""

    group_id: str
    instance_id: str = ""
    member_id: str = ""
    generation: int = NO_GENERATION


@dataclass(slots=True)
class _Member:
    """One member; last_heard in milliseconds."""

    instance_id: str
    topics: tuple[str, ...]
    last_heard: int
    beats: Callable[[], bool]
    joined: bool = True
    assignment: list[Partition] = field(default_factory=list)


class Group:
    """
    A consumer group of the classic protocol.

    Members are static: one that comes back under its instance id takes its former self's place (and
    assignment, when the group is stable) and fences it. Others joining, or a session that ends, start a
    rebalance, which completes when every member has joined again. Times are milliseconds.
    """

    def __init__(self, group_id: str, partition_counts: Callable[[Iterable[str]], Mapping[str, int]]) -> None:
        self.group_id = group_id
        self.session_timeout_ms = 0
        self.rebalance_timeout_ms = 0
        self.generation = 0
        self._partition_counts = partition_counts
        self._members: dict[str, _Member] = {}
        self._instances: dict[str, str] = {}
        self._rebalancing_since: int | None = None
        self._joins = 0
        # Offsets stand with their place in the group's own log: of two transactions whose markers arrive in
        # the other order, the offsets that were sent later count, as in Kafka.
        self._offsets: dict[Partition, tuple[int, int]] = {}
        self._pending: dict[int, dict[Partition, tuple[int, int]]] = {}
        self._sent = 0

    def join(self, instance_id: str, topics: tuple[str, ...], now: int, beats: Callable[[], bool]) -> str:
        """
        Add a member, or put it in the place of its former self; return its member id.

        beats says whether the member's process sends heartbeats at the time of the call.
        """
        self._joins += 1
        member_id = f"{instance_id}-{self._joins}"
        former = self._members.pop(self._instances.get(instance_id, ""), None)
        member = _Member(instance_id, topics, now, beats)
        if former is not None and self._rebalancing_since is None and former.topics == topics:
            member.assignment = former.assignment
        else:
            self._rebalance(now)
        self._instances[instance_id] = member_id
        self._members[member_id] = member
        self._complete_if_joined()
        return member_id

    def rejoin(self, member_id: str) -> None:
        """Join the rebalance that is under way, if one is."""
        self._members[member_id].joined = True
        self._complete_if_joined()

    def rebalancing(self) -> bool:
        """Return whether members must join again."""
        return self._rebalancing_since is not None

    def assignment(self, member_id: str) -> list[Partition]:
        """Return the member's partitions in this generation."""
        return list(self._members[member_id].assignment)

    def knows(self, member_id: str) -> bool:
        """Return whether this is a member."""
        return member_id in self._members

    def fenced(self, instance_id: str, member_id: str) -> bool:
        """Return whether another member has come in under the same instance id."""
        return self._instances.get(instance_id, member_id) != member_id

    def expire(self, now: int) -> None:
        """Take heartbeats; end sessions that had none for too long, and rebalances that last too long."""
        for member_id, member in list(self._members.items()):
            if member.beats():
                member.last_heard = now
            elif now - member.last_heard > self.session_timeout_ms:
                self._remove(member_id, now)
        since = self._rebalancing_since
        if since is not None and now - since > self.rebalance_timeout_ms:
            for member_id in [member_id for member_id, member in self._members.items() if not member.joined]:
                self._remove(member_id, now)

    def _remove(self, member_id: str, now: int) -> None:
        member = self._members.pop(member_id)
        del self._instances[member.instance_id]
        self._rebalance(now)
        self._complete_if_joined()

    def _rebalance(self, now: int) -> None:
        """Begin a rebalance, unless one is under way: every member has to join again."""
        if self._rebalancing_since is None:
            self._rebalancing_since = now
            for member in self._members.values():
                member.joined = False

    def _complete_if_joined(self) -> None:
        members = sorted(self._members.values(), key=lambda member: member.instance_id)
        if self._rebalancing_since is None or not all(member.joined for member in members):
            return
        self._rebalancing_since = None
        self.generation += 1
        for member in members:
            member.assignment = []
        for topic, count in self._partition_counts(
            {topic for member in members for topic in member.topics}
        ).items():
            self._assign_range(topic, count, [member for member in members if topic in member.topics])

    def _assign_range(self, topic: str, count: int, members: list[_Member]) -> None:
        """Give each member a run of the topic's partitions, as Kafka's range assignor does."""
        each, more = divmod(count, len(members))
        first = 0
        for index, member in enumerate(members):
            end = first + each + (1 if index < more else 0)
            member.assignment += [(topic, number) for number in range(first, end)]
            first = end

    def offset(self, partition: Partition) -> int | None:
        """Return the committed offset, None when there is none."""
        return self._offsets.get(partition, (0, None))[1]

    def unstable(self, partition: Partition) -> bool:
        """Return whether a transaction that is not over yet has an offset of this partition in it."""
        return any(partition in offsets for offsets in self._pending.values())

    def check(self, membership: Membership) -> None:
        """
        Raise FencedError unless the offsets of this membership may be committed (KIP-447).

        A membership that names no member passes, as brokers let old clients pass (KAFKA-9365).
        """
        if not membership.member_id and membership.generation == NO_GENERATION:
            return
        if self.fenced(membership.instance_id, membership.member_id):
            raise FencedError(f"Another process has joined as {membership.instance_id} (FENCED_INSTANCE_ID).")
        if membership.member_id not in self._members:
            raise FencedError(f"{membership.member_id} is no member any more (UNKNOWN_MEMBER_ID).")
        if membership.generation != self.generation:
            raise FencedError(f"The group is past generation {membership.generation} (ILLEGAL_GENERATION).")

    def stage(self, transaction: int, offsets: Mapping[Partition, int]) -> None:
        """Keep offsets until their transaction's marker arrives."""
        self._sent += 1
        pending = self._pending.setdefault(transaction, {})
        pending.update({partition: (self._sent, offset) for partition, offset in offsets.items()})

    def mark(self, transaction: int, *, committed: bool) -> None:
        """Make the offsets of a transaction valid, or forget them."""
        for partition, sent in self._pending.pop(transaction, {}).items():
            if committed and sent > self._offsets.get(partition, (0, 0)):
                self._offsets[partition] = sent
