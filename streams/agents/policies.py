"""
The policies in force, as every worker holds them, and the plans that follow from them.

A document passes through the stock agent (README, decision 9): what is accepted goes to the topic of policies in
force, which every worker reads whole; the SKUs that it concerns are re-evaluated in slices between batches.
"""

from collections.abc import Sequence

from streams import topology
from streams.agents import stock_codec as codec
from streams.domain import policy
from streams.domain.policy import Plan, StockPolicySet

PLANS_KEPT = 50_000  # Resolved plans of SKUs with a policy of their own.
_ANY = policy.ANY.encode()


def _read(encoded: bytes) -> StockPolicySet:
    return codec.read_policy(topology.STOCK_POLICIES.name, encoded)


class PolicyBook:
    """All policy documents, encoded until they are needed; one for every SKU and those for single SKUs."""

    def __init__(self, channel_ids: Sequence[str]) -> None:
        self._channel_ids = channel_ids
        self._encoded: dict[bytes, bytes] = {}
        self._plans: dict[bytes, Plan] = {}
        self._general = policy.plain_plan(channel_ids)

    def __bool__(self) -> bool:
        return bool(self._encoded)

    def take(self, key: bytes, encoded: bytes | None) -> bool:
        """Take a policy in force; return False when it changes nothing, because it is known or an older one."""
        if encoded is None:
            return False
        known = self.document(key)
        if known is not None and not _read(encoded).supersedes(known):
            return False
        self._encoded[key] = encoded
        self._plans.clear() if key == _ANY else self._plans.pop(key, None)
        self._general = policy.resolve(None, self.document(_ANY), self._channel_ids)
        return True

    def document(self, key: bytes) -> StockPolicySet | None:
        """Return the document under a key."""
        encoded = self._encoded.get(key)
        return None if encoded is None else _read(encoded)

    def plan(self, key: bytes) -> Plan:
        """Return a SKU's rules, resolved."""
        if key not in self._encoded:
            return self._general
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= PLANS_KEPT:
                self._plans.clear()
            plan = policy.resolve(self.document(key), self.document(_ANY), self._channel_ids)
            self._plans[key] = plan
        return plan
