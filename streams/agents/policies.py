"""
The policies in force, as every worker holds them, and the plans that follow from them.

A document passes through the stock agent (README, decision 9): what is accepted goes to the topic of policies in
force, which every worker reads whole; the SKUs that it concerns are re-evaluated in slices between batches.
"""

from collections.abc import Callable, Sequence

from streams import topology
from streams.agents import stock_codec as codec
from streams.domain import policy
from streams.domain.policy import Plan, StockPolicySet

PLANS_KEPT = 50_000  # Resolved plans of SKUs with a policy of their own.
_ANY, _CATEGORY = policy.ANY.encode(), policy.CATEGORY.encode()

CategoryOf = Callable[[bytes], str | None]
"""Returns the path of a SKU's category, given its Kafka key; None when it has none."""


def _read(encoded: bytes) -> StockPolicySet:
    return codec.read_policy(topology.STOCK_POLICIES.name, encoded)


def concerns_many(key: bytes) -> bool:
    """Return True for a key under which a document concerns more than one SKU."""
    return key == _ANY or key.startswith(_CATEGORY)


class PolicyBook:
    """All policy documents, encoded until they are needed: for every SKU, for categories and for single SKUs."""

    def __init__(self, channel_ids: Sequence[str], category_of: CategoryOf = lambda _key: None) -> None:
        self._channel_ids = channel_ids
        self._category_of = category_of
        self._encoded: dict[bytes, bytes] = {}
        self._has_categories = False
        self._plans: dict[bytes, Plan] = {}
        self._by_category: dict[str | None, Plan] = {}
        self.general = policy.plain_plan(channel_ids)
        """The plan of a SKU without a document of its own or of a category."""

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
        if not concerns_many(key):
            self._plans.pop(key, None)
            return True
        self._plans.clear()
        self._by_category.clear()
        self._has_categories = self._has_categories or key != _ANY
        self.general = self._resolve([_ANY])
        return True

    def document(self, key: bytes) -> StockPolicySet | None:
        """Return the document under a key."""
        encoded = self._encoded.get(key)
        return None if encoded is None else _read(encoded)

    def plan(self, key: bytes) -> Plan:
        """Return a SKU's rules, resolved."""
        if key not in self._encoded:
            return self._plan_of(self._category_of(key)) if self._has_categories else self.general
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[key] = self._resolve([key, *_wider_keys(self._category_of(key))])
        return plan

    def category_changed(self, key: bytes) -> None:
        """Forget what followed from a SKU's category; the SKU is to be re-evaluated."""
        self._plans.pop(key, None)

    def _plan_of(self, category: str | None) -> Plan:
        plan = self._by_category.get(category)
        if plan is None:
            plan = self._by_category[category] = self._resolve(_wider_keys(category))
        return plan

    def _resolve(self, keys: Sequence[bytes]) -> Plan:
        """Return the plan that the documents under keys, the narrowest first, come to."""
        documents = [found for key in keys if (found := self.document(key)) is not None]
        return policy.resolve(documents, self._channel_ids)


def _wider_keys(category: str | None) -> list[bytes]:
    return [*(key.encode() for key in policy.category_keys(category)), _ANY]
