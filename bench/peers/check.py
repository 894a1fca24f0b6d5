"""Whether an engine's result is right: its last state of every SKU against what the events come to."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.peers.work import Stock


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What was found.

    `lost` and `doubled` count events by version: a SKU whose version is too low has lost events, one whose version is
    too high has counted some twice. A SKU with as many of both shows only as wrong. `versions_backwards` counts
    output records that did not raise their SKU's version.
    """

    skus: int
    wrong_skus: int
    lost: int
    doubled: int
    versions_backwards: int

    @property
    def right(self) -> bool:
        """True when every final figure is as it must be."""
        return self.wrong_skus == 0


def compare(
    expected: Mapping[str, Stock], found: Mapping[str, Stock], versions_backwards: int = 0
) -> Verdict:
    """Compare final figures; a SKU is wrong when any quantity or its version is, or when it is not there."""
    nothing = Stock(0, {})
    pairs = [(expected.get(sku, nothing), found.get(sku, nothing)) for sku in expected.keys() | found.keys()]
    return Verdict(
        skus=len(expected),
        wrong_skus=sum(wanted != got for wanted, got in pairs),
        lost=sum(max(0, wanted.version - got.version) for wanted, got in pairs),
        doubled=sum(max(0, got.version - wanted.version) for wanted, got in pairs),
        versions_backwards=versions_backwards,
    )
