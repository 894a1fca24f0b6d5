"""What rows of the ledger say in words: every kind that explains itself by no name has its sentence."""

from __future__ import annotations

import pytest

from streams.domain.errors import Reason
from streams.domain.hold_requests import REQUESTS
from streams.ledger.effects import PROMISES, WITHOUT_EFFECT
from streams.ledger.words import words
from tests.ledger.rows import movement

KINDS = sorted(
    {*PROMISES, *(kind.__name__ for kind in REQUESTS), "StockCounted", "SaleRecorded", "OrderPlaced"}
)


@pytest.mark.parametrize("outcome", sorted((WITHOUT_EFFECT - {"REJECTED"}) | {"LATE"}))
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_has_no_full_effect_is_explained(kind: str, outcome: str) -> None:
    """And names nothing that is not filled in."""
    said = words(movement(kind, 5, 5, outcome=outcome, reference="ref"))
    assert said
    assert "{" not in said


@pytest.mark.parametrize("kind", [*PROMISES, "StockCounted", "FeedZeroed"])
def test_what_happens_beside_goods_is_explained(kind: str) -> None:
    """Holds, counts and what time does; a sale says it all by its name."""
    said = words(movement(kind, 5, 5, quantity=1, reference="ref"))
    assert said
    assert "1 units" not in said
    assert words(movement("SaleRecorded", 5, 4)) is None


@pytest.mark.parametrize("reason", [*Reason, "A {later} RELEASE'S"])
def test_refusal_says_why(reason: str) -> None:
    """In words for what a checkout or an order is refused, else by the reason's own name."""
    said = words(movement("PlaceHold", 5, 5, outcome="REJECTED", reason=str(reason), reference="h-{1}"))
    assert said is not None
    assert said.startswith("refused: ")
    assert len(said) > len("refused: ")
    assert "h-{1}" in said or "{" not in said.replace("{later}", "")


def test_count_is_told_with_what_came_of_it() -> None:
    """The shelf had 99 when it was looked at; a sale came after it."""
    said = words(movement("StockCounted", 101, 98, quantity=99))
    assert said == "a count found 99; with what happened after it, on hand is 98"
